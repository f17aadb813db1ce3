//! Draws a survey on a sheet.

use image::RgbImage;

use super::canvas::{Canvas, Color};
use super::fit;
use super::sheet::{Block, Metrics, Sheet, SheetError};
use super::text::{Face, Fonts, Style};
use crate::shown::Show as _;
use crate::survey::{DatasetSurvey, Gallery, Origin, Pick, Survey, printable};
use crate::words;

const BACKGROUND: Color = [0x17, 0x18, 0x1a];
/// Around a picture, and where a picture is not.
const MAT: Color = [0x0c, 0x0d, 0x0e];
const RULE: Color = [0x33, 0x36, 0x3a];
const BRIGHT: Color = [0xf2, 0xf3, 0xf4];
const SOFT: Color = [0xb4, 0xb9, 0xbf];
const FAINT: Color = [0x8b, 0x91, 0x99];
const FINDING: Color = [0xe8, 0xb9, 0x6a];
const FAULT: Color = [0xf0, 0x8a, 0x80];
const FAULT_MAT: Color = [0x24, 0x19, 0x19];

/// Lines of a cause.
const CAUSE_LINES: usize = 5;

struct Brush<'a> {
    canvas: Canvas,
    fonts: Fonts,
    sheet: &'a Sheet,
    metrics: Metrics,
}

