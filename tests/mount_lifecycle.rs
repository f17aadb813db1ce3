//! Mounting and unmounting as users do it: in the background, over each other, by mount(8), without
//! root.

mod common;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use common::mounted::{Mounted, detach, is_root, skips_fuse};
use common::{Bench, Ran};
use rustix::process::Signal;

const IMAGE: &str = "chex-ray14/00/000000.jpg";

/// A bench with a folder `mnt`, from which whatever is mounted is taken away at the end.
struct Place(Bench);

impl Place {
    fn new(images: u32, extra: &str) -> Self {
        let bench = Bench::small(images, &format!("IMAGE_SIZE: 64\n{extra}"));
        fs::create_dir(bench.path("mnt")).unwrap();
        Self(bench)
    }

    fn image(&self) -> Vec<u8> {
        fs::read(self.0.path("mnt").join(IMAGE)).unwrap()
    }

    fn expected(&self) -> Vec<u8> {
        self.0.expected(&self.0.small_source(0), 64)
    }

    fn is_empty(&self) -> bool {
        let listed = fs::read_dir(self.0.path("mnt"));
        listed.is_ok_and(|mut entries| entries.next().is_none())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for name in ["mnt", "out"] {
            detach(&self.0.path(name));
        }
    }
}

#[test]
fn a_mount_goes_to_the_background_and_unmount_ends_it() {
    if skips_fuse("mounting in the background") {
        return;
    }
    let place = Place::new(2, "");
    let ran = place
        .0
        .run(&["mount", "config.yml", "mnt"])
        .expect_status(0);
    assert!(
        ran.stdout().contains("is mounted (process "),
        "{}",
        ran.stdout()
    );
    for next in [" status mnt\n", " unmount mnt\n"] {
        assert!(ran.stdout().contains(next), "{}", ran.stdout());
    }
    assert!(place.image() == place.expected());
    // Its log is in the cache, and it does not stand in a folder of ours.
    assert!(place.0.path("cache/mount.log").exists());
    let ran = place.0.run(&["unmount", "mnt"]).expect_status(0);
    assert_eq!(ran.stdout(), "mnt is unmounted\n");
    assert!(place.is_empty());
    let again = place.0.run(&["unmount", "mnt"]).expect_status(1);
    assert!(
        again.stderr().contains("is not a mount"),
        "{}",
        again.stderr()
    );
    // The process has let go of the cache: it can be used at once.
    place
        .0
        .run(&["mount", "-c", "config.yml", "mnt"])
        .expect_status(0);
    place.0.run(&["umount", "mnt"]).expect_status(0);
}

