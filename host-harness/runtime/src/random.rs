//! `wasi:random` for guests: the operating system's randomness.

use ring::rand::{SecureRandom as _, SystemRandom};
use wasmtime::format_err;

use crate::bindings::wasi::random::random;
use crate::instance::Host;

/// Bytes of one request; more is a defect or an attack.
const LIMIT: u64 = 64 << 10;

impl random::Host for Host {
    async fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        if len > LIMIT {
            return Err(format_err!("more than {LIMIT} random bytes at once"));
        }
        let mut bytes = vec![0; usize::try_from(len)?];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| format_err!("the operating system gives no random bytes"))?;
        Ok(bytes)
    }
}
