//! Every format is decoded as ffmpeg decodes it.

use std::path::Path;
use std::time::Duration;

use mediapoint_prompt::{Audio, DecodeFailure, FileFormat, Hint, Limits, decode, decode_bytes};

use crate::support::{Folder, ffmpeg, noise, snr, voice, wav};

fn decoded(path: &Path) -> Audio {
    let hint = FileFormat::of_path(path).map_or(Hint::None, Hint::Likely);
    let file = std::fs::File::open(path).unwrap();
    decode(file, hint, &Limits::default()).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What ffmpeg makes of a file at a rate, mono.
fn by_ffmpeg(folder: &Folder, path: &Path, rate: u32) -> Vec<i16> {
    let out = folder.path().join("oracle.raw");
    let rate = rate.to_string();
    let (path, to) = (path.to_str().unwrap(), out.to_str().unwrap());
    ffmpeg(&["-i", path, "-f", "s16le", "-ac", "1", "-ar", &rate, to]);
    let bytes = std::fs::read(&out).unwrap();
    bytes.as_chunks().0.iter().map(|sample| i16::from_le_bytes(*sample)).collect()
}

// test-of: [RFC7845 4]
// test-of: [RFC7845 5.1]
#[test]
fn every_format_is_what_ffmpeg_makes_of_it() {
    let folder = Folder::new("formats");
    let source = folder.write("source.wav", &wav(44_100, &voice(44_100, 1.5)));
    let source = source.to_str().unwrap();
    // Name, arguments, least signal to noise in decibels, most samples of difference in length.
    let cases: [(&str, &[&str], f64, usize); 20] = [
        ("pcm8.wav", &["-c:a", "pcm_u8"], 90.0, 0),
        ("pcm16.wav", &["-c:a", "pcm_s16le"], 90.0, 0),
        ("pcm24.wav", &["-c:a", "pcm_s24le"], 70.0, 0),
        ("float.wav", &["-c:a", "pcm_f32le"], 70.0, 0),
        ("mulaw.wav", &["-ar", "8000", "-c:a", "pcm_mulaw"], 90.0, 0),
        ("alaw.wav", &["-ar", "8000", "-c:a", "pcm_alaw"], 90.0, 0),
        ("ima.wav", &["-ar", "8000", "-c:a", "adpcm_ima_wav"], 60.0, 0),
        ("flac.flac", &["-c:a", "flac"], 90.0, 0),
        ("vorbis.ogg", &["-c:a", "libvorbis"], 60.0, 0),
        ("opus.opus", &["-ar", "48000", "-c:a", "libopus"], 40.0, 0),
        ("stereo.opus", &["-ar", "48000", "-ac", "2", "-c:a", "libopus"], 25.0, 0),
        ("mp3.mp3", &["-c:a", "libmp3lame", "-ar", "44100"], 50.0, 2400),
        ("au.au", &["-c:a", "pcm_s16be"], 90.0, 0),
        ("mulaw.au", &["-ar", "8000", "-c:a", "pcm_mulaw"], 90.0, 0),
        ("aiff.aiff", &["-c:a", "pcm_s16be"], 90.0, 0),
        ("raw.ul", &["-ar", "8000", "-f", "mulaw"], 90.0, 0),
        ("raw.al", &["-ar", "8000", "-f", "alaw"], 90.0, 0),
        ("raw.g722", &["-ar", "16000", "-c:a", "g722"], 90.0, 0),
        ("raw.gsm", &["-ar", "8000", "-c:a", "libgsm"], 25.0, 0),
        ("stereo.wav", &["-ac", "2", "-c:a", "pcm_s16le"], 70.0, 0),
    ];
    for (name, arguments, least, most) in cases {
        let path = folder.path().join(name);
        ffmpeg(&[&["-i", source][..], arguments, &[path.to_str().unwrap()]].concat());
        let audio = decoded(&path);
        // ffmpeg is told the format of what has no head.
        let oracle = match name {
            "raw.ul" | "raw.al" => {
                let as_wav = folder.path().join("headed.wav");
                let format = if name == "raw.ul" { "mulaw" } else { "alaw" };
                let (from, to) = (path.to_str().unwrap(), as_wav.to_str().unwrap());
                ffmpeg(&["-f", format, "-ar", "8000", "-ac", "1", "-i", from, to]);
                by_ffmpeg(&folder, &as_wav, audio.rate)
            }
            _ => by_ffmpeg(&folder, &path, audio.rate),
        };
        let differ = audio.samples.len().abs_diff(oracle.len());
        let best = (0..=if most > 0 { 1_200_usize } else { 0 })
            .map(|lag| snr(&oracle, audio.samples.get(lag..).unwrap_or_default()))
            .fold(f64::MIN, f64::max);
        println!("{name}: {} Hz, {} samples, {best:.1} dB of ffmpeg's", audio.rate, audio.samples.len());
        assert!(differ <= most, "{name}: {} samples, ffmpeg {}", audio.samples.len(), oracle.len());
        assert!(best >= least, "{name}: {best:.1} dB");
    }
}

#[test]
fn content_counts_more_than_a_name_that_lies_and_an_explicit_format_more_than_both() {
    let samples = noise(1, 4_000);
    let file = wav(16_000, &samples);
    let limits = Limits::default();
    for hint in [Hint::None, Hint::Likely(FileFormat::Mp3), Hint::Likely(FileFormat::Pcmu)] {
        let audio = decode_bytes(file.clone(), hint, &limits).unwrap();
        assert_eq!(audio, Audio { rate: 16_000, samples: samples.clone() }, "{hint:?}");
    }
    let octets = decode_bytes(file.clone(), Hint::Exactly(FileFormat::Pcmu), &limits).unwrap();
    assert_eq!((octets.rate, octets.samples.len()), (8_000, file.len()));
    // Octets without a head are nothing unless somebody says so.
    let bare: Vec<u8> = (0..1_000_u32).map(|n| (n * 37) as u8).collect();
    assert!(decode_bytes(bare.clone(), Hint::None, &limits).is_err());
    assert_eq!(decode_bytes(bare, Hint::Likely(FileFormat::Pcma), &limits).unwrap().samples.len(), 1_000);
    let raw: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    assert_eq!(decode_bytes(raw, Hint::Exactly(FileFormat::Raw48k), &limits).unwrap().samples, samples);
}

#[test]
fn frames_of_g729_are_decoded_as_the_codec_does() {
    use mediapoint_codec::{Codec, EncoderSettings, Parameters, decoder, encoder};

    let party = Parameters::parse(&Codec::G729, "");
    let mut coder = encoder(&Codec::G729, 8_000, &party, &EncoderSettings::default()).unwrap();
    let mut reference = decoder(&Codec::G729, 8_000).unwrap();
    let (mut octets, mut wanted) = (Vec::new(), Vec::new());
    for frame in voice(8_000, 1.0).as_chunks::<80>().0 {
        let (mut payload, mut pcm) = ([0; 10], [0; 80]);
        coder.encode(frame, &mut payload).unwrap();
        reference.decode(&payload, &mut pcm).unwrap();
        octets.extend(payload);
        wanted.extend(pcm);
    }
    let limits = Limits::default();
    let hint = Hint::Likely(FileFormat::G729);
    assert_eq!(decode_bytes(octets.clone(), hint, &limits).unwrap().samples, wanted);
    octets.pop();
    let cut = DecodeFailure::CutFrame { frame: 100, have: 9, need: 10 };
    assert_eq!(decode_bytes(octets, hint, &limits), Err(cut));
}

#[test]
fn each_limit_is_kept_with_its_own_error() {
    let file = wav(8_000, &noise(2, 80_000));
    let with = |limits: Limits| decode_bytes(file.clone(), Hint::None, &limits);
    assert!(with(Limits::default()).is_ok());
    let limit = 100_000;
    let bytes = file.len() as u64;
    assert_eq!(
        with(Limits { file_bytes: limit, ..Limits::default() }),
        Err(DecodeFailure::FileTooLarge { bytes, limit })
    );
    let limit = Duration::from_secs(9);
    assert_eq!(with(Limits { duration: limit, ..Limits::default() }), Err(DecodeFailure::TooLong { limit }));
    let limit = 159_999;
    assert_eq!(
        with(Limits { audio_bytes: limit, ..Limits::default() }),
        Err(DecodeFailure::TooMuchAudio { limit })
    );
    let exact = Limits { file_bytes: bytes, duration: Duration::from_secs(10), audio_bytes: 160_000 };
    assert_eq!(with(exact).unwrap().duration(), Duration::from_secs(10));
}
