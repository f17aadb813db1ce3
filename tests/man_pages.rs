//! The man pages that `machex man` writes.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Bench, Ran, files_below};

/// A folder with all pages.
fn pages() -> Bench {
    let bench = Bench::new();
    let ran = bench.run(&["man", "man"]).expect_status(0);
    assert!(
        ran.stdout().contains("man -l man/machex.1"),
        "{}",
        ran.stdout()
    );
    bench
}

/// The commands that `machex --help` lists.
fn commands(bench: &Bench) -> Vec<String> {
    let help = bench.run(&["--help"]).expect_status(0).stdout();
    let (_, list) = help.split_once("\nCommands:\n").unwrap();
    let lines = list.lines().take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let names = names.filter(|name| !name.is_empty() && *name != "help");
    names.map(str::to_owned).collect()
}

fn read(bench: &Bench, page: &str) -> String {
    fs::read_to_string(bench.path("man").join(page)).unwrap()
}

#[test]
fn each_command_has_a_page_with_examples() {
    let bench = pages();
    let commands = commands(&bench);
    assert!(commands.len() >= 12, "{commands:?}");
    let mut expected: Vec<String> = commands
        .iter()
        .map(|command| format!("machex-{command}.1"))
        .chain(["machex.1".to_owned(), "machex.yml.5".to_owned()])
        .collect();
    expected.sort();
    assert_eq!(files_below(&bench.path("man")), expected);
    for page in expected.iter().filter(|page| page.ends_with(".1")) {
        let text = read(&bench, page);
        for section in [
            "NAME",
            "SYNOPSIS",
            "EXAMPLES",
            "\"EXIT STATUS\"",
            "\"SEE ALSO\"",
        ] {
            assert_eq!(
                text.matches(&format!("\n.SH {section}\n")).count(),
                1,
                "{page}: {section}"
            );
        }
        let (_, examples) = text.split_once(".SH EXAMPLES").unwrap();
        assert!(examples.contains("\nmachex "), "{page}");
    }
    assert!(read(&bench, "machex-materialize.1").contains("SLURM"));
    assert!(!read(&bench, "machex-check.1").contains("SLURM"));
}

#[test]
fn the_page_on_configs_has_every_key_with_its_comment() {
    let bench = pages();
    let page = read(&bench, "machex.yml.5");
    let example = bench.run(&["config"]).expect_status(0).stdout();
    let keys: Vec<&str> = example.lines().filter_map(key).collect();
    assert!(keys.len() > 20, "{keys:?}");
    for key in keys {
        let heads = page.matches(&format!("\n\\fB{key}\\fR: ")).count();
        assert_eq!(heads, 1, "{key}");
    }
    assert!(page.contains("Number of threads. Default"), "{page}");
}

/// The key of a line of the example.
fn key(line: &str) -> Option<&str> {
    let (key, _) = line.trim_start_matches("# ").split_once(": ")?;
    let is_key = key
        .bytes()
        .all(|byte| byte.is_ascii_uppercase() || b"_0123456789".contains(&byte));
    is_key.then_some(key)
}

#[test]
fn pages_name_the_datasets_and_no_day() {
    let bench = pages();
    for page in ["machex.1", "machex-materialize.1", "machex-datasets.1"] {
        assert!(read(&bench, page).contains("PADCHEST_ROOT"), "{page}");
    }
    let title = format!(
        ".TH machex-mount 1 \"\" \"machex {}\" machex\n",
        env!("CARGO_PKG_VERSION")
    );
    assert!(read(&bench, "machex-mount.1").contains(&title));
    // Written again, they are the same.
    let before = read(&bench, "machex.1");
    bench.run(&["man", "man"]).expect_status(0);
    assert_eq!(read(&bench, "machex.1"), before);
}

/// Runs a program that may not be installed.
fn run_if_there(program: &str, arguments: &[&str], page: &Path) -> Option<Ran> {
    let is_there = Command::new("sh")
        .args(["-c", "command -v \"$0\"", program])
        .stdout(Stdio::null())
        .status();
    if !is_there.unwrap().success() {
        eprintln!("NOT TESTED, for want of {program}: man pages");
        return None;
    }
    let mut command = Command::new(program);
    command.args(arguments).arg(page);
    command.env("MANWIDTH", "80").env("LC_ALL", "C.UTF-8");
    Some(Ran::of(&mut command))
}

#[test]
fn pages_are_shown_without_warnings() {
    let bench = pages();
    for page in files_below(&bench.path("man")) {
        let path = bench.path("man").join(&page);
        if let Some(ran) = run_if_there("man", &["--warnings", "-l"], &path) {
            let ran = ran.expect_status(0);
            assert_eq!(ran.stderr(), "", "{page}");
            assert!(ran.stdout().contains("EXAMPLES"), "{page}");
            assert!(!ran.stdout().contains("(ti"), "{page}");
        }
        if let Some(ran) = run_if_there("groff", &["-man", "-ww", "-Tutf8", "-z"], &path) {
            assert_eq!(ran.expect_status(0).stderr(), "", "{page}");
        }
        // An empty date is on purpose; clap_mangen breaks lines before lists of values.
        if let Some(ran) = run_if_there("mandoc", &["-T", "lint", "-W", "warning"], &path) {
            let lines = ran.stdout();
            let is_expected = |line: &&str| {
                line.contains("missing date") || line.contains("skipping paragraph macro: br ")
            };
            let others: Vec<&str> = lines.lines().filter(|line| !is_expected(line)).collect();
            assert!(others.is_empty(), "{others:#?}");
        }
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let bench = Bench::new();
    fs::write(bench.path("file"), "").unwrap();
    let text = bench.run(&["man", "file"]).expect_status(1).stderr();
    assert!(text.contains("machex: file: "), "{text}");
}
