//! Who else may be at work on a tree, and what somebody else may have put where machex keeps its
//! records.

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;

use common::mounted::{Mounted, is_root, skips_fuse};
use common::{Bench, files_below, write_png};

const DATASET: &str = "chex-ray14";

/// Small images, since what is in them does not matter here.
fn bench(count: u32) -> Bench {
    Bench::small(count, "IMAGE_SIZE: 32")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

/// What `materialize` says when it refuses to touch anything; also where it only looks.
#[track_caller]
fn refusal(bench: &Bench) -> String {
    let before = files_below(&bench.path("."));
    let dry = bench.run(&["materialize", "--dry-run"]).expect_status(1);
    let stderr = bench.run(&["materialize"]).expect_status(1).stderr();
    assert_eq!(files_below(&bench.path(".")), before);
    assert_eq!(dry.stderr(), stderr);
    stderr
}

#[test]
fn a_planted_state_folder_is_not_used() {
    let bench = bench(2);
    fs::create_dir(bench.path("elsewhere")).unwrap();
    let state = bench.path("out.state");
    symlink("elsewhere", &state).unwrap();
    let text = refusal(&bench);
    assert!(
        text.contains("symbolic link") && text.contains("out.state"),
        "{text}"
    );
    fs::remove_file(&state).unwrap();

    fs::create_dir(&state).unwrap();
    fs::set_permissions(&state, fs::Permissions::from_mode(0o777)).unwrap();
    let text = refusal(&bench);
    assert!(text.contains("other users can write to it"), "{text}");
    assert_eq!(mode(&state), 0o777, "what is not ours was changed");

    fs::set_permissions(&state, fs::Permissions::from_mode(0o755)).unwrap();
    if chown(&state, Some(65_534), None).is_ok() {
        let text = refusal(&bench);
        assert!(text.contains("belongs to user 65534"), "{text}");
        chown(&state, Some(0), None).unwrap();
    }
    fs::remove_dir(&state).unwrap();
    bench.run(&["materialize"]).expect_status(0);
    assert_eq!(mode(&state), 0o755);
    assert_eq!(
        mode(&state.join("failures.jsonl")),
        0o600,
        "paths can name patients"
    );
    assert_eq!(mode(&state.join(DATASET).join("finished.jsonl")), 0o644);
}

#[test]
fn planted_links_among_the_records_truncate_nothing() {
    let bench = bench(2);
    bench.run(&["materialize"]).expect_status(0);
    let precious = bench.path("precious");
    let journal = format!("{DATASET}/finished.jsonl");
    for name in ["lock", "failures.jsonl", &journal, DATASET] {
        fs::write(&precious, "mine\n").unwrap();
        let planted = bench.path("out.state").join(name);
        let aside = bench.path("aside");
        fs::rename(&planted, &aside).unwrap();
        symlink(&precious, &planted).unwrap();
        let ran = bench.run(&["materialize"]);
        assert_eq!(fs::read(&precious).unwrap(), b"mine\n", "{name}");
        // The list of failures is written anew; the others are opened.
        if name != "failures.jsonl" {
            assert_eq!(ran.status(), 1, "{name}");
            assert!(ran.stderr().contains("link"), "{name}: {}", ran.stderr());
        }
        fs::remove_file(&planted).unwrap();
        fs::rename(&aside, &planted).unwrap();
    }
    bench.run(&["materialize"]).expect_status(0);
}

#[test]
fn a_share_of_another_number_is_refused_and_leaves_temporaries_alone() {
    let bench = bench(4);
    bench
        .run(&["materialize", "--part", "1/2"])
        .expect_status(0);
    let held = |name: &str| {
        let file = fs::File::open(bench.path("out.state").join(name)).unwrap();
        file.lock().unwrap();
        file
    };
    let share = held("lock-1-of-2");
    let temporary = bench.out().join(DATASET).join("00/.000000.jpg.0123.tmp");
    fs::write(&temporary, "being written").unwrap();
    let ran = bench
        .run(&["materialize", "--part", "1/4"])
        .expect_status(1);
    for words in ["share 1/2", "process ", "--part K/2"] {
        assert!(ran.stderr().contains(words), "{}", ran.stderr());
    }
    bench
        .run(&["materialize", "--part", "2/2"])
        .expect_status(0);
    assert!(temporary.exists());
    drop(share);
    bench
        .run(&["materialize", "--part", "1/4"])
        .expect_status(0);
    assert!(!temporary.exists(), "nobody is at work on it any more");
}

#[test]
fn an_array_with_gaps_is_refused_in_every_task() {
    let bench = bench(3);
    let task = |id: &str| {
        let output = bench
            .command(&["materialize", "--part", "auto"])
            .env("SLURM_ARRAY_TASK_ID", id)
            .env("SLURM_ARRAY_TASK_MIN", "3")
            .env("SLURM_ARRAY_TASK_MAX", "9")
            .env("SLURM_ARRAY_TASK_COUNT", "3")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "task {id}");
        String::from_utf8(output.stderr).unwrap()
    };
    let refusals = ["3", "5", "9"].map(task);
    assert!(refusals[0].contains("--array=1-3"), "{}", refusals[0]);
    assert!(refusals.iter().all(|refusal| *refusal == refusals[0]));
    assert!(!bench.out().exists());
}

