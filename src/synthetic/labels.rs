//! Made-up labels.

use crate::lists::LABELS;

/// The columns of all labels.
pub fn label_header() -> String {
    LABELS.join(",")
}

/// Cells for [`label_header`]: each image has some findings, some denied, some uncertain.
pub fn label_row(image: u32) -> String {
    let cells: Vec<&str> = (0..LABELS.len() as u32)
        .map(|column| {
            ["", "1.0", "", "0.0", "", "-1.0", ""][((image * 5 + column * 3) % 7) as usize]
        })
        .collect();
    cells.join(",")
}

/// Cells for `No Finding` and [`label_header`]: as [`label_row`], but that now and then nothing was
/// found, or nothing was labelled.
pub fn chexpert_row(image: u32) -> String {
    let blank = ",".repeat(LABELS.len() - 1);
    match image % 7 {
        // The last label, support devices, is no finding in the sense of the first.
        4 => format!("1.0,{blank}1.0"),
        6 => format!(",{blank}"),
        _ => format!(",{}", label_row(image)),
    }
}
