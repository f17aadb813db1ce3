//! The output file of a subcommand.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use indicatif::HumanBytes;

use super::colour;
use super::taken::{Taken, keep_out_of};
use super::wrap::Page;
use crate::files::{Durability, real_path, write_atomically};
use crate::shown::Show as _;
use crate::slow::announce_if_slow;
use crate::words::counted;

/// Where the output goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    Standard,
    /// Absolute, with links resolved: the target of a link is replaced, not the link.
    File(PathBuf),
}

impl Output {
    /// Checks that `path` can be written and is not in a `taken` place, before any work is done.
    /// `-` is the standard output.
    pub fn open(path: &Path, taken: &[Taken]) -> anyhow::Result<Self> {
        let doing = format!("looking at {}", path.shown());
        announce_if_slow(doing, || Self::look_at(path, taken))
    }

    fn look_at(path: &Path, taken: &[Taken]) -> anyhow::Result<Self> {
        let shown = path.shown();
        if path == Path::new("-") {
            return Ok(Self::Standard);
        }
        let real = real_path(&std::path::absolute(path).with_context(|| shown.to_string())?);
        if path.as_os_str().as_encoded_bytes().ends_with(b"/") || real.is_dir() {
            bail!("{shown} is a folder; give a file in it");
        }
        if real.exists() && !real.is_file() {
            bail!("{shown} is not a file; give -o - for the standard output");
        }
        let folder = real.parent().unwrap_or(Path::new("/"));
        if !folder.is_dir() {
            let folder = folder.shown();
            bail!("{shown}: there is no folder {folder}; make it first: mkdir -p {folder}");
        }
        keep_out_of(taken, path, &real)?;
        rustix::fs::access(folder, rustix::fs::Access::WRITE_OK)
            .map_err(io::Error::from)
            .with_context(|| format!("{shown}: cannot write in {}", folder.shown()))?;
        Ok(Self::File(real))
    }

    /// Writes the output; a file is written completely or not at all.
    pub fn write(
        &self,
        write: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        match self {
            Self::Standard => {
                let mut out = BufWriter::new(io::stdout());
                write(&mut out)?;
                out.flush()?;
                Ok(())
            }
            Self::File(path) => {
                let doing = format!("writing {}", path.shown());
                let written = announce_if_slow(doing, || {
                    write_atomically(path, Durability::of(path, false), |file| {
                        let mut out = BufWriter::new(file);
                        write(&mut out)?;
                        out.flush()
                    })
                });
                written.with_context(|| path.shown().to_string())
            }
        }
    }
}

/// Says on the standard output what was written to the file `given`, unless the output itself went
/// there.
pub fn tell_written(output: &Output, given: &Path, what: &str) -> io::Result<()> {
    let Output::File(path) = output else {
        return Ok(());
    };
    let size = HumanBytes(fs::metadata(path)?.len());
    let line = format!("Wrote {} ({size}): {what}", given.shown());
    Page::new(colour::stdout()).line(line)
}

/// What a preview or a report shows, in words.
pub fn shown_pictures(datasets: usize, shown: usize, failed: usize) -> String {
    let datasets = counted(datasets as u64, "dataset", "datasets");
    let shown = counted(shown as u64, "picture", "pictures");
    match failed {
        0 => format!("{datasets}, {shown}"),
        _ => format!("{datasets}, {shown}; {failed} could not be read"),
    }
}

/// The extension of a file name in lower case; `None` for a name without one, and for the standard
/// output.
pub fn extension(given: &Path) -> Option<String> {
    let extension = given.extension()?;
    Some(extension.shown().to_string().to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_cannot_be_written_is_said_before_the_work() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let tree = path("tree");
        fs::create_dir(&tree).unwrap();
        symlink("tree", path("link")).unwrap();
        fs::write(path("config.yml"), "").unwrap();
        let taken = [(tree, "the tree"), (path("config.yml"), "the config file")]
            .map(|(path, by)| Taken { path, by });
        for (wrong, words) in [
            ("", "is a folder"),
            ("tree", "is a folder"),
            ("new/", "is a folder"),
            ("missing/x.png", "there is no folder"),
            ("tree/x.png", "tree is the tree"),
            ("link/x.png", "tree is the tree"),
            ("config.yml", "config.yml is the config"),
            ("/dev/null", "is not a file"),
        ] {
            let error = Output::open(&path(wrong), &taken).unwrap_err().to_string();
            assert!(error.contains(words), "{wrong}: {error}");
        }
    }

    #[test]
    fn what_a_link_points_to_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), "old").unwrap();
        symlink("file", path("link")).unwrap();
        let output = Output::open(&path("link"), &[]).unwrap();
        output.write(|out| out.write_all(b"new")).unwrap();
        assert_eq!(fs::read(path("file")).unwrap(), b"new");
        assert!(path("link").is_symlink());
        output.write(|_| Err(io::Error::other("no"))).unwrap_err();
        assert_eq!(fs::read(path("file")).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
