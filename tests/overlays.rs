//! DICOM files with bits above their HighBit: an overlay, perhaps with a name in it, is warned of by all that
//! read the pixels.

mod common;

use std::fs;

use common::Bench;
use machex::synthetic::{Coding, Syntax, picture};
use serde_json::Value;

/// HighBit, (0028,0102), in explicit VR little endian, without its value.
const HIGH_BIT: [u8; 8] = [0x28, 0, 0x02, 0x01, b'U', b'S', 2, 0];

/// VinDr-CXR with four files; of the second and third, HighBit is lower than their values need.
fn bench() -> Bench {
    let bench = Bench::new();
    let folder = bench.path("raw/train");
    fs::create_dir_all(&folder).unwrap();
    let coding = Coding::Dicom {
        syntax: Syntax::Explicit { bits: 16 },
        inverted: false,
    };
    for number in 0..4u64 {
        let mut bytes = picture(coding, 90, 80, number).unwrap();
        let at = bytes
            .windows(8)
            .position(|window| window == HIGH_BIT)
            .unwrap();
        if matches!(number, 1 | 2) {
            bytes[at + 8] = 5;
        }
        fs::write(folder.join(format!("{number}.dicom")), bytes).unwrap();
    }
    bench.write_config("FRONTAL_ONLY: true\nIMAGE_SIZE: 32\nVINDRCXR_ROOT: raw\n");
    bench
}

#[test]
fn bits_above_high_bit_are_warned_of() {
    const WORDS: &str = "2 DICOM files have bits set above HighBit: an overlay, perhaps with a \
                         burned-in name";
    let bench = bench();
    let text = bench.run(&["check", "--decode"]).expect_status(0).stdout();
    assert!(text.contains(WORDS) && text.contains("000001: "), "{text}");
    let json = bench.run(&["check", "--decode", "--json"]).expect_status(0);
    let json: Value = serde_json::from_str(&json.stdout()).unwrap();
    let decoded = &json["datasets"][0]["decoded"];
    assert_eq!(
        (&decoded["overlay_bits"], &decoded["failed"]),
        (&2.into(), &0.into())
    );
    assert_eq!(decoded["overlay_examples"][1]["image"], "000002");

    // The second run knows it without rendering, and so do shares.
    for command in [
        &["materialize"][..],
        &["materialize"],
        &["materialize", "--part", "1/1"],
        &["materialize", "--finish"],
    ] {
        let text = bench.run(command).expect_status(0).stdout();
        assert!(text.contains(WORDS), "{command:?}: {text}");
    }
    let log = fs::read_to_string(bench.path("out.state/overlays.jsonl")).unwrap();
    assert_eq!(log.lines().count(), 2, "{log}");
    let page = bench.run(&["report", "-o", "-"]).expect_status(0).stdout();
    assert!(page.contains(WORDS), "{page}");
}
