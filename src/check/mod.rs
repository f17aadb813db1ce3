//! Reports what each raw tree contains, before any work is done on it.
//!
//! Lists are read completely (seconds for a million rows). A sample of files is looked for, since a
//! million metadata calls take minutes on network file systems; [`Options::all`] looks for all. One
//! image of each dataset is rendered as proof; [`Options::decode`] renders all, and writes nothing.

mod decode;
mod lists;
mod reports;
mod sums;
mod verdict;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rayon::prelude::*;
use serde::Serialize;

use crate::catalog::{Catalog, Entry, LeftOutValue};
use crate::config::Config;
use crate::datasets::{self, Numbering, RawTree, why_empty, why_missing};
use crate::files::is_absent;
use crate::progress::{Progress, Unit};
use crate::removal;
use crate::render::{self, Renderer};
use crate::shown::Show as _;
use crate::slow::announce_if_slow;
use crate::source::{SourceBuffer, read_source};
use crate::spread;
use crate::store::renewal;
use crate::store::{FinishedTree, StateFolder};

pub use decode::{Decoded, Example, Group};
pub use lists::MetadataFile;
pub use sums::{SUMS_NAME, Sums};
pub use verdict::Verdict;

/// How many files of each dataset to look for, unless all are.
const SAMPLE: u32 = 1000;

/// How many faults to name in a report.
const NAMED: usize = 3;

/// How thorough a check is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Look for every file, not just a sample.
    pub all: bool,
    /// Render every image.
    pub decode: bool,
    /// Compare the files with PhysioNet's list of checksums.
    pub sums: bool,
    /// `SKIP_DAMAGED`, which affects the messages about damaged sources.
    pub skip_damaged: bool,
}

/// Resources for long work.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    pub workers: usize,
    /// Set from outside (Ctrl-C): work ends after the current items.
    pub stop: &'a AtomicBool,
    /// Creates the progress display of a dataset with this number of images or files.
    pub progress: &'a dyn Fn(&'static str, u32, Unit) -> Progress,
    /// Folders whose files were compared with their checksums: datasets may share one.
    pub compared: &'a Mutex<BTreeSet<PathBuf>>,
}

/// The contents of one raw tree.
#[derive(Debug, Default, Serialize)]
pub struct TreeReport {
    pub dataset: &'static str,
    pub root: String,
    /// The detected layout, in words.
    pub layout: String,
    /// Images that `materialize` would make with the current `FRONTAL_ONLY`.
    pub images: u32,
    /// Images of each view in the lists.
    pub frontal: u32,
    pub lateral: u32,
    pub other: u32,
    /// Images that the lists name but the settings leave out, by the value of their view.
    pub left_out: Vec<LeftOutValue>,
    /// Images that are left out because their files do not exist; `None` unless `ONLY_PRESENT` is
    /// set.
    pub absent: Option<u32>,
    /// How many image files were looked for.
    pub looked_for: u32,
    /// How many of these are missing.
    pub missing: u32,
    /// The first few missing files.
    pub missing_examples: Vec<String>,
    /// List entries that can only fail.
    pub faults: u32,
    /// The first few of these, with their causes.
    pub fault_examples: Vec<String>,
    /// One image rendered as proof; absent if there is none to render.
    pub proof: Option<Proof>,
    /// The result of rendering all images, if requested.
    pub decoded: Option<Decoded>,
    /// The results of comparing checksums, if requested: for the root, and for the folders of
    /// options that have a list.
    pub sums: Vec<Sums>,
    /// Sources of finished images that are gone, in words; `materialize` refuses to run then.
    pub removal: Option<String>,
    /// Free-text reports that exist but cannot be read: of all images if all are rendered, else of
    /// the first few.
    pub unreadable_reports: u32,
    pub warnings: Vec<String>,
    /// The lists for the metadata table; one that is missing is no fault.
    pub metadata: Vec<MetadataFile>,
    /// Why there are no images, and what to do.
    pub empty: Option<String>,
    /// Why the lists cannot be read at all.
    pub error: Option<String>,
}

