//! Joining, leaving, moving, locking, and what is reported.

use mediapoint_conference::{
    Gain, JoinError, LinkSpec, MemberChange, MemberId, MemberSpec, Role, Room, RoomEvent, RoomSpec, SpecError,
};

use crate::support::{room_of, sine, tick, with_role};

fn events(room: &mut Room) -> Vec<RoomEvent> {
    std::iter::from_fn(|| room.poll_event()).collect()
}

#[test]
fn full_locked_and_ended_rooms_refuse_by_type() {
    let mut room = Room::new(RoomSpec::new(8000, 2)).unwrap();
    let first = room.join(MemberSpec::default()).unwrap();
    room.lock(true);
    assert_eq!(room.join(MemberSpec::default()), Err(JoinError::Locked));
    room.lock(false);
    room.join(MemberSpec::default()).unwrap();
    assert_eq!(room.join(MemberSpec::default()), Err(JoinError::Full { capacity: 2 }));
    assert_eq!(room.join_link(LinkSpec::mix()), Err(JoinError::Full { capacity: 2 }));
    assert!(room.leave(first));
    let missing = room.join(with_role(Role::Coach { agent: first }));
    assert_eq!(missing, Err(JoinError::NoSuchMember(first)));
    assert!(room.set(first, MemberChange::Muted(true)).is_err());
    room.end();
    assert_eq!((room.join(MemberSpec::default()), room.len()), (Err(JoinError::Ended), 0));
    assert_eq!(room.statistics().refused, 5);
}

#[test]
fn specs_out_of_range_are_refused() {
    let spec = RoomSpec::new(8000, 20);
    assert_eq!(Room::new(RoomSpec::new(11_025, 20)).unwrap_err(), SpecError::Rate(11_025));
    assert_eq!(Room::new(RoomSpec::new(8000, 0)).unwrap_err(), SpecError::Capacity(0));
    assert_eq!(Room::new(RoomSpec::new(8000, 2001)).unwrap_err(), SpecError::Capacity(2001));
    assert_eq!(Room::new(RoomSpec { loudest: 0, ..spec }).unwrap_err(), SpecError::Loudest(0));
    let mut gate = spec.gate;
    gate.least_dbov = f32::NAN;
    assert_eq!(Room::new(RoomSpec { gate, ..spec }).unwrap_err(), SpecError::Gate);
}

#[test]
fn talking_and_the_active_speaker_are_reported() {
    let (mut room, members) = room_of(3);
    assert_eq!(events(&mut room), members.iter().map(|id| RoomEvent::Joined(*id)).collect::<Vec<_>>());
    let pcm = sine(8000, 450.0, 10_000.0, 0, 160);
    let quiet = sine(8000, 450.0, 2000.0, 0, 160);
    tick(&mut room, &[]);
    for _ in 0..50 {
        tick(&mut room, &[(members[0], &quiet)]);
    }
    let started = RoomEvent::TalkStarted { member: members[0], at_ms: 20, level: 24 };
    assert_eq!(events(&mut room), [started, RoomEvent::ActiveSpeaker(Some(members[0]))]);
    for _ in 0..50 {
        tick(&mut room, &[(members[0], &quiet), (members[1], &pcm)]);
    }
    let started = RoomEvent::TalkStarted { member: members[1], at_ms: 1020, level: 10 };
    assert_eq!(events(&mut room), [started, RoomEvent::ActiveSpeaker(Some(members[1]))]);
    for _ in 0..30 {
        tick(&mut room, &[(members[1], &pcm)]);
    }
    let stopped = RoomEvent::TalkStopped { member: members[0], at_ms: 2400, level: 24, talked_ms: 2380 };
    assert_eq!(events(&mut room), [stopped]);
    assert_eq!(room.member_statistics(members[0]).unwrap().talked_ms, 2380);
    assert!(room.leave(members[1]));
    let talks = [
        RoomEvent::TalkStopped { member: members[1], at_ms: 2620, level: 10, talked_ms: 1600 },
        RoomEvent::ActiveSpeaker(None),
        RoomEvent::Left(members[1]),
    ];
    assert_eq!(events(&mut room), talks);
    room.set(members[2], MemberChange::Muted(true)).unwrap();
    for _ in 0..5 {
        tick(&mut room, &[(members[2], &pcm)]);
    }
    assert_eq!(events(&mut room), [], "who is muted does not talk");
}

#[test]
fn events_that_nobody_polls_are_bounded_and_counted() {
    let mut room = Room::new(RoomSpec::new(8000, 1)).unwrap();
    for _ in 0..1000 {
        let id = room.join(MemberSpec::default()).unwrap();
        assert!(room.leave(id));
    }
    let lost = room.statistics().events_lost;
    assert_eq!((events(&mut room).len(), lost), (68, 2000 - 68));
}

#[test]
fn move_takes_gains_and_the_word_that_is_being_spoken_along() {
    let (mut here, members) = room_of(2);
    let (mut there, others) = room_of(2);
    here.set(members[0], MemberChange::GainIn(Gain::from_db(6.0).unwrap())).unwrap();
    let pcm = vec![1000; 160];
    for _ in 0..10 {
        tick(&mut here, &[(members[0], &pcm)]);
    }
    let departure = here.take(members[0]).unwrap();
    assert!(here.take(members[0]).is_none() && here.output(members[0]).group.is_none());
    let id = there.admit(&departure, Role::Member).unwrap();
    // A quiet part of a word: it would not open the gate, which is open.
    let breath = vec![10; 160];
    tick(&mut there, &[(id, &breath)]);
    tick(&mut there, &[(id, &breath)]);
    assert_eq!(there.output(others[0]).samples, [20; 160]);
    assert_eq!(there.member_statistics(id).unwrap().talks, 1);
    there.lock(true);
    assert_eq!(there.admit(&departure, Role::Member), Err(JoinError::Locked));
}

#[test]
fn automatic_gain_evens_two_speakers() {
    let (mut room, members) = room_of(3);
    let levels = |room: &mut Room, ids: &[MemberId]| {
        let frames = [sine(8000, 400.0, 1500.0, 0, 160), sine(8000, 400.0, 6000.0, 0, 160)];
        let mut peaks = Vec::new();
        for (id, frame) in ids.iter().zip(&frames) {
            for _ in 0..400 {
                tick(room, &[(*id, frame)]);
            }
            peaks.push(room.output(members[2]).samples.iter().max().copied().unwrap());
        }
        20.0 * (f64::from(peaks[1]) / f64::from(peaks[0])).log10()
    };
    assert!((levels(&mut room, &members) - 12.0).abs() < 0.5);
    for id in &members {
        room.set(*id, MemberChange::AutomaticGain(true)).unwrap();
    }
    let even = levels(&mut room, &members);
    assert!(even.abs() < 3.5, "{even} dB");
}
