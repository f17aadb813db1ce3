//! What is in a mounted tree and what the file system says of it.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use common::mounted::{Mounted, passthrough_modes, skips_fuse};
use common::{Bench, files_below};
use serde_json::Value;

/// Everything below a mount equals what `materialize` writes, but for the root in `path`.
fn compare_with_materialized(frontal_only: bool, passthrough: &str) {
    let bench = Bench::golden(frontal_only, "");
    bench.run(&["materialize"]).expect_status(0);
    fs::rename(bench.out(), bench.path("tree")).unwrap();
    fs::remove_dir_all(bench.path("out.state")).unwrap();
    let mounted = Mounted::new(&bench, &["--passthrough", passthrough]);
    let expected = files_below(&bench.path("tree"));
    assert_eq!(files_below(&mounted.root), expected);
    for name in &expected {
        let mut tree = fs::read(bench.path("tree").join(name)).unwrap();
        if name.ends_with("index.json") {
            let text = String::from_utf8(tree).unwrap();
            let (out, mnt) = (bench.out(), bench.path("mnt"));
            let (from, to) = (format!("{}/", out.display()), format!("{}/", mnt.display()));
            tree = text.replace(&from, &to).into_bytes();
        }
        let size = fs::metadata(mounted.path(name)).unwrap().len();
        assert_eq!(size, tree.len() as u64, "{name}");
        assert!(mounted.read(name) == tree, "{name} differs");
    }
    assert_eq!(mounted.figure("errors"), 0);
}

#[test]
fn the_golden_trees_are_what_materialize_writes() {
    if skips_fuse("the golden trees below a mount") {
        return;
    }
    for passthrough in passthrough_modes() {
        compare_with_materialized(true, passthrough);
        compare_with_materialized(false, passthrough);
    }
}

#[test]
fn the_paths_of_an_index_can_be_opened() {
    if skips_fuse("the paths of an index") {
        return;
    }
    let bench = Bench::small(3, "");
    let mounted = Mounted::new(&bench, &[]);
    let index: Value = serde_json::from_slice(&mounted.read("chex-ray14/index.json")).unwrap();
    for (id, entry) in index.as_object().unwrap() {
        let number: u32 = id.parse().unwrap();
        let bytes = fs::read(entry["path"].as_str().unwrap()).unwrap();
        assert!(bytes == bench.expected(&bench.small_source(number), 1024));
    }
}

#[test]
fn listing_programs_render_nothing_and_everybody_else_gets_exact_sizes() {
    if skips_fuse("sizes") {
        return;
    }
    let bench = Bench::small(30, "");
    let mounted = Mounted::new(&bench, &[]);
    let shard = mounted.path("chex-ray14/00");
    let run = |program: &str, arguments: &[&str]| {
        let done = Command::new(program)
            .args(arguments)
            .arg(&shard)
            .output()
            .unwrap();
        assert!(done.status.success(), "{program}: {done:?}");
        String::from_utf8(done.stdout).unwrap()
    };
    assert_eq!(run("ls", &["-l", "--color=always"]).lines().count(), 31);
    run("du", &["-s"]);
    Command::new("find")
        .arg(&shard)
        .args(["-size", "+1k"])
        .output()
        .unwrap();
    assert_eq!(fs::read_dir(&shard).unwrap().count(), 30);
    assert_eq!(mounted.renders(), 0);

    let expected = bench.expected(&bench.small_source(7), 1024).len() as u64;
    let size = Command::new("stat")
        .args(["-c", "%s %b %B"])
        .arg(shard.join("000007.jpg"))
        .output()
        .unwrap();
    let size = String::from_utf8(size.stdout).unwrap();
    assert_eq!(
        size.trim(),
        format!("{expected} {} 512", expected.div_ceil(512))
    );
    assert_eq!(mounted.renders(), 1);
    // What is known is told to listing programs as well.
    let listed = run("ls", &["-l"]);
    assert!(
        listed
            .lines()
            .any(|line| line.contains(&format!(" {expected} ")) && line.ends_with("000007.jpg"))
    );
    let metadata = fs::metadata(shard.join("000007.jpg")).unwrap();
    let source = fs::metadata(bench.small_source(7)).unwrap();
    assert_eq!(
        (metadata.mtime(), metadata.mtime_nsec()),
        (source.mtime(), source.mtime_nsec())
    );
    assert_eq!(metadata.blksize(), 256 << 10);
}

#[test]
fn without_listing_programs_everybody_gets_exact_sizes() {
    if skips_fuse("LISTING_PROGRAMS: []") {
        return;
    }
    let bench = Bench::small(3, "LISTING_PROGRAMS: []");
    let mounted = Mounted::new(&bench, &[]);
    let shard = mounted.path("chex-ray14/00");
    Command::new("ls").arg("-l").arg(&shard).output().unwrap();
    assert_eq!(mounted.renders(), 3);
}

