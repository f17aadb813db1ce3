//! `machex preview`: the contact sheet of a config, a tree, and a mount.

mod common;

use std::fs;
use std::path::Path;

use common::mounted::{Mounted, skips_fuse};
use common::{Bench, Ran, copy_tree};
use machex::datasets::ALL;

/// Layout of a sheet with tiles of the usual size, as far as tests look at pixels.
const TILE: u32 = 224;
const MARGIN: u32 = 40;
const STEP: u32 = TILE + 18;
const FIRST_BLOCK: u32 = MARGIN + 46;
const FIRST_TILE: u32 = FIRST_BLOCK + 48;

/// A decoded PNG.
struct Sheet {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

impl Sheet {
    fn of(bytes: &[u8]) -> Self {
        let decoder = png::Decoder::new(std::io::Cursor::new(bytes));
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!(info.color_type, png::ColorType::Rgb);
        Self {
            width: info.width,
            height: info.height,
            pixels,
        }
    }

    fn read(path: &Path) -> Self {
        Self::of(&fs::read(path).unwrap())
    }

    /// All but the line at the top, which names the place.
    fn below_title(&self) -> &[u8] {
        &self.pixels[(FIRST_BLOCK * self.width * 3) as usize..]
    }

    /// The middle of a tile in the first row.
    fn tile(&self, number: u32) -> [u8; 3] {
        let (x, y) = (MARGIN + number * STEP + TILE / 2, FIRST_TILE + TILE / 2);
        let at = ((y * self.width + x) * 3) as usize;
        self.pixels[at..at + 3].try_into().unwrap()
    }
}

fn preview(bench: &Bench, arguments: &[&str]) -> Ran {
    let arguments = [&["preview"], arguments, &["-o", "sheet.png"]].concat();
    bench.run(&arguments)
}

fn sheet(bench: &Bench, arguments: &[&str]) -> Sheet {
    preview(bench, arguments).expect_status(0);
    let sheet = Sheet::read(&bench.path("sheet.png"));
    fs::remove_file(bench.path("sheet.png")).unwrap();
    sheet
}

/// A config over `count` gray images, each of one shade: 20, 40, …
fn shades(count: u32) -> Bench {
    let bench = Bench::small(count, "IMAGE_SIZE: 300");
    for number in 0..count {
        let file = fs::File::create(bench.small_source(number)).unwrap();
        let mut encoder = png::Encoder::new(file, 64, 80);
        encoder.set_color(png::ColorType::Grayscale);
        let pixels = vec![20 * (number + 1) as u8; 64 * 80];
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&pixels).unwrap();
    }
    bench
}

#[test]
fn images_are_spread_over_the_dataset_and_the_first_is_there() {
    let bench = shades(10);
    let sheet = sheet(&bench, &["--images", "5"]);
    assert_eq!(sheet.width, 2 * MARGIN + 4 * STEP + TILE);
    for (at, number) in [0u8, 2, 4, 6, 8].into_iter().enumerate() {
        let [red, green, blue] = sheet.tile(at as u32);
        assert_eq!((red, red), (green, blue), "tile {at}");
        assert!(red.abs_diff(20 * (number + 1)) <= 2, "tile {at} is {red}");
    }
    assert!(!bench.out().exists(), "a preview writes no tree");
}

#[test]
fn a_config_a_tree_a_moved_tree_and_a_mount_look_the_same() {
    let bench = Bench::sample(7);
    let raw = sheet(&bench, &[]);
    assert!(
        raw.height > ALL.len() as u32 * TILE,
        "a row for each dataset"
    );
    assert!(raw.below_title() == sheet(&bench, &["-c", "config.yml"]).below_title());

    bench.run(&["materialize"]).expect_status(0);
    let tree = sheet(&bench, &["machex"]);
    // Datasets of a tree are by name; those of a config are as the program has them.
    assert_eq!((tree.width, tree.height), (raw.width, raw.height));
    for dataset in ["mimic", "openi"] {
        let of = |place| sheet(&bench, &[place, "--dataset", dataset]);
        assert!(
            of("config.yml").below_title() == of("machex").below_title(),
            "{dataset}"
        );
    }

    fs::rename(bench.path("machex"), bench.path("moved")).unwrap();
    let moved = sheet(&bench, &["moved"]);
    assert!(tree.below_title() == moved.below_title());

    if skips_fuse("the preview of a mount") {
        return;
    }
    let _mounted = Mounted::new(&bench, &[]);
    assert!(tree.below_title() == sheet(&bench, &["mnt"]).below_title());
}

