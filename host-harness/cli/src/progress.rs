//! A line on standard error while something takes long: on a terminal only, and gone when it is over.

use std::future::Future;
use std::io::IsTerminal;
use std::pin::pin;
use std::time::{Duration, Instant};

use datasource_runtime::ScanMetrics;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::{Interval, MissedTickBehavior, interval_at};

use crate::style::{bytes, counted};

/// What is over sooner shows nothing.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often the line changes.
const PACE: Duration = Duration::from_millis(120);

/// The progress of one statement.
pub(crate) struct Progress {
    started: Instant,
    pace: Interval,
    /// Whether somebody looks.
    terminal: bool,
    /// The line while it is shown.
    line: Option<ProgressBar>,
}

impl Progress {
    /// Starts the clock; shows nothing yet.
    pub(crate) fn start() -> Self {
        let mut pace = interval_at((Instant::now() + PATIENCE).into(), PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let terminal = std::io::stderr().is_terminal();
        Self { started: Instant::now(), pace, terminal, line: None }
    }

    /// Waits for something, and keeps the line up to date meanwhile.
    pub(crate) async fn during<F: Future>(
        &mut self,
        work: F,
        look: impl Fn() -> ScanMetrics,
    ) -> F::Output {
        if !self.terminal {
            return work.await;
        }
        let mut work = pin!(work);
        loop {
            tokio::select! {
                // First the clock: work that is always ready must not keep the line from changing.
                biased;
                _ = self.pace.tick() => {
                    let line = self.line.get_or_insert_with(line);
                    line.set_message(message(&look(), self.started.elapsed()));
                    line.tick();
                }
                outcome = &mut work => return outcome,
            }
        }
    }

    /// Takes the line away, before something else is written and at the end.
    pub(crate) fn erase(&mut self) {
        if let Some(line) = self.line.take() {
            line.finish_and_clear();
        }
    }

    /// How long it has been.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.erase();
    }
}

fn line() -> ProgressBar {
    // As wide as the terminal and no wider: a line that wrapped could not be erased.
    let style = ProgressStyle::with_template("{spinner} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::new_spinner().with_style(style)
}

fn message(metrics: &ScanMetrics, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    if metrics.bytes == 0 && metrics.rows == 0 {
        return format!("{seconds:.1} s");
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is positive")]
    let rate = (metrics.bytes as f64 / seconds.max(0.001)) as u64;
    let mut text = format!(
        "{seconds:.1} s: {} read, {}, {}/s",
        bytes(metrics.bytes),
        counted(metrics.rows, "row"),
        bytes(rate)
    );
    if metrics.throttled > 0 {
        text.push_str(&format!(", slowed down {}", counted(metrics.throttled, "time")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_bytes_rows_and_rate() {
        let metrics = ScanMetrics { bytes: 3_000_000, rows: 1, ..Default::default() };
        assert_eq!(
            message(&metrics, Duration::from_secs(2)),
            "2.0 s: 3.0 MB read, 1 row, 1.5 MB/s"
        );
        let throttled = ScanMetrics { throttled: 2, ..metrics };
        assert!(message(&throttled, Duration::from_secs(2)).ends_with(", slowed down 2 times"));
        assert_eq!(message(&ScanMetrics::default(), Duration::from_millis(700)), "0.7 s");
    }

    #[tokio::test]
    async fn what_is_waited_for_comes_back() {
        let mut progress = Progress::start();
        assert_eq!(progress.during(async { 7 }, ScanMetrics::default).await, 7);
    }
}