#[test]
fn a_file_that_machex_did_not_make_is_not_removed() {
    let bench = bench(3);
    bench.run(&["materialize"]).expect_status(0);
    // The user's own file has the name of an image that is about to go.
    let image = bench.out().join(DATASET).join("00/000002.jpg");
    fs::write(&image, "the user's own").unwrap();
    fs::write(bench.small_source(2), "bad").unwrap();
    bench.run(&["materialize"]).expect_status(3);
    assert_eq!(fs::read(&image).unwrap(), b"the user's own");
    let list = bench.path("raw/train_val_list.txt");
    fs::write(list, "0000.png\n0001.png\n").unwrap();
    bench
        .run(&["materialize", "--allow-removal"])
        .expect_status(0);
    assert_eq!(fs::read(&image).unwrap(), b"the user's own");

    // What a killed run left among the records.
    let left = [
        ".failures.jsonl.0123.tmp",
        "chex-ray14/.extent.json.0123.tmp",
    ];
    for name in left {
        fs::write(bench.path("out.state").join(name), "left over").unwrap();
    }
    // What a killed run left of a shard that there is no more, and of a shard that there is.
    let beyond = bench.out().join(DATASET).join("01");
    fs::create_dir(&beyond).unwrap();
    fs::write(beyond.join(".010000.jpg.0123.tmp"), "left over").unwrap();
    let within = bench.out().join(DATASET).join("00/.000001.jpg.0456.tmp");
    fs::write(&within, "left over").unwrap();
    bench.run(&["materialize", "--finish"]).expect_status(0);
    assert!(!beyond.exists() && !within.exists());

    // A folder and a link with the name of a temporary file.
    let shard = bench.out().join(DATASET).join("00");
    fs::create_dir(shard.join(".000000.jpg.0123.tmp")).unwrap();
    symlink("/etc/hostname", shard.join(".000001.jpg.0123.tmp")).unwrap();
    bench.run(&["materialize"]).expect_status(0);
    assert!(shard.join(".000000.jpg.0123.tmp").is_dir());
    assert!(shard.join(".000001.jpg.0123.tmp").is_symlink());
    for name in left {
        assert!(!bench.path("out.state").join(name).exists(), "{name}");
    }
}

#[test]
fn a_tree_that_is_durable_is_the_same_tree() {
    let [plain, durable] = [bench(3), Bench::small(3, "IMAGE_SIZE: 32\nDURABLE: true")];
    for bench in [&plain, &durable] {
        bench.run(&["materialize"]).expect_status(0);
        let again = bench.run(&["materialize"]).expect_status(0);
        assert_eq!(again.summary_of(DATASET), [3, 0, 3, 0]);
    }
    for file in files_below(&plain.out())
        .iter()
        .filter(|file| file.ends_with(".jpg"))
    {
        let read = |bench: &Bench| fs::read(bench.out().join(file)).unwrap();
        assert!(read(&plain) == read(&durable), "{file}");
    }
}

#[test]
fn a_file_that_may_not_grow_is_a_full_disk_to_the_run() {
    let bench = bench(2);
    write_png(&bench.small_source(1), 50, 50, 9);
    bench.write_config("FRONTAL_ONLY: true\nCHEXRAY14_ROOT: raw\nIMAGE_SIZE: 512");
    let output = run_with_small_files(&bench, 8);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("is full"), "{stderr}");
    assert_eq!(files_below(&bench.out()), [""; 0], "half a file was left");
}

