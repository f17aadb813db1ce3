//! What people save under the name of a list: other encodings, separators and compressions give the
//! same catalog, and what is no list, has no end or is no file is named in one message.

mod common;

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use common::{Bench, Ran, copy_tree};
use flate2::Compression;
use flate2::write::GzEncoder;
use machex::catalog::{Catalog, CatalogError};
use machex::datasets::{self, RawTree};
use machex::storage::Folder;

/// Datasets with a table, and its name.
const TABLES: [(&str, &str); 4] = [
    ("chexpert", "train.csv"),
    (
        "padchest",
        "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv",
    ),
    ("mimic", "mimic-cxr-2.0.0-metadata.csv"),
    ("brax", "master_spreadsheet_update.csv"),
];

const TEXT: (&str, &str) = ("chex-ray14", "train_val_list.txt");

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

/// The table with another separator, as a spreadsheet saves it.
fn separated(text: &str, separator: u8) -> Vec<u8> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(text.as_bytes());
    let mut writer = csv::WriterBuilder::new()
        .delimiter(separator)
        .from_writer(Vec::new());
    for record in reader.byte_records() {
        writer.write_byte_record(&record.unwrap()).unwrap();
    }
    writer.into_inner().unwrap()
}

/// A raw tree of which one list is replaced.
struct List {
    bench: Bench,
    dataset: &'static str,
    name: &'static str,
    text: String,
}

impl List {
    fn of(sample: &Bench, (dataset, name): (&'static str, &'static str)) -> Self {
        let bench = Bench::new();
        let root = bench.path("raw").join(dataset);
        copy_tree(&sample.path("raw").join(dataset), &root);
        let text = fs::read_to_string(root.join(name)).unwrap();
        let config = fs::read_to_string(sample.path("config.yml")).unwrap();
        let other_roots = |line: &&str| line.contains("_ROOT") && !line.ends_with(dataset);
        let lines: Vec<&str> = config.lines().filter(|line| !other_roots(line)).collect();
        fs::write(bench.path("config.yml"), lines.join("\n")).unwrap();
        Self {
            bench,
            dataset,
            name,
            text,
        }
    }

    fn root(&self) -> PathBuf {
        self.bench.path("raw").join(self.dataset)
    }

    /// Replaces the list by one that has `.gz` behind its name, or has not.
    fn write(&self, is_gz: bool, bytes: &[u8]) {
        let names = [self.name.to_owned(), format!("{}.gz", self.name)];
        for name in &names {
            let _ = fs::remove_file(self.root().join(name));
        }
        fs::write(self.root().join(&names[usize::from(is_gz)]), bytes).unwrap();
    }

    fn load(&self) -> Result<Catalog, CatalogError> {
        let dataset = *datasets::ALL
            .iter()
            .find(|dataset| dataset.folder() == self.dataset)
            .unwrap();
        let tree = RawTree {
            dataset,
            known: datasets::ALL,
            root: self.root(),
            storage: Folder::shared(),
            frontal_only: false,
            only_present: false,
            options: Default::default(),
        };
        datasets::load(&tree, None)
    }

    #[track_caller]
    fn error(&self) -> String {
        self.load().unwrap_err().to_string()
    }

    /// The program on this dataset alone, which must end soon, in so many bytes of memory.
    fn run_within(&self, bytes: u64, arguments: &[&str]) -> Ran {
        self.bench
            .run_limited(&[&format!("--as={bytes}")], arguments)
    }

    /// `check` in a gigabyte, which says what is wrong.
    fn expect_refused(&self, what: &str, said: &str) {
        let ran = self.run_within(1 << 30, &["check"]);
        let all = ran.stdout() + &ran.stderr();
        assert!(
            ran.status() == 3 && all.contains(said),
            "{what}: {} {all}",
            ran.status()
        );
    }
}

fn entries(catalog: &Catalog) -> Vec<(String, Option<[i8; 13]>, bool)> {
    (0..catalog.len())
        .map(|number| {
            let entry = catalog.get(number).unwrap();
            let is_faulty = catalog.is_faulty(number);
            (
                entry.key().to_owned(),
                entry.class_label().copied(),
                is_faulty,
            )
        })
        .collect()
}

