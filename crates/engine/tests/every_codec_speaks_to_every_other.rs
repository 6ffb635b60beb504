//! Every pair of codecs, with packets of any length on either side, plain and under SRTP, with and without pauses left
//! out: what is said on one side is heard on the other, on a clock without a gap.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of the tests: what is missing fails them"
)]

use std::time::Duration;

use mediapoint_codec::amr::{AmrLayout, Band, Frame, pack};
use mediapoint_engine::{Codec, EncoderSettings, LegConfig, PacketTime, PayloadCodec, PayloadType};
use mediapoint_packet::rtp::RtpHeader;
use mediapoint_srtp::Suite;
use mediapoint_testkit::{Ear, Library, PeerId, Voice, World, codec, pcma, pcmu};

const TONE: f64 = 437.0;
const PTIMES: [u64; 5] = [10, 20, 30, 40, 60];

fn opus() -> PayloadCodec {
    PayloadCodec::new(PayloadType::new(96).unwrap(), Codec::OPUS)
}

fn every_codec() -> Vec<PayloadCodec> {
    let all = [
        pcmu(),
        pcma(),
        codec(9, "G722", 8000),
        codec(18, "G729", 8000),
        codec(3, "GSM", 8000),
        // With the feature `amr`.
        codec(112, "AMR", 8000),
        codec(113, "AMR-WB", 16_000),
        opus(),
        codec(97, "L16", 8000),
        codec(98, "L16", 16_000),
    ];
    all.into_iter().filter(|entry| entry.codec.is_convertible()).collect()
}

/// The rate that a codec is spoken and heard at here, in hertz.
fn rate_of(entry: &PayloadCodec) -> u32 {
    match entry.codec.name() {
        "g722" | "opus" | "amr-wb" => 16_000,
        _ if entry.payload_type.get() == 98 => 16_000,
        _ => 8000,
    }
}

/// A tone, in words of half a second where `pauses`.
#[expect(clippy::cast_possible_truncation, reason = "a tone within 16 bits")]
fn tone(pauses: bool) -> impl Fn(u64, u32) -> i16 {
    move |n, rate| {
        let silent = pauses && n / u64::from(rate / 2) % 3 == 2;
        let seconds = n as f64 / f64::from(rate);
        let loud = if silent { 4.0 } else { 8000.0 };
        (loud * (std::f64::consts::TAU * TONE * seconds).sin()) as i16
    }
}

/// The packet time nearest to `ptime`, not below it, that whole frames of the codec fill.
fn whole(entry: &PayloadCodec, ptime: u64) -> u64 {
    if matches!(entry.codec.name(), "gsm" | "amr" | "amr-wb") { ptime.next_multiple_of(20) } else { ptime }
}

struct Case {
    from: PayloadCodec,
    to: PayloadCodec,
    ptimes: (u64, u64),
    dtx: (bool, bool),
    srtp: Option<Suite>,
}

impl Case {
    fn run(&self) -> (World, PeerId) {
        let mut world = World::new(5);
        let call = world.add_call();
        let of_a = LegConfig { codecs: vec![self.from.clone()], ..LegConfig::default() };
        let of_b = LegConfig {
            codecs: vec![self.to.clone()],
            packet_time: PacketTime::WhereEncoded(Duration::from_millis(self.ptimes.1)),
            encoder: EncoderSettings { dtx: self.dtx.1, ..EncoderSettings::default() },
            ..LegConfig::default()
        };
        let [a, b] = [of_a, of_b].map(|config| world.add_peer(call, config));
        world.connect(a, b);
        world.peer_mut(b).heard.keep_packets = true;
        world.peer_mut(b).heard.clock_rate = self.to.codec.clock_rate;
        if let Some(suite) = self.srtp {
            world.secure(a, suite, Library::Own);
            world.secure(b, suite, Library::WebRtc);
        }
        let settings = EncoderSettings { dtx: self.dtx.0, ..EncoderSettings::default() };
        let pauses = self.dtx.0 || self.dtx.1;
        let stream = &mut world.peer_mut(a).stream;
        stream.voice = Some(Voice::new(&self.from, rate_of(&self.from), &settings, tone(pauses)));
        stream.payload_type = self.from.payload_type;
        stream.clock_rate = self.from.codec.clock_rate;
        stream.ptime = Duration::from_millis(whole(&self.from, self.ptimes.0));
        world.start(a);
        world.run_for(Duration::from_secs(4));
        (world, b)
    }

