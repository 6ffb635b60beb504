use super::*;

#[test]
fn rate_carries_what_there_is_and_stays_within_what_is_played() {
    assert_eq!([8000, 11_025, 16_000, 44_100, 96_000].map(rate_for), [8000, 12_000, 16_000, 48_000, 48_000]);
    assert_eq!([4000, 8000, 20_000, 47_999, 48_000].map(rate_within), [8000, 8000, 16_000, 24_000, 48_000]);
}

// test-of: [RFC6716 4.2.3]
#[test]
fn voice_is_told_from_the_packet() {
    use super::encoder::has_voice;
    let pcm: Vec<i16> = (0..480_i16).map(|n| (n % 50 - 25) * 400).collect();
    let party = crate::OpusParameters::default();
    for frames in [1, 2, 4, 6] {
        let mut encoder = OpusEncoder::new(8000, &party, &crate::EncoderSettings::default()).unwrap();
        let mut payload = [0; 1275];
        let silence = crate::Encoder::encode(&mut encoder, &vec![0; frames * 80], &mut payload).unwrap();
        assert!(!has_voice(&payload[..silence.len]), "{frames}: {:?}", &payload[..2]);
        let voice = (0..10).any(|_| {
            let encoded = crate::Encoder::encode(&mut encoder, &pcm[..frames * 80], &mut payload).unwrap();
            has_voice(&payload[..encoded.len])
        });
        assert!(voice, "{frames}");
    }
    assert!(!has_voice(&[]) && !has_voice(&[0]) && has_voice(&[0x80, 0]) && has_voice(&[3, 0, 0]));
}

#[test]
fn effort_is_what_narrow_audio_and_its_error_correction_are_worth() {
    let usual = crate::EncoderSettings::default();
    let efforts = |settings: &crate::EncoderSettings| {
        [(8000, false), (8000, true), (16_000, true), (48_000, false)]
            .map(|(rate, fec)| settings.opus_complexity_for(rate, fec))
    };
    assert_eq!(efforts(&usual), [3, 2, 5, 5]);
    assert_eq!(efforts(&crate::EncoderSettings { opus_complexity: Some(11), ..usual }), [10; 4]);
}

#[test]
fn usual_effort_at_8_khz_is_the_least_that_has_error_correction() {
    let with_copies = |complexity: u8| {
        let party = crate::OpusParameters { use_in_band_fec: true, ..crate::OpusParameters::default() };
        let settings =
            crate::EncoderSettings { opus_complexity: Some(complexity), ..crate::EncoderSettings::default() };
        let mut encoder = OpusEncoder::new(8000, &party, &settings).unwrap();
        let pcm: [i16; 160] = std::array::from_fn(|n| [-300, 90, 200, -130][n / 5 % 4] * 40);
        let mut payload = [0; 1275];
        let mut copies = 0;
        for _ in 0..50 {
            crate::Encoder::encode(&mut encoder, &pcm, &mut payload).unwrap();
            // One frame of 20 ms by SILK: the flag of its voice is followed by that of a copy of the
            // frame before (RFC 6716 4.2.4).
            copies += usize::from(payload[0] & 3 == 0 && payload[0] >> 3 < 16 && payload[1] & 0x40 != 0);
        }
        copies
    };
    let usual = crate::EncoderSettings::OPUS_COMPLEXITY_AT_8K_WITH_FEC;
    assert!(with_copies(usual) > 25, "{}", with_copies(usual));
    assert_eq!(with_copies(usual - 1), 0);
}
