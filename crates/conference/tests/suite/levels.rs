//! Who hears whom at which level, at what cost in mixes, and the limiter of ten who shout.

use mediapoint_conference::{
    Gain, Input, LIMITER_FALL_PER_MS, LIMITER_RISE_PER_MS, MemberChange, MemberId, MemberSpec, MixKey,
    OutputKind, RATES, Room, RoomSpec, Tick,
};

use crate::support::{amplitude, db, hear_tones, room_of, sine, tick};

#[test]
fn each_of_20_hears_every_other_at_its_level_and_not_itself() {
    for rate in [8000, 16_000, 48_000] {
        let spec = RoomSpec { loudest: 20, ..RoomSpec::new(rate, 20) };
        let mut room = Room::new(spec).unwrap();
        let tones: Vec<(MemberId, f64)> = (0..20)
            .map(|n| (room.join(MemberSpec::default()).unwrap(), 300.0 + f64::from(n) * 150.0))
            .collect();
        let heard = hear_tones(&mut room, &tones, 50, 1200.0);
        for ((listener, _), heard) in tones.iter().zip(&heard) {
            for (speaker, hz) in &tones {
                let level = db(amplitude(heard, rate, *hz) / 1200.0);
                if speaker == listener {
                    assert!(level < -60.0, "{listener} hears itself at {level:.1} dB, {rate} Hz");
                } else {
                    assert!(level.abs() < 0.05, "{listener} hears {speaker} at {level:.2} dB, {rate} Hz");
                }
            }
        }
    }
}

#[test]
fn every_rate_and_tick_has_frames_of_its_length() {
    for rate in RATES {
        for step in [Tick::Ms10, Tick::Ms20] {
            let mut room = Room::new(RoomSpec::new(rate, 2)).unwrap();
            let a = room.join(MemberSpec::default()).unwrap();
            let b = room.join(MemberSpec::default()).unwrap();
            let pcm = vec![9000; step.samples(rate)];
            for _ in 0..2 {
                room.tick(step, &mut |id| if id == a { Input::Audio(&pcm) } else { Input::Nothing });
            }
            assert_eq!(room.output(b).samples, pcm, "{rate} Hz, {} ms", step.millis());
            assert_eq!(room.output(a).samples, vec![0; pcm.len()]);
        }
    }
}

#[test]
fn thousand_members_with_three_speakers_take_four_mixes() {
    let (mut room, members) = room_of(1000);
    let pcm = sine(8000, 500.0, 6000.0, 0, 160);
    let frames: Vec<(MemberId, &[i16])> = members[..3].iter().map(|id| (*id, pcm.as_slice())).collect();
    for _ in 0..3 {
        tick(&mut room, &frames);
    }
    assert_eq!((room.statistics().groups, room.statistics().mixed), (4, 3));
    let full = room.output(members[3]);
    assert!(members[3..].iter().all(|id| room.output(*id) == full));
    assert_eq!((full.kind, full.mix), (OutputKind::Audio, MixKey::Full));
    assert_eq!(room.output(members[0]).mix, MixKey::Of(members[0]));
}

