//! What changed from state to state of a drive: one entry for each item that a run of the sync
//! changed, in immutable parts, the oldest forgotten.
//!
//! Entries are numbered from the first one on, and a cursor is such a number: how many entries
//! its owner has seen.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::bytes::{Reader, Writer, open_block};
use super::manifest::write_segment;
use crate::contract::ChangeKind;
use crate::error::Result;
use crate::item::Kind;
use crate::ports::{Bucket, Ports, TimestampMs};

const VERSION: u8 = 2;
/// Entries that are kept; whoever comes back after more has to begin anew.
const KEPT: u64 = 100_000;
/// Parts are joined once there are more than so many.
const PARTS: usize = 48;
/// Bytes of a part before it is compressed.
const FULL: usize = 512 << 10;

/// One item's change in one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Tells the runs apart.
    pub(crate) run: u64,
    pub(crate) kind: ChangeKind,
    pub(crate) id: String,
    /// Where it is; where it was, if it was deleted.
    pub(crate) path: String,
    /// Where it was, if it was moved.
    pub(crate) previous_path: Option<String>,
    /// What the item is.
    pub(crate) item: Kind,
    pub(crate) size: Option<u64>,
    pub(crate) modified: Option<TimestampMs>,
    pub(crate) content_version: Option<String>,
    /// When that was seen.
    pub(crate) seen_at: TimestampMs,
}

/// Which entries are kept where.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct History {
    /// Tells this history from one that began anew.
    pub(super) epoch: String,
    /// How many entries there were ever.
    pub(super) end: u64,
    /// How many runs brought any.
    pub(super) runs: u64,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    key: String,
    first: u64,
    count: u64,
    bytes: usize,
}

impl History {
    pub(super) fn keys(&self) -> impl Iterator<Item = &String> {
        self.parts.iter().map(|part| &part.key)
    }

    /// An empty one, under a name of its own.
    pub(super) fn begin(ports: &Ports) -> Self {
        let mut name = [0; 9];
        ports.random.fill(&mut name);
        Self { epoch: URL_SAFE_NO_PAD.encode(name), ..Self::default() }
    }

    /// Whether so many entries of a run can be kept.
    pub(super) fn takes(&self, entries: usize) -> bool {
        entries as u64 <= KEPT
    }

    /// Counts the entries of a run that are too many to be kept; those before are no use then.
    pub(super) fn forget(&mut self, entries: usize) {
        self.runs += 1;
        self.parts.clear();
        self.end += entries as u64;
    }

    /// The number of the oldest entry that is kept.
    pub(super) fn start(&self) -> u64 {
        self.parts.first().map_or(self.end, |part| part.first)
    }

    /// Adds the entries of a run.
    pub(super) fn append(&mut self, ports: &Ports, entries: &[Entry]) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        self.runs += 1;
        self.write(ports, entries)?;
        while self.end - self.start() > KEPT {
            self.parts.remove(0);
        }
        if self.parts.len() > PARTS {
            self.join(ports)?;
        }
        Ok(())
    }

    fn write(&mut self, ports: &Ports, entries: &[Entry]) -> Result<()> {
        let (mut writer, mut count) = (Writer::default(), 0);
        for (at, entry) in entries.iter().enumerate() {
            write(&mut writer, entry);
            count += 1;
            if writer.len() >= FULL || at + 1 == entries.len() {
                let full = std::mem::take(&mut writer);
                let bytes = full.len();
                let key = write_segment(ports, &full.block(VERSION))?;
                self.parts.push(Part { key, first: self.end, count, bytes });
                self.end += count;
                count = 0;
            }
        }
        Ok(())
    }

    /// Writes the small ones of the older half anew, as one.
    fn join(&mut self, ports: &Ports) -> Result<()> {
        let older: Vec<Part> = self.parts.drain(..PARTS / 2).collect();
        let newer = std::mem::take(&mut self.parts);
        let end = self.end;
        for together in older.chunk_by(|a, b| a.bytes + b.bytes < FULL) {
            if let [alone] = together {
                self.parts.push(alone.clone());
                continue;
            }
            let read: Result<Option<Vec<_>>> =
                together.iter().map(|part| read_part(ports, part)).collect();
            match read? {
                Some(read) => {
                    self.end = together[0].first;
                    self.write(ports, &read.concat())?;
                }
                // Whoever asks for it will have to begin anew.
                None => self.parts.extend_from_slice(together),
            }
        }
        self.parts.extend(newer);
        self.end = end;
        Ok(())
    }

    /// The entries from a number on, at least `most` of them; `None` if some of them are not kept
    /// any more.
    pub(super) fn since(
        &self,
        ports: &Ports,
        first: u64,
        most: usize,
    ) -> Result<Option<Vec<Entry>>> {
        if first < self.start() || first > self.end {
            return Ok(None);
        }
        let mut found = Vec::new();
        for part in self.parts.iter().filter(|part| part.first + part.count > first) {
            if found.len() >= most {
                break;
            }
            let Some(entries) = read_part(ports, part)? else { return Ok(None) };
            let seen = usize::try_from(first.saturating_sub(part.first)).unwrap_or(usize::MAX);
            found.extend(entries.into_iter().skip(seen));
        }
        Ok(Some(found))
    }
}

