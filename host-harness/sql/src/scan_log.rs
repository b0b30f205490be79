//! What the scans of one statement did, added up while they run.

use std::sync::{Mutex, PoisonError};

use datasource_runtime::ScanMetrics;

/// Warnings kept for one statement; more are counted by nobody, since the first ones tell.
const MAX_WARNINGS: usize = 100;

/// The sums over all readers of a statement.
#[derive(Debug, Default)]
pub(crate) struct ScanLog {
    totals: Mutex<ScanMetrics>,
}

impl ScanLog {
    /// Adds what a reader did between two looks at its metrics.
    pub(crate) fn add(&self, before: &ScanMetrics, now: &ScanMetrics) {
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        // A connector's numbers are its own: they may be anything.
        let add = |sum: &mut u64, before: u64, now: u64| {
            *sum = sum.saturating_add(now.saturating_sub(before));
        };
        add(&mut totals.requests, before.requests, now.requests);
        add(&mut totals.bytes, before.bytes, now.bytes);
        add(&mut totals.retries, before.retries, now.retries);
        add(&mut totals.throttled, before.throttled, now.throttled);
        add(&mut totals.rows, before.rows, now.rows);
        add(&mut totals.nulled_cells, before.nulled_cells, now.nulled_cells);
        for warning in now.warnings.iter().skip(before.warnings.len()) {
            if totals.warnings.len() < MAX_WARNINGS && !totals.warnings.contains(warning) {
                totals.warnings.push(warning.clone());
            }
        }
    }

    /// The sums so far.
    pub(crate) fn totals(&self) -> ScanMetrics {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_at_growing_metrics_add_up_to_the_last_one() {
        let log = ScanLog::default();
        let warnings = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let first = ScanMetrics { bytes: 10, warnings: warnings(&["a"]), ..Default::default() };
        let second = ScanMetrics {
            bytes: 25,
            requests: 1,
            warnings: warnings(&["a", "b"]),
            ..Default::default()
        };
        log.add(&ScanMetrics::default(), &first);
        log.add(&first, &second);
        assert_eq!(log.totals(), second);
    }
}
