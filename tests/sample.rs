//! `machex sample`: trees that can be tried at once, always the same for the same seed.

mod common;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use common::mounted::{Mounted, is_root, skips_fuse};
use common::small_disk::SmallDisk;
use common::{Bench, Ran, files_below};
use machex::datasets::ALL;
use rustix::process::{Pid, Signal, kill_process};

/// The files below a folder with their bytes.
fn contents(root: &Path) -> Vec<(String, Vec<u8>)> {
    let files = files_below(root).into_iter();
    files
        .map(|file| (file.clone(), fs::read(root.join(&file)).unwrap()))
        .collect()
}

#[test]
fn a_sample_can_be_rendered_without_a_failure() {
    let bench = Bench::new();
    bench.run(&["sample", "s"]).expect_status(0);
    let ran = bench.run(&["materialize", "s/config.yml"]).expect_status(0);
    for dataset in ["chex-ray14", "vindrcxr", "siim", "objcxr"] {
        assert_eq!(ran.summary_of(dataset), [8, 8, 0, 0]);
    }
    assert_eq!(
        fs::read_dir(bench.path("s/machex")).unwrap().count(),
        ALL.len()
    );
}

#[test]
fn the_seed_decides_the_images() {
    let bench = Bench::new();
    let write = |folder: &str, seed: &str| {
        bench
            .run(&["sample", folder, "--images", "2", "--seed", seed])
            .expect_status(0);
        let root = bench.path(folder).join("raw");
        let files = files_below(&root);
        files
            .iter()
            .map(|file| (file.clone(), fs::read(root.join(file)).unwrap()))
            .collect::<Vec<_>>()
    };
    let first = write("a", "1");
    assert!(first == write("b", "1"));
    assert!(first != write("c", "2"));
    // An earlier sample is replaced.
    assert!(write("c", "1") == first);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let bench = Bench::new();
    let write = |folder: &str, more: &[&str]| {
        let arguments = [&["sample", folder, "--images", "4"], more].concat();
        bench.run(&arguments).expect_status(0);
        let root = bench.path(folder).join("raw");
        let files = files_below(&root).into_iter();
        files
            .map(|file| (fs::read(root.join(&file)).unwrap(), file))
            .collect::<Vec<_>>()
    };
    for more in [&[][..], &["--hard-link"]] {
        let with = |folder: &str, workers| write(folder, &[&["--workers", workers], more].concat());
        let alone = with("a", "1");
        assert!(alone.len() > 4 * ALL.len());
        for workers in ["2", "7"] {
            assert!(with("b", workers) == alone, "{workers} {more:?}");
        }
        assert!(write("c", more) == alone, "{more:?}");
    }
}

#[test]
fn what_to_try_next_can_be_pasted() {
    let bench = Bench::new();
    let ran = bench
        .run(&["sample", "my 'own' sample", "--images", "2"])
        .expect_status(0);
    let text = ran.stdout();
    assert!(
        text.starts_with("Wrote 20 images of 10 datasets, "),
        "{text}"
    );
    let (_, lines) = text.split_once("Now try:\n").unwrap();
    for line in lines.lines().map(str::trim) {
        if std::env::var_os("MACHEX_SKIP_FUSE").is_some() && line.contains("mount ") {
            println!("NOT TESTED: {line}");
            continue;
        }
        let mut shell = bench.command_below(&["sh", "-c", line], &[]);
        Ran::of(&mut shell).expect_status(0);
    }
    assert!(bench.path("my 'own' sample/report.html").exists());
    assert!(
        bench
            .path("my 'own' sample/machex/openi/index.json")
            .exists()
    );
}

#[test]
fn where_no_sample_can_be_written_another_place_is_named() {
    let bench = Bench::new();
    fs::write(bench.path("file"), "mine").unwrap();
    for (folder, words) in [
        (".", "machex sample ./sample"),
        (
            "file",
            "file is not a folder; give a new one, such as: machex sample sample",
        ),
        ("/proc/sample", "give a folder that you can write to"),
    ] {
        let said = bench.run(&["sample", folder]).expect_status(1).stderr();
        assert!(said.contains(words), "{said}");
    }
    let none = bench
        .run(&["sample", "s", "--images", "0"])
        .expect_status(2);
    assert!(none.stderr().contains("from 1"), "{}", none.stderr());
}

