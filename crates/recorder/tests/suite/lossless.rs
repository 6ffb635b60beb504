//! FLAC and WAV hold every sample.

use mediapoint_recorder::{Channels, ChunkKind, Format};

use crate::support::{ffmpeg, path, record, run, speech};

fn voices() -> (Vec<i16>, Vec<i16>) {
    let (left, right) = (speech("demo-congrats"), speech("demo-instruct"));
    (left[..20_011].to_vec(), right[..20_011].to_vec())
}

#[test]
fn flac_by_ffmpeg_is_what_went_in() {
    let said = voices();
    for rate in [8000, 12_000, 16_000, 24_000, 48_000] {
        let file = record(Format::Flac(Channels::Stereo), rate, &said.0, &said.1).file();
        let Some(heard) = ffmpeg(&format!("stereo{rate}.flac"), &file, rate) else { return };
        assert!(heard == said, "{rate}: other samples, {} of {}", heard.0.len(), said.0.len());
    }
}

// test-of: [RFC9639 8.2]
#[test]
fn ffprobe_reads_the_length_in_the_flac_header() {
    let said = voices();
    let file = path("length.flac");
    std::fs::write(&file, record(Format::Flac(Channels::Mono), 8000, &said.0, &said.1).file()).unwrap();
    let arguments = [
        "-v",
        "error",
        "-show_entries",
        "stream=channels,duration_ts",
        "-of",
        "csv=p=0",
        file.to_str().unwrap(),
    ];
    let Some(read) = run("ffprobe", &arguments) else { return };
    assert_eq!(String::from_utf8(read).unwrap().trim(), "1,20011");
}

#[test]
fn wav_is_what_went_in() {
    let said = voices();
    for (channels, count) in [(Channels::Stereo, 2), (Channels::Mono, 1)] {
        let file = record(Format::Wav(channels), 8000, &said.0, &said.1).file();
        let reader = hound::WavReader::new(std::io::Cursor::new(file)).unwrap();
        let spec = reader.spec();
        assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (count, 8000, 16));
        let read: Vec<i16> = reader.into_samples().collect::<Result<_, _>>().unwrap();
        let pairs = said.0.iter().zip(&said.1);
        let expected: Vec<i16> = match channels {
            Channels::Stereo => pairs.flat_map(|(x, y)| [*x, *y]).collect(),
            Channels::Mono => pairs.map(|(x, y)| x.saturating_add(*y)).collect(),
        };
        assert!(read == expected, "{count} channels");
    }
}

#[test]
fn a_header_is_replaced_by_one_of_its_length() {
    let said = voices();
    for format in [Format::Wav(Channels::Stereo), Format::Flac(Channels::Stereo)] {
        let recorded = record(format, 8000, &said.0, &said.1);
        let headers: Vec<usize> = recorded
            .chunks
            .iter()
            .filter(|chunk| chunk.kind == ChunkKind::Header)
            .map(|chunk| chunk.bytes.len())
            .collect();
        assert_eq!(headers.len(), 2, "{format:?}");
        assert_eq!(headers[0], headers[1], "{format:?}");
    }
}
