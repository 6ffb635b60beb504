//! An audio tap on a forwarded call: what goes over the wire is, packet for packet, what it would be without the tap, and the
//! tap reads both directions as they were sent, sample by sample, in one time line without a hole.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of the tests: what is missing fails them"
)]

use std::time::Duration;

use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::{EncoderSettings, FrameKind, PayloadCodec, TapFrame, TapSide};
use mediapoint_g711::{Law, decode, encode};
use mediapoint_net::ring::Consumer;
use mediapoint_srtp::Suite;
use mediapoint_testkit::{HeardPacket, Library, PeerId, Random, Voice, World, audio, pcma, pcmu};

/// Until the jitter buffer has settled on a delay it may make audio longer or shorter. Nothing is compared before.
const SETTLED: Duration = Duration::from_secs(2);

const SECONDS: u64 = 8;

/// Noise, so that no two places are alike.
#[expect(clippy::cast_possible_truncation, reason = "16 bits of it are wanted")]
fn noise(seed: u64) -> impl Fn(u64, u32) -> i16 {
    move |n, _| Random::new(seed << 32 | n).next_u64() as i16
}

struct Scene {
    world: World,
    a: PeerId,
    b: PeerId,
    laws: [Law; 2],
}

impl Scene {
    /// A call that has not begun yet.
    fn new(codecs: [PayloadCodec; 2], suite: Option<Suite>) -> Self {
        let laws = [0, 1].map(|n: usize| if codecs[n] == pcmu() { Law::Mu } else { Law::A });
        let mut world = World::new(6);
        let call = world.add_call();
        let [a, b] = codecs.clone().map(|entry| world.add_peer(call, audio([entry])));
        world.connect(a, b);
        for (n, party) in [a, b].into_iter().enumerate() {
            if let Some(suite) = suite {
                // What goes over the wire is compared: no key may depend on what else the world draws.
                world.secure(party, suite, Library::Own);
            }
            let voice = Voice::new(&codecs[n], 8000, &EncoderSettings::default(), noise(n as u64 + 1));
            let peer = world.peer_mut(party);
            peer.stream.voice = Some(voice.kept());
            peer.heard.keep_packets = true;
        }
        Self { world, a, b, laws }
    }

    fn run(&mut self) {
        self.world.start(self.a);
        self.world.run_for(Duration::from_millis(7));
        self.world.start(self.b);
        self.world.run_for(Duration::from_secs(SECONDS));
    }

    fn spoken(&self, party: PeerId) -> &[i16] {
        &self.world.peer(party).stream.voice.as_ref().unwrap().said_pcm
    }

    fn log(&self, party: PeerId) -> &[HeardPacket] {
        &self.world.peer(party).heard.log
    }

    /// What a party hears is, octet for octet, what the other one sent, in the law it speaks.
    fn check_forwarded(&self) {
        for (from, to, laws) in [(self.a, self.b, self.laws), (self.b, self.a, [self.laws[1], self.laws[0]])]
        {
            let heard: Vec<u8> = self.log(to).iter().flat_map(|packet| packet.payload.clone()).collect();
            let mut sent: Vec<u8> = self.spoken(from).iter().map(|&sample| encode(laws[0], sample)).collect();
            match laws {
                [Law::Mu, Law::A] => mediapoint_g711::mu_to_a_in_place(&mut sent),
                [Law::A, Law::Mu] => mediapoint_g711::a_to_mu_in_place(&mut sent),
                _ => {}
            }
            assert!(heard.len() > 8000 * (usize::try_from(SECONDS).unwrap() - 1));
            assert!(sent.len() - heard.len() <= 2 * 160, "all that is not under way");
            assert_eq!(heard, sent[..heard.len()]);
            assert!(self.log(to).iter().all(|packet| packet.payload.len() == 160));
            let check = &self.world.peer(to).heard;
            assert_eq!((check.seam.check(), check.missing(), check.not_authentic), (Ok(()), 0, 0));
        }
        assert_eq!(self.world.buffers_lost(), 0);
    }
}

/// What a tap read, both channels in one time line from its first sample on.
struct Tapped {
    received: Vec<i16>,
    sent: Vec<i16>,
    kinds: Vec<(FrameKind, FrameKind)>,
    /// Position of the first frame.
    begin: u64,
}

fn read(reader: &mut Consumer<TapFrame>) -> Tapped {
    let mut tapped = Tapped { received: Vec::new(), sent: Vec::new(), kinds: Vec::new(), begin: 0 };
    while let Some(()) = reader.pop_with(|frame| {
        if tapped.kinds.is_empty() {
            tapped.begin = frame.position;
        }
        let begin = tapped.begin;
        assert!(begin < 8000 / 2, "audio of the first packets");
        assert_eq!(frame.position - begin, tapped.received.len() as u64, "no hole in the time line");
        assert_eq!(frame.received.pcm().len(), frame.sent.pcm().len());
        tapped.received.extend_from_slice(frame.received.pcm());
        tapped.sent.extend_from_slice(frame.sent.pcm());
        tapped.kinds.push((frame.received.kind, frame.sent.kind));
    }) {}
    tapped
}

