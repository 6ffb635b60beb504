use super::*;

/// A generator of test bytes: the top byte of a 64-bit congruential one.
fn bytes(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..count).map(|_| next()).collect()
}

/// Four seconds and more, longer than the inputs of a fuzz target.
#[test]
fn random_streams_decode_exactly() {
    for seed in 0..24 {
        decodes_exactly(Decoder::new(), &frames::read(&bytes(seed, 2500), 500));
    }
}

#[test]
fn what_was_decoded_before_an_input_is_exact() {
    for stream in 0..frames::STREAMS {
        decodes_exactly(Decoder::new(), &frames::before(stream));
    }
}

#[test]
fn what_was_coded_before_an_input_is_exact() {
    for stream in 0..signal::STREAMS {
        let dtx = signal::dtx_before(stream);
        codes_exactly(Encoder::new(EncoderOptions { dtx }), dtx, &signal::before(stream));
    }
}

#[test]
fn random_inputs_are_exact_after_every_stream() {
    for seed in 0..200 {
        let mut data = bytes(seed, 250);
        data[0] = seed.to_le_bytes()[0];
        decode_is_exact(&data);
        encode_is_exact(&data);
    }
}

#[test]
fn lost_frames_after_every_kind_decode_exactly() {
    for kind in 0..8 {
        let mut data = vec![0, kind];
        data.extend(bytes(u64::from(kind), 10));
        data.extend([0xff, 0xff, 0xff, 0xff, 4, 1, 2, 0xff, 5, 0xff]);
        decodes_exactly(Decoder::new(), &frames::read(&data, 100));
    }
    decode_is_exact(&[]);
    decode_is_exact(&[0xff; 20]);
}

#[test]
fn random_samples_are_coded_exactly() {
    for seed in 0..12 {
        let mut data = bytes(seed, 161 * 40);
        // Full scale, quieter, quieter still: the upper bytes of the samples.
        let quiet = |byte: u8| byte.cast_signed() >> (seed % 8);
        for chunk in data.chunks_mut(161) {
            chunk[1..].chunks_mut(2).for_each(|pair| pair[1] = quiet(pair[1]).cast_unsigned());
            chunk[0] = 7;
        }
        let dtx = seed % 3 > 0;
        codes_exactly(Encoder::new(EncoderOptions { dtx }), dtx, &signal::read(&data, 40));
    }
    encode_is_exact(&[]);
    encode_is_exact(&[1; 500]);
}

#[test]
fn random_payloads_and_streams_round_trip() {
    for seed in 0..200 {
        let data = bytes(seed, usize::try_from(seed).unwrap());
        payload_round_trips(&data);
        serial_round_trips(&data);
    }
    let frame = [0x21, 0x6b, 16, 0].into_iter().chain([0x81, 0].repeat(16));
    serial_round_trips(&frame.clone().collect::<Vec<_>>());
    serial_round_trips(&frame.chain([0x22, 0x6b]).collect::<Vec<_>>());
}
