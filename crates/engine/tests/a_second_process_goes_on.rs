//! A process carries a call with SRTP on real sockets, writes its snapshot to a file, goes on for a while and is killed. A
//! second process restores the call on the same ports, and the phones, which are here, notice nothing but the packets of
//! the pause.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of the test: what is missing fails it"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use mediapoint_engine::{
    CallSnapshot, CallSpec, Codec, Event, LegConfig, LegId, MasterKey, PayloadCodec, PayloadType, Placement,
    RemoteAddress, SrtpKeys, Suite,
};
use mediapoint_packet::rtp::{RtpHeader, RtpTicks, RtpView, Seq, Ssrc};
use mediapoint_packet::telephone_event::EventBlock;
use mediapoint_srtp::{Inbound, InboundOptions, Outbound};
use mediapoint_testkit::Mark;
use mediapoint_testkit::phone::{PATIENCE, builder};

/// Tells the processes where the snapshot is, and where the phones are.
const FILE: &str = "MEDIAPOINT_TEST_SNAPSHOT";
const PHONES: &str = "MEDIAPOINT_TEST_PHONES";

const SUITES: [Suite; 2] = [Suite::AesCm128HmacSha1_80, Suite::AeadAes128Gcm];

/// The key of a phone, or of the engine towards it.
fn key(phone: usize, of_engine: bool) -> MasterKey {
    let suite = SUITES[phone];
    let fill = u8::try_from(phone * 2).unwrap() + u8::from(of_engine) + 1;
    MasterKey::new(suite, &vec![fill; suite.master_key_len()], &vec![fill ^ 0x55; suite.master_salt_len()])
        .unwrap()
}

fn event_type() -> PayloadType {
    PayloadType::new(101).unwrap()
}

fn config(phone: usize, rtp: SocketAddr) -> LegConfig {
    LegConfig {
        codecs: vec![
            PayloadCodec::new(PayloadType::PCMU, Codec::PCMU),
            PayloadCodec::new(event_type(), Codec::TELEPHONE_EVENT),
        ],
        remote: Some(RemoteAddress { rtp, rtcp: None }),
        srtp: Some(SrtpKeys {
            inbound: Some(key(phone, false)),
            inbound_mki: None,
            outbound: key(phone, true),
        }),
        ..LegConfig::default()
    }
}

fn say(word: &str) {
    let mut out = std::io::stdout().lock();
    // A word of its own line, whatever the test harness has written before.
    write!(out, "\n{word}\n").unwrap();
    out.flush().unwrap();
}

fn wait_for_word() {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
}

#[test]
#[ignore = "the first process of the test below"]
fn first_process() {
    let Some(file) = std::env::var_os(FILE) else { return };
    let phones: Vec<SocketAddr> =
        std::env::var(PHONES).unwrap().split(' ').map(|phone| phone.parse().unwrap()).collect();
    let (engine, _events) = builder("127.0.9.1", 42_600..=42_699).build().unwrap();
    let call = engine.create_call(CallSpec::default()).unwrap();
    let open = |phone: usize| call.open_leg(&Placement::default(), config(phone, phones[phone])).unwrap().0;
    let legs = [open(0), open(1)];
    call.tap_key_presses(legs[0].id).unwrap().1.wait().unwrap();
    call.connect(legs[0].id, legs[1].id).unwrap().wait().unwrap();
    say(&format!("ready {} {}", legs[0].rtp, legs[1].rtp));
    wait_for_word();
    let snapshot = call.snapshot().unwrap().wait().unwrap();
    std::fs::write(file, serde_json::to_vec(&snapshot).unwrap()).unwrap();
    say("saved");
    wait_for_word();
}

#[test]
#[ignore = "the second process of the test below"]
fn second_process() {
    let Some(file) = std::env::var_os(FILE) else { return };
    let snapshot: CallSnapshot = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let leg: LegId = snapshot.legs().next().unwrap().0;
    let (engine, events) = builder("127.0.9.1", 42_600..=42_699).build().unwrap();
    let (call, outcome) = engine.restore(snapshot).unwrap();
    outcome.wait().unwrap();
    assert_eq!(call.statistics().unwrap().wait().unwrap().legs.len(), 2);
    say("restored");
    while let Some(event) = events.recv() {
        if let Event::KeyPressed { leg: of, press, .. } = event {
            assert_eq!(of, leg);
            say(&format!("pressed {} for {}", press.code, press.duration.as_millis()));
        }
    }
}

