//! `machex materialize` from storage that is slow to open a file: threads read ahead of the workers, and
//! the tree is the same.

mod common;

use std::fs;
use std::time::Duration;

use common::Bench;
use common::faulty::{Fault, FaultyDisk, Op};
use common::mounted::skips_fuse;

const IMAGES: u32 = 24;

#[test]
fn slow_storage_is_read_ahead_and_the_tree_is_the_same() {
    if skips_fuse("a slow disk") {
        return;
    }
    let bench = Bench::small(IMAGES, "");
    let disk = FaultyDisk::new(&bench.path("real"), &bench.path("disk"));
    fs::rename(bench.path("raw"), disk.real.join("raw")).unwrap();
    let materialize = |raw: &str, out: &str| {
        let config = format!(
            "MACHEX_PATH: {out}\nNUM_WORKERS: 1\nCACHE_PATH: cache\nFRONTAL_ONLY: true\n\
             IMAGE_SIZE: 96\nCHEXRAY14_ROOT: {raw}\n"
        );
        fs::write(bench.path("config.yml"), config).unwrap();
        bench.run(&["-v", "materialize"]).expect_status(0).stderr()
    };
    materialize("real/raw", "out");
    let said = {
        let _slow = disk.add(Fault::delay(Duration::from_millis(100)).on(&[Op::Open]));
        materialize("disk/raw", "out-slow")
    };
    assert!(said.contains("threads read ahead"), "{said}");
    for number in 0..IMAGES {
        let image = |out: &str| {
            let path = format!("{out}/chex-ray14/00/{number:06}.jpg");
            fs::read(bench.path(&path)).unwrap()
        };
        assert_eq!(image("out"), image("out-slow"), "{number}");
    }
}
