use super::super::{Compound, Packet};
use super::*;

/// An extended report of source 1 around `blocks`.
fn report(blocks: &[u8]) -> Vec<u8> {
    let words = u16::try_from(blocks.len() / 4 + 1).unwrap().to_be_bytes();
    [&[0x80, 207, words[0], words[1], 0, 0, 0, 1][..], blocks].concat()
}

fn blocks(bytes: &[u8]) -> Vec<Block<'_>> {
    let mut packets = Compound::parse(bytes).unwrap().packets();
    let Some(Packet::Extended(extended)) = packets.next() else { panic!("another type") };
    assert_eq!(extended.ssrc, Ssrc(1));
    extended.blocks().collect()
}

const METRICS: VoipMetrics = VoipMetrics {
    ssrc: Ssrc(0x0102_0304),
    loss_rate: 5,
    discard_rate: 6,
    burst_density: 7,
    gap_density: 8,
    burst_duration: 0x090a,
    gap_duration: 0x0b0c,
    round_trip_delay: 0x0d0e,
    end_system_delay: 0x0f10,
    signal_level: Some(-20),
    noise_level: Some(-70),
    residual_echo_return_loss: Some(55),
    gap_minimum: 16,
    r_factor: Some(93),
    external_r_factor: None,
    mos_listening: Some(41),
    mos_conversational: Some(40),
    receiver_configuration: 0xb4,
    jitter_buffer_nominal: 40,
    jitter_buffer_maximum: 80,
    jitter_buffer_absolute_maximum: 0x0140,
};

/// [`METRICS`] by the figure of [RFC3611 4.7].
const METRICS_ON_THE_WIRE: [u8; 36] = [
    7, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, // up to the end system delay
    0xec, 0xba, 55, 16, 93, 127, 41, 40, 0xb4, 0, 0, 40, 0, 80, 1, 0x40,
];

// test-of: [RFC3611 4.7]
// test-of: [RFC3611 4.7.6]
#[test]
fn voip_metrics_have_the_layout_of_the_figure() {
    let bytes = report(&METRICS_ON_THE_WIRE);
    let blocks = blocks(&bytes);
    assert!(matches!(blocks[..], [Block::VoipMetrics(METRICS)]), "{blocks:?}");

    let mut out = [0; 64];
    let mut writer = CompoundWriter::new(&mut out);
    writer.receiver_report(Ssrc(1), &[]).unwrap();
    writer.voip_metrics(Ssrc(1), &METRICS).unwrap();
    let len = writer.finish();
    assert_eq!(out[8..len], bytes);
}

// test-of: [RFC3611 4.7]
#[test]
fn a_metric_of_127_was_not_measured() {
    let unmeasured = VoipMetrics {
        signal_level: None,
        noise_level: None,
        residual_echo_return_loss: None,
        r_factor: None,
        mos_listening: None,
        mos_conversational: None,
        ..METRICS
    };
    let mut out = [0; 64];
    let mut writer = CompoundWriter::new(&mut out);
    writer.receiver_report(Ssrc(1), &[]).unwrap();
    writer.voip_metrics(Ssrc(1), &unmeasured).unwrap();
    let len = writer.finish();
    assert_eq!(out[36..44], [127, 127, 127, 16, 127, 127, 127, 127]);
    let Some(Block::VoipMetrics(read)) = blocks(&out[8..len]).pop() else { panic!("another type") };
    assert_eq!(read, unmeasured);
}

// test-of: [RFC3611 2]
// test-of: [RFC3611 3]
// test-of: [RFC3611 4]
// test-of: [RFC3611 4.4]
// test-of: [RFC3611 4.5]
#[test]
fn reference_times_their_answers_and_unknown_blocks_are_read() {
    let bytes = report(&[
        4, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8, // reference time
        5, 0, 0, 6, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0, 10, 0, 0, 0, 11, 0, 0, 0,
        12, // answers
        99, 42, 0, 1, 9, 8, 7, 6, // unknown
        5, 0, 0, 0, // no answers
    ]);
    let blocks = blocks(&bytes);
    let [
        Block::ReferenceTime(time),
        Block::LastReceiverReports(answers),
        other,
        Block::LastReceiverReports(none),
    ] = &blocks[..]
    else {
        panic!("{blocks:?}")
    };
    assert_eq!(*time, NtpTime(0x0102_0304_0506_0708));
    assert_eq!(
        answers.clone().collect::<Vec<_>>(),
        [
            LastReceiverReport { ssrc: Ssrc(7), last_rr: 8, delay_since_last_rr: 9 },
            LastReceiverReport { ssrc: Ssrc(10), last_rr: 11, delay_since_last_rr: 12 },
        ]
    );
    assert!(matches!(other, Block::Other { kind: 99, specific: 42, data: [9, 8, 7, 6] }), "{other:?}");
    assert_eq!(none.clone().count(), 0);
}

// test-of: [RFC3611 3]
#[test]
fn a_block_of_the_wrong_length_is_refused() {
    let refusal = |blocks: &[u8]| Compound::parse(&report(blocks)).unwrap_err();
    let of = |kind, declared, available| Malformed::ExtendedBlock { kind, declared, available };
    assert_eq!(refusal(&[99, 0, 0, 2, 0, 0, 0, 0]), of(99, 12, 8));
    assert_eq!(refusal(&[4, 0, 0, 1, 0, 0, 0, 0]), of(4, 8, 12));
    assert_eq!(refusal(&[5, 0, 0, 1, 0, 0, 0, 0]), of(5, 8, 16));
    assert_eq!(refusal(&[7, 0, 0, 0]), of(7, 4, 36));
    let truncated = Compound::parse(&[0x80, 207, 0, 0]).unwrap_err();
    assert_eq!(truncated, Malformed::Truncated { needed: 4, available: 0 });
}
