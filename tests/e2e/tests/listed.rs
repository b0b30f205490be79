//! `MISTAKES.md` lists what a mistake is answered with, and is true: every
//! statement in it is run, and what it says must be what comes.

#![expect(clippy::unwrap_used, reason = "a test panics where anything is amiss")]

use std::path::Path;

use datasource_e2e::{Profile, Stage};

/// The files that the list speaks of.
fn stage() -> Stage {
    let parquet = std::fs::read(datasource_e2e::real_drive().join("finance/stocks.parquet"));
    let parquet = parquet.unwrap();
    let mut corrupt = parquet.clone();
    let length = u32::from_le_bytes(*parquet[..parquet.len() - 4].last_chunk().unwrap());
    let footer = parquet.len() - 8 - length as usize;
    corrupt[footer + 40..footer + 80].fill(0xff);
    let mut damaged = parquet.clone();
    damaged[40..80].fill(0xff);
    let files: [(&str, &[u8]); 17] = [
        ("report.docx", b"PK\x03\x04"),
        ("empty.csv", b""),
        ("latin1.csv", b"name,city\nJ\xfcrgen,Z\xfcrich\n"),
        ("utf16.csv", b"\xff\xfea\0,\0b\0\n\x001\0,\x002\0\n\0"),
        ("ragged.csv", b"a,b\n1,2\n3\n4,5,6\n"),
        ("renamed.parquet", b"a,b\n1,2\n"),
        ("image.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
        ("numbers.json", b"[1, 2, 3]"),
        ("text.json", b"\"only a text\""),
        ("broken.json", b"[{\"a\": 1}, {\"a\": "),
        ("empty.json", b"[]"),
        ("truncated.parquet", &parquet[..2_000]),
        ("corrupt.parquet", &corrupt),
        ("damaged.parquet", &damaged),
        ("folder.csv/x.csv", b"a\n1\n"),
        ("2025/sales.csv", b"a\n1\n"),
        ("2026/Sales.csv", b"a\n2\n"),
    ];
    let stage = Stage::with_files(Profile::Business, &files);
    let _ = stage.create("drive").succeeds();
    stage
}

/// The statement and the answer of each entry: two blocks of code in a row.
fn entries(list: &str) -> Vec<(String, String)> {
    let mut blocks = list.split("```").skip(1).step_by(2).map(|block| {
        let (kind, text) = block.split_once('\n').unwrap();
        (kind.to_owned(), text.trim().to_owned())
    });
    let mut entries = Vec::new();
    while let Some((kind, statement)) = blocks.next() {
        assert_eq!(kind, "sql", "{statement}");
        let (kind, answer) = blocks.next().unwrap();
        assert_eq!(kind, "text", "{answer}");
        entries.push((statement, answer));
    }
    entries
}

#[test]
fn every_answer_in_the_list_is_what_comes() {
    let stage = stage();
    let path = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("MISTAKES.md");
    let entries = entries(&std::fs::read_to_string(path).unwrap());
    assert!(entries.len() >= 30, "{}", entries.len());
    let mut wrong = String::new();
    for (statement, expected) in entries {
        let answer = stage.sql(&statement);
        let got = format!("{}{}", answer.out, answer.err);
        if got.trim() != expected {
            wrong.push_str(&format!("{statement}\n--- listed\n{expected}\n--- came\n{got}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
