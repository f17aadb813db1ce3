//! A wrapper of OpenJPEG that decodes tile by tile.
//!
//! It collects OpenJPEG's messages instead of printing them. A decoder is used for one image.

use std::ffi::{CStr, c_char, c_void};
use std::ptr::{self, NonNull};

use openjpeg_sys as sys;

use super::super::RenderError;
use super::super::source::grow;
use super::malformed;
use crate::shown::Show;

/// Maximum number of messages kept per image.
const MAX_MESSAGES: usize = 4;

/// Messages are cut at this length; OpenJPEG's are shorter.
const LONGEST_MESSAGE: usize = 200;

/// Parts of messages about bytes after the code stream, such as the padding of a fragment.
const HARMLESS: [&str; 2] = ["does not end with EOC", "JP2 box which are after"];

/// Bytes that OpenJPEG reads at a time.
const CHUNK: usize = 1 << 20;

/// One component, as the code stream describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::render) struct Component {
    /// Bits per sample.
    pub precision: u32,
    pub signed: bool,
    /// Whether it has a sample for every pixel.
    pub is_full: bool,
}

/// The part of the image that a tile covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::render) struct Tile {
    pub left: usize,
    pub top: usize,
    pub width: usize,
    pub height: usize,
}

/// The input and the messages of OpenJPEG.
struct State<'a> {
    stream: &'a [u8],
    at: usize,
    messages: Vec<String>,
}

/// A code stream whose header has been read.
pub(in crate::render) struct Decoder<'a> {
    codec: NonNull<sys::opj_codec_t>,
    stream: NonNull<sys::opj_stream_t>,
    image: NonNull<sys::opj_image_t>,
    /// C holds pointers to it while codec and stream live. Created by `Box::into_raw`.
    state: NonNull<State<'a>>,
    data: Vec<u8>,
}

/// Codec and stream while a decoder is being created or dropped.
struct Parts<'a> {
    codec: *mut sys::opj_codec_t,
    stream: *mut sys::opj_stream_t,
    state: *mut State<'a>,
}

impl Drop for Parts<'_> {
    fn drop(&mut self) {
        // SAFETY: each pointer is null or owned by this value. C frees what it allocated, and holds
        // no pointer to the state when that is freed.
        unsafe {
            if !self.stream.is_null() {
                sys::opj_stream_destroy(self.stream);
            }
            if !self.codec.is_null() {
                sys::opj_destroy_codec(self.codec);
            }
            drop(Box::from_raw(self.state));
        }
    }
}

impl<'a> Decoder<'a> {
    /// Reads the header of a code stream or a JP2 file. `Err` is OpenJPEG's message.
    pub(in crate::render) fn open(stream: &'a [u8], is_jp2: bool) -> Result<Self, String> {
        let format = if is_jp2 {
            sys::OPJ_CODEC_FORMAT::OPJ_CODEC_JP2
        } else {
            sys::OPJ_CODEC_FORMAT::OPJ_CODEC_J2K
        };
        let state = Box::new(State {
            stream,
            at: 0,
            messages: Vec::new(),
        });
        let chunk = stream.len().clamp(1, CHUNK);
        // SAFETY: plain constructors; null is checked below.
        let mut parts = unsafe {
            Parts {
                codec: sys::opj_create_decompress(format),
                stream: sys::opj_stream_create(chunk, 1),
                state: Box::into_raw(state),
            }
        };
        let (codec, c_stream, state) = (parts.codec, parts.stream, parts.state);
        if codec.is_null() || c_stream.is_null() {
            return Err("no memory for the decoder".to_owned());
        }
        let client = state.cast::<c_void>();
        let mut image = ptr::null_mut();
        // SAFETY: codec and stream are not null, and their callbacks use the state as its true
        // type. The state outlives both. The parameters are a plain struct, which C fills.
        let is_read = unsafe {
            sys::opj_set_error_handler(codec, Some(keep_message), client);
            sys::opj_set_warning_handler(codec, Some(keep_message), client);
            sys::opj_set_info_handler(codec, Some(ignore_message), client);
            sys::opj_stream_set_read_function(c_stream, Some(read));
            sys::opj_stream_set_skip_function(c_stream, Some(skip));
            sys::opj_stream_set_seek_function(c_stream, Some(seek));
            sys::opj_stream_set_user_data(c_stream, client, None);
            sys::opj_stream_set_user_data_length(c_stream, stream.len() as u64);
            let mut parameters: sys::opj_dparameters_t = std::mem::zeroed();
            sys::opj_set_default_decoder_parameters(&mut parameters);
            sys::opj_setup_decoder(codec, &mut parameters) != 0
                && sys::opj_read_header(c_stream, codec, &mut image) != 0
        };
        let image = NonNull::new(image).filter(|_| is_read);
        let pointers = (
            NonNull::new(codec),
            NonNull::new(c_stream),
            NonNull::new(state),
        );
        let ((Some(codec), Some(c_stream), Some(state)), Some(image)) = (pointers, image) else {
            // SAFETY: no C code is running, and the state lives until `parts` is dropped.
            let messages = unsafe { &mut (*state).messages };
            return Err(said(messages));
        };
        (parts.codec, parts.stream) = (ptr::null_mut(), ptr::null_mut());
        std::mem::forget(parts);
        Ok(Self {
            codec,
            stream: c_stream,
            image,
            state,
            data: Vec::new(),
        })
    }

