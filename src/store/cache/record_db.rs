//! The record of every file that was ever made: size, checksum, last use. Records outlive the
//! bytes: machex makes an evicted file again with the same size.
//!
//! SQLite with a write-ahead log and without an fsync per commit: commits survive a killed process;
//! a power failure can lose the last commits but not the database.

use std::path::Path;

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use xxhash_rust::xxh3::xxh3_64;

use crate::shown::Show as _;
use crate::store::{CONTENT_VERSION, ContentGroup, ContentKey};

/// The record of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileRecord {
    /// In bytes.
    pub size: u64,
    /// XXH3-64 of the bytes.
    pub sum: u64,
    /// Whether the source is damaged; [`super::Cache::damage`] tells how.
    pub is_damaged: bool,
    /// Which images it is one of; `None` for an index.
    pub group: Option<ContentGroup>,
}

impl FileRecord {
    /// Checksum of its row.
    fn row_sum(self, key: ContentKey) -> u64 {
        let mut row = key.to_bytes().to_vec();
        row.extend(self.size.to_le_bytes());
        row.extend(self.sum.to_le_bytes());
        row.push(u8::from(self.is_damaged));
        row.extend(group_to_sql(self.group).to_le_bytes());
        xxh3_64(&row)
    }
}

/// Key, size, last use and group of a file.
pub(super) type Listed = (ContentKey, u64, u64, Option<ContentGroup>);

/// A row as read.
struct Row {
    record: FileRecord,
    row_sum: u64,
    used: u64,
}

/// SQLite's page size in bytes.
const PAGE: u64 = 4096;

/// The database.
pub(super) struct RecordDb {
    connection: Mutex<Connection>,
}

type Result<T> = rusqlite::Result<T>;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS files (
        key BLOB PRIMARY KEY,
        size INTEGER NOT NULL,
        sum INTEGER NOT NULL,
        used INTEGER NOT NULL,
        row_sum INTEGER NOT NULL,
        damage TEXT,
        made_for INTEGER NOT NULL
    ) WITHOUT ROWID";

impl RecordDb {
    /// Opens the database, and creates it if necessary.
    pub(super) fn open(path: &Path, cache_size: u64) -> Result<Self> {
        // The log counts against the size of the cache.
        let log_pages = (cache_size / 40 / PAGE).clamp(50, 1000);
        let log_bytes = log_pages * PAGE;
        // Without locks and shared memory, which network file systems lack: the folder is locked
        // already.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let connection = Connection::open_with_flags_and_vfs(path, flags, c"unix-none")?;
        connection.execute_batch(&format!(
            "PRAGMA locking_mode = EXCLUSIVE;
             PRAGMA journal_mode = WAL;
             PRAGMA synchronous = NORMAL;
             PRAGMA cache_size = -16000;
             PRAGMA wal_autocheckpoint = {log_pages};
             PRAGMA journal_size_limit = {log_bytes};"
        ))?;
        connection.execute_batch(SCHEMA)?;
        note_version(&connection, path)?;
        Ok(Self {
            connection: Mutex::new(connection),
        })
    }

    /// The record of a file, and when it was last used.
    pub(super) fn get(&self, key: ContentKey) -> Result<Option<(FileRecord, u64)>> {
        Self::get_from(&self.connection.lock(), key)
    }

    /// The same; `None` while another thread uses the database.
    pub(super) fn get_at_once(&self, key: ContentKey) -> Option<Result<Option<(FileRecord, u64)>>> {
        let connection = self.connection.try_lock()?;
        Some(Self::get_from(&connection, key))
    }

    fn get_from(connection: &Connection, key: ContentKey) -> Result<Option<(FileRecord, u64)>> {
        let mut statement = connection.prepare_cached(
            "SELECT size, sum, row_sum, used, damage IS NOT NULL, made_for FROM files
             WHERE key = ?1",
        )?;
        let row = statement
            .query_row([key.to_bytes()], |row| {
                Ok(Row {
                    record: FileRecord {
                        size: from_sql(row.get(0)?),
                        sum: from_sql(row.get(1)?),
                        is_damaged: row.get(4)?,
                        group: group_from_sql(row.get(5)?),
                    },
                    row_sum: from_sql(row.get(2)?),
                    used: from_sql(row.get(3)?),
                })
            })
            .optional()?;
        // SQLite does not detect a flipped bit, and readers would see a wrong size.
        let row = row.filter(|row| row.record.row_sum(key) == row.row_sum);
        Ok(row.map(|row| (row.record, row.used)))
    }

