//! What tells a dataset's own folder, and its other releases, from the rest of a disk. Patterns are
//! paths below a folder: names in any case, in which `*` stands for anything.

/// How a dataset is known, and where it comes from. For messages only: no layout is chosen by it.
#[derive(Debug)]
pub struct Marks {
    /// What its publisher calls it.
    pub title: &'static str,
    /// Where it is to be had.
    pub home: &'static str,
    /// What the root holds: all patterns of any of these.
    pub root: &'static [&'static [&'static str]],
    /// Any of these: a part of the dataset, so that the rest belongs beside it.
    pub parts: &'static [&'static str],
    /// Archives in which it comes.
    pub archives: &'static [&'static str],
    /// Files of the folder that is listed, such as `.dicom`; of the images where lists name them.
    pub files: &'static str,
    /// Other forms in which it is spread, those that tell most first.
    pub others: &'static [Release],
}

/// Another form of a dataset, which machex does not read as it is.
#[derive(Debug)]
pub struct Release {
    /// Any of these tells it.
    pub marks: &'static [&'static str],
    /// Not where any of these is there as well.
    pub unless: &'static [&'static str],
    /// Its name, as it stands after "this is".
    pub name: &'static str,
    /// What to do, as it stands behind a semicolon.
    pub advice: &'static str,
}
