//! The columns of `files`, and when the value of each is known.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use serde::{Deserialize, Serialize};

use crate::filter::Holds;

/// Says which read option the host passes when the column is named.
const FETCH_WHEN_NAMED: &str = "platform:fetch-when-named";

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Column {
    Name,
    Path,
    Extension,
    Content,
    Id,
    Size,
    Modified,
    Created,
    ETag,
    MimeType,
    Hash,
    Owner,
    WebUrl,
    Shared,
    Type,
    DeletedAt,
}

impl Column {
    /// MindsDB's first, in its order; then ours.
    pub(super) const ALL: [Self; 16] = [
        Self::Name,
        Self::Path,
        Self::Extension,
        Self::Content,
        Self::Id,
        Self::Size,
        Self::Modified,
        Self::Created,
        Self::ETag,
        Self::MimeType,
        Self::Hash,
        Self::Owner,
        Self::WebUrl,
        Self::Shared,
        Self::Type,
        Self::DeletedAt,
    ];

    pub(super) fn field(self) -> Field {
        let time = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let text = |name| Field::new(name, DataType::Utf8, false);
        let optional = |name, data_type| Field::new(name, data_type, true);
        match self {
            Self::Name => text("name"),
            Self::Path => text("path"),
            Self::Extension => text("extension"),
            Self::Content => fetched(optional("content", DataType::Binary), "content=fetch"),
            Self::Id => text("id"),
            Self::Size => optional("size", DataType::Int64),
            Self::Modified => optional("modified", time()),
            Self::Created => optional("created", time()),
            Self::ETag => optional("etag", DataType::Utf8),
            Self::MimeType => optional("mime_type", DataType::Utf8),
            Self::Hash => optional("hash", DataType::Utf8),
            Self::Owner => fetched(optional("owner", DataType::Utf8), "owner=fetch"),
            Self::WebUrl => optional("web_url", DataType::Utf8),
            Self::Shared => optional("shared", DataType::Boolean),
            Self::Type => text("type"),
            Self::DeletedAt => optional("deleted_at", time()),
        }
    }

    /// What its predicates compare; none where they are left to the host.
    pub(super) fn holds(self) -> Option<Holds> {
        match self.field().data_type() {
            DataType::Utf8 => Some(Holds::Text),
            DataType::Int64 | DataType::Timestamp(..) | DataType::Boolean => Some(Holds::Number),
            _ => None,
        }
    }

    /// When it is known.
    pub(super) fn stage(self) -> Stage {
        match self {
            // Content is fetched by its version, which is a detail.
            Self::Content
            | Self::Created
            | Self::ETag
            | Self::MimeType
            | Self::Hash
            | Self::WebUrl
            | Self::Shared => Stage::Details,
            Self::Owner => Stage::Owner,
            _ => Stage::Listed,
        }
    }
}

/// When something of a row is known: each costs more than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// As soon as it is listed.
    Listed,
    /// Once it was read from where the details are.
    Details,
    /// Once it was asked for, perhaps.
    Owner,
}

/// A column for which the host passes a read option when it is named.
fn fetched(field: Field, option: &str) -> Field {
    field.with_metadata(HashMap::from([(FETCH_WHEN_NAMED.to_owned(), option.to_owned())]))
}

/// The columns.
pub(crate) fn schema() -> SchemaRef {
    Arc::new(Schema::new(Column::ALL.map(Column::field).to_vec()))
}
