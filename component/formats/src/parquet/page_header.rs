//! The header in front of every page.

use super::thrift::{Broken, Compact, Kind};

/// A page's header, as far as reading needs it.
#[derive(Debug, Clone)]
pub(super) struct PageHeader {
    pub(super) uncompressed: usize,
    pub(super) compressed: usize,
    /// CRC-32 of the page's bytes as they stand in the file.
    pub(super) checksum: Option<u32>,
    pub(super) page: PageKind,
}

/// What kind of page it is.
#[derive(Debug, Clone)]
pub(super) enum PageKind {
    /// The first version of data pages: levels are compressed with the values.
    Data { values: u32, encoding: Encoding, repetitions: Encoding, definitions: Encoding },
    /// The second: levels stand uncompressed in front of the values.
    DataV2(DataV2),
    /// The dictionary of the chunk.
    Dictionary { values: u32, encoding: Encoding },
    /// A kind that holds no values and is passed over.
    Other,
}

#[derive(Debug, Clone)]
pub(super) struct DataV2 {
    pub(super) values: u32,
    pub(super) encoding: Encoding,
    pub(super) definition_bytes: u32,
    pub(super) repetition_bytes: u32,
    pub(super) compressed: bool,
}

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Plain,
    /// Indices into the dictionary, in runs.
    Dictionary,
    /// Runs, repeated or packed.
    Runs,
    /// Packed from the highest bit on, which only very old levels are.
    BitPacked,
    Delta,
    DeltaLength,
    DeltaBytes,
    ByteStreamSplit,
}

/// The structs for data, dictionary and version 2 have no number in common but these.
#[derive(Default)]
struct Numbers {
    /// Fields 1 to 6 as numbers.
    numbers: [Option<i32>; 7],
    /// Whether values are compressed, which version 2 says.
    compressed: Option<bool>,
}

impl PageHeader {
    /// Reads a header from the front of `bytes`; also how many bytes it has.
    pub(super) fn read(bytes: &[u8]) -> Result<(Self, usize), Broken> {
        let mut input = Compact::new(bytes);
        let (mut top, mut body) = ([None; 5], [None, None, None]);
        input.fields(|input, field| {
            match (field.id, field.kind) {
                (1..=4, Kind::Integer) => top[index(field.id)] = Some(input.i32()?),
                (5, Kind::Struct) => body[0] = Some(Numbers::read(input)?),
                (7, Kind::Struct) => body[1] = Some(Numbers::read(input)?),
                (8, Kind::Struct) => body[2] = Some(Numbers::read(input)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        let [data, dictionary, data_v2] = body;
        let page = match top[1] {
            Some(0) => data.ok_or(MISSING)?.data()?,
            Some(2) => dictionary.ok_or(MISSING)?.dictionary()?,
            Some(3) => data_v2.ok_or(MISSING)?.data_v2()?,
            _ => PageKind::Other,
        };
        let size =
            |number: Option<i32>| usize::try_from(number.ok_or(MISSING)?).map_err(|_| NEGATIVE);
        let checksum = top[4].map(i32::cast_unsigned);
        let header =
            Self { uncompressed: size(top[2])?, compressed: size(top[3])?, checksum, page };
        Ok((header, input.position()))
    }
}

const MISSING: Broken = Broken::Wrong("a field is missing");
const NEGATIVE: Broken = Broken::Wrong("a count is negative");

impl Numbers {
    fn read(input: &mut Compact<'_>) -> Result<Self, Broken> {
        let mut found = Self::default();
        input.fields(|input, field| {
            match (field.id, field.kind) {
                (1..=6, Kind::Integer) => found.numbers[index(field.id)] = Some(input.i32()?),
                (7, Kind::True) => found.compressed = Some(true),
                (7, Kind::False) => found.compressed = Some(false),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(found)
    }

    fn count(&self, id: usize) -> Result<u32, Broken> {
        u32::try_from(self.numbers[id].ok_or(MISSING)?).map_err(|_| NEGATIVE)
    }

    fn encoding(&self, id: usize) -> Result<Encoding, Broken> {
        Ok(match self.numbers[id].ok_or(MISSING)? {
            0 => Encoding::Plain,
            2 | 8 => Encoding::Dictionary,
            3 => Encoding::Runs,
            4 => Encoding::BitPacked,
            5 => Encoding::Delta,
            6 => Encoding::DeltaLength,
            7 => Encoding::DeltaBytes,
            9 => Encoding::ByteStreamSplit,
            _ => return Err(Broken::Wrong("there is an unknown encoding")),
        })
    }

    fn data(&self) -> Result<PageKind, Broken> {
        Ok(PageKind::Data {
            values: self.count(1)?,
            encoding: self.encoding(2)?,
            definitions: self.encoding(3)?,
            repetitions: self.encoding(4)?,
        })
    }

    fn dictionary(&self) -> Result<PageKind, Broken> {
        Ok(PageKind::Dictionary { values: self.count(1)?, encoding: self.encoding(2)? })
    }

    fn data_v2(&self) -> Result<PageKind, Broken> {
        Ok(PageKind::DataV2(DataV2 {
            values: self.count(1)?,
            encoding: self.encoding(4)?,
            definition_bytes: self.count(5)?,
            repetition_bytes: self.count(6)?,
            compressed: self.compressed.unwrap_or(true),
        }))
    }
}

fn index(id: i16) -> usize {
    usize::from(id.unsigned_abs())
}
