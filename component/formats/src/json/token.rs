//! JSON text to tokens, exactly as RFC 8259 writes them: nothing more lenient, and nothing stricter
//! but the depth.
//!
//! A cursor reads bytes that may end anywhere, so that every step has three outcomes: a token, a
//! fault, or that more bytes are needed. Nothing is recursive: nesting is a stack of bits.

use super::number::Number;
use super::text::Text;

/// How deep objects and arrays may stand in one another, the record itself included.
pub(super) const DEEPEST: u32 = 128;

/// Why a token could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The bytes end before the token does.
    Incomplete,
    /// No JSON goes on like this.
    Broken {
        /// Where.
        at: usize,
        /// Why, as a clause.
        reason: &'static str,
    },
}

/// A value as it stands in the text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Null,
    Boolean(bool),
    Number(Number<'a>),
    Text(Text<'a>),
    /// An object or array, and whether there are spaces between its tokens.
    Nested {
        raw: &'a [u8],
        spaced: bool,
    },
}

/// A place in a text.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Whether spaces were passed since this was last cleared.
    spaced: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, spaced: false }
    }

    #[inline(always)]
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The bytes from `start` to here.
    pub(super) fn since(&self, start: usize) -> &'a [u8] {
        &self.bytes[start..self.at]
    }

    pub(super) fn broken<T>(&self, reason: &'static str) -> Result<T, Stop> {
        Err(Stop::Broken { at: self.at, reason })
    }

    /// Passes one byte.
    #[inline(always)]
    pub(super) fn pass(&mut self) {
        self.at += 1;
    }

    /// The byte here.
    #[inline(always)]
    pub(super) fn peek(&self) -> Result<u8, Stop> {
        self.bytes.get(self.at).copied().ok_or(Stop::Incomplete)
    }

    /// Passes spaces; the byte after them.
    #[inline(always)]
    pub(super) fn token(&mut self) -> Result<u8, Stop> {
        let byte = self.peek()?;
        if byte > b' ' { Ok(byte) } else { self.token_after_spaces() }
    }

    fn token_after_spaces(&mut self) -> Result<u8, Stop> {
        loop {
            let byte = self.peek()?;
            if !is_space(byte) {
                return Ok(byte);
            }
            self.spaced = true;
            self.at += 1;
        }
    }

    /// Passes `known` if it stands here.
    #[inline(always)]
    pub(super) fn pass_known(&mut self, known: &[u8]) -> bool {
        let stands = self.bytes[self.at..].starts_with(known);
        self.at += if stands { known.len() } else { 0 };
        stands
    }

    /// A key; its colon and the spaces around it are passed.
    pub(super) fn key(&mut self) -> Result<Text<'a>, Stop> {
        if self.token()? != b'"' {
            return self.broken("a key in double quotes should stand here");
        }
        let key = self.text()?;
        self.colon()?;
        Ok(key)
    }

    /// Passes a colon and the spaces around it.
    #[inline(always)]
    pub(super) fn colon(&mut self) -> Result<(), Stop> {
        if self.token()? != b':' {
            return self.broken("a colon should follow the key");
        }
        self.pass();
        self.token().map(|_| ())
    }

    /// A text; the cursor stands on its opening quote.
    #[inline(always)]
    pub(super) fn text(&mut self) -> Result<Text<'a>, Stop> {
        let start = self.at + 1;
        let mut escaped = false;
        let mut at = start;
        loop {
            at = plain_end(self.bytes, at);
            match self.bytes.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok(Text { raw: &self.bytes[start..at], escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    at = self.escape_end(at)?;
                }
                Some(_) => {
                    let reason = "a line end or control character stands in a text";
                    return Err(Stop::Broken { at, reason });
                }
                None => return Err(Stop::Incomplete),
            }
        }
    }

    /// Where the escape that begins at `at` ends.
    fn escape_end(&self, at: usize) -> Result<usize, Stop> {
        let broken = Err(Stop::Broken { at, reason: "a text has an unknown escape" });
        match self.bytes.get(at + 1) {
            None => Err(Stop::Incomplete),
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
            Some(b'u') => {
                for digit in at + 2..at + 6 {
                    match self.bytes.get(digit) {
                        None => return Err(Stop::Incomplete),
                        Some(byte) if byte.is_ascii_hexdigit() => {}
                        Some(_) => return broken,
                    }
                }
                Ok(at + 6)
            }
            Some(_) => broken,
        }
    }

    /// Any value; the cursor stands on its first byte.
    #[inline(always)]
    pub(super) fn value(&mut self) -> Result<Value<'a>, Stop> {
        match self.peek()? {
            b'"' => self.text().map(Value::Text),
            b'-' | b'0'..=b'9' => {
                let (number, end) = Number::read(self.bytes, self.at)?;
                self.at = end;
                Ok(Value::Number(number))
            }
            b'n' => self.word(b"null").map(|()| Value::Null),
            b't' => self.word(b"true").map(|()| Value::Boolean(true)),
            b'f' => self.word(b"false").map(|()| Value::Boolean(false)),
            b'{' | b'[' => self.nested(),
            _ => self.broken("a value should stand here"),
        }
    }

    #[inline(always)]
    fn word(&mut self, word: &'static [u8]) -> Result<(), Stop> {
        if self.pass_known(word) {
            return Ok(());
        }
        if word.starts_with(&self.bytes[self.at..]) {
            return Err(Stop::Incomplete);
        }
        self.broken("a value should stand here")
    }

    /// An object or array with all that is in it.
    fn nested(&mut self) -> Result<Value<'a>, Stop> {
        let start = self.at;
        self.spaced = false;
        let mut nesting = Nesting::default();
        loop {
            let opened = match self.token()? {
                open @ (b'{' | b'[') => self.open(&mut nesting, open == b'{')?,
                _ => self.value().map(|_| false)?,
            };
            if !opened && self.close(&mut nesting)? {
                return Ok(Value::Nested { raw: self.since(start), spaced: self.spaced });
            }
        }
    }

    /// Passes an opening bracket, and its closing one where nothing stands between them. Whether a
    /// value follows.
    fn open(&mut self, nesting: &mut Nesting, object: bool) -> Result<bool, Stop> {
        if nesting.depth + 1 >= DEEPEST {
            return self.broken("values are nested more than 128 levels deep");
        }
        self.pass();
        if self.token()? == if object { b'}' } else { b']' } {
            self.pass();
            return Ok(false);
        }
        nesting.push(object);
        if object {
            self.key()?;
        }
        Ok(true)
    }

    /// Passes what follows a value: closing brackets, and a comma with the key after it. Whether
    /// the outermost bracket was closed.
    fn close(&mut self, nesting: &mut Nesting) -> Result<bool, Stop> {
        while nesting.depth > 0 {
            match (self.token()?, nesting.in_object()) {
                (b',', object) => {
                    self.pass();
                    if object {
                        self.key()?;
                    }
                    return Ok(false);
                }
                (b'}', true) | (b']', false) => {
                    self.pass();
                    nesting.pop();
                }
                (_, true) => return self.broken("a comma or } should follow the value"),
                (_, false) => return self.broken("a comma or ] should follow the value"),
            }
        }
        Ok(true)
    }
}

