//! Master keys given to the engine leave no copy of their bytes behind: not when they change, not when a call moves, is
//! saved, is restored and ends. The allocator looks into the blocks of all threads: this is the only test of its file.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of the test: what is missing fails it"
)]

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use mediapoint_allocations::{Watch, watch_for};
use mediapoint_engine::{
    Call, CallSpec, Engine, Event, EventReceiver, LegConfig, MasterKey, OpenedLeg, Placement, Relearn,
    RemoteAddress, SrtpKeys, Suite,
};
use mediapoint_packet::PacketBuf;
use mediapoint_packet::rtp::{RtpHeader, RtpTicks, Seq, Ssrc};
use mediapoint_testkit::phone::{builder, wait_for};
use mediapoint_testkit::{Library, Protector, Unprotector, pcmu};

/// One of each transform; the second has the longest key.
const SUITES: [Suite; 3] = [Suite::AesCm128HmacSha1_80, Suite::Aes256CmHmacSha1_80, Suite::AeadAes128Gcm];

struct Watched(Vec<(String, Watch)>);

impl Watched {
    /// A key that stands nowhere else.
    fn key(&mut self, suite: Suite, of: &str) -> MasterKey {
        let key = MasterKey::generate(suite).unwrap();
        self.0.push((format!("{suite} {of}, key"), watch_for(key.danger_key_bytes())));
        self.0.push((format!("{suite} {of}, salt"), watch_for(key.danger_salt_bytes())));
        key
    }

    fn assert_none_released(&self, when: &str) {
        for (what, watch) in &self.0 {
            assert_eq!(watch.released(), 0, "blocks released with {what}, {when}");
        }
    }

    fn left(&self) -> Vec<&str> {
        let is_left = |watch: &Watch| !watch.in_memory().unwrap().is_empty();
        self.0.iter().filter(|(_, watch)| is_left(watch)).map(|(what, _)| what.as_str()).collect()
    }
}

/// A party with a leg of its own.
struct Phone {
    socket: UdpSocket,
    leg: OpenedLeg,
    sequence: u16,
    keys: SrtpKeys,
}

impl Phone {
    fn new(call: &Call, keys: SrtpKeys) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let config = config(&socket, &keys);
        let (leg, opened) = call.open_leg(&Placement::default(), config).unwrap();
        assert_eq!(opened.wait(), Ok(()));
        Self { socket, leg, sequence: 0, keys }
    }

    fn rekey(&mut self, call: &Call, keys: SrtpKeys) {
        let config = config(&self.socket, &keys);
        assert_eq!(call.configure_leg(self.leg.id, config, Relearn::IfMoved).unwrap().wait(), Ok(()));
        self.keys = keys;
    }

    fn send(&mut self) {
        let mut bytes = [0; 172];
        self.sequence += 1;
        let header = RtpHeader {
            marker: false,
            payload_type: pcmu().payload_type,
            sequence: Seq(self.sequence),
            timestamp: RtpTicks(u32::from(self.sequence) * 160),
            ssrc: Ssrc(9),
        };
        header.write(&mut bytes).unwrap();
        let mut packet = PacketBuf::copy_of(&bytes).unwrap();
        assert!(Protector::new(self.keys.inbound.as_ref().unwrap(), Library::Own).unwrap().rtp(&mut packet));
        self.socket.send_to(packet.bytes(), self.leg.rtp).unwrap();
    }

    /// Waits for a packet under the key that the leg has now.
    fn receive(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut unprotector = Unprotector::new(&self.keys.outbound, Library::Own).unwrap();
        while Instant::now() < deadline {
            let mut bytes = [0; 2048];
            let (len, _) = self.socket.recv_from(&mut bytes).unwrap();
            if unprotector.rtp(&mut PacketBuf::copy_of(&bytes[..len]).unwrap()) {
                return;
            }
        }
        panic!("nothing under the key");
    }
}

fn config(socket: &UdpSocket, keys: &SrtpKeys) -> LegConfig {
    LegConfig {
        codecs: vec![pcmu()],
        remote: Some(RemoteAddress { rtp: socket.local_addr().unwrap(), rtcp: None }),
        srtp: Some(keys.clone()),
        ..LegConfig::default()
    }
}

fn engine() -> (Engine, EventReceiver) {
    builder("127.9.23.1", 25_600..=25_699).workers(2).build().unwrap()
}

fn exchange(a: &mut Phone, b: &mut Phone) {
    a.send();
    b.receive();
    b.send();
    a.receive();
}

#[test]
#[cfg_attr(debug_assertions, ignore = "proof of optimised code: `cargo xtask test --all` runs it")]
fn keys_that_change_move_and_end_are_wiped() {
    let mut watched = Watched(Vec::new());
    for suite in SUITES {
        let (engine, events) = engine();
        let mut keys = |of: &str| {
            let [inbound, outbound] =
                ["inbound", "outbound"].map(|way| watched.key(suite, &format!("{of} {way}")));
            SrtpKeys { inbound: Some(inbound), inbound_mki: None, outbound }
        };
        let sets = ["first of a", "first of b", "second of a", "third of a", "second of b"].map(&mut keys);
        let [a1, b1, a2, a3, b2] = sets;
        let call = engine.create_call(CallSpec::default()).unwrap();
        let (mut a, mut b) = (Phone::new(&call, a1), Phone::new(&call, b1));
        assert_eq!(call.connect(a.leg.id, b.leg.id).unwrap().wait(), Ok(()));
        exchange(&mut a, &mut b);
        a.rekey(&call, a2);
        exchange(&mut a, &mut b);
        a.rekey(&call, a3);
        b.rekey(&call, b2);
        exchange(&mut a, &mut b);
        assert_eq!(call.move_to(1 - call.worker().unwrap()).unwrap().wait(), Ok(()));
        exchange(&mut a, &mut b);
        // Saved, ended, and restored from what was saved.
        let snapshot = call.snapshot().unwrap().wait().unwrap();
        assert_eq!(call.end().unwrap().wait(), Ok(()));
        wait_for(&events, "its end", |event| matches!(event, Event::CallEnded { .. }).then_some(()));
        engine.shutdown();
        let (engine, events) = self::engine();
        let (call, restored) = engine.restore(*snapshot).unwrap();
        assert_eq!(restored.wait(), Ok(()));
        exchange(&mut a, &mut b);
        assert_eq!(call.end().unwrap().wait(), Ok(()));
        wait_for(&events, "its end", |event| matches!(event, Event::CallEnded { .. }).then_some(()));
        engine.shutdown();
        drop((a, b));
        watched.assert_none_released(&format!("after a call of {suite}"));
    }
    assert_eq!(watched.left(), Vec::<&str>::new(), "in the memory of the process");
}