    /// What is damaged in the source of a file, in words.
    pub(super) fn damage(&self, key: ContentKey) -> Result<Option<String>> {
        let connection = self.connection.lock();
        let mut statement = connection.prepare_cached("SELECT damage FROM files WHERE key = ?1")?;
        let found = statement.query_row([key.to_bytes()], |row| row.get(0));
        Ok(found.optional()?.flatten())
    }

    /// Records a file; `used` is in milliseconds since 1970, `damage` says what is damaged in its
    /// source.
    pub(super) fn put(
        &self,
        key: ContentKey,
        record: FileRecord,
        damage: Option<&str>,
        used: u64,
    ) -> Result<()> {
        let record = FileRecord {
            is_damaged: damage.is_some(),
            ..record
        };
        let connection = self.connection.lock();
        let mut statement = connection
            .prepare_cached("INSERT OR REPLACE INTO files VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
        statement.execute(params![
            key.to_bytes(),
            to_sql(record.size),
            to_sql(record.sum),
            to_sql(used),
            to_sql(record.row_sum(key)),
            damage,
            group_to_sql(record.group),
        ])?;
        Ok(())
    }

    /// Removes the record of a file.
    pub(super) fn remove(&self, key: ContentKey) -> Result<()> {
        let connection = self.connection.lock();
        let mut statement = connection.prepare_cached("DELETE FROM files WHERE key = ?1")?;
        statement.execute([key.to_bytes()])?;
        Ok(())
    }

    /// Saves when files were last used.
    pub(super) fn touch(&self, used: impl Iterator<Item = (ContentKey, u64)>) -> Result<()> {
        let mut connection = self.connection.lock();
        let transaction = connection.transaction()?;
        {
            let mut statement =
                transaction.prepare_cached("UPDATE files SET used = ?2 WHERE key = ?1")?;
            for (key, used) in used {
                statement.execute(params![key.to_bytes(), to_sql(used)])?;
            }
        }
        transaction.commit()
    }

    /// Deletes the records of these files that were last used before `limit`.
    pub(super) fn forget(&self, keys: &[ContentKey], limit: u64) -> Result<()> {
        let mut connection = self.connection.lock();
        let transaction = connection.transaction()?;
        {
            let mut statement =
                transaction.prepare_cached("DELETE FROM files WHERE key = ?1 AND used < ?2")?;
            for key in keys {
                statement.execute(params![key.to_bytes(), to_sql(limit)])?;
            }
        }
        transaction.commit()
    }

    /// Returns the space of the log to the disk.
    pub(super) fn shrink(&self) -> Result<()> {
        let connection = self.connection.lock();
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    }

    /// Size, last use and group of all files whose key's first byte is `first`, by key.
    pub(super) fn list(&self, first: u8) -> Result<Vec<Listed>> {
        let connection = self.connection.lock();
        let mut statement = connection.prepare_cached(
            "SELECT key, size, used, made_for FROM files WHERE key BETWEEN ?1 AND ?2",
        )?;
        let (mut low, mut high) = ([0; 16], [0xff; 16]);
        (low[0], high[0]) = (first, first);
        let rows = statement.query_map([low, high], |row| {
            let key = ContentKey::from_bytes(row.get(0)?);
            let group = group_from_sql(row.get(3)?);
            Ok((key, from_sql(row.get(1)?), from_sql(row.get(2)?), group))
        })?;
        rows.collect()
    }
}

/// Logs once if another version of machex made the files: their keys are not used any more.
fn note_version(connection: &Connection, path: &Path) -> Result<()> {
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found == CONTENT_VERSION {
        return Ok(());
    }
    if found != 0 {
        tracing::warn!(
            "{}: images were made by another version of machex, and are rendered again",
            path.shown()
        );
    }
    connection.pragma_update(None, "user_version", CONTENT_VERSION)
}

/// SQLite's integers are signed: the same 64 bits.
fn to_sql(value: u64) -> i64 {
    value.cast_signed()
}

fn from_sql(value: i64) -> u64 {
    value.cast_unsigned()
}

/// The number of a group, or -1 for none.
fn group_to_sql(group: Option<ContentGroup>) -> i64 {
    group.map_or(-1, |group| group.number().into())
}

fn group_from_sql(value: i64) -> Option<ContentGroup> {
    value.try_into().ok().map(ContentGroup::of_number)
}

/// Whether an error may mean that the disk or a quota is full.
pub(super) fn is_full(error: &rusqlite::Error) -> bool {
    // SQLite distinguishes a full disk from other write errors, but not a full quota.
    let code = error.sqlite_error().map(|error| error.extended_code);
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
        || code == Some(rusqlite::ffi::SQLITE_IOERR_WRITE)
}

/// Whether an error says that the file is not a database, or a damaged one.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase, SchemaChanged};
    matches!(
        error.sqlite_error_code(),
        Some(DatabaseCorrupt | NotADatabase | SchemaChanged)
    )
}

