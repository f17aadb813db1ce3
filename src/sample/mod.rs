//! Small synthetic raw trees in all ten layouts, so that anyone can try the tool.

/// What can go wrong while a sample is written.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {}

/// Where one dataset's synthetic raw tree is written.
pub struct SampleTree {}
