//! Audio between legs without a common codec: it is decoded and encoded again on one clock, in packets of the length
//! asked for, and the call changes between relay and this path without a click, a gap or a lost sample.

#![expect(clippy::indexing_slicing, reason = "helpers of the tests: what is missing fails them")]

use std::time::Duration;

use mediapoint_engine::{EncoderSettings, LegConfig, PacketTime, PayloadCodec};
use mediapoint_testkit::{Ear, PeerId, Voice, World, codec, pcma, pcmu, telephone_event};

const TONE: f64 = 437.0;

/// A tone that no packet holds a whole number of periods of.
#[expect(clippy::cast_possible_truncation, reason = "a tone within 16 bits")]
fn tone(n: u64, rate: u32) -> i16 {
    let seconds = n as f64 / f64::from(rate);
    (8000.0 * (std::f64::consts::TAU * TONE * seconds).sin()) as i16
}

fn l16(clock_rate: u32) -> PayloadCodec {
    codec(97, "L16", clock_rate)
}

fn leg(codecs: &[PayloadCodec]) -> LegConfig {
    LegConfig { codecs: codecs.to_vec(), ..LegConfig::default() }
}

/// A call of two legs; the first party says the tone in the first of its codecs.
fn call(of_a: LegConfig, of_b: LegConfig) -> (World, PeerId, PeerId) {
    let mut world = World::new(3);
    let call = world.add_call();
    let spoken = of_a.codecs[0].clone();
    let [a, b] = [of_a, of_b].map(|config| {
        let peer = world.add_peer(call, config);
        world.peer_mut(peer).heard.keep_packets = true;
        peer
    });
    world.connect(a, b);
    say(&mut world, a, &spoken);
    (world, a, b)
}

/// Lets a party go on in that codec.
fn say(world: &mut World, peer: PeerId, entry: &PayloadCodec) {
    let stream = &mut world.peer_mut(peer).stream;
    let settings = EncoderSettings::default();
    stream.voice = Some(match stream.voice.take() {
        Some(voice) => voice.changed(entry, 48_000, &settings),
        None => Voice::new(entry, 48_000, &settings, tone),
    });
    stream.payload_type = entry.payload_type;
    stream.clock_rate = entry.codec.clock_rate;
}

fn ear(world: &World, peer: PeerId, rate: u32) -> Ear {
    let peer = world.peer(peer);
    Ear::new(&peer.heard.log, &peer.config.codecs, rate)
}

/// What G.711 may be off by against the tone after its two neighbours: three steps of its coarsest segment here.
const G711_GRAIN: f64 = 900.0;

#[test]
fn another_codec_comes_out_as_the_hearing_leg_speaks_it() {
    let (mut world, a, b) = call(leg(&[l16(8000)]), leg(&[pcmu()]));
    world.start(a);
    world.run_for(Duration::from_secs(5));
    let heard = ear(&world, b, 8000);
    assert_eq!(heard.missing(), 0);
    assert!(heard.lengths.iter().all(|&length| length == 160), "packets of 20 ms");
    assert!(heard.pcm.len() > 8000 * 48 / 10, "only {} samples", heard.pcm.len());
    assert!(heard.worst_break(TONE, 8000, 0) < G711_GRAIN, "{}", heard.worst_break(TONE, 8000, 0));
    assert_eq!(world.peer(b).heard.seam.check(), Ok(()));
    assert_eq!(world.buffers_lost(), 0);
}

#[test]
fn packets_have_the_length_asked_for_whatever_length_comes() {
    for of_a in [10, 20, 30, 40, 60] {
        for of_b in [10, 20, 30, 40, 60] {
            let to_b = LegConfig {
                packet_time: PacketTime::WhereEncoded(Duration::from_millis(of_b)),
                ..leg(&[pcmu()])
            };
            let (mut world, a, b) = call(leg(&[l16(8000)]), to_b);
            world.peer_mut(a).stream.ptime = Duration::from_millis(of_a);
            world.start(a);
            world.run_for(Duration::from_secs(3));
            let heard = ear(&world, b, 8000);
            assert_eq!(heard.missing(), 0, "{of_a} to {of_b}");
            let length = usize::try_from(of_b).unwrap() * 8;
            assert!(heard.lengths.iter().all(|&got| got == length), "{of_a} to {of_b}: {:?}", heard.lengths);
            let worst = heard.worst_break(TONE, 8000, 0);
            assert!(worst < G711_GRAIN, "{of_a} to {of_b}: {worst}");
            assert!(heard.pcm.len() > 8000 * 27 / 10, "{of_a} to {of_b}: {} samples", heard.pcm.len());
        }
    }
}

