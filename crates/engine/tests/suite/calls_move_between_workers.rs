//! A call that moves between workers while media flows: no packet is lost or doubled, no number or timestamp steps, keys
//! and encoders go on. Commands given meanwhile follow the call.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of the tests: what is missing fails them"
)]

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use mediapoint_codec::{Encoder, encoder};
use mediapoint_engine::{
    AudioTapSpec, Call, CallSpec, CommandError, EncoderSettings, Event, LegConfig, MasterKey, MoveError,
    OpenedLeg, Parameters, PayloadCodec, Placement, PlayerSpec, Points, RemoteAddress, Source, SrtpKeys,
    Suite, TapSide, ToneSpec,
};
use mediapoint_packet::PacketBuf;
use mediapoint_packet::rtp::{RtpHeader, RtpTicks, RtpView, Seq, Ssrc};
use mediapoint_testkit::phone::{PATIENCE, Pair, builder, pcmu_leg, wait_for};
use mediapoint_testkit::{Library, Protector, Unprotector, codec, pcmu};

#[test]
fn forwarded_media_loses_and_doubles_nothing_over_a_hundred_moves() {
    let (engine, _events) = builder("127.9.5.1", 24_800..=24_899).workers(2).build().unwrap();
    let mut pair = Pair::new(&engine, 0);
    for n in 0..100_usize {
        let to = 1 - pair.call.worker().unwrap();
        pair.exchange();
        let moved = pair.call.move_to(to).unwrap();
        // Media goes on whether the call has arrived yet or not.
        for _ in 0..5 {
            pair.exchange();
        }
        assert_eq!(moved.wait(), Ok(()), "move {n}");
        assert_eq!(pair.call.worker(), Some(to));
    }
    let legs = pair.call.statistics().unwrap().wait().unwrap().legs;
    assert!(legs.iter().all(|leg| leg.received.lost == 0 && leg.received.duplicates == 0), "{legs:?}");
    assert_eq!(engine.load().workers.iter().map(|worker| worker.calls).sum::<u64>(), 1);
    engine.shutdown();
}

#[test]
fn commands_follow_a_call_that_is_on_its_way() {
    let (engine, events) = builder("127.9.5.2", 24_800..=24_899).workers(2).build().unwrap();
    let mut pair = Pair::new(&engine, 0);
    for _ in 0..20 {
        let to = 1 - pair.call.worker().unwrap();
        let moved = pair.call.move_to(to).unwrap();
        let outcomes: Vec<_> = (0..20)
            .map(|_| pair.call.set_source(pair.a.leg.id, Source::Leg(pair.b.leg.id)).unwrap())
            .collect();
        let statistics = pair.call.statistics().unwrap();
        assert_eq!(moved.wait(), Ok(()));
        assert!(outcomes.iter().all(|outcome| outcome.wait() == Ok(())));
        assert_eq!(statistics.wait().unwrap().legs.len(), 2);
        pair.exchange();
    }
    // A call that ends on its way ends once, and nothing of it is left.
    let to = 1 - pair.call.worker().unwrap();
    let (moved, ended) = (pair.call.move_to(to).unwrap(), pair.call.end().unwrap());
    assert_eq!((moved.wait(), ended.wait()), (Ok(()), Ok(())));
    wait_for(&events, "its end", |event| matches!(event, Event::CallEnded { .. }).then_some(()));
    assert!(matches!(pair.call.move_to(0), Err(MoveError::Command(CommandError::NoSuchCall(_)))));
    engine.shutdown();
}

#[test]
fn a_leg_goes_to_a_call_on_another_worker() {
    let (engine, _events) = builder("127.9.5.3", 24_800..=24_899).workers(2).build().unwrap();
    let mut pair = Pair::new(&engine, 0);
    for _ in 0..10 {
        pair.exchange();
    }
    let here = pair.call.worker().unwrap();
    let room = engine.create_call(CallSpec { worker: Some(1 - here), ..CallSpec::default() }).unwrap();
    let (a, b) = (pair.a.leg.id, pair.b.leg.id);
    // An attended transfer: both parties go to another call, one after the other.
    assert_eq!(pair.call.move_leg(a, &room).unwrap().wait(), Ok(()));
    assert_eq!(pair.call.move_leg(b, &room).unwrap().wait(), Ok(()));
    assert_eq!(room.connect(a, b).unwrap().wait(), Ok(()));
    assert_eq!(pair.call.worker(), room.worker(), "the call went to the worker of the other one");
    assert!(matches!(pair.call.set_source(a, Source::Silence), Err(CommandError::NoSuchLeg(_))));
    drop(pair.call.end().unwrap());
    for _ in 0..20 {
        pair.exchange();
    }
    assert_eq!(room.statistics().unwrap().wait().unwrap().legs.len(), 2);
    engine.shutdown();
}

