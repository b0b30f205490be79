//! One promise each, with the text in sight. Where other readers part ways, the promise is what
//! users of DuckDB expect.

use tabular_formats::FormatError;

use super::rows::{read, try_read};

#[test]
fn semicolons_part_columns() {
    let read = read("a;b\n1;2\n", &[]);
    assert_eq!(read.columns(), ["a Int64", "b Int64"]);
    assert_eq!(read.rows(), ["1|2"]);
    assert_eq!(read.found("csv.delimiter"), Some(";"));
}

#[test]
fn a_file_without_a_header_loses_no_row() {
    let read = read("1,2\n3,4\n", &[]);
    assert_eq!(read.columns(), ["column0 Int64", "column1 Int64"]);
    assert_eq!(read.rows(), ["1|2", "3|4"]);
    assert_eq!(read.found("csv.header"), Some("no (the first row is like the others)"));
}

#[test]
fn codes_with_leading_zeros_stay_text() {
    let read = read("zip,n\n00123,1\n90210,2\n", &[]);
    assert_eq!(read.columns(), ["zip Utf8", "n Int64"]);
    assert_eq!(read.rows(), ["00123|1", "90210|2"]);
    let headerless = super::rows::read("00501,1\n90210,2\n90211,3\n", &[]);
    assert_eq!(headerless.columns(), ["column0 Utf8", "column1 Int64"]);
}

#[test]
fn integers_of_more_than_18_digits_stay_text() {
    let read = read("a,b\n123456789012345678,1234567890123456789\n", &[]);
    assert_eq!(read.columns(), ["a Int64", "b Utf8"]);
}

#[test]
fn comment_lines_are_skipped_above_and_between_rows() {
    let above = read("# made by hand\n# twice, \"really\na,b\n1,2\n", &[]);
    assert_eq!((above.columns().len(), above.rows()), (2, vec!["1|2".to_owned()]));
    assert_eq!(above.found("csv.skipped_lines"), Some("2"));
    let between = read("a,b,c\n1,2,3\n# half time\n4,5,6\n", &[]);
    assert_eq!(between.rows(), ["1|2|3", "4|5|6"]);
    assert_eq!(between.tally.comment_lines, 1);
}

#[test]
fn rows_that_begin_with_a_hash_are_rows() {
    let tags = read("tag,n\n#one,1\n#two,2\n", &[]);
    assert_eq!(tags.rows(), ["#one|1", "#two|2"]);
    let header = read("#chrom,pos\nx,2\ny,3\n", &[]);
    assert_eq!(header.columns(), ["#chrom Utf8", "pos Int64"]);
    let one_column = read("note\n# first\nplain\n# second\n", &[]);
    assert_eq!(one_column.rows(), ["# first", "plain", "# second"]);
}

#[test]
fn a_preamble_is_skipped_where_it_clearly_is_one() {
    for text in [
        "Sales report\n\nregion,amount,n\nnorth,1.5,3\n",
        "Sales report\nall regions\nregion,amount,n\nnorth,1.5,3\n",
        "Sales report\nregion,amount,n\nnorth,1.5,3\n",
        "Report,2024\n\nregion,amount,n\nnorth,1.5,3\n",
    ] {
        let read = read(text, &[]);
        assert_eq!(read.columns(), ["region Utf8", "amount Float64", "n Int64"], "{text:?}");
        assert_eq!(read.rows(), ["north|1.5|3"], "{text:?}");
    }
}

#[test]
fn a_header_with_too_few_names_is_no_preamble() {
    let one_name = read("name\nDoe, John\nRoe, Jane\n", &[]);
    assert_eq!(one_name.columns(), ["name Utf8", "column1 Utf8"]);
    assert_eq!(one_name.rows(), ["Doe| John", "Roe| Jane"]);
    let trailing = read("a,b,c\n1,2,3,\n4,5,6,\n", &[]);
    assert_eq!(trailing.columns(), ["a Int64", "b Int64", "c Int64", "column3 Utf8"]);
    assert_eq!(trailing.rows(), ["1|2|3|NULL", "4|5|6|NULL"]);
}

#[test]
fn carriage_returns_alone_end_lines() {
    let read = read("a,b\r1,2\r3,4\r", &[]);
    assert_eq!(read.rows(), ["1|2", "3|4"]);
    assert_eq!(read.found("csv.newline"), Some("CR"));
}

