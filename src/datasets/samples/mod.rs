//! The raw trees of the sample, one file for each dataset: pictures, and all lists of a release in
//! their own names and columns. What the lists say is made up, and shows what machex makes of
//! findings that are present, absent, uncertain or blank, and of odd values that the releases have.

pub(super) mod brax;
pub(super) mod chexpert;
pub(super) mod chexray14;
pub(super) mod mimic;
pub(super) mod objcxr;
pub(super) mod openi;
pub(super) mod padchest;
pub(super) mod rsna;
pub(super) mod siim;
pub(super) mod vindrcxr;

/// Boxes and masks are within this width and height, that of the narrowest pictures.
const INSIDE: (u32, u32) = (620, 745);

/// One of `values`, in turn.
fn pick<T: Copy>(values: &[T], number: u32) -> T {
    values[number as usize % values.len()]
}

/// Left edge, top edge, width and height of a box: within every picture.
fn area(number: u32) -> [u32; 4] {
    let (width, height) = (60 + number * 37 % 140, 50 + number * 53 % 160);
    let x = number * 71 % (INSIDE.0 - width);
    let y = number * 97 % (INSIDE.1 - height);
    [x, y, width, height]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_within_every_picture() {
        for number in 0..5000 {
            let [x, y, width, height] = area(number);
            assert!(x + width <= INSIDE.0 && y + height <= INSIDE.1, "{number}");
        }
    }
}
