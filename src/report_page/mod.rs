//! One HTML page about the contents and failures of datasets. It needs no other files.
//!
//! ```text
//! survey ─► Report (what the page says, in words and numbers) ─► templates/report.html
//! ```
//!
//! The template escapes everything that is put into it, since keys and causes come from lists and
//! files.

mod distributions;
mod faults;
mod pictures;
mod prevalence;
mod shares;
mod view_counts;

use askama::Template;
use chrono::{DateTime, Utc};
use indicatif::HumanCount;

use distributions::Distributions;
use faults::Faults;
use pictures::Pictures;
use prevalence::{Cell, Prevalence};
use view_counts::ViewCounts;

use crate::shown::Show as _;
use crate::survey::{
    DatasetSurvey, Origin, Survey, damaged, failures, galleries, overlays, printable,
};
use crate::words::overlay_bits;

/// Longer side of a picture in pixels.
const PICTURE_SIDE: u32 = 200;

/// The page.
#[derive(Debug, Template)]
#[template(path = "report.html")]
pub struct Report {
    version: &'static str,
    /// Kind of origin, such as `config file`, and its path.
    kind: &'static str,
    place: String,
    /// Config file of a mount.
    config: Option<String>,
    made: DateTime<Utc>,
    figures: Vec<Figure>,
    errors: Vec<Remark>,
    counts: Vec<ViewCounts>,
    total: ViewCounts,
    is_raw: bool,
    has_unknown_views: bool,
    /// Which views are left out.
    left_out: Vec<Remark>,
    warnings: Vec<Remark>,
    prevalence: Prevalence,
    distributions: Vec<Distributions>,
    /// Datasets of a tree that has no metadata of them.
    without_metadata: Vec<String>,
    pictures: Vec<Pictures>,
    faults: Faults,
    damaged: Faults,
}

/// A summary number.
#[derive(Debug)]
struct Figure {
    name: &'static str,
    value: String,
}

/// An error or a warning of a dataset.
#[derive(Debug)]
struct Remark {
    dataset: String,
    text: String,
}

impl Report {
    /// The page of a survey. Reads the picked images.
    pub fn of(survey: &Survey) -> Self {
        let galleries = galleries(survey, PICTURE_SIDE);
        let faults = Faults::of(survey, &failures(survey, &galleries));
        let damaged = Faults::of(survey, &damaged(survey, &galleries));
        let datasets = &survey.datasets;
        let mut warnings = remarks(datasets, |dataset| &dataset.warnings);
        warnings.extend(overlays(survey).into_iter().filter_map(|(name, count)| {
            let is_shown = datasets.iter().any(|dataset| dataset.name == name);
            is_shown.then(|| Remark {
                dataset: printable(&name),
                text: overlay_bits(count),
            })
        }));
        let (kind, place, config) = match &survey.origin {
            Origin::Config { file, .. } => ("config file", file, None),
            Origin::Tree { root } => ("finished tree", root, None),
            Origin::Mount { root, config } => ("mount", root, Some(config)),
        };
        Self {
            version: env!("CARGO_PKG_VERSION"),
            kind,
            place: printable(&place.shown().to_string()),
            config: config.map(|path| printable(&path.shown().to_string())),
            made: Utc::now(),
            figures: figures(datasets, &faults, &damaged),
            errors: remarks(datasets, |dataset| dataset.error.as_slice()),
            counts: datasets.iter().map(ViewCounts::of).collect(),
            total: ViewCounts::sum(datasets),
            is_raw: matches!(survey.origin, Origin::Config { .. }),
            has_unknown_views: datasets
                .iter()
                .any(|dataset| dataset.views.is_none() && dataset.error.is_none()),
            left_out: remarks(datasets, |dataset| {
                if dataset.left_out.is_empty() {
                    &[]
                } else {
                    std::slice::from_ref(&dataset.left_out)
                }
            }),
            warnings,
            prevalence: Prevalence::of(datasets),
            distributions: datasets.iter().filter_map(Distributions::dataset).collect(),
            without_metadata: datasets
                .iter()
                .filter(|dataset| dataset.metadata.is_none() && dataset.error.is_none())
                .map(|dataset| printable(&dataset.name))
                .collect(),
            pictures: galleries.iter().map(Pictures::of).collect(),
            faults,
            damaged,
        }
    }

