//! From the name in a statement to what it means.
//!
//! A name is a full path. Everything after `?` is read options; `*` and a
//! trailing `/` (globs and folders) cannot stand in OneDrive names.

use crate::error::{Error, ErrorKind, Result};
use crate::glob::Glob;
use crate::tables::system::SystemTable;
use crate::url::decode;

/// A table by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TableName {
    /// The system table `files`.
    Files,
    /// The system table `onedrive_changes`.
    Changes,
    /// One of the small system tables.
    System(SystemTable),
    /// Several files as one table.
    Union(Glob),
    /// A file by its full path, without a leading slash.
    File(String),
}

/// Splits a name into table and options. `/files` means the file.
pub(crate) fn parse(name: &str) -> Result<(TableName, Vec<(String, String)>)> {
    let (path, query) = name.split_once('?').unwrap_or((name, ""));
    let options =
        query.split('&').filter(|pair| !pair.is_empty()).map(option).collect::<Result<_>>()?;
    if path.eq_ignore_ascii_case(crate::tables::files::NAME) {
        return Ok((TableName::Files, options));
    }
    if path.eq_ignore_ascii_case(crate::tables::changes::NAME) {
        return Ok((TableName::Changes, options));
    }
    let system = SystemTable::ALL.iter().find(|table| path.eq_ignore_ascii_case(table.name()));
    if let Some(table) = system {
        return Ok((TableName::System(*table), options));
    }
    let path = path.strip_prefix('/').unwrap_or(path);
    if let Some(glob) = Glob::parse(path) {
        let literal = path.strip_suffix('/').unwrap_or(path).replace('*', "x");
        if !literal.is_empty() {
            check_path(&literal)?;
        }
        return Ok((TableName::Union(glob), options));
    }
    check_path(path)?;
    Ok((TableName::File(path.to_owned()), options))
}

/// Refuses what no path from the root can be; such a path must not get into a
/// URL either.
pub(crate) fn check_path(path: &str) -> Result<()> {
    let bad =
        path.chars().find(|c| matches!(c, '"' | ':' | '<' | '>' | '\\' | '|') || c.is_control());
    if let Some(bad) = bad {
        return Err(Error::new(
            ErrorKind::NotFound,
            format!("No OneDrive path can contain {bad:?}, so there is no table `{path}`."),
        ));
    }
    if path.is_empty() || path.split('/').any(|s| matches!(s, "" | "." | "..")) {
        return Err(Error::new(
            ErrorKind::NotFound,
            format!("`{path}` is not the path of a file."),
        )
        .hint("Write the full path from the drive's root, such as `reports/q3.csv`."));
    }
    Ok(())
}

fn option(pair: &str) -> Result<(String, String)> {
    let (name, value) = pair.split_once('=').unwrap_or((pair, "true"));
    match (decode(name), decode(value)) {
        (Some(name), Some(value)) => Ok((name, value)),
        _ => Err(Error::new(
            ErrorKind::InvalidParams,
            "A read option after `?` is not valid UTF-8 once its %XX are decoded.",
        )),
    }
}

/// The text after the last dot of a file name, in lower case; empty without
/// a dot.
#[must_use]
pub(crate) fn extension(name: &str) -> String {
    let leaf = crate::path::leaf(name);
    leaf.rsplit_once('.').map(|(_, ext)| ext.to_lowercase()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(path: &str) -> TableName {
        TableName::File(path.to_owned())
    }

    #[test]
    fn the_system_table_wins_and_a_slash_means_the_file() {
        assert_eq!(parse("files").unwrap().0, TableName::Files);
        assert_eq!(parse("FILES").unwrap().0, TableName::Files);
        assert_eq!(parse("/files").unwrap().0, file("files"));
    }

    #[test]
    fn options_follow_the_question_mark() {
        let (name, options) = parse("a/b c#1.csv?delimiter=%3B&header&null=").unwrap();
        assert_eq!(name, file("a/b c#1.csv"));
        let options: Vec<_> = options.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(options, [("delimiter", ";"), ("header", "true"), ("null", "")]);
    }

    #[test]
    fn paths_that_no_drive_has_are_refused() {
        for bad in ["", "/", "a//b.csv", "../a.csv", "a\\b.csv", "a:b", "./x"] {
            assert_eq!(parse(bad).unwrap_err().kind, ErrorKind::NotFound, "{bad}");
        }
    }

    #[test]
    fn stars_and_a_trailing_slash_mean_several_files() {
        for several in ["a/*.csv", "/a/*.csv", "a/", "**/*.csv?filename=true"] {
            assert!(matches!(parse(several).unwrap().0, TableName::Union(_)), "{several}");
        }
        for bad in ["a//*.csv", "../*", "a:/*", "a//"] {
            assert_eq!(parse(bad).unwrap_err().kind, ErrorKind::NotFound, "{bad}");
        }
    }

    #[test]
    fn the_extension_is_what_follows_the_last_dot() {
        assert_eq!(extension("a.b/REPORT.Csv"), "csv");
        assert_eq!(extension("a.b/README"), "");
    }

    proptest! {
        #[test]
        fn no_name_makes_it_panic(name in "\\PC*") {
            let _ = parse(&name);
        }
    }
}