/// One image that was rendered as proof.
#[derive(Debug, Default, Serialize)]
pub struct Proof {
    pub source: String,
    /// Format and size of the source, such as `PNG, 2048x2500, 16 bit`.
    pub format: String,
    pub milliseconds: u64,
    pub error: Option<String>,
}

impl TreeReport {
    /// Whether there are images, and nothing in this tree would fail, as far as was checked.
    pub fn is_good(&self) -> bool {
        !self.is_empty() && !self.has_faults()
    }

    /// Whether the lists can be read and there is not one image: nothing to be content with.
    pub fn is_empty(&self) -> bool {
        self.error.is_none() && self.images == 0
    }

    /// Whether something in this tree would fail.
    pub fn has_faults(&self) -> bool {
        self.error.is_some()
            || self.removal.is_some()
            || self.missing > 0
            || self.faults > 0
            || self.unreadable_reports > 0
            || self
                .proof
                .as_ref()
                .is_some_and(|proof| proof.error.is_some())
            || self
                .decoded
                .as_ref()
                .is_some_and(|decoded| decoded.failed > 0)
            || !self.sums.iter().all(Sums::is_good)
    }
}

/// Checks one raw tree of `config`.
pub fn check(config: &Config, tree: &RawTree, options: Options, work: &Work<'_>) -> TreeReport {
    let doing = format!("looking for the lists of {}", tree.shown_root());
    let report = TreeReport {
        dataset: tree.dataset.folder(),
        root: tree.root.shown().to_string(),
        metadata: announce_if_slow(doing, || lists::look(tree)),
        ..TreeReport::default()
    };
    match datasets::load(tree, Some(&config.cache_path)) {
        Ok(catalog) => {
            let doing = format!("looking for the images of {}", tree.shown_root());
            let mut report = announce_if_slow(doing, || {
                look_through(config, tree, &catalog, options, report)
            });
            look_into(config, tree, &catalog, options, work, &mut report);
            // The warnings may quote the lists.
            for warning in &mut report.warnings {
                *warning = warning.shown().to_string();
            }
            report
        }
        Err(error) => TreeReport {
            error: Some(error.to_string().shown().to_string()),
            ..report
        },
    }
}

/// Reads the files themselves, as far as requested.
fn look_into(
    config: &Config,
    tree: &RawTree,
    catalog: &Catalog,
    options: Options,
    work: &Work<'_>,
    report: &mut TreeReport,
) {
    let name = tree.dataset.folder();
    if options.decode && !work.stop.load(Ordering::Relaxed) {
        let progress = (work.progress)(name, catalog.present(), Unit::Images);
        report.decoded = Some(decode::decode(
            tree,
            catalog,
            config.render_params(),
            work,
            &progress,
        ));
        progress.finish();
        reports::read_all(config, tree, catalog, work.stop, report);
    }
    if options.sums && !work.stop.load(Ordering::Relaxed) {
        for (at, folder) in tree.folders().enumerate() {
            let is_new = work.compared.lock().insert(folder.to_owned());
            if at > 0 && !is_new {
                continue;
            }
            let progress = |files| (work.progress)(name, files, Unit::Files);
            let sums = sums::verify(&*tree.storage, folder, catalog, work, progress);
            // A folder of reports may lack a list.
            if at == 0 || sums.is_there {
                report.sums.push(sums);
            }
        }
    }
}

