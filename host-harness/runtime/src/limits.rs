//! How much a guest may use.

use std::time::Duration;

/// How much a guest may use; every field has a default that suits interactive queries.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Linear memory of one instance, in bytes.
    pub memory: usize,
    /// Elements of one table of an instance.
    pub table_elements: usize,
    /// Instances alive at once in the whole runtime; more wait.
    pub instances: u32,
    /// Instances alive at once for one tenant, so that none takes all; more wait.
    pub tenant_instances: u32,
    /// How long a call waits for a free instance.
    pub instance_wait: Duration,
    /// Processor time of one call into a guest.
    pub call_cpu: Duration,
    /// Real time of one call into a guest, waiting included.
    pub call_wall: Duration,
    /// Resources (streams, requests, buckets, …) that one instance may hold.
    pub resources: usize,
    /// Bytes that one call may copy from the guest to the host.
    pub transfer: usize,
    /// Bytes of one assembled Arrow message.
    pub message: usize,
    /// HTTP requests of one tenant under way at once; more wait.
    pub requests: usize,
    /// Bytes of a response body that are read ahead of the guest.
    pub read_ahead: usize,
    /// How long a connection may take, where the guest does not ask for less.
    pub connect_timeout: Duration,
    /// How long the first byte of a response may take, where the guest does not ask for less.
    pub first_byte_timeout: Duration,
    /// How long a response may pause, where the guest does not ask for less.
    pub between_bytes_timeout: Duration,
    /// Bytes of one value in a bucket.
    pub value: usize,
    /// Values in one bucket.
    pub values: u64,
    /// Bytes of all values in one bucket.
    pub bucket: u64,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: usize = 1 << 20;
        Self {
            memory: 256 * MIB,
            table_elements: 100_000,
            instances: 128,
            tenant_instances: 48,
            instance_wait: Duration::from_secs(60),
            call_cpu: Duration::from_secs(60),
            call_wall: Duration::from_secs(600),
            resources: 1_000,
            transfer: 16 * MIB,
            message: 64 * MIB,
            requests: 64,
            read_ahead: 4 * MIB,
            connect_timeout: Duration::from_secs(20),
            first_byte_timeout: Duration::from_secs(100),
            between_bytes_timeout: Duration::from_secs(60),
            value: MIB,
            values: 10_000,
            bucket: 1 << 30,
        }
    }
}

/// Keeps one instance within its limits, and remembers which one it hit.
#[derive(Debug)]
pub(crate) struct Meter {
    memory: usize,
    memory_limit: usize,
    table_elements: usize,
    denied: bool,
    ticks: u64,
}

/// What the engine is told when a call has used up its processor time.
#[derive(Debug, thiserror::Error)]
#[error("the processor time of the call is used up")]
pub(crate) struct OutOfTime;

impl Meter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            memory: 0,
            memory_limit: limits.memory,
            table_elements: limits.table_elements,
            denied: false,
            ticks: 0,
        }
    }

    /// Gives a call its processor time, in ticks of the engine.
    pub(crate) fn start_call(&mut self, ticks: u64) {
        self.ticks = ticks;
        self.denied = false;
    }

    /// Takes one tick of the call's time.
    pub(crate) fn tick(&mut self) -> Result<(), OutOfTime> {
        self.ticks = self.ticks.checked_sub(1).ok_or(OutOfTime)?;
        Ok(())
    }

    /// Whether the call was denied memory; a crash after that is most likely due to it.
    pub(crate) fn denied_memory(&self) -> bool {
        self.denied
    }

    /// Bytes of linear memory in use.
    pub(crate) fn memory(&self) -> usize {
        self.memory
    }
}

impl wasmtime::ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.memory.saturating_sub(current).saturating_add(desired);
        if total > self.memory_limit {
            self.denied = true;
            return Ok(false);
        }
        self.memory = total;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= self.table_elements)
    }
}

#[cfg(test)]
mod tests {
    use wasmtime::ResourceLimiter as _;

    use super::*;

    #[test]
    fn memory_is_limited_over_all_memories() {
        let mut meter = Meter::new(&Limits { memory: 100, ..Limits::default() });
        assert!(meter.memory_growing(0, 60, None).unwrap());
        assert!(meter.memory_growing(0, 40, None).unwrap());
        assert!(!meter.denied_memory());
        assert!(!meter.memory_growing(40, 41, None).unwrap());
        assert!(meter.denied_memory());
        assert_eq!(meter.memory(), 100);
    }

    #[test]
    fn a_call_has_as_many_ticks_as_it_was_given() {
        let mut meter = Meter::new(&Limits::default());
        meter.start_call(2);
        assert!(meter.tick().is_ok());
        assert!(meter.tick().is_ok());
        assert!(meter.tick().is_err());
        assert!(meter.tick().is_err());
    }
}
