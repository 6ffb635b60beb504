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
