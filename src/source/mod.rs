//! Source files: their state in the storage, and their way into the renderer. Shared by everything
//! that makes images.

mod buffer;
mod look;
mod read_ahead;
mod source_renderer;

pub use buffer::SourceBuffer;
pub use look::{MISSING, Source, SourceFault, left_out};
pub use read_ahead::{FetchError, Fetched, fetch};
pub use source_renderer::{OpenSource, RenderedSource, SourceError, SourceRenderer, read_source};
