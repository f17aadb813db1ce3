//! Images of damaged sources: counted and named, remembered, and left out where that is wanted.

mod common;

use std::fs;
use std::path::Path;

use common::mounted::{Mounted, skips_fuse};
use common::{Bench, Ran};
use machex::synthetic::{Coding, Shade, picture};
use serde_json::Value;

const DATASET: &str = "chex-ray14";

/// Those of [`bench`] that are damaged.
const DAMAGED: [u32; 2] = [1, 4];

/// Six images; two of them are cut off, a PNG and a JPEG.
fn bench() -> Bench {
    let bench = Bench::small(6, "IMAGE_SIZE: 64\n");
    cut(&bench.small_source(1));
    let jpeg = picture(Coding::Jpeg { shade: Shade::Gray }, 300, 280, 1).unwrap();
    fs::write(bench.small_source(4), jpeg).unwrap();
    cut(&bench.small_source(4));
    bench
}

fn cut(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

fn skip_damaged(bench: &Bench, skips: bool) {
    let path = bench.path("config.yml");
    let text = fs::read_to_string(&path).unwrap();
    let lines = text
        .lines()
        .filter(|line| !line.starts_with("SKIP_DAMAGED"));
    let text: Vec<&str> = lines.collect();
    let text = format!("{}\nSKIP_DAMAGED: {skips}\n", text.join("\n"));
    fs::write(path, text).unwrap();
}

/// The images in a log.
fn logged(bench: &Bench, name: &str) -> Vec<(u64, String)> {
    let text = fs::read_to_string(bench.path("out.state").join(name)).unwrap_or_default();
    let lines = text.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(
            line["key"].is_string() && line["source"].is_string(),
            "{line}"
        );
        (
            line["image"].as_u64().unwrap(),
            line["cause"].as_str().unwrap().to_owned(),
        )
    });
    let mut lines: Vec<_> = lines.collect();
    lines.sort();
    lines
}

fn numbers(logged: &[(u64, String)]) -> Vec<u32> {
    logged.iter().map(|(number, _)| *number as u32).collect()
}

/// The images that the index names.
fn indexed(bench: &Bench) -> Vec<u32> {
    let text = fs::read(bench.out().join(DATASET).join("index.json")).unwrap();
    let index: Value = serde_json::from_slice(&text).unwrap();
    let ids = index.as_object().unwrap().keys();
    ids.map(|id| id.parse().unwrap()).collect()
}

fn image(bench: &Bench, number: u32) -> std::path::PathBuf {
    bench.out().join(format!("{DATASET}/00/{number:06}.jpg"))
}

/// The column "damaged" of the summary.
fn damaged_of(ran: &Ran) -> u32 {
    let stdout = ran.stdout();
    let row = stdout
        .lines()
        .find(|line| line.starts_with(DATASET))
        .unwrap();
    row.split_whitespace().nth(5).unwrap().parse().unwrap()
}

#[test]
fn what_was_made_of_a_damaged_source_is_named_by_every_run() {
    let bench = bench();
    let ran = bench.run(&["materialize"]).expect_status(0);
    assert_eq!(ran.summary_of(DATASET), [6, 6, 0, 0]);
    assert_eq!(damaged_of(&ran), 2);
    let text = ran.stdout();
    assert!(
        text.contains("2 images are made of a damaged source"),
        "{text}"
    );
    assert!(
        text.contains("damaged.jsonl") && text.contains("0001.png: "),
        "{text}"
    );
    let first = logged(&bench, "damaged.jsonl");
    assert_eq!(numbers(&first), DAMAGED);
    assert_eq!(indexed(&bench), [0, 1, 2, 3, 4, 5]);
    for number in DAMAGED {
        let expected = bench.expected(&bench.small_source(number), 64);
        assert_eq!(fs::read(image(&bench, number)).unwrap(), expected);
    }

    // Known without rendering.
    let ran = bench.run(&["materialize"]).expect_status(0);
    assert_eq!(
        (ran.summary_of(DATASET), damaged_of(&ran)),
        ([6, 0, 6, 0], 2)
    );
    assert_eq!(logged(&bench, "damaged.jsonl"), first);

    let report = bench.run(&["report", "-o", "-"]).expect_status(0).stdout();
    for words in [
        "Damaged sources",
        "Made of damaged sources",
        first[0].1.as_str(),
    ] {
        assert!(report.contains(words), "{words}");
    }

    // A source that was mended is none of them any more.
    let whole = fs::read(bench.small_source(0)).unwrap();
    for number in DAMAGED {
        fs::write(bench.small_source(number), &whole).unwrap();
    }
    let ran = bench.run(&["materialize"]).expect_status(0);
    assert_eq!(
        (ran.summary_of(DATASET), damaged_of(&ran)),
        ([6, 2, 4, 0], 0)
    );
    assert!(!bench.path("out.state/damaged.jsonl").exists());
}

