//! What bytes are before anything is known of them: UTF-8 text, text in another encoding, or no
//! text at all.

use crate::FormatError;

/// The byte order mark of UTF-8.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Files that begin with these bytes are no text, whatever their name says.
const MAGIC: &[(&[u8], &str)] = &[
    (b"PAR1", "a Parquet file"),
    (b"PK\x03\x04", "a ZIP archive or an Office document"),
    (b"%PDF-", "a PDF document"),
    (b"\x1F\x8B", "a gzip archive"),
    (b"\x28\xB5\x2F\xFD", "a Zstandard archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xFD7zXZ\x00", "an xz archive"),
    (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "an Office document of before 2007"),
    (b"ARROW1", "an Arrow file"),
    (b"ORC", "an ORC file"),
    (b"SQLite format 3", "an SQLite database"),
];

/// Whether the sample is UTF-8 text: the length of its byte order mark (0 or 3), or an error that
/// names what it is instead.
///
/// Some broken sequences among sound ones are accepted: such a cell is then counted and NULL.
/// `forced` accepts any bytes but those of a known format, since the caller says that it is UTF-8.
pub(crate) fn utf8_start(sample: &[u8], forced: bool) -> Result<usize, FormatError> {
    let unsupported = |guess| Err(FormatError::UnsupportedEncoding { guess });
    if sample.starts_with(BOM) {
        return Ok(BOM.len());
    }
    if let Some((_, looks_like)) = MAGIC.iter().find(|(magic, _)| is_magic(sample, magic)) {
        return Err(FormatError::NotText { looks_like });
    }
    match sample {
        [0xFF, 0xFE, 0, 0, ..] => return unsupported("UTF-32 (little-endian)"),
        [0, 0, 0xFE, 0xFF, ..] => return unsupported("UTF-32 (big-endian)"),
        [0xFF, 0xFE, ..] => return unsupported("UTF-16 (little-endian)"),
        [0xFE, 0xFF, ..] => return unsupported("UTF-16 (big-endian)"),
        _ => {}
    }
    if forced {
        return Ok(0);
    }
    if let Some(guess) = wide(sample) {
        return unsupported(guess);
    }
    if controls(sample) {
        return Err(FormatError::NotText { looks_like: "a binary file" });
    }
    if mostly_broken(sample) {
        return unsupported("an 8-bit encoding such as Windows-1252 or ISO-8859-1");
    }
    Ok(0)
}

/// A magic of letters counts only before a byte that no text has there.
fn is_magic(sample: &[u8], magic: &[u8]) -> bool {
    let Some(rest) = sample.strip_prefix(magic) else { return false };
    let letters = magic.iter().all(u8::is_ascii_alphanumeric);
    !letters || rest.iter().take(16).any(|byte| is_control(*byte) || *byte >= 0x80)
}

/// UTF-16 without a mark: in western text nearly every second byte is zero.
fn wide(sample: &[u8]) -> Option<&'static str> {
    let pairs = sample.len() / 2;
    let zeros = |from: usize| sample.iter().skip(from).step_by(2).filter(|b| **b == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let many = |count: usize| pairs >= 4 && count * 2 > pairs;
    match (many(even), many(odd)) {
        (false, true) => Some("UTF-16 (little-endian)"),
        (true, false) => Some("UTF-16 (big-endian)"),
        _ => None,
    }
}

fn is_control(byte: u8) -> bool {
    byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0C | 0x1B)
}

/// More than a tenth of control characters is no text.
fn controls(sample: &[u8]) -> bool {
    sample.len() >= 16 && sample.iter().filter(|b| is_control(**b)).count() * 10 > sample.len()
}

/// Whether broken sequences outnumber the sound ones of more than one byte. A sequence cut by the
/// sample's end is not broken.
fn mostly_broken(sample: &[u8]) -> bool {
    let (mut sound, mut broken) = (0_usize, 0_usize);
    let mut chunks = sample.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        sound += chunk.valid().bytes().filter(|byte| *byte >= 0xC0).count();
        let cut = chunks.peek().is_none()
            && std::str::from_utf8(chunk.invalid()).is_err_and(|e| e.error_len().is_none());
        broken += usize::from(!chunk.invalid().is_empty() && !cut);
    }
    broken > sound
}

#[cfg(test)]
mod tests {
    use super::utf8_start;
    use crate::FormatError;

    fn guess(bytes: &[u8]) -> &'static str {
        match utf8_start(bytes, false) {
            Err(FormatError::UnsupportedEncoding { guess }) => guess,
            Err(FormatError::NotText { looks_like }) => looks_like,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn utf_8_is_taken_with_and_without_its_mark() {
        assert_eq!(utf8_start("é,ü\n".as_bytes(), false), Ok(0));
        assert_eq!(utf8_start("\u{feff}é,ü\n".as_bytes(), false), Ok(3));
        assert_eq!(utf8_start(b"", false), Ok(0));
    }

    #[test]
    fn a_sequence_cut_by_the_end_of_the_sample_is_not_broken() {
        assert_eq!(utf8_start(&"a,é".as_bytes()[..3], false), Ok(0));
    }

    #[test]
    fn one_broken_text_among_sound_ones_is_a_matter_of_its_cell() {
        assert_eq!(utf8_start(b"\xC3\xA9,\xC3\xBC\n\xE9,a\n", false), Ok(0));
    }

    #[test]
    fn other_encodings_are_named() {
        assert_eq!(guess(b"\xFF\xFEa\0,\0"), "UTF-16 (little-endian)");
        assert_eq!(guess(b"\xFE\xFF\0a\0,"), "UTF-16 (big-endian)");
        assert_eq!(guess(b"a\0,\0b\0\n\0"), "UTF-16 (little-endian)");
        assert_eq!(guess(b"\0a\0,\0b\0\n"), "UTF-16 (big-endian)");
        assert_eq!(guess(b"\xFF\xFE\0\0a\0\0\0"), "UTF-32 (little-endian)");
        assert_eq!(
            guess(b"Stra\xDFe,1\nM\xFChle,2\n"),
            "an 8-bit encoding such as Windows-1252 or ISO-8859-1"
        );
        assert_eq!(utf8_start(b"Stra\xDFe,1\n", true), Ok(0));
        assert_eq!(utf8_start(&[1, 2, 3, 4].repeat(8), true), Ok(0));
    }

    #[test]
    fn files_that_are_no_text_are_named() {
        assert_eq!(guess(b"PAR1\x15\x04\x15\x80"), "a Parquet file");
        assert_eq!(guess(b"PK\x03\x04\x14\0"), "a ZIP archive or an Office document");
        assert_eq!(guess(&[1, 2, 3, 4].repeat(8)), "a binary file");
        assert_eq!(utf8_start(b"ORC,goblin\n1,2\n", false), Ok(0));
        assert_eq!(utf8_start(b"PAR1,PAR2\n1,2\n", false), Ok(0));
    }
}
