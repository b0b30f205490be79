//! Runs of small numbers, repeated or packed: levels, indices and booleans are written so.

use bytes::Bytes;

use super::bits;

/// Numbers of a fixed width in runs, read little by little.
#[derive(Debug)]
pub(super) struct Runs {
    bytes: Bytes,
    at: usize,
    width: u32,
    run: Run,
}

#[derive(Debug, Clone, Copy)]
enum Run {
    /// The same number so many times.
    Repeated { number: u32, left: usize },
    /// So many numbers from this bit on.
    Packed { bit: usize, left: usize },
}

impl Runs {
    /// Runs of numbers of `width` bits, at most 32.
    pub(super) fn new(bytes: Bytes, width: u32) -> Self {
        Self { bytes, at: 0, width, run: Run::Repeated { number: 0, left: 0 } }
    }

    /// Appends `count` numbers to `to`; nothing if there are fewer.
    pub(super) fn read<T: Copy>(
        &mut self,
        count: usize,
        to: &mut Vec<T>,
        of: impl Fn(u32) -> T,
    ) -> Option<()> {
        let mut wanted = count;
        while wanted > 0 {
            wanted -= match &mut self.run {
                Run::Repeated { left: 0, .. } | Run::Packed { left: 0, .. } => {
                    self.next_run()?;
                    0
                }
                Run::Repeated { number, left } => {
                    let taken = wanted.min(*left);
                    *left -= taken;
                    to.resize(to.len() + taken, of(*number));
                    taken
                }
                Run::Packed { bit, left } => {
                    let taken = wanted.min(*left);
                    bits::unpack(&self.bytes, *bit, self.width, taken, |number| {
                        to.push(of(number))
                    });
                    *bit += taken * self.width as usize;
                    *left -= taken;
                    taken
                }
            };
        }
        Some(())
    }

    fn next_run(&mut self) -> Option<()> {
        loop {
            let header = bits::varint(&self.bytes, &mut self.at)?;
            let length = usize::try_from(header >> 1).ok()?;
            if length == 0 {
                continue;
            }
            if header & 1 == 0 {
                self.run = Run::Repeated { number: self.number()?, left: length };
                return Some(());
            }
            let bit = self.at * 8;
            let rest = self.bytes.len() - self.at;
            let bytes = length.checked_mul(self.width as usize)?;
            // Some writers leave away the end of the last run, which nobody reads.
            let left = match bytes <= rest {
                true => length.checked_mul(8)?,
                false => rest * 8 / self.width as usize,
            };
            self.at += bytes.min(rest);
            self.run = Run::Packed { bit, left };
            if left > 0 {
                return Some(());
            }
        }
    }

    /// The number of a repeated run.
    fn number(&mut self) -> Option<u32> {
        let length = self.width.div_ceil(8) as usize;
        let bytes = self.bytes.get(self.at..self.at + length)?;
        self.at += length;
        Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::Runs;

    fn read(bytes: &'static [u8], width: u32, counts: &[usize]) -> Option<Vec<u32>> {
        let (mut runs, mut found) = (Runs::new(bytes.into(), width), Vec::new());
        counts.iter().try_for_each(|count| runs.read(*count, &mut found, |number| number))?;
        Some(found)
    }

    #[test]
    fn runs_are_read_in_steps_of_any_size() {
        // Three times 5, then eight packed numbers of three bits.
        let bytes = &[6, 5, 3, 0b1000_1000, 0b1100_0110, 0b1111_1010];
        let all = [5, 5, 5, 0, 1, 2, 3, 4, 5, 6, 7];
        assert_eq!(read(bytes, 3, &[11]).unwrap(), all);
        assert_eq!(read(bytes, 3, &[2, 3, 1, 5]).unwrap(), all);
        assert_eq!(read(bytes, 3, &[12]), None);
    }

    #[test]
    fn runs_that_lie_end() {
        assert_eq!(read(&[20, 1], 1, &[11]), None, "too few");
        assert_eq!(read(&[3, 0xff], 1, &[8]).unwrap(), [1; 8]);
        assert_eq!(read(&[5, 0xff], 1, &[9]), None, "packed, and cut off");
        assert_eq!(read(&[0, 0, 0], 8, &[1]), None, "runs of nothing");
        assert_eq!(read(&[3], 8, &[1]), None, "packed, without a byte");
        assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0xff, 1], 8, &[1]), None, "a length without end");
        assert_eq!(read(&[3], 0, &[8]).unwrap(), [0; 8], "no bits at all");
    }
}
