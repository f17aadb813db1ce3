//! `machex report`: the page of a config, a tree, and a mount.

mod common;

use std::collections::BTreeMap;
use std::fs;

use common::mounted::{Mounted, skips_fuse};
use common::{Bench, Ran};
use machex::datasets::ALL;
use serde_json::Value;

fn report(bench: &Bench, arguments: &[&str]) -> Ran {
    let arguments = [&["report"], arguments, &["-o", "report.html"]].concat();
    bench.run(&arguments)
}

fn page(bench: &Bench, arguments: &[&str], status: i32) -> String {
    report(bench, arguments).expect_status(status);
    let page = fs::read_to_string(bench.path("report.html")).unwrap();
    fs::remove_file(bench.path("report.html")).unwrap();
    assert_is_self_contained(&page);
    page
}

/// Nothing of the page comes from elsewhere, and nothing in it runs.
fn assert_is_self_contained(page: &str) {
    // What is between tags is text only, but for the style sheet.
    let style = page.split("<style>").nth(1).unwrap();
    let style = style.split("</style>").next().unwrap();
    let tags = page.split('<').skip(1).map(|tag| tag.split('>').next());
    let code: String = tags.flatten().chain([style]).collect();
    for attribute in [
        "src=", "href=", "url(", "srcset=", "action=", "@import", "poster=",
    ] {
        for (at, _) in code.match_indices(attribute) {
            let value = code[at + attribute.len()..].trim_start_matches(['"', '\'']);
            let is_within = value.starts_with("data:") || value.starts_with('#');
            assert!(is_within, "{attribute}{value:.40}");
        }
    }
    for word in ["http:", "https:", "javascript:", " on"] {
        assert!(!code.contains(word), "{word}");
    }
    assert!(!page.contains("<script") && page.contains("<html lang=\"en\">"));
    assert!(page.trim_end().ends_with("</html>"));
}

/// A part of the page by the id of its section.
fn section<'a>(page: &'a str, id: &str) -> &'a str {
    let start = page.find(&format!("<section id=\"{id}\">")).unwrap();
    page[start..].split("</section>").next().unwrap()
}

