//! The members of a large room are sent their packets in four slices of a tick: a quarter of them at a time, each member always
//! at the same time within the tick, and all the same audio. Commands between two slices leave nothing out and double nothing.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of the tests: what is missing fails them"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::session::port::PortKey;
use mediapoint_engine::{
    CallId, DigitSpec, EncoderSettings, LegId, PayloadCodec, RoomChange, RoomId, RoomMember, RoomSpec,
    Source, ToneSpec,
};
use mediapoint_packet::Time;
use mediapoint_packet::rtp::{RtpTicks, RtpView, Seq};
use mediapoint_packet::telephone_event::DtmfDigit;
use mediapoint_testkit::{PeerId, Voice, World, audio, codec, pcmu, tone};

const SPEAKERS: usize = 3;

struct Scene {
    world: World,
    call: CallId,
    room: RoomId,
    parties: Vec<PeerId>,
}

/// A packet as it was sent.
struct Sent {
    at: Time,
    sequence: Seq,
    timestamp: RtpTicks,
    payload: Vec<u8>,
}

impl Scene {
    /// A room of so many members, of whom three speak.
    fn new(members: usize) -> Self {
        let mut world = World::new(9);
        let call = world.add_call();
        let capacity = u16::try_from(members + 100).unwrap();
        let room = world.add_room(call, RoomSpec { capacity, ..RoomSpec::default() });
        let mut scene = Self { world, call, room, parties: Vec::new() };
        for n in 0..members {
            scene.add(&pcmu(), n < SPEAKERS);
        }
        scene
    }

    fn add(&mut self, entry: &PayloadCodec, speaks: bool) -> PeerId {
        let hertz = 405.0 + 85.0 * self.parties.len() as f64;
        let party = self.world.add_peer(self.call, audio([entry.clone()]));
        if speaks {
            let voice = Voice::new(entry, 8000, &EncoderSettings::default(), tone(hertz));
            self.world.peer_mut(party).stream.voice = Some(voice);
            self.world.start(party);
        }
        self.world.join_room(self.room, party, RoomMember::default()).unwrap();
        self.parties.push(party);
        party
    }

    fn leg(&self, party: usize) -> LegId {
        self.world.peer(self.parties[party]).leg
    }

    fn apply(&mut self, command: CallCommand) {
        self.world.apply(self.call, command).unwrap();
    }

    fn run(&mut self, millis: u64) {
        self.world.run_for(Duration::from_millis(millis));
    }

    /// What is sent in so many milliseconds, by port.
    fn sent_in(&mut self, millis: u64) -> BTreeMap<PortKey, Vec<Sent>> {
        self.world.on_the_wire = Some(Vec::new());
        self.run(millis);
        self.take_sent()
    }

    fn take_sent(&mut self) -> BTreeMap<PortKey, Vec<Sent>> {
        let mut sent = BTreeMap::<PortKey, Vec<Sent>>::new();
        let wire = self.world.on_the_wire.take().unwrap();
        for (at, port, _, bytes) in wire.into_iter().filter(|(_, port, ..)| port.0 % 2 == 0) {
            let packet = RtpView::parse(&bytes).unwrap();
            let (sequence, timestamp) = (packet.sequence(), packet.timestamp());
            let payload = packet.payload().to_vec();
            sent.entry(port).or_default().push(Sent { at, sequence, timestamp, payload });
        }
        sent
    }
}

/// Every packet follows the one before: by a number, and by its audio.
fn assert_unbroken(name: &str, sent: &[Sent]) {
    for pair in sent.windows(2) {
        let step = pair[1].sequence.0.wrapping_sub(pair[0].sequence.0);
        let audio = pair[1].timestamp.distance_from(pair[0].timestamp);
        let octets = i32::try_from(pair[0].payload.len()).unwrap();
        assert_eq!((step, audio), (1, octets), "{name} at {:?}", pair[1].at);
    }
}

#[test]
fn a_quarter_of_the_members_is_sent_to_at_a_time_and_each_on_its_own_beat() {
    let mut scene = Scene::new(512);
    scene.run(1000);
    let sent = scene.sent_in(2000);
    assert_eq!(sent.len(), 512);
    let mut bursts = BTreeMap::<Time, usize>::new();
    for (port, packets) in &sent {
        let name = format!("{port:?}");
        assert_unbroken(&name, packets);
        assert_eq!(packets.len(), 100, "{name}");
        for pair in packets.windows(2) {
            assert_eq!(pair[1].at.since(pair[0].at), Duration::from_millis(20), "{name}");
        }
        packets.iter().for_each(|packet| *bursts.entry(packet.at).or_default() += 1);
    }
    let (times, sizes): (Vec<Time>, Vec<usize>) = bursts.into_iter().unzip();
    assert!(sizes.iter().all(|size| *size == 128), "{sizes:?}");
    assert!(times.windows(2).all(|pair| pair[1].since(pair[0]) == Duration::from_millis(5)));
}

