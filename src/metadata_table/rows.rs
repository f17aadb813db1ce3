//! Makes the rows of a dataset, in batches.

use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use arrow_array::RecordBatch;
use rayon::prelude::*;

use super::columns::batch;
use super::dataset::DatasetTable;
use super::row::Row;
use super::writer::TableError;
use crate::datasets::RawTree;
use crate::metadata::image::Texts;
use crate::metadata::shape::FindingMask;
use crate::render::Placement;
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

impl<'a> DatasetTable<'a> {
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
