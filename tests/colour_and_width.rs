//! What the commands print on a terminal and into a pipe: lines that fit, and colour where it shows.

mod common;

use std::fs;
use std::process::Command;

use common::mounted::{Mounted, skips_fuse};
use common::terminal::{OnTerminal, widest};
use common::{Bench, Ran};

/// A sample of which something is wrong in several ways.
fn faulty() -> Bench {
    let bench = Bench::sample(4);
    fs::remove_dir_all(bench.path("raw/rsna/stage_2_train_images_jpg")).unwrap();
    fs::remove_file(bench.path("raw/mimic/mimic-cxr-2.0.0-chexpert.csv")).unwrap();
    for entry in fs::read_dir(bench.path("raw/objcxr/train")).unwrap() {
        fs::write(entry.unwrap().path(), "no image").unwrap();
    }
    bench
}

fn on_terminal(command: &mut Command, columns: u16) -> String {
    OnTerminal::start(command, columns, 24).wait().text()
}

fn piped(mut command: Command) -> String {
    Ran::of(command.env_remove("COLUMNS")).stdout()
}

#[test]
fn lines_fit_the_terminal_and_pipes() {
    let (good, bad) = (Bench::sample(4), faulty());
    for (bench, arguments) in [
        (&good, &["check"][..]),
        (&good, &["check", "--decode", "--sums"]),
        (&bad, &["check"]),
        (&bad, &["check", "--decode", "--sums"]),
        (&good, &["datasets"]),
    ] {
        for width in [80, 60] {
            let shown = on_terminal(&mut bench.command(arguments), width);
            let (columns, line) = widest(&shown);
            assert!(
                columns <= width.into(),
                "{arguments:?} {columns}: {line}\n{shown}"
            );
            assert!(columns > 30, "{shown}");
        }
        let shown = piped(bench.command(arguments));
        let (columns, line) = widest(&shown);
        assert!(columns <= 80, "{arguments:?} {columns}: {line}\n{shown}");
    }
}

#[test]
fn colour_is_for_terminals_that_want_it() {
    let (good, bad) = (Bench::sample(2), faulty());
    let (green, red) = ("\x1b[32m", "\x1b[1m\x1b[31m");
    let shown = on_terminal(&mut good.command(&["check"]), 80);
    assert!(shown.contains(green) && !shown.contains(red), "{shown}");
    let shown = on_terminal(&mut bad.command(&["check"]), 80);
    assert!(shown.contains(green) && shown.contains(red), "{shown}");
    assert!(!piped(bad.command(&["check"])).contains('\x1b'));
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let mut command = bad.command(&["check"]);
        // The terminal of this test says that it has colour.
        command = {
            let mut shell = Command::new("env");
            shell.arg(format!("{name}={value}"));
            shell.arg(command.get_program()).args(command.get_args());
            shell.current_dir(bad.path(""));
            shell
        };
        let shown = on_terminal(&mut command, 80);
        assert!(!shown.contains('\x1b'), "{name}: {shown}");
        assert!(shown.contains("rsna"), "{shown}");
    }
    let mut forced = bad.command(&["check"]);
    assert!(
        Ran::of(forced.env("CLICOLOR_FORCE", "1"))
            .stdout()
            .contains(red)
    );
}

#[test]
fn a_status_fits_too() {
    if skips_fuse("the status of a mount") {
        return;
    }
    let bench = faulty();
    let config = fs::read_to_string(bench.path("config.yml")).unwrap();
    let config: String = config
        .lines()
        .filter(|line| !["MIMIC_ROOT", "RSNA_ROOT"].contains(&line.split(':').next().unwrap()))
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(bench.path("config.yml"), config).unwrap();
    let mounted = Mounted::new(&bench, &[]);
    mounted.read("chexpert/00/000000.jpg");
    assert!(fs::read(mounted.path("objcxr/00/000000.jpg")).is_err());
    let shown = on_terminal(&mut bench.command(&["status", "mnt"]), 80);
    assert!(shown.contains("\x1b[1m"), "{shown}");
    for shown in [&shown, &piped(bench.command(&["status", "mnt"]))] {
        let (columns, line) = widest(shown);
        assert!(columns <= 80, "{columns}: {line}");
        assert!(
            shown.contains("objcxr/000000.jpg") || shown.contains("000000.jpg"),
            "{shown}"
        );
    }
}
