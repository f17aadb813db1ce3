//! Lists and reports, through the datasets that read them.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use machex::catalog::index;
use machex::config::Config;
use machex::datasets::{self, RawTree};

use super::room;

/// Config key, the list below the root that the input becomes, and what else is there.
type Layout = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

const MIMIC_IMAGES: &str = "mimic-cxr-2.0.0-metadata.csv";

const LAYOUTS: [Layout; 7] = [
    ("CHEXPERT_ROOT", "train.csv", &[]),
    (
        "CHEXRAY14_ROOT",
        "train_val_list.txt",
        &[("images/00000001_000.png", "")],
    ),
    (
        "PADCHEST_ROOT",
        "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv",
        &[("images/1.png", "")],
    ),
    ("MIMIC_ROOT", MIMIC_IMAGES, &[]),
    (
        "MIMIC_ROOT",
        "mimic-cxr-2.0.0-chexpert.csv",
        &[(
            MIMIC_IMAGES,
            "dicom_id,subject_id,study_id,ViewPosition\na-b,10000001,50000001,PA\n",
        )],
    ),
    (
        "MIMIC_ROOT",
        "files/p10/p10000001/s50000001.txt",
        &[(
            MIMIC_IMAGES,
            "dicom_id,subject_id,study_id,ViewPosition\na-b,10000001,50000001,PA\n",
        )],
    ),
    ("BRAX_ROOT", "master_spreadsheet_update.csv", &[]),
];

/// A tree in which everything is there but the input.
struct Prepared {
    _folder: tempfile::TempDir,
    list: PathBuf,
    tree: RawTree,
    frontal: RawTree,
}

impl Prepared {
    fn new((key, list, others): &Layout) -> Self {
        let folder = room::folder();
        let root = folder.path().join("root");
        for (name, text) in others.iter().chain([&(*list, "")]) {
            let path = root.join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("room for folders");
            fs::write(&path, text).expect("room for a list");
        }
        let [tree, frontal] = [false, true].map(|frontal_only| {
            let text = format!(
                "MACHEX_PATH: out\nCACHE_PATH: cache\nFRONTAL_ONLY: {frontal_only}\n{key}: root\n"
            );
            let path = folder.path().join("config.yml");
            fs::write(&path, text).expect("room for a config");
            let config = Config::load(&path, datasets::ALL).expect("a config that is right");
            config.trees.into_iter().next().expect("a tree")
        });
        Self {
            list: root.join(list),
            _folder: folder,
            tree,
            frontal,
        }
    }
}

/// Two bytes that choose the list and its form, and the list.
pub fn lists(data: &[u8]) {
    thread_local! {
        static PREPARED: Vec<Prepared> = LAYOUTS.iter().map(Prepared::new).collect();
    }
    let Some(([which, form], text)) = data.split_first_chunk::<2>() else {
        return;
    };
    PREPARED.with(|prepared| {
        let prepared = &prepared[usize::from(*which) % prepared.len()];
        let tree = if form & 1 == 0 {
            &prepared.tree
        } else {
            &prepared.frontal
        };
        let path = write(&prepared.list, *form, text);
        read(tree);
        // For the next input, which may be in another form.
        fs::remove_file(path).expect("what was written");
    });
}

/// Writes the list: plain, in gzip, or as bytes of a gzip file.
fn write(list: &Path, form: u8, text: &[u8]) -> PathBuf {
    let packed = || PathBuf::from(format!("{}.gz", list.display()));
    let _ = fs::remove_file(list);
    match form >> 1 & 3 {
        2 => {
            let path = packed();
            let file = File::create(&path).expect("room for a list");
            let mut encoder = GzEncoder::new(file, Compression::fast());
            encoder.write_all(text).expect("room for a list");
            encoder.finish().expect("room for a list");
            path
        }
        3 => {
            let path = packed();
            fs::write(&path, text).expect("room for a list");
            path
        }
        _ => {
            fs::write(list, text).expect("room for a list");
            list.to_owned()
        }
    }
}

/// Reads the lists of a tree, goes through all entries, and writes the index.
fn read(tree: &RawTree) {
    let catalog = match datasets::load(tree, None) {
        Ok(catalog) => catalog,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    super::records::walk(&catalog);
    let reports = index::Reports {
        read: &|key| tree.report(key),
        pool: None,
    };
    let mut text = Vec::new();
    let include = |number| !catalog.is_faulty(number);
    index::write(
        &mut text,
        &catalog,
        Path::new("/out/dataset"),
        &include,
        reports,
    )
    .expect("an index in memory");
    let parsed: serde_json::Value = serde_json::from_slice(&text).expect("an index that is JSON");
    assert!(parsed.is_object());
}
