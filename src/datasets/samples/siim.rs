//! The sample of SIIM-ACR.

use crate::synthetic::{Coding, SampleError, SampleTree, Syntax};

/// Width and height of all pictures.
const SIDE: u32 = 1024;

pub(in crate::datasets) fn write(sample: &mut SampleTree) -> Result<(), SampleError> {
    // The release has the blank.
    let mut list = "ImageId, EncodedPixels\n".to_owned();
    for image in sample.images() {
        let uid = |part: u32| format!("1.2.276.0.7230010.3.1.{part}.8323329.{}", 1000 + image);
        let key = format!("dicom-images-train/{}/{}/{}.dcm", uid(2), uid(3), uid(4));
        let syntax = if image % 4 == 3 {
            Syntax::Explicit { bits: 8 }
        } else {
            Syntax::Jpeg
        };
        sample.image_of_size(
            &key,
            Coding::Dicom {
                syntax,
                inverted: false,
            },
            Some((SIDE, SIDE)),
        )?;
        let name = uid(4);
        match image % 6 {
            1 | 4 => list += &format!("{name},{}\n", mask(300 + image % 40, 180)),
            // Two lesions.
            3 => {
                list += &format!("{name},{}\n", mask(120, 150 + image % 40));
                list += &format!("{name},{}\n", mask(500, 420));
            }
            // The release has images without a row.
            5 => {}
            _ => list += &format!("{name},-1\n"),
        }
    }
    sample.text("train-rle.csv", &list)
}

/// A mask of 12 columns, the first from the pixel (`x`, `y`) on, each a little longer than the one
/// before: pairs of gap and length, from top to bottom and from left to right.
fn mask(x: u32, y: u32) -> String {
    let (mut end, mut pairs) = (0, Vec::new());
    for column in 0..12 {
        let (start, length) = ((x + column) * SIDE + y, 30 + 2 * column);
        pairs.push(format!("{} {length}", start - end));
        end = start + length;
    }
    pairs.join(" ")
}
