//! Media that is blocked or silenced on its way: forwarded and encoded, with and without SRTP, for one party or one listener,
//! in a mix, across re-INVITEs, snapshots and moves. What is sent keeps its SSRC, its numbers have no gap, and its timestamps
//! follow the clock; telephone events and RTCP go on.

#![expect(clippy::unwrap_used, reason = "helpers of the tests: what is missing fails them")]

mod chance;
mod codecs;
mod flows;
mod lasting;

use std::time::Duration;

use mediapoint_engine::{EncoderSettings, Event, MediaPolicy, PayloadCodec};
use mediapoint_packet::Time;
use mediapoint_packet::rtp::PayloadType;
use mediapoint_srtp::Suite;
use mediapoint_testkit::{
    Ear, HeardPacket, Library, PeerId, Voice, World, audio, codec, pcma, pcmu, telephone_event, tone,
};

pub(crate) const TONE: f64 = 437.0;

/// From the engine to a party.
pub(crate) const ON_THE_WAY: Duration = Duration::from_millis(10);

/// How what the party says reaches the far end, and whether that is encrypted.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    pub(crate) to: PayloadCodec,
    pub(crate) secure: bool,
}

/// Forwarded as it is and in the other law, and encoded.
pub(crate) fn ways() -> Vec<Way> {
    let way = |to: &PayloadCodec| [false, true].map(|secure| Way { to: to.clone(), secure });
    [pcmu(), pcma(), codec(97, "L16", 8000)].iter().flat_map(way).collect()
}

/// A party that says a tone to a far end, which keeps what it hears and is silent.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) way: Way,
    pub(crate) party: PeerId,
    pub(crate) far: PeerId,
}

impl Scene {
    pub(crate) fn new(way: Way) -> Self {
        let mut world = World::new(3);
        let call = world.add_call();
        let party = world.add_peer(call, audio([pcmu(), telephone_event(101)]));
        let far = world.add_peer(call, audio([way.to.clone(), telephone_event(101)]));
        world.connect(party, far);
        world.tap_keys(party);
        if way.secure {
            world.secure(far, Suite::AesCm128HmacSha1_80, Library::WebRtc);
        }
        world.peer_mut(far).heard.keep_packets = true;
        world.peer_mut(party).stream.voice =
            Some(Voice::new(&pcmu(), 8000, &EncoderSettings::default(), tone(TONE)));
        world.start(party);
        Self { world, way, party, far }
    }

    pub(crate) fn run(&mut self, millis: u64) {
        self.world.run_for(Duration::from_millis(millis));
    }

    pub(crate) fn set(&mut self, media: MediaPolicy) {
        self.world.reinvite(self.party, |config| config.media = media);
    }

    /// Audio packets that the far end was sent from then on.
    pub(crate) fn audio_since(&self, since: Time) -> Vec<&HeardPacket> {
        let events = PayloadType::new(101).unwrap();
        let log = self.world.peer(self.far).heard.log.iter();
        log.filter(|packet| packet.at >= since + ON_THE_WAY && packet.payload_type != events).collect()
    }

    pub(crate) fn ear(&self) -> Ear {
        let log: Vec<_> = self.audio_since(Time::ZERO).into_iter().cloned().collect();
        Ear::new(&log, std::slice::from_ref(&self.way.to), 8000)
    }

    pub(crate) fn blocked(&self) -> u64 {
        self.world.leg_statistics(self.party).received.dropped.blocked
    }

    pub(crate) fn presses(&self) -> usize {
        let events = self.world.events.iter();
        events.filter(|(_, event)| matches!(event, Event::KeyPressed { .. })).count()
    }

    /// No seam, no number missing, nothing refused by the far end's SRTP.
    #[track_caller]
    pub(crate) fn check(&self) {
        let heard = &self.world.peer(self.far).heard;
        assert_eq!(heard.seam.check(), Ok(()), "{:?}", self.way);
        assert_eq!((heard.missing(), heard.not_authentic), (0, 0), "{:?}", self.way);
        assert_eq!(self.world.buffers_lost(), 0);
    }
}

/// The loudest sample.
pub(crate) fn peak(pcm: &[i16]) -> u16 {
    pcm.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0)
}

#[test]
fn what_is_blocked_is_not_sent_and_events_are() {
    for way in ways() {
        let mut scene = Scene::new(way);
        scene.run(1005);
        scene.set(MediaPolicy::Block);
        let begin = scene.world.now();
        scene.run(500);
        scene.world.peer_mut(scene.party).stream.press(5, Duration::from_millis(200));
        scene.run(1500);
        assert_eq!(scene.audio_since(begin).len(), 0, "{:?}", scene.way);
        let events = scene.world.peer(scene.far).heard.log.iter().filter(|packet| packet.at > begin).count();
        assert!(events >= 10, "{events} packets of the event, {:?}", scene.way);
        assert_eq!(scene.presses(), 1);
        let received = scene.world.leg_statistics(scene.party).received;
        assert!(received.packets >= 149 && received.lost == 0, "{received:?}");
        if scene.way.to.codec.is_g711() {
            assert!((85..=90).contains(&scene.blocked()), "{} blocked", scene.blocked());
        }
        let end = scene.world.now();
        scene.set(MediaPolicy::Forward);
        scene.run(1000);
        let after = scene.audio_since(end);
        assert!((48..=51).contains(&after.len()), "{} packets, {:?}", after.len(), scene.way);
        // What follows a time without packets begins a talkspurt.
        let marked: Vec<bool> = after.iter().map(|packet| packet.marker).collect();
        assert_eq!(marked.iter().filter(|marked| **marked).count(), 1, "{:?}", scene.way);
        assert!(marked[0], "{:?}", scene.way);
        scene.check();
    }
}

