//! Readers shared by the datasets: CSV tables as pandas reads them, text lists, sorted folders,
//! labels, reports.

mod folder;
mod gunzip;
mod header;
mod images;
mod json;
mod kind;
mod labels;
mod limit;
mod open;
mod report_file;
mod table;
mod text;
mod utf16;
mod views;

pub use folder::{sorted_files, sorted_folders, walk};
pub use images::ImageFolder;
pub use json::json;
pub use kind::kind_of;
pub use labels::{LABELS, LabelColumns};
pub use open::ListFile;
pub use report_file::{ReportStamp, read_report, read_whole_report, report_stamp};
pub use table::{Column, Row, Table};
pub use text::lines;
pub use views::ViewPositions;
