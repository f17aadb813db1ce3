//! Requests that few programs make: handles as NFS servers use them, reads past the page cache, and
//! questions to which the answer is always the same.

mod common;

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::process::Command;

use common::Bench;
use common::mounted::{Mounted, is_root, passthrough_modes, skips_fuse};

const IMAGE: &str = "chex-ray14/00/000000.jpg";

/// `struct file_handle` of name_to_handle_at(2).
#[repr(C)]
#[derive(Clone, Copy)]
struct Handle {
    length: u32,
    kind: i32,
    words: [u32; 32],
}

impl Handle {
    fn of(path: &Path) -> Self {
        let mut handle = Self {
            length: 128,
            kind: 0,
            words: [0; 32],
        };
        let path = std::ffi::CString::new(path.as_os_str().as_bytes()).unwrap();
        let mut mount = 0i32;
        // SAFETY: all that the kernel writes to has the size that it is told.
        let done = unsafe {
            libc::syscall(
                libc::SYS_name_to_handle_at,
                libc::AT_FDCWD,
                path.as_ptr(),
                &raw mut handle,
                &raw mut mount,
                0,
            )
        };
        assert_eq!(done, 0, "{path:?}: {}", io::Error::last_os_error());
        handle
    }

    fn open(&self, mounted: &Mounted) -> io::Result<File> {
        let root = File::open(&mounted.root)?;
        // SAFETY: the handle is as long as it says.
        let file = unsafe {
            let (root, handle) = (root.as_raw_fd(), std::ptr::from_ref(self));
            libc::syscall(libc::SYS_open_by_handle_at, root, handle, libc::O_RDONLY)
        };
        match i32::try_from(file) {
            // SAFETY: the kernel has just made it for us.
            Ok(file) if file >= 0 => Ok(unsafe { File::from_raw_fd(file) }),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

#[test]
fn handles_outlive_what_the_kernel_remembers_and_a_remount() {
    if skips_fuse("handles of files") || !is_root("opening by handles") {
        return;
    }
    let bench = Bench::small(2, "IMAGE_SIZE: 64\n");
    let mounted = Mounted::new(&bench, &[]);
    let names = [IMAGE, "chex-ray14/index.json", ".machex/metrics"];
    let files = names.map(|name| Handle::of(&mounted.path(name)));
    // The kernel looks for the name of a folder in the list of its parent, which leaves `.machex` out.
    let folders = ["", "chex-ray14", "chex-ray14/00"];
    let folders = folders.map(|name| Handle::of(&mounted.path(name)));
    let image = mounted.read(IMAGE);
    let look = |mounted: &Mounted| {
        for handle in files {
            let file = handle
                .open(mounted)
                .unwrap_or_else(|error| panic!("{:x?}: {error}", &handle.words[..4]));
            let length = file.metadata().unwrap().len();
            assert!(length > 0);
        }
        let mut read = vec![0; image.len()];
        let file = files[0].open(mounted).unwrap();
        file.read_exact_at(&mut read, 0).unwrap();
        assert!(read == image);
        for handle in folders {
            let folder = handle.open(mounted).unwrap();
            assert!(folder.metadata().unwrap().is_dir());
        }
    };
    look(&mounted);
    fs::write("/proc/sys/vm/drop_caches", "2").unwrap();
    look(&mounted);
    drop(mounted);
    let mounted = Mounted::new(&bench, &[]);
    look(&mounted);
    // Of an image that this mount does not have.
    let mut stale = files[0];
    stale.words[1] |= 999;
    let error = stale.open(&mounted).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ESTALE), "{error}");
}

#[test]
fn reads_past_the_page_cache_need_not_be_aligned() {
    if skips_fuse("O_DIRECT") {
        return;
    }
    let bench = Bench::small(2, "IMAGE_SIZE: 64\n");
    for mode in passthrough_modes() {
        let mounted = Mounted::new(&bench, &["--passthrough", mode]);
        let image = mounted.read(IMAGE);
        let direct = File::options()
            .read(true)
            .custom_flags(libc::O_DIRECT)
            .open(mounted.path(IMAGE))
            .unwrap();
        let mut part = [0; 101];
        direct.read_exact_at(&mut part, 7).unwrap();
        assert!(part[..] == image[7..108], "passthrough {mode}");
        // Beside it, others read as ever.
        assert!(mounted.read(IMAGE) == image, "passthrough {mode}");
    }
}

#[test]
fn a_mount_looks_empty_to_monitors_of_disks() {
    if skips_fuse("statfs") {
        return;
    }
    let bench = Bench::small(2, "IMAGE_SIZE: 64\n");
    let mounted = Mounted::new(&bench, &[]);
    let volume = rustix::fs::statvfs(&mounted.root).unwrap();
    assert_eq!(volume.f_bavail, volume.f_blocks);
    let shown = Command::new("df").arg(&mounted.root).output().unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(!shown.contains("100%"), "{shown}");
}

#[test]
fn questions_that_are_not_for_us_leave_no_line_in_the_log() {
    if skips_fuse("seeks and syncs") {
        return;
    }
    let bench = Bench::small(2, "IMAGE_SIZE: 64\n");
    let mut mounted = Mounted::new(&bench, &[]);
    let file = File::open(mounted.path(IMAGE)).unwrap();
    let length = i64::try_from(file.metadata().unwrap().len()).unwrap();
    // SAFETY: a seek in an open file.
    let hole = unsafe { libc::lseek(file.as_raw_fd(), 0, libc::SEEK_HOLE) };
    assert_eq!(hole, length);
    file.sync_all().unwrap();
    let folder = File::open(mounted.path("chex-ray14")).unwrap();
    folder.sync_all().unwrap();
    let mut polled = [rustix::event::PollFd::new(
        &file,
        rustix::event::PollFlags::IN,
    )];
    assert_eq!(rustix::event::poll(&mut polled, None).unwrap(), 1);
    drop((file, folder));
    assert_eq!(mounted.end_by(rustix::process::Signal::TERM), Some(0));
    let log = fs::read_to_string(bench.path("mount.err")).unwrap();
    assert_eq!(log, "");
}