    /// How many pictures the page shows, and how many could not be read.
    pub fn pictures(&self) -> (usize, usize) {
        let all = || self.pictures.iter().flat_map(|pictures| &pictures.all);
        let shown = all().filter(|picture| picture.shown.is_ok()).count();
        (shown, all().count() - shown)
    }

    /// The page as HTML.
    pub fn to_html(&self) -> Result<String, askama::Error> {
        self.render()
    }
}

/// The texts that `of` returns for each dataset.
fn remarks(datasets: &[DatasetSurvey], of: fn(&DatasetSurvey) -> &[String]) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for dataset in datasets {
        remarks.extend(of(dataset).iter().map(|text| Remark {
            dataset: printable(&dataset.name),
            text: printable(text),
        }));
    }
    remarks
}

fn figures(datasets: &[DatasetSurvey], faults: &Faults, damaged: &Faults) -> Vec<Figure> {
    let images = datasets.iter().map(|dataset| u64::from(dataset.images));
    let labelled = datasets
        .iter()
        .filter_map(|dataset| Some(u64::from(dataset.findings.as_ref()?.labelled())));
    let figures = [
        ("Datasets", datasets.len() as u64),
        ("Images", images.sum()),
        ("Images with labels", labelled.sum()),
        ("Known failures", faults.count),
    ];
    let damaged = (damaged.count > 0).then_some(("Made of damaged sources", damaged.count));
    figures
        .into_iter()
        .chain(damaged)
        .map(|(name, value)| Figure {
            name,
            value: HumanCount(value).to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_survey_is_a_page() {
        let survey = Survey {
            origin: Origin::Tree {
                root: "/x/<y>".into(),
            },
            datasets: Vec::new(),
        };
        let page = Report::of(&survey).to_html().unwrap();
        assert!(page.contains("<!DOCTYPE html>") && page.contains("</html>"));
        assert!(page.contains("/x/&#60;y&#62;"), "{page}");
    }

    /// Relative luminance as WCAG 2 defines it.
    fn luminance(color: &str) -> f64 {
        let channel = |at: usize| {
            let value = u8::from_str_radix(&color[at..at + 2], 16).unwrap();
            let value = f64::from(value) / 255.0;
            match value {
                ..=0.04045 => value / 12.92,
                _ => ((value + 0.055) / 1.055).powf(2.4),
            }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    #[test]
    fn text_and_marks_stand_out_in_both_schemes() {
        let css = include_str!("../../templates/report.css");
        let blocks: Vec<&str> = css
            .split(":root {")
            .skip(1)
            .map(|block| block.split('}').next().unwrap())
            .collect();
        assert!(blocks.len() >= 2, "a light and a dark scheme");
        for block in blocks.iter().take(2) {
            let color = |name: &str| {
                let value = block.split(&format!("--{name}: ")).nth(1);
                value.unwrap_or_else(|| panic!("no --{name}"))[..7].to_owned()
            };
            let contrast = |a: &str, b: &str| {
                let (a, b) = (luminance(&color(a)), luminance(&color(b)));
                (a.max(b) + 0.05) / (a.min(b) + 0.05)
            };
            for ground in ["ground", "surface"] {
                for text in ["text", "soft", "link", "fault"] {
                    let contrast = contrast(text, ground);
                    assert!(contrast >= 4.5, "{text} on {ground}: {contrast:.2}");
                }
                for mark in ["positive", "negative", "edge", "link"] {
                    let contrast = contrast(mark, ground);
                    assert!(contrast >= 3.0, "{mark} on {ground}: {contrast:.2}");
                }
            }
        }
    }
}
