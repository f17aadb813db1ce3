//! Draws a survey on a sheet.

use std::iter::once;

use image::{Rgb, RgbImage, imageops};

use super::sheet::{Block, Sheet};
use super::text::{Fonts, Style};
use crate::shown::Show as _;
use crate::survey::{DatasetSurvey, Gallery, Origin, Pick, Survey, printable};
use crate::words;

const BACKGROUND: Rgb<u8> = Rgb([0x17, 0x18, 0x1a]);
/// The colour around a picture, and in place of a missing one.
const MAT: Rgb<u8> = Rgb([0x0c, 0x0d, 0x0e]);
const RULE: Rgb<u8> = Rgb([0x33, 0x36, 0x3a]);
const BRIGHT: Rgb<u8> = Rgb([0xf2, 0xf3, 0xf4]);
const SOFT: Rgb<u8> = Rgb([0xb4, 0xb9, 0xbf]);
const FAINT: Rgb<u8> = Rgb([0x8b, 0x91, 0x99]);
const FINDING: Rgb<u8> = Rgb([0xe8, 0xb9, 0x6a]);
const FAULT: Rgb<u8> = Rgb([0xf0, 0x8a, 0x80]);
const FAULT_MAT: Rgb<u8> = Rgb([0x24, 0x19, 0x19]);

/// Sizes of text on a sheet with tiles of the usual size.
const LARGE: f32 = 22.0;
const MEDIUM: f32 = 15.0;
const SMALL: f32 = 13.0;

/// Maximum number of lines of a cause.
const CAUSE_LINES: u32 = 5;

struct Drawing<'a> {
    picture: RgbImage,
    fonts: &'a Fonts,
    sheet: &'a Sheet,
    /// The width between the margins.
    width: f32,
}