#[test]
fn what_is_silenced_is_sent_as_silence_in_the_same_packets() {
    for way in ways() {
        let mut scene = Scene::new(way);
        scene.run(1005);
        scene.set(MediaPolicy::Silence);
        let begin = scene.world.now();
        scene.run(1000);
        let end = scene.world.now();
        scene.set(MediaPolicy::Forward);
        scene.run(1000);
        let count = scene.audio_since(begin).len();
        assert!((98..=101).contains(&count), "{count} packets go on, {:?}", scene.way);
        scene.check();
        let ear = scene.ear();
        assert_eq!(ear.missing(), 0, "{:?}", scene.way);
        let sample = |at: Time| ear.arrivals.iter().find(|(came, _)| *came >= at + ON_THE_WAY).unwrap().1;
        let (from, to) = (sample(begin), sample(end));
        // 5 ms in which the tone falls, and a packet on the way on the media path.
        let silent = &ear.pcm[from + 40..to - 160];
        assert!(silent.len() > 7000);
        assert!(peak(silent) <= 8, "{} in {:?}", peak(silent), scene.way);
        for spoken in [&ear.pcm[from - 1600..from - 160], &ear.pcm[to + 800..to + 4000]] {
            assert!(peak(spoken) > 7500, "{} in {:?}", peak(spoken), scene.way);
        }
        // No step is greater than those of the tone itself: 8000 times 437 Hz at 8 kHz, and G.711's quantisation.
        let step = ear.pcm.windows(2).map(|two| (i32::from(two[1]) - i32::from(two[0])).abs()).max();
        assert!(step.unwrap() < 3300, "a click of {step:?} in {:?}", scene.way);
        let marked = scene.audio_since(begin).iter().filter(|packet| packet.marker).count();
        assert_eq!(marked, 0, "no talkspurt begins, {:?}", scene.way);
        assert_eq!(scene.blocked(), 0);
    }
}

#[test]
fn reports_go_on_while_media_is_blocked() {
    for media in [MediaPolicy::Block, MediaPolicy::Silence] {
        let mut scene = Scene::new(ways()[0].clone());
        scene.world.peer_mut(scene.party).reports_every = Some(Duration::from_secs(1));
        scene.run(2000);
        scene.set(media);
        let before = scene.world.peer(scene.far).heard.compounds;
        let taken = scene.world.leg_statistics(scene.party).received.rtcp_packets;
        scene.run(30_000);
        let heard = &scene.world.peer(scene.far).heard;
        assert!(heard.compounds >= before + 4, "{media:?}: {} reports", heard.compounds - before);
        let infos = heard.reports.iter().filter_map(|report| Some((report.at, report.info?)));
        let infos: Vec<_> = infos.collect();
        // A report's timestamp is that of its time, whatever was sent last.
        let ((first_at, first), (last_at, last)) = (infos[0], infos[infos.len() - 1]);
        let ticks = i64::from(last.rtp.distance_from(first.rtp));
        let between = i64::try_from(last_at.since(first_at).as_millis() * 8).unwrap();
        assert!((ticks - between).abs() < 800, "{ticks} in {between}");
        assert_eq!(scene.world.leg_statistics(scene.party).received.rtcp_packets, taken);
        scene.set(MediaPolicy::Forward);
        scene.run(200);
        scene.check();
    }
}

#[test]
fn comfort_noise_is_told_to_be_silent() {
    let noise = codec(13, "CN", 8000);
    let mut world = World::new(9);
    let call = world.add_call();
    let [a, b] = [(); 2].map(|()| world.add_peer(call, audio([pcmu(), noise.clone()])));
    world.connect(a, b);
    world.peer_mut(b).heard.keep_packets = true;
    world.reinvite(a, |config| config.media = MediaPolicy::Silence);
    let (key, from) = (mediapoint_testkit::rtp_port(world.peer(a).slot), world.peer(a).address);
    for n in 0..3_u8 {
        let mut packet = vec![0x80, 13, 0, n, 0, 0, n * 4, 0, 0, 0, 0, 7];
        packet.extend([50, 100, 120]);
        world.inject(key, from, &packet);
        world.run_for(Duration::from_millis(128));
    }
    let heard: Vec<_> = world.peer(b).heard.log.iter().map(|packet| packet.payload.clone()).collect();
    assert_eq!(heard, vec![vec![127, 100, 120]; 3]);
}