/// Runs `materialize` while no file may grow beyond that many blocks of 512 bytes, as a quota or a full
/// disk has it. The signal that comes with it is ignored.
fn run_with_small_files(bench: &Bench, blocks: u32) -> std::process::Output {
    let script = format!(
        "trap '' XFSZ; ulimit -f {blocks}; exec {} materialize",
        env!("CARGO_BIN_EXE_machex")
    );
    std::process::Command::new("sh")
        .args(["-c", &script])
        .current_dir(bench.path("."))
        .output()
        .unwrap()
}

#[test]
fn no_index_names_images_that_were_removed_when_the_new_one_cannot_be_written() {
    let bench = bench(20);
    bench.run(&["materialize"]).expect_status(0);
    let list = bench.path("raw/train_val_list.txt");
    let text = fs::read_to_string(&list).unwrap();
    let lines: Vec<&str> = text.lines().take(19).collect();
    fs::write(&list, lines.join("\n") + "\n").unwrap();
    let index = bench.out().join(DATASET).join("index.json");
    assert!(fs::metadata(&index).unwrap().len() > 2 * 512);
    let output = run_with_small_files(&bench, 2);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(1) && stderr.contains("is full"),
        "{stderr}"
    );
    let last = bench.out().join(DATASET).join("00/000019.jpg");
    assert!(last.exists() || !index.exists());
    bench.run(&["materialize"]).expect_status(0);
    assert!(index.exists() && !last.exists());
}

#[test]
fn a_mount_is_not_written_into_nor_asked() {
    if skips_fuse("materialize over a mount") {
        return;
    }
    let bench = bench(2);
    let mounted = Mounted::new(&bench, &[]);
    symlink("mnt", bench.path("link")).unwrap();
    let pid = rustix::process::Pid::from_raw(mounted.pid() as i32).unwrap();
    let send = |signal| rustix::process::kill_process(pid, signal).unwrap();
    for machex_path in ["mnt", "link/chex-ray14/x"] {
        let text = fs::read_to_string(bench.path("config.yml")).unwrap();
        let text = text.replace("MACHEX_PATH: out", &format!("MACHEX_PATH: {machex_path}"));
        fs::write(bench.path("tree.yml"), text).unwrap();
        for how in ["", "--dry-run", "--finish"] {
            // It answers nothing now.
            send(rustix::process::Signal::STOP);
            let script = format!(
                "timeout 30 {} materialize -c tree.yml {how}",
                env!("CARGO_BIN_EXE_machex")
            );
            let output = std::process::Command::new("sh")
                .args(["-c", &script])
                .current_dir(bench.path("."))
                .output();
            send(rustix::process::Signal::CONT);
            let output = output.unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(
                output.status.code(),
                Some(1),
                "{machex_path} {how}: {stderr}"
            );
            assert!(
                stderr.contains("machex unmount"),
                "{machex_path} {how}: {stderr}"
            );
        }
    }
    assert!(!bench.path("mnt.state").exists());
}

#[test]
fn another_user_reads_a_tree_but_not_which_images_of_it_failed() {
    if !is_root("what another user sees of a tree") {
        return;
    }
    let bench = bench(3);
    fs::write(bench.small_source(1), "bad").unwrap();
    bench.run(&["materialize"]).expect_status(3);
    fs::set_permissions(bench.path("."), fs::Permissions::from_mode(0o755)).unwrap();
    let report = |program: &[&str]| {
        let output = std::process::Command::new(program[0])
            .args(&program[1..])
            .args(["report", "out", "--output", "-"])
            .current_dir(bench.path("."))
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{stderr}");
        (String::from_utf8_lossy(&output.stdout).into_owned(), stderr)
    };
    // The program itself may lie where only root can read.
    let program = bench.path("machex");
    fs::copy(env!("CARGO_BIN_EXE_machex"), &program).unwrap();
    let program = program.to_str().unwrap();
    let secret = "0001.png";
    assert!(report(&[program]).0.contains(secret));
    let nobody = ["setpriv", "--reuid=65534", "--clear-groups", program];
    let (page, stderr) = report(&nobody);
    assert!(page.contains("chex-ray14") && !page.contains(secret));
    assert!(stderr.contains("failures.jsonl"), "{stderr}");
}
