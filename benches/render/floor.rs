//! The codec floors: whole source in, one image out, no resize, no normalisation.

use std::hint::black_box;
use std::io::Cursor;

use turbojpeg::{Compressor, Decompressor, Image, OutputBuf, PixelFormat, Subsamp, YuvImage};

/// Side of the output image.
const SIZE: usize = 1024;

/// Runs a floor once; made for one source.
pub type Floor = Box<dyn FnMut()>;

/// Encodes the same picture over and over: three components of which two are flat.
struct Encode {
    compressor: Compressor,
    planes: Vec<u8>,
    out: OutputBuf<'static>,
}

impl Encode {
    /// `luma` is a picture of at least [`SIZE`] squared samples, with rows of `width`.
    fn new(luma: &[u8], width: usize) -> Self {
        let mut compressor = Compressor::new().expect("a compressor");
        compressor.set_quality(95).expect("quality");
        let mut planes = vec![128; SIZE * SIZE * 3 / 2];
        // The same amount of detail as the render's output has: every so-manieth pixel.
        let step = (width / SIZE).max(1);
        for (y, row) in planes[..SIZE * SIZE].chunks_exact_mut(SIZE).enumerate() {
            for (x, sample) in row.iter_mut().enumerate() {
                *sample = luma[y * step * width + x * step];
            }
        }
        Self {
            compressor,
            planes,
            out: OutputBuf::new_owned(),
        }
    }

    fn run(&mut self) {
        let image = YuvImage {
            pixels: self.planes.as_slice(),
            width: SIZE,
            align: 1,
            height: SIZE,
            subsamp: Subsamp::Sub2x2,
        };
        self.compressor
            .compress_yuv(image, &mut self.out)
            .expect("compressed");
        black_box(&self.out);
    }
}

pub fn jpeg(source: &[u8]) -> Floor {
    let source = source.to_vec();
    let mut decompressor = Decompressor::new().expect("a decompressor");
    let header = decompressor.read_header(&source).expect("a header");
    let (width, height) = (header.width, header.height);
    let mut pixels = vec![0; width * height];
    let mut decode = move |pixels: &mut [u8]| {
        let image = Image {
            pixels,
            width,
            pitch: width,
            height,
            format: PixelFormat::GRAY,
        };
        decompressor.decompress(&source, image).expect("decoded");
    };
    decode(&mut pixels);
    let mut encode = Encode::new(&pixels, width);
    Box::new(move || {
        decode(&mut pixels);
        black_box(&pixels);
        encode.run();
    })
}

/// Red, green and blue from end to end, as the render must have them.
pub fn colour_jpeg(source: &[u8]) -> Floor {
    let source = source.to_vec();
    let mut decompressor = Decompressor::new().expect("a decompressor");
    let mut compressor = Compressor::new().expect("a compressor");
    compressor.set_quality(95).expect("quality");
    compressor
        .set_subsamp(Subsamp::Sub2x2)
        .expect("subsampling");
    let header = decompressor.read_header(&source).expect("a header");
    let (width, height) = (header.width, header.height);
    let mut pixels = vec![0; width * height * 3];
    let mut decode = move |pixels: &mut [u8]| {
        let image = Image {
            pixels,
            width,
            pitch: width * 3,
            height,
            format: PixelFormat::RGB,
        };
        decompressor.decompress(&source, image).expect("decoded");
    };
    decode(&mut pixels);
    // The same amount of detail as the render's output has.
    let step = (width / SIZE).max(1);
    let picture: Vec<u8> = (0..SIZE * SIZE)
        .flat_map(|at| {
            let first = (at / SIZE * step * width + at % SIZE * step) * 3;
            [pixels[first], pixels[first + 1], pixels[first + 2]]
        })
        .collect();
    let mut out = OutputBuf::new_owned();
    Box::new(move || {
        decode(&mut pixels);
        black_box(&pixels);
        let image = Image {
            pixels: picture.as_slice(),
            width: SIZE,
            pitch: SIZE * 3,
            height: SIZE,
            format: PixelFormat::RGB,
        };
        compressor.compress(image, &mut out).expect("compressed");
        black_box(&out);
    })
}

pub fn png(source: &[u8]) -> Floor {
    let source = source.to_vec();
    let mut pixels = Vec::new();
    let decode = move |pixels: &mut Vec<u8>| {
        let mut options = png::DecodeOptions::default();
        options.set_ignore_crc(true);
        let mut decoder = png::Decoder::new_with_options(Cursor::new(source.as_slice()), options);
        decoder.set_limits(png::Limits { bytes: usize::MAX });
        let mut reader = decoder.read_info().expect("a header");
        pixels.resize(reader.output_buffer_size().expect("a size"), 0);
        let info = reader.next_frame(pixels).expect("decoded");
        (
            info.width as usize,
            info.bit_depth == png::BitDepth::Sixteen,
        )
    };
    let (width, is_wide) = decode(&mut pixels);
    let high: Vec<u8> = pixels
        .iter()
        .step_by(if is_wide { 2 } else { 1 })
        .copied()
        .collect();
    let mut encode = Encode::new(&high, width);
    Box::new(move || {
        decode(&mut pixels);
        black_box(&pixels);
        encode.run();
    })
}

/// Reads the data set with all its elements, pixel data among them.
pub fn dicom(source: &[u8]) -> Floor {
    use dicom_dictionary_std::tags;
    let source = source.to_vec();
    let decode = move || dicom_object::from_reader(source.as_slice()).expect("a data set");
    let object = decode();
    let columns = object.element(tags::COLUMNS).expect("columns");
    let width = columns.to_int().expect("a number");
    let element = object.element(tags::PIXEL_DATA).expect("pixel data");
    let values = element
        .value()
        .primitive()
        .expect("values")
        .uint16_slice()
        .expect("words");
    let high: Vec<u8> = values.iter().map(|value| (value >> 6) as u8).collect();
    let mut encode = Encode::new(&high, width);
    Box::new(move || {
        black_box(decode());
        encode.run();
    })
}

/// The data set and the code stream.
pub fn jpeg2000(source: &[u8]) -> Floor {
    use dicom_dictionary_std::tags;
    let source = source.to_vec();
    let decode = move || {
        let object = dicom_object::from_reader(source.as_slice()).expect("a data set");
        let element = object.element(tags::PIXEL_DATA).expect("pixel data");
        let stream = &element.value().fragments().expect("fragments")[0];
        jpeg2k::Image::from_bytes(stream).expect("an image")
    };
    let image = decode();
    let high: Vec<u8> = image.components()[0]
        .data()
        .iter()
        .map(|value| (value >> 6) as u8)
        .collect();
    let mut encode = Encode::new(&high, image.width() as usize);
    Box::new(move || {
        black_box(decode());
        encode.run();
    })
}
