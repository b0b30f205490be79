//! A store for unit tests, which is gone with them; no swap in it ever succeeds.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use crate::error::Result;
use crate::ports::{
    Bucket, Clock, Http, LocalFuture, Ports, Random, Request, Response, Store, StoreError,
    TimestampMs, TransportError,
};

/// A store in memory; nothing else is used.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) values: RefCell<HashMap<String, Vec<u8>>>,
    names: Cell<u8>,
}

struct Nothing;

impl Store for Rc<Memory> {
    fn get(&self, _: Bucket, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.values.borrow().get(key).cloned())
    }

    fn set(&self, _: Bucket, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.values.borrow_mut().insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    fn delete(&self, _: Bucket, key: &str) -> Result<(), StoreError> {
        self.values.borrow_mut().remove(key);
        Ok(())
    }

    fn compare_and_swap(
        &self,
        _: Bucket,
        _: &str,
        _: Option<&[u8]>,
        _: &[u8],
    ) -> Result<bool, StoreError> {
        Ok(false)
    }
}

impl Random for Rc<Memory> {
    fn fill(&self, buffer: &mut [u8]) {
        self.names.set(self.names.get().wrapping_add(1));
        let count = self.values.borrow().len() as u64;
        buffer.fill(self.names.get());
        let length = buffer.len().min(8);
        buffer[..length].copy_from_slice(&count.to_le_bytes()[..length]);
    }
}

impl Clock for Nothing {
    fn now(&self) -> TimestampMs {
        0
    }

    fn sleep(&self, _: Duration) -> LocalFuture<'_, ()> {
        Box::pin(async {})
    }
}

impl Http for Nothing {
    fn send(&self, _: Request) -> LocalFuture<'_, Result<Response, TransportError>> {
        Box::pin(async { Err(TransportError::Denied) })
    }
}

pub(super) fn ports() -> (Rc<Memory>, Ports) {
    let memory = Rc::<Memory>::default();
    let ports = Ports {
        http: Box::new(Nothing),
        clock: Box::new(Nothing),
        random: Box::new(Rc::clone(&memory)),
        store: Box::new(Rc::clone(&memory)),
    };
    (memory, ports)
}
