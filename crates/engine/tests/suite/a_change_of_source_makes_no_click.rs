//! A leg whose source changes, leg to tone to tone to silence and back, makes no click at its party: the spectrum around a
//! change holds hardly more beside the signals than it does anywhere, in every codec, encoded and forwarded. And the headers
//! go on: sequence numbers by one, timestamps on the clock, one SSRC.
//!
//! What a party hears is taken to be every packet decoded in turn, and silence where the timestamps leave more than a packet
//! out: a gap or an overlap of less is what a jitter buffer makes up for.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of the tests: what is missing fails them"
)]

use std::time::Duration;

use mediapoint_codec::decoder;
use mediapoint_engine::{
    Codec, EncoderSettings, LegConfig, PacketTime, PayloadCodec, PayloadType, Source, ToneSpec,
};
use mediapoint_packet::Time;
use mediapoint_testkit::{
    HeardPacket, PeerId, Random, Spectrum, Voice, World, audio, codec, pcma, pcmu, tone,
};

/// What the other leg's party says, and what the players play, in hertz.
const SPOKEN: f64 = 437.0;
const TONES: [f32; 2] = [350.0, 610.0];

/// Milliseconds of a window of the spectrum.
const WINDOW: u32 = 20;

/// A click is what is above this frequency, in hertz: far from all signals.
const ABOVE: f64 = 2000.0;

fn opus() -> PayloadCodec {
    PayloadCodec::new(PayloadType::new(96).unwrap(), Codec::OPUS)
}

/// One way from the other leg to the party.
#[derive(Debug, Clone)]
struct Case {
    from: PayloadCodec,
    to: PayloadCodec,
    packet_time: u64,
    /// How much louder a change may be than the loudest of what is not near one, in dB.
    louder: f64,
    /// Least level that counts, in dBm0: with `louder` just above what the quantisation of G.711 leaves beside a signal.
    floor: f64,
}

impl Case {
    fn new(from: PayloadCodec, to: PayloadCodec, packet_time: u64, louder: f64) -> Self {
        Self { from, to, packet_time, louder, floor: -50.0 }
    }

    fn rate(&self) -> u32 {
        if self.to.codec == Codec::OPUS { 16_000 } else { 8000 }
    }

    fn name(&self) -> String {
        format!("{} to {}, {} ms", self.from.codec.name(), self.to.codec.name(), self.packet_time)
    }
}

fn cases() -> Vec<Case> {
    let (g729, l16) = (codec(18, "G729", 8000), codec(97, "L16", 8000));
    let mut cases = Vec::new();
    for packet_time in [10, 20, 30] {
        cases.extend([
            Case::new(pcmu(), g729.clone(), packet_time, 6.0),
            Case::new(l16.clone(), pcmu(), packet_time, 6.0),
            Case::new(pcmu(), l16.clone(), packet_time, 6.0),
            Case::new(pcmu(), opus(), packet_time, 6.0),
        ]);
    }
    // Forwarded, as it is or in the other law.
    cases.push(Case::new(pcmu(), pcmu(), 20, 6.0));
    cases.push(Case::new(pcma(), pcmu(), 20, 6.0));
    cases
}

/// What a party heard, and where the audio of each packet begins in it.
struct Heard {
    pcm: Vec<i16>,
    begins: Vec<(Time, usize)>,
}

impl Heard {
    fn new(log: &[HeardPacket], entry: &PayloadCodec, rate: u32) -> Self {
        let mut decoder = decoder(&entry.codec, rate).unwrap();
        let mut heard = Self { pcm: Vec::new(), begins: Vec::new() };
        let mut end = None;
        for packet in log {
            let mut pcm = vec![0; 6000];
            let samples = decoder.decode(&packet.payload, &mut pcm).unwrap().samples;
            let ticks = u32::try_from(samples).unwrap() * (entry.codec.clock_rate / 1000) / (rate / 1000);
            let gap = end.map_or(0, |end| packet.timestamp.distance_from(end));
            if i64::from(gap) > i64::from(ticks) {
                let silence = usize::try_from(gap).unwrap() * rate as usize / entry.codec.clock_rate as usize;
                heard.pcm.extend(std::iter::repeat_n(0, silence));
            }
            heard.begins.push((packet.at, heard.pcm.len()));
            heard.pcm.extend_from_slice(&pcm[..samples]);
            end = Some(packet.timestamp.wrapping_add(ticks));
        }
        heard
    }

