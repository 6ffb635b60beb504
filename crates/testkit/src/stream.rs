//! The RTP stream that a party sends: marked G.711 audio and telephone events, one packet a tick.

use std::time::Duration;

use mediapoint_packet::rtp::{FIXED_HEADER_LEN, PayloadType, RtpHeader, RtpTicks, Seq, Ssrc};
use mediapoint_packet::telephone_event::EventBlock;
use mediapoint_packet::{PacketBuf, Time};

use crate::mark::{Mark, PLAIN_FILL};
use crate::voice::Voice;

/// Times that the end of an event is sent [RFC4733 2.5.1.4].
const END_REPEATS: u8 = 3;

#[derive(Debug, Clone, Copy)]
struct Pressed {
    code: u8,
    timestamp: RtpTicks,
    elapsed: u32,
    length: u32,
    ends_left: u8,
    started: bool,
}

/// What a party sends. All of it may be changed in mid-stream, as parties do.
#[derive(Debug)]
pub struct Stream {
    /// Its SSRC.
    pub ssrc: Ssrc,
    /// Sequence number of the next packet.
    pub sequence: Seq,
    /// Timestamp of the next packet.
    pub timestamp: RtpTicks,
    /// Payload type of its audio.
    pub payload_type: PayloadType,
    /// Payload type of its telephone events.
    pub event_type: PayloadType,
    /// Clock rate in hertz, of audio and events.
    pub clock_rate: u32,
    /// Time between two packets.
    pub ptime: Duration,
    /// Payload octets of an audio packet.
    pub octets: usize,
    /// The marked number of the next packet.
    pub number: u32,
    /// False while nothing is sent. The timestamp goes on.
    pub speaking: bool,
    /// Sets the marker of every packet.
    pub marks_all: bool,
    /// What it says; marked packets where it is `None`.
    pub voice: Option<Voice>,
    /// RTP packets made so far.
    pub packets: u64,
    /// Payload octets made so far.
    pub payload_octets: u64,
    tag: u8,
    fill: u8,
    marker: bool,
    pressed: Option<Pressed>,
    last_at: Time,
}

impl Stream {
    /// A stream of PCMU at 20 ms that has sent nothing.
    #[must_use]
    pub fn new(tag: u8, ssrc: Ssrc, sequence: Seq, timestamp: RtpTicks) -> Self {
        Self {
            ssrc,
            sequence,
            timestamp,
            payload_type: PayloadType::PCMU,
            event_type: PayloadType::new(101).unwrap_or(PayloadType::PCMU),
            clock_rate: 8000,
            ptime: Duration::from_millis(20),
            octets: 160,
            number: 0,
            speaking: true,
            marks_all: false,
            voice: None,
            packets: 0,
            payload_octets: 0,
            tag,
            fill: PLAIN_FILL,
            marker: true,
            pressed: None,
            last_at: Time::ZERO,
        }
    }

    /// Sends a telephone event of that length from the next packet on, instead of audio.
    pub fn press(&mut self, code: u8, length: Duration) {
        self.pressed = Some(Pressed {
            code,
            timestamp: self.timestamp,
            elapsed: 0,
            length: self.ticks(length),
            ends_left: END_REPEATS,
            started: false,
        });
    }

    /// True while an event is being sent.
    #[must_use]
    pub const fn is_pressing(&self) -> bool {
        self.pressed.is_some()
    }

    /// The timestamp that stands for `now`, as a sender report carries it.
    #[must_use]
    pub fn timestamp_at(&self, now: Time) -> RtpTicks {
        let since = self.ticks(now.since(self.last_at));
        self.timestamp.wrapping_add(since).wrapping_add(0_u32.wrapping_sub(self.ticks(self.ptime)))
    }

