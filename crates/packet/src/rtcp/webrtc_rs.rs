//! RTCP both ways between this module and the `rtcp` crate of webrtc-rs: what one writes, the other reads as
//! it was meant.

use ::rtcp::extended_report::{
    DLRRReport, DLRRReportBlock, ExtendedReport, ReceiverReferenceTimeReportBlock, VoIPMetricsReportBlock,
};
use ::rtcp::goodbye::Goodbye;
use ::rtcp::payload_feedbacks::full_intra_request::{FirEntry, FullIntraRequest};
use ::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use ::rtcp::receiver_report::ReceiverReport;
use ::rtcp::reception_report::ReceptionReport;
use ::rtcp::sender_report::SenderReport;
use ::rtcp::source_description::{
    SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem,
};
use ::rtcp::transport_feedbacks::transport_layer_nack::{NackPair, TransportLayerNack};
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use webrtc_util::marshal::Marshal;

use super::*;
use crate::ntp::NtpTime;
use crate::rtp::{RtpTicks, Seq};

fn report_blocks() -> impl Strategy<Value = Vec<ReportBlock>> {
    let block = (any::<[u32; 5]>(), any::<u8>(), -0x80_0000..0x80_0000).prop_map(|(words, lost, total)| {
        let [ssrc, highest_sequence, jitter, last_sr, delay_since_last_sr] = words;
        ReportBlock {
            ssrc: Ssrc(ssrc),
            fraction_lost: lost,
            cumulative_lost: total,
            highest_sequence,
            jitter,
            last_sr,
            delay_since_last_sr,
        }
    });
    vec(block, 0..32)
}

fn sender_info() -> impl Strategy<Value = SenderInfo> {
    any::<(u64, u32, u32, u32)>().prop_map(|(ntp, rtp, packets, octets)| SenderInfo {
        ntp: NtpTime(ntp),
        rtp: RtpTicks(rtp),
        packets,
        octets,
    })
}

/// A block as the other crate holds it; its count of lost packets has 24 bits without a sign.
fn as_theirs(block: &ReportBlock) -> ReceptionReport {
    ReceptionReport {
        ssrc: block.ssrc.0,
        fraction_lost: block.fraction_lost,
        total_lost: block.cumulative_lost.cast_unsigned() & 0xff_ffff,
        last_sequence_number: block.highest_sequence,
        jitter: block.jitter,
        last_sender_report: block.last_sr,
        delay: block.delay_since_last_sr,
    }
}

fn read_by_them(mut bytes: &[u8]) -> Vec<Box<dyn ::rtcp::packet::Packet + Send + Sync>> {
    ::rtcp::packet::unmarshal(&mut bytes).expect("the other crate reads it")
}

