//! The worker threads. Queries keep them so busy that nothing else on them would run on time, so the
//! main thread draws progress and hears Ctrl-C, and only waits for what the workers do.

use std::panic::resume_unwind;
use std::sync::Arc;

use datasource_sql::{Answer, RowStream, Session, SignInWay, SqlError};
use futures_util::{Stream, StreamExt};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Items that the workers may be ahead of whoever takes them.
const AHEAD: usize = 2;

/// The runtime of the worker threads.
#[derive(Debug, Clone)]
pub(crate) struct Workers(Handle);

impl Workers {
    pub(crate) fn new(handle: Handle) -> Self {
        Self(handle)
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.0
    }

    fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Task<T> {
        Task(self.0.spawn(work))
    }

    /// Takes from a stream on the workers.
    fn stream<S>(&self, mut stream: S) -> WorkerStream<S::Item>
    where
        S: Stream<Item: Send> + Send + Unpin + 'static,
    {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let task = self.spawn(async move {
            while let Some(item) = stream.next().await {
                if sender.send(item).await.is_err() {
                    return;
                }
            }
        });
        WorkerStream { receiver, task: Some(task) }
    }
}

/// Work on the workers. Dropping it aborts the work, which ends where it next yields; nobody waits.
struct Task<T>(JoinHandle<T>);

impl<T> Task<T> {
    /// Waits for the work. A panic goes on here.
    async fn join(mut self) -> T {
        match (&mut self.0).await {
            Ok(output) => output,
            // Nobody else aborts it.
            Err(error) => resume_unwind(error.into_panic()),
        }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The items of a stream that the workers drive. Dropping it drops the stream there.
pub(crate) struct WorkerStream<T> {
    receiver: mpsc::Receiver<T>,
    /// Until the end was seen.
    task: Option<Task<()>>,
}

impl<T> WorkerStream<T> {
    pub(crate) async fn next(&mut self) -> Option<T> {
        let item = self.receiver.recv().await;
        if item.is_none()
            && let Some(task) = self.task.take()
        {
            // A stream that panicked has not come to its end.
            task.join().await;
        }
        item
    }
}

/// A session whose statements run on the workers.
#[derive(Debug, Clone)]
pub(crate) struct WorkerSession {
    session: Arc<Session>,
    workers: Workers,
}

impl WorkerSession {
    pub(crate) fn new(session: Session, workers: Workers) -> Self {
        Self { session: Arc::new(session), workers }
    }

    /// The session itself, for what needs no guest and no network.
    pub(crate) fn local(&self) -> &Session {
        &self.session
    }

    /// [`Session::execute`] on the workers.
    pub(crate) async fn execute(&self, statement: &str) -> Result<Answer, SqlError> {
        let (session, statement) = (Arc::clone(&self.session), statement.to_owned());
        self.workers.spawn(async move { session.execute(&statement).await }).join().await
    }

    /// [`Session::authorize`] on the workers.
    pub(crate) async fn authorize(
        &self,
        database: &str,
        way: Option<SignInWay>,
    ) -> Result<Answer, SqlError> {
        let (session, database) = (Arc::clone(&self.session), database.to_owned());
        self.workers.spawn(async move { session.authorize(&database, way).await }).join().await
    }

    /// [`Session::system_tables`] on the workers.
    pub(crate) async fn system_tables(&self, database: &str) -> Result<Vec<String>, SqlError> {
        let (session, database) = (Arc::clone(&self.session), database.to_owned());
        self.workers.spawn(async move { session.system_tables(&database).await }).join().await
    }

    /// The rows of an answer, read on the workers.
    pub(crate) fn rows(&self, rows: RowStream) -> WorkerStream<<RowStream as Stream>::Item> {
        self.workers.stream(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::pin::pin;
    use std::time::Duration;

    use futures_util::{FutureExt, stream};
    use tokio::sync::oneshot;
    use tokio::time::timeout;

    fn workers() -> Workers {
        Workers::new(Handle::current())
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_is_dropped_on_the_workers() {
        let (held, dropped) = oneshot::channel::<()>();
        let mut work = Box::pin(
            workers()
                .spawn(async move {
                    std::future::pending::<()>().await;
                    drop(held);
                })
                .join(),
        );
        assert!(work.as_mut().now_or_never().is_none());
        drop(work);
        let dropped = timeout(Duration::from_secs(5), dropped).await;
        assert!(dropped.expect("the work is dropped").is_err());
    }

    #[tokio::test]
    async fn a_stream_is_read_only_a_little_ahead_and_dropped_with_its_reader() {
        let (taken, mut seen) = mpsc::unbounded_channel();
        let endless = stream::iter(0..).inspect(move |item| taken.send(*item).unwrap());
        let mut items = workers().stream(endless);
        assert_eq!(items.next().await, Some(0));
        drop(items);
        // Ends, since the stream with its sender is dropped.
        let mut count = 0;
        while timeout(Duration::from_secs(5), seen.recv()).await.unwrap().is_some() {
            count += 1;
        }
        assert!(count <= AHEAD + 2, "{count}");
    }

    #[tokio::test]
    async fn a_stream_that_panics_is_not_taken_for_a_short_one() {
        let failing = stream::iter([1, 2]).inspect(|item| assert_eq!(*item, 1));
        let mut items = workers().stream(failing);
        assert_eq!(items.next().await, Some(1));
        let next = std::panic::AssertUnwindSafe(pin!(items.next()));
        assert!(next.catch_unwind().await.is_err());
    }
}
