//! Names of files and cells of lists are anybody's: whatever is printed or logged of them, a terminal does
//! nothing by it, and no line of machex' own is faked.

mod common;

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use common::mounted::{Mounted, skips_fuse};
use common::{Bench, Ran, write_png};
use serde_json::Value;

/// What a name tries to have printed at the beginning of a line.
const FAKED: [&str; 3] = ["objcxr: all is well", "machex: fine", "INFO fine"];

/// Names of sources that cannot be rendered.
const NAMES: [&str; 5] = [
    "aa\nobjcxr: all is well.jpg",
    "b\x1b]0;title\x07\x1b[2J.jpg",
    "c\u{202e}gpj.\u{9b}31m.jpg",
    "d\r\nmachex: fine.jpg",
    "e\nINFO fine.jpg",
];

/// object-CXR with names that should not be, and ChestX-ray14 whose list has such.
fn bench() -> Bench {
    let bench = Bench::new();
    for folder in ["raw/objcxr/train", "raw/nih/images"] {
        fs::create_dir_all(bench.path(folder)).unwrap();
    }
    for name in NAMES {
        fs::write(bench.path("raw/objcxr/train").join(name), "no image").unwrap();
    }
    write_png(&bench.path("raw/objcxr/train/f\n\x1b[1m.png"), 90, 80, 1);
    write_png(&bench.path("raw/nih/images/good.png"), 90, 80, 1);
    let list = "good.png\n\x1b[31mmissing\x07.png\n../\x1b[31mout\n";
    fs::write(bench.path("raw/nih/train_val_list.txt"), list).unwrap();
    bench.write_config(
        "FRONTAL_ONLY: true\nIMAGE_SIZE: 32\nOBJECTCXR_ROOT: raw/objcxr\nCHEXRAY14_ROOT: raw/nih\n",
    );
    bench
}

