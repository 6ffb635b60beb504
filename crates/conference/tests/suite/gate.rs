//! The voice gate and the choice of speakers: words are not cut.

use mediapoint_conference::{MemberId, MemberSpec, Room, RoomSpec};

use crate::support::{Random, room_of, sine, tick};

/// Ticks of a tone of `level` for `member`, and what `listener` hears of them.
fn say(
    room: &mut Room,
    member: MemberId,
    listener: MemberId,
    level: f64,
    ticks: usize,
) -> (Vec<i16>, Vec<i16>) {
    let (mut sent, mut heard) = (Vec::new(), Vec::new());
    for n in 0..ticks {
        let pcm = sine(8000, 450.0, level, n * 160, 160);
        tick(room, &[(member, &pcm)]);
        heard.extend(room.output(listener).samples);
        sent.extend(pcm);
    }
    (sent, heard)
}

#[test]
fn onset_loses_no_more_than_the_fade_of_5_ms() {
    let (mut room, members) = room_of(2);
    say(&mut room, members[0], members[1], 10.0, 50);
    // A word that begins 15 ms into a tick.
    let mut first = vec![0; 120];
    first.extend(sine(8000, 450.0, 4000.0, 0, 40));
    tick(&mut room, &[(members[0], &first)]);
    assert_eq!(room.output(members[1]).samples, first, "the fade lies in the silence before");
    let (sent, heard) = say(&mut room, members[0], members[1], 4000.0, 5);
    assert_eq!(sent, heard);

    let (mut room, members) = room_of(2);
    let (sent, heard) = say(&mut room, members[0], members[1], 4000.0, 5);
    assert_eq!(sent[40..], heard[40..], "all but the first 5 ms of a word that begins with a tick");
}

#[test]
fn pauses_between_words_pass_and_the_end_fades() {
    let (mut room, members) = room_of(2);
    say(&mut room, members[0], members[1], 4000.0, 10);
    // 380 ms of quiet breath is within the hangover of 400 ms.
    let (sent, heard) = say(&mut room, members[0], members[1], 15.0, 19);
    assert_eq!(sent, heard);
    let (sent, heard) = say(&mut room, members[0], members[1], 4000.0, 10);
    assert_eq!(sent, heard, "the next word has no onset");
    let (sent, heard) = say(&mut room, members[0], members[1], 15.0, 40);
    assert_eq!(sent[..19 * 160], heard[..19 * 160]);
    assert!(heard[21 * 160..].iter().all(|&sample| sample == 0), "then it is shut");
    assert!(!room.is_talking(members[0]) && !room.is_mixed(members[0]));
}

#[test]
fn noise_is_not_mixed_once_it_is_known_and_voice_over_it_is() {
    let (mut room, members) = room_of(2);
    let mut random = Random::new(3);
    let mut noise = || -> Vec<i16> { (0..160).map(|_| random.sample(60)).collect() };
    let mut mixed = 0;
    for n in 0..1000 {
        tick(&mut room, &[(members[0], &noise())]);
        mixed += usize::from(n >= 500 && room.is_mixed(members[0]));
    }
    assert_eq!(mixed, 0, "ticks of noise mixed after 10 s");
    let mut voice = noise();
    voice.iter_mut().zip(sine(8000, 450.0, 600.0, 0, 160)).for_each(|(noise, voice)| *noise += voice);
    tick(&mut room, &[(members[0], &voice)]);
    assert!(room.is_mixed(members[0]));
}

/// A room of 2 speakers at a time, with two in it who have spoken for a second, and a third.
fn taken_places() -> (Room, Vec<MemberId>) {
    let mut room = Room::new(RoomSpec { loudest: 2, ..RoomSpec::new(8000, 10) }).unwrap();
    let members: Vec<MemberId> = (0..4).map(|_| room.join(MemberSpec::default()).unwrap()).collect();
    let pcm = sine(8000, 450.0, 4000.0, 0, 160);
    for _ in 0..50 {
        tick(&mut room, &[(members[0], &pcm), (members[1], &pcm)]);
    }
    (room, members)
}

fn mixed(room: &Room, members: &[MemberId]) -> Vec<bool> {
    members.iter().map(|id| room.is_mixed(*id)).collect()
}

#[test]
fn speaker_keeps_his_place_until_somebody_is_louder_by_6_db() {
    let (mut room, members) = taken_places();
    let pcm = sine(8000, 450.0, 4000.0, 0, 160);
    // 5 dB louder; the second speaker pauses for 200 ms now and then.
    let louder = sine(8000, 450.0, 7100.0, 0, 160);
    for n in 0..200 {
        let mut frames: Vec<(MemberId, &[i16])> = vec![(members[0], &pcm), (members[2], &louder)];
        if n % 40 < 25 {
            frames.push((members[1], &pcm));
        }
        tick(&mut room, &frames);
        let second = room.is_mixed(members[1]) || n % 40 >= 25;
        assert!(room.is_mixed(members[0]) && second, "displaced in tick {n}");
    }
    assert_eq!(room.member_statistics(members[0]).unwrap().displaced, 0);

    let (mut room, members) = taken_places();
    let louder = sine(8000, 450.0, 8500.0, 0, 160);
    tick(&mut room, &[(members[0], &pcm), (members[1], &pcm), (members[2], &louder)]);
    tick(&mut room, &[(members[0], &pcm), (members[1], &pcm), (members[2], &louder)]);
    assert_eq!(mixed(&room, &members), [true, false, true, false], "7 dB louder; the later of equals goes");
    assert_eq!(room.member_statistics(members[1]).unwrap().displaced, 1);
}

#[test]
fn free_place_is_taken_at_once_and_priority_needs_none() {
    let (mut room, members) = taken_places();
    let pcm = sine(8000, 450.0, 4000.0, 0, 160);
    let quiet = sine(8000, 450.0, 300.0, 0, 160);
    room.set(members[3], mediapoint_conference::MemberChange::Priority(true)).unwrap();
    let all: [(MemberId, &[i16]); 4] =
        [(members[0], &pcm), (members[1], &pcm), (members[2], &pcm), (members[3], &quiet)];
    tick(&mut room, &all);
    tick(&mut room, &all);
    assert_eq!(mixed(&room, &members), [true, false, false, true]);
    for _ in 0..40 {
        tick(&mut room, &all[1..3]);
    }
    assert_eq!(mixed(&room, &members), [false, true, true, false], "once the first and the last are silent");
}
