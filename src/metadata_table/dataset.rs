//! The rows of one dataset.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::RecordBatch;
use parking_lot::Mutex;
use rayon::prelude::*;

use super::columns::batch;
use super::properties::ImageProperties;
use super::row::Row;
use super::writer::TableError;
use crate::catalog::{Catalog, ListContext};
use crate::datasets::RawTree;
use crate::files::is_absent;
use crate::metadata::image::{Texts, View};
use crate::metadata::shape::FindingMask;
use crate::metadata::{
    HeaderRules, ImageMetadata, ListNote, MaskStore, MetadataBuilder, Named, Options, age, date,
};
use crate::render::{Attributes, Placement, RenderParams};
use crate::source::SourceHeader;

/// Rows that one thread makes at a time.
const BATCH_ROWS: u32 = 2048;

/// Bytes of masks, as the store has them, after which there are fewer rows: a table takes four times
/// as many or less.
const BATCH_STORED: u64 = 4 << 20;

/// Bytes of reports and masks after which a batch ends early: a column has at most 2 GiB, and several
/// batches are in memory at once.
const BATCH_BYTES: usize = 16 << 20;

/// Batches that wait for the writer, for each thread.
const AHEAD: usize = 1;

/// What to read besides the lists.
#[derive(Debug, Clone, Copy)]
pub struct TableOptions<'a> {
    /// The headers of all images: for their size, and for what only a header tells.
    pub headers: bool,
    /// Also use doubtful terms.
    pub loose: bool,
    /// Size of the finished images.
    pub params: RenderParams,
    /// Folder for a temporary file of masks; masks are left out without one.
    pub masks_in: Option<&'a Path>,
    /// Ends the reading of lists, and the writing of rows, once it is set.
    pub stop: &'a AtomicBool,
}

impl<'a> TableOptions<'a> {
    /// Those of the file in a tree or a mount.
    pub fn of_tree(params: RenderParams, cache: &'a Path, stop: &'a AtomicBool) -> Self {
        Self {
            headers: true,
            loose: false,
            params,
            masks_in: Some(cache),
            stop,
        }
    }
}

/// What the lists say about the images of one dataset.
pub struct DatasetTable<'a> {
    tree: &'a RawTree,
    catalog: &'a Catalog,
    options: TableOptions<'a>,
    metadata: Vec<ImageMetadata>,
    masks: Option<MaskStore>,
    masks_fault: Option<String>,
    notes: Vec<ListNote>,
    warnings: Vec<String>,
    remarks: Vec<String>,
    /// Images whose header could not be read.
    unreadable: Mutex<Named>,
    misfits: Mutex<Misfits>,
    /// Images whose header has an age that is none, or a view that the release does not have.
    odd_headers: Mutex<Named>,
    /// Whether the source of an image was absent.
    lacks_sources: AtomicBool,
}

impl<'a> DatasetTable<'a> {
    /// Reads the lists of `tree`, whose images are those of `catalog`, or only their beginnings if
    /// the user ends that.
    pub fn read(tree: &'a RawTree, catalog: &'a Catalog, options: TableOptions<'a>) -> Self {
        let info = tree.dataset.info();
        let mut lists = ListContext::new(info.root_key, tree.storage.clone());
        for (option, path) in tree.paths() {
            lists = lists.with(path, option);
        }
        let names = Options {
            patient_prefix: info.patient_pool.map_or(info.folder, |pool| pool.prefix),
            study_prefix: info.folder,
            loose: options.loose,
            frontal_only: tree.frontal_only,
        };
        let mut metadata = MetadataBuilder::new(catalog, lists, names, options.stop);
        if let Some(folder) = options.masks_in {
            metadata = metadata.with_masks(folder);
        }
        // Lists say nothing about a dataset without images.
        if catalog.present() > 0 {
            tree.dataset.read_metadata(tree, &mut metadata);
        }
        let finished = metadata.finish();
        Self {
            tree,
            catalog,
            options,
            metadata: finished.metadata,
            masks: finished.masks,
            masks_fault: finished.masks_fault,
            notes: finished.notes,
            warnings: finished.warnings,
            remarks: finished.remarks,
            unreadable: Mutex::default(),
            misfits: Mutex::default(),
            odd_headers: Mutex::default(),
            lacks_sources: AtomicBool::new(false),
        }
    }

    pub(super) fn tree(&self) -> &RawTree {
        self.tree
    }

    /// The lists that were read.
    pub fn notes(&self) -> &[ListNote] {
        &self.notes
    }

    /// Lists and rows that could not be read.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// What is odd about lists that were read.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// The images whose header could not be read, so far.
    pub fn unreadable(&self) -> Named {
        self.unreadable.lock().clone()
    }

