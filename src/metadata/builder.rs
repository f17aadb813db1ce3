//! The metadata of all images of one dataset, filled while its lists are read.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::image::{ImageMetadata, LabelSource, Negatives, Texts};
use super::list::Join;
use super::mask_store::{MaskStore, MaskWriter};
use super::notes::ListNote;
use super::shape::FindingMask;
use super::vocabulary::{LabelSet, State};
use crate::catalog::{Catalog, ListContext};

/// The metadata of the images of a catalog, by number.
pub struct MetadataBuilder<'a> {
    catalog: &'a Catalog,
    lists: ListContext,
    metadata: Vec<ImageMetadata>,
    names: HashSet<Arc<str>>,
    term_lists: HashSet<Arc<[Arc<str>]>>,
    options: Options,
    /// Absent if nobody asks for masks.
    masks: Option<MaskWriter>,
    stop: &'a AtomicBool,
    /// Whether the remaining rows of the list are of no use.
    skips_rest: bool,
    notes: Vec<ListNote>,
    /// What has gone wrong besides the cells of a list.
    warnings: Vec<String>,
}

/// How to name patients, and what to take for a finding.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Precedes the name of a patient, to make it unique over all datasets.
    pub patient_prefix: &'static str,
    /// Precedes the name of a study.
    pub study_prefix: &'static str,
    /// Also use doubtful terms.
    pub loose: bool,
    /// Whether the tree has frontal images alone.
    pub frontal_only: bool,
}

impl<'a> MetadataBuilder<'a> {
    /// Empty metadata for all images of `catalog`. No row is read any more once `stop` is set.
    pub fn new(
        catalog: &'a Catalog,
        lists: ListContext,
        options: Options,
        stop: &'a AtomicBool,
    ) -> Self {
        Self {
            catalog,
            lists,
            metadata: vec![ImageMetadata::default(); catalog.len() as usize],
            names: HashSet::new(),
            term_lists: HashSet::new(),
            options,
            masks: None,
            stop,
            skips_rest: false,
            notes: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// The same with masks, too. If there are many, they are in a temporary file in `folder`.
    pub fn with_masks(mut self, folder: &Path) -> Self {
        self.masks = Some(MaskWriter::new(self.catalog.len(), folder));
        self
    }

    /// Whether the user has ended the work, so that no more needs to be read.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Whether the remaining rows of a list are skipped: to be called while it is read.
    pub fn skip_rest(&mut self, skips: bool) {
        self.skips_rest = skips;
    }

    pub(super) fn skips_rest(&self) -> bool {
        self.skips_rest
    }

    /// Whether anybody asks for masks, and there is a place for them: lists that have nothing else
    /// need not be read otherwise.
    pub fn keeps_masks(&self) -> bool {
        self.masks
            .as_ref()
            .is_some_and(|writer| !writer.has_failed())
    }

    /// Sets the masks of images, in place of those that they had.
    pub fn set_masks(&mut self, numbers: &[u32], masks: &[FindingMask]) {
        let Some(writer) = &mut self.masks else {
            return;
        };
        for number in numbers {
            writer.set(*number, masks);
        }
    }

    pub fn catalog(&self) -> &'a Catalog {
        self.catalog
    }

    /// The key of the image `number`.
    pub fn key(&self, number: u32) -> &'a str {
        self.catalog.get(number).map_or("", |entry| entry.key())
    }

    /// Calls `set` with the key and the number of each image: for what keys tell.
    pub fn by_key(&mut self, set: impl Fn(&str, &mut Self, u32)) {
        for number in 0..self.catalog.len() {
            set(self.key(number), self, number);
        }
    }

    /// For readers of lists.
    pub fn lists(&self) -> &ListContext {
        &self.lists
    }

    pub(super) fn frontal_only(&self) -> bool {
        self.options.frontal_only
    }

    pub fn is_loose(&self) -> bool {
        self.options.loose
    }

    /// The metadata of the image `number`, to change.
    pub fn get_mut(&mut self, number: u32) -> Option<&mut ImageMetadata> {
        self.metadata.get_mut(number as usize)
    }

    /// The one copy of a text that many images have.
    pub fn shared(&mut self, text: &str) -> Arc<str> {
        shared(&mut self.names, text)
    }

    /// The one copy of a list of terms that many images have.
    pub fn shared_terms(&mut self, terms: &[&str]) -> Arc<[Arc<str>]> {
        let terms: Vec<Arc<str>> = terms.iter().map(|term| self.shared(term)).collect();
        if let Some(known) = self.term_lists.get(terms.as_slice()) {
            return Arc::clone(known);
        }
        let terms: Arc<[Arc<str>]> = terms.into();
        self.term_lists.insert(Arc::clone(&terms));
        terms
    }

    /// Sets the patient of an image; `name` is unique within the dataset.
    pub fn set_patient(&mut self, number: u32, name: &str) {
        let prefix = self.options.patient_prefix;
        let patient = self.shared(&format!("{prefix}:{name}"));
        if let Some(image) = self.get_mut(number) {
            image.patient = Some(patient);
        }
    }

    /// Sets the study of an image; `name` is unique within the dataset.
    pub fn set_study(&mut self, number: u32, name: &str) {
        let prefix = self.options.study_prefix;
        let study = self.shared(&format!("{prefix}:{name}"));
        if let Some(image) = self.get_mut(number) {
            image.study = Some(study);
        }
    }

    /// The texts of an image, to change.
    pub fn texts_mut(&mut self, number: u32, language: &'static str) -> Option<&mut Texts> {
        let texts = &mut self.get_mut(number)?.texts;
        let texts = texts.get_or_insert_default();
        texts.language = language;
        Some(texts)
    }

