//! In the steady state a packet or a timer allocates nothing: neither in the core, whatever the leg does, nor in a real
//! worker with its sockets. The counting allocator sees the whole process, so this file has one test.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers of the tests: what is missing fails them"
)]

use std::net::{SocketAddr, UdpSocket};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::{
    AnalysisSpec, Burst, Codec, DigitSpec, Direction, DtmfDigit, EncoderSettings, Engine, Event, EventPolicy,
    Interface, LegConfig, PayloadCodec, PayloadType, Placement, Playlist, Prompt, PromptsSpec, RemoteAddress,
    Repeat, RoomMember, RoomRole, RoomSpec, SecureInput, Source, SpeechBargeIn, SrtpKeys, TapSide, ToneSpec,
    VadSettings,
};
use mediapoint_packet::rtp::{RtpHeader, RtpTicks, Seq, Ssrc};
use mediapoint_packet::{PacketBuf, Time};
use mediapoint_prompt::Audio;
use mediapoint_srtp::{MasterKey, Suite};
use mediapoint_testkit::{
    Library, LinkProfile, Mark, Protector, Voice, World, audio, codec, pcma, pcmu, telephone_event,
};

/// Calls of the allocator so far, in the whole process.
fn allocations() -> u64 {
    mediapoint_allocations::of_process().calls()
}

/// Those of this thread, on which a world runs. The runner of the tests has one of its own, which says when a test takes long.
fn allocations_here() -> u64 {
    mediapoint_allocations::of_thread().calls()
}

/// Packets and timers that each scene drives through.
const INPUTS: u64 = 20_000;

#[test]
fn a_packet_allocates_nothing() {
    assert!(allocations() > 0 && allocations_here() > 0, "the allocator counts");
    // First, since it counts the whole process: after 60 s the runner of the tests allocates to say that this one is slow.
    a_real_worker();
    relay();
    handed_over();
    for suite in Suite::ALL {
        srtp(suite, false, false);
        srtp(suite, true, false);
    }
    conversion();
    srtp(Suite::AesCm128HmacSha1_80, true, true);
    srtp(Suite::AeadAes128Gcm, false, true);
    three_listeners();
    what_is_refused();
    media_path();
    tone();
    prompts();
    audio_tap();
    analysis();
    speech_barge_in();
    stream_from_outside();
    mix_of_three();
    room();
    large_room();
    digits_kept_back();
    key_presses();
    digits();
}

/// Runs a world until it is in its steady state, then counts.
fn assert_steady(world: &mut World, name: &str) {
    assert_steady_with(world, name, |_| {});
}

/// The same, with something done each second from outside of the session.
fn assert_steady_with(world: &mut World, name: &str, mut each_second: impl FnMut(&mut World)) {
    for _ in 0..130 {
        each_second(world);
        world.run_for(Duration::from_secs(1));
    }
    world.set_probe(allocations_here);
    let before = world.inputs;
    while world.inputs < before + INPUTS {
        each_second(world);
        world.run_for(Duration::from_secs(1));
    }
    let inputs = world.inputs - before;
    assert_eq!(world.probed, 0, "{name}: calls of the allocator in {inputs} packets and timers");
}

/// A two-party call over rough paths, with RTCP both ways.
fn call(codecs: [PayloadCodec; 2]) -> (World, [mediapoint_testkit::PeerId; 2]) {
    let mut world = World::new(11);
    let call = world.add_call();
    let [a, b] = codecs.map(|codec| world.add_peer(call, audio([codec, telephone_event(101)])));
    world.connect(a, b);
    for peer in [a, b] {
        world.peer_mut(peer).set_links(LinkProfile::rough());
        world.peer_mut(peer).reports_every = Some(Duration::from_secs(5));
        world.peer_mut(peer).heard.keep_reports = false;
    }
    (world, [a, b])
}

fn relay() {
    let (mut world, parties) = call([pcmu(), pcmu()]);
    for party in parties {
        world.start(party);
    }
    assert_steady(&mut world, "relay");
}

