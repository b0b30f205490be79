//! A full scan of a large file, every column decoded: time, guest memory,
//! requests; and the time from nothing to the first batch of a small file.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use datasource_runtime::{
    Approval, CreateMode, Created, Database, EndpointMap, Runtime, RuntimeOptions, Scan, TenantId,
};
use futures_util::TryStreamExt as _;
use onedrive_core::Connection;

use crate::Failure;
use crate::emulator::{Emulator, Seed, dist};
use crate::native;

const SMALL: &str = "small.csv";

struct Run {
    seconds: f64,
    rows: u64,
    requests: u64,
    memory: usize,
}

/// A made CSV file of so many megabytes.
pub(crate) fn csv(megabytes: u64, runs: u32) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("big.csv");
    eprintln!("writing {megabytes} MB of CSV");
    write_csv(&path, megabytes * 1_000_000)?;
    file(&path, runs)
}

/// A file that is there, of any format that is read.
pub(crate) fn file(path: &Path, runs: u32) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let (drive, state) = (folder.path().join("drive"), folder.path().join("state"));
    std::fs::create_dir_all(&drive)?;
    std::fs::create_dir_all(&state)?;
    let name = path.file_name().and_then(|name| name.to_str()).ok_or("the file has no name")?;
    // The drive takes links to files.
    std::os::unix::fs::symlink(path.canonicalize()?, drive.join(name))?;
    write_csv(&drive.join(SMALL), 10_000)?;
    let bytes = std::fs::metadata(path)?.len();
    let emulator = Emulator::start(Seed::Folder(&drive), &state)?;
    let threads =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let database = threads.block_on(connect(&emulator, &folder.path().join("host")))?;

    let (mut inside, mut outside) = (Vec::new(), Vec::new());
    for n in 1..=runs.max(1) {
        // Alternating, so that both meet the same noise of the machine.
        inside.push(threads.block_on(in_component(&database, name))?);
        outside.push(natively(&emulator, name)?);
        let (a, b) = (&inside[inside.len() - 1], &outside[outside.len() - 1]);
        eprintln!("run {n}: component {:.2} s, native {:.2} s", a.seconds, b.seconds);
        if a.rows != b.rows {
            return Err(format!("{} rows inside and {} outside", a.rows, b.rows).into());
        }
    }
    report(name, bytes, &mut inside, &mut outside);
    threads.block_on(first_batch(&database))
}

fn report(name: &str, bytes: u64, inside: &mut [Run], outside: &mut [Run]) {
    let median = |runs: &mut [Run]| {
        runs.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        runs[runs.len() / 2].seconds
    };
    let (a, b) = (median(inside), median(outside));
    #[expect(clippy::cast_precision_loss, reason = "files are far below 2^53 bytes")]
    let megabytes = bytes as f64 / 1e6;
    let (rows, runs) = (inside[0].rows, inside.len());
    println!("{name}, {megabytes:.0} MB, {rows} rows, median of {runs}:");
    for (what, seconds, requests) in
        [("component", a, inside[0].requests), ("native   ", b, outside[0].requests)]
    {
        println!("  {what}  {seconds:.2} s  {:.0} MB/s  {requests} requests", megabytes / seconds);
    }
    println!("  ratio      {:.2}", a / b);
    let peak = inside.iter().map(|run| run.memory).max().unwrap_or_default();
    println!("  guest peak memory {:.1} MiB", peak as f64 / f64::from(1 << 20));
}

async fn connect(emulator: &Emulator, state: &Path) -> Result<Database, Failure> {
    let (runtime, engine) = host(emulator, state).await?;
    create(&runtime, &TenantId::default(), "drive", &engine, emulator).await
}

/// A runtime with the shipped component, and the engine's name.
pub(crate) async fn host(emulator: &Emulator, state: &Path) -> Result<(Runtime, String), Failure> {
    let mut map = EndpointMap::new();
    for host in emulator.hosts() {
        map = map.with(host, emulator.listen()?)?;
    }
    let options = RuntimeOptions::new(state.to_owned()).endpoint_map(map).trust_ca(&emulator.ca()?);
    let runtime = Runtime::new(options)?;
    let wasm = std::fs::read(dist().join("onedrive-datasource.wasm"))?;
    let connector = runtime.load(&wasm, Approval::none().profile("global")).await?;
    let engine = connector.engine().to_owned();
    Ok((runtime, engine))
}

pub(crate) async fn create(
    runtime: &Runtime,
    tenant: &TenantId,
    name: &str,
    engine: &str,
    emulator: &Emulator,
) -> Result<Database, Failure> {
    let params = emulator.params();
    let created = runtime.create_database(tenant, name, engine, &params, CreateMode::New).await?;
    let (Created::Created(database) | Created::Existed(database)) = created;
    Ok(database)
}

