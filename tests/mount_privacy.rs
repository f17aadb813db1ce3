//! What other users see of a mount with `--allow-other`.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use common::Bench;
use common::mounted::{Mounted, is_root, skips_fuse};

/// Runs a line of Python as `nobody`, with the mount's root as its argument.
fn as_nobody(mounted: &Mounted, line: &str) -> Output {
    Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
        .args([
            "/usr/bin/python3",
            "-c",
            &format!("import os,sys;r=sys.argv[1];{line}"),
        ])
        .arg(&mounted.root)
        .output()
        .unwrap()
}

#[test]
fn others_read_images_and_not_where_they_come_from() {
    if skips_fuse("--allow-other") || !is_root("becoming another user") {
        return;
    }
    let bench = Bench::small(2, "IMAGE_SIZE: 64\n");
    fs::set_permissions(bench.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let mounted = Mounted::new(&bench, &["--allow-other"]);
    let image = "r+'/chex-ray14/00/000000.jpg'";
    let read = as_nobody(&mounted, &format!("print(len(open({image},'rb').read()))"));
    let length = bench.expected(&bench.small_source(0), 64).len();
    assert_eq!(
        String::from_utf8_lossy(&read.stdout).trim(),
        length.to_string(),
        "{read:?}"
    );
    // Both before and after the owner has made the kernel remember them.
    for round in 0..2 {
        for line in [
            "open(r+'/.machex/status.json')",
            "open(r+'/.machex/metrics')",
            "os.listdir(r+'/.machex')",
            "os.stat(r+'/.machex')",
            "os.stat(r+'/.machex/status.json')",
            &format!("os.getxattr({image},'user.machex.source')"),
            &format!("os.getxattr({image},'user.machex.key')"),
        ] {
            let ran = as_nobody(&mounted, line);
            let said = String::from_utf8_lossy(&ran.stderr);
            assert!(said.contains("PermissionError"), "{round}: {line}: {ran:?}");
        }
        mounted.status();
        mounted.read(".machex/metrics");
        fs::read_dir(mounted.path(".machex")).unwrap().count();
    }
    let names = as_nobody(&mounted, &format!("print(os.listxattr({image}))"));
    assert_eq!(
        String::from_utf8_lossy(&names.stdout).trim(),
        "['user.machex.dataset']",
        "{names:?}"
    );
    let mode = |name: &str| {
        let found = fs::metadata(mounted.path(name)).unwrap();
        found.permissions().mode() & 0o777
    };
    assert_eq!(mode(".machex"), 0o500);
    assert_eq!(mode(".machex/status.json"), 0o400);
    assert_eq!(mode("chex-ray14/00/000000.jpg"), 0o444);
}
