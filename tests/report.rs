//! `machex report`: the page of a config, a tree, and a mount.

mod common;

use std::collections::BTreeMap;
use std::fs;

use common::mounted::{Mounted, skips_fuse};
use common::{Bench, Ran};
use machex::datasets::ALL;
use machex::metadata::Vocabulary;
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

/// The cell of each finding for one dataset.
fn prevalence(page: &str, dataset: &str) -> BTreeMap<String, String> {
    let rows = rows(section(page, "findings"));
    let column = rows[0].iter().position(|cell| cell == dataset).unwrap();
    let rows = rows.into_iter().skip(1);
    rows.map(|row| (row[0].clone(), row[column].clone()))
        .collect()
}

/// A chart of one dataset: the number of images of each value, in the order of the page.
fn chart(page: &str, dataset: &str, name: &str) -> Vec<(String, u32)> {
    let heading = format!("<h3><bdi>{dataset}</bdi></h3>");
    let charts = section(page, "images").split(&heading).nth(1).unwrap();
    let charts = charts.split("<h3>").next().unwrap();
    let chart = charts
        .split(&format!("<caption><b>{name}</b>"))
        .nth(1)
        .unwrap();
    let rows = rows(chart.split("</table>").next().unwrap()).into_iter();
    rows.skip(1)
        .map(|row| {
            let count = row[1].split(' ').next().unwrap().replace(',', "");
            (row[0].clone(), count.parse().unwrap())
        })
        .collect()
}

fn is_cell_of(cell: &str, [present, absent, uncertain]: [u32; 3]) -> bool {
    let whole = present + absent + uncertain;
    match (whole, uncertain) {
        (0, _) => cell == "not labelled",
        (_, 0) => cell.ends_with(&format!("% {present} of {whole}")),
        _ => cell.ends_with(&format!("% {present} of {whole} {uncertain} uncertain")),
    }
}

