//! Index estimation against the nearest-index rule, the start of a stream, and the bounded table.

use proptest::prelude::*;

use super::*;

proptest! {
    /// test-of: [RFC3711 3.3.1] the index is the one with this sequence number that lies nearest to the
    /// highest.
    #[test]
    fn estimate_is_the_nearest_index(highest in 0u64..MAX_RTP_INDEX - 0x1_0000, seq: u16) {
        let same = highest & !0xffff | u64::from(seq);
        let candidates = [same.checked_sub(0x1_0000), Some(same), Some(same + 0x1_0000)];
        let nearest = candidates
            .into_iter()
            .min_by_key(|index| match index {
                Some(index) => index.abs_diff(highest),
                None => (same + 0x1_0000_0000_0000 - 0x1_0000).abs_diff(highest + 0x1_0000_0000_0000),
            })
            .unwrap();
        // Half a cycle away both are equally near, and appendix A's rule decides.
        if nearest.is_some_and(|index| index.abs_diff(highest) == 0x8000) {
            return Ok(());
        }
        prop_assert_eq!(estimate(highest, seq), nearest);
    }
}

#[test]
fn the_roll_over_counter_follows_wraps_and_reordering() {
    assert_eq!(estimate(0xffff, 0), Some(0x1_0000));
    assert_eq!(estimate(0x1_0000, 0xffff), Some(0xffff));
    assert_eq!(estimate(0x1_0005, 0xfff0), Some(0xfff0));
    assert_eq!(estimate(0x5, 0xfff0), None, "there is nothing before index 0");
    assert_eq!(estimate(MAX_RTP_INDEX, 0), Some(MAX_RTP_INDEX + 1));
}

#[test]
fn a_stream_may_begin_just_behind_a_wrap_that_was_missed() {
    let guess = Position::Unseen.guess(5);
    assert_eq!(guess, Guess { first: Some(5), second: Some(0x1_0005) });
    assert_eq!(Position::Unseen.guess(0xfff0), Guess { first: Some(0xfff0), second: None });
    let seeded = Position::Seeded { roc: 7 };
    assert_eq!(seeded.guess(0xfff0), Guess { first: Some(0x7_fff0), second: Some(0x6_fff0) });
    let last = Position::Seeded { roc: u32::MAX };
    assert_eq!(last.guess(5).second, None, "there is nothing behind the last index");
}

#[test]
fn an_index_over_48_bits_ends_the_key() {
    let mut position = Position::Seeded { roc: u32::MAX };
    position.accept(MAX_RTP_INDEX);
    let index = position.next(0).unwrap();
    assert_eq!(position.check(index), Err(BadIndex::Exhausted));
}

// test-of: [RFC3711 3.2.3]
#[test]
fn a_full_table_gives_up_the_least_recently_used() {
    let mut streams = Streams::new(3);
    for ssrc in [1, 2, 3, 1] {
        streams.touch(ssrc);
    }
    streams.touch(4);
    assert!(streams.find(2).is_none());
    assert_eq!(streams.iter().map(|stream| stream.ssrc).collect::<Vec<_>>(), [4, 1, 3]);
}

/// A stream that gives way comes back above the indexes that were accepted of it, however many others came meanwhile.
#[test]
fn what_gave_way_is_not_accepted_again() {
    let mut streams = Streams::new(32);
    let stream = streams.touch(7);
    for index in [100, 101, 105] {
        stream.rtp.accept(index);
    }
    stream.accept_rtcp(9);
    for ssrc in 1000..1000 + 33 {
        streams.touch(ssrc).rtp.accept(1);
    }
    assert!(streams.find(7).is_none(), "it gave way");
    let state = streams.state_of(7);
    for index in [100, 101, 102, 105] {
        assert_eq!(state.rtp.check(index), Err(BadIndex::Replayed(index)));
    }
    assert_eq!(
        (state.rtp.check(106), state.check_rtcp(9), state.check_rtcp(10)),
        (Ok(()), Err(BadIndex::Replayed(9)), Ok(()))
    );
    streams.touch(7).rtp.accept(106);
    assert_eq!(streams.touch(7).rtp.check(105), Err(BadIndex::Replayed(105)));
}

#[test]
fn floors_are_bounded() {
    let mut streams = Streams::new(1);
    for ssrc in 0..5000 {
        streams.touch(ssrc).rtp.accept(1);
    }
    assert_eq!(streams.floors.len(), MAX_FLOORS);
    assert_eq!(streams.state_of(4998).rtp.check(1), Err(BadIndex::Replayed(1)));
}

#[test]
fn a_table_without_room_still_holds_one() {
    let mut streams = Streams::new(0);
    streams.touch(1);
    streams.touch(2);
    assert_eq!(streams.iter().map(|stream| stream.ssrc).collect::<Vec<_>>(), [2]);
}

#[test]
fn a_stream_is_one_cache_line() {
    assert_eq!(size_of::<Stream>(), 64);
}