    /// Sets the labels of images whose readers looked for each term of `set` that has a state.
    pub fn set_readings(&mut self, numbers: &[u32], set: &LabelSet, states: &[State]) {
        let findings = set.combine(states, true, self.options.loose);
        let told = set.told(states);
        let told: Vec<&str> = told.iter().map(String::as_str).collect();
        let terms = self.shared_terms(&told);
        self.each(numbers, |image| {
            image.findings = findings;
            image.terms = Some(terms.clone());
            image.negatives = Some(Negatives::Explicit);
            image.label_source = Some(LabelSource::Radiologists);
        });
    }

    /// Whether any image is such.
    pub fn any(&self, is_such: impl FnMut(&ImageMetadata) -> bool) -> bool {
        self.metadata.iter().any(is_such)
    }

    /// Changes the metadata of all images.
    pub fn all(&mut self, change: impl FnMut(&mut ImageMetadata)) {
        self.metadata.iter_mut().for_each(change);
    }

    /// Changes the metadata of images.
    pub fn each(&mut self, numbers: &[u32], change: impl Fn(&mut ImageMetadata)) {
        for number in numbers {
            if let Some(image) = self.get_mut(*number) {
                change(image);
            }
        }
    }

    /// The texts of an image, to change, if it has some.
    pub fn texts_of(&mut self, number: u32) -> Option<&mut Texts> {
        self.get_mut(number)?.texts.as_deref_mut()
    }

    /// Keys by what `join` compares them as.
    pub fn index(&self, join: &Join) -> Index<'a> {
        Index::new(self.catalog, join.of_key)
    }

    /// Counts in `note` the images of the tree that no row is about, if the list should have all.
    pub fn note_unmatched_images(&self, note: &mut ListNote, is_matched: impl Fn(u32) -> bool) {
        if note.covers_all {
            let numbers = self.catalog.present_numbers();
            for number in numbers.filter(|number| !is_matched(*number)) {
                note.unmatched_images.add(self.key(number));
            }
        }
    }

    /// Remembers what was found in a list.
    pub fn note(&mut self, note: ListNote) {
        self.notes.push(note);
    }

    /// Remembers something that is odd about a list, and no fault.
    pub fn remark(&mut self, remark: impl Into<String>) {
        self.lists.warnings().add(remark);
    }

    /// Remembers something a person should know.
    pub fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    /// The metadata, the lists that were read, and what a person should know.
    pub fn finish(self) -> Finished {
        let (masks, masks_fault) = self.masks.map(MaskWriter::finish).unzip();
        let masks_fault = masks_fault.flatten();
        // Before the others, of which a log may only have the first.
        let without = masks_fault.as_ref();
        let without = without.map(|fault| format!("{fault}; the table is without them"));
        let mut warnings: Vec<String> = without.into_iter().collect();
        warnings.extend(self.warnings);
        if !self.stop.load(Ordering::Relaxed) {
            warnings.extend(self.notes.iter().flat_map(ListNote::warnings));
        }
        Finished {
            metadata: self.metadata,
            masks,
            masks_fault,
            notes: self.notes,
            warnings,
            remarks: self.lists.warnings().take(),
        }
    }
}

/// What [`MetadataBuilder::finish`] returns.
pub struct Finished {
    /// By number of the image.
    pub metadata: Vec<ImageMetadata>,
    /// Absent if nobody asked for masks.
    pub masks: Option<MaskStore>,
    /// Why there was no place for the masks, which is also a warning.
    pub masks_fault: Option<String>,
    pub notes: Vec<ListNote>,
    /// What could not be read.
    pub warnings: Vec<String>,
    /// What is odd about lists that were read.
    pub remarks: Vec<String>,
}

fn shared(names: &mut HashSet<Arc<str>>, text: &str) -> Arc<str> {
    if let Some(known) = names.get(text) {
        return Arc::clone(known);
    }
    let name: Arc<str> = text.into();
    names.insert(Arc::clone(&name));
    name
}

/// The images of a catalog by a part of their keys.
pub struct Index<'a> {
    first: HashMap<&'a str, u32>,
    /// The next image with the same name; [`END`] if there is none.
    next: Vec<u32>,
}

/// No further image.
const END: u32 = u32::MAX;

impl<'a> Index<'a> {
    pub(super) fn new(catalog: &'a Catalog, of_key: fn(&str) -> Option<&str>) -> Self {
        let mut first = HashMap::with_capacity(catalog.len() as usize);
        let mut next = vec![END; catalog.len() as usize];
        // Backwards, so that each chain begins with the smallest number.
        for number in (0..catalog.len()).rev() {
            let Some(name) = catalog.get(number).and_then(|entry| of_key(entry.key())) else {
                continue;
            };
            if let Some(later) = first.insert(name, number) {
                next[number as usize] = later;
            }
        }
        Self { first, next }
    }

    /// The numbers of the images with this name.
    pub fn find(&self, name: &str) -> impl Iterator<Item = u32> {
        let first = self.first.get(name).copied();
        std::iter::successors(first, |number| {
            let next = self.next.get(*number as usize).copied();
            next.filter(|next| *next != END)
        })
    }

    /// The first image with this name, which is then only found if it is the last one left.
    pub fn take(&mut self, name: &str) -> Option<u32> {
        let first = self.first.get_mut(name)?;
        let number = *first;
        match self.next.get(number as usize) {
            Some(next) if *next != END => *first = *next,
            _ => {}
        }
        Some(number)
    }
}