#[test]
fn what_cannot_be_read_has_a_tile_and_the_rest_goes_on() {
    let bench = shades(4);
    fs::remove_file(bench.small_source(0)).unwrap();
    fs::write(bench.small_source(1), "no image").unwrap();
    let ran = preview(&bench, &[]).expect_status(3);
    let lines: Vec<String> = ran.stderr().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("chex-ray14 000000") && lines[0].ends_with("the source is missing"));
    assert!(lines[1].contains("0001.png") && lines[1].contains("neither a PNG"));
    let sheet = Sheet::read(&bench.path("sheet.png"));
    assert!(sheet.tile(2)[0].abs_diff(60) <= 2);
    // The mat of a fault is reddish; no picture here is.
    let is_fault = |tile: u32| {
        let at = ((FIRST_TILE + 9) * sheet.width + MARGIN + tile * STEP + 9) as usize * 3;
        sheet.pixels[at] > sheet.pixels[at + 1]
    };
    assert_eq!([0, 1, 2, 3].map(is_fault), [true, true, false, false]);
}

#[test]
fn an_image_of_a_tree_that_is_damaged_or_gone_is_told() {
    let bench = shades(3);
    bench.run(&["materialize"]).expect_status(0);
    let image = |number: u32| bench.path(&format!("out/chex-ray14/00/00000{number}.jpg"));
    fs::remove_file(image(0)).unwrap();
    let whole = fs::read(image(1)).unwrap();
    fs::write(image(1), &whole[..whole.len() - 20]).unwrap();
    let ran = preview(&bench, &["out"]).expect_status(3);
    assert!(ran.stderr().contains("000000"), "{}", ran.stderr());
    assert!(
        ran.stderr().contains("the image is missing"),
        "{}",
        ran.stderr()
    );
    assert!(ran.stderr().contains("JPEG: "), "{}", ran.stderr());
    let sheet = Sheet::read(&bench.path("sheet.png"));
    assert!(sheet.tile(2)[0].abs_diff(60) <= 2);
}

#[test]
fn of_a_copied_tree_its_own_images_are_shown() {
    let bench = shades(2);
    bench.run(&["materialize"]).expect_status(0);
    copy_tree(&bench.out(), &bench.path("copy"));
    // The paths in the index still name the first tree.
    fs::write(bench.path("out/chex-ray14/00/000000.jpg"), "no image").unwrap();
    let copy = sheet(&bench, &["copy"]);
    assert!(copy.tile(0)[0].abs_diff(20) <= 2);
    // And they are what is left when an image is not in its place.
    fs::remove_file(bench.path("copy/chex-ray14/00/000001.jpg")).unwrap();
    assert!(sheet(&bench, &["copy"]).tile(1)[0].abs_diff(40) <= 2);
}

#[test]
fn a_dataset_that_cannot_be_read_is_told_and_the_rest_goes_on() {
    let bench = Bench::sample(2);
    fs::remove_file(bench.path("raw/chexpert/train.csv")).unwrap();
    let ran = preview(&bench, &[]).expect_status(3);
    assert!(ran.stderr().contains("chexpert: CHEXPERT_ROOT"));
    assert_eq!(ran.stderr().lines().count(), 1, "{}", ran.stderr());
    assert!(Sheet::read(&bench.path("sheet.png")).height > 8 * TILE);
}

#[test]
fn a_dataset_without_images_is_no_error() {
    let bench = Bench::sample(2);
    fs::remove_dir_all(bench.path("raw/objcxr/train")).unwrap();
    fs::create_dir(bench.path("raw/objcxr/train")).unwrap();
    let empty = sheet(&bench, &["--dataset", "objcxr"]);
    assert!(empty.height < TILE, "{}", empty.height);
}