#[test]
fn encodings_separators_and_compressions_give_the_same_catalog() {
    let sample = Bench::sample(7);
    for list in TABLES.into_iter().chain([TEXT]) {
        let list = List::of(&sample, list);
        let expected = entries(&list.load().unwrap());
        assert!(expected.len() > 3);
        let text = list.text.as_str();
        let plain = text.as_bytes();
        let crlf = text.replace('\n', "\r\n");
        let packed = gzip(plain);
        let middle = plain.len() / 2;
        let members = [
            gzip(&plain[..middle]),
            vec![0; 1000],
            gzip(&plain[middle..]),
        ]
        .concat();
        let mut files = vec![
            ("UTF-8 with BOM", format!("\u{feff}{text}").into_bytes()),
            ("CR LF", crlf.clone().into_bytes()),
            ("CR", text.replace('\n', "\r").into_bytes()),
            ("no last line end", text.trim_end().as_bytes().to_vec()),
            (
                "UTF-16LE",
                utf16(&format!("\u{feff}{crlf}"), u16::to_le_bytes),
            ),
            (
                "UTF-16BE",
                utf16(&format!("\u{feff}{text}"), u16::to_be_bytes),
            ),
            ("UTF-16LE, no BOM", utf16(text, u16::to_le_bytes)),
            ("UTF-16BE, no BOM", utf16(text, u16::to_be_bytes)),
            ("gzip", packed.clone()),
            ("gzip, padded", [packed.as_slice(), &[0; 70_000]].concat()),
            ("gzip, members", members),
            ("gzip, garbage", [packed.as_slice(), b"garbage"].concat()),
            (
                "gzip of UTF-16",
                gzip(&utf16(&format!("\u{feff}{text}"), u16::to_le_bytes)),
            ),
        ];
        if list.name != TEXT.1 {
            let semicolons = separated(text, b';');
            files.extend([
                ("semicolons", semicolons.clone()),
                ("tabs", separated(text, b'\t')),
                ("sep=;", [b"sep=;\r\n", semicolons.as_slice()].concat()),
                ("sep=,", [b"sep=,\n", plain].concat()),
                (
                    "tabs in UTF-16, as \"Unicode text\"",
                    utf16(
                        &format!(
                            "\u{feff}{}",
                            String::from_utf8(separated(text, b'\t')).unwrap()
                        ),
                        u16::to_le_bytes,
                    ),
                ),
                ("gzip of semicolons", gzip(&semicolons)),
            ]);
        }
        for (what, bytes) in files {
            for is_gz in [false, true] {
                list.write(is_gz, &bytes);
                let (dataset, catalog) = (list.dataset, list.load());
                let catalog = catalog.unwrap_or_else(|error| panic!("{what}: {error}"));
                assert!(entries(&catalog) == expected, "{dataset}, {what}, {is_gz}");
                let garbage = catalog.warnings().iter().any(|told| told.contains("gzip"));
                assert_eq!(garbage, what == "gzip, garbage");
            }
        }
    }
}

#[test]
fn what_is_no_list_is_named_with_what_to_do() {
    let xlsx = b"PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0[Content_Types].xml";
    let sample = Bench::sample(7);
    for list in TABLES.into_iter().chain([TEXT]) {
        let list = List::of(&sample, list);
        let packed = gzip(list.text.repeat(20).as_bytes());
        let mut damaged = packed.clone();
        damaged[packed.len() - 6] ^= 0xff;
        for (bytes, said, advice) in [
            (
                &b"<!DOCTYPE html>\n<html><body>Sign in"[..],
                "an HTML page",
                "log in",
            ),
            (b"\xff\xfe<\0h\0t\0m\0l\0>\0", "an HTML page", "log in"),
            (
                b"<?xml version=\"1.0\"?><Error><Code>AccessDenied",
                "an XML document",
                "log in",
            ),
            (b"{\"detail\": \"Not found.\"}", "a JSON document", "log in"),
            (
                b"PK\x03\x04\x14\0\0\0\x08\0train.csv",
                "a zip archive",
                "unpack",
            ),
            (xlsx, "an Excel workbook", "save it as CSV"),
            (
                b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
                "an old Excel workbook",
                "save it as CSV",
            ),
            (b"\xfd7zXZ\0\0\x04", "an xz file", "unpack"),
            (b"BZh91AY&SY\x01", "a bzip2 file", "unpack"),
            (b"\x28\xb5\x2f\xfd\x24", "a Zstandard file", "unpack"),
            (b"%PDF-1.7\n", "a PDF document", "the list of the dataset"),
            (
                b"version https://git-lfs.github.com/spec/v1\noid sha256:0",
                "a Git LFS pointer",
                "git lfs pull",
            ),
            (
                b"\0\x05\x16\x07\0\x02\0\0Mac OS X",
                "an AppleDouble file",
                "`._`",
            ),
            (&[0; 5000], "nothing but zero bytes", "download it again"),
            (
                &packed[..packed.len() - 9],
                "is cut off",
                "download it again",
            ),
            (&packed[..30], "is cut off", "download it again"),
            (&damaged, "is damaged", "download it again"),
            (&gzip(&packed), "a gzip file", "unpack"),
            (&gzip(b"<html>"), "an HTML page", "log in"),
        ] {
            for is_gz in [false, true] {
                list.write(is_gz, bytes);
                let error = list.error();
                let name = list.name;
                assert!(
                    error.contains("_ROOT: ")
                        && error.contains(name)
                        && error.contains(said)
                        && error.contains(advice),
                    "{error}"
                );
            }
        }
        if list.name != TEXT.1 {
            for empty in [&b""[..], b"\r\n \n"] {
                list.write(false, empty);
                assert!(
                    list.error().contains("the file is empty"),
                    "{}",
                    list.error()
                );
            }
        }
    }
}