/// The one packet in `bytes`, given to `check`.
fn read_by_us(bytes: &Bytes, check: impl FnOnce(Packet<'_>)) {
    let mut packets = Compound::parse(bytes).expect("this crate reads it").packets();
    check(packets.next().expect("a packet"));
    assert!(packets.next().is_none());
}

proptest! {
    #[test]
    fn they_read_the_compound_we_send(
        info in sender_info(),
        sent in report_blocks(),
        received in report_blocks(),
        name in "[a-z0-9@.-]{1,40}",
        leaving in vec(any::<u32>(), 1..32),
        reason in "[a-z ]{1,40}",
    ) {
        let mut out = [0xa5; 2048];
        let mut writer = CompoundWriter::new(&mut out);
        writer.sender_report(Ssrc(1), &info, &sent).unwrap();
        writer.receiver_report(Ssrc(2), &received).unwrap();
        writer.cname(Ssrc(1), &name).unwrap();
        let sources: Vec<Ssrc> = leaving.iter().copied().map(Ssrc).collect();
        writer.bye(&sources, Some(&reason)).unwrap();
        let len = writer.finish();

        let packets = read_by_them(&out[..len]);
        prop_assert_eq!(packets.len(), 4);
        let expected = SenderReport {
            ssrc: 1,
            ntp_time: info.ntp.0,
            rtp_time: info.rtp.0,
            packet_count: info.packets,
            octet_count: info.octets,
            reports: sent.iter().map(as_theirs).collect(),
            profile_extensions: Bytes::new(),
        };
        prop_assert_eq!(packets[0].as_any().downcast_ref(), Some(&expected));
        let expected = ReceiverReport {
            ssrc: 2,
            reports: received.iter().map(as_theirs).collect(),
            profile_extensions: Bytes::new(),
        };
        prop_assert_eq!(packets[1].as_any().downcast_ref(), Some(&expected));
        let text = Bytes::copy_from_slice(name.as_bytes());
        let items = vec![SourceDescriptionItem { sdes_type: SdesType::SdesCname, text }];
        let expected = SourceDescription { chunks: vec![SourceDescriptionChunk { source: 1, items }] };
        prop_assert_eq!(packets[2].as_any().downcast_ref(), Some(&expected));
        let expected = Goodbye { sources: leaving, reason: Bytes::copy_from_slice(reason.as_bytes()) };
        prop_assert_eq!(packets[3].as_any().downcast_ref(), Some(&expected));
    }

    #[test]
    fn we_read_the_reports_they_send(info in sender_info(), blocks in report_blocks(), ssrc: u32) {
        let report = SenderReport {
            ssrc,
            ntp_time: info.ntp.0,
            rtp_time: info.rtp.0,
            packet_count: info.packets,
            octet_count: info.octets,
            reports: blocks.iter().map(as_theirs).collect(),
            profile_extensions: Bytes::from_static(&[1, 2, 3, 4]),
        };
        read_by_us(&report.marshal().unwrap(), |packet| {
            let Packet::SenderReport { ssrc: read, info: read_info, reports } = packet else {
                panic!("{packet:?}")
            };
            assert_eq!((read, read_info), (Ssrc(ssrc), info));
            assert!(reports.eq(blocks.iter().copied()));
        });
    }

    #[test]
    fn we_read_the_names_and_goodbyes_they_send(
        names in vec((any::<u32>(), "[a-z@]{1,20}", "[A-Za-z ]{1,20}"), 1..8),
        leaving in vec(any::<u32>(), 0..31),
        reason in "[a-z]{0,20}",
    ) {
        let item = |sdes_type, text: &str| {
            SourceDescriptionItem { sdes_type, text: Bytes::copy_from_slice(text.as_bytes()) }
        };
        let chunks = names.iter().map(|(source, cname, name)| SourceDescriptionChunk {
            source: *source,
            items: vec![item(SdesType::SdesName, name), item(SdesType::SdesCname, cname)],
        });
        let description = SourceDescription { chunks: chunks.collect() };
        read_by_us(&description.marshal().unwrap(), |packet| {
            let Packet::SourceDescription(description) = packet else { panic!("{packet:?}") };
            assert_eq!(description.chunks().count(), names.len());
            for (chunk, (source, cname, name)) in description.chunks().zip(&names) {
                assert_eq!(chunk.ssrc, Ssrc(*source));
                let items: Vec<_> = chunk.items().map(|item| (item.kind, item.value)).collect();
                assert_eq!(items, [(2, name.as_bytes()), (1, cname.as_bytes())]);
            }
        });

        let goodbye = Goodbye { sources: leaving.clone(), reason: Bytes::copy_from_slice(reason.as_bytes()) };
        read_by_us(&goodbye.marshal().unwrap(), |packet| {
            let Packet::Bye { ssrcs, reason: read } = packet else { panic!("{packet:?}") };
            assert!(ssrcs.map(|ssrc| ssrc.0).eq(leaving.iter().copied()));
            assert_eq!(read.unwrap_or_default(), reason.as_bytes());
        });
    }

    #[test]
    fn we_read_the_feedback_they_send(
        sender: u32,
        media: u32,
        pairs in vec(any::<(u16, u16)>(), 1..8),
        entries in vec(any::<(u32, u8)>(), 1..8),
    ) {
        let nacks: Vec<NackPair> =
            pairs.iter().map(|&(packet_id, lost_packets)| NackPair { packet_id, lost_packets }).collect();
        let expected: Vec<Seq> = nacks.iter().flat_map(|pair| pair.packet_list()).map(Seq).collect();
        let nack = TransportLayerNack { sender_ssrc: sender, media_ssrc: media, nacks };
        read_by_us(&nack.marshal().unwrap(), |packet| {
            let Packet::TransportFeedback(feedback) = packet else { panic!("{packet:?}") };
            assert_eq!((feedback.sender_ssrc, feedback.media_ssrc), (Ssrc(sender), Ssrc(media)));
            assert_eq!(feedback.lost_sequences().collect::<Vec<_>>(), expected);
        });

        let loss = PictureLossIndication { sender_ssrc: sender, media_ssrc: media };
        read_by_us(&loss.marshal().unwrap(), |packet| {
            let Packet::PayloadFeedback(feedback) = packet else { panic!("{packet:?}") };
            assert!(feedback.is_picture_loss());
            assert_eq!((feedback.sender_ssrc, feedback.media_ssrc), (Ssrc(sender), Ssrc(media)));
        });

        let fir = entries.iter().map(|&(ssrc, sequence_number)| FirEntry { ssrc, sequence_number }).collect();
        let request = FullIntraRequest { sender_ssrc: sender, media_ssrc: 0, fir };
        read_by_us(&request.marshal().unwrap(), |packet| {
            let Packet::PayloadFeedback(feedback) = packet else { panic!("{packet:?}") };
            let read = feedback.full_intra_requests().map(|(ssrc, number)| (ssrc.0, number));
            assert!(read.eq(entries.iter().copied()));
        });
    }

    #[test]
    fn we_read_the_extended_reports_they_send(
        sender: u32,
        time: u64,
        answers in vec(any::<(u32, u32, u32)>(), 0..4),
    ) {
        let answer = |&(ssrc, last_rr, dlrr): &(u32, u32, u32)| DLRRReport { ssrc, last_rr, dlrr };
        let reports = answers.iter().map(answer).collect();
        let report = ExtendedReport {
            sender_ssrc: sender,
            reports: vec![
                Box::new(ReceiverReferenceTimeReportBlock { ntp_timestamp: time }),
                Box::new(DLRRReportBlock { reports }),
                Box::new(metrics()),
            ],
        };
        read_by_us(&report.marshal().unwrap(), |packet| {
            let Packet::Extended(extended) = packet else { panic!("{packet:?}") };
            assert_eq!(extended.ssrc, Ssrc(sender));
            let blocks: Vec<Block<'_>> = extended.blocks().collect();
            let [Block::ReferenceTime(read), Block::LastReceiverReports(reports), Block::VoipMetrics(ours)] =
                &blocks[..]
            else {
                panic!("{blocks:?}")
            };
            assert_eq!(*read, NtpTime(time));
            let reports = reports.clone().map(|r| (r.ssrc.0, r.last_rr, r.delay_since_last_rr));
            assert!(reports.eq(answers.iter().copied()));
            assert_same_metrics(ours);
        });
    }
}

fn metrics() -> VoIPMetricsReportBlock {
    VoIPMetricsReportBlock {
        ssrc: 0x0102_0304,
        loss_rate: 5,
        discard_rate: 6,
        burst_density: 7,
        gap_density: 8,
        burst_duration: 0x1111,
        gap_duration: 0x2222,
        round_trip_delay: 0x3333,
        end_system_delay: 0x4444,
        signal_level: 0xec,
        noise_level: 127,
        rerl: 0x55,
        gmin: 0x66,
        rfactor: 93,
        ext_rfactor: 127,
        mos_lq: 42,
        mos_cq: 43,
        rx_config: 0x77,
        reserved: 0,
        jb_nominal: 0x1122,
        jb_maximum: 0x3344,
        jb_abs_max: 0x5566,
    }
}

fn assert_same_metrics(ours: &VoipMetrics) {
    let expected = VoipMetrics {
        ssrc: Ssrc(0x0102_0304),
        loss_rate: 5,
        discard_rate: 6,
        burst_density: 7,
        gap_density: 8,
        burst_duration: 0x1111,
        gap_duration: 0x2222,
        round_trip_delay: 0x3333,
        end_system_delay: 0x4444,
        signal_level: Some(-20),
        noise_level: None,
        residual_echo_return_loss: Some(0x55),
        gap_minimum: 0x66,
        r_factor: Some(93),
        external_r_factor: None,
        mos_listening: Some(42),
        mos_conversational: Some(43),
        receiver_configuration: 0x77,
        jitter_buffer_nominal: 0x1122,
        jitter_buffer_maximum: 0x3344,
        jitter_buffer_absolute_maximum: 0x5566,
    };
    assert_eq!(*ours, expected);
}

#[test]
fn they_read_the_voip_metrics_we_send() {
    let mut packets = read_metrics_of_ours();
    let packet = packets.pop().expect("an extended report");
    let report = packet.as_any().downcast_ref::<ExtendedReport>().expect("an extended report");
    assert_eq!(report.sender_ssrc, 9);
    assert_eq!(report.reports[0].as_any().downcast_ref(), Some(&metrics()));
}

fn read_metrics_of_ours() -> Vec<Box<dyn ::rtcp::packet::Packet + Send + Sync>> {
    let sent = ExtendedReport { sender_ssrc: 9, reports: vec![Box::new(metrics())] }.marshal().unwrap();
    let mut out = [0; 128];
    let mut writer = CompoundWriter::new(&mut out);
    writer.receiver_report(Ssrc(9), &[]).unwrap();
    read_by_us(&sent, |packet| {
        let Packet::Extended(extended) = packet else { panic!("{packet:?}") };
        let Some(Block::VoipMetrics(ours)) = extended.blocks().next() else { panic!("no metrics") };
        writer.voip_metrics(Ssrc(9), &ours).unwrap();
    });
    let len = writer.finish();
    read_by_them(&out[..len])
}
