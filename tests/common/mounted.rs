//! A mount of the program in a test: made, looked at, and taken away whatever happens.

#![allow(dead_code)]

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Bench;

/// Whether tests that need the kernel's FUSE are to be left out; says so.
pub fn skips_fuse(what: &str) -> bool {
    let skips = std::env::var_os("MACHEX_SKIP_FUSE").is_some_and(|value| value == "1");
    if skips {
        eprintln!("NOT TESTED, since MACHEX_SKIP_FUSE=1 says so: {what}");
    }
    skips
}

/// Whether this process may do what only root may; if not, says what is not tested.
pub fn is_root(what: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("NOT TESTED, since only root can: {what}");
    }
    root
}

/// The modes of `--passthrough` that can be tested here.
pub fn passthrough_modes() -> Vec<&'static str> {
    match is_root("passthrough") && has_passthrough() {
        true => vec!["off", "on"],
        false => vec!["off"],
    }
}

/// Whether the kernel passes files of the temporary folder through; if not, says what is missing.
fn has_passthrough() -> bool {
    const OVERLAY: i64 = 0x794c_7630;
    let folder = std::env::temp_dir();
    let is_overlay = rustix::fs::statfs(&folder).unwrap().f_type as i64 == OVERLAY;
    let uname = rustix::system::uname();
    let release = uname.release().to_string_lossy();
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map(|number| number.parse::<u32>().unwrap_or(0));
    let is_old = (numbers.next(), numbers.next()) < (Some(6), Some(9));
    let (folder, needs) = (folder.display(), "NOT TESTED: passthrough, which needs");
    if is_overlay {
        eprintln!("{needs} files elsewhere than on an overlay, such as {folder}: set TMPDIR");
    }
    if is_old {
        eprintln!("{needs} Linux 6.9 or later; this is {release}");
    }
    !is_overlay && !is_old
}

/// A mount that lives in the foreground of a child process.
pub struct Mounted {
    pub root: PathBuf,
    child: Child,
    log: PathBuf,
}

impl Mounted {
    /// Mounts the bench's `config.yml` on its folder `mnt`.
    pub fn new(bench: &Bench, options: &[&str]) -> Self {
        Self::below(bench, &[], options)
    }

    /// The same, started by another program, such as `prlimit --nofile=256`.
    pub fn below(bench: &Bench, program: &[&str], options: &[&str]) -> Self {
        let root = bench.path("mnt");
        fs::create_dir_all(&root).unwrap_or(());
        Self::start(bench, root, program, options)
    }

    /// Mounts the bench's `config.yml` on a folder that is there.
    pub fn on(bench: &Bench, root: &Path, options: &[&str]) -> Self {
        Self::start(bench, root.to_owned(), &[], options)
    }

    fn start(bench: &Bench, root: PathBuf, program: &[&str], options: &[&str]) -> Self {
        let mountpoint = root.to_str().unwrap();
        let mut arguments = vec!["mount", "-c", "config.yml", mountpoint, "--foreground"];
        arguments.extend(options);
        // As systemd is told: before that, the mount still asks itself whether it answers.
        let socket = bench.path("ready");
        let _ = fs::remove_file(&socket);
        let ready = UnixDatagram::bind(&socket).unwrap();
        let log = bench.path("mount.err");
        let child = bench
            .command_below(program, &arguments)
            .env("NOTIFY_SOCKET", &socket)
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut mounted = Self { root, child, log };
        mounted.wait_until(&ready);
        mounted
    }

    fn wait_until(&mut self, ready: &UnixDatagram) {
        let deadline = Instant::now() + Duration::from_secs(60);
        ready
            .set_read_timeout(Some(Duration::from_millis(100)))
            .unwrap();
        let mut text = [0; 7];
        while !matches!(ready.recv(&mut text), Ok(7)) {
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none(),
                "the mount ended: {}\nTests of mounts need /dev/fuse; MACHEX_SKIP_FUSE=1 leaves them out",
                self.log()
            );
            assert!(Instant::now() < deadline, "no mount: {}", self.log());
        }
        assert_eq!(&text, b"READY=1");
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What the mount has logged once that is all that is waited for: a thread of its own writes it.
    #[track_caller]
    pub fn log_once(&self, is_all: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let log = self.log();
            if is_all(&log) {
                return log;
            }
            assert!(Instant::now() < deadline, "not all is logged: {log}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn status(&self) -> Value {
        serde_json::from_slice(&self.read(".machex/status.json")).unwrap()
    }

    /// One number of the status.
    pub fn figure(&self, name: &str) -> u64 {
        let status = self.status();
        let value = name.split('.').fold(&status, |value, part| &value[part]);
        value
            .as_u64()
            .unwrap_or_else(|| panic!("{name} in {status:#}"))
    }

    pub fn renders(&self) -> u64 {
        self.figure("renders")
    }

    /// Ends the mount by a signal and returns the exit status.
    pub fn end_by(&mut self, signal: rustix::process::Signal) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
        self.child.wait().unwrap().code()
    }

    /// Waits for the process, whose mount was taken away.
    pub fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
            detach(&self.root);
            return;
        }
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        detach(&self.root);
    }
}

/// Takes a mount away whose process has gone.
pub fn detach(path: &Path) {
    for program in [["umount", "-l"], ["fusermount3", "-uz"]] {
        let done = Command::new(program[0])
            .arg(program[1])
            .arg(path)
            .stderr(Stdio::null())
            .status();
        if done.is_ok_and(|status| status.success()) {
            return;
        }
    }
}
