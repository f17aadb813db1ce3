//! A `CACHE_PATH` that another user has prepared: refused with the reason, and left as it is.

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use common::mounted::{Mounted, is_root, skips_fuse};
use common::{Bench, cached_files};

/// Nobody.
const OTHER: u32 = 65_534;

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn bench() -> Bench {
    let bench = Bench::small(4, "IMAGE_SIZE: 64");
    fs::create_dir(bench.path("mnt")).unwrap();
    bench
}

/// Mounting fails with a line that says all of `words`.
#[track_caller]
fn expect_refusal(bench: &Bench, words: &[&str]) {
    let mountpoint = bench.path("mnt");
    let mountpoint = mountpoint.to_str().unwrap();
    let ran = bench
        .run(&["mount", "-c", "config.yml", mountpoint, "--foreground"])
        .expect_status(1);
    for word in words {
        assert!(ran.stderr().contains(word), "{word} in: {}", ran.stderr());
    }
}

/// What can be seen of everything below a folder: names, owners, modes, contents.
fn picture(folder: &Path) -> Vec<(PathBuf, u32, u32, Vec<u8>)> {
    fn walk(path: &Path, found: &mut Vec<(PathBuf, u32, u32, Vec<u8>)>) {
        let metadata = fs::symlink_metadata(path).unwrap();
        let bytes = match metadata.is_file() {
            true => fs::read(path).unwrap(),
            false => Vec::new(),
        };
        found.push((path.to_owned(), metadata.uid(), metadata.mode(), bytes));
        if metadata.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                walk(&entry.unwrap().path(), found);
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, &mut found);
    found.sort();
    found
}

#[test]
fn a_shared_folder_of_somebody_else_is_refused_and_stays_as_it_is() {
    if skips_fuse("a shared CACHE_PATH") {
        return;
    }
    let bench = bench();
    let folder = bench.path("cache/mount");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("thesis.tex"), "x").unwrap();
    for (mode, words) in [
        (0o777, "other users can write"),
        (0o775, "other users can write"),
        (0o755, "files that machex did not create"),
    ] {
        chmod(&folder, mode);
        let before = picture(&bench.path("cache"));
        expect_refusal(&bench, &["cache/mount", words, "CACHE_PATH"]);
        assert_eq!(picture(&bench.path("cache")), before, "mode {mode:o}");
    }
}

/// Prepares a cache folder, given a folder of secrets.
type Plant = fn(&Path, &Path);

#[test]
fn folders_and_links_of_another_user_are_refused() {
    if skips_fuse("a planted CACHE_PATH") || !is_root("a planted CACHE_PATH") {
        return;
    }
    let bench = bench();
    let (cache, folder) = (bench.path("cache"), bench.path("cache/mount"));
    let secret = bench.path("secret");
    fs::create_dir(&secret).unwrap();
    fs::write(secret.join("key"), "root only").unwrap();
    let untouched = picture(&secret);
    let plants: [(&str, Plant); 4] = [
        ("symbolic link", |cache, secret| {
            symlink(secret, cache.join("mount")).unwrap();
            lchown(cache.join("mount"), Some(OTHER), None).unwrap();
        }),
        ("belongs to user 65534", |cache, secret| {
            fs::create_dir(cache.join("mount")).unwrap();
            symlink(secret.join("key"), cache.join("mount/lock")).unwrap();
            fs::write(cache.join("mount/machex-cache"), "format 1\n").unwrap();
            chown(cache.join("mount"), Some(OTHER), None).unwrap();
        }),
        // Ours, but open to all for a while: what is in it is looked at one by one.
        ("symbolic link", |cache, secret| {
            fs::create_dir(cache.join("mount")).unwrap();
            symlink(secret.join("key"), cache.join("mount/lock")).unwrap();
        }),
        ("belongs to user 65534", |cache, _| {
            fs::create_dir(cache.join("mount")).unwrap();
            fs::write(cache.join("mount/machex-cache"), "format 1\n").unwrap();
            chown(cache.join("mount/machex-cache"), Some(OTHER), None).unwrap();
        }),
    ];
    for (words, plant) in plants {
        fs::create_dir(&cache).unwrap();
        chmod(&cache, 0o1777);
        plant(&cache, &secret);
        let before = picture(&cache);
        expect_refusal(&bench, &[words]);
        assert_eq!(picture(&secret), untouched, "{words}");
        assert_eq!(picture(&cache), before, "{words}");
        fs::remove_dir_all(&cache).unwrap();
    }
    // The owner of CACHE_PATH can put another folder in the place of ours at any time.
    fs::create_dir(&cache).unwrap();
    chown(&cache, Some(OTHER), None).unwrap();
    expect_refusal(&bench, &["cache", "belongs to user 65534"]);
    chown(&cache, Some(0), None).unwrap();
    chmod(&cache, 0o777);
    expect_refusal(&bench, &["cache", "other users can write"]);
    assert!(!folder.exists());
}

