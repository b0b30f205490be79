//! What was typed at the prompt, kept in the state directory for the next one: a JSON text for each
//! entry, secrets masked before they are stored, the file readable by its owner only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use datasource_sql::{Session, redacted, statements};

/// Entries that are offered again.
pub(super) const MAX_ENTRIES: usize = 1_000;

/// Longer entries are not kept.
const LONGEST: usize = 64 << 10;

/// Words that begin what is worth keeping are not longer than this; a token that was pasted in the
/// wrong place is.
const LONGEST_WORD: usize = 10;

/// The file, if there is one.
#[derive(Debug)]
pub(super) struct History {
    file: Option<PathBuf>,
}

impl History {
    pub(super) fn new(file: Option<PathBuf>) -> Self {
        Self { file }
    }

    /// The latest entries, oldest first. A file that has grown is shortened to them.
    pub(super) fn load(&self) -> io::Result<Vec<String>> {
        let Some(path) = &self.file else { return Ok(Vec::new()) };
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        // Lines that were cut off by a full disk are left out.
        let lines = bytes.split(|byte| *byte == b'\n');
        let mut entries: Vec<String> =
            lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
        let old = entries.len().saturating_sub(MAX_ENTRIES);
        if old > MAX_ENTRIES {
            entries.drain(..old);
            rewrite(path, &entries)?;
        } else {
            entries.drain(..old);
        }
        Ok(entries)
    }

    /// Adds an entry; prompts may run side by side.
    pub(super) fn append(&self, entry: &str) -> io::Result<()> {
        let Some(path) = &self.file else { return Ok(()) };
        let mut line = serde_json::to_string(entry)?;
        line.push('\n');
        private(path)?.write_all(line.as_bytes())
    }
}

fn rewrite(path: &Path, entries: &[String]) -> io::Result<()> {
    let new = path.with_extension("new");
    fs::remove_file(&new).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })?;
    let mut file = private(&new)?;
    for entry in entries {
        writeln!(file, "{}", serde_json::to_string(entry)?)?;
    }
    fs::rename(new, path)
}

/// A file to add to that only the owner reads: statements tell what somebody looks for.
fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
        let file = options.mode(0o600).open(path)?;
        // One that was there already may have been open to more.
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        Ok(file)
    }
    #[cfg(not(unix))]
    options.open(path)
}

/// The form in which an input is kept; `None` if it had better be forgotten.
pub(super) async fn entry(session: &Session, input: &str) -> Option<String> {
    let input = input.trim();
    if input.len() > LONGEST || !begins_plainly(input) {
        return None;
    }
    if input.starts_with('\\') {
        return Some(redacted(input, |_| true));
    }
    let mut masked = Vec::new();
    for statement in statements(input) {
        if !begins_plainly(statement.text) {
            return None;
        }
        masked.push(format!("{};", session.redacted(statement.text).await));
    }
    Some(masked.join("\n")).filter(|text| !text.is_empty())
}

fn begins_plainly(input: &str) -> bool {
    let text = input.trim_start_matches(['\\', '(']);
    let end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let goes_on_plainly = |c: char| c.is_whitespace() || "(;?*".contains(c);
    word.len() <= LONGEST_WORD && rest.chars().next().is_none_or(goes_on_plainly)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_and_the_file_is_the_owners() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history");
        let history = History::new(Some(path.clone()));
        assert!(history.load().unwrap().is_empty());
        fs::write(&path, "").unwrap();
        history.append("SELECT\n1;").unwrap();
        history.append("\\l").unwrap();
        assert_eq!(history.load().unwrap(), ["SELECT\n1;", "\\l"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_file_that_has_grown_is_shortened_and_damage_is_skipped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history");
        let lines: String = (0..2 * MAX_ENTRIES + 1).map(|i| format!("\"SELECT {i}\"\n")).collect();
        fs::write(&path, [lines.as_bytes(), b"\"cut \xc3"].concat()).unwrap();
        let history = History::new(Some(path.clone()));
        assert_eq!(history.load().unwrap().len(), MAX_ENTRIES);
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), MAX_ENTRIES);
        assert_eq!(history.load().unwrap().last().unwrap(), "SELECT 2000");
    }

    #[test]
    fn what_does_not_begin_with_a_word_is_forgotten() {
        for kept in ["SELECT 1;", "(SELECT 1);", "\\d x", "\\?", "use d;", "Selct 1", "VALUES(1);"]
        {
            assert!(begins_plainly(kept), "{kept}");
        }
        for forgotten in ["eyJ0eXAiOiJKV1Qi;", "abcd1234efgh5678;", "'sesame';"] {
            assert!(!begins_plainly(forgotten), "{forgotten}");
        }
    }
}
