//! The stored values of an image, as patterns of 8 or 16 bits.

use std::borrow::Cow;

use super::super::RenderError;
#[cfg(target_arch = "x86_64")]
use super::super::avx2::Avx2;
use super::super::source::zeros;
#[cfg(target_arch = "x86_64")]
use super::avx2;
use super::formula::Formula;
use super::header::Header;

/// The decoded pixels of an image.
pub(super) struct Frame<'a> {
    pub samples: Samples<'a>,
    /// Whether each channel is a separate plane.
    pub planar: bool,
}

impl Frame<'_> {
    /// The picture that the reference shows if Pillow opens a file but cannot decode it.
    pub(super) fn black(header: &Header) -> Result<Self, RenderError> {
        Ok(Self {
            samples: Samples::Bytes {
                values: zeros(header.samples())?.into(),
                flip: 0,
            },
            planar: false,
        })
    }
}

/// Stored values. Applying `flip` by XOR puts two's complement values of signed images in order
/// before they are compared.
pub(super) enum Samples<'a> {
    Bytes {
        values: Cow<'a, [u8]>,
        flip: u8,
    },
    /// Two bytes per value, as in the file.
    Stored {
        bytes: &'a [u8],
        big_endian: bool,
        flip: u16,
    },
    Words {
        values: Vec<u16>,
        flip: u16,
    },
    /// Values of more than 16 bits, already mapped to 8 bits.
    Mapped {
        values: Vec<u8>,
        /// The answer for [`super::overlay`].
        has_high_bits: bool,
    },
}

/// XOR with this value sorts two's complement like unsigned numbers.
pub(super) fn flip16(signed: bool) -> u16 {
    if signed { 0x8000 } else { 0 }
}

/// Like [`flip16`], for 8 bits.
pub(super) fn flip8(signed: bool) -> u8 {
    if signed { 0x80 } else { 0 }
}

