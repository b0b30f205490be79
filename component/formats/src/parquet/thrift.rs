//! Thrift's compact protocol, as much as footers and page headers need.
//!
//! Everything is read from a slice, and nothing is allocated, whatever the bytes say.

/// Why the bytes cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// They end too early: more may help.
    Short,
    /// They cannot be what they should.
    Wrong(&'static str),
}

/// The types of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    True,
    False,
    Byte,
    Integer,
    Double,
    Binary,
    List,
    Map,
    Struct,
}

/// A field of a struct: its number and the type of its value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) id: i16,
    pub(super) kind: Kind,
}

type Result<T> = std::result::Result<T, Broken>;

/// Structs within structs; Parquet has about six.
const DEEPEST: usize = 24;

/// A position in the bytes.
#[derive(Debug, Clone)]
pub(super) struct Compact<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Compact<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes have been read.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    fn byte(&mut self) -> Result<u8> {
        let byte = *self.bytes.get(self.at).ok_or(Broken::Short)?;
        self.at += 1;
        Ok(byte)
    }

    fn advance(&mut self, count: u64) -> Result<()> {
        let left = (self.bytes.len() - self.at) as u64;
        if count > left {
            return Err(Broken::Short);
        }
        self.at += usize::try_from(count).map_err(|_| Broken::Short)?;
        Ok(())
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Broken::Wrong("a number has too many bytes"))
    }

    /// A byte that is a number.
    pub(super) fn i8(&mut self) -> Result<i8> {
        self.byte().map(u8::cast_signed)
    }

    /// Bytes with their length in front.
    pub(super) fn binary(&mut self) -> Result<&'a [u8]> {
        let length = self.varint()?;
        let start = self.at;
        self.advance(length)?;
        Ok(&self.bytes[start..self.at])
    }

    /// Reads a struct: `read` is called for each field and takes its value, or says that it did
    /// not, and then it is skipped.
    pub(super) fn fields(
        &mut self,
        mut read: impl FnMut(&mut Self, Field) -> Result<bool>,
    ) -> Result<()> {
        let mut last = 0;
        while let Some(field) = self.field(&mut last)? {
            if !read(self, field)? {
                self.skip(field.kind)?;
            }
        }
        Ok(())
    }

    /// A signed number of up to 64 bits.
    pub(super) fn i64(&mut self) -> Result<i64> {
        let raw = self.varint()?;
        #[expect(clippy::cast_possible_wrap, reason = "half of it always fits")]
        Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }

    /// A signed number of 32 bits.
    pub(super) fn i32(&mut self) -> Result<i32> {
        self.i64()?.try_into().map_err(|_| Broken::Wrong("a number is too large"))
    }

    /// The next field of a struct, or nothing at its end. `last` is the number of the field before.
    fn field(&mut self, last: &mut i16) -> Result<Option<Field>> {
        let header = self.byte()?;
        if header == 0 {
            return Ok(None);
        }
        let id = match header >> 4 {
            0 => i16::try_from(self.i64()?).map_err(|_| Broken::Wrong("a field has no number"))?,
            delta => last.saturating_add(i16::from(delta)),
        };
        *last = id;
        Ok(Some(Field { id, kind: kind(header & 0x0f)? }))
    }

    /// The header of a list: the type of its elements, and how many there are. An element has at
    /// least one byte, so a count that lies is found out here.
    pub(super) fn list(&mut self) -> Result<(Kind, usize)> {
        let header = self.byte()?;
        if header == 0 {
            return Ok((Kind::Byte, 0));
        }
        let count = match header >> 4 {
            15 => self.varint()?,
            count => u64::from(count),
        };
        if count > (self.bytes.len() - self.at) as u64 {
            return Err(Broken::Short);
        }
        let count = usize::try_from(count).map_err(|_| Broken::Short)?;
        Ok((kind(header & 0x0f)?, count))
    }

    /// Goes past a value.
    fn skip(&mut self, kind: Kind) -> Result<()> {
        self.skip_within(kind, DEEPEST)
    }

    fn skip_within(&mut self, kind: Kind, depth: usize) -> Result<()> {
        let depth = depth.checked_sub(1).ok_or(Broken::Wrong("structures are nested too deep"))?;
        match kind {
            Kind::True | Kind::False => Ok(()),
            Kind::Byte => self.advance(1),
            Kind::Integer => self.varint().map(drop),
            Kind::Double => self.advance(8),
            Kind::Binary => {
                let length = self.varint()?;
                self.advance(length)
            }
            Kind::List => self.skip_list(depth),
            Kind::Map => Err(Broken::Wrong("there is a map where Parquet has none")),
            Kind::Struct => {
                let mut last = 0;
                while let Some(field) = self.field(&mut last)? {
                    self.skip_within(field.kind, depth)?;
                }
                Ok(())
            }
        }
    }

    fn skip_list(&mut self, depth: usize) -> Result<()> {
        let (element, count) = self.list()?;
        for _ in 0..count {
            match element {
                // Alone in a list, a boolean is a byte of its own.
                Kind::True | Kind::False => self.advance(1)?,
                other => self.skip_within(other, depth)?,
            }
        }
        Ok(())
    }
}

fn kind(code: u8) -> Result<Kind> {
    Ok(match code {
        1 => Kind::True,
        2 => Kind::False,
        3 => Kind::Byte,
        4..=6 => Kind::Integer,
        7 => Kind::Double,
        8 => Kind::Binary,
        9 | 10 => Kind::List,
        11 => Kind::Map,
        12 => Kind::Struct,
        _ => return Err(Broken::Wrong("a value has no known type")),
    })
}

#[cfg(test)]
mod tests {
    use super::{Broken, Compact, Kind};

    #[test]
    fn numbers_are_read_and_long_ones_refused() {
        assert_eq!(Compact::new(&[0x01]).i64(), Ok(-1));
        assert_eq!(Compact::new(&[0xac, 0x02]).i64(), Ok(150));
        assert_eq!(Compact::new(&[0x80]).i64(), Err(Broken::Short));
        assert!(matches!(Compact::new(&[0xff; 11]).i64(), Err(Broken::Wrong(_))));
    }

    #[test]
    fn a_list_that_lies_and_a_struct_without_end_are_refused() {
        // 15 in the upper half: the count follows, here 2^28.
        let lies = [0xfc, 0x80, 0x80, 0x80, 0x80, 0x01, 0];
        assert_eq!(Compact::new(&lies).skip(Kind::List), Err(Broken::Short));
        let nested = [0x1c; 10_000];
        assert!(matches!(Compact::new(&nested).skip(Kind::Struct), Err(Broken::Wrong(_))));
    }
}
