//! GIF: the first frame, as Pillow shows it.

use std::io::Cursor;
use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, Decoder, DecodingError, MemoryLimit};

use super::super::source::{Channels, check_size, zeros};
use super::super::{Damage, RenderError, error};
use super::{Picture, Pixels};
use crate::shown::Show;

/// Memory limit of the decoder: palettes, and a row of a frame of maximum width.
const MEMORY: u64 = 16 << 20;

pub(super) fn open(source: &[u8]) -> Result<Picture<'_>, RenderError> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options.allow_unknown_blocks(true);
    if let Some(bytes) = NonZeroU64::new(MEMORY) {
        options.set_memory_limit(MemoryLimit::Bytes(bytes));
    }
    let mut decoder = options.read_info(Cursor::new(source)).map_err(malformed)?;
    let (canvas_width, canvas_height) = (decoder.width(), decoder.height());
    let frame = decoder.next_frame_info().map_err(malformed)?;
    let frame = frame.ok_or_else(|| error::malformed("GIF", "there is no image in it"))?;
    let place = FrameArea {
        left: frame.left.into(),
        top: frame.top.into(),
        width: frame.width.into(),
        height: frame.height.into(),
        interlaced: frame.interlaced,
        empty: frame.transparent.unwrap_or(0),
    };
    let local = frame.palette.clone();
    let palette = palette(local.as_deref(), decoder.global_palette());
    // A frame that extends beyond the image enlarges it.
    let width = usize::from(canvas_width).max(place.left + place.width);
    let height = usize::from(canvas_height).max(place.top + place.height);
    check_size(width as u64, height as u64)?;
    Picture::new(width, height, Channels::Rgb, move || {
        decode(decoder, &place, &palette, width, height)
    })
}

/// The position of the frame in the image.
struct FrameArea {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
    interlaced: bool,
    /// The index of pixels outside the frame.
    empty: u8,
}

/// Without a palette, an index is its own gray. So is an index beyond the palette.
fn palette(local: Option<&[u8]>, global: Option<&[u8]>) -> [[u8; 3]; 256] {
    let mut palette: [[u8; 3]; 256] = std::array::from_fn(|index| [index as u8; 3]);
    let given = local.or(global).unwrap_or_default();
    for (entry, color) in palette.iter_mut().zip(given.as_chunks::<3>().0) {
        *entry = *color;
    }
    palette
}

fn decode(
    mut decoder: Decoder<Cursor<&[u8]>>,
    place: &FrameArea,
    palette: &[[u8; 3]; 256],
    width: usize,
    height: usize,
) -> Result<Pixels, RenderError> {
    let mut bytes = zeros(width * height * 3)?;
    let empty = palette[usize::from(place.empty)];
    if empty != [0; 3] {
        bytes.as_chunks_mut::<3>().0.fill(empty);
    }
    // Missing rows keep the image's initial value.
    let mut row = zeros(place.width)?;
    let mut good = 0;
    for number in order(place) {
        if !matches!(decoder.fill_buffer(&mut row), Ok(true)) {
            break;
        }
        let start = ((place.top + number) * width + place.left) * 3;
        let pixels = bytes[start..][..place.width * 3].as_chunks_mut::<3>().0;
        for (pixel, index) in pixels.iter_mut().zip(&row) {
            *pixel = palette[usize::from(*index)];
        }
        good += 1;
    }
    let rows = place.height;
    let damage = || {
        Damage::new(format!(
            "the image data end or are damaged after {good} of {rows} rows"
        ))
    };
    Ok(Pixels {
        bytes,
        damage: (good < rows).then(damage),
    })
}

/// The row numbers in the order of the data (GIF89a, appendix E).
fn order(place: &FrameArea) -> Vec<usize> {
    if !place.interlaced {
        return (0..place.height).collect();
    }
    [(0, 8), (4, 8), (2, 4), (1, 2)]
        .into_iter()
        .flat_map(|(first, step)| (first..place.height).step_by(step))
        .collect()
}

fn malformed(problem: DecodingError) -> RenderError {
    error::malformed("GIF", problem.to_string().shown().to_string())
}