#[test]
fn a_call_that_outgrows_its_worker_moves_by_itself() {
    let budget = Points::thousandths(2500);
    let (engine, _events) = builder("127.9.5.4", 24_800..=24_899).workers(2).budget(budget).build().unwrap();
    let mut pair = Pair::new(&engine, 0);
    let here = pair.call.worker().unwrap();
    let _other = engine.create_call(CallSpec { worker: Some(here), ..CallSpec::default() }).unwrap();
    // 2.000 of 2.500 are in use here: a third leg fits, a fourth does not.
    for _ in 0..2 {
        let (_, opened) = pair.call.open_leg(&Placement::default(), pcmu_leg()).unwrap();
        pair.exchange();
        assert_eq!(opened.wait(), Ok(()));
    }
    assert_eq!(pair.call.worker(), Some(1 - here));
    pair.exchange();
    let used: Vec<Points> = engine.load().workers.iter().map(|worker| worker.used).collect();
    assert_eq!((used[here], used[1 - here]), (Points::ONE, Points::whole(2)));
    engine.shutdown();
}

/// A phone with SRTP or without, in real time.
struct Phone {
    socket: UdpSocket,
    leg: OpenedLeg,
    entry: PayloadCodec,
    encoder: Box<dyn Encoder>,
    keys: Option<(Protector, Unprotector)>,
    sent: u32,
    received: Vec<(Seq, RtpTicks)>,
    refused: u32,
}

impl Phone {
    fn new(call: &Call, entry: PayloadCodec) -> Self {
        Self::with(call, entry, true)
    }

    fn with(call: &Call, entry: PayloadCodec, secure: bool) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let [inbound, outbound] = [(); 2].map(|()| MasterKey::generate(Suite::AesCm128HmacSha1_80).unwrap());
        let config = LegConfig {
            codecs: vec![entry.clone()],
            remote: Some(RemoteAddress { rtp: socket.local_addr().unwrap(), rtcp: None }),
            srtp: secure.then(|| SrtpKeys {
                inbound: Some(inbound.clone()),
                inbound_mki: None,
                outbound: outbound.clone(),
            }),
            ..LegConfig::default()
        };
        let (leg, opened) = call.open_leg(&Placement::default(), config).unwrap();
        assert_eq!(opened.wait(), Ok(()));
        let settings = EncoderSettings::default();
        Self {
            socket,
            leg,
            encoder: encoder(&entry.codec, 8000, &Parameters::default(), &settings).unwrap(),
            entry,
            keys: secure.then(|| {
                let protector = Protector::new(&inbound, Library::Own).unwrap();
                (protector, Unprotector::new(&outbound, Library::Own).unwrap())
            }),
            sent: 0,
            received: Vec::new(),
            refused: 0,
        }
    }

    fn send(&mut self) {
        let mut bytes = [0; 200];
        // Begins near the wrap, so that the roll-over counter moves, too.
        let number = self.sent + 65_300;
        let header = RtpHeader {
            marker: false,
            payload_type: self.entry.payload_type,
            sequence: Seq(u16::try_from(number & 0xffff).unwrap()),
            timestamp: RtpTicks(self.sent * 160),
            ssrc: Ssrc(9),
        };
        header.write(&mut bytes).unwrap();
        #[expect(clippy::cast_possible_truncation, reason = "a tone within 16 bits")]
        let tone = |n: u32| (6000.0 * (f64::from(n) * 0.3).sin()) as i16;
        let pcm: Vec<i16> = (self.sent * 160..(self.sent + 1) * 160).map(tone).collect();
        let len = self.encoder.encode(&pcm, &mut bytes[12..]).unwrap().len;
        let mut packet = PacketBuf::copy_of(&bytes[..12 + len]).unwrap();
        if let Some((protector, _)) = &mut self.keys {
            assert!(protector.rtp(&mut packet));
        }
        self.socket.send_to(packet.bytes(), self.leg.rtp).unwrap();
        self.sent += 1;
    }

    /// Takes what comes until then.
    fn receive_until(&mut self, until: Instant) {
        let mut bytes = [0; 2048];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            self.socket.set_read_timeout(Some(left)).unwrap();
            let Ok((len, from)) = self.socket.recv_from(&mut bytes) else { continue };
            if from != self.leg.rtp {
                continue;
            }
            let mut packet = PacketBuf::copy_of(&bytes[..len]).unwrap();
            if self.keys.as_mut().is_none_or(|(_, unprotector)| unprotector.rtp(&mut packet)) {
                let view = RtpView::parse(packet.bytes()).unwrap();
                self.received.push((view.sequence(), view.timestamp()));
            } else {
                self.refused += 1;
            }
        }
    }
}

