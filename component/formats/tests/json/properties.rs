//! What holds for every text, whatever is in it and however it arrives.

use arrow_array::Array as _;
use arrow_array::cast::AsArray as _;
use proptest::prelude::*;
use tabular_formats::json::{JsonFormat, JsonOptions};
use tabular_formats::{BatchSize, FormatError, StreamDecoder as _, Tally};

use super::reading::{decode, rows};

const LARGE: BatchSize = BatchSize { rows: usize::MAX, bytes: usize::MAX };

/// Texts that look like tables, with everything that may go wrong in them.
fn document() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![
        4 => "-?[1-9][0-9]{0,5}", 2 => "[0-9]\\.[0-9]{1,4}(e-?[0-9])?", 4 => "\"[a-zé ]{0,12}\"",
        1 => "\"20[0-9]{2}-0[1-9]-1[0-9]\"", 1 => "\"[a-z]{0,3}(\\\\[n\"u\\\\]|\\\\u00e9|\\\\ud83d)\"",
        2 => "true|false|null", 1 => "\\[ ?[0-9](, ?\"[\\]a]\")?\\]", 1 => "\\{\"[a-c]\": ?\\{\\}\\}",
        1 => "[0-9]{17,22}", 1 => "[\\[\\]{}:,\"a0 ]{0,4}",
    ];
    let value = prop_oneof![
        40 => value.prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..5),
    ];
    let member =
        ("\"[a-dé]\" ?: ?", value).prop_map(|(key, value)| [key.into_bytes(), value].concat());
    let record = proptest::collection::vec(member, 0..5)
        .prop_map(|members| [&b"{"[..], &members.join(&b", "[..]), b"}"].concat());
    let record =
        prop_oneof![20 => record, 1 => "7|\"x\"|null|\\[1\\]".prop_map(String::into_bytes)];
    (proptest::collection::vec(record, 1..40), 0..3).prop_map(|(records, shape)| match shape {
        0 => [&b"["[..], &records.join(&b",\n"[..]), b"]\n"].concat(),
        1 => records.join(&b"\n"[..]),
        _ => [&b"{\"p\" : ["[..], &records.join(&b" , "[..]), b"],\"q\":[]}"].concat(),
    })
}

/// All rows and the tally, or the error.
type Outcome = Result<(Vec<String>, Tally), FormatError>;

fn outcome(
    format: &JsonFormat,
    text: &[u8],
    chunks: &[usize],
    size: BatchSize,
    limit: Option<u64>,
) -> Outcome {
    let mut decoder = format.decoder(None, limit, size);
    let batches = decode(&mut decoder, text, chunks)?;
    Ok((rows(&batches), decoder.tally().clone()))
}

