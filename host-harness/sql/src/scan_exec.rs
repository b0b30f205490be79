//! The leaf of a physical plan: partitions that read runs of splits, each split opened when it is
//! its turn and dropped with the stream.

use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Statistics;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, Count, ExecutionPlanMetricsSet, Gauge, MetricBuilder, MetricsSet,
};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, EmptyRecordBatchStream, ExecutionPlan, Partitioning,
    PlanProperties, ReplaceChildrenOptions,
};
use datasource_runtime::{Reader, RuntimeError, ScanMetrics, ScanPlan, Table};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, Stream};

use crate::error::{SqlError, through_engine};
use crate::scan_log::ScanLog;

/// What a scan took over, for EXPLAIN.
#[derive(Debug, Clone)]
pub(crate) struct Pushed {
    pub(crate) label: String,
    pub(crate) filters: Vec<String>,
    pub(crate) limit: Option<usize>,
}

/// A planned scan of one table.
pub(crate) struct ScanExec {
    table: Arc<Table>,
    plan: Arc<ScanPlan>,
    schema: SchemaRef,
    pushed: Pushed,
    statistics: Arc<Statistics>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
    log: Arc<ScanLog>,
}

impl ScanExec {
    /// `schema` is what DataFusion expects; the plan's must have the same types. At most `wished`
    /// splits are read at once, each in a guest of its own.
    pub(crate) fn new(
        table: Arc<Table>,
        plan: ScanPlan,
        schema: SchemaRef,
        pushed: Pushed,
        statistics: Statistics,
        wished: usize,
        log: Arc<ScanLog>,
    ) -> Result<Self> {
        let types = |schema: &SchemaRef| -> Vec<_> {
            schema.fields().iter().map(|field| field.data_type().clone()).collect()
        };
        if types(&plan.schema) != types(&schema) {
            let detail = format!("the plan of {} has other columns than its table", pushed.label);
            return Err(through_engine(SqlError::Internal { detail }));
        }
        // A plan without splits has no rows; DataFusion wants a partition all the same.
        let partitions = plan.splits.len().min(wished).max(1);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        )
        .with_scheduling_type(SchedulingType::Cooperative);
        Ok(Self {
            table,
            plan: Arc::new(plan),
            schema,
            pushed,
            statistics: Arc::new(statistics),
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
            log,
        })
    }

    /// The splits that a partition reads, one after the other.
    fn run(&self, partition: usize) -> Range<usize> {
        let (splits, partitions) =
            (self.plan.splits.len(), self.properties.partitioning.partition_count());
        splits * partition / partitions..splits * (partition + 1) / partitions
    }
}

impl fmt::Debug for ScanExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScanExec")
            .field("pushed", &self.pushed)
            .field("splits", &self.plan.splits.len())
            .finish_non_exhaustive()
    }
}

impl DisplayAs for ScanExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> =
            self.schema.fields().iter().map(|field| field.name().as_str()).collect();
        let separator = match format {
            DisplayFormatType::TreeRender => "\n",
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "ScanExec: ")?;
                ", "
            }
        };
        write!(f, "table={}", self.pushed.label)?;
        write!(f, "{separator}columns=[{}]", names.join(", "))?;
        write!(f, "{separator}splits={}", self.plan.splits.len())?;
        let bytes =
            self.plan.splits.iter().try_fold(0_u64, |sum, split| {
                split.bytes.map(|count| sum.saturating_add(count.value))
            });
        if let Some(bytes) = bytes {
            write!(f, "{separator}bytes={bytes}")?;
        }
        if !self.pushed.filters.is_empty() {
            write!(f, "{separator}filters=[{}]", self.pushed.filters.join(" AND "))?;
        }
        if let Some(limit) = self.pushed.limit {
            write!(f, "{separator}limit={limit}")?;
        }
        if !self.plan.notes.is_empty() {
            write!(f, "{separator}notes=[{}]", self.plan.notes.join("; "))?;
        }
        Ok(())
    }
}