#[test]
fn names_inodes_and_listings_are_stable() {
    if skips_fuse("names and inodes") {
        return;
    }
    let bench = Bench::small(5, "");
    let inodes = |mounted: &Mounted| -> BTreeSet<(String, u64)> {
        let mut found = BTreeSet::new();
        for folder in ["", "chex-ray14", "chex-ray14/00", ".machex"] {
            for entry in fs::read_dir(mounted.path(folder)).unwrap() {
                let entry = entry.unwrap();
                let inode = fs::symlink_metadata(entry.path()).unwrap().ino();
                let listed = std::os::unix::fs::DirEntryExt::ino(&entry);
                assert_eq!(inode, listed);
                found.insert((entry.path().display().to_string(), inode));
            }
        }
        found
    };
    let mounted = Mounted::new(&bench, &[]);
    let first = inodes(&mounted);
    assert_eq!(first.len(), 1 + 2 + 5 + 2);
    assert_eq!(
        first
            .iter()
            .map(|(_, inode)| inode)
            .collect::<BTreeSet<_>>()
            .len(),
        first.len()
    );
    let names: Vec<_> = fs::read_dir(&mounted.root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(
        names,
        ["chex-ray14"],
        "consumers take every entry of the root for a dataset"
    );
    for missing in [
        "mimic",
        "chex-ray14/01",
        "chex-ray14/0",
        "chex-ray14/00/000005.jpg",
        "chex-ray14/00/00001.jpg",
        "chex-ray14/00/000001.jpg.tmp",
        "chex-ray14/index.jsonl",
        ".machex/x",
        "chex-ray14/00/010000.jpg",
    ] {
        let error = fs::metadata(mounted.path(missing)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound, "{missing}");
    }
    drop(mounted);
    assert_eq!(inodes(&Mounted::new(&bench, &[])), first);
}

#[test]
fn nothing_can_be_changed() {
    if skips_fuse("a mount is read-only") {
        return;
    }
    let bench = Bench::small(2, "");
    let mounted = Mounted::new(&bench, &[]);
    let image = mounted.path("chex-ray14/00/000000.jpg");
    let new = mounted.path("chex-ray14/00/new");
    let outside = bench.path("outside");
    fs::write(&outside, "x").unwrap();
    let attempts: Vec<(&str, io::Result<()>)> = vec![
        (
            "write",
            fs::File::options().write(true).open(&image).map(drop),
        ),
        (
            "append",
            fs::File::options().append(true).open(&image).map(drop),
        ),
        ("truncate", fs::File::create(&image).map(drop)),
        ("create", fs::File::create(&new).map(drop)),
        ("mkdir", fs::create_dir(&new)),
        ("unlink", fs::remove_file(&image)),
        ("rmdir", fs::remove_dir(mounted.path("chex-ray14/00"))),
        ("rename", fs::rename(&image, &new)),
        ("symlink", std::os::unix::fs::symlink("x", &new)),
        ("link", fs::hard_link(&image, &new)),
        (
            "chmod",
            fs::set_permissions(&image, PermissionsExt::from_mode(0o600)),
        ),
        ("chown", std::os::unix::fs::chown(&image, Some(1), None)),
        ("utimes", set_times(&image)),
        ("setxattr", setxattr(&image)),
        (
            "mkfifo",
            rustix::fs::mknodat(
                rustix::fs::CWD,
                &new,
                rustix::fs::FileType::Fifo,
                rustix::fs::Mode::RUSR,
                0,
            )
            .map_err(Into::into),
        ),
    ];
    for (what, result) in attempts {
        let error = result.expect_err(what);
        assert_eq!(
            error.kind(),
            io::ErrorKind::ReadOnlyFilesystem,
            "{what}: {error}"
        );
    }
}

fn set_times(path: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};
    let time = Timespec {
        tv_sec: 1,
        tv_nsec: 0,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    rustix::fs::utimensat(CWD, path, &times, AtFlags::empty()).map_err(Into::into)
}

fn setxattr(path: &Path) -> io::Result<()> {
    let flags = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(path, "user.x", b"y", flags).map_err(Into::into)
}

#[test]
fn attributes_tell_where_an_image_comes_from() {
    if skips_fuse("extended attributes") {
        return;
    }
    let bench = Bench::small(2, "");
    let mounted = Mounted::new(&bench, &[]);
    let image = mounted.path("chex-ray14/00/000001.jpg");
    let value = |name: &str| {
        let mut buffer = vec![0; 4096];
        let length = rustix::fs::getxattr(&image, name, &mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    };
    assert_eq!(value("user.machex.key"), "0001.png");
    assert_eq!(value("user.machex.dataset"), "chex-ray14");
    assert_eq!(
        value("user.machex.source"),
        bench.small_source(1).display().to_string()
    );
    let mut names = vec![0; 4096];
    let length = rustix::fs::listxattr(&image, &mut names).unwrap();
    assert_eq!(
        names[..length]
            .split(|byte| *byte == 0)
            .filter(|name| !name.is_empty())
            .count(),
        3
    );
    assert!(rustix::fs::getxattr(&image, "user.other", &mut names).is_err());
    assert_eq!(
        mounted.renders(),
        0,
        "to ask where an image comes from renders nothing"
    );
    let space = rustix::fs::statvfs(&mounted.root).unwrap();
    assert!(space.f_files >= 2 && space.f_bavail == space.f_blocks && space.f_blocks > 0);
}