/// Draws everything.
pub fn draw(
    survey: &Survey,
    galleries: &[Gallery<'_>],
    sheet: &Sheet,
) -> Result<Canvas, SheetError> {
    let mut brush = Brush {
        canvas: Canvas::new(sheet.width, sheet.height, BACKGROUND),
        fonts: Fonts::load()?,
        sheet,
        metrics: sheet.metrics,
    };
    brush.title(survey);
    for (gallery, block) in galleries.iter().zip(&sheet.blocks) {
        let dataset = gallery.dataset;
        brush.heading(dataset, block);
        if let Some(error) = &dataset.error {
            let text = format!("cannot be read: {}", printable(error));
            brush.note(block, &text, FAULT);
        } else if dataset.picks.is_empty() {
            brush.note(block, "no images", FAINT);
        }
        for (image, (left, top)) in gallery.images.iter().zip(&block.tiles) {
            brush.tile(&image.thumbnail, *left, *top);
            brush.caption(image.pick, *left, *top);
        }
    }
    Ok(brush.canvas)
}

impl Brush<'_> {
    fn style(&self, face: Face, size: f32, color: Color) -> Style {
        let size = size * self.metrics.scale;
        Style { face, size, color }
    }

    /// Width between the margins.
    fn width(&self) -> f32 {
        (self.sheet.width - 2 * self.metrics.margin) as f32
    }

    /// One line of text whose line box is `height` pixels high and begins at `top`.
    fn line(&mut self, left: f32, top: u32, height: u32, text: &str, style: Style) {
        // Letters with neither ascender nor descender stand in the middle.
        let baseline = top as f32 + height as f32 * 0.5 + style.size * 0.35;
        self.fonts
            .draw(&mut self.canvas, left, baseline.round(), text, style);
    }

    /// Where everything comes from, and how much it is.
    fn title(&mut self, survey: &Survey) {
        let images: u64 = survey
            .datasets
            .iter()
            .map(|dataset| u64::from(dataset.images))
            .sum();
        let total = format!(
            "{} in {}",
            words::counted(images, "image", "images"),
            words::counted(survey.datasets.len() as u64, "dataset", "datasets")
        );
        let (margin, height) = (self.metrics.margin, self.metrics.line);
        let style = self.style(Face::Plain, 15.0, FAINT);
        let total_width = self.fonts.width(&total, style);
        let right = self.sheet.width - margin;
        let left = right as f32 - total_width;
        self.line(left, margin - height / 2, height, &total, style);

        let (Origin::Config { file: path, .. }
        | Origin::Tree { root: path }
        | Origin::Mount { root: path, .. }) = &survey.origin;
        let path = printable(&path.shown().to_string());
        let room = self.width() - total_width - margin as f32;
        let style = self.style(Face::Plain, 15.0, SOFT);
        let path = fit::keep_end(&path, room, &|text| self.fonts.width(text, style));
        self.line(margin as f32, margin - height / 2, height, &path, style);
    }

    fn heading(&mut self, dataset: &DatasetSurvey, block: &Block) {
        let (margin, height) = (self.metrics.margin, self.metrics.heading);
        let rule_height = self.metrics.scale.round().max(1.0) as u32;
        let width = self.sheet.width - 2 * margin;
        self.canvas
            .fill(margin, block.top, width, rule_height, RULE);
        let line = height - height / 8;
        let style = self.style(Face::Plain, 22.0, BRIGHT);
        let name = printable(&dataset.name);
        let name = fit::keep_start(&name, self.width() * 0.7, &|text| {
            self.fonts.width(text, style)
        });
        let name_width = self.fonts.width(&name, style);
        let top = block.top + height / 8;
        self.line(margin as f32, top, line - height / 8, &name, style);
        if dataset.error.is_none() {
            let count = words::counted(dataset.images.into(), "image", "images");
            let style = self.style(Face::Plain, 15.0, FAINT);
            let left = margin as f32 + name_width + 14.0 * self.metrics.scale;
            // On the same baseline as the name.
            let lower = (2.0 * self.metrics.scale).round() as u32;
            self.line(left, top + lower, line - height / 8, &count, style);
        }
    }

    /// What is said instead of tiles.
    fn note(&mut self, block: &Block, text: &str, color: Color) {
        let style = self.style(Face::Plain, 15.0, color);
        let text = fit::keep_start(text, self.width(), &|text| self.fonts.width(text, style));
        let (left, height) = (self.metrics.margin as f32, self.metrics.line);
        self.line(left, block.note, height, &text, style);
    }

    fn tile(&mut self, thumbnail: &Result<RgbImage, String>, left: u32, top: u32) {
        let side = self.metrics.tile;
        match thumbnail {
            Ok(picture) => {
                self.canvas.fill(left, top, side, side, MAT);
                let middle = |length: u32| side.saturating_sub(length) / 2;
                let (x, y) = (
                    left + middle(picture.width()),
                    top + middle(picture.height()),
                );
                self.canvas.put(x, y, picture);
            }
            Err(cause) => self.fault(cause, left, top),
        }
    }

    /// A tile that says why there is no picture.
    fn fault(&mut self, cause: &str, left: u32, top: u32) {
        let (side, line) = (self.metrics.tile, self.metrics.line);
        self.canvas.fill(left, top, side, side, RULE);
        self.canvas
            .fill(left + 1, top + 1, side - 2, side - 2, FAULT_MAT);
        let title = self.style(Face::Plain, 15.0, FAULT);
        let style = self.style(Face::Plain, 13.0, SOFT);
        let width = side as f32 - 2.0 * (side as f32 * 0.07);
        let room = (side / line).saturating_sub(3) as usize;
        let mut lines = vec![(
            fit::keep_start("cannot be read", width, &|text| {
                self.fonts.width(text, title)
            }),
            title,
        )];
        let cause = fit::wrap(&printable(cause), width, room.min(CAUSE_LINES), &|text| {
            self.fonts.width(text, style)
        });
        lines.extend(cause.into_iter().map(|text| (text, style)));
        let mut y = top + side.saturating_sub(lines.len() as u32 * line) / 2;
        for (text, style) in lines {
            let text_width = self.fonts.width(&text, style);
            let x = left as f32 + (side as f32 - text_width) / 2.0;
            self.line(x.round(), y, line, &text, style);
            y += line;
        }
    }

    /// Id, key and positive findings, each on a line.
    fn caption(&mut self, pick: &Pick, left: u32, top: u32) {
        let (side, line) = (self.metrics.tile, self.metrics.line);
        let width = side as f32;
        let id = self.style(Face::Mono, 13.0, BRIGHT);
        let key = self.style(Face::Plain, 13.0, SOFT);
        let fonts = &self.fonts;
        let mut lines = vec![
            (
                fit::keep_end(&printable(&pick.id), width, &|text| fonts.width(text, id)),
                id,
            ),
            (
                fit::keep_end(&printable(&pick.key), width, &|text| fonts.width(text, key)),
                key,
            ),
        ];
        if let Some(names) = pick.positive_findings() {
            let color = if names.is_empty() { FAINT } else { FINDING };
            let style = self.style(Face::Plain, 13.0, color);
            let names = match names.is_empty() {
                true => vec!["no positive finding"],
                false => names,
            };
            let text = fit::list(&names, width, &|text| fonts.width(text, style));
            lines.push((text, style));
        }
        let mut y = top + side + self.metrics.gap / 2;
        for (text, style) in lines {
            self.line(left as f32, y, line, &text, style);
            y += line;
        }
    }
}
