//! Source files: what the disk says of them, and their bytes into the renderer. Shared by
//! everything that makes images.

mod developer;
mod look;

pub use developer::{DevelopError, Developed, Developer, read_source};
pub use look::{Source, SourceFault};