/// The one delay at which a channel is what was said, from `SETTLED` on, in samples.
#[track_caller]
fn delay(channel: &[i16], said: &[i16], law: Law) -> i64 {
    let said: Vec<i16> = said.iter().map(|&sample| decode(law, encode(law, sample))).collect();
    let from = usize::try_from(SETTLED.as_millis()).unwrap() * 8;
    let fits = |delay: i64| {
        let same = |n: usize| said.get(usize::try_from(n as i64 - delay).unwrap()) == Some(&channel[n]);
        (from..from + 50).all(same) && (from..channel.len()).all(same)
    };
    let found: Vec<i64> = (-1600..1600).filter(|delay| fits(*delay)).collect();
    assert_eq!(found.len(), 1, "the channel is what was said, at one delay");
    found[0]
}

fn cases() -> Vec<([PayloadCodec; 2], Option<Suite>)> {
    let mut cases = vec![([pcmu(), pcmu()], None), ([pcma(), pcma()], None), ([pcmu(), pcma()], None)];
    cases.extend(Suite::ALL.map(|suite| ([pcmu(), pcmu()], Some(suite))));
    cases
}

#[test]
fn which_reads_both_directions_in_one_time_line() {
    for (codecs, suite) in cases() {
        let mut scene = Scene::new(codecs.clone(), suite);
        let (tap, mut reader) = scene.world.tap_audio(scene.a, TapSide::Both, 8000, 1000);
        scene.run();
        scene.check_forwarded();
        let tapped = read(&mut reader);
        assert!(tapped.received.len() > 8000 * (usize::try_from(SECONDS).unwrap() - 1));
        let received = delay(&tapped.received, scene.spoken(scene.a), scene.laws[0]);
        let sent = delay(&tapped.sent, scene.spoken(scene.b), scene.laws[1]);
        // `b` began 7 ms after `a`; what came at one moment is within a tick of each other.
        let apart = (sent - received) - 7 * 8;
        assert!(apart.abs() <= 160, "{apart} samples apart");
        let settled = usize::try_from(SETTLED.as_millis() / 20).unwrap();
        assert!(tapped.kinds[settled..].iter().all(|kinds| *kinds == (FrameKind::Audio, FrameKind::Audio)));
        let statistics = scene.world.statistics(scene.world.peer(scene.a).call).taps;
        assert_eq!(statistics.len(), 1);
        assert_eq!((statistics[0].0, statistics[0].1.dropped), (tap, 0));
        assert_eq!(statistics[0].1.frames, tapped.kinds.len() as u64);
    }
}

#[test]
fn and_nothing_on_the_wire_is_other_than_without_it() {
    for (codecs, suite) in cases() {
        let mut without = Scene::new(codecs.clone(), suite);
        without.run();
        for side in [TapSide::Both, TapSide::Received, TapSide::Sent] {
            let mut with = Scene::new(codecs.clone(), suite);
            let (tap, _reader) = with.world.tap_audio(with.a, side, 8000, 100);
            // It goes in the middle of the call.
            let (call, a, b) = (with.world.peer(with.a).call, with.a, with.b);
            with.world.after(Duration::from_secs(5), move |world| {
                world.apply(call, CallCommand::RemoveTap { tap }).unwrap();
            });
            with.run();
            with.check_forwarded();
            assert_eq!(with.log(a), without.log(a));
            assert_eq!(with.log(b), without.log(b));
        }
    }
}

#[test]
fn which_reads_one_direction_where_it_is_asked_for_one() {
    for side in [TapSide::Received, TapSide::Sent] {
        let mut scene = Scene::new([pcmu(), pcma()], None);
        let (_, mut reader) = scene.world.tap_audio(scene.a, side, 8000, 1000);
        scene.run();
        let tapped = read(&mut reader);
        let (channel, other, said, law) = match side {
            TapSide::Received => (&tapped.received, &tapped.sent, scene.spoken(scene.a), Law::Mu),
            _ => (&tapped.sent, &tapped.received, scene.spoken(scene.b), Law::A),
        };
        delay(channel, said, law);
        assert!(other.iter().all(|&sample| sample == 0), "the other is silence");
    }
}

/// A tap added in the middle of a call, read too late: what does not fit is counted, and the time line steps over it.
#[test]
fn which_counts_what_its_reader_is_too_slow_for() {
    let mut scene = Scene::new([pcmu(), pcmu()], None);
    scene.run();
    let (tap, mut reader) = scene.world.tap_audio(scene.a, TapSide::Both, 8000, 50);
    scene.world.run_for(Duration::from_secs(3));
    let first = read(&mut reader);
    assert_eq!(first.kinds.len(), 50);
    scene.world.run_for(Duration::from_millis(500));
    let mut positions = Vec::new();
    let mut dropped = Vec::new();
    while let Some(position) = reader.pop_with(|frame| {
        dropped.push(frame.dropped);
        frame.position
    }) {
        positions.push(position);
    }
    let statistics = scene.world.statistics(scene.world.peer(scene.a).call).taps[0].1;
    assert_eq!(scene.world.statistics(scene.world.peer(scene.a).call).taps[0].0, tap);
    assert_eq!(positions.len() as u64 + 50, statistics.frames);
    assert_eq!(positions[0], first.begin + (50 + statistics.dropped) * 160, "it steps by what was dropped");
    assert_eq!(dropped[0], statistics.dropped * 160, "and says that these were dropped");
    assert!(dropped[1..].iter().all(|&dropped| dropped == 0));
    assert!(positions.windows(2).all(|pair| pair[1] == pair[0] + 160));
    scene.check_forwarded();
}
