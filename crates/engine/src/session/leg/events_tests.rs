use super::*;

/// A key press of 100 ms as most phones send it: six reports, then the end three times.
fn packets(first_index: u64, timestamp: u32, code: u8) -> Vec<EventPacket> {
    (0..9_u64)
        .map(|n| EventPacket {
            epoch: 0,
            index: first_index + n,
            timestamp: RtpTicks(timestamp),
            clock_rate: 8000,
            block: EventBlock {
                code,
                end: n >= 6,
                volume: 10,
                duration: u16::try_from((n + 1).min(7) * 160).unwrap(),
            },
            secret: false,
        })
        .collect()
}

/// Feeds packets 20 ms apart and returns all presses, those of the time-out included.
fn presses(packets: &[EventPacket]) -> Vec<(u8, u64)> {
    let mut receiver = EventReceiver::default();
    let mut found = Vec::new();
    let mut now = Time::ZERO;
    for packet in packets {
        now = now + Duration::from_millis(20);
        found.extend(receiver.observe(now, packet).1.into_iter().flatten());
    }
    if let Some(deadline) = receiver.deadline() {
        found.extend(receiver.handle_timeout(deadline));
    }
    assert_eq!(receiver.deadline(), None);
    let millis = |press: &KeyPress| u64::try_from(press.duration.as_millis()).unwrap();
    found.iter().map(|press| (press.code, millis(press))).collect()
}

// test-of: [RFC4733 2.5.1.3]
#[test]
fn long_event_in_segments_is_one_press() {
    let segment = |index, timestamp, duration, end| EventPacket {
        epoch: 0,
        index,
        timestamp: RtpTicks(timestamp),
        clock_rate: 8000,
        block: EventBlock { code: 5, end, volume: 10, duration },
        secret: false,
    };
    let packets = [
        segment(1, 0, 65_000, false),
        segment(2, 0, 65_535, false),
        segment(3, 65_535, 400, false),
        segment(4, 65_535, 800, true),
    ];
    assert_eq!(presses(&packets), [(5, (65_535 + 800) / 8)]);
}

/// A packet of key 5.
fn segment(index: u64, timestamp: u32, duration: u16, end: bool) -> EventPacket {
    EventPacket {
        epoch: 0,
        index,
        timestamp: RtpTicks(timestamp),
        clock_rate: 8000,
        block: EventBlock { code: 5, end, volume: 10, duration },
        secret: false,
    }
}

// test-of: [RFC4733 2.5.1.3]
#[test]
fn segments_are_one_press_whatever_was_lost_at_their_border_and_however_long_they_are() {
    // The last packets of the first segment are lost.
    let lost = [segment(1, 0, 65_000, false), segment(5, 65_535, 400, false), segment(6, 65_535, 800, true)];
    assert_eq!(presses(&lost), [(5, (65_535 + 800) / 8)]);
    // A sender that ends a segment with the last whole packet.
    let short = [segment(1, 0, 65_440, false), segment(2, 65_440, 160, false), segment(3, 65_440, 320, true)];
    assert_eq!(presses(&short), [(5, (65_440 + 320) / 8)]);
    // Three segments.
    let three = [
        segment(1, 0, 65_535, false),
        segment(2, 65_535, 65_535, false),
        segment(3, 131_070, 160, true),
        segment(4, 131_070, 160, true),
    ];
    assert_eq!(presses(&three), [(5, (131_070 + 160) / 8)]);
    // Two presses of a key, of which the first one lost its end.
    let two = [segment(1, 0, 8000, false), segment(2, 8000, 160, false), segment(3, 8000, 320, true)];
    assert_eq!(presses(&two), [(5, 1000), (5, 40)]);
}

#[test]
fn a_packet_is_told_its_place_in_the_whole_event() {
    let mut receiver = EventReceiver::default();
    let mut part = |packet: EventPacket| {
        let (step, _) = receiver.observe(Time::ZERO, &packet);
        let EventPart { begin, total, stale } = receiver.part(&packet, step);
        (begin.0, total, stale)
    };
    assert_eq!(part(segment(1, 700, 160, false)), (700, 160, false));
    assert_eq!(part(segment(3, 700, 65_535, false)), (700, 65_535, false));
    assert_eq!(part(segment(2, 700, 65_500, false)), (700, 65_500, false), "late");
    assert_eq!(part(segment(4, 66_235, 160, false)), (700, 65_695, false));
    assert_eq!(part(segment(0, 700, 100, false)), (700, 100, true), "of the segment before");
    assert_eq!(part(segment(5, 66_235, 320, true)), (700, 65_855, false));
    assert_eq!(part(segment(8, 90_000, 160, false)), (90_000, 160, false), "another press");
    assert_eq!(part(segment(6, 66_235, 320, true)), (66_235, 320, true), "late, of the press before");
}

