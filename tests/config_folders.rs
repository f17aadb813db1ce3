//! Folders of a config that must not be inside each other: nothing is written among raw images.

mod common;

use std::fs;
use std::os::unix::fs::symlink;

use common::{Bench, files_below};

/// A bench with these folders.
fn bench(folders: &[&str]) -> Bench {
    let bench = Bench::new();
    for folder in folders {
        fs::create_dir_all(bench.path(folder)).unwrap();
    }
    bench
}

/// What `check` says of a config with these lines; paths are shown from the bench's folder.
fn check(bench: &Bench, lines: &str) -> String {
    let config = format!("FRONTAL_ONLY: false\n{lines}\n");
    fs::write(bench.path("config.yml"), config).unwrap();
    let text = bench.run(&["check"]).stderr();
    text.replace(bench.path("").to_str().unwrap(), "")
}

#[test]
fn the_tree_is_not_written_into_raw_data() {
    let bench = bench(&["d/raw", "d/machex"]);
    for (machex_path, expected) in [
        (
            "d/raw",
            "MACHEX_PATH: d/raw is OPENI_ROOT, too, and machex writes nothing among raw data",
        ),
        (
            "d/raw/x",
            "MACHEX_PATH: d/raw/x is in OPENI_ROOT, d/raw, and machex writes nothing among raw data; \
             give a folder outside, such as d/machex",
        ),
        ("./d/new/../raw/", "MACHEX_PATH: d/raw is OPENI_ROOT, too"),
        (
            "d",
            "MACHEX_PATH: OPENI_ROOT, d/raw, is in it, where every entry counts as a dataset; give a \
             folder of its own, such as d/machex",
        ),
    ] {
        let lines = format!("MACHEX_PATH: {machex_path}\nCACHE_PATH: cache\nOPENI_ROOT: d/raw");
        let text = check(&bench, &lines);
        assert!(text.contains(&format!("line 2: {expected}")), "{text}");
    }
    // Materialize and mount say the same, and write nothing.
    for command in ["materialize", "mount"] {
        let text = bench.run(&[command]).expect_status(1).stderr();
        assert!(text.contains("where every entry counts"), "{text}");
    }
    assert_eq!(files_below(&bench.path("")), ["config.yml"]);
    assert_eq!(
        check(
            &bench,
            "MACHEX_PATH: d/machex\nCACHE_PATH: cache\nOPENI_ROOT: d/raw"
        ),
        ""
    );
}

