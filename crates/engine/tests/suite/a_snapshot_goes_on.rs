//! A call whose session is killed goes on in another one from its snapshot, which travels as text: the far ends hear one
//! SSRC, sequence numbers and timestamps that go on, and miss nothing but the packets of the pause; no packet of SRTP is
//! refused and no index used twice, whatever the call sent between the snapshot and its end.

#![expect(clippy::unwrap_used, reason = "helpers of the tests: what is missing fails them")]

use std::time::Duration;

use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::session::source::player::Player;
use mediapoint_engine::session::tap::Tap;
use mediapoint_engine::session::tap::event::{EventTap, PressRoom};
use mediapoint_engine::{
    Burst, CallId, CallSnapshot, Direction, EncoderSettings, EndReason, Event, LegConfig, MixId, MixSpec,
    PayloadCodec, PayloadType, PlayerId, PlayerSpec, Source, SrtpKeys, TapId, ToneSpec,
};
use mediapoint_packet::Time;
use mediapoint_packet::rtp::Seq;
use mediapoint_packet::telephone_event::EventBlock;
use mediapoint_srtp::Suite;
use mediapoint_testkit::{
    Ear, HeardPacket, Library, LinkProfile, PeerId, Voice, World, audio, codec, pcma, pcmu, telephone_event,
};

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// For how long the call goes on after the snapshot, and for how long nobody is there then.
const TAKEOVERS: [(Duration, Duration); 5] = [
    (millis(0), millis(0)),
    (millis(0), millis(40)),
    (millis(0), millis(500)),
    (millis(60), millis(0)),
    (millis(90), millis(430)),
];

fn call_of(world: &World, peer: PeerId) -> CallId {
    world.peer(peer).call
}

fn save(world: &World, call: CallId) -> String {
    serde_json::to_string(&world.snapshot(call).unwrap()).unwrap()
}

fn restore(world: &mut World, text: &str) {
    let snapshot: CallSnapshot = serde_json::from_str(text).unwrap();
    world.restore(&snapshot).unwrap();
    world.session().check_invariants();
}

/// Another session takes the call of a party over.
fn take_over(world: &mut World, of: PeerId, (overlap, pause): (Duration, Duration)) {
    let text = save(world, call_of(world, of));
    world.run_for(overlap);
    world.kill_session();
    world.run_for(pause);
    restore(world, &text);
}

/// Packets of 20 ms that a time has room for.
fn packets_in(time: Duration) -> u64 {
    u64::try_from(time.as_millis().div_ceil(20)).unwrap()
}

/// Both parties heard each other before and after, and no seam.
#[track_caller]
fn check(world: &World, parties: [PeerId; 2], most_missing: u64) {
    for peer in parties {
        let heard = &world.peer(peer).heard;
        assert_eq!(heard.seam.check(), Ok(()));
        assert!(heard.missing() <= most_missing, "{} missing, {most_missing} allowed", heard.missing());
        assert_eq!((heard.not_authentic, heard.malformed, world.peer(peer).unsent), (0, 0, 0));
        let dropped = world.leg_statistics(peer).received.dropped;
        assert_eq!(dropped.total(), 0, "{dropped:?}");
        assert_eq!(world.leg_statistics(peer).sent.unsent, 0);
    }
}

#[test]
fn of_a_relayed_call() {
    for (seed, takeover) in (0..).zip(TAKEOVERS) {
        let mut world = World::new(seed);
        let (a, b) = world.two_party_call();
        for peer in [a, b] {
            world.peer_mut(peer).up.set_profile(LinkProfile { reorder: 0.05, ..LinkProfile::default() });
            world.start(peer);
        }
        world.run_for(Duration::from_millis(3007));
        for _ in 0..3 {
            take_over(&mut world, a, takeover);
            world.run_for(Duration::from_secs(2));
        }
        // What was overtaken and came in the pause, or found the first packet behind it sent.
        check(&world, [a, b], 3 * (packets_in(takeover.1) + 3));
        for (from, to) in [(a, b), (b, a)] {
            let (from, to) = (world.peer(from), world.peer(to));
            let lost = 3 * (packets_in(takeover.1) + 3);
            assert!(to.heard.packets_from(from.tag) + lost >= from.stream.packets);
        }
    }
}

