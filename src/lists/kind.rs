//! Detects the kind of a file from its first bytes: a file with the name of a list is not always a
//! list.

use memchr::memmem;

/// How many bytes [`kind_of`] can use.
pub const KIND_BYTES: usize = 2048;

/// Formats that always start with the same bytes.
const MAGIC: [(&[u8], &str); 25] = [
    (b"\x1f\x8b", "a gzip file"),
    (b"\x1f\x9d", "a compress (.Z) file"),
    (b"\xfd7zXZ\0", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an old Excel workbook (.xls)",
    ),
    (b"%PDF-", "a PDF document"),
    (b"{\\rtf", "an RTF document"),
    (
        b"\0\x05\x16\x07",
        "an AppleDouble file, which macOS writes beside another",
    ),
    (b"\0\x05\x16\0", "an AppleSingle file"),
    (b"\0\0\0\x01Bud1", "a .DS_Store file"),
    (
        b"version https://git-lfs.github.com/spec/",
        "a Git LFS pointer",
    ),
    (b"/annex/objects/", "a git-annex pointer"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy file"),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x7fELF", "a program"),
    (b"\xff\xfe\0\0", "text in UTF-32"),
    (b"\0\0\xfe\xff", "text in UTF-32"),
    (b"-----BEGIN PGP", "an encrypted file"),
];

/// The kind of a file that starts like this, if it is not a list. Texts are recognized by words
/// that no table header starts with.
pub fn kind_of(first_bytes: &[u8]) -> Option<&'static str> {
    if !first_bytes.is_empty() && first_bytes.iter().all(|byte| *byte == 0) {
        return Some("nothing but zero bytes");
    }
    if let Some((_, kind)) = MAGIC
        .iter()
        .find(|(magic, _)| first_bytes.starts_with(magic))
    {
        return Some(kind);
    }
    if first_bytes.starts_with(b"PK\x03\x04") || first_bytes.starts_with(b"PK\x05\x06") {
        let names = [b"[Content_Types].xml".as_slice(), b"xl/"];
        let is_workbook = names
            .iter()
            .any(|name| memmem::find(first_bytes, name).is_some());
        return Some(if is_workbook {
            "an Excel workbook (.xlsx)"
        } else {
            "a zip archive"
        });
    }
    if first_bytes.starts_with(b"BZh") && first_bytes.get(4..10) == Some(b"1AY&SY") {
        return Some("a bzip2 file");
    }
    if first_bytes.get(257..262) == Some(b"ustar") {
        return Some("a tar archive");
    }
    if first_bytes.get(128..132) == Some(b"DICM") {
        return Some("a DICOM file");
    }
    kind_of_text(first_bytes)
}

fn kind_of_text(first_bytes: &[u8]) -> Option<&'static str> {
    let text = first_bytes
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(first_bytes);
    let text = text.trim_ascii_start();
    let begins = |word: &[u8]| {
        text.get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    let is_html = [
        b"<!doctype html".as_slice(),
        b"<html",
        b"<head",
        b"<body",
        b"<script",
        b"<!--",
    ]
    .iter()
    .any(|word| begins(word));
    // In an object or array, a value or the end follows.
    let is_json = matches!(text, [b'{' | b'[', rest @ ..]
        if matches!(rest.trim_ascii_start().first(), Some(b'"' | b'{' | b'[' | b'}' | b']')));
    match () {
        () if is_html => Some("an HTML page"),
        () if begins(b"<?xml") || begins(b"<error>") => Some("an XML document"),
        () if is_json => Some("a JSON document"),
        () => None,
    }
}

/// What to do about a file of this kind in place of a list.
pub fn advice(kind: &str) -> &'static str {
    match kind {
        "an HTML page" | "an XML document" | "a JSON document" => {
            "a server sends one in place of the file to those who are not logged in, or may not have \
             it: log in, accept the terms of use, and download the list again"
        }
        "a Git LFS pointer" => "fetch the file itself with `git lfs pull`",
        "a git-annex pointer" => "fetch the file itself with `git annex get` or `datalad get`",
        "nothing but zero bytes" => "it is damaged or was never written: download it again",
        kind if kind.starts_with("an AppleDouble") => {
            "copy the file itself, without the `._` before its name"
        }
        kind if kind.contains("Excel") => "save it as CSV",
        kind if kind.starts_with("text") => "save it as UTF-8",
        kind if ["archive", "file"].iter().any(|word| kind.ends_with(word)) => {
            "if the list is in it, unpack it"
        }
        _ => "put the list of the dataset's release in its place",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_list_is_named() {
        let mut tar = vec![b'x'; 300];
        tar[257..262].copy_from_slice(b"ustar");
        for (bytes, kind) in [
            (b"\x1f\x8b\x08\0".as_slice(), "a gzip file"),
            (b"PK\x03\x04\x14\0train.csv", "a zip archive"),
            (
                b"PK\x03\x04\x14\0[Content_Types].xml",
                "an Excel workbook (.xlsx)",
            ),
            (b"BZh91AY&SY\0", "a bzip2 file"),
            (b"\xef\xbb\xbf\n <!DOCTYPE HTML PUBLIC", "an HTML page"),
            (b"<HTML><head>", "an HTML page"),
            (b"<?xml version='1.0'?><Error>", "an XML document"),
            (b"{\"message\": \"no\"}", "a JSON document"),
            (b"[ {\"a\": 1}]", "a JSON document"),
            (
                b"version https://git-lfs.github.com/spec/v1\noid",
                "a Git LFS pointer",
            ),
            (&[0; 7], "nothing but zero bytes"),
            (&tar, "a tar archive"),
        ] {
            assert_eq!(kind_of(bytes), Some(kind), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn headers_of_lists_are_of_no_kind() {
        for header in [
            "Path,Sex,Age",
            "\u{feff}Path;Sex",
            ",ImageID,ImageDir",
            "00000001_000.png\n",
            "",
            "\n\n",
            "sep=;\n",
            "{a},b",
            "[x,y]",
            "PK,BZh,Rar",
        ] {
            assert_eq!(kind_of(header.as_bytes()), None, "{header}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            if let Some(kind) = kind_of(&bytes) {
                prop_assert!(!advice(kind).is_empty());
            }
        }
    }
}
