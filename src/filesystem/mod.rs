//! Translates FUSE requests into calls of [`crate::serve`]. Contains no logic for pixels or lists.
//!
//! * The thread that takes requests never makes a file: it hands over, and another thread replies.
//! * LOOKUP never makes a file, since it holds the lock of the directory. If a size is not known
//!   yet, LOOKUP returns an estimate that the kernel must not keep; GETATTR and OPEN make the file
//!   first and return the exact size. The kernel may keep a known size for good.
//! * Programs that only list folders get estimates from GETATTR too (`callers`).
//! * The mount is read-only: every change is EROFS.

mod attributes;
mod busy_poll;
mod callers;
mod directory;
mod handles;
mod hidden;
mod inode;
mod requests;
mod xattr;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::os::fd::OwnedFd;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use fuser::{
    Errno, FileAttr, FileHandle, INodeNo, Notifier, ReplyAttr, ReplyData, ReplyEntry, ReplyOpen,
};
use parking_lot::Mutex;

use crate::config::Config;
use crate::files::is_lack_of_descriptors;
use crate::serve::{Item, Known, Server, What};
use crate::status::Status;
use crate::store::Body;
use attributes::{Attributes, FOREVER, NEVER, private};
use busy_poll::{After, BusyPoll};
use callers::ListingPrograms;
use handles::{Caching, Handles, How};
use inode::{Inodes, Node};

pub use requests::MachexFilesystem;

/// How long every open renews the cached pages of a file that has changed.
const RENEWAL: Duration = Duration::from_secs(10);

/// How readers get the bytes of finished files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Passthrough {
    /// Pass files through if the kernel and the privileges allow it.
    #[default]
    Auto,
    /// Pass files through, or refuse to mount.
    On,
    /// Read files through this process.
    Off,
}

impl Passthrough {
    /// The names of the modes for users.
    pub const NAMES: [&str; 3] = ["auto", "on", "off"];
}

impl FromStr for Passthrough {
    type Err = UnknownMode;

    fn from_str(name: &str) -> Result<Self, UnknownMode> {
        match name {
            "auto" => Ok(Self::Auto),
            "on" => Ok(Self::On),
            "off" => Ok(Self::Off),
            _ => Err(UnknownMode),
        }
    }
}

/// No mode has this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it must be one of {}", Passthrough::NAMES.join(", "))]
pub struct UnknownMode;

/// Why a mount ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// A signal asked for it.
    Asked,
    /// A second signal: end at once.
    AtOnce,
    /// The kernel has ended the mount, for example because a user unmounted it.
    Unmounted,
    /// All threads have ended.
    Stopped,
}

/// The state of the file system, shared by the threads that take requests and those that reply.
pub struct Tree {
    server: Arc<Server>,
    inodes: Inodes,
    attributes: Attributes,
    listing: ListingPrograms,
    handles: Handles,
    notifier: OnceLock<Notifier>,
    busy_poll: BusyPoll,
    /// By inode: the latest revision, other than the first, that the kernel was told of, and when.
    told: Mutex<HashMap<u64, (u32, Instant)>>,
}

impl Tree {
    pub fn new(server: Arc<Server>, config: &Config) -> Arc<Self> {
        Arc::new(Self {
            inodes: Inodes::new(server.datasets()),
            attributes: Attributes::of_this_process(),
            listing: ListingPrograms::new(&config.listing_programs),
            handles: Handles::default(),
            notifier: OnceLock::new(),
            busy_poll: BusyPoll::default(),
            told: Mutex::default(),
            server,
        })
    }

    /// Call this once, before the first request. `device` is where requests come from.
    pub fn begin(&self, notifier: Notifier, device: OwnedFd, passthrough: bool) {
        // A second call has no effect.
        let _ = self.notifier.set(notifier);
        self.handles.set_passthrough(passthrough);
        self.busy_poll.begin(device);
    }

    /// Busy-polls for the next request, if one is expected and no image is being rendered.
    fn busy_poll(&self, after: After) {
        if self.server.is_resting() {
            self.busy_poll.wait(after);
        }
    }

