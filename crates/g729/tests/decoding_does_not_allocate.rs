//! Decoding allocates nothing, whatever comes.

use mediapoint_g729::{Decoder, Frame, payload};

#[test]
fn decoding_does_not_allocate() {
    let mut decoder = Decoder::new();
    let mut out = [0; Frame::SAMPLES];
    let packet: Vec<u8> = (0..52).map(|n: u8| n.wrapping_mul(73)).collect();
    let counts = mediapoint_allocations::measure(|| {
        for _ in 0..50 {
            for frame in payload::split(&packet).unwrap() {
                decoder.decode_into(frame, &mut out);
            }
            decoder.decode_into(Frame::Untransmitted, &mut out);
            decoder.decode_erased_into(&mut out);
            decoder.decode_into(Frame::Speech([0; 10]), &mut out);
            decoder.decode_erased_into(&mut out);
        }
    });
    assert_eq!(counts.allocations, 0);
}
