//! A party's streams are kept apart: several SSRCs from one address, numbers that begin anew under one SSRC, with a
//! re-INVITE, a key or an address that moved, with and without SRTP, forwarded and decoded.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of the tests: what is missing fails them"
)]

mod beginnings;
mod chance;
mod events;
mod figures;
mod noise;
mod reports;
mod sequences;
mod video;

use std::time::Duration;

use mediapoint_engine::session::tap::event::PressRoom;
use mediapoint_engine::{Event, PayloadCodec};
use mediapoint_g711::{Law, encode};
use mediapoint_packet::rtp::{PayloadType, RtpHeader, RtpTicks, Seq, Ssrc};
use mediapoint_packet::telephone_event::EventBlock;
use mediapoint_packet::{PacketBuf, Time};
use mediapoint_srtp::Suite;
use mediapoint_testkit::{
    HeardPacket, Library, PeerId, World, audio, codec, pcmu, rtp_port, telephone_event, tone,
};

pub(crate) const PTIME: u32 = 160;

/// How what the party sends reaches the far end, and whether it is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) decoded: bool,
    pub(crate) secure: bool,
}

pub(crate) const WAYS: [Way; 4] = [
    Way { decoded: false, secure: false },
    Way { decoded: false, secure: true },
    Way { decoded: true, secure: false },
    Way { decoded: true, secure: true },
];

/// One of the party's streams.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stream {
    pub(crate) ssrc: u32,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
}

impl Stream {
    pub(crate) const fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Self { ssrc, sequence, timestamp }
    }

    /// Time passes without a packet.
    pub(crate) fn pass(&mut self, ticks: u32) {
        self.timestamp = self.timestamp.wrapping_add(ticks);
    }
}

/// A party that sends what a test makes, to a far end that keeps what it hears.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) way: Way,
    pub(crate) party: PeerId,
    pub(crate) far: PeerId,
    pub(crate) room: PressRoom,
    said: u64,
}

impl Scene {
    pub(crate) fn new(way: Way) -> Self {
        let mut world = World::new(11);
        let call = world.add_call();
        let party = world.add_peer(call, audio([pcmu(), telephone_event(101)]));
        let to: PayloadCodec = if way.decoded { codec(97, "L16", 8000) } else { pcmu() };
        let far = world.add_peer(call, audio([to, telephone_event(96)]));
        world.connect(party, far);
        if way.secure {
            world.secure(party, Suite::AesCm128HmacSha1_80, Library::Own);
        }
        let (_, room) = world.tap_keys(party);
        let heard = &mut world.peer_mut(far).heard;
        heard.keep_packets = true;
        heard.event_type = PayloadType::new(96).unwrap();
        heard.seam.allow_audio_beside_events();
        Self { world, way, party, far, room, said: 0 }
    }

    /// A datagram of the party's comes in.
    pub(crate) fn send(&mut self, header: RtpHeader, payload: &[u8]) {
        let mut packet = PacketBuf::new();
        packet.set_len(12 + payload.len());
        header.write(packet.bytes_mut()).unwrap();
        packet.bytes_mut()[12..].copy_from_slice(payload);
        let party = self.world.peer_mut(self.party);
        if let Some(protector) = &mut party.protector {
            assert!(protector.rtp(&mut packet));
        }
        let (key, from) = (rtp_port(party.slot), party.address);
        self.world.inject(key, from, packet.bytes());
    }

    fn header(stream: &Stream, payload_type: u8) -> RtpHeader {
        RtpHeader {
            marker: false,
            payload_type: PayloadType::new(payload_type).unwrap(),
            sequence: Seq(stream.sequence),
            timestamp: RtpTicks(stream.timestamp),
            ssrc: Ssrc(stream.ssrc),
        }
    }

    /// 20 ms of audio in a stream, now.
    pub(crate) fn say(&mut self, stream: &mut Stream) {
        let payload = self.audio();
        self.send(Self::header(stream, 0), &payload);
        stream.sequence = stream.sequence.wrapping_add(1);
        stream.pass(PTIME);
    }

    /// 20 ms of a tone in mu-law.
    pub(crate) fn audio(&mut self) -> Vec<u8> {
        let sound = tone(437.0);
        let from = self.said;
        self.said += 160;
        (from..self.said).map(|n| encode(Law::Mu, sound(n, 8000))).collect()
    }

    /// A packet of audio each 20 ms.
    pub(crate) fn talk(&mut self, stream: &mut Stream, packets: u32) {
        for _ in 0..packets {
            self.say(stream);
            self.pass(20);
        }
    }

    pub(crate) fn pass(&mut self, millis: u64) {
        self.world.run_for(Duration::from_millis(millis));
    }

    /// A packet of an event in a stream, which began at `begin`.
    pub(crate) fn event(&mut self, stream: &mut Stream, begin: u32, marker: bool, block: EventBlock) {
        let mut payload = [0; 4];
        block.write(&mut payload).unwrap();
        let header = RtpHeader { marker, timestamp: RtpTicks(begin), ..Self::header(stream, 101) };
        self.send(header, &payload);
        stream.sequence = stream.sequence.wrapping_add(1);
    }

    /// Packets of audio that the party's jitter buffer decoded, or that the far end got.
    pub(crate) fn heard(&self) -> u64 {
        if self.way.decoded {
            let playout = self.world.leg_statistics(self.party).playout;
            return playout.map_or(0, |playout| playout.played);
        }
        self.log().filter(|packet| packet.payload_type.get() == 0).count() as u64
    }

    pub(crate) fn log(&self) -> impl Iterator<Item = &HeardPacket> {
        self.world.peer(self.far).heard.log.iter()
    }

    /// What the far end got of events.
    pub(crate) fn events(&self) -> Vec<&HeardPacket> {
        self.log().filter(|packet| packet.payload_type.get() == 96).collect()
    }

    pub(crate) fn presses(&self) -> Vec<u8> {
        let press = |(_, event): &(Time, Event)| match event {
            Event::KeyPressed { press, .. } => Some(press.code),
            _ => None,
        };
        self.world.events.iter().filter_map(press).collect()
    }

    /// The far end misses no number and has no seam, and nothing of the party's was refused.
    #[track_caller]
    pub(crate) fn check(&self) {
        self.check_heard();
        let received = self.world.leg_statistics(self.party).received;
        assert_eq!((received.dropped.total(), received.duplicates), (0, 0), "{:?}: {received:?}", self.way);
        assert_eq!(received.lost, 0, "{:?}", self.way);
    }

    #[track_caller]
    pub(crate) fn check_heard(&self) {
        let heard = &self.world.peer(self.far).heard;
        assert_eq!(heard.seam.check(), Ok(()), "{:?}", self.way);
        assert_eq!(heard.missing(), 0, "{:?}", self.way);
        assert_eq!(self.world.buffers_lost(), 0);
    }
}

/// Runs a test on both paths, with and without SRTP.
pub(crate) fn on_every_way(test: impl Fn(&mut Scene)) {
    for way in WAYS {
        test(&mut Scene::new(way));
    }
}
