//! Where certain bytes stand in a block of 64, as bit masks: the one place that looks at the
//! processor, with a portable twin that does the same everywhere.

/// Bytes looked at in one step.
pub(super) const BLOCK: usize = 64;

/// For each needle the positions in `block` that hold it: bit `i` stands for byte `i`.
#[inline(always)]
pub(super) fn positions<const N: usize>(block: &[u8; BLOCK], needles: [u8; N]) -> [u64; N] {
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    // SAFETY: the module exists only where the whole program may use SSE2.
    return unsafe { sse2::positions(block, needles) };
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    return simd128::positions(block, needles);
    #[cfg(not(any(
        all(target_arch = "x86_64", target_feature = "sse2"),
        all(target_arch = "wasm32", target_feature = "simd128")
    )))]
    portable::positions(block, needles)
}

/// The eight bytes from `8 * index` on as a number, the first byte lowest.
#[inline(always)]
fn word(block: &[u8; BLOCK], index: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&block[8 * index..8 * index + 8]);
    u64::from_le_bytes(bytes)
}

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod sse2 {
    use core::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set_epi64x, _mm_set1_epi8,
    };

    use super::{BLOCK, word};

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn positions<const N: usize>(block: &[u8; BLOCK], needles: [u8; N]) -> [u64; N] {
        let lanes: [__m128i; 4] = core::array::from_fn(|lane| {
            let (low, high) = (word(block, 2 * lane), word(block, 2 * lane + 1));
            _mm_set_epi64x(high.cast_signed(), low.cast_signed())
        });
        needles.map(|needle| {
            let wanted = _mm_set1_epi8(needle.cast_signed());
            lanes.iter().rev().fold(0, |mask, lane| {
                let found = _mm_movemask_epi8(_mm_cmpeq_epi8(*lane, wanted));
                mask << 16 | u64::from(found.cast_unsigned())
            })
        })
    }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128 {
    use core::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_splat, u64x2, v128};

    use super::{BLOCK, word};

    #[inline]
    #[target_feature(enable = "simd128")]
    pub(super) fn positions<const N: usize>(block: &[u8; BLOCK], needles: [u8; N]) -> [u64; N] {
        let lanes: [v128; 4] =
            core::array::from_fn(|lane| u64x2(word(block, 2 * lane), word(block, 2 * lane + 1)));
        needles.map(|needle| {
            let wanted = u8x16_splat(needle);
            lanes.iter().rev().fold(0, |mask, lane| {
                mask << 16 | u64::from(u8x16_bitmask(u8x16_eq(*lane, wanted)))
            })
        })
    }
}

#[cfg(any(
    test,
    not(any(
        all(target_arch = "x86_64", target_feature = "sse2"),
        all(target_arch = "wasm32", target_feature = "simd128")
    ))
))]
mod portable {
    use super::{BLOCK, word};

    const LOW: u64 = 0x0101_0101_0101_0101;
    const LOW_SEVEN: u64 = 0x7F7F_7F7F_7F7F_7F7F;
    /// Gathers the lowest bit of each byte in the highest byte of a product.
    const GATHER: u64 = 0x0102_0408_1020_4080;

    #[inline(always)]
    pub(super) fn positions<const N: usize>(block: &[u8; BLOCK], needles: [u8; N]) -> [u64; N] {
        needles.map(|needle| {
            let wanted = LOW * u64::from(needle);
            (0..8).rev().fold(0, |mask, index| {
                let differing = word(block, index) ^ wanted;
                // A byte's highest bit ends up set exactly where the byte differs.
                let high = ((differing & LOW_SEVEN) + LOW_SEVEN) | differing;
                let equal = (!high >> 7) & LOW;
                mask << 8 | equal.wrapping_mul(GATHER) >> 56
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{BLOCK, portable, positions};

    #[test]
    fn bit_i_stands_for_byte_i() {
        let mut block = [b'x'; BLOCK];
        (block[0], block[9], block[63]) = (b',', b',', b'\n');
        assert_eq!(positions(&block, [b',', b'\n']), [1 | 1 << 9, 1 << 63]);
    }

    proptest! {
        #[test]
        fn every_kernel_finds_what_a_plain_loop_finds(
            bytes in proptest::collection::vec(prop_oneof![Just(0), Just(b','), any::<u8>()], BLOCK),
            needle: u8,
        ) {
            let block: [u8; BLOCK] = bytes.try_into().unwrap();
            let plain = |wanted: u8| (0..BLOCK).filter(|i| block[*i] == wanted).map(|i| 1 << i).sum();
            let expected: [u64; 3] = [plain(b','), plain(needle), plain(0)];
            prop_assert_eq!(positions(&block, [b',', needle, 0]), expected);
            prop_assert_eq!(portable::positions(&block, [b',', needle, 0]), expected);
        }
    }
}