#[test]
fn every_command_says_what_is_in_the_place_of_a_list() {
    let list = List::of(&Bench::sample(1), TABLES[0]);
    list.write(false, b"<!doctype html><title>Sign in</title>");
    fs::create_dir(list.bench.path("mnt")).unwrap();
    for arguments in [
        &["check"][..],
        &["check", "--json"],
        &["materialize"],
        &["mount", "-c", "config.yml", "mnt"],
    ] {
        let status = if arguments[0] == "check" { 3 } else { 1 };
        let ran = list.bench.run(arguments).expect_status(status);
        let said = ran.stdout() + &ran.stderr();
        assert!(
            said.contains("CHEXPERT_ROOT: ")
                && said.contains("train.csv: this is an HTML page, not a list: "),
            "{arguments:?}: {said}"
        );
    }
    assert!(!list.bench.path("machex").exists());
}

#[test]
fn a_column_that_is_probably_meant_is_named() {
    let list = List::of(&Bench::sample(1), TABLES[0]);
    for (from, to, said) in [
        (
            "Path,",
            "path,",
            "no column \"Path\": did you mean \"path\"?",
        ),
        (
            "Path,",
            " Path ,",
            "no column \"Path\": did you mean \" Path \"?",
        ),
        (
            "Lung Opacity",
            "Lung_Opacity",
            "no column \"Lung Opacity\": did you mean \"Lung_Opacity\"?",
        ),
        (
            "Path,",
            "File,",
            "no column \"Path\": it has 19 columns: \"File\", \"Sex\", \"Age\"",
        ),
    ] {
        list.write(false, list.text.replacen(from, to, 1).as_bytes());
        assert!(list.error().contains(said), "{}", list.error());
    }
    list.write(false, b"\x1b[31mred\n1\n");
    let said = "its first line is \"\\x1b[31mred\"; is this the list of the dataset's own release?";
    assert!(list.error().contains(said), "{}", list.error());
}

#[test]
fn what_is_no_file_is_named_and_never_waited_for() {
    let sample = Bench::sample(1);
    for list in [TABLES[0], TEXT] {
        let list = List::of(&sample, list);
        for name in [list.name.to_owned(), format!("{}.gz", list.name)] {
            fs::remove_file(list.root().join(list.name)).unwrap_or(());
            let path = list.root().join(name);
            let pipe = |path: &Path| {
                let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR);
                rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, 0).unwrap();
            };
            let link = |to: &str| std::os::unix::fs::symlink(to, &path).unwrap();
            for (what, said) in [
                ("pipe", "it is a pipe, not a file"),
                ("link to a pipe", "it is a pipe, not a file"),
                ("folder", "it is a folder, not a file"),
                ("socket", "it is a socket, not a file"),
                ("device", "it is a device, not a file"),
                ("link", "it is a link to a file that is not there"),
            ] {
                match what {
                    "pipe" => pipe(&path),
                    "link to a pipe" => {
                        pipe(&list.bench.path("pipe"));
                        link(list.bench.path("pipe").to_str().unwrap());
                    }
                    "folder" => fs::create_dir(&path).unwrap(),
                    "socket" => drop(UnixListener::bind(&path).unwrap()),
                    "device" => link("/dev/zero"),
                    _ => link(".git/annex/objects/nothing"),
                }
                for (command, status) in [("check", 3), ("materialize", 1)] {
                    let ran = list.run_within(4 << 30, &[command]).expect_status(status);
                    let all = ran.stdout() + &ran.stderr();
                    let expected =
                        format!("{}: {said}", path.file_name().unwrap().to_str().unwrap());
                    assert!(all.contains(&expected), "{command}, {what}: {all}");
                }
                fs::remove_file(&path)
                    .or_else(|_| fs::remove_dir(&path))
                    .unwrap();
                let _ = fs::remove_file(list.bench.path("pipe"));
            }
        }
    }
}

