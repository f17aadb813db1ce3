//! Renders every image of a dataset without writing anything, to find what would fail in
//! `materialize`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use serde::Serialize;

use super::Work;
use crate::catalog::Catalog;
use crate::datasets::RawTree;
use crate::files::is_absent;
use crate::names;
use crate::progress::Progress;
use crate::render::{Notes, RenderParams};
use crate::shown::Show as _;
use crate::source::{SourceError, SourceRenderer};
use crate::workers;

/// How many causes to distinguish.
const MOST_CAUSES: usize = 100;

/// How many images to name for each cause.
const NAMED: usize = 5;

/// The cause of all images beyond [`MOST_CAUSES`].
const OTHER_CAUSES: &str = "other causes";

/// The result of rendering all images of a dataset.
#[derive(Debug, Default, Serialize)]
pub struct Decoded {
    /// Images to decode: all but the missing ones.
    pub of: u32,
    /// Images decoded or tried: fewer than `of` if the run was interrupted.
    pub tried: u32,
    /// Images that cannot be rendered, not counting missing ones.
    pub failed: u32,
    /// Images made from a damaged source.
    pub damaged: u32,
    /// DICOM files with bits set above their HighBit.
    pub overlay_bits: u32,
    /// The failures by cause, the most frequent first.
    pub failures: Vec<Group>,
    /// The damaged images by kind of damage, the most frequent first.
    pub damages: Vec<Group>,
    /// The first few DICOM files with bits above their HighBit.
    pub overlay_examples: Vec<Example>,
}

/// Images with the same cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Numbers that differ between images are written `N`.
    pub cause: String,
    pub count: u32,
    /// The first few images.
    pub examples: Vec<Example>,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Example {
    pub image: String,
    pub key: String,
    /// Path of its source.
    pub source: String,
}

/// Renders all images of a catalog whose sources exist.
pub(super) fn decode(
    tree: &RawTree,
    catalog: &Catalog,
    params: RenderParams,
    work: &Work<'_>,
    progress: &Progress,
) -> Decoded {
    let (threads, stop) = (work.workers, work.stop);
    let next = AtomicUsize::new(0);
    let numbers: Vec<u32> = catalog.present_numbers().collect();
    let tally = Mutex::new(Tally::default());
    let work = |_| {
        let mut renderer = SourceRenderer::new(params);
        while !stop.load(Ordering::Relaxed) {
            let Some(number) = numbers.get(next.fetch_add(1, Ordering::Relaxed)) else {
                break;
            };
            let tried = try_one(tree, catalog, *number, &mut renderer);
            let is_rendered = matches!(tried, Tried::Rendered(..));
            tally.lock().add(tried);
            progress.advance(is_rendered);
        }
    };
    workers::run("decode", threads.min(numbers.len()), work);
    let tally = tally.into_inner();
    tally.into_decoded(catalog.present())
}

/// The result for one image.
enum Tried {
    Rendered(Example, Notes),
    Failed(Example, String),
    /// An image without a source, or whose source is missing; reported elsewhere.
    Absent,
}

fn try_one(tree: &RawTree, catalog: &Catalog, number: u32, renderer: &mut SourceRenderer) -> Tried {
    let Some((entry, path)) = catalog
        .get(number)
        .and_then(|entry| Some((entry, entry.source().ok()?)))
    else {
        return Tried::Absent;
    };
    let example = Example {
        image: names::image_id(number),
        key: entry.key().shown().to_string(),
        source: path.shown().to_string(),
    };
    match renderer.render_file(&*tree.storage, &path) {
        Ok(developed) => Tried::Rendered(example, developed.notes),
        Err(SourceError::Read(error)) if is_absent(&error) => Tried::Absent,
        Err(error) => Tried::Failed(example, error.to_string()),
    }
}

#[derive(Default)]
struct Tally {
    absent: u32,
    tried: u32,
    overlay_bits: u32,
    failures: Groups,
    damages: Groups,
    overlays: Vec<Example>,
}

