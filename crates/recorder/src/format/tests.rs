//! Silence that stands for something costs next to nothing, and what follows it is whole.

use super::*;

fn frame(samples: &[i16], silent: bool) -> Frame<'_> {
    Frame { first_sample: 0, samples: samples.len(), left: samples, right: samples, silent }
}

#[test]
fn chunks_are_400_ms_and_count_on() {
    let mut encoder = Encoder::new(Format::OPUS_STEREO, 8000, &EncoderSettings::default()).unwrap();
    encoder.header().unwrap();
    let mut chunks = Vec::new();
    for _ in 0..65 {
        chunks.extend(encoder.encode(&frame(&[5; 160], false)).unwrap());
    }
    let (last, header) = encoder.finish().unwrap();
    assert!(header.is_none());
    chunks.extend(last);
    let found: Vec<_> = chunks.iter().map(|chunk| (chunk.first_sample, chunk.samples)).collect();
    assert_eq!(found, [(0, 3200), (3200, 3200), (6400, 3200), (9600, 800)]);
}

#[test]
fn long_silence_repeats_a_packet() {
    let mut encoder = Encoder::new(Format::OPUS_STEREO, 8000, &EncoderSettings::default()).unwrap();
    encoder.header().unwrap();
    let mut last = Vec::new();
    for _ in 0..200 {
        last.extend(encoder.encode(&frame(&[0; 160], true)).unwrap());
    }
    let audio = |chunk: &Chunk| chunk.bytes[37..].to_vec();
    assert_eq!(audio(&last[8]), audio(&last[9]));
    println!("{} octets for 400 ms of silence", last[9].bytes.len());
    assert!(last[9].bytes.len() < 300);
}

#[test]
fn complexity_changes_within_a_file() {
    let pcm: Vec<i16> = (0..160).map(|n: i16| (n % 40) * 300 - 6000).collect();
    let lengths = |change: Option<u8>| {
        let mut encoder = Encoder::new(Format::OPUS_STEREO, 8000, &EncoderSettings::default()).unwrap();
        encoder.header().unwrap();
        if let Some(complexity) = change {
            encoder.set_complexity(complexity).unwrap();
        }
        let chunks = (0..40).filter_map(|_| encoder.encode(&frame(&pcm, false)).unwrap());
        chunks.map(|chunk| chunk.bytes).collect::<Vec<_>>()
    };
    assert_eq!(lengths(None), lengths(Some(0)));
    assert_ne!(lengths(None), lengths(Some(5)));
}

#[test]
fn media_does_not_show_in_debug() {
    let chunk = Chunk { bytes: vec![77; 5], first_sample: 1, samples: 2, kind: ChunkKind::Body };
    assert!(!format!("{chunk:?}").contains("77"));
}