#[test]
fn shares_and_their_end_know_it_too() {
    for skips in [false, true] {
        let bench = bench();
        skip_damaged(&bench, skips);
        for part in ["1/2", "2/2"] {
            bench.run(&["materialize", "--part", part]).expect_status(0);
        }
        let ran = bench.run(&["materialize", "--finish"]).expect_status(0);
        assert_eq!(damaged_of(&ran), 2, "{skips}");
        assert_eq!(
            numbers(&logged(&bench, "damaged.jsonl")),
            DAMAGED,
            "{skips}"
        );
        assert_eq!(indexed(&bench).len(), if skips { 4 } else { 6 });
        let state = fs::read_dir(bench.path("out.state")).unwrap();
        let names = state.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert_eq!(names.filter(|name| name.starts_with("damaged")).count(), 1);
        // Switched over without a share in between: those that are missing now are said to be.
        skip_damaged(&bench, !skips);
        let status = if skips { 1 } else { 0 };
        let ran = bench
            .run(&["materialize", "--finish"])
            .expect_status(status);
        assert_eq!(
            ran.stdout().contains("2 images are missing"),
            skips,
            "{}",
            ran.stdout()
        );
        assert_eq!(indexed(&bench), [0, 2, 3, 5]);
        assert!(!image(&bench, 1).exists());
    }
}

#[test]
fn skipping_is_switched_on_and_off_without_rendering_all() {
    let bench = bench();
    bench.run(&["materialize"]).expect_status(0);
    skip_damaged(&bench, true);
    let dry = bench.run(&["materialize", "--dry-run"]).expect_status(0);
    assert!(
        dry.stdout()
            .contains("2 images of damaged sources are left out"),
        "{}",
        dry.stdout()
    );
    let ran = bench.run(&["materialize"]).expect_status(0);
    assert_eq!(
        (ran.summary_of(DATASET), damaged_of(&ran)),
        ([6, 0, 4, 0], 2)
    );
    assert_eq!(indexed(&bench), [0, 2, 3, 5]);
    assert!(
        DAMAGED
            .iter()
            .all(|number| !image(&bench, *number).exists())
    );
    let lines = logged(&bench, "damaged.jsonl");
    assert_eq!(numbers(&lines), DAMAGED);
    let cause = &lines[0].1;
    assert!(cause.starts_with("the source is damaged: "), "{cause}");
    assert!(cause.ends_with("; SKIP_DAMAGED leaves it out"), "{cause}");
    assert_eq!(logged(&bench, "failures.jsonl"), []);

    skip_damaged(&bench, false);
    let ran = bench.run(&["materialize"]).expect_status(0);
    assert_eq!(ran.summary_of(DATASET), [6, 2, 4, 0]);
    assert_eq!(indexed(&bench), [0, 1, 2, 3, 4, 5]);

    // From the beginning: rendered once to know, and not again.
    let bench = self::bench();
    skip_damaged(&bench, true);
    for new in [4, 0] {
        let ran = bench.run(&["materialize"]).expect_status(0);
        assert_eq!(ran.summary_of(DATASET), [6, new, 4 - new, 0]);
        assert_eq!(damaged_of(&ran), 2);
        assert!(!image(&bench, 1).exists());
    }
    assert!(ran_text(&bench).contains("2 images were left out (SKIP_DAMAGED)"));
}

fn ran_text(bench: &Bench) -> String {
    bench.run(&["materialize"]).expect_status(0).stdout()
}

