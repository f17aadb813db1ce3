//! Detects that sources of finished images are gone.
//!
//! A folder that is not mounted looks empty. Taken literally, it would empty the finished tree and
//! its index, and a folder that lost some files would renumber all later images. Records show what
//! existed before.

use std::fmt;
use std::path::PathBuf;

use rayon::prelude::*;

use crate::catalog::Catalog;
use crate::datasets::{Numbering, RawTree};
use crate::lists::{ReportStamp, report_stamp};
use crate::shown::Show as _;
use crate::slow::announce_if_slow;
use crate::source::OpenSource;
use crate::spread;
use crate::store::{Extent, FinishedTree, Record};

/// Number of finished images whose sources are checked.
const SAMPLE: u32 = 100;

/// Percentage of entries that a list may lose without a question: published lists are corrected now
/// and then.
const LIST_TOLERANCE: u64 = 10;

/// Images that a dataset's sources used to have and now lack.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Removal {
    pub dataset: &'static str,
    pub config_key: &'static str,
    /// Root of the raw dataset in the config.
    pub root: PathBuf,
    pub what: Gone,
}

/// What shows that sources are gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gone {
    /// The folder or the lists contain fewer images than before.
    Fewer {
        before: u32,
        now: u32,
        numbering: Numbering,
        /// The root where they were counted before, if it is known and different.
        elsewhere: Option<PathBuf>,
    },
    /// The lists exist, but none of the checked images has its source.
    Sources { looked_for: u32, example: PathBuf },
    /// Finished images have lost their sources, so that `ONLY_PRESENT` would leave them out.
    LeftOut { finished: u32, absent: u32 },
    /// The share of images with labels is less than half of the previous one.
    Labels { before: u32, now: u32 },
    /// Images had reports, but none of the checked images has one now.
    Reports { before: u32, looked_for: u32 },
}

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dataset, key, root) = (self.dataset, self.config_key, self.root.shown());
        write!(f, "{dataset}: {key}: ")?;
        match &self.what {
            Gone::Fewer {
                before,
                now,
                numbering,
                elsewhere,
            } => {
                let what = match numbering {
                    Numbering::Folder { .. } => "the folder has",
                    Numbering::Lists => "the lists name",
                };
                write!(f, "{before} images were taken")?;
                match elsewhere {
                    Some(elsewhere) => write!(f, " from {}", elsewhere.shown())?,
                    None => f.write_str(" before")?,
                }
                write!(f, ", and {what} {now} now ({root})")?;
            }
            Gone::Sources {
                looked_for,
                example,
            } => write!(
                f,
                "of {looked_for} finished images that were looked for, not one has its source any \
                 more that could be read (such as {})",
                example.shown()
            )?,
            Gone::LeftOut { finished, absent } => write!(
                f,
                "of {finished} finished images {absent} have no source any more, and ONLY_PRESENT would \
                 leave them out ({root})"
            )?,
            Gone::Labels { before, now } => write!(
                f,
                "{before} images had labels before, and {now} have some now ({root})"
            )?,
            Gone::Reports { before, looked_for } => write!(
                f,
                "{before} images had a report before, and of {looked_for} that were looked for not one \
                 has one now ({root}, or where the reports are)"
            )?,
        }
        f.write_str(
            "; is it mounted, and unpacked as a whole? If these images are meant to go, say \
             materialize --allow-removal",
        )
    }
}

/// Compares the current lists or folders of a dataset with the records of the finished tree, and
/// checks a few sources; changes nothing. `None` if nothing is finished.
pub fn judge(tree: &RawTree, catalog: &Catalog, finished: &FinishedTree) -> Option<Removal> {
    finished.records().images().next()?;
    let root = tree.shown_root();
    let doing = format!("looking for the sources of finished images in {root}");
    let what = announce_if_slow(doing, || {
        fewer(tree, catalog, finished)
            .or_else(|| labels_gone(catalog, finished))
            .or_else(|| sources_gone(tree, catalog, finished))
            .or_else(|| left_out(catalog, finished))
            .or_else(|| reports_gone(tree, catalog, finished))
    })?;
    Some(Removal {
        dataset: tree.dataset.folder(),
        config_key: tree.dataset.root_key(),
        root: tree.root.clone(),
        what,
    })
}

/// The extent to record for a dataset that is accepted as it is.
pub fn extent(tree: &RawTree, catalog: &Catalog) -> Extent {
    Extent {
        root: tree.root.clone(),
        images: images(catalog),
        entries: catalog.len(),
        labelled: labelled(catalog),
        // Determined when an index is written.
        reports: 0,
    }
}

