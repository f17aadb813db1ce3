//! What `materialize` and `sample` show on a terminal of 80 columns: bars while they work, of which
//! nothing is left at the end.

mod common;

use std::fs;

use common::Bench;
use common::terminal::on_terminal;
use serde_json::Value;

/// A part of every bar.
const BAR: char = '─';

fn is_bar(line: &str) -> bool {
    line.contains([BAR, '━', '╸'])
}

#[test]
fn one_line_for_the_whole_is_above_the_bars_and_none_stays() {
    let bench = Bench::sample(3);
    let shown = on_terminal(&bench, &["materialize"]);
    assert_eq!(shown.status, 0, "{}", shown.text());
    let screens = shown.screens();
    let bars = screens.iter().filter_map(|screen| {
        let bars: Vec<&String> = screen.iter().filter(|line| is_bar(line)).collect();
        (!bars.is_empty()).then_some(bars)
    });
    let mut most = 0;
    for bars in bars {
        let is_whole = |line: &&&String| line.trim_start().starts_with("all ");
        assert!(bars.iter().filter(is_whole).count() <= 1, "{bars:?}");
        most = most.max(bars.len());
    }
    assert_eq!(most, 11, "all, and ten datasets");
    let last = shown.last_screen();
    assert!(!last.iter().any(|line| is_bar(line)), "{last:#?}");
    assert!(last[0].starts_with("dataset "), "{last:#?}");
    let rows = last.iter().filter(|line| line.starts_with("all "));
    assert_eq!(rows.count(), 1, "{last:#?}");
}

#[test]
fn lines_of_the_log_stay_whole_above_the_bars() {
    let bench = Bench::sample(2);
    bench.run(&["materialize"]).expect_status(0);
    for dataset in ["chexpert", "brax", "objcxr"] {
        // As a version wrote it whose records had no version.
        let records = bench.path(&format!("machex.state/{dataset}/finished.jsonl"));
        let text = fs::read_to_string(&records).unwrap();
        let older = text.lines().map(|line| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            line.as_object_mut().unwrap().remove("version").unwrap();
            line["key"] = format!("{:032x}", 7).into();
            line.to_string() + "\n"
        });
        fs::write(&records, older.collect::<String>()).unwrap();
    }
    let shown = on_terminal(&bench, &["materialize"]);
    let last = shown.last_screen();
    for dataset in ["chexpert", "brax", "objcxr"] {
        let words = format!("{dataset}: 2 finished images were made by an earlier version");
        let told: Vec<_> = last.iter().filter(|line| line.contains(&words)).collect();
        assert_eq!(told.len(), 1, "{last:#?}");
    }
    assert!(!last.iter().any(|line| is_bar(line)), "{last:#?}");
}

#[test]
fn a_dataset_of_which_all_is_skipped_has_no_rate() {
    let bench = Bench::small(4, "IMAGE_SIZE: 32");
    bench.run(&["materialize"]).expect_status(0);
    let shown = on_terminal(&bench, &["materialize"]);
    assert!(!shown.text().contains("0.0 images/s"), "{}", shown.text());
    let last = shown.last_screen();
    let row = last.iter().find(|line| line.starts_with("chex-ray14"));
    assert!(row.unwrap().ends_with(" -"), "{last:#?}");
    // Neither in a log.
    let logged = bench.run(&["materialize"]).expect_status(0).stderr();
    assert_eq!(logged, "chex-ray14: 4 of 4 images\n");
}

#[test]
fn a_sample_shows_its_progress_and_what_it_wrote() {
    let bench = Bench::new();
    let shown = on_terminal(&bench, &["sample", "s", "--images", "3"]);
    assert_eq!(shown.status, 0, "{}", shown.text());
    let last = shown.last_screen().join("\n");
    assert!(last.contains(" 30/30 "), "{last}");
    assert!(last.contains("Wrote 30 images of 10 datasets, "), "{last}");
}
