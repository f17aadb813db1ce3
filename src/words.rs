//! Numbers in messages, as used outside the command line too.

use std::time::Duration;

use indicatif::{FormattedDuration, HumanCount};

/// The first `count` characters.
pub fn start_of(text: &str, count: usize) -> &str {
    let end = text.char_indices().nth(count);
    end.map_or(text, |(end, _)| &text[..end])
}

/// A number of things: `1 image`, `1,000 images`.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    let what = if number == 1 { one } else { many };
    format!("{} {what}", HumanCount(number))
}

/// How long something took: `3.2 s`, `01:02:03`.
pub fn taken(time: Duration) -> String {
    if time < Duration::from_secs(100) {
        format!("{:.1} s", time.as_secs_f64())
    } else {
        FormattedDuration(time).to_string()
    }
}

/// The warning about DICOM files with bits above their HighBit.
pub fn overlay_bits(number: u32) -> String {
    let count = counted(u64::from(number), "DICOM file has", "DICOM files have");
    format!(
        "{count} bits set above HighBit: an overlay, perhaps with a burned-in name; look at these \
         before you share the images."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_not_many() {
        assert_eq!(counted(0, "image", "images"), "0 images");
        assert_eq!(counted(1, "image", "images"), "1 image");
        assert_eq!(counted(1_234_567, "image", "images"), "1,234,567 images");
    }
}
