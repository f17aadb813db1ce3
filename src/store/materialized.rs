//! The materialized tree as a tier: images that `materialize` finished. It is opened before
//! anything is mounted over it; a mount reads it and never writes to it.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};

use super::tier::{
    About, Copy, FileId, Kept, Lookup, Maker, Patience, PutError, Remembered, Tier, TierKind, Want,
};
use super::{
    Body, CONTENT_VERSION, ContentKey, Fingerprint, FinishedTree, OpenFiles, Record, StateFolder,
};
use crate::files::is_remote;
use crate::names;
use crate::storage::remembered_stat;
use crate::waits::Waits;

/// The images that `materialize` finished, for all datasets of a mount.
pub struct MaterializedTree {
    /// `None` if there is no tree.
    root: Option<Root>,
    path: PathBuf,
    datasets: Vec<Dataset>,
}

/// One dataset of the tree.
struct Dataset {
    name: &'static str,
    /// Number of images, as the records tell.
    count: u64,
    finished: FinishedTree,
    /// Tracks the threads that wait for its files: its folder may be a link to anywhere.
    waits: Arc<Waits>,
}

/// The open root, its file system, and the recently opened images.
struct Root {
    folder: OwnedFd,
    /// Number of the file system.
    device: u64,
    is_remote: bool,
    /// Images on a local disk.
    near: OpenFiles,
    /// Images on another machine, or on another file system than the root, since the tree may
    /// contain links.
    far: OpenFiles,
}

impl MaterializedTree {
    /// Opens the tree in the folder `path`, if there is one, without any dataset yet.
    pub fn open(path: &Path) -> Self {
        Self {
            root: Root::open(path),
            path: path.to_owned(),
            datasets: Vec::new(),
        }
    }

    /// Reads the records of the next dataset of the mount.
    ///
    /// # Errors
    /// When the records cannot be read.
    pub fn add(&mut self, name: &'static str, state: &StateFolder) -> io::Result<&FinishedTree> {
        // Through the open folder, which is reachable even below the mount.
        let root = self
            .root
            .as_ref()
            .map_or_else(|| self.path.clone(), Root::path);
        let finished = FinishedTree::open(&root.join(name), &state.dataset(name))?;
        let is_current = |record: &&Record| record.version == CONTENT_VERSION;
        let count = match self.root {
            Some(_) => finished.records().from(0).filter(is_current).count(),
            None => 0,
        };
        self.datasets.push(Dataset {
            name,
            count: count as u64,
            finished,
            waits: Waits::new(),
        });
        Ok(&self.datasets[self.datasets.len() - 1].finished)
    }

    /// Tracks the threads that wait for the files of a dataset, by its position.
    pub fn waits(&self, dataset: usize) -> Option<&Arc<Waits>> {
        self.datasets.get(dataset).map(|dataset| &dataset.waits)
    }

    /// How many images of a dataset, by its position, this version finished, as its records tell.
    pub fn count_of(&self, dataset: usize) -> u64 {
        self.datasets.get(dataset).map_or(0, |one| one.count)
    }

    fn image(&self, file: FileId) -> Option<Image<'_>> {
        Some(Image {
            root: self.root.as_ref(),
            dataset: self.datasets.get(usize::from(file.dataset))?,
            number: file.image?,
            key: file.key,
        })
    }
}

/// An image that is looked for.
struct Image<'a> {
    root: Option<&'a Root>,
    dataset: &'a Dataset,
    number: u32,
    key: ContentKey,
}

impl<'a> Image<'a> {
    fn record(&self) -> Option<&'a Record> {
        self.dataset.finished.record_of(self.number, self.key)
    }

    /// Whether it is on a local disk, as far as the kernel knows without asking a disk or a server.
    fn is_near(&self) -> bool {
        self.root
            .is_some_and(|root| root.is_near(self.dataset.name, self.number))
    }

    /// Opens it if it still has its size.
    fn open(&self, size: u64, patience: Patience) -> Option<Body> {
        let path = self.dataset.finished.image_path(self.number);
        let may_wait = patience == Patience::Some;
        let _waiting = may_wait.then(|| self.dataset.waits.begin());
        self.root?.open_file(self.key, path, size, may_wait)
    }
}

