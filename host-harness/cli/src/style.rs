//! Colours and the size of numbers, for people at a terminal.

use std::env;
use std::io::IsTerminal;

/// How text is emphasised; without a terminal, or with `NO_COLOR`, not at all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    coloured: bool,
}

impl Style {
    /// The style of standard output.
    pub(crate) fn of_stdout() -> Self {
        let wanted = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { coloured: wanted && std::io::stdout().is_terminal() }
    }

    /// A heading.
    pub(crate) fn heading(self, text: &str) -> String {
        self.wrap("1;36", text)
    }

    /// What matters less.
    pub(crate) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    /// A statement.
    pub(crate) fn statement(self, text: &str) -> String {
        self.wrap("33", text)
    }

    /// Something that failed.
    pub(crate) fn failure(self, text: &str) -> String {
        self.wrap("31", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.coloured { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A number of bytes with three digits at most.
pub(crate) fn bytes(count: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = count as f64;
    if count < 1_000 {
        return format!("{count} B");
    }
    let mut unit = "";
    for next in ["kB", "MB", "GB", "TB", "PB", "EB"] {
        if value < 999.5 {
            break;
        }
        value /= 1_000.0;
        unit = next;
    }
    if value < 9.95 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

/// A number and its noun, in the plural unless it is one.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_three_digits_at_most() {
        for (count, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_234, "1.2 kB"),
            (12_345, "12 kB"),
            (999_700, "1.0 MB"),
            (2_018_388, "2.0 MB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!(counted(1, "row"), "1 row");
        assert_eq!(counted(0, "row"), "0 rows");
    }
}
