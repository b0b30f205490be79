//! Text that was written by others, made safe to show on a terminal.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A value on one line, without control characters: a file must not move the cursor of whoever
/// looks at it.
pub(crate) fn plain(value: &dyn fmt::Display, longest: Option<usize>) -> String {
    let mut text = PlainText { text: String::new(), width: 0, longest };
    // Fails only to end the formatting of a value that is long enough already.
    if write!(text, "{value}").is_err() {
        text.text.push('…');
    }
    text.text
}

/// A plain text in at most so many columns of a terminal; an ellipsis says that it went on.
pub(crate) fn cut(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width {
        return text.into();
    }
    let (mut used, mut end) = (0, 0);
    for (index, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        // A place is kept for the ellipsis.
        if used >= width {
            break;
        }
        end = index + c.len_utf8();
    }
    format!("{}…", &text[..end]).into()
}

struct PlainText {
    text: String,
    width: usize,
    longest: Option<usize>,
}

impl fmt::Write for PlainText {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        for c in part.chars() {
            let width = c.width();
            self.width += width.unwrap_or(2);
            if self.longest.is_some_and(|longest| self.width > longest) {
                return Err(fmt::Error);
            }
            match (c, width) {
                (c, Some(_)) => self.text.push(c),
                ('\n', None) => self.text.push_str("\\n"),
                ('\r', None) => self.text.push_str("\\r"),
                ('\t', None) => self.text.push_str("\\t"),
                (_, None) => self.text.push_str("\\?"),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_and_not_obeyed() {
        assert_eq!(plain(&"a\u{1b}[2Jb\nc\td", None), "a\\?[2Jb\\nc\\td");
    }

    #[test]
    fn what_is_too_long_ends_with_an_ellipsis() {
        assert_eq!(plain(&"abcdef", Some(3)), "abc…");
        assert_eq!(plain(&"abc", Some(3)), "abc");
    }

    #[test]
    fn a_cut_text_fits_whatever_its_characters() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("ab", 1), "…");
    }
}