    fn name(&self) -> String {
        let Self { from, to, ptimes, dtx, srtp } = self;
        let suite = srtp.map_or("RTP", Suite::name);
        format!(
            "{} {} ms to {} {} ms, DTX {dtx:?}, {suite}",
            from.codec.name(),
            ptimes.0,
            to.codec.name(),
            ptimes.1
        )
    }

    fn check(&self) {
        let (world, b) = self.run();
        let (name, heard) = (self.name(), &world.peer(b).heard);
        assert_eq!(heard.seam.check(), Ok(()), "{name}");
        assert_eq!(heard.not_authentic, 0, "{name}");
        assert_eq!(world.buffers_lost(), 0, "{name}");
        let rate = rate_of(&self.to);
        let ear = Ear::new(&heard.log, std::slice::from_ref(&self.to), rate);
        let seconds = ear.pcm.len() as f64 / f64::from(rate);
        assert!(seconds > 3.5, "{name}: {seconds} s heard");
        if !(self.dtx.0 || self.dtx.1) {
            assert_eq!(ear.missing(), 0, "{name}");
        }
        let wanted = if self.to.codec.name() == "opus" {
            self.ptimes.1.min(60)
        } else {
            whole(&self.to, self.ptimes.1)
        };
        let length = usize::try_from(wanted).unwrap() * rate as usize / 1000;
        assert!(ear.lengths.iter().all(|&got| got <= length), "{name}: {:?}", ear.lengths);
        let share = tone_share(&ear.pcm[rate as usize / 2..], rate);
        assert!(share > 0.8, "{name}: only {share} of what is heard is what was said");
    }
}

/// How much of the loud parts of a signal is the tone, 0 to 1, in the median of windows of 50 ms.
fn tone_share(pcm: &[i16], rate: u32) -> f64 {
    let window = rate as usize / 20;
    let mut shares: Vec<f64> = pcm
        .chunks_exact(window)
        .filter_map(|chunk| {
            let energy: f64 = chunk.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
            (energy / window as f64 > 1e6).then(|| {
                let (mut re, mut im) = (0.0, 0.0);
                for (n, &x) in chunk.iter().enumerate() {
                    let turn = std::f64::consts::TAU * TONE * n as f64 / f64::from(rate);
                    re += f64::from(x) * turn.cos();
                    im += f64::from(x) * turn.sin();
                }
                2.0 * (re * re + im * im) / (window as f64 * energy)
            })
        })
        .collect();
    shares.sort_by(f64::total_cmp);
    shares.get(shares.len() / 2).copied().unwrap_or(0.0)
}

#[test]
fn with_packets_of_any_length_on_either_side() {
    let codecs = every_codec();
    for (n, from) in codecs.iter().enumerate() {
        for (m, to) in codecs.iter().enumerate().filter(|(_, to)| to.codec != from.codec) {
            // Every pair of lengths comes up, some pairs of codecs share one.
            let (from, to) = (from.clone(), to.clone());
            let ptimes = (PTIMES[(n + m) % 5], PTIMES[(n * 2 + m * 3) % 5]);
            Case { from, to, ptimes, dtx: (false, false), srtp: None }.check();
        }
    }
    for from in PTIMES {
        for to in PTIMES {
            let (speaks, hears) = (codecs[(from / 10) as usize % 2 + 2].clone(), pcma());
            Case { from: speaks, to: hears, ptimes: (from, to), dtx: (false, false), srtp: None }.check();
        }
    }
}

#[test]
fn under_srtp_on_both_sides() {
    let codecs = every_codec();
    for (n, from) in codecs.iter().enumerate() {
        for (m, to) in codecs.iter().enumerate().filter(|(_, to)| to.codec != from.codec) {
            let suite = Suite::ALL[(n * codecs.len() + m) % Suite::ALL.len()];
            let (from, to) = (from.clone(), to.clone());
            Case { from, to, ptimes: (20, 20), dtx: (false, false), srtp: Some(suite) }.check();
        }
    }
}

