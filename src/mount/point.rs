//! Checks whether machex can mount on a folder.

use std::io;
use std::path::{Path, PathBuf};

use super::unmount::evict;
use super::{MountError, UnmountHow, unmount};
use crate::config::Config;
use crate::files::{Answer, ask_status, is_disconnected, is_folder, mounted_at, real_path};
use crate::shown::Show as _;
use crate::slow::announce_if_slow;
use crate::store::StateFolder;

/// A folder that can be mounted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountPoint {
    /// Absolute and without links, as in the kernel's mount table.
    pub path: PathBuf,
}

/// Checks a mount point. With `replace`, first unmounts a machex mount there, whether or not its
/// process is alive.
pub fn prepare(path: &Path, config: &Config, replace: bool) -> Result<MountPoint, MountError> {
    let path = std::path::absolute(path).map_err(MountError::io(path))?;
    let doing = format!("looking at the mount point, {}", path.shown());
    let (path, state) = announce_if_slow(doing, || {
        let path = real_path(&path);
        let state = state(&path);
        (path, state)
    });
    if path.to_str().is_none() {
        return Err(MountError::NotUtf8(path));
    }
    // Before the advice to make a folder there.
    keep_uncovered(&path, config)?;
    let mut say = |remark| tracing::warn!("{remark}");
    match state? {
        State::Free => {}
        State::Missing => return Err(MountError::NoMountPoint(path)),
        State::NotAFolder => return Err(MountError::NotAFolder(path)),
        State::Stale if replace => unmount(&path, UnmountHow::Lazy, &mut say)?,
        State::Mounted if replace => unmount(&path, UnmountHow::REPLACE, &mut say)?,
        State::Silent if replace => evict(&path, &mut say)?,
        State::Stale => return Err(MountError::Stale(path)),
        State::Silent => return Err(MountError::Silent(path)),
        State::Mounted => return Err(MountError::Mounted(path)),
    }
    // The server looks for images in the materialized tree, which may be on a mount that does not
    // answer.
    if let Err(error) = is_folder(&config.machex_path)
        && error.kind() == io::ErrorKind::TimedOut
    {
        return Err(MountError::Silent(config.machex_path.clone()));
    }
    Ok(MountPoint { path })
}

enum State {
    Free,
    Missing,
    NotAFolder,
    /// A FUSE mount without a process.
    Stale,
    /// A machex mount whose process does not answer.
    Silent,
    Mounted,
}

fn state(path: &Path) -> Result<State, MountError> {
    let mounted = mounted_at(path).map_err(MountError::io(path))?;
    if mounted.is_some_and(|entry| entry.is_machex()) {
        return match ask_status(path) {
            Answer::Status(_) => Ok(State::Mounted),
            Answer::Silent => Ok(State::Silent),
            Answer::Gone => Ok(State::Stale),
            // It was unmounted meanwhile.
            Answer::NotMachex => Ok(State::Free),
            // A machex mount of another version, or of another user.
            Answer::Failed(_) => Ok(State::Mounted),
        };
    }
    match is_folder(path) {
        Ok(true) => Ok(State::Free),
        Ok(false) => Ok(State::NotAFolder),
        // A mount of another FUSE program, without a process.
        Err(error) if is_disconnected(&error) => Ok(State::Stale),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(State::Missing),
        Err(error) => Err(MountError::io(path)(error)),
    }
}

/// Folders that the server needs during a mount must not be below the mount point, or contain it.
/// The materialized tree may: it is opened before mounting.
fn keep_uncovered(mountpoint: &Path, config: &Config) -> Result<(), MountError> {
    let state = StateFolder::of(&config.machex_path);
    let mut needed = vec![
        (config.cache_path.clone(), "CACHE_PATH"),
        (
            state.path().to_owned(),
            "the records of the materialized tree",
        ),
    ];
    for tree in &config.trees {
        let key = tree.dataset.root_key();
        needed.push((tree.root.clone(), key));
        needed.extend(tree.paths().map(|(option, path)| (path.to_owned(), option)));
        needed.extend(tree.links().into_iter().map(|link| (link, key)));
    }
    for (folder, what) in needed {
        let real = real_path(&folder);
        if real.starts_with(mountpoint) {
            return Err(MountError::Covers {
                mountpoint: mountpoint.to_owned(),
                covered: folder,
                what,
            });
        }
        // CACHE_PATH may also contain other things, but the cache's own folders must not contain
        // the mount point.
        let own = match what {
            "CACHE_PATH" => vec![real.join("mount"), real.join("catalogs")],
            _ => vec![real],
        };
        if own.iter().any(|own| mountpoint.starts_with(own)) {
            return Err(MountError::Within {
                mountpoint: mountpoint.to_owned(),
                folder,
                what,
            });
        }
    }
    Ok(())
}