async fn in_component(database: &Database, name: &str) -> Result<Run, Failure> {
    let start = Instant::now();
    let table = database.read_table(name, &[]).await?;
    let plan = table.plan(Scan::default()).await?;
    let mut run = Run { seconds: 0.0, rows: 0, requests: 0, memory: 0 };
    for split in &plan.splits {
        let mut reader = table.open(plan.schema.clone(), split, None).await?;
        while let Some(batch) = reader.try_next().await? {
            run.rows += batch.num_rows() as u64;
        }
        run.requests += reader.metrics().requests;
        run.memory = run.memory.max(reader.peak_memory());
    }
    run.seconds = start.elapsed().as_secs_f64();
    Ok(run)
}

/// The same core, with its pieces decoded by the same Arrow reader.
fn natively(emulator: &Emulator, name: &str) -> Result<Run, Failure> {
    let ports = native::ports(emulator.listen()?, &emulator.ca()?)?;
    let params = emulator.params();
    let threads =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let connection = Rc::new(threads.block_on(Connection::connect(ports, &params))?);
    let start = Instant::now();
    threads.block_on(async {
        let table = connection.read_table(name, &[]).await?;
        let scan = onedrive_core::contract::Scan { wished_splits: 1, ..Default::default() };
        let plan = table.plan(&scan)?;
        let mut run = Run { seconds: 0.0, rows: 0, requests: 0, memory: 0 };
        for split in &plan.splits {
            let mut reader = connection.open_split(&split.token, None)?;
            let mut decoder = StreamDecoder::new();
            decoder.decode(&mut Buffer::from_vec(plan.schema.clone()))?;
            while let Some(piece) = reader.next().await? {
                let mut buffer = Buffer::from_vec(piece.bytes);
                while let Some(batch) = decoder.decode(&mut buffer)? {
                    run.rows += batch.num_rows() as u64;
                }
            }
            run.requests += reader.metrics().requests;
        }
        run.seconds = start.elapsed().as_secs_f64();
        Ok(run)
    })
}

/// From a plan in hand to the first rows: a new instance resumes the
/// connection, opens the split and reads.
async fn first_batch(database: &Database) -> Result<(), Failure> {
    let table = database.read_table(SMALL, &[]).await?;
    let plan = table.plan(Scan::default()).await?;
    let mut times = Vec::new();
    for _ in 0..20 {
        let start = Instant::now();
        let mut reader =
            database.open_split(plan.schema.clone(), &plan.splits[0].token, None).await?;
        reader.try_next().await?.ok_or("no batch came")?;
        times.push(start.elapsed());
    }
    times.sort();
    let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
    println!(
        "resume to first batch of a small file, median of {}: {:.1} ms (fastest {:.1} ms)",
        times.len(),
        ms(times[times.len() / 2]),
        ms(times[0])
    );
    Ok(())
}

/// Sixteen columns as of an order line: numbers, decimals, dates, short and
/// long texts; the same bytes for the same size.
fn write_csv(path: &Path, bytes: u64) -> Result<(), Failure> {
    let mut out = BufWriter::new(File::create(path)?);
    writeln!(
        out,
        "order_id,part_id,supplier_id,line,quantity,price,discount,tax,flag,status,shipped,\
         committed,received,instruction,mode,comment"
    )?;
    let (mut written, mut seed, mut row) = (0_u64, 88_172_645_463_325_252_u64, 0_u64);
    let mut next = |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    let words = ["carefully", "final", "packages", "sleep", "furiously", "regular", "deposits"];
    while written < bytes {
        row += 1;
        let comment: Vec<&str> = (0..3 + next(4)).map(|_| words[next(7) as usize]).collect();
        let line = format!(
            "{row},{},{},{},{},{}.{:02},0.{:02},0.{:02},{},{},199{}-{:02}-{:02},199{}-{:02}-{:02},\
             199{}-{:02}-{:02},{},{},{}\n",
            next(200_000),
            next(10_000),
            1 + next(7),
            1 + next(50),
            900 + next(90_000),
            next(100),
            next(11),
            next(9),
            ["A", "N", "R"][next(3) as usize],
            ["F", "O"][next(2) as usize],
            2 + next(7),
            1 + next(12),
            1 + next(28),
            2 + next(7),
            1 + next(12),
            1 + next(28),
            2 + next(7),
            1 + next(12),
            1 + next(28),
            ["DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN"][next(4) as usize],
            ["AIR", "FOB", "MAIL", "RAIL", "SHIP", "TRUCK", "REG AIR"][next(7) as usize],
            comment.join(" ")
        );
        out.write_all(line.as_bytes())?;
        written += line.len() as u64;
    }
    out.flush()?;
    Ok(())
}
