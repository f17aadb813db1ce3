//! Why there is no sample.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::HumanBytes;

use crate::files::is_disk_full;
use crate::shown::{Show as _, quoted_path};
use crate::words::counted;

/// Why a sample cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    #[error("{path}: {source}; give a folder that you can write to", path = path.shown())]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "the disk of {path} is full: free some space, or write fewer images (--images, --hard-link), \
         and run the same command again",
        path = path.shown()
    )]
    DiskFull { path: PathBuf },
    #[error(
        "{images} need about {needed}, but only {free} are free in {folder}: write fewer images \
         (--images), or repeat a few as hard links (--hard-link)",
        images = counted(*images, "image", "images"), needed = HumanBytes(*needed),
        free = HumanBytes(*free), folder = folder.shown()
    )]
    NoSpace {
        folder: PathBuf,
        images: u64,
        needed: u64,
        free: u64,
    },
    #[error(
        "{folder} has something in it that is not a sample; give a new folder: machex sample {new}",
        folder = folder.shown(), new = quoted_path(&folder.join("sample"))
    )]
    NotEmpty { folder: PathBuf },
    #[error(
        "{path} is not a folder; give a new one, such as: machex sample sample",
        path = path.shown()
    )]
    NotAFolder { path: PathBuf },
    #[error(
        "{folder} is not UTF-8, which the paths in a config have to be; give another folder",
        folder = folder.shown()
    )]
    NotUtf8 { folder: PathBuf },
    #[error(
        "{config} is no longer as this version writes it for a sample; nothing was changed: move it \
         away together with its raw data, or give a new folder",
        config = config.shown()
    )]
    ConfigDiffers { config: PathBuf },
    #[error(
        "{path} is not in {list}, which lists what the earlier sample wrote; nothing was changed: \
         move {path} away, or give a new folder",
        path = path.shown(), list = list.shown()
    )]
    NotListed { path: PathBuf, list: PathBuf },
    #[error(
        "{path} has changed since the earlier sample wrote it; nothing was changed now: move it \
         away, or give a new folder",
        path = path.shown()
    )]
    FileDiffers { path: PathBuf },
    #[error(
        "{path} is not the list that a sample writes; nothing was changed: give a new folder",
        path = path.shown()
    )]
    BadList { path: PathBuf },
    #[error(
        "the mount at {mountpoint} reads this sample; end it first: machex unmount {mountpoint}",
        mountpoint = mountpoint.shown()
    )]
    Mounted { mountpoint: PathBuf },
    #[error("drawing {path}: {problem}", path = path.shown())]
    Encode { path: PathBuf, problem: String },
    #[error("interrupted")]
    Interrupted,
}

impl SampleError {
    /// [`Self::Interrupted`] once `stop` is set.
    pub(crate) fn if_stopped(stop: &AtomicBool) -> Result<(), Self> {
        match stop.load(Ordering::Relaxed) {
            true => Err(Self::Interrupted),
            false => Ok(()),
        }
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match () {
            () if is_disk_full(&source) => Self::DiskFull { path },
            () if source.kind() == io::ErrorKind::NotADirectory => Self::NotAFolder { path },
            () => Self::Io { path, source },
        }
    }
}
