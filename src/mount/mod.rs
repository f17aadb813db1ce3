//! A mount from its beginning to its end.
//!
//! ```text
//! check the mount point ─► read lists, open cache ─► mount ─► ready ─► serve ─► unmount ─► stop
//! ```

mod ask;
mod background;
mod error;
mod fusermount;
mod guard;
mod holders;
mod options;
mod point;
mod process;
mod ready;
mod session;
mod table;
mod unmount;

pub use ask::{Answer, ask_status, is_folder};
pub use background::{Started, start_in_background};
pub use error::MountError;
pub use options::{MountOptions, OptionError};
pub use point::{MountPoint, is_disconnected, prepare};
pub use process::Process;
pub use ready::{check_parent, say_ready, wait_until_accepted};
pub use session::Mount;
pub use table::{MountEntry, machex_mount_of, machex_mountpoints, mounted_at};
pub use unmount::{Remark, UnmountError, UnmountHow, unmount};
