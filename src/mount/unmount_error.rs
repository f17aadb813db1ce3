//! Why a mount could not be unmounted.

use std::io;
use std::path::PathBuf;

use super::holders::Holder;
use crate::shown::Show as _;

/// Number of holders that an error names.
const NAMED: usize = 10;

/// Why a mount could not be unmounted.
#[derive(Debug, thiserror::Error)]
pub enum UnmountError {
    #[error("{path} is not a mount", path = .0.shown())]
    NotMounted(PathBuf),
    #[error("{path} is a mount of type {filesystem}, not of machex", path = path.shown(), filesystem = filesystem.shown())]
    Foreign { path: PathBuf, filesystem: String },
    #[error("{path} is busy{}; close these, or unmount with --lazy", named(holders), path = path.shown())]
    Busy { path: PathBuf, holders: Vec<Holder> },
    #[error("{path}: {source}", path = path.shown())]
    Io { path: PathBuf, source: io::Error },
    #[error("{path}: {text}", path = path.shown(), text = text.shown())]
    Fusermount { path: PathBuf, text: String },
}

fn named(holders: &[Holder]) -> String {
    if holders.is_empty() {
        let whose = if rustix::process::geteuid().is_root() {
            "by the kernel, or by a process that has closed it meanwhile"
        } else {
            "by processes of other users, which only root can see"
        };
        return format!(" ({whose})");
    }
    let mut text: String = holders
        .iter()
        .take(NAMED)
        .map(|holder| format!("\n  {holder}"))
        .collect();
    if holders.len() > NAMED {
        text += &format!("\n  and {} more", holders.len() - NAMED);
    }
    text.replacen('\n', ":\n", 1)
}

/// Why one attempt to unmount failed.
pub(super) enum Refusal {
    Busy,
    Other(UnmountError),
}
