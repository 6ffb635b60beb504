//! Codes files with our G.729 and measures it, with the commands of benches/compare/g729_oracle.c: what one encodes the
//! other decodes.
//!
//! `signal SECONDS` writes PCM; `encode DTX` turns PCM to frames, each its length in one octet and its octets; `decode`
//! turns them to PCM; `time-encode DTX PASSES` and `time-decode 0 PASSES` print nanoseconds per 20 ms of each pass.

use std::error::Error;
use std::hint::black_box;
use std::io::{Read, Write, stdin, stdout};
use std::time::Instant;

use mediapoint_g729::{Decoder, Encoder, EncoderOptions, Frame};

const SAMPLES: usize = Frame::SAMPLES;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize| arguments.get(place).map_or(Ok(0), |text| text.parse::<usize>());
    let (first, second) = (number(1)?, number(2)?);
    let what = arguments.first().map_or("", String::as_str);
    if what == "signal" {
        return Ok(write(mediapoint_benches::speech_like(8000 * first))?);
    }
    let mut input = Vec::new();
    stdin().read_to_end(&mut input)?;
    match what {
        "encode" => stdout().write_all(&serialised(&encode(&frames_of(&input), first != 0)))?,
        "decode" => write(decode(&parsed(&input)?))?,
        "time-encode" => {
            let frames = frames_of(&input);
            time(second, frames.len(), || encode(&frames, first != 0));
        }
        "time-decode" => {
            let frames = parsed(&input)?;
            time(second, frames.len(), || decode(&frames));
        }
        _ => return Err("signal|encode|decode|time-encode|time-decode".into()),
    }
    Ok(())
}

/// Prints nanoseconds per 20 ms, which are two frames, of each pass.
fn time<T>(passes: usize, frames: usize, work: impl Fn() -> T) {
    for _ in 0..passes {
        let start = Instant::now();
        black_box(work());
        let pairs = u32::try_from(frames.max(1)).map_or(1.0, f64::from) / 2.0;
        println!("{:.0}", start.elapsed().as_secs_f64() * 1e9 / pairs);
    }
}

fn frames_of(bytes: &[u8]) -> Vec<[i16; SAMPLES]> {
    let samples: Vec<i16> = bytes.as_chunks().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
    samples.as_chunks().0.to_vec()
}

fn encode(frames: &[[i16; SAMPLES]], dtx: bool) -> Vec<Frame> {
    let mut encoder = Encoder::new(EncoderOptions { dtx });
    frames.iter().map(|samples| encoder.encode(samples)).collect()
}

fn decode(frames: &[Frame]) -> Vec<i16> {
    let mut decoder = Decoder::new();
    frames.iter().flat_map(|frame| decoder.decode(*frame)).collect()
}

fn serialised(frames: &[Frame]) -> Vec<u8> {
    let lengths = frames.iter().map(|frame| frame.as_bytes());
    lengths.flat_map(|octets| [&[u8::try_from(octets.len()).unwrap_or(0)], octets].concat()).collect()
}

fn parsed(mut stream: &[u8]) -> Result<Vec<Frame>, String> {
    let mut frames = Vec::new();
    while let Some((&length, rest)) = stream.split_first() {
        let (octets, rest) = rest.split_at_checked(length.into()).ok_or("a frame is cut short")?;
        stream = rest;
        frames.push(match octets {
            [] => Frame::Untransmitted,
            _ => match (octets.try_into(), octets.try_into()) {
                (Ok(speech), _) => Frame::Speech(speech),
                (_, Ok(sid)) => Frame::Sid(sid),
                _ => return Err(format!("a frame of {length} octets")),
            },
        });
    }
    Ok(frames)
}

fn write(samples: Vec<i16>) -> std::io::Result<()> {
    stdout().write_all(&samples.into_iter().flat_map(i16::to_le_bytes).collect::<Vec<_>>())
}