#[cfg(test)]
mod tests {
    use super::super::folder::FORMAT;
    use super::*;

    const SIZE: u64 = 1 << 30;

    const RECORD: FileRecord = FileRecord {
        size: 5,
        sum: 6,
        is_damaged: false,
        group: None,
    };

    fn key(hex: &str) -> ContentKey {
        hex.parse().unwrap()
    }

    #[test]
    fn records_outlive_the_process_and_come_by_first_byte() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("book");
        let (low, high) = (key("ab000000000000000000000000000001"), key("abff"));
        let record = FileRecord {
            size: 5,
            sum: u64::MAX - 3,
            is_damaged: false,
            group: Some(ContentGroup::of_number(u32::MAX)),
        };
        let records = RecordDb::open(&path, SIZE).unwrap();
        records.put(low, record, None, 7).unwrap();
        records.put(high, record, Some("cut off"), 8).unwrap();
        records.touch([(low, 9)].into_iter()).unwrap();
        drop(records);
        let records = RecordDb::open(&path, SIZE).unwrap();
        assert_eq!(records.get(low).unwrap(), Some((record, 9)));
        assert_eq!(records.get(key("cd")).unwrap(), None);
        let damaged = FileRecord {
            is_damaged: true,
            ..record
        };
        assert_eq!(records.get(high).unwrap(), Some((damaged, 8)));
        assert_eq!(records.damage(high).unwrap().as_deref(), Some("cut off"));
        assert_eq!(records.damage(low).unwrap(), None);
        assert_eq!(records.list(0xab).unwrap(), [(low, 5, 9, record.group)]);
        assert_eq!(records.list(0).unwrap(), [(high, 5, 8, record.group)]);
        records.forget(&[low, high], 9).unwrap();
        assert_eq!(records.get(high).unwrap(), None);
        assert!(records.get(low).unwrap().is_some(), "used since");
    }

    #[test]
    fn the_log_stays_small_in_a_small_cache() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("book");
        let size = 10 << 20;
        let records = RecordDb::open(&path, size).unwrap();
        for number in 0..3000u32 {
            let name = ContentKey::of_parts([number.to_le_bytes().as_slice()]);
            records.put(name, RECORD, None, 7).unwrap();
        }
        let log = std::fs::metadata(folder.path().join("book-wal"))
            .unwrap()
            .len();
        assert!((1..size / 20).contains(&log), "{log}");
        records.shrink().unwrap();
        let log = std::fs::metadata(folder.path().join("book-wal")).unwrap();
        assert_eq!(log.len(), 0);
    }

    #[test]
    fn a_row_that_was_tampered_with_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let records = RecordDb::open(&folder.path().join("book"), SIZE).unwrap();
        for change in ["size = 4", "damage = 'cut off'", "made_for = 7"] {
            records.put(key("ab"), RECORD, None, 7).unwrap();
            assert!(records.get(key("ab")).unwrap().is_some());
            records
                .connection
                .lock()
                .execute(&format!("UPDATE files SET {change}"), [])
                .unwrap();
            assert_eq!(records.get(key("ab")).unwrap(), None, "{change}");
        }
    }

    #[test]
    fn what_is_no_database_is_told_from_other_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("book");
        std::fs::write(&path, [7; 9000]).unwrap();
        let error = RecordDb::open(&path, SIZE).err().unwrap();
        assert!(is_damage(&error), "{error}");
        let error = RecordDb::open(Path::new("/nowhere/records"), SIZE)
            .err()
            .unwrap();
        assert!(!is_damage(&error), "{error}");
    }

    /// When this fails, increase [`FORMAT`] and update the text here.
    #[test]
    fn the_format_does_not_change_without_its_version() {
        let folder = tempfile::tempdir().unwrap();
        let records = RecordDb::open(&folder.path().join("book"), SIZE).unwrap();
        let schema: String = records
            .connection
            .lock()
            .query_row("SELECT sql FROM sqlite_schema", [], |row| row.get(0))
            .unwrap();
        let schema = schema.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(
            (FORMAT, schema.as_str()),
            (
                3,
                "CREATE TABLE files ( key BLOB PRIMARY KEY, size INTEGER NOT NULL, \
                 sum INTEGER NOT NULL, used INTEGER NOT NULL, row_sum INTEGER NOT NULL, \
                 damage TEXT, made_for INTEGER NOT NULL ) WITHOUT ROWID"
            )
        );
    }
}
