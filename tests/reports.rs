//! Reports that are no files, have no end, or are on a disk that does not answer: they cost their
//! text and a warning, and hold nobody up for ever.

mod common;

use std::fs;
use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use common::faulty::{ActiveFault, Fault, FaultyDisk, Op};
use common::mounted::{Mounted, skips_fuse};
use common::{Bench, Ran, copy_tree, files_below, golden};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Until something happens that happens at once.
const SOON: Duration = Duration::from_secs(60);

/// A config over a copy of the golden MIMIC in `raw`, and the paths of its reports.
fn mimic() -> (Bench, Vec<PathBuf>) {
    let bench = Bench::new();
    let raw = bench.path("raw");
    copy_tree(&golden().join("raw/mimic-cxr-jpg-2.0.0"), &raw);
    bench.write_config("FRONTAL_ONLY: false\nIMAGE_SIZE: 64\nMIMIC_ROOT: raw");
    let reports = files_below(&raw)
        .into_iter()
        .filter(|name| name.ends_with(".txt"))
        .map(|name| raw.join(name))
        .collect();
    (bench, reports)
}

fn texts(index: &[u8]) -> Vec<String> {
    let index: Value = serde_json::from_slice(index).unwrap();
    let entries = index.as_object().unwrap().values();
    let text = |entry: &Value| entry["report"].as_str().unwrap_or_default().to_owned();
    entries.map(text).collect()
}

fn make_pipe(path: &Path) {
    let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR);
    rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, 0).unwrap();
}

/// The program in little memory, which must end soon.
fn run(bench: &Bench, arguments: &[&str]) -> Ran {
    bench.run_limited(&["--as=1500000000"], arguments)
}

#[test]
fn a_report_that_is_no_file_costs_its_text_and_a_warning() {
    let (bench, reports) = mimic();
    let kinds = ["pipe", "socket", "folder", "device", "sparse"];
    assert!(reports.len() >= kinds.len(), "{reports:?}");
    run(&bench, &["materialize"]).expect_status(0);
    let before = texts(&fs::read(bench.out().join("mimic/index.json")).unwrap());
    for (kind, path) in kinds.iter().zip(&reports) {
        fs::remove_file(path).unwrap();
        match *kind {
            "pipe" => make_pipe(path),
            "socket" => drop(UnixListener::bind(path).unwrap()),
            "folder" => fs::create_dir(path).unwrap(),
            "device" => std::os::unix::fs::symlink("/dev/zero", path).unwrap(),
            _ => {
                let file = fs::File::create(path).unwrap();
                file.set_len(4 << 30).unwrap();
            }
        }
    }
    for (arguments, said) in [
        (["check"].as_slice(), "1 report cannot be read, see above."),
        (
            &["check", "--decode"],
            "5 reports cannot be read, see above.",
        ),
    ] {
        let checked = run(&bench, arguments).expect_status(3).stdout();
        assert!(checked.contains("cannot be read: it is a "), "{checked}");
        assert!(checked.contains(said), "{checked}");
    }
    let ran = run(&bench, &["materialize"]).expect_status(3);
    for said in [
        "it is a pipe, not a file",
        "it is a socket, not a file",
        "it is a folder, not a file",
        "it is a device, not a file",
        "4.00 GiB are too many: at most 1.00 MiB are read",
        "5 reports could not be read",
    ] {
        assert!(ran.stdout().contains(said), "{said}: {}", ran.stdout());
    }
    let after = texts(&fs::read(bench.out().join("mimic/index.json")).unwrap());
    assert!(
        after
            .iter()
            .zip(&before)
            .all(|(after, before)| after.is_empty() || after == before)
    );
    let count = |texts: &[String]| texts.iter().filter(|text| !text.is_empty()).count();
    assert!(count(&after) < count(&before));

    if skips_fuse("an index on a mount") {
        return;
    }
    let mounted = Mounted::new(&bench, &[]);
    assert_eq!(texts(&mounted.read("mimic/index.json")), after);
}

/// All reports as long as they may be: an index holds a part of them at a time.
#[test]
fn long_reports_are_written_in_little_memory() {
    let bench = Bench::new();
    let root = bench.path("raw");
    fs::create_dir_all(root.join("files/p10/p10000001")).unwrap();
    let (mut list, mut text) = (
        "dicom_id,subject_id,study_id,ViewPosition\n".to_owned(),
        "FINDINGS: ".to_owned(),
    );
    while text.len() < (1 << 20) - 10 {
        text.push_str("clear. ");
    }
    let study = |number: u32| root.join(format!("files/p10/p10000001/s{number}"));
    fs::write(study(0).with_extension("txt"), &text).unwrap();
    fs::create_dir(study(0)).unwrap();
    common::write_png(&study(0).join("x.jpg"), 64, 64, 0);
    for number in 0..1500 {
        if number > 0 {
            fs::hard_link(
                study(0).with_extension("txt"),
                study(number).with_extension("txt"),
            )
            .unwrap();
            std::os::unix::fs::symlink("s0", study(number)).unwrap();
        }
        list += &format!("x,10000001,{number},PA\n");
    }
    fs::write(root.join("mimic-cxr-2.0.0-metadata.csv"), list).unwrap();
    let labels = machex::lists::LABELS.join(",");
    let header = format!("subject_id,study_id,{labels}\n");
    fs::write(root.join("mimic-cxr-2.0.0-chexpert.csv"), header).unwrap();
    bench.write_config("FRONTAL_ONLY: true\nIMAGE_SIZE: 16\nMIMIC_ROOT: raw");
    bench
        .run_limited(&["--as=700000000"], &["materialize"])
        .expect_status(0);
    let index = fs::metadata(bench.out().join("mimic/index.json")).unwrap();
    assert!(index.len() > 1500 * ((1 << 20) - 100), "{}", index.len());
}

