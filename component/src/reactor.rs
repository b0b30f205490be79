//! A reactor that lives as long as the instance.
//!
//! Exported functions are synchronous; [`block_on`] runs a future inside one.
//! What a future waits for is a pollable of the host, kept in a table that
//! outlives the call, so that a request begun in one call can be taken up in
//! the next. There is one thread and nothing runs between calls.

use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use slab::Slab;

use crate::bindings::wasi::io::poll::{Pollable, poll};

struct Wait {
    pollable: Pollable,
    /// Whom to wake; taken when the pollable was seen ready.
    waker: Option<Waker>,
}

thread_local! {
    static WAITS: RefCell<Slab<Wait>> = const { RefCell::new(Slab::new()) };
}

/// Ready when a pollable is. Dropping it drops the pollable, which has to
/// happen before whatever the pollable came from is dropped.
pub(crate) struct Ready {
    key: usize,
}

/// Waits for a pollable.
pub(crate) fn ready(pollable: Pollable) -> Ready {
    let key = WAITS.with_borrow_mut(|waits| waits.insert(Wait { pollable, waker: None }));
    Ready { key }
}

impl Future for Ready {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        WAITS.with_borrow_mut(|waits| {
            let wait = &mut waits[self.key];
            if wait.pollable.ready() {
                return Poll::Ready(());
            }
            wait.waker = Some(context.waker().clone());
            Poll::Pending
        })
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        WAITS.with_borrow_mut(|waits| waits.remove(self.key));
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs a future to its end, sleeping in the host while it waits.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let flag = Arc::new(Flag(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&flag));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        while !flag.0.swap(false, Ordering::Relaxed) {
            wait_for_any();
        }
    }
}

/// Sleeps until one of the pollables that somebody waits for is ready, and
/// wakes those who do. A waker of an earlier call wakes nobody and is gone
/// then, so it cannot keep this from sleeping the next time.
fn wait_for_any() {
    let wakers: Vec<Waker> = WAITS.with_borrow_mut(|waits| {
        let waiting: Vec<usize> =
            waits.iter().filter(|(_, wait)| wait.waker.is_some()).map(|(key, _)| key).collect();
        let pollables: Vec<&Pollable> = waiting.iter().map(|key| &waits[*key].pollable).collect();
        assert!(!pollables.is_empty(), "a future waits for nothing that the host knows");
        let ready = poll(&pollables);
        ready.into_iter().filter_map(|index| waits[waiting[index as usize]].waker.take()).collect()
    });
    wakers.into_iter().for_each(Waker::wake);
}
