//! A leg makes room for what waits a few times, and allocates nothing from then on, whatever comes.

use mediapoint_allocations::{Counts, measure};
use mediapoint_codec::Codec;
use mediapoint_jitter::{Arrived, Concealer, Playout, PlayoutConfig};
use mediapoint_packet::Time;
use mediapoint_packet::rtp::{PayloadType, RtpTicks};

/// How often a leg makes room: packets twice, from 32 to 68; octets three times at most, and what is yet to be played twice,
/// from 120 to 480 ms.
const GROWTHS: u64 = 7;

fn first_of(payload_type: PayloadType, payload: &[u8]) -> Arrived<'_> {
    Arrived { epoch: 0, index: 0, timestamp: RtpTicks(0), payload_type, marker: false, payload }
}

#[test]
fn a_decoder_is_made_by_the_first_packet_of_its_codec() {
    let number = |value| PayloadType::new(value).expect("below 128");
    let agreed = [(PayloadType::PCMU, Codec::PCMU), (number(18), Codec::G729), (number(96), Codec::OPUS)];
    let of = |payloads: &[(PayloadType, Codec)]| {
        let mut made = None;
        let counts = measure(|| made = Playout::new(PlayoutConfig::new(8000).unwrap(), payloads).ok());
        (made.unwrap(), counts)
    };
    // The first leg makes what all share.
    let _ = of(&agreed[..1]);
    let (_, of_one) = of(&agreed[..1]);
    let (mut playout, of_three) = of(&agreed);
    assert_eq!(of_three.allocations, of_one.allocations, "codecs that are agreed cost no decoder");

    let payload = [0x55; 10];
    let mut insert = |payload_type| {
        measure(|| {
            playout.insert(Time::ZERO, &first_of(payload_type, &payload));
        })
        .allocations
    };
    for (payload_type, expected) in [(number(18), 1), (number(18), 0), (PayloadType::PCMU, 0)] {
        assert_eq!(insert(payload_type), expected, "{payload_type:?}");
    }
    assert!(insert(number(96)) > 0, "Opus");
    assert_eq!(insert(number(96)) + insert(number(18)), 0, "each is made once");
}

#[test]
fn nothing_is_allocated_once_there_is_room() {
    for rate in [8000, 16_000, 48_000] {
        let number = |value| PayloadType::new(value).expect("below 128");
        let payloads = [
            (PayloadType::PCMU, Codec::PCMU),
            (number(96), Codec::L16_8K),
            (number(97), Codec::L16_16K),
            (number(9), Codec::G722),
            (PayloadType::COMFORT_NOISE, Codec::CN),
        ];
        let mut playout = Playout::new(PlayoutConfig::new(rate).unwrap(), &payloads).unwrap();
        let mut concealer = Concealer::new(rate).unwrap();
        let mut pcm = vec![0; rate as usize / 50];
        let payload: Vec<u8> = (0..640_u32).map(|n| (n * n).to_le_bytes()[0]).collect();
        // Decoders are made with the first packet of each.
        for (payload_type, _) in &payloads {
            playout.insert(Time::ZERO, &first_of(*payload_type, &payload[..160]));
        }
        playout.reset();
        // Of this thread: the harness has one of its own.
        let mut round = |first: u64| {
            for n in first..first + 5000_u64 {
                let now = Time::from_millis(20 * n);
                let (payload_type, len) = match n / 100 % 5 {
                    0 => (PayloadType::PCMU, 160),
                    1 => (number(96), 320),
                    2 => (number(97), 640),
                    3 => (number(9), 160),
                    _ => (PayloadType::COMFORT_NOISE, 2),
                };
                // Losses of 1 to 3 packets, some late, a new stream now and then.
                let lost = n % 17 < n / 1000 % 4;
                if !lost {
                    let timestamp = RtpTicks(
                        (n * 160).to_le_bytes()[..4].iter().rev().fold(0, |sum, b| sum << 8 | u32::from(*b)),
                    );
                    playout.insert(
                        now,
                        &Arrived {
                            epoch: u32::try_from((n + 1000) / 5000).expect("a small number"),
                            index: if n % 29 == 3 { n.saturating_sub(2) } else { n },
                            timestamp,
                            payload_type,
                            marker: n % 100 == 0,
                            payload: &payload[..len],
                        },
                    );
                }
                playout.pull(now, &mut pcm);
                if n % 7 == 3 {
                    concealer.conceal(&mut pcm);
                } else {
                    concealer.good(&mut pcm);
                }
            }
            while playout.drain(&mut pcm).is_some() {}
        };
        let grown = measure(|| [0, 5000, 10_000].into_iter().for_each(&mut round));
        assert!(grown.allocations <= GROWTHS, "at {rate} Hz: {grown:?}");
        assert_eq!(measure(|| round(15_000)), Counts::default(), "at {rate} Hz");
        let statistics = playout.statistics();
        assert!(statistics.concealed_samples > 0 && statistics.noise_samples > 0, "{statistics:?}");
    }
}
