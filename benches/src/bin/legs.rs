//! Time of the jitter buffers of many legs, visited in turn, so that each is found in a cold cache as in a loaded server.
//!
//! `legs CODEC LEGS ROUNDS [EVICT_MIB]` prints nanoseconds per packet for insertion, pull and decoding alone. Between
//! rounds it walks through `EVICT_MIB` of other memory, which is not timed: what codecs and kernel do to the caches.
//! Under callgrind, `--toggle-collect='legs::round*'` counts the rounds alone.

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use mediapoint_codec::{Codec, Decoder, decoder};
use mediapoint_jitter::{Arrived, Playout, PlayoutConfig};
use mediapoint_packet::Time;
use mediapoint_packet::rtp::{PayloadType, RtpTicks};

const RATE: u32 = 8000;
const FRAME: usize = 160;

/// What all legs receive.
struct Stream {
    payload_type: PayloadType,
    payload: Vec<u8>,
    pcm: [i16; FRAME],
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| -> Result<usize, Box<dyn Error>> {
        Ok(arguments.get(at).map_or("0", String::as_str).parse()?)
    };
    let name = arguments.first().ok_or("usage: legs CODEC LEGS ROUNDS [EVICT_MIB]")?;
    let codec = Codec::new(name, RATE, 1);
    let (legs, rounds, evict) = (number(1)?.max(1), number(2)?.max(1), number(3)? << 20);
    let (number, len) = match name.as_str() {
        "pcmu" => (0, FRAME),
        "pcma" => (8, FRAME),
        "g729" => (18, 20),
        _ => return Err("pcmu, pcma or g729".into()),
    };
    let payload_type = PayloadType::new(number).ok_or("no such payload type")?;
    let payload = (0..len).map(|n| (n * n / 7 % 251).to_le_bytes()[0]).collect();
    let mut stream = Stream { payload_type, payload, pcm: [0; FRAME] };
    let config = PlayoutConfig::new(RATE)?;
    let mut playouts = Vec::new();
    let mut decoders = Vec::new();
    for _ in 0..legs {
        playouts.push(Box::new(Playout::new(config, &[(payload_type, codec.clone())])?));
        decoders.push(decoder(&codec, RATE)?);
    }
    let mut other = vec![1_u8; evict];
    let (mut inserting, mut pulling, mut decoding) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    for round in 0..rounds as u64 {
        let sent = Time::from_millis(20 * round);
        walk(&mut other);
        let start = Instant::now();
        round_of_packets(&mut playouts, sent, round, &stream);
        inserting += start.elapsed();
        walk(&mut other);
        // The first pull is 25 ms behind the first packet, as the engine's is.
        if round > 0 {
            let start = Instant::now();
            round_of_pulls(&mut playouts, sent + Duration::from_millis(5), &mut stream);
            pulling += start.elapsed();
        }
        walk(&mut other);
        let start = Instant::now();
        round_of_decoding(&mut decoders, &mut stream);
        decoding += start.elapsed();
    }
    let nanos = |time: Duration| time.as_secs_f64() * 1e9 / (rounds * legs) as f64;
    let (insert, pull, decode) = (nanos(inserting), nanos(pulling), nanos(decoding));
    let beside = insert + pull - decode;
    println!(
        "{name} legs {legs}: insert {insert:.0} ns, pull {pull:.0} ns, decode {decode:.0} ns, beside {beside:.0} ns"
    );
    let statistics = playouts.first().map(|playout| playout.statistics());
    if let Some(statistics) = statistics.filter(|statistics| statistics.concealed_samples > 0) {
        return Err(format!("audio was concealed: {statistics:?}").into());
    }
    Ok(())
}

#[inline(never)]
#[expect(clippy::vec_box, reason = "a leg of the engine has its own allocation")]
fn round_of_packets(playouts: &mut Vec<Box<Playout>>, now: Time, round: u64, stream: &Stream) {
    let arrived = Arrived {
        epoch: 0,
        index: round,
        timestamp: RtpTicks(u32::try_from((round * FRAME as u64) & 0xffff_ffff).unwrap_or(0)),
        payload_type: stream.payload_type,
        marker: false,
        payload: &stream.payload,
    };
    for playout in playouts {
        black_box(playout.insert(now, black_box(&arrived)));
    }
}

#[inline(never)]
#[expect(clippy::vec_box, reason = "a leg of the engine has its own allocation")]
fn round_of_pulls(playouts: &mut Vec<Box<Playout>>, now: Time, stream: &mut Stream) {
    for playout in playouts {
        black_box(playout.pull(now, black_box(&mut stream.pcm)));
    }
}

#[inline(never)]
fn round_of_decoding(decoders: &mut Vec<Box<dyn Decoder>>, stream: &mut Stream) {
    for decoder in decoders {
        let _ = black_box(decoder.decode(black_box(&stream.payload), black_box(&mut stream.pcm)));
    }
}

/// Puts other memory into the caches.
fn walk(other: &mut [u8]) {
    for line in other.iter_mut().step_by(64) {
        *line = line.wrapping_add(1);
    }
    black_box(other);
}
