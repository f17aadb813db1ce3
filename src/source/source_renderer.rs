//! From a source file to the bytes of its JPEG.

use std::io::{self, Read};
use std::path::Path;

use super::SourceBuffer;
use super::look::words;
use crate::render::{MAX_PIXELS, Notes, RenderError, RenderParams, Rendered, Renderer, refuse};
use crate::storage::{OpenFile, Stamp, Storage};

/// Maximum size of a source file: the largest image as 16-bit RGB, and space for its header.
const MAX_SOURCE_BYTES: u64 = MAX_PIXELS * 6 + (64 << 20);

/// How many bytes of a source to read before deciding whether to read the rest: enough for the
/// signatures of formats, and for most headers.
const START: u64 = 64 << 10;

/// Source buffers above this size are freed after use.
const KEEP_CAPACITY: usize = 64 << 20;

/// Renders source files one after another, reusing its memory. One per thread.
pub struct SourceRenderer {
    renderer: Renderer,
    buffer: SourceBuffer,
}

/// A finished JPEG.
#[derive(Debug)]
pub struct RenderedSource {
    pub jpeg: Vec<u8>,
    /// See [`Rendered::notes`].
    pub notes: Notes,
    /// The stamp of the source when it was read.
    pub stamp: Stamp,
}

/// Why a source file cannot become a JPEG.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// May not occur the next time.
    #[error("{}", words(.0))]
    Read(#[from] io::Error),
    /// The same bytes fail again.
    #[error(transparent)]
    Render(#[from] RenderError),
}

impl SourceRenderer {
    pub fn new(params: RenderParams) -> Self {
        Self {
            renderer: Renderer::new(params),
            buffer: SourceBuffer::default(),
        }
    }

    /// Reads and renders one file.
    pub fn render_file(
        &mut self,
        storage: &dyn Storage,
        path: &Path,
    ) -> Result<RenderedSource, SourceError> {
        let opened = OpenSource::open(storage, path)?.look()??;
        let stamp = opened.read_into(&mut self.buffer)?;
        let rendered = self.renderer.render(&self.buffer);
        if self.buffer.capacity() > KEEP_CAPACITY {
            self.buffer = SourceBuffer::default();
        }
        let Rendered { jpeg, notes } = rendered?;
        Ok(RenderedSource { jpeg, notes, stamp })
    }

    /// Renders a source that [`super::fetch`] has read.
    pub fn render(&mut self, source: &[u8]) -> Result<Rendered, RenderError> {
        self.renderer.render(source)
    }
}

/// Reads a whole source file into `buffer`, whose memory is reused. Returns the stamp from when it
/// was opened.
///
/// # Errors
/// Also if the renderer would refuse the file because of its first bytes.
pub fn read_source(
    storage: &dyn Storage,
    path: &Path,
    buffer: &mut SourceBuffer,
) -> io::Result<Stamp> {
    let looked = OpenSource::open(storage, path)?.look()?;
    looked.map_err(io::Error::other)?.read_into(buffer)
}

/// An open source file of which at most the start has been read.
#[derive(Debug)]
pub struct OpenSource {
    file: Box<dyn OpenFile>,
    start: Vec<u8>,
}

impl OpenSource {
    pub fn open(storage: &dyn Storage, path: &Path) -> io::Result<Self> {
        let file = storage.open(path, u64::MAX)?;
        let size = file.stamp().size;
        if size > MAX_SOURCE_BYTES {
            let problem = format!("{size} bytes are more than any image that machex takes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, problem));
        }
        Ok(Self {
            file,
            start: Vec::new(),
        })
    }

    pub fn stamp(&self) -> Stamp {
        self.file.stamp()
    }

    /// Reads the start of the file and asks the renderer about it, so that files that cannot be
    /// images are not read completely.
    pub(super) fn look(mut self) -> io::Result<Result<Self, RenderError>> {
        let mut start = Vec::with_capacity(START as usize);
        (&mut self.file).take(START).read_to_end(&mut start)?;
        if let Err(refused) = refuse(&start, self.stamp().size) {
            // Nothing can be concluded about a file that is being written.
            self.file.check_unchanged()?;
            return Ok(Err(refused));
        }
        self.start = start;
        Ok(Ok(self))
    }

    /// Reads all of it into `buffer`.
    ///
    /// # Errors
    /// Also if it was changed while it was read.
    pub(super) fn read_into(mut self, buffer: &mut SourceBuffer) -> io::Result<Stamp> {
        let stamp = self.stamp();
        buffer.fill(&self.start, &mut self.file, stamp.size)?;
        self.file.check_unchanged()?;
        Ok(stamp)
    }
}