#[test]
fn of_a_call_with_srtp_on_both_sides() {
    for (n, suite) in Suite::ALL.into_iter().enumerate() {
        for library in [Library::WebRtc, Library::Own] {
            for takeover in TAKEOVERS {
                let mut world = World::new(n as u64);
                let call = world.add_call();
                let [a, b] = [pcmu(), pcma()].map(|codec| world.add_peer(call, audio([codec])));
                world.connect(a, b);
                for (peer, suite) in [(a, suite), (b, Suite::ALL[(n + 1) % Suite::ALL.len()])] {
                    world.secure(peer, suite, library);
                    world.peer_mut(peer).reports_every = Some(Duration::from_secs(1));
                    world.start(peer);
                }
                world.run_for(Duration::from_millis(8003));
                for _ in 0..2 {
                    take_over(&mut world, a, takeover);
                    world.run_for(Duration::from_secs(6));
                }
                check(&world, [a, b], 2 * packets_in(takeover.1) + 2);
                for peer in [a, b] {
                    assert!(world.peer(peer).heard.compounds >= 2, "SRTCP goes on");
                    assert!(world.leg_statistics(peer).received.rtcp_packets >= 10);
                }
            }
        }
    }
}

/// Roll-over counters of both directions are beyond zero, and go on.
#[test]
fn of_roll_over_counters() {
    for (seed, suite) in [(1, Suite::AesCm128HmacSha1_80), (2, Suite::AeadAes256Gcm)] {
        let mut world = World::new(seed);
        let call = world.add_call();
        let [a, b] = [(); 2].map(|()| world.add_peer(call, audio([pcmu()])));
        world.connect(a, b);
        for peer in [a, b] {
            world.secure(peer, suite, Library::WebRtc);
            let peer_mut = world.peer_mut(peer);
            peer_mut.heard.keep_reports = false;
            // Short packets, and a first number before a wrap.
            (peer_mut.stream.ptime, peer_mut.stream.octets) = (millis(10), 80);
            peer_mut.stream.sequence = Seq(65_500);
            world.start(peer);
        }
        let mut lost = 0;
        for takeover in TAKEOVERS {
            world.run_for(Duration::from_secs(410));
            lost += 2 * packets_in(takeover.1) + 2;
            take_over(&mut world, a, takeover);
        }
        world.run_for(Duration::from_secs(5));
        assert!(world.peer(a).stream.packets > 3 * 65_536);
        check(&world, [a, b], lost);
        for peer in [a, b] {
            assert!(world.peer(peer).heard.packets > 3 * 65_536, "the engine's own numbers wrapped");
            let state = save(&world, call);
            assert!(state.contains("\"roc\":3"), "roll-over counters are in the snapshot");
        }
    }
}

fn hum(n: u64, rate: u32) -> i16 {
    let phase = f64::from(u32::try_from(n % u64::from(rate)).unwrap()) * 400.0 / f64::from(rate);
    #[expect(clippy::cast_possible_truncation, reason = "a sine within 16 bits")]
    let sample = (8000.0 * (phase * std::f64::consts::TAU).sin()) as i16;
    sample
}

/// Two parties who speak with a voice, each in a codec of its own.
fn transcoded(seed: u64, of_b: &PayloadCodec, rate: u32) -> (World, [PeerId; 2]) {
    let mut world = World::new(seed);
    let call = world.add_call();
    let a = world.add_peer(call, audio([pcmu(), telephone_event(101)]));
    let b = world.add_peer(call, audio([of_b.clone(), codec(102, "telephone-event", of_b.codec.clock_rate)]));
    world.connect(a, b);
    for (peer, entry, rate) in [(a, &pcmu(), 8000), (b, of_b, rate)] {
        let voice = Voice::new(entry, rate, &EncoderSettings::default(), hum);
        let peer_mut = world.peer_mut(peer);
        peer_mut.stream.voice = Some(voice);
        peer_mut.stream.clock_rate = entry.codec.clock_rate;
        peer_mut.heard.clock_rate = entry.codec.clock_rate;
        peer_mut.heard.keep_packets = true;
        peer_mut.heard.seam.set_tolerance(millis(120));
        peer_mut.heard.event_type = PayloadType::new(if peer == a { 101 } else { 102 }).unwrap();
        world.start(peer);
    }
    (world, [a, b])
}

fn transcoding_codecs() -> [(PayloadCodec, u32); 2] {
    let opus = PayloadCodec::new(PayloadType::new(111).unwrap(), mediapoint_engine::Codec::OPUS);
    [(codec(18, "G729", 8000), 8000), (opus, 48_000)]
}

