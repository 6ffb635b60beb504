//! What it costs to read headers: RTP, a compound of RTCP, a telephone event.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use mediapoint_packet::demux::classify;
use mediapoint_packet::ntp::NtpTime;
use mediapoint_packet::rtcp::{Compound, CompoundWriter, ReportBlock, SenderInfo};
use mediapoint_packet::rtp::{HeaderPatch, PayloadType, RtpHeader, RtpTicks, RtpView, Seq, Ssrc, patch};

fn rtp_packet() -> Vec<u8> {
    let mut packet = vec![0xd5; 172];
    let header = RtpHeader {
        marker: false,
        payload_type: PayloadType::PCMA,
        sequence: Seq(7),
        timestamp: RtpTicks(1120),
        ssrc: Ssrc(0x1234_5678),
    };
    assert_eq!(header.write(&mut packet).ok(), Some(12));
    packet
}

fn rtcp_compound() -> Vec<u8> {
    let mut out = vec![0; 200];
    let mut writer = CompoundWriter::new(&mut out);
    let info = SenderInfo { ntp: NtpTime(1 << 32), rtp: RtpTicks(160), packets: 1, octets: 160 };
    let block = ReportBlock {
        ssrc: Ssrc(2),
        fraction_lost: 0,
        cumulative_lost: 0,
        highest_sequence: 9,
        jitter: 1,
        last_sr: 0,
        delay_since_last_sr: 0,
    };
    let written = writer
        .sender_report(Ssrc(1), &info, &[block])
        .and_then(|()| writer.cname(Ssrc(1), "0123456789abcdef"));
    assert!(written.is_ok());
    let len = writer.finish();
    out.truncate(len);
    out
}

fn parse(criterion: &mut Criterion) {
    let packet = rtp_packet();
    let compound = rtcp_compound();
    let mut group = criterion.benchmark_group("parse");
    group.bench_function("classify", |b| b.iter(|| classify(black_box(&packet))));
    group.bench_function("rtp header", |b| {
        b.iter(|| RtpView::parse(black_box(&packet)).map(|view| (view.ssrc(), view.payload().len())));
    });
    let mut target = packet.clone();
    let header = HeaderPatch {
        marker: true,
        payload_type: PayloadType::PCMU,
        sequence: Seq(9),
        timestamp: RtpTicks(1),
        ssrc: Ssrc(9),
    };
    group.bench_function("rtp header rewrite", |b| b.iter(|| patch(black_box(&mut target), &header)));
    group.bench_function("rtcp compound", |b| {
        b.iter(|| Compound::parse(black_box(&compound)).map(|compound| compound.packets().count()));
    });
    group.finish();
}

criterion_group!(benches, parse);
criterion_main!(benches);
