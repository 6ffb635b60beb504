use super::*;

const EPOCH: InputEpoch = InputEpoch { leg: LegId::from_u64(1), epoch: 0 };

fn input(epoch: u32, index: u64, timestamp: u32) -> Input {
    Input {
        epoch: InputEpoch { epoch, ..EPOCH },
        index,
        timestamp: RtpTicks(timestamp),
        marker: false,
        clock_rate: 8000,
        event: false,
        part: EventPart::of_segment(RtpTicks(timestamp)),
    }
}

fn stream() -> RtpRewriter {
    RtpRewriter::new(Ssrc(1), Seq(65_534), RtpTicks(1000))
}

fn at(millis: u64) -> Time {
    Time::from_millis(millis)
}

#[test]
fn loss_and_reordering_show_through_and_numbers_wrap() {
    let mut stream = stream();
    let mut sent = Vec::new();
    for (index, timestamp) in [(100, 0), (101, 160), (104, 640), (103, 480)] {
        sent.push(stream.map(at(index * 20), &input(0, index, timestamp)).unwrap());
    }
    let sequences: Vec<u16> = sent.iter().map(|out| out.sequence.0).collect();
    assert_eq!(sequences, [65_534, 65_535, 2, 1]);
    let timestamps: Vec<u32> = sent.iter().map(|out| out.timestamp.0).collect();
    assert_eq!(timestamps, [1000, 1160, 1640, 1480]);
}

#[test]
fn another_epoch_goes_on_with_the_next_number_and_the_time_passed() {
    let mut stream = stream();
    stream.map(at(0), &input(0, 100, 0)).unwrap();
    let next = stream.map(at(20), &input(1, 70_000, 4_000_000)).unwrap();
    assert_eq!(next.sequence, Seq(65_535));
    assert_eq!(next.timestamp, RtpTicks(1160));
    assert!(next.marker);
}

#[test]
fn a_packet_from_before_the_border_has_no_number() {
    let mut stream = stream();
    stream.map(at(0), &input(0, 100, 0)).unwrap();
    stream.map(at(20), &input(1, 200, 0)).unwrap();
    assert_eq!(stream.map(at(21), &input(1, 199, 0)), None);
    assert_eq!(stream.map(at(40), &input(1, 201, 160)).unwrap().sequence, Seq(0));
}

#[test]
fn timestamps_that_start_anew_in_mid_stream_are_rebased() {
    let mut stream = stream();
    stream.map(at(0), &input(0, 100, 3_000_000_000)).unwrap();
    let next = stream.map(at(20), &input(0, 101, 0)).unwrap();
    assert_eq!((next.sequence, next.timestamp), (Seq(65_535), RtpTicks(1160)));
    assert!(next.marker);
}

#[test]
fn timestamps_that_stood_still_on_hold_are_rebased() {
    let mut stream = stream();
    stream.map(at(0), &input(0, 100, 0)).unwrap();
    let next = stream.map(at(30_000), &input(0, 101, 160)).unwrap();
    assert_eq!(next.timestamp, RtpTicks(1000 + 240_000));
}

#[test]
fn a_pause_that_the_timestamps_contain_is_kept() {
    let mut stream = stream();
    stream.map(at(0), &input(0, 100, 0)).unwrap();
    let next = stream.map(at(30_000), &input(0, 101, 240_000)).unwrap();
    assert_eq!(next.timestamp, RtpTicks(1000 + 240_000));
    assert!(!next.marker);
}

#[test]
fn a_long_event_keeps_one_timestamp_and_the_audio_after_it_is_not_moved() {
    let mut stream = stream();
    stream.map(at(0), &input(0, 100, 0)).unwrap();
    let event = Input { event: true, ..input(0, 101, 160) };
    for n in 0..100_u64 {
        let packet = Input { index: 101 + n, ..event };
        assert_eq!(stream.map(at(20 + n * 50), &packet).unwrap().timestamp, RtpTicks(1160));
    }
    let after = stream.map(at(5020), &input(0, 201, 40_160)).unwrap();
    assert_eq!(after.timestamp, RtpTicks(41_160));
    assert!(!after.marker);
}

#[test]
fn another_clock_goes_on_by_the_time_passed_in_its_own_ticks() {
    let mut stream = stream();
    stream.map(at(0), &input(0, 100, 0)).unwrap();
    let wide = Input { clock_rate: 48_000, ..input(0, 101, 960) };
    let next = stream.map(at(20), &wide).unwrap();
    assert_eq!((next.sequence, next.timestamp), (Seq(65_535), RtpTicks(1960)));
}

#[test]
fn a_sender_report_states_the_timestamp_of_its_own_time() {
    let mut stream = stream();
    stream.map(at(0), &input(0, 100, 0)).unwrap();
    assert_eq!(stream.timestamp_at(at(500)), RtpTicks(5000));
}

