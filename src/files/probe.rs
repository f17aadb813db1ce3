//! Questions to a mount, with a deadline.
//!
//! A mount does not answer if its process is stopped or waits for a server that is down, and a
//! process that waits for it may not even be killable. So a child process asks: it makes only a few
//! system calls, and is left behind if it hangs.

use std::ffi::{CString, c_int};
use std::fs::File;
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{is_disconnected, machex_mount_of, mounted_at, real_path};
use crate::shown::Show as _;
use crate::slow::announce_if_slow;

/// How long a mount may take to answer. Its status needs no disk access.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long a killed child may take to end; after that it hangs in the kernel.
const BURIAL: Duration = Duration::from_millis(100);

/// Maximum number of bytes read from a file. A status has a few KiB.
const LARGEST: usize = 16 << 20;

/// The answer of a mount.
#[derive(Debug)]
pub enum Answer {
    /// Its `.machex/status.json`.
    Status(Vec<u8>),
    /// No answer within `PATIENCE`.
    Silent,
    /// Its process is gone.
    Gone,
    /// There is no machex mount.
    NotMachex,
    Failed(io::Error),
}

/// Asks the mount at `path` for its status.
pub fn ask_status(path: &Path) -> Answer {
    let path = match std::path::absolute(path) {
        Ok(path) => real_path(&path),
        Err(error) => return Answer::Failed(error),
    };
    match mounted_at(&path) {
        Ok(Some(entry)) if entry.is_machex() => {}
        Ok(_) => return Answer::NotMachex,
        Err(error) => return Answer::Failed(error),
    }
    match ask(&path.join(".machex/status.json"), Question::Read, PATIENCE) {
        Ok(Some(bytes)) => Answer::Status(bytes),
        Ok(None) => Answer::Silent,
        Err(error) if is_disconnected(&error) => Answer::Gone,
        Err(error) => Answer::Failed(error),
    }
}

/// Whether `path` is a folder. Never waits for a machex mount.
///
/// # Errors
/// [`io::ErrorKind::TimedOut`] if the mount does not answer; otherwise those of
/// [`std::fs::metadata`].
pub fn is_folder(path: &Path) -> io::Result<bool> {
    let real = real_path(&std::path::absolute(path)?);
    if machex_mount_of(&real)?.is_none() {
        let doing = format!("looking at {}", path.shown());
        let found = announce_if_slow(doing, || std::fs::metadata(&real));
        return Ok(found?.is_dir());
    }
    match ask(&real, Question::IsFolder, PATIENCE)? {
        Some(answer) => Ok(answer == [1]),
        None => Err(io::ErrorKind::TimedOut.into()),
    }
}

#[derive(Clone, Copy)]
enum Question {
    /// The bytes of a file.
    Read,
    /// 1 for a folder, else 0.
    IsFolder,
}

