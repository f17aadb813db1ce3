//! Where finished images are stored, and the records about them.
//!
//! The tree under `MACHEX_PATH` contains images and indexes and nothing else, since consumers take
//! every entry of its root for a dataset. The records are stored beside it:
//!
//! ```text
//! /data/machex/<dataset>/00/000000.jpg     finished images, tempfile + rename
//! /data/machex/<dataset>/index.json
//! /data/machex.state/<dataset>/finished.jsonl  one record an image: content key and size
//! /data/machex.state/<dataset>/extent.json     how many images its sources held
//! /data/machex.state/failures.jsonl            what could not be rendered, and why
//! /data/machex.state/damaged.jsonl             what was made of a damaged source
//! /data/machex.state/overlays.jsonl            DICOM files with bits above their HighBit
//! /data/machex.state/lock                      held while a run works
//! ```
//!
//! A mount asks its [`tiers`](Tiers) in this order: memory, the [`cache`] on the local disk, the
//! materialized tree. It stores what it renders in the cache, which evicts the least recently used
//! files, or in memory if no disk takes it. It reads the materialized tree but never changes it.
//!
//! Invariant: an image is finished if its file has the size in its newest record, and that record's
//! content key matches the current source and settings.

mod body;
pub mod cache;
mod content_key;
mod extent;
mod fingerprint;
mod image_log;
mod journal;
mod lock;
mod lock_holder;
mod materialized;
mod memory;
mod open_files;
mod spliced;
mod state;
mod stored_file;
pub mod tier;
mod tiers;
mod tree;

pub use body::{Body, Hold, ReadNow};
pub use content_key::{CONTENT_VERSION, ContentGroup, ContentKey, SourceId};
pub use extent::Extent;
pub use fingerprint::Fingerprint;
pub use image_log::{
    ImageLog, LogKind, LoggedImage, logged_in, merge_logs, read_log_file, read_logged,
};
pub use journal::{Journal, Record, Records};
pub use lock::{LockError, RunLock};
pub use lock_holder::LockHolder;
pub use materialized::MaterializedTree;
pub use open_files::OpenFiles;
pub use spliced::{InsertOffsets, Spliced};
pub use state::StateFolder;
pub use stored_file::StoredFile;
pub use tiers::{Found, Tiers};
pub use tree::{FinishedTree, RecordsFault, renewal};