/// The golden MIMIC on a disk that a test can hold up.
struct World {
    // Dropped first: it lies in the bench's folder.
    disk: FaultyDisk,
    bench: Bench,
}

impl World {
    fn new() -> Self {
        let (bench, _) = mimic();
        let disk = FaultyDisk::new(&bench.path("real"), &bench.path("disk"));
        fs::rename(bench.path("raw"), disk.real.join("raw")).unwrap();
        let others = Bench::small(1, "");
        copy_tree(&others.path("raw"), &bench.path("others"));
        bench.write_config(
            "FRONTAL_ONLY: false\nIMAGE_SIZE: 64\nMIMIC_ROOT: disk/raw\nCHEXRAY14_ROOT: others",
        );
        Self { disk, bench }
    }

    /// Whatever concerns reports is held up until that ends.
    #[must_use]
    fn hold(&self, op: Op) -> ActiveFault {
        let fault = Fault::hang().on(&[op]);
        self.disk.add(fault.at(|path| path.ends_with(".txt")))
    }

    #[track_caller]
    fn wait_until_held(&self) {
        wait_until("nothing hangs", || self.disk.faults().hanging() > 0);
    }
}

#[track_caller]
fn wait_until(otherwise: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + SOON;
    while !is_so() {
        assert!(Instant::now() < deadline, "{otherwise}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_mount_whose_reports_hang_serves_the_rest_and_ends_by_a_signal() {
    if skips_fuse("a disk that hangs") {
        return;
    }
    for op in [Op::Getattr, Op::Open, Op::Read] {
        let world = World::new();
        let mut mounted = Mounted::new(&world.bench, &[]);
        let held = world.hold(op);
        let reading = {
            let path = mounted.path("mimic/index.json");
            thread::spawn(move || fs::read(path))
        };
        world.wait_until_held();
        // Others do not wait for it, those of the same dataset neither.
        assert!(!mounted.read("mimic/00/000000.jpg").is_empty());
        assert!(!mounted.read("chex-ray14/00/000000.jpg").is_empty());
        assert_eq!(texts(&mounted.read("chex-ray14/index.json")).len(), 1);

        let pid = mounted.pid();
        let process = Pid::from_raw(pid.cast_signed()).unwrap();
        kill_process(process, Signal::TERM).unwrap();
        // Its readers are let go, its mount is away, and of its threads only those are left that
        // the kernel holds.
        assert!(reading.join().unwrap().is_err());
        let root = mounted.root.to_str().unwrap().to_owned();
        wait_until("still mounted", || {
            !fs::read_to_string("/proc/self/mountinfo")
                .unwrap()
                .contains(&root)
        });
        let threads = || {
            let tasks = fs::read_dir(format!("/proc/{pid}/task"));
            tasks.map_or(0, Iterator::count) as u64
        };
        wait_until("it goes on", || {
            threads() <= world.disk.faults().hanging() + 1
        });
        drop(held);
        assert_eq!(mounted.wait(), Some(0), "{op:?}");
    }
}

#[test]
fn commands_whose_reports_hang_end_by_a_signal() {
    if skips_fuse("a disk that hangs") {
        return;
    }
    for (command, signals, code, signal) in [
        // Not by SIGINT, which programs that a shell starts in the background ignore.
        ("check", 1, None, Some(Signal::TERM)),
        // The first asks for an end in order.
        ("materialize", 2, Some(130), None),
    ] {
        for op in [Op::Open, Op::Read] {
            let world = World::new();
            let held = world.hold(op);
            let errors = fs::File::create(world.bench.path("errors")).unwrap();
            let mut child = world
                .bench
                .command(&[command])
                .stdout(Stdio::null())
                .stderr(errors)
                .spawn()
                .unwrap();
            world.wait_until_held();
            for number in 0..signals {
                let sent = signal.unwrap_or(Signal::INT);
                kill_process(Pid::from_child(&child), sent).unwrap();
                let said = || fs::read_to_string(world.bench.path("errors")).unwrap();
                if number + 1 < signals {
                    wait_until("no answer", || said().contains("again to end at once"));
                }
            }
            thread::sleep(Duration::from_millis(300));
            drop(held);
            let ended = child.wait().unwrap();
            assert_eq!(ended.code(), code, "{command}, {op:?}");
            assert_eq!(
                ended.signal(),
                signal.map(Signal::as_raw),
                "{command}, {op:?}"
            );
            assert!(!world.bench.out().join("mimic/index.json").exists());
        }
    }
}