/// What brackets are open, the innermost as the lowest bit: set for objects.
#[derive(Default)]
struct Nesting {
    objects: u128,
    depth: u32,
}

impl Nesting {
    fn push(&mut self, object: bool) {
        self.objects = self.objects << 1 | u128::from(object);
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.objects >>= 1;
        self.depth -= 1;
    }

    fn in_object(&self) -> bool {
        self.objects & 1 == 1
    }
}

#[inline(always)]
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// Where, from `at` on, the first quote, backslash or control character stands.
#[inline(always)]
fn plain_end(bytes: &[u8], mut at: usize) -> usize {
    const fn each(byte: u8) -> u64 {
        0x0101_0101_0101_0101 * byte as u64
    }
    // Eight bytes at once; a borrow can only spoil bytes above the first that is found.
    let zeros = |word: u64| word.wrapping_sub(each(1)) & !word;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*chunk);
        let controls = word.wrapping_sub(each(0x20)) & !word;
        let special = zeros(word ^ each(b'"')) | zeros(word ^ each(b'\\')) | controls;
        let special = special & each(0x80);
        if special != 0 {
            return at + (special.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(special).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::{Cursor, Stop, Value, plain_end};

    /// Reads one value with a space after it, which ends a number.
    fn read(text: &str) -> Result<usize, Stop> {
        let text = format!("{text} ");
        let mut cursor = Cursor::new(text.as_bytes());
        cursor.value().map(|_| cursor.at())
    }

    #[test]
    fn sound_values_are_read_to_their_end() {
        for text in [
            "null",
            "true",
            "false",
            "0",
            "-0.5e+10",
            r#""""#,
            r#""a \" \\ \/ \b\f\n\r\t \u00e9 é""#,
            "[]",
            "{}",
            "[ 1 , [ ] , { \"a\" : [ { } ] } ]",
            r#"{"a":{"b":[1,2,{"c":null}]},"d":"]}"}"#,
        ] {
            assert_eq!(read(text), Ok(text.len()), "{text}");
        }
    }

    #[test]
    fn broken_values_are_refused() {
        for text in [
            "nul1",
            "True",
            "+1",
            "-",
            ".5",
            "-a",
            "1.",
            "1e",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{a:1}",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            "[1}",
            r#"{"a":1]"#,
            r#""\x""#,
            r#""\u12g4""#,
            "\"a\nb\"",
            "'a'",
            "NaN",
            "]",
        ] {
            assert!(matches!(read(text), Err(Stop::Broken { .. })), "{text}");
        }
    }

    #[test]
    fn every_cut_of_a_sound_value_is_incomplete() {
        let text = r#"{"a":[1.5e3,{"b":"x\u00e9"}, true,null ],"c":-1}"#;
        for end in 0..text.len() {
            let cut = Cursor::new(&text.as_bytes()[..end]).value().map(|_| ());
            assert_eq!(cut, Err(Stop::Incomplete), "{}", &text[..end]);
        }
    }

    #[test]
    fn nesting_has_a_bound() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(read(&nested(127)).is_ok());
        assert!(matches!(read(&nested(128)), Err(Stop::Broken { .. })));
        assert!(matches!(read(&"[{\"a\":".repeat(1 << 20)), Err(Stop::Broken { .. })));
    }

    #[test]
    fn spaces_between_tokens_are_noticed_and_those_in_texts_are_not() {
        for (text, expected) in [("[1,2]", false), ("[1, 2]", true), ("[\"a b\"]", false)] {
            let value = Cursor::new(text.as_bytes()).value();
            assert!(matches!(value, Ok(Value::Nested { spaced, .. }) if spaced == expected));
        }
    }

    #[test]
    fn special_bytes_are_found_at_every_place() {
        for special in [b'"', b'\\', b'\n', 0, 0x1F] {
            for at in 0..40 {
                let mut bytes = "é~".repeat(20).into_bytes();
                bytes[at] = special;
                assert_eq!(plain_end(&bytes, 0), at);
            }
        }
        assert_eq!(plain_end("é !~\x7f#[]".as_bytes(), 0), 9);
    }
}
