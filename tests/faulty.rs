//! The tests' own faulty disk: without a fault it is a disk as any other, and each fault does what it
//! says and nothing else.

mod common;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use common::faulty::{Fault, FaultyDisk, Op, Told};
use common::mounted::skips_fuse;
use rustix::io::Errno;
use tempfile::TempDir;

fn disk(folder: &TempDir) -> FaultyDisk {
    FaultyDisk::new(&folder.path().join("real"), &folder.path().join("disk"))
}

/// A disk of one test, or nothing where there is no FUSE.
macro_rules! disk_or_return {
    ($folder:ident, $what:expr) => {{
        if skips_fuse($what) {
            return;
        }
        $folder = TempDir::new().unwrap();
        disk(&$folder)
    }};
}

fn errno<T>(result: std::io::Result<T>) -> Errno {
    match result {
        Ok(_) => panic!("no error"),
        Err(error) => Errno::from_io_error(&error).unwrap(),
    }
}

/// A program that has the disk in `$1`, run by `sh`.
fn shell(disk: &FaultyDisk, script: &str) -> String {
    let ran = Command::new("sh")
        .args(["-ec", script, "sh"])
        .arg(&disk.root)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{script}: {ran:?}");
    String::from_utf8(ran.stdout).unwrap()
}

#[test]
fn without_faults_it_is_a_disk_as_any_other() {
    let folder;
    let disk = disk_or_return!(folder, "a faulty disk without faults");
    fs::create_dir_all(disk.path("a/b/c")).unwrap();
    fs::write(disk.path("a/one"), "first").unwrap();
    fs::write(disk.path("a/.one.tmp"), "second").unwrap();
    fs::rename(disk.path("a/.one.tmp"), disk.path("a/one")).unwrap();
    assert_eq!(fs::read(disk.path("a/one")).unwrap(), b"second");
    assert_eq!(fs::read(disk.real.join("a/one")).unwrap(), b"second");
    symlink("one", disk.path("a/link")).unwrap();
    fs::hard_link(disk.path("a/one"), disk.path("a/two")).unwrap();
    assert_eq!(fs::metadata(disk.path("a/link")).unwrap().nlink(), 2);
    assert_eq!(
        fs::read_link(disk.path("a/link")).unwrap().to_str(),
        Some("one")
    );
    let mut names: Vec<_> = fs::read_dir(disk.path("a"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["b", "link", "one", "two"]);
    fs::set_permissions(disk.path("a/one"), fs::Permissions::from_mode(0o640)).unwrap();
    let file = File::options()
        .append(true)
        .open(disk.path("a/one"))
        .unwrap();
    let time = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(86_400);
    (&file).write_all(b" and more").unwrap();
    file.set_modified(time).unwrap();
    let metadata = fs::metadata(disk.path("a/two")).unwrap();
    assert_eq!(
        (metadata.mode() & 0o7777, metadata.mtime()),
        (0o640, 86_400)
    );
    assert_eq!(metadata.len(), 15);
    file.set_len(3).unwrap();
    file.sync_all().unwrap();
    fs::remove_file(disk.path("a/two")).unwrap();
    fs::remove_file(disk.path("a/one")).unwrap();
    // An open file stays when its name has gone.
    assert_eq!(file.metadata().unwrap().len(), 3);
    fs::remove_dir(disk.path("a/b/c")).unwrap();
    assert_eq!(errno(fs::remove_dir(disk.path("a"))), Errno::NOTEMPTY);
    assert_eq!(errno(File::open(disk.path("a/two"))), Errno::NOENT);
    assert!(rustix::fs::statvfs(&disk.root).unwrap().f_bavail > 0);
}

#[test]
fn sqlite_in_wal_mode_and_locks_work_on_it() {
    let folder;
    let disk = disk_or_return!(folder, "SQLite on a faulty disk");
    // Programs of their own, since this one must not map files of the disk.
    let script = "
import sqlite3, sys
at = sys.argv[1] + '/book.sqlite'
one = sqlite3.connect(at)
assert one.execute('pragma journal_mode=wal').fetchone() == ('wal',)
one.execute('create table book (key integer primary key, text)')
for number in range(300):
    with one:
        one.execute('insert into book values (?, ?)', (number, 'x' * number))
two = sqlite3.connect(at)
assert two.execute('select count(*), sum(length(text)) from book').fetchone() == (300, 44850)
two.execute('pragma wal_checkpoint(truncate)')
assert two.execute('pragma integrity_check').fetchone() == ('ok',)
";
    fs::write(folder.path().join("book.py"), script).unwrap();
    shell(&disk, "python3 \"$(dirname \"$1\")/book.py\" \"$1\"");
    let said = shell(
        &disk,
        "exec 9>\"$1/lock\"; flock -n 9; flock -n \"$1/lock\" true || echo held; \
         flock -u 9; flock -n \"$1/lock\" echo free",
    );
    assert_eq!(said, "held\nfree\n");
}

#[test]
fn each_kind_of_request_fails_as_told_and_only_where_told() {
    let folder;
    let disk = disk_or_return!(folder, "faults");
    fs::write(disk.path("good"), "good").unwrap();
    fs::write(disk.path("bad"), "bad").unwrap();
    fs::create_dir(disk.path("folder")).unwrap();
    let bad = || disk.path("bad");
    let open_to_write = || File::options().write(true).open(bad()).unwrap();
    type Try<'a> = Box<dyn Fn() -> std::io::Result<()> + 'a>;
    let tries: [(Op, Try); 13] = [
        (Op::Lookup, Box::new(|| fs::metadata(bad()).map(drop))),
        (
            Op::Getattr,
            Box::new(|| File::open(bad())?.metadata().map(drop)),
        ),
        (Op::Setattr, Box::new(|| open_to_write().set_len(2))),
        (Op::Open, Box::new(|| File::open(bad()).map(drop))),
        (
            Op::Create,
            Box::new(|| File::create_new(disk.path("bad.new")).map(drop)),
        ),
        (Op::Read, Box::new(|| fs::read(bad()).map(drop))),
        (Op::Write, Box::new(|| open_to_write().write_all(b"x"))),
        (
            Op::Close,
            Box::new(|| {
                let file = std::os::fd::OwnedFd::from(open_to_write());
                // SAFETY: the descriptor is given away by `into_raw_fd` and closed once.
                match unsafe { libc::close(std::os::fd::IntoRawFd::into_raw_fd(file)) } {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                }
            }),
        ),
        (Op::Fsync, Box::new(|| open_to_write().sync_data())),
        (
            Op::Rename,
            Box::new(|| fs::rename(bad(), disk.path("other"))),
        ),
        (Op::Unlink, Box::new(|| fs::remove_file(bad()))),
        (
            Op::Mkdir,
            Box::new(|| fs::create_dir(disk.path("bad.folder"))),
        ),
        (
            Op::Readdir,
            Box::new(|| fs::read_dir(&disk.root)?.next().unwrap().map(drop)),
        ),
    ];
    for (op, attempt) in &tries {
        for error in [
            Errno::NOSPC,
            Errno::DQUOT,
            Errno::IO,
            Errno::STALE,
            Errno::MFILE,
        ] {
            let is_root = *op == Op::Readdir;
            let is_bad = move |path: &str| path.starts_with("bad") || (is_root && path.is_empty());
            let fault = disk.add(Fault::fail(error).on(&[*op]).at(is_bad).times(3));
            assert_eq!(fs::read(disk.path("good")).unwrap(), b"good");
            // ESTALE of a walk is tried once more by the kernel.
            assert_eq!(errno(attempt()), error, "{op:?}");
            assert!(fault.hits() > 0, "{op:?}");
            drop(fault);
        }
    }
    assert_eq!(fs::read(bad()).unwrap(), b"bad");
    drop(tries);
    // Every second one.
    let fault = disk.add(Fault::fail(Errno::IO).on(&[Op::Open]).every(2));
    let results: Vec<bool> = (0..6).map(|_| File::open(bad()).is_ok()).collect();
    assert_eq!(results, [true, false, true, false, true, false]);
    assert_eq!(fault.hits(), 3);
}

#[test]
fn what_hangs_or_waits_holds_up_nobody_else() {
    let folder;
    let disk = disk_or_return!(folder, "hanging requests");
    for number in 0..40 {
        fs::write(disk.path(&format!("{number}")), [number; 9]).unwrap();
    }
    let fault = disk.add(Fault::hang().on(&[Op::Open]).at(|path| path != "0"));
    let readers: Vec<_> = (1..40)
        .map(|number| {
            let path = disk.path(&format!("{number}"));
            thread::spawn(move || fs::read(path).unwrap())
        })
        .collect();
    while disk.faults().hanging() < 39 {
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(fs::read(disk.path("0")).unwrap(), [0; 9]);
    assert!(readers.iter().all(|reader| !reader.is_finished()));
    drop(fault);
    for (number, reader) in (1..40).zip(readers) {
        assert_eq!(reader.join().unwrap(), [number; 9]);
    }
    assert_eq!(disk.faults().hanging(), 0);
    let pause = Duration::from_millis(120);
    let _slow = disk.add(Fault::delay(pause).on(&[Op::Read]));
    let started = Instant::now();
    assert_eq!(fs::read(disk.path("7")).unwrap(), [7; 9]);
    assert!(started.elapsed() >= pause);
}

#[test]
fn reads_and_writes_can_be_short() {
    let folder;
    let disk = disk_or_return!(folder, "short reads");
    let bytes: Vec<u8> = (0..100_000u32).map(|at| at as u8).collect();
    let _short = disk.add(Fault::short());
    fs::write(disk.path("file"), &bytes).unwrap();
    let file = File::open(disk.path("file")).unwrap();
    let mut buffer = vec![0; 1000];
    assert_eq!(file.read_at(&mut buffer, 5000).unwrap(), 500);
    assert!(buffer[..500] == bytes[5000..5500]);
    let mut all = Vec::new();
    (&file).read_to_end(&mut all).unwrap();
    assert!(all == bytes);
}

#[test]
fn a_limit_is_kept_freed_and_told_when_it_says() {
    let folder;
    let disk = disk_or_return!(folder, "a disk that fills up");
    let space = &disk.faults().space;
    space.limit(10_000, Errno::DQUOT, Told::Write);
    fs::write(disk.path("first"), [1; 8000]).unwrap();
    assert_eq!(
        errno(fs::write(disk.path("second"), [2; 8000])),
        Errno::DQUOT
    );
    fs::remove_file(disk.path("first")).unwrap();
    fs::write(disk.path("second"), [2; 8000]).unwrap();
    assert!(rustix::fs::statvfs(&disk.root).unwrap().f_blocks <= 3);

    space.limit(0, Errno::NOSPC, Told::Close);
    let file = File::create(disk.path("third")).unwrap();
    (&file).write_all(&[3; 5000]).unwrap();
    assert_eq!(errno(file.sync_data()), Errno::NOSPC);
    file.sync_data().unwrap();
    // The size looks right.
    assert!(fs::read(disk.path("third")).unwrap() == [0; 5000]);

    space.limit(0, Errno::IO, Told::Fsync);
    fs::write(disk.path("fourth"), [4; 5000]).unwrap();
    let file = File::create(disk.path("fifth")).unwrap();
    (&file).write_all(&[5; 5000]).unwrap();
    assert_eq!(errno(file.sync_all()), Errno::IO);
    space.unlimit();
    fs::write(disk.path("fourth"), [4; 5000]).unwrap();
    assert!(fs::read(disk.path("fourth")).unwrap() == [4; 5000]);

    let lost = disk.add(Fault::lose(Errno::IO, Told::Close).at(|path| path == "sixth"));
    let file = File::create(disk.path("sixth")).unwrap();
    (&file).write_all(&[6; 100]).unwrap();
    assert_eq!((errno(file.sync_data()), lost.hits()), (Errno::IO, 1));
    space.tell(1 << 30, 1 << 20);
    let told = rustix::fs::statvfs(&disk.root).unwrap();
    assert_eq!(told.f_bavail * told.f_frsize, 1 << 20);
}

#[test]
fn it_is_gone_when_it_is_dropped_even_while_requests_hang() {
    let folder;
    let disk = disk_or_return!(folder, "the end of a faulty disk");
    fs::write(disk.path("file"), "here").unwrap();
    let path = disk.path("file");
    let fault = disk.add(Fault::hang().on(&[Op::Read]));
    let reader = thread::spawn(move || fs::read(path));
    while disk.faults().hanging() == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    let root = disk.root.clone();
    drop(disk);
    assert_eq!(reader.join().unwrap().unwrap(), b"here");
    assert!(
        !fs::read_to_string("/proc/self/mountinfo")
            .unwrap()
            .contains(root.to_str().unwrap())
    );
    assert!(fs::read_dir(&root).unwrap().next().is_none());
    drop(fault);
}
