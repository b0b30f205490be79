//! What a host can do with a sound connector.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod guest;

use std::path::Path;

use datasource_runtime::{
    Approval, CreateMode, Created, Database, Limits, ListRequest, Runtime, RuntimeError,
    RuntimeOptions, Scan, TenantId,
};
use futures_util::TryStreamExt as _;

const SECRET: &str = "hunter2-hunter2-hunter2";

async fn runtime(state: &Path) -> Runtime {
    let options = RuntimeOptions::new(state.join("state"))
        .limits(Limits { instances: 8, ..Limits::default() });
    let runtime = Runtime::new(options).unwrap();
    runtime.load(&guest::component(&[]), Approval::none()).await.unwrap();
    runtime
}

fn tenant() -> TenantId {
    TenantId::new("acme").unwrap()
}

fn params() -> String {
    format!(r#"{{"token":"{SECRET}"}}"#)
}

async fn create(runtime: &Runtime, name: &str, mode: CreateMode) -> Result<Database, RuntimeError> {
    match runtime.create_database(&tenant(), name, "TEST_ENGINE", &params(), mode).await? {
        Created::Created(database) | Created::Existed(database) => Ok(database),
    }
}

#[tokio::test]
async fn a_component_says_what_it_is_when_it_is_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = runtime(dir.path()).await;
    let [connector] = &runtime.connectors()[..] else { panic!() };
    assert_eq!(connector.engine(), "test_engine");
    assert!(connector.inspection().refused.is_empty());
    assert!(connector.inspection().imports.iter().any(|i| i == "wasi:keyvalue/store@0.2.0-draft2"));
}

#[tokio::test]
async fn a_table_is_opened_planned_and_read() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = runtime(dir.path()).await;
    let database = create(&runtime, "drive", CreateMode::New).await.unwrap();
    let table = database.read_table("any", &[]).await.unwrap();
    assert_eq!(table.name(), "params");
    assert_eq!(table.schema(), guest::batch().schema());

    let plan = table.plan(Scan::default()).await.unwrap();
    assert_eq!(plan.splits.len(), 1);
    // The first reader uses the table's own instance, the second a fresh one.
    for _ in 0..2 {
        let mut reader = table.open(plan.schema.clone(), &plan.splits[0], None).await.unwrap();
        assert_eq!(reader.try_next().await.unwrap().unwrap(), guest::batch());
        assert!(reader.try_next().await.unwrap().is_none());
        assert!(reader.try_next().await.unwrap().is_none());
        assert_eq!(reader.metrics().rows, 3);
    }
    // The table can be planned again although its instance is gone.
    assert_eq!(table.plan(Scan::default()).await.unwrap().splits, plan.splits);
}

#[tokio::test]
async fn a_listing_ends_and_system_tables_may_be_none() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = runtime(dir.path()).await;
    let database = create(&runtime, "drive", CreateMode::New).await.unwrap();
    assert!(database.system_tables().await.unwrap().is_empty());
    let mut listing = database.list_tables(ListRequest::default()).await.unwrap();
    assert_eq!(listing.next_page().await.unwrap(), Some(vec![]));
    assert_eq!(listing.next_page().await.unwrap(), None);
}

#[tokio::test]
async fn names_are_unique_without_regard_to_case() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = runtime(dir.path()).await;
    create(&runtime, "Drive", CreateMode::New).await.unwrap();
    let again = create(&runtime, "dRIVE", CreateMode::New).await.unwrap_err();
    assert!(matches!(again, RuntimeError::DatabaseExists { name } if name == "Drive"));
    create(&runtime, "drive", CreateMode::IfNotExists).await.unwrap();
    let found = runtime.database(&tenant(), "DRIVE").await.unwrap().unwrap();
    assert_eq!(found.name(), "Drive");

    let entries = runtime.databases(&tenant()).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["Drive"]);
    let other = TenantId::new("other").unwrap();
    assert!(runtime.database(&other, "drive").await.unwrap().is_none());
    assert!(runtime.databases(&other).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_dropped_database_is_gone_for_handles_too() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = runtime(dir.path()).await;
    let database = create(&runtime, "drive", CreateMode::New).await.unwrap();
    assert!(runtime.drop_database(&tenant(), "DRIVE").await.unwrap());
    assert!(!runtime.drop_database(&tenant(), "drive").await.unwrap());
    assert!(runtime.database(&tenant(), "drive").await.unwrap().is_none());
    let error = database.system_tables().await.unwrap_err();
    assert!(matches!(error, RuntimeError::NoSuchDatabase { .. }), "{error}");
}

#[tokio::test]
async fn replacing_makes_a_new_connection_under_the_same_name() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = runtime(dir.path()).await;
    let old = create(&runtime, "drive", CreateMode::New).await.unwrap();
    let new = create(&runtime, "drive", CreateMode::Replace).await.unwrap();
    assert!(old.system_tables().await.is_err());
    assert!(new.system_tables().await.is_ok());
    assert_eq!(runtime.databases(&tenant()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn two_processes_worth_of_runtimes_share_one_state_directory() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (runtime(dir.path()).await, runtime(dir.path()).await);
    create(&first, "drive", CreateMode::New).await.unwrap();
    let seen = second.database(&tenant(), "drive").await.unwrap().unwrap();
    assert!(seen.system_tables().await.is_ok());
    assert!(second.drop_database(&tenant(), "drive").await.unwrap());
    assert!(first.database(&tenant(), "drive").await.unwrap().is_none());
}

#[tokio::test]
async fn parameters_are_nowhere_on_disk_in_clear() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = runtime(dir.path()).await;
    create(&runtime, "drive", CreateMode::New).await.unwrap();
    let mut looked_at = 0;
    for entry in std::fs::read_dir(dir.path().join("state")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
            assert!(!found, "{}", path.display());
            looked_at += bytes.len();
        }
    }
    assert!(looked_at > 4_096, "the database was among the files");
}

#[tokio::test]
async fn parameters_that_are_no_object_reach_no_guest() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = runtime(dir.path()).await;
    for params in ["", "[]", "\"x\"", "{"] {
        let error = runtime
            .create_database(&tenant(), "drive", "test_engine", params, CreateMode::New)
            .await
            .unwrap_err();
        assert!(matches!(error, RuntimeError::InvalidParams { .. }), "{error}");
    }
    assert!(runtime.databases(&tenant()).await.unwrap().is_empty());
}

#[tokio::test]
async fn unknown_engines_and_columns_are_the_callers_mistakes() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = runtime(dir.path()).await;
    let error = runtime
        .create_database(&tenant(), "drive", "nope", "{}", CreateMode::New)
        .await
        .unwrap_err();
    assert!(error.hint().unwrap().contains("test_engine"));

    let database = create(&runtime, "drive", CreateMode::New).await.unwrap();
    let table = database.read_table("any", &[]).await.unwrap();
    let scan = Scan { projection: Some(vec![2]), ..Scan::default() };
    let error = table.plan(scan).await.unwrap_err();
    assert!(matches!(error, RuntimeError::InvalidRequest { .. }), "{error}");
}
