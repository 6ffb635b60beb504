use super::*;

const A: Ssrc = Ssrc(1);
const B: Ssrc = Ssrc(2);

/// Audio at the beginning of time, with a timestamp that fits its number.
fn packet(ssrc: Ssrc, sequence: u16) -> Arrival {
    Arrival {
        now: Time::ZERO,
        ssrc,
        sequence: Seq(sequence),
        timestamp: RtpTicks((i32::from(sequence.cast_signed()) * 160).cast_unsigned()),
        clock_rate: 8000,
        octets: 160,
        audio: true,
        authenticated: false,
        moved: false,
    }
}

fn observe(receiver: &mut Receiver, ssrc: Ssrc, sequence: u16) -> Verdict {
    receiver.observe(&packet(ssrc, sequence))
}

#[track_caller]
fn taken(receiver: &mut Receiver, packet: &Arrival) -> Taken {
    match receiver.observe(packet) {
        Verdict::Take(taken) => taken,
        other => panic!("{packet:?} was not taken: {other:?}"),
    }
}

#[track_caller]
fn take(receiver: &mut Receiver, ssrc: Ssrc, sequence: u16) -> Taken {
    taken(receiver, &packet(ssrc, sequence))
}

/// The fraction that the next report block on the audio states.
fn fraction_lost(receiver: &mut Receiver) -> u8 {
    receiver.reported_streams().next().unwrap().take_fraction_lost()
}

#[test]
fn loss_is_counted_and_made_up_for_by_late_packets() {
    let mut receiver = Receiver::default();
    for sequence in [10, 11, 14] {
        take(&mut receiver, A, sequence);
    }
    assert_eq!(receiver.lost(), 2);
    let late = take(&mut receiver, A, 12);
    assert!(!late.newest);
    assert_eq!((receiver.lost(), receiver.out_of_order()), (1, 1));
}

#[test]
fn a_duplicate_does_not_make_up_for_loss() {
    let mut receiver = Receiver::default();
    for sequence in [10, 12] {
        take(&mut receiver, A, sequence);
    }
    assert_eq!(observe(&mut receiver, A, 12), Verdict::Duplicate);
    assert_eq!(observe(&mut receiver, A, 10), Verdict::Duplicate);
    assert_eq!((receiver.lost(), receiver.duplicates(), receiver.received()), (1, 2, 2));
}

#[test]
fn the_index_runs_on_over_the_wrap() {
    let mut receiver = Receiver::default();
    let before = take(&mut receiver, A, 65535);
    let after = take(&mut receiver, A, 0);
    assert_eq!(after.index, before.index + 1);
    assert_eq!(receiver.reported_streams().next().unwrap().extended_highest(), 65536);
    let late = take(&mut receiver, A, 65534);
    assert_eq!(late.index, before.index - 1);
    assert_eq!(receiver.lost(), 0);
}

#[test]
fn a_jump_needs_a_second_packet_to_be_believed() {
    let mut receiver = Receiver::default();
    take(&mut receiver, A, 10);
    assert_eq!(observe(&mut receiver, A, 40_000), Verdict::OutOfRange);
    let taken = take(&mut receiver, A, 40_001);
    assert!(taken.restarted);
    assert_eq!(taken.run, 1);
    assert_eq!(receiver.lost(), 0);
}

#[test]
fn one_stray_packet_does_not_disturb_the_stream() {
    let mut receiver = Receiver::default();
    take(&mut receiver, A, 1000);
    assert_eq!(observe(&mut receiver, A, 500), Verdict::OutOfRange);
    assert_eq!(take(&mut receiver, A, 1001).run, 0);
}

