//! The layouts that users really have: each dataset of the sample is rearranged as its downloads
//! come, and must give the same tree.

mod common;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use common::Bench;
use serde_json::Value;

/// A sample of all datasets in a folder of its own.
struct Sample {
    bench: Bench,
}

impl Sample {
    fn new() -> Self {
        let bench = Bench::new();
        bench
            .run(&["sample", ".", "--images", "5"])
            .expect_status(0);
        Self { bench }
    }

    fn root(&self, dataset: &str) -> PathBuf {
        self.bench.path("raw").join(dataset)
    }

    /// Renders a dataset alone; returns its keys, and its images by number.
    fn tree(&self, dataset: &str) -> (Value, Vec<Vec<u8>>) {
        let _ = fs::remove_dir_all(self.bench.path("machex"));
        let _ = fs::remove_dir_all(self.bench.path("machex.state"));
        self.bench
            .run(&["materialize", "--dataset", dataset])
            .expect_status(0);
        let folder = self.bench.path("machex").join(dataset);
        let index: Value =
            serde_json::from_slice(&fs::read(folder.join("index.json")).unwrap()).unwrap();
        let images = index.as_object().unwrap().keys();
        let images = images
            .map(|id| fs::read(folder.join(format!("00/{id}.jpg"))).unwrap())
            .collect();
        (index, images)
    }

    /// Adds a line to the config.
    fn configure(&self, line: &str) {
        let path = self.bench.path("config.yml");
        let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
        writeln!(file, "{line}").unwrap();
    }

    /// Rearranges a dataset; its tree must stay what it was.
    fn expect_same(&self, dataset: &str, rearrange: impl FnOnce(&Path)) {
        let before = self.tree(dataset);
        assert!(!before.1.is_empty());
        rearrange(&self.root(dataset));
        assert!(self.tree(dataset) == before, "{dataset} differs");
    }
}

