//! machex handles a lack of file descriptors itself: before a reader gets an error, it closes files
//! that are only open for speed and tries again.

use std::fs::File;
use std::io;
use std::sync::Weak;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How long to wait for other threads to close theirs.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often to try meanwhile.
const INTERVAL: Duration = Duration::from_millis(20);

/// How often in a row opening may fail while this process has descriptors: another thread may just
/// have released one.
const OTHERS: u32 = 3;

/// An object that keeps files open only for speed.
pub(crate) trait SpareFiles: Send + Sync {
    /// Closes some of them.
    fn close_some(&self);
}

static SPARE: Mutex<Vec<Weak<dyn SpareFiles>>> = Mutex::new(Vec::new());

/// Registers files that [`patiently`] and [`at_once`] may close if descriptors are lacking.
pub(crate) fn register(files: Weak<dyn SpareFiles>) {
    let mut spare = SPARE.lock();
    spare.retain(|files| files.strong_count() > 0);
    spare.push(files);
}

/// Opens something, and waits for up to a minute if descriptors are lacking.
pub fn patiently<T>(open: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    within(PATIENCE, open)
}

/// Opens something, and tries once more if descriptors are lacking. For threads that must not wait.
pub(crate) fn at_once<T>(open: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    within(Duration::ZERO, open)
}

fn within<T>(limit: Duration, mut open: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let mut deadline = None;
    let mut others = 0;
    loop {
        let opened = open();
        match &opened {
            Err(error) if is_lack_of_descriptors(error) => {}
            _ => return opened,
        }
        // A file server can lack descriptors too; this does not wait for that.
        others = if has_descriptors() { others + 1 } else { 0 };
        if others > OTHERS {
            return opened;
        }
        let now = Instant::now();
        match deadline {
            None => deadline = Some(now + limit),
            Some(deadline) if now < deadline => thread::sleep(INTERVAL),
            Some(_) => return opened,
        }
        close_some();
    }
}

/// How many files this process may open; `None` if there is no limit.
pub fn open_file_limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Raises the limit on open files to its maximum.
pub fn raise_open_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!("cannot raise the limit on open files: {error}");
    }
}

/// Whether the process or the machine has no descriptor left.
pub fn is_lack_of_descriptors(error: &io::Error) -> bool {
    let lacks = [Errno::MFILE, Errno::NFILE].map(Errno::raw_os_error);
    error
        .raw_os_error()
        .is_some_and(|code| lacks.contains(&code))
}

/// Whether this process can open something.
fn has_descriptors() -> bool {
    File::open("/dev/null").is_ok()
}

fn close_some() {
    // Close without the lock.
    let spare: Vec<_> = SPARE.lock().iter().filter_map(Weak::upgrade).collect();
    for files in spare {
        files.close_some();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    struct Counted(AtomicU32);

    impl SpareFiles for Counted {
        fn close_some(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_lack_closes_what_is_spare_and_other_errors_are_returned_at_once() {
        let spare = Arc::new(Counted(AtomicU32::new(0)));
        register(Arc::downgrade(&spare) as Weak<dyn SpareFiles>);
        let lack = || io::Error::from_raw_os_error(Errno::MFILE.raw_os_error());
        let mut tries = 0;
        let opened = patiently(|| {
            tries += 1;
            if tries < 4 { Err(lack()) } else { Ok(tries) }
        });
        assert_eq!(opened.unwrap(), 4);
        assert!(spare.0.load(Ordering::Relaxed) >= 3);

        let mut tries = 0;
        let failed = at_once::<()>(|| {
            tries += 1;
            Err(lack())
        });
        assert!(is_lack_of_descriptors(&failed.unwrap_err()) && tries == 2);

        let mut tries = 0;
        let failed = patiently::<()>(|| {
            tries += 1;
            Err(io::Error::from(io::ErrorKind::NotFound))
        });
        assert!(failed.is_err() && tries == 1);
    }
}
