//! What the lists say about the images of one dataset: what its rows are made of.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::properties::ImageProperties;
use crate::catalog::{Catalog, ListContext};
use crate::datasets::RawTree;
use crate::metadata::{ImageMetadata, ListNote, MaskStore, MetadataBuilder, Named, Options};
use crate::render::RenderParams;

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
    pub(super) tree: &'a RawTree,
    pub(super) catalog: &'a Catalog,
    pub(super) options: TableOptions<'a>,
    pub(super) metadata: Vec<ImageMetadata>,
    pub(super) masks: Option<MaskStore>,
    pub(super) masks_fault: Option<String>,
    pub(super) notes: Vec<ListNote>,
    pub(super) warnings: Vec<String>,
    pub(super) remarks: Vec<String>,
    /// Images whose header could not be read.
    pub(super) unreadable: Mutex<Named>,
    pub(super) misfits: Mutex<Misfits>,
    /// Images whose header has an age, a sex or a view that cannot be used.
    pub(super) odd_headers: Mutex<Named>,
    /// Whether the source of an image was absent.
    pub(super) lacks_sources: AtomicBool,
}

impl<'a> DatasetTable<'a> {
    /// Reads the lists of `tree`, whose images are those of `catalog`, or only their beginnings if
    /// the user ends that.
    pub fn read(tree: &'a RawTree, catalog: &'a Catalog, options: TableOptions<'a>) -> Self {
        let info = tree.dataset.info();
        let mut lists = ListContext::new(info.root_key, tree.storage.clone());
        lists = lists.with(&tree.root, info.root_key);
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

    /// A sentence about headers with an age, a sex or a view that cannot be used, if there are any so
    /// far.
    pub fn odd_headers(&self) -> Option<String> {
        let images = self.odd_headers.lock();
        (images.count > 0).then(|| {
            let images = images.words();
            format!("images whose header has an age, a sex or a view that cannot be used: {images}")
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
}

/// Images whose masks are of a picture of another size.
#[derive(Debug, Default)]
pub(super) struct Misfits {
    pub images: Named,
    /// Of how many the width and the height are exchanged.
    pub exchanged: u64,
}
