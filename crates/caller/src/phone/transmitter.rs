//! What a phone sends: one packet for each 20 ms slot that it does not keep silent in. Told the time, no sockets.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use mediapoint_packet::Time;
use rtp::header::Header;
use rtp::packet::Packet;
use webrtc_srtp::context::Context;

use super::reporter::SenderInfo;
use crate::codec::{Codec, PACKET, PACKET_MS, Speaker};
use crate::event::Press;
use crate::recording::{Recording, SAMPLE_RATE};
use crate::wire;

/// Slots after which a silent phone is no sender any more, two reporting intervals of 5 s [RFC3550 6.4].
const SENDER_SLOTS: u64 = 500;

/// Digits waiting at most.
const MAX_PRESSES: usize = 256;

pub(super) struct Transmitter {
    header: Header,
    /// Of slot 0.
    first_timestamp: u32,
    format: Option<Spoken>,
    event_type: Option<u8>,
    enabled: bool,
    audio: Option<Playing>,
    presses: VecDeque<Press>,
    /// The digit under way, and the timestamp that all its packets carry.
    pressing: Option<(Press, u32)>,
    protect: Option<Context>,
    sent: Recording,
    packets: u64,
    octets: u64,
    last_slot: Option<u64>,
}

/// The agreed payload type and codec.
struct Spoken {
    payload_type: u8,
    codec: Codec,
    speaker: Speaker,
}

struct Playing {
    samples: Arc<[i16]>,
    at: usize,
    again: bool,
}

impl Transmitter {
    pub(super) fn new(limit: usize) -> Self {
        let mut transmitter = Self {
            header: Header { version: 2, ..Header::default() },
            first_timestamp: 0,
            format: None,
            event_type: None,
            enabled: false,
            audio: None,
            presses: VecDeque::new(),
            pressing: None,
            protect: None,
            sent: Recording::new(limit),
            packets: 0,
            octets: 0,
            last_slot: None,
        };
        transmitter.change_source();
        transmitter
    }

    /// Goes on as another source, with nothing in common with the one before [RFC3550 8].
    pub(super) fn change_source(&mut self) {
        self.header.ssrc = rand::random();
        // Below half, so that no roll-over can be guessed wrong at the start [RFC3711 3.3.1].
        self.header.sequence_number = rand::random::<u16>() >> 1;
        self.first_timestamp = rand::random();
        self.packets = 0;
        self.octets = 0;
        self.last_slot = None;
    }

    /// Speaks another codec from now on; the coder of one that stays goes on.
    pub(super) fn set_format(&mut self, format: Option<(u8, Codec)>, event_type: Option<u8>) {
        let before = self.format.take();
        self.format = format.and_then(|(payload_type, codec)| {
            let same = before.filter(|before| before.codec == codec).map(|before| before.speaker);
            // It was tried when the phone was made.
            let speaker = same.or_else(|| Speaker::new(codec).ok())?;
            Some(Spoken { payload_type, codec, speaker })
        });
        self.event_type = event_type;
    }

    pub(super) fn set_protection(&mut self, context: Option<Context>) {
        self.protect = context;
    }

    pub(super) fn protection_mut(&mut self) -> Option<&mut Context> {
        self.protect.as_mut()
    }

    /// Sends from now on, or keeps silent.
    pub(super) fn enable(&mut self, enabled: bool) {
        self.enabled = enabled;
    }

    pub(super) fn play(&mut self, samples: Arc<[i16]>, again: bool) {
        self.audio = (!samples.is_empty()).then_some(Playing { samples, at: 0, again });
    }

    pub(super) fn is_playing(&self) -> bool {
        self.audio.is_some()
    }

    /// Queues a digit; false where no event format is agreed or too many wait.
    pub(super) fn press(&mut self, press: Press) -> bool {
        let can = self.event_type.is_some() && self.presses.len() < MAX_PRESSES;
        if can {
            self.presses.push_back(press);
        }
        can
    }

