//! ffmpeg, ffprobe and opusdec play a recording: each voice on its side, and all of it.

use mediapoint_recorder::{Channels, Encoder, EncoderSettings, Format, FormatError};

use crate::support::{correlation, decode, ffmpeg, path, record, run, speech, split};

/// Two voices that both talk all the time, of a length that is no multiple of anything.
fn voices() -> (Vec<i16>, Vec<i16>) {
    let (left, right) = (speech("demo-congrats"), speech("demo-instruct"));
    let len = 8 * 8000 + 37;
    (left[..len].to_vec(), right[8000..8000 + len].to_vec())
}

/// One of six samples, after the mean of each six.
fn at_8000(pcm: &[i16]) -> Vec<i16> {
    pcm.chunks(6)
        .map(|six| i16::try_from(six.iter().map(|s| i32::from(*s)).sum::<i32>() / 6).unwrap())
        .collect()
}

fn check(said: &(Vec<i16>, Vec<i16>), heard: &(Vec<i16>, Vec<i16>), most: i32) {
    let found = [
        correlation(&said.0, &heard.0, most),
        correlation(&said.1, &heard.1, most),
        correlation(&said.0, &heard.1, most),
        correlation(&said.1, &heard.0, most),
    ];
    println!("left, right, and crossed: {found:.3?}");
    let [left, right, left_on_right, right_on_left] = found;
    assert!(left.0 > 0.8 && right.0 > 0.8, "{found:?}");
    assert!(left_on_right.0 < 0.3 && right_on_left.0 < 0.3, "{found:?}");
    assert!(left.1.abs() <= 4 && right.1.abs() <= 4 && left.1.abs_diff(right.1) <= 1, "{found:?}");
}

#[test]
fn the_length_is_exact_and_each_voice_is_on_its_side() {
    let said = voices();
    let recorded = record(Format::OPUS_STEREO, 8000, &said.0, &said.1);
    let heard = decode(&recorded.file(), 8000);
    assert_eq!((heard.0.len(), heard.1.len()), (said.0.len(), said.0.len()));
    check(&said, &heard, 20);
    let kbits = recorded.file().len() as f64 * 8.0 / (said.0.len() as f64 / 8000.0) / 1000.0;
    println!("{kbits:.2} kbit/s with container");
    // Both talk all the time.
    assert!((12.0..21.0).contains(&kbits), "{kbits}");
}

// test-of: [RFC7845 3], [RFC7845 5.1]
#[test]
fn ffmpeg_plays_it() {
    let said = voices();
    let file = record(Format::OPUS_STEREO, 8000, &said.0, &said.1).file();
    let Some(heard) = ffmpeg("ffmpeg_plays_it.opus", &file, 48_000) else { return };
    assert_eq!((heard.0.len(), heard.1.len()), (said.0.len() * 6, said.1.len() * 6));
    check(&said, &(at_8000(&heard.0), at_8000(&heard.1)), 20);
}

#[test]
fn ffprobe_reads_length_and_channels() {
    let said = voices();
    let file = path("ffprobe_reads.opus");
    std::fs::write(&file, record(Format::OPUS_STEREO, 8000, &said.0, &said.1).file()).unwrap();
    let shown = "stream=codec_name,channels,channel_layout:format=duration";
    let arguments = ["-v", "error", "-show_entries", shown, "-of", "csv=p=0", file.to_str().unwrap()];
    let Some(read) = run("ffprobe", &arguments) else { return };
    let read = String::from_utf8(read).unwrap();
    assert_eq!(read.lines().next(), Some("opus,2,stereo"), "{read}");
    let duration: f64 = read.lines().nth(1).unwrap().parse().unwrap();
    // ffprobe counts what a player leaves out at the start.
    assert!((duration - said.0.len() as f64 / 8000.0).abs() < 0.0071, "{duration}");
}

#[test]
fn opusdec_plays_it() {
    let said = voices();
    let (file, raw) = (path("opusdec_plays.opus"), path("opusdec_plays.raw"));
    std::fs::write(&file, record(Format::OPUS_STEREO, 8000, &said.0, &said.1).file()).unwrap();
    let arguments =
        ["--quiet", "--rate", "48000", "--no-dither", file.to_str().unwrap(), raw.to_str().unwrap()];
    if run("opusdec", &arguments).is_none() {
        return;
    }
    let heard = split(&std::fs::read(&raw).unwrap());
    assert_eq!((heard.0.len(), heard.1.len()), (said.0.len() * 6, said.1.len() * 6));
    check(&said, &(at_8000(&heard.0), at_8000(&heard.1)), 20);
}

// test-of: [RFC7845 4.4]
#[test]
fn every_rate_and_length_keeps_its_length() {
    for rate in [8000, 12_000, 16_000, 24_000, 48_000] {
        for len in [0, 1, 159, 160, 320, 321, 3200, 3201, 6400, 9999] {
            let pcm = vec![100; len];
            let file = record(Format::OPUS_STEREO, rate, &pcm, &pcm).file();
            assert_eq!(decode(&file, rate).0.len(), len, "{rate} {len}");
        }
    }
}

#[test]
fn one_channel_holds_both_voices() {
    let said = voices();
    let file = record(Format::OPUS_MONO, 8000, &said.0, &said.1).file();
    let Some(heard) = ffmpeg("one_channel.opus", &file, 48_000) else { return };
    assert_eq!(heard.0.len(), said.0.len() * 6);
    let sum: Vec<i16> = said.0.iter().zip(&said.1).map(|(x, y)| x.saturating_add(*y)).collect();
    let found = correlation(&sum, &at_8000(&heard.0), 20);
    assert!(found.0 > 0.8 && found.1.abs() <= 4, "{found:?}");
}

#[test]
fn what_cannot_be_recorded_is_refused() {
    let refusal = |format, rate| Encoder::new(format, rate, &EncoderSettings::default()).err();
    assert_eq!(refusal(Format::OPUS_STEREO, 32_000), Some(FormatError::Rate(32_000)));
    assert_eq!(refusal(Format::Wav(Channels::Mono), 0), Some(FormatError::Rate(0)));
    assert_eq!(refusal(Format::OpusStereo { bit_rate: 11_999 }, 8000), Some(FormatError::BitRate(11_999)));
    assert_eq!(refusal(Format::OpusMono { bit_rate: 128_001 }, 8000), Some(FormatError::BitRate(128_001)));
}