/// The longest time between two packets heard after `from`, and the packets after it.
fn longest_gap(log: &[HeardPacket], from: Time) -> (Duration, usize) {
    let after: Vec<Time> = log.iter().map(|packet| packet.at).filter(|at| *at >= from).collect();
    let gaps = after.iter().zip(after.iter().skip(1)).map(|(one, next)| next.since(*one));
    (gaps.max().unwrap_or(Duration::MAX), after.len())
}

#[test]
fn of_a_transcoded_call() {
    for (entry, rate) in transcoding_codecs() {
        for (seed, takeover) in (0..).zip(TAKEOVERS) {
            for secure in [false, true] {
                let (mut world, parties) = transcoded(seed, &entry, rate);
                if secure {
                    parties
                        .into_iter()
                        .for_each(|peer| world.secure(peer, Suite::AeadAes128Gcm, Library::Own));
                }
                world.run_for(Duration::from_millis(3011));
                let before = world.now();
                take_over(&mut world, parties[0], takeover);
                world.run_for(Duration::from_secs(2));
                // Behind SRTP twice as many numbers are passed over as packets were sent.
                let passed = packets_in(takeover.0 + takeover.1) * if secure { 2 } else { 1 };
                check(&world, parties, passed);
                for peer in parties {
                    let log = &world.peer(peer).heard.log;
                    let (gap, heard) = longest_gap(log, before);
                    // The jitter buffer fills anew, and the tick has another phase.
                    assert!(
                        gap <= takeover.1 + millis(85),
                        "{gap:?} for {takeover:?}, {}",
                        entry.codec.name()
                    );
                    assert!(heard >= 95, "only {heard} packets");
                    let own = &world.peer(peer).config.codecs;
                    let ear = Ear::new(log, own, if peer == parties[0] { 8000 } else { rate });
                    let end = ear.pcm.len();
                    let loud = ear.pcm[end - 4000..].iter().filter(|sample| sample.unsigned_abs() > 2000);
                    assert!(loud.count() > 2000, "the voice is there again");
                }
            }
        }
    }
}

fn tap_presses(world: &mut World, peer: PeerId) {
    let (call, leg) = (world.peer(peer).call, world.peer(peer).leg);
    let tap = EventTap::new(TapId::from_u64(world.new_id()), leg, PressRoom::default());
    world.apply(call, CallCommand::AddTap { tap: Box::new(Tap::Events(tap)) }).unwrap();
}

fn presses(world: &World) -> Vec<(u8, u128)> {
    let press = |(_, event): &(Time, Event)| match event {
        Event::KeyPressed { press, .. } => Some((press.code, press.duration.as_millis())),
        _ => None,
    };
    world.events.iter().filter_map(press).collect()
}

/// The events that a party heard: code, longest duration, whether the end was heard, by timestamp.
fn events_heard(world: &World, peer: PeerId) -> Vec<(u8, u16, bool)> {
    let heard = &world.peer(peer).heard;
    let mut events: Vec<(u32, (u8, u16, bool))> = Vec::new();
    for packet in heard.log.iter().filter(|packet| packet.payload_type == heard.event_type) {
        let block = EventBlock::read(&packet.payload).unwrap();
        match events.iter_mut().find(|(timestamp, _)| *timestamp == packet.timestamp.0) {
            Some((_, (_, duration, end))) => {
                *duration = block.duration.max(*duration);
                *end |= block.end;
            }
            None => events.push((packet.timestamp.0, (block.code, block.duration, block.end))),
        }
    }
    events.into_iter().map(|(_, event)| event).collect()
}

#[test]
fn of_a_telephone_event() {
    for (entry, rate) in transcoding_codecs().into_iter().chain([(pcmu(), 8000)]) {
        for (seed, takeover) in (0..).zip(TAKEOVERS) {
            let (mut world, [a, b]) = transcoded(seed, &entry, rate);
            tap_presses(&mut world, a);
            world.run_for(Duration::from_millis(2013));
            world.peer_mut(a).stream.press(7, millis(1200));
            world.run_for(millis(305));
            take_over(&mut world, a, takeover);
            world.run_for(Duration::from_secs(3));
            assert_eq!(presses(&world), [(7, 1200)], "{takeover:?}");
            let duration = u16::try_from(entry.codec.clock_rate / 1000 * 1200).unwrap();
            assert_eq!(events_heard(&world, b), [(7, duration, true)], "{takeover:?}");
            check(&world, [a, b], packets_in(takeover.0 + takeover.1) + 2);
        }
    }
}