/// The format that the first bytes of a text show.
fn sniffed(text: &[u8], strict: bool, sample_rows: usize) -> Option<JsonFormat> {
    let options = JsonOptions { strict, sample_rows, ..JsonOptions::default() };
    let inner = JsonOptions { path: vec!["p".into()], ..options.clone() };
    let wrapped = text.starts_with(b"{\"p\" : [");
    JsonFormat::sniff(text, false, if wrapped { &inner } else { &options }).ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn no_bytes_make_it_panic(
        text: Vec<u8>,
        like in "[\\[\\]{}:,\"\\\\a0tn \n.e-]{0,60}",
        complete: bool,
    ) {
        let inner = JsonOptions { path: vec!["a".into()], ..JsonOptions::default() };
        for text in [&text[..], like.as_bytes(), &[b"[{\"a\":1},", like.as_bytes()].concat()] {
            for options in [&JsonOptions::default(), &inner] {
                if let Ok(format) = JsonFormat::sniff(text, complete, options) {
                    let size = BatchSize { rows: 3, bytes: 50 };
                    let _ = outcome(&format, text, &[7], size, None);
                }
            }
        }
    }

    #[test]
    fn rows_do_not_depend_on_how_the_bytes_arrive(
        text in document(),
        strict: bool,
        chunks in proptest::collection::vec(1_usize..200, 1..20),
        size in (1_usize..20, 1_usize..2000),
    ) {
        let Some(format) = sniffed(&text, strict, 2) else { return Ok(()) };
        let whole = outcome(&format, &text, &[usize::MAX], LARGE, None);
        let size = BatchSize { rows: size.0, bytes: size.1 };
        prop_assert_eq!(&outcome(&format, &text, &chunks, size, None), &whole);
        prop_assert_eq!(&outcome(&format, &text, &[1], size, None), &whole);
        prop_assert_eq!(&outcome(&format, &text, &[usize::MAX], size, None), &whole);
    }

    #[test]
    fn sound_and_broken_json_are_told_apart_as_serde_does(text in document()) {
        prop_assume!(std::str::from_utf8(&text).is_ok());
        let Some(format) = sniffed(&text, false, 2) else { return Ok(()) };
        let read = outcome(&format, &text, &[usize::MAX], LARGE, None);
        let mut sound = true;
        let mut records = 0;
        for value in serde_json::Deserializer::from_slice(&text).into_iter::<serde_json::Value>() {
            match value {
                Ok(serde_json::Value::Array(array)) if text[0] == b'[' => records += array.len(),
                Ok(value) => records += value["p"].as_array().map_or(1, Vec::len),
                // A number too large and half a character are faults to serde, and none of syntax.
                Err(error) if error.to_string().contains("out of range") => return Ok(()),
                Err(error) if error.to_string().contains("surrogate") => return Ok(()),
                Err(error) if error.to_string().contains("end of hex escape") => return Ok(()),
                Err(_) => { sound = false; break }
            }
        }
        prop_assert_eq!(read.is_ok(), sound, "{:?}", read);
        if let Ok((rows, _)) = read {
            prop_assert_eq!(rows.len(), records);
        }
    }

    #[test]
    fn a_limit_takes_the_first_rows(text in document(), limit in 0_u64..50, chunk in 1_usize..300) {
        let Some(format) = sniffed(&text, false, 10) else { return Ok(()) };
        let Ok((all, _)) = outcome(&format, &text, &[usize::MAX], LARGE, None) else {
            return Ok(());
        };
        let size = BatchSize { rows: 7, bytes: 1000 };
        let (some, tally) = outcome(&format, &text, &[chunk], size, Some(limit)).unwrap();
        prop_assert_eq!(tally.rows, some.len() as u64);
        prop_assert_eq!(&some[..], &all[..all.len().min(limit as usize)]);
    }

    #[test]
    fn a_projection_is_the_same_as_choosing_columns_afterwards(
        text in document(),
        picks in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let Some(format) = sniffed(&text, false, 10) else { return Ok(()) };
        let picks: Vec<_> = picks.iter().map(|pick| pick.index(format.columns().len())).collect();
        let mut whole = format.decoder(None, None, LARGE);
        let Ok(whole) = decode(&mut whole, &text, &[usize::MAX]) else { return Ok(()) };
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
            (proptest::option::of("\\PC{0,12}"), any::<Option<i64>>(), any::<Option<f64>>()), 1..30),
        array: bool,
    ) {
        let record = |(text, whole, double): &(Option<String>, Option<i64>, Option<f64>)| {
            serde_json::json!({"t\n\"é": text, "i": whole, "f": double}).to_string()
        };
        let records: Vec<_> = rows.iter().map(record).collect();
        let text = if array { format!("[{}]", records.join(",")) } else { records.join("\n") };
        let types = serde_json::json!({"t\n\"é": "varchar", "i": "bigint", "f": "double"});
        let pair = ("types".to_owned(), types.to_string());
        let options = JsonOptions::from_pairs(&[pair]).unwrap();
        let format = JsonFormat::sniff(text.as_bytes(), true, &options).unwrap();
        let mut decoder = format.decoder(None, None, LARGE);
        let batches = decode(&mut decoder, text.as_bytes(), &[11]).unwrap();
        let mut read = Vec::new();
        for batch in &batches {
            let column = |name: &str| batch.column_by_name(name).unwrap();
            let (texts, wholes, doubles) = (column("t\n\"é"), column("i"), column("f"));
            for row in 0..batch.num_rows() {
                read.push((
                    texts.is_valid(row).then(|| texts.as_string::<i32>().value(row).to_owned()),
                    wholes.is_valid(row).then(|| {
                        wholes.as_primitive::<arrow_array::types::Int64Type>().value(row)
                    }),
                    doubles.is_valid(row).then(|| {
                        doubles.as_primitive::<arrow_array::types::Float64Type>().value(row)
                    }),
                ));
            }
        }
        let finite = |row: &(Option<String>, Option<i64>, Option<f64>)| {
            (row.0.clone(), row.1, row.2.filter(|value| value.is_finite()))
        };
        prop_assert_eq!(read, rows.iter().map(finite).collect::<Vec<_>>());
        prop_assert!(decoder.tally().warnings.is_empty());
    }

    #[test]
    fn a_format_travels_as_json(text in document()) {
        let Some(format) = sniffed(&text, false, 10) else { return Ok(()) };
        let json = serde_json::to_string(&format).unwrap();
        prop_assert_eq!(serde_json::from_str::<JsonFormat>(&json).unwrap(), format);
    }
}

fn format_of(text: &[u8]) -> JsonFormat {
    JsonFormat::sniff(text, true, &JsonOptions::default()).expect("the text is JSON")
}