/// Streams that a backend forwards by itself, taken back at each packet that is late or comes twice.
fn handed_over() {
    let mut world = World::new(11).through_kernel();
    let (a, b) = world.two_party_call();
    for party in [a, b] {
        let profile = LinkProfile { loss: 0.01, reorder: 0.001, duplicate: 0.001, ..LinkProfile::default() };
        world.peer_mut(party).set_links(profile);
        world.peer_mut(party).reports_every = Some(Duration::from_secs(5));
        world.peer_mut(party).heard.keep_reports = false;
        world.start(party);
    }
    assert_steady(&mut world, "handed over");
    assert!(world.kernel().taken > 20 && world.kernel().forwarded > INPUTS, "{:?}", world.kernel());
}

/// A room of eight, of whom three speak in turn, in several codecs and rates, with a coach.
fn room() {
    let mut world = World::new(12);
    let call = world.add_call();
    let room = world.add_room(call, RoomSpec::default());
    let codecs =
        [pcmu(), pcma(), codec(9, "G722", 8000), codec(18, "G729", 8000), pcmu(), pcmu(), pcmu(), pcma()];
    let mut parties = Vec::new();
    for (n, entry) in codecs.into_iter().enumerate() {
        let party = world.add_peer(call, audio([entry.clone()]));
        let turn = move |at: u64, rate: u32| {
            let speaks = at / u64::from(rate) % 4 == n as u64 % 4 && n < 4;
            if speaks { mediapoint_testkit::tone(500.0 + 60.0 * n as f64)(at, rate) } else { 0 }
        };
        world.peer_mut(party).stream.voice =
            Some(Voice::new(&entry, 8000, &EncoderSettings::default(), turn));
        world.peer_mut(party).set_links(LinkProfile::rough());
        parties.push(party);
    }
    for (n, party) in parties.iter().enumerate() {
        let role = match n {
            3 => RoomRole::Coach { agent: world.peer(parties[0]).leg },
            4 | 5 => RoomRole::Listener,
            _ => RoomRole::Member,
        };
        world.join_room(room, *party, RoomMember { role, ..RoomMember::default() }).expect("a member");
    }
    for party in parties {
        world.start(party);
    }
    assert_steady(&mut world, "room");
}

/// A room that is sent in slices: of seventy, of whom three speak.
fn large_room() {
    let mut world = World::new(13);
    let call = world.add_call();
    let room = world.add_room(call, RoomSpec { capacity: 70, ..RoomSpec::default() });
    for n in 0..70 {
        let party = world.add_peer(call, audio([pcmu()]));
        if n < 3 {
            let voice = mediapoint_testkit::tone(500.0 + 60.0 * f64::from(n));
            world.peer_mut(party).stream.voice =
                Some(Voice::new(&pcmu(), 8000, &EncoderSettings::default(), voice));
        }
        world.join_room(room, party, RoomMember::default()).expect("a member");
        world.start(party);
    }
    assert_steady(&mut world, "large room");
}

fn conversion() {
    let (mut world, parties) = call([pcmu(), pcma()]);
    for party in parties {
        world.start(party);
    }
    assert_steady(&mut world, "PCMU to PCMA");
}

fn srtp(suite: Suite, both: bool, convert: bool) {
    let (mut world, [a, b]) = call([pcmu(), if convert { pcma() } else { pcmu() }]);
    world.secure(a, suite, Library::Own);
    if both {
        world.secure(b, suite, Library::Own);
    }
    world.start(a);
    world.start(b);
    assert_steady(&mut world, suite.name());
}

/// Copies for further listeners come from the pool.
fn three_listeners() {
    let (mut world, [a, b]) = call([pcmu(), pcmu()]);
    let call = world.peer(a).call;
    for codec in [pcma(), pcmu()] {
        let listener = world.add_peer(call, audio([codec]));
        world.set_source(listener, Some(a));
    }
    world.start(a);
    world.start(b);
    assert_steady(&mut world, "three listeners");
}

