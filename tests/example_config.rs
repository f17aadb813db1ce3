//! The commented example of a config that `machex config` prints.

mod common;

use std::fs;

use common::Bench;

#[test]
fn the_example_is_the_file_of_the_repository() {
    let printed = Bench::new().run(&["config"]).expect_status(0);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/config.yml");
    assert_eq!(printed.stdout(), fs::read_to_string(file).unwrap());
}

#[test]
fn two_edited_lines_make_a_config() {
    let bench = Bench::small(2, "");
    let example = bench.run(&["config"]).expect_status(0).stdout();
    // As it is, it names no dataset, and says so.
    fs::write(bench.path("config.yml"), &example).unwrap();
    let text = bench.run(&["check"]).expect_status(1).stderr();
    assert!(text.contains("CHEXRAY14_ROOT"), "{text}");
    let edited = example
        .replace("MACHEX_PATH: machex\n", "MACHEX_PATH: out\n")
        .replace("CHEXRAY14_ROOT: null\n", "CHEXRAY14_ROOT: raw\n");
    fs::write(bench.path("config.yml"), edited).unwrap();
    bench.run(&["check"]).expect_status(0);
}

#[test]
fn every_line_of_the_example_can_be_used() {
    let bench = Bench::small(2, "");
    let example = bench.run(&["config"]).expect_status(0).stdout();
    let mut config = example.replace("CHEXRAY14_ROOT: null\n", "CHEXRAY14_ROOT: raw\n");
    for key in ["NUM_WORKERS", "CACHE_SIZE", "LISTING_PROGRAMS", "DURABLE"] {
        let line = format!("\n# {key}: ");
        assert!(config.contains(&line), "{key}");
        config = config.replace(&line, &format!("\n{key}: "));
    }
    // All others: a comment with a key in capitals.
    let lines = config.lines().map(|line| match line.strip_prefix("# ") {
        Some(setting)
            if setting.starts_with(|c: char| c.is_ascii_uppercase()) && is_key(setting) =>
        {
            setting
        }
        _ => line,
    });
    let config: Vec<&str> = lines.collect();
    let config = config.join("\n").replace("~/.cache/machex", "cache");
    assert!(
        config.contains("\nPADCHEST_STRICT_VETO: false\n"),
        "{config}"
    );
    fs::write(bench.path("config.yml"), config).unwrap();
    bench.run(&["check"]).expect_status(0);
}

fn is_key(setting: &str) -> bool {
    setting
        .split_once(": ")
        .is_some_and(|(key, _)| !key.contains(|c: char| !c.is_ascii_uppercase() && c != '_'))
}

#[test]
fn single_keys_are_printed_with_their_comments() {
    let bench = Bench::new();
    let text = bench
        .run(&["config", "cache_size", "NUM_WORKERS"])
        .expect_status(0)
        .stdout();
    assert!(text.ends_with("\n# NUM_WORKERS: 16\n"), "{text}");
    assert!(
        text.contains("\n# CACHE_SIZE: 200GiB\n\n# Number of threads."),
        "{text}"
    );
    assert!(!text.contains("CACHE_PATH:"), "{text}");
}

#[test]
fn a_wrong_key_is_answered_with_the_right_one() {
    let text = Bench::new()
        .run(&["config", "CACHE_SIZ"])
        .expect_status(1)
        .stderr();
    assert!(
        text.contains("CACHE_SIZ; did you mean CACHE_SIZE?"),
        "{text}"
    );
}
