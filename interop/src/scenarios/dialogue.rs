//! A dialogue with re-INVITEs, scripted: audio must flow again each time, and nobody may hear a seam.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use crate::audio::{Law, PACKET, speech};
use crate::call::{CALLEE, CALLER, Call};
use crate::error::{Context as _, Failure, ensure};
use crate::ng::Fields;
use crate::process::{LOOPBACK, wait_until};
use crate::rtp::{Arrival, Header, no_seam, payload};
use crate::scenarios::Bench;
use crate::sdp::{Offer, PCMU};
use crate::wire::{Channel, Wire};

/// 1.2 s of talk between changes.
const SPELL: usize = 60;
/// Time between packets.
const INTERVAL: Duration = Duration::from_millis(20);

/// A phone that talks: speech cut into packets with running numbers.
pub(super) struct Voice {
    header: Header,
    words: Vec<u8>,
    spoken: usize,
}

impl Voice {
    pub(super) fn new(recording: usize, ssrc: u32) -> Result<Self, Failure> {
        let header = Header { payload_type: PCMU.0, sequence: 65_500, timestamp: 0xffff_8000, ssrc };
        Ok(Self { header, words: Law::Mu.encode(&speech(recording, 14)?), spoken: 0 })
    }

    /// Starts over with other numbers, as some phones do after a re-INVITE.
    fn renumber(&mut self, ssrc: u32) {
        self.header = Header { ssrc, sequence: 40_000, timestamp: 123_456, ..self.header };
    }

    /// Begins its sequence numbers anew and goes on with the rest.
    pub(super) fn restart(&mut self) {
        self.header.sequence = 0;
    }

    /// Speaks under another payload type.
    pub(super) fn number(&mut self, payload_type: u8) {
        self.header.payload_type = payload_type;
    }

    /// What was said so far.
    pub(super) fn said(&self) -> &[u8] {
        self.words.get(..self.spoken).unwrap_or_default()
    }

    pub(super) fn speak(&mut self, wire: &Wire) -> Result<(), Failure> {
        let words = self.words.get(self.spoken..self.spoken + PACKET);
        let words =
            words.ok_or_else(|| Failure::Wrong("the recording is too short for this script".to_owned()))?;
        wire.send(Channel::Rtp, &self.header.packet(words))?;
        self.spoken += PACKET;
        self.header.sequence = self.header.sequence.wrapping_add(1);
        self.header.timestamp = self.header.timestamp.wrapping_add(160);
        Ok(())
    }

    /// The header of the next packet.
    pub(super) fn header(&self) -> Header {
        self.header
    }
}

/// Lets voices speak for a number of packets, in real time and in step.
pub(super) fn talk(packets: usize, speakers: &mut [(&mut Voice, &Wire)]) -> Result<(), Failure> {
    let mut due = Instant::now();
    for _ in 0..packets {
        for (voice, wire) in &mut *speakers {
            voice.speak(wire)?;
        }
        due += INTERVAL;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    Ok(())
}

/// Two phones in a call, and everything each has received.
struct Dialogue<'b> {
    call: Call<'b>,
    caller: (Voice, Wire, Offer),
    callee: (Voice, Wire, Offer),
    /// What reached the caller at addresses it has left since.
    before: Vec<Arrival>,
}

impl<'b> Dialogue<'b> {
    fn begin(bench: &'b Bench<'_>) -> Result<Self, Failure> {
        let (wire_a, wire_b) = (Wire::open()?, Wire::open()?);
        let (offer, answer) = (Offer::plain(wire_a.port()?, &[PCMU]), Offer::plain(wire_b.port()?, &[PCMU]));
        let call = Call::new(&bench.server.client);
        wire_b.connect(call.offer(&offer.text(), &Fields::none())?.port);
        wire_a.connect(call.answer(&answer.text(), &Fields::none())?.port);
        Ok(Self {
            call,
            caller: (Voice::new(0, 0x1111_2222)?, wire_a, offer),
            callee: (Voice::new(1, 0x3333_4444)?, wire_b, answer),
            before: Vec::new(),
        })
    }

    /// A re-INVITE from the caller; the callee answers with the opposite direction.
    fn reinvite(&mut self, direction: &'static str) -> Result<(), Failure> {
        self.caller.2 = self.caller.2.changed(direction);
        self.callee.2 = self.callee.2.changed(opposite(direction));
        let to_callee =
            self.call.describe("offer", CALLER, Some(CALLEE), &self.caller.2.text(), &Fields::none())?;
        ensure!(
            to_callee.section.direction() == direction,
            "the callee is told {} instead of {direction}",
            to_callee.section.direction()
        );
        let to_caller =
            self.call.describe("answer", CALLER, Some(CALLEE), &self.callee.2.text(), &Fields::none())?;
        self.callee.1.connect(to_callee.port);
        self.caller.1.connect(to_caller.port);
        Ok(())
    }

    /// A re-INVITE from the callee: tags change places.
    fn reinvite_by_callee(&mut self, direction: &'static str) -> Result<(), Failure> {
        self.callee.2 = self.callee.2.changed(direction);
        self.caller.2 = self.caller.2.changed(opposite(direction));
        let to_caller =
            self.call.describe("offer", CALLEE, Some(CALLER), &self.callee.2.text(), &Fields::none())?;
        let to_callee =
            self.call.describe("answer", CALLEE, Some(CALLER), &self.caller.2.text(), &Fields::none())?;
        self.callee.1.connect(to_callee.port);
        self.caller.1.connect(to_caller.port);
        Ok(())
    }