/// Whoever started a mount in the background may be ended by a signal just when the mount is there: its
/// exit status says that there is none.
#[test]
fn a_mount_that_nobody_accepts_ends_again() {
    if skips_fuse("mounting in the background") {
        return;
    }
    let place = Place::new(2, "");
    for (answer, stays) in [(&b""[..], false), (b"stay\n", true)] {
        let mut mounting = place
            .0
            .command(&["mount", "--ready", "config.yml", "mnt"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = [0; 6];
        let mut output = mounting.stdout.take().unwrap();
        output.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"ready\n");
        assert!(place.image() == place.expected());
        mounting.stdin.take().unwrap().write_all(answer).unwrap();
        if stays {
            thread::sleep(Duration::from_millis(300));
            assert!(place.image() == place.expected());
            place.0.run(&["unmount", "mnt"]).expect_status(0);
        }
        assert_eq!(mounting.wait().unwrap().code(), Some(0));
        assert!(place.is_empty());
    }
}

#[test]
fn a_signal_that_was_ignored_from_the_start_stays_so() {
    if skips_fuse("nohup") {
        return;
    }
    let place = Place::new(2, "");
    let mounted = Mounted::below(&place.0, &["nohup"], &[]);
    let pid = rustix::process::Pid::from_raw(mounted.pid().cast_signed()).unwrap();
    rustix::process::kill_process(pid, Signal::HUP).unwrap();
    thread::sleep(Duration::from_millis(300));
    assert!(place.image() == place.expected());
}

#[test]
fn signals_and_unmounting_from_outside_end_a_mount_cleanly() {
    if skips_fuse("ending a mount") {
        return;
    }
    let place = Place::new(2, "");
    for signal in [Signal::TERM, Signal::INT] {
        let mut mounted = Mounted::new(&place.0, &[]);
        assert!(place.image() == place.expected());
        assert_eq!(mounted.end_by(signal), Some(0), "{signal:?}");
        assert!(place.is_empty());
    }
    let mut mounted = Mounted::new(&place.0, &[]);
    let program = if is_root("umount") {
        "umount"
    } else {
        "fusermount3"
    };
    let option = (program == "fusermount3").then_some("-u");
    let unmount = || {
        let mut command = Command::new(program);
        let done = command.args(option).arg(&mounted.root).status().unwrap();
        done.success()
    };
    // The mount asks itself whether it answers, and is busy for that moment.
    for _ in 0..200 {
        if unmount() {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(mounted.wait(), Some(0));
    assert!(place.is_empty());
}

#[test]
fn a_mount_ends_with_the_process_that_it_is_for() {
    if skips_fuse("mounts for the time of a process") {
        return;
    }
    let place = Place::new(2, "");
    let mut other = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let number = other.id().to_string();
    let mount = ["mount", "config.yml", "mnt", "--while", &number];
    let mount = [&mount[..], &["--passthrough", "off"]].concat();
    let ran = place.0.run(&mount).expect_status(0);
    thread::sleep(Duration::from_millis(300));
    assert!(place.image() == place.expected(), "not before it ends");
    let unread = place.0.path("mnt/chex-ray14/00/000001.jpg");
    let mut file = fs::File::open(unread).unwrap();
    other.kill().unwrap();
    other.wait().unwrap();
    while !place.is_empty() {
        thread::sleep(Duration::from_millis(20));
    }
    // Readers keep what they have open, though a signal asks for the same end.
    let said = ran.stdout();
    let first = said.lines().next().unwrap();
    let own = first.trim_end_matches(')').rsplit(' ').next();
    let own = rustix::process::Pid::from_raw(own.unwrap().parse().unwrap()).unwrap();
    rustix::process::kill_process(own, Signal::TERM).unwrap();
    thread::sleep(Duration::from_millis(300));
    let mut read = Vec::new();
    file.read_to_end(&mut read).unwrap();
    assert!(read == place.0.expected(&place.0.small_source(1), 64));
    drop(file);
    // Numbers are given out in turn: nobody else has it so soon.
    let late = place.0.run(&mount).expect_status(1);
    assert!(
        late.stderr().contains("there is no such process"),
        "{}",
        late.stderr()
    );
}

#[test]
fn a_busy_mount_names_who_holds_it() {
    if skips_fuse("busy mounts") {
        return;
    }
    let place = Place::new(2, "");
    let mut mounted = Mounted::new(&place.0, &[]);
    let held = fs::File::open(mounted.path(IMAGE)).unwrap();
    let ran = place
        .0
        .run(&["unmount", "mnt", "--timeout", "0"])
        .expect_status(1);
    let me = format!("process {}", std::process::id());
    assert!(
        ran.stderr().contains("is busy") && ran.stderr().contains(&me),
        "{}",
        ran.stderr()
    );
    assert!(ran.stderr().contains("000000.jpg"), "{}", ran.stderr());
    // Waits for those who hold files.
    let waiting = thread::spawn({
        let mut command = place.0.command(&["unmount", "mnt", "--timeout", "30"]);
        move || command.status().unwrap()
    });
    thread::sleep(Duration::from_millis(300));
    drop(held);
    assert!(waiting.join().unwrap().success());
    assert_eq!(mounted.wait(), Some(0));

    let mut mounted = Mounted::new(&place.0, &[]);
    let held = fs::File::open(mounted.path(IMAGE)).unwrap();
    place.0.run(&["unmount", "mnt", "--lazy"]).expect_status(0);
    assert!(place.is_empty());
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut &held, &mut bytes).unwrap();
    assert!(bytes == place.expected(), "what is open can still be read");
    drop(held);
    assert_eq!(mounted.wait(), Some(0));
}

#[test]
fn what_is_mounted_already_is_said_and_replaced_on_demand() {
    if skips_fuse("--replace") {
        return;
    }
    let place = Place::new(2, "");
    let mut first = Mounted::new(&place.0, &[]);
    let ran = place
        .0
        .run(&["mount", "config.yml", "mnt"])
        .expect_status(1);
    assert!(ran.stderr().contains("--replace"), "{}", ran.stderr());
    place
        .0
        .run(&["mount", "config.yml", "mnt", "--replace"])
        .expect_status(0);
    assert_eq!(first.wait(), Some(0));
    assert!(place.image() == place.expected());
    place.0.run(&["unmount", "mnt"]).expect_status(0);

    // A process that was killed leaves a mount that does not answer.
    let mut second = Mounted::new(&place.0, &[]);
    assert_eq!(second.end_by(Signal::KILL), None);
    for arguments in [vec!["mount", "config.yml", "mnt"], vec!["status", "mnt"]] {
        let ran = place.0.run(&arguments).expect_status(1);
        assert!(ran.stderr().contains("--replace"), "{}", ran.stderr());
    }
    place
        .0
        .run(&["mount", "config.yml", "mnt", "--replace"])
        .expect_status(0);
    assert!(place.image() == place.expected());
    place.0.run(&["unmount", "mnt"]).expect_status(0);
    // Also when somebody still has a file of it open.
    let mut third = Mounted::new(&place.0, &[]);
    let _held = fs::File::open(third.path(IMAGE)).unwrap();
    assert_eq!(third.end_by(Signal::KILL), None);
    place
        .0
        .run(&["mount", "config.yml", "mnt", "--replace"])
        .expect_status(0);
    place.0.run(&["unmount", "mnt"]).expect_status(0);
    let mut third = Mounted::new(&place.0, &[]);
    let _held_too = fs::File::open(third.path(IMAGE)).unwrap();
    assert_eq!(third.end_by(Signal::KILL), None);
    place.0.run(&["unmount", "mnt"]).expect_status(0);
    assert!(place.is_empty());
}

#[test]
fn one_cache_serves_one_mount() {
    if skips_fuse("the lock of the cache") {
        return;
    }
    let place = Place::new(1, "");
    let mounted = Mounted::new(&place.0, &[]);
    fs::create_dir(place.0.path("other")).unwrap();
    let ran = place
        .0
        .run(&["mount", "config.yml", "other"])
        .expect_status(1);
    let holder = format!("process {}", mounted.pid());
    let end = format!("machex unmount {}", place.0.path("mnt").display());
    for words in [&holder, &end, "--cache-path"] {
        assert!(ran.stderr().contains(words), "{}", ran.stderr());
    }
    place
        .0
        .run(&["mount", "config.yml", "other", "--cache-path", "cache2"])
        .expect_status(0);
    place.0.run(&["unmount", "other"]).expect_status(0);
}

#[test]
fn a_mount_on_the_materialized_tree_serves_what_is_below_it() {
    if skips_fuse("mounting on MACHEX_PATH") {
        return;
    }
    let place = Place::new(4, "");
    place.0.run(&["materialize"]).expect_status(0);
    fs::remove_file(place.0.out().join("chex-ray14/00/000003.jpg")).unwrap();
    place.0.run(&["mount"]).expect_status(0);
    for number in 0..4 {
        let path = place.0.out().join(format!("chex-ray14/00/{number:06}.jpg"));
        assert!(fs::read(path).unwrap() == place.0.expected(&place.0.small_source(number), 64));
    }
    let status = place
        .0
        .run(&["status", "out", "--json"])
        .expect_status(0)
        .stdout();
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["renders"], 1);
    place.0.run(&["unmount", "out"]).expect_status(0);
    assert!(!place.0.out().join("chex-ray14/00/000003.jpg").exists());
    assert!(place.0.out().join(IMAGE).exists());
}

#[test]
fn a_place_that_cannot_be_mounted_on_is_explained() {
    if skips_fuse("mount points") {
        return;
    }
    let place = Place::new(1, "");
    fs::write(place.0.path("file"), "").unwrap();
    for (mountpoint, words) in [
        ("nowhere", "mkdir -p"),
        ("file", "is not a folder"),
        ("raw", "CHEXRAY14_ROOT"),
        ("raw/images", "lies in"),
        (".", "would cover"),
    ] {
        let ran = place
            .0
            .run(&["mount", "-c", "config.yml", mountpoint])
            .expect_status(1);
        assert!(
            ran.stderr().contains(words),
            "{mountpoint}: {}",
            ran.stderr()
        );
    }
    for (cache, words) in [
        ("out/cache", "counts as a dataset"),
        ("raw/../out.state/cache", "where machex remembers"),
    ] {
        for option in [
            ["--cache-path".to_owned(), cache.to_owned()],
            ["-o".to_owned(), format!("cache_path={cache}")],
        ] {
            let ran = Ran::of(
                place
                    .0
                    .command(&["mount", "config.yml", "mnt"])
                    .args(option),
            );
            assert_eq!(ran.status(), 1);
            assert!(ran.stderr().contains(words), "{cache}: {}", ran.stderr());
        }
    }
    let ran = place
        .0
        .run(&["mount", "config.yml", "mnt", "-o", "allow_othr"])
        .expect_status(1);
    assert!(ran.stderr().contains("allow_othr"), "{}", ran.stderr());
    let foreign = place.0.run(&["unmount", "/proc"]).expect_status(1);
    assert!(
        foreign.stderr().contains("not of machex"),
        "{}",
        foreign.stderr()
    );
}

/// Wherever the start fails for want of descriptors, and wherever the end does.
#[test]
fn a_lack_of_descriptors_leaves_no_mount_behind() {
    if skips_fuse("limits on descriptors") {
        return;
    }
    let place = Place::new(1, "");
    let (mut failed, mut served) = (0, 0);
    for limit in 10..70 {
        let mut command = place
            .0
            .command(&["mount", "-c", "config.yml", "mnt", "--foreground"]);
        // SAFETY: one system call, between fork and exec.
        unsafe {
            command.pre_exec(move || {
                let limit = rustix::process::Rlimit {
                    current: Some(limit),
                    maximum: Some(limit),
                };
                rustix::process::setrlimit(rustix::process::Resource::Nofile, limit)?;
                Ok(())
            })
        };
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        loop {
            if child.try_wait().unwrap().is_some() {
                failed += 1;
                break;
            }
            if !place.is_empty() {
                served += 1;
                let pid = rustix::process::Pid::from_child(&child);
                rustix::process::kill_process(pid, Signal::TERM).unwrap();
                child.wait().unwrap();
                break;
            }
            thread::sleep(Duration::from_millis(5));
        }
        let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let mnt = place.0.path("mnt");
        assert!(
            !table.contains(mnt.to_str().unwrap()),
            "of {limit} descriptors: a mount is left"
        );
    }
    assert!(failed > 0 && served > 0, "{failed} failed, {served} served");
}

#[test]
fn a_mount_point_that_is_not_text_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new(1, "");
    let folder = place.0.path("").join(std::ffi::OsStr::from_bytes(b"m\xff"));
    fs::create_dir(&folder).unwrap();
    let ran = place
        .0
        .command(&["mount", "-c", "config.yml"])
        .arg(&folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(!ran.status.success() && said.contains("UTF-8"), "{said}");
}

/// The link that docs/operations.md tells an administrator to make.
const HELPER: &str = "/sbin/mount.fuse.machex";

#[test]
fn mount_and_fstab_know_the_file_system() {
    if skips_fuse("mount -t fuse.machex") || !is_root("mount -t fuse.machex") {
        return;
    }
    let place = Place::new(2, "");
    let had_helper = Path::new(HELPER).exists();
    if !had_helper {
        symlink(env!("CARGO_BIN_EXE_machex"), HELPER).unwrap();
    }
    let config = place.0.path("config.yml");
    let options = "noauto,nofail,x-systemd.automount,lazytime,strictatime,nosymfollow,nonempty,\
                   context=\"system_u:object_r:tmp_t:s0:c1,c2\",\
                   allow_other,cache_size=50MiB,threads=1";
    let mounted = Command::new("mount")
        .args(["-t", "fuse.machex", "-o", options])
        .arg(&config)
        .arg(place.0.path("mnt"))
        .output()
        .unwrap();
    if !had_helper {
        fs::remove_file(HELPER).unwrap();
    }
    assert!(mounted.status.success(), "{mounted:?}");
    assert!(place.image() == place.expected());
    let table = fs::read_to_string("/proc/mounts").unwrap();
    let mnt = place.0.path("mnt");
    let line = table
        .lines()
        .find(|line| line.contains(mnt.to_str().unwrap()))
        .unwrap();
    assert!(
        line.starts_with(&format!("{} ", config.display())),
        "{line}"
    );
    assert!(
        line.contains(" fuse.machex ro,") && line.contains("allow_other"),
        "{line}"
    );
    let status = place
        .0
        .run(&["status", "mnt", "--json"])
        .expect_status(0)
        .stdout();
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(
        (&status["cache"]["limit"], &status["workers"]),
        (&(50 << 20).into(), &1.into())
    );
    assert!(Command::new("umount").arg(&mnt).status().unwrap().success());
}

/// Without root, by fusermount3: the main path.
#[test]
fn a_user_without_root_can_mount() {
    if skips_fuse("mounting without root") || !is_root("becoming another user") {
        return;
    }
    let place = Place::new(2, "");
    let open =
        |path: &Path, mode| fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    // As udev makes it everywhere (rules of systemd: KERNEL=="fuse", MODE="0666").
    let device = Path::new("/dev/fuse");
    let mode = fs::metadata(device).unwrap().permissions().mode();
    open(device, 0o666);
    let folder = place.0.path("");
    let as_nobody = |arguments: &[&str]| {
        let program = place.0.path("machex");
        if !program.exists() {
            // Not by this process: one that another test starts meanwhile would have the copy open
            // for writing, and it would be "busy".
            let copied = Command::new("cp")
                .arg(env!("CARGO_BIN_EXE_machex"))
                .arg(&program)
                .status();
            assert!(copied.unwrap().success());
        }
        Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
            .arg(&program)
            .args(arguments)
            .current_dir(&folder)
            .env("XDG_CACHE_HOME", place.0.path("xdg"))
            .output()
            .unwrap()
    };
    let chown = Command::new("chown")
        .args(["-R", "65534:65534"])
        .arg(&folder)
        .status();
    assert!(chown.unwrap().success());
    open(&folder, 0o755);
    let mounted = as_nobody(&["mount", "config.yml", "mnt"]);
    let status = as_nobody(&["status", "mnt", "--json"]);
    let allow_other = as_nobody(&[
        "mount",
        "config.yml",
        "out2",
        "--allow-other",
        "--cache-path",
        "c2",
    ]);
    let read = Command::new("setpriv")
        .args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "--",
            "cat",
        ])
        .arg(place.0.path("mnt").join(IMAGE))
        .output()
        .unwrap();
    let unmounted = as_nobody(&["unmount", "mnt"]);
    open(device, mode);
    assert!(mounted.status.success(), "{mounted:?}");
    assert!(read.stdout == place.expected());
    assert!(
        String::from_utf8_lossy(&status.stdout).contains("\"mode\": \"reads\""),
        "{status:?}"
    );
    assert!(!allow_other.status.success());
    assert!(unmounted.status.success(), "{unmounted:?}");
    assert!(place.is_empty());
}
