//! What is refused, with which reason, and that nothing has changed by it.

use mediapoint_codec::{
    Codec, DecodeError, EncodeError, EncoderSettings, OpusParameters, Parameters, Unsupported,
};

use crate::support::*;

#[test]
fn coders_that_there_are_not() {
    let refused = |codec: &Codec| {
        let settings = EncoderSettings::default();
        let encoder = mediapoint_codec::encoder(codec, 8000, &Parameters::default(), &settings).err();
        assert_eq!(mediapoint_codec::decoder(codec, 8000).err(), encoder);
        assert!(!codec.is_convertible());
        encoder.unwrap()
    };
    assert_eq!(refused(&Codec::TELEPHONE_EVENT), Unsupported::Encoding);
    assert_eq!(refused(&Codec::CN), Unsupported::Encoding);
    assert_eq!(refused(&Codec::new("VP8", 90_000, 1)), Unsupported::Encoding);
    assert_eq!(refused(&Codec::new("PCMA", 16_000, 1)), Unsupported::ClockRate(16_000));
    assert_eq!(refused(&Codec::new("L16", 44_100, 1)), Unsupported::ClockRate(44_100));
    assert_eq!(refused(&Codec::new("L16", 16_000, 2)), Unsupported::Channels(2));
    for codec in ALL {
        assert!(codec.is_convertible());
    }
}

#[test]
fn payload_without_room_or_sense_is_refused() {
    for codec in ALL {
        let mut decoder = decoder(&codec, 8000);
        let payload = payloads(&mut *encoder(&codec, 8000), &speech_at(48_000), 20).swap_remove(0);
        let need = decoder.duration(&payload).unwrap();
        assert_eq!(need as u32, decoder.sample_rate() / 50);
        let mut pcm = vec![0; need];
        let have = need - 1;
        assert_eq!(decoder.decode(&payload, &mut pcm[..have]), Err(DecodeError::NoRoom { need, have }));
        assert_eq!(decoder.decode(&[], &mut pcm), Err(DecodeError::Malformed { len: 0 }));
        assert_eq!(decoder.decode(&payload, &mut pcm).unwrap().samples, need);
        let huge = vec![0; 12_001];
        assert!(decoder.duration(&huge).is_err() || codec == Codec::OPUS, "{codec:?}");
        assert!(decoder.decode(&huge, &mut vec![0; 12_001]).is_err(), "{codec:?}");
    }
    for len in [1, 3, 9, 11, 13, 19] {
        assert_eq!(decoder(&Codec::G729, 8000).duration(&vec![0; len]), Err(DecodeError::Malformed { len }));
    }
    for len in [1, 32, 34, 65, 67] {
        assert_eq!(decoder(&Codec::GSM, 8000).duration(&vec![0; len]), Err(DecodeError::Malformed { len }));
    }
    assert_eq!(decoder(&Codec::L16_8K, 8000).duration(&[0; 3]), Err(DecodeError::Malformed { len: 3 }));
}

#[test]
fn audio_of_no_packets_length_is_refused() {
    for codec in ALL {
        let mut encoder = encoder(&codec, 16_000);
        let granule = encoder.granule();
        let frames = if codec == Codec::GSM { 50 } else { 100 };
        assert_eq!(granule as u32, encoder.sample_rate() / frames);
        let most = encoder.sample_rate() as usize * 120 / 1000 / granule;
        let mut payload = vec![0; 12_000];
        for samples in [0, 1, granule - 1, granule + 1, granule * (most + 1)] {
            let result = encoder.encode(&vec![0; samples], &mut payload);
            assert_eq!(result, Err(EncodeError::Length { samples }), "{codec:?}");
        }
        for packets in 1..=most {
            let pcm = noise(packets * granule, 77);
            let encoded = encoder.encode(&pcm, &mut payload).unwrap();
            let mut decoder = decoder(&codec, encoder.sample_rate());
            let samples = decoder.decode(&payload[..encoded.len], &mut vec![0; 12_000]).unwrap().samples;
            assert_eq!(samples, pcm.len(), "{codec:?}, {packets} frames");
        }
    }
}

#[test]
fn small_buffers_are_never_overrun() {
    for codec in ALL {
        let pcm = noise(2880, 5);
        for packets in [1, 2, 3, 6] {
            for room in (0..80).chain([300, 1000]) {
                let mut encoder = encoder(&codec, 8000);
                let pcm = &pcm[..packets * encoder.granule()];
                let mut payload = vec![0x5a; room + 16];
                match encoder.encode(pcm, &mut payload[..room]) {
                    Ok(encoded) => assert!(encoded.len <= room, "{codec:?}"),
                    Err(error) => {
                        assert!(
                            matches!(error, EncodeError::NoRoom { .. }),
                            "{codec:?}, {room} octets: {error}"
                        )
                    }
                }
                assert_eq!(payload[room..], [0x5a; 16], "{codec:?}");
            }
        }
    }
}

#[test]
fn opus_does_what_the_party_asks() {
    let rate = |hint, max_playback_rate| {
        let party = opus(OpusParameters { max_playback_rate, ..OpusParameters::default() });
        let encoder = mediapoint_codec::encoder(&Codec::OPUS, hint, &party, &EncoderSettings::default());
        encoder.unwrap().sample_rate()
    };
    assert_eq!(rate(8000, 48_000), 8000);
    assert_eq!(rate(48_000, 16_000), 16_000);
    assert_eq!(rate(16_000, 20_000), 16_000);
    assert_eq!(rate(48_000, 48_000), 48_000);

    let bits = |party: OpusParameters, settings: &EncoderSettings| {
        let mut encoder = mediapoint_codec::encoder(&Codec::OPUS, 16_000, &opus(party), settings).unwrap();
        let payloads = payloads(&mut *encoder, &speech_at(16_000), 20);
        let lens: Vec<usize> = payloads.iter().map(Vec::len).collect();
        let equal = lens.iter().all(|len| *len == lens[0]);
        (lens.iter().sum::<usize>() * 400 / lens.len(), equal)
    };
    let settings = EncoderSettings::default();
    let asked = OpusParameters::default();
    let (usual, _) = bits(asked, &settings);
    let (less, _) = bits(OpusParameters { max_average_bitrate: Some(12_000), ..asked }, &settings);
    let (own, _) = bits(asked, &EncoderSettings { opus_bitrate: Some(40_000), ..settings.clone() });
    let (capped, _) = bits(
        OpusParameters { max_average_bitrate: Some(12_000), ..asked },
        &EncoderSettings { opus_bitrate: Some(40_000), ..settings.clone() },
    );
    println!("{usual} bit/s usually, {less} when asked for 12000, {own} when told 40000");
    assert!((18_000..26_000).contains(&usual) && less < 13_000 && own > 28_000 && capped == less);
    let (constant, equal) = bits(OpusParameters { cbr: true, ..asked }, &settings);
    assert!(equal && (23_000..25_000).contains(&constant), "{constant}");
}
