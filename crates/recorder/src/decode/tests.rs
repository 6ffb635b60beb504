//! What was encoded comes back: all of it, and from any place; and no bytes make it panic.

#![expect(clippy::cast_possible_truncation, reason = "16 bits of a tone, and octets of chance")]

use std::io::Cursor;

use super::*;
use crate::format::{Channels, Encoder, EncoderSettings, Format};
use crate::sink::ChunkKind;
use crate::time_line::Frame;

const FORMATS: [Format; 6] = [
    Format::OPUS_STEREO,
    Format::OPUS_MONO,
    Format::Flac(Channels::Stereo),
    Format::Flac(Channels::Mono),
    Format::Wav(Channels::Stereo),
    Format::Wav(Channels::Mono),
];

/// Two tones that rise, so that each place has its own.
fn voices(rate: u32, samples: usize) -> [Vec<i16>; 2] {
    [180.0, 330.0].map(|hertz| {
        let mut turn = 0.0_f64;
        (0..samples)
            .map(|n| {
                let rising = hertz * (1.0 + n as f64 / samples as f64);
                turn += std::f64::consts::TAU * rising / f64::from(rate);
                (turn.sin() * 6000.0) as i16
            })
            .collect()
    })
}

fn file(format: Format, rate: u32, voices: &[Vec<i16>; 2]) -> Vec<u8> {
    let settings = EncoderSettings { complexity: 8, ..EncoderSettings::default() };
    let mut encoder = Encoder::new(format, rate, &settings).unwrap();
    let mut file = encoder.header().unwrap().bytes;
    let tick = rate as usize / 50;
    for (left, right) in voices[0].chunks(tick).zip(voices[1].chunks(tick)) {
        let whole =
            |part: &[i16]| part.iter().copied().chain(std::iter::repeat(0)).take(tick).collect::<Vec<_>>();
        let (samples, left, right) = (left.len(), whole(left), whole(right));
        let frame = Frame { first_sample: 0, samples, left: &left, right: &right, silent: false };
        file.extend(encoder.encode(&frame).unwrap().into_iter().flat_map(|chunk| chunk.bytes));
    }
    let (last, header) = encoder.finish().unwrap();
    file.extend(last.into_iter().flat_map(|chunk| chunk.bytes));
    if let Some(header) = header {
        assert_eq!(header.kind, ChunkKind::Header);
        file[..header.bytes.len()].copy_from_slice(&header.bytes);
    }
    file
}

fn rest(decoder: &mut Decoder<Cursor<Vec<u8>>>) -> Vec<i16> {
    let mut all = Vec::new();
    loop {
        let piece = decoder.read().unwrap();
        if piece.is_empty() {
            return all;
        }
        assert!(piece.len() <= 48 * 120 * 2);
        all.extend_from_slice(piece);
    }
}

/// Cosine of the angle between two signals.
fn likeness(a: &[i16], b: &[i16]) -> f64 {
    let dot =
        |a: &[i16], b: &[i16]| -> f64 { a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum() };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(1.0)
}

#[test]
fn all_of_it_comes_back_each_voice_on_its_side() {
    for format in FORMATS {
        for rate in [8000, 16_000, 48_000] {
            let samples = rate as usize * 2 + 37;
            let said = voices(rate, samples);
            let mut decoder = Decoder::new(Cursor::new(file(format, rate, &said))).unwrap();
            let channels = usize::from(format.channels().count());
            assert_eq!((decoder.rate(), usize::from(decoder.channels())), (rate, channels));
            let heard = rest(&mut decoder);
            assert_eq!(heard.len(), samples * channels, "{format:?} {rate}");
            assert_eq!(decoder.position(), samples as u64);
            if channels == 2 {
                for side in 0..2 {
                    let heard: Vec<i16> = heard.iter().skip(side).step_by(2).copied().collect();
                    let found = [likeness(&heard, &said[side]), likeness(&heard, &said[1 - side])];
                    assert!(found[0] > 0.85 && found[1].abs() < 0.3, "{format:?} {rate}: {found:?}");
                }
            }
        }
    }
}

