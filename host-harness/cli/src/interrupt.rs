//! Ctrl-C: ends the statement that runs. While a line is being edited the key comes to the editor, and
//! a signal from elsewhere changes nothing: the terminal would be left as the editor had set it.

use std::future::Future;
use std::io;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

/// Listens for Ctrl-C as long as the program runs.
#[derive(Debug, Clone)]
pub(crate) struct Interrupts {
    pressed: Arc<Notify>,
}

impl Interrupts {
    /// Starts to listen; from when this returns the signal no longer ends the program. The line
    /// editor puts back the handler that it found: it must not find the default one.
    pub(crate) fn listen() -> io::Result<Self> {
        let pressed = Arc::new(Notify::new());
        let noticed = Arc::clone(&pressed);
        let mut signals = signal(SignalKind::interrupt())?;
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                noticed.notify_waiters();
            }
        });
        Ok(Self { pressed })
    }

    /// Runs something; `None` if it was interrupted, in which case it is dropped where it stands.
    pub(crate) async fn guard<F: Future>(&self, work: F) -> Option<F::Output> {
        tokio::select! {
            outcome = work => Some(outcome),
            () = self.pressed.notified() => None,
        }
    }
}