    /// A sentence about the masks that are left out, since they are of a picture of another size
    /// than the source, if there are any so far.
    pub fn misfits(&self) -> Option<String> {
        let Misfits { images, exchanged } = &*self.misfits.lock();
        let exchanged = match exchanged {
            0 => String::new(),
            count => {
                let count = indicatif::HumanCount(*count);
                format!("; width and height are exchanged for {count} of them")
            }
        };
        (images.count > 0).then(|| {
            let images = images.words();
            format!(
                "images whose masks are left out, since they are of a picture of another size: \
                 {images}{exchanged}"
            )
        })
    }

    /// A sentence about headers with an age that is none, or a view that the release does not have,
    /// if there are any so far.
    pub fn odd_headers(&self) -> Option<String> {
        let images = self.odd_headers.lock();
        (images.count > 0).then(|| {
            let images = images.words();
            format!(
                "images whose header has an age that is none, or a view that the release does not \
                 have: {images}"
            )
        })
    }

    /// Why masks are left out: there was no place for them. This is also a warning.
    pub fn masks_fault(&self) -> Option<&str> {
        self.masks_fault.as_deref()
    }

    /// What the lists say about the image `number`.
    pub fn listed(&self, number: u32) -> Option<ImageProperties> {
        let image = self.metadata.get(number as usize)?;
        Some(ImageProperties::of(image, None))
    }

    /// The same, with what the header of its source adds.
    pub fn looked_at(&self, number: u32) -> Option<ImageProperties> {
        let (image, header) = self.described(number)?;
        Some(ImageProperties::of(&image, header.as_ref()))
    }

    /// Whether the source of an image was absent when its header was to be read, so far.
    pub fn lacks_sources(&self) -> bool {
        self.lacks_sources.load(Ordering::Relaxed)
    }

    /// Makes the rows, in the order of the images, and passes them to `write` in batches. Calls
    /// `done` with the number of rows of each. Uses rayon's current pool.
    ///
    /// # Errors
    /// Those of `write`; [`TableError::Interrupted`] if the user ends the work.
    pub fn write(
        &self,
        done: &mut dyn FnMut(u64),
        write: &mut dyn FnMut(&RecordBatch) -> Result<(), TableError>,
    ) -> Result<(), TableError> {
        for window in self.parts().chunks(rayon::current_num_threads() * AHEAD) {
            let made: Vec<_> = window
                .par_iter()
                .map(|part| self.batches(part.clone()))
                .collect();
            for batches in made {
                for batch in batches? {
                    write(&batch)?;
                    done(batch.num_rows() as u64);
                }
            }
        }
        Ok(())
    }

    /// Ranges of images whose rows one thread makes at a time.
    fn parts(&self) -> Vec<Range<u32>> {
        let (mut parts, mut start, mut stored) = (Vec::new(), 0, 0);
        for number in 0..self.catalog.len() {
            let masks = self.masks.as_ref();
            let more = masks.map_or(0, |masks| u64::from(masks.stored_bytes(number)));
            if number - start == BATCH_ROWS || stored + more > BATCH_STORED && number > start {
                parts.push(start..number);
                (start, stored) = (number, 0);
            }
            stored += more;
        }
        if start < self.catalog.len() {
            parts.push(start..self.catalog.len());
        }
        parts
    }

    /// The rows of these images: one batch, or several if there are long reports or masks.
    fn batches(&self, numbers: Range<u32>) -> Result<Vec<RecordBatch>, TableError> {
        let (mut batches, mut rows, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut last_report = None;
        for number in numbers.filter(|number| self.catalog.has(*number)) {
            if self.options.stop.load(Ordering::Relaxed) {
                return Err(TableError::Interrupted);
            }
            let Some(row) = self.row(number, &mut last_report)? else {
                continue;
            };
            bytes += row.texts.as_ref().map_or(0, Texts::len) + masks_len(&row.masks);
            rows.push(row);
            if bytes > BATCH_BYTES {
                batches.push(batch(&rows)?);
                rows.clear();
                bytes = 0;
            }
        }
        if !rows.is_empty() {
            batches.push(batch(&rows)?);
        }
        Ok(batches)
    }

    fn row(
        &self,
        number: u32,
        last_report: &mut Option<LastReport>,
    ) -> Result<Option<Row<'a>>, TableError> {
        let entry = self.catalog.get(number);
        let (Some(entry), Some((mut image, header))) = (entry, self.described(number)) else {
            return Ok(None);
        };
        let key = entry.key();
        let masks = self.masks_of(number, key, header.as_ref())?;
        let placement = header.as_ref().and_then(|header| {
            let (width, height) = (header.description.width, header.description.height);
            let side = |side| u32::try_from(side).ok();
            Placement::new(side(width)?, side(height)?, self.options.params.size)
        });
        let mut texts = image.texts.take().map(|texts| *texts);
        if let Some(files) = self.tree.dataset.report_files(self.tree, key) {
            if last_report.as_ref().is_none_or(|last| last.files != files) {
                *last_report = Some(LastReport::read(self.tree, key, files));
            }
            texts = last_report.as_ref().and_then(|last| last.texts.clone());
        }
        Ok(Some(Row {
            dataset: self.tree.dataset.folder(),
            number,
            key,
            dates: self.tree.dataset.metadata_rules().dates,
            image,
            header,
            placement,
            texts,
            masks,
        }))
    }