fn move_into(folder: &Path, files: impl IntoIterator<Item = PathBuf>) {
    fs::create_dir_all(folder).unwrap();
    for file in files {
        fs::rename(&file, folder.join(file.file_name().unwrap())).unwrap();
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    entries
}

fn compress(path: &Path) {
    let name = format!("{}.gz", path.display());
    let mut gzip =
        flate2::write::GzEncoder::new(fs::File::create(name).unwrap(), flate2::Compression::fast());
    gzip.write_all(&fs::read(path).unwrap()).unwrap();
    gzip.finish().unwrap();
    fs::remove_file(path).unwrap();
}

#[test]
fn every_list_may_be_gzip() {
    let sample = Sample::new();
    for (dataset, lists) in [
        ("chex-ray14", vec!["train_val_list.txt"]),
        ("chexpert", vec!["train.csv"]),
        (
            "padchest",
            vec!["PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"],
        ),
        (
            "mimic",
            vec![
                "mimic-cxr-2.0.0-metadata.csv",
                "mimic-cxr-2.0.0-chexpert.csv",
            ],
        ),
        ("brax", vec!["master_spreadsheet_update.csv"]),
    ] {
        sample.expect_same(dataset, |root| {
            lists.iter().for_each(|list| compress(&root.join(list)))
        });
    }
}

#[test]
fn chest_x_ray14_in_its_twelve_parts() {
    for inner in ["images", ""] {
        let sample = Sample::new();
        sample.expect_same("chex-ray14", |root| {
            let files = entries(&root.join("images"));
            move_into(&root.join("images_001").join(inner), files[..2].to_vec());
            move_into(&root.join("images_012").join(inner), files[2..].to_vec());
            fs::remove_dir(root.join("images")).unwrap();
        });
    }
}

#[test]
fn chexpert_in_the_batches_of_its_azure_download() {
    let sample = Sample::new();
    sample.expect_same("chexpert", |root| {
        let patients = entries(&root.join("train"));
        move_into(
            &root.join("CheXpert-v1.0 batch 2 (train 1)"),
            patients[..2].to_vec(),
        );
        move_into(
            &root.join("CheXpert-v1.0 batch 4 (train 3)"),
            patients[2..].to_vec(),
        );
        fs::remove_dir(root.join("train")).unwrap();
        let lists = root.join("CheXpert-v1.0 batch 1 (validate & csv)");
        move_into(&lists, [root.join("train.csv")]);
    });
}

#[test]
fn small_chexpert_keeps_its_prefix_in_the_key() {
    let sample = Sample::new();
    let (_, images) = sample.tree("chexpert");
    let list = sample.root("chexpert").join("train.csv");
    let text = fs::read_to_string(&list).unwrap();
    fs::write(
        &list,
        text.replace("CheXpert-v1.0/", "CheXpert-v1.0-small/"),
    )
    .unwrap();
    let (index, small) = sample.tree("chexpert");
    assert!(small == images);
    assert!(
        index["000000"]["key"]
            .as_str()
            .unwrap()
            .starts_with("CheXpert-v1.0-small/train/")
    );
}

#[test]
fn padchest_in_the_folders_of_its_archives() {
    for below in ["images", ""] {
        let sample = Sample::new();
        sample.expect_same("padchest", |root| {
            // The sample's ImageDir counts from 0 in the order of the list.
            let list = fs::read_to_string(
                root.join("PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"),
            )
            .unwrap();
            for line in list.lines().skip(1) {
                let cells: Vec<_> = line.split(',').collect();
                let image = root.join("images").join(cells[1]);
                move_into(&root.join(below).join(cells[2]), [image]);
            }
        });
    }
}

#[test]
fn padchest_images_are_found_beside_empty_folders() {
    let sample = Sample::new();
    sample.expect_same("padchest", |root| {
        for number in 0..5 {
            fs::create_dir_all(root.join(format!("images/{number}"))).unwrap();
            fs::create_dir_all(root.join(number.to_string())).unwrap();
        }
    });
}

#[test]
fn mimic_reports_may_come_from_another_download() {
    for reports_root in ["reports", "reports/files"] {
        let sample = Sample::new();
        sample.expect_same("mimic", |root| {
            let reports = sample.bench.path("reports");
            for list in entries(&root.join("files"))
                .iter()
                .flat_map(|group| entries(group))
            {
                let target = reports.join(list.strip_prefix(root).unwrap());
                let texts = entries(&list)
                    .into_iter()
                    .filter(|path| path.extension().is_some());
                move_into(&target, texts);
            }
            sample.configure(&format!("MIMIC_REPORTS_ROOT: {reports_root}"));
        });
    }
}

#[test]
fn brax_paths_may_end_where_they_end() {
    let sample = Sample::new();
    sample.expect_same("brax", |root| {
        let list = root.join("master_spreadsheet_update.csv");
        let text = fs::read_to_string(&list).unwrap();
        fs::write(list, text.replace(".png/sample,", ".png,")).unwrap();
    });
}

#[test]
fn strays_are_not_images() {
    let sample = Sample::new();
    for (dataset, folder) in [
        ("vindrcxr", "train"),
        ("rsna", "stage_2_train_images_jpg"),
        ("objcxr", "train"),
        ("openi", ""),
        ("siim", "dicom-images-train"),
    ] {
        sample.expect_same(dataset, |root| {
            for stray in [
                "index.html",
                "annotations.csv",
                ".DS_Store",
                "._00001.jpg",
                ".x.dcm",
                "0.txt",
            ] {
                fs::write(root.join(folder).join(stray), "stray").unwrap();
            }
        });
    }
}

#[test]
fn extensions_match_in_any_case_where_the_dataset_is_a_folder() {
    let sample = Sample::new();
    let root = sample.root("rsna").join("stage_2_train_images_jpg");
    for (number, path) in entries(&root).into_iter().enumerate() {
        fs::rename(&path, path.with_extension(["JPG", "jpeg"][number % 2])).unwrap();
    }
    assert_eq!(sample.tree("rsna").1.len(), 5);
}

#[test]
fn the_three_names_with_blanks_are_left_out_only_on_demand() {
    let sample = Sample::new();
    let root = sample.root("padchest");
    let list = root.join("PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv");
    let first = entries(&root.join("images"))[0].clone();
    let name = "216840111366964012373310883942009183085424538_00-030-080.png";
    fs::copy(first, root.join("images").join(name)).unwrap();
    let text = fs::read_to_string(&list).unwrap();
    let row = text.lines().nth(1).unwrap();
    let row = row.replace(row.split(',').nth(1).unwrap(), name);
    fs::write(list, format!("{text}{row}\n")).unwrap();
    assert_eq!(sample.tree("padchest").1.len(), 6);
    sample.configure("PADCHEST_STRICT_VETO: true");
    assert_eq!(sample.tree("padchest").1.len(), 5);
}

#[test]
fn siim_may_be_one_level_lower_or_be_the_root_itself() {
    for folder in ["siim", "pneumothorax"] {
        let sample = Sample::new();
        let (before, images) = sample.tree("siim");
        let root = sample.root("siim");
        fs::create_dir(root.join("test")).unwrap();
        move_into(&root.join(folder), [root.join("dicom-images-train")]);
        let (index, lower) = sample.tree("siim");
        assert!(lower == images);
        // Keys are full paths.
        let lowered = before.to_string().replace(
            "/dicom-images-train/",
            &format!("/{folder}/dicom-images-train/"),
        );
        assert_eq!(index.to_string(), lowered);
    }
    let sample = Sample::new();
    let before = sample.tree("siim");
    let config = fs::read_to_string(sample.bench.path("config.yml")).unwrap();
    let config = config.replace("raw/siim", "raw/siim/dicom-images-train");
    fs::write(sample.bench.path("config.yml"), config).unwrap();
    assert!(sample.tree("siim") == before);
}

#[test]
fn open_i_as_kaggle_has_it() {
    let sample = Sample::new();
    sample.expect_same("openi", |root| {
        let files = entries(root);
        move_into(&root.join("images/images_normalized"), files);
        fs::write(
            root.join("indiana_projections.csv"),
            "uid,filename,projection\n",
        )
        .unwrap();
    });
}