#[test]
fn a_tree_whose_records_are_lost_loses_its_damaged_images_too() {
    let bench = bench();
    bench.run(&["materialize"]).expect_status(0);
    fs::remove_dir_all(bench.path("out.state")).unwrap();
    skip_damaged(&bench, true);
    bench.run(&["materialize"]).expect_status(0);
    assert!(!image(&bench, 1).exists() && image(&bench, 0).exists());
}

#[test]
fn check_names_them_and_is_content() {
    let bench = bench();
    let ran = bench.run(&["check", "--decode", "--json"]).expect_status(0);
    let document: Value = serde_json::from_str(&ran.stdout()).unwrap();
    let decoded = &document["datasets"][0]["decoded"];
    assert_eq!(
        (&decoded["failed"], &decoded["damaged"]),
        (&0.into(), &2.into())
    );
    let examples = decoded["damages"].as_array().unwrap().iter();
    let images = examples.map(|group| group["examples"][0]["image"].as_str().unwrap());
    let mut images: Vec<_> = images.collect();
    images.sort();
    assert_eq!(images, ["000001", "000004"]);
    let text = bench.run(&["check", "--decode"]).expect_status(0).stdout();
    assert!(
        text.contains("2 are made of a damaged source, see above."),
        "{text}"
    );
}

/// What the mount's log says of damaged sources.
fn lines_of_damage(bench: &Bench) -> usize {
    let log = fs::read_to_string(bench.path("mount.err")).unwrap();
    let lines = log
        .lines()
        .filter(|line| line.contains("made of a damaged source: "));
    lines.count()
}

fn read_all(mounted: &Mounted) -> Vec<bool> {
    let path = |number| mounted.path(&format!("{DATASET}/00/{number:06}.jpg"));
    (0..6)
        .map(|number| fs::read(path(number)).is_ok())
        .collect()
}

#[test]
fn a_mount_counts_and_names_them_once_and_remembers_them() {
    if skips_fuse("a mount of damaged sources") {
        return;
    }
    let bench = bench();
    for renders in [6, 0] {
        let mounted = Mounted::new(&bench, &[]);
        assert_eq!(read_all(&mounted), [true; 6]);
        assert_eq!(read_all(&mounted), [true; 6]);
        assert_eq!(mounted.renders(), renders);
        let status = mounted.status();
        assert_eq!(status["datasets"][0]["damaged"], 2, "{status:#}");
        assert_eq!(status["damaged"].as_array().unwrap().len(), 2);
        assert_eq!(status["errors"], 0);
        let metrics = String::from_utf8(mounted.read(".machex/metrics")).unwrap();
        let line = format!("machex_images_damaged{{dataset=\"{DATASET}\"}} 2");
        assert!(metrics.contains(&line), "{metrics}");
        let text = bench.run(&["status", "mnt"]).expect_status(0).stdout();
        assert!(
            text.contains("2 images are made of a damaged source"),
            "{text}"
        );
        assert!(text.contains("00/000001.jpg: "), "{text}");
        drop(mounted);
        assert_eq!(lines_of_damage(&bench), 2);
    }
}

#[test]
fn a_mount_leaves_them_out_whether_they_are_in_the_cache_the_tree_or_nowhere() {
    if skips_fuse("a mount without damaged sources") {
        return;
    }
    let some = [true, false, true, true, false, true];
    for made_by in ["the mount before", "materialize", "nobody"] {
        let bench = bench();
        match made_by {
            "the mount before" => drop(read_all(&Mounted::new(&bench, &[]))),
            "materialize" => drop(bench.run(&["materialize"]).expect_status(0)),
            _ => {}
        }
        skip_damaged(&bench, true);
        let new = if made_by == "nobody" { 4 } else { 0 };
        for renders in [new, 0] {
            let mounted = Mounted::new(&bench, &[]);
            let metadata = fs::metadata(mounted.path(&format!("{DATASET}/00/000001.jpg")));
            assert!(metadata.is_err(), "{made_by}");
            assert_eq!(read_all(&mounted), some, "{made_by}");
            assert_eq!(mounted.renders(), renders, "{made_by}");
            let status = mounted.status();
            assert_eq!(status["datasets"][0]["failing"], 2, "{made_by}");
            let cause = status["failures"][0]["cause"].as_str().unwrap();
            assert!(cause.starts_with("the source is damaged: "), "{cause}");
            assert!(cause.ends_with("; SKIP_DAMAGED leaves it out"), "{cause}");
            drop(mounted);
            let log = fs::read_to_string(bench.path("mount.err")).unwrap();
            assert!(log.contains("SKIP_DAMAGED leaves it out"), "{log}");
        }
        skip_damaged(&bench, false);
        let mounted = Mounted::new(&bench, &[]);
        assert_eq!(read_all(&mounted), [true; 6], "{made_by}");
        assert!(mounted.renders() <= 2, "{made_by}: {}", mounted.renders());
    }
}