#[test]
fn hard_links_repeat_a_few_files() {
    let bench = Bench::new();
    bench
        .run(&["sample", "s", "--images", "40", "--hard-link"])
        .expect_status(0);
    let folder = bench.path("s/raw/rsna/stage_2_train_images_jpg");
    let images = files_below(&folder);
    assert_eq!(images.len(), 40);
    let inodes = images
        .iter()
        .map(|image| fs::metadata(folder.join(image)).unwrap().ino());
    assert!(inodes.collect::<std::collections::BTreeSet<_>>().len() <= 4);
}

#[test]
fn nothing_of_the_users_is_overwritten() {
    let bench = Bench::new();
    fs::create_dir(bench.path("mine")).unwrap();
    fs::write(bench.path("mine/config.yml"), "MACHEX_PATH: x\n").unwrap();
    let ran = bench.run(&["sample", "mine"]).expect_status(1);
    assert!(ran.stderr().contains("not a sample"), "{}", ran.stderr());
    assert_eq!(
        fs::read_to_string(bench.path("mine/config.yml")).unwrap(),
        "MACHEX_PATH: x\n"
    );
}

#[test]
fn an_earlier_sample_is_replaced_whole() {
    let bench = Bench::new();
    let write = |folder: &str, more: &[&str]| {
        let ran = bench.run(&[&["sample", folder], more].concat());
        (
            ran.expect_status(0).stderr(),
            contents(&bench.path(folder).join("raw")),
        )
    };
    let (said, wanted) = write("fresh", &["--images", "1"]);
    assert!(!said.contains("replacing"), "{said}");
    for earlier in [&["--images", "3"][..], &["--images", "9", "--hard-link"]] {
        let (_, files) = write("s", earlier);
        assert!(files.len() > wanted.len());
        fs::remove_file(bench.path("s/raw").join(&files[0].0)).unwrap();
        let (said, now) = write("s", &["--images", "1"]);
        let count = files.len() - 1;
        let line = format!("replacing the earlier sample in s, {count} files");
        assert!(said.contains(&line), "{said}");
        assert!(now == wanted, "{earlier:?}");
    }
}

#[test]
fn what_no_sample_wrote_is_never_removed() {
    let bench = Bench::new();
    let sample = ["sample", "s", "--images", "1"];
    bench.run(&sample).expect_status(0);
    let folder = bench.path("s");
    let path = |name: &str| folder.join(name);
    let refused = |what: &str, words: &str| {
        let before = contents(&folder);
        let said = bench.run(&sample).expect_status(1).stderr();
        assert!(said.contains(words), "{what}: {said}");
        assert!(contents(&folder) == before, "{what}");
    };
    for (name, words) in [
        ("raw/notes.txt", "raw/notes.txt is not in"),
        ("raw/mine/image.png", "raw/mine is not in"),
        ("raw/chexpert/train/mine.jpg", "train/mine.jpg is not in"),
        // As machex names a file of another name while it writes it.
        ("raw/openi/.mine.png.00ff.tmp", ".mine.png.00ff.tmp is not"),
    ] {
        fs::create_dir_all(path(name).parent().unwrap()).unwrap();
        fs::write(path(name), "mine").unwrap();
        refused(name, words);
        fs::remove_file(path(name)).unwrap();
        // Only a folder of the test's own is empty now.
        let _ = fs::remove_dir(path(name).parent().unwrap());
    }

    fs::create_dir(path("raw/openi/empty")).unwrap();
    refused("an empty folder", "raw/openi/empty is not in");
    fs::remove_dir(path("raw/openi/empty")).unwrap();

    let images = path("raw/rsna/stage_2_train_images_jpg");
    let image = images.join(&files_below(&images)[0]);
    let report = path("raw/openi/ecgen-radiology/1.xml");
    for changed in [image, report, path("raw/chexpert/train.csv")] {
        let original = fs::read(&changed).unwrap();
        let mut other = original.clone();
        *other.last_mut().unwrap() ^= 1;
        for bytes in [other, Vec::new()] {
            fs::write(&changed, bytes).unwrap();
            refused("other bytes", "has changed since");
        }
        fs::write(&changed, original).unwrap();
    }

    fs::rename(path("raw/siim"), path("siim")).unwrap();
    symlink("../siim", path("raw/siim")).unwrap();
    refused("a link", "raw/siim is not in");
    fs::remove_file(path("raw/siim")).unwrap();
    fs::rename(path("siim"), path("raw/siim")).unwrap();

    let config = fs::read_to_string(path("config.yml")).unwrap();
    fs::write(path("config.yml"), format!("{config}NUM_WORKERS: 2\n")).unwrap();
    refused("an edited config", "config.yml is no longer as");
    fs::write(path("config.yml"), config).unwrap();

    fs::rename(path("sample-files.jsonl"), path("elsewhere")).unwrap();
    refused("no list", "is not in s/sample-files.jsonl");
    fs::write(path("sample-files.jsonl"), "mine\n").unwrap();
    refused("another list", "is not the list");
    fs::rename(path("elsewhere"), path("sample-files.jsonl")).unwrap();

    fs::write(path("report.html"), "beside the raw data").unwrap();
    bench.run(&sample).expect_status(0);
    assert!(path("report.html").exists());
}