/// Decoded and encoded again, through jitter, loss and concealment, between every two codecs but Opus, whose library
/// allocates as it likes; with pauses left out, and under SRTP.
fn media_path() {
    let every = [pcmu(), pcma(), codec(9, "G722", 8000), codec(18, "G729", 8000), codec(97, "L16", 16_000)];
    let every: Vec<_> = every.into_iter().filter(|entry| entry.codec.is_convertible()).collect();
    let others = every.iter().cycle().skip(2);
    for (from, to) in every.iter().zip(others) {
        let (mut world, parties) = call([from.clone(), to.clone()]);
        let [a, b] = parties;
        for (party, entry) in [(a, from), (b, to)] {
            let settings = EncoderSettings { dtx: true, ..EncoderSettings::default() };
            world.reinvite(party, |config| config.encoder = settings.clone());
            let stream = &mut world.peer_mut(party).stream;
            stream.voice = Some(Voice::new(entry, 8000, &settings, speech));
            stream.payload_type = entry.payload_type;
        }
        world.secure(a, Suite::AesCm128HmacSha1_80, Library::Own);
        for party in parties {
            world.start(party);
        }
        assert_steady(&mut world, &format!("{} to {}", from.codec.name(), to.codec.name()));
    }
}

/// A tone with a cadence to a leg without another one, in every codec but Opus.
fn tone() {
    let codecs = [pcmu(), codec(9, "G722", 8000), codec(18, "G729", 8000), codec(97, "L16", 16_000)];
    for entry in codecs.into_iter().filter(|entry| entry.codec.is_convertible()) {
        let (mut world, [a, b]) = call([entry.clone(), pcmu()]);
        let call = world.peer(a).call;
        let burst = Burst { on: Duration::from_millis(330), off: Duration::from_millis(170) };
        let spec = ToneSpec { cadence: vec![burst], ..ToneSpec::continuous(440.0, -10.0) };
        let player = world.add_tone(call, spec);
        world.feed(a, Source::Player(player));
        // So that the call does not end.
        world.start(b);
        assert_steady(&mut world, &format!("tone in {}", entry.codec.name()));
    }
}

/// A tap on a forwarded call and one on a transcoded call, at its rate and at another, read and not.
/// Prompts without end, as payloads that were made before, encoded here, and converted to another rate.
fn prompts() {
    for (entry, rate) in [
        (pcmu(), 8000),
        (codec(18, "G729", 8000), 8000),
        (PayloadCodec::new(PayloadType::new(96).unwrap(), Codec::OPUS), 16_000),
    ] {
        let mut samples = vec![0; rate as usize / 5];
        samples.extend((0..u64::from(rate)).map(|n| speech(n, rate)));
        let prompt = Prompt::new("music", Audio { rate, samples });
        for shared in [false, true] {
            let (mut world, [a, b]) = call([entry.clone(), pcmu()]);
            let call = world.peer(a).call;
            let playlist = Playlist { repeat: Repeat::FOREVER, ..Playlist::of([prompt.clone()]) };
            let spec = PromptsSpec { rate, shared, ..PromptsSpec::new(playlist, entry.clone()) };
            let player = world.add_prompts(call, spec);
            world.feed(a, Source::Player(player));
            // So that the call does not end.
            world.start(b);
            assert_steady(&mut world, &format!("prompts in {}", entry.codec.name()));
        }
    }
}

fn audio_tap() {
    for (entry, rate, reads) in
        [(pcmu(), 8000, true), (pcmu(), 16_000, false), (codec(18, "G729", 8000), 48_000, true)]
    {
        let (mut world, [a, b]) = call([pcmu(), entry]);
        let (_, mut reader) = world.tap_audio(a, TapSide::Both, rate, 100);
        world.start(a);
        world.start(b);
        assert_steady_with(&mut world, "audio tap", |_| while reads && reader.pop_with(|_| ()).is_some() {});
    }
}

