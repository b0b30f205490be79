//! The rows of one split as a stream: pulls pieces out of the guest, puts messages together,
//! decodes them. Guest code runs only while the stream is polled; its responses are read ahead
//! meanwhile.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use futures_util::Stream;
use tokio::time::Instant;
use wasmtime::component::ResourceAny;

use crate::contract::{Assembler, Checker, ScanMetrics, decode_message};
use crate::database::Connection;
use crate::error::RuntimeError;
use crate::instance::Instance;

const NEXT: &str = "reader.next";

/// How long after the deadline that the guest knows the host ends the call.
const GRACE: Duration = Duration::from_secs(1);

/// A stream of record batches. Dropping it drops the guest and ends its requests.
pub struct Reader {
    schema: SchemaRef,
    metrics: ScanMetrics,
    peak_memory: usize,
    state: State,
}

enum State {
    Idle(Box<Pulling>),
    Busy(Pin<Box<dyn Future<Output = Pulled> + Send>>),
    Over,
}

/// The guest and the message under way.
struct Pulling {
    instance: Instance,
    reader: ResourceAny,
    schema: SchemaRef,
    assembler: Assembler,
    deadline: Option<Deadline>,
}

#[derive(Debug, Clone, Copy)]
struct Deadline {
    at: Instant,
    given: Duration,
}

/// What one pull brought: a batch with the guest to go on with, the end, or an error.
struct Pulled {
    outcome: Result<Option<(RecordBatch, Box<Pulling>)>, RuntimeError>,
    /// What the guest says it did, if it could still be asked.
    metrics: Option<ScanMetrics>,
    memory: usize,
}

impl Reader {
    pub(crate) async fn open(
        connection: Connection,
        schema: SchemaRef,
        split: &[u8],
        deadline: Option<Duration>,
        message_limit: usize,
    ) -> Result<Self, RuntimeError> {
        const CALL: &str = "connection.open-split";
        let Connection { instance, handle } = connection;
        let split = split.to_vec();
        let deadline_ms =
            deadline.map(|given| u64::try_from(given.as_millis()).unwrap_or(u64::MAX));
        let deadline = deadline.and_then(|given| {
            let at = Instant::now().checked_add(given + GRACE)?;
            Some(Deadline { at, given })
        });
        let (instance, reply) = instance
            .call_within(CALL, deadline.map(Deadline::left), |guest, store| {
                Box::pin(async move {
                    guest.connection().call_open_split(store, handle, &split, deadline_ms).await
                })
            })
            .await?;
        let reader = Checker::new(CALL).reply(reply)?;
        let pulling = Pulling {
            instance,
            reader,
            schema: schema.clone(),
            assembler: Assembler::new(message_limit),
            deadline,
        };
        Ok(Self {
            schema,
            metrics: ScanMetrics::default(),
            peak_memory: 0,
            state: State::Idle(Box::new(pulling)),
        })
    }

    /// The schema of the batches.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// What the connector did so far, as of the last batch, the end, or the error.
    pub fn metrics(&self) -> ScanMetrics {
        self.metrics.clone()
    }

    /// The most linear memory that the guest has used, in bytes, as of the last batch or the end.
    pub fn peak_memory(&self) -> usize {
        self.peak_memory
    }
}

impl Stream for Reader {
    type Item = Result<RecordBatch, RuntimeError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut pull = match std::mem::replace(&mut self.state, State::Over) {
            State::Over => return Poll::Ready(None),
            State::Idle(pulling) => Box::pin(pulling.pull()) as Pin<Box<_>>,
            State::Busy(pull) => pull,
        };
        let Poll::Ready(pulled) = pull.as_mut().poll(context) else {
            self.state = State::Busy(pull);
            return Poll::Pending;
        };
        if let Some(metrics) = pulled.metrics {
            self.metrics = metrics;
        }
        self.peak_memory = self.peak_memory.max(pulled.memory);
        Poll::Ready(match pulled.outcome {
            Ok(Some((batch, pulling))) => {
                self.state = State::Idle(pulling);
                Some(Ok(batch))
            }
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        })
    }
}

impl Pulling {
    /// Calls the guest until a message is complete.
    async fn pull(self: Box<Self>) -> Pulled {
        let Self { mut instance, reader, schema, mut assembler, deadline } = *self;
        let check = Checker::new(NEXT);
        let outcome = loop {
            let time = deadline.map(Deadline::left);
            let next = instance.call_within(NEXT, time, |guest, store| {
                Box::pin(async move { guest.reader().call_next(store, reader).await })
            });
            let reply = match next.await {
                Ok((sound, reply)) => {
                    instance = sound;
                    reply
                }
                Err(error) => {
                    let error = Deadline::explain(deadline, error);
                    return Pulled { outcome: Err(error), metrics: None, memory: 0 };
                }
            };
            let message = match check.reply(reply) {
                Err(error) => break Err(error),
                Ok(None) => break finish(assembler.finish()).map(|()| None),
                Ok(Some(piece)) => assembler.push(piece.bytes, piece.ends_message),
            };
            match message {
                Ok(None) => {}
                Ok(Some(message)) => break finish(decode_message(&message, &schema)).map(Some),
                Err(violation) => break finish(Err(violation)),
            }
        };
        let memory = instance.memory();
        let asked = ask_metrics(instance, reader).await;
        match (outcome, asked) {
            (Ok(Some(batch)), Ok((instance, metrics))) => {
                let pulling = Self { instance, reader, schema, assembler, deadline };
                let outcome = Ok(Some((batch, Box::new(pulling))));
                Pulled { outcome, metrics: Some(metrics), memory }
            }
            (Ok(Some(_)), Err(error)) => Pulled { outcome: Err(error), metrics: None, memory },
            (Ok(None), asked) => {
                Pulled { outcome: Ok(None), metrics: asked.ok().map(|(_, m)| m), memory }
            }
            (Err(error), asked) => {
                Pulled { outcome: Err(error), metrics: asked.ok().map(|(_, m)| m), memory }
            }
        }
    }
}

impl Deadline {
    fn left(self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// An overrun of the reader's deadline is told as that, not as one of the last call.
    fn explain(deadline: Option<Self>, error: RuntimeError) -> RuntimeError {
        match (deadline, error) {
            (Some(deadline), RuntimeError::Deadline { call, .. }) if deadline.left().is_zero() => {
                RuntimeError::Deadline { call, limit: deadline.given }
            }
            (_, error) => error,
        }
    }
}

fn finish<T, V: fmt::Display>(checked: Result<T, V>) -> Result<T, RuntimeError> {
    checked.map_err(|violation| RuntimeError::contract(NEXT, violation.to_string()))
}

async fn ask_metrics(
    instance: Instance,
    reader: ResourceAny,
) -> Result<(Instance, ScanMetrics), RuntimeError> {
    const CALL: &str = "reader.metrics";
    let (instance, metrics) = instance
        .call(CALL, |guest, store| {
            Box::pin(async move { guest.reader().call_metrics(store, reader).await })
        })
        .await?;
    Ok((instance, Checker::new(CALL).metrics(metrics)?))
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("metrics", &self.metrics).finish_non_exhaustive()
    }
}
