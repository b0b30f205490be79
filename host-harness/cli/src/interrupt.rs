//! Ctrl-C: ends the query that runs, or the program if none does.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use crate::speak::tell;

/// What a shell reports for a program that was interrupted.
const INTERRUPTED: i32 = 130;

/// Listens for Ctrl-C as long as the program runs.
#[derive(Debug, Clone)]
pub(crate) struct Interrupts {
    running: Arc<AtomicBool>,
    pressed: Arc<Notify>,
}

impl Interrupts {
    /// Starts to listen.
    pub(crate) fn listen() -> Self {
        let interrupts =
            Self { running: Arc::new(AtomicBool::new(false)), pressed: Arc::new(Notify::new()) };
        let (running, pressed) = (Arc::clone(&interrupts.running), Arc::clone(&interrupts.pressed));
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                if !running.load(Ordering::SeqCst) {
                    tell!("");
                    std::process::exit(INTERRUPTED);
                }
                pressed.notify_waiters();
            }
        });
        interrupts
    }

    /// Runs something; `None` if it was interrupted, in which case it is dropped where it stands.
    pub(crate) async fn guard<F: Future>(&self, work: F) -> Option<F::Output> {
        self.running.store(true, Ordering::SeqCst);
        let outcome = tokio::select! {
            outcome = work => Some(outcome),
            () = self.pressed.notified() => None,
        };
        self.running.store(false, Ordering::SeqCst);
        outcome
    }
}
