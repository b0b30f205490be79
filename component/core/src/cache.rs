//! What was found out about files, kept under their versions: how they are read, the bytes of small
//! ones, and the footers of Parquet files. How a file is read depends on its name too, and on the
//! version of this crate.
//!
//! The index knows what there is and how large; the oldest leaves when there is too much.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::digest::digest;
use crate::download::FileRef;
use crate::error::Result;
use crate::path::leaf;
use crate::ports::{Bucket, Ports};
use crate::tables::stream::StreamFormat;

/// Bytes of all that is kept.
const KEPT: usize = 16 << 20;
/// Values that are kept: two of a small file, one of another.
const VALUES: usize = 3_000;
/// The largest file whose bytes are kept.
pub(crate) const SMALL: u64 = 64 << 10;
/// The largest footer that is kept.
const LARGEST_FOOTER: usize = 128 << 10;
const INDEX: &str = "cache";
/// Tries of a write that others may overtake.
const TRIES: usize = 5;

/// How a file is read, and perhaps its bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Known {
    /// With what its transfer told.
    pub(crate) file: FileRef,
    pub(crate) format: StreamFormat,
}

#[derive(Default, Serialize, Deserialize)]
struct Index {
    /// The oldest first: key and bytes.
    entries: Vec<(String, usize)>,
}

/// Under which something of a file's version is kept.
fn key(file: &FileRef, domain: &str, options: &str) -> Option<String> {
    let parts = [&file.drive, &file.item, file.version.as_deref()?, options];
    Some(format!("{domain}-{}", &digest("onedrive-datasource cache 1", &parts)[..32]))
}

/// Under which it is kept how a file of that name is read with these options.
pub(crate) fn format_key(file: &FileRef, options: &[(String, String)]) -> Option<String> {
    let how = (env!("CARGO_PKG_VERSION"), leaf(&file.path), options);
    key(file, "format", &serde_json::to_string(&how).ok()?)
}

fn footer_key(file: &FileRef) -> Option<String> {
    key(file, "footer", "")
}

fn bytes_key(file: &FileRef) -> Option<String> {
    key(file, "content", "")
}

/// How a file is read, if that was found out before.
pub(crate) fn format(ports: &Ports, key: &str) -> Result<Option<Known>> {
    let value = ports.store.get(Bucket::Connection, key)?;
    Ok(value.and_then(|value| serde_json::from_slice(&value).ok()))
}

/// Forgets it, since the file turned out to be another one.
pub(crate) fn forget(ports: &Ports, key: &str) {
    let _ = ports.store.delete(Bucket::Connection, key);
}

/// The bytes of a file of this version, if they are kept.
pub(crate) fn bytes(ports: &Ports, file: &FileRef) -> Result<Option<Vec<u8>>> {
    let small = file.size <= SMALL;
    let Some(key) = bytes_key(file).filter(|_| small) else { return Ok(None) };
    let value = ports.store.get(Bucket::Connection, &key)?;
    Ok(value.filter(|value| value.len() as u64 == file.size))
}

/// The last bytes of a Parquet file, from where its footer starts or before.
#[derive(Clone)]
pub(crate) struct Footer {
    /// With what its transfer told.
    pub(crate) file: FileRef,
    pub(crate) start: u64,
    pub(crate) bytes: Bytes,
}

/// The footer of a file of this version, if it is kept.
pub(crate) fn footer(ports: &Ports, file: &FileRef) -> Result<Option<Footer>> {
    let Some(key) = footer_key(file) else { return Ok(None) };
    let value = ports.store.get(Bucket::Connection, &key)?;
    Ok(value.and_then(|value| {
        let line = value.iter().position(|byte| *byte == b'\n')?;
        let kept: FileRef = serde_json::from_slice(&value[..line]).ok()?;
        let bytes = Bytes::from(value).slice(line + 1..);
        let start = kept.size.checked_sub(bytes.len() as u64)?;
        Some(Footer { file: kept.found_at(file), start, bytes })
    }))
}

/// Forgets the footer, since the file turned out to be another one.
pub(crate) fn forget_footer(ports: &Ports, file: &FileRef) {
    if let Some(key) = footer_key(file) {
        forget(ports, &key);
    }
}

/// Something to be kept: under which key, and what.
pub(crate) type Finding = (String, Vec<u8>);

/// How a file is read, and, of a small one, all its bytes.
pub(crate) fn of_format(
    asked: &FileRef,
    options: &[(String, String)],
    known: &Known,
    bytes: Option<&[u8]>,
) -> Vec<Finding> {
    let mut values = Vec::new();
    if let (Some(key), Ok(value)) = (format_key(asked, options), serde_json::to_vec(known)) {
        values.push((key, value));
    }
    let small = bytes.filter(|bytes| bytes.len() as u64 <= SMALL);
    if let (Some(key), Some(bytes)) = (bytes_key(asked), small) {
        values.push((key, bytes.to_vec()));
    }
    values
}

/// The footer of a Parquet file, which may be all of a small one.
pub(crate) fn of_footer(asked: &FileRef, footer: &Footer) -> Option<Finding> {
    if footer.bytes.len() > LARGEST_FOOTER {
        return None;
    }
    let key = footer_key(asked)?;
    let mut value = serde_json::to_vec(&footer.file).ok()?;
    value.push(b'\n');
    value.extend_from_slice(&footer.bytes);
    Some((key, value))
}

/// Keeps what was found; that it cannot be kept stops nobody.
pub(crate) fn keep(ports: &Ports, mut values: Vec<Finding>) {
    values.retain(|(key, value)| ports.store.set(Bucket::Connection, key, value).is_ok());
    if !values.is_empty() {
        note(ports, &values);
    }
}

fn note(ports: &Ports, values: &[(String, Vec<u8>)]) {
    let store = &ports.store;
    for _ in 0..TRIES {
        let Ok(before) = store.get(Bucket::Connection, INDEX) else { return };
        let known = before.as_deref().and_then(|bytes| serde_json::from_slice(bytes).ok());
        let mut index: Index = known.unwrap_or_default();
        index.entries.retain(|(known, _)| values.iter().all(|(key, _)| key != known));
        index.entries.extend(values.iter().map(|(key, value)| (key.clone(), value.len())));
        let gone = too_much(&mut index);
        let Ok(after) = serde_json::to_vec(&index) else { return };
        match store.compare_and_swap(Bucket::Connection, INDEX, before.as_deref(), &after) {
            Ok(false) => {}
            Ok(true) => {
                for (key, _) in gone {
                    let _ = store.delete(Bucket::Connection, &key);
                }
                return;
            }
            Err(_) => return,
        }
    }
}

/// Takes the oldest out, as far as there is too much.
fn too_much(index: &mut Index) -> Vec<(String, usize)> {
    let mut bytes: usize = index.entries.iter().map(|(_, size)| size).sum();
    let mut count = index.entries.len();
    let mut gone = 0;
    while (bytes > KEPT || count > VALUES) && gone < index.entries.len() {
        bytes -= index.entries[gone].1;
        count -= 1;
        gone += 1;
    }
    index.entries.drain(..gone).collect()
}