/// A tap for an analysis on a forwarded call and on a transcoded call, through rough paths. What reads it is no worker.
fn analysis() {
    for entry in [pcmu(), codec(18, "G729", 8000), codec(97, "L16", 16_000)] {
        let (mut world, [a, b]) = call([entry.clone(), pcmu()]);
        let stream = &mut world.peer_mut(a).stream;
        stream.clock_rate = entry.codec.clock_rate;
        stream.voice = Some(Voice::new(&entry, 8000, &EncoderSettings::default(), speech));
        let leg = world.peer(a).leg;
        let speech = AnalysisSpec { answer: None, speech: Some(VadSettings::default()), leg };
        let mut running = world.analyse(a, speech);
        world.start(a);
        world.start(b);
        assert_steady_with(&mut world, &format!("analysis of {}", entry.codec), |world| {
            running.step(world.now());
        });
        assert!(running.found.len() > 100, "speech was found");
    }
}

/// Prompts whose party speaks too little to end them, at rates of their own.
fn speech_barge_in() {
    for (entry, rate) in [(pcmu(), 8000), (codec(97, "L16", 16_000), 16_000)] {
        let prompt = Prompt::new(
            "music",
            Audio { rate, samples: (0..u64::from(rate)).map(|n| speech(n, rate)).collect() },
        );
        let (mut world, [a, b]) = call([entry.clone(), pcmu()]);
        let (call, leg) = (world.peer(a).call, world.peer(a).leg);
        let stream = &mut world.peer_mut(a).stream;
        stream.clock_rate = entry.codec.clock_rate;
        stream.voice =
            Some(Voice::new(&entry, 8000, &EncoderSettings::default(), |n, rate| speech(n, rate) / 16));
        let playlist = Playlist { repeat: Repeat::FOREVER, ..Playlist::of([prompt]) };
        let barge_in = SpeechBargeIn::new(leg);
        let spec = PromptsSpec {
            rate,
            speech_barge_in: Some(barge_in),
            ..PromptsSpec::new(playlist, entry.clone())
        };
        let player = world.add_prompts(call, spec);
        world.feed(a, Source::Player(player));
        world.start(a);
        world.start(b);
        assert_steady(&mut world, &format!("prompts that speech ends in {}", entry.codec));
        assert!(world.statistics(call).legs[0].playout.is_some(), "the party is listened to");
    }
}

/// A stream that is late at times, with a writer that asks to be woken.
fn stream_from_outside() {
    for entry in [pcmu(), codec(18, "G729", 8000)] {
        let (mut world, [a, b]) = call([entry, pcmu()]);
        let call = world.peer(a).call;
        let (stream, mut writer) = world.add_stream(call, 16_000, 200);
        world.feed(a, Source::Stream(stream));
        world.start(b);
        let mut second = 0;
        assert_steady_with(&mut world, "stream", |_| {
            second += 1;
            for _ in 0..if second % 3 == 0 { 60 } else { 120 } {
                writer.push_with(|block| block.pcm.fill(1000));
            }
            let _ = writer.poll_ready(100, &mut Context::from_waker(Waker::noop()));
        });
    }
}

/// Three legs of different rates in a mix, over rough paths, with a player, and a tap on one.
fn mix_of_three() {
    let (mut world, [a, b]) = call([pcmu(), codec(18, "G729", 8000)]);
    let call = world.peer(a).call;
    let wide = codec(97, "L16", 16_000);
    let c = world.add_peer(call, audio([wide.clone()]));
    let stream = &mut world.peer_mut(c).stream;
    stream.voice = Some(Voice::new(&wide, 16_000, &EncoderSettings::default(), speech));
    stream.clock_rate = 16_000;
    let player = world.add_tone(call, ToneSpec::continuous(440.0, -30.0));
    let mut inputs = [a, b, c].map(|party| world.source_of(party)).to_vec();
    inputs.push(Source::Player(player));
    let mix = world.add_mix(call, &inputs);
    let (_, mut reader) = world.tap_audio(a, TapSide::Both, 8000, 100);
    for party in [a, b, c] {
        world.feed(party, Source::Mix(mix));
        world.start(party);
    }
    assert_steady_with(&mut world, "mix", |_| while reader.pop_with(|_| ()).is_some() {});
}