// test-of: [RFC4733 2.5.1.2]
#[test]
fn each_pattern_of_loss_is_one_press() {
    let whole = packets(10, 1000, 7);
    for lost in 0..(1_u32 << 9) - 1 {
        let kept: Vec<EventPacket> =
            whole.iter().enumerate().filter(|(n, _)| lost >> n & 1 == 0).map(|(_, packet)| *packet).collect();
        let found = presses(&kept);
        assert_eq!(found.len(), 1, "{lost:09b}");
        assert_eq!(found.first().map(|press| press.0), Some(7), "{lost:09b}");
    }
}

#[test]
fn retransmitted_and_reordered_ends_are_one_press() {
    let mut packets = packets(10, 1000, 3);
    packets.reverse();
    assert_eq!(presses(&packets), [(3, 140)]);
}

#[test]
fn two_presses_of_one_key_are_two() {
    let mut all = packets(10, 1000, 1);
    all.extend(packets(40, 5000, 1));
    assert_eq!(presses(&all), [(1, 140), (1, 140)]);
}

#[test]
fn press_without_an_end_is_reported_when_the_next_begins_or_after_a_time() {
    let mut all = packets(10, 1000, 1);
    all.truncate(3);
    all.extend(packets(40, 5000, 2).into_iter().take(2));
    assert_eq!(presses(&all), [(1, 60), (2, 40)]);
}

#[test]
fn late_packets_of_the_press_before_are_stale() {
    let mut receiver = EventReceiver::default();
    let (first, second) = (packets(10, 1000, 1), packets(40, 5000, 2));
    for packet in first.iter().chain(&second) {
        receiver.observe(Time::ZERO, packet);
    }
    assert_eq!(receiver.observe(Time::ZERO, &first[8]), (EventStep::Stale, [None, None]));
}

#[test]
fn event_is_active_until_its_ends_or_its_time_out() {
    let mut receiver = EventReceiver::default();
    let all = packets(10, 1000, 1);
    receiver.observe(Time::ZERO, &all[0]);
    assert!(receiver.is_active(Time::from_millis(100)));
    assert!(!receiver.is_active(Time::from_millis(150)));
    receiver.observe(Time::from_millis(160), &all[5]);
    assert!(receiver.is_active(Time::from_millis(170)));
    receiver.observe(Time::from_millis(180), &all[6]);
    assert!(receiver.is_active(Time::from_millis(180)), "two more ends are to come");
    assert!(!receiver.is_active(Time::from_millis(240)), "they do not come");
    receiver.observe(Time::from_millis(200), &all[7]);
    receiver.observe(Time::from_millis(220), &all[8]);
    assert!(!receiver.is_active(Time::from_millis(220)), "they are through");
}

#[test]
fn audio_ends_the_wait_for_retransmissions_unless_the_sender_interleaves_it() {
    for interleaved in [false, true] {
        let mut receiver = EventReceiver::default();
        let mut index = 0;
        for packet in packets(0, 1000, 1).iter().take(7) {
            receiver.observe(Time::ZERO, &EventPacket { index, ..*packet });
            index += 1;
            if interleaved {
                receiver.note_audio(0, index);
                index += 1;
            }
        }
        receiver.note_audio(0, index);
        assert_eq!(receiver.is_active(Time::ZERO), interleaved);
        let end = EventPacket { index: index + 1, ..packets(0, 1000, 1)[7] };
        let step = if interleaved { EventStep::Continues } else { EventStep::Stale };
        assert_eq!(receiver.observe(Time::ZERO, &end), (step, [None, None]));
    }
}

#[test]
fn a_press_that_began_in_secret_is_secret_though_its_end_is_not() {
    let mut receiver = EventReceiver::default();
    let (mut first, mut last) = (segment(1, 0, 160, false), segment(2, 0, 320, true));
    (first.secret, last.secret) = (true, false);
    receiver.observe(Time::ZERO, &first);
    let (_, [press, _]) = receiver.observe(Time::ZERO, &last);
    assert!(press.is_some_and(|press| press.secret));
    let (_, [press, _]) = receiver.observe(Time::ZERO, &segment(3, 9000, 320, true));
    assert_eq!(press, None);
}

#[test]
fn a_secret_event_does_not_show_its_code() {
    let mut receiver = EventReceiver::default();
    let packet = EventPacket { secret: true, ..packets(1, 0, 7).swap_remove(0) };
    receiver.observe(Time::ZERO, &packet);
    let shown = format!("{packet:?} {receiver:?}");
    assert!(shown.contains("index: 1") && !shown.contains('7'), "{shown}");
    let open = EventPacket { secret: false, ..packet };
    assert!(format!("{open:?}").contains("code: 7"));
}
