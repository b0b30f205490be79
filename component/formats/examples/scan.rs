//! Scans a file as delimited text and prints what was found and how fast it went.
//!
//! `cargo run -p tabular-formats --example scan -- FILE [--columns 0,3] [--limit N] [--repeat N]`

use std::error::Error;
use std::io::Read as _;
use std::time::Instant;

use tabular_formats::csv::{CsvFormat, CsvOptions};
use tabular_formats::{BatchSize, StreamDecoder as _};

/// As large as the chunks of a download.
const CHUNK: usize = 256 * 1024;

struct Arguments {
    file: String,
    columns: Option<Vec<usize>>,
    limit: Option<u64>,
    repeat: usize,
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut given = std::env::args().skip(1);
    let mut found = Arguments { file: String::new(), columns: None, limit: None, repeat: 1 };
    while let Some(argument) = given.next() {
        let mut value = || given.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--columns" => {
                let list = value()?;
                let numbers = list.split(',').filter(|number| !number.is_empty());
                found.columns = Some(numbers.map(str::parse).collect::<Result<_, _>>()?);
            }
            "--limit" => found.limit = Some(value()?.parse()?),
            "--repeat" => found.repeat = value()?.parse()?,
            _ => found.file = argument,
        }
    }
    if found.file.is_empty() {
        return Err("name a file".into());
    }
    Ok(found)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = arguments()?;
    let mut sample = vec![0; CHUNK];
    let mut length = 0;
    let mut file = std::fs::File::open(&arguments.file)?;
    while length < CHUNK {
        match file.read(&mut sample[length..])? {
            0 => break,
            read => length += read,
        }
    }
    let started = Instant::now();
    let format = CsvFormat::sniff(&sample[..length], length < CHUNK, &CsvOptions::default())?;
    println!("sniffed in {:.1?}: {:?}", started.elapsed(), format.dialect());
    for column in format.columns() {
        println!("  {} {}", column.name, column.column_type);
    }
    for _ in 0..arguments.repeat {
        scan(&arguments, &format)?;
    }
    Ok(())
}

fn scan(arguments: &Arguments, format: &CsvFormat) -> Result<(), Box<dyn Error>> {
    let mut decoder =
        format.decoder(arguments.columns.as_deref(), arguments.limit, BatchSize::default());
    let mut file = std::fs::File::open(&arguments.file)?;
    let mut buffer = vec![0; CHUNK];
    let (mut bytes, mut batches) = (0, 0);
    let started = Instant::now();
    while !decoder.done() {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        let mut chunk = &buffer[..read];
        while !chunk.is_empty() && !decoder.done() {
            let taken = decoder.decode(chunk)?;
            chunk = &chunk[taken..];
            bytes += taken;
            batches += usize::from(decoder.take_batch()?.is_some());
        }
    }
    while decoder.finish()?.is_some() {
        batches += 1;
    }
    let elapsed = started.elapsed();
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let rate = bytes as f64 / 1e6 / elapsed.as_secs_f64();
    let tally = decoder.tally();
    println!(
        "{bytes} bytes, {} rows, {batches} batches in {elapsed:.3?}: {rate:.0} MB/s",
        tally.rows
    );
    for warning in &tally.warnings {
        println!("  {warning}");
    }
    Ok(())
}
