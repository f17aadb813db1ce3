//! Recognises files that are not pictures by their contents, and advises what to do about them.

/// What a file contains that is not a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contents {
    /// For example `an HTML page`.
    pub what: &'static str,
    pub advice: &'static str,
}

const DOWNLOAD_AGAIN: &str = "download the file again";
const UNPACK: &str = "unpack it: machex reads the files in it";
const LOG_IN: &str =
    "the download was answered by a page (of a login, say): download the file again";
const NOT_READ: &str = "machex reads no such files: put the picture in its place";

/// Bytes near the start of a file that identify its contents.
struct Signature {
    at: usize,
    bytes: &'static [u8],
    contents: Contents,
}

const fn starts(bytes: &'static [u8], what: &'static str, advice: &'static str) -> Signature {
    holds(0, bytes, what, advice)
}

const fn holds(
    at: usize,
    bytes: &'static [u8],
    what: &'static str,
    advice: &'static str,
) -> Signature {
    Signature {
        at,
        bytes,
        contents: Contents { what, advice },
    }
}

/// Binary files. The first signature that matches wins.
static SIGNATURES: &[Signature] = &[
    starts(
        b"\0\x05\x16\x07",
        "an AppleDouble file, in which macOS keeps what belongs to another",
        "delete it, or leave out names that begin with `._`",
    ),
    starts(b"\0\x05\x16\0", "an AppleSingle file", NOT_READ),
    starts(b"\x1f\x8b", "a gzip file", "unpack it (`gunzip`)"),
    starts(
        b"\x1f\x9d",
        "a file packed by `compress`",
        "unpack it (`uncompress`)",
    ),
    starts(b"PK\x03\x04", "a ZIP archive", UNPACK),
    starts(b"PK\x05\x06", "an empty ZIP archive", DOWNLOAD_AGAIN),
    starts(b"BZh", "a bzip2 file", "unpack it (`bunzip2`)"),
    starts(b"\xfd7zXZ\0", "an xz file", "unpack it (`unxz`)"),
    starts(
        b"\x28\xb5\x2f\xfd",
        "a Zstandard file",
        "unpack it (`unzstd`)",
    ),
    starts(b"\x04\x22\x4d\x18", "an LZ4 file", "unpack it (`unlz4`)"),
    starts(b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK),
    starts(b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    holds(257, b"ustar", "a tar archive", UNPACK),
    starts(b"%PDF-", "a PDF document", NOT_READ),
    starts(b"%!PS", "a PostScript document", NOT_READ),
    starts(
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "a document of Microsoft Office",
        NOT_READ,
    ),
    starts(b"\x89HDF\r\n\x1a\n", "an HDF5 file", NOT_READ),
    starts(b"CDF\x01", "a NetCDF file", NOT_READ),
    starts(b"CDF\x02", "a NetCDF file", NOT_READ),
    starts(b"MATLAB 5.0", "a MATLAB file", NOT_READ),
    starts(b"\x93NUMPY", "a NumPy array", NOT_READ),
    starts(b"\x80\x02", "a Python pickle", NOT_READ),
    starts(b"\x80\x04\x95", "a Python pickle", NOT_READ),
    starts(b"\x80\x05\x95", "a Python pickle", NOT_READ),
    holds(344, b"n+1\0", "a NIfTI file", NOT_READ),
    holds(344, b"ni1\0", "a NIfTI file", NOT_READ),
    holds(4, b"n+2\0\r\n\x1a\n", "a NIfTI file", NOT_READ),
    starts(b"NRRD000", "an NRRD file", NOT_READ),
    starts(b"PAR1", "a Parquet file", NOT_READ),
    starts(b"ARROW1", "an Arrow file", NOT_READ),
    starts(b"SQLite format 3\0", "an SQLite database", NOT_READ),
    starts(b"8BPS", "a Photoshop picture", "save it as PNG"),
    starts(b"icns", "an Apple icon", "save it as PNG"),
    starts(b"\x76\x2f\x31\x01", "an OpenEXR picture", "save it as PNG"),
    starts(b"DDS ", "a DirectDraw surface", "save it as PNG"),
    starts(b"SIMPLE  =", "a FITS file", "save it as PNG"),
    starts(b"qoif", "a QOI picture", "save it as PNG"),
    starts(b"\xff\x0a", "a JPEG XL picture", "save it as PNG"),
    holds(4, b"JXL \r\n\x87\n", "a JPEG XL picture", "save it as PNG"),
    starts(b"II\xbc\x01", "a JPEG XR picture", "save it as PNG"),
    holds(4, b"ftypavif", "an AVIF picture", "save it as PNG"),
    holds(4, b"ftypheic", "a HEIC picture", "save it as PNG"),
    holds(4, b"ftypmif1", "a HEIF picture", "save it as PNG"),
    holds(4, b"ftyp", "an MP4 video", NOT_READ),
    starts(b"\x1a\x45\xdf\xa3", "a Matroska or WebM video", NOT_READ),
    starts(b"\x7fELF", "a program", DOWNLOAD_AGAIN),
    starts(b"MZ", "a program", DOWNLOAD_AGAIN),
    starts(b"\xca\xfe\xba\xbe", "a program", DOWNLOAD_AGAIN),
    starts(b"RIFF", "a sound or a video", NOT_READ),
    starts(b"Cr24", "an extension of Chrome", DOWNLOAD_AGAIN),
    starts(b"bplist00", "a property list of macOS", DOWNLOAD_AGAIN),
    starts(
        b"\x02\0\0\0UL",
        "a DICOM file without the 128 bytes in front of its mark",
        "convert it (dcmtk's `dcmconv`), or download it again",
    ),
    starts(
        b"DICM",
        "a DICOM file without the 128 bytes in front of its mark",
        "convert it (dcmtk's `dcmconv`), or download it again",
    ),
    starts(b"\x08\0\x05\0", DICOM_WITHOUT, DICOM_ADVICE),
    starts(b"\x08\0\0\0", DICOM_WITHOUT, DICOM_ADVICE),
    starts(b"\x08\0\x08\0", DICOM_WITHOUT, DICOM_ADVICE),
    starts(b"\x08\0\x16\0", DICOM_WITHOUT, DICOM_ADVICE),
];

const DICOM_WITHOUT: &str = "a DICOM data set without the header of a file";
const DICOM_ADVICE: &str = "convert it (dcmtk's `dcmconv`), or download it again";

/// Texts, by their first characters after white space, ignoring ASCII case.
static TEXTS: &[(&str, Contents)] = &[
    text(
        "version https://git-lfs",
        "a Git LFS pointer",
        "fetch the file itself (`git lfs pull`)",
    ),
    text(
        "../../annex/objects",
        "a pointer of git-annex",
        "fetch the file itself (`git annex get`)",
    ),
    text(
        "/annex/objects",
        "a pointer of git-annex",
        "fetch the file itself (`git annex get`)",
    ),
    text("<!doctype html", "an HTML page", LOG_IN),
    text("<html", "an HTML page", LOG_IN),
    text("<head", "an HTML page", LOG_IN),
    text("<body", "an HTML page", LOG_IN),
    text("<script", "an HTML page", LOG_IN),
    text("<svg", "an SVG drawing", "save it as PNG"),
    text("<?xml", "an XML file", LOG_IN),
    text("<error", "an XML file", LOG_IN),
    text("{\"", "a JSON file", LOG_IN),
    text("{\n", "a JSON file", LOG_IN),
    text("{ ", "a JSON file", LOG_IN),
    text("[{", "a JSON file", LOG_IN),
    text("-----begin", "a file in PEM or PGP", NOT_READ),
];

const fn text(
    start: &'static str,
    what: &'static str,
    advice: &'static str,
) -> (&'static str, Contents) {
    (start, Contents { what, advice })
}

const ZEROS: Contents = Contents {
    what: "nothing but zero bytes: a download that was broken off, or space that was never written",
    advice: DOWNLOAD_AGAIN,
};

const JUNK_FIRST: Contents = Contents {
    what: "a picture behind other bytes",
    advice: "remove what stands before it, or download the file again",
};

const TEXT: Contents = Contents {
    what: "a text file",
    advice: "look at what it says; the picture is somewhere else",
};

/// How many bytes at the start of a file are examined.
pub const LOOKED_AT: usize = 1024;

impl Contents {
    /// Identifies a file that begins with `start` and is not a picture; `None` if its contents are
    /// unknown.
    pub fn of(start: &[u8]) -> Option<Self> {
        let start = &start[..start.len().min(LOOKED_AT)];
        if start.iter().all(|byte| *byte == 0) {
            return (!start.is_empty()).then_some(ZEROS);
        }
        let fits = |signature: &&Signature| {
            start
                .get(signature.at..)
                .is_some_and(|rest| rest.starts_with(signature.bytes))
        };
        SIGNATURES
            .iter()
            .find(fits)
            .map(|signature| signature.contents)
            .or_else(|| of_text(start))
            .or_else(|| is_behind_junk(start).then_some(JUNK_FIRST))
    }
}

fn of_text(start: &[u8]) -> Option<Contents> {
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let text = text.trim_ascii_start();
    let named = TEXTS.iter().find(|(words, _)| {
        let beginning = text.get(..words.len());
        beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(words.as_bytes()))
    });
    let is_text = |byte: &u8| matches!(byte, b'\t'..=b'\r' | b' '..=b'~');
    named
        .map(|(_, contents)| *contents)
        .or_else(|| text.iter().all(is_text).then_some(TEXT))
        .or_else(|| {
            (start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff")).then_some(TEXT)
        })
}

/// Whether a PNG, JPEG or DICOM file begins a few bytes later.
fn is_behind_junk(start: &[u8]) -> bool {
    [
        b"\x89PNG\r\n\x1a\n".as_slice(),
        b"\xff\xd8\xff\xe0",
        b"\xff\xd8\xff\xe1",
        b"\xff\xd8\xff\xdb",
        b"DICM",
    ]
    .into_iter()
    .any(|mark| memchr::memmem::find(start, mark).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(start: &[u8]) -> &'static str {
        Contents::of(start).map_or("", |contents| contents.what)
    }

    #[test]
    fn what_people_have_instead_of_pictures_is_named() {
        let at = |at: usize, bytes: &[u8]| [vec![1; at], bytes.to_vec(), vec![7; 200]].concat();
        for (start, expected) in [
            (b"<!DOCTYPE html><html>".to_vec(), "an HTML page"),
            (b"\xef\xbb\xbf\r\n  <HTML lang=en>".to_vec(), "an HTML page"),
            (
                b"version https://git-lfs.github.com/spec/v1\noid sha256:12".to_vec(),
                "a Git LFS pointer",
            ),
            (b"\x1f\x8b\x08\0".to_vec(), "a gzip file"),
            (b"PK\x03\x04\x14\0".to_vec(), "a ZIP archive"),
            (b"<?xml version=\"1.0\"?><Error>".to_vec(), "an XML file"),
            (b"{\"error\": 403}".to_vec(), "a JSON file"),
            (b"%PDF-1.7\n".to_vec(), "a PDF document"),
            (b"\x89HDF\r\n\x1a\n\0".to_vec(), "an HDF5 file"),
            (b"\x93NUMPY\x01\0".to_vec(), "a NumPy array"),
            (at(344, b"n+1\0"), "a NIfTI file"),
            (at(257, b"ustar\0"), "a tar archive"),
            (b"SQLite format 3\0".to_vec(), "an SQLite database"),
            (b"7z\xbc\xaf\x27\x1c".to_vec(), "a 7-Zip archive"),
            (b"Rar!\x1a\x07\0".to_vec(), "a RAR archive"),
            (b"404: Not Found\n".to_vec(), "a text file"),
            (b"\xff\xfeh\0i\0".to_vec(), "a text file"),
            (
                b"\n\xff\xd8\xff\xe0\0\x10JFIF".to_vec(),
                "a picture behind other bytes",
            ),
            (b"\0\0\0\x20ftypheic".to_vec(), "a HEIC picture"),
            (vec![0x8a, 3, 200, 5], ""),
            (Vec::new(), ""),
        ] {
            assert_eq!(what(&start), expected, "{start:?}");
        }
        assert!(what(b"\0\x05\x16\x07\0\x02\0\0").starts_with("an AppleDouble file"));
        assert!(what(&[0; 5000]).starts_with("nothing but zero bytes"));
        assert!(what(b"\x08\0\x05\0CS\x0a\0ISO_IR 100").starts_with("a DICOM"));
    }

    #[test]
    fn no_signature_hides_another_behind_it() {
        for (at, signature) in SIGNATURES.iter().enumerate() {
            let mut start = vec![1; signature.at];
            start.extend_from_slice(signature.bytes);
            start.extend([1; 400]);
            let found = SIGNATURES
                .iter()
                .position(|other| start[other.at..].starts_with(other.bytes));
            assert_eq!(found, Some(at), "{}", signature.contents.what);
        }
    }
}
