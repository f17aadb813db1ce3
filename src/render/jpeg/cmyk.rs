//! Converts CMYK to RGB as Pillow does.

/// Converts a row of CMYK pixels. Pillow treats every four-component JPEG as inverted, as Adobe
/// writes them (`CMYK;I` in JpegImagePlugin.py), and then multiplies (`cmyk2rgb` in Convert.c).
pub(super) fn to_rgb(row: &[u8], rgb: &mut Vec<u8>) {
    rgb.clear();
    for pixel in row.chunks_exact(4) {
        rgb.extend(pixel_to_rgb([0, 1, 2, 3].map(|at| 255 - pixel[at])));
    }
}

/// Converts a pixel whose inks are not inverted.
pub(in crate::render) fn pixel_to_rgb([cyan, magenta, yellow, black]: [u8; 4]) -> [u8; 3] {
    let light = 255 - black;
    // The differences are not negative: a product is at most `light`.
    [cyan, magenta, yellow].map(|ink| light - multiply(ink, light))
}

/// `a * b / 255`, rounded (Pillow's MULDIV255).
fn multiply(a: u8, b: u8) -> u8 {
    let product = u32::from(a) * u32::from(b) + 128;
    (((product >> 8) + product) >> 8) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn product_is_the_rounded_quotient_and_never_larger_than_a_factor() {
        for a in 0..=255u8 {
            for b in 0..=255u8 {
                let exact = f64::from(a) * f64::from(b) / 255.0;
                assert_eq!(f64::from(multiply(a, b)), exact.round(), "{a} * {b}");
                assert!(multiply(a, b) <= a.min(b));
            }
        }
    }

    #[test]
    fn inverted_inks_become_light() {
        let mut rgb = Vec::new();
        to_rgb(
            &[255, 255, 255, 255, 0, 255, 255, 255, 9, 9, 9, 0],
            &mut rgb,
        );
        assert_eq!(rgb, [255, 255, 255, 0, 255, 255, 0, 0, 0]);
    }
}
