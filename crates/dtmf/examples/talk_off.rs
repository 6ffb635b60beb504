//! Digits that the detector takes from WAV files at 8000 Hz without any: `talk_off FILE...`, with speeds from 0.8 to 1.25.
//! With MEDIAPOINT_DTMF_PEER=PROGRAM, the program of `tests/spandsp_digits.c` hears the same samples.

#![expect(clippy::cast_possible_truncation, reason = "samples and lengths of files are small")]

use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mediapoint_dtmf::{Detection, Detector, DetectorSettings, Replacement, Suppressor};

/// Speeds at which each file is heard; pitch moves with it.
const SPEEDS: [f64; 7] = [1.0, 0.8, 0.87, 0.94, 1.06, 1.15, 1.25];

fn main() -> Result<(), Box<dyn Error>> {
    let mut peer = std::env::var_os("MEDIAPOINT_DTMF_PEER")
        .map(|program| Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn())
        .transpose()?;
    let mut answers = peer.as_mut().and_then(|peer| peer.stdout.take()).map(BufReader::new);
    let mut sums = [[0_u64; 4]; SPEEDS.len()];
    let mut spent = Duration::ZERO;
    for file in std::env::args().skip(1) {
        let mut reader = hound::WavReader::open(&file)?;
        let samples = reader.samples::<i16>().collect::<Result<Vec<_>, _>>()?;
        for (speed, sum) in SPEEDS.into_iter().zip(&mut sums) {
            let pcm = at_speed(&samples, speed);
            let began = Instant::now();
            let ours = detected(&pcm)?;
            spent += began.elapsed();
            let mut theirs = String::new();
            if let (Some(to), Some(from)) = (peer.as_mut().and_then(|p| p.stdin.as_mut()), answers.as_mut()) {
                to.write_all(&u32::try_from(pcm.len())?.to_ne_bytes())?;
                to.write_all(&pcm.iter().flat_map(|s| s.to_ne_bytes()).collect::<Vec<_>>())?;
                to.flush()?;
                from.read_line(&mut theirs)?;
            }
            let mut muted = Suppressor::new(Replacement::Silence);
            muted.process(&mut pcm.clone());
            let counts =
                [pcm.len(), ours.len(), theirs.trim().len(), usize::try_from(muted.muted_samples())?];
            for (all, one) in sum.iter_mut().zip(counts) {
                *all += one as u64;
            }
            if !ours.is_empty() {
                println!("{file} at {speed}: {ours}");
            }
        }
    }
    println!("{:>6} {:>8} {:>11} {:>11} {:>12}", "speed", "hours", "mediapoint", "libspandsp", "muted s/h");
    let mut frames = 0;
    for (speed, [samples, ours, theirs, muted]) in SPEEDS.into_iter().zip(sums) {
        frames += samples / 160;
        let hours = samples as f64 / 8000.0 / 3600.0;
        let per_hour = muted as f64 / 8000.0 / hours;
        println!("{speed:>6} {hours:>8.3} {ours:>11} {theirs:>11} {per_hour:>12.2}");
    }
    println!("{:.3} us per frame of 20 ms", spent.as_secs_f64() * 1e6 / frames as f64);
    if let Some(mut peer) = peer {
        drop(peer.stdin.take());
        peer.wait()?;
    }
    Ok(())
}

fn detected(pcm: &[i16]) -> Result<String, Box<dyn Error>> {
    let mut detector = Detector::new(&DetectorSettings::default())?;
    let mut digits = String::new();
    let mut take = |detection| {
        if let Detection::Digit(digit) = detection {
            digits.push(digit.digit.as_char());
        }
    };
    for frame in pcm.chunks(160) {
        detector.process(frame, &mut take);
    }
    detector.flush(&mut take);
    Ok(digits)
}

/// The samples played faster or slower, by lines between them.
fn at_speed(samples: &[i16], speed: f64) -> Vec<i16> {
    if (speed - 1.0).abs() < 1e-9 {
        return samples.to_vec();
    }
    let count = (samples.len() as f64 / speed) as usize;
    let at = |n: usize| f64::from(samples.get(n).copied().unwrap_or(0));
    let value = |n: usize| {
        let place = n as f64 * speed;
        let (whole, part) = (place as usize, place.fract());
        at(whole) * (1.0 - part) + at(whole + 1) * part
    };
    (0..count).map(|n| value(n).round() as i16).collect()
}
