//! Lines of text, shortened to a width and drawn in the built-in fonts.

use std::iter::once;

use ab_glyph::{Font as _, FontRef, InvalidFont, PxScale, PxScaleFont, ScaleFont as _, point};
use epaint_default_fonts::{HACK_REGULAR, UBUNTU_LIGHT};
use image::{Pixel as _, Rgb, RgbImage};

/// The built-in fonts. A character that a font lacks is drawn as the font's empty box.
pub struct Fonts {
    /// For words.
    pub plain: FontRef<'static>,
    /// For numbers; all characters have the same width.
    pub mono: FontRef<'static>,
}

impl Fonts {
    pub fn load() -> Result<Self, InvalidFont> {
        Ok(Self {
            plain: FontRef::try_from_slice(UBUNTU_LIGHT)?,
            mono: FontRef::try_from_slice(HACK_REGULAR)?,
        })
    }
}

/// A font in a size and a colour.
pub struct Style<'a> {
    font: PxScaleFont<&'a FontRef<'static>>,
    size: f32,
    color: Rgb<u8>,
}

impl<'a> Style<'a> {
    /// `size` is the em of the font in pixels, so that fonts look equally large.
    pub fn new(font: &'a FontRef<'static>, size: f32, color: Rgb<u8>) -> Self {
        let points = size * 0.75;
        let scale = font.pt_to_px_scale(points).unwrap_or(PxScale::from(size));
        let font = font.as_scaled(scale);
        Self { font, size, color }
    }

    /// Width of a line of text in pixels. Neither font has a kerning table.
    pub fn width(&self, text: &str) -> f32 {
        let advance = |c| self.font.h_advance(self.font.glyph_id(c));
        text.chars().map(advance).sum()
    }

    /// Draws a line of text whose lowercase letters are centred at the height `middle`; returns
    /// where it ends. Parts outside the picture are cut off.
    pub fn draw(&self, picture: &mut RgbImage, left: f32, middle: u32, text: &str) -> f32 {
        let baseline = (middle as f32 + self.size * 0.35).round();
        let mut position = point(left, baseline);
        for c in text.chars() {
            let mut glyph = self.font.scaled_glyph(c);
            glyph.position = position;
            position.x += self.font.h_advance(glyph.id);
            let Some(outline) = self.font.outline_glyph(glyph) else {
                continue;
            };
            let corner = outline.px_bounds().min;
            outline.draw(|x, y, coverage| {
                let (x, y) = (corner.x as u32 + x, corner.y as u32 + y);
                if let Some(pixel) = picture.get_pixel_mut_checked(x, y) {
                    let mix = |below: u8, ink: u8| {
                        let (below, ink) = (f32::from(below), f32::from(ink));
                        (below + (ink - below) * coverage).round() as u8
                    };
                    pixel.apply2(&self.color, mix);
                }
            });
        }
        position.x
    }

    /// `text`, without its beginning if it is too wide: the end of a path tells more.
    pub fn keep_end(&self, text: &str, width: f32) -> String {
        let ends = text
            .char_indices()
            .map(|(at, _)| format!("…{}", &text[at..]));
        self.first_that_fits(once(text.to_owned()).chain(ends), width)
    }

    /// `text`, without its end if it is too wide.
    pub fn keep_start(&self, text: &str, width: f32) -> String {
        let starts = text.char_indices().rev();
        let starts = starts.map(|(at, _)| format!("{}…", text[..at].trim_end()));
        self.first_that_fits(once(text.to_owned()).chain(starts), width)
    }

    /// `text` in at most `lines` lines, broken between words and within paths. A word that is wider
    /// than a line is shortened, and so is the last line.
    pub fn wrap(&self, text: &str, width: f32, lines: usize) -> Vec<String> {
        let mut wrapped: Vec<String> = Vec::new();
        for word in text.split_inclusive([' ', '/', '-']) {
            let is_last = wrapped.len() == lines;
            match wrapped.last_mut() {
                Some(line) if is_last || self.width(&format!("{line}{word}")) <= width => {
                    line.push_str(word);
                }
                _ => wrapped.push(word.to_owned()),
            }
        }
        let fit = |line: &String| self.keep_start(line.trim_end(), width);
        wrapped.iter().map(fit).collect()
    }

    fn first_that_fits(&self, mut texts: impl Iterator<Item = String>, width: f32) -> String {
        texts
            .find(|text| self.width(text) <= width)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A style in which each character is a pixel wide, so that widths count characters.
    fn counting(fonts: &Fonts) -> Style<'_> {
        Style::new(&fonts.mono, 1.66, Rgb([255; 3]))
    }

    #[test]
    fn texts_are_shortened_where_it_hurts_least() {
        let fonts = Fonts::load().unwrap();
        let style = counting(&fonts);
        assert_eq!(style.keep_end("train/p1/view.jpg", 9.0), "…view.jpg");
        assert_eq!(style.keep_start("Pleural Effusion", 9.0), "Pleural…");
        assert_eq!(style.keep_start("abc", 3.0), "abc");
        let wrap = |text, width| style.wrap(text, width, 3);
        assert_eq!(wrap("the source is gone", 11.0), ["the source", "is gone"]);
        assert_eq!(wrap("abcdefgh ij", 3.0), ["ab…", "ij"]);
        assert_eq!(wrap("a/b-c d e", 2.0), ["a/", "b-", "c…"]);
    }

    proptest! {
        #[test]
        fn what_is_fitted_fits_and_is_drawn(text in "\\PC{0,40}", width in 0f32..30.0) {
            let fonts = Fonts::load().unwrap();
            let style = counting(&fonts);
            let mut lines = style.wrap(&text, width, 4);
            prop_assert!(lines.len() <= 4);
            lines.extend([style.keep_end(&text, width), style.keep_start(&text, width)]);
            prop_assert!(lines.iter().all(|line| style.width(line) <= width));
            // Characters that the fonts lack, and parts outside the picture, do no harm.
            let large = Style::new(&fonts.plain, 20.0, Rgb([255; 3]));
            large.draw(&mut RgbImage::new(20, 10), 3.0, 8, &text);
        }
    }
}