#[test]
fn a_projection_of_no_columns_gives_rows() {
    let text = br#"[{"a":1},{"a":2}]"#;
    let mut decoder = format_of(text).decoder(Some(&[]), None, BatchSize::default());
    let batches = decode(&mut decoder, text, &[5]).unwrap();
    assert_eq!((batches[0].num_rows(), batches[0].num_columns()), (2, 0));
}

#[test]
fn a_projection_of_an_unknown_column_is_an_error() {
    let mut decoder = format_of(br#"{"a":1}"#).decoder(Some(&[2]), None, BatchSize::default());
    let error = decoder.decode(b"a").unwrap_err();
    assert_eq!(error.to_string(), "There is no column 2: the file has 1.");
    assert_eq!(decoder.finish().unwrap_err(), error);
}

#[test]
fn a_decoder_at_its_limit_takes_no_more_bytes() {
    let text = b"{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n";
    let mut decoder = format_of(text).decoder(None, Some(2), BatchSize::default());
    assert_eq!(decoder.decode(text), Ok(15));
    assert!(decoder.done());
    assert_eq!(decoder.decode(&text[15..]), Ok(0));
    assert_eq!(decoder.finish().unwrap().map(|batch| batch.num_rows()), Some(2));
    assert_eq!(decoder.finish(), Ok(None));
}

#[test]
fn batches_stay_near_their_bounds() {
    let text = format!("{{\"a\":\"{}\",\"b\":1,\"c\":2.5}}\n", "x".repeat(90)).repeat(100_000);
    let sample = &text.as_bytes()[..10_000];
    let format = JsonFormat::sniff(sample, false, &JsonOptions::default()).unwrap();
    let mut decoder = format.decoder(None, None, BatchSize::default());
    let batches = decode(&mut decoder, text.as_bytes(), &[100_000]).unwrap();
    assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 100_000);
    for batch in &batches {
        let bytes: usize =
            batch.columns().iter().map(|column| column.get_buffer_memory_size()).sum();
        assert!(batch.num_rows() <= 8192 && bytes < 3 << 19, "{} {bytes}", batch.num_rows());
    }
    assert!(batches.len() <= 16, "{}", batches.len());
}

#[test]
fn a_large_record_begins_a_batch() {
    let text = format!("{{\"a\":1}}\n{{\"a\":\"{}\"}}\n{{\"a\":3}}\n", "z".repeat(2 << 20));
    for chunk in [10_000, usize::MAX] {
        let mut decoder = format_of(text.as_bytes()).decoder(None, None, BatchSize::default());
        let batches = decode(&mut decoder, text.as_bytes(), &[chunk]).unwrap();
        let counts: Vec<_> = batches.iter().map(|batch| batch.num_rows()).collect();
        assert_eq!((counts[0], counts.iter().sum::<usize>()), (1, 3), "{chunk}");
    }
}

#[test]
fn a_record_without_end_is_an_error_and_does_not_grow() {
    let format = JsonFormat::sniff(b"{\"a\":1}\n", false, &JsonOptions::default()).unwrap();
    let chunk = vec![b'x'; 1 << 20];
    let mut decoder = format.decoder(None, None, BatchSize::default());
    let head = b"{\"a\":1}\n{\"a\":\"";
    assert_eq!(decoder.decode(head), Ok(head.len()));
    let error = (0..1024).find_map(|_| decoder.decode(&chunk).err());
    assert_eq!(error, Some(FormatError::TooLarge { line: 2, limit: 16 << 20 }));
}

#[test]
fn the_largest_record_is_the_same_however_it_arrives() {
    let options = JsonOptions { max_record_bytes: 20, ..JsonOptions::default() };
    for (length, fits) in [(12, true), (13, false)] {
        let text = format!("{{\"a\":1}}\n{{\"a\":\"{}\"}}\n", "x".repeat(length));
        let format = JsonFormat::sniff(b"{\"a\":1}\n", false, &options).unwrap();
        for chunk in [1, 7, usize::MAX] {
            let mut decoder = format.decoder(None, None, BatchSize::default());
            let read = decode(&mut decoder, text.as_bytes(), &[chunk]);
            assert_eq!(read.is_ok(), fits, "{length} in chunks of {chunk}: {read:?}");
        }
    }
}

#[test]
fn depth_does_not_take_the_stack() {
    let deep = "[{\"a\":".repeat(1 << 20);
    let error = JsonFormat::sniff(deep.as_bytes(), true, &JsonOptions::default()).unwrap_err();
    assert!(error.to_string().contains("nested"), "{error}");
    let format = JsonFormat::sniff(b"{\"a\":1}", false, &JsonOptions::default()).unwrap();
    for chunk in [1000, usize::MAX] {
        let mut decoder = format.decoder(None, None, BatchSize::default());
        let text = format!("{{\"a\":1}}{{\"a\":{deep}");
        assert!(decode(&mut decoder, text.as_bytes(), &[chunk]).is_err());
    }
}
