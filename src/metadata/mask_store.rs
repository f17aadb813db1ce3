//! The masks of a dataset's images, while its table is written. There can be gigabytes of them: the
//! first are kept in memory, and if there are more, all are in a temporary file without a name, of
//! which nothing is left when machex closes it or ends.
//!
//! The runs of neighbouring rows are similar, so each is stored by its difference from the one
//! before, in integers of variable length: a few kilobytes for both lungs and the heart.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indicatif::BinaryBytes;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::runs::Runs;
use super::shape::FindingMask;
use crate::files::{Links, ParentFolder};
use crate::shown::Show as _;

/// Bytes to keep in memory before there is a file.
const IN_MEMORY: usize = 16 << 20;

/// Bytes of all masks. Several times those of the largest dataset: 250,000 images with three masks
/// of some 2,000 rows each.
const MAX_BYTES: u64 = 32 << 30;

/// A mask as it is stored.
#[derive(Serialize, Deserialize)]
struct StoredMask {
    finding: Option<usize>,
    /// Number of its term.
    term: usize,
    width: u32,
    height: u32,
    /// For each run, by how much its start differs from one row below the start before, and its
    /// length from the length before.
    steps: Vec<(i64, i64)>,
}

/// Where the masks are.
#[derive(Debug)]
enum Bytes<F> {
    Memory(Vec<u8>),
    File(F),
}

/// The place of the masks of one image; `bytes` is 0 if it has none.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    start: u64,
    bytes: u32,
    /// Lower half of the XXH3-64 of the bytes: a disk may lose what it has accepted.
    sum: u32,
}

/// Takes masks in any order.
#[derive(Debug)]
pub(super) struct MaskWriter {
    /// Where the temporary file will be.
    folder: PathBuf,
    bytes: Bytes<BufWriter<File>>,
    end: u64,
    /// By number of the image.
    places: Vec<Place>,
    terms: Vec<Arc<str>>,
    fault: Option<String>,
}

/// Finds the masks of an image. Shared by all threads.
#[derive(Debug)]
pub struct MaskStore {
    /// For messages.
    folder: PathBuf,
    bytes: Bytes<File>,
    places: Vec<Place>,
    terms: Vec<Arc<str>>,
}

impl MaskWriter {
    /// For so many images; `folder` is created when the masks no longer fit into memory.
    pub(super) fn new(images: u32, folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            bytes: Bytes::Memory(Vec::new()),
            end: 0,
            places: vec![Place::default(); images as usize],
            terms: Vec::new(),
            fault: None,
        }
    }

    /// Sets the masks of an image, in place of those that it had. After a fault of the disk, there
    /// are none at all.
    pub(super) fn set(&mut self, number: u32, masks: &[FindingMask]) {
        if self.fault.is_some() {
            return;
        }
        let place = match masks {
            [] => Ok(Place::default()),
            masks => self.add(masks),
        };
        match place {
            Ok(place) => {
                if let Some(known) = self.places.get_mut(number as usize) {
                    *known = place;
                }
            }
            Err(error) => self.fail(&error),
        }
    }

    /// Whether there was no place for the masks.
    pub(super) fn has_failed(&self) -> bool {
        self.fault.is_some()
    }

    fn fail(&mut self, error: &io::Error) {
        let folder = self.folder.shown();
        self.fault = Some(format!(
            "masks cannot be kept in {folder} (CACHE_PATH) while the table is made: {error}"
        ));
        self.bytes = Bytes::Memory(Vec::new());
        self.places.fill(Place::default());
    }

    fn add(&mut self, masks: &[FindingMask]) -> io::Result<Place> {
        let stored: Vec<StoredMask> = masks.iter().map(|mask| self.stored(mask)).collect();
        let record = postcard::to_stdvec(&stored).map_err(io::Error::other)?;
        let place = Place {
            start: self.end,
            bytes: u32::try_from(record.len()).map_err(io::Error::other)?,
            sum: xxh3_64(&record) as u32,
        };
        self.end += record.len() as u64;
        if self.end > MAX_BYTES {
            let limit = BinaryBytes(MAX_BYTES);
            return Err(io::Error::other(format!("they take more than {limit}")));
        }
        if let Bytes::Memory(memory) = &mut self.bytes {
            if memory.len() + record.len() <= IN_MEMORY {
                memory.extend(record);
                return Ok(place);
            }
            let mut file = BufWriter::with_capacity(1 << 20, temporary_file(&self.folder)?);
            file.write_all(memory)?;
            self.bytes = Bytes::File(file);
        }
        if let Bytes::File(file) = &mut self.bytes {
            file.write_all(&record)?;
        }
        Ok(place)
    }

    fn stored(&mut self, mask: &FindingMask) -> StoredMask {
        let known = self.terms.iter().position(|term| *term == mask.term);
        let term = known.unwrap_or_else(|| {
            self.terms.push(mask.term.clone());
            self.terms.len() - 1
        });
        StoredMask {
            finding: mask.finding,
            term,
            width: mask.runs.width(),
            height: mask.runs.height(),
            steps: steps(&mask.runs),
        }
    }

    /// All masks, and what went wrong.
    pub(super) fn finish(mut self) -> (MaskStore, Option<String>) {
        let flushed = match &mut self.bytes {
            Bytes::File(file) => file.flush(),
            Bytes::Memory(_) => Ok(()),
        };
        if let Err(error) = flushed {
            self.fail(&error);
        }
        let bytes = match self.bytes {
            Bytes::Memory(memory) => Bytes::Memory(memory),
            // Nothing is left in its buffer.
            Bytes::File(file) => Bytes::File(file.into_parts().0),
        };
        let store = MaskStore {
            folder: self.folder,
            bytes,
            places: self.places,
            terms: self.terms,
        };
        (store, self.fault)
    }
}

