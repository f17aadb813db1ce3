//! What identifies a dataset's folder, and its other releases. Patterns are paths below a folder,
//! ignoring case; `*` matches any characters.

/// How to recognize a dataset, and where to get it. For messages, and to protect what links in a
/// root lead to: no layout is chosen by it.
#[derive(Debug)]
pub struct Marks {
    /// The publisher's name for it.
    pub title: &'static str,
    /// Where to download it.
    pub home: &'static str,
    /// What the root contains: all patterns of any of these.
    pub root: &'static [&'static [&'static str]],
    /// Any of these is a part of the dataset, so that the rest belongs beside it.
    pub parts: &'static [&'static str],
    /// Archives that contain it.
    pub archives: &'static [&'static str],
    /// Extension of the files in the listed folder, such as `.dicom`, or of the images that lists
    /// name.
    pub files: &'static str,
    /// Other published forms of it, the most specific first.
    pub others: &'static [Release],
}

/// Another form of a dataset, which machex does not read.
#[derive(Debug)]
pub struct Release {
    /// Any of these identifies it.
    pub marks: &'static [&'static str],
    /// But not if any of these also exists.
    pub unless: &'static [&'static str],
    /// Its name, to follow "this is".
    pub name: &'static str,
    /// What to do, to follow a semicolon.
    pub advice: &'static str,
}
