//! Counts of what the metadata of a dataset tells about its images.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;

use super::{Findings, Tally};
use crate::catalog::Catalog;
use crate::datasets::RawTree;
use crate::metadata::image::{LabelSource, Negatives, Sex, Split, View};
use crate::metadata_table::{
    DatasetTable, ImageProperties, TableError, TableOptions, read_properties,
};
use crate::render::RenderParams;
use crate::shown::Show as _;
use crate::slow::announce_if_slow;
use crate::spread;

/// Images whose headers are read, when the metadata comes from lists.
const HEADERS: u32 = 200;

/// Counts of the views, patients and pictures of some images.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageCounts {
    pub views: Tally<View>,
    pub sexes: Tally<Sex>,
    /// Ages in tens of years.
    pub decades: Tally<u8>,
    pub splits: Tally<Split>,
    /// Width and height of the sources in pixels.
    pub sizes: Tally<(u32, u32)>,
    /// Bits per sample of the sources.
    pub bits: Tally<u8>,
}

/// What the metadata of a dataset tells.
#[derive(Debug, Default)]
pub struct MetadataSummary {
    /// Names of the lists that were read; `None` if a table was.
    pub lists: Option<Vec<String>>,
    pub all: ImageCounts,
    /// The images whose headers were read, evenly spread; `None` if `all` has what headers tell.
    pub sample: Option<ImageCounts>,
    pub findings: Findings,
    /// How the zeros of the findings arose.
    pub negatives: Tally<Negatives>,
    pub label_sources: Tally<LabelSource>,
    pub warnings: Vec<String>,
}

impl ImageCounts {
    fn add(&mut self, image: &ImageProperties) {
        // The cast saturates; there are no ages above 120.
        let decade = image.age_years.map(|years| (years / 10.0) as u8);
        self.views.add(image.view);
        self.sexes.add(image.sex);
        self.decades.add(decade);
        self.splits.add(image.split);
        self.sizes.add(image.size);
        self.bits.add(image.bits);
    }
}

impl MetadataSummary {
    /// Reads the lists of `tree`, whose images are those of `catalog`, and the headers of some
    /// images. Uses rayon's current pool.
    pub(super) fn of_lists(tree: &RawTree, catalog: &Catalog, params: RenderParams) -> Self {
        let stop = AtomicBool::new(false);
        let options = TableOptions {
            headers: true,
            loose: false,
            params,
            masks_in: None,
            stop: &stop,
        };
        let doing = format!("reading what the lists of {} say", tree.shown_root());
        let table = announce_if_slow(doing, || DatasetTable::read(tree, catalog, options));
        let lists = table.notes().iter().map(|note| {
            let below = note.path.strip_prefix(&tree.root).unwrap_or(&note.path);
            below.shown().to_string()
        });
        let mut summary = Self {
            lists: Some(lists.collect()),
            warnings: table.warnings().to_vec(),
            ..Self::default()
        };
        let present: Vec<u32> = catalog.present_numbers().collect();
        let listed = present.iter().filter_map(|number| table.listed(*number));
        listed.for_each(|image| summary.add(&image));
        let doing = format!("reading headers of images below {}", tree.shown_root());
        let looked_at: Vec<_> = spread::evenly(catalog.present(), HEADERS)
            .into_par_iter()
            .filter_map(|at| present.get(at as usize))
            .filter_map(|number| announce_if_slow(doing.as_str(), || table.looked_at(*number)))
            .collect();
        let mut sample = ImageCounts::default();
        looked_at.iter().for_each(|image| sample.add(image));
        summary.sample = Some(sample);
        summary
    }

    /// Reads a finished table.
    pub(super) fn of_table(path: &Path, file: File) -> Result<Self, TableError> {
        let mut summary = Self::default();
        let doing = format!("reading {}", path.shown());
        announce_if_slow(doing, || {
            read_properties(file, &mut |image| summary.add(image))
        })?;
        Ok(summary)
    }

    fn add(&mut self, image: &ImageProperties) {
        self.all.add(image);
        self.findings.add(&image.findings);
        // Without labels, nothing is absent.
        if image.label_source.is_some() || image.negatives.is_some() {
            self.negatives.add(image.negatives);
            self.label_sources.add(image.label_source);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_counted_by_decade() {
        let mut counts = ImageCounts::default();
        for age in [Some(0.5), Some(9.9), Some(10.0), Some(120.0), None] {
            counts.add(&ImageProperties {
                age_years: age,
                ..ImageProperties::default()
            });
        }
        let decades: Vec<_> = counts.decades.each().collect();
        assert_eq!(decades, [(0, 2), (1, 1), (12, 1)]);
        assert_eq!(counts.decades.unknown(), 1);
        assert_eq!(counts.views.all(), 5);
    }
}