impl MaskStore {
    /// How many bytes the masks of an image take here: a fraction of what they take in a table.
    pub fn stored_bytes(&self, number: u32) -> u32 {
        let place = self.places.get(number as usize);
        place.map_or(0, |place| place.bytes)
    }

    /// The masks of an image.
    ///
    /// # Errors
    /// If the temporary file cannot be read, or does not hold what was written.
    pub fn get(&self, number: u32) -> io::Result<Vec<FindingMask>> {
        let place = self.places.get(number as usize).copied();
        let Some(place) = place.filter(|place| place.bytes > 0) else {
            return Ok(Vec::new());
        };
        self.read(place).map_err(|error| {
            let folder = self.folder.shown();
            let problem = format!("the temporary file of masks in {folder} (CACHE_PATH): {error}");
            io::Error::new(error.kind(), problem)
        })
    }

    fn read(&self, place: Place) -> io::Result<Vec<FindingMask>> {
        let mut buffer = Vec::new();
        let record = match &self.bytes {
            Bytes::Memory(memory) => {
                let start = usize::try_from(place.start).unwrap_or(usize::MAX);
                let record = memory.get(start..start.saturating_add(place.bytes as usize));
                record.ok_or(io::ErrorKind::UnexpectedEof)?
            }
            Bytes::File(file) => {
                buffer.resize(place.bytes as usize, 0);
                file.read_exact_at(&mut buffer, place.start)?;
                buffer.as_slice()
            }
        };
        let lost = || io::Error::other("the disk has lost what was written");
        if xxh3_64(record) as u32 != place.sum {
            return Err(lost());
        }
        let stored: Vec<StoredMask> = postcard::from_bytes(record).map_err(io::Error::other)?;
        let masks = stored.into_iter().map(|stored| self.mask(&stored));
        masks.collect::<Option<Vec<_>>>().ok_or_else(lost)
    }

    fn mask(&self, stored: &StoredMask) -> Option<FindingMask> {
        Some(FindingMask {
            finding: stored.finding,
            term: self.terms.get(stored.term)?.clone(),
            runs: runs(stored.width, stored.height, &stored.steps)?,
        })
    }
}

/// A new file without a name, in a folder that nobody else can redirect.
fn temporary_file(folder: &Path) -> io::Result<File> {
    let folder = ParentFolder::open_or_create(folder, Links::Trusted, 0o700)?;
    folder.check()?;
    tempfile::tempfile_in(folder.handle_path())
}

fn steps(runs: &Runs) -> Vec<(i64, i64)> {
    let row = i64::from(runs.width());
    let (mut expected, mut before) = (0, 0);
    let pairs = runs.as_slice().chunks_exact(2);
    let steps = pairs.map(|pair| {
        let (start, length) = (i64::from(pair[0]), i64::from(pair[1]));
        let step = (start - expected, length - before);
        (expected, before) = (start + row, length);
        step
    });
    steps.collect()
}

