//! A drive of many items as the table `files`: the first enumeration, what it costs again, what
//! filters and limits cost, and beside it a walk of the folders. Requests, time, guest memory.

use std::time::{Duration, Instant};

use datasource_runtime::{Database, EVERYTHING, Literal, Operator, Predicate, Scan, TenantId};
use futures_util::TryStreamExt as _;
use graph_emulator_control::{Control, Fault};

use crate::Failure;
use crate::emulator::{Emulator, Seed};
use crate::scan::host;

/// Column `path` of `files`.
const PATH: usize = 1;
/// Column `owner` of `files`.
const OWNER: usize = 11;

/// Listings of a drive of so many items, each request that much later; with the walk, if asked for.
pub(crate) fn items(items: u64, latency_ms: u64, walk: bool) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let state = folder.path().join("state");
    std::fs::create_dir_all(&state)?;
    let emulator = Emulator::start(Seed::Synthetic(items), &state)?;
    let control = Control::new(emulator.text("control"));
    control.shape(Some(latency_ms), None)?;
    let threads =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    threads.block_on(async {
        let (runtime, engine) = host(&emulator, &folder.path().join("host")).await?;
        let tenant = TenantId::default();
        let create =
            |name: &'static str| crate::scan::create(&runtime, &tenant, name, &engine, &emulator);
        println!("{items} items, {latency_ms} ms a request:");
        let database = create("drive").await?;
        let by_path = Scan { filters: vec![like("%.csv")], limit: Some(10), ..Scan::default() };
        let counted = Scan { projection: Some(Vec::new()), ..Scan::default() };
        let few = Scan { limit: Some(10), ..Scan::default() };
        report("first 10 rows, nothing known", &read(&database, &[], few).await?);
        report("count, first: enumerates", &read(&database, &[], counted.clone()).await?);
        report("count, again", &read(&database, &[], counted.clone()).await?);
        report("path LIKE '%.csv' LIMIT 10", &read(&database, &[], by_path).await?);
        report("every column of every file", &read(&database, &[], Scan::default()).await?);
        let start = Instant::now();
        let progress = database.refresh(EVERYTHING, |_| ()).await?;
        println!(
            "  refresh, nothing changed: {:.2} s, {} requests",
            start.elapsed().as_secs_f64(),
            progress.requests
        );
        let file = |name: &str| {
            std::fs::metadata(folder.path().join("host").join(name)).map_or(0, |file| file.len())
        };
        let store = file("state.sqlite") + file("state.sqlite-wal");
        if store > 0 {
            println!(
                "  state at rest: {:.1} MB, {} bytes an item",
                store as f64 / 1e6,
                store / items.max(1)
            );
        }
        let start = Instant::now();
        let mut changes = database.changes(EVERYTHING, None).await?;
        let (mut told, mut pages) = (0, 0);
        while let Some(page) = changes.next_page().await? {
            told += page.changes.len();
            pages += 1;
        }
        let seconds = start.elapsed().as_secs_f64();
        println!("  changes without a cursor: {seconds:.2} s, {told} items on {pages} pages");
        let owners = [("owner".to_owned(), "fetch".to_owned())];
        let owner = Scan { projection: Some(vec![OWNER]), ..Scan::default() };
        report("owner of every file, asked for", &read(&database, &owners, owner.clone()).await?);
        report("owner of every file, again", &read(&database, &owners, owner).await?);
        if walk {
            let walked = create("walked").await?;
            control.add_fault(&Fault::status(501).on_path("*/delta*").times(0))?;
            report("count by walking the folders", &read(&walked, &[], counted).await?);
        }
        Ok(())
    })
}

fn like(pattern: &str) -> Predicate {
    Predicate {
        column: PATH,
        operator: Operator::Like,
        values: vec![Literal::Utf8(pattern.to_owned())],
    }
}

struct Run {
    time: Duration,
    rows: u64,
    requests: u64,
    memory: usize,
}

fn report(what: &str, run: &Run) {
    println!(
        "  {what}: {:.2} s, {} rows, {} requests, guest {:.0} MiB",
        run.time.as_secs_f64(),
        run.rows,
        run.requests,
        run.memory as f64 / f64::from(1 << 20)
    );
}

async fn read(
    database: &Database,
    options: &[(String, String)],
    scan: Scan,
) -> Result<Run, Failure> {
    let start = Instant::now();
    let table = database.read_table("files", options).await?;
    let most = scan.limit.unwrap_or(u64::MAX);
    let plan = table.plan(scan).await?;
    let mut run = Run { time: Duration::ZERO, rows: 0, requests: 0, memory: 0 };
    for split in &plan.splits {
        let mut reader = table.open(plan.schema.clone(), split, None).await?;
        while run.rows < most
            && let Some(batch) = reader.try_next().await?
        {
            run.rows += batch.num_rows() as u64;
        }
        run.requests += reader.metrics().requests;
        run.memory = run.memory.max(reader.peak_memory());
    }
    run.time = start.elapsed();
    Ok(run)
}
