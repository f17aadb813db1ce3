//! Source files: what the disk says of them, and their bytes into the renderer. Shared by
//! everything that makes images.

mod buffer;
mod developer;
mod fetch;
mod look;

pub use buffer::SourceBuffer;
pub use developer::{DevelopError, Developed, Developer, OpenSource, read_source};
pub use fetch::{FetchError, Fetched, fetch};
pub use look::{MISSING, Source, SourceFault, left_out};
