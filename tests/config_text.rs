//! The text of a config file: what is no config, what is no YAML, and what values mean.

mod common;

use std::fs;

use common::{Bench, Ran};

/// A bench with an empty dataset, `raw`, and this config.
fn bench(config: &[u8]) -> Bench {
    let bench = Bench::new();
    fs::create_dir_all(bench.path("raw/images")).unwrap();
    fs::write(bench.path("raw/train_val_list.txt"), "").unwrap();
    fs::write(bench.path("config.yml"), config).unwrap();
    bench
}

/// What `materialize --dry-run` says of a config that it refuses.
fn complaint(config: &str) -> String {
    let bench = bench(config.as_bytes());
    let ran = bench.run(&["materialize", "--dry-run"]);
    ran.expect_status(1).stderr()
}

const HEAD: &str = "MACHEX_PATH: out\nFRONTAL_ONLY: true\n";

/// Plans a run with these lines. The dataset has no images, which gives status 3 if the config is
/// accepted.
fn run_with(lines: &str) -> (Bench, Ran) {
    let bench = bench(format!("{HEAD}CHEXRAY14_ROOT: raw\n{lines}").as_bytes());
    let ran = bench.run(&["materialize", "--dry-run"]);
    (bench, ran)
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_accepted() {
    let text = complaint("\u{feff}MACHEX_PATH: out\r\nFRONTAL_ONLY: true\r\n");
    assert!(text.contains("config.yml: No datasets"), "{text}");
}

#[test]
fn what_is_no_config_is_said_to_be_none_and_the_example_named() {
    let example = "\"machex config > config.yml\" writes a commented example";
    for (config, problem) in [
        (&b""[..], "it has no settings"),
        (b"# only this\n", "it has no settings"),
        (
            b"- a\n- b\n",
            "line 1: the file must consist of lines \"KEY: value\"",
        ),
        (
            b"\nMACHEX_PATH /data\n",
            "line 2: the file must consist of lines",
        ),
        (b"\x7fELF\x02\x01\0\0", "it is not text, but binary data"),
    ] {
        let text = bench(config).run(&["check"]).expect_status(1).stderr();
        assert!(
            text.contains(&format!("config file config.yml: {problem}")),
            "{text}"
        );
        assert!(text.contains(example), "{text}");
    }
    for (config, problem) in [
        (
            &b"MACHEX_PATH: /d\nX: caf\xe9\n"[..],
            "line 2 is not in UTF-8",
        ),
        (b"\xff\xfeM\0A\0", "it is in UTF-16"),
    ] {
        let text = bench(config).run(&["check"]).expect_status(1).stderr();
        assert!(
            text.contains(problem) && text.contains("iconv -f"),
            "{text}"
        );
    }
}

#[test]
fn a_missing_config_names_the_example_or_those_that_are_there() {
    let empty = Bench::new();
    let text = empty.run(&["mount", "mnt"]).expect_status(1).stderr();
    let expected = "machex: mnt is neither a config file nor a folder to mount on; if it is to be the \
                    mount point, make it first: mkdir -p mnt\n";
    assert_eq!(text, expected);
    for command in ["check", "materialize", "mount"] {
        let text = empty.run(&[command]).expect_status(1).stderr();
        let expected = "machex: config file config.yml: there is no such file; \"machex config > \
                        config.yml\" writes a commented example\n";
        assert_eq!(text, expected);
    }
    let said = |bench: &Bench, config: &str| {
        let text = bench.run(&["check", config]).expect_status(1).stderr();
        text.replace(&bench.path("").display().to_string(), "")
    };
    let text = said(&empty, "conf/x.yml");
    assert!(text.contains("conf/x.yml: there is no folder"), "{text}");

    fs::create_dir(empty.path("demo")).unwrap();
    let text = said(&empty, "demo");
    assert!(
        text.contains("demo: it is a folder; \"machex config >"),
        "{text}"
    );
    fs::write(empty.path("demo/config.yml"), "").unwrap();
    fs::write(empty.path("mine.yaml"), "").unwrap();
    let text = said(&empty, "demo");
    let expected = "it is a folder; demo/config.yml is there: name it, as in \"machex check";
    assert!(text.contains(expected), "{text}");
    let text = said(&empty, "config.yml");
    assert!(text.contains("no such file; mine.yaml is there"), "{text}");
}

#[test]
fn a_config_without_end_is_not_read() {
    let bench = Bench::new();
    for arguments in [["check", "/dev/zero"], ["materialize", "/dev/zero"]] {
        let ran = bench.run(&arguments).expect_status(1);
        let said = "1.00 MiB are too many: at most 1.00 MiB are read";
        assert!(ran.stderr().contains(said), "{}", ran.stderr());
    }
}

#[test]
fn a_broken_config_is_told_with_its_line() {
    for (text, expected) in [
        (
            "MACHEX_PATH: out\nFRONTAL_ONLY: [true\nX: y\n",
            "line 3, column 2: a [ or { before this is not closed; close it, or put the value in quotes\n  3 | X: y\n    |  ^\n",
        ),
        (
            "MACHEX_PATH: out\n\tFRONTAL_ONLY: true\n",
            "line 2, column 1: a tab cannot indent a line; use blanks\n  2 | \\tFRONTAL_ONLY: true\n    | ^\n",
        ),
        (
            "MACHEX_PATH: out\n  FRONTAL_ONLY: true\n",
            "line 2, column 3: this line is indented; begin each key in the first column\n  2 |   FR",
        ),
        (
            "MACHEX_PATH: out\nFRONTAL_ONLY: true: x\n",
            "line 2, column 19: a colon and a blank inside a value; put the value in quotes\n",
        ),
        (
            "MACHEX_PATH: out\nFRONTAL_ONLY: *x\n",
            "line 2, column 15: a value that begins with * must be in quotes\n",
        ),
        (
            "MACHEX_PATH: out\nFRONTAL_ONLY:true\nX: y\n",
            "line 2, column 1: no colon with a blank after it; write KEY: value\n",
        ),
    ] {
        let text = complaint(text);
        assert!(text.contains(expected), "no {expected:?} in:\n{text}");
        assert!(
            text.starts_with("machex: config file config.yml: line "),
            "{text}"
        );
    }
}

#[test]
fn keys_that_are_set_twice_are_told_with_all_other_problems() {
    let text = complaint(
        "MACHEX_PATH: out\n# a\nFRONTAL_ONLY: maybe\nMACHEX_PATH: in\nSIIM_ROOT:\nSIIM_ROOT: x\n",
    );
    for expected in [
        "4 problems",
        "line 3: FRONTAL_ONLY: maybe is not true or false",
        "line 4: MACHEX_PATH is set already in line 1; keep one of the two",
        "line 6: SIIM_ROOT is set already in line 5; keep one of the two",
    ] {
        assert!(text.contains(expected), "no {expected:?} in:\n{text}");
    }
}

#[test]
fn quotes_change_no_number_and_no_truth() {
    let (_, ran) =
        run_with("NUM_WORKERS: \"4\"\nDURABLE: 'true'\nONLY_PRESENT: \"No\"\nIMAGE_SIZE: '0x40'\n");
    ran.expect_status(3);
    for (line, expected) in [
        ("NUM_WORKERS: \"0\"", "NUM_WORKERS: 0 is not a whole number"),
        ("NUM_WORKERS: 4.0", "NUM_WORKERS: 4.0 is not a whole number"),
        ("DURABLE: 1", "DURABLE: 1 is not true or false"),
        ("DURABLE: [yes]", "DURABLE: [yes] is not true or false"),
        (
            "CACHE_PATH: no",
            "CACHE_PATH: no is not a path; put it in quotes",
        ),
        ("CACHE_PATH: {a: b}", "CACHE_PATH: a mapping is not a path"),
        (
            "CACHE_PATH: !x y",
            "CACHE_PATH: a value with a tag is not a path",
        ),
        (
            "LISTING_PROGRAMS: [ls, [find]]",
            "LISTING_PROGRAMS: [ls, ...] is not a list",
        ),
    ] {
        let (_, ran) = run_with(&format!("{line}\n"));
        let text = ran.expect_status(1).stderr();
        assert!(text.contains(&format!("line 4: {expected}")), "{text}");
    }
    // A folder may be named like a number.
    let text = complaint(&format!("{HEAD}CHEXRAY14_ROOT: 2024\n"));
    assert!(text.contains("/2024 does not exist"), "{text}");
}

#[test]
fn an_empty_value_is_none() {
    let empty =
        "CHEXPERT_ROOT: \"\"\nMIMIC_ROOT:\nSIIM_ROOT: ~\nCACHE_PATH: ''\nNUM_WORKERS: \"\"\n";
    run_with(empty).1.expect_status(3);
    let text = complaint(&format!("{HEAD}{empty}"));
    assert!(text.contains("No datasets were specified"), "{text}");
    for nothing in ["", "\"\"", "' '", "null", "~"] {
        let text = complaint(&format!(
            "FRONTAL_ONLY: {nothing}\nMACHEX_PATH: {nothing}\nCHEXRAY14_ROOT: raw\n"
        ));
        let expected = "line 2: MACHEX_PATH is empty: give the folder of the finished tree";
        assert!(text.contains(expected), "{text}");
        assert!(
            text.contains("line 1: FRONTAL_ONLY is empty: give true"),
            "{text}"
        );
    }
}

/// Runs `check` with variables of the environment; `None` unsets one.
fn check_with(bench: &Bench, variables: &[(&str, Option<&str>)]) -> Ran {
    let mut command = bench.command(&["check", "--json"]);
    for (name, value) in variables {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Ran::of(&mut command)
}

#[test]
fn variables_and_the_home_folder_are_expanded_in_paths() {
    let bench = Bench::small(1, "");
    let folder = bench.path("");
    let folder = folder.to_str().unwrap().trim_end_matches('/');
    let home = [("HOME", Some(folder)), ("NAME", Some("raw"))];
    for root in [
        "~/raw",
        "$HOME/raw",
        "${HOME}/$NAME",
        "\"$HOME/${NAME}\"",
        "$NAME",
    ] {
        let config = format!(
            "MACHEX_PATH: $HOME/out\nFRONTAL_ONLY: true\nCACHE_PATH: ~/cache\nCHEXRAY14_ROOT: {root}\n"
        );
        fs::write(bench.path("config.yml"), config).unwrap();
        let ran = check_with(&bench, &home).expect_status(0);
        let said: serde_json::Value = serde_json::from_str(&ran.stdout()).unwrap();
        assert_eq!(
            said["datasets"][0]["root"],
            format!("{folder}/raw"),
            "{root}"
        );
    }
    // Only paths are expanded.
    fs::rename(bench.path("raw"), bench.path("r$NAME")).unwrap();
    let config = "MACHEX_PATH: out\nFRONTAL_ONLY: true\nCACHE_PATH: cache\nCHEXRAY14_ROOT: r$$NAME\n\
                  LISTING_PROGRAMS: [$NOWHERE]\n";
    fs::write(bench.path("config.yml"), config).unwrap();
    check_with(&bench, &home).expect_status(0);
}

#[test]
fn a_variable_that_is_not_set_is_named_with_key_and_line() {
    let (bench, _) = run_with(
        "CACHE_PATH: ~/x\nCHEXPERT_ROOT: ${MACHEX_NOWHERE}/chexpert\nSIIM_ROOT: $MACHEX_EMPTY/siim\n\
         MIMIC_ROOT: ~nobody/x\nBRAX_ROOT: ${HOME:-/x}\n",
    );
    let variables = [("HOME", None), ("MACHEX_EMPTY", Some(""))];
    let text = check_with(&bench, &variables).expect_status(1).stderr();
    for expected in [
        "5 problems",
        "line 4: CACHE_PATH: ~/x: HOME is not set in the environment; set it, or write the path out\n",
        "line 5: CHEXPERT_ROOT: ${MACHEX_NOWHERE}/chexpert: MACHEX_NOWHERE is not set in the \
         environment; set it, or write the path out ($$ is a dollar sign)",
        "line 6: SIIM_ROOT: $MACHEX_EMPTY/siim: MACHEX_EMPTY is empty",
        "line 7: MIMIC_ROOT: ~nobody/x: only ~ and ~/ are expanded; write the path out, or ./~nobody",
        "line 8: BRAX_ROOT: ${HOME:-/x}: a variable is written as $NAME or ${NAME}, and",
    ] {
        assert!(text.contains(expected), "no {expected:?} in:\n{text}");
    }
}
