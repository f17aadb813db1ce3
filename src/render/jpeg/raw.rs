//! Creates, configures and frees a TurboJPEG instance (libjpeg-turbo 3.1), and reads its last
//! message.
//!
//! The safe interface of the `turbojpeg` crate supports neither cropping nor high precision.
//! [`super::decoder`] and [`super::compressor`] use the instance. They keep everything that they
//! pass to C for as long as C uses it, and size every buffer themselves.

use std::ffi::{CStr, c_int};

use turbojpeg::raw;

use super::super::RenderError;

/// Approximate size of an instance, for the error if memory runs out.
const INSTANCE_BYTES: usize = 64 << 10;

/// Parts of messages of libjpeg and TurboJPEG that report a failed `malloc`.
const NO_MEMORY: [&str; 2] = ["Insufficient memory", "Memory allocation failure"];

/// A TurboJPEG instance; freed when dropped.
pub(super) struct Handle(raw::tjhandle);

// SAFETY: an instance is plain memory without ties to a thread; `&mut` on every use confines it to
// one thread at a time.
unsafe impl Send for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle came from tj3Init and is not used again.
        unsafe { raw::tj3Destroy(self.0) }
    }
}

impl Handle {
    pub(super) fn new(kind: raw::TJINIT) -> Result<Self, RenderError> {
        // SAFETY: no preconditions; null means out of memory.
        let handle = unsafe { raw::tj3Init(kind as c_int) };
        if handle.is_null() {
            return Err(RenderError::NoMemory {
                bytes: INSTANCE_BYTES,
            });
        }
        Ok(Self(handle))
    }

    /// The instance, for TurboJPEG calls; valid as long as `self`.
    pub(super) fn as_ptr(&mut self) -> raw::tjhandle {
        self.0
    }

    pub(super) fn set(&mut self, parameter: raw::TJPARAM, value: c_int) -> Result<(), RenderError> {
        // SAFETY: the handle is valid; C reports wrong parameters and does not use them.
        match unsafe { raw::tj3Set(self.0, parameter as c_int, value) } {
            0 => Ok(()),
            _ => Err(malformed(self.message())),
        }
    }

    pub(super) fn get(&mut self, parameter: raw::TJPARAM) -> c_int {
        // SAFETY: the handle is valid.
        unsafe { raw::tj3Get(self.0, parameter as c_int) }
    }

    /// The last error or warning in libjpeg's words.
    pub(super) fn message(&mut self) -> String {
        // SAFETY: the handle is valid; the string lives in it until the next call.
        let text = unsafe { CStr::from_ptr(raw::tj3GetErrorStr(self.0)) };
        text.to_string_lossy().into_owned()
    }
}

/// Whether a message reports that memory ran out, which is not the file's fault.
pub(super) fn is_no_memory(message: &str) -> bool {
    NO_MEMORY.iter().any(|part| message.contains(part))
}

pub(super) fn malformed(problem: impl Into<String>) -> RenderError {
    super::super::error::malformed("JPEG", problem)
}