#[test]
fn transcoded_media_under_srtp_has_no_seam_over_a_hundred_moves() {
    let (engine, _events) = builder("127.9.5.5", 24_800..=24_899).workers(2).build().unwrap();
    let call = engine.create_call(CallSpec::default()).unwrap();
    let mut a = Phone::new(&call, pcmu());
    let mut b = Phone::new(&call, codec(18, "G729", 8000));
    assert_eq!(call.connect(a.leg.id, b.leg.id).unwrap().wait(), Ok(()));
    let mut next = Instant::now();
    for n in 0..700_u32 {
        a.send();
        b.send();
        if n >= 50 && n % 6 == 0 && n < 650 {
            let to = 1 - call.worker().unwrap();
            drop(call.move_to(to).expect("the call is where it was sent"));
        }
        next += Duration::from_millis(20);
        let half = next - Duration::from_millis(10);
        a.receive_until(half);
        b.receive_until(next);
    }
    let end = Instant::now() + Duration::from_millis(200);
    a.receive_until(end);
    b.receive_until(end + Duration::from_millis(20));
    let legs = call.statistics().unwrap().wait_timeout(PATIENCE).unwrap().unwrap().legs;
    for (leg, phone) in legs.iter().zip([&a, &b]) {
        assert_eq!((leg.received.packets, leg.received.lost), (700, 0), "{leg:?}");
        assert_eq!(leg.received.dropped.total(), 0, "{leg:?}");
        assert_eq!(phone.refused, 0);
        // What waits in the jitter buffer at the end is not sent.
        assert!(phone.received.len() > 690, "{} packets", phone.received.len());
        for pair in phone.received.windows(2) {
            let (sequence, timestamp) =
                (pair[1].0.distance_from(pair[0].0), pair[1].1.distance_from(pair[0].1));
            assert_eq!((sequence, timestamp), (1, 160));
        }
    }
    engine.shutdown();
}

#[test]
fn a_player_goes_on_with_its_call() {
    let (engine, _events) = builder("127.9.5.6", 24_800..=24_899).workers(2).build().unwrap();
    let call = engine.create_call(CallSpec::default()).unwrap();
    let mut phone = Phone::new(&call, pcmu());
    let (tone, made) = call.add_player(PlayerSpec::Tone(ToneSpec::continuous(425.0, -10.0))).unwrap();
    assert_eq!(made.wait(), Ok(()));
    assert_eq!(call.set_source(phone.leg.id, Source::Player(tone)).unwrap().wait(), Ok(()));
    for _ in 0..20 {
        let to = 1 - call.worker().unwrap();
        assert_eq!(call.move_to(to).unwrap().wait(), Ok(()));
        phone.receive_until(Instant::now() + Duration::from_millis(45));
    }
    assert!(phone.received.len() > 35, "{} packets", phone.received.len());
    assert!(phone.received.windows(2).all(|pair| pair[1].0.distance_from(pair[0].0) == 1));
    assert!(phone.received.windows(2).all(|pair| pair[1].1.distance_from(pair[0].1) == 160));
    engine.shutdown();
}