    /// Makes the packet of this tick; false where none is sent.
    pub(crate) fn next(&mut self, now: Time, out: &mut PacketBuf) -> bool {
        self.last_at = now;
        let step = self.ticks(self.ptime);
        let timestamp = self.timestamp;
        self.timestamp = self.timestamp.wrapping_add(step);
        if !self.speaking {
            self.marker = true;
            if let Some(voice) = &mut self.voice {
                voice.skip(self.ptime);
            }
            return false;
        }
        if self.pressed.is_none() && self.voice.is_some() {
            return self.next_of_voice(timestamp, out);
        }
        if let Some(voice) = &mut self.voice {
            voice.skip(self.ptime);
        }
        let number = self.number;
        self.number = self.number.wrapping_add(1);
        let (header, payload) = match self.pressed {
            Some(pressed) => self.event_packet(pressed, step),
            None => (self.header(self.marker, self.payload_type, timestamp), None),
        };
        let octets = match payload {
            Some(_) => 4,
            None => self.octets,
        };
        self.marker = false;
        self.sequence = self.sequence.wrapping_add(1);
        self.packets += 1;
        self.payload_octets += octets as u64;
        let mark = Mark { tag: self.tag, number };
        let fill = self.fill;
        let storage = out.storage_mut();
        let Some((head, body)) = storage.split_at_mut_checked(FIXED_HEADER_LEN) else { return false };
        let Some(body) = body.get_mut(..octets) else { return false };
        match payload {
            Some(block) => drop(block.write(body)),
            None => {
                body.fill(fill);
                mark.write(body);
            }
        }
        let written = header.write(head).is_ok();
        out.set_len(FIXED_HEADER_LEN + octets);
        written
    }

    /// Makes a packet of what is said; false in a pause that the codec sends nothing of.
    fn next_of_voice(&mut self, timestamp: RtpTicks, out: &mut PacketBuf) -> bool {
        let Some(voice) = &mut self.voice else { return false };
        let room = out.storage_mut().get_mut(FIXED_HEADER_LEN..).unwrap_or_default();
        let octets = voice.next(self.ptime, room);
        if octets == 0 {
            self.marker = true;
            return false;
        }
        let header = self.header(self.marker, self.payload_type, timestamp);
        self.marker = false;
        self.number = self.number.wrapping_add(1);
        self.sequence = self.sequence.wrapping_add(1);
        self.packets += 1;
        self.payload_octets += octets as u64;
        out.set_len(FIXED_HEADER_LEN + octets);
        header.write(out.bytes_mut()).is_ok()
    }

    fn header(&self, marker: bool, payload_type: PayloadType, timestamp: RtpTicks) -> RtpHeader {
        RtpHeader {
            marker: marker || self.marks_all,
            payload_type,
            sequence: self.sequence,
            timestamp,
            ssrc: self.ssrc,
        }
    }

    fn event_packet(&mut self, mut pressed: Pressed, step: u32) -> (RtpHeader, Option<EventBlock>) {
        let header = self.header(!pressed.started, self.event_type, pressed.timestamp);
        pressed.started = true;
        pressed.elapsed = (pressed.elapsed + step).min(pressed.length);
        let end = pressed.elapsed >= pressed.length;
        let block = EventBlock {
            code: pressed.code,
            end,
            volume: 10,
            duration: u16::try_from(pressed.elapsed).unwrap_or(u16::MAX),
        };
        if end {
            pressed.ends_left -= 1;
        }
        self.pressed = (pressed.ends_left > 0).then_some(pressed);
        (header, Some(block))
    }

    fn ticks(&self, time: Duration) -> u32 {
        u32::try_from((time.as_micros() * u128::from(self.clock_rate) + 500_000) / 1_000_000)
            .unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mediapoint_packet::rtp::RtpView;

    #[test]
    fn an_event_has_one_timestamp_a_growing_duration_and_three_ends() {
        let mut stream = Stream::new(1, Ssrc(1), Seq(10), RtpTicks(1000));
        stream.press(5, Duration::from_millis(60));
        let mut packet = PacketBuf::new();
        let mut seen = Vec::new();
        for _ in 0..6 {
            assert!(stream.next(Time::ZERO, &mut packet));
            let view = RtpView::parse(packet.bytes()).unwrap();
            let block = EventBlock::read(view.payload()).unwrap();
            let event = view.payload_type().get() == 101;
            seen.push((view.timestamp().0, event.then_some((block.duration, block.end)), view.marker()));
        }
        assert_eq!(
            seen,
            [
                (1000, Some((160, false)), true),
                (1000, Some((320, false)), false),
                (1000, Some((480, true)), false),
                (1000, Some((480, true)), false),
                (1000, Some((480, true)), false),
                (1800, None, false),
            ]
        );
    }
}