#[test]
fn ten_who_shout_do_not_clip_and_gain_moves_no_faster_than_stated() {
    let mut room = Room::new(RoomSpec { loudest: 10, ..RoomSpec::new(8000, 11) }).unwrap();
    let members: Vec<MemberId> = (0..11).map(|_| room.join(MemberSpec::default()).unwrap()).collect();
    // All in phase: the sum is ten times full scale. It begins in the middle of a tick, and ends after a second.
    let (mut sent, mut heard) = (Vec::new(), Vec::new());
    for n in 0..200 {
        let level = if (10..60).contains(&n) { 32_767.0 } else { 300.0 };
        let mut pcm = sine(8000, 437.0, level, n * 160, 160);
        if n == 10 {
            pcm[..77].fill(0);
        }
        let frames: Vec<(MemberId, &[i16])> = members[..10].iter().map(|id| (*id, pcm.as_slice())).collect();
        tick(&mut room, &frames);
        sent.extend(pcm.iter().map(|&sample| 10.0 * f64::from(sample)));
        heard.extend(room.output(members[10]).samples.iter().map(|&sample| f64::from(sample)));
    }
    let flat = heard.windows(3).filter(|three| three.iter().all(|x| x.abs() >= 32_767.0)).count();
    assert_eq!(flat, 0, "flat tops");
    // Where the sum is large enough to tell, past the onset that is bent.
    let gains: Vec<(usize, f64)> =
        (1761..heard.len()).filter(|&n| sent[n].abs() > 2000.0).map(|n| (n, heard[n] / sent[n])).collect();
    for pair in gains.windows(2) {
        let [(n, before), (m, after)] = pair else { continue };
        let ms = (m - n) as f64 / 8.0;
        let slack = 0.0008;
        assert!(
            after - before <= f64::from(LIMITER_RISE_PER_MS) * ms + slack,
            "rise of {before} to {after} at {m}"
        );
        assert!(
            before - after <= f64::from(LIMITER_FALL_PER_MS) * ms + slack,
            "fall of {before} to {after} at {m}"
        );
    }
    assert!(gains[0].1 < 0.11, "{:?}", gains[0]);
    // The whole second is steady: no pumping within the tone.
    let steady: Vec<f64> =
        gains.iter().filter(|(n, _)| (1761..9600).contains(n)).map(|(_, gain)| *gain).collect();
    let (least, most) = steady.iter().fold((1.0_f64, 0.0_f64), |(a, b), gain| (a.min(*gain), b.max(*gain)));
    assert!(db(most / least) < 0.5, "{least} to {most}");
    assert!((heard.last().unwrap() / sent.last().unwrap() - 1.0).abs() < 1e-9, "it is transparent again");
}

#[test]
fn gains_in_and_out_are_exact_and_shared() {
    let (mut room, members) = room_of(5);
    room.set(members[0], MemberChange::GainIn(Gain::from_db(-12.0).unwrap())).unwrap();
    for quiet in [members[2], members[3]] {
        room.set(quiet, MemberChange::GainOut(Gain::from_db(6.0).unwrap())).unwrap();
    }
    let pcm: Vec<Vec<i16>> = (0..20).map(|n| sine(8000, 400.0, 8000.0, n * 160, 160)).collect();
    let mut heard = [Vec::new(), Vec::new()];
    for pcm in &pcm {
        tick(&mut room, &[(members[0], pcm)]);
        heard[0].extend(room.output(members[1]).samples);
        heard[1].extend(room.output(members[2]).samples);
    }
    for (heard, expected) in heard.iter().zip([-12.0, -6.0]) {
        let level = db(amplitude(&heard[1600..], 8000, 400.0) / 8000.0);
        assert!((level - expected).abs() < 0.05, "{level} dB, not {expected}");
    }
    assert_eq!(room.output(members[2]).group, room.output(members[3]).group, "one mix for both");
    assert_eq!(room.statistics().groups, 2);
}

#[test]
fn changes_do_not_click() {
    // No step within a low tone may be greater than the tone's own and that of a fade of 5 ms.
    let (mut room, members) = room_of(3);
    let mut heard: Vec<i16> = Vec::new();
    for n in 0..100 {
        match n {
            20 | 30 => room.set(members[0], MemberChange::Muted(n == 20)).unwrap(),
            40 | 50 => room.set(members[1], MemberChange::Held(n == 40)).unwrap(),
            60 | 65 => room.set(members[1], MemberChange::Deaf(n == 60)).unwrap(),
            80 => assert!(room.leave(members[0])),
            _ => {}
        }
        let pcm = sine(8000, 100.0, 10_000.0, n * 160 + 13, 160);
        // From tick 70 to 75 nothing comes.
        let frames: &[(MemberId, &[i16])] = &[(members[0], &pcm)];
        tick(&mut room, if (70..75).contains(&n) { &[] } else { frames });
        heard.extend(room.output(members[1]).samples);
    }
    let step = heard.windows(2).map(|two| (i32::from(two[1]) - i32::from(two[0])).abs()).max().unwrap();
    assert!(step < 785 + 10_000 / 40 + 10, "a step of {step}");
    assert!(heard[81 * 160..].iter().all(|&sample| sample == 0));
}
