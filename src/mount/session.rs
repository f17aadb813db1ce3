//! The session of a mount: serves the requests of the kernel until the mount ends.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use fuser::{BackingId, MountOption, Session, SessionACL};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::guard::{SpareDescriptors, UnmountGuard};
use super::unmount::unmount_own;
use super::{MountError, MountOptions, MountPoint};
use crate::config::Config;
use crate::files::{Answer, ask_status};
use crate::files::{MountEntry, mounted_at};
use crate::filesystem::{MachexFilesystem, Passthrough, Stop, Tree};
use crate::serve::Server;

/// Readahead of the kernel in KiB, if this process may set it: enough for a finished image in one
/// request.
const READAHEAD_KIB: u32 = 1024;

/// How long to wait for images that are being made when the mount ends.
const STOPPING: Duration = Duration::from_secs(30);

/// How long closing the cache may take while something hangs.
const CLOSING: Duration = Duration::from_secs(2);

/// How long the answer to the first request may take.
const ANSWERING: Duration = Duration::from_secs(30);

/// How long to wait for readers to close their files when the mount ends.
const GRACE: Duration = Duration::from_secs(5);

/// A mount that is ready.
pub struct Mount {
    server: Arc<Server>,
    own: Option<MountEntry>,
    /// Where requests come from.
    device: OwnedFd,
    spare: SpareDescriptors,
    stop: mpsc::Sender<Stop>,
    events: mpsc::Receiver<Stop>,
}

impl Mount {
    /// Mounts, and lets `server` answer. `stop` and `events` are the ends of one channel, through
    /// which the caller can end the mount.
    pub fn start(
        server: Arc<Server>,
        config: &Config,
        point: &MountPoint,
        chosen: &MountOptions,
        (stop, events): (mpsc::Sender<Stop>, mpsc::Receiver<Stop>),
    ) -> Result<Self, MountError> {
        let passthrough = chosen.passthrough;
        let mut guard = UnmountGuard::new(&point.path)?;
        let tree = Tree::new(Arc::clone(&server), config);
        let filesystem = MachexFilesystem::new(Arc::clone(&tree), passthrough, stop.clone());
        let session = Session::new(filesystem, &point.path, &settings(config, chosen))
            .map_err(|error| MountError::fuse(&point.path, &error))?;
        guard.is_ours = true;
        let passed = match passthrough {
            Passthrough::Off => false,
            _ => match probe_passthrough(&session, &server) {
                Ok(()) => true,
                Err(why) if passthrough == Passthrough::On => {
                    return Err(MountError::NoPassthrough(why));
                }
                Err(why) => {
                    tracing::info!("no passthrough: {why}");
                    false
                }
            },
        };
        let clone = || session.as_fd().try_clone_to_owned();
        let device = clone().map_err(MountError::io(&point.path))?;
        let lingering = clone().map_err(MountError::io(&point.path))?;
        tree.begin(session.notifier(), lingering, passed);
        let session = session.spawn().map_err(MountError::io(&point.path))?;
        // Never drop it: fuser would unmount whatever is at the path by then, even if it is not
        // ours. The file system reports the end.
        let _session = ManuallyDrop::new(session);
        let own = mounted_at(&point.path).map_err(MountError::io(&point.path))?;
        wait_until_answering(&point.path)?;
        if let Some(own) = &own {
            widen_readahead(&own.device);
        }
        Ok(Self {
            server,
            own,
            device,
            spare: guard.disarm(),
            stop,
            events,
        })
    }

    /// Serves until the mount ends, and cleans up.
    pub fn serve(mut self) {
        let asked = self.events.recv();
        self.spare.release();
        // Even if the kernel has ended the connection: if it was aborted, the mount stays behind.
        self.leave();
        let is_over = match asked {
            Ok(Stop::Asked) => self.is_unmounted_within(GRACE),
            Ok(Stop::AtOnce) => false,
            Ok(Stop::Unmounted | Stop::Stopped) | Err(_) => true,
        };
        if !is_over {
            tracing::warn!("ending though files are open; their readers get errors");
        }
        self.stop_threads();
        tracing::info!("ended");
    }

    /// Unmounts, if the mount is still ours.
    fn leave(&self) {
        let Some(own) = &self.own else { return };
        // The kernel reuses the numbers of a mount that is gone. If our connection has ended, a
        // mount with these numbers is either dead, and can be removed, or not ours.
        let is_dead = || matches!(ask_status(&own.mountpoint), Answer::Gone);
        if !is_connected(&self.device) && !is_dead() {
            return;
        }
        match unmount_own(own) {
            Ok(holders) => {
                for holder in holders {
                    tracing::warn!("still open while the mount ends: {holder}");
                }
            }
            Err(error) => tracing::warn!("{error}"),
        }
    }

