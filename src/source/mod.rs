//! Source files: their state in the storage, and their way into the renderer. Shared by everything
//! that makes images.

mod buffer;
mod header;
mod look;
mod read_ahead;
mod source_renderer;

pub use buffer::SourceBuffer;
pub use header::SourceHeader;
pub use look::{MISSING, Source, SourceFault, left_out};
pub use read_ahead::{FetchError, Fetched, fetch};
pub use source_renderer::{OpenSource, RenderedSource, SourceError, SourceRenderer, read_source};
