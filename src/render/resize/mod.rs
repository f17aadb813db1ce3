//! Pillow's bilinear resize with antialiasing, and the centre crop, on a stream of rows.
//!
//! Each source row is resampled horizontally as it arrives, while it is in the cache. The result
//! goes into a ring of as many rows as one output row needs. An output row is made as soon as its
//! last source row has arrived, so no buffer has the size of the source. The order of the passes is
//! Pillow's (horizontal first, rounded to 8 bits, then vertical), and so are the bytes.
//!
//! RGB is split into planes, so that a kernel for one channel serves both gray and RGB.

mod coefficients;
mod kernel;
mod plain;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "aarch64")]
mod neon;

use super::RenderError;
use super::geometry::{Geometry, Side};
use super::source::{Channels, Window, grow, reserve};
use coefficients::Coefficients;
use kernel::{HorizontalPass, Kernel};

/// Everything that depends on the geometry alone.
#[derive(Debug)]
struct Plan {
    geometry: Geometry,
    window: Window,
    /// `None` if columns are only cropped.
    horizontal: Option<HorizontalPass>,
    /// `None` if rows are only cropped.
    vertical: Option<Coefficients>,
}

impl Plan {
    fn new(geometry: Geometry, kernel: Kernel) -> Result<Self, RenderError> {
        let (horizontal, left, width) = coefficients_in_window(geometry.horizontal)?;
        let (vertical, top, height) = coefficients_in_window(geometry.vertical)?;
        let horizontal = horizontal
            .map(|weights| HorizontalPass::new(kernel, weights, width))
            .transpose()?;
        Ok(Self {
            geometry,
            window: Window {
                left,
                top,
                width,
                height,
            },
            horizontal,
            vertical,
        })
    }

    fn taps(&self) -> usize {
        self.vertical
            .as_ref()
            .map_or(1, |vertical| vertical.taps.max(1))
    }
}

/// The weights of a side relative to the first pixel that they need, with that pixel and the number
/// of pixels.
fn coefficients_in_window(side: Side) -> Result<(Option<Coefficients>, usize, usize), RenderError> {
    if side.is_identity() {
        return Ok((None, side.offset, side.kept));
    }
    let coefficients = Coefficients::new(side)?;
    let (first, end) = coefficients.reach();
    Ok((Some(coefficients.shifted(first)), first, end - first))
}

/// Resizes and crops one image after another. It keeps the weights for the next image, since the
/// images of a dataset often have the same size.
#[derive(Debug)]
pub(super) struct Resizer {
    kernel: Kernel,
    plan: Option<Plan>,
    ring: Vec<u8>,
    planes: Vec<u8>,
    out: Vec<u8>,
}

impl Resizer {
    pub(super) fn new() -> Self {
        Self {
            kernel: Kernel::best(),
            plan: None,
            ring: Vec::new(),
            planes: Vec::new(),
            out: Vec::new(),
        }
    }

    /// Prepares for an image; the returned [`Pass`] says which part of it is needed.
    pub(super) fn begin(
        &mut self,
        geometry: Geometry,
        channels: Channels,
    ) -> Result<Pass<'_>, RenderError> {
        let kept = self.plan.take().filter(|plan| plan.geometry == geometry);
        let plan = match kept {
            Some(plan) => plan,
            None => Plan::new(geometry, self.kernel)?,
        };
        let plan = self.plan.insert(plan);
        let (kept, channels) = (geometry.horizontal.kept, channels.count());
        let row = kept * channels;
        let widest = plan.window.width.max(kept);
        Ok(Pass {
            kernel: self.kernel,
            channels,
            ring: grow(&mut self.ring, plan.taps().saturating_mul(row))?,
            planes: grow(&mut self.planes, widest * channels)?,
            out: grow(&mut self.out, row.saturating_mul(geometry.vertical.kept))?,
            plan,
            pushed: 0,
            made: 0,
            fault: None,
        })
    }
}

/// The resizing of one image.
pub(super) struct Pass<'a> {
    kernel: Kernel,
    plan: &'a Plan,
    channels: usize,
    /// Horizontally resampled rows, each as planes. Row `n` of the window is at `n % taps`.
    ring: &'a mut [u8],
    /// One row, split into planes.
    planes: &'a mut [u8],
    /// The output, with interleaved channels.
    out: &'a mut [u8],
    pushed: usize,
    made: usize,
    /// The reason why no more rows are taken.
    fault: Option<RenderError>,
}

impl<'a> Pass<'a> {
    /// The part of the source that is needed.
    pub(super) fn window(&self) -> Window {
        self.plan.window
    }

    /// Takes the next row of the window, with interleaved channels.
    pub(super) fn push_row(&mut self, row: &[u8]) {
        if self.fault.is_some() {
            return;
        }
        let len = self.plan.geometry.horizontal.kept * self.channels;
        let Some(vertical) = &self.plan.vertical else {
            // Rows are only cropped, so write straight to the output.
            if self.pushed < self.plan.window.height {
                self.resample_into_output(row, self.pushed);
                self.pushed += 1;
            }
            return;
        };
        let slot = self.pushed % vertical.taps;
        self.resample_into_ring(row, slot);
        self.pushed += 1;
        while let (Some(start), Some(count)) = (
            vertical.starts.get(self.made),
            vertical.counts.get(self.made),
        ) {
            if start + count > self.pushed {
                break;
            }
            let ring = &*self.ring;
            // As many as the reduction requires, which is millions for a hostile source.
            let mut rows: Vec<&[u8]> = Vec::new();
            if let Err(fault) = reserve(&mut rows, *count) {
                self.fault = Some(fault);
                return;
            }
            rows.extend(
                (*start..start + count).map(|row| &ring[row % vertical.taps * len..][..len]),
            );
            let out = &mut self.out[self.made * len..][..len];
            let weights = vertical.of(self.made);
            if self.channels == 1 {
                self.kernel.vertical(&rows, weights, out);
            } else {
                let planes = &mut self.planes[..len];
                self.kernel.vertical(&rows, weights, planes);
                self.kernel.interleave(planes, out);
            }
            self.made += 1;
        }
    }

