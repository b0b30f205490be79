//! What happens to guests that crash, spin, hoard or lie: they lose their instance, the caller gets
//! an error that says so, and the host goes on.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod guest;

use std::time::{Duration, Instant};

use datasource_runtime::{
    Approval, CreateMode, Created, Database, ErrorKind, Limits, Runtime, RuntimeError,
    RuntimeOptions, Scan, TenantId,
};
use futures_util::TryStreamExt as _;

const SPIN: &str = "(loop $forever (br $forever))";

struct Fixture {
    runtime: Runtime,
    _state: tempfile::TempDir,
}

impl Fixture {
    /// A runtime with little time and memory, and the guest with its replaced functions.
    async fn new(bodies: &[guest::Body<'_>]) -> Result<Self, RuntimeError> {
        Self::with_cpu(Duration::from_millis(200), bodies).await
    }

    async fn with_cpu(
        call_cpu: Duration,
        bodies: &[guest::Body<'_>],
    ) -> Result<Self, RuntimeError> {
        let state = tempfile::tempdir().unwrap();
        let limits = Limits {
            instances: 3,
            tenant_instances: 2,
            instance_wait: Duration::from_millis(300),
            memory: 8 << 20,
            call_cpu,
            message: 2 << 20,
            ..Limits::default()
        };
        let runtime = Runtime::new(RuntimeOptions::new(state.path().into()).limits(limits))?;
        runtime.load(&guest::component(bodies), Approval::none()).await?;
        Ok(Self { runtime, _state: state })
    }

    async fn create(&self) -> Result<Database, RuntimeError> {
        self.create_for(&TenantId::default()).await
    }

    async fn create_for(&self, tenant: &TenantId) -> Result<Database, RuntimeError> {
        let creating =
            self.runtime.create_database(tenant, "d", "test_engine", "{}", CreateMode::New);
        match creating.await? {
            Created::Created(database) | Created::Existed(database) => Ok(database),
        }
    }

    /// Reads the table to its end or first error.
    async fn read(&self) -> Result<usize, RuntimeError> {
        self.read_within(None).await
    }

    async fn read_within(&self, deadline: Option<Duration>) -> Result<usize, RuntimeError> {
        let database = self.create().await?;
        let table = database.read_table("any", &[]).await?;
        let plan = table.plan(Scan::default()).await?;
        let reader = table.open(plan.schema, &plan.splits[0], deadline).await?;
        reader.try_fold(0, |rows, batch| async move { Ok(rows + batch.num_rows()) }).await
    }
}

async fn reading(next: &str) -> RuntimeError {
    let fixture = Fixture::new(&[("[method]reader.next", next)]).await.unwrap();
    let error = fixture.read().await.unwrap_err();
    // The host is unharmed: a fresh instance answers.
    let database = fixture.runtime.database(&TenantId::default(), "d").await.unwrap().unwrap();
    database.system_tables().await.unwrap();
    error
}

fn broke_the_contract(error: &RuntimeError, what: &str) -> bool {
    matches!(error, RuntimeError::Contract { .. }) && error.to_string().contains(what)
}

#[tokio::test]
async fn a_trap_is_an_error_of_that_call() {
    let error = reading("(unreachable)").await;
    assert!(matches!(error, RuntimeError::Trap { call: "reader.next", .. }), "{error}");
}

#[tokio::test]
async fn spinning_ends_with_the_processor_time() {
    let started = Instant::now();
    let error = reading(SPIN).await;
    assert!(matches!(error, RuntimeError::CpuLimit { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_spinning_guest_lets_others_run() {
    let fixture = Fixture::new(&[("[method]reader.next", SPIN)]).await.unwrap();
    let (mut turns, ticking) = (0, Duration::from_millis(10));
    let mut reading = std::pin::pin!(fixture.read());
    // One thread: if the guest did not yield, no turn would pass before it was stopped.
    let error = loop {
        tokio::select! {
            outcome = &mut reading => break outcome.unwrap_err(),
            () = tokio::time::sleep(ticking) => turns += 1,
        }
    };
    assert!(matches!(error, RuntimeError::CpuLimit { .. }), "{error}");
    assert!(turns >= 3, "{turns} turns");
}

#[tokio::test]
async fn a_deadline_ends_a_call_in_real_time() {
    let much = Duration::from_secs(600);
    let fixture = Fixture::with_cpu(much, &[("[method]reader.next", SPIN)]).await.unwrap();
    let (started, deadline) = (Instant::now(), Duration::from_millis(100));
    let error = fixture.read_within(Some(deadline)).await.unwrap_err();
    assert!(matches!(error, RuntimeError::Deadline { limit, .. } if limit == deadline), "{error}");
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn memory_is_limited() {
    let error = reading(
        "(if (i32.lt_s (memory.grow (i32.const 1000)) (i32.const 0)) (then (unreachable)))",
    )
    .await;
    assert!(matches!(error, RuntimeError::MemoryLimit { .. }), "{error}");
}

#[tokio::test]
async fn an_error_of_the_connector_keeps_its_kind() {
    let error = reading("(call $error (i32.const 11))").await;
    let RuntimeError::Connector(error) = error else { panic!("{error}") };
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Throttled, "test_engine"));
}

#[tokio::test]
async fn a_failed_connect_leaves_nothing() {
    for body in ["(unreachable)", "(call $error (i32.const 1))", SPIN] {
        let fixture = Fixture::new(&[("[static]connection.connect", body)]).await.unwrap();
        assert!(fixture.create().await.is_err());
        assert!(fixture.runtime.databases(&TenantId::default()).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_failed_replace_keeps_the_old_database() {
    // Fails where the parameters are longer than `{}`.
    let connect = "(if (i32.gt_u (local.get $params_len) (i32.const 2)) (then (unreachable)))
        (call $bucket_set (call $open) (global.get $key) (i32.const 6)
            (local.get $params) (local.get $params_len) (i32.const 900))
        (i32.store offset=8 (global.get $ret) (call $new_connection (i32.const 7)))";
    let fixture = Fixture::new(&[("[static]connection.connect", connect)]).await.unwrap();
    let database = fixture.create().await.unwrap();
    let tenant = TenantId::default();
    let replacing = fixture.runtime.create_database(
        &tenant,
        "d",
        "test_engine",
        r#"{"a":1}"#,
        CreateMode::Replace,
    );
    assert!(matches!(replacing.await, Err(RuntimeError::Trap { .. })));
    database.system_tables().await.unwrap();
}

#[tokio::test]
async fn a_guest_that_does_not_describe_itself_properly_is_not_loaded() {
    for (body, what) in [
        ("(unreachable)", "crashed"),
        (SPIN, "processor time"),
        ("(call $text (i32.const 0) (global.get $engine) (i32.const 0))", "engine's name"),
        ("(call $text (i32.const 0) (global.get $schema) (i32.const 12))", ""),
        ("(call $text (i32.const 0) (i32.const 0) (i32.const 2000000000))", ""),
    ] {
        let error = Fixture::new(&[("describe", body)]).await.err().unwrap();
        assert!(error.to_string().contains(what), "{error}");
    }
}

#[tokio::test]
async fn schemas_that_are_none_break_the_contract() {
    let schema = "(call $text (i32.const 0) (global.get $engine) (global.get $engine_len))";
    let fixture = Fixture::new(&[("[method]table.schema", schema)]).await.unwrap();
    let error = fixture.read().await.unwrap_err();
    assert!(broke_the_contract(&error, "schema"), "{error}");
}

#[tokio::test]
async fn a_plan_of_other_columns_breaks_the_contract() {
    let fixture = Fixture::new(&[]).await.unwrap();
    let database = fixture.create().await.unwrap();
    let table = database.read_table("any", &[]).await.unwrap();
    // This guest ignores projections.
    let scan = Scan { projection: Some(vec![1]), ..Scan::default() };
    let error = table.plan(scan).await.unwrap_err();
    assert!(broke_the_contract(&error, "projection"), "{error}");
}

#[tokio::test]
async fn pieces_that_are_no_batch_break_the_contract() {
    for (next, what) in [
        (
            "(call $piece (global.get $schema) (global.get $schema_len) (i32.const 1))",
            "record batch",
        ),
        ("(call $piece (global.get $engine) (global.get $engine_len) (i32.const 1))", "frame"),
        ("(call $piece (i32.const 0) (i32.const 0) (i32.const 0))", "empty"),
        ("(call $piece (i32.const 0) (i32.const 1048577) (i32.const 0))", "larger than"),
        // Never ends its message.
        ("(call $piece (i32.const 0) (i32.const 1048576) (i32.const 0))", "larger than"),
        (
            "(if (i32.eqz (global.get $sent)) (then
                (call $piece (global.get $batch) (i32.const 16) (i32.const 0))))
             (global.set $sent (i32.const 1))",
            "not complete",
        ),
    ] {
        let error = reading(next).await;
        assert!(broke_the_contract(&error, what), "{error}");
    }
}

#[tokio::test]
async fn pointers_out_of_memory_are_traps() {
    let error = reading("(call $piece (i32.const -8) (i32.const 64) (i32.const 1))").await;
    assert!(matches!(error, RuntimeError::Trap { .. }), "{error}");
}

#[tokio::test]
async fn a_tenant_gets_its_share_of_instances_and_gives_them_back() {
    let fixture = Fixture::new(&[]).await.unwrap();
    let database = fixture.create().await.unwrap();
    let first = database.read_table("any", &[]).await.unwrap();
    let second = database.read_table("any", &[]).await.unwrap();
    let error = database.read_table("any", &[]).await.unwrap_err();
    assert!(matches!(error, RuntimeError::Busy { instances: 2, .. }), "{error}");
    drop((first, second));
    database.read_table("any", &[]).await.unwrap();
}

#[tokio::test]
async fn one_tenants_instances_leave_room_for_anothers() {
    let fixture = Fixture::new(&[]).await.unwrap();
    let greedy = fixture.create().await.unwrap();
    let modest = fixture.create_for(&TenantId::new("modest").unwrap()).await.unwrap();
    let _first = greedy.read_table("any", &[]).await.unwrap();
    let _second = greedy.read_table("any", &[]).await.unwrap();
    modest.read_table("any", &[]).await.unwrap();
}
