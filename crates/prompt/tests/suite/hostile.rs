//! Broken, huge and hostile files give a typed error, or audio within the limits, and nothing else.

use std::time::Duration;

use mediapoint_prompt::{Audio, DecodeFailure, FileFormat, Hint, Limits, decode_bytes};

use crate::support::{Folder, Random, ffmpeg, noise, voice, wav};

/// One file of each container, short.
fn seeds(folder: &Folder) -> Vec<Vec<u8>> {
    let source = folder.write("source.wav", &wav(16_000, &voice(16_000, 0.3)));
    let mut seeds = vec![std::fs::read(&source).unwrap()];
    for (name, arguments) in [
        ("a.flac", &["-c:a", "flac"][..]),
        ("a.ogg", &["-c:a", "libvorbis"]),
        ("a.opus", &["-c:a", "libopus"]),
        ("a.mp3", &["-c:a", "libmp3lame"]),
        ("a.au", &["-c:a", "pcm_mulaw"]),
        ("a.aiff", &["-c:a", "pcm_s16be"]),
        ("ima.wav", &["-c:a", "adpcm_ima_wav"]),
        ("float.wav", &["-c:a", "pcm_f32le"]),
    ] {
        let path = folder.path().join(name);
        ffmpeg(&[&["-i", source.to_str().unwrap()][..], arguments, &[path.to_str().unwrap()]].concat());
        seeds.push(std::fs::read(path).unwrap());
    }
    seeds
}

fn within(limits: &Limits, outcome: &Result<Audio, DecodeFailure>) {
    if let Ok(audio) = outcome {
        assert!(!audio.samples.is_empty() && audio.rate > 0);
        assert!(audio.duration() <= limits.duration && audio.samples.len() as u64 * 2 <= limits.audio_bytes);
    }
}

#[test]
fn damaged_files_are_refused_or_read_within_limits() {
    let folder = Folder::new("damaged");
    let limits = Limits { file_bytes: 1 << 20, duration: Duration::from_secs(60), audio_bytes: 4 << 20 };
    let mut random = Random(7);
    let (mut refused, mut read) = (0, 0);
    for seed in seeds(&folder) {
        assert!(decode_bytes(seed.clone(), Hint::None, &limits).is_ok());
        for round in 0..60 {
            let mut bytes = seed.clone();
            // Heads are where it hurts.
            for _ in 0..=random.below(6) {
                let reach = if round % 2 == 0 { bytes.len().min(120) } else { bytes.len() };
                let at = random.below(reach as u64) as usize;
                bytes[at] = match random.below(3) {
                    0 => 0xff,
                    1 => 0,
                    _ => random.below(256) as u8,
                };
            }
            if round % 5 == 0 {
                bytes.truncate(random.below(bytes.len() as u64) as usize);
            }
            let outcome = decode_bytes(bytes, Hint::None, &limits);
            within(&limits, &outcome);
            *(if outcome.is_ok() { &mut read } else { &mut refused }) += 1;
        }
    }
    println!("{read} read, {refused} refused");
    assert!(read > 50 && refused > 50, "{read} {refused}");
}

#[test]
fn a_small_file_of_hours_stops_at_the_limit() {
    let folder = Folder::new("bomb");
    // Silence packs well: an hour and a half in some 200 kB.
    let path = folder.path().join("bomb.flac");
    let source = "anullsrc=r=48000:cl=mono";
    ffmpeg(&["-f", "lavfi", "-i", source, "-t", "5400", "-c:a", "flac", path.to_str().unwrap()]);
    let bytes = std::fs::read(&path).unwrap();
    assert!(bytes.len() < 2_000_000, "{}", bytes.len());
    let limit = Duration::from_secs(600);
    let limits = Limits { duration: limit, ..Limits::default() };
    let mut outcome = Ok(Audio { rate: 0, samples: Vec::new() });
    let counts = mediapoint_allocations::measure(|| outcome = decode_bytes(bytes, Hint::None, &limits));
    assert_eq!(outcome, Err(DecodeFailure::TooLong { limit }));
    assert!(counts.kept < 4_096 + 200_000, "nothing of it is kept: {counts:?}");
}

#[test]
fn what_is_no_audio_has_its_own_error() {
    let limits = Limits::default();
    let decode = |bytes: &[u8]| decode_bytes(bytes, Hint::None, &limits);
    assert_eq!(decode(b""), Err(DecodeFailure::Empty));
    assert_eq!(decode(&wav(8_000, &[])), Err(DecodeFailure::Empty));
    assert_eq!(decode(b"\x1a\x45\xdf\xa3 and more"), Err(DecodeFailure::Refused("Matroska")));
    assert!(matches!(decode(b"OggS\0\x02"), Err(DecodeFailure::Unreadable(_))));
    assert!(matches!(decode(&b"OggS\0\x02".repeat(20)), Err(DecodeFailure::Unreadable(_))));
    assert!(matches!(decode(b"just text, and not much of it"), Err(DecodeFailure::Unreadable(_))));
    let bytes: Vec<u8> = noise(1, 5_000).iter().flat_map(|sample| sample.to_le_bytes()).collect();
    assert!(matches!(decode(&bytes), Err(DecodeFailure::Unreadable(_))));
    let serial = decode_bytes(bytes, Hint::Exactly(FileFormat::G729Serial), &limits);
    assert!(matches!(serial, Err(DecodeFailure::Serial { frame: 1, .. })), "{serial:?}");
}
