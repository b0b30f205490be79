//! A row of `files`: what is known of an item, by column.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_schema::DataType;

use super::column::Column;
use crate::entries::Entry;
use crate::filter::Value;
use crate::item::Item;
use crate::ports::TimestampMs;
use crate::table_name::extension;

/// One row; `content` once it was fetched.
pub(super) struct Row {
    pub(super) entry: Entry,
    extension: String,
    pub(super) deleted_at: Option<TimestampMs>,
    pub(super) content: Option<Vec<u8>>,
    pub(super) warning: Option<String>,
}

impl Row {
    pub(super) fn new(entry: Entry, deleted_at: Option<TimestampMs>) -> Self {
        let is_file = entry.item.kind.is_file();
        let extension = if is_file { extension(&entry.item.name) } else { String::new() };
        Self { entry, extension, deleted_at, content: None, warning: None }
    }

    pub(super) fn value(&self, column: Column) -> Value<'_> {
        let Item { id, name, kind, size, modified, details, .. } = &self.entry.item;
        let time = |ms: Option<TimestampMs>| {
            ms.map_or(Value::Null, |ms| Value::Number(ms.saturating_mul(1000)))
        };
        match column {
            Column::Name => Value::Text(name),
            Column::Path => Value::Text(&self.entry.path),
            Column::Extension => Value::Text(&self.extension),
            Column::Content => Value::Null,
            Column::Id => Value::Text(id),
            Column::Size => number(size.and_then(|size| i64::try_from(size).ok())),
            Column::Modified => time(*modified),
            Column::Created => time(details.created),
            Column::ETag => nullable(details.e_tag.as_deref()),
            Column::MimeType => nullable(details.mime_type.as_deref()),
            Column::Hash => nullable(details.hash.as_deref()),
            Column::Owner => nullable(details.owner.as_deref().filter(|owner| !owner.is_empty())),
            Column::WebUrl => nullable(details.web_url.as_deref()),
            // What of a deleted item is not known is not told.
            Column::Shared => number(self.deleted_at.is_none().then(|| details.shared.into())),
            Column::Type => Value::Text(kind.name()),
            Column::DeletedAt => time(self.deleted_at),
        }
    }
}

fn nullable(text: Option<&str>) -> Value<'_> {
    text.map_or(Value::Null, Value::Text)
}

fn number(value: Option<i64>) -> Value<'static> {
    value.map_or(Value::Null, Value::Number)
}

/// A column of some rows.
pub(super) fn array(rows: &[Row], column: Column) -> ArrayRef {
    let number = |row: &Row| match row.value(column) {
        Value::Number(number) => Some(number),
        _ => None,
    };
    match column.field().data_type() {
        DataType::Binary => {
            let mut builder = BinaryBuilder::new();
            rows.iter().for_each(|row| builder.append_option(row.content.as_deref()));
            Arc::new(builder.finish())
        }
        DataType::Int64 => {
            let mut builder = Int64Builder::new();
            rows.iter().for_each(|row| builder.append_option(number(row)));
            Arc::new(builder.finish())
        }
        DataType::Boolean => {
            let mut builder = BooleanBuilder::new();
            rows.iter().for_each(|row| builder.append_option(number(row).map(|truth| truth != 0)));
            Arc::new(builder.finish())
        }
        DataType::Timestamp(..) => {
            let mut builder = TimestampMicrosecondBuilder::new().with_timezone("UTC");
            rows.iter().for_each(|row| builder.append_option(number(row)));
            Arc::new(builder.finish())
        }
        _ => {
            let mut builder = StringBuilder::new();
            rows.iter().for_each(|row| match row.value(column) {
                Value::Text(text) => builder.append_value(text),
                _ => builder.append_null(),
            });
            Arc::new(builder.finish())
        }
    }
}