#[test]
fn with_pauses_left_out_on_one_side_and_not_on_the_other() {
    let codecs = every_codec();
    for from in &codecs {
        for to in codecs.iter().filter(|to| to.codec != from.codec) {
            for dtx in [(true, false), (false, true), (true, true)] {
                Case { from: from.clone(), to: to.clone(), ptimes: (20, 20), dtx, srtp: None }.check();
            }
        }
    }
}

/// Listeners of one party in codecs of different sample rates, which come one after the other.
#[test]
fn to_several_listeners_at_once() {
    let mut world = World::new(5);
    let call = world.add_call();
    let leg = |entry: &PayloadCodec| LegConfig { codecs: vec![entry.clone()], ..LegConfig::default() };
    let wide = codec(98, "L16", 16_000);
    let a = world.add_peer(call, leg(&wide));
    let settings = EncoderSettings::default();
    let stream = &mut world.peer_mut(a).stream;
    stream.voice = Some(Voice::new(&wide, 16_000, &settings, tone(false)));
    stream.payload_type = wide.payload_type;
    stream.clock_rate = 16_000;
    world.start(a);
    let mut listeners = Vec::new();
    for entry in
        [pcmu(), codec(9, "G722", 8000), codec(18, "G729", 8000), codec(3, "GSM", 8000), opus(), pcma()]
    {
        if !entry.codec.is_convertible() {
            continue;
        }
        let listener = world.add_peer(call, leg(&entry));
        world.peer_mut(listener).heard.keep_packets = true;
        world.peer_mut(listener).heard.clock_rate = entry.codec.clock_rate;
        world.set_source(listener, Some(a));
        world.run_for(Duration::from_secs(1));
        listeners.push((listener, entry));
    }
    world.run_for(Duration::from_secs(2));
    for (listener, entry) in listeners {
        let heard = &world.peer(listener).heard;
        assert_eq!(heard.seam.check(), Ok(()), "{}", entry.codec.name());
        let rate = rate_of(&entry);
        let ear = Ear::new(&heard.log, std::slice::from_ref(&entry), rate);
        assert_eq!(ear.missing(), 0, "{}", entry.codec.name());
        let share = tone_share(&ear.pcm[rate as usize / 2..], rate);
        assert!(share > 0.8, "{}: {share}", entry.codec.name());
    }
}

/// A party of AMR says a frame of which nothing can be heard, and asks for a mode.
fn ask_for_mode(world: &mut World, party: PeerId, (band, number): (Band, u8), request: u8) {
    let mut payload = [0; 100];
    let frame = Frame::new(band, 0, true, &[0; 60]).unwrap();
    let len = pack(AmrLayout::default(), request, &[frame], &mut payload).unwrap();
    let peer = world.peer_mut(party);
    let stream = &mut peer.stream;
    let header = RtpHeader {
        marker: false,
        payload_type: PayloadType::new(number).unwrap(),
        sequence: stream.sequence,
        timestamp: stream.timestamp,
        ssrc: stream.ssrc,
    };
    stream.sequence = stream.sequence.wrapping_add(1);
    stream.timestamp = stream.timestamp.wrapping_add(if band == Band::Narrow { 160 } else { 320 });
    let mut packet = vec![0; 12];
    header.write(&mut packet).unwrap();
    packet.extend(&payload[..len]);
    let (key, from) = (mediapoint_testkit::rtp_port(peer.slot), peer.address);
    world.inject(key, from, &packet);
}

// test-of: [RFC4867 4.3.1]
#[test]
fn a_codec_mode_request_passes_with_what_is_forwarded() {
    let mut world = World::new(5);
    let call = world.add_call();
    let [a, b] = [112, 97].map(|number| {
        let codecs = vec![codec(number, "AMR", 8000)];
        world.add_peer(call, LegConfig { codecs, ..LegConfig::default() })
    });
    world.connect(a, b);
    world.peer_mut(b).heard.keep_packets = true;
    for request in 0..16 {
        ask_for_mode(&mut world, a, (Band::Narrow, 112), request);
        world.run_for(Duration::from_millis(20));
    }
    let heard =
        world.peer(b).heard.log.iter().map(|packet| (packet.payload_type.get(), packet.payload[0] >> 4));
    assert_eq!(heard.collect::<Vec<_>>(), (0..16).map(|request| (97, request)).collect::<Vec<_>>());
}

