//! Raw data that are somewhere else than before: what was rendered of them is found again. What was
//! rendered of another dataset is not.

mod common;

use std::fs;
use std::os::unix::fs::symlink;

use common::mounted::{Mounted, skips_fuse};
use common::{Bench, cached_files, files_below};
use machex::config::Config;
use machex::datasets::Dataset;

const DATASET: &str = "chex-ray14";

/// A sample of all datasets, whose images are small.
fn sample() -> Bench {
    let bench = Bench::sample(5);
    let config = bench.path("config.yml");
    let text = fs::read_to_string(&config).unwrap() + "IMAGE_SIZE: 32\n";
    fs::write(&config, text).unwrap();
    bench
}

/// Has the config's roots in the folder `to` instead of `from`.
fn change_roots(bench: &Bench, from: &str, to: &str) {
    let config = bench.path("config.yml");
    let text = fs::read_to_string(&config).unwrap();
    assert!(text.contains(&format!(": {from}/")), "{text}");
    let text = text.replace(&format!(": {from}/"), &format!(": {to}/"));
    fs::write(&config, text).unwrap();
}

fn datasets(bench: &Bench) -> Vec<&'static dyn Dataset> {
    let config = Config::load(&bench.path("config.yml"), machex::datasets::ALL).unwrap();
    config.trees.iter().map(|tree| tree.dataset).collect()
}

/// Reads all images and indexes of a mount. Returns how many images it rendered for that.
fn read_all(bench: &Bench) -> u64 {
    let mounted = Mounted::new(bench, &[]);
    for name in files_below(&mounted.root) {
        mounted.read(&name);
    }
    mounted.renders()
}

#[test]
fn finished_images_stay_finished_wherever_the_raw_data_are() {
    let bench = sample();
    bench.run(&["materialize"]).expect_status(0);
    let datasets = datasets(&bench);
    assert_eq!(datasets.len(), 10);
    let tree = Config::load(&bench.path("config.yml"), machex::datasets::ALL)
        .unwrap()
        .machex_path;
    let finished = files_below(&tree);

    fs::create_dir(bench.path("other disk")).unwrap();
    fs::rename(bench.path("raw"), bench.path("other disk/radiographs")).unwrap();
    change_roots(&bench, "raw", "other disk/radiographs");
    let ran = bench.run(&["materialize"]).expect_status(0);
    for dataset in &datasets {
        let [images, new, skipped, failed] = ran.summary_of(dataset.folder());
        assert_eq!(
            [new, skipped, failed],
            [0, images, 0],
            "{}",
            dataset.folder()
        );
    }
    assert_eq!(files_below(&tree), finished);

    symlink("other disk", bench.path("link")).unwrap();
    change_roots(&bench, "other disk/radiographs", "link/radiographs");
    let ran = bench.run(&["materialize"]).expect_status(0);
    for dataset in &datasets {
        assert_eq!(
            ran.summary_of(dataset.folder())[1],
            0,
            "{}",
            dataset.folder()
        );
    }
}

#[test]
fn a_mount_finds_in_its_cache_what_was_made_when_the_raw_data_were_elsewhere() {
    if skips_fuse("raw data that were moved, in a mount") {
        return;
    }
    let bench = sample();
    assert!(read_all(&bench) > 0);
    let mut cached = cached_files(&bench);
    fs::rename(bench.path("raw"), bench.path("moved")).unwrap();
    change_roots(&bench, "raw", "moved");
    assert_eq!(read_all(&bench), 0);
    symlink("moved", bench.path("link")).unwrap();
    change_roots(&bench, "moved", "link");
    assert_eq!(read_all(&bench), 0);
    // The indexes, too; but for SIIM-ACR, whose keys are the whole paths.
    let mut now = cached_files(&bench);
    cached.sort();
    now.sort();
    let new = now.iter().filter(|file| !cached.contains(file)).count();
    assert_eq!((now.len() - cached.len(), new), (2, 2));
}

#[test]
fn another_dataset_with_the_same_files_has_images_of_its_own() {
    if skips_fuse("two datasets of the same files, in a mount") {
        return;
    }
    let bench = Bench::small(3, "IMAGE_SIZE: 32\n");
    assert_eq!(read_all(&bench), 3);
    let config = bench.path("config.yml");
    let text = fs::read_to_string(&config).unwrap();
    let of_other = "ImageID,ImageDir,Projection\n0000.png,0,PA\n0001.png,0,PA\n0002.png,0,PA\n";
    let list = "raw/PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv";
    fs::write(bench.path(list), of_other).unwrap();
    fs::write(&config, text.replace("CHEXRAY14_ROOT", "PADCHEST_ROOT")).unwrap();
    assert_eq!(read_all(&bench), 3);
    fs::write(&config, text).unwrap();
    assert_eq!(read_all(&bench), 0, "{DATASET} is as it was");
}

#[test]
fn two_images_of_one_name_in_two_folders_are_two_images() {
    let bench = Bench::new();
    for (folder, shade) in [("0", 10), ("1", 200)] {
        fs::create_dir_all(bench.path("raw").join(folder)).unwrap();
        let path = bench.path(&format!("raw/{folder}/a.png"));
        // Without compression, so that one is as long as the other.
        let mut encoder = png::Encoder::new(fs::File::create(&path).unwrap(), 64, 64);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_compression(png::Compression::NoCompression);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&[shade; 64 * 64]).unwrap();
        drop(writer);
        let then = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(then).unwrap();
    }
    let list = "raw/PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv";
    let rows = "ImageID,ImageDir,Projection\na.png,0,PA\na.png,1,PA\n";
    fs::write(bench.path(list), rows).unwrap();
    bench.write_config("FRONTAL_ONLY: true\nPADCHEST_ROOT: raw\nIMAGE_SIZE: 32\n");
    let lengths = ["raw/0/a.png", "raw/1/a.png"];
    let lengths = lengths.map(|name| fs::metadata(bench.path(name)).unwrap().len());
    assert_eq!(lengths[0], lengths[1]);
    bench.run(&["materialize"]).expect_status(0);
    let [first, second] = ["000000", "000001"].map(|image| {
        let path = format!("out/padchest/00/{image}.jpg");
        fs::read(bench.path(&path)).unwrap()
    });
    assert!(first != second);
    let records = bench.path("out.state/padchest/finished.jsonl");
    let records = fs::read_to_string(records).unwrap();
    let mut keys: Vec<String> = records
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|record| record["key"].to_string())
        .collect();
    keys.dedup();
    assert_eq!(keys.len(), 2);
}
