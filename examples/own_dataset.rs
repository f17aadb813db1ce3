//! A complete machex program with one more dataset: yours. Copy this file to `src/main.rs` of a
//! crate that depends on machex, and change it to match your layout. The program then supports your
//! dataset everywhere: a config key, a folder in the tree, samples, checks, mounts, splits by
//! patient.
//!
//!     cargo run --example own_dataset -- sample demo
//!     cargo run --example own_dataset -- check demo/config.yml
//!
//! The dataset of this example has a CSV `list.csv` with the columns `File` and `View`, and PNGs in
//! `images/`.

use machex::catalog::{CatalogBuilder, CatalogError, SourceLocation};
use machex::datasets::{ALL, Dataset, DatasetInfo, Marks, Numbering, PatientRule, RawTree};
use machex::lists::{ListFile, Table, ViewPositions};
use machex::synthetic::{Coding, SampleError, SampleTree, Shade};

const LIST: &str = "list.csv";

/// The names of the views in the list. machex leaves out images with any other view.
const VIEWS: ViewPositions = ViewPositions {
    frontal: &["PA", "AP"],
    lateral: &["LAT"],
};

const INFO: DatasetInfo = DatasetInfo {
    // Choose a number that no other dataset has, and never change it: inode numbers depend on it.
    number: 11,
    folder: "clinic",
    root_key: "CLINIC_ROOT",
    options: &[],
    real_count: 12_000,
    numbering: Numbering::Lists,
    // Keys look like p0001_1.png. With this rule, no patient is on two sides of a split.
    patients: PatientRule::InKey(r"^p(\d+)_"),
    patient_pool: None,
    // For messages, such as the one about a root that is the wrong folder.
    marks: Marks {
        title: "the clinic's radiographs",
        home: "ask the clinic",
        root: &[&[LIST, "images"]],
        parts: &["images/*.png"],
        archives: &["images.zip"],
        files: ".png",
        others: &[],
    },
};

struct Clinic;

impl Dataset for Clinic {
    fn info(&self) -> &'static DatasetInfo {
        &INFO
    }

    /// Pushes each image with its key, which goes into `index.json`, and the folder of the file of
    /// that name. The first image becomes 000000.jpg.
    fn read(&self, tree: &RawTree, catalog: &mut CatalogBuilder) -> Result<(), CatalogError> {
        let file = ListFile::find(catalog.lists(), std::slice::from_ref(&tree.root), LIST)?;
        catalog.set_list(&file.path);
        catalog.set_layout("images/");
        let images = catalog.folder(&tree.root.join("images"));
        let mut table = Table::open(catalog.lists(), &file)?;
        let (name, view) = (table.column("File")?, table.column("View")?);
        while let Some(row) = table.next_row()? {
            let view = row.get(view).unwrap_or_default();
            if VIEWS.takes(&view, tree.frontal_only, catalog) {
                let key = row.get(name).unwrap_or_default();
                catalog.push(&key, SourceLocation::below(images), None)?;
            }
        }
        Ok(())
    }

    /// Writes the same layout with synthetic images, for `machex sample` and for tests.
    fn write_sample(&self, sample: &mut SampleTree) -> Result<(), SampleError> {
        let (bits, shade) = (16, Shade::Gray);
        let mut list = "File,View\n".to_owned();
        for image in sample.images() {
            let key = format!("p{:04}_{}.png", image / 3 + 1, image % 3 + 1);
            sample.image(&format!("images/{key}"), Coding::Png { bits, shade })?;
            list += &format!("{key},{}\n", ["PA", "LAT", "AP"][image as usize % 3]);
        }
        sample.text(LIST, &list)
    }
}

fn main() -> std::process::ExitCode {
    let mut known = ALL.to_vec();
    known.push(&Clinic);
    machex::cli::main(known.leak())
}
