//! A finished catalog and its entries.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::presence::Absent;
use super::{EntryFault, LeftOut};
use crate::names::MAX_IMAGES;

/// Labels for 13 findings, in the order of [`crate::lists::LABELS`]: 1 positive, -1 negative,
/// 0 uncertain or not mentioned.
pub type ClassLabel = [i8; 13];

/// How many images of each kind the lists name, whatever `FRONTAL_ONLY` selects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Views {
    pub frontal: u32,
    pub lateral: u32,
    /// Views that are never used, and images of unknown view.
    pub other: u32,
}

/// The numbered entries of one dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    /// All keys, concatenated.
    pub(super) keys: String,
    /// End of each entry's key in `keys`.
    pub(super) ends: Vec<u32>,
    /// Folder, and length of the key's prefix that is not part of the path below it.
    pub(super) places: Vec<super::SourceLocation>,
    pub(super) folders: Vec<PathBuf>,
    /// Empty if the dataset has no labels.
    pub(super) labels: Vec<Option<ClassLabel>>,
    /// Entries that can only fail, by number.
    pub(super) faults: BTreeMap<u32, EntryFault>,
    pub(super) views: Views,
    pub(super) left_out: LeftOut,
    /// The list that names the images, if there is one.
    pub(super) list: Option<PathBuf>,
    pub(super) layout: String,
    pub(super) warnings: Vec<String>,
    /// Entries without a source that are left out (`ONLY_PRESENT`). Determined at each start, since
    /// no list changes when a file is added.
    #[serde(skip)]
    pub(super) absent: Option<Absent>,
}

/// One image of a catalog.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    catalog: &'a Catalog,
    number: u32,
}

impl Catalog {
    /// Number of images, including those that can only fail.
    pub fn len(&self) -> u32 {
        self.ends.len() as u32
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The image `number`; `None` from [`Catalog::len`] on.
    pub fn get(&self, number: u32) -> Option<Entry<'_>> {
        (number < self.len()).then_some(Entry {
            catalog: self,
            number,
        })
    }

    /// The entries that can only fail, by number.
    pub fn faults(&self) -> impl Iterator<Item = (u32, &EntryFault)> {
        self.faults.iter().map(|(number, fault)| (*number, fault))
    }

    /// Whether an entry can only fail.
    pub fn is_faulty(&self, number: u32) -> bool {
        self.faults.contains_key(&number)
    }

    /// Whether an entry is left out because its source does not exist (`ONLY_PRESENT`).
    pub fn is_absent(&self, number: u32) -> bool {
        let absent = self.absent.as_ref();
        absent.is_some_and(|absent| absent.contains(number))
    }

    /// The numbers of the entries that are left out because their sources do not exist.
    pub fn absent_numbers(&self) -> impl Iterator<Item = u32> {
        (0..self.len()).filter(|number| self.is_absent(*number))
    }

    /// Whether the image `number` exists and is not left out.
    pub fn has(&self, number: u32) -> bool {
        number < self.len() && !self.is_absent(number)
    }

    /// Number of images that are not left out, including those that can only fail.
    pub fn present(&self) -> u32 {
        self.len() - self.absent_count()
    }

    /// Number of images that are left out because their sources do not exist.
    pub fn absent_count(&self) -> u32 {
        self.absent.as_ref().map_or(0, Absent::count)
    }

    /// The numbers of the images that are not left out.
    pub fn present_numbers(&self) -> impl Iterator<Item = u32> {
        (0..self.len()).filter(|number| !self.is_absent(*number))
    }

    /// Position of an entry's folder, and the path below that.
    pub(super) fn place(&self, number: u32) -> Option<(usize, &str)> {
        let place = self.places.get(number as usize)?;
        let key = self.get(number)?.key();
        Some((place.folder.0 as usize, key.get(usize::from(place.skip)..)?))
    }

    /// A digest of everything that determines an index, except reports.
    pub fn digest(&self) -> u64 {
        let mut hash = Xxh3::new();
        hash.update(&(self.keys.len() as u64).to_le_bytes());
        hash.update(self.keys.as_bytes());
        for end in &self.ends {
            hash.update(&end.to_le_bytes());
        }
        for label in &self.labels {
            let label = label.map_or([i8::MAX; 13], |label| label);
            hash.update(&label.map(i8::cast_unsigned));
        }
        for number in self.faults.keys() {
            hash.update(&number.to_le_bytes());
        }
        if let Some(absent) = self.absent.as_ref().filter(|absent| absent.count() > 0) {
            hash.update(b"only present");
            for bits in absent.bits() {
                hash.update(&bits.to_le_bytes());
            }
        }
        hash.digest()
    }

    /// Whether all parts are consistent, so that no entry points to nothing. Always true for
    /// catalogs from [`super::CatalogBuilder`], but has to be checked for those read from a disk.
    pub(super) fn is_sound(&self) -> bool {
        let count = self.ends.len();
        let key_ends_are_sound = || {
            let mut ends = self.ends.iter().map(|end| *end as usize);
            ends.clone().is_sorted()
                && ends.clone().all(|end| self.keys.is_char_boundary(end))
                && ends.next_back().unwrap_or_default() == self.keys.len()
        };
        let is_place_sound = |(number, place): (u32, &super::SourceLocation)| {
            let entry = Entry {
                catalog: self,
                number,
            };
            self.is_faulty(number)
                || (place.folder.0 as usize) < self.folders.len()
                    && entry.key().is_char_boundary(place.skip.into())
        };
        count <= MAX_IMAGES as usize
            && self.places.len() == count
            && (self.labels.is_empty() || self.labels.len() == count)
            && self.faults.keys().all(|number| *number < self.len())
            && key_ends_are_sound()
            && (0..).zip(&self.places).all(is_place_sound)
    }

    /// How many images of each view the lists name.
    pub fn views(&self) -> Views {
        self.views
    }

    /// The images that the lists name but the settings leave out.
    pub fn left_out(&self) -> &LeftOut {
        &self.left_out
    }

    /// The list that names the images, if there is one.
    pub fn list(&self) -> Option<&Path> {
        self.list.as_deref()
    }

    /// Which of the dataset's layouts was found, for messages.
    pub fn layout(&self) -> &str {
        &self.layout
    }

    /// Warnings for the user about the lists, which make nothing fail.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl<'a> Entry<'a> {
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Identifies the image in its dataset.
    pub fn key(&self) -> &'a str {
        let number = self.number as usize;
        let start = match number {
            0 => 0,
            _ => self.catalog.ends[number - 1] as usize,
        };
        &self.catalog.keys[start..self.catalog.ends[number] as usize]
    }

    /// The labels, if the dataset has some for this image.
    pub fn class_label(&self) -> Option<&'a ClassLabel> {
        self.catalog.labels.get(self.number as usize)?.as_ref()
    }

    /// Path of the source image; does not check whether it exists.
    pub fn source(&self) -> Result<PathBuf, &'a EntryFault> {
        if let Some(fault) = self.catalog.faults.get(&self.number) {
            return Err(fault);
        }
        let place = self.catalog.places[self.number as usize];
        let folder: &Path = &self.catalog.folders[place.folder.0 as usize];
        Ok(folder.join(&self.key()[usize::from(place.skip)..]))
    }
}
