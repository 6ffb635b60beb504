use super::*;

const ALL: [Codec; 13] = [
    Codec::PCMU,
    Codec::PCMA,
    Codec::G722,
    Codec::G729,
    Codec::GSM,
    Codec::AMR,
    Codec::AMR_WB,
    Codec::OPUS,
    Codec::L16_8K,
    Codec::L16_16K,
    Codec::L16_48K,
    Codec::TELEPHONE_EVENT,
    Codec::CN,
];

// test-of: [RFC3551 4.5.2]
// test-of: [RFC7587 7]
#[test]
fn clocks_and_channels_of_g722_and_opus_are_not_those_of_their_audio() {
    assert_eq!(
        (Codec::G722.clock_rate, crate::decoder(&Codec::G722, 8000).unwrap().sample_rate()),
        (8000, 16_000)
    );
    assert_eq!((Codec::OPUS.clock_rate, Codec::OPUS.channels), (48_000, 2));
    assert_eq!(crate::decoder(&Codec::OPUS, 8000).unwrap().sample_rate(), 8000);
    assert!(!Codec::new("opus", 16_000, 2).is_convertible());
    // One channel is not what the line has to say, and means the same.
    assert!(Codec::new("opus", 48_000, 1).is_convertible());
}

#[test]
fn a_name_in_either_case_means_the_constant() {
    for codec in ALL {
        assert_eq!(Codec::new(codec.name(), codec.clock_rate, codec.channels), codec);
        assert_eq!(Codec::new(codec.sdp_name(), codec.clock_rate, codec.channels), codec);
        assert_eq!(codec.sdp_name().to_ascii_lowercase(), codec.name());
    }
}

#[test]
fn static_payload_types_of_the_codecs_there_are() {
    let number = |number| Codec::from_static(PayloadType::new(number).unwrap());
    assert_eq!(number(0), Some(Codec::PCMU));
    assert_eq!(number(3), Some(Codec::GSM));
    assert_eq!(number(8), Some(Codec::PCMA));
    assert_eq!(number(9), Some(Codec::G722));
    assert_eq!(number(13), Some(Codec::CN));
    assert_eq!(number(18), Some(Codec::G729));
    assert_eq!(number(96), None);
}

#[test]
fn unknown_codec_keeps_its_name() {
    let speex = Codec::new("Speex", 16_000, 0);
    assert_eq!((speex.name(), speex.sdp_name(), speex.channels), ("speex", "speex", 1));
    assert!(!speex.is_convertible());
}

#[test]
fn events_and_noise_are_not_convertible() {
    assert!(!Codec::TELEPHONE_EVENT.is_convertible());
    assert!(!Codec::CN.is_convertible());
    assert!(Codec::PCMU.is_convertible());
    assert!(!Codec::new("PCMU", 16_000, 1).is_convertible());
    assert!(!Codec::new("L16", 44_100, 2).is_convertible());
}

// test-of: [RFC3551 4.5.11]
// test-of: [RFC3551 4.5.14]
#[test]
fn octets_of_l16_and_g711_stand_as_the_profile_says() {
    let cases: [(Codec, &[i16], &[u8]); 3] = [
        (Codec::L16_8K, &[0x0102, -2], &[1, 2, 0xff, 0xfe]),
        (Codec::PCMU, &[0, -32_124, 32_124], &[0xff, 0x00, 0x80]),
        (Codec::PCMA, &[8, -8], &[0xd5, 0x55]),
    ];
    for (codec, pcm, octets) in cases {
        let party = Parameters::default();
        let settings = crate::EncoderSettings::default();
        let mut encoder = crate::encoder(&codec, 8000, &party, &settings).unwrap();
        let packet: Vec<i16> = pcm.iter().copied().cycle().take(pcm.len() * 240).collect();
        let mut payload = [0; 1440];
        let encoded = encoder.encode(&packet, &mut payload).unwrap();
        assert_eq!(encoded.len, octets.len() * 240, "{}", codec.name());
        assert_eq!(payload.get(..octets.len()), Some(octets), "{}", codec.name());
    }
}