    /// Samples around what was sent first after `at`: from a packet before it on, for 150 ms.
    fn around(&self, at: Time, rate: u32) -> (usize, usize) {
        let way = Duration::from_millis(10);
        let first = self.begins.iter().find(|(heard, _)| *heard >= at + way);
        let begin = first.map_or(self.pcm.len(), |(_, begin)| *begin);
        (begin.saturating_sub(rate as usize * 40 / 1000), begin + rate as usize * 150 / 1000)
    }
}

/// The loudest that is beside the signals around the changes, and elsewhere, in dBm0.
fn levels(heard: &Heard, changes: &[Time], rate: u32) -> (f64, f64) {
    let spectrum = Spectrum::new(&heard.pcm, rate, WINDOW);
    let level = |range| spectrum.loudest_beside(range, ABOVE, (&[], 0.0));
    let ranges: Vec<(usize, usize)> = changes.iter().map(|at| heard.around(*at, rate)).collect();
    let near = ranges.iter().map(|range| level(*range)).fold(f64::MIN, f64::max);
    let window = rate as usize * WINDOW as usize / 1000;
    let begins: Vec<usize> = ranges.iter().map(|range| range.1 + window).collect();
    let ends = ranges.iter().skip(1).map(|range| range.0.saturating_sub(window));
    let far = begins.iter().zip(ends.chain([heard.pcm.len() - window]));
    let far = far.filter(|(begin, end)| *begin < end).map(|(begin, end)| level((*begin, end)));
    (near, far.fold(f64::MIN, f64::max))
}

struct Scene {
    world: World,
    party: PeerId,
    sources: Vec<Source>,
    changes: Vec<Time>,
    case: Case,
}

impl Scene {
    fn new(case: &Case) -> Self {
        let mut world = World::new(12);
        let call = world.add_call();
        let other = world.add_peer(call, audio([case.from.clone()]));
        let packet_time = PacketTime::WhereEncoded(Duration::from_millis(case.packet_time));
        let party = world.add_peer(call, LegConfig { packet_time, ..audio([case.to.clone()]) });
        let heard = &mut world.peer_mut(party).heard;
        (heard.keep_packets, heard.clock_rate) = (true, case.to.codec.clock_rate);
        // A packet and the time for which audio waits in the jitter buffer.
        heard.seam.set_tolerance(Duration::from_millis(100));
        let stream = &mut world.peer_mut(other).stream;
        stream.voice = Some(Voice::new(&case.from, 48_000, &EncoderSettings::default(), tone(SPOKEN)));
        (stream.payload_type, stream.clock_rate) = (case.from.payload_type, case.from.codec.clock_rate);
        let mut sources = vec![world.source_of(other)];
        for hertz in TONES {
            let tone = ToneSpec::continuous(hertz, -9.0);
            sources.push(Source::Player(world.add_tone(call, tone)));
        }
        sources.push(Source::Silence);
        world.feed(party, sources[0]);
        world.start(other);
        world.run_for(Duration::from_secs(3));
        Self { world, party, sources, changes: Vec::new(), case: case.clone() }
    }

    /// Changes to a source at any moment of a packet.
    fn change(&mut self, source: usize) {
        let wait = Duration::from_millis(500) + self.world.random().duration_below(Duration::from_millis(40));
        self.world.run_for(wait);
        self.world.feed(self.party, self.sources[source]);
        self.changes.push(self.world.now());
    }