#[test]
fn all_slices_are_of_the_same_mix() {
    let mut scene = Scene::new(300);
    scene.run(1000);
    let sent = scene.sent_in(1000);
    // The members behind the speakers receive the same, tick by tick, whatever their slice.
    let listeners: Vec<&Vec<Sent>> = sent.values().skip(SPEAKERS).collect();
    // From the first slice of a tick on: some of those of the tick before may have come in the time, too.
    let begun = listeners[0][0].at;
    let mut slices = BTreeMap::<u64, usize>::new();
    for packets in &listeners {
        let own: Vec<&Sent> = packets.iter().filter(|packet| packet.at >= begun).collect();
        let after = own[0].at.since(begun).as_millis();
        *slices.entry(u64::try_from(after).unwrap()).or_default() += 1;
        let same = own.iter().zip(listeners[0]).all(|(own, other)| own.payload == other.payload);
        assert!(same && own.len() > 45, "{after} ms behind the first slice");
    }
    // Seats 0 to 63 and 256 on are of the first slice.
    assert_eq!(slices.into_iter().collect::<Vec<_>>(), [(0, 105), (5, 64), (10, 64), (15, 64)]);
    let loud = listeners[0].iter().all(|packet| packet.payload.iter().any(|octet| *octet != 0xff));
    assert!(loud, "the speakers are in it");
}

#[test]
fn a_small_room_is_sent_at_once() {
    let mut scene = Scene::new(64);
    scene.run(500);
    let sent = scene.sent_in(200);
    let times: BTreeMap<Time, usize> = sent.values().flatten().fold(BTreeMap::new(), |mut times, packet| {
        *times.entry(packet.at).or_default() += 1;
        times
    });
    assert_eq!(times.into_values().collect::<Vec<_>>(), [64; 10]);
}

/// At every millisecond of a tick: hold and its end, another source, a leg that leaves and joins, digits and their end, a member
/// that raises the rate of the room and one whose leaving lowers it.
#[test]
fn commands_between_slices_leave_nothing_out_and_double_nothing() {
    let mut scene = Scene::new(200);
    let call = scene.call;
    let music = scene.world.add_tone(call, ToneSpec::continuous(440.0, -20.0));
    scene.run(500);
    scene.world.on_the_wire = Some(Vec::new());
    for n in 0..60_usize {
        // Of every slice in turn.
        let party = SPEAKERS + n * 13 % 190;
        let (room, leg) = (scene.room, scene.leg(party));
        scene.run(21);
        match n % 6 {
            0 => scene.apply(CallCommand::ChangeMember { room, leg, change: RoomChange::Held(true) }),
            1 => scene.apply(CallCommand::SetSource { leg, source: Source::Player(music) }),
            2 => {
                scene.apply(CallCommand::LeaveRoom { room, leg });
                scene.apply(CallCommand::JoinRoom { room, leg, member: RoomMember::default() });
            }
            3 => {
                let digits = vec![DigitSpec::new(DtmfDigit::from_char('5').unwrap())];
                scene.apply(CallCommand::SendDigits { leg, digits });
            }
            4 => drop(scene.add(&codec(9, "G722", 8000), true)),
            _ => {
                let last = scene.parties.pop().unwrap();
                assert!(scene.world.remove_leg(last));
            }
        }
        scene.run(3);
        match n % 6 {
            0 => scene.apply(CallCommand::ChangeMember { room, leg, change: RoomChange::Held(false) }),
            1 => scene.apply(CallCommand::SetSource { leg, source: Source::Room(room) }),
            3 => scene.apply(CallCommand::StopDigits { leg }),
            _ => {}
        }
    }
    scene.run(100);
    let ports: Vec<PortKey> = (0..200).map(mediapoint_testkit::rtp_port).collect();
    let sent = scene.take_sent();
    for port in ports {
        assert_unbroken(&format!("{port:?}"), &sent[&port]);
    }
}

#[test]
fn late_slices_are_sent_before_the_next_tick() {
    let mut scene = Scene::new(200);
    scene.run(500);
    scene.world.late_up_to = Duration::from_millis(45);
    let mut sent = scene.sent_in(2000);
    scene.world.late_up_to = Duration::ZERO;
    for (port, packets) in &sent {
        assert_unbroken(&format!("{port:?}"), packets);
    }
    sent.retain(|_, packets| packets.len() < 96);
    assert!(sent.is_empty(), "{:?}", sent.keys());
}
