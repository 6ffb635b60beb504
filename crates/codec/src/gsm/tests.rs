use super::*;

fn digest(octets: impl IntoIterator<Item = u8>) -> u64 {
    octets.into_iter().fold(0xcbf2_9ce4_8422_2325, |digest, octet| {
        (digest ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn noise(seed: u32) -> impl Iterator<Item = i16> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [a, b, ..] = state.to_be_bytes();
        i16::from_be_bytes([a, b])
    })
}

/// A triangle whose pitch rises and whose loudness goes up and down, with a little noise: something to predict.
fn voice() -> impl Iterator<Item = i16> {
    let mut phase = 0_u16;
    (0_u32..).zip(noise(9)).map(move |(n, noise)| {
        phase = phase.wrapping_add(u16::try_from(600 + n / 16 % 700).unwrap_or_default());
        let triangle = i32::from(phase.cast_signed()).abs() - 16_384;
        let loud = i32::try_from(n / 40 % 64).unwrap_or_default() - 32;
        i16::try_from(triangle * loud.abs() / 40 + i32::from(noise >> 8)).unwrap_or_default()
    })
}

/// Full scale, of which the sign changes at random: every sum that can overflow does.
fn extremes() -> impl Iterator<Item = i16> {
    noise(5).map(|sample| if sample < 0 { i16::MIN } else { i16::MAX })
}

fn encoded(pcm: &[i16]) -> Vec<u8> {
    let mut encoder = GsmEncoder::new();
    let mut octets = vec![0; pcm.len() / FRAME * OCTETS];
    for (pcm, octets) in pcm.chunks_exact(FRAME).zip(octets.chunks_exact_mut(OCTETS)) {
        assert_eq!(encoder.encode(pcm, octets).unwrap(), Encoded::whole(OCTETS, Transmission::Speech));
    }
    octets
}

fn decoded(octets: &[u8]) -> Vec<i16> {
    let mut decoder = GsmDecoder::new();
    let mut pcm = vec![0; octets.len() / OCTETS * FRAME];
    for (octets, pcm) in octets.chunks_exact(OCTETS).zip(pcm.chunks_exact_mut(FRAME)) {
        decoder.decode(octets, pcm).unwrap();
    }
    pcm
}

/// What libgsm 1.0.22 makes of the same signals of four seconds: digests of its frames, and of the samples (low octet first)
/// that it decodes them to.
#[test]
fn frames_and_samples_are_those_of_an_outside_coder() {
    let signals: [(&str, Vec<i16>, u64, u64); 4] = [
        ("voice", voice().take(32_000).collect(), 0x31c8_886f_998f_ddc0, 0x284d_a443_06e8_7f3a),
        ("noise", noise(1).take(32_000).collect(), 0x6df2_5139_bca2_f8e3, 0xdb75_ebfb_7f43_70d8),
        (
            "soft",
            noise(2).take(32_000).map(|sample| sample >> 10).collect(),
            0xa4fc_8eb1_7ca8_83bf,
            0x65cd_6a42_f879_218d,
        ),
        ("extremes", extremes().take(32_000).collect(), 0x4dfa_a0aa_19de_bcfb, 0x6ce1_c6c2_558d_4750),
    ];
    for (name, pcm, frames, samples) in signals {
        let octets = encoded(&pcm);
        let heard = decoded(&octets);
        let found = (digest(octets), digest(heard.iter().flat_map(|sample| sample.to_le_bytes())));
        assert_eq!(found, (frames, samples), "{name}: {found:#018x?}");
    }
}

#[test]
fn samples_of_frames_that_no_encoder_sends_are_those_of_an_outside_decoder() {
    let mut octets: Vec<u8> = noise(3).take(OCTETS * 1000).map(|sample| sample.to_be_bytes()[0]).collect();
    octets.chunks_exact_mut(OCTETS).for_each(|frame| frame[0] = frame[0] & 0xf | 0xd0);
    let heard = decoded(&octets);
    assert_eq!(digest(heard.iter().flat_map(|sample| sample.to_le_bytes())), 0x1f99_b77b_b5da_47c3);
}

#[test]
fn silence_is_the_frame_that_everybody_knows() {
    let silence = "d820a2e15a50004924924924500049249249245000492492492450004924924924";
    let octets = encoded(&[0; FRAME]);
    assert_eq!(octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>(), silence);
    assert!(decoded(&octets.repeat(10)).iter().all(|sample| sample.unsigned_abs() < 64));
}

// test-of: [RFC3551 4.5.8]
#[test]
fn a_payload_is_any_number_of_frames_and_nothing_else() {
    let octets = encoded(&voice().take(FRAME * 6).collect::<Vec<_>>());
    let mut decoder = GsmDecoder::new();
    for frames in 1..=6 {
        assert_eq!(decoder.duration(&octets[..frames * OCTETS]), Ok(frames * FRAME));
    }
    for len in [0, 1, 32, 34, 65, 7 * OCTETS] {
        let payload = [&octets[..], &octets].concat();
        assert_eq!(decoder.duration(&payload[..len]), Err(DecodeError::Malformed { len }));
    }
    // One without the signature, of which none is decoded.
    let mut broken = octets.clone();
    broken[3 * OCTETS] = 0;
    let mut pcm = [0; 6 * FRAME];
    assert_eq!(decoder.decode(&broken, &mut pcm), Err(DecodeError::Malformed { len: 6 * OCTETS }));
    assert_eq!(decoder.decode(&octets, &mut pcm).unwrap().samples, 6 * FRAME);
    assert_eq!(pcm[..], decoded(&octets));
    let mut encoder = GsmEncoder::new();
    assert_eq!(encoder.encode(&[0; 80], &mut [0; 200]), Err(EncodeError::Length { samples: 80 }));
    assert_eq!(encoder.encode(&[0; 240], &mut [0; 200]), Err(EncodeError::Length { samples: 240 }));
}
