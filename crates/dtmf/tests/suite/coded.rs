//! Digits after speech coders and lost packets, beside libspandsp.

use std::time::Duration;

use mediapoint_codec::resample::Resampler;
use mediapoint_codec::{Codec, EncoderSettings, Parameters, encoder};
use mediapoint_jitter::{Arrived, Playout, PlayoutConfig};
use mediapoint_packet::Time;
use mediapoint_packet::rtp::{PayloadType, RtpTicks};

use crate::peer::spandsp;
use crate::signal::{Burst, Line, Random, detected, matched};

/// `pcm` at 8000 Hz through the coder, a link that loses packets of 20 ms, and a jitter buffer with its concealment.
fn through(codec: &Codec, pcm: &[i16], loss: f64, random: &mut Random) -> Vec<i16> {
    let mut encoder = encoder(codec, 48_000, &Parameters::default(), &EncoderSettings::default()).unwrap();
    let rate = encoder.sample_rate();
    let mut faster = Resampler::new(8000, rate).unwrap();
    let payload_type = PayloadType::new(96).unwrap();
    let mut playout =
        Playout::new(PlayoutConfig::new(8000).unwrap(), &[(payload_type, codec.clone())]).unwrap();
    let (mut wide, mut payload, mut frame) = (vec![0; rate as usize / 50 + 8], vec![0; 2000], [0; 160]);
    let (mut heard, mut waiting) = (Vec::new(), Vec::new());
    for tick in 0..(pcm.len() as u64 / 160 + 20) {
        let now = Time::from_millis(tick * 20);
        let start = (tick as usize * 160).min(pcm.len());
        let mut input = [0; 160];
        let take = (pcm.len() - start).min(160);
        input[..take].copy_from_slice(&pcm[start..start + take]);
        let made = faster.process(&input, &mut wide);
        waiting.extend_from_slice(&wide[..made]);
        if waiting.len() >= rate as usize / 50 {
            let rest = waiting.split_off(rate as usize / 50);
            let coded = encoder.encode(&waiting, &mut payload).unwrap();
            waiting = rest;
            let timestamp = RtpTicks((tick * u64::from(codec.clock_rate / 50)) as u32);
            if random.unit() >= loss {
                let payload = &payload[..coded.len];
                let marker = tick == 0;
                playout.insert(
                    now,
                    &Arrived { epoch: 0, index: tick, timestamp, payload_type, marker, payload },
                );
            }
        }
        if tick > 0 {
            playout.pull(now + Duration::from_millis(5), &mut frame);
            heard.extend_from_slice(&frame);
        }
    }
    heard
}

/// Coder, share of packets lost, length of digits and pauses in ms, digits of 400 that are heard at least.
const ROWS: [(&str, Codec, f64, f64, usize); 12] = [
    ("G.711 mu-law", Codec::PCMU, 0.0, 50.0, 400),
    ("G.711 mu-law, 3 % lost", Codec::PCMU, 0.03, 50.0, 396),
    ("G.711 mu-law, 3 % lost", Codec::PCMU, 0.03, 80.0, 400),
    ("G.711 A-law", Codec::PCMA, 0.0, 50.0, 400),
    ("G.711 A-law, 3 % lost", Codec::PCMA, 0.03, 50.0, 396),
    ("G.711 A-law, 3 % lost", Codec::PCMA, 0.03, 80.0, 400),
    ("G.729", Codec::G729, 0.0, 50.0, 396),
    ("G.729", Codec::G729, 0.0, 80.0, 400),
    ("G.729, 3 % lost", Codec::G729, 0.03, 80.0, 376),
    ("Opus", Codec::OPUS, 0.0, 50.0, 400),
    ("Opus", Codec::OPUS, 0.0, 80.0, 400),
    ("Opus, 3 % lost", Codec::OPUS, 0.03, 80.0, 392),
];

/// Prints what is heard of so many digits in each row, and returns the rows in which it is too little.
fn heard(count: usize, lossy_only: bool) -> Vec<String> {
    println!("{:<26} {:>5} {:>6} {:>6} {:>11}", "channel", "ms", "sent", "heard", "libspandsp");
    let mut failures = Vec::new();
    for (name, codec, loss, ms, least) in ROWS.into_iter().filter(|row| !lossy_only || row.2 > 0.0) {
        let mut random = Random(21);
        let mut line = Line::default();
        line.silence(200.0);
        let mut sent = String::new();
        for _ in 0..count {
            let digit = random.digit();
            sent.push(digit);
            line.burst(&Burst::of(digit, -10.0, ms)).silence(ms);
        }
        line.silence(200.0);
        let pcm = through(&codec, &line.pcm(), loss, &mut random);
        let heard = detected(&pcm);
        let right = matched(&sent, &heard);
        let theirs = spandsp(&pcm).map(|heard| matched(&sent, &heard));
        let peer = theirs.map_or("-".to_owned(), |right| right.to_string());
        println!("{name:<26} {ms:>5} {:>6} {right:>6} {peer:>11}", sent.len());
        // One more than was sent: a loss may part a digit.
        let few = right * 400 < least * count || theirs.is_some_and(|theirs| theirs > right);
        if few || heard.len() > right + usize::from(loss > 0.0) {
            failures.push(format!("{name}, {ms} ms: {right} right of {} heard", heard.len()));
        }
    }
    failures
}

#[test]
fn digits_are_heard_after_coders_and_lost_packets_no_fewer_than_by_libspandsp() {
    let failures = heard(400, false);
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
#[ignore = "half a minute: the rows with losses, of 3000 digits"]
fn of_3000_digits_libspandsp_hears_more_in_no_row() {
    let failures = heard(3000, true);
    assert!(failures.is_empty(), "{failures:#?}");
}