/// Draws everything.
pub fn draw(survey: &Survey, galleries: &[Gallery<'_>], sheet: &Sheet, fonts: &Fonts) -> RgbImage {
    let mut drawing = Drawing {
        picture: RgbImage::from_pixel(sheet.width, sheet.height, BACKGROUND),
        fonts,
        sheet,
        width: (sheet.width - 2 * sheet.margin) as f32,
    };
    drawing.title(survey);
    for (gallery, block) in galleries.iter().zip(&sheet.blocks) {
        drawing.heading(gallery.dataset, block);
        for (image, &corner) in gallery.images.iter().zip(&block.tiles) {
            match &image.thumbnail {
                Ok(thumbnail) => drawing.tile(thumbnail, corner),
                Err(cause) => drawing.fault(cause, corner),
            }
            drawing.caption(image.pick, corner);
        }
    }
    drawing.picture
}

impl<'a> Drawing<'a> {
    fn plain(&self, size: f32, color: Rgb<u8>) -> Style<'a> {
        Style::new(&self.fonts.plain, size * self.sheet.scale, color)
    }

    fn fill(&mut self, (x, y): (u32, u32), (width, height): (u32, u32), color: Rgb<u8>) {
        let filled = RgbImage::from_pixel(width, height, color);
        imageops::replace(&mut self.picture, &filled, x.into(), y.into());
    }

    /// Draws the origin of the images and their number.
    fn title(&mut self, survey: &Survey) {
        let (margin, middle) = (self.sheet.margin as f32, self.sheet.margin);
        let images = survey
            .datasets
            .iter()
            .map(|dataset| u64::from(dataset.images));
        let images = words::counted(images.sum(), "image", "images");
        let datasets = words::counted(survey.datasets.len() as u64, "dataset", "datasets");
        let total = format!("{images} in {datasets}");
        let style = self.plain(MEDIUM, FAINT);
        let room = self.width - style.width(&total);
        style.draw(&mut self.picture, margin + room, middle, &total);

        let (Origin::Config { file: path, .. }
        | Origin::Tree { root: path }
        | Origin::Mount { root: path, .. }) = &survey.origin;
        let style = self.plain(MEDIUM, SOFT);
        let path = style.keep_end(&printable(&path.shown().to_string()), room - margin);
        style.draw(&mut self.picture, margin, middle, &path);
    }

    /// Draws the name of a dataset, its number of images, and why there are no tiles if there are
    /// none.
    fn heading(&mut self, dataset: &DatasetSurvey, block: &Block) {
        let (margin, scale) = (self.sheet.margin, self.sheet.scale);
        let rule = (self.width as u32, scale.round() as u32);
        self.fill((margin, block.top), rule, RULE);
        let style = self.plain(LARGE, BRIGHT);
        let middle = block.top + self.sheet.heading / 2;
        let name = style.keep_start(&printable(&dataset.name), self.width * 0.7);
        let end = style.draw(&mut self.picture, margin as f32, middle, &name);

        let faint = self.plain(MEDIUM, FAINT);
        let (note, style) = if let Some(error) = &dataset.error {
            let note = format!("cannot be read: {}", printable(error));
            (note, self.plain(MEDIUM, FAULT))
        } else {
            let count = words::counted(dataset.images.into(), "image", "images");
            // On the same baseline as the name.
            let lower = middle + ((LARGE - MEDIUM) * 0.35 * scale).round() as u32;
            faint.draw(&mut self.picture, end + 14.0 * scale, lower, &count);
            ("no images".to_owned(), faint)
        };
        if dataset.picks.is_empty() {
            let middle = block.top + self.sheet.heading + self.sheet.line / 2;
            let note = style.keep_start(&note, self.width);
            style.draw(&mut self.picture, margin as f32, middle, &note);
        }
    }

    fn tile(&mut self, thumbnail: &RgbImage, (left, top): (u32, u32)) {
        let side = self.sheet.tile;
        self.fill((left, top), (side, side), MAT);
        let x = left + (side - thumbnail.width()) / 2;
        let y = top + (side - thumbnail.height()) / 2;
        imageops::replace(&mut self.picture, thumbnail, x.into(), y.into());
    }

    /// Draws a tile that says why there is no picture.
    fn fault(&mut self, cause: &str, (left, top): (u32, u32)) {
        let (side, line) = (self.sheet.tile, self.sheet.line);
        self.fill((left, top), (side, side), RULE);
        self.fill((left + 1, top + 1), (side - 2, side - 2), FAULT_MAT);
        let width = side as f32 * 0.86;
        let title = self.plain(MEDIUM, FAULT);
        let style = self.plain(SMALL, SOFT);
        let most = (side / line - 3).min(CAUSE_LINES) as usize;
        let cause = style.wrap(&printable(cause), width, most);
        let mut middle = top + (side - cause.len() as u32 * line) / 2;
        let lines = cause.into_iter().map(|text| (text, &style));
        for (text, style) in once((title.keep_start("cannot be read", width), &title)).chain(lines)
        {
            let indent = (side as f32 - style.width(&text)) / 2.0;
            style.draw(
                &mut self.picture,
                left as f32 + indent.round(),
                middle,
                &text,
            );
            middle += line;
        }
    }

    /// Draws id, key and positive findings, each on a line.
    fn caption(&mut self, pick: &Pick, (left, top): (u32, u32)) {
        let width = self.sheet.tile as f32;
        let id = Style::new(&self.fonts.mono, SMALL * self.sheet.scale, BRIGHT);
        let key = self.plain(SMALL, SOFT);
        let mut lines = vec![
            (id.keep_end(&printable(&pick.id), width), id),
            (key.keep_end(&printable(&pick.key), width), key),
        ];
        if let Some(names) = pick.positive_findings() {
            let (text, color) = if names.is_empty() {
                ("no positive finding".to_owned(), FAINT)
            } else {
                (names.join(", "), FINDING)
            };
            let style = self.plain(SMALL, color);
            lines.push((style.keep_start(&text, width), style));
        }
        let mut middle = top + self.sheet.tile + self.sheet.gap / 2 + self.sheet.line / 2;
        for (text, style) in lines {
            style.draw(&mut self.picture, left as f32, middle, &text);
            middle += self.sheet.line;
        }
    }
}