/// As many gzip members of 16 MiB.
fn members(part: &[u8], count: usize) -> Vec<u8> {
    let whole = part.repeat((16 << 20) / part.len());
    gzip(&whole).repeat(count)
}

#[test]
fn lists_without_end_are_refused_in_little_memory() {
    let sample = Bench::sample(1);
    let header = "Path,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,Edema,\
                  Consolidation,Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,\
                  Fracture,Support Devices\n";
    let bomb = |start: &[u8], part: &[u8]| [gzip(start), members(part, 512)].concat();
    let header_bytes = header.as_bytes();
    let long = "x".repeat(1000);
    let cases = [
        (
            "line",
            bomb(header_bytes, b"x"),
            "line 2: the line that begins here has more than 1.00 MiB",
        ),
        (
            "header",
            bomb(b"Path", b"x"),
            "line 1: the line that begins here has more than 1.00 MiB",
        ),
        (
            "cell",
            bomb(format!("{header}a\nb,\"").as_bytes(), b"x,1\n"),
            "line 3: no row ends within 1.00 MiB from here",
        ),
        (
            "columns",
            bomb(header_bytes, b","),
            "line 2: the line that begins here",
        ),
        (
            "zeros",
            bomb(header_bytes, b"\0"),
            "line 2: the line that begins here",
        ),
        (
            "rows",
            bomb(header_bytes, b"a,1\n"),
            "at most 2,000,000 rows",
        ),
        (
            "images",
            {
                // Each of its own name.
                let rows: String = (0..1_100_000).map(|row| format!("{row}\n")).collect();
                gzip(format!("{header}{rows}").as_bytes())
            },
            "more than 1,000,000 images",
        ),
        (
            "labels",
            bomb(header_bytes, format!("a,{}\n", long).as_bytes()),
            "at most 2,000,000 rows",
        ),
        (
            "blank lines",
            bomb(header_bytes, b"\n"),
            "no row ends within 1.00 MiB",
        ),
    ];
    let list = List::of(&sample, TABLES[0]);
    for (what, bytes, said) in cases {
        list.write(true, &bytes);
        // The catalog of a million images has its room, and the bomb has not.
        list.expect_refused(what, said);
    }
    let list = List::of(&sample, TEXT);
    for (what, bytes, said) in [
        (
            "line",
            bomb(b"a\nb\n", b"x"),
            "line 3: the line that begins here has more than 1.00 MiB",
        ),
        ("lines", bomb(b"", b"x\n"), "at most 2,000,000 rows"),
        ("blank lines", bomb(b"", b"\n"), "at most 2,000,000 rows"),
        (
            "long lines",
            bomb(b"", &[b"x".repeat(1 << 19), b"\n".to_vec()].concat()),
            "at most 256.00 MiB",
        ),
        (
            "UTF-16",
            bomb(b"\xff\xfe", b"x\0"),
            "line 1: the line that begins here",
        ),
    ] {
        list.write(false, &bytes);
        list.expect_refused(what, said);
    }
    // Not compressed, and of a size that no list has.
    let list = List::of(&sample, TABLES[0]);
    fs::write(list.root().join(list.name), header).unwrap();
    for (size, said) in [
        (3 << 30, "line 2: the line that begins here"),
        (5 << 30, "5.00 GiB are too many: at most 4.00 GiB are read"),
    ] {
        let file = fs::File::options()
            .write(true)
            .open(list.root().join(list.name));
        file.unwrap().set_len(size).unwrap();
        let ran = list.run_within(1 << 30, &["check"]);
        let all = ran.stdout() + &ran.stderr();
        assert!(
            ran.status() == 3 && all.contains(said),
            "{size}: {} {all}",
            ran.status()
        );
    }
}