    /// Width and height in pixels.
    pub(in crate::render) fn size(&self) -> (usize, usize) {
        // SAFETY: the image is valid.
        let image = unsafe { self.image.as_ref() };
        let side = |start: u32, end: u32| end.saturating_sub(start) as usize;
        (side(image.x0, image.x1), side(image.y0, image.y1))
    }

    pub(in crate::render) fn components(&self) -> Vec<Component> {
        // SAFETY: the image is valid, and has `numcomps` components.
        let components = unsafe {
            let image = self.image.as_ref();
            if image.comps.is_null() {
                return Vec::new();
            }
            std::slice::from_raw_parts(image.comps, image.numcomps as usize)
        };
        let described = components.iter().map(|component| Component {
            precision: component.prec,
            signed: component.sgnd != 0,
            is_full: component.dx == 1 && component.dy == 1,
        });
        described.collect()
    }

    /// Decodes the next tile; `None` after the last. Its components follow one another in the
    /// bytes. `Ok(Err(_))` is OpenJPEG's message about a tile that it cannot decode; no more tiles
    /// follow.
    #[allow(clippy::type_complexity)]
    pub(in crate::render) fn next_tile(
        &mut self,
        longest: usize,
    ) -> Result<Result<Option<(Tile, &[u8])>, String>, RenderError> {
        let (codec, stream) = (self.codec.as_ptr(), self.stream.as_ptr());
        let (mut index, mut len, mut components) = (0, 0, 0);
        let (mut left, mut top, mut right, mut bottom) = (0, 0, 0, 0);
        let mut goes_on = 0;
        // SAFETY: codec and stream are valid, and C writes only to the numbers.
        let is_read = unsafe {
            sys::opj_read_tile_header(
                codec,
                stream,
                &mut index,
                &mut len,
                &mut left,
                &mut top,
                &mut right,
                &mut bottom,
                &mut components,
                &mut goes_on,
            )
        };
        if is_read == 0 {
            return Ok(Err(self.said()));
        }
        if goes_on == 0 {
            return Ok(Ok(None));
        }
        if len as usize > longest {
            return Err(malformed("a tile is larger than the image"));
        }
        let data = grow(&mut self.data, len as usize)?;
        data.fill(0);
        // SAFETY: C writes at most `len` bytes, which `data` has.
        let is_decoded =
            unsafe { sys::opj_decode_tile_data(codec, index, data.as_mut_ptr(), len, stream) };
        if is_decoded == 0 {
            return Ok(Err(self.said()));
        }
        // SAFETY: the image is valid.
        let (image_left, image_top) = unsafe {
            let image = self.image.as_ref();
            (i64::from(image.x0), i64::from(image.y0))
        };
        let from = |at: i32, start: i64| usize::try_from(i64::from(at) - start).ok();
        let corners = (
            from(left, image_left),
            from(top, image_top),
            from(right, image_left),
            from(bottom, image_top),
        );
        let (Some(left), Some(top), Some(right), Some(bottom)) = corners else {
            return Err(malformed("a tile lies outside of the image"));
        };
        let tile = Tile {
            left,
            top,
            width: right.saturating_sub(left),
            height: bottom.saturating_sub(top),
        };
        Ok(Ok(Some((tile, &self.data[..len as usize]))))
    }