fn labelled(catalog: &Catalog) -> u32 {
    let entries = (0..catalog.len()).filter_map(|number| catalog.get(number));
    entries
        .filter(|entry| entry.class_label().is_some())
        .count() as u32
}

/// Compares shares, since another `FRONTAL_ONLY` selects more or fewer images.
fn labels_gone(catalog: &Catalog, finished: &FinishedTree) -> Option<Gone> {
    let extent = finished.extent()?;
    let (before, now) = (extent.labelled, labelled(catalog));
    let part = |labelled: u32, of: u32| u64::from(labelled) * u64::from(of);
    (part(now, extent.entries) * 2 < part(before, catalog.len()))
        .then_some(Gone::Labels { before, now })
}

fn reports_gone(tree: &RawTree, catalog: &Catalog, finished: &FinishedTree) -> Option<Gone> {
    let extent = finished.extent()?;
    let before = extent.reports;
    // If only a few had one, a sample may miss them.
    if !tree.dataset.has_reports() || before == 0 || before < extent.entries / 10 {
        return None;
    }
    // Images that are left out have no report either.
    let present: Vec<u32> = catalog.present_numbers().collect();
    let sample = spread::evenly(catalog.present(), SAMPLE);
    let sample: Vec<u32> = sample
        .into_iter()
        .filter_map(|at| present.get(at as usize).copied())
        .collect();
    if sample.is_empty() {
        return None;
    }
    let is_absent = |number: &u32| {
        let files = catalog
            .get(*number)
            .and_then(|entry| tree.dataset.report_files(tree, entry.key()));
        files.is_none_or(|files| report_stamp(&*tree.storage, &files) == ReportStamp::Absent)
    };
    sample.par_iter().all(is_absent).then_some(Gone::Reports {
        before,
        looked_for: sample.len() as u32,
    })
}

/// Counts images of all views, so that `FRONTAL_ONLY` makes no difference.
fn images(catalog: &Catalog) -> u32 {
    let views = catalog.views();
    let all = [views.frontal, views.lateral, views.other];
    all.into_iter().fold(0, u32::saturating_add)
}

fn fewer(tree: &RawTree, catalog: &Catalog, finished: &FinishedTree) -> Option<Gone> {
    let numbering = tree.dataset.info().numbering;
    let now = images(catalog);
    let (before, elsewhere) = match finished.extent() {
        Some(extent) => {
            let elsewhere = (extent.root != tree.root).then(|| extent.root.clone());
            (extent.images, elsewhere)
        }
        // Without a recorded extent: at least the images up to the last finished one.
        None => (finished.records().images().next_back()? + 1, None),
    };
    let least = match numbering {
        Numbering::Folder { .. } => u64::from(before),
        Numbering::Lists => (u64::from(before) * (100 - LIST_TOLERANCE)).div_ceil(100),
    };
    (u64::from(now) < least).then_some(Gone::Fewer {
        before,
        now,
        numbering,
        elsewhere,
    })
}

/// Whether more than a few finished images would silently leave the index.
fn left_out(catalog: &Catalog, tree: &FinishedTree) -> Option<Gone> {
    let records = tree.records().from(0);
    let (absent, present): (Vec<&Record>, Vec<&Record>) = records
        .take_while(|record| record.image < catalog.len())
        .partition(|record| catalog.is_absent(record.image));
    let is_more = |absent: usize| {
        let finished = absent + present.len();
        absent as u64 > finished as u64 * LIST_TOLERANCE / 100
    };
    if !is_more(absent.len()) {
        return None;
    }
    // Removed images still have records.
    let absent = absent
        .par_iter()
        .filter(|record| tree.holds(record))
        .count();
    is_more(absent).then(|| Gone::LeftOut {
        finished: (absent + present.len()) as u32,
        absent: absent as u32,
    })
}

fn sources_gone(tree: &RawTree, catalog: &Catalog, finished: &FinishedTree) -> Option<Gone> {
    let images: Vec<u32> = finished
        .records()
        .images()
        .take_while(|image| *image < catalog.len())
        .collect();
    let sources: Vec<PathBuf> = spread::evenly(images.len() as u32, SAMPLE)
        .into_iter()
        .filter_map(|at| catalog.get(images[at as usize])?.source().ok())
        .collect();
    // An unreadable or empty source is as good as gone.
    let is_there = |source: &PathBuf| {
        OpenSource::open(&*tree.storage, source).is_ok_and(|source| source.stamp().size > 0)
    };
    (!sources.is_empty() && !sources.par_iter().any(is_there)).then(|| Gone::Sources {
        looked_for: sources.len() as u32,
        example: sources.into_iter().next().unwrap_or_default(),
    })
}