/// The end comes in the pause: the press is reported all the same, once.
#[test]
fn of_a_telephone_event_that_ends_unseen() {
    let (mut world, [a, _]) = transcoded(1, &pcmu(), 8000);
    tap_presses(&mut world, a);
    world.run_for(Duration::from_millis(2013));
    world.peer_mut(a).stream.press(7, millis(400));
    world.run_for(millis(305));
    take_over(&mut world, a, (millis(0), millis(500)));
    world.run_for(Duration::from_secs(1));
    take_over(&mut world, a, (millis(0), millis(0)));
    world.run_for(Duration::from_secs(1));
    let [(7, duration)] = presses(&world)[..] else { panic!("{:?}", presses(&world)) };
    assert!((260..=320).contains(&duration), "{duration}");
}

fn ringing(cycles: Option<u32>) -> PlayerSpec {
    let cadence =
        vec![Burst { on: millis(400), off: millis(230) }, Burst { on: millis(90), off: millis(110) }];
    PlayerSpec::Tone(ToneSpec { cadence, cycles, ..ToneSpec::continuous(425.0, -10.0) })
}

/// A party that is fed by a player, with those codecs.
fn with_player(codecs: LegConfig, spec: PlayerSpec) -> (World, PeerId) {
    let mut world = World::new(3);
    let call = world.add_call();
    let a = world.add_peer(call, codecs);
    world.peer_mut(a).heard.keep_packets = true;
    let player = PlayerId::from_u64(world.new_id());
    world
        .apply(call, CallCommand::AddPlayer { player: Box::new(Player::new(player, spec).unwrap()) })
        .unwrap();
    world.feed(a, Source::Player(player));
    (world, a)
}

/// Without a pause, the packets are those of a call that nobody took over, to the last bit.
#[test]
fn of_a_tone_bit_by_bit() {
    let endless = PlayerSpec::Tone(ToneSpec::continuous(440.0, -13.0));
    for (spec, ends) in [(ringing(None), 0), (ringing(Some(3)), 1), (endless, 0)] {
        let run = |takeovers: bool| {
            let (mut world, a) = with_player(audio([pcmu()]), spec.clone());
            for _ in 0..7 {
                world.run_for(millis(533));
                if takeovers {
                    take_over(&mut world, a, (millis(0), millis(0)));
                }
            }
            let finished =
                world.events.iter().filter(|(_, event)| matches!(event, Event::PlayerFinished { .. }));
            let log = &world.peer(a).heard.log;
            let packet = |packet: &HeardPacket| {
                (packet.at, packet.ssrc, packet.sequence, packet.timestamp, packet.payload.clone())
            };
            (finished.count(), log.iter().map(packet).collect::<Vec<_>>())
        };
        let (alone, taken_over) = (run(false), run(true));
        assert_eq!(alone.0, ends);
        assert_eq!(alone, taken_over);
    }
}

#[test]
fn of_a_tone_after_a_pause() {
    for config in [audio([pcmu()]), audio([codec(18, "G729", 8000)])] {
        for takeover in TAKEOVERS {
            let (mut world, a) =
                with_player(config.clone(), PlayerSpec::Tone(ToneSpec::continuous(440.0, -13.0)));
            world.run_for(millis(1009));
            let before = world.now();
            take_over(&mut world, a, takeover);
            world.run_for(Duration::from_secs(1));
            let heard = &world.peer(a).heard;
            assert_eq!(heard.seam.check(), Ok(()));
            assert!(heard.missing() <= packets_in(takeover.0 + takeover.1));
            let (gap, packets) = longest_gap(&heard.log, before);
            assert!(gap < takeover.1 + millis(40), "{gap:?} for {takeover:?}");
            assert!(packets >= 49);
            let phases: Vec<u32> = heard.log.iter().map(|packet| packet.timestamp.0 % 160).collect();
            assert!(phases.iter().all(|phase| *phase == phases[0]), "the tick keeps its phase");
        }
    }
}