impl Tier for MaterializedTree {
    fn kind(&self) -> TierKind {
        TierKind::Tree
    }

    fn find(&self, file: FileId, want: Want, patience: Patience) -> Lookup {
        let Some(image) = self.image(file) else {
            return Lookup::Absent;
        };
        let Some(record) = image.record() else {
            return Lookup::Absent;
        };
        if patience == Patience::None && !image.is_near() {
            return Lookup::WouldWait;
        }
        let is_there = {
            let _waiting = (patience == Patience::Some).then(|| image.dataset.waits.begin());
            image.dataset.finished.holds(record)
        };
        let body = match want {
            _ if !is_there => return Lookup::Absent,
            Want::Size => None,
            Want::Body => match image.open(record.size, patience) {
                None => return Lookup::Absent,
                opened => opened,
            },
        };
        Lookup::Found(Copy {
            remembered: remembered(record),
            body,
            compared: None,
        })
    }

    fn reopen(
        &self,
        file: FileId,
        size: u64,
        _compared: Option<Fingerprint>,
        patience: Patience,
    ) -> Option<Body> {
        let image = self.image(file)?;
        if let Some(body) = image.root?.opened_before(file.key, size) {
            return Some(body);
        }
        if patience == Patience::Some || image.is_near() {
            image.open(size, patience)
        } else {
            None
        }
    }

    fn contains(&self, file: FileId) -> bool {
        let image = self.image(file);
        image.is_some_and(|image| image.root.is_some() && image.record().is_some())
    }

    fn remembered(&self, file: FileId, _patience: Patience) -> Option<Option<Remembered>> {
        // For a removed file, only its damage matters.
        let record = self.image(file).and_then(|image| image.record());
        Some(
            record
                .filter(|record| record.damage.is_some())
                .map(remembered),
        )
    }

    fn takes_files(&self) -> bool {
        false
    }

    fn put(
        &self,
        _key: ContentKey,
        _about: About<'_>,
        _make: &mut Maker<'_>,
    ) -> Result<Kept, PutError> {
        Err(PutError::Refused(io::ErrorKind::Unsupported.into()))
    }

    fn capacity(&self) -> u64 {
        0
    }
}

fn remembered(record: &Record) -> Remembered {
    Remembered {
        size: record.size,
        sum: None,
        damage: record.damage.as_deref().map(str::to_owned),
    }
}

impl Root {
    fn open(path: &Path) -> Option<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(path, flags, Mode::empty()).ok()?;
        let device = rustix::fs::fstat(&folder).ok()?.st_dev;
        Some(Self {
            folder,
            device,
            is_remote: is_remote(path),
            near: OpenFiles::new(false),
            far: OpenFiles::new(true),
        })
    }

    /// The path through the open handle, reachable even below a mount.
    fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.folder.as_raw_fd()))
    }

    fn is_near(&self, dataset: &str, number: u32) -> bool {
        if self.is_remote {
            return false;
        }
        let path = Path::new(dataset).join(names::image_path(number));
        remembered_stat(&self.folder, &path)
            .and_then(|found| found.inode)
            .is_some_and(|inode| inode.device == self.device)
    }

    /// An image on a local disk that was opened before and still has its size.
    fn opened_before(&self, key: ContentKey, size: u64) -> Option<Body> {
        let stored = self.near.get(key)?;
        // Opening a closed file again may have to wait for its disk.
        stored.opened()?;
        Body::of_tree(stored, size)
    }

    /// Opens the image `path` if it still has its size. May wait for its disk unless
    /// [`Self::is_near`]; with `may_wait`, also for a descriptor.
    fn open_file(&self, key: ContentKey, path: PathBuf, size: u64, may_wait: bool) -> Option<Body> {
        let device = fs::symlink_metadata(&path).ok()?.dev();
        let is_near = !self.is_remote && device == self.device;
        let files = if is_near { &self.near } else { &self.far };
        Body::of_tree(files.open(key, path, size, may_wait).ok()?, size)
    }
}
