//! Lossless JPEG 2000, which no safe crate writes: OpenJPEG by hand, for the bench alone.

use std::ffi::CString;
use std::fs;

use openjpeg_sys as opj;

/// The code stream of one component of `bits` bits.
pub fn encode(width: u32, height: u32, bits: u32, values: &[u16]) -> Vec<u8> {
    assert_eq!(values.len(), width as usize * height as usize);
    let path = std::env::temp_dir().join(format!("machex-bench-{}.j2k", std::process::id()));
    let name = CString::new(path.to_str().expect("a UTF-8 path")).expect("a path");
    // SAFETY: the calls of OpenJPEG's own example, in its order; every pointer is checked, the
    // image's only component has `values.len()` samples, and all is freed.
    let good = unsafe {
        let mut component = opj::opj_image_cmptparm_t {
            dx: 1,
            dy: 1,
            w: width,
            h: height,
            prec: bits,
            ..std::mem::zeroed()
        };
        let image = opj::opj_image_create(1, &mut component, opj::OPJ_COLOR_SPACE::OPJ_CLRSPC_GRAY);
        assert!(!image.is_null());
        ((*image).x1, (*image).y1) = (width, height);
        for (at, value) in values.iter().enumerate() {
            *(*(*image).comps).data.add(at) = i32::from(*value);
        }
        let mut parameters: opj::opj_cparameters_t = std::mem::zeroed();
        opj::opj_set_default_encoder_parameters(&mut parameters);
        parameters.tcp_numlayers = 1;
        parameters.cp_disto_alloc = 1;
        let codec = opj::opj_create_compress(opj::OPJ_CODEC_FORMAT::OPJ_CODEC_J2K);
        let stream = opj::opj_stream_create_default_file_stream(name.as_ptr(), 0);
        assert!(!codec.is_null() && !stream.is_null());
        let good = opj::opj_setup_encoder(codec, &mut parameters, image) != 0
            && opj::opj_start_compress(codec, image, stream) != 0
            && opj::opj_encode(codec, stream) != 0
            && opj::opj_end_compress(codec, stream) != 0;
        opj::opj_stream_destroy(stream);
        opj::opj_destroy_codec(codec);
        opj::opj_image_destroy(image);
        good
    };
    assert!(good, "OpenJPEG could not encode");
    let stream = fs::read(&path).expect("the code stream");
    fs::remove_file(&path).expect("removed");
    stream
}
