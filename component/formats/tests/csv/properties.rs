//! What holds for every text, whatever is in it and however it arrives.

use arrow_array::Array as _;
use arrow_array::cast::AsArray as _;
use proptest::prelude::*;
use tabular_formats::csv::{CsvFormat, CsvOptions};
use tabular_formats::{BatchSize, FormatError, StreamDecoder as _, Tally};

use super::reading::{decode, rows};
use super::rows::try_read;

const LARGE: BatchSize = BatchSize { rows: usize::MAX, bytes: usize::MAX };

/// Texts that look like tables, with everything that may go wrong in them.
fn table() -> impl Strategy<Value = Vec<u8>> {
    let cell = prop_oneof![
        6 => "[a-z]{0,12}", 4 => "-?[0-9]{1,6}", 2 => "[0-9]{1,3}\\.[0-9]{1,4}",
        1 => "20[0-9]{2}-0[1-9]-1[0-9]", 2 => "\"[a-z,\n]{0,20}\"", 1 => "\"[a-z]\"\"[a-z]\"",
        1 => "[a-z]{1,3}\"[a-z]", 1 => " {0,3}\"[a-z]{0,3}\" {0,2}", 1 => "é{1,9}", 1 => "#[a-z]",
    ];
    let cell = prop_oneof![
        30 => cell.prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..5),
    ];
    let row = proptest::collection::vec(cell, 0..5).prop_map(|cells| cells.join(&b','));
    let end = prop_oneof![6 => Just(&b"\n"[..]), 2 => Just(&b"\r\n"[..]), 1 => Just(&b"\n\n"[..])];
    proptest::collection::vec((row, end), 0..60).prop_map(|rows| {
        rows.into_iter().flat_map(|(row, end)| [row, end.to_vec()].concat()).collect()
    })
}

/// All rows and the tally, or the error.
type Outcome = Result<(Vec<String>, Tally), FormatError>;

fn outcome(
    format: &CsvFormat,
    text: &[u8],
    chunks: &[usize],
    size: BatchSize,
    limit: Option<u64>,
) -> Outcome {
    let mut decoder = format.decoder(None, limit, size);
    let batches = decode(&mut decoder, text, chunks)?;
    Ok((rows(&batches), decoder.tally().clone()))
}

fn sniffed(text: &[u8], options: &CsvOptions) -> Option<CsvFormat> {
    CsvFormat::sniff(text, true, options).ok()
}

