//! RTCP: what parses is iterated in full, and written again says the same.

use crate::demux::{Kind, classify};
use crate::rtcp::{Block, Compound, CompoundWriter, Item, Packet, ReportBlock, WriteError};
use crate::rtp::Ssrc;

/// A compound that parses yields as many packets as it has headers, each kind that the writer knows is read
/// back as it was, and what is written parses.
pub fn rtcp_round_trips(datagram: &[u8]) {
    let Ok(compound) = Compound::parse(datagram) else { return };
    assert_eq!(compound.packets().count(), count_headers(datagram), "a packet was lost on the way");
    assert!(matches!(classify(datagram), Kind::Rtcp | Kind::Rtp), "RTCP where no RTCP can be");
    for packet in &compound {
        visit(&packet);
        round_trip(&packet);
    }
}

/// Packets by the length fields alone.
fn count_headers(mut rest: &[u8]) -> usize {
    let mut count = 0;
    while let [_, _, l0, l1, ..] = rest {
        let len = 4 + usize::from(u16::from_be_bytes([*l0, *l1])) * 4;
        rest = rest.get(len..).unwrap_or_default();
        count += 1;
    }
    count
}

/// Walks what is only read.
fn visit(packet: &Packet<'_>) {
    match packet {
        Packet::TransportFeedback(feedback) => {
            let words = feedback.fci.len() / 4;
            assert!(feedback.lost_sequences().count() <= words * 17);
        }
        Packet::PayloadFeedback(feedback) => {
            assert!(feedback.full_intra_requests().count() <= feedback.fci.len() / 8);
        }
        Packet::Extended(extended) => extended.blocks().for_each(|block| {
            if let Block::LastReceiverReports(reports) = block {
                assert!(reports.count() <= usize::from(u16::MAX));
            }
        }),
        Packet::SourceDescription(description) => {
            assert!(description.chunks().flat_map(|chunk| chunk.items()).all(|item| item.kind != 0));
        }
        _ => {}
    }
}

/// Writes what the writer has a method for, behind an empty report, and compares what is read again.
fn round_trip(packet: &Packet<'_>) {
    match packet {
        Packet::SenderReport { ssrc, info, reports } => {
            let blocks: Vec<ReportBlock> = reports.clone().collect();
            written(
                0,
                |writer| writer.sender_report(*ssrc, info, &blocks),
                |again| {
                    matches!(again, Packet::SenderReport { ssrc: s, info: i, reports: r }
                    if s == *ssrc && i == *info && r.clone().eq(reports.clone()))
                },
            );
        }
        Packet::ReceiverReport { ssrc, reports } => {
            let blocks: Vec<ReportBlock> = reports.clone().collect();
            written(
                0,
                |writer| writer.receiver_report(*ssrc, &blocks),
                |again| {
                    matches!(again, Packet::ReceiverReport { ssrc: s, reports: r }
                    if s == *ssrc && r.clone().eq(reports.clone()))
                },
            );
        }
        Packet::Bye { ssrcs, reason } => {
            let list: Vec<Ssrc> = ssrcs.clone().collect();
            let text = reason.and_then(|reason| std::str::from_utf8(reason).ok());
            written(
                1,
                |writer| writer.bye(&list, text),
                |again| {
                    matches!(again, Packet::Bye { ssrcs: s, reason: r }
                    if s.clone().eq(ssrcs.clone()) && r == text.map(str::as_bytes))
                },
            );
        }
        Packet::SourceDescription(description) => {
            for chunk in description.chunks() {
                let names = chunk.items().filter(|item| item.kind == Item::CNAME);
                for name in names.filter_map(|item| std::str::from_utf8(item.value).ok()) {
                    written(
                        1,
                        |writer| writer.cname(chunk.ssrc, name),
                        |again| {
                            matches!(again, Packet::SourceDescription(description)
                            if description.cname(chunk.ssrc) == Some(name.as_bytes()))
                        },
                    );
                }
            }
        }
        Packet::Extended(extended) => {
            for block in extended.blocks() {
                if let Block::VoipMetrics(metrics) = block {
                    written(
                        1,
                        |writer| writer.voip_metrics(extended.ssrc, &metrics),
                        |again| {
                            matches!(again, Packet::Extended(report) if report.ssrc == extended.ssrc
                            && matches!(report.blocks().next(), Some(Block::VoipMetrics(m)) if m == metrics))
                        },
                    );
                }
            }
        }
        _ => {}
    }
}

/// Writes one packet, behind an empty report where `index` is 1, and asserts that `is_same` of what is read.
fn written(
    index: usize,
    write: impl FnOnce(&mut CompoundWriter<'_>) -> Result<(), WriteError>,
    is_same: impl FnOnce(Packet<'_>) -> bool,
) {
    let mut out = [0xa5; 2048];
    let mut writer = CompoundWriter::new(&mut out);
    if index == 1 {
        assert_eq!(writer.receiver_report(Ssrc(1), &[]), Ok(()));
    }
    assert_eq!(write(&mut writer), Ok(()));
    let len = writer.finish();
    let compound = Compound::parse(out.get(..len).unwrap_or_default());
    assert!(compound.is_ok(), "{compound:?}");
    let again = compound.ok().and_then(|compound| compound.packets().nth(index));
    assert!(again.is_some_and(is_same), "the packet says something else when read again");
}
