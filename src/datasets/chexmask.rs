//! Masks of both lungs and the heart: CheXmask (PhysioNet) has a list for each of five datasets. Its
//! lists are several gigabytes long, since an image has some thousand runs of pixels.

use super::{OptionKey, OptionKind, RawTree};
use crate::metadata::runs::Runs;
use crate::metadata::shape::FindingMask;
use crate::metadata::{Join, MetadataBuilder, MetadataList};
use crate::shown::Show as _;
use crate::words::counted;

/// The folder of the lists, if they are not in the root of their dataset.
pub(super) const ROOT: OptionKey = OptionKey {
    name: "CHEXMASK_ROOT",
    kind: OptionKind::Folder,
};

/// The masks, by the columns that hold them. Left and right are those of the patient.
const ORGANS: [&str; 3] = ["Left Lung", "Right Lung", "Heart"];

const QUALITY: &str = "Dice RCA (Mean)";
const HEIGHT: &str = "Height";
const WIDTH: &str = "Width";

/// The authors advise to use no masks of a lower quality (`README.md` of the release).
const MIN_QUALITY: f64 = 0.7;

/// Several times the size of the longest list: some 12 GB, for 243,000 images of MIMIC-CXR-JPG.
const MAX_BYTES: u64 = 128 << 30;

/// The list `files`, joined by a column with one of the names of the dataset's images.
pub(super) const fn list(files: &'static [&'static str], join: Join) -> MetadataList {
    MetadataList {
        files,
        option: Some(ROOT.name),
        max_bytes: Some(MAX_BYTES),
        adds: "masks of both lungs and the heart (CheXmask)",
        covers_all: false,
        join,
        ..MetadataList::PLAIN
    }
}

/// Reads the masks, if anybody asks for them.
pub(super) fn read(tree: &RawTree, metadata: &mut MetadataBuilder<'_>, list: &MetadataList) {
    if !metadata.keeps_masks() {
        return;
    }
    let terms = ORGANS.map(|organ| (organ, metadata.shared(organ)));
    let columns = [&ORGANS[..], &[QUALITY, HEIGHT, WIDTH]].concat();
    let mut left_out = 0_u64;
    let folders = tree.folders_of(list);
    let is_there = metadata.read_in(&folders, list, &columns, &mut |metadata, cells, numbers| {
        let quality = cells.extra_number(QUALITY);
        let (width, height) = (cells.extra_number(WIDTH), cells.extra_number(HEIGHT));
        let (Some(_), Some(width), Some(height)) = (
            quality.filter(|quality| *quality >= MIN_QUALITY),
            width,
            height,
        ) else {
            left_out += 1;
            metadata.set_masks(numbers, &[]);
            return;
        };
        let (Some(width), Some(height)) = (pixels(width), pixels(height)) else {
            cells.fault(
                WIDTH,
                &format!("{width} x {height}"),
                "not a size in pixels",
            );
            metadata.set_masks(numbers, &[]);
            return;
        };
        let mut masks = Vec::new();
        for (organ, term) in &terms {
            let Some(text) = cells.extra(organ) else {
                continue;
            };
            match Runs::from_chexmask(&text, width, height) {
                Ok(runs) if runs.is_empty() => {}
                Ok(runs) => masks.push(FindingMask {
                    // An organ is no finding.
                    finding: None,
                    term: term.clone(),
                    runs,
                }),
                Err(error) => cells.fault(organ, &format!("{error}: {text}"), "not a mask"),
            }
        }
        metadata.set_masks(numbers, &masks);
        if !metadata.keeps_masks() {
            metadata.skip_rest(true);
        }
    });
    if is_there && left_out > 0 {
        let rows = counted(left_out, "row", "rows");
        metadata.remark(format!(
            "CheXmask: the masks of {rows} are left out, where {QUALITY} is below {MIN_QUALITY}, or \
             it or the size is blank"
        ));
    }
    if let Some(folder) = tree.folder_option(ROOT.name)
        && tree.lacks_list(list)
    {
        let (folder, names) = (folder.shown(), list.files.join(" or "));
        metadata.remark(format!("{}, {folder}, has no {names}", ROOT.name));
    }
}

/// A side of a picture.
fn pixels(side: f64) -> Option<u32> {
    let is_whole = side.fract() == 0.0 && (1.0..=f64::from(u32::MAX)).contains(&side);
    // The cast is exact.
    is_whole.then_some(side as u32)
}