fn options(strict: bool, sample_rows: usize) -> CsvOptions {
    CsvOptions { strict, sample_rows, ..CsvOptions::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_bytes_make_it_panic(text: Vec<u8>, complete: bool) {
        if let Ok(format) = CsvFormat::sniff(&text, complete, &CsvOptions::default()) {
            let _ = outcome(&format, &text, &[7], BatchSize { rows: 3, bytes: 50 }, None);
        }
    }

    #[test]
    fn rows_do_not_depend_on_how_the_bytes_arrive(
        text in table(),
        strict: bool,
        chunks in proptest::collection::vec(1_usize..200, 1..20),
        size in (1_usize..20, 1_usize..2000),
    ) {
        let Some(format) = sniffed(&text, &options(strict, 3)) else { return Ok(()) };
        let whole = outcome(&format, &text, &[usize::MAX], LARGE, None);
        let size = BatchSize { rows: size.0, bytes: size.1 };
        prop_assert_eq!(&outcome(&format, &text, &chunks, size, None), &whole);
        prop_assert_eq!(&outcome(&format, &text, &[1], size, None), &whole);
        prop_assert_eq!(&outcome(&format, &text, &[usize::MAX], size, None), &whole);
    }

    #[test]
    fn a_limit_takes_the_first_rows(text in table(), limit in 0_u64..70, chunk in 1_usize..300) {
        let Some(format) = sniffed(&text, &options(false, 10)) else { return Ok(()) };
        let (all, _) = outcome(&format, &text, &[usize::MAX], LARGE, None).unwrap();
        let size = BatchSize { rows: 7, bytes: 1000 };
        let (some, tally) = outcome(&format, &text, &[chunk], size, Some(limit)).unwrap();
        prop_assert_eq!(tally.rows, some.len() as u64);
        prop_assert_eq!(&some[..], &all[..all.len().min(limit as usize)]);
    }

    #[test]
    fn a_projection_is_the_same_as_choosing_columns_afterwards(
        text in table(),
        picks in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let Some(format) = sniffed(&text, &options(false, 10)) else { return Ok(()) };
        let picks: Vec<_> = picks.iter().map(|pick| pick.index(format.columns().len())).collect();
        let mut whole = format.decoder(None, None, LARGE);
        let whole = decode(&mut whole, &text, &[usize::MAX]).unwrap();
        let mut chosen = format.decoder(Some(&picks), None, LARGE);
        let schema = chosen.schema();
        let chosen = decode(&mut chosen, &text, &[usize::MAX]).unwrap();
        prop_assert_eq!(chosen.len(), whole.len());
        for (chosen, whole) in chosen.iter().zip(whole) {
            prop_assert_eq!(chosen.schema(), schema.clone());
            prop_assert_eq!(chosen, &whole.project(&picks).unwrap());
        }
    }

    #[test]
    fn what_is_written_reads_back(
        rows in proptest::collection::vec(
            proptest::collection::vec(proptest::option::of("[^\0\u{fffd}]{0,12}"), 3), 1..30),
        delimiter in prop_oneof![Just(','), Just(';'), Just('\t'), Just('|')],
    ) {
        let quoted = |cell: &Option<String>| match cell {
            Some(text) => format!("\"{}\"", text.replace('"', "\"\"")),
            None => String::new(),
        };
        let line = |row: &Vec<Option<String>>| {
            row.iter().map(quoted).collect::<Vec<_>>().join(&delimiter.to_string()) + "\n"
        };
        let text: String = rows.iter().map(line).collect();
        let header = ["a", "b", "c"].join(&delimiter.to_string());
        let options = CsvOptions {
            delimiter: Some(Some(delimiter as u8)),
            quote: Some(Some(b'"')),
            escape: Some(tabular_formats::csv::Escape::Doubled),
            header: tabular_formats::csv::Header::Yes,
            newline: Some(tabular_formats::csv::Newline::Lf),
            skip: Some(0),
            comment: Some(None),
            all_varchar: true,
            encoding: tabular_formats::csv::Encoding::Utf8,
            ..CsvOptions::default()
        };
        let text = format!("{header}\n{text}");
        let format = CsvFormat::sniff(text.as_bytes(), true, &options).unwrap();
        let mut decoder = format.decoder(None, None, LARGE);
        let batches = decode(&mut decoder, text.as_bytes(), &[11]).unwrap();
        let read: Vec<Vec<Option<String>>> = batches.iter().flat_map(|batch| {
            (0..batch.num_rows()).map(|row| {
                batch.columns().iter().map(|column| {
                    column.is_valid(row).then(|| column.as_string::<i32>().value(row).to_owned())
                }).collect()
            })
        }).collect();
        prop_assert_eq!(read, rows);
        prop_assert!(decoder.tally().warnings.is_empty());
    }

    #[test]
    fn a_format_travels_as_json(text in table()) {
        let Some(format) = sniffed(&text, &CsvOptions::default()) else { return Ok(()) };
        let json = serde_json::to_string(&format).unwrap();
        prop_assert_eq!(serde_json::from_str::<CsvFormat>(&json).unwrap(), format);
    }
}

#[test]
fn a_projection_of_no_columns_gives_rows() {
    let text = b"a,b\n1,2\n3,4\n";
    let format = CsvFormat::sniff(text, true, &CsvOptions::default()).unwrap();
    let mut decoder = format.decoder(Some(&[]), None, BatchSize::default());
    let batches = decode(&mut decoder, text, &[5]).unwrap();
    assert_eq!((batches[0].num_rows(), batches[0].num_columns()), (2, 0));
}

#[test]
fn a_projection_of_an_unknown_column_is_an_error() {
    let format = CsvFormat::sniff(b"a,b\n1,2\n", true, &CsvOptions::default()).unwrap();
    let mut decoder = format.decoder(Some(&[2]), None, BatchSize::default());
    let error = decoder.decode(b"a").unwrap_err();
    assert_eq!(error.to_string(), "There is no column 2: the file has 2.");
    assert_eq!(decoder.finish().unwrap_err(), error);
}

#[test]
fn a_decoder_at_its_limit_takes_no_more_bytes() {
    let text = b"a,b\n1,2\n3,4\n5,6\n";
    let format = CsvFormat::sniff(text, true, &CsvOptions::default()).unwrap();
    let mut decoder = format.decoder(None, Some(2), BatchSize::default());
    assert_eq!(decoder.decode(text), Ok(12));
    assert!(decoder.done());
    assert_eq!(decoder.decode(&text[12..]), Ok(0));
    assert_eq!(decoder.finish().unwrap().map(|batch| batch.num_rows()), Some(2));
    assert_eq!(decoder.finish(), Ok(None));
}

#[test]
fn batches_stay_near_their_bounds() {
    let row = format!("{},1,2.5\n", "x".repeat(90));
    let text = format!("a,b,c\n{}", row.repeat(100_000));
    let format =
        CsvFormat::sniff(&text.as_bytes()[..10_000], false, &CsvOptions::default()).unwrap();
    let mut decoder = format.decoder(None, None, BatchSize::default());
    let batches = decode(&mut decoder, text.as_bytes(), &[100_000]).unwrap();
    assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 100_000);
    for batch in &batches {
        let bytes: usize =
            batch.columns().iter().map(|column| column.get_buffer_memory_size()).sum();
        assert!(batch.num_rows() <= 8192 && bytes < 1 << 20, "{} {bytes}", batch.num_rows());
    }
    assert!(batches.len() <= 16, "{}", batches.len());
}

