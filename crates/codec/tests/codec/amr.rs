//! AMR and AMR-WB by outside libraries: speech comes back in every mode and layout, ffmpeg hears the same in the frames,
//! pauses and losses are filled.

use mediapoint_codec::amr::{AmrLayout, Band, Frame, NO_REQUEST, unpack};
use mediapoint_codec::{
    AmrParameters, Codec, DecodeError, EncodeError, Encoder, EncoderSettings, Encoding, Parameters, Signal,
    Transmission, Unsupported,
};

use crate::support::*;

const LAYOUTS: [&str; 3] = ["", "octet-align=1", "robust-sorting=1"];

/// A codec as a party's line has it, and the line.
fn party(codec: &Codec, fmtp: &str) -> (Codec, Parameters) {
    let parameters = Parameters::parse(codec, fmtp);
    (codec.clone().laid_out(&parameters), parameters)
}

fn coder(codec: &Codec, fmtp: &str, dtx: bool) -> (Codec, Box<dyn Encoder>) {
    let (codec, parameters) = party(codec, fmtp);
    let settings = EncoderSettings { dtx, ..EncoderSettings::default() };
    let encoder = mediapoint_codec::encoder(&codec, 16_000, &parameters, &settings).unwrap();
    (codec, encoder)
}

fn band(codec: &Codec) -> (Band, AmrLayout) {
    match codec.encoding {
        Encoding::Amr(layout) => (Band::Narrow, layout),
        Encoding::AmrWb(layout) => (Band::Wide, layout),
        _ => panic!("{codec:?}"),
    }
}

#[test]
fn speech_comes_back_in_every_layout_and_packet_time() {
    for (codec, rate, least) in [(Codec::AMR, 8000, 5.0), (Codec::AMR_WB, 16_000, 5.0)] {
        let pcm = speech_at(rate);
        let mut heard = Vec::new();
        for fmtp in LAYOUTS {
            for ptime in [20, 40, 60] {
                let (codec, mut encoder) = coder(&codec, fmtp, false);
                assert_eq!(encoder.sample_rate(), rate);
                let payloads = payloads(&mut *encoder, &pcm, ptime);
                let mut output = decoded(&mut *decoder(&codec, rate), &payloads);
                output.truncate(pcm.len() / 2);
                let (snr, delay) = snr(&pcm, &output, rate as usize / 100);
                println!("{} {fmtp} {ptime} ms: {snr:.1} dB, delay {delay}", codec.sdp_name());
                assert!(snr > least, "{codec:?} {ptime} ms: {snr} dB");
                heard.push(output);
            }
        }
        // Layout and packet time change nothing of what is heard.
        assert!(heard.windows(2).all(|pair| pair[0] == pair[1]), "{codec:?}");
    }
}

#[test]
fn the_mode_is_the_highest_that_the_party_takes() {
    for (codec, fmtp, mode) in [
        (Codec::AMR, "", 7),
        (Codec::AMR, "mode-set=0,2,4", 4),
        (Codec::AMR, "octet-align=1;mode-set=0", 0),
        (Codec::AMR_WB, "", 8),
        (Codec::AMR_WB, "mode-set=0,1,2", 2),
    ] {
        let (codec, mut encoder) = coder(&codec, fmtp, false);
        let (band, layout) = band(&codec);
        for payload in payloads(&mut *encoder, &speech_at(16_000)[..16_000], 40) {
            let payload = unpack(band, layout, &payload).unwrap();
            assert_eq!((payload.request, payload.frames().len()), (NO_REQUEST, 2));
            assert!(payload.frames().iter().all(|frame| frame.kind() == mode && frame.is_good()), "{fmtp}");
        }
    }
}

/// The frames of payloads as a file has them [RFC4867 5.3], decoded by ffmpeg's own decoder.
fn decoded_by_ffmpeg(name: &str, codec: &Codec, payloads: &[Vec<u8>]) -> Vec<i16> {
    let (band, layout) = band(codec);
    let mut stored = if band == Band::Narrow { b"#!AMR\n".to_vec() } else { b"#!AMR-WB\n".to_vec() };
    for payload in payloads {
        for frame in unpack(band, layout, payload).unwrap().frames() {
            stored.push(frame.storage_head());
            stored.extend(frame.octets());
        }
    }
    let (input, output) = (file(&format!("{name}.amr")), file(&format!("{name}.raw")));
    std::fs::write(&input, stored).unwrap();
    ffmpeg(&["-f", "amr", "-i", input.to_str().unwrap(), "-f", "s16le", output.to_str().unwrap()]);
    read_raw(&output)
}

// test-of: [RFC4867 5.3]
#[test]
fn ffmpeg_hears_the_same_in_every_mode() {
    for (codec, rate, modes) in [(Codec::AMR, 8000, 8), (Codec::AMR_WB, 16_000, 9)] {
        for mode in 0..modes {
            let (codec, mut encoder) = coder(&codec, &format!("mode-set={mode}"), false);
            let payloads = payloads(&mut *encoder, &speech_at(rate)[..rate as usize * 4], 60);
            let ours = decoded(&mut *decoder(&codec, rate), &payloads);
            let theirs = decoded_by_ffmpeg(&format!("amr-{rate}-{mode}"), &codec, &payloads);
            assert!(ours.len().abs_diff(theirs.len()) <= 320, "{} {}", ours.len(), theirs.len());
            // It calculates in floating point, and filters a little otherwise.
            let (snr, delay) = snr(&ours, &theirs, 16);
            println!("{} mode {mode}: {snr:.1} dB, delay {delay}", codec.sdp_name());
            assert!(snr > 15.0, "{} mode {mode}: {snr} dB", codec.sdp_name());
        }
    }
}