fn runs(width: u32, height: u32, steps: &[(i64, i64)]) -> Option<Runs> {
    let row = i64::from(width);
    let (mut expected, mut before) = (0_i64, 0_i64);
    let mut numbers = Vec::with_capacity(2 * steps.len());
    for (start, length) in steps {
        let start = expected.checked_add(*start)?;
        before = before.checked_add(*length)?;
        expected = start.checked_add(row)?;
        numbers.extend([u32::try_from(start).ok()?, u32::try_from(before).ok()?]);
    }
    Some(Runs::of_numbers(width, height, numbers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A mask of so many rows.
    fn mask(term: &str, rows: u32) -> FindingMask {
        let text: Vec<String> = (0..rows)
            .map(|row| format!("{} {}", row * 1000 + 100 + row % 7, 200 + row % 5))
            .collect();
        FindingMask {
            finding: rows.is_multiple_of(2).then_some(3),
            term: term.into(),
            runs: Runs::from_chexmask(&text.join(" "), 1000, 1000).unwrap(),
        }
    }

    #[test]
    fn masks_come_back_from_memory_and_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        let (left, right) = (mask("Left Lung", 901), mask("Right Lung", 800));
        for images in [3, 12_000] {
            let mut writer = MaskWriter::new(images, &cache);
            for number in 0..images - 1 {
                writer.set(number, &[left.clone(), right.clone()]);
            }
            // The last one that is set counts.
            writer.set(1, std::slice::from_ref(&right));
            assert_eq!(matches!(writer.bytes, Bytes::File(_)), images > 3);
            let (store, fault) = writer.finish();
            assert_eq!(fault, None);
            assert_eq!(store.get(0).unwrap(), [left.clone(), right.clone()]);
            assert_eq!(store.get(1).unwrap(), std::slice::from_ref(&right));
            let last = store.get(images - 2).unwrap();
            assert_eq!(last.len(), if images > 3 { 2 } else { 1 });
            assert!(store.get(images - 1).unwrap().is_empty());
            assert!(store.get(images).unwrap().is_empty());
            assert_eq!(cache.exists(), images > 3);
        }
        // Nothing is left, even while the file is open.
        assert_eq!(std::fs::read_dir(&cache).unwrap().count(), 0);
    }

    #[test]
    fn what_the_disk_loses_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = MaskWriter::new(10_000, folder.path());
        for number in 0..10_000 {
            writer.set(number, &[mask("Heart", 901)]);
        }
        let (store, _) = writer.finish();
        let Bytes::File(file) = &store.bytes else {
            panic!("it is in memory");
        };
        file.write_all_at(&[0; 4096], 0).unwrap();
        let error = store.get(0).unwrap_err().to_string();
        assert!(error.contains("(CACHE_PATH): the disk has lost"), "{error}");
        assert_eq!(store.get(9_999).unwrap().len(), 1);
        file.set_len(4096).unwrap();
        assert!(store.get(9_999).is_err());
    }

    #[test]
    fn a_row_takes_a_few_bytes() {
        let mut writer = MaskWriter::new(1, Path::new("/nowhere"));
        writer.set(0, &[mask("Heart", 1000)]);
        assert!(writer.end < 2_100, "{}", writer.end);
    }

    #[test]
    fn a_folder_that_cannot_be_written_to_costs_the_masks_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let mut writer = MaskWriter::new(12_000, &file);
        for number in 0..12_000 {
            writer.set(number, &[mask("Heart", 901)]);
        }
        let (store, fault) = writer.finish();
        let fault = fault.unwrap();
        assert!(fault.starts_with("masks cannot be kept in"), "{fault}");
        assert!(fault.contains("file"), "{fault}");
        assert!(store.get(0).unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn any_mask_comes_back(
            width in 1..5000_u32,
            height in 1..5000_u32,
            spans in prop::collection::vec((0.0..1.0_f64, 1..3000_u32), 0..40),
        ) {
            let count = width * height;
            let text: Vec<String> = spans
                .iter()
                .map(|(at, length)| {
                    let start = 1 + (at * f64::from(count - 1)) as u32;
                    format!("{start} {}", length.min(&(count + 1 - start)))
                })
                .collect();
            let all = Runs::from_chexmask(&text.join(" "), width, height).unwrap();
            prop_assert_eq!(runs(width, height, &steps(&all)), Some(all));
        }

        #[test]
        fn no_steps_panic(
            (width, height) in any::<(u32, u32)>(),
            steps in prop::collection::vec(any::<(i64, i64)>(), 0..5),
        ) {
            runs(width, height, &steps);
        }
    }
}