#[test]
fn crlf_ends_lines_and_leaves_nothing_behind() {
    assert_eq!(read("a,b\r\n1,x\r\n3,y\r\n", &[]).rows(), ["1|x", "3|y"]);
    assert_eq!(read("a,b\r\n1,\"x\"\r\n3,\"y\"", &[]).rows(), ["1|x", "3|y"]);
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_name() {
    assert_eq!(read("\u{feff}a,b\n1,2\n", &[]).columns(), ["a Int64", "b Int64"]);
}

#[test]
fn latin_1_is_refused_by_name_and_read_when_told() {
    let text = b"name,n\nStra\xDFe,1\nWeg,2\n";
    let Err(error) = try_read(text, &[]) else { panic!("read") };
    assert!(matches!(error, FormatError::UnsupportedEncoding { .. }));
    assert!(error.to_string().contains("Windows-1252"), "{error}");
    assert!(error.hint().unwrap().contains("encoding = 'utf-8'"));
    let forced = try_read(text, &[("encoding", "utf-8")]).unwrap();
    assert_eq!(forced.rows(), ["NULL|1", "Weg|2"]);
    assert_eq!(
        forced.warnings(),
        ["Column `name`: 1 text is not UTF-8 and became NULL; the first is on line 2."]
    );
}

#[test]
fn utf_16_is_refused_by_name() {
    let text: Vec<u8> = "\u{feff}a,b\n1,2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let Err(error) = try_read(&text, &[]) else { panic!("read") };
    assert_eq!(
        error.to_string(),
        "The file is not UTF-8 text; it looks like UTF-16 (little-endian)."
    );
}

#[test]
fn dates_that_are_not_iso_and_words_for_truth_stay_text() {
    let read = read("day,ok\n13/02/2024,yes\n14/02/2024,no\n", &[]);
    assert_eq!(read.columns(), ["day Utf8", "ok Utf8"]);
}

#[test]
fn only_the_empty_text_is_null() {
    let read = read("a,b,c\nNA,1,\n,2,null\n\"\",3,NULL\n", &[]);
    assert_eq!(read.rows(), ["NA|1|NULL", "NULL|2|null", "|3|NULL"]);
}

#[test]
fn null_values_can_be_told() {
    let text = "a,b\nNA,1\nx,NA\n,3\n";
    let told = read(text, &[("null_values", "NA,")]);
    assert_eq!(told.columns(), ["a Utf8", "b Int64"]);
    assert_eq!(told.rows(), ["NULL|1", "x|NULL", "NULL|3"]);
    let only = read(text, &[("null_values", "NA")]);
    assert_eq!(only.rows(), ["NULL|1", "x|NULL", "|3"]);
    assert_eq!(only.tally.nulled_cells, 0);
    let pandas = read("a,b\nn/a,1.5\nx,nan\n\"NULL\",2\n", &[("null_values", "pandas")]);
    assert_eq!(pandas.rows(), ["NULL|1.5", "x|NULL", "NULL|2.0"]);
}

#[test]
fn a_row_longer_than_the_header_loses_its_end_and_is_counted() {
    let read = read("a,b\n1,2\n3,4,5\n6,7\n", &[]);
    assert_eq!(read.rows(), ["1|2", "3|4", "6|7"]);
    assert_eq!(read.tally.long_rows, 1);
    assert_eq!(
        read.warnings(),
        [
            "1 row has too many fields, the extra were dropped; the first is on line 3 with 3 fields."
        ]
    );
}

#[test]
fn a_short_row_is_filled_with_null_and_counted() {
    let read = read("a,b,c\n1,2,3\n4\n5,6,7\n", &[]);
    assert_eq!(read.rows(), ["1|2|3", "4|NULL|NULL", "5|6|7"]);
    assert_eq!(read.tally.short_rows, 1);
}

#[test]
fn a_value_past_the_sample_that_does_not_fit_is_null_and_counted() {
    let read = read("a,b\n1,x\n2,y\nsix,z\n007,z\n", &[("sample_rows", "2")]);
    assert_eq!(read.columns(), ["a Int64", "b Utf8"]);
    assert_eq!(read.rows(), ["1|x", "2|y", "NULL|z", "NULL|z"]);
    assert_eq!(read.tally.nulled_cells, 2);
    assert_eq!(
        read.warnings(),
        [
            "Column `a`: 2 values do not fit the type and became NULL; the first is on line 4: `six`."
        ]
    );
}

#[test]
fn strict_mode_fails_at_the_first_thing_that_does_not_fit() {
    let strict = |text: &str| {
        let options = [("strict", "true"), ("sample_rows", "1"), ("quote", "\"")];
        try_read(text.as_bytes(), &options).err().map(|error| error.to_string())
    };
    assert_eq!(strict("a,b\n1,x\n2,y\n"), None);
    for (text, sentence) in [
        (
            "a,b\n1,x\n2,y\nsix,z\n",
            "Line 4, column `a`: `six` does not fit the type of the column.",
        ),
        ("a,b\n1,x\n2\nsix,z\n", "Line 3: the row is short, with 1 field."),
        ("a,b\n1,x\n2,y,z\n", "Line 3: the row is long, with 3 fields."),
        ("a,b\n1,x\n2,\"y\"z\n", "Line 3: text follows a closing quote."),
        ("a,b\n1,x\n2,\"y\n", "Line 3: a quote is not closed."),
        (
            "a,b\n1,\"x\n\n\"\nsix,z\n",
            "Line 5, column `a`: `six` does not fit the type of the column.",
        ),
    ] {
        assert_eq!(strict(text).as_deref(), Some(sentence));
    }
}

#[test]
fn all_text_is_assumed_to_have_a_header() {
    let read = read("name,city\nAnn,Oslo\nBob,Bergen\n", &[]);
    assert_eq!(read.columns(), ["name Utf8", "city Utf8"]);
    assert_eq!(read.found("csv.header"), Some("yes (assumed, since every column is text)"));
}

#[test]
fn a_header_alone_is_a_table_without_rows() {
    for text in ["a,b,c\n", "a,b,c"] {
        let read = read(text, &[]);
        assert_eq!(read.columns(), ["a Utf8", "b Utf8", "c Utf8"]);
        assert!(read.rows().is_empty() && read.batches.is_empty());
    }
    assert_eq!(read("1,2\n", &[]).rows(), ["1|2"]);
}

#[test]
fn header_can_be_told() {
    assert_eq!(read("1,2\n3,4\n", &[("header", "yes")]).columns(), ["1 Int64", "2 Int64"]);
    assert_eq!(read("a,b\nc,d\n", &[("header", "no")]).rows(), ["a|b", "c|d"]);
}

#[test]
fn names_are_trimmed_filled_in_and_made_unique() {
    let read = read(" a ,,A,a,\"b \"\n1,2,3,4,5\n", &[]);
    let names: Vec<_> = read.schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["a", "column1", "A_1", "a_2", "b"]);
}

