//! A disk that fails when it is told to: a FUSE file system of the tests' own over a real folder. It
//! lives in the test's process, and the program under test is another process.
//!
//! * A test adds a [`Fault`] to [`FaultyDisk::faults`]: an error, a delay, a hang, short reads, lost
//!   writes; for kinds of requests and paths; always, for the next few, or for every nth.
//! * [`space::Space`] limits what can be written, and says when the lack is told.
//! * A request that has to wait does so on a thread of its own; the others go on.
//! * No process of the test itself may map files of it: a page fault there could wait for itself.

mod answers;
mod faults;
mod nodes;
mod requests;
mod space;
mod work;

use std::fs;
use std::mem::ManuallyDrop;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Once};

// Each test binary uses its own part of these.
#[allow(unused_imports)]
pub use faults::{ActiveFault, Fault, Faults, Op};
#[allow(unused_imports)]
pub use space::Told;

use super::mounted::detach;
use requests::FaultyFilesystem;
use work::Folder;

/// A mount of it. Taken away when dropped, after everything that hangs was answered.
pub struct FaultyDisk {
    /// Where it is mounted.
    pub root: PathBuf,
    /// The folder below, which has no faults.
    pub real: PathBuf,
    faults: Arc<Faults>,
    watcher: Child,
}

impl FaultyDisk {
    /// Shows the folder `real` at `root`; both are made if they are missing.
    pub fn new(real: &Path, root: &Path) -> Self {
        raise_descriptor_limit();
        fs::create_dir_all(real).unwrap();
        fs::create_dir_all(root).unwrap();
        let faults = Arc::<Faults>::default();
        let folder = Arc::new(Folder::new(real, Arc::clone(&faults)).unwrap());
        let mut settings = fuser::Config::default();
        settings.mount_options = vec![
            fuser::MountOption::DefaultPermissions,
            fuser::MountOption::FSName("faulty".to_owned()),
        ];
        settings.n_threads = Some(1);
        // Before the mount: whatever happens from here on, it is taken away.
        let watcher = watch(root);
        let session = fuser::Session::new(FaultyFilesystem::new(folder), root, &settings)
            .expect("tests of faulty disks need /dev/fuse; MACHEX_SKIP_FUSE=1 leaves them out");
        // Never dropped, since that could unmount what is not its own. Its thread ends with the mount.
        let _session = ManuallyDrop::new(session.spawn().unwrap());
        Self {
            root: root.to_owned(),
            real: real.to_owned(),
            faults,
            watcher,
        }
    }

    pub fn faults(&self) -> &Arc<Faults> {
        &self.faults
    }

    pub fn add(&self, fault: Fault) -> ActiveFault {
        self.faults.add(fault)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }
}

impl Drop for FaultyDisk {
    fn drop(&mut self) {
        self.faults.clear();
        detach(&self.root);
        let _ = self.watcher.kill();
        let _ = self.watcher.wait();
    }
}

/// Takes the mount away when this process is killed. A thread of it may then wait for an answer that
/// only this process could give, so that it does not even end: its pending SIGKILL tells.
const WATCH: &str = r#"
while kill -0 "$1" && ! grep -Eqs '^(S[ih][gd]Pnd:.*[13579bdf]..|State:.*Z.*)$' /proc/"$1"/task/*/status
do sleep 0.5; done
umount -f -l "$2" || fusermount3 -uz "$2"
"#;

fn watch(root: &Path) -> Child {
    Command::new("sh")
        .args(["-c", WATCH, "sh"])
        .arg(std::process::id().to_string())
        .arg(root)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // A Ctrl+C is for the test only.
        .process_group(0)
        .spawn()
        .unwrap()
}

/// Each file that the kernel knows costs a descriptor.
fn raise_descriptor_limit() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let maximum = getrlimit(Resource::Nofile).maximum;
        let limit = Rlimit {
            current: maximum,
            maximum,
        };
        let _ = setrlimit(Resource::Nofile, limit);
    });
}