    fn heard(&mut self) -> Heard {
        self.world.run_for(Duration::from_secs(1));
        Heard::new(&self.world.peer(self.party).heard.log, &self.case.to, self.case.rate())
    }

    fn check_headers(&self, name: &str) {
        let heard = &self.world.peer(self.party).heard;
        assert_eq!(heard.seam.check(), Ok(()), "{name}");
        assert_eq!(heard.missing(), 0, "{name}");
        assert!(heard.log.windows(2).all(|pair| pair[1].sequence == pair[0].sequence.wrapping_add(1)));
        assert!(heard.log.iter().all(|packet| packet.ssrc == heard.log[0].ssrc));
        assert_eq!(self.world.buffers_lost(), 0, "{name}");
    }

    #[track_caller]
    fn check(&mut self, what: &str) {
        let (case, heard) = (self.case.clone(), self.heard());
        let name = format!("{what}, {}", case.name());
        self.check_headers(&name);
        let (near, far) = levels(&heard, &self.changes, case.rate());
        eprintln!("{name}: {near:.1} dBm0 at changes, {far:.1} elsewhere");
        let bound = far.max(case.floor) + case.louder;
        assert!(near <= bound, "{name}: {near:.1} dBm0 at a change, {far:.1} elsewhere");
        // The same check notices clicks: samples left out, a hole of 2 ms, and one sample that is wrong.
        let rate = case.rate() as usize;
        for click in 0..3 {
            let mut clicking = Heard { pcm: heard.pcm.clone(), begins: heard.begins.clone() };
            for at in &self.changes {
                let (begin, _) = heard.around(*at, case.rate());
                let at = (begin + rate * 60 / 1000).min(heard.pcm.len() - 1);
                match click {
                    0 => clicking.pcm[at] = clicking.pcm[at].saturating_add(12_000),
                    1 => clicking.pcm[at..].iter_mut().take(rate / 500).for_each(|sample| *sample = 0),
                    _ => {
                        let step = clicking.pcm[at].saturating_add(6000);
                        clicking.pcm[at..].iter_mut().take(rate / 50).for_each(|sample| *sample = step);
                    }
                }
            }
            let (near, far) = levels(&clicking, &self.changes, case.rate());
            let bound = far.max(case.floor) + case.louder;
            assert!(near > bound, "{name}: click {click} goes unnoticed, {near:.1} and {far:.1} dBm0");
        }
    }
}

fn for_each_case(what: &str, test: impl Fn(&mut Scene)) {
    let mut failed = Vec::new();
    for case in cases() {
        let run = std::panic::AssertUnwindSafe(|| {
            let mut scene = Scene::new(&case);
            test(&mut scene);
            scene.check(what);
        });
        if std::panic::catch_unwind(run).is_err() {
            failed.push(case.name());
        }
    }
    assert!(failed.is_empty(), "{what}: {failed:#?}");
}

#[test]
fn from_a_leg_to_a_tone_and_back() {
    for_each_case("leg and tone", |scene| {
        for _ in 0..12 {
            scene.change(1);
            scene.change(0);
        }
    });
}

#[test]
fn from_tone_to_tone() {
    for_each_case("tone and tone", |scene| {
        for _ in 0..12 {
            scene.change(1);
            scene.change(2);
        }
    });
}

#[test]
fn from_a_tone_to_silence_and_back() {
    for_each_case("tone and silence", |scene| {
        for _ in 0..12 {
            scene.change(1);
            scene.change(3);
        }
    });
}

#[test]
fn in_any_order() {
    for_each_case("any", |scene| {
        let mut random = Random::new(2);
        let mut last = 0;
        for _ in 0..30 {
            // Also to what it is already.
            let mut next = usize::try_from(random.below(4)).unwrap();
            // A leg that talks in the middle of its word begins and ends as hard as it does at its own party.
            if (last, next) == (3, 0) || (last, next) == (0, 3) {
                next = 1;
            }
            scene.change(next);
            last = next;
        }
    });
}
