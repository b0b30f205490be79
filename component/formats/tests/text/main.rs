//! Prose as its users meet it: what its chunks are, and that none of it is lost.

#[path = "../reading/decode.rs"]
mod decode;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, RecordBatch};
use proptest::prelude::*;
use tabular_formats::text::{TextDecoder, TextFormat, TextOptions};
use tabular_formats::{BatchSize, FormatError, StreamDecoder as _, Tally};

fn format_of(text: &[u8], options: &TextOptions) -> TextFormat {
    TextFormat::sniff("notes/a \"b\".TXT", text, options).expect("the text is read")
}

fn decode(
    decoder: &mut TextDecoder,
    bytes: &[u8],
    chunk: usize,
) -> Result<Vec<RecordBatch>, FormatError> {
    decode::decode(decoder, bytes, &[chunk])
}

/// The texts of the first column.
fn contents(batches: &[RecordBatch]) -> Vec<String> {
    let texts = batches.iter().flat_map(|batch| batch.column(0).as_string::<i32>().iter());
    texts.map(|text| text.unwrap_or_default().to_owned()).collect()
}

fn read(
    text: &[u8],
    options: &TextOptions,
    chunk: usize,
) -> Result<(Vec<String>, Tally), FormatError> {
    let size = BatchSize { rows: 3, bytes: 10_000 };
    let mut decoder = format_of(text, options).decoder(None, None, size);
    let batches = decode(&mut decoder, text, chunk)?;
    Ok((contents(&batches), decoder.tally().clone()))
}

#[test]
fn a_short_text_is_one_row_with_its_file() {
    let text = "\u{feff}Hello.\n".as_bytes();
    let format = format_of(text, &TextOptions::default());
    let mut decoder = format.decoder(None, None, BatchSize::default());
    let batches = decode(&mut decoder, text, 3).unwrap();
    assert_eq!(contents(&batches), ["Hello.\n"]);
    let metadata = batches[0].column_by_name("metadata").unwrap();
    assert_eq!(
        metadata.as_string::<i32>().value(0),
        r#"{"source_file": "a \"b\".TXT", "file_format": "txt"}"#
    );
    assert!(read(b"", &TextOptions::default(), 1).unwrap().0.is_empty());
}

#[test]
fn chunks_end_at_the_best_place_and_overlap_within_paragraphs() {
    let paragraph = "One sentence of some words. ".repeat(12);
    let text = format!("{0}\n\n{0}\n\n{1}", paragraph.trim_end(), "word ".repeat(150));
    let (chunks, _) = read(text.as_bytes(), &TextOptions::default(), usize::MAX).unwrap();
    assert_eq!(chunks[0], paragraph.trim_end());
    assert_eq!(chunks[1], paragraph.trim_end());
    assert_eq!(chunks[2].len(), 499);
    assert!(chunks.iter().all(|chunk| chunk.chars().count() <= 500));
    // The last 250 characters of one come again, from the first whole word on.
    assert!(chunks[3].starts_with("word ") && chunks[2].ends_with(&chunks[3][..244]));
}