impl Tally {
    fn add(&mut self, tried: Tried) {
        match tried {
            Tried::Absent => self.absent += 1,
            Tried::Failed(example, cause) => {
                self.tried += 1;
                self.failures.add(&cause, example);
            }
            Tried::Rendered(example, notes) => {
                self.tried += 1;
                if notes.has_overlay_bits {
                    self.overlay_bits += 1;
                    keep_first(&mut self.overlays, example.clone());
                }
                if let Some(damage) = notes.damage {
                    self.damages.add(&damage.to_string(), example);
                }
            }
        }
    }

    fn into_decoded(self, images: u32) -> Decoded {
        Decoded {
            of: images - self.absent,
            tried: self.tried,
            failed: self.failures.count(),
            damaged: self.damages.count(),
            overlay_bits: self.overlay_bits,
            failures: self.failures.sorted(),
            damages: self.damages.sorted(),
            overlay_examples: self.overlays,
        }
    }
}

/// Images by cause.
#[derive(Default)]
struct Groups(BTreeMap<String, Group>);

impl Groups {
    fn add(&mut self, cause: &str, example: Example) {
        let mut pattern = pattern(cause);
        if self.0.len() >= MOST_CAUSES && !self.0.contains_key(&pattern) {
            OTHER_CAUSES.clone_into(&mut pattern);
        }
        let cause = cause.shown().to_string();
        match self.0.entry(pattern) {
            Slot::Vacant(slot) => {
                slot.insert(Group {
                    cause,
                    count: 1,
                    examples: vec![example],
                });
            }
            Slot::Occupied(mut slot) => {
                if slot.get().cause != cause {
                    slot.get_mut().cause = slot.key().shown().to_string();
                }
                let group = slot.get_mut();
                group.count += 1;
                keep_first(&mut group.examples, example);
            }
        }
    }

    fn count(&self) -> u32 {
        self.0.values().map(|group| group.count).sum()
    }

    fn sorted(self) -> Vec<Group> {
        let mut groups: Vec<Group> = self.0.into_values().collect();
        groups.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.cause.cmp(&b.cause)));
        groups
    }
}

/// Keeps the first few images by number, whatever the order of arrival.
fn keep_first(examples: &mut Vec<Example>, example: Example) {
    let at = examples.partition_point(|known| *known < example);
    if at < NAMED {
        examples.insert(at, example);
        examples.truncate(NAMED);
    }
}

/// A cause with each number replaced by `N`.
fn pattern(cause: &str) -> String {
    let mut pattern = String::with_capacity(cause.len());
    let mut in_number = false;
    for character in cause.chars() {
        let is_digit = character.is_ascii_digit();
        if !is_digit {
            pattern.push(character);
        } else if !in_number {
            pattern.push('N');
        }
        in_number = is_digit;
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(number: u32) -> Example {
        Example {
            image: names::image_id(number),
            key: String::new(),
            source: String::new(),
        }
    }

    #[test]
    fn causes_that_differ_by_numbers_are_one_and_the_first_images_are_named() {
        let mut groups = Groups::default();
        for number in (0..20).rev() {
            let cause = format!("the image data end after {number} of 1024 rows");
            groups.add(&cause, example(number));
        }
        groups.add("the file is empty", example(30));
        groups.add("the file is empty", example(31));
        groups.add("no SOI at 17", example(32));
        assert_eq!(groups.count(), 23);
        let sorted = groups.sorted();
        let causes = sorted
            .iter()
            .map(|group| (group.count, group.cause.as_str()));
        let causes: Vec<_> = causes.collect();
        let expected = [
            (20, "the image data end after N of N rows"),
            (2, "the file is empty"),
            (1, "no SOI at 17"),
        ];
        assert_eq!(causes, expected);
        let first: Vec<Example> = (0..5).map(example).collect();
        assert_eq!(sorted[0].examples, first);
    }

    #[test]
    fn there_is_an_end_to_causes() {
        let mut groups = Groups::default();
        for number in 0..500u32 {
            groups.add(&"x".repeat(number as usize), example(number));
        }
        assert_eq!(groups.count(), 500);
        let sorted = groups.sorted();
        assert_eq!(sorted.len(), MOST_CAUSES + 1);
        assert_eq!(
            (sorted[0].count, sorted[0].cause.as_str()),
            (400, OTHER_CAUSES)
        );
    }
}
