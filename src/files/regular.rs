//! Opening files that anybody may have created: only regular files, and without waiting.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use indicatif::HumanBytes;
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::patiently;

/// Why something is not opened or not read. Inside an [`io::Error`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("it is {0}, not a file")]
    NotAFile(&'static str),
    #[error("{} are too many: at most {} are read", HumanBytes(*size), HumanBytes(*limit))]
    TooLarge { size: u64, limit: u64 },
}

impl From<Unfit> for io::Error {
    fn from(unfit: Unfit) -> Self {
        io::Error::other(unfit)
    }
}

/// Opens a regular file of at most `limit` bytes for reading; follows links. A pipe in its place
/// could block forever, and reading a device can have any effect.
///
/// # Errors
/// [`Unfit`] inside an [`io::Error`] if it is anything else.
pub fn open_regular(path: &Path, limit: u64) -> io::Result<(File, Metadata)> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let opened = patiently(|| File::options().read(true).custom_flags(flags).open(path));
    let file = match opened {
        // Sockets cannot be opened at all.
        Err(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {
            let kind = path.metadata().ok().and_then(|metadata| kind_of(&metadata));
            return Err(kind.map_or(error, |kind| Unfit::NotAFile(kind).into()));
        }
        opened => opened?,
    };
    let metadata = file.metadata()?;
    if let Some(kind) = kind_of(&metadata) {
        return Err(Unfit::NotAFile(kind).into());
    }
    check_size(metadata.len(), limit)?;
    Ok((file, metadata))
}

/// Reads all of `source`, at most `limit` bytes.
///
/// # Errors
/// [`Unfit`] inside an [`io::Error`] if it has more.
pub fn read_within(source: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // Fails if there is no memory, but does not end the process.
    source.take(limit + 1).read_to_end(&mut bytes)?;
    check_size(bytes.len() as u64, limit)?;
    Ok(bytes)
}

fn check_size(size: u64, limit: u64) -> Result<(), Unfit> {
    if size <= limit {
        Ok(())
    } else {
        Err(Unfit::TooLarge { size, limit })
    }
}

/// Whether an error says that a file does not exist: nothing has its name, a parent is not a
/// folder, or the name is invalid.
pub fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename
    )
}

/// The kind of anything that is not a regular file.
pub fn kind_of(metadata: &Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    match () {
        () if kind.is_file() => None,
        () if kind.is_dir() => Some("a folder"),
        () if kind.is_fifo() => Some("a pipe"),
        () if kind.is_socket() => Some("a socket"),
        () => Some("a device"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn whatever_is_no_regular_file_is_named_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(
            rustix::fs::CWD,
            path("pipe"),
            kind,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        std::os::unix::fs::symlink("pipe", path("link")).unwrap();
        for (name, said) in [
            ("pipe", "it is a pipe, not a file"),
            ("link", "it is a pipe, not a file"),
            ("socket", "it is a socket, not a file"),
            ("", "it is a folder, not a file"),
            ("/dev/zero", "it is a device, not a file"),
        ] {
            let error = open_regular(&path(name), 9).unwrap_err();
            assert_eq!(error.to_string(), said);
        }
        let error = open_regular(&path("none"), 9).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_file_that_is_too_large_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "0123456789").unwrap();
        let (file, _) = open_regular(&path, 10).unwrap();
        assert_eq!(read_within(file, 10).unwrap(), b"0123456789");
        let error = open_regular(&path, 9).unwrap_err().to_string();
        assert_eq!(error, "10 B are too many: at most 9 B are read");
        assert!(read_within(b"0123456789".as_slice(), 9).is_err());
        File::create(&path).unwrap().set_len(4 << 40).unwrap();
        let error = open_regular(&path, 1 << 20).unwrap_err().to_string();
        assert!(error.starts_with("4.00 TiB are too many"), "{error}");
    }
}
