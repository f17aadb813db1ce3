//! Collects images that fail, from all sources that know of some.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use super::{Gallery, GalleryImage, Origin, Survey, mounted};
use crate::names;
use crate::shown::Show as _;
use crate::status::{FailureNote, Status};
use crate::store::{self, LogKind, StateFolder};

/// An image that fails, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedImage {
    pub dataset: String,
    /// Its id, or the name of another file.
    pub image: String,
    /// Empty if unknown.
    pub key: String,
    /// Path of the source; empty if there is none.
    pub source: String,
    pub cause: String,
    pub told_by: ToldBy,
}

/// Who found out that an image fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToldBy {
    /// The lists have an entry that can only fail.
    Lists,
    /// The last run of `materialize` recorded it.
    Materialize,
    /// A reader of the mount got an error.
    Mount,
    /// It was tried just now.
    Trial,
}

impl ToldBy {
    /// The words for a table.
    pub fn words(self) -> &'static str {
        match self {
            Self::Lists => "the lists",
            Self::Materialize => "materialize",
            Self::Mount => "the mount",
            Self::Trial => "this report",
        }
    }
}

/// All known failures in the datasets of a survey, in its order, each image and cause once.
/// `galleries` are those of the survey.
pub fn failures(survey: &Survey, galleries: &[Gallery<'_>]) -> Vec<FailedImage> {
    let mut all: Vec<FailedImage> = survey
        .datasets
        .iter()
        .flat_map(|dataset| dataset.faults.iter().cloned())
        .collect();
    all.extend(recorded(survey, LogKind::Failures));
    all.extend(of_mount(survey, |status| status.failures));
    all.extend(tried(galleries, |image| image.thumbnail.as_ref().err()));
    in_order(survey, all)
}

/// Like [`failures`], for images with a damaged source, made or left out; the cause is the damage.
pub fn damaged(survey: &Survey, galleries: &[Gallery<'_>]) -> Vec<FailedImage> {
    let mut all = recorded(survey, LogKind::Damaged);
    all.extend(of_mount(survey, |status| status.damaged));
    all.extend(tried(galleries, |image| image.damage.as_ref()));
    in_order(survey, all)
}

/// For each dataset, how many images `materialize` found to have bits above their HighBit.
pub fn overlays(survey: &Survey) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for image in recorded(survey, LogKind::Overlays) {
        *counts.entry(image.dataset).or_default() += 1;
    }
    counts
}

/// Sorts by dataset, and drops duplicates and images outside the survey.
fn in_order(survey: &Survey, mut all: Vec<FailedImage>) -> Vec<FailedImage> {
    let place_of = |name: &str| {
        survey
            .datasets
            .iter()
            .position(|dataset| dataset.name == name)
    };
    all.retain(|failed| place_of(&failed.dataset).is_some());
    let mut seen = HashSet::new();
    all.retain(|failed| {
        seen.insert((
            failed.dataset.clone(),
            failed.image.clone(),
            failed.cause.clone(),
        ))
    });
    all.sort_by(|a, b| (place_of(&a.dataset), &a.image).cmp(&(place_of(&b.dataset), &b.image)));
    all
}

/// The failures that `materialize` recorded.
fn recorded(survey: &Survey, kind: LogKind) -> Vec<FailedImage> {
    let trees = match &survey.origin {
        Origin::Config { machex_path, .. } => vec![machex_path.clone()],
        // The path of the tree may contain links, or `.`.
        Origin::Tree { root } | Origin::Mount { root, .. } => {
            vec![root.clone(), crate::files::real_path(root)]
        }
    };
    let state = trees
        .iter()
        .map(|tree| StateFolder::of(tree))
        .find(|state| state.path().is_dir());
    let Some(state) = state else {
        return Vec::new();
    };
    let failures = store::read_logged(state.path(), kind).unwrap_or_else(|error| {
        tracing::warn!("{}: {error}", state.path().shown());
        Vec::new()
    });
    let failed = |failure: store::LoggedImage| FailedImage {
        dataset: failure.dataset,
        image: names::image_id(failure.image),
        key: failure.key,
        source: failure.source.map_or_else(String::new, shown),
        cause: failure.cause,
        told_by: ToldBy::Materialize,
    };
    failures.into_iter().map(failed).collect()
}

/// The failures that readers of the mount met, if there is a mount.
fn of_mount(survey: &Survey, notes: fn(Status) -> Vec<FailureNote>) -> Vec<FailedImage> {
    let root: &Path = match &survey.origin {
        Origin::Config { machex_path, .. } => machex_path,
        Origin::Tree { .. } => return Vec::new(),
        Origin::Mount { root, .. } => root,
    };
    let notes = mounted::status(root).map_or_else(Vec::new, notes);
    notes
        .into_iter()
        .rev()
        .map(|note| FailedImage {
            image: mounted::image_of(&note.file).to_owned(),
            dataset: note.dataset,
            key: String::new(),
            source: note.source,
            cause: note.cause,
            told_by: ToldBy::Mount,
        })
        .collect()
}

/// The causes for images that were tried just now.
fn tried<'a>(
    galleries: &'a [Gallery<'a>],
    cause: fn(&'a GalleryImage<'a>) -> Option<&'a String>,
) -> impl Iterator<Item = FailedImage> + 'a {
    galleries.iter().flat_map(move |gallery| {
        gallery.images.iter().filter_map(move |image| {
            Some(FailedImage {
                dataset: gallery.dataset.name.clone(),
                image: image.pick.id.clone(),
                key: image.pick.key.clone(),
                source: image.pick.file().map_or_else(String::new, shown),
                cause: cause(image)?.clone(),
                told_by: ToldBy::Trial,
            })
        })
    })
}

fn shown(path: impl Into<PathBuf>) -> String {
    path.into().shown().to_string()
}