#[test]
fn a_large_record_begins_a_batch() {
    let text = format!("a,b\nx,1\n{},2\ny,3\n", "z".repeat(2 << 20));
    let format = CsvFormat::sniff(text.as_bytes(), true, &CsvOptions::default()).unwrap();
    for chunk in [10_000, usize::MAX] {
        let mut decoder = format.decoder(None, None, BatchSize::default());
        let batches = decode(&mut decoder, text.as_bytes(), &[chunk]).unwrap();
        let counts: Vec<_> = batches.iter().map(|batch| batch.num_rows()).collect();
        assert_eq!((counts[0], counts.iter().sum::<usize>()), (1, 3), "{chunk}");
    }
}

#[test]
fn a_record_without_end_is_an_error_and_does_not_grow() {
    let format = CsvFormat::sniff(b"a,b\n1,2\n", false, &CsvOptions::default()).unwrap();
    let chunk = vec![b'x'; 1 << 20];
    for head in [&b"a,b\n1,2\n"[..], b"a,b\n1,2\n3,\""] {
        let mut decoder = format.decoder(None, None, BatchSize::default());
        assert_eq!(decoder.decode(head), Ok(head.len()));
        let error = (0..1024).find_map(|_| decoder.decode(&chunk).err());
        let expected = FormatError::TooLarge { line: 3, limit: 16 << 20 };
        assert_eq!(error, Some(expected));
    }
}

#[test]
fn the_largest_record_is_the_same_however_it_arrives() {
    let options = CsvOptions { max_record_bytes: 20, ..CsvOptions::default() };
    for (length, fits) in [(17, true), (18, false)] {
        let text = format!("a,b\n1,2\n{},2\n", "x".repeat(length));
        let format = CsvFormat::sniff(text.as_bytes(), true, &options).unwrap();
        for chunk in [1, 7, usize::MAX] {
            let mut decoder = format.decoder(None, None, BatchSize::default());
            let read = decode(&mut decoder, text.as_bytes(), &[chunk]);
            assert_eq!(read.is_ok(), fits, "{length} in chunks of {chunk}: {read:?}");
        }
    }
}

#[test]
fn a_sample_that_ends_within_the_first_record_asks_for_more() {
    let short = CsvFormat::sniff(b"a,\"b", false, &CsvOptions::default());
    assert_eq!(short, Err(FormatError::SampleTooSmall { bytes: 4 }));
    assert!(try_read(b"a,\"b", &[]).is_ok());
}

#[test]
fn broken_text_beside_sound_text_is_null_alone() {
    let text = b"a,b\n\xC3\xA9\xC3\xA9,1\nx\xFF,2\nok,3\n\xA9,\xC3\n";
    let read = try_read(text, &[("sample_rows", "3"), ("encoding", "utf-8")]).unwrap();
    assert_eq!(read.rows(), ["éé|1", "NULL|2", "ok|3", "NULL|NULL"]);
    assert_eq!(read.tally.nulled_cells, 3);
}
