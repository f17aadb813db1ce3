//! Text: glyphs out of the fonts that are built in.

use ab_glyph::{Font, FontRef, GlyphId, Point, PxScale, ScaleFont};
use epaint_default_fonts::{HACK_REGULAR, NOTO_EMOJI_REGULAR, UBUNTU_LIGHT};

use super::canvas::{Canvas, Color};

/// What a text is set in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    /// For words.
    Plain,
    /// For numbers and names of files; all characters are equally wide.
    Mono,
}

/// A face in a size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Style {
    pub face: Face,
    /// Height of a line in pixels.
    pub size: f32,
    pub color: Color,
}

/// The built-in fonts.
pub struct Fonts {
    plain: FontRef<'static>,
    mono: FontRef<'static>,
    signs: FontRef<'static>,
}

/// A built-in font is damaged.
#[derive(Debug, thiserror::Error)]
#[error("a built-in font cannot be read")]
pub struct FontError;

impl Fonts {
    pub fn load() -> Result<Self, FontError> {
        let font = |bytes| FontRef::try_from_slice(bytes).map_err(|_| FontError);
        Ok(Self {
            plain: font(UBUNTU_LIGHT)?,
            mono: font(HACK_REGULAR)?,
            signs: font(NOTO_EMOJI_REGULAR)?,
        })
    }

    /// Width of a line of text in pixels.
    pub fn width(&self, text: &str, style: Style) -> f32 {
        self.set(text, style, &mut |_, _, _| ())
    }

    /// Draws a line of text from `left` on, standing on `baseline`.
    pub fn draw(&self, canvas: &mut Canvas, left: f32, baseline: f32, text: &str, style: Style) {
        self.set(text, style, &mut |font, glyph, x| {
            let position = Point {
                x: left + x,
                y: baseline,
            };
            let glyph = glyph.with_scale_and_position(scale_of(font, style.size), position);
            let Some(outline) = font.outline_glyph(glyph) else {
                return;
            };
            let origin = outline.px_bounds().min;
            outline.draw(|x, y, coverage| {
                let (x, y) = (origin.x as i32 + x as i32, origin.y as i32 + y as i32);
                canvas.blend(x, y, style.color, coverage);
            });
        });
    }

    /// Sets a line of text glyph by glyph; returns its width.
    fn set<'a>(
        &'a self,
        text: &str,
        style: Style,
        each: &mut dyn FnMut(&'a FontRef<'static>, GlyphId, f32),
    ) -> f32 {
        let mut x = 0.0;
        let mut last: Option<(&FontRef<'static>, GlyphId)> = None;
        for c in text.chars() {
            let font = self.font_for(c, style.face);
            let glyph = font.glyph_id(c);
            let scaled = font.as_scaled(scale_of(font, style.size));
            if let Some((before, id)) = last
                && std::ptr::eq(before, font)
            {
                x += scaled.kern(id, glyph);
            }
            each(font, glyph, x);
            x += scaled.h_advance(glyph);
            last = Some((font, glyph));
        }
        x
    }

    /// The first font that has a character, beginning with that of the face. A character that none
    /// has is shown as the empty box that the face has for it.
    fn font_for(&self, c: char, face: Face) -> &FontRef<'static> {
        let fonts = match face {
            Face::Plain => [&self.plain, &self.mono, &self.signs],
            Face::Mono => [&self.mono, &self.plain, &self.signs],
        };
        fonts
            .into_iter()
            .find(|font| font.glyph_id(c) != GlyphId(0))
            .unwrap_or(fonts[0])
    }
}

/// The size of a font in which its em has `size` pixels, so that faces look equally large.
fn scale_of(font: &FontRef<'static>, size: f32) -> PxScale {
    PxScale::from(match font.units_per_em() {
        Some(units) if units > 0.0 => size * font.height_unscaled() / units,
        _ => size,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: Style = Style {
        face: Face::Plain,
        size: 20.0,
        color: [255; 3],
    };

    #[test]
    fn text_has_width_and_leaves_ink() {
        let fonts = Fonts::load().unwrap();
        assert_eq!(fonts.width("", STYLE), 0.0);
        assert!(fonts.width("mm", STYLE) > fonts.width("ii", STYLE));
        let mono = Style {
            face: Face::Mono,
            ..STYLE
        };
        assert_eq!(fonts.width("mmm…", mono), fonts.width("iii0", mono));

        let png = |text| {
            let mut canvas = Canvas::new(100, 30, [0; 3]);
            fonts.draw(&mut canvas, 5.0, 20.0, text, STYLE);
            let mut png = Vec::new();
            canvas.write_png(&mut png).unwrap();
            png
        };
        assert_ne!(png("abc"), png(""));
        assert_ne!(png("abc"), png("abd"));
    }

    #[test]
    fn any_character_can_be_drawn() {
        let fonts = Fonts::load().unwrap();
        let mut canvas = Canvas::new(60, 20, [0; 3]);
        let text = "\0\u{7f}漢字\u{202e}é🙂\u{fffd}\u{10ffff}a\u{301}";
        for (left, baseline) in [(0.0, 10.0), (-1e6, 0.0), (59.0, 25.0)] {
            fonts.draw(&mut canvas, left, baseline, text, STYLE);
        }
    }
}
