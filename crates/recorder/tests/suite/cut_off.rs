//! A recording that was cut off after any chunk is a whole file once it is repaired.

use mediapoint_recorder::{Channels, ChunkKind, Format, RepairError, repair};

use crate::support::{Recorded, decode, ffmpeg, record, speech};

/// The file that the first `bodies` chunks of audio make, and how many samples are in them.
fn cut(recorded: &Recorded, format: Format, bodies: usize) -> (Vec<u8>, usize) {
    let mut header = recorded.chunks[0].bytes.clone();
    let mut audio: Vec<Vec<u8>> = Vec::new();
    let mut samples = 0;
    for chunk in recorded.chunks.iter().filter(|chunk| chunk.kind == ChunkKind::Body).take(bodies) {
        assert_eq!(chunk.first_sample, samples);
        samples += chunk.samples;
        audio.push(chunk.bytes.clone());
    }
    let of = (format.extension(), 8000, format.channels().count());
    repair(of, samples, &mut header, audio.last_mut().unwrap()).unwrap();
    (header.into_iter().chain(audio.concat()).collect(), usize::try_from(samples).unwrap())
}

#[test]
fn opus_lacks_only_what_the_encoder_looked_ahead() {
    let said = speech("demo-congrats")[..40_000].to_vec();
    let recorded = record(Format::OPUS_STEREO, 8000, &said, &said);
    for bodies in [1, 2, 7, 12] {
        let (file, samples) = cut(&recorded, Format::OPUS_STEREO, bodies);
        assert_eq!(samples, bodies * 3200);
        // 6.5 ms.
        assert_eq!(decode(&file, 8000).0.len(), samples - 52, "{bodies}");
        let Some(heard) = ffmpeg("cut_off.opus", &file, 48_000) else { return };
        assert_eq!(heard.0.len(), (samples - 52) * 6, "{bodies}");
    }
}

#[test]
fn flac_and_wav_lack_nothing() {
    let said = speech("demo-congrats")[..40_000].to_vec();
    for format in [Format::Flac(Channels::Stereo), Format::Wav(Channels::Stereo)] {
        let recorded = record(format, 8000, &said, &said);
        for bodies in [1, 5, 12] {
            let (file, samples) = cut(&recorded, format, bodies);
            let Some(heard) = ffmpeg(&format!("cut_off.{}", format.extension()), &file, 8000) else { return };
            assert!(heard.0 == said[..samples], "{format:?} {bodies}");
        }
    }
}

#[test]
fn what_is_no_recording_is_refused() {
    let mut header = vec![1, 2, 3];
    let mut refusal = |of: (&str, u32, u8)| repair(of, 0, &mut header, &mut [0; 40]).unwrap_err();
    assert_eq!(refusal(("mp3", 8000, 2)), RepairError::Format);
    assert_eq!(refusal(("wav", 8000, 3)), RepairError::Channels(3));
    assert!(matches!(refusal(("opus", 8000, 2)), RepairError::Page(_)));
}