    /// Waits until the last reader is gone. Further [`Stop::Asked`] have no effect.
    fn is_unmounted_within(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok(Stop::Asked) => {}
                Ok(Stop::Unmounted) => return true,
                Ok(Stop::AtOnce | Stop::Stopped) | Err(_) => return false,
            }
        }
    }

    /// Stops the threads. Gives up if one of them hangs, say on a server that is down, or if a
    /// second signal comes.
    fn stop_threads(&self) {
        let (server, stop) = (Arc::clone(&self.server), self.stop.clone());
        let stopping = thread::Builder::new().spawn(move || {
            server.stop();
            // The receiver is gone if it did not want to wait.
            let _ = stop.send(Stop::Stopped);
        });
        if let Err(error) = stopping {
            tracing::warn!("not waiting for what is still being made: {error}");
            return self.close_cache();
        }
        let deadline = Instant::now() + STOPPING;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok(Stop::Stopped) => return,
                Ok(Stop::Asked | Stop::Unmounted) => {}
                Ok(Stop::AtOnce) | Err(_) => {
                    tracing::warn!("not waiting for what is still being made");
                    return self.close_cache();
                }
            }
        }
    }
}

impl Mount {
    /// Closes the cache, which saves the order of use, unless its disk does not answer.
    fn close_cache(&self) {
        let (server, (done, closed)) = (Arc::clone(&self.server), mpsc::channel());
        let closing = thread::Builder::new().spawn(move || {
            server.tiers().cache.close();
            // The receiver is gone if it did not want to wait.
            let _ = done.send(());
        });
        if closing.is_ok() {
            let _ = closed.recv_timeout(CLOSING);
        }
    }
}

/// Waits until the mount answers a first request; after that it answers others too. A separate
/// process asks, since it can be left behind: if the system provides no thread to answer, no answer
/// ever comes.
fn wait_until_answering(mountpoint: &Path) -> Result<(), MountError> {
    let deadline = Instant::now() + ANSWERING;
    loop {
        match ask_status(mountpoint) {
            Answer::Status(_) => return Ok(()),
            Answer::Silent if Instant::now() < deadline => {}
            Answer::Silent => {
                return Err(MountError::Ended("it does not answer".to_owned()));
            }
            Answer::Failed(error) => return Err(MountError::Ended(error.to_string())),
            Answer::Gone | Answer::NotMachex => {
                return Err(MountError::Ended("it was unmounted".to_owned()));
            }
        }
    }
}

/// Whether the kernel may still send requests: the mount exists, though perhaps at no path.
fn is_connected(device: &OwnedFd) -> bool {
    let mut polled = [PollFd::new(device, PollFlags::empty())];
    let now = Timespec::default();
    // An error of the device means that the connection has ended; an error of `poll` says nothing.
    poll(&mut polled, Some(&now)).is_err() || !polled[0].revents().contains(PollFlags::ERR)
}

fn settings(config: &Config, chosen: &MountOptions) -> fuser::Config {
    let mut settings = fuser::Config::default();
    settings.mount_options = vec![
        MountOption::RO,
        MountOption::NoSuid,
        MountOption::NoDev,
        MountOption::NoExec,
        MountOption::NoAtime,
        // Not `DefaultPermissions`: with it, the kernel requests attributes before it opens a file
        // or reads an extended attribute, which would render the image. Everything is readable
        // anyway. Not `Subtype`, which fuser drops when it mounts as root.
        MountOption::CUSTOM("subtype=machex".to_owned()),
        MountOption::FSName(source_name(&config.file)),
    ];
    let labels = chosen.labels.iter().cloned();
    settings
        .mount_options
        .extend(labels.map(MountOption::CUSTOM));
    settings.acl = if chosen.allow_other {
        SessionACL::All
    } else {
        SessionACL::Owner
    };
    // One thread, which busy-polls: see `filesystem::busy_poll`. Other threads do whatever takes
    // time.
    settings.n_threads = Some(1);
    settings
}

/// The source of the mount: the config file, by which `mount -a` knows whether an entry is mounted.
/// Commas would end the option.
fn source_name(config: &Path) -> String {
    let name = config.to_string_lossy();
    if name.contains([',', '\\', '\n']) {
        "machex".to_owned()
    } else {
        name.into_owned()
    }
}

/// Checks whether the kernel accepts a file of the cache for passthrough, which needs Linux 6.9 and
/// CAP_SYS_ADMIN.
fn probe_passthrough(session: &Session<MachexFilesystem>, server: &Server) -> Result<(), String> {
    let Some(file) = server.tiers().cache.probe_file() else {
        return Err("there is no cache on a disk".to_owned());
    };
    match BackingId::create_raw(session, &file) {
        // It stays registered until the mount ends: one small file.
        Ok(_) => Ok(()),
        Err(error) => Err(match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
            Some(rustix::io::Errno::PERM) => {
                "it needs the capability CAP_SYS_ADMIN and Linux 6.9 or later".to_owned()
            }
            Some(rustix::io::Errno::LOOP) => {
                "the cache is on a stacked file system (overlay), which cannot be passed through"
                    .to_owned()
            }
            _ => error.to_string(),
        }),
    }
}

/// Raises the kernel's readahead, which only root may. With the default of 128 KiB, an image takes
/// three requests.
fn widen_readahead(device: &str) {
    let path = format!("/sys/class/bdi/{device}/read_ahead_kb");
    let written: io::Result<()> = std::fs::write(&path, READAHEAD_KIB.to_string());
    if let Err(error) = written {
        tracing::debug!("{path}: {error}");
    }
}
