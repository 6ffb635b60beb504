//! Telephone speech through G.711 or G.729 and then through Opus, at each complexity: pairs of WAV files to be scored.
//!
//! `opus_complexity OUT FILE...` writes for each 8 kHz mono 16-bit WAV file `OUT/FILE.wav`, the reference, and
//! `OUT/SOURCE/COMPLEXITY/FILE.wav`, what a party decodes. Sources are `pcmu` and `g729`, each also as `-fec`, for a party that
//! takes error correction. `opus_complexity --encode SOURCE COMPLEXITY PACKETS FILE` encodes so many packets of 20 ms of a file
//! again and again, for its instructions to be counted. `benches/quality/opus.sh` does the rest.

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};

use mediapoint_codec::{Codec, Encoder, EncoderSettings, OpusParameters, Parameters, decoder, encoder};

/// Samples of 20 ms.
const FRAME: usize = 160;
/// Octets of a payload at most.
const ROOM: usize = 1275;
const SOURCES: [&str; 4] = ["pcmu", "g729", "pcmu-fec", "g729-fec"];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--encode", source, complexity, packets, file] => {
            encode_only(source, complexity.parse()?, packets.parse()?, Path::new(file))
        }
        [out, files @ ..] if !files.is_empty() => {
            files.iter().try_for_each(|file| degrade(Path::new(out), Path::new(file)))
        }
        _ => Err("usage: opus_complexity OUT FILE... | --encode SOURCE COMPLEXITY PACKETS FILE".into()),
    }
}

/// All sources and complexities for one recording.
fn degrade(out: &Path, file: &Path) -> Result<(), Box<dyn Error>> {
    let pcm = read(file)?;
    // Recordings in several languages have the same names.
    let folder = file.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    let name = format!("{folder}.{}", file.file_name().unwrap_or_default().to_string_lossy());
    write(&out.join(&name), &pcm)?;
    for source in SOURCES {
        let sent = coded_before(source, &pcm)?;
        for complexity in 0..=10 {
            let folder = out.join(source).join(complexity.to_string());
            write(&folder.join(&name), &through_opus(source, complexity, &sent)?)?;
        }
    }
    Ok(())
}

/// What the codec of the party that speaks leaves of the recording.
fn coded_before(source: &str, pcm: &[i16]) -> Result<Vec<i16>, Box<dyn Error>> {
    let codec = if source.starts_with("g729") { Codec::G729 } else { Codec::PCMU };
    let encoder = encoder(&codec, 8000, &Parameters::default(), &EncoderSettings::default())?;
    through(encoder, &codec, pcm)
}

fn through_opus(source: &str, complexity: u8, pcm: &[i16]) -> Result<Vec<i16>, Box<dyn Error>> {
    through(opus(source, complexity)?, &Codec::OPUS, pcm)
}

fn opus(source: &str, complexity: u8) -> Result<Box<dyn Encoder>, Box<dyn Error>> {
    let opus = OpusParameters { use_in_band_fec: source.ends_with("-fec"), ..OpusParameters::default() };
    let party = Parameters { opus, ..Parameters::default() };
    let settings = EncoderSettings { opus_complexity: Some(complexity), ..EncoderSettings::default() };
    Ok(encoder(&Codec::OPUS, 8000, &party, &settings)?)
}

/// Packets of 20 ms of a recording, encoded and decoded.
fn through(mut encoder: Box<dyn Encoder>, codec: &Codec, pcm: &[i16]) -> Result<Vec<i16>, Box<dyn Error>> {
    let mut decoder = decoder(codec, 8000)?;
    let (mut payload, mut heard) = ([0; ROOM], Vec::new());
    for frame in pcm.chunks_exact(FRAME) {
        let encoded = encoder.encode(frame, &mut payload)?;
        let mut decoded = [0; FRAME];
        decoder.decode(payload.get(..encoded.len).unwrap_or_default(), &mut decoded)?;
        heard.extend_from_slice(&decoded);
    }
    Ok(heard)
}

/// Encodes the beginning of what a recording became.
fn encode_only(source: &str, complexity: u8, packets: usize, file: &Path) -> Result<(), Box<dyn Error>> {
    let pcm = coded_before(source, &read(file)?)?;
    let mut encoder = opus(source, complexity)?;
    let mut payload = [0; ROOM];
    for frame in pcm.chunks_exact(FRAME).cycle().take(packets) {
        black_box(encoder.encode(frame, &mut payload)?);
    }
    Ok(())
}

fn read(file: &Path) -> Result<Vec<i16>, Box<dyn Error>> {
    let reader = hound::WavReader::open(file)?;
    let spec = reader.spec();
    if (spec.sample_rate, spec.channels, spec.bits_per_sample) != (8000, 1, 16) {
        return Err(format!("{}: not 8 kHz, mono, 16 bit", file.display()).into());
    }
    Ok(reader.into_samples::<i16>().collect::<Result<_, _>>()?)
}

fn write(path: &Path, pcm: &[i16]) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(path.parent().map_or_else(PathBuf::new, Path::to_owned))?;
    let sample_format = hound::SampleFormat::Int;
    let spec = hound::WavSpec { channels: 1, sample_rate: 8000, bits_per_sample: 16, sample_format };
    let mut writer = hound::WavWriter::create(path, spec)?;
    for sample in pcm {
        writer.write_sample(*sample)?;
    }
    Ok(writer.finalize()?)
}
