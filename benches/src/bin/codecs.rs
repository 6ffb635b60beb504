//! Measures one direction of one of our codecs, for `benches/compare/spandsp.sh`, which lets an outside program do the
//! same beside it.
//!
//! `codecs signal RATE` writes recorded speech as raw 16-bit samples; `codecs encode CODEC` makes payloads of what it
//! reads; `codecs time-encode CODEC` and `codecs time-decode CODEC` print nanoseconds for 20 ms of what they read.

use std::error::Error;
use std::hint::black_box;
use std::io::{Read, Write};
use std::time::Instant;

use mediapoint_codec::{Codec, EncoderSettings, Parameters, decoder, encoder};

/// Times all of the input is gone through; the fastest counts.
const ROUNDS: u32 = 9;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (what, name) = arguments.next().zip(arguments.next()).ok_or("usage: codecs WHAT CODEC")?;
    let mut out = std::io::stdout().lock();
    if what == "signal" {
        let octets: Vec<u8> =
            mediapoint_benches::speech(name.parse()?).into_iter().flat_map(i16::to_le_bytes).collect();
        return Ok(out.write_all(&octets)?);
    }
    let codec = Codec::new(&name, 8000, 1);
    let mut input = Vec::new();
    std::io::stdin().lock().read_to_end(&mut input)?;
    match what.as_str() {
        "encode" => out.write_all(&encode(&codec, &samples(&input))?.0)?,
        "time-encode" => writeln!(out, "{:.0}", encode(&codec, &samples(&input))?.1)?,
        "time-decode" => writeln!(out, "{:.0}", decode(&codec, &input)?)?,
        _ => return Err("signal, encode, time-encode or time-decode".into()),
    }
    Ok(())
}

fn samples(octets: &[u8]) -> Vec<i16> {
    octets.as_chunks().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect()
}

/// The payloads, and the nanoseconds that 20 ms took.
fn encode(codec: &Codec, pcm: &[i16]) -> Result<(Vec<u8>, f64), Box<dyn Error>> {
    let (mut octets, mut best) = (Vec::new(), f64::MAX);
    for _ in 0..ROUNDS {
        let mut encoder = encoder(codec, 16_000, &Parameters::default(), &EncoderSettings::default())?;
        let frames = pcm.chunks_exact(encoder.sample_rate() as usize / 50);
        let count = frames.len();
        octets = vec![0; count * 640];
        let mut len = 0;
        let start = Instant::now();
        for frame in frames {
            len += encoder.encode(black_box(frame), octets.get_mut(len..).unwrap_or_default())?.len;
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / count as f64);
        octets.truncate(len);
    }
    Ok((octets, best))
}

/// The nanoseconds that 20 ms took, of codecs of 64 kbit/s.
fn decode(codec: &Codec, octets: &[u8]) -> Result<f64, Box<dyn Error>> {
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let mut decoder = decoder(codec, 16_000)?;
        let mut pcm = [0; 320];
        let payloads = octets.chunks_exact(160);
        let count = payloads.len();
        let start = Instant::now();
        for payload in payloads {
            decoder.decode(black_box(payload), black_box(&mut pcm))?;
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / count as f64);
    }
    Ok(best)
}