    fn resample_into_ring(&mut self, row: &[u8], slot: usize) {
        let kept = self.plan.geometry.horizontal.kept;
        let out = &mut self.ring[slot * kept * self.channels..][..kept * self.channels];
        if self.channels == 1 {
            resample(&self.plan.horizontal, row, out);
            return;
        }
        let width = row.len() / self.channels;
        self.kernel.take_apart(row, &mut self.planes[..row.len()]);
        let planes = self.planes[..row.len()].chunks_exact(width.max(1));
        for (plane, out) in planes.zip(out.chunks_exact_mut(kept)) {
            resample(&self.plan.horizontal, plane, out);
        }
    }

    fn resample_into_output(&mut self, row: &[u8], number: usize) {
        let len = self.plan.geometry.horizontal.kept * self.channels;
        if self.plan.horizontal.is_none() {
            self.out[number * len..][..len].copy_from_slice(&row[..len]);
            return;
        }
        self.resample_into_ring(row, 0);
        let out = &mut self.out[number * len..][..len];
        if self.channels == 1 {
            out.copy_from_slice(&self.ring[..len]);
        } else {
            self.kernel.interleave(&self.ring[..len], out);
        }
    }

    /// The finished pixels, with interleaved channels.
    pub(super) fn finish(self) -> Result<&'a [u8], RenderError> {
        match self.fault {
            Some(fault) => Err(fault),
            None => Ok(self.out),
        }
    }
}

fn resample(pass: &Option<HorizontalPass>, row: &[u8], out: &mut [u8]) {
    match pass {
        Some(pass) => pass.run(row, out),
        None => out.copy_from_slice(&row[..out.len()]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition: both passes over the whole image, then the crop.
    fn by_definition(pixels: &[u8], geometry: Geometry) -> Vec<u8> {
        let whole = |side: Side| Side {
            offset: 0,
            kept: side.scaled,
            ..side
        };
        let (width, height) = (geometry.horizontal.source, geometry.vertical.source);
        let (scaled, kept) = (geometry.horizontal.scaled, geometry.horizontal.kept);
        let mut wide = Vec::new();
        for row in pixels.chunks_exact(width) {
            let mut out = vec![0; scaled];
            if geometry.horizontal.is_identity() {
                out.copy_from_slice(row);
            } else {
                plain::horizontal(
                    &Coefficients::new(whole(geometry.horizontal)).unwrap(),
                    row,
                    &mut out,
                );
            }
            wide.push(out);
        }
        assert_eq!(wide.len(), height);
        if !geometry.vertical.is_identity() {
            let weights = Coefficients::new(whole(geometry.vertical)).unwrap();
            wide = (0..weights.len())
                .map(|row| {
                    let start = weights.starts[row];
                    let rows: Vec<&[u8]> = wide[start..start + weights.counts[row]]
                        .iter()
                        .map(Vec::as_slice)
                        .collect();
                    let mut out = vec![0; scaled];
                    plain::vertical(&rows, weights.of(row), &mut out);
                    out
                })
                .collect();
        }
        wide[geometry.vertical.offset..][..geometry.vertical.kept]
            .iter()
            .flat_map(|row| row[geometry.horizontal.offset..][..kept].to_vec())
            .collect()
    }

    fn stream(pixels: &[u8], geometry: Geometry, channels: Channels) -> Vec<u8> {
        let mut resizer = Resizer::new();
        let mut pass = resizer.begin(geometry, channels).unwrap();
        let (window, count) = (pass.window(), channels.count());
        for row in pixels
            .chunks_exact(geometry.horizontal.source * count)
            .skip(window.top)
            .take(window.height)
        {
            pass.push_row(&row[window.left * count..][..window.width * count]);
        }
        pass.finish().unwrap().to_vec()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn streaming_only_the_window_equals_the_whole_image(
            width in 1usize..300,
            height in 1usize..300,
            size in prop_oneof![Just(16usize), Just(33), Just(64), Just(100)],
            seed in any::<u64>(),
        ) {
            let mut state = seed;
            let mut pixels = |len: usize| -> Vec<u8> {
                (0..len)
                    .map(|_| {
                        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                        (state >> 56) as u8
                    })
                    .collect()
            };
            let geometry = Geometry::new(width, height, size).unwrap();
            let planes: Vec<Vec<u8>> = (0..3).map(|_| pixels(width * height)).collect();
            let expected: Vec<Vec<u8>> =
                planes.iter().map(|plane| by_definition(plane, geometry)).collect();
            prop_assert_eq!(&stream(&planes[0], geometry, Channels::Gray), &expected[0]);

            let mut rgb = vec![0; width * height * 3];
            plain::interleave(&planes.concat(), &mut rgb);
            let mut expected_rgb = vec![0; size * size * 3];
            plain::interleave(&expected.concat(), &mut expected_rgb);
            prop_assert_eq!(stream(&rgb, geometry, Channels::Rgb), expected_rgb);
        }
    }
}
