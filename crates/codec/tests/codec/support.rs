//! Recorded speech, and what codecs make of it.

use std::path::PathBuf;
use std::process::Command;

use mediapoint_codec::resample::Resampler;
use mediapoint_codec::{Codec, Decoder, Encoder, EncoderSettings, OpusParameters, Parameters, Transmission};

/// Every codec that there are coders for.
pub(crate) const ALL: [Codec; 9] = [
    Codec::PCMU,
    Codec::PCMA,
    Codec::G722,
    Codec::G729,
    Codec::GSM,
    Codec::OPUS,
    Codec::L16_8K,
    Codec::L16_16K,
    Codec::L16_48K,
];

/// Packet times in milliseconds.
pub(crate) const PTIMES: [usize; 5] = [10, 20, 30, 40, 60];

/// Ten seconds of recorded speech at 8 kHz.
pub(crate) fn speech() -> Vec<i16> {
    let mut speech = long_speech();
    speech.truncate(80_000);
    speech
}

/// Half a minute of it.
pub(crate) fn long_speech() -> Vec<i16> {
    const FILE: &str = "/usr/share/asterisk/sounds/en_US_f_Allison/demo-congrats.wav";
    let file = hound::WavReader::open(FILE)
        .unwrap_or_else(|error| panic!("{FILE}: {error}; `cargo xtask setup test` installs it"));
    file.into_samples().collect::<Result<_, _>>().unwrap()
}

/// The same speech at another rate.
pub(crate) fn speech_at(rate: u32) -> Vec<i16> {
    resampled(&speech(), 8000, rate)
}

pub(crate) fn resampled(pcm: &[i16], from: u32, to: u32) -> Vec<i16> {
    let mut resampler = Resampler::new(from, to).unwrap();
    let mut output = vec![0; pcm.len() * to as usize / from as usize + 8];
    let written = resampler.process(pcm, &mut output);
    output.truncate(written);
    output
}

/// Noise, all values alike likely.
pub(crate) fn noise(samples: usize, seed: u32) -> Vec<i16> {
    let mut state = seed | 1;
    (0..samples)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 8) as i16
        })
        .collect()
}

pub(crate) fn encoder(codec: &Codec, rate: u32) -> Box<dyn Encoder> {
    mediapoint_codec::encoder(codec, rate, &Parameters::default(), &EncoderSettings::default()).unwrap()
}

pub(crate) fn decoder(codec: &Codec, rate: u32) -> Box<dyn Decoder> {
    mediapoint_codec::decoder(codec, rate).unwrap()
}

/// Parameters of a party's Opus.
pub(crate) fn opus(parameters: OpusParameters) -> Parameters {
    Parameters { opus: parameters, ..Parameters::default() }
}

/// Those of a codec's packets: whole frames.
pub(crate) fn ptimes(codec: &Codec) -> impl Iterator<Item = usize> {
    let frame = if *codec == Codec::GSM { 20 } else { 10 };
    PTIMES.into_iter().filter(move |ptime| ptime % frame == 0)
}

/// Payloads of whole packets of `ptime` milliseconds; an empty one where nothing is to be sent.
pub(crate) fn payloads(encoder: &mut dyn Encoder, pcm: &[i16], ptime: usize) -> Vec<Vec<u8>> {
    let len = encoder.sample_rate() as usize * ptime / 1000;
    pcm.chunks_exact(len)
        .map(|frame| {
            let mut payload = vec![0; 12_000];
            let encoded = encoder.encode(frame, &mut payload).unwrap();
            assert_eq!(encoded.kind == Transmission::Nothing, encoded.len == 0);
            payload.truncate(encoded.len);
            payload
        })
        .collect()
}

/// What all payloads make, one behind the other.
pub(crate) fn decoded(decoder: &mut dyn Decoder, payloads: &[Vec<u8>]) -> Vec<i16> {
    let mut pcm = vec![0; 5760];
    let mut all = Vec::new();
    for payload in payloads {
        let told = decoder.duration(payload).unwrap();
        let samples = decoder.decode(payload, &mut pcm).unwrap().samples;
        assert_eq!(samples, told);
        all.extend_from_slice(&pcm[..samples]);
    }
    all
}

/// Signal to noise in decibels of `output` against `reference`, at the delay up to `most` samples where it is best; and
/// that delay.
pub(crate) fn snr(reference: &[i16], output: &[i16], most: usize) -> (f64, usize) {
    (0..=most.min(output.len().saturating_sub(1)))
        .map(|delay| {
            let (mut signal, mut noise) = (0.0, 1e-3);
            for (x, y) in reference.iter().zip(&output[delay..]) {
                let (x, y) = (f64::from(*x), f64::from(*y));
                signal += x * x;
                noise += (x - y) * (x - y);
            }
            (10.0 * (signal / noise).log10(), delay)
        })
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .unwrap()
}

/// A file in cargo's folder for tests.
pub(crate) fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Writes samples as raw 16-bit.
pub(crate) fn write_raw(name: &str, pcm: &[i16]) -> PathBuf {
    let path = file(name);
    let octets: Vec<u8> = pcm.iter().flat_map(|s| s.to_le_bytes()).collect();
    std::fs::write(&path, octets).unwrap();
    path
}

/// Reads raw 16-bit samples.
pub(crate) fn read_raw(path: &PathBuf) -> Vec<i16> {
    let octets = std::fs::read(path).unwrap();
    octets.as_chunks().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect()
}

/// Runs ffmpeg.
pub(crate) fn ffmpeg(arguments: &[&str]) {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y"])
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("ffmpeg: {error}; `cargo xtask setup test` installs it"));
    assert!(output.status.success(), "ffmpeg: {}", String::from_utf8_lossy(&output.stderr));
}
