//! The finished images: one line of JSON per image, appended as soon as the image is in place.
//!
//! An append-only text file, not a database, because many nodes often work on the shares of one run
//! over a network file system: each share appends to its own file, and a reader takes the newest
//! record of all files. A line torn by a crash is skipped, and its image is rendered again.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::{CONTENT_VERSION, ContentKey};
use crate::files::confirm;
use crate::files::{Durability, PrivateFolder, is_not_ours, no_follow};
use crate::render::Notes;

const PREFIX: &str = "finished";
const SUFFIX: &str = ".jsonl";

/// One finished image, or one that was rendered and left out and has no file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Number of the image in its dataset.
    pub image: u32,
    /// Decides its bytes.
    pub key: ContentKey,
    /// Size of the JPEG in bytes.
    pub size: u64,
    /// When it was finished, in milliseconds since 1970. The newest record of an image counts.
    pub time: u64,
    /// [`CONTENT_VERSION`] of the machex that made it; 0 in old records without it.
    #[serde(default)]
    pub version: u32,
    /// What is damaged in its source, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damage: Option<Box<str>>,
    /// See [`Notes::has_overlay_bits`].
    #[serde(default, skip_serializing_if = "is_false")]
    pub has_overlay_bits: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// The newest record of every image of a dataset.
#[derive(Debug, Default)]
pub struct Records {
    by_image: Vec<Option<Record>>,
}

impl Records {
    /// Reads all journals in `folder`. Links, other non-files, and files that this user may not
    /// read are left out; returns their names and the reasons.
    pub(super) fn read(folder: impl AsFd) -> io::Result<(Self, Vec<(String, io::Error)>)> {
        let (mut records, mut left_out) = (Self::default(), Vec::new());
        for name in no_follow::names(&folder, PREFIX, SUFFIX)? {
            match no_follow::open_file(&folder, Path::new(&name)) {
                Ok(file) => records.read_file(file)?,
                Err(error)
                    if is_not_ours(&error) || error.kind() == io::ErrorKind::PermissionDenied =>
                {
                    left_out.push((name, error));
                }
                Err(error) => return Err(error),
            }
        }
        Ok((records, left_out))
    }

    fn read_file(&mut self, file: File) -> io::Result<()> {
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            if let Ok(record) = serde_json::from_slice::<Record>(&line) {
                self.insert(record);
            }
            line.clear();
        }
        Ok(())
    }

    fn insert(&mut self, record: Record) {
        // Image numbers have six digits; anything else is a damaged line.
        if record.image >= crate::names::MAX_IMAGES {
            return;
        }
        let at = record.image as usize;
        if at >= self.by_image.len() {
            self.by_image.resize(at + 1, None);
        }
        match &self.by_image[at] {
            Some(known) if known.time > record.time => {}
            _ => self.by_image[at] = Some(record),
        }
    }

    /// The newest record of an image.
    pub fn get(&self, image: u32) -> Option<&Record> {
        self.by_image.get(image as usize)?.as_ref()
    }

    /// The numbers of all images with a record, ascending.
    pub fn images(&self) -> impl DoubleEndedIterator<Item = u32> {
        self.by_image.iter().flatten().map(|record| record.image)
    }

    /// All records of images from `first` on.
    pub fn from(&self, first: u32) -> impl Iterator<Item = &Record> {
        self.by_image.iter().skip(first as usize).flatten()
    }

    /// Mean size of a finished image in bytes, if there is one.
    pub fn mean_size(&self) -> Option<u64> {
        let (sum, count) = self
            .by_image
            .iter()
            .flatten()
            .fold((0u64, 0u64), |(sum, count), record| {
                (sum + record.size, count + 1)
            });
        sum.checked_div(count)
    }
}

/// Appends records. Shared by all workers of a run.
pub struct Journal {
    file: Mutex<File>,
    durability: Durability,
}

impl Journal {
    /// Opens the journal of one share (`""` for the whole tree, `"-3-of-8"` for a share) in
    /// `folder`.
    ///
    /// # Errors
    /// Includes [`crate::files::NotOurs`], if the journal is a link or another user's file.
    pub fn open(folder: &PrivateFolder, share: &str, durability: Durability) -> io::Result<Self> {
        let name = format!("{PREFIX}{share}{SUFFIX}");
        let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE;
        // Other users may mount the tree, and need to read this for it.
        let mut file = folder.open_file_with(&name, flags, 0o644)?;
        // A crash can leave half a line, which would corrupt the next record without this.
        if !ends_with_newline(&mut file)? {
            file.write_all(b"\n")?;
        }
        Ok(Self {
            file: Mutex::new(file),
            durability,
        })
    }

