//! Nanoseconds for 20 ms at 8000 Hz: `speed [WAV FILE...]`. Without files, of made signals only. With
//! MEDIAPOINT_DTMF_PEER=PROGRAM, the program of `tests/spandsp_digits.c` takes turns, on the same samples.

use std::error::Error;
use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::Instant;

use mediapoint_dtmf::{Detector, Generator, GeneratorSettings, Replacement, Suppressor};
use mediapoint_packet::telephone_event::DtmfDigit;

/// Rounds, of which the median counts.
const ROUNDS: usize = 9;
/// Samples of a signal.
const LENGTH: usize = 8000 * 60;

fn main() -> Result<(), Box<dyn Error>> {
    let mut signals = vec![("silence", vec![0; LENGTH]), ("noise", noise()), ("digits", digits()?)];
    let mut speech = Vec::new();
    for file in std::env::args().skip(1) {
        for sample in hound::WavReader::open(file)?.samples::<i16>() {
            speech.push(sample?);
        }
    }
    if !speech.is_empty() {
        speech.truncate(10 * LENGTH);
        signals.push(("speech", speech));
    }
    println!("{:<10} {:>9} {:>9} {:>10}", "ns/20 ms", "detector", "suppress", "libspandsp");
    for (name, pcm) in signals {
        let (mut detect, mut suppress, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            detect.push(detector(&pcm));
            suppress.push(suppressor(&pcm));
            theirs.extend(peer(&pcm)?);
        }
        let theirs = median(theirs).map_or("-".to_owned(), |ns| format!("{ns:.0}"));
        let (one, two) = (median(detect).unwrap_or_default(), median(suppress).unwrap_or_default());
        println!("{name:<10} {one:>9.0} {two:>9.0} {theirs:>10}");
    }
    Ok(())
}

fn median(mut all: Vec<f64>) -> Option<f64> {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied()
}

fn detector(pcm: &[i16]) -> f64 {
    let mut detector = Detector::default();
    let began = Instant::now();
    for frame in pcm.chunks_exact(160) {
        detector.process(black_box(frame), |detection| {
            black_box(detection);
        });
    }
    began.elapsed().as_secs_f64() * 1e9 / (pcm.len() / 160) as f64
}

fn suppressor(pcm: &[i16]) -> f64 {
    let mut suppressor = Suppressor::new(Replacement::Silence);
    let mut pcm = pcm.to_vec();
    let frames = pcm.len() / 160;
    let began = Instant::now();
    for frame in pcm.chunks_exact_mut(160) {
        suppressor.process(black_box(frame));
    }
    began.elapsed().as_secs_f64() * 1e9 / frames as f64
}

/// What the outside program says it took.
fn peer(pcm: &[i16]) -> Result<Option<f64>, Box<dyn Error>> {
    let Some(program) = std::env::var_os("MEDIAPOINT_DTMF_PEER") else { return Ok(None) };
    let mut child =
        Command::new(program).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut to) = child.stdin.take() {
        to.write_all(&u32::try_from(pcm.len())?.to_ne_bytes())?;
        to.write_all(&pcm.iter().flat_map(|sample| sample.to_ne_bytes()).collect::<Vec<_>>())?;
    }
    let mut text = String::new();
    child.stderr.take().ok_or("no standard error")?.read_to_string(&mut text)?;
    child.wait()?;
    let mut numbers = text.split_whitespace().filter_map(|word| word.parse::<f64>().ok());
    Ok(numbers.next().zip(numbers.next()).map(|(nanoseconds, frames)| nanoseconds / frames))
}

fn noise() -> Vec<i16> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as i16 >> 4
    };
    (0..LENGTH).map(|_| next()).collect()
}

fn digits() -> Result<Vec<i16>, Box<dyn Error>> {
    let mut generator = Generator::new(8000, &GeneratorSettings::default())?;
    let mut pcm = vec![0; LENGTH];
    for (frame, key) in pcm.chunks_mut(1600).zip("0123456789ABCD*#".chars().cycle()) {
        generator.push(DtmfDigit::from_char(key).ok_or("a digit")?)?;
        generator.fill(frame);
    }
    Ok(pcm)
}