#[test]
fn a_dataset_that_fills_its_disk_is_to_be_moved() {
    // There is no folder beside it.
    let bench = bench(&[]);
    let text = check(
        &bench,
        "MACHEX_PATH: /usr/share/x\nCACHE_PATH: cache\nOPENI_ROOT: /usr",
    );
    let expected = "give a folder outside, or move the dataset into a folder of its own, such as \
                    /usr/openi";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn the_tree_is_not_written_over_raw_data_that_has_a_datasets_name() {
    let bench = bench(&["data/openi"]);
    symlink(bench.path("data"), bench.path("link")).unwrap();
    for machex_path in ["data", "link"] {
        let lines =
            format!("MACHEX_PATH: {machex_path}\nCACHE_PATH: cache\nOPENI_ROOT: data/openi");
        let text = check(&bench, &lines);
        assert!(text.contains("MACHEX_PATH: OPENI_ROOT"), "{text}");
    }
}

#[test]
fn neither_tree_nor_records_nor_cache_lie_among_raw_images() {
    let bench = bench(&["raw", "reports", "elsewhere", "vindr/train"]);
    let link = |to: &str, name: &str| symlink(bench.path(to), bench.path(name)).unwrap();
    link("raw", "link");
    link("elsewhere", "raw/tree");
    let complaint = |machex_path: &str, cache_path: &str| {
        let lines = format!(
            "MACHEX_PATH: {machex_path}\nCACHE_PATH: {cache_path}\nOPENI_ROOT: raw\n\
             VINDRCXR_ROOT: vindr\nMIMIC_ROOT: elsewhere\nMIMIC_REPORTS_ROOT: reports"
        );
        check(&bench, &lines)
    };
    for (machex_path, cache_path, key, of) in [
        ("raw/out", "cache", "MACHEX_PATH", "OPENI_ROOT"),
        ("link/deep/out", "cache", "MACHEX_PATH", "OPENI_ROOT"),
        ("reports/out", "cache", "MACHEX_PATH", "MIMIC_REPORTS_ROOT"),
        ("vindr/train/x", "cache", "MACHEX_PATH", "VINDRCXR_ROOT"),
        ("out", "raw/cache", "CACHE_PATH", "OPENI_ROOT"),
        ("out", "link/deep/cache", "CACHE_PATH", "OPENI_ROOT"),
        ("out", "vindr/train/cache", "CACHE_PATH", "VINDRCXR_ROOT"),
        ("out", "vindr/cache", "CACHE_PATH", "VINDRCXR_ROOT"),
        ("out", "reports", "CACHE_PATH", "MIMIC_REPORTS_ROOT"),
        ("out", "out/cache", "CACHE_PATH", "MACHEX_PATH"),
    ] {
        let text = complaint(machex_path, cache_path);
        let line = text.lines().find(|line| line.contains(&format!("{key}: ")));
        assert!(
            line.is_some_and(|line| line.contains(of)),
            "{machex_path}: {text}"
        );
    }
    // The link leads out of the raw folder, but the records would lie beside it.
    fs::remove_file(bench.path("raw/tree")).unwrap();
    fs::create_dir(bench.path("tree")).unwrap();
    link("tree", "raw/tree");
    let text = complaint("raw/tree", "cache");
    assert!(
        text.contains("remembers") && text.contains("OPENI_ROOT"),
        "{text}"
    );
}

#[test]
fn files_in_the_place_of_folders_are_told_before_any_work() {
    let bench = bench(&["raw"]);
    fs::write(bench.path("file"), "").unwrap();
    symlink("file", bench.path("link")).unwrap();
    for (path, problem) in [
        (
            "file",
            "file is a file; give a folder, which need not exist",
        ),
        (
            "link",
            "link is a file; give a folder, which need not exist",
        ),
        (
            "file/a/b",
            "file/a/b cannot be a folder, since file is a file",
        ),
    ] {
        let text = check(
            &bench,
            &format!("MACHEX_PATH: {path}\nCACHE_PATH: {path}2\nOPENI_ROOT: raw"),
        );
        assert!(
            text.contains(&format!("line 2: MACHEX_PATH: {problem}")),
            "{text}"
        );
        let text = check(
            &bench,
            &format!("MACHEX_PATH: out\nCACHE_PATH: {path}\nOPENI_ROOT: raw"),
        );
        assert!(
            text.contains(&format!("line 3: CACHE_PATH: {problem}")),
            "{text}"
        );
    }
    let good = "MACHEX_PATH: out\nCACHE_PATH: cache\nOPENI_ROOT: raw";
    check(&bench, good);
    let text = bench
        .run(&["mount", "--cache-path", "file", "config.yml", "raw"])
        .stderr();
    assert!(
        text.contains("--cache-path: ") && text.contains("is a file"),
        "{text}"
    );
    fs::write(bench.path("out.state"), "").unwrap();
    let text = check(&bench, good);
    let problem = "line 2: MACHEX_PATH: out.state, where machex keeps its records of the tree, is a \
                   file; move it away";
    assert!(text.contains(problem), "{text}");
}

#[test]
fn no_option_leads_among_raw_images() {
    let bench = Bench::small(1, "");
    symlink(bench.path("raw"), bench.path("link")).unwrap();
    let mut before = files_below(&bench.path(""));
    for arguments in [
        &["mount", "config.yml", "raw"][..],
        &["mount", "config.yml", "raw/mnt"],
        &["mount", "config.yml", "link/images/new/mnt"],
        &["mount", "config.yml", "mnt", "--cache-path", "raw/cache"],
        &["mount", "config.yml", "mnt", "--log-file", "raw/mount.log"],
        &[
            "mount",
            "--foreground",
            "config.yml",
            "mnt",
            "--log-file",
            "link/new/mount.log",
        ],
        &["mount", "config.yml", "mnt", "-o", "cache_path=link/x"],
        &["report", "-o", "raw/report.html"],
        &["preview", "-o", "link/images/x.png"],
    ] {
        let ran = bench.run(arguments).expect_status(1);
        let text = ran.stderr();
        let is_told = ["CHEXRAY14_ROOT", "is a raw dataset"]
            .iter()
            .any(|words| text.contains(words));
        assert!(is_told && !text.contains("mkdir"), "{arguments:?}: {text}");
    }
    let mut after = files_below(&bench.path(""));
    before.retain(|file| !file.starts_with("cache/"));
    after.retain(|file| !file.starts_with("cache/"));
    assert_eq!(after, before);
}

/// Images are often on another disk than the lists, and reached by a link.
#[test]
fn images_that_a_link_leads_to_are_raw_data_too() {
    let bench = Bench::small(1, "");
    fs::create_dir(bench.path("big")).unwrap();
    fs::rename(bench.path("raw/images"), bench.path("big/images")).unwrap();
    symlink("../big/images", bench.path("raw/images")).unwrap();
    let config = fs::read_to_string(bench.path("config.yml")).unwrap();
    let before = files_below(&bench.path("big"));
    for arguments in [
        &["mount", "config.yml", "big/images"][..],
        &["mount", "config.yml", "big"],
        &["mount", "config.yml", "mnt", "--cache-path", "big/images/x"],
        &["mount", "config.yml", "mnt", "--log-file", "big/images/x"],
        &["report", "-o", "big/images/report.html"],
        &["preview", "-o", "big/images/x.png"],
    ] {
        let text = bench.run(arguments).expect_status(1).stderr();
        assert!(text.contains("raw/images"), "{arguments:?}: {text}");
    }
    for place in ["big/images", "big/images/out"] {
        let lines = config.replace("MACHEX_PATH: out", &format!("MACHEX_PATH: {place}"));
        assert_ne!(lines, config);
        fs::write(bench.path("config.yml"), lines).unwrap();
        let text = bench.run(&["materialize"]).expect_status(1).stderr();
        assert!(
            text.contains("MACHEX_PATH: ") && text.contains("raw/images"),
            "{text}"
        );
    }
    assert_eq!(files_below(&bench.path("big")), before);
    // The folder above holds nothing of the dataset.
    let lines = config.replace("MACHEX_PATH: out", "MACHEX_PATH: big/out");
    fs::write(bench.path("config.yml"), lines).unwrap();
    bench.run(&["materialize"]).expect_status(0);
}

/// A folder of links to datasets is no tree.
#[test]
fn links_in_the_tree_do_not_lead_into_raw_data() {
    let bench = Bench::small(1, "");
    let before = files_below(&bench.path("raw"));
    fs::create_dir(bench.path("out")).unwrap();
    symlink("../raw", bench.path("out/chex-ray14")).unwrap();
    let text = bench.run(&["check"]).expect_status(1).stderr();
    let words = "out/chex-ray14 is a link into CHEXRAY14_ROOT";
    assert!(text.contains(words), "{text}");
    bench.run(&["materialize"]).expect_status(1);
    fs::remove_file(bench.path("out/chex-ray14")).unwrap();
    fs::create_dir(bench.path("out/chex-ray14")).unwrap();
    symlink("../../raw/images", bench.path("out/chex-ray14/00")).unwrap();
    let text = bench.run(&["materialize"]).expect_status(1).stderr();
    assert!(
        text.contains("chex-ray14/00 is in CHEXRAY14_ROOT"),
        "{text}"
    );
    assert_eq!(files_below(&bench.path("raw")), before);
    // A disk of its own for a dataset is nothing to refuse.
    fs::remove_dir_all(bench.path("out/chex-ray14")).unwrap();
    fs::create_dir(bench.path("disk")).unwrap();
    symlink("../disk", bench.path("out/chex-ray14")).unwrap();
    bench.run(&["materialize"]).expect_status(0);
    assert!(bench.path("disk/00/000000.jpg").is_file());
}
