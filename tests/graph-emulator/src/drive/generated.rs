//! Content that is computed when it is read: a table of lines of one length, so that any part of a
//! file of any size can be made at once.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

const HEADER: &[u8] = b"id,name,region,amount,date,remark\n";
/// Bytes of a row, the line feed included.
const ROW: usize = 64;
const REGIONS: [&[u8; 5]; 4] = [b"north", b"south", b"east ", b"west "];

/// Rows of the largest file: 256 GiB, about what OneDrive takes.
pub const MAX_ROWS: u64 = 1 << 32;

/// A CSV file of so many rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Generated {
    pub(crate) seed: u64,
    #[serde(deserialize_with = "at_most::<_, MAX_ROWS>")]
    pub(crate) rows: u64,
}

impl Generated {
    pub(crate) fn size(self) -> u64 {
        HEADER.len() as u64 + self.rows * ROW as u64
    }

    /// Fills `buffer` with the bytes from `position` on; beyond the end with nothing in particular.
    pub(crate) fn fill(self, buffer: &mut [u8], position: u64) {
        let (mut buffer, mut position) = (buffer, position);
        let header = HEADER.len() as u64;
        if position < header {
            let part = &HEADER[position as usize..];
            let length = part.len().min(buffer.len());
            let (head, rest) = buffer.split_at_mut(length);
            head.copy_from_slice(&part[..length]);
            (buffer, position) = (rest, position + length as u64);
        }
        let mut row = position.saturating_sub(header) / ROW as u64;
        let skipped = position.saturating_sub(header) as usize % ROW;
        if skipped > 0 && !buffer.is_empty() {
            let mut line = [0; ROW];
            self.row(row, &mut line);
            let length = (ROW - skipped).min(buffer.len());
            let (head, rest) = buffer.split_at_mut(length);
            head.copy_from_slice(&line[skipped..skipped + length]);
            (buffer, row) = (rest, row + 1);
        }
        let mut lines = buffer.chunks_exact_mut(ROW);
        for line in &mut lines {
            if let Ok(line) = line.try_into() {
                self.row(row, line);
            }
            row += 1;
        }
        let rest = lines.into_remainder();
        let mut line = [0; ROW];
        self.row(row, &mut line);
        let length = rest.len();
        rest.copy_from_slice(&line[..length]);
    }

    fn row(self, row: u64, line: &mut [u8; ROW]) {
        let mixed = mix(self.seed ^ row.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        digits(&mut line[0..10], row);
        line[10..16].copy_from_slice(b",item-");
        digits(&mut line[16..24], mixed % 100_000_000);
        line[24] = b',';
        line[25..30].copy_from_slice(REGIONS[(mixed >> 27) as usize % REGIONS.len()]);
        line[30] = b',';
        digits(&mut line[31..38], (mixed >> 29) % 10_000_000);
        line[38] = b'.';
        digits(&mut line[39..41], (mixed >> 53) % 100);
        line[41..44].copy_from_slice(b",20");
        digits(&mut line[44..46], (mixed >> 13) % 27);
        line[46] = b'-';
        digits(&mut line[47..49], (mixed >> 17) % 12 + 1);
        line[49] = b'-';
        digits(&mut line[50..52], (mixed >> 21) % 28 + 1);
        line[52..63].copy_from_slice(b",remark-pad");
        line[63] = b'\n';
    }
}

/// Reads a number that must not be too large.
pub(super) fn at_most<'de, D: Deserializer<'de>, const MAX: u64>(from: D) -> Result<u64, D::Error> {
    match u64::deserialize(from)? {
        number if number > MAX => {
            Err(D::Error::custom(format!("{number} is more than the {MAX} that are possible")))
        }
        number => Ok(number),
    }
}

/// The last digits of a number, with leading zeros.
fn digits(into: &mut [u8], mut number: u64) {
    for digit in into.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// A finaliser of the kind that splitmix64 uses: every bit of the input moves every bit.
fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(generated: Generated) -> Vec<u8> {
        let mut bytes = vec![0; generated.size() as usize];
        generated.fill(&mut bytes, 0);
        bytes
    }

    #[test]
    fn it_is_a_table_with_as_many_rows_as_asked_for() {
        let text = String::from_utf8(whole(Generated { seed: 1, rows: 3 })).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        for line in &lines {
            assert_eq!(line.split(',').count(), 6, "{line}");
        }
        assert!(lines[3].starts_with("0000000002,item-"));
    }

    proptest! {
        #[test]
        fn any_part_is_the_same_as_in_the_whole(
            seed: u64, rows in 0u64..20, from in 0usize..1_400, length in 0usize..1_400,
        ) {
            let generated = Generated { seed, rows };
            let whole = whole(generated);
            let from = from.min(whole.len());
            let length = length.min(whole.len() - from);
            let mut part = vec![0; length];
            generated.fill(&mut part, from as u64);
            prop_assert_eq!(&part[..], &whole[from..from + length]);
        }
    }
}