/// The entries of a part; `None` where it is gone or damaged.
fn read_part(ports: &Ports, part: &Part) -> Result<Option<Vec<Entry>>> {
    let block = ports.store.get(Bucket::Connection, &part.key)?;
    let Some(bytes) = block.and_then(|block| open_block(&block, VERSION)) else { return Ok(None) };
    let mut reader = Reader::new(&bytes);
    let mut entries = Vec::new();
    while !reader.is_empty() {
        let Some(entry) = read(&mut reader) else { return Ok(None) };
        entries.push(entry);
    }
    Ok(Some(entries).filter(|entries| entries.len() as u64 == part.count))
}

const KINDS: [ChangeKind; 4] =
    [ChangeKind::Added, ChangeKind::Modified, ChangeKind::Moved, ChangeKind::Deleted];

fn write(out: &mut Writer, entry: &Entry) {
    out.number(entry.run);
    out.byte(KINDS.iter().position(|kind| *kind == entry.kind).unwrap_or(0) as u8);
    out.byte(entry.item.number());
    out.text(&entry.id);
    out.text(&entry.path);
    out.optional_text(entry.previous_path.as_deref());
    out.optional_number(entry.size);
    out.time(entry.modified);
    out.optional_text(entry.content_version.as_deref());
    out.time(Some(entry.seen_at));
}

fn read(reader: &mut Reader<'_>) -> Option<Entry> {
    let run = reader.number()?;
    let kind = *KINDS.get(usize::from(reader.byte()?))?;
    Some(Entry {
        run,
        kind,
        item: Kind::of_number(reader.byte()?)?,
        id: reader.text()?.to_owned(),
        path: reader.text()?.to_owned(),
        previous_path: reader.optional_text()?.map(str::to_owned),
        size: reader.optional_number()?,
        modified: reader.time()?,
        content_version: reader.optional_text()?.map(str::to_owned),
        seen_at: reader.time()?.unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::test_store::ports;

    fn entries(from: u64, count: u64) -> Vec<Entry> {
        let entry = |number: u64| Entry {
            run: number,
            kind: KINDS[usize::try_from(number % 4).unwrap()],
            id: format!("id{number}"),
            path: format!("folder/{number}.csv"),
            previous_path: (number % 4 == 2).then(|| format!("{number}.csv")),
            item: if number.is_multiple_of(7) { Kind::Folder } else { Kind::File },
            size: (!number.is_multiple_of(3)).then_some(number),
            modified: (!number.is_multiple_of(5)).then_some(1_700_000_000_000),
            content_version: None,
            seen_at: 1,
        };
        (from..from + count).map(entry).collect()
    }

    fn ids(history: &History, ports: &Ports, since: u64) -> Option<Vec<u64>> {
        let found = history.since(ports, since, usize::MAX).unwrap()?;
        Some(found.iter().map(|entry| entry.id[2..].parse().unwrap()).collect())
    }

    #[test]
    fn every_cursor_gives_what_came_after_it_however_parts_were_joined() {
        let (_, ports) = ports();
        let mut history = History::default();
        let mut end = 0;
        for run in 0..200 {
            let count = 1 + run % 3;
            history.append(&ports, &entries(end, count)).unwrap();
            end += count;
        }
        assert!(history.parts.len() <= PARTS + 1, "{} parts", history.parts.len());
        for since in 0..=end {
            let expected: Vec<u64> = (since..end).collect();
            assert_eq!(ids(&history, &ports, since), Some(expected), "since {since}");
        }
        assert_eq!(ids(&history, &ports, end + 1), None);
        let whole = history.since(&ports, 0, usize::MAX).unwrap().unwrap();
        assert_eq!(whole, entries(0, end), "entries come back as they were");
    }

    #[test]
    fn the_oldest_are_forgotten_and_their_cursors_said_to_be_too_old() {
        let (_, ports) = ports();
        let mut history = History::default();
        for run in 0..5 {
            history.append(&ports, &entries(run * 30_000, 30_000)).unwrap();
        }
        assert!(history.end - history.start() <= KEPT);
        assert_eq!(ids(&history, &ports, 0), None);
        assert_eq!(ids(&history, &ports, 149_999), Some(vec![149_999]));
        assert!(!history.takes(usize::try_from(KEPT).unwrap() + 1));
        history.forget(usize::try_from(KEPT).unwrap() + 1);
        assert_eq!(ids(&history, &ports, 150_000), None, "a run too large for it");
        assert_eq!(ids(&history, &ports, history.end), Some(vec![]));
    }

    #[test]
    fn a_part_that_is_damaged_is_no_history() {
        let (memory, ports) = ports();
        let mut history = History::default();
        history.append(&ports, &entries(0, 10)).unwrap();
        let key = history.parts[0].key.clone();
        let whole = memory.values.borrow()[&key].clone();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x55;
            memory.values.borrow_mut().insert(key.clone(), changed);
            let _ = history.since(&ports, 0, usize::MAX).unwrap();
            memory.values.borrow_mut().insert(key.clone(), whole[..at].to_vec());
            assert_eq!(ids(&history, &ports, 0), None, "cut at {at}");
        }
    }
}