#[test]
fn of_a_conference() {
    for takeover in TAKEOVERS {
        let mut world = World::new(4);
        let call = world.add_call();
        let parties = [(); 3].map(|()| world.add_peer(call, audio([pcmu()])));
        let mix = MixId::from_u64(world.new_id());
        let inputs = parties.map(|peer| Source::Leg(world.peer(peer).leg)).to_vec();
        world.apply(call, CallCommand::AddMix { mix, spec: MixSpec { inputs } }).unwrap();
        for peer in parties {
            let voice = Voice::new(&pcmu(), 8000, &EncoderSettings::default(), hum);
            world.peer_mut(peer).stream.voice = Some(voice);
            world.peer_mut(peer).heard.keep_packets = true;
            world.feed(peer, Source::Mix(mix));
            world.start(peer);
        }
        world.run_for(millis(2017));
        let before = world.now();
        take_over(&mut world, parties[0], takeover);
        world.run_for(Duration::from_secs(2));
        for peer in parties {
            let heard = &world.peer(peer).heard;
            assert_eq!(heard.seam.check(), Ok(()));
            let (gap, packets) = longest_gap(&heard.log, before);
            assert!(gap <= takeover.1 + millis(85) && packets >= 95, "{gap:?}, {packets} for {takeover:?}");
        }
    }
}

fn hold(world: &mut World, parties: [PeerId; 2], direction: Direction) {
    for peer in parties {
        world.reinvite(peer, |config| config.direction = direction);
    }
}

#[test]
fn of_a_call_on_hold() {
    for takeover in TAKEOVERS {
        let mut world = World::new(5);
        let (a, b) = world.two_party_call();
        for peer in [a, b] {
            world.secure(peer, Suite::AesCm128HmacSha1_80, Library::WebRtc);
            world.start(peer);
        }
        world.run_for(millis(2019));
        hold(&mut world, [a, b], Direction::Inactive);
        world.run_for(Duration::from_secs(100));
        let before = world.peer(a).heard.packets;
        take_over(&mut world, a, takeover);
        world.run_for(Duration::from_secs(100));
        assert_eq!(world.peer(a).heard.packets, before, "nothing is sent on hold");
        hold(&mut world, [a, b], Direction::SendReceive);
        world.run_for(Duration::from_secs(2));
        for peer in [a, b] {
            let heard = &world.peer(peer).heard;
            assert_eq!((heard.seam.check(), heard.not_authentic), (Ok(()), 0));
            assert!(heard.packets > before + 90);
            let dropped = world.leg_statistics(peer).received.dropped;
            assert_eq!(dropped.total(), dropped.on_hold);
            assert!(dropped.on_hold > 9900, "the figures go on");
        }
    }
}

/// A call on hold, and one that has fallen silent, end when they would have ended.
#[test]
fn of_time_outs() {
    for (direction, expected) in
        [(Direction::Inactive, EndReason::HoldTimeout), (Direction::SendReceive, EndReason::MediaTimeout)]
    {
        let (media, hold_limit) = (Duration::from_secs(60), Duration::from_secs(300));
        let mut world = World::with_timeouts(6, media, hold_limit);
        let (a, b) = world.two_party_call();
        world.start(a);
        world.start(b);
        world.run_for(Duration::from_secs(10));
        [a, b].into_iter().for_each(|peer| world.stop(peer));
        hold(&mut world, [a, b], direction);
        let limit = if direction == Direction::Inactive { hold_limit } else { media };
        for _ in 0..4 {
            world.run_for(limit / 5);
            take_over(&mut world, a, TAKEOVERS[1]);
        }
        world.run_for(limit);
        let ended: Vec<_> = world
            .events
            .iter()
            .filter_map(|(at, event)| match event {
                Event::CallEnded { reason, .. } => Some((*at, *reason)),
                _ => None,
            })
            .collect();
        let [(at, reason)] = ended[..] else { panic!("{ended:?}") };
        assert_eq!(reason, expected);
        let expected = Time::from_millis(10_000) + limit;
        assert!(at >= expected && at < expected + Duration::from_secs(2), "{at:?}");
    }
}

/// A re-INVITE that repeats what was agreed before the takeover, keys and all, changes nothing.
#[test]
fn of_a_reinvite_afterwards() {
    for (entry, rate) in transcoding_codecs() {
        let (mut world, parties) = transcoded(7, &entry, rate);
        parties.into_iter().for_each(|peer| world.secure(peer, Suite::AesCm128HmacSha1_32, Library::WebRtc));
        world.run_for(millis(3003));
        take_over(&mut world, parties[0], TAKEOVERS[1]);
        for _ in 0..3 {
            world.run_for(millis(700));
            parties.into_iter().for_each(|peer| world.reinvite(peer, |_| {}));
        }
        check(&world, parties, 2 * packets_in(TAKEOVERS[1].1));
    }
}

