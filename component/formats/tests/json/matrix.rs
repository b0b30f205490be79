//! One promise each, with the text in sight.

use tabular_formats::json::{JsonFormat, JsonOptions};
use tabular_formats::{BatchSize, FormatError, StreamDecoder as _};

use super::reading::{decode, rows};
use super::rows::{options, read, try_read};

/// The error of a text that cannot be read.
fn error(text: &str, options: &[(&str, &str)]) -> FormatError {
    try_read(text.as_bytes(), options).expect_err(text)
}

#[test]
fn objects_are_rows_however_they_stand_together() {
    for text in [
        r#"[{"a":1,"b":"x"},{"a":2,"b":"y"}]"#,
        "[\n  {\n \"a\" : 1 ,\r\n \"b\": \"x\"},\n{\"a\":2,\"b\":\"y\"}\n]\n",
        "{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\"}\n",
        "{\"a\":1,\"b\":\"x\"}\r\n\r\n{\"a\":2,\"b\":\"y\"}",
        r#"{"a":1,"b":"x"}{"a":2,"b":"y"}"#,
        "\u{feff}[{\"a\":1,\"b\":\"x\"},{\"a\":2,\"b\":\"y\"}]",
    ] {
        let read = read(text, &[]);
        assert_eq!(read.columns(), ["a Int64", "b Utf8"], "{text:?}");
        assert_eq!(read.rows(), ["1|x", "2|y"], "{text:?}");
        assert_eq!(read.warnings(), [""; 0], "{text:?}");
    }
}

