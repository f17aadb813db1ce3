//! Names in the finished tree: image numbers, shards, paths.

use std::path::{Path, PathBuf};

/// Number of images in one shard folder, which is named by the first two of six digits.
pub const SHARD_SIZE: u32 = 10_000;

/// The number of images that six digits can number.
pub const MAX_IMAGES: u32 = 1_000_000;

/// Name of a dataset's index in its folder.
pub const INDEX_NAME: &str = "index.json";

/// The six digits of an image number, such as `054321`.
pub fn image_id(number: u32) -> String {
    format!("{number:06}")
}

/// The folder of an image number, such as `05` for 54321.
pub fn shard_name(number: u32) -> String {
    format!("{:02}", number / SHARD_SIZE)
}

/// Path of an image below its dataset's folder, such as `05/054321.jpg`.
pub fn image_path(number: u32) -> PathBuf {
    Path::new(&shard_name(number)).join(format!("{number:06}.jpg"))
}

/// The image number of a file name such as `054321.jpg`; `None` for any other name.
pub fn parse_image_name(name: &str) -> Option<u32> {
    parse_digits(name.strip_suffix(".jpg")?, 6)
}

/// The shard of a folder name such as `05`; `None` for any other name.
pub fn parse_shard_name(name: &str) -> Option<u32> {
    parse_digits(name, 2)
}

fn parse_digits(digits: &str, count: usize) -> Option<u32> {
    let is_number = digits.len() == count && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

/// How many shard folders the original script creates for `len` images. It derives the count from
/// `len` and not from the last number, so an empty dataset has `00`, and 10,000 images also have an
/// empty `01`.
pub fn shard_count(len: u32) -> u32 {
    len / SHARD_SIZE + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_padded_and_sharded_by_their_first_two_digits() {
        assert_eq!(image_path(0), Path::new("00/000000.jpg"));
        assert_eq!(image_path(54_321), Path::new("05/054321.jpg"));
        assert_eq!(image_path(999_999), Path::new("99/999999.jpg"));
    }

    #[test]
    fn only_names_of_the_tree_are_names() {
        assert_eq!(parse_image_name("054321.jpg"), Some(54_321));
        assert_eq!(parse_shard_name("05"), Some(5));
        for wrong in [
            "54321.jpg",
            "0543210.jpg",
            "+54321.jpg",
            "054321.JPG",
            "054321",
            ".jpg",
        ] {
            assert_eq!(parse_image_name(wrong), None, "{wrong}");
        }
        for wrong in ["5", "005", "+5", "5 ", ""] {
            assert_eq!(parse_shard_name(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn shard_folders_follow_the_count_as_in_the_reference() {
        assert_eq!(shard_count(0), 1);
        assert_eq!(shard_count(9_999), 1);
        assert_eq!(shard_count(10_000), 2);
        assert_eq!(shard_count(86_524), 9);
    }
}
