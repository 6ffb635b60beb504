//! Digits that a leg is sent: as events between its packets, as tones in its audio, and events of its source as tones where
//! it did not agree to them. Meanwhile nothing of its source is heard, and its stream goes on as one.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of the tests: what is missing fails them"
)]

mod as_events;
mod as_tones;
mod from_events;
mod go_on_elsewhere;

use std::time::Duration;

use mediapoint_dtmf::{DetectedDigit, Detection, Detector, DetectorSettings};
use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::{CommandError, DigitSpec, DtmfDigit, Event, Source, ToneSpec};
use mediapoint_packet::rtp::RtpTicks;
use mediapoint_packet::telephone_event::EventBlock;
use mediapoint_testkit::{Ear, HeardPacket, PeerId, World};

const MILLIS: fn(u64) -> Duration = Duration::from_millis;

fn digits(text: &str) -> Vec<DigitSpec> {
    text.chars().filter_map(DtmfDigit::from_char).map(DigitSpec::new).collect()
}

fn of_millis(text: &str, duration: u64, pause: u64) -> Vec<DigitSpec> {
    let timed = |spec| DigitSpec { duration: MILLIS(duration), pause: MILLIS(pause), ..spec };
    digits(text).into_iter().map(timed).collect()
}

fn try_send(world: &mut World, to: PeerId, digits: Vec<DigitSpec>) -> Result<(), CommandError> {
    let (call, leg) = (world.peer(to).call, world.peer(to).leg);
    world.apply(call, CallCommand::SendDigits { leg, digits })
}

#[track_caller]
fn send(world: &mut World, to: PeerId, digits: Vec<DigitSpec>) {
    assert_eq!(try_send(world, to, digits), Ok(()));
}

/// For each time that digits of a leg were through, whether they were stopped.
fn ends(world: &World, of: PeerId) -> Vec<bool> {
    let leg = world.peer(of).leg;
    let stopped = |event: &Event| match event {
        Event::DigitsSent { leg: of, stopped, .. } if *of == leg => Some(*stopped),
        _ => None,
    };
    world.events.iter().filter_map(|(_, event)| stopped(event)).collect()
}

/// An event as a party got it: where it began, its packets, and their places in the party's log.
struct Got {
    begin: RtpTicks,
    blocks: Vec<EventBlock>,
    at: Vec<usize>,
}

impl Got {
    fn digit(&self) -> char {
        self.blocks[0].digit().map_or('?', DtmfDigit::as_char)
    }

    fn durations(&self) -> Vec<u16> {
        self.blocks.iter().map(|block| block.duration).collect()
    }
}

/// The events among packets.
fn events(log: &[HeardPacket], event_type: u8) -> Vec<Got> {
    let mut all: Vec<Got> = Vec::new();
    for (at, packet) in log.iter().enumerate().filter(|(_, packet)| packet.payload_type.get() == event_type) {
        let block = EventBlock::read(&packet.payload).unwrap();
        match all.last_mut().filter(|last| last.begin == packet.timestamp) {
            Some(last) => {
                last.blocks.push(block);
                last.at.push(at);
            }
            None => all.push(Got { begin: packet.timestamp, blocks: vec![block], at: vec![at] }),
        }
    }
    all
}

/// Each number comes once and in its turn.
#[track_caller]
fn assert_in_sequence(log: &[HeardPacket]) {
    for pair in log.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1), "at {:?}", pair[1].at);
        assert_eq!(pair[1].ssrc, pair[0].ssrc);
    }
}

/// The digits in audio of 8000 Hz.
fn found(pcm: &[i16]) -> Vec<DetectedDigit> {
    let mut detector = Detector::new(&DetectorSettings::default()).unwrap();
    let mut found = Vec::new();
    let mut note = |detection| {
        if let Detection::Digit(digit) = detection {
            found.push(digit);
        }
    };
    detector.process(pcm, &mut note);
    detector.flush(&mut note);
    found
}

fn text(found: &[DetectedDigit]) -> String {
    found.iter().map(|digit| digit.digit.as_char()).collect()
}

/// What a party heard, at 8000 Hz whatever the rate of its decoder.
fn ear(world: &World, peer: PeerId, rate: u32) -> Ear {
    let peer = world.peer(peer);
    let mut ear = Ear::new(&peer.heard.log, &peer.config.codecs, rate);
    let mut resampler = mediapoint_codec::resample::Resampler::new(rate, 8000).unwrap();
    let mut pcm = vec![0; ear.pcm.len() + 8];
    let len = if rate == 8000 { 0 } else { resampler.process(&ear.pcm, &mut pcm) };
    if rate != 8000 {
        pcm.truncate(len);
        ear.pcm = pcm;
    }
    ear
}

/// Feeds `b` with silence, a player or a mix with `a` in it.
pub(crate) fn feed(world: &mut World, (a, b): (PeerId, PeerId), kind: &str) {
    let call = world.peer(a).call;
    let source = match kind {
        "player" => Source::Player(world.add_tone(call, ToneSpec::continuous(440.0, -10.0))),
        "mix" => Source::Mix(world.add_mix(call, &[world.source_of(a)])),
        _ => Source::Silence,
    };
    world.feed(b, source);
}