#[test]
fn pauses_are_described_left_out_and_heard_as_noise() {
    for (codec, rate) in [(Codec::AMR, 8000), (Codec::AMR_WB, 16_000)] {
        let (codec, mut encoder) = coder(&codec, "octet-align=1", true);
        let len = rate as usize / 50;
        let soft: Vec<i16> = noise(rate as usize * 4, 9).into_iter().map(|s| s / 1024).collect();
        let pcm = [&speech_at(rate)[..rate as usize * 2], &soft].concat();
        let mut decoder = decoder(&codec, rate);
        let (mut kinds, mut heard) = (Vec::new(), Vec::new());
        let mut out = vec![0; len];
        for frame in pcm.chunks_exact(len) {
            let mut payload = [0; 100];
            let encoded = encoder.encode(frame, &mut payload).unwrap();
            kinds.push(encoded.kind);
            if encoded.kind == Transmission::Nothing {
                assert!(decoder.continue_noise(&mut out));
            } else {
                let decoded = decoder.decode(&payload[..encoded.len], &mut out).unwrap();
                assert_eq!(decoded.kind == Signal::Speech, encoded.kind == Transmission::Speech);
            }
            heard.extend_from_slice(&out);
        }
        let pause = &kinds[kinds.len() / 2..];
        let count = |kind| pause.iter().filter(|other| **other == kind).count();
        assert_eq!(count(Transmission::Speech), 0, "{codec:?}");
        // A description each 160 ms.
        let told = count(Transmission::ComfortNoise);
        assert!((pause.len() / 10..=pause.len() / 7).contains(&told), "{codec:?}: {told} of {}", pause.len());
        let power = |pcm: &[i16]| pcm.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / pcm.len() as f64;
        let ratio = power(&heard[heard.len() / 2..]) / power(&soft);
        assert!((0.2..2.0).contains(&ratio), "{codec:?}: {ratio}");
    }
}

#[test]
fn losses_are_concealed_and_fade() {
    for codec in [Codec::AMR, Codec::AMR_WB] {
        let (codec, mut encoder) = coder(&codec, "", false);
        let rate = encoder.sample_rate();
        let packets = payloads(&mut *encoder, &speech_at(rate), 20);
        let mut decoder = decoder(&codec, rate);
        assert!(decoder.conceals());
        decoded(&mut *decoder, &packets[..60]);
        let loudness =
            |pcm: &[i16]| pcm.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / pcm.len() as f64;
        let (mut first, mut later) = (vec![0; rate as usize / 50], vec![0; rate as usize]);
        decoder.conceal(&mut first, None);
        decoder.conceal(&mut later, None);
        assert!(loudness(&first) > 1e4, "{codec:?}: {}", loudness(&first));
        let end = loudness(&later[rate as usize * 7 / 8..]);
        assert!(end < loudness(&first) / 100.0, "{codec:?}: {end}");
        // A frame whose bits are damaged counts as lost.
        let (band, layout) = band(&codec);
        let payload = unpack(band, layout, &packets[60]).unwrap();
        let frame = payload.frames()[0];
        let broken = Frame::new(band, frame.kind(), false, frame.octets()).unwrap();
        let mut octets = [0; 80];
        let len = mediapoint_codec::amr::pack(layout, NO_REQUEST, &[broken], &mut octets).unwrap();
        let mut twins = [crate::support::decoder(&codec, rate), crate::support::decoder(&codec, rate)];
        twins.iter_mut().for_each(|decoder| drop(decoded(&mut **decoder, &packets[..60])));
        let mut pcm = [vec![0; rate as usize / 50], vec![0; rate as usize / 50]];
        twins[0].decode(&octets[..len], &mut pcm[0]).unwrap();
        twins[1].conceal(&mut pcm[1], None);
        assert_eq!(pcm[0], pcm[1], "{codec:?}");
    }
}

#[test]
fn what_is_not_coded_is_refused() {
    for codec in [Codec::AMR, Codec::AMR_WB] {
        for fmtp in ["crc=1", "interleaving=4"] {
            let (codec, parameters) = party(&codec, fmtp);
            assert!(!codec.is_convertible());
            let encoder = mediapoint_codec::encoder(&codec, 8000, &parameters, &EncoderSettings::default());
            assert_eq!(encoder.err(), Some(Unsupported::Encoding));
            assert_eq!(mediapoint_codec::decoder(&codec, 8000).err(), Some(Unsupported::Encoding));
        }
        let (codec, mut encoder) = coder(&codec, "", false);
        let frame = encoder.granule();
        let mut payload = [0; 500];
        for samples in [0, frame / 2, frame * 3 / 2, frame * 7] {
            let result = encoder.encode(&vec![0; samples], &mut payload);
            assert_eq!(result, Err(EncodeError::Length { samples }));
        }
        let need = encoder.encode(&vec![0; frame * 3], &mut payload).unwrap().len;
        let have = need - 1;
        let refused = encoder.encode(&vec![0; frame * 3], &mut payload[..have]);
        assert_eq!(refused, Err(EncodeError::NoRoom { need, have }));
        let mut decoder = decoder(&codec, 8000);
        assert_eq!(decoder.duration(&payload[..need]), Ok(frame * 3));
        assert_eq!(decoder.duration(&payload[..have]), Err(DecodeError::Malformed { len: have }));
        assert_eq!(decoder.duration(&[]), Err(DecodeError::Malformed { len: 0 }));
    }
    assert_eq!(AmrParameters::default().highest_mode(Band::Wide), 8);
}