    pub fn status(&self) -> Status {
        let mode = if self.handles.is_passthrough() {
            "passthrough"
        } else {
            "reads"
        };
        self.server.status(mode, self.handles.len())
    }

    /// Attributes of a folder.
    fn folder(&self, node: Node) -> FileAttr {
        let modified = match node {
            Node::Dataset(dataset) | Node::Shard(dataset, _) => {
                let dataset = self.server.datasets().get(usize::from(dataset));
                dataset.map_or((0, 0), |dataset| dataset.modified())
            }
            _ => {
                let all = self.server.datasets().iter();
                all.map(|dataset| dataset.modified())
                    .max()
                    .unwrap_or((0, 0))
            }
        };
        let folders = directory::folder_count(&self.server, node);
        let attributes = self
            .attributes
            .folder(self.inodes.number(node), folders, modified);
        if node.is_private() {
            private(attributes)
        } else {
            attributes
        }
    }

    /// Whether a user owns the mount, or is root.
    fn is_owner(&self, uid: u32) -> bool {
        self.attributes.is_owner(uid)
    }

    /// Whether a user may see a node. The kernel does not check modes for machex: for that it would
    /// request attributes before it opens a file.
    fn may_see(&self, uid: u32, node: Node) -> bool {
        !node.is_private() || self.is_owner(uid)
    }

    fn known_file(&self, item: Item, known: &Known) -> FileAttr {
        let inode = self.inodes.number(Node::Item(item));
        self.attributes.file(inode, known.size, known.modified)
    }

    /// Attributes of a file whose size is not known yet.
    fn estimated_file(&self, item: Item) -> FileAttr {
        let inode = self.inodes.number(Node::Item(item));
        let dataset = self.server.dataset(item);
        let (size, modified) = dataset.map_or((0, (0, 0)), |dataset| {
            (dataset.estimate(item.what), dataset.modified())
        });
        self.attributes.file(inode, size, modified)
    }

    fn hidden_file(&self, position: u8) -> FileAttr {
        let inode = self.inodes.number(Node::HiddenFile(position));
        let size = hidden::text(self, position).len() as u64;
        private(self.attributes.file(inode, size, (0, 0)))
    }

    fn lookup(&self, node: Node, reply: ReplyEntry) {
        let generation = fuser::Generation(0);
        let (attributes, lifetime) = match node {
            Node::Item(item) => match self.server.known(item) {
                Some(known) => (self.known_file(item, &known), FOREVER),
                None => (self.estimated_file(item), NEVER),
            },
            Node::HiddenFile(position) => (self.hidden_file(position), NEVER),
            folder => (self.folder(folder), FOREVER),
        };
        // The kernel must not cache a private node, since each lookup checks the user.
        let entry_lifetime = if node.is_private() { NEVER } else { FOREVER };
        reply.entry_with_ttls(&lifetime, &entry_lifetime, &attributes, generation);
    }

    fn getattr(self: &Arc<Self>, node: Node, pid: u32, reply: ReplyAttr) {
        let item = match node {
            Node::Item(item) => item,
            Node::HiddenFile(position) => {
                return reply.attr(&NEVER, &self.hidden_file(position));
            }
            folder => return reply.attr(&FOREVER, &self.folder(folder)),
        };
        if let Some(known) = self.server.known(item) {
            return reply.attr(&FOREVER, &self.known_file(item, &known));
        }
        // Check again: the kernel must not get an estimate after an exact size.
        if self.listing.has(pid) && self.server.known(item).is_none() {
            return reply.attr(&NEVER, &self.estimated_file(item));
        }
        self.server.note_stat(item);
        let tree = Arc::clone(self);
        self.server.size(item, move |result| match result {
            Ok(known) => reply.attr(&FOREVER, &tree.known_file(item, &known)),
            Err(_) => reply.error(tree.error()),
        });
    }

