//! Words, quotes, comments and braces of SQL text: as much as is needed to split scripts, to read
//! our own statements, and to find what must not be shown.

/// What was begun and not ended where the text ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unclosed {
    /// A quote of this kind: `'`, `"` or `` ` ``.
    Quote(char),
    /// A `/*` comment.
    Comment,
    /// A `{`.
    Brace,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A run of letters, digits, `_` and `$`.
    Word,
    /// A quoted text with its quotes; the quote is `'`, `"` or `` ` ``.
    Quoted(char),
    /// Any other single character.
    Symbol(char),
}

/// One token and where it stands, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    pub(crate) start: usize,
}

impl Token<'_> {
    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    pub(crate) fn is(&self, symbol: char) -> bool {
        self.kind == Kind::Symbol(symbol)
    }

    pub(crate) fn is_keyword(&self, keyword: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(keyword)
    }

    /// The text between the quotes, with doubled quotes made single.
    pub(crate) fn unquoted(&self) -> String {
        match self.kind {
            Kind::Quoted(quote) => {
                let inner = self.text.strip_prefix(quote).unwrap_or(self.text);
                let inner = inner.strip_suffix(quote).unwrap_or(inner);
                inner.replace(&format!("{quote}{quote}"), &quote.to_string())
            }
            Kind::Word | Kind::Symbol(_) => self.text.to_owned(),
        }
    }
}

/// Reads tokens; white space and comments are skipped. Copying it is cheap, which is how callers
/// look ahead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    brace: usize,
    unclosed: Option<(Unclosed, usize)>,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self::from_offset(text, 0)
    }

    /// Starts at a byte offset, which must be outside quotes, comments and braces.
    pub(crate) fn from_offset(text: &'a str, at: usize) -> Self {
        Self { text, at, depth: 0, brace: 0, unclosed: None }
    }

    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    /// How many braces are open at this point.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// What is open at this point, and where it was opened. Quotes and comments are known only once
    /// the end of the text has been reached.
    pub(crate) fn unclosed(&self) -> Option<(Unclosed, usize)> {
        self.unclosed.or((self.depth > 0).then_some((Unclosed::Brace, self.brace)))
    }

    pub(crate) fn peek(&self) -> Option<Token<'a>> {
        let mut ahead = *self;
        ahead.next()
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Skips to the next token.
    fn skip_blank(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if trimmed.starts_with("--") {
                self.at += trimmed.find('\n').unwrap_or(trimmed.len());
            } else if trimmed.starts_with("/*") {
                self.skip_comment();
            } else {
                return;
            }
        }
    }

    /// Skips a `/* … */` comment; they nest, as in DataFusion's generic dialect.
    fn skip_comment(&mut self) {
        let (start, mut depth) = (self.at, 0usize);
        while self.at < self.text.len() {
            let rest = self.rest();
            if rest.starts_with("/*") {
                depth += 1;
                self.at += 2;
            } else if rest.starts_with("*/") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return;
                }
            } else {
                self.at += rest.chars().next().map_or(0, char::len_utf8);
            }
        }
        self.unclosed = Some((Unclosed::Comment, start));
    }

    /// The length of the quoted text that starts here. Inside braces texts are JSON's, so that a
    /// backslash escapes the next character; outside it is an ordinary character.
    fn quoted_length(&mut self, quote: char, escapes: bool) -> usize {
        let rest = self.rest();
        let mut chars = rest.char_indices().skip(1).peekable();
        while let Some((index, c)) = chars.next() {
            if c == '\\' && escapes {
                chars.next();
            } else if c == quote {
                if chars.peek().is_some_and(|(_, next)| *next == quote) {
                    chars.next();
                } else {
                    return index + 1;
                }
            }
        }
        self.unclosed = Some((Unclosed::Quote(quote), self.at));
        rest.len()
    }

    /// Whether the token before this quote is the prefix of an escape string, such as `E'…'`.
    fn follows_escape_prefix(&self) -> bool {
        let mut before = self.text[..self.at].chars().rev();
        matches!(before.next(), Some('e' | 'E')) && !before.next().is_some_and(is_word_character)
    }
}

fn is_word_character(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.skip_blank();
        let rest = self.rest();
        let first = rest.chars().next()?;
        let start = self.at;
        let (kind, length) = match first {
            '\'' | '"' | '`' => {
                let escapes = self.depth > 0 || (first == '\'' && self.follows_escape_prefix());
                (Kind::Quoted(first), self.quoted_length(first, escapes))
            }
            c if is_word_character(c) => {
                let length = rest.find(|c| !is_word_character(c)).unwrap_or(rest.len());
                (Kind::Word, length)
            }
            c => (Kind::Symbol(c), c.len_utf8()),
        };
        match first {
            '{' => {
                if self.depth == 0 {
                    self.brace = start;
                }
                self.depth += 1;
            }
            '}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.at += length;
        Some(Token { kind, text: &rest[..length], start })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(sql: &str) -> Vec<&str> {
        Lexer::new(sql).map(|token| token.text).collect()
    }

    #[test]
    fn comments_and_white_space_are_skipped() {
        assert_eq!(texts("a -- b\n/* c /* d */ */ e"), ["a", "e"]);
    }

    #[test]
    fn doubled_quotes_belong_to_the_quoted_text() {
        assert_eq!(texts("`a``b` 'it''s' \"x\"\"y\""), ["`a``b`", "'it''s'", "\"x\"\"y\""]);
        assert_eq!(Lexer::new("'it''s'").next().unwrap().unquoted(), "it's");
    }

    #[test]
    fn a_backslash_escapes_inside_braces_only() {
        assert_eq!(texts(r#"'\' {"a\"b"}"#), [r"'\'", "{", r#""a\"b""#, "}"]);
    }

    #[test]
    fn a_backslash_escapes_in_an_escape_string() {
        assert_eq!(texts(r"E'it\'s;' x"), ["E", r"'it\'s;'", "x"]);
    }

    #[test]
    fn what_is_left_open_is_known_at_the_end() {
        for (sql, expected) in [
            ("SELECT 'a", Some((Unclosed::Quote('\''), 7))),
            ("SELECT /* a", Some((Unclosed::Comment, 7))),
            ("X {a {b}", Some((Unclosed::Brace, 2))),
            ("X {a}", None),
        ] {
            let mut lexer = Lexer::new(sql);
            lexer.by_ref().for_each(drop);
            assert_eq!(lexer.unclosed(), expected, "{sql}");
        }
    }
}
