//! Scans a file as what its extension says and prints what was found and how fast it went.
//!
//! `cargo run -p tabular-formats --example scan -- FILE [--columns 0,3] [--limit N]
//! [--repeat N] [--path KEY]`

use std::error::Error;
use std::io::Read as _;
use std::time::Instant;

use tabular_formats::csv::{CsvFormat, CsvOptions};
use tabular_formats::json::{JsonFormat, JsonOptions};
use tabular_formats::text::{TextFormat, TextOptions};
use tabular_formats::{BatchSize, FormatError, StreamDecoder};

/// As large as the chunks of a download.
const CHUNK: usize = 256 * 1024;

struct Arguments {
    file: String,
    columns: Option<Vec<usize>>,
    limit: Option<u64>,
    repeat: usize,
    /// Where the records of a JSON document are.
    path: Option<String>,
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut given = std::env::args().skip(1);
    let mut found =
        Arguments { file: String::new(), columns: None, limit: None, repeat: 1, path: None };
    while let Some(argument) = given.next() {
        let mut value = || given.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--columns" => {
                let list = value()?;
                let numbers = list.split(',').filter(|number| !number.is_empty());
                found.columns = Some(numbers.map(str::parse).collect::<Result<_, _>>()?);
            }
            "--limit" => found.limit = Some(value()?.parse()?),
            "--path" => found.path = Some(value()?),
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
    let make = sniff(&arguments, &sample[..length], length < CHUNK)?;
    println!("sniffed in {:.1?}", started.elapsed());
    for field in make().schema().fields() {
        println!("  {} {}", field.name(), field.data_type());
    }
    for _ in 0..arguments.repeat {
        scan(&arguments, make().as_mut())?;
    }
    Ok(())
}

type Make<'a> = Box<dyn Fn() -> Box<dyn StreamDecoder> + 'a>;

/// What makes decoders of the file, by its extension.
fn sniff<'a>(
    arguments: &'a Arguments,
    sample: &[u8],
    complete: bool,
) -> Result<Make<'a>, FormatError> {
    let columns = arguments.columns.as_deref();
    let (limit, size) = (arguments.limit, BatchSize::default());
    let extension = arguments.file.rsplit('.').next().unwrap_or_default();
    Ok(match extension {
        "json" | "jsonl" | "ndjson" => {
            let path = arguments.path.iter().map(|path| ("path".to_owned(), path.clone()));
            let options = JsonOptions::from_pairs(&path.collect::<Vec<_>>())?;
            let format = JsonFormat::sniff(sample, complete, &options)?;
            Box::new(move || Box::new(format.decoder(columns, limit, size)))
        }
        "txt" | "md" | "log" => {
            let options = TextOptions::default();
            let format = TextFormat::sniff(&arguments.file, sample, &options)?;
            Box::new(move || Box::new(format.decoder(columns, limit, size)))
        }
        _ => {
            let format = CsvFormat::sniff(sample, complete, &CsvOptions::default())?;
            println!("{:?}", format.dialect());
            Box::new(move || Box::new(format.decoder(columns, limit, size)))
        }
    })
}

fn scan(arguments: &Arguments, decoder: &mut dyn StreamDecoder) -> Result<(), Box<dyn Error>> {
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