#[test]
fn images_of_an_earlier_version_are_made_again_and_that_is_said() {
    let bench = Bench::small(4, "IMAGE_SIZE: 32\n");
    let says = |text: &str| text.contains("made by an earlier version of machex");
    let ran = bench.run(&["materialize"]).expect_status(0);
    assert!(!says(&ran.stderr()));
    let records = bench.path(&format!("out.state/{DATASET}/finished.jsonl"));
    // Records as they were before a version was among them, and when it was that of the renderer
    // alone; with other keys.
    for renderer in [None, Some(2)] {
        let lines: Vec<String> = fs::read_to_string(&records)
            .unwrap()
            .lines()
            .map(|line| {
                let mut line: Value = serde_json::from_str(line).unwrap();
                line.as_object_mut().unwrap().remove("version").unwrap();
                if let Some(renderer) = renderer {
                    line["renderer"] = renderer.into();
                }
                line["key"] = format!("{:032x}", 7).into();
                line.to_string() + "\n"
            })
            .collect();
        fs::write(&records, lines.concat()).unwrap();
        let text = bench.run(&["check"]).expect_status(0).stdout();
        assert!(says(&text), "{text}");
        let dry = bench.run(&["materialize", "--dry-run"]).expect_status(0);
        let ran = bench.run(&["materialize"]).expect_status(0);
        assert_eq!(ran.summary_of(DATASET), [4, 4, 0, 0]);
        for ran in [&dry, &ran] {
            let text = ran.stderr();
            assert!(
                says(&text) && text.contains("4 finished images were"),
                "{text}"
            );
        }
        // Without the records that were replaced.
        let text = fs::read_to_string(&records).unwrap();
        let new: Vec<&str> = text.lines().skip(4).collect();
        fs::write(&records, new.join("\n") + "\n").unwrap();
        assert!(!says(
            &bench.run(&["materialize"]).expect_status(0).stderr()
        ));
    }
}

#[test]
fn a_cache_of_an_earlier_format_begins_anew_and_says_so() {
    if skips_fuse("a cache of an earlier format") {
        return;
    }
    let bench = Bench::small(2, "IMAGE_SIZE: 32\n");
    let read = || {
        let mounted = Mounted::new(&bench, &[]);
        mounted.read(&format!("{DATASET}/00/000000.jpg"));
        mounted.renders()
    };
    assert_eq!((read(), read()), (1, 0));
    // Of the same format, with images under other keys.
    let records = rusqlite::Connection::open(bench.path("cache/mount/book.sqlite")).unwrap();
    records.pragma_update(None, "user_version", 2).unwrap();
    drop(records);
    assert_eq!(read(), 0, "the keys are those of this version");
    let log = fs::read_to_string(bench.path("mount.err")).unwrap();
    let said = "images were made by another version of machex, and are rendered again";
    assert_eq!(log.matches(said).count(), 1, "{log}");
    read();
    let log = fs::read_to_string(bench.path("mount.err")).unwrap();
    assert!(!log.contains(said), "{log}");

    let marker = bench.path("cache/mount/machex-cache");
    let text = fs::read_to_string(&marker).unwrap();
    let (words, _) = text.trim_end().rsplit_once(' ').unwrap();
    fs::write(&marker, format!("{words} 1\n")).unwrap();
    assert_eq!(read(), 1);
    let log = fs::read_to_string(bench.path("mount.err")).unwrap();
    assert!(
        log.contains("made by an earlier version of machex"),
        "{log}"
    );
}
