//! Ctrl-C: ends the statement that runs. While a line is being edited the key comes to the editor, and
//! a signal from elsewhere changes nothing: the terminal would be left as the editor had set it.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::Notify;

/// Listens for Ctrl-C as long as the program runs.
#[derive(Debug, Clone)]
pub(crate) struct Interrupts {
    pressed: Arc<Notify>,
}

impl Interrupts {
    /// Starts to listen.
    pub(crate) fn listen() -> Self {
        let pressed = Arc::new(Notify::new());
        let noticed = Arc::clone(&pressed);
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                noticed.notify_waiters();
            }
        });
        Self { pressed }
    }

    /// Runs something; `None` if it was interrupted, in which case it is dropped where it stands.
    pub(crate) async fn guard<F: Future>(&self, work: F) -> Option<F::Output> {
        tokio::select! {
            outcome = work => Some(outcome),
            () = self.pressed.notified() => None,
        }
    }
}