// test-of: [RFC7845 4.6]
#[test]
fn what_is_heard_from_any_place_is_nearly_what_is_heard_there_from_the_beginning() {
    for format in FORMATS {
        // More pages than are read in turn.
        let samples = 8000 * 200 + 37;
        let mut decoder = Decoder::new(Cursor::new(file(format, 8000, &voices(8000, samples)))).unwrap();
        let all = rest(&mut decoder);
        let channels = usize::from(decoder.channels());
        for place in [0, 1, 51, 52, 53, 639, 640, 3148, 3200, 8000, 800_000, 1_234_567, samples - 1, samples]
        {
            decoder.seek(place as u64).unwrap();
            assert_eq!(decoder.position(), place as u64);
            let mut heard = Vec::new();
            while heard.len() < 4000 {
                match decoder.read().unwrap() {
                    [] => break,
                    piece => heard.extend_from_slice(piece),
                }
            }
            let wanted = &all[place * channels..];
            let wanted = &wanted[..wanted.len().min(heard.len())];
            assert_eq!(heard.len(), wanted.len(), "{format:?} {place}");
            match format {
                Format::Flac(_) | Format::Wav(_) => assert_eq!(heard, wanted, "{format:?} {place}"),
                _ if wanted.len() > 400 => {
                    let found = likeness(&heard, wanted);
                    println!("{format:?} {place}: {found:.4}");
                    assert!(found > 0.98, "{format:?} {place}: {found}");
                }
                _ => {}
            }
        }
        decoder.seek(samples as u64 + 5).unwrap();
        assert!(decoder.read().unwrap().is_empty());
    }
}

#[test]
fn a_page_that_is_missing_or_altered_is_an_error_with_its_place() {
    let whole = file(Format::OPUS_STEREO, 8000, &voices(8000, 8000 * 4));
    let pages: Vec<usize> =
        whole.windows(4).enumerate().filter(|(_, w)| w == b"OggS").map(|(at, _)| at).collect();
    let error = |file: Vec<u8>| {
        let mut decoder = Decoder::new(Cursor::new(file)).unwrap();
        loop {
            match decoder.read() {
                Ok([]) => return "none".to_owned(),
                Ok(_) => {}
                Err(error) => return error.to_string(),
            }
        }
    };
    let mut missing = whole.clone();
    missing.drain(pages[4]..pages[5]);
    assert_eq!(error(missing), "the recording is damaged after sample 9548: pages are missing");
    let mut altered = whole.clone();
    altered[pages[4] + 100] ^= 1;
    assert_eq!(error(altered), "the recording is damaged after sample 6348: an Ogg page is altered");
    let cut = whole[..pages[4] + 100].to_vec();
    assert_eq!(error(cut), "the recording is damaged after sample 6348: an Ogg page is cut off");
    assert_eq!(error(whole), "none");
}

#[test]
fn frames_that_are_missing_are_an_error() {
    let mut flac = file(Format::Flac(Channels::Stereo), 8000, &voices(8000, 8000));
    let middle = flac.len() / 2;
    flac.drain(middle..middle + 300);
    let mut decoder = Decoder::new(Cursor::new(flac)).unwrap();
    let end = loop {
        match decoder.read() {
            Ok([]) => panic!("nothing is missing"),
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(end, DecodeError::Damaged { .. }), "{end}");
}

#[test]
fn other_files_are_refused() {
    let cases: [(&[u8], &str); 4] = [
        (b"", "not a recording: it has no beginning"),
        (b"hello", "not a recording: neither Ogg, FLAC nor WAV"),
        (b"RIFF\0\0\0\0AVI LIST", "not a recording: RIFF, but not WAV"),
        (b"OggS\0", "not a recording: what should be an Ogg page is none"),
    ];
    for (bytes, reason) in cases {
        let refused = Decoder::new(Cursor::new(bytes.to_vec())).err().map(|error| error.to_string());
        assert_eq!(refused.as_deref(), Some(reason));
    }
}

#[test]
fn no_bytes_make_it_panic() {
    let mut state = 0x9e37_79b9_u32;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as usize
    };
    for format in FORMATS {
        let whole = file(format, 8000, &voices(8000, 8000));
        for round in 0..400 {
            let mut bytes = whole.clone();
            for _ in 0..=round % 5 {
                let at = match random() % 3 {
                    0 => random() % bytes.len().min(120),
                    _ => random() % bytes.len(),
                };
                bytes[at] ^= (random() % 255 + 1) as u8;
            }
            if round % 7 == 0 {
                bytes.truncate(random() % bytes.len());
            }
            // Where pages are altered, their checksums are right, so that what is behind them is reached.
            if round % 2 == 0 {
                mend(&mut bytes);
            }
            let Ok(mut decoder) = Decoder::new(Cursor::new(bytes)) else { continue };
            for place in [0, random() as u64 % 9000, u64::MAX] {
                if decoder.seek(place).is_err() {
                    continue;
                }
                let mut pieces = 0;
                while decoder.read().is_ok_and(|piece| !piece.is_empty()) {
                    pieces += 1;
                    assert!(pieces < 100_000, "it ends");
                }
            }
        }
    }
}

/// Writes the checksums of Ogg pages anew.
fn mend(bytes: &mut [u8]) {
    let begins: Vec<usize> =
        bytes.windows(4).enumerate().filter(|(_, four)| four == b"OggS").map(|(at, _)| at).collect();
    for at in begins {
        if let Some(len) = crate::format::page_len(&bytes[at..]) {
            crate::format::write_checksum(&mut bytes[at..at + len]);
        }
    }
}
