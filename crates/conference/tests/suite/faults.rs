//! Bad input disturbs nobody else, and a tick allocates nothing.

use mediapoint_conference::{Input, MemberChange, MemberId, MemberSpec, OutputKind, Room, RoomSpec, Tick};

use crate::support::{Random, amplitude, db, room_of, sine, tick};

#[test]
fn square_waves_at_full_scale_leave_the_others_audible() {
    let (mut room, members) = room_of(4);
    let square: Vec<i16> =
        (0..160_usize).map(|n| if (n / 8).is_multiple_of(2) { i16::MIN } else { i16::MAX }).collect();
    let mut heard = [Vec::new(), Vec::new()];
    for n in 0..60 {
        let pcm = sine(8000, 450.0, 8000.0, n * 160, 160);
        tick(&mut room, &[(members[0], &square), (members[1], &pcm)]);
        heard[0].extend(room.output(members[2]).samples);
        heard[1].extend(room.output(members[0]).samples);
    }
    let level = |pcm: &[i16]| db(amplitude(&pcm[1600..], 8000, 450.0) / 8000.0);
    assert!(level(&heard[0]) > -3.0, "beside the noise it is lowered by {} dB", level(&heard[0]));
    assert!(level(&heard[1]).abs() < 0.05, "whoever makes the noise hears the other unlimited");
}

#[test]
fn member_that_sends_noise_wrong_lengths_or_nothing_changes_no_bit_of_the_others() {
    // What two hear of each other is the same with and without a third who is below the gate, muted or broken.
    let mut random = Random::new(5);
    let (mut plain, a) = room_of(2);
    let (mut room, b) = room_of(5);
    room.set(b[2], MemberChange::Muted(true)).unwrap();
    for n in 0..300 {
        let pcm = [sine(8000, 300.0, 5000.0, n * 160, 160), sine(8000, 700.0, 7000.0, n * 160, 160)];
        tick(&mut plain, &[(a[0], &pcm[0]), (a[1], &pcm[1])]);
        let loud: Vec<i16> = (0..160).map(|_| random.sample(32_767)).collect();
        let hiss: Vec<i16> = (0..random.below(2000)).map(|_| random.sample(20)).collect();
        room.tick(Tick::Ms20, &mut |id| match id {
            id if id == b[0] => Input::Audio(&pcm[0]),
            id if id == b[1] => Input::Audio(&pcm[1]),
            id if id == b[2] => Input::Audio(&loud),
            id if id == b[3] => Input::Audio(&hiss),
            _ if n % 3 == 0 => Input::ComfortNoise(&hiss),
            _ => Input::Nothing,
        });
        assert_eq!(room.output(b[0]).samples, plain.output(a[0]).samples);
        assert_eq!(room.output(b[1]).samples, plain.output(a[1]).samples);
    }
}

#[test]
fn whoever_leaves_while_speaking_leaves_no_click() {
    let (mut room, members) = room_of(3);
    for n in 0..10 {
        tick(&mut room, &[(members[0], &sine(8000, 100.0, 20_000.0, n * 160 + 20, 160))]);
    }
    let before = *room.output(members[1]).samples.last().unwrap();
    assert!(before.abs() > 10_000);
    assert!(room.leave(members[0]));
    tick(&mut room, &[]);
    let heard = room.output(members[1]).samples;
    assert!((i32::from(heard[0]) - i32::from(before)).abs() <= 500, "{before}, then {}", heard[0]);
    assert!(heard[40..].iter().all(|&sample| sample == 0));
    tick(&mut room, &[]);
    assert_eq!(room.output(members[1]).kind, OutputKind::Silence);
}

#[test]
fn ten_seconds_of_silence_are_silence_without_a_mix() {
    let (mut room, members) = room_of(10);
    let zeros = [0; 160];
    let frames: Vec<(MemberId, &[i16])> = members[..5].iter().map(|id| (*id, zeros.as_slice())).collect();
    for _ in 0..500 {
        tick(&mut room, &frames);
        assert!(members.iter().all(|id| room.output(*id).kind == OutputKind::Silence));
    }
    assert_eq!((room.statistics().most_groups, room.statistics().lasted_ms), (0, 10_000));
    assert!(members.iter().all(|id| room.level(*id) == 127));
}

#[test]
fn tick_allocates_nothing() {
    let mut room = Room::new(RoomSpec::new(48_000, 200)).unwrap();
    let members: Vec<MemberId> = (0..200).map(|_| room.join(MemberSpec::default()).unwrap()).collect();
    let frames: Vec<Vec<i16>> =
        (0..20).map(|n| sine(48_000, 300.0 + 40.0 * f64::from(n), 20_000.0, 0, 960)).collect();
    let mut random = Random::new(8);
    let speaking: Vec<Vec<bool>> =
        (0..200).map(|n| (0..200).map(|_| random.chance(if n < 50 { 1 } else { 20 })).collect()).collect();
    let counts = mediapoint_allocations::measure(|| {
        for speaking in &speaking {
            room.tick(Tick::Ms20, &mut |id: MemberId| match speaking[id.index()] {
                true => Input::Audio(&frames[id.index() % 20]),
                false => Input::Nothing,
            });
            for id in &members {
                assert!(room.output(*id).samples.len() == 960);
            }
        }
    });
    assert_eq!(counts.calls(), 0, "{counts:?}");
    assert!(room.statistics().most_groups >= 9);
}
