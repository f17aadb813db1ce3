//! Files and folders: complete files or none, folders that nobody else can have prepared, mount
//! points, and disk space.

mod atomic;
mod descriptors;
mod mount_table;
pub(crate) mod no_follow;
mod parents;
mod private;
mod probe;
mod real_path;
mod regular;
mod space;

pub(crate) use atomic::confirm;
pub use atomic::{
    Durability, Temporary, is_being_written, is_left_over, target_of, write_atomically,
};
pub(crate) use descriptors::{SpareFiles, at_once, register};
pub use descriptors::{is_lack_of_descriptors, open_file_limit, patiently, raise_open_file_limit};
pub(crate) use mount_table::mounts_of;
pub use mount_table::{
    MountEntry, is_disconnected, machex_mount_of, machex_mountpoints, mounted_at,
};
pub use parents::{Links, ParentFolder};
pub use private::{NotOurs, PrivateFolder, Trust, is_not_ours, open_own_file};
pub use probe::{Answer, ask_status, is_folder};
pub use real_path::real_path;
pub use regular::{Unfit, is_absent, kind_of, open_regular, read_within};
pub use space::{FreeSpace, free_space, free_space_at, is_disk_full, is_remote};