/// Key presses on a forwarded and on a transcoded call, with taps, and with what the party is not to know.
fn key_presses() {
    for policy in [EventPolicy::Forward, EventPolicy::Block, EventPolicy::Replace(15)] {
        for entry in [pcmu(), codec(18, "G729", 8000)] {
            let (mut world, [a, b]) = call([pcmu(), entry]);
            world.reinvite(a, |config| config.events = policy);
            let (_, room) = world.tap_keys(a);
            let (_, mut reader) = world.tap_audio(a, TapSide::Both, 8000, 100);
            world.start(a);
            world.start(b);
            assert_steady_with(&mut world, "key presses", |world| {
                world.peer_mut(a).stream.press(5, Duration::from_millis(100));
                room.give();
                while reader.pop_with(|_| ()).is_some() {}
            });
            let pressed = |(_, event): &&(Time, Event)| matches!(event, Event::KeyPressed { .. });
            assert!(world.events.iter().filter(pressed).count() > 200, "keys were pressed");
        }
    }
}

/// Digits that a leg is sent every second, as events and as tones, and events of its source that become tones.
fn digits() {
    let g729 = codec(18, "G729", 8000);
    for (of_b, events_agreed) in [(pcmu(), true), (g729.clone(), true), (g729, false)] {
        let (mut world, [a, b]) = call([pcmu(), of_b.clone()]);
        let agreed = if events_agreed { vec![of_b, telephone_event(101)] } else { vec![of_b] };
        world.reinvite(b, |config| config.codecs = agreed.clone());
        let (call, leg) = (world.peer(b).call, world.peer(b).leg);
        world.start(a);
        world.start(b);
        assert_steady_with(&mut world, "digits", |world| {
            let digits = [1, 11].map(|code| DigitSpec::new(DtmfDigit::from_code(code).unwrap())).to_vec();
            // A command may allocate.
            let probed = world.probed;
            world.apply(call, CallCommand::SendDigits { leg, digits }).unwrap();
            world.probed = probed;
            if !events_agreed {
                world.peer_mut(a).stream.press(5, Duration::from_millis(100));
            }
        });
        let sent = |(_, event): &&(Time, Event)| matches!(event, Event::DigitsSent { stopped: false, .. });
        assert!(world.events.iter().filter(sent).count() > 200, "digits were sent");
    }
}

/// Digits as events and tones under secure input, found for a tap, and tones that go on as events.
fn digits_kept_back() {
    for entry in [pcmu(), codec(9, "G722", 8000)] {
        for secure in [SecureInput::Random, SecureInput::Off] {
            let (mut world, [a, b]) = call([entry.clone(), pcmu()]);
            world.peer_mut(a).stream.voice =
                Some(Voice::new(&entry, 8000, &EncoderSettings::default(), digit));
            world.reinvite(a, |config| {
                (config.secure_input, config.tones_as_events) = (secure, !secure.is_on());
            });
            let (_, room) = world.tap_digits(a);
            world.start(a);
            world.start(b);
            let name = format!("digits kept back, {secure:?}, {}", entry.codec);
            assert_steady_with(&mut world, &name, |world| {
                world.peer_mut(a).stream.press(5, Duration::from_millis(100));
                (0..8).for_each(|_| room.give());
            });
            let pressed = |(_, event): &&(Time, Event)| matches!(event, Event::KeyPressed { .. });
            assert!(world.events.iter().filter(pressed).count() > 200, "keys were pressed");
        }
    }
}