#[test]
fn the_text_can_be_one_row_up_to_a_bound() {
    let text = "a b\n\n".repeat(1000);
    let whole = TextOptions { chunks: false, ..TextOptions::default() };
    let (rows, _) = read(text.as_bytes(), &whole, 7).unwrap();
    assert!(rows.len() == 1 && rows[0] == text);
    let small = TextOptions { max_record_bytes: 4999, ..whole };
    for chunk in [7, usize::MAX] {
        let error = read(text.as_bytes(), &small, chunk).unwrap_err();
        assert_eq!(error, FormatError::TooLarge { line: 1, limit: 4999 });
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_replaced_and_counted() {
    let text = b"\xC3\xA9\xC3\xA9\xC3\xA9\nx\xFFy\n\xC3";
    for chunk in 1..text.len() {
        let (chunks, tally) = read(text, &TextOptions::default(), chunk).unwrap();
        assert_eq!((chunks, tally.replaced_bytes), (vec!["ééé\nx\u{fffd}y\n\u{fffd}".into()], 2));
        let warning =
            "2 sequences of bytes are not UTF-8 and became U+FFFD; the first is on line 2.";
        assert_eq!(tally.warnings[0].to_string(), warning);
        let strict = TextOptions { strict: true, ..TextOptions::default() };
        let error = read(text, &strict, chunk).unwrap_err();
        assert_eq!(error.to_string(), "Line 2: the bytes are not UTF-8.");
    }
}

#[test]
fn other_encodings_and_files_are_named() {
    let sniff = |bytes| TextFormat::sniff("a.txt", bytes, &TextOptions::default());
    let utf_16 = FormatError::UnsupportedEncoding { guess: "UTF-16 (little-endian)" };
    assert_eq!(sniff(b"\xFF\xFEa\0b\0"), Err(utf_16));
    assert!(matches!(sniff(b"PK\x03\x04\x14\0"), Err(FormatError::NotText { .. })));
}

#[test]
fn columns_can_be_chosen() {
    let text = b"some text";
    let format = format_of(text, &TextOptions::default());
    let mut swapped = format.decoder(Some(&[1, 0]), None, BatchSize::default());
    let batches = decode(&mut swapped, text, 2).unwrap();
    assert_eq!(batches[0].column(1).as_string::<i32>().value(0), "some text");
    let mut none = format.decoder(Some(&[]), None, BatchSize::default());
    let batches = decode(&mut none, text, 2).unwrap();
    assert_eq!((batches[0].num_rows(), batches[0].num_columns()), (1, 0));
    let mut unknown = format.decoder(Some(&[2]), None, BatchSize::default());
    assert!(matches!(unknown.decode(text), Err(FormatError::NoSuchColumn { .. })));
}

#[test]
fn batches_stay_near_their_bounds() {
    let text = "A sentence of words. ".repeat(200_000);
    let format = format_of(b"", &TextOptions::default());
    let mut decoder = format.decoder(None, None, BatchSize::default());
    let batches = decode(&mut decoder, text.as_bytes(), 100_000).unwrap();
    for batch in &batches {
        let bytes: usize = batch.columns().iter().map(|c| c.get_buffer_memory_size()).sum();
        assert!(bytes < 1 << 21, "{bytes}");
    }
    assert!(batches.len() > 4);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn rows_do_not_depend_on_how_the_bytes_arrive_and_lose_nothing(
        words in proptest::collection::vec("[a-zé]{0,9}(\\. |\n|\r\n|\n\n|\r\n\r\n| |)", 0..200),
        chunk_size in 1_usize..60,
        chunk_overlap in 0_usize..40,
        chunk in 1_usize..300,
    ) {
        let text: String = words.concat();
        let options = TextOptions { chunk_size, chunk_overlap, ..TextOptions::default() };
        let whole = read(text.as_bytes(), &options, usize::MAX).unwrap();
        prop_assert_eq!(&read(text.as_bytes(), &options, chunk).unwrap(), &whole);
        prop_assert_eq!(&read(text.as_bytes(), &options, 1).unwrap(), &whole);
        let mut rest = text.as_str();
        for piece in &whole.0 {
            prop_assert!(piece.chars().count() <= chunk_size);
            // Every chunk is in the text; what stands before it was in the one before, or is space.
            let at = rest.find(piece.as_str());
            prop_assert!(at.is_some(), "{piece:?} {rest:?}");
            rest = &rest[at.unwrap_or(0)..];
        }
        let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
        let kept: usize = whole.0.iter().map(|piece| letters(piece)).sum();
        prop_assert!(kept >= letters(&text));
        if chunk_overlap == 0 {
            prop_assert_eq!(kept, letters(&text));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(text: Vec<u8>, strict: bool) {
        let options = TextOptions { strict, chunk_size: 5, ..TextOptions::default() };
        if TextFormat::sniff("x", &text, &options).is_ok() {
            let whole = read(&text, &options, usize::MAX);
            prop_assert_eq!(read(&text, &options, 1), whole);
        }
    }

    #[test]
    fn a_limit_takes_the_first_rows(text in "[a-z \n.]{0,400}", limit in 0_u64..20) {
        let options = TextOptions { chunk_size: 20, ..TextOptions::default() };
        let (all, _) = read(text.as_bytes(), &options, usize::MAX).unwrap();
        let format = format_of(text.as_bytes(), &options);
        let mut decoder = format.decoder(None, Some(limit), BatchSize::default());
        let some = contents(&decode(&mut decoder, text.as_bytes(), 9).unwrap());
        prop_assert_eq!(&some[..], &all[..all.len().min(limit as usize)]);
    }
}

#[test]
fn a_format_travels_as_json() {
    let format = format_of(b"a", &TextOptions::default());
    let json = serde_json::to_string(&format).unwrap();
    assert_eq!(serde_json::from_str::<TextFormat>(&json).unwrap(), format);
}
