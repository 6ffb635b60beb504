use std::net::SocketAddr;
use std::sync::Arc;

use mediapoint_codec::Codec;
use mediapoint_packet::rtp::{RtpView, Seq, Ssrc};
use mediapoint_packet::telephone_event::EventBlock;
use mediapoint_packet::{PacketBuf, Time};

use super::*;
use crate::api::codec::PayloadCodec;
use crate::api::event::Event;
use crate::api::id::LegId;
use crate::api::leg::RemoteAddress;
use crate::api::remote::{LocalScope, RemotePolicy};
use crate::ring::WakeHandle;
use crate::session::Output;
use crate::session::leg::rewriter::RtpRewriter;
use crate::session::leg::transport::Transport;
use crate::session::port::{LegPorts, PortKey};

#[derive(Default)]
struct Sent(Vec<EventBlock>);

impl Output for Sent {
    fn send(&mut self, _from: PortKey, _to: SocketAddr, packet: PacketBuf) {
        let view = RtpView::parse(packet.bytes()).unwrap();
        assert_eq!(view.payload_type().get(), 101);
        self.0.push(EventBlock::read(view.payload()).unwrap());
    }
    fn take(&mut self) -> Option<PacketBuf> {
        Some(PacketBuf::new())
    }
    fn take_for(&mut self, _len: usize) -> Option<PacketBuf> {
        Some(PacketBuf::new())
    }
    fn give(&mut self, _packet: PacketBuf) {}
    fn event(&mut self, _event: Event) {}
    fn close(&mut self, _ports: LegPorts, _leg: LegId) {}
    fn wake(&mut self, _handle: WakeHandle) {}
}

fn sender() -> (Sender, Transport, LegConfig) {
    let agreed = |number, codec| PayloadCodec::new(PayloadType::new(number).unwrap(), codec);
    let config = LegConfig {
        codecs: vec![agreed(0, Codec::PCMU), agreed(101, Codec::TELEPHONE_EVENT)],
        remote: Some(RemoteAddress { rtp: "192.0.2.1:4000".parse().unwrap(), rtcp: None }),
        source_guard: crate::api::leg::SourceGuard::Signalled,
        ..LegConfig::default()
    };
    let ports = LegPorts { rtp: PortKey(0), rtcp: None, scope: LocalScope::default() };
    let transport = Transport::new(&config, ports, &Arc::new(RemotePolicy::default()));
    (Sender::new(RtpRewriter::new(Ssrc(1), Seq(2), RtpTicks(3)), true), transport, config)
}

/// For conversions: the length of the digit shows only while it is sent.
#[test]
fn a_digit_of_unknown_length_is_an_event_until_it_is_ended() {
    for (ended_after, at, expected) in
        [(5, Some(90), 800), (5, None, 800), (0, Some(70), 560), (1, Some(10), 320)]
    {
        let (mut sender, mut transport, config) = sender();
        let (digit, source) = (DtmfDigit::from_char('7').unwrap(), Source::Silence);
        assert!(!sender.begin_digit(digit, 9, source), "no queue");
        sender.prepare_digits(&config);
        assert!(sender.begin_digit(digit, 9, source));
        sender.make_way(Time::ZERO, None);
        let mut sent = Sent::default();
        let mut over = None;
        for tick in 0..20 {
            if tick == ended_after {
                sender.end_digit(at);
            }
            sender.settle_open_digit(source, false);
            over = over.or_else(|| sender.push_digits(Time::ZERO, &mut transport, 20, &mut sent));
            if over.is_some() {
                break;
            }
        }
        assert_eq!(over, Some(false), "nobody commanded it");
        let blocks = sent.0;
        assert!(blocks.iter().all(|block| (block.code, block.volume) == (7, 9)));
        assert!(blocks.is_sorted_by_key(|block| block.duration));
        let ends: Vec<_> = blocks.iter().filter(|block| block.end).map(|block| block.duration).collect();
        assert_eq!(ends, [expected; 3], "ended after {ended_after} ticks at {at:?} ms");
    }
}

#[test]
fn a_digit_whose_source_is_another_now_is_ended() {
    let (mut sender, mut transport, config) = sender();
    sender.prepare_digits(&config);
    sender.begin_digit(DtmfDigit::from_char('1').unwrap(), 9, Source::Leg(LegId::from_u64(1)));
    sender.make_way(Time::ZERO, None);
    let mut sent = Sent::default();
    for tick in 0..10 {
        let source = if tick < 3 { Source::Leg(LegId::from_u64(1)) } else { Source::Silence };
        sender.settle_open_digit(source, false);
        sender.push_digits(Time::ZERO, &mut transport, 20, &mut sent);
    }
    assert_eq!(sent.0.iter().filter(|block| block.end).map(|block| block.duration).max(), Some(480));
    assert!(!sender.has_digits());
}

#[test]
fn a_digit_begins_behind_audio_that_was_sent_ahead_of_its_time() {
    let (mut sender, mut transport, config) = sender();
    assert!(sender.queue_digits(&config, &[DigitSpec::new(DtmfDigit::from_char('1').unwrap())]));
    sender.make_way(Time::ZERO, None);
    sender.rewriter.add_lead(320 + 80);
    let mut sent = Sent::default();
    let mut counts = Vec::new();
    for _ in 0..4 {
        sender.push_digits(Time::ZERO, &mut transport, 20, &mut sent);
        counts.push(sent.0.len());
    }
    assert_eq!(counts, [0, 0, 1, 2], "40 ms later");
}