#[test]
fn the_sample_of_a_mount_stays() {
    if skips_fuse("the sample of a mount") {
        return;
    }
    let bench = Bench::sample(1);
    let mounted = Mounted::new(&bench, &[]);
    let again = ["sample", "raw/..", "--images", "1"];
    let said = bench.run(&again).expect_status(1).stderr();
    let words = format!("machex unmount {}", mounted.root.display());
    assert!(said.contains(&words), "{said}");
    mounted.read("openi/00/000000.jpg");
    drop(mounted);
    bench.run(&again).expect_status(0);
}

#[test]
fn after_a_full_disk_the_same_command_works() {
    let bench = Bench::new();
    let sample = ["sample", "d/s", "--images", "1"];
    let full = |ran: Ran, when: &str| {
        let said = ran.expect_status(1).stderr();
        let words = "run the same command again";
        assert!(said.contains(words), "{when}: {said}");
    };
    // A file that may not grow is a disk that is full.
    for size in ["1", "600", "3000", "100000", "1000000"] {
        let limit = format!("--fsize={size}");
        full(bench.run_limited(&[&limit], &sample), size);
    }
    bench.run(&sample).expect_status(0);
    fs::remove_dir_all(bench.path("d")).unwrap();
    if !is_root("a small disk") {
        return;
    }
    let disk = SmallDisk::new(bench.path("d"), "size=60m,nr_inodes=2");
    for files in 2..20 {
        disk.remount(&format!("nr_inodes={files}"));
        full(bench.run(&sample), &format!("{files} files"));
    }
    disk.remount("nr_inodes=1000");
    bench.run(&sample).expect_status(0);
    let real = ["sample", "d/real", "--images", "real"];
    let said = bench.run(&real).expect_status(1).stderr();
    assert!(said.contains("only"), "{said}");
}

#[test]
fn a_sample_larger_than_the_disk_is_not_begun() {
    let bench = Bench::new();
    let sample = ["sample", "s", "--images", "400000000"];
    let said = bench.run(&sample).expect_status(1).stderr();
    for words in [
        "4,000,000,000 images need about ",
        " PiB, but only ",
        "(--images)",
        "(--hard-link)",
    ] {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
    assert!(!bench.path("s").exists());
}

#[test]
fn an_interrupted_sample_says_so_and_the_same_command_works() {
    let bench = Bench::new();
    let mut command = bench.command(&["sample", "s", "--images", "12"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let list = bench.path("s/sample-files.jsonl");
    while !fs::read_to_string(&list).is_ok_and(|text| text.contains("content")) {
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(5));
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130), "{ended:?}");
    let text = String::from_utf8(ended.stdout).unwrap();
    let (start, line) = text.trim_end().rsplit_once('\n').unwrap();
    assert_eq!(start, "Interrupted; run the same command again:");
    let mut shell = bench.command_below(&["sh", "-c", line.trim()], &[]);
    let again = Ran::of(&mut shell).expect_status(0);
    assert!(again.stdout().starts_with("Wrote 120 images"));
}

#[test]
fn a_folder_whose_name_is_not_utf_8_is_refused_at_once() {
    let bench = Bench::new();
    let odd = bench.path("").join(OsStr::from_bytes(b"odd\xff"));
    let refused = |folder: &OsStr, below: &Path| {
        let mut command = bench.command(&["sample"]);
        let ran = Ran::of(command.arg(folder).current_dir(below)).expect_status(1);
        let said = ran.stderr();
        assert!(said.contains("is not UTF-8"), "{said}");
    };
    refused(odd.as_os_str(), &bench.path(""));
    assert!(!odd.exists());
    fs::create_dir(&odd).unwrap();
    refused(OsStr::new("s"), &odd);
    assert_eq!(fs::read_dir(&odd).unwrap().count(), 0);
}