/// Parties that talk in real time while their call grows past what its worker has free: it gets a recording's tap, and then a party
/// more, each of which moves it to the other worker. What comes of their media, and of the tap, has no seam.
fn grow_while_talking(address: &str, secure: bool) {
    let budget = Points::whole(10);
    let (engine, events) = builder(address, 24_800..=24_899).workers(2).budget(budget).build().unwrap();
    let call = engine.create_call(CallSpec::default()).unwrap();
    let [mut a, mut b] = [(); 2].map(|()| Phone::with(&call, pcmu(), secure));
    assert_eq!(call.connect(a.leg.id, b.leg.id).unwrap().wait(), Ok(()));
    // Leaves a worker so much, beside what it carries.
    let fill = |worker: usize, left: u64| {
        let used = engine.load().workers[worker].used.as_thousandths();
        let rest = Points::thousandths(budget.as_thousandths() - used - left);
        engine.create_call(CallSpec { points: Some(rest), worker: Some(worker), priority: false }).unwrap()
    };
    let (mut tapped, mut first, mut moves) = (None, None, Vec::new());
    let mut next = Instant::now();
    for n in 0..150_u32 {
        a.send();
        b.send();
        if n == 50 {
            first = Some(fill(call.worker().unwrap(), 0));
            let spec = AudioTapSpec {
                leg: a.leg.id,
                side: TapSide::Both,
                rate: 8000,
                capacity: Duration::from_secs(10),
                mask_secure_input: true,
                beep: None,
            };
            let before = call.worker();
            let (_, reader, outcome) = call.tap_audio(spec).unwrap();
            moves.push((before, call.worker()));
            tapped = Some((reader, outcome));
        }
        if n == 100 {
            drop(first.take().unwrap().end().unwrap());
            wait_for(&events, "the first is gone", |event| {
                matches!(event, Event::CallEnded { .. }).then_some(())
            });
            let before = call.worker();
            drop(fill(before.unwrap(), 400));
            drop(call.open_leg(&Placement::default(), pcmu_leg()).unwrap());
            moves.push((before, call.worker()));
        }
        next += Duration::from_millis(20);
        let half = next - Duration::from_millis(10);
        a.receive_until(half);
        b.receive_until(next);
    }
    let end = Instant::now() + Duration::from_millis(200);
    a.receive_until(end);
    b.receive_until(end + Duration::from_millis(20));
    assert!(moves.iter().all(|(before, after)| before != after), "{moves:?}");
    let (mut reader, outcome) = tapped.unwrap();
    assert_eq!(outcome.wait(), Ok(()));
    let legs = call.statistics().unwrap().wait_timeout(PATIENCE).unwrap().unwrap().legs;
    for (leg, phone) in legs.iter().zip([&a, &b]) {
        assert_eq!((leg.received.packets, leg.received.lost), (150, 0), "{leg:?}");
        assert_eq!((leg.received.dropped.total(), phone.refused), (0, 0), "{leg:?}");
        assert!(phone.received.len() > 140, "{} packets", phone.received.len());
        for pair in phone.received.windows(2) {
            let (sequence, timestamp) =
                (pair[1].0.distance_from(pair[0].0), pair[1].1.distance_from(pair[0].1));
            assert_eq!((sequence, timestamp), (1, 160));
        }
    }
    let mut ends: Vec<(u64, u64)> = Vec::new();
    while reader
        .read(|frame| {
            assert_eq!(frame.dropped, 0);
            let samples = u64::try_from(frame.received.pcm().len()).unwrap();
            ends.push((frame.position, frame.position + samples));
        })
        .is_some()
    {}
    assert!(ends.windows(2).all(|pair| pair[1].0 == pair[0].1), "the recording has a gap: {ends:?}");
    assert!(ends.len() > 90, "{} frames", ends.len());
    engine.shutdown();
}

#[test]
fn a_relayed_call_that_grows_moves_without_a_gap() {
    grow_while_talking("127.9.5.7", false);
}

#[test]
fn a_relayed_call_under_srtp_that_grows_moves_without_a_gap() {
    grow_while_talking("127.9.5.8", true);
}
