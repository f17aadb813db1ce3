//! Roots that are not what they should be: one message names the folder or the release that is there,
//! and what to do. `check` ends with status 1, and so does `materialize`.

mod common;

use std::fs;
use std::path::Path;

use common::{Bench, copy_tree};

/// A folder with these empty files in it; a name that ends with `/` is a folder.
fn make(bench: &Bench, folder: &str, names: &[&str]) {
    fs::create_dir_all(bench.path(folder)).unwrap();
    for name in names {
        let path = bench.path(folder).join(name);
        if name.ends_with('/') {
            fs::create_dir_all(path).unwrap();
        } else {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
    }
}

/// What `check` says of `root`, on one line.
#[track_caller]
fn check(bench: &Bench, key: &str, root: &str, status: i32) -> String {
    bench.write_config(&format!("FRONTAL_ONLY: false\n{key}: {root}"));
    let ran = bench.run(&["check"]).expect_status(status);
    let start = format!(": {key}: ");
    let stdout = ran.stdout();
    let lines: Vec<&str> = stdout
        .lines()
        .filter(|line| line.contains(&start))
        .collect();
    assert!(lines.len() <= 1, "{stdout}");
    lines.concat()
}

/// Expects one message with these words; `{}` stands for the bench's folder.
#[track_caller]
fn expect(bench: &Bench, key: &str, root: &str, words: &[&str]) {
    let message = check(bench, key, root, 3);
    let folder = bench.path("").display().to_string();
    for words in words {
        let words = words.replace("{}/", &folder);
        assert!(
            message.contains(&words),
            "{key}, {root}: no \"{words}\" in: {message}"
        );
    }
}

#[test]
fn a_root_that_is_not_there_is_looked_for_beside_it() {
    let bench = Bench::new();
    make(&bench, "", &["Brax/", "object.zip", "file.zip"]);
    for (key, root, words) in [
        ("BRAX_ROOT", "brax", "does not exist ({}/Brax is there)"),
        (
            "OBJECTCXR_ROOT",
            "object",
            "does not exist ({}/object.zip is there and not unpacked)",
        ),
        (
            "OBJECTCXR_ROOT",
            "file.zip",
            "is not a folder (an archive has to be unpacked)",
        ),
    ] {
        bench.write_config(&format!("FRONTAL_ONLY: true\n{key}: {root}"));
        let stderr = bench.run(&["check"]).expect_status(1).stderr();
        let words = words.replace("{}/", &bench.path("").display().to_string());
        assert!(stderr.contains(&words), "{words}: {stderr}");
    }
}

/// Those who run `wget -r` have physionet.org around everything, and others give a folder within.
#[test]
fn the_folder_that_was_meant_is_named_where_it_is_above_or_below() {
    let bench = Bench::sample(2);
    let raw = |name: &str| bench.path("raw").join(name);
    let copy = |dataset: &str, to: &str| copy_tree(&raw(dataset), &bench.path(to));
    copy("mimic", "a/physionet.org/files/mimic-cxr-jpg/2.0.0");
    for root in ["a", "a/physionet.org", "a/physionet.org/files"] {
        let set = "set MIMIC_ROOT: {}/a/physionet.org/files/mimic-cxr-jpg/2.0.0";
        expect(&bench, "MIMIC_ROOT", root, &[set]);
    }
    copy("mimic", "a/physionet.org/files/mimic-cxr-jpg/2.1.0");
    expect(
        &bench,
        "MIMIC_ROOT",
        "a/physionet.org",
        &["several folders", "2.0.0, or {}/a/physio"],
    );
    copy("vindrcxr", "b/physionet.org/files/vindr-cxr/1.0.0");
    copy("brax", "b/physionet.org/files/brax/1.1.0");
    for (key, set) in [
        ("VINDRCXR_ROOT", "vindr-cxr/1.0.0"),
        ("BRAX_ROOT", "brax/1.1.0"),
    ] {
        let set = format!("set {key}: {{}}/b/physionet.org/files/{set}");
        expect(&bench, key, "b/physionet.org", &[&set]);
    }
    copy("openi", "c/NLMCXR_png");
    expect(
        &bench,
        "OPENI_ROOT",
        "c",
        &["set OPENI_ROOT: {}/c/NLMCXR_png", "in {}/c itself"],
    );
    copy("siim", "d/x/siim");
    expect(&bench, "SIIM_ROOT", "d", &["set SIIM_ROOT: {}/d/x/siim"]);
    let batches = "e/chexpertchestxrays-u20210408";
    let lists = format!("{batches}/CheXpert-v1.0 batch 1 (validate & csv)");
    copy("chexpert", &lists);
    let set = "set CHEXPERT_ROOT: {}/e/chexpertchestxrays-u20210408";
    make(
        &bench,
        &format!("{batches}/CheXpert-v1.0 batch 2 (train 1)"),
        &[],
    );
    fs::remove_dir_all(bench.path(&lists).join("train")).unwrap();
    expect(&bench, "CHEXPERT_ROOT", "e", &[set]);
    expect(
        &bench,
        "CHEXPERT_ROOT",
        &format!("{batches}/CheXpert-v1.0 batch 2 (train 1)"),
        &[set],
    );
    for (dataset, key, below) in [
        ("mimic", "MIMIC_ROOT", "files"),
        ("mimic", "MIMIC_ROOT", "files/p10"),
        ("chex-ray14", "CHEXRAY14_ROOT", "images"),
        ("padchest", "PADCHEST_ROOT", "images"),
        ("chexpert", "CHEXPERT_ROOT", "train"),
        ("vindrcxr", "VINDRCXR_ROOT", "train"),
        ("objcxr", "OBJECTCXR_ROOT", "train"),
        ("rsna", "RSNA_ROOT", "stage_2_train_images_jpg"),
        ("brax", "BRAX_ROOT", "images"),
    ] {
        let set = format!("set {key}: {{}}/raw/{dataset}");
        expect(
            &bench,
            key,
            &format!("raw/{dataset}/{below}"),
            &[&set, "is above it"],
        );
    }
    expect(
        &bench,
        "MIMIC_ROOT",
        "raw/chexpert",
        &["CheXpert", "CHEXPERT_ROOT"],
    );
    fs::rename(raw("objcxr").join("train"), raw("objcxr").join("Train")).unwrap();
    expect(
        &bench,
        "OBJECTCXR_ROOT",
        "raw/objcxr",
        &["/raw/objcxr/Train is there: rename it to train"],
    );
    let list = raw("brax").join("master_spreadsheet_update.csv");
    fs::rename(&list, list.with_extension("CSV")).unwrap();
    expect(
        &bench,
        "BRAX_ROOT",
        "raw/brax",
        &["rename it to master_spreadsheet_update.csv"],
    );
}

#[test]
fn other_releases_are_named() {
    let bench = Bench::new();
    for (key, files, words) in [
        (
            "CHEXPERT_ROOT",
            &["df_chexpert_plus_240401.csv", "PNG/PNG/train/"][..],
            &["CheXpert Plus", "CheXpert v1.0"][..],
        ),
        (
            "CHEXPERT_ROOT",
            &["chexbert_labels/df_chexpert_plus_240401.csv"],
            &["CheXpert Plus"],
        ),
        (
            "RSNA_ROOT",
            &["stage_2_train_images/a.dcm"],
            &["(DICOM)", "stage_2_train_images_jpg/"],
        ),
        (
            "RSNA_ROOT",
            &["Training/Images/a.png", "stage2_train_metadata.csv"],
            &["Kaggle", "PNG"],
        ),
        (
            "VINDRCXR_ROOT",
            &["train/a.png", "train/b.png", "train.csv"],
            &["train holds 2 .png files", "has .dicom", "Kaggle", "PNG"],
        ),
        (
            "VINDRCXR_ROOT",
            &["vinbigdata/train/a.png"],
            &["Kaggle", "PNG"],
        ),
        ("VINDRCXR_ROOT", &["train/a.jpg"], &["JPEG"]),
        (
            "VINDRCXR_ROOT",
            &["train/a/a.dicom"],
            &["in folders within train/", "move"],
        ),
        (
            "MIMIC_ROOT",
            &["cxr-record-list.csv.gz", "files/p10/p1/s1/a.dcm"],
            &["as DICOM", "MIMIC-CXR-JPG"],
        ),
        (
            "MIMIC_ROOT",
            &["files/p10/p1/s1.txt"],
            &["MIMIC_REPORTS_ROOT"],
        ),
        (
            "SIIM_ROOT",
            &["train/a.png", "masks/a.png"],
            &["PNG", "dicom-images-train"],
        ),
        (
            "SIIM_ROOT",
            &["siim-acr-pneumothorax/png_images/a.png"],
            &["PNG"],
        ),
        (
            "SIIM_ROOT",
            &["sample images/a.dcm", "train-rle-sample.csv"],
            &["still has"],
        ),
        (
            "SIIM_ROOT",
            &["a/dicom-images-train/", "b/dicom-images-train/"],
            &["several", "/a, or", "/b"],
        ),
        ("OPENI_ROOT", &["CXR1.dcm"], &["as DICOM", "1 .dcm file"]),
        ("OPENI_ROOT", &["ecgen-radiology/1.xml"], &["reports"]),
        (
            "PADCHEST_ROOT",
            &["chest_x_ray_images_labels_sample.csv"],
            &["sample of PadChest"],
        ),
        (
            "PADCHEST_ROOT",
            &["PADCHEST_chest_x_ray_images_labels_160K.csv"],
            &["another name", "rename it"],
        ),
        (
            "CHEXRAY14_ROOT",
            &["sample/sample_labels.csv"],
            &["sample of ChestX-ray14"],
        ),
        // What belongs to it, and is not all of it.
        (
            "CHEXRAY14_ROOT",
            &["Data_Entry_2017_v2020.csv", "images/a.png"],
            &["train_val_list.txt", "download what is missing"],
        ),
        (
            "MIMIC_ROOT",
            &["files/p10/p1/s1.txt", "files/p10/p1/s1/a.jpg"],
            &["metadata.csv", "download what is missing"],
        ),
        (
            "OBJECTCXR_ROOT",
            &["train.csv"],
            &["download what is missing"],
        ),
        // What is not unpacked.
        (
            "OBJECTCXR_ROOT",
            &["train.csv", "train.zip"],
            &["/train.zip is there and not unpacked"],
        ),
        (
            "CHEXPERT_ROOT",
            &["CheXpert-v1.0-small.zip"],
            &["CheXpert-v1.0-small.zip is there and not"],
        ),
        (
            "MIMIC_ROOT",
            &["x/archive.zip"],
            &["/x/archive.zip is there and not unpacked"],
        ),
        (
            "OPENI_ROOT",
            &["NLMCXR_png.tgz"],
            &["NLMCXR_png.tgz is there and not unpacked"],
        ),
        // What is nothing that is known.
        (
            "BRAX_ROOT",
            &["a/b.txt", "c.pdf"],
            &[
                "1 folder (a) and 1 file (c.pdf)",
                "physionet.org/content/brax",
            ],
        ),
        ("BRAX_ROOT", &[], &["holds nothing"]),
    ] {
        let _ = fs::remove_dir_all(bench.path("root"));
        make(&bench, "root", files);
        expect(&bench, key, "root", &[words, &["_ROOT"]].concat());
    }
    let ran = bench.run(&["materialize"]).expect_status(1);
    assert!(ran.stderr().contains("holds nothing"), "{}", ran.stderr());
}

#[test]
fn names_in_a_hint_are_escaped() {
    let bench = Bench::new();
    make(&bench, "root", &["a\x1b[31m\nbrax: all is well"]);
    let message = check(&bench, "BRAX_ROOT", "root", 3);
    assert!(
        message.contains("a\\x1b[31m\\nbrax: all is well"),
        "{message}"
    );
}

#[test]
fn no_images_is_never_well() {
    let bench = Bench::sample(3);
    let empty = |text: &str, list: &str, root: &str| {
        fs::write(bench.path(root).join(list), text).unwrap();
    };
    empty("", "train_val_list.txt", "raw/chex-ray14");
    expect(
        &bench,
        "CHEXRAY14_ROOT",
        "raw/chex-ray14",
        &["train_val_list.txt is empty"],
    );
    let list = fs::read_to_string(bench.path("raw/brax/master_spreadsheet_update.csv")).unwrap();
    let header = list.lines().next().unwrap();
    empty(header, "master_spreadsheet_update.csv", "raw/brax");
    expect(
        &bench,
        "BRAX_ROOT",
        "raw/brax",
        &["has a header and no rows"],
    );
    let header = "PngPath,ViewPosition";
    let row = format!("{header}\n{}", "images/a.png,LAO\n".repeat(12));
    empty(&row, "master_spreadsheet_update.csv", "raw/brax");
    expect(
        &bench,
        "BRAX_ROOT",
        "raw/brax",
        &["12 images are named", "LAO 12"],
    );

    bench.write_config("FRONTAL_ONLY: true\nOPENI_ROOT: raw/openi");
    let ran = bench.run(&["check"]).expect_status(3);
    assert!(
        ran.stdout().contains("set FRONTAL_ONLY: false"),
        "{}",
        ran.stdout()
    );
    // As the original script has it: an empty index and an empty folder.
    let ran = bench.run(&["materialize"]).expect_status(0);
    assert!(
        ran.stdout().contains("set FRONTAL_ONLY: false"),
        "{}",
        ran.stdout()
    );
    assert_eq!(
        fs::read(bench.out().join("openi/index.json")).unwrap(),
        b"{}"
    );
    assert!(bench.out().join("openi/00").is_dir());
}

#[test]
fn half_a_download_is_told_what_to_do() {
    let bench = Bench::sample(6);
    let images = bench.path("raw/chex-ray14/images");
    let remove = |count: usize| {
        for file in fs::read_dir(&images).unwrap().take(count) {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
    };
    bench.write_config("FRONTAL_ONLY: true\nCHEXRAY14_ROOT: raw/chex-ray14");
    remove(2);
    let ran = bench.run(&["check"]).expect_status(3);
    let words =
        "2 of 6 files that were looked for are missing: finish the download, or set ONLY_PRESENT";
    assert!(ran.stdout().contains(words), "{}", ran.stdout());
    let ran = bench.run(&["materialize"]).expect_status(3);
    let words = "2 of them have no source: finish the download, or set ONLY_PRESENT: true";
    assert!(ran.stdout().contains(words), "{}", ran.stdout());
    remove(4);
    fs::write(Path::new(&images).with_file_name("images_001.tar.gz"), "").unwrap();
    bench.write_config("MACHEX_PATH: other\nFRONTAL_ONLY: true\nCHEXRAY14_ROOT: raw/chex-ray14");
    let config = fs::read_to_string(bench.path("config.yml")).unwrap();
    fs::write(
        bench.path("config.yml"),
        config.replacen("MACHEX_PATH: out\n", "", 1),
    )
    .unwrap();
    let ran = bench.run(&["check"]).expect_status(3);
    assert!(
        ran.stdout()
            .contains("images_001.tar.gz is there and not unpacked"),
        "{}",
        ran.stdout()
    );
}

#[test]
fn images_that_are_left_out_are_counted_by_their_view() {
    let bench = Bench::sample(7);
    bench.write_config("FRONTAL_ONLY: true\nMIMIC_ROOT: raw/mimic\nCHEXPERT_ROOT: raw/chexpert");
    let ran = bench.run(&["check"]).expect_status(0);
    for words in [
        "mimic: left out by view: LATERAL 1, LL 1, blank 1",
        "chexpert: left out by view: lateral 1",
    ] {
        assert!(ran.stdout().contains(words), "{}", ran.stdout());
    }
    let ran = bench.run(&["check", "--json"]).expect_status(0);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout()).unwrap();
    let report = json["datasets"].as_array().unwrap();
    let mimic = report
        .iter()
        .find(|report| report["dataset"] == "mimic")
        .unwrap();
    assert_eq!(mimic["left_out"][0]["value"], "LATERAL");
    bench.run(&["report", "-o", "report.html"]).expect_status(0);
    let page = fs::read_to_string(bench.path("report.html")).unwrap();
    assert!(page.contains("LATERAL 1, LL 1, blank 1"));
}