#[test]
fn one_object_is_one_row_and_a_hint_tells_of_the_table_in_it() {
    let text = r#"{"kind":"list","value":[{"id":1},{"id":2}],"next":null}"#;
    let one = read(text, &[]);
    assert_eq!(one.columns(), ["kind Utf8", "value Utf8", "next Utf8"]);
    assert_eq!(one.rows(), [r#"list|[{"id":1},{"id":2}]|NULL"#]);
    assert_eq!(one.found("json.records"), Some("one object"));
    let hint = "The one object is one row; path = 'value' reads the array of objects in it.";
    assert_eq!(one.found("json.hint"), Some(hint));
    let inner = read(text, &[("path", "value")]);
    assert_eq!(
        (inner.columns(), inner.rows()),
        (vec!["id Int64".into()], vec!["1".into(), "2".into()])
    );
    assert_eq!(inner.found("json.records"), Some("the array of objects `value`"));
    assert_eq!(read(r#"{"a":[1,2]}"#, &[]).found("json.hint"), None);
}

#[test]
fn a_path_goes_through_objects() {
    let text =
        r#"{"v":[0,{"x":[]}],"a":{"c":{},"b.x":1,"b":[{"n":1} , {"n":2}],"d":[[{}]]},"e":"]"}"#;
    assert_eq!(read(text, &[("path", "a.b")]).rows(), ["1", "2"]);
    for (path, sentence) in [
        ("x", "The JSON is no table: the document has no key `x`."),
        ("a.x", "The JSON is no table: the object on the way has no key `x`."),
        ("a.c", "The JSON is no table: `a.c` is no array."),
        ("v", "The JSON is no table: the array `v` does not begin with an object."),
        ("v.x", "The JSON is no table: there is no object that could have the key `x`."),
    ] {
        let error = error(text, &[("path", path)]);
        assert_eq!(error.to_string(), sentence);
        assert!(error.hint().is_some());
    }
    let cut = error(r#"{"a":[{"n":1}],"b":"#, &[("path", "a")]);
    assert!(matches!(cut, FormatError::InvalidJson { .. }), "{cut}");
}

#[test]
fn columns_come_in_the_order_of_their_first_appearance() {
    let read = read("{\"b\":1}\n{\"a\":2,\"b\":3}\n{\"c\":true}\n{}\n", &[]);
    assert_eq!(read.columns(), ["b Int64", "a Int64", "c Boolean"]);
    assert_eq!(read.rows(), ["1|NULL|NULL", "3|2|NULL", "NULL|NULL|true", "NULL|NULL|NULL"]);
}

#[test]
fn types_are_inferred_from_all_of_the_sample() {
    let text = r#"[{"b":true,"i":1,"f":1,"d":"2024-02-29","t":"2024-02-29T10:00:00.5","z":"1970-01-01T01:00:00+01:00","n":null,"big":18446744073709551615,"huge":18446744073709551616},
        {"b":null,"i":-2,"f":2.5,"d":null,"t":"2024-02-29","z":"1970-01-01T00:00:01Z","n":null,"big":1,"huge":1}]"#;
    let read_it = read(text, &[]);
    assert_eq!(
        read_it.columns(),
        [
            "b Boolean",
            "i Int64",
            "f Float64",
            "d Date32",
            "t Timestamp(µs)",
            "z Timestamp(µs, \"UTC\")",
            "n Utf8",
            "big Utf8",
            "huge Float64",
        ]
    );
    assert_eq!(
        read_it.rows(),
        [
            "true|1|1.0|day 19782|µs 1709200800500000|µs 0|NULL|18446744073709551615|\
             1.8446744073709552e19",
            "NULL|-2|2.5|NULL|µs 1709164800000000|µs 1000000|NULL|1|1.0",
        ]
    );
    let texts = read(r#"{"d":"2024-02-29"}"#, &[("dates", "false")]);
    assert_eq!((texts.columns(), texts.rows()), (vec!["d Utf8".into()], vec!["2024-02-29".into()]));
}

#[test]
fn mixed_and_nested_values_are_json_text_and_texts_stay_as_they_are() {
    let text = "{\"a\":\"x\",\"n\":{\"k\": [1, \"a b\"]}}\n{\"a\":1.50,\"n\":[]}\n\
                {\"a\":true,\"n\":\"t\"}\n{\"a\":[1, 2],\"n\":null}\n";
    let read = read(text, &[]);
    assert_eq!(read.columns(), ["a Utf8", "n Utf8"]);
    assert_eq!(read.rows(), [r#"x|{"k":[1,"a b"]}"#, "1.50|[]", "true|t", "[1,2]|NULL"]);
    assert_eq!(read.warnings(), [""; 0]);
}

#[test]
fn escapes_are_resolved_in_texts_and_keys() {
    let read = read(r#"[{"a\"\u0062":"\u00e9\n\ud83d\ude00\/"},{"a\"b":"2"}]"#, &[]);
    assert_eq!(read.columns(), ["a\"b Utf8"]);
    assert_eq!(read.rows(), ["é\n😀/", "2"]);
}

#[test]
fn half_a_character_is_null_and_counted() {
    let read = read(r#"[{"a":"x\ud83d","b":1},{"a":"y","b":2}]"#, &[]);
    assert_eq!(read.rows(), ["NULL|1", "y|2"]);
    assert_eq!(
        read.warnings(),
        ["Column `a`: 1 text is not UTF-8 and became NULL; the first is on line 1."]
    );
}

#[test]
fn bytes_that_are_not_utf_8_are_null_and_counted() {
    let text = b"{\"a\":\"\xC3\xA9\",\"b\":\"\xC3\xA9\"}\n{\"a\":\"x\xFF\",\"b\":\"\xC3\xA9\"}\n{\"a\":\"\xA9\",\"b\":\"z\"}\n";
    let read = try_read(text, &[]).unwrap_or_else(|_| {
        // More broken than sound sequences would be another encoding.
        panic!("mostly sound")
    });
    assert_eq!(read.rows(), ["é|é", "NULL|é", "NULL|z"]);
    assert_eq!(read.tally.nulled_cells, 2);
}

const LATE: &str = "{\"a\":1}\n{\"a\":2}\n{\"a\":\"x\",\"new\":5}\n{\"a\":5.0}\n{\"a\":7.5,\"new\":6}\n\
                    {\"a\":9223372036854775808}\n17\n";

#[test]
fn what_does_not_fit_past_the_sample_is_null_or_dropped_and_counted() {
    let read = read(LATE, &[("sample_rows", "2")]);
    assert_eq!(read.rows(), ["1", "2", "NULL", "5", "NULL", "NULL", "NULL"]);
    assert_eq!(
        read.warnings(),
        [
            "Column `a`: 3 values do not fit the type and became NULL; the first is on line 3: \
             `\"x\"`.",
            "Column `new`: 2 values were dropped: not seen in the sample; the first is on line 3.",
            "1 record is no object, a row of NULL; the first is on line 7: `17`.",
        ]
    );
    let tally = &read.tally;
    assert_eq!((tally.nulled_cells, tally.dropped_values, tally.odd_records), (3, 2, 1));
}

#[test]
fn in_strict_mode_what_does_not_fit_is_an_error_with_its_line() {
    for (text, sentence) in [
        (LATE, "Line 3, column `a`: `\"x\"` does not fit the type of the column."),
        ("{\"a\":1}\n\n{\"b\":1}\n", "Line 3, column `b`: the key did not come in the sample."),
        ("[{\"a\":1},\n7]", "Line 2: `7` is no object."),
        ("{\"a\":1,\n\"a\":2}", "Line 1, column `a`: the key stands more than once in an object."),
    ] {
        let found = error(text, &[("strict", "true"), ("sample_rows", "1")]);
        assert_eq!(found.to_string(), sentence);
    }
}

#[test]
fn a_value_that_is_replaced_by_a_later_one_counts_as_nothing_else() {
    let read = read(r#"[{"a":1},{"a":"x","a":2}]"#, &[("sample_rows", "1")]);
    assert_eq!(read.rows(), ["1", "2"]);
    assert_eq!((read.tally.nulled_cells, read.tally.repeated_keys), (0, 1));
}

#[test]
fn of_a_key_that_stands_twice_the_last_value_holds() {
    let read = read(r#"[{"a":1,"b":"x","a":2},{"b":"y","b":null}]"#, &[]);
    assert_eq!(read.rows(), ["2|x", "NULL|NULL"]);
    assert_eq!(read.tally.repeated_keys, 2);
    assert_eq!(
        read.warnings()[0],
        "Column `a`: 1 value was replaced by a later one; the first is on line 1."
    );
}

#[test]
fn columns_can_be_chosen_and_types_declared() {
    let text = "{\"a\":\"007\",\"b\":1,\"c\":2}\n{\"late\":\"2.5\"}\n{\"late\":\"x\"}\n";
    let chosen = read(
        text,
        &[
            ("columns", "late,a"),
            ("types", r#"{"a":"varchar","late":"double"}"#),
            ("sample_rows", "1"),
        ],
    );
    assert_eq!(chosen.columns(), ["late Float64", "a Utf8"]);
    assert_eq!(chosen.rows(), ["NULL|007", "2.5|NULL", "NULL|NULL"]);
    assert_eq!((chosen.tally.dropped_values, chosen.tally.nulled_cells), (0, 1));
    let types = r#"{"a":"bigint","b":"boolean","c":"timestamp"}"#;
    let declared =
        read("{\"a\":\"12\",\"b\":\"TRUE\",\"c\":\"2024-02-29 10:00\"}", &[("types", types)]);
    assert_eq!(declared.rows(), ["12|true|µs 1709200800000000"]);
    let unknown = error(text, &[("types", r#"{"zip":"varchar"}"#)]);
    assert_eq!(unknown, FormatError::NoSuchColumn { column: "zip".into(), columns: 4 });
}

#[test]
fn keys_that_differ_only_in_case_are_two_columns() {
    let read = read(r#"[{"a":1,"A":2,"":3}]"#, &[]);
    assert_eq!(read.columns(), ["a Int64", "A_1 Int64", "column2 Int64"]);
    assert_eq!(read.rows(), ["1|2|3"]);
}

#[test]
fn json_that_is_no_table_is_named() {
    for (text, what) in [
        ("[]", "it is an empty array"),
        ("[1,2]", "it is an array that begins with a number"),
        ("[[{\"a\":1}]]", "it is an array that begins with an array"),
        ("17", "it is a number and no object"),
        ("\"x\"", "it is a text and no object"),
        ("null", "it is null and no object"),
        ("[{}]", "its objects have no keys"),
    ] {
        let error = error(text, &[]);
        assert_eq!(error.to_string(), format!("The JSON is no table: {what}."), "{text}");
        assert!(error.hint().is_some());
    }
    assert_eq!(error(" \n", &[]), FormatError::Empty);
}

#[test]
fn broken_json_is_an_error_with_the_line_of_its_record() {
    for (text, line, reason) in [
        ("{\"a\":1}\n{\"a\":}\n", 2, "a value should stand here"),
        ("{\"a\":1}\n\n{'a':1}\n", 3, "a key in double quotes should stand here"),
        ("[{\"a\":1},\n{\"a\":2},]", 2, "a value should stand here"),
        ("[{\"a\":1}\n{\"a\":2}]", 2, "a comma or ] should follow the record"),
        ("[{\"a\":1}]\nx", 2, "text follows the end of the array"),
        ("[{\"a\":1},\n", 2, "the file ends within it"),
        ("{\"a\":1}\n{\"a\":\n1", 2, "the file ends within it"),
        ("a,b\n1,2\n", 1, "a value should stand here"),
        ("{\"a\":01}", 1, "a comma or } should follow the value"),
        ("{\"a\":NaN}", 1, "a value should stand here"),
        ("{\"a\" 1}", 1, "a colon should follow the key"),
    ] {
        let expected = FormatError::InvalidJson { line, reason: reason.to_owned() };
        assert_eq!(error(text, &[]), expected, "{text:?}");
    }
}

#[test]
fn json_that_breaks_past_the_sample_is_the_same_error_however_it_arrives() {
    let head = "{\"a\":1}\n";
    for (tail, line) in [
        ("\n{\"a\":[1}}", 3),
        ("{\"a\":1", 2),
        ("{\"a\":\"\n\"}", 2),
        ("tru", 2),
        ("truefalse 1", 2),
        ("{\"a\":1},{\"a\":2}", 2),
        ("[1,2", 2),
    ] {
        let format =
            JsonFormat::sniff(head.as_bytes(), false, &options(&[("sample_rows", "1")])).unwrap();
        let text = format!("{head}{tail}");
        let outcome = |chunk| {
            let mut decoder = format.decoder(None, None, BatchSize::default());
            decode(&mut decoder, text.as_bytes(), &[chunk]).expect_err(tail)
        };
        let whole = outcome(usize::MAX);
        assert!(
            matches!(whole, FormatError::InvalidJson { line: at, .. } if at == line),
            "{whole}"
        );
        for chunk in 1..text.len() {
            assert_eq!(outcome(chunk), whole, "{text:?} in chunks of {chunk}");
        }
    }
}

#[test]
fn other_encodings_and_files_are_named() {
    let error = try_read(b"\xFF\xFE[\0{\0", &[]).unwrap_err();
    assert_eq!(error, FormatError::UnsupportedEncoding { guess: "UTF-16 (little-endian)" });
    let error = try_read(b"PK\x03\x04\x14\0", &[]).unwrap_err();
    assert!(matches!(error, FormatError::NotText { .. }));
}

#[test]
fn a_sample_that_ends_within_the_first_record_asks_for_more() {
    for sample in ["", " ", "[", "[ {\"a\":1", "{\"a\":[{\"b\":1},", "{\"a\":\"x"] {
        let short = JsonFormat::sniff(sample.as_bytes(), false, &JsonOptions::default());
        assert_eq!(short, Err(FormatError::SampleTooSmall { bytes: sample.len() }), "{sample}");
    }
    let text = format!("{{\"features\":[{}", "{\"a\":1},".repeat(100));
    let small = options(&[("max_record_bytes", "100")]);
    let error = JsonFormat::sniff(text.as_bytes(), false, &small).unwrap_err();
    assert!(error.hint().is_some_and(|hint| hint.contains("path = 'features'")), "{error}");
    let large = format!("{{\"features\":[{}", "{\"a\":1},".repeat(1 << 18));
    let error = JsonFormat::sniff(large.as_bytes(), false, &JsonOptions::default()).unwrap_err();
    assert!(error.hint().is_some_and(|hint| hint.contains("path = 'features'")), "{error}");
    let path = options(&[("path", "features"), ("max_record_bytes", "100")]);
    assert!(JsonFormat::sniff(text.as_bytes(), false, &path).is_ok());
}

#[test]
fn a_sample_may_end_anywhere_in_a_later_record() {
    let text = r#"[{"a":1},{"a":-12.5e-3,"b":[true,null,"\u00e9"]},{"a":0}]"#;
    for end in 9..text.len() {
        let format = JsonFormat::sniff(&text.as_bytes()[..end], false, &JsonOptions::default());
        assert!(format.is_ok(), "{} {format:?}", &text[..end]);
    }
}

#[test]
fn a_sample_cut_within_a_later_record_is_enough() {
    let text = br#"[{"a":1},{"a":2},{"b":"#;
    let format = JsonFormat::sniff(text, false, &JsonOptions::default()).unwrap();
    assert_eq!(format.columns().len(), 1);
    assert_eq!(format.schema().metadata()["json.types"], "inferred from 2 rows");
}

#[test]
fn every_cut_of_a_text_gives_the_same_rows() {
    let text = "\u{feff}{\"meta\":{\"x\":[1]},\"rows\" : [ {\"a\":1,\"b\":\"é\\u00e9 \\\"\",\"c\":[ 1 , {} ]},\n\
                7, {\"c\":null ,\"a\":-2.50e1,\"b\":\"\\\\\"} , true ,\"s]\", {} ], \"tail\":{\"]\":\"}\"} }\n";
    let format = JsonFormat::sniff(text.as_bytes(), true, &options(&[("path", "rows")])).unwrap();
    let outcome = |chunks: &[usize]| {
        let mut decoder = format.decoder(None, None, BatchSize { rows: 2, bytes: 1000 });
        let batches = decode(&mut decoder, text.as_bytes(), chunks).unwrap();
        (rows(&batches), decoder.tally().clone())
    };
    let whole = outcome(&[usize::MAX]);
    assert_eq!(whole.0.len(), 6);
    assert_eq!(whole.0[0], "1.0|éé \"|[1,{}]");
    for first in 1..text.len() {
        assert_eq!(outcome(&[first, usize::MAX]), whole, "cut at {first}");
        assert_eq!(outcome(&[first]), whole, "chunks of {first}");
    }
}