/// Digit 5 for 100 ms of every 400.
fn digit(n: u64, rate: u32) -> i16 {
    let second = n % u64::from(rate);
    let time = f64::from(u32::try_from(second).unwrap_or(0)) / f64::from(rate);
    let wave = |hertz: f64| (time * hertz * std::f64::consts::TAU).sin();
    #[expect(clippy::cast_possible_truncation, reason = "tones within 16 bits")]
    let sample = ((wave(770.0) + wave(1336.0)) * 4000.0) as i16;
    if second % u64::from(rate / 5 * 2) < u64::from(rate / 10) { sample } else { 0 }
}

/// Loud for two seconds, then faint for one.
fn speech(n: u64, rate: u32) -> i16 {
    let wave = i16::try_from(n * 37 % 2001).unwrap_or(0) - 1000;
    if n / u64::from(rate) % 3 == 2 { wave / 200 } else { wave * 8 }
}

/// Refusals of every kind, and a leg on hold.
fn what_is_refused() {
    let (mut world, [a, b]) = call([pcmu(), pcmu()]);
    world.secure(a, Suite::AeadAes256Gcm, Library::Own);
    world.reinvite(b, |config| config.codecs.push(codec(13, "CN", 8000)));
    let stranger = world.add_stranger(a, "198.51.100.1:9".parse().unwrap());
    let corrupted = LinkProfile { corrupt: 0.2, ..LinkProfile::rough() };
    world.peer_mut(a).up.set_profile(corrupted);
    world.peer_mut(b).up.set_profile(corrupted);
    for peer in [a, b, stranger] {
        world.start(peer);
    }
    for minute in 1..40_u64 {
        world.after(Duration::from_secs(minute * 10), move |world| {
            let number = [0, 13, 111, 0].map(|number| PayloadType::new(number).unwrap());
            world.peer_mut(b).stream.payload_type = number[usize::try_from(minute % 4).unwrap()];
            if minute == 12 {
                world.reinvite(b, |config| config.direction = Direction::Inactive);
            }
        });
    }
    assert_steady(&mut world, "what is refused");
}

/// A call between plain PCMU and SRTP PCMA over loopback sockets: no thread of the process allocates.
fn a_real_worker() {
    let socket = || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        socket
    };
    let [a, b] = [socket(), socket()];
    let [a_rtcp, b_rtcp] = [socket(), socket()];
    a_rtcp.set_nonblocking(true).unwrap();
    b_rtcp.set_nonblocking(true).unwrap();
    let [inbound, outbound] = [(); 2].map(|()| MasterKey::generate(Suite::AesCm128HmacSha1_80).unwrap());
    let (engine, _events) = Engine::builder()
        .interface(Interface::new("default", "127.0.0.1".parse().unwrap()))
        .ports(23_000..=23_099)
        .pin(false)
        .build()
        .unwrap();
    let config = |codec, rtp: &UdpSocket, rtcp: &UdpSocket| LegConfig {
        codecs: vec![codec],
        remote: Some(RemoteAddress {
            rtp: rtp.local_addr().unwrap(),
            rtcp: Some(rtcp.local_addr().unwrap()),
        }),
        // Packets follow each other as fast as they can.
        max_packet_rate: Some(1_000_000),
        ..LegConfig::default()
    };
    let call = engine.create_call(mediapoint_engine::CallSpec::default()).unwrap();
    let placement = Placement::default();
    let plain = config(PayloadCodec::new(PayloadType::PCMU, Codec::PCMU), &a, &a_rtcp);
    let keys = SrtpKeys { inbound: Some(inbound.clone()), inbound_mki: None, outbound };
    let secure = LegConfig {
        srtp: Some(keys),
        ..config(PayloadCodec::new(PayloadType::PCMA, Codec::PCMA), &b, &b_rtcp)
    };
    let (leg_a, _) = call.open_leg(&placement, plain).unwrap();
    let (leg_b, _) = call.open_leg(&placement, secure).unwrap();
    drop(call.connect(leg_a.id, leg_b.id).unwrap());

    let mut protector = Protector::new(&inbound, Library::Own).unwrap();
    let mut run = Run {
        from_a: (0..BATCHES * BATCH).map(|n| packet(PayloadType::PCMU, n)).collect(),
        from_b: (0..BATCHES * BATCH)
            .map(|n| {
                let mut packet = packet(PayloadType::PCMA, n);
                assert!(protector.rtp(&mut packet));
                packet
            })
            .collect(),
        next: 0,
        reports: 0,
    };
    let sockets = [(&a, leg_a.rtp), (&b, leg_b.rtp)];
    let deadline = Instant::now() + Duration::from_secs(40);
    for _ in 0..20 {
        run.batch(sockets, [&a_rtcp, &b_rtcp]);
    }
    // Once all is learnt, a first report has gone out on each side, and what led to it is over.
    while run.reports < 2 {
        run.slow_batch(sockets, [&a_rtcp, &b_rtcp]);
        assert!(Instant::now() < deadline, "no reports");
    }
    let before = (allocations(), run.next, run.reports);
    while run.next < before.1 + 10_000 || run.reports < before.2 + 2 {
        if run.next < before.1 + 10_000 {
            run.batch(sockets, [&a_rtcp, &b_rtcp]);
        } else {
            run.slow_batch(sockets, [&a_rtcp, &b_rtcp]);
        }
        assert!(Instant::now() < deadline, "no reports");
    }
    let (after, packets) = (allocations(), (run.next - before.1) * 2);
    assert!(packets >= 20_000);
    assert_eq!(after - before.0, 0, "calls of the allocator in {packets} packets through a worker");
    engine.shutdown();
}

