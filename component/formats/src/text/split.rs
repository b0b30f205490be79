//! Text to chunks: where one ends, and where the next begins.

/// What a chunk may end with, the better ones first: a blank line, a line, a sentence, a word. A
/// full stop belongs to its sentence; the rest stands between chunks and is in none.
const SEPARATORS: [(&[&str], usize); 4] =
    [(&["\r\n\r\n", "\n\n"], 0), (&["\r\n", "\n"], 0), (&[". "], 1), (&[" "], 0)];

/// How long chunks are, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) chunk: usize,
    pub(super) overlap: usize,
}

/// One chunk at the beginning of a text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    /// Where it ends.
    pub(super) end: usize,
    /// Where the next one begins.
    pub(super) next: usize,
}

impl Size {
    /// The first chunk of `text`, if more text than one chunk is there. It does not depend on what
    /// follows the first character that is too many.
    pub(super) fn cut(self, text: &str) -> Option<Cut> {
        // No character takes less than a byte.
        if text.len() <= self.chunk {
            return None;
        }
        let (most, _) = text.char_indices().nth(self.chunk)?;
        let window = &text[..most];
        for (rank, (separators, kept)) in SEPARATORS.iter().enumerate() {
            // A better separator may stand further from the end than a worse one; for the last
            // resort, a space, the reach is the largest again.
            let share = if rank + 1 == SEPARATORS.len() { 1 } else { rank + 1 };
            let reach = (self.chunk / 2 / share).max(1);
            let from = back(window, reach);
            if let Some((at, separator)) = last(&window[from..], separators) {
                let (end, after) = (from + at + kept, from + at + separator.len());
                if end > 0 {
                    return Some(Cut { end, next: self.next(&text[..end], after, rank) });
                }
            }
        }
        Some(Cut { end: most, next: self.next(window, most, SEPARATORS.len()) })
    }

    /// Where the chunk after `chunk` begins: behind a blank line at `after`, and otherwise up to
    /// the overlap earlier, at the best place there.
    fn next(self, chunk: &str, after: usize, rank: usize) -> usize {
        if rank == 0 {
            return after;
        }
        // At most half of the chunk comes again, so that the text is passed.
        let overlap = self.overlap.min(self.chunk / 2);
        let from = back(chunk, overlap);
        let begins = |(separators, _): &(&[&str], usize)| {
            let found = separators.iter().filter_map(|separator| {
                chunk[from..].find(separator).map(|at| from + at + separator.len())
            });
            found.min().filter(|next| *next < chunk.len())
        };
        SEPARATORS.iter().find_map(begins).unwrap_or(after).max(1)
    }
}

/// Where the last `characters` of a text begin.
fn back(text: &str, characters: usize) -> usize {
    match characters {
        0 => text.len(),
        _ => text.char_indices().nth_back(characters - 1).map_or(0, |(at, _)| at),
    }
}

/// The separator that begins last, the longer one where one is part of the other.
fn last<'a>(text: &str, separators: &[&'a str]) -> Option<(usize, &'a str)> {
    let found =
        separators.iter().filter_map(|separator| text.rfind(separator).map(|at| (at, *separator)));
    found.max_by_key(|(at, separator)| (at + separator.len(), separator.len()))
}

#[cfg(test)]
mod tests {
    use super::{Cut, Size};

    const SIZE: Size = Size { chunk: 20, overlap: 6 };

    #[test]
    fn a_text_that_may_be_one_chunk_is_not_cut() {
        assert_eq!(SIZE.cut(&"é".repeat(20)), None);
        assert_eq!(SIZE.cut(&"é".repeat(21)), Some(Cut { end: 40, next: 40 }));
    }

    #[test]
    fn the_best_separator_in_reach_is_taken() {
        let cut = |text| SIZE.cut(text).map(|cut| (&text[..cut.end], &text[cut.next..]));
        assert_eq!(cut("one two thr\n\nfour fi\nve six"), Some(("one two thr", "four fi\nve six")));
        assert_eq!(cut("one two thr\r\n\r\nfour fi"), Some(("one two thr", "four fi")));
        assert_eq!(cut("one two three fo\nve six"), Some(("one two three fo", "fo\nve six")));
        assert_eq!(cut("one two three. fo ve six"), Some(("one two three. fo", "fo ve six")));
        assert_eq!(cut("onetwothreefo ve. six"), Some(("onetwothreefo ve.", "ve. six")));
    }
}
