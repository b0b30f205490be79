//! Prose: plain text, Markdown and logs, cut into chunks of a size that search and language models
//! can take.
//!
//! The table has two columns: `content`, a chunk or the whole text, and `metadata`, JSON text that
//! names the file and its format. A chunk ends at the best place near its largest size: a blank
//! line, a line end, the end of a sentence, a space, or, where there is none, anywhere between two
//! characters. Unless it ends at a blank line, the next chunk begins some words earlier, so that
//! what was cut apart stands together once.
//!
//! Bytes that are not UTF-8 are replaced by U+FFFD and counted, or, in strict mode, an error.

mod decode;
mod options;
mod split;

use std::collections::HashMap;

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use serde::{Deserialize, Serialize};

pub use decode::TextDecoder;
pub use options::{TextOptions, option_docs};

use crate::{BatchSize, FormatError, encoding};
use split::Size;

/// What is known of a file of text: all that its decoder needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextFormat {
    source_file: String,
    file_format: String,
    /// Bytes of the byte order mark.
    data_offset: u64,
    /// Characters of a chunk, and of the overlap of two; nothing where the text is one row.
    chunks: Option<(usize, usize)>,
    strict: bool,
    max_record_bytes: usize,
}

impl TextFormat {
    /// Sees from the first bytes of a file whether it is text. `name` is the file's, with or
    /// without its folders. An empty file is a table without rows.
    ///
    /// # Errors
    ///
    /// [`FormatError::UnsupportedEncoding`] and [`FormatError::NotText`] for files that hold no
    /// UTF-8 text.
    pub fn sniff(name: &str, sample: &[u8], options: &TextOptions) -> Result<Self, FormatError> {
        let mark = encoding::utf8_start(sample, false)?;
        let source_file = name.rsplit('/').next().unwrap_or(name).to_owned();
        let extension = source_file.rsplit_once('.').map(|(_, extension)| extension);
        let file_format = extension.unwrap_or("txt").to_lowercase();
        Ok(Self {
            source_file,
            file_format,
            data_offset: mark as u64,
            chunks: options.chunks.then_some((options.chunk_size, options.chunk_overlap)),
            strict: options.strict,
            max_record_bytes: options.max_record_bytes,
        })
    }

    /// The schema: `content` and `metadata`, both text. The metadata of the schema tells, under
    /// keys that begin with `text.`, how the text is cut.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        let field = |name: &str| Field::new(name, DataType::Utf8, true);
        let chunks = match self.chunks {
            Some((size, overlap)) => {
                format!("at most {size} characters, with an overlap of at most {overlap}")
            }
            None => "none, one row".to_owned(),
        };
        let entries = [
            ("format", "text".to_owned()),
            ("text.encoding", "UTF-8".to_owned()),
            ("text.chunks", chunks),
        ];
        let metadata: HashMap<_, _> =
            entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let fields = vec![field("content"), field("metadata")];
        SchemaRef::new(Schema::new_with_metadata(fields, metadata))
    }

    /// A decoder of the file, from its first byte on.
    ///
    /// `projection` lists the columns wanted, by position and in the order wanted. After `limit`
    /// rows the decoder is done. A position that does not exist makes every call of the decoder
    /// fail with [`FormatError::NoSuchColumn`].
    #[must_use]
    pub fn decoder(
        &self,
        projection: Option<&[usize]>,
        limit: Option<u64>,
        size: BatchSize,
    ) -> TextDecoder {
        TextDecoder::new(self, projection, limit, size)
    }

    /// What the column `metadata` says in every row.
    fn row_metadata(&self) -> String {
        let (file, format) = (self.source_file.as_str(), self.file_format.as_str());
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        format!("{{\"source_file\": {}, \"file_format\": {}}}", quoted(file), quoted(format))
    }

    fn size(&self) -> Option<Size> {
        self.chunks.map(|(chunk, overlap)| Size { chunk, overlap })
    }
}
