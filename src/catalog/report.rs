//! A free-text report in `index.json`.

/// A report as it goes into `index.json`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Empty if there is no readable report file.
    pub text: String,
    /// What a user should know about how it was read (never its text).
    pub warning: Option<String>,
    /// The report exists but cannot be read.
    pub is_unreadable: bool,
}