#[test]
fn eleven_columns_without_names_sort_by_name() {
    let read = read(&format!("{}\n", ["1"; 11].join(",")), &[]);
    assert_eq!(read.schema.field(1).name(), "column01");
}

#[test]
fn every_type_is_inferred_and_read() {
    let read = read(
        "b,i,f,d,t,ts,tz,s\n\
         true,-1,.5,1970-01-02,00:00:01,1970-01-01 00:00:02,1970-01-01T02:00:00+02:00,x\n\
         FALSE,2,1e3,1969-12-31,23:59:59.5,1970-01-02,1970-01-01T00:00:00.25Z,y\n\
         ,,,,,,,\n",
        &[],
    );
    assert_eq!(
        read.columns(),
        [
            "b Boolean",
            "i Int64",
            "f Float64",
            "d Date32",
            "t Time64(µs)",
            "ts Timestamp(µs)",
            "tz Timestamp(µs, \"UTC\")",
            "s Utf8"
        ]
    );
    assert_eq!(
        read.rows(),
        [
            "true|-1|0.5|day 1|µs 1000000|µs 2000000|µs 0|x",
            "false|2|1000.0|day -1|µs 86399500000|µs 86400000000|µs 250000|y",
            "NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL",
        ]
    );
    assert_eq!(read.tally.nulled_cells, 0);
}

