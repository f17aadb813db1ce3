//! The programs that read a tree, each on images that nobody has read before, with passthrough and
//! without: the same bytes as the materialized tree, whatever they make of `st_size`.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use common::Bench;
use common::mounted::{Mounted, passthrough_modes, skips_fuse};

const IMAGES: u32 = 40;

/// A bench and the tree that `materialize` makes of it, with the indexes that a mount has.
struct Prepared {
    bench: Bench,
    tree: PathBuf,
}

fn prepare() -> Prepared {
    let bench = Bench::small(IMAGES, "");
    bench.run(&["materialize"]).expect_status(0);
    let tree = bench.path("tree");
    fs::rename(bench.out(), &tree).unwrap();
    fs::remove_dir_all(bench.path("out.state")).unwrap();
    let index = tree.join("chex-ray14/index.json");
    let text = fs::read_to_string(&index).unwrap();
    let root = |path: PathBuf| format!("{}/", path.display());
    fs::write(
        &index,
        text.replace(&root(bench.out()), &root(bench.path("mnt"))),
    )
    .unwrap();
    Prepared { bench, tree }
}

/// Runs a command in the bench's folder; `diff -r` against the tree must find nothing afterwards.
fn run(command: &mut Command, what: &str) {
    let done = command.output().unwrap_or_else(|error| {
        panic!("{what}: {error}; the tests need diff, tar, rsync and cp: scripts/setup.sh")
    });
    assert!(
        done.status.success(),
        "{what}: {}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
}

fn compare(tree: &Path, copy: &Path, what: &str) {
    run(Command::new("diff").arg("-r").arg(tree).arg(copy), what);
}

/// Copies a mount by `copy`, which gets the mount and a folder to fill, and compares.
fn check_copier(what: &str, copy: impl Fn(&Path, &Path)) {
    for passthrough in passthrough_modes() {
        let prepared = prepare();
        let mounted = Mounted::new(&prepared.bench, &["--passthrough", passthrough]);
        let target = prepared.bench.path("copy");
        fs::create_dir(&target).unwrap();
        copy(&mounted.root, &target);
        compare(&prepared.tree, &target, what);
        assert_eq!(
            mounted.renders(),
            u64::from(IMAGES),
            "{what}: each image once"
        );
    }
}

#[test]
fn diff_reads_the_mount_itself() {
    if skips_fuse("diff -r") {
        return;
    }
    for passthrough in passthrough_modes() {
        let prepared = prepare();
        let mounted = Mounted::new(&prepared.bench, &["--passthrough", passthrough]);
        compare(&prepared.tree, &mounted.root, "diff -r");
    }
}

#[test]
fn cp_copies_a_mount() {
    if skips_fuse("cp -r") {
        return;
    }
    check_copier("cp -r", |from, to| {
        run(
            Command::new("cp").arg("-r").arg(from.join(".")).arg(to),
            "cp -r",
        );
    });
}

#[test]
fn tar_packs_a_mount() {
    if skips_fuse("tar") {
        return;
    }
    check_copier("tar", |from, to| {
        let archive = to.with_extension("tar");
        run(
            Command::new("tar")
                .arg("-cf")
                .arg(&archive)
                .arg("-C")
                .arg(from)
                .arg("."),
            "tar -c",
        );
        run(
            Command::new("tar")
                .arg("-xf")
                .arg(&archive)
                .arg("-C")
                .arg(to),
            "tar -x",
        );
    });
}

#[test]
fn rsync_copies_a_mount_and_finds_nothing_to_do_afterwards() {
    if skips_fuse("rsync") {
        return;
    }
    check_copier("rsync", |from, to| {
        let from = format!("{}/", from.display());
        run(
            Command::new("rsync").args(["-a", &from]).arg(to),
            "rsync -a",
        );
        let again = Command::new("rsync")
            .args(["-a", "--itemize-changes", &from])
            .arg(to)
            .output();
        let again = again.unwrap();
        assert_eq!(String::from_utf8_lossy(&again.stdout), "", "rsync again");
    });
}

#[test]
fn dd_head_and_cat_read_never_rendered_images() {
    if skips_fuse("dd, head, cat, wc") {
        return;
    }
    for passthrough in passthrough_modes() {
        let prepared = prepare();
        let mounted = Mounted::new(&prepared.bench, &["--passthrough", passthrough]);
        let clients = [
            "dd if=FILE bs=4096 status=none",
            "dd if=FILE bs=1M iflag=fullblock status=none",
            "cat FILE",
            "cat < FILE",
            "head -c 100000000 FILE",
            "tail -c +1 FILE",
            "bash -c 'cat < FILE'",
            "head -c \"$(stat -c %s FILE)\" FILE",
            "head -c \"$(wc -c < FILE)\" FILE",
        ];
        for (number, client) in clients.iter().enumerate() {
            let name = format!("chex-ray14/00/{:06}.jpg", number * 4);
            let path = mounted.path(&name).display().to_string();
            let line = client.replace("FILE", &path);
            let done = Command::new("sh").args(["-c", &line]).output().unwrap();
            let expected = fs::read(prepared.tree.join(&name)).unwrap();
            assert!(
                done.stdout == expected,
                "{client} with passthrough {passthrough}"
            );
        }
    }
}

/// The interpreter of an environment with NumPy, Pillow, OpenCV, PyTorch and torchvision, which is
/// made if need be.
fn python() -> &'static str {
    static PYTHON: OnceLock<String> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let made = Command::new("sh")
            .arg(root.join("scripts/python-environment.sh"))
            .arg(root.join("target/python-clients"))
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    })
}

#[test]
fn python_programs_read_never_rendered_images() {
    if skips_fuse("Python programs") {
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/read.py");
    for passthrough in passthrough_modes() {
        let prepared = prepare();
        let mounted = Mounted::new(&prepared.bench, &["--passthrough", passthrough]);
        let done = Command::new(python())
            .arg(&script)
            .args([&mounted.root, &prepared.tree])
            .arg("3")
            .output()
            .unwrap();
        let (out, errors) = (
            done.stdout,
            String::from_utf8_lossy(&done.stderr).into_owned(),
        );
        assert!(done.status.success(), "passthrough {passthrough}: {errors}");
        assert_eq!(String::from_utf8_lossy(&out).trim(), "14");
        assert_eq!(mounted.figure("errors"), 0);
    }
}