/// Whatever the input does, no sequence number goes out twice and fresh packets only move forward.
#[test]
fn numbers_are_never_given_out_twice() {
    let mut random = 99_u64;
    let mut next = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        random >> 33
    };
    let mut stream = stream();
    let (mut epoch, mut index, mut timestamp) = (0, 1000, 0);
    let mut seen = std::collections::HashSet::new();
    let mut sent_in_epoch = std::collections::HashSet::new();
    for n in 0..30_000_u64 {
        match next() % 50 {
            0 => {
                epoch += 1;
                index = 1000 + next() % 60_000;
                sent_in_epoch.clear();
            }
            1 => timestamp = u32::try_from(next() & 0x7fff_ffff).unwrap(),
            2 => index += next() % 20,
            _ => index += 1,
        }
        timestamp = timestamp.wrapping_add(160);
        let late = if next() % 10 == 0 { next() % 30 } else { 0 };
        if !sent_in_epoch.insert(index - late) {
            continue;
        }
        let before = stream.next;
        if stream.map(at(n * 20), &input(epoch, index - late, timestamp)).is_some() {
            let mapping = stream.mapping.unwrap();
            let number = (index - late).wrapping_add(mapping.sequence_offset);
            assert!(seen.insert(number), "{number} went out twice");
            assert!(stream.next >= before);
        }
    }
}

#[test]
fn changes_of_source_leave_the_timestamps_on_the_clock() {
    let mut stream = stream();
    let (mut now, mut index) = (0, 0);
    let begin = stream.map(at(0), &input(0, 0, 0)).unwrap().timestamp;
    // Forwarded and encoded packets in turn, at every phase between them.
    for round in 1..200_u32 {
        for n in 0..10 {
            index += 1;
            stream.map(at(now), &input(round, index, n * 160)).unwrap();
            now += 20;
        }
        now = now - 20 + u64::from(round * 7 % 20);
        stream.begin_encoded(at(now), None, 8000);
        for _ in 0..10 {
            let sent = stream.next_encoded(at(now), 160, false).timestamp;
            let off = i64::from(sent.distance_from(begin)) - i64::try_from(now * 8).unwrap();
            assert!((-400..=400).contains(&off), "round {round}: {off} ticks off the clock");
            now += 20;
        }
        now = now - 20 + u64::from(round * 3 % 20);
    }
}

#[test]
fn audio_sent_ahead_shortens_the_next_pause_once_and_no_later_one() {
    let mut stream = stream();
    let mut now = 0;
    let begin = stream.map(at(0), &input(0, 100, 0)).unwrap().timestamp;
    for round in 1..50_u32 {
        // Forwarded, then encoded from where that ends, then 40 ms of it at once, and forwarded again.
        let index = 100 + u64::from(round) * 10;
        now += 20;
        stream.map(at(now), &input(0, index, u32::try_from(now * 8).unwrap())).unwrap();
        now += 20;
        assert!(stream.begin_encoded(
            at(now),
            Some(&input(0, index + 1, u32::try_from(now * 8).unwrap())),
            8000
        ));
        now += 40;
        for _ in 0..3 {
            stream.next_encoded(at(now), 160, false);
        }
        stream.add_lead(320);
        now += 20;
        let next = stream.map(at(now), &input(0, index + 5, u32::try_from(now * 8).unwrap())).unwrap();
        let off = i64::from(next.timestamp.distance_from(begin)) - i64::try_from(now * 8).unwrap();
        assert!((-400..=400).contains(&off), "round {round}: {off} ticks off the clock");
    }
    stream.begin_encoded(at(now + 20), None, 8000);
    stream.next_encoded(at(now + 20), 160, false);
    for _ in 0..100 {
        stream.pass_silence(160);
    }
    let after = stream.next_encoded(at(now + 20 + 101 * 20), 160, false).timestamp;
    let off = i64::from(after.distance_from(begin)) - i64::try_from((now + 20 + 101 * 20) * 8).unwrap();
    assert!((-400..=400).contains(&off), "{off} ticks off the clock after the pause");
}

#[test]
fn event_beside_audio_does_not_hold_the_timestamps_back() {
    let mut stream = stream();
    for n in 0..50_u32 {
        let (now, index) = (at(u64::from(n) * 20), u64::from(n) * 2);
        let event = Input { event: true, ..input(0, index, 0) };
        stream.map(now, &event).unwrap();
        stream.map(now, &input(0, index + 1, n * 160)).unwrap();
    }
    stream.map(at(990), &Input { event: true, ..input(0, 100, 0) }).unwrap();
    let next = stream.map(at(1000), &input(1, 7, 0)).unwrap();
    assert_eq!(next.timestamp, RtpTicks(1000 + 8000));
}