impl Samples<'_> {
    pub(super) fn len(&self) -> usize {
        match self {
            Samples::Bytes { values, .. } => values.len(),
            Samples::Stored { bytes, .. } => bytes.len() / 2,
            Samples::Words { values, .. } => values.len(),
            Samples::Mapped { values, .. } => values.len(),
        }
    }

    /// Converts a flipped lowest and highest value back to the numbers they represent.
    pub(super) fn numbers(&self, (low, high): (u16, u16)) -> (i32, i32) {
        let offset = match self {
            Samples::Bytes { flip, .. } => (*flip).into(),
            Samples::Stored { flip, .. } | Samples::Words { flip, .. } => i32::from(*flip),
            Samples::Mapped { .. } => 0,
        };
        (i32::from(low) - offset, i32::from(high) - offset)
    }

    /// The lowest and the highest value, flipped.
    pub(super) fn range(&self) -> (u16, u16) {
        #[cfg(target_arch = "x86_64")]
        if Avx2::detect().is_some() {
            // SAFETY: the processor has AVX2, the function's only condition.
            return unsafe { self.range_avx2() };
        }
        self.range_plain()
    }

    /// [`Self::range_plain`] compiled for AVX2: twice as fast.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn range_avx2(&self) -> (u16, u16) {
        self.range_plain()
    }

    #[inline(always)]
    fn range_plain(&self) -> (u16, u16) {
        fn of(values: impl Iterator<Item = u16>) -> (u16, u16) {
            values.fold((u16::MAX, 0), |(low, high), value| {
                (low.min(value), high.max(value))
            })
        }
        match self {
            Samples::Bytes { values, flip } => {
                let (low, high) = values.iter().fold((u8::MAX, 0), |(low, high), value| {
                    let value = value ^ flip;
                    (low.min(value), high.max(value))
                });
                (low.into(), high.into())
            }
            Samples::Stored {
                bytes,
                big_endian: false,
                flip,
            } => of(pairs(bytes).map(|pair| u16::from_le_bytes(pair) ^ flip)),
            Samples::Stored {
                bytes,
                big_endian: true,
                flip,
            } => of(pairs(bytes).map(|pair| u16::from_be_bytes(pair) ^ flip)),
            Samples::Words { values, flip } => of(values.iter().map(|value| value ^ flip)),
            Samples::Mapped { .. } => (0, u8::MAX.into()),
        }
    }

    /// Whether [`Self::compute`] applies: only to 16-bit little-endian or decoded words.
    pub(super) fn takes_formula(&self) -> bool {
        !matches!(
            self,
            Samples::Bytes { .. }
                | Samples::Mapped { .. }
                | Samples::Stored {
                    big_endian: true,
                    ..
                }
        )
    }

    /// Maps `out.len()` values with `formula`, starting at `start`. Does nothing for samples that
    /// do not [take it](Self::takes_formula).
    pub(super) fn compute(&self, start: usize, formula: Formula, out: &mut [u8]) {
        #[cfg(target_arch = "x86_64")]
        if let Samples::Stored {
            bytes,
            big_endian: false,
            flip,
        } = self
            && let Some(proof) = Avx2::detect()
        {
            let bytes = &bytes[2 * start..2 * (start + out.len())];
            return avx2::apply(proof, formula, *flip, bytes, out);
        }
        self.compute_plain(start, formula, out);
    }

    fn compute_plain(&self, start: usize, formula: Formula, out: &mut [u8]) {
        let end = start + out.len();
        match self {
            Samples::Stored {
                bytes,
                big_endian: false,
                flip,
            } => {
                for (out, pair) in out.iter_mut().zip(pairs(&bytes[2 * start..2 * end])) {
                    *out = formula.apply(u16::from_le_bytes(pair) ^ flip);
                }
            }
            Samples::Words { values, flip } => {
                for (out, value) in out.iter_mut().zip(&values[start..end]) {
                    *out = formula.apply(value ^ flip);
                }
            }
            Samples::Bytes { .. } | Samples::Mapped { .. } | Samples::Stored { .. } => {}
        }
    }

    /// Copies `out.len()` mapped values, starting at `start`. Does nothing for other samples.
    pub(super) fn copy(&self, start: usize, out: &mut [u8]) {
        if let Samples::Mapped { values, .. } = self {
            out.copy_from_slice(&values[start..start + out.len()]);
        }
    }

    /// The table index of a flipped value: the stored byte or word that [`Self::look_up`] uses.
    pub(super) fn index_of(&self, value: u16) -> usize {
        usize::from(match self {
            Samples::Bytes { flip, .. } => value ^ u16::from(*flip),
            Samples::Stored {
                big_endian: true,
                flip,
                ..
            } => (value ^ flip).swap_bytes(),
            Samples::Stored { flip, .. } | Samples::Words { flip, .. } => value ^ flip,
            Samples::Mapped { .. } => value,
        })
    }

    /// Looks up `out.len()` values in `table` by [`Self::index_of`], starting at `start`.
    pub(super) fn look_up(&self, start: usize, table: &[u8; 1 << 16], out: &mut [u8]) {
        let end = start + out.len();
        let entry = |index: u16| table[usize::from(index)];
        match self {
            Samples::Bytes { values, .. } => {
                for (out, value) in out.iter_mut().zip(&values[start..end]) {
                    *out = entry((*value).into());
                }
            }
            Samples::Stored { bytes, .. } => {
                for (out, pair) in out.iter_mut().zip(pairs(&bytes[2 * start..2 * end])) {
                    *out = entry(u16::from_le_bytes(pair));
                }
            }
            Samples::Words { values, .. } => {
                for (out, value) in out.iter_mut().zip(&values[start..end]) {
                    *out = entry(*value);
                }
            }
            Samples::Mapped { .. } => {}
        }
    }
}

#[inline(always)]
fn pairs(bytes: &[u8]) -> impl Iterator<Item = [u8; 2]> {
    bytes.as_chunks::<2>().0.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_range_is_that_of_the_numbers(
            values in proptest::collection::vec(any::<i16>(), 1..300),
        ) {
            let low = *values.iter().min().unwrap();
            let high = *values.iter().max().unwrap();
            let flipped = |value: i16| value as u16 ^ 0x8000;
            let le: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            let be: Vec<u8> = values.iter().flat_map(|value| value.to_be_bytes()).collect();
            for (bytes, big_endian) in [(&le, false), (&be, true)] {
                let samples = Samples::Stored { bytes, big_endian, flip: flip16(true) };
                prop_assert_eq!(samples.range(), (flipped(low), flipped(high)));
                prop_assert_eq!(samples.range(), samples.range_plain());
            }
            let values = values.iter().map(|value| *value as u16).collect();
            let samples = Samples::Words { values, flip: flip16(true) };
            prop_assert_eq!(samples.range(), (flipped(low), flipped(high)));
        }
    }
}