/// This test's program, as one of the processes.
struct Process {
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    fn start(test: &str, file: &Path, phones: &[Phone; 2]) -> Self {
        let phones = phones.each_ref().map(|phone| phone.socket.local_addr().unwrap().to_string());
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact", "--ignored", "--nocapture"])
            .env(FILE, file)
            .env(PHONES, phones.join(" "))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines }
    }

    /// Waits for a line that begins so, and returns its rest.
    fn wait_for(&self, word: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).expect("the process says what it did");
            if let Some(rest) = line.strip_prefix(word) {
                return rest.trim().to_owned();
            }
        }
    }

    fn go_on(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    /// A test that failed leaves no process behind.
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

struct Phone {
    socket: UdpSocket,
    leg: SocketAddr,
    outbound: Outbound,
    inbound: Inbound,
    tag: u8,
    sequence: Seq,
    timestamp: RtpTicks,
    number: u32,
    /// Sequence number and mark of the last packet heard.
    heard: Option<(Seq, u32)>,
}

impl Phone {
    fn new(number: usize) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            leg: socket.local_addr().unwrap(),
            socket,
            outbound: Outbound::new(&key(number, false)),
            inbound: Inbound::new(&key(number, true), InboundOptions::default()),
            tag: u8::try_from(number).unwrap(),
            // The roll-over counter is past zero by the time of the snapshot.
            sequence: Seq(65_510),
            timestamp: RtpTicks(u32::MAX - 3000),
            number: 0,
            heard: None,
        }
    }

    fn send(&mut self, payload_type: PayloadType, timestamp: RtpTicks, payload: &[u8]) {
        let header = RtpHeader {
            marker: false,
            payload_type,
            sequence: self.sequence,
            timestamp,
            ssrc: Ssrc(0x1000 + u32::from(self.tag)),
        };
        self.sequence = self.sequence.wrapping_add(1);
        let mut packet = [0; 300];
        header.write(&mut packet).unwrap();
        packet[12..12 + payload.len()].copy_from_slice(payload);
        let len = self.outbound.protect_rtp(&mut packet, 12 + payload.len()).unwrap();
        self.socket.send_to(&packet[..len], self.leg).unwrap();
    }

    fn speak(&mut self) {
        let mut payload = [0x2a; 160];
        Mark { tag: self.tag, number: self.number }.write(&mut payload);
        let timestamp = self.timestamp;
        self.send(PayloadType::PCMU, timestamp, &payload);
        self.timestamp = timestamp.wrapping_add(160);
        self.number += 1;
    }

    /// Waits for an audio packet of the other phone: authentic, under an index of its own, and as far from the one before as
    /// the other phone's packets are.
    fn hear(&mut self, tag: u8, number: u32) {
        let mut buffer = [0; 2048];
        let (len, from) = self.socket.recv_from(&mut buffer).expect("a packet");
        assert_eq!(from, self.leg);
        let packet = self.inbound.unprotect_rtp(&mut buffer[..len]).expect("an authentic packet, never seen");
        let view = RtpView::parse(packet.bytes()).unwrap();
        let mark = Mark::read(view.payload()).unwrap();
        assert_eq!(mark, Mark { tag, number });
        if let Some((before, known)) = self.heard {
            let step = u16::try_from(number - known).unwrap();
            assert_eq!(view.sequence(), before.wrapping_add(step));
        }
        self.heard = Some((view.sequence(), number));
    }
}

/// A packet each way.
fn exchange(phones: &mut [Phone; 2]) {
    for (from, to) in [(0, 1), (1, 0)] {
        let number = phones[from].number;
        phones[from].speak();
        let tag = phones[from].tag;
        phones[to].hear(tag, number);
    }
}

/// A file that goes when the test ends.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

#[test]
fn and_the_phones_notice_nothing_but_the_pause() {
    let name = format!("mediapoint-snapshot-{}.json", std::process::id());
    let file = Scratch(std::env::temp_dir().join(name));
    let mut phones = [Phone::new(0), Phone::new(1)];
    let mut first = Process::start("first_process", &file.0, &phones);
    let ready = first.wait_for("ready");
    for (phone, leg) in phones.iter_mut().zip(ready.split(' ')) {
        phone.leg = leg.parse().unwrap();
    }
    (0..60).for_each(|_| exchange(&mut phones));
    first.go_on();
    first.wait_for("saved");
    // The call goes on behind the snapshot, until its process is killed without a word.
    (0..7).for_each(|_| exchange(&mut phones));
    first.kill();
    (0..5).for_each(|_| phones.iter_mut().for_each(Phone::speak));

    let second = Process::start("second_process", &file.0, &phones);
    second.wait_for("restored");
    (0..60).for_each(|_| exchange(&mut phones));
    // The tap on key presses is there, and its room.
    let timestamp = phones[0].timestamp;
    for (duration, end) in [(160, false), (320, false), (480, true), (480, true)] {
        let mut payload = [0; 4];
        EventBlock { code: 5, end, volume: 10, duration }.write(&mut payload).unwrap();
        phones[0].send(event_type(), timestamp, &payload);
    }
    assert_eq!(second.wait_for("pressed"), "5 for 60");
    second.kill();
}
