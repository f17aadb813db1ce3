#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| machex_fuzz::dicom_jpegxl(data));