fn look_through(
    config: &Config,
    tree: &RawTree,
    catalog: &Catalog,
    options: Options,
    mut report: TreeReport,
) -> TreeReport {
    let views = catalog.views();
    report.layout = catalog.layout().shown().to_string();
    report.warnings = catalog.warnings().to_vec();
    report.images = catalog.present();
    report.left_out = catalog.left_out().values();
    report.absent = tree.only_present.then(|| catalog.absent_count());
    (report.frontal, report.lateral, report.other) = (views.frontal, views.lateral, views.other);

    for (number, fault) in catalog.faults() {
        report.faults += 1;
        if report.fault_examples.len() < NAMED {
            let fault = fault.to_string();
            report
                .fault_examples
                .push(format!("image {number:06}: {}", fault.shown()));
        }
    }
    let present: Vec<u32> = catalog.present_numbers().collect();
    let all = options.all || options.decode;
    let most = if all { u32::MAX } else { SAMPLE };
    let numbers = spread::evenly(catalog.present(), most)
        .into_iter()
        .filter_map(|at| present.get(at as usize).copied())
        .collect::<Vec<_>>();
    let looked: Vec<(Entry<'_>, Result<(), String>)> = numbers
        .into_par_iter()
        .filter_map(|number| catalog.get(number))
        .filter_map(|entry| Some((entry, look_for(tree, &entry.source().ok()?))))
        .collect();
    report.looked_for = looked.len() as u32;
    for missing in looked.iter().filter_map(|(_, found)| found.as_ref().err()) {
        report.missing += 1;
        if report.missing_examples.len() < NAMED {
            report.missing_examples.push(missing.clone());
        }
    }
    let found = looked
        .iter()
        .filter(|(_, found)| found.is_ok())
        .map(|(entry, _)| entry);
    if !options.decode {
        reports::look(tree, found, &mut report);
    }
    report.empty =
        why_empty(tree, catalog).map(|why| format!("{}: {why}", tree.dataset.root_key()));
    report.warnings.extend(part_missing(tree, &report));
    look_at_finished(config, tree, catalog, &mut report);
    report.proof = looked
        .iter()
        .find(|(_, found)| found.is_ok())
        .and_then(|(entry, _)| entry.source().ok())
        .map(|source| prove(config, tree, &source));
    report
}

/// Advice if files in the lists are missing.
fn part_missing(tree: &RawTree, report: &TreeReport) -> Option<String> {
    if report.missing == 0 || tree.dataset.info().numbering != Numbering::Lists {
        return None;
    }
    let (missing, looked_for) = (report.missing, report.looked_for);
    if report.missing == report.looked_for {
        let hint = why_missing(tree);
        return Some(format!(
            "none of {looked_for} files that were looked for is there. {hint}"
        ));
    }
    Some(format!(
        "{missing} of {looked_for} files that were looked for are missing: finish the download, or set \
         ONLY_PRESENT: true to take the images that are there and leave out the others"
    ))
}

/// Compares with the records of the finished tree.
fn look_at_finished(config: &Config, tree: &RawTree, catalog: &Catalog, report: &mut TreeReport) {
    let name = tree.dataset.folder();
    let state = StateFolder::of(&config.machex_path).dataset(name);
    match FinishedTree::open(&config.machex_path.join(name), &state) {
        Ok(finished) => {
            let faults = finished.faults().iter().map(ToString::to_string);
            report.warnings.extend(faults);
            let older = finished.made_by_older_version(catalog.len());
            if older > 0 {
                report
                    .warnings
                    .push(format!("{} by materialize", renewal(older)));
            }
            report.removal =
                removal::judge(tree, catalog, &finished).map(|removal| removal.to_string());
        }
        Err(error) => report.warnings.push(format!("{}: {error}", state.shown())),
    }
}

/// Checks that a source exists; the error is its path, with the reason unless it is simply missing.
fn look_for(tree: &RawTree, path: &Path) -> Result<(), String> {
    let problem = match tree.storage.stat(path) {
        Ok(stat) => match stat.kind.unless_file() {
            None => return Ok(()),
            Some(kind) => format!(": it is {kind}, not a file"),
        },
        Err(error) if is_absent(&error) => String::new(),
        Err(error) => format!(": {error}"),
    };
    Err(format!("{}{problem}", path.shown()))
}

fn prove(config: &Config, tree: &RawTree, source: &Path) -> Proof {
    let started = Instant::now();
    let mut proof = Proof {
        source: source.shown().to_string(),
        format: String::new(),
        milliseconds: 0,
        error: None,
    };
    let mut bytes = SourceBuffer::default();
    match read_source(&*tree.storage, source, &mut bytes) {
        Ok(_) => {
            if let Ok(description) = render::describe(&bytes) {
                proof.format = description.to_string().shown().to_string();
            }
            let rendered = Renderer::new(config.render_params()).render(&bytes);
            proof.error = rendered
                .err()
                .map(|error| error.to_string().shown().to_string());
        }
        Err(error) => proof.error = Some(error.to_string().shown().to_string()),
    }
    proof.milliseconds = millis(started.elapsed());
    proof
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