const BATCH: u32 = 32;
const BATCHES: u32 = 1000;

struct Run {
    from_a: Vec<PacketBuf>,
    from_b: Vec<PacketBuf>,
    next: usize,
    reports: u32,
}

impl Run {
    /// Sends some packets both ways and waits for all of them.
    fn batch(&mut self, sockets: [(&UdpSocket, SocketAddr); 2], rtcp: [&UdpSocket; 2]) {
        self.exchange(sockets, rtcp, BATCH as usize);
    }

    /// One packet each way, a tick apart.
    fn slow_batch(&mut self, sockets: [(&UdpSocket, SocketAddr); 2], rtcp: [&UdpSocket; 2]) {
        self.exchange(sockets, rtcp, 1);
    }

    fn exchange(
        &mut self,
        [(a, to_a), (b, to_b)]: [(&UdpSocket, SocketAddr); 2],
        rtcp: [&UdpSocket; 2],
        count: usize,
    ) {
        let range = self.next..self.next + count;
        for (from_a, from_b) in self.from_a[range.clone()].iter().zip(&self.from_b[range]) {
            a.send_to(from_a.bytes(), to_a).unwrap();
            b.send_to(from_b.bytes(), to_b).unwrap();
        }
        self.next += count;
        let mut buffer = [0; 2048];
        for _ in 0..count {
            let at_b = b.recv(&mut buffer).expect("a packet at b");
            assert_eq!(at_b, 182, "SRTP with its tag");
            let at_a = a.recv(&mut buffer).expect("a packet at a");
            assert_eq!(at_a, 172, "plain RTP");
        }
        for socket in rtcp {
            while socket.recv(&mut buffer).is_ok() {
                self.reports += 1;
            }
        }
    }
}

fn packet(payload_type: PayloadType, number: u32) -> PacketBuf {
    let mut bytes = [0x2a; 172];
    let header = RtpHeader {
        marker: false,
        payload_type,
        sequence: Seq(u16::try_from(number & 0xffff).unwrap()),
        timestamp: RtpTicks(number * 160),
        ssrc: Ssrc(5),
    };
    header.write(&mut bytes).unwrap();
    Mark { tag: 1, number }.write(&mut bytes[12..]);
    PacketBuf::copy_of(&bytes).unwrap()
}