#[track_caller]
fn assert_harmless(what: &str, bytes: &[u8]) {
    let text = String::from_utf8(bytes.to_vec()).unwrap_or_else(|_| panic!("{what} is not UTF-8"));
    for character in text.chars() {
        let is_harmful = character != '\n' && character.is_control()
            || matches!(character, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        assert!(
            !is_harmful,
            "{what}: {character:?} in\n{}",
            text.escape_debug()
        );
    }
    for line in text.lines() {
        let faked = FAKED
            .iter()
            .find(|faked| line.trim_start().starts_with(*faked));
        assert_eq!(faked, None, "{what}:\n{text}");
    }
}

#[track_caller]
fn assert_safe(what: &str, ran: &Ran) {
    assert_harmless(what, ran.bytes());
    assert_harmless(what, ran.stderr().as_bytes());
}

#[test]
fn what_commands_print_of_names_is_escaped() {
    let bench = bench();
    for command in [
        &["check"][..],
        &["check", "--json"],
        &["check", "--decode"],
        &["check", "--decode", "--json"],
        &["materialize", "--dry-run"],
        &["materialize"],
        &["materialize", "--finish"],
        &["-vv", "materialize"],
    ] {
        let ran = bench.run(command).expect_status(3);
        assert_safe(&command.join(" "), &ran);
    }
    let text = bench.run(&["check", "--decode"]).stdout();
    for words in [
        "aa\\nobjcxr: all is well.jpg",
        "\\x1b]0;title\\x07",
        "c\\u{202e}gpj",
    ] {
        assert!(text.contains(words), "{words}:\n{text}");
    }
    for place in ["config.yml", "out"] {
        for command in ["report", "preview"] {
            let output = bench.path("page");
            let ran = bench.run(&[command, place, "-o", output.to_str().unwrap()]);
            assert_safe(&format!("{command} {place}"), &ran);
            if command == "report" {
                assert_harmless(&format!("the page of {place}"), &fs::read(&output).unwrap());
            }
        }
    }
    // What programs read has the names as they are.
    let index = fs::read(bench.out().join("objcxr/index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    assert_eq!(index["000005"]["key"], "f\n\x1b[1m.png");
}

#[test]
fn what_a_mount_logs_and_tells_of_names_is_escaped() {
    if skips_fuse("names in the log of a mount") {
        return;
    }
    let bench = bench();
    for (log, journal) in [
        ("mount.err", false),
        ("mount.err", true),
        ("own.log", false),
    ] {
        let _ = fs::remove_file(bench.path("own.log"));
        let file = bench.path("own.log");
        let to_file = ["--log-file", file.to_str().unwrap()];
        let mut options = vec![];
        if log == "own.log" {
            options.extend(to_file);
        }
        let program: &[&str] = match journal {
            true => &["env", "JOURNAL_STREAM=1:2"],
            false => &[],
        };
        let mounted = Mounted::below(&bench, program, &options);
        for number in 0..5 {
            assert!(fs::read(mounted.path(&format!("objcxr/00/{number:06}.jpg"))).is_err());
        }
        assert!(fs::read(mounted.path("chex-ray14/00/000001.jpg")).is_err());
        let good = mounted.path("objcxr/00/000005.jpg");
        fs::read(&good).unwrap();
        let mut value = [0; 100];
        let read = rustix::fs::getxattr(&good, "user.machex.key", &mut value).unwrap();
        assert_eq!(&value[..read], b"f\n\x1b[1m.png");
        let index: Value = serde_json::from_slice(&mounted.read("objcxr/index.json")).unwrap();
        assert_eq!(index["000000"]["key"], NAMES[0]);
        for command in [&["status", "mnt"][..], &["status", "mnt", "--json"]] {
            let ran = bench.run(command).expect_status(0);
            assert_safe(&command.join(" "), &ran);
            assert!(
                ran.stdout().contains("nobjcxr: all is well.jpg"),
                "{}",
                ran.stdout()
            );
        }
        assert_harmless("status.json", &mounted.read(".machex/status.json"));
        assert_harmless("metrics", &mounted.read(".machex/metrics"));
        let page = bench.run(&["report", "mnt", "-o", "-"]);
        assert_safe("report mnt", &page);
        drop(mounted);
        let text = fs::read(bench.path(log)).unwrap();
        assert_harmless(log, &text);
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("aa\\nobjcxr: all is well.jpg"), "{text}");
        let lines = text.lines().filter(|line| line.contains("file="));
        assert_eq!(lines.count(), 6, "one line an image:\n{text}");
    }
}

#[test]
fn what_is_wrong_with_a_config_or_an_argument_is_escaped() {
    let bench = bench();
    let odd = "x\nmachex: fine \x1b[2J\x07\u{202e}";
    for line in [
        "NUM_WORKERZ: \"x\\nmachex: fine \\e[2J\\a\"",
        "NUM_WORKERS: \"x\\nmachex: fine \\e[2J\\a\"",
        "\"KEY\\nmachex: fine \\e[2J\": 1",
        "LISTING_PROGRAMS: {\"x\\nmachex: fine\": \"\\e[2J\"}",
        "OPENI_ROOT: \"x\\nmachex: fine \\e[2J\\a\"",
        "OPENI_ROOT: *\u{1b}[2J",
        "a: *nothing\u{202e}",
        "FRONTAL_ONLY: \"\\e[2J\"\nFRONTAL_ONLY: 2",
    ] {
        let config = bench.path("odd.yml");
        let head = "MACHEX_PATH: out\nOBJECTCXR_ROOT: raw/objcxr\n";
        fs::write(&config, format!("{head}{line}\n")).unwrap();
        let ran = bench.run(&["check", "odd.yml"]).expect_status(1);
        assert_safe(line, &ran);
    }
    for arguments in [
        &["check", odd][..],
        &["check", "--all", "config.yml", odd],
        &["check", &format!("--{odd}")],
        &[odd],
        &["materialize", "--part", odd],
        &["materialize", "--dataset", odd],
        &["materialize", "--workers", odd],
        &[
            "mount",
            "config.yml",
            "mnt",
            "-o",
            &format!("cache_size={odd}"),
        ],
        &["mount", "config.yml", "mnt", "--cache-size", odd],
        &["mount", "config.yml", odd],
        &["unmount", odd],
        &["status", odd],
        &["report", odd, "-o", "-"],
        &["report", "-o", &format!("{odd}/x")],
        &["preview", "--dataset", odd, "-o", "x.png"],
        &["sample", &format!("config.yml/{odd}")],
    ] {
        let ran = bench.run(arguments);
        assert_ne!(ran.status(), 0, "{arguments:?}");
        assert_safe(&format!("{arguments:?}"), &ran);
        assert!(!ran.stderr().is_empty(), "{arguments:?}");
    }
    let mut command = bench.command(&["check"]);
    command.arg(OsString::from_vec(b"\xff\x1b[2J\nmachex: fine".to_vec()));
    assert_safe("an argument that is not UTF-8", &Ran::of(&mut command));
    // Help and version are no errors.
    for argument in ["--help", "--version"] {
        assert_eq!(bench.run(&[argument]).expect_status(0).stderr(), "");
    }
}

#[test]
fn who_holds_a_mount_is_named_without_harm() {
    if skips_fuse("names of processes") {
        return;
    }
    let bench = bench();
    let mounted = Mounted::new(&bench, &[]);
    // The name of a process is that of its file, or of the link to it. A copy could be "busy": a
    // process that another test starts may still have it open for writing.
    let program = bench.path("s\nm\x1b[2J");
    symlink("/bin/sleep", &program).unwrap();
    let mut holder = std::process::Command::new(&program)
        .arg("60")
        .current_dir(&mounted.root)
        .spawn()
        .unwrap();
    let comm = format!("/proc/{}/comm", holder.id());
    let ran = bench.run(&["unmount", "mnt", "--timeout", "0"]);
    let name = fs::read(Path::new(&comm)).unwrap();
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(name.starts_with(b"s\nm\x1b"), "{name:?}");
    assert_eq!(ran.status(), 1, "{}", ran.stderr());
    assert_safe("unmount", &ran);
    assert!(
        ran.stderr().contains("s\\nm\\x1b[2J (process"),
        "{}",
        ran.stderr()
    );
}
