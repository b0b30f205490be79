//! What a file is by its name: which formats are read, and how.

use crate::table_name::extension;

/// A format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileType {
    /// Front to back.
    Stream(StreamType),
    /// By ranges.
    Parquet,
}

/// A format that is read front to back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamType {
    Csv,
    Tsv,
    Json,
    Text,
}

impl FileType {
    /// By the extension, in any case; `None` if such files are not read.
    pub(crate) fn of(path: &str) -> Option<Self> {
        Some(match extension(path).as_str() {
            "csv" => Self::Stream(StreamType::Csv),
            "tsv" | "tab" => Self::Stream(StreamType::Tsv),
            "json" | "jsonl" | "ndjson" => Self::Stream(StreamType::Json),
            "txt" | "md" | "log" => Self::Stream(StreamType::Text),
            "parquet" | "parq" | "pq" => Self::Parquet,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_decides_in_any_case() {
        assert_eq!(FileType::of("a/b.CSV"), Some(FileType::Stream(StreamType::Csv)));
        assert_eq!(FileType::of("a.csv/b.tsv"), Some(FileType::Stream(StreamType::Tsv)));
        for unread in ["a/csv", "a.exe", "a.", ""] {
            assert_eq!(FileType::of(unread), None, "{unread}");
        }
    }
}
