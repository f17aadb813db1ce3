//! What the end-to-end tests share: the golden trees, a config for them, and the program itself.

// Each test binary uses its own part of this.
#![allow(dead_code)]

pub mod faulty;
pub mod mounted;
pub mod small_disk;
pub mod terminal;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// Variables by which whoever runs the tests would decide what the program prints.
const SURROUNDINGS: [&str; 7] = [
    "CI",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "JOURNAL_STREAM",
    "NOTIFY_SOCKET",
    "NO_COLOR",
    "RUST_LOG",
];

/// The command, without what the surroundings of the tests say about output.
pub fn without_surroundings(command: &mut Command) -> &mut Command {
    for name in SURROUNDINGS {
        command.env_remove(name);
    }
    command
}

/// The golden raw trees and what the reference makes of them.
pub fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// A folder of its own for one test: a config over raw trees, an output, a cache.
pub struct Bench {
    folder: TempDir,
    program: PathBuf,
}

impl Bench {
    /// An empty folder.
    pub fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            program: match std::env::var_os("MACHEX_TEST_PROGRAM") {
                Some(program) => program.into(),
                None => env!("CARGO_BIN_EXE_machex").into(),
            },
        }
    }

    /// An empty folder for another program than `machex` itself.
    pub fn of_program(program: PathBuf) -> Self {
        Self {
            program,
            ..Self::new()
        }
    }

    /// A config over all golden trees; `extra` lines are added to it.
    pub fn golden(frontal_only: bool, extra: &str) -> Self {
        let name = if frontal_only {
            "config.yml"
        } else {
            "config_all.yml"
        };
        let bench = Self::new();
        let text = fs::read_to_string(golden().join(name)).unwrap();
        let roots = text
            .lines()
            .filter(|line| line.contains("_ROOT:"))
            .map(|line| line.replace("raw/", &format!("{}/raw/", golden().display())))
            .collect::<Vec<_>>()
            .join("\n");
        bench.write_config(&format!("FRONTAL_ONLY: {frontal_only}\n{roots}\n{extra}"));
        bench
    }

    /// A config over one dataset, `chex-ray14`, whose `count` small gray PNGs this makes.
    pub fn small(count: u32, extra: &str) -> Self {
        let bench = Self::new();
        fs::create_dir_all(bench.path("raw/images")).unwrap();
        let mut list = String::new();
        for number in 0..count {
            write_png(
                &bench.small_source(number),
                400 + number % 50,
                420,
                number as u8,
            );
            list += &format!("{number:04}.png\n");
        }
        fs::write(bench.path("raw/train_val_list.txt"), list).unwrap();
        bench.write_config(&format!("FRONTAL_ONLY: true\nCHEXRAY14_ROOT: raw\n{extra}"));
        bench
    }

    /// A sample of all datasets, with that many images of each.
    pub fn sample(images: u32) -> Self {
        let bench = Self::new();
        bench
            .run(&["sample", ".", "--images", &images.to_string()])
            .expect_status(0);
        bench
    }

    /// A source of [`Self::small`].
    pub fn small_source(&self, number: u32) -> PathBuf {
        self.path(&format!("raw/images/{number:04}.png"))
    }

    /// What the images of [`Self::small`] must be, rendered by the library itself.
    pub fn expected(&self, source: &Path, size: u32) -> Vec<u8> {
        let params = machex::render::RenderParams { size, quality: 95 };
        let mut renderer = machex::render::Renderer::new(params);
        renderer.render(&fs::read(source).unwrap()).unwrap().jpeg
    }

    /// Writes `config.yml`: `MACHEX_PATH: out`, a cache of its own, and `text`.
    pub fn write_config(&self, text: &str) {
        let head = "MACHEX_PATH: out\nNUM_WORKERS: 2\nCACHE_PATH: cache\n";
        fs::write(self.path("config.yml"), format!("{head}{text}\n")).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The tree that `materialize` writes.
    pub fn out(&self) -> PathBuf {
        self.path("out")
    }

    /// The program with these arguments, run in the folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_below(&[], arguments)
    }

    /// The same, started by another program with its own arguments.
    pub fn command_below(&self, program: &[&str], arguments: &[&str]) -> Command {
        let all = [program, &[self.program.to_str().unwrap()], arguments].concat();
        let mut command = Command::new(all[0]);
        command.args(&all[1..]).current_dir(self.folder.path());
        without_surroundings(&mut command)
            // Messages on one line each, for tests that look for words.
            .env("COLUMNS", "10000")
            .env("XDG_CACHE_HOME", self.path("xdg"));
        command
    }

    /// Runs the program below `prlimit` with these limits; it must end within minutes.
    pub fn run_limited(&self, limits: &[&str], arguments: &[&str]) -> Ran {
        let below = [&["timeout", "300", "prlimit"], limits].concat();
        let mut command = self.command_below(&below, arguments);
        // Otherwise every thread reserves address space for memory that it never uses.
        Ran::of(command.env("MALLOC_ARENA_MAX", "1"))
    }

    /// The causes in `failures.jsonl`.
    pub fn failure_causes(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("out.state/failures.jsonl")).unwrap();
        text.lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .map(|failure| failure["cause"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.command(arguments))
    }
}