#[test]
fn a_folder_without_index_is_told_and_one_without_any_is_no_tree() {
    let bench = Bench::sample(2);
    bench.run(&["materialize"]).expect_status(0);
    fs::remove_file(bench.path("machex/rsna/index.json")).unwrap();
    let ran = preview(&bench, &["machex"]).expect_status(3);
    assert!(
        ran.stderr().contains("rsna: has no index.json"),
        "{}",
        ran.stderr()
    );
    let sheet = Sheet::read(&bench.path("sheet.png"));
    assert!(sheet.height > 8 * TILE);

    fs::remove_file(bench.path("sheet.png")).unwrap();
    let ran = preview(&bench, &["machex/brax"]).expect_status(1);
    let parent = bench.path("machex");
    let parent = fs::canonicalize(&parent).unwrap().display().to_string();
    assert!(
        ran.stderr()
            .trim_end()
            .ends_with(&format!("give the tree, {parent}")),
        "{}",
        ran.stderr()
    );
    let ran = preview(&bench, &["raw"]).expect_status(1);
    assert!(
        ran.stderr().contains("is no MaCheX tree"),
        "{}",
        ran.stderr()
    );
    assert!(!bench.path("sheet.png").exists());
}

#[test]
fn where_it_cannot_be_written_is_said_before_the_work() {
    let bench = shades(2);
    // Work on this source would be told of.
    fs::remove_file(bench.small_source(0)).unwrap();
    bench.run(&["materialize"]).expect_status(3);
    fs::create_dir(bench.path("folder")).unwrap();
    for (output, words) in [
        ("missing/sheet.png", "there is no folder"),
        ("folder", "is a folder"),
        ("out/sheet.png", "is the tree"),
    ] {
        for place in ["config.yml", "out"] {
            let ran = bench
                .run(&["preview", place, "-o", output])
                .expect_status(1);
            assert!(ran.stderr().contains(words), "{output}: {}", ran.stderr());
            assert_eq!(ran.stderr().lines().count(), 1, "{}", ran.stderr());
        }
    }
    bench.run(&["preview"]).expect_status(2);
}

#[test]
fn datasets_tiles_and_the_output_can_be_chosen() {
    let bench = Bench::sample(2);
    let one = sheet(
        &bench,
        &["config.yml", "--dataset", "mimic", "--tile", "64"],
    );
    let two = sheet(
        &bench,
        &["--dataset", "mimic,siim", "config.yml", "--tile", "64"],
    );
    assert!(two.height > one.height && one.height < 2 * TILE);
    let ran = preview(&bench, &["--dataset", "nothing"]).expect_status(1);
    assert!(
        ran.stderr().contains("the config has chex-ray14, "),
        "{}",
        ran.stderr()
    );
    for wrong in [["--tile", "63"], ["--tile", "1025"], ["--images", "0"]] {
        preview(&bench, &wrong).expect_status(2);
    }
    let ran = bench
        .run(&["preview", "--dataset", "mimic", "--tile", "64", "-o", "-"])
        .expect_status(0);
    assert!(Sheet::of(ran.bytes()).pixels == one.pixels);
}

#[test]
fn a_wrong_name_of_a_dataset_is_explained() {
    let bench = Bench::sample(2);
    let config = fs::read_to_string(bench.path("config.yml")).unwrap();
    let config = config.replace("PADCHEST_ROOT:", "# PADCHEST_ROOT:");
    fs::write(bench.path("config.yml"), config).unwrap();
    for (arguments, words) in [
        (&["--dataset", "rnsa"][..], "did you mean rsna?"),
        (&["--dataset", "rsna,CheXpert"], "did you mean chexpert?"),
        (
            &["--dataset", "padchest"],
            "the config has no PADCHEST_ROOT; it has",
        ),
        (&["--dataset", "brax", "rsna"], "--dataset NAME,rsna"),
    ] {
        for command in [&["preview", "-o", "sheet.png"][..], &["materialize"]] {
            let ran = bench.run(&[command, arguments].concat()).expect_status(1);
            assert!(ran.stderr().contains(words), "{}", ran.stderr());
        }
    }
    bench
        .run(&["preview", "-o", "sheet.png", "--dataset", ""])
        .expect_status(2);
}