#[test]
fn spaces_and_quotes_around_values_do_not_make_them_text() {
    let read = read("a, b\n1, \"2.5\"\n\"3\",4 \n", &[]);
    assert_eq!(read.columns(), ["a Int64", "b Float64"]);
    assert_eq!(read.rows(), ["1|2.5", "3|4.0"]);
}

#[test]
fn text_keeps_its_spaces() {
    assert_eq!(read("a,b\n x ,1\ny,2\n", &[]).rows(), [" x |1", "y|2"]);
}

#[test]
fn quoted_text_may_hold_anything() {
    let read = read("a,b\n\"x, \"\"y\"\"\nz\",1\n", &[]);
    assert_eq!(read.rows(), ["x, \"y\"\nz|1"]);
}

#[test]
fn types_can_be_declared() {
    let declared = [("types", r#"{"ZIP": "bigint", "n": "varchar"}"#)];
    let read = read("zip,n\n00123,1\n90210,2\n", &declared);
    assert_eq!(read.columns(), ["zip Int64", "n Utf8"]);
    assert_eq!(read.rows(), ["123|1", "90210|2"]);
    let unknown = try_read(b"a\n1\n", &[("types", r#"{"b": "bigint"}"#)]);
    assert!(matches!(unknown.err(), Some(FormatError::NoSuchColumn { .. })));
}

#[test]
fn every_column_can_be_text() {
    let read = read("a,b\n1,2024-01-01\n", &[("all_varchar", "true")]);
    assert_eq!(read.columns(), ["a Utf8", "b Utf8"]);
    assert_eq!(read.rows(), ["1|2024-01-01"]);
}

#[test]
fn lines_can_be_skipped() {
    let read = read("x,y\nz\na,b\n1,2\n", &[("skip", "2")]);
    assert_eq!(read.columns(), ["a Int64", "b Int64"]);
    assert_eq!(read.rows(), ["1|2"]);
}

#[test]
fn one_column_needs_no_delimiter_and_keeps_blank_lines_as_null() {
    let read = read("n\n1\n\n3\n", &[]);
    assert_eq!(read.columns(), ["n Int64"]);
    assert_eq!(read.rows(), ["1", "NULL", "3"]);
}

#[test]
fn in_text_without_columns_nothing_parts_lines() {
    let read = read("comment\nFine\nGood, but slow\n\"Quoted, too\"\nBad; really\n", &[]);
    assert_eq!(read.columns(), ["comment Utf8"]);
    assert_eq!(read.rows(), ["Fine", "Good, but slow", "Quoted, too", "Bad; really"]);
    assert_eq!(read.found("csv.delimiter"), Some("none"));
}

#[test]
fn a_first_line_for_excel_tells_the_delimiter() {
    let read = read("sep=|\r\na|b;c\r\n1|2;3\r\n", &[]);
    assert_eq!(read.columns(), ["a Int64", "b;c Utf8"]);
    assert_eq!(read.rows(), ["1|2;3"]);
}

#[test]
fn values_written_in_other_ways_are_no_names() {
    let read = read("01.02.2024;1.234,56;a\n02.02.2024;12,00;b\n", &[]);
    assert_eq!(read.rows(), ["01.02.2024|1.234,56|a", "02.02.2024|12,00|b"]);
}

#[test]
fn blank_lines_between_rows_are_no_rows() {
    assert_eq!(read("a,b\n\n1,2\n\r\n3,4\n\n", &[]).rows(), ["1|2", "3|4"]);
}

#[test]
fn an_empty_file_is_an_error() {
    for text in ["", "\u{feff}", "\n\n", "\r\n"] {
        assert!(
            matches!(try_read(text.as_bytes(), &[]).err(), Some(FormatError::Empty)),
            "{text:?}"
        );
    }
}

#[test]
fn a_file_that_is_no_text_is_named() {
    let Err(error) = try_read(b"PK\x03\x04\x14\x00\x06\x00", &[]) else { panic!("read") };
    assert_eq!(
        error.to_string(),
        "The file is not text; it looks like a ZIP archive or an Office document."
    );
}

#[test]
fn too_many_columns_are_refused() {
    let header = vec!["a"; 70_000].join(",");
    assert!(matches!(
        try_read(header.as_bytes(), &[]).err(),
        Some(FormatError::TooManyColumns { columns: 70_000, .. })
    ));
}