#[test]
fn a_link_of_another_user_on_the_way_is_refused_before_anything_is_made() {
    if skips_fuse("a planted link") || !is_root("a planted link") {
        return;
    }
    let bench = bench();
    let (secret, link) = (bench.path("secret"), bench.path("theirs/link"));
    fs::create_dir(&secret).unwrap();
    fs::create_dir(bench.path("theirs")).unwrap();
    symlink(&secret, &link).unwrap();
    lchown(&link, Some(OTHER), None).unwrap();
    let (cache, mountpoint) = (link.join("cache"), bench.path("mnt"));
    let untouched = picture(&secret);
    // In the background there is a log in CACHE_PATH, too.
    for option in [&[][..], &["--foreground"]] {
        let ran = bench
            .command(&["mount", "-c", "config.yml"])
            .args([&mountpoint, Path::new("--cache-path"), &cache])
            .args(option)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(1), "{said}");
        let reason = "theirs/link on the way to it is a symbolic link of user 65534";
        assert!(said.contains(reason), "{said}");
        assert_eq!(picture(&secret), untouched);
    }
}

/// In a container without root, nobody can tell what is root's.
#[test]
fn a_link_of_a_user_of_whom_the_user_namespace_knows_nothing_is_followed() {
    if !is_root("a link in a user namespace") {
        return;
    }
    let unknown = ["unshare", "--user", "--map-current-user"];
    let mut trying = Command::new(unknown[0]);
    if !trying
        .args(&unknown[1..])
        .arg("true")
        .status()
        .unwrap()
        .success()
    {
        eprintln!("NOT TESTED, since there are no user namespaces here: a link in one");
        return;
    }
    let bench = Bench::sample(1);
    fs::create_dir(bench.path("real")).unwrap();
    let link = bench.path("home");
    symlink("real", &link).unwrap();
    lchown(&link, Some(1000), None).unwrap();
    let text = fs::read_to_string(bench.path("config.yml")).unwrap();
    let text = text.replace("CACHE_PATH: cache", "CACHE_PATH: home/cache");
    fs::write(bench.path("config.yml"), text).unwrap();
    // Catalogs are kept of lists that are older.
    std::thread::sleep(std::time::Duration::from_secs(3));
    let catalogs = bench.path("real/cache/catalogs");
    let ran = bench.run(&["check"]).expect_status(0);
    assert!(ran.stderr().contains("symbolic link"), "{}", ran.stderr());
    assert!(!catalogs.exists());
    let mut command = bench.command_below(&unknown, &["check"]);
    let ran = common::Ran::of(&mut command).expect_status(0);
    assert_eq!(ran.stderr(), "");
    assert!(fs::read_dir(catalogs).unwrap().count() > 5);
}

#[test]
fn catalogs_that_somebody_planted_are_not_used() {
    if skips_fuse("planted catalogs") || !is_root("planted catalogs") {
        return;
    }
    let bench = bench();
    let elsewhere = bench.path("elsewhere");
    fs::create_dir_all(&elsewhere).unwrap();
    fs::create_dir(bench.path("cache")).unwrap();
    chmod(&bench.path("cache"), 0o1777);
    symlink(&elsewhere, bench.path("cache/catalogs")).unwrap();
    let mounted = Mounted::new(&bench, &[]);
    assert_eq!(mounted.read("chex-ray14/00/000003.jpg"), {
        bench.expected(&bench.small_source(3), 64)
    });
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    let log = mounted.log_once(|log| log.contains("catalogs"));
    assert_eq!(log.lines().count(), 1, "{log}");
}

#[test]
fn everything_in_the_cache_is_for_its_owner_alone() {
    if skips_fuse("modes of the cache") {
        return;
    }
    let bench = bench();
    let mounted = Mounted::new(&bench, &[]);
    mounted.read("chex-ray14/00/000001.jpg");
    mounted.read("chex-ray14/index.json");
    let files = cached_files(&bench);
    assert!(files.len() >= 2);
    for path in files.iter().chain([
        &bench.path("cache/mount/machex-cache"),
        &bench.path("cache/mount/lock"),
        &bench.path("cache/mount/book.sqlite"),
        &bench.path("cache/mount/book.sqlite-wal"),
    ]) {
        let mode = fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
    }
    let mode = |name: &str| fs::metadata(bench.path(name)).unwrap().mode() & 0o777;
    assert_eq!(mode("cache/mount"), 0o700);
}