    /// The caller's network changed: new ports from now on.
    fn move_caller(&mut self) -> Result<(), Failure> {
        let wire = Wire::open()?;
        self.caller.2.port = wire.port()?;
        let old = std::mem::replace(&mut self.caller.1, wire);
        self.before.extend(old.arrivals(Channel::Rtp));
        Ok(())
    }

    fn both_talk(&mut self, packets: usize) -> Result<(), Failure> {
        talk(packets, &mut [(&mut self.caller.0, &self.caller.1), (&mut self.callee.0, &self.callee.1)])
    }

    fn caller_talks(&mut self, packets: usize) -> Result<(), Failure> {
        talk(packets, &mut [(&mut self.caller.0, &self.caller.1)])
    }

    fn heard_by_caller(&self) -> Vec<Arrival> {
        self.before.iter().cloned().chain(self.caller.1.arrivals(Channel::Rtp)).collect()
    }

    fn heard_by_callee(&self) -> Vec<Arrival> {
        self.callee.1.arrivals(Channel::Rtp)
    }

    /// Each heard all the other said, in order, and no seam.
    fn check(&self, stage: &str) -> Result<(), Failure> {
        let complete = wait_until(Duration::from_secs(1), || {
            words(&self.heard_by_callee()).len() >= self.caller.0.said().len()
                && words(&self.heard_by_caller()).len() >= self.callee.0.said().len()
        });
        for (who, arrivals, said) in [
            ("the callee", self.heard_by_callee(), self.caller.0.said()),
            ("the caller", self.heard_by_caller(), self.callee.0.said()),
        ] {
            let heard = words(&arrivals);
            ensure!(
                complete && heard == said,
                "{stage}: {who} heard {} packets of {}{}",
                heard.len() / PACKET,
                said.len() / PACKET,
                if heard.len() == said.len() { ", not the same" } else { "" }
            );
            no_seam(&format!("{stage}: {who}"), &arrivals)?;
        }
        Ok(())
    }
}

fn opposite(direction: &str) -> &'static str {
    match direction {
        "sendonly" => "recvonly",
        "recvonly" => "sendonly",
        "inactive" => "inactive",
        _ => "sendrecv",
    }
}

fn words(arrivals: &[Arrival]) -> Vec<u8> {
    arrivals.iter().flat_map(|arrival| payload(&arrival.bytes)).copied().collect()
}

/// Talk, move, talk, hold, hold music, resume, talk, hold by the other side, resume, talk.
pub(super) fn reinvite(bench: &Bench<'_>) -> Result<(), Failure> {
    let mut dialogue = Dialogue::begin(bench)?;
    dialogue.both_talk(SPELL)?;
    dialogue.check("first talk")?;

    dialogue.move_caller()?;
    dialogue.reinvite("sendrecv")?;
    dialogue.both_talk(SPELL)?;
    dialogue.check("after the caller moved")?;

    dialogue.reinvite("sendonly")?;
    dialogue.caller_talks(SPELL)?;
    dialogue.check("on hold with music")?;

    dialogue.reinvite("sendrecv")?;
    dialogue.both_talk(SPELL)?;
    dialogue.check("after resume")?;

    dialogue.reinvite_by_callee("inactive")?;
    std::thread::sleep(INTERVAL * 25);
    dialogue.reinvite_by_callee("sendrecv")?;
    dialogue.both_talk(SPELL)?;
    dialogue.check("after hold by the callee")?;
    dialogue.call.delete().map(drop)
}

/// The phone moves and starts a new stream; the far end must not notice.
pub(super) fn reinvite_new_ssrc(bench: &Bench<'_>) -> Result<(), Failure> {
    let mut dialogue = Dialogue::begin(bench)?;
    dialogue.both_talk(SPELL)?;
    dialogue.move_caller()?;
    dialogue.caller.0.renumber(0x5555_6666);
    dialogue.reinvite("sendrecv")?;
    dialogue.both_talk(SPELL)?;
    dialogue.check("after the caller moved and renumbered")?;
    dialogue.call.delete().map(drop)
}

/// A third party sends to the port that the caller uses, before and while the caller talks.
pub(super) fn stranger(bench: &Bench<'_>) -> Result<(), Failure> {
    let mut dialogue = Dialogue::begin(bench)?;
    dialogue.both_talk(SPELL)?;
    let intruder = UdpSocket::bind((LOOPBACK, 0)).during("binding the stranger's port")?;
    intruder.set_read_timeout(Some(INTERVAL)).during("setting the stranger's timeout")?;
    let target = dialogue.caller.1.server_port().ok_or_else(|| Failure::Wrong("not connected".to_owned()))?;
    let mut forged = Header { sequence: 7, ssrc: 0xbad0_bad0, ..dialogue.caller.0.header() };
    for _ in 0..SPELL {
        // Both a stream of its own and one that pretends to be the caller's.
        for header in [forged, dialogue.caller.0.header()] {
            intruder
                .send_to(&header.packet(&[0x2a; PACKET]), (LOOPBACK, target))
                .during("sending as a stranger")?;
        }
        forged.sequence = forged.sequence.wrapping_add(1);
        dialogue.both_talk(1)?;
    }
    dialogue.check("with a stranger about")?;
    let mut buffer = [0; 2048];
    ensure!(intruder.recv_from(&mut buffer).is_err(), "the stranger was sent the callee's audio");
    dialogue.call.delete().map(drop)
}
