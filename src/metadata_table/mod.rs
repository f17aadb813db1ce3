//! One table of what is known about all images: a row for each, in the order of the tree.
//!
//! ```text
//! lists ─► metadata ─┐
//! image headers ─────┼─► rows ─► columns (arrays) ─► writer (Parquet, Arrow, CSV)
//! reports ───────────┘
//! ```

mod columns;
mod csv;
mod dataset;
mod facts;
mod file;
mod headers;
mod joined;
mod nested;
mod ours;
mod properties;
mod reader;
mod row;
mod rows;
mod writer;

pub use columns::schema;
pub use dataset::{DatasetTable, TableOptions};
pub use facts::Facts;
pub use ours::is_ours;
pub use properties::ImageProperties;
pub use reader::read_properties;
pub use writer::{TableError, TableFormat, TableWriter};

/// Name of the table in the folder of a dataset.
pub const FILE_NAME: &str = "metadata.parquet";
