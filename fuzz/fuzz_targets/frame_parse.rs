#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| mediapoint_targets::frame_parse(data));
