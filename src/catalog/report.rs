//! What `index.json` holds of a free-text report.

/// A report's text as it goes into `index.json`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Empty when there is no report file, or none that can be read.
    pub text: String,
    /// What a user should know about how it was read (never its text).
    pub warning: Option<String>,
    /// There is a report, and it cannot be read.
    pub is_unreadable: bool,
}