#[test]
fn the_same_codec_is_packed_anew_where_a_packet_time_is_to_be_kept() {
    for (of_a, of_b, relayed) in [(20, 20, true), (20, 60, false), (60, 20, false), (30, 10, false)] {
        let to_b =
            LegConfig { packet_time: PacketTime::Always(Duration::from_millis(of_b)), ..leg(&[pcma()]) };
        let (mut world, a, b) = call(leg(&[pcma()]), to_b);
        world.peer_mut(a).stream.ptime = Duration::from_millis(of_a);
        world.start(a);
        world.run_for(Duration::from_secs(2));
        let heard = ear(&world, b, 8000);
        let length = usize::try_from(of_b).unwrap() * 8;
        assert!(heard.lengths.iter().all(|&got| got == length), "{of_a} to {of_b}");
        assert!(heard.worst_break(TONE, 8000, 0) < G711_GRAIN, "{of_a} to {of_b}");
        let through_buffer = world.leg_statistics(a).playout.is_some();
        assert_eq!(through_buffer, !relayed, "{of_a} to {of_b}");
    }
}

#[test]
fn a_call_changes_between_relay_and_media_without_a_click_or_a_gap() {
    let both = [pcmu(), l16(8000)];
    let (mut world, a, b) = call(leg(&both), leg(&[pcmu()]));
    world.start(a);
    for turn in 0..10 {
        world.run_for(Duration::from_millis(700 + turn * 13));
        let next = &both[usize::try_from(turn + 1).unwrap() % 2];
        say(&mut world, a, next);
    }
    world.run_for(Duration::from_secs(1));
    let heard = ear(&world, b, 8000);
    assert_eq!(heard.missing(), 0);
    let worst = heard.worst_break(TONE, 8000, 0);
    assert!(worst < G711_GRAIN, "{worst}");
    assert_eq!(world.peer(b).heard.seam.check(), Ok(()));
    assert_eq!(world.buffers_lost(), 0);
}

#[test]
fn a_reinvite_to_another_codec_and_back_is_not_heard() {
    let (mut world, a, b) = call(leg(&[pcmu()]), leg(&[pcmu(), l16(8000)]));
    world.start(a);
    let mut audio = Vec::new();
    for turn in 0..6 {
        world.run_for(Duration::from_millis(700));
        audio.append(&mut world.peer_mut(b).heard.log);
        let codec = if turn % 2 == 0 { l16(8000) } else { pcmu() };
        world.reinvite(b, |config| config.codecs = vec![codec]);
    }
    world.run_for(Duration::from_millis(700));
    audio.append(&mut world.peer_mut(b).heard.log);
    let heard = Ear::new(&audio, &[pcmu(), l16(8000)], 8000);
    assert_eq!(heard.missing(), 0);
    let worst = heard.worst_break(TONE, 8000, 0);
    assert!(worst < G711_GRAIN, "{worst}");
    assert_eq!(world.peer(b).heard.seam.check(), Ok(()));
}

#[test]
fn an_event_keeps_one_timestamp_through_a_transcoded_call() {
    let (mut world, a, b) =
        call(leg(&[l16(8000), telephone_event(101)]), leg(&[pcmu(), telephone_event(96)]));
    world.peer_mut(b).heard.event_type = telephone_event(96).payload_type;
    world.start(a);
    world.run_for(Duration::from_secs(1));
    world.peer_mut(a).stream.press(5, Duration::from_millis(200));
    world.run_for(Duration::from_secs(1));
    let events: Vec<_> =
        world.peer(b).heard.log.iter().filter(|packet| packet.payload_type.get() == 96).cloned().collect();
    assert_eq!(events.len(), 12, "ten reports and two more ends");
    assert!(events.iter().all(|packet| packet.timestamp == events[0].timestamp));
    assert_eq!(events.iter().filter(|packet| packet.marker).count(), 1);
    assert_eq!(
        events.iter().filter(|packet| packet.payload[1] & 0x80 != 0).count(),
        3,
        "the end three times"
    );
    let mut sequences: Vec<u16> = world.peer(b).heard.log.iter().map(|packet| packet.sequence.0).collect();
    sequences.dedup();
    assert!(sequences.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)), "no number is missing");
    assert_eq!(world.peer(b).heard.seam.check(), Ok(()));
}

#[test]
fn events_of_another_clock_tell_their_duration_in_the_hearing_legs() {
    let wide = codec(101, "telephone-event", 48_000);
    let (mut world, a, b) = call(leg(&[l16(48_000), wide]), leg(&[pcmu(), telephone_event(101)]));
    // 10 ms of it is as much as a packet carries.
    world.peer_mut(a).stream.ptime = Duration::from_millis(10);
    world.start(a);
    world.run_for(Duration::from_secs(1));
    world.peer_mut(a).stream.press(5, Duration::from_millis(100));
    world.run_for(Duration::from_secs(1));
    let log = &world.peer(b).heard.log;
    let durations: Vec<u16> = log
        .iter()
        .filter(|packet| packet.payload_type.get() == 101)
        .map(|packet| u16::from_be_bytes([packet.payload[2], packet.payload[3]]))
        .collect();
    assert_eq!(durations, [80, 160, 240, 320, 400, 480, 560, 640, 720, 800, 800, 800]);
}