    pub(super) fn is_pressing(&self) -> bool {
        self.pressing.is_some() || !self.presses.is_empty()
    }

    pub(super) fn sent(&self) -> &Recording {
        &self.sent
    }

    /// Packets and payload octets since the source began.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.packets, self.octets)
    }

    pub(super) fn ssrc(&self) -> u32 {
        self.header.ssrc
    }

    pub(super) fn info(&self, slot: u64) -> SenderInfo {
        SenderInfo {
            ssrc: self.header.ssrc,
            timestamp: self.timestamp(slot),
            packets: self.packets,
            octets: self.octets,
            active: self.last_slot.is_some_and(|last| slot.saturating_sub(last) < SENDER_SLOTS),
        }
    }

    /// The packet of a slot, ready for the wire, if there is one. Call it once for each slot in turn.
    pub(super) fn next(&mut self, now: Time, slot: u64) -> Option<Bytes> {
        if !self.enabled || self.format.is_none() {
            return None;
        }
        let packet = match self.next_event(slot) {
            Some(packet) => packet,
            None => self.next_audio(now, slot)?,
        };
        self.header.sequence_number = self.header.sequence_number.wrapping_add(1);
        self.packets += 1;
        self.octets += packet.payload.len() as u64;
        self.last_slot = Some(slot);
        let plain = wire::write(&packet)?;
        match &mut self.protect {
            None => Some(plain),
            Some(context) => context.encrypt_rtp(&plain).ok(),
        }
    }

    fn next_event(&mut self, slot: u64) -> Option<Packet> {
        let payload_type = self.event_type?;
        if self.pressing.is_none() {
            let press = self.presses.pop_front()?;
            self.pressing = Some((press, self.timestamp(slot)));
        }
        let (press, timestamp) = self.pressing.as_mut()?;
        let timestamp = *timestamp;
        let Some(event) = press.next() else {
            self.pressing = None;
            return None;
        };
        let header = Header { payload_type, timestamp, marker: event.marker, ..self.header.clone() };
        Some(Packet { header, payload: Bytes::copy_from_slice(&event.payload) })
    }

    fn next_audio(&mut self, now: Time, slot: u64) -> Option<Packet> {
        let frame = self.next_frame();
        let timestamp = self.timestamp(slot);
        let Spoken { payload_type, codec, speaker } = self.format.as_mut()?;
        let payload = Bytes::copy_from_slice(speaker.encode(&frame).ok()?);
        self.sent.put_clocked(now, self.header.ssrc, (timestamp, codec.clock_rate()), &frame);
        if payload.is_empty() {
            return None;
        }
        // The first packet after a silence is marked [RFC3551 4.1].
        let marker = self.last_slot.is_none_or(|last| last + 1 != slot);
        let header = Header { payload_type: *payload_type, timestamp, marker, ..self.header.clone() };
        Some(Packet { header, payload })
    }

    /// The next 20 ms of what is played, filled up with silence.
    fn next_frame(&mut self) -> [i16; PACKET] {
        let mut frame = [0; PACKET];
        let Some(playing) = &mut self.audio else { return frame };
        for sample in &mut frame {
            if playing.at == playing.samples.len() && playing.again {
                playing.at = 0;
            }
            let Some(&next) = playing.samples.get(playing.at) else { break };
            *sample = next;
            playing.at += 1;
        }
        if playing.at == playing.samples.len() && !playing.again {
            self.audio = None;
        }
        frame
    }

    #[expect(clippy::cast_possible_truncation, reason = "RTP timestamps wrap at 32 bits")]
    fn timestamp(&self, slot: u64) -> u32 {
        let clock = self.format.as_ref().map_or(SAMPLE_RATE, |format| format.codec.clock_rate());
        self.first_timestamp.wrapping_add((slot as u32).wrapping_mul(clock / 1000 * PACKET_MS))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const FRAME: usize = PACKET;
    const FRAME_TICKS: u32 = 160;

    fn transmitter() -> Transmitter {
        let mut transmitter = Transmitter::new(100_000);
        transmitter.set_format(Some((0, Codec::Pcmu)), Some(101));
        transmitter.enable(true);
        transmitter
    }

    fn packets(transmitter: &mut Transmitter, slots: std::ops::Range<u64>) -> Vec<Packet> {
        slots.filter_map(|slot| wire::parse(&transmitter.next(Time::ZERO, slot)?)).collect()
    }

    // test-of: [RFC3551 4.1]
    #[test]
    fn a_pause_leaves_a_gap_in_timestamps_but_none_in_numbers() {
        let mut phone = transmitter();
        let before = packets(&mut phone, 0..3);
        phone.enable(false);
        assert!(packets(&mut phone, 3..10).is_empty());
        phone.enable(true);
        let after = packets(&mut phone, 10..12);
        let (last, first) = (&before[2].header, &after[0].header);
        assert_eq!(first.sequence_number.wrapping_sub(last.sequence_number), 1);
        assert_eq!(first.timestamp.wrapping_sub(last.timestamp), 8 * FRAME_TICKS);
        let markers: Vec<_> = before.iter().chain(&after).map(|packet| packet.header.marker).collect();
        assert_eq!(markers, [true, false, false, true, false]);
    }

    // test-of: [RFC4733 2.5.1]
    #[test]
    fn a_digit_keeps_its_timestamp_and_takes_the_place_of_audio() {
        let mut phone = transmitter();
        phone.play(vec![1_000; FRAME * 2].into(), false);
        packets(&mut phone, 0..1);
        assert!(phone.press(Press::new('1', Duration::from_millis(40)).unwrap()));
        let sent = packets(&mut phone, 1..7);
        let types: Vec<_> = sent.iter().map(|packet| packet.header.payload_type).collect();
        assert_eq!(types, [101, 101, 101, 101, 0, 0]);
        assert!(sent[..4].iter().all(|packet| packet.header.timestamp == sent[0].header.timestamp));
        assert_eq!(sent[4].header.timestamp.wrapping_sub(sent[0].header.timestamp), 4 * FRAME_TICKS);
        assert!(!phone.is_playing() && !phone.is_pressing());
        assert_eq!(phone.sent().samples()[FRAME * 5..FRAME * 6], [1_000; FRAME]);
        assert_eq!(phone.sent().samples()[FRAME..FRAME * 5], [0; FRAME * 4]);
    }

    #[test]
    fn what_is_repeated_has_no_seam() {
        let mut phone = transmitter();
        phone.play((0..100).map(|n| n * 64).collect(), true);
        packets(&mut phone, 0..10);
        let wanted: Vec<i16> = (0..1_600).map(|n| n % 100 * 64).collect();
        assert_eq!(phone.sent().samples(), wanted);
    }

    // test-of: [RFC7587 4.1]
    #[test]
    fn timestamps_of_opus_count_48_000_a_second() {
        let mut phone = transmitter();
        phone.set_format(Some((96, Codec::Opus)), None);
        phone.play(vec![1_000; FRAME * 8].into(), false);
        let sent = packets(&mut phone, 0..4);
        assert_eq!(sent.len(), 4);
        for pair in sent.windows(2) {
            assert_eq!(pair[1].header.timestamp.wrapping_sub(pair[0].header.timestamp), 960);
        }
        assert_eq!(phone.sent().samples(), [1_000; FRAME * 4]);
    }

    // test-of: [RFC3550 8]
    #[test]
    fn another_source_shares_nothing_with_the_one_before() {
        let mut phone = transmitter();
        let before = packets(&mut phone, 0..1);
        phone.change_source();
        let after = packets(&mut phone, 1..2);
        assert_ne!(before[0].header.ssrc, after[0].header.ssrc);
        assert!(after[0].header.marker);
        assert_eq!(phone.counts(), (1, 160));
    }
}