impl ExecutionPlan for ScanExec {
    fn name(&self) -> &str {
        "ScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(
        &self,
        partition: usize,
        _context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        if self.plan.splits.is_empty() {
            return Ok(Box::pin(EmptyRecordBatchStream::new(Arc::clone(&self.schema))));
        }
        let stream = ScanStream {
            table: Arc::clone(&self.table),
            plan: Arc::clone(&self.plan),
            waiting: self.run(partition),
            schema: Arc::clone(&self.schema),
            state: State::Between,
            baseline: BaselineMetrics::new(&self.metrics, partition),
            counters: Counters::new(&self.metrics, partition),
            seen: ScanMetrics::default(),
            log: Arc::clone(&self.log),
        };
        Ok(Box::pin(cooperative(stream)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(
        &self,
        _inputs: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        Ok(match args.partition() {
            None => Arc::clone(&self.statistics),
            Some(_) => Arc::new(Statistics::new_unknown(&self.schema)),
        })
    }
}

/// The connector's counters among DataFusion's metrics.
struct Counters {
    requests: Count,
    bytes: Count,
    retries: Count,
    throttled: Count,
    nulled_cells: Count,
    guest_memory: Gauge,
}

impl Counters {
    fn new(metrics: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        let counter = |name| MetricBuilder::new(metrics).counter(name, partition);
        Self {
            requests: counter("requests"),
            bytes: counter("bytes_received"),
            retries: counter("retries"),
            throttled: counter("throttled"),
            nulled_cells: counter("nulled_cells"),
            guest_memory: MetricBuilder::new(metrics).gauge("guest_memory", partition),
        }
    }

    fn add(&self, before: &ScanMetrics, now: &ScanMetrics) {
        let add = |counter: &Count, before: u64, now: u64| {
            counter.add(usize::try_from(now.saturating_sub(before)).unwrap_or(usize::MAX));
        };
        add(&self.requests, before.requests, now.requests);
        add(&self.bytes, before.bytes, now.bytes);
        add(&self.retries, before.retries, now.retries);
        add(&self.throttled, before.throttled, now.throttled);
        add(&self.nulled_cells, before.nulled_cells, now.nulled_cells);
    }
}

enum State {
    /// The next split, if there is one, has yet to be opened.
    Between,
    Opening(BoxFuture<'static, Result<Reader, RuntimeError>>),
    Reading(Box<Reader>),
    Ended,
}

/// The batches of a run of splits. Dropping it drops the reader, and with it the guest.
struct ScanStream {
    table: Arc<Table>,
    plan: Arc<ScanPlan>,
    waiting: Range<usize>,
    schema: SchemaRef,
    state: State,
    baseline: BaselineMetrics,
    counters: Counters,
    seen: ScanMetrics,
    log: Arc<ScanLog>,
}

impl ScanStream {
    fn record(&mut self) {
        if let State::Reading(reader) = &self.state {
            let now = reader.metrics();
            self.counters.add(&self.seen, &now);
            self.counters.guest_memory.set_max(reader.peak_memory());
            self.log.add(&self.seen, &now);
            self.seen = now;
        }
    }

    fn end(&mut self, state: State) {
        self.record();
        self.seen = ScanMetrics::default();
        self.state = state;
    }

    /// Opens the next split; the future owns what it needs, since the plan may be dropped before it.
    fn open_next(&mut self) -> State {
        let Some(next) = self.waiting.next() else { return State::Ended };
        let (table, plan) = (Arc::clone(&self.table), Arc::clone(&self.plan));
        let opening =
            async move { table.open(Arc::clone(&plan.schema), &plan.splits[next], None).await };
        State::Opening(opening.boxed())
    }

    /// The batch under DataFusion's schema, which may differ in metadata from the reader's.
    fn conform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let columns = batch.columns().to_vec();
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map_err(DataFusionError::from)
    }

    fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<RecordBatch>>> {
        loop {
            match &mut self.state {
                State::Ended => return Poll::Ready(None),
                State::Between => self.state = self.open_next(),
                State::Opening(opening) => match ready!(opening.poll_unpin(cx)) {
                    Ok(reader) => self.state = State::Reading(Box::new(reader)),
                    Err(error) => {
                        self.state = State::Ended;
                        return Poll::Ready(Some(Err(through_engine(error))));
                    }
                },
                State::Reading(reader) => match ready!(Pin::new(&mut **reader).poll_next(cx)) {
                    Some(Ok(batch)) => {
                        self.record();
                        return Poll::Ready(Some(self.conform(&batch)));
                    }
                    Some(Err(error)) => {
                        self.end(State::Ended);
                        return Poll::Ready(Some(Err(through_engine(error))));
                    }
                    None => self.end(State::Between),
                },
            }
        }
    }
}

impl Stream for ScanStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.poll_batch(cx);
        self.baseline.record_poll(polled)
    }
}

impl RecordBatchStream for ScanStream {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

impl Drop for ScanStream {
    fn drop(&mut self) {
        self.record();
    }
}