    /// `is_direct`: the reader bypasses the page cache (O_DIRECT).
    fn open(self: &Arc<Self>, node: Node, is_direct: bool, reply: ReplyOpen) {
        let started = Instant::now();
        let inode = self.inodes.number(node);
        let item = match node {
            Node::Item(item) => item,
            Node::HiddenFile(position) => {
                let body = Body::Memory(hidden::text(self, position).into());
                let how = How {
                    caching: Caching::Never,
                    is_direct,
                };
                return self.handles.open(inode, body, 0, how, reply);
            }
            _ => return reply.error(Errno::EISDIR),
        };
        self.server.note_read(item);
        if let Some((known, body)) = self.server.open_at_hand(item) {
            return self.answer_open(inode, started, known, body, is_direct, reply);
        }
        let tree = Arc::clone(self);
        self.server.open(item, move |result| match result {
            Ok((known, body)) => tree.answer_open(inode, started, known, body, is_direct, reply),
            Err(_) => reply.error(tree.error()),
        });
    }

    fn answer_open(
        &self,
        inode: u64,
        started: Instant,
        known: Known,
        body: Body,
        is_direct: bool,
        reply: ReplyOpen,
    ) {
        let caching = self.caching(inode, known.revision);
        let how = How { caching, is_direct };
        self.handles.open(inode, body, known.revision, how, reply);
        self.server.open_latency().record(started.elapsed());
    }

    /// Reads from an open file, which may wait for a disk. If the file can no longer be read,
    /// renders it again for this handle.
    fn read(
        self: Arc<Self>,
        (handle, item): (FileHandle, Item),
        body: &Body,
        (offset, size): (u64, usize),
        buffer: &mut Vec<u8>,
        reply: ReplyData,
    ) {
        let error = match body.read_at(offset, size, buffer) {
            Ok(()) => return reply.data(buffer),
            Err(error) => error,
        };
        tracing::warn!("an open file of the cache or of the tree cannot be read: {error}");
        if !is_lack_of_descriptors(&error) {
            self.server.tiers().drop_unreadable(body);
        }
        let (Some(key), What::Image(_)) = (body.key(), item.what) else {
            return reply.error(self.error());
        };
        // An earlier request, perhaps of another reader, may have rendered it again already.
        if let Some(rescued) = self.server.tiers().memory.get(key) {
            self.handles.replace_body(handle, &rescued);
            return match rescued.read_at(offset, size, buffer) {
                Ok(()) => reply.data(buffer),
                Err(_) => reply.error(self.error()),
            };
        }
        let length = body.size();
        let server = Arc::clone(&self.server);
        server.rescue(item, key, move |rendered| match rendered {
            Ok(bytes) if bytes.len() as u64 == length => {
                let body = Body::Memory(bytes);
                self.handles.replace_body(handle, &body);
                let mut buffer = Vec::new();
                match body.read_at(offset, size, &mut buffer) {
                    Ok(()) => reply.data(&buffer),
                    Err(_) => reply.error(self.error()),
                }
            }
            _ => reply.error(self.error()),
        });
    }

    /// Whether what the kernel has cached of a file is still valid. After a change, every open
    /// renews it for a while, since several opens that wait for the same file may be answered in
    /// any order.
    fn caching(&self, inode: u64, revision: u32) -> Caching {
        if revision == 0 {
            return Caching::Keep;
        }
        let now = Instant::now();
        let is_news = match self.told.lock().entry(inode) {
            Entry::Occupied(told) if told.get().0 == revision => {
                if told.get().1 + RENEWAL < now {
                    return Caching::Keep;
                }
                false
            }
            entry => {
                entry.insert_entry((revision, now));
                true
            }
        };
        if let (true, Some(notifier)) = (is_news, self.notifier.get()) {
            // Attributes only: invalidating pages here could wait for a read that waits for this
            // thread. Opening the file without FOPEN_KEEP_CACHE drops the pages.
            if let Err(error) = notifier.inval_inode(INodeNo(inode), -1, 0) {
                tracing::debug!("invalidating inode {inode}: {error}");
            }
        }
        Caching::Renew
    }

    /// The error that a reader gets for a fault. Its cause is in the log and in the status.
    fn error(&self) -> Errno {
        self.server.counters().errors.add_one();
        Errno::EIO
    }
}
