//! A mount from its beginning to its end.
//!
//! ```text
//! check the mount point ─► read lists, open cache ─► mount ─► ready ─► serve ─► unmount ─► stop
//! ```

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
mod unmount;
mod unmount_error;

pub use background::{Started, start_in_background};
pub use error::MountError;
pub use options::{MountOptions, OptionError};
pub use point::{MountPoint, prepare};
pub use process::Process;
pub use ready::{check_parent, say_ready, wait_until_accepted};
pub use session::Mount;
pub use unmount::{Remark, UnmountHow, unmount};
pub use unmount_error::UnmountError;