/// The modes of what a party of AMR is sent after each of its requests, 200 ms each.
#[cfg(feature = "amr")]
fn modes_sent(name: &str, fmtp: &str, requests: &[u8], source: impl Fn(&mut World, PeerId)) -> Vec<Vec<u8>> {
    let (band, rate) = if name == "AMR" { (Band::Narrow, 8000) } else { (Band::Wide, 16_000) };
    let mut world = World::new(5);
    let call = world.add_call();
    let entry = codec(112, name, rate);
    let parameters = mediapoint_engine::Parameters::parse(&entry.codec, fmtp);
    let codecs = vec![entry.with_parameters(parameters)];
    let party = world.add_peer(call, LegConfig { codecs, ..LegConfig::default() });
    source(&mut world, party);
    world.peer_mut(party).heard.keep_packets = true;
    world.peer_mut(party).heard.clock_rate = rate;
    let mut out = Vec::new();
    for request in requests {
        ask_for_mode(&mut world, party, (band, 112), *request);
        world.run_for(Duration::from_millis(200));
        let log = std::mem::take(&mut world.peer_mut(party).heard.log);
        let kinds = log.iter().flat_map(|packet| {
            let payload = mediapoint_codec::amr::unpack(band, AmrLayout::default(), &packet.payload).unwrap();
            payload.frames().iter().map(Frame::kind).collect::<Vec<_>>()
        });
        out.push(kinds.collect());
    }
    assert_eq!(world.peer(party).heard.seam.check(), Ok(()));
    out
}

/// Another party speaks to it.
#[cfg(feature = "amr")]
fn spoken_to(world: &mut World, party: PeerId) {
    let call = world.peer(party).call;
    let other = world.add_peer(call, LegConfig { codecs: vec![pcmu()], ..LegConfig::default() });
    world.connect(party, other);
    let voice = Voice::new(&pcmu(), 8000, &EncoderSettings::default(), tone(false));
    world.peer_mut(other).stream.voice = Some(voice);
    world.start(other);
    world.run_for(Duration::from_millis(105));
}

// test-of: [RFC4867 4.3.1]
#[cfg(feature = "amr")]
#[test]
fn the_encoder_follows_the_codec_mode_requests_of_the_party() {
    let settled = |modes: Vec<Vec<u8>>| -> Vec<u8> {
        let last = |modes: &Vec<u8>| {
            assert!(modes.len() >= 8, "{modes:?}");
            *modes.last().unwrap()
        };
        modes.iter().map(last).collect()
    };
    assert_eq!(settled(modes_sent("AMR", "", &[15, 2, 9, 0, 15, 7], spoken_to)), [7, 2, 2, 0, 7, 7]);
    assert_eq!(settled(modes_sent("AMR-WB", "", &[15, 2, 8, 0, 12], spoken_to)), [8, 2, 8, 0, 0]);
    let set = "mode-set=0,2,4,7";
    assert_eq!(settled(modes_sent("AMR", set, &[15, 3, 1, 6], spoken_to)), [7, 2, 0, 4]);
    // Nobody hears what the party says; it is heeded all the same.
    let tone = |world: &mut World, party: PeerId| {
        let call = world.peer(party).call;
        let player = world.add_tone(call, mediapoint_engine::ToneSpec::continuous(400.0, -10.0));
        world.feed(party, mediapoint_engine::Source::Player(player));
        world.run_for(Duration::from_millis(105));
    };
    assert_eq!(settled(modes_sent("AMR", "", &[15, 1, 5], tone)), [7, 1, 5]);
}

// test-of: [RFC4867 8.1]
#[cfg(feature = "amr")]
#[test]
fn the_mode_changes_as_the_party_agreed_to() {
    let fmtp = "mode-set=0,2,4,7;mode-change-period=2;mode-change-neighbor=1";
    let modes: Vec<u8> = modes_sent("AMR", fmtp, &[15, 0, 7], spoken_to).concat();
    let mut runs: Vec<(u8, u32)> = Vec::new();
    for mode in modes {
        match runs.last_mut() {
            Some((last, count)) if *last == mode => *count += 1,
            _ => runs.push((mode, 1)),
        }
    }
    let order: Vec<u8> = runs.iter().map(|(mode, _)| *mode).collect();
    assert_eq!(order, [7, 4, 2, 0, 2, 4, 7]);
    assert!(runs[1..6].iter().all(|(_, count)| *count >= 2), "{runs:?}");
}