/// While the party changes its key, the newest is saved: packets under the old one are refused then, and taken again when
/// the party has changed over.
#[test]
fn of_a_change_of_keys() {
    let mut world = World::new(8);
    let (a, b) = world.two_party_call();
    let suite = Suite::AesCm128HmacSha1_80;
    world.secure(a, suite, Library::Own);
    world.start(a);
    world.start(b);
    world.run_for(Duration::from_secs(2));
    let key = world.key(suite);
    let outbound = world.peer(a).config.srtp.as_ref().unwrap().outbound.clone();
    let keys = SrtpKeys { inbound: Some(key.clone()), inbound_mki: None, outbound };
    world.reinvite(a, |config| config.srtp = Some(keys));
    world.run_for(millis(100));
    take_over(&mut world, a, TAKEOVERS[0]);
    world.run_for(Duration::from_secs(1));
    assert!(world.leg_statistics(a).received.dropped.not_authentic > 40);
    world.peer_mut(a).protector.as_mut().unwrap().rekey(&key);
    let before = world.peer(b).heard.packets;
    world.run_for(Duration::from_secs(1));
    assert!(world.peer(b).heard.packets > before + 45);
    assert_eq!(world.peer(b).heard.seam.check(), Ok(()));
    assert_eq!(world.peer(a).heard.not_authentic, 0);
}

/// Reports go on: with the same name, without a figure that starts anew, with a delay that includes the pause.
#[test]
fn of_reports() {
    let mut world = World::new(9);
    let (a, b) = world.two_party_call();
    for peer in [a, b] {
        world.peer_mut(peer).reports_every = Some(Duration::from_secs(2));
        world.start(peer);
    }
    world.run_for(millis(30_021));
    take_over(&mut world, a, TAKEOVERS[2]);
    world.run_for(Duration::from_secs(30));
    for peer in [a, b] {
        let reports = &world.peer(peer).heard.reports;
        assert!(reports.len() >= 8);
        assert!(reports.iter().all(|report| report.cname == reports[0].cname));
        let counts: Vec<u32> =
            reports.iter().filter_map(|report| report.info).map(|info| info.packets).collect();
        assert!(counts.windows(2).all(|pair| pair[0] < pair[1]), "{counts:?}");
        let highest = reports.iter().filter_map(|report| report.blocks.first());
        let highest: Vec<u32> = highest.map(|block| block.highest_sequence).collect();
        assert!(highest.windows(2).all(|pair| pair[0] < pair[1]), "{highest:?}");
        for report in reports.iter().filter(|report| report.round_trip.is_some()) {
            let round_trip = report.round_trip.unwrap();
            assert!(
                round_trip >= millis(18) && round_trip <= millis(30),
                "{round_trip:?} at {:?}",
                report.at
            );
        }
        let received = world.leg_statistics(peer).received;
        assert!((20..30).contains(&received.lost), "the packets of the pause: {}", received.lost);
        assert!(received.jitter < millis(2), "{:?}", received.jitter);
    }
}

/// The clock of the machine that takes over is behind, far ahead, or years off: the call goes on.
#[test]
fn of_a_wall_clock_that_is_wrong() {
    for offset in [-10_000_000_000_i64, -3, 3, 10_000_000_000_000] {
        let (mut world, parties) = transcoded(10, &codec(18, "G729", 8000), 8000);
        parties.into_iter().for_each(|peer| world.secure(peer, Suite::AeadAes128Gcm, Library::Own));
        world.run_for(Duration::from_secs(2));
        let text = save(&world, call_of(&world, parties[0]));
        let mut snapshot: serde_json::Value = serde_json::from_str(&text).unwrap();
        let taken = snapshot["taken"].as_u64().unwrap();
        snapshot["taken"] = taken.saturating_add_signed(-offset).into();
        world.kill_session();
        restore(&mut world, &snapshot.to_string());
        let before = parties.map(|peer| world.peer(peer).heard.packets);
        world.run_for(Duration::from_secs(2));
        for (peer, before) in parties.into_iter().zip(before) {
            let heard = &world.peer(peer).heard;
            assert!(heard.packets > before + 90, "offset {offset}");
            assert_eq!(heard.not_authentic, 0);
        }
    }
}
