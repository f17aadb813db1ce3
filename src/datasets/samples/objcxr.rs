//! The sample of object-CXR.

use super::{area, pick};
use crate::synthetic::{Coding, SampleError, SampleTree, Shade};

pub(in crate::datasets) fn write(sample: &mut SampleTree) -> Result<(), SampleError> {
    let mut list = "image_name,annotation\n".to_owned();
    for image in sample.images() {
        let name = format!("{:05}.jpg", image + 1);
        sample.image(&format!("train/{name}"), Coding::Jpeg { shade: Shade::Rgb })?;
        let shapes = pick(&[&[][..], &[0], &[1, 2], &[], &[2, 0, 0]], image);
        let shapes: Vec<String> = (image..)
            .zip(shapes)
            .map(|(number, kind)| shape(*kind, area(number)))
            .collect();
        list += &format!("{name},{}\n", shapes.join(";"));
    }
    sample.text("train.csv", &list)
}

/// A rectangle (0), an ellipse (1), or a polygon with four corners (2) in a box.
fn shape(kind: u32, [x, y, width, height]: [u32; 4]) -> String {
    let (right, bottom) = (x + width, y + height);
    match kind {
        2 => {
            let (middle, centre) = (x + width / 2, y + height / 2);
            format!("2 {middle} {y} {right} {centre} {middle} {bottom} {x} {centre}")
        }
        _ => format!("{kind} {x} {y} {right} {bottom}"),
    }
}