/// `None` if there is no answer in time.
fn ask(path: &Path, question: Question, limit: Duration) -> io::Result<Option<Vec<u8>>> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let (reader, writer) = io::pipe()?;
    rustix::io::ioctl_fionbio(&reader, true)?;
    // SAFETY: the child makes nothing but system calls on memory that is its own by then (see
    // `answer`): it neither allocates nor takes a lock that another thread may have held, and it
    // ends without running what this process has for its end.
    let child = unsafe { libc::fork() };
    match child {
        -1 => return Err(io::Error::last_os_error()),
        // SAFETY: this is the child of the fork above.
        0 => unsafe { answer(&path, question, writer.as_raw_fd()) },
        _ => drop(writer),
    }
    let given = receive(reader.into(), Instant::now() + limit);
    end(child);
    let Some(mut bytes) = given? else {
        return Ok(None);
    };
    // The stream ends with the error number, or 0.
    let Some((text, errno)) = bytes.split_last_chunk() else {
        return Err(io::Error::other(
            "the process that asks the mount was killed",
        ));
    };
    match c_int::from_ne_bytes(*errno) {
        0 => {
            bytes.truncate(text.len());
            Ok(Some(bytes))
        }
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

/// Everything that arrives through the pipe; `None` if it does not end in time.
fn receive(reader: OwnedFd, deadline: Instant) -> io::Result<Option<Vec<u8>>> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut reader = File::from(reader);
    let mut bytes = Vec::new();
    let mut part = [0; 16 << 10];
    loop {
        match reader.read(&mut part) {
            Ok(0) => return Ok(Some(bytes)),
            Ok(length) => bytes.extend_from_slice(&part[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Ok(None);
                }
                let left = Timespec::try_from(left).map_err(io::Error::other)?;
                match poll(&mut [PollFd::new(&reader, PollFlags::IN)], Some(&left)) {
                    Ok(_) | Err(rustix::io::Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// Kills the child, and leaves it behind if it hangs in the kernel.
fn end(child: libc::pid_t) {
    let deadline = Instant::now() + BURIAL;
    // SAFETY: the number is of our own child, which nobody else has waited for.
    unsafe {
        libc::kill(child, libc::SIGKILL);
        while libc::waitpid(child, std::ptr::null_mut(), libc::WNOHANG) == 0
            && Instant::now() < deadline
        {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The child: writes the answer to `pipe` and ends.
///
/// # Safety
/// Call it only in the child of a fork, with an open `pipe`.
unsafe fn answer(path: &CString, question: Question, pipe: RawFd) -> ! {
    // SAFETY: system calls that signal-safety(7) lists, on a path that ends with 0 and on buffers of
    // the stack.
    unsafe {
        close_all_but(pipe);
        let errno = match question {
            Question::Read => send_file(path, pipe),
            Question::IsFolder => send_kind(path, pipe),
        };
        send(pipe, &errno.to_ne_bytes());
        libc::_exit(0)
    }
}

/// Closes all descriptors but one: nobody who waits for the end of an output or for a lock of this
/// process may have to wait for the child.
unsafe fn close_all_but(kept: RawFd) {
    let kept_number = kept.unsigned_abs();
    // SAFETY: closes descriptors that only this child's copy of the table has.
    unsafe {
        let below = match kept_number {
            0 => 0,
            _ => libc::syscall(libc::SYS_close_range, 0, kept_number - 1, 0),
        };
        let above = libc::syscall(libc::SYS_close_range, kept_number + 1, u32::MAX, 0);
        if below != 0 || above != 0 {
            // Before Linux 5.9. Covers all descriptors unless the limit was raised.
            for number in (0..4096).filter(|number| *number != kept) {
                libc::close(number);
            }
        }
    }
}

unsafe fn send_file(path: &CString, pipe: RawFd) -> c_int {
    let mut buffer = [0u8; 16 << 10];
    // SAFETY: the path ends with 0, and the kernel writes no more than the buffer's length.
    unsafe {
        let flags = libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let file = libc::open(path.as_ptr(), flags);
        if file < 0 {
            return last_errno();
        }
        let mut total = 0;
        while total < LARGEST {
            match libc::read(file, buffer.as_mut_ptr().cast(), buffer.len()) {
                0 => return 0,
                length if length < 0 => return last_errno(),
                length => {
                    let length = length.unsigned_abs();
                    send(pipe, buffer.get(..length).unwrap_or_default());
                    total += length;
                }
            }
        }
        libc::EFBIG
    }
}

unsafe fn send_kind(path: &CString, pipe: RawFd) -> c_int {
    let mut volume = MaybeUninit::<libc::statvfs>::uninit();
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the path ends with 0; `stat` is looked at only after it was filled.
    unsafe {
        // The kernel may still remember the attributes of the root of a mount whose process is
        // gone.
        if libc::statvfs(path.as_ptr(), volume.as_mut_ptr()) != 0
            || libc::stat(path.as_ptr(), stat.as_mut_ptr()) != 0
        {
            return last_errno();
        }
        let is_folder = stat.assume_init().st_mode & libc::S_IFMT == libc::S_IFDIR;
        send(pipe, &[u8::from(is_folder)]);
    }
    0
}

/// Stops on errors: the reader may have given up.
unsafe fn send(pipe: RawFd, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        // SAFETY: the kernel reads no more than the slice.
        let sent = unsafe { libc::write(pipe, bytes.as_ptr().cast(), bytes.len()) };
        match usize::try_from(sent) {
            Ok(sent) => bytes = bytes.get(sent..).unwrap_or_default(),
            Err(_) if last_errno() == libc::EINTR => {}
            Err(_) => return,
        }
    }
}

fn last_errno() -> c_int {
    // SAFETY: the address of this thread's own variable.
    unsafe { *libc::__errno_location() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_and_a_fault_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text");
        let text = "x".repeat(100_000);
        std::fs::write(&path, &text).unwrap();
        let read = |path: &Path| ask(path, Question::Read, PATIENCE);
        assert_eq!(read(&path).unwrap(), Some(text.into_bytes()));
        let missing = read(&folder.path().join("no")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        let kind = |path: &Path| ask(path, Question::IsFolder, PATIENCE).unwrap();
        assert_eq!(kind(folder.path()), Some(vec![1]));
        assert_eq!(kind(&path), Some(vec![0]));
        assert!(matches!(ask_status(folder.path()), Answer::NotMachex));
    }
}