/// Writes a gray PNG of which every pixel follows from `shade`.
pub fn write_png(path: &Path, width: u32, height: u32, shade: u8) {
    let mut encoder = png::Encoder::new(fs::File::create(path).unwrap(), width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let pixels: Vec<u8> = (0..width * height)
        .map(|at| (at % width) as u8 ^ (at / width) as u8 ^ shade)
        .collect();
    encoder
        .write_header()
        .unwrap()
        .write_image_data(&pixels)
        .unwrap();
}

/// What a run of the program printed and ended with.
pub struct Ran(Output);

impl Ran {
    /// Runs a command to its end.
    pub fn of(command: &mut Command) -> Self {
        Self(command.output().unwrap())
    }

    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    /// What was printed, as it is.
    pub fn bytes(&self) -> &[u8] {
        &self.0.stdout
    }

    pub fn status(&self) -> i32 {
        self.0.status.code().unwrap_or(-1)
    }

    /// Fails the test unless the program ended with this status.
    #[track_caller]
    pub fn expect_status(self, status: i32) -> Self {
        let (stdout, stderr) = (self.stdout(), self.stderr());
        assert_eq!(
            self.status(),
            status,
            "stdout:\n{stdout}\nstderr:\n{stderr}"
        );
        self
    }

    /// One row of the summary table as numbers: images, new, skipped, failed.
    #[track_caller]
    pub fn summary_of(&self, dataset: &str) -> [u32; 4] {
        let stdout = self.stdout();
        let row = stdout
            .lines()
            .find(|line| line.split_whitespace().next() == Some(dataset))
            .unwrap_or_else(|| panic!("no row of {dataset} in:\n{stdout}"));
        let mut cells = row
            .split_whitespace()
            .skip(1)
            .map(|cell| cell.replace(',', ""));
        std::array::from_fn(|_| cells.next().unwrap().parse().unwrap())
    }
}

/// The files of a bench's cache that are there now; they may be gone the next moment.
pub fn cached_files(bench: &Bench) -> Vec<PathBuf> {
    cached_files_in(&bench.path("cache"))
}

/// The files of the cache in this `CACHE_PATH`.
pub fn cached_files_in(cache_path: &Path) -> Vec<PathBuf> {
    let Ok(shards) = fs::read_dir(cache_path.join("mount/files")) else {
        return Vec::new();
    };
    let files = |shard: fs::DirEntry| fs::read_dir(shard.path()).into_iter().flatten();
    shards
        .flatten()
        .flat_map(files)
        .map(|file| file.unwrap().path())
        .collect()
}

/// All files below a folder as sorted paths relative to it.
pub fn files_below(folder: &Path) -> Vec<String> {
    fn walk(folder: &Path, root: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                found.push(
                    path.strip_prefix(root)
                        .unwrap()
                        .to_str()
                        .unwrap()
                        .to_owned(),
                );
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, folder, &mut found);
    found.sort();
    found
}

/// Copies a folder with everything in it.
pub fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
