//! QuickXorHash, the content hash of OneDrive and SharePoint.
//!
//! A 160-bit register, into which byte `i` is XORed, rotated left by `11 * i` bits; at the end the
//! length is XORed into the last eight bytes. The rotation repeats after 160 bytes, so bytes that
//! are a multiple of 160 apart can be XORed together first: the loop over the content is then a
//! plain XOR of blocks, and rotation happens once at the end. (2; recipe of OD quickxorhash)

const BITS: usize = 160;
const SHIFT: usize = 11;
/// After so many bytes the rotation starts over.
const PERIOD: usize = 160;

/// The state of a hash under computation.
pub(super) struct QuickXorHash {
    columns: [u8; PERIOD],
    length: u64,
}

impl QuickXorHash {
    pub(super) fn new() -> Self {
        Self { columns: [0; PERIOD], length: 0 }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        let at = (self.length % PERIOD as u64) as usize;
        self.length += bytes.len() as u64;
        let (head, rest) = bytes.split_at(bytes.len().min((PERIOD - at) % PERIOD));
        xor(&mut self.columns[at..], head);
        let (blocks, tail) = rest.as_chunks::<PERIOD>();
        for block in blocks {
            xor(&mut self.columns, block);
        }
        xor(&mut self.columns, tail);
    }

    pub(super) fn finish(self) -> [u8; BITS / 8] {
        let mut register = [0; BITS / 8];
        for (index, &column) in self.columns.iter().enumerate() {
            let bit = index * SHIFT % BITS;
            let [low, high] = (u16::from(column) << (bit % 8)).to_le_bytes();
            register[bit / 8] ^= low;
            register[(bit / 8 + 1) % (BITS / 8)] ^= high;
        }
        xor(&mut register[12..], &self.length.to_le_bytes());
        register
    }
}

/// `into ^= from`, as far as both reach.
fn xor(into: &mut [u8], from: &[u8]) {
    for (into, from) in into.iter_mut().zip(from) {
        *into ^= from;
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    fn hash(pieces: &[&[u8]]) -> String {
        let mut hash = QuickXorHash::new();
        for piece in pieces {
            hash.update(piece);
        }
        STANDARD.encode(hash.finish())
    }

    /// The definition, bit by bit.
    fn by_definition(content: &[u8]) -> String {
        let mut register = [0u8; 20];
        for (index, byte) in content.iter().enumerate() {
            for bit in (0..8).filter(|bit| byte >> bit & 1 == 1) {
                let place = (index * 11 + bit) % 160;
                register[place / 8] ^= 1 << (place % 8);
            }
        }
        for (index, byte) in (content.len() as u64).to_le_bytes().iter().enumerate() {
            register[12 + index] ^= byte;
        }
        STANDARD.encode(register)
    }

    /// Section 2.
    #[test]
    fn the_published_vectors_agree() {
        assert_eq!(hash(&[]), "AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        assert_eq!(hash(&[&[0x4a]]), "SgAAAAAAAAAAAAAAAQAAAAAAAAA=");
    }

    proptest! {
        #[test]
        fn any_content_in_any_pieces_hashes_as_defined(
            content in proptest::collection::vec(any::<u8>(), 0..1_000),
            cuts in (0usize..1_000, 0usize..1_000),
        ) {
            let first = cuts.0.min(content.len());
            let second = cuts.1.clamp(first, content.len());
            let pieces = [&content[..first], &content[first..second], &content[second..]];
            prop_assert_eq!(hash(&pieces), by_definition(&content));
        }
    }
}
