//! One interface to all kernels. The fastest for this processor is chosen once, at run time.

use super::super::RenderError;
use super::coefficients::Coefficients;
use super::plain;

#[cfg(target_arch = "x86_64")]
use super::super::avx2::Avx2;
#[cfg(target_arch = "x86_64")]
use super::avx2;
#[cfg(target_arch = "aarch64")]
use super::neon;

/// An implementation of the two passes. All give the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kernel {
    Plain,
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl Kernel {
    /// The fastest kernel for this processor.
    pub(super) fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = Avx2::detect() {
            return Kernel::Avx2(avx2);
        }
        #[cfg(target_arch = "aarch64")]
        return Kernel::Neon;
        #[allow(unreachable_code)]
        Kernel::Plain
    }

    /// Combines whole rows into one by `weights`.
    pub(super) fn vertical(self, rows: &[&[u8]], weights: &[i32], out: &mut [u8]) {
        match self {
            Kernel::Plain => plain::vertical(rows, weights, out),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2(proof) => avx2::vertical(proof, rows, weights, out),
            #[cfg(target_arch = "aarch64")]
            Kernel::Neon => neon::vertical(rows, weights, out),
        }
    }

    /// Splits interleaved RGB into planes.
    pub(super) fn take_apart(self, row: &[u8], planes: &mut [u8]) {
        match self {
            Kernel::Plain => plain::take_apart(row, planes),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2(proof) => avx2::take_apart(proof, row, planes),
            #[cfg(target_arch = "aarch64")]
            Kernel::Neon => plain::take_apart(row, planes),
        }
    }

    /// Interleaves the planes of RGB.
    pub(super) fn interleave(self, planes: &[u8], row: &mut [u8]) {
        match self {
            Kernel::Plain => plain::interleave(planes, row),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2(proof) => avx2::interleave(proof, planes, row),
            #[cfg(target_arch = "aarch64")]
            Kernel::Neon => plain::interleave(planes, row),
        }
    }
}

/// The horizontal pass over rows of one length, prepared for a kernel.
#[derive(Debug, Clone)]
pub(super) struct HorizontalPass {
    kernel: Kernel,
    coefficients: Coefficients,
    #[cfg(target_arch = "x86_64")]
    packed: Option<avx2::Packed>,
}

impl HorizontalPass {
    pub(super) fn new(
        kernel: Kernel,
        coefficients: Coefficients,
        row_len: usize,
    ) -> Result<Self, RenderError> {
        #[cfg(target_arch = "x86_64")]
        let packed = match kernel {
            Kernel::Avx2(_) => avx2::Packed::new(&coefficients, row_len)?,
            Kernel::Plain => None,
        };
        #[cfg(not(target_arch = "x86_64"))]
        let _ = row_len;
        Ok(Self {
            kernel,
            coefficients,
            #[cfg(target_arch = "x86_64")]
            packed,
        })
    }

    /// Resamples one row of one channel.
    pub(super) fn run(&self, row: &[u8], out: &mut [u8]) {
        match self.kernel {
            Kernel::Plain => plain::horizontal(&self.coefficients, row, out),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2(proof) => match &self.packed {
                Some(packed) => avx2::horizontal(proof, packed, row, out),
                None => plain::horizontal(&self.coefficients, row, out),
            },
            #[cfg(target_arch = "aarch64")]
            Kernel::Neon => neon::horizontal(&self.coefficients, row, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::geometry::Side;
    use super::*;
    use proptest::prelude::*;

    fn side() -> impl Strategy<Value = Side> {
        (1usize..3000, 1usize..200).prop_flat_map(|(source, scaled)| {
            (1..=scaled).prop_map(move |kept| Side {
                source,
                scaled,
                offset: (scaled - kept) / 2,
                kept,
            })
        })
    }

    /// Rows that give every sum its extremes: noise, all black, all white, stripes.
    fn pixels(len: usize) -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            proptest::collection::vec(any::<u8>(), len),
            Just(vec![255; len]),
            Just(vec![0; len]),
            Just(
                (0..len)
                    .map(|at| if at % 2 == 0 { 255 } else { 0 })
                    .collect()
            ),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn horizontal_pass_equals_the_plain_one(
            (side, row) in side().prop_flat_map(|side| (Just(side), pixels(side.source)))
        ) {
            let coefficients = Coefficients::new(side).unwrap();
            let (mut fast, mut plain) = (vec![0; side.kept], vec![0; side.kept]);
            HorizontalPass::new(Kernel::best(), coefficients.clone(), row.len())
                .unwrap()
                .run(&row, &mut fast);
            plain::horizontal(&coefficients, &row, &mut plain);
            prop_assert_eq!(fast, plain);
        }

        #[test]
        fn vertical_pass_equals_the_plain_one(
            side in side(),
            (width, rows) in (1usize..70).prop_flat_map(|width| {
                (Just(width), proptest::collection::vec(pixels(width), 40))
            })
        ) {
            let coefficients = Coefficients::new(side).unwrap();
            let (mut fast, mut plain) = (vec![0; width], vec![0; width]);
            for output in 0..coefficients.len().min(20) {
                let weights = coefficients.of(output);
                let rows: Vec<&[u8]> =
                    rows.iter().cycle().take(weights.len()).map(Vec::as_slice).collect();
                Kernel::best().vertical(&rows, weights, &mut fast);
                plain::vertical(&rows, weights, &mut plain);
                prop_assert_eq!(&fast, &plain);
            }
        }

        #[test]
        fn planes_are_taken_apart_and_put_together(
            row in (0usize..400).prop_flat_map(|width| pixels(width * 3))
        ) {
            let width = row.len() / 3;
            let mut planes = vec![7; row.len()];
            Kernel::best().take_apart(&row, &mut planes);
            for (at, sample) in row.iter().enumerate() {
                prop_assert_eq!(planes[at % 3 * width + at / 3], *sample);
            }
            let mut again = vec![7; row.len()];
            Kernel::best().interleave(&planes, &mut again);
            prop_assert_eq!(&again, &row);
            let mut plain = vec![7; row.len()];
            plain::take_apart(&row, &mut plain);
            prop_assert_eq!(&plain, &planes);
            plain::interleave(&plain, &mut again);
            prop_assert_eq!(&again, &row);
        }

        #[test]
        fn plain_pass_is_the_weighted_mean_to_within_rounding(
            (side, row) in side().prop_flat_map(|side| (Just(side), pixels(side.source)))
        ) {
            let coefficients = Coefficients::new(side).unwrap();
            let mut out = vec![0; side.kept];
            plain::horizontal(&coefficients, &row, &mut out);
            let scale = side.source as f64 / side.scaled as f64;
            for (at, out) in out.iter().enumerate() {
                let center = ((at + side.offset) as f64 + 0.5) * scale;
                let weights: Vec<(f64, f64)> = row
                    .iter()
                    .enumerate()
                    .map(|(x, pixel)| {
                        let distance = (x as f64 + 0.5 - center) / scale.max(1.0);
                        ((1.0 - distance.abs()).max(0.0), f64::from(*pixel))
                    })
                    .collect();
                let sum: f64 = weights.iter().map(|(weight, _)| weight).sum();
                let mean: f64 = weights.iter().map(|(weight, pixel)| weight * pixel).sum();
                prop_assert!((mean / sum - f64::from(*out)).abs() < 0.51);
            }
        }
    }
}
