//! Completions, in the shells themselves.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::mounted::{Mounted, skips_fuse};
use common::{Bench, Ran};

/// A shell, and how it completes a line without a terminal.
struct Shell {
    name: &'static str,
    /// Prints what may follow the line `$LINE`, one a line.
    commands: &'static str,
}

const SHELLS: [Shell; 3] = [
    Shell {
        name: "bash",
        // What bash does on a tab, for lines whose words have no quotes.
        commands: r#"
            source ./script || exit 1
            COMP_LINE=$LINE COMP_POINT=${#LINE}
            word=${LINE##*[[:space:]=:]}
            compopt() { [ "$2" = default ] && COMPREPLY=($(compgen -f -- "$word")); }
            function=$(complete -p machex) function=${function##*-F }
            ${function%% *} machex "$word"
            for reply in "${COMPREPLY[@]}"; do echo "$reply"; done
        "#,
    },
    Shell {
        name: "zsh",
        // What zsh's functions are told, since they work in its line editor only.
        commands: r#"
            compdef() { function=$1 }
            compset() { PREFIX=${PREFIX#--*=} }
            _files() { print -l -- $PREFIX*(N) }
            _describe() { (( $#answers )) && print -l -- "${(@)answers%%:*}" }
            source ./script || exit 1
            words=("${(@z)LINE}")
            [[ $LINE == *' ' ]] && words+=('')
            CURRENT=$#words PREFIX=$words[-1]
            $function
        "#,
    },
    Shell {
        name: "fish",
        commands: "source ./script; complete --do-complete $LINE | string split -f1 \\t",
    },
];

/// What each shell that is installed completes the line to.
fn completed(folder: &Path, line: &str) -> Vec<(&'static str, Vec<String>)> {
    let program = Path::new(env!("CARGO_BIN_EXE_machex"));
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", program.parent().unwrap().display());
    let mut all = Vec::new();
    for shell in &SHELLS {
        let is_there = Command::new(shell.name).args(["-c", "exit 0"]).status();
        if !is_there.is_ok_and(|status| status.success()) {
            eprintln!("NOT TESTED, for want of {}: completions", shell.name);
            continue;
        }
        let script = Ran::of(Command::new(program).args(["completions", shell.name]));
        fs::write(folder.join("script"), script.expect_status(0).bytes()).unwrap();
        let mut command = Command::new(shell.name);
        if shell.name == "zsh" {
            command.arg("-f");
        }
        command.args(["-c", shell.commands]).current_dir(folder);
        command
            .env("PATH", &path)
            .env("LINE", line)
            .env("HOME", folder);
        let ran = Ran::of(&mut command);
        let lines = ran.stdout().lines().map(str::to_owned).collect();
        assert_eq!(ran.stderr(), "", "{}: {line}", shell.name);
        all.push((shell.name, lines));
    }
    assert!(!all.is_empty(), "there is no shell at all");
    all
}

/// Fails the test unless all shells complete the line to these words.
#[track_caller]
fn expect(folder: &Path, line: &str, expected: &[&str]) {
    for (shell, words) in completed(folder, line) {
        assert_eq!(words, expected, "{shell}: {line}");
    }
}

#[test]
fn commands_options_and_values_are_completed() {
    let bench = Bench::new();
    let folder = &bench.path("");
    expect(folder, "machex mat", &["materialize"]);
    expect(folder, "machex materialize --dry", &["--dry-run"]);
    expect(folder, "machex completions ", &["bash", "zsh", "fish"]);
    expect(folder, "machex mount --passthrough o", &["on", "off"]);
}

#[test]
fn datasets_are_completed_also_after_a_comma() {
    let bench = Bench::new();
    let folder = &bench.path("");
    expect(folder, "machex materialize --dataset pad", &["padchest"]);
    expect(
        folder,
        "machex preview --dataset ch",
        &["chex-ray14", "chexpert"],
    );
    let line = "machex materialize --dataset chexpert,pad";
    expect(folder, line, &["chexpert,padchest"]);
    for (shell, words) in completed(folder, "machex materialize --dataset=pad") {
        // bash takes the part after the equals sign for the word.
        let word = if shell == "bash" {
            "padchest"
        } else {
            "--dataset=padchest"
        };
        assert_eq!(words, [word], "{shell}");
    }
}

#[test]
fn config_keys_are_completed() {
    let bench = Bench::new();
    let folder = &bench.path("");
    expect(folder, "machex config JPEG", &["JPEG_QUALITY"]);
    expect(
        folder,
        "machex config JPEG_QUALITY CACHE_S",
        &["CACHE_SIZE"],
    );
}

#[test]
fn files_are_completed_by_the_shell() {
    let bench = Bench::new();
    fs::write(bench.path("clinic.yml"), "").unwrap();
    let folder = &bench.path("");
    expect(folder, "machex check cl", &["clinic.yml"]);
    expect(folder, "machex mount -c cl", &["clinic.yml"]);
}

#[test]
fn mount_points_are_completed() {
    if skips_fuse("completion of mount points") {
        return;
    }
    let bench = Bench::small(1, "");
    let mounted = Mounted::new(&bench, &[]);
    let folder = bench.path("").canonicalize().unwrap();
    let root = folder.join("mnt");
    let start = folder.join("m");
    for command in ["status", "unmount", "umount"] {
        let line = format!("machex {command} {}", start.to_str().unwrap());
        expect(&folder, &line, &[root.to_str().unwrap()]);
        expect(&folder, &format!("machex {command} m"), &["mnt"]);
        expect(&folder, &format!("machex {command} ./"), &["./mnt"]);
    }
    drop(mounted);
    for (shell, words) in completed(&folder, "machex status m") {
        assert_eq!(words, [""; 0], "{shell}");
    }
}
