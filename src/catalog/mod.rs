//! The numbered list of one dataset: the number, source and metadata of each image.
//!
//! A catalog is compact, since a million entries must fit in a few hundred MB: all keys are in one
//! string, and a source path is a folder from a small table plus the end of the key.

mod builder;
mod entry;
mod error;
pub mod index;
mod left_out;
mod list_context;
mod presence;
mod report;
mod stored;

pub use builder::{CatalogBuilder, FolderId, SourceLocation};
pub use entry::{Catalog, ClassLabel, Entry, Views};
pub use error::{CatalogError, EntryFault, ListFault};
pub use left_out::{LeftOut, LeftOutValue};
pub use list_context::{ListContext, Warnings};
pub use report::Report;
pub use stored::Stored;
// For the fuzz target `catalog`; the program uses `datasets::load`.
#[doc(hidden)]
pub use stored::parse as parse_stored;
