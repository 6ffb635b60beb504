use std::io::Cursor;

use super::*;
use crate::{Channels, Encoder, EncoderSettings, Format, Frame};

/// A WAV file whose left channel counts up from 0 and whose right one is 1000 everywhere.
fn file(format: Format, samples: u16) -> Cursor<Vec<u8>> {
    let mut encoder = Encoder::new(format, 8000, &EncoderSettings::default()).unwrap();
    let mut file = encoder.header().unwrap().bytes;
    let left: Vec<i16> = (0..samples).map(|n| i16::try_from(n).unwrap()).collect();
    let right = vec![1000; left.len()];
    for (at, (left, right)) in left.chunks(160).zip(right.chunks(160)).enumerate() {
        let frame = Frame { first_sample: at as u64 * 160, samples: left.len(), left, right, silent: false };
        file.extend(encoder.encode(&frame).unwrap().into_iter().flat_map(|chunk| chunk.bytes));
    }
    file.extend(encoder.finish().unwrap().0.into_iter().flat_map(|chunk| chunk.bytes));
    Cursor::new(file)
}

fn playback(format: Format, side: Side) -> Playback<Cursor<Vec<u8>>> {
    Playback::new(Decoder::new(file(format, 16_000)).unwrap(), side)
}

fn rest(playback: &mut Playback<Cursor<Vec<u8>>>) -> Vec<i16> {
    let mut pcm = Vec::new();
    while playback.read(&mut pcm).unwrap() {}
    pcm
}

#[test]
fn one_side_is_heard_or_both() {
    for (side, first, last) in
        [(Side::Left, 0, 15_999), (Side::Right, 1000, 1000), (Side::Both, 1000, 16_999)]
    {
        let pcm = rest(&mut playback(Format::Wav(Channels::Stereo), side));
        assert_eq!((pcm.len(), pcm[0], pcm[15_999]), (16_000, first, last), "{side:?}");
    }
    // With one channel that is what every side is.
    let mixed = Side::Both;
    let whole = rest(&mut playback(Format::Wav(Channels::Mono), mixed));
    for side in [Side::Left, Side::Right] {
        assert_eq!(rest(&mut playback(Format::Wav(Channels::Mono), side)), whole);
    }
}

#[test]
fn position_is_that_of_what_comes_next() {
    let mut playback = playback(Format::Wav(Channels::Stereo), Side::Left);
    let mut pcm = Vec::new();
    playback.seek(4000).unwrap();
    assert_eq!(playback.position(), 4000);
    while pcm.len() < 3000 {
        assert!(playback.read(&mut pcm).unwrap());
    }
    assert_eq!(pcm[0], 4000);
    assert_eq!(playback.position(), 4000 + pcm.len() as u64);
    playback.seek(15_000).unwrap();
    let mut pcm = rest(&mut playback);
    assert_eq!((pcm.len(), pcm[0], playback.position()), (1000, 15_000, 16_000));
    // Behind the end there is nothing, and before it there is again.
    playback.seek(99_000).unwrap();
    assert_eq!((rest(&mut playback).len(), playback.position()), (0, 16_000));
    playback.seek(15_999).unwrap();
    pcm = rest(&mut playback);
    assert_eq!(pcm, [15_999]);
}

#[test]
fn at_double_speed_it_takes_half_as_long_and_the_position_runs_twice_as_fast() {
    let mut playback = playback(Format::Wav(Channels::Stereo), Side::Left);
    playback.set_speed(2.0).unwrap();
    let mut pcm = Vec::new();
    while pcm.len() < 4000 {
        assert!(playback.read(&mut pcm).unwrap());
    }
    let ahead = playback.position().abs_diff(2 * pcm.len() as u64);
    assert!(ahead <= 240, "{} after {} samples", playback.position(), pcm.len());
    let place = u64::try_from(pcm[3999]).unwrap();
    assert!(place.abs_diff(8000) <= 240, "sample {place} is heard after 4000");
    while playback.read(&mut pcm).unwrap() {}
    assert!(pcm.len().abs_diff(8000) <= 120, "{}", pcm.len());
    assert_eq!(playback.position(), 16_000);
}