    /// Appends the record of an image whose file is in place, with one write: a reader sees the
    /// whole line or a torn one, which it skips. The record gets a later time than `known`, the
    /// previous record of the image, even if a node with a fast clock wrote that.
    pub fn append(
        &self,
        image: u32,
        (key, size): (ContentKey, u64),
        notes: &Notes,
        known: Option<&Record>,
    ) -> io::Result<()> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis().try_into().unwrap_or(u64::MAX));
        let time = known.map_or(now, |known| now.max(known.time.saturating_add(1)));
        let mut line = serde_json::to_vec(&Record {
            image,
            key,
            size,
            time,
            version: CONTENT_VERSION,
            damage: notes
                .damage
                .as_ref()
                .map(|damage| damage.to_string().into()),
            has_overlay_bits: notes.has_overlay_bits,
        })?;
        line.push(b'\n');
        self.file.lock().write_all(&line)
    }

    /// Makes sure that all records so far are stored. To be called before an index is written.
    ///
    /// # Errors
    /// Also errors of earlier writes that the file system did not report at once. Some images have
    /// no record then, and are rendered again.
    pub fn confirm(&self) -> io::Result<()> {
        confirm(&self.file.lock(), self.durability)
    }
}

fn ends_with_newline(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last[0] == b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Trust;
    use std::fs;

    fn open(folder: &Path, share: &str) -> Journal {
        let folder = PrivateFolder::open(folder, Trust::Group).unwrap();
        Journal::open(&folder, share, Durability::Accepted).unwrap()
    }

    fn read(folder: &Path) -> Records {
        Records::read(File::open(folder).unwrap()).unwrap().0
    }

    fn key(hex: &str) -> ContentKey {
        hex.parse().unwrap()
    }

    #[test]
    fn newest_record_of_all_shares_counts() {
        let folder = tempfile::tempdir().unwrap();
        let whole = open(folder.path(), "");
        whole
            .append(3, (key("a"), 10), &Notes::default(), None)
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(2));
        let share = open(folder.path(), "-1-of-2");
        share
            .append(3, (key("b"), 11), &Notes::default(), None)
            .unwrap();
        share
            .append(0, (key("c"), 12), &Notes::default(), None)
            .unwrap();

        let records = read(folder.path());
        assert_eq!(
            records.get(3).map(|record| (record.key, record.size)),
            Some((key("b"), 11))
        );
        assert_eq!(records.get(1), None);
        assert_eq!(records.get(4), None);
        assert_eq!(records.from(1).count(), 1);
        assert_eq!(records.mean_size(), Some(11));
    }

    #[test]
    fn records_of_before_have_no_version_and_new_ones_have_what_was_noted() {
        let folder = tempfile::tempdir().unwrap();
        // When the version was only that of the renderer, it had another name.
        let before = format!(
            "{{\"image\":0,\"key\":\"{:032x}\",\"size\":1,\"time\":2,\"renderer\":2}}\n",
            7
        );
        fs::write(folder.path().join("finished.jsonl"), before).unwrap();
        let notes = Notes {
            damage: None,
            has_overlay_bits: true,
        };
        let journal = open(folder.path(), "");
        journal.append(1, (key("b"), 2), &notes, None).unwrap();
        let records = read(folder.path());
        let [old, new] = [0, 1].map(|image| records.get(image).unwrap());
        assert_eq!((old.version, old.has_overlay_bits), (0, false));
        assert_eq!((new.version, new.has_overlay_bits), (CONTENT_VERSION, true));
    }

    #[test]
    fn a_torn_line_costs_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path(), "")
            .append(0, (key("a"), 1), &Notes::default(), None)
            .unwrap();
        let path = folder.path().join("finished.jsonl");
        let mut text = fs::read(&path).unwrap();
        text.extend_from_slice(br#"{"image":1,"key":"00"#);
        fs::write(&path, text).unwrap();
        open(folder.path(), "")
            .append(2, (key("b"), 2), &Notes::default(), None)
            .unwrap();

        let records = read(folder.path());
        assert!(records.get(0).is_some() && records.get(1).is_none() && records.get(2).is_some());
    }

    #[test]
    fn a_record_is_newer_than_the_one_it_replaces_whatever_the_clocks_say() {
        let folder = tempfile::tempdir().unwrap();
        let ahead = Record {
            image: 1,
            key: key("a"),
            size: 5,
            time: u64::MAX - 9,
            version: 0,
            damage: None,
            has_overlay_bits: false,
        };
        let text = serde_json::to_string(&ahead).unwrap() + "\n";
        fs::write(folder.path().join("finished-1-of-2.jsonl"), text).unwrap();
        let known = read(folder.path());
        let journal = open(folder.path(), "");
        journal
            .append(1, (key("b"), 6), &Notes::default(), known.get(1))
            .unwrap();
        assert_eq!(read(folder.path()).get(1).unwrap().key, key("b"));
    }
}