/// The texts of the cells of each row, without tags.
fn rows(html: &str) -> Vec<Vec<String>> {
    let text = |html: &str| {
        let mut text = String::new();
        let mut in_tag = false;
        for c in html.chars() {
            match c {
                '<' => in_tag = true,
                '>' => in_tag = false,
                _ if !in_tag => text.push(c),
                _ => {}
            }
        }
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    html.split("<tr>")
        .skip(1)
        .map(|row| {
            let row = row.split("</tr>").next().unwrap();
            row.split_inclusive("</th>")
                .flat_map(|cells| cells.split_inclusive("</td>"))
                .map(text)
                .filter(|cell| !cell.is_empty())
                .collect()
        })
        .collect()
}

/// Rows by their first cell.
fn by_name(html: &str) -> BTreeMap<String, Vec<String>> {
    rows(html)
        .into_iter()
        .map(|mut row| (row.remove(0), row))
        .collect()
}

/// The findings of one dataset: positive, negative, neither.
fn findings(page: &str, dataset: &str) -> BTreeMap<String, [u32; 3]> {
    let heading = format!("<h3><bdi>{dataset}</bdi></h3>");
    let table = section(page, "findings").split(&heading).nth(1).unwrap();
    let table = table.split("</table>").next().unwrap();
    let count = |cell: &String| {
        let count = cell.split(' ').next().unwrap();
        count.replace(',', "").parse().unwrap()
    };
    by_name(table)
        .into_iter()
        .filter(|(name, _)| name != "Finding")
        .map(|(name, cells)| (name, std::array::from_fn(|at| count(&cells[at]))))
        .collect()
}

fn check(bench: &Bench, status: i32) -> Vec<Value> {
    let ran = bench.run(&["check", "--json"]).expect_status(status);
    let document: Value = serde_json::from_str(&ran.stdout()).unwrap();
    document["datasets"].as_array().unwrap().clone()
}

fn index(bench: &Bench, path: &str) -> serde_json::Map<String, Value> {
    let text = fs::read_to_string(bench.path(path)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// What the index itself says of each finding.
fn counted(index: &serde_json::Map<String, Value>) -> Vec<[u32; 3]> {
    let mut counts = vec![[0; 3]; 13];
    for label in index
        .values()
        .filter_map(|entry| entry["class_label"].as_array())
    {
        for (count, value) in counts.iter_mut().zip(label) {
            count[match value.as_i64().unwrap() {
                1 => 0,
                -1 => 1,
                _ => 2,
            }] += 1;
        }
    }
    counts
}

fn assert_counts_are_those_of_check(page: &str, checked: &[Value]) {
    let rows = by_name(section(page, "views"));
    for report in checked {
        let expected =
            ["images", "frontal", "lateral", "other"].map(|name| report[name].to_string());
        let dataset = report["dataset"].as_str().unwrap();
        assert_eq!(rows[dataset], expected, "{dataset}");
    }
}

#[test]
fn a_config_is_counted_as_check_and_the_indexes_have_it() {
    let bench = Bench::sample(23);
    let raw = page(&bench, &[], 0);
    assert!(!bench.path("machex").exists(), "a report writes no tree");
    assert_counts_are_those_of_check(&raw, &check(&bench, 0));
    let total = &by_name(section(&raw, "views"))[format!("All: {} datasets", ALL.len()).as_str()];
    let sum = |name| {
        let counts = check(&bench, 0);
        let counts = counts.iter().map(|report| report[name].as_u64().unwrap());
        counts.sum::<u64>().to_string()
    };
    assert_eq!(total[0], sum("images"));
    assert_eq!(total[1], sum("frontal"));

    bench.run(&["materialize"]).expect_status(0);
    let tree = page(&bench, &["machex"], 0);
    for dataset in ["chexpert", "mimic"] {
        let expected = counted(&index(&bench, &format!("machex/{dataset}/index.json")));
        for page in [&raw, &tree] {
            let got = findings(page, dataset);
            assert_eq!(got.len(), 13, "{got:?}");
            for (name, expected) in machex::lists::LABELS.iter().zip(&expected) {
                assert_eq!(got[*name], *expected, "{dataset}: {name}");
            }
        }
    }
    let with_labels = section(&raw, "findings").matches("<table").count();
    assert_eq!(with_labels, 2);

    for page in [&raw, &tree] {
        let pictures = section(page, "pictures");
        assert_eq!(
            pictures.matches("data:image/jpeg;base64,").count(),
            6 * ALL.len()
        );
        assert_eq!(
            pictures.matches(" alt=\"Image 000000 of ").count(),
            ALL.len()
        );
        assert!(section(page, "failures").contains("None is known"));
        // Of the sample's reports.
        assert!(!page.contains("phantom") && !page.contains("No finding."));
        assert!(!page.contains("report\":"));
    }
    let text = fs::read_to_string(bench.path("machex/mimic/index.json")).unwrap();
    assert!(text.contains("phantom"), "the reports are in the index");
}

#[test]
fn views_of_a_tree_are_not_known_and_a_moved_tree_is_the_same() {
    let bench = Bench::sample(3);
    bench.run(&["materialize"]).expect_status(0);
    fs::rename(bench.path("machex"), bench.path("moved")).unwrap();
    let tree = page(&bench, &["moved", "--images", "2"], 0);
    let views = section(&tree, "views");
    let rows = by_name(views);
    assert_eq!(
        rows["mimic"][1..],
        ["–not known", "–not known", "–not known"]
    );
    let images = index(&bench, "moved/mimic/index.json").len();
    assert_eq!(rows["mimic"][0], images.to_string());
    assert!(views.contains("stands where the views are not known"));
    let pictures = section(&tree, "pictures");
    assert_eq!(pictures.matches("data:image/jpeg").count(), 20);
}

#[test]
fn a_mount_knows_its_views_and_what_its_readers_met() {
    if skips_fuse("the report of a mount") {
        return;
    }
    let bench = Bench::sample(4);
    let mounted = Mounted::new(&bench, &[]);
    let whole = page(&bench, &["mnt"], 0);
    assert_counts_are_those_of_check(&whole, &check(&bench, 0));
    let summary = section(&whole, "views");
    assert!(!summary.contains("not known"), "{summary}");
    assert!(section(&whole, "failures").contains("None is known"));

    // Listed when the mount began, and gone when it is read.
    drop(mounted);
    fs::remove_dir_all(bench.path("cache")).unwrap();
    let mounted = Mounted::new(&bench, &[]);
    let key = index(&bench, "mnt/rsna/index.json")["000003"]["key"].clone();
    let folder = bench.path("raw/rsna/stage_2_train_images_jpg");
    let source = folder.join(key.as_str().unwrap());
    fs::remove_file(&source).unwrap();
    let failing = page(&bench, &["mnt", "--images", "4"], 3);
    let failures = section(&failing, "failures");
    assert!(failures.contains("the source is missing"), "{failures}");
    assert!(failures.contains(&*source.to_string_lossy()), "{failures}");
    let rows = rows(failures);
    assert_eq!(rows.len(), 2, "the head and one failure: {rows:?}");
    assert_eq!(rows[1][..2], ["rsna", "000003"]);
    assert!(section(&failing, "pictures").contains("the source is missing"));
    // A list that is a folder has no such image any more.
    drop(mounted);
    let raw = page(&bench, &["--images", "4"], 0);
    assert!(section(&raw, "failures").contains("None is known"));
}

#[test]
fn failures_of_all_kinds_are_shown_once() {
    let bench = Bench::small(5, "IMAGE_SIZE: 64");
    let list = bench.path("raw/train_val_list.txt");
    let text = fs::read_to_string(&list).unwrap();
    fs::write(&list, text + "../outside.png\n").unwrap();
    fs::remove_file(bench.small_source(0)).unwrap();
    fs::write(bench.small_source(3), "").unwrap();
    bench.run(&["materialize"]).expect_status(3);
    // Found by nobody but the page.
    fs::remove_file(bench.small_source(1)).unwrap();

    let raw = page(&bench, &[], 3);
    let rows_of = |page: &str| rows(section(page, "failures"));
    let raw_rows = rows_of(&raw);
    let images: Vec<&str> = raw_rows.iter().skip(1).map(|row| &*row[1]).collect();
    assert_eq!(images, ["000000", "000001", "000003", "000005"]);
    let known_from: Vec<&str> = raw_rows[1..].iter().map(|row| &*row[4]).collect();
    assert_eq!(
        known_from,
        ["materialize", "this report", "materialize", "the lists"]
    );
    assert!(raw_rows[1][2].contains("0000.png"), "{:?}", raw_rows[1]);
    assert_eq!(raw_rows[3][3], "the file is empty");
    assert!(raw_rows[4][3].contains("outside of the dataset"));
    assert!(section(&raw, "summary").contains("<dt>Known failures</dt><dd>4</dd>"));

    // The records stand beside the tree, however it is named.
    std::os::unix::fs::symlink("out", bench.path("link")).unwrap();
    for root in ["out", "out/", "./out/../out", "link"] {
        let rows = rows_of(&page(&bench, &[root], 0));
        let images: Vec<&str> = rows.iter().skip(1).map(|row| &*row[1]).collect();
        assert_eq!(images, ["000000", "000003", "000005"], "{root}");
    }
}

#[test]
fn of_many_failures_some_hundred_are_shown() {
    let bench = Bench::small(700, "IMAGE_SIZE: 16");
    fs::remove_dir_all(bench.path("raw/images")).unwrap();
    fs::create_dir(bench.path("raw/images")).unwrap();
    bench.run(&["materialize"]).expect_status(3);
    let page = page(&bench, &[], 3);
    let failures = section(&page, "failures");
    assert_eq!(rows(failures).len(), 1 + 300);
    assert!(failures.contains("400 more of chex-ray14"), "{failures}");
    assert!(failures.contains("<details>") && failures.contains("<summary>"));
    assert_eq!(
        section(&page, "pictures").matches("cannot be read").count(),
        6
    );
}

#[test]
fn keys_cannot_change_the_page() {
    let bench = Bench::small(1, "IMAGE_SIZE: 16");
    let hostile = "<script>alert(1)</script>\"'&\u{202e}<img src=x>.png";
    fs::write(
        bench.path("raw/train_val_list.txt"),
        format!("x.png\n{hostile}\n../</table><b onclick=x>.png\n"),
    )
    .unwrap();
    let page = page(&bench, &[], 3);
    for raw in [
        "<script",
        "<img src=x",
        "</table><b",
        "<b onclick",
        "\u{202e}",
    ] {
        assert!(!page.contains(raw), "{raw}");
    }
    assert!(page.contains("&#60;script&#62;alert(1)"));
}

#[test]
fn lists_and_indexes_that_cannot_be_read_are_shown_and_fail() {
    let bench = Bench::sample(2);
    bench.run(&["materialize"]).expect_status(0);
    fs::remove_file(bench.path("raw/chexpert/train.csv")).unwrap();
    let ran = report(&bench, &[]).expect_status(3);
    assert!(ran.stderr().contains("chexpert: CHEXPERT_ROOT"));
    let raw = page(&bench, &[], 3);
    assert!(section(&raw, "summary").contains("CHEXPERT_ROOT"));
    let rows = by_name(section(&raw, "views"));
    assert_eq!(rows["chexpert"], ["cannot be read"]);
    assert_eq!(rows["rsna"][0], "2");

    fs::remove_file(bench.path("machex/rsna/index.json")).unwrap();
    fs::write(bench.path("machex/brax/index.json"), "[1, 2]").unwrap();
    let ran = report(&bench, &["machex"]).expect_status(3);
    assert!(ran.stderr().contains("rsna: has no index.json"));
    assert!(ran.stderr().contains("brax: "), "{}", ran.stderr());
    assert_eq!(ran.stderr().lines().count(), 2, "{}", ran.stderr());
    let tree = page(&bench, &["machex"], 3);
    assert!(section(&tree, "summary").contains("materialize writes it last"));
}

#[test]
fn an_index_may_be_formatted_in_any_way() {
    let bench = Bench::small(3, "IMAGE_SIZE: 16");
    bench.run(&["materialize"]).expect_status(0);
    let mut entries = index(&bench, "out/chex-ray14/index.json");
    entries["000001"] = serde_json::json!({
        "report": "A secret of a patient.",
        "class_label": [1, 0, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        "path": "/gone/000001.jpg",
    });
    entries["000002"]["class_label"] = serde_json::json!([1]);
    let compact = serde_json::to_string(&entries).unwrap();
    fs::write(bench.path("out/chex-ray14/index.json"), compact).unwrap();
    let page = page(&bench, &["out"], 0);
    assert!(!page.contains("secret"));
    let findings = findings(&page, "chex-ray14");
    assert_eq!(findings["Enlarged Cardiomediastinum"], [1, 0, 0]);
    assert_eq!(findings["Lung Opacity"], [0, 1, 0]);
    assert!(page.contains("the class_label of 1 images is not"));
    assert_eq!(
        section(&page, "pictures")
            .matches("data:image/jpeg")
            .count(),
        3
    );
}

#[test]
fn where_it_cannot_be_written_is_said_and_the_output_can_be_the_standard_one() {
    let bench = Bench::small(2, "IMAGE_SIZE: 16");
    let ran = bench
        .run(&["report", "-o", "missing/report.html"])
        .expect_status(1);
    assert!(ran.stderr().contains("there is no folder"));
    let ran = report(&bench, &["nowhere.yml"]).expect_status(1);
    assert!(ran.stderr().contains("config file nowhere.yml"));
    let ran = bench.run(&["report", "-o", "-"]).expect_status(0);
    assert_is_self_contained(&ran.stdout());
    bench.run(&["report"]).expect_status(2);
}

#[test]
fn nothing_that_the_tree_is_made_of_is_written_over() {
    let bench = Bench::sample(2);
    let list = "raw/chex-ray14/train_val_list.txt";
    let before = fs::read(bench.path(list)).unwrap();
    let config = fs::read(bench.path("config.yml")).unwrap();
    for (file, words) in [
        (list, "a raw dataset"),
        ("config.yml", "the config file"),
        ("cache/report.html", "machex' cache"),
    ] {
        fs::create_dir_all(bench.path("cache")).unwrap();
        for subcommand in ["report", "preview"] {
            let ran = bench
                .run(&[subcommand, "config.yml", "-o", file])
                .expect_status(1);
            assert!(ran.stderr().contains(words), "{}", ran.stderr());
        }
    }
    assert_eq!(fs::read(bench.path(list)).unwrap(), before);
    assert_eq!(fs::read(bench.path("config.yml")).unwrap(), config);
}