    /// The masks of an image: none if they are of a picture of another size than its source.
    fn masks_of(
        &self,
        number: u32,
        key: &str,
        header: Option<&SourceHeader>,
    ) -> io::Result<Vec<FindingMask>> {
        let Some(store) = &self.masks else {
            return Ok(Vec::new());
        };
        let mut masks = store.get(number)?;
        if let Some(header) = header {
            let size = (header.description.width, header.description.height);
            let size_of = |mask: &FindingMask| {
                let (width, height) = (mask.runs.width(), mask.runs.height());
                (width as usize, height as usize)
            };
            if let Some(other) = masks.iter().map(size_of).find(|other| *other != size) {
                masks.retain(|mask| size_of(mask) == size);
                let mut misfits = self.misfits.lock();
                misfits.images.add(key);
                misfits.exchanged += u64::from(other == (size.1, size.0));
            }
        }
        Ok(masks)
    }

    /// The metadata of an image with what its header adds, and the header.
    fn described(&self, number: u32) -> Option<(ImageMetadata, Option<SourceHeader>)> {
        let key = self.catalog.get(number)?.key();
        let mut image = self.metadata.get(number as usize)?.clone();
        let header = self.header(number, key);
        if let (Some(rules), Some(header)) = (self.tree.dataset.metadata_rules().header, &header) {
            let is_odd = self.take_attributes(rules, &header.attributes, &mut image);
            if is_odd {
                self.odd_headers.lock().add(key);
            }
        }
        Some((image, header))
    }

    fn header(&self, number: u32, key: &str) -> Option<SourceHeader> {
        if !self.options.headers {
            return None;
        }
        let source = self.catalog.get(number)?.source().ok();
        let header = source.and_then(|path| {
            let header = SourceHeader::read(&*self.tree.storage, &path);
            if header.as_ref().is_err_and(is_absent) {
                self.lacks_sources.store(true, Ordering::Relaxed);
            }
            header.ok()
        });
        if header.is_none() {
            self.unreadable.lock().add(key);
        }
        header
    }

    /// Takes from a header what no list has. Returns whether an age or a view cannot be used.
    fn take_attributes(
        &self,
        rules: HeaderRules,
        header: &Attributes,
        image: &mut ImageMetadata,
    ) -> bool {
        let mut is_odd = false;
        if image.age_raw.is_none()
            && let Some(raw) = &header.patient_age
        {
            image.age_raw = Some(raw.as_str().into());
            image.age_years = age::years(raw, rules.zero_is_an_age);
            is_odd |= image.age_years.is_none() && !age::is_zero(raw);
        }
        if image.sex.is_none()
            && let Some(sex) = &header.patient_sex
        {
            image.sex = rules.sex(sex);
        }
        if image.view_raw.is_none()
            && let Some(view) = &header.view_position
        {
            image.view_raw = Some(view.as_str().into());
            match rules.views.iter().find(|known| known.name == view) {
                Some(known) => {
                    image.view = image.view.or(known.view);
                    image.frontal = image.frontal.or(known.frontal);
                }
                None => {
                    image.view = image.view.or(Some(View::Other));
                    is_odd = true;
                }
            }
        }
        if image.study.is_none()
            && let Some(study) = &header.study
        {
            let folder = self.tree.dataset.folder();
            image.study = Some(format!("{folder}:{study}").into());
        }
        if image.study_date.is_none() && rules.has_dates {
            let date = header.study_date.as_deref();
            image.study_date = date.and_then(date::days_from_yyyymmdd);
        }
        is_odd
    }
}

/// Images whose masks are of a picture of another size.
#[derive(Debug, Default)]
struct Misfits {
    images: Named,
    /// Of how many the width and the height are exchanged.
    exchanged: u64,
}

/// Bytes of masks in a table.
fn masks_len(masks: &[FindingMask]) -> usize {
    let numbers = masks.iter().map(|mask| mask.runs.as_slice());
    numbers.map(size_of_val).sum()
}

/// The report that was read last: the images of a study share it.
struct LastReport {
    files: Vec<PathBuf>,
    texts: Option<Texts>,
}

impl LastReport {
    fn read(tree: &RawTree, key: &str, files: Vec<PathBuf>) -> Self {
        let texts = tree.dataset.report_texts(tree, key);
        Self { files, texts }
    }
}