#[test]
fn the_file_is_what_its_name_says() {
    let bench = Bench::small(2, "IMAGE_SIZE: 16");
    for (name, start) in [
        ("sheet.png", &b"\x89PNG"[..]),
        ("sheet.JPG", b"\xff\xd8\xff"),
        ("sheet.jpeg", b"\xff\xd8\xff"),
        ("sheet", b"\x89PNG"),
    ] {
        let ran = bench.run(&["preview", "-o", name]).expect_status(0);
        assert!(
            fs::read(bench.path(name)).unwrap().starts_with(start),
            "{name}"
        );
        let told = ran.stdout();
        assert!(told.starts_with(&format!("Wrote {name} (")), "{told}");
        assert!(told.ends_with("): 1 dataset, 2 pictures\n"), "{told}");
    }
    let ran = bench.run(&["preview", "-o", "sheet.pdf"]).expect_status(1);
    assert!(ran.stderr().contains(".png or .jpg"), "{}", ran.stderr());
    let ran = bench.run(&["report", "-o", "report.pdf"]).expect_status(1);
    assert!(ran.stderr().contains(".html"), "{}", ran.stderr());
    assert!(!bench.path("sheet.pdf").exists() && !bench.path("report.pdf").exists());
    let ran = bench.run(&["report", "-o", "report.html"]).expect_status(0);
    let told = ran.stdout();
    assert!(told.starts_with("Wrote report.html ("), "{told}");
    assert!(told.ends_with("): 1 dataset, 2 pictures\n"), "{told}");
    // Nothing but the file where it goes to the standard output.
    let ran = bench.run(&["report", "-o", "-"]).expect_status(0);
    assert!(ran.stdout().trim_end().ends_with("</html>"));
}

#[test]
fn a_sheet_that_would_be_too_large_is_refused() {
    let bench = Bench::small(100, "IMAGE_SIZE: 16");
    let ran = preview(&bench, &["--images", "100", "--tile", "1024"]).expect_status(1);
    assert!(
        ran.stderr().contains("pixels; take fewer"),
        "{}",
        ran.stderr()
    );
    assert!(!bench.path("sheet.png").exists());
}

#[test]
fn foreign_and_hostile_trees_are_shown_as_far_as_they_can_be() {
    let bench = shades(2);
    bench.run(&["materialize"]).expect_status(0);
    let jpeg = bench.path("out/chex-ray14/00/000001.jpg");
    let outside = bench.path("elsewhere.jpg");
    fs::copy(&jpeg, &outside).unwrap();
    let long = "k".repeat(100_000);
    let index = serde_json::json!({
        // Six digits name a place in the tree, and nothing else does.
        "../../x": { "key": "\u{202e}\u{1b}[2J<b>", "path": outside },
        "000000": { "key": long, "path": "/nowhere", "class_label": "odd" },
        "": {},
        "000001": { "path": 7, "key": null, "class_label": vec![1.0; 13] },
    });
    fs::create_dir_all(bench.path("foreign/x y/00")).unwrap();
    fs::copy(&jpeg, bench.path("foreign/x y/00/000000.jpg")).unwrap();
    fs::write(bench.path("foreign/x y/index.json"), index.to_string()).unwrap();
    fs::create_dir(bench.path("foreign/.hidden")).unwrap();
    fs::create_dir(bench.path("foreign/broken")).unwrap();
    fs::write(bench.path("foreign/broken/index.json"), "{\"000000\": {").unwrap();
    let ran = preview(&bench, &["foreign"]).expect_status(3);
    let told = ran.stderr();
    assert!(!told.contains(['\u{1b}', '\u{202e}']), "{told:?}");
    assert!(
        !told.contains("hidden") && told.contains("broken: "),
        "{told}"
    );
    // The entries without a file, and the index that ends early.
    assert_eq!(told.lines().count(), 3, "{told}");
    assert!(told.lines().all(|line| line.len() < 1000), "{told}");
}

#[test]
fn a_mount_whose_process_has_gone_is_explained() {
    if skips_fuse("the preview of a stale mount") {
        return;
    }
    let bench = shades(2);
    let mut mounted = Mounted::new(&bench, &[]);
    mounted.end_by(rustix::process::Signal::KILL);
    let ran = preview(&bench, &["mnt"]).expect_status(1);
    assert!(
        ran.stderr().contains("its process has gone"),
        "{}",
        ran.stderr()
    );
}

#[test]
fn a_closed_pipe_is_no_error() {
    let bench = shades(3);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = bench.command(&["preview", "-o", "-"]);
    command.stdout(writer).stderr(std::process::Stdio::piped());
    let output = command.spawn().unwrap().wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.is_empty(), "{text}");
}
