//! Source files: their state in the storage, and their way into the renderer. Shared by everything
//! that makes images.

mod buffer;
mod fetch;
mod look;
mod source_renderer;

pub use buffer::SourceBuffer;
pub use fetch::{FetchError, Fetched, fetch};
pub use look::{MISSING, Source, SourceFault, left_out};
pub use source_renderer::{OpenSource, RenderedSource, SourceError, SourceRenderer, read_source};