    /// Takes the messages collected so far; the next call does not return them again.
    pub(in crate::render) fn said(&mut self) -> String {
        // SAFETY: the state is valid, and no C code that writes to it is running.
        said(unsafe { &mut self.state.as_mut().messages })
    }

    /// Whether there are messages.
    pub(in crate::render) fn has_said(&self) -> bool {
        // SAFETY: as in `said`.
        unsafe { !self.state.as_ref().messages.is_empty() }
    }
}

impl Drop for Decoder<'_> {
    fn drop(&mut self) {
        // SAFETY: C owns the image and frees it here; `Parts` frees the rest when dropped.
        unsafe { sys::opj_image_destroy(self.image.as_ptr()) };
        drop(Parts {
            codec: self.codec.as_ptr(),
            stream: self.stream.as_ptr(),
            state: self.state.as_ptr(),
        });
    }
}

fn said(messages: &mut Vec<String>) -> String {
    if messages.is_empty() {
        return "no reason given".to_owned();
    }
    let said = messages.join("; ");
    messages.clear();
    said
}

/// # Safety
/// `client` is a [`State`], and `message` is a C string or null.
unsafe extern "C" fn keep_message(message: *const c_char, client: *mut c_void) {
    // SAFETY: promised by the caller.
    let (state, message) = unsafe {
        if message.is_null() {
            return;
        }
        (&mut *client.cast::<State<'_>>(), CStr::from_ptr(message))
    };
    let bytes = message.to_bytes();
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST_MESSAGE)]);
    let text = text.trim_end().shown().to_string();
    let is_harmless = HARMLESS.iter().any(|part| text.contains(part));
    if !is_harmless && state.messages.len() < MAX_MESSAGES && !state.messages.contains(&text) {
        state.messages.push(text);
    }
}

unsafe extern "C" fn ignore_message(_: *const c_char, _: *mut c_void) {}

/// # Safety
/// `client` is a [`State`], and `buffer` has `len` bytes.
unsafe extern "C" fn read(buffer: *mut c_void, len: usize, client: *mut c_void) -> usize {
    // SAFETY: promised by the caller; the copied bytes fit into the buffer.
    unsafe {
        let state = &mut *client.cast::<State<'_>>();
        let rest = state.stream.get(state.at..).unwrap_or_default();
        if rest.is_empty() {
            return usize::MAX;
        }
        let len = rest.len().min(len);
        ptr::copy_nonoverlapping(rest.as_ptr(), buffer.cast(), len);
        state.at += len;
        len
    }
}

/// # Safety
/// `client` is a [`State`].
unsafe extern "C" fn skip(len: i64, client: *mut c_void) -> i64 {
    // SAFETY: promised by the caller.
    let state = unsafe { &mut *client.cast::<State<'_>>() };
    match usize::try_from(len) {
        Ok(len) => state.at = state.at.saturating_add(len),
        Err(_) => return -1,
    }
    len
}

/// # Safety
/// `client` is a [`State`].
unsafe extern "C" fn seek(at: i64, client: *mut c_void) -> i32 {
    // SAFETY: promised by the caller.
    let state = unsafe { &mut *client.cast::<State<'_>>() };
    match usize::try_from(at) {
        Ok(at) => state.at = at,
        Err(_) => return 0,
    }
    1
}