/// What a table says of each finding of one dataset: present, absent, uncertain.
fn counted_in_table(bench: &Bench, dataset: &str) -> BTreeMap<String, [u32; 3]> {
    let table = ["metadata", "-o", "table.csv", "--no-headers", "--dataset"];
    let ran = bench.run(&[&table[..], &[dataset]].concat());
    ran.expect_status(0);
    let mut reader = csv::Reader::from_path(bench.path("table.csv")).unwrap();
    let names: Vec<String> = reader
        .headers()
        .unwrap()
        .iter()
        .map(str::to_owned)
        .collect();
    let mut counts = BTreeMap::new();
    for record in reader.records() {
        let record = record.unwrap();
        for finding in Vocabulary::get().findings() {
            let column = names.iter().position(|name| name == finding).unwrap();
            let counts: &mut [u32; 3] = counts.entry((*finding).to_owned()).or_default();
            match &record[column] {
                "1" => counts[0] += 1,
                "0" => counts[1] += 1,
                "-1" => counts[2] += 1,
                "" => {}
                other => panic!("{other}"),
            }
        }
    }
    counts
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

/// What the index itself says of each finding: present, absent. It does not tell uncertain from not
/// labelled.
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
        let got = prevalence(&tree, dataset);
        for (name, [present, absent, _]) in machex::lists::LABELS.iter().zip(&expected) {
            let (cell, expected) = (&got[*name], [*present, *absent, 0]);
            assert!(is_cell_of(cell, expected), "{dataset}: {name}: {cell}");
        }
        assert_eq!(got["Nodule"], "–not known");
        assert_eq!(got["Read from"], "index.json (class_label)");
    }
    assert_eq!(prevalence(&tree, "padchest")["Nodule"], "–not known");
    assert!(section(&tree, "images").contains("machex materialize --metadata"));

    // The lists, and the table that is made of them.
    for dataset in ALL.iter().map(|dataset| dataset.folder()) {
        let of_lists = prevalence(&raw, dataset);
        let expected = counted_in_table(&bench, dataset);
        assert_eq!(expected.len(), 37);
        for (name, expected) in expected {
            let cell = &of_lists[&name];
            assert!(is_cell_of(cell, expected), "{dataset}: {name}: {cell}");
        }
        let table = ["metadata", "-o", "table.parquet", "--dataset", dataset];
        bench.run(&table).expect_status(0);
        let place = bench.path(&format!("machex/{dataset}/metadata.parquet"));
        fs::rename(bench.path("table.parquet"), place).unwrap();
    }
    let told = page(&bench, &["machex"], 0);
    for dataset in ALL.iter().map(|dataset| dataset.folder()) {
        let (mut of_table, mut of_lists) = (prevalence(&told, dataset), prevalence(&raw, dataset));
        assert_eq!(of_table.remove("Read from").unwrap(), "metadata.parquet");
        of_lists.remove("Read from").unwrap();
        assert_eq!(of_table, of_lists, "{dataset}");
        let sizes = |page: &str| chart(page, dataset, "Size");
        assert_eq!(sizes(&told), sizes(&raw), "{dataset}: a sample of all");
    }
    assert!(!section(&told, "images").contains("--metadata"));

    for page in [&raw, &tree, &told] {
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

/// The head of ChestX-ray14's list, and five rows; the last one is hostile.
const ENTRIES: &str = "\
Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position
0000.png,Cardiomegaly|Emphysema,0,4711,58,M,PA
0001.png,No Finding,1,4711,59,M,AP
0002.png,Hernia,0,4712,9,F,PA
0004.png,<b onclick=x>|</table><script>,0,<script>4713,7,<img src=y>,<i>PA
gone.png,Hernia,0,4714,<script>,M,PA
";

#[test]
fn what_lists_tell_is_counted_and_what_they_do_not_tell_is_said() {
    let bench = Bench::small(6, "IMAGE_SIZE: 16");
    fs::write(bench.path("raw/Data_Entry_2017.csv"), ENTRIES).unwrap();
    let page = page(&bench, &[], 0);
    let findings = prevalence(&page, "chex-ray14");
    // Of four rows, one has words that are no labels.
    assert_eq!(findings["Cardiomegaly"], "33.3 % 1 of 3");
    assert_eq!(findings["Hernia"], "33.3 % 1 of 3");
    assert_eq!(findings["Pneumonia"], "0 % 0 of 3");
    assert_eq!(findings["Scoliosis"], "not labelled");
    assert_eq!(findings["Images with a label"], "3");
    assert_eq!(findings["Labels made by"], "text mining");
    assert_eq!(findings["Absent means"], "not named among what was found");
    let lists = &findings["Read from"];
    assert!(lists.contains("Data_Entry_2017.csv"), "{lists}");

    let chart = |name| chart(&page, "chex-ray14", name);
    let rows = |rows: &[(&str, u32)]| -> Vec<(String, u32)> {
        let rows = rows.iter();
        rows.map(|(name, count)| ((*name).to_owned(), *count))
            .collect()
    };
    // A word that is no view is another view.
    let views = [("PA", 2), ("AP", 1), ("other", 1), ("not known", 2)];
    assert_eq!(chart("View"), rows(&views));
    let sexes = [("male", 2), ("female", 1), ("not known", 3)];
    assert_eq!(chart("Sex"), rows(&sexes));
    let ages = chart("Age");
    assert_eq!(ages.len(), 7, "all decades up to the last one: {ages:?}");
    assert_eq!(ages[0], ("0–9 years".to_owned(), 2));
    assert_eq!(ages[1], ("10–19 years".to_owned(), 0));
    assert_eq!(ages[5..], rows(&[("50–59 years", 2), ("not known", 2)]));
    let bits = chart("Bits per sample");
    assert_eq!(bits, rows(&[("8 bits", 6)]));
    let sizes = chart("Size");
    assert_eq!(sizes.len(), 6);
    assert!(sizes.contains(&("400 × 420".to_owned(), 1)), "{sizes:?}");
    assert!(section(&page, "images").contains("6 of 6 images looked at"));

    // No patient, and nothing that a cell says.
    for raw in ["4711", "<script", "<b onclick", "<img src=y", "<i>"] {
        assert!(!page.contains(raw), "{raw}");
    }
}

#[test]
fn a_table_from_elsewhere_costs_only_what_it_tells() {
    let bench = Bench::small(2, "IMAGE_SIZE: 16");
    bench.run(&["materialize"]).expect_status(0);
    let place = bench.path("out/chex-ray14/metadata.parquet");
    fs::write(&place, "PAR1 no table PAR1").unwrap();
    let broken = page(&bench, &["out"], 0);
    assert!(
        section(&broken, "views").contains("metadata.parquet: "),
        "{broken}"
    );
    assert!(section(&broken, "images").contains("No <code>metadata.parquet</code>"));
    fs::remove_file(&place).unwrap();
    fs::create_dir(&place).unwrap();
    let folder = page(&bench, &["out"], 0);
    assert!(section(&folder, "views").contains("it is not a file"));
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
    let findings = prevalence(&page, "chex-ray14");
    assert_eq!(findings["Enlarged Cardiomediastinum"], "100 % 1 of 1");
    assert_eq!(findings["Lung Opacity"], "0 % 0 of 1");
    assert_eq!(findings["Cardiomegaly"], "not labelled");
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