#[test]
fn another_ssrc_takes_over_at_once_and_stragglers_do_not_call_the_old_one_back() {
    let mut receiver = Receiver::default();
    for sequence in 10..20 {
        take(&mut receiver, A, sequence);
    }
    assert!(take(&mut receiver, B, 5000).restarted);
    (5001..5010).for_each(|n| assert!(!take(&mut receiver, B, n).restarted));
    // A packet of before, then one of each: two streams at one time.
    let mut beside = packet(A, 20);
    assert!(receiver.observe(&beside) != Verdict::OutOfRange, "nine packets of B are a pause of A");
    for n in 0..20 {
        let b = packet(B, 5010 + n);
        beside = packet(A, 21 + n);
        let verdicts = [b, beside].map(|packet| receiver.observe(&packet));
        if n >= 3 {
            assert_eq!(verdicts.map(|verdict| verdict == Verdict::OutOfRange), [true, false], "{n}");
        }
    }
    // What was left out was not lost.
    assert_eq!((receiver.lost(), receiver.ssrc()), (0, Some(A)));
}

#[test]
fn the_fraction_lost_is_that_of_the_interval() {
    let mut receiver = Receiver::default();
    for sequence in [0, 1, 2, 3] {
        take(&mut receiver, A, sequence);
    }
    assert_eq!(fraction_lost(&mut receiver), 0);
    for sequence in [5, 7] {
        take(&mut receiver, A, sequence);
    }
    assert_eq!(fraction_lost(&mut receiver), 128);
    assert_eq!(fraction_lost(&mut receiver), 0);
}

#[test]
fn evenly_spaced_packets_have_no_jitter_and_a_wrap_of_the_timestamp_adds_none() {
    let mut receiver = Receiver::default();
    take(&mut receiver, A, 0);
    let start = u32::MAX - 800;
    for n in 0..20_u32 {
        let now = Time::from_millis(u64::from(n) * 20);
        receiver.observe_arrival(now, RtpTicks(start.wrapping_add(n * 160)), 8000, PayloadType::PCMU);
    }
    assert_eq!(receiver.reported_streams().next().unwrap().jitter_ticks(), 0);
}

#[test]
fn alternating_delays_converge_to_their_distance() {
    let mut receiver = Receiver::default();
    take(&mut receiver, A, 0);
    for n in 0..400_u32 {
        let late = if n % 2 == 0 { 0 } else { 10 };
        let now = Time::from_millis(u64::from(n) * 20 + late);
        receiver.observe_arrival(now, RtpTicks(n * 160), 8000, PayloadType::PCMU);
    }
    let jitter = receiver.reported_streams().next().unwrap().jitter_ticks();
    assert!((75..=81).contains(&jitter), "{jitter}");
    assert!((9..=11).contains(&receiver.jitter().as_millis()));
}

/// A naive twin: keeps every sequence number it saw.
#[test]
fn loss_and_duplicates_agree_with_a_set_of_all_numbers_seen() {
    let mut random = 12345_u64;
    let mut next = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        random >> 33
    };
    let mut receiver = Receiver::default();
    let mut seen = std::collections::HashSet::new();
    let (mut duplicates, mut order) = (0, Vec::new());
    for n in 0..200_000_u64 {
        match next() % 20 {
            0 => {}
            1 => order.extend([n, n]),
            2 => order.insert(order.len().saturating_sub(usize::try_from(next() % 50).unwrap()), n),
            _ => order.push(n),
        }
    }
    for &n in &order {
        let sequence = u16::try_from(n & 0xffff).unwrap();
        let timestamp = RtpTicks(u32::try_from((n * 160) & 0xffff_ffff).unwrap());
        let verdict = receiver.observe(&Arrival { timestamp, ..packet(A, sequence) });
        if seen.insert(n) {
            assert!(matches!(verdict, Verdict::Take(_)), "{n}: {verdict:?}");
        } else {
            assert_eq!(verdict, Verdict::Duplicate);
            duplicates += 1;
        }
    }
    let span = seen.iter().max().unwrap() - seen.iter().min().unwrap() + 1;
    assert_eq!(receiver.lost(), span - seen.len() as u64);
    assert_eq!(receiver.duplicates(), duplicates);
}
