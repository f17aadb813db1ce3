//! Images that cannot be had, from everything that knows of some.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::{Gallery, Origin, Survey, mounted};
use crate::catalog::names;
use crate::shown::Show as _;
use crate::store::{self, LogKind, StateFolder};

/// An image that cannot be had, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedImage {
    pub dataset: String,
    /// Its id, or the name of another file.
    pub image: String,
    /// Empty where it is not known.
    pub key: String,
    /// Path of the source; empty where there is none.
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
    /// In words for a table.
    pub fn words(self) -> &'static str {
        match self {
            Self::Lists => "the lists",
            Self::Materialize => "materialize",
            Self::Mount => "the mount",
            Self::Trial => "this report",
        }
    }
}

/// Everything that is known to fail in the datasets of a survey, by dataset in its order; what two
/// know of the same image is there once. `galleries` are those of the survey.
pub fn failures(survey: &Survey, galleries: &[Gallery<'_>]) -> Vec<FailedImage> {
    let mut all: Vec<FailedImage> = survey
        .datasets
        .iter()
        .flat_map(|dataset| dataset.faults.iter().cloned())
        .collect();
    all.extend(recorded(survey));
    all.extend(of_mount(survey));
    all.extend(tried(galleries));
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

/// What `materialize` recorded.
fn recorded(survey: &Survey) -> Vec<FailedImage> {
    let trees = match &survey.origin {
        Origin::Config { machex_path, .. } => vec![machex_path.clone()],
        // The tree may have been named by a link, or from within.
        Origin::Tree { root } | Origin::Mount { root, .. } => {
            vec![root.clone(), crate::config::real_path(root)]
        }
    };
    let state = trees
        .iter()
        .map(|tree| StateFolder::of(tree))
        .find(|state| state.path().is_dir());
    let Some(state) = state else {
        return Vec::new();
    };
    let failures = store::read_logged(state.path(), LogKind::Failures).unwrap_or_else(|error| {
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

/// What readers of the mount met, if there is one.
fn of_mount(survey: &Survey) -> Vec<FailedImage> {
    let root: &Path = match &survey.origin {
        Origin::Config { machex_path, .. } => machex_path,
        Origin::Tree { .. } => return Vec::new(),
        Origin::Mount { root, .. } => root,
    };
    let notes = mounted::status(root).map_or_else(Vec::new, |status| status.failures);
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

/// What could not be read just now.
fn tried(galleries: &[Gallery<'_>]) -> impl Iterator<Item = FailedImage> {
    galleries.iter().flat_map(|gallery| {
        gallery.images.iter().filter_map(|image| {
            Some(FailedImage {
                dataset: gallery.dataset.name.clone(),
                image: image.pick.id.clone(),
                key: image.pick.key.clone(),
                source: image.pick.file().map_or_else(String::new, shown),
                cause: image.thumbnail.as_ref().err()?.clone(),
                told_by: ToldBy::Trial,
            })
        })
    })
}

fn shown(path: impl Into<PathBuf>) -> String {
    path.into().shown().to_string()
}
