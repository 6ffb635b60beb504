//! Gaps in which nothing was lost.

use mediapoint_jitter::{Inserted, Kind};
use mediapoint_packet::Time;

use crate::common::{CN, EVENT, L16, Leg, Sender, ms};

/// 1 s of voice, a pause of 2 s, 1 s of voice; what is sent in the pause is the caller's.
fn with_pause(
    marker: bool,
    mut in_pause: impl FnMut(&mut Leg, &mut Sender),
) -> (Leg, mediapoint_jitter::PlayoutStatistics) {
    let mut leg = Leg::new();
    let mut sender = Sender::new();
    leg.stream(&mut sender, Time::ZERO, 50, |_| Some(ms(2)));
    leg.run(Time::from_millis(990));
    let before = leg.statistics();
    in_pause(&mut leg, &mut sender);
    sender.pause(2000);
    sender.marker = marker;
    leg.stream(&mut sender, Time::from_millis(3000), 50, |_| Some(ms(2)));
    leg.run(Time::from_millis(3990));
    (leg, before)
}

#[test]
fn pause_with_and_without_a_marker_is_no_loss_and_leaves_the_delay_alone() {
    for marker in [false, true] {
        let (leg, before) = with_pause(marker, |_, _| {});
        let after = leg.statistics();
        assert_eq!((after.lost, after.late, after.resets), (0, 0, 0), "{after:?}");
        assert!(after.played >= 98);
        assert!(after.target_delay <= before.target_delay, "{before:?} {after:?}");
        assert!(after.delay <= ms(30), "{after:?}");
        // What cannot be told from loss at first is concealed, then it is silent.
        assert!(leg.count(Kind::Concealed) <= 9, "{} concealed", leg.count(Kind::Concealed));
        assert!(leg.count(Kind::Nothing) >= 88, "{} silent", leg.count(Kind::Nothing));
        let silent = &leg.heard[80];
        assert!(silent.pcm.iter().all(|sample| *sample == 0));
    }
}

#[test]
fn voice_after_a_pause_is_whole() {
    let (leg, _) = with_pause(true, |_, _| {});
    let heard = leg.pcm();
    let first: Vec<i16> = (0..160).map(|n| crate::common::voice((24_000 + n) as f64 / 8000.0)).collect();
    let found = heard.windows(160).skip(16_000).any(|window| window == first);
    assert!(found, "the first packet is heard bit for bit");
}

#[test]
fn comfort_noise_fills_the_pause() {
    let (leg, before) = with_pause(true, |leg, sender| {
        sender.payload_type = CN;
        let noise = sender.with_payload(vec![50]);
        leg.at(Time::from_millis(1002), noise);
        sender.payload_type = L16;
    });
    let after = leg.statistics();
    assert_eq!((after.lost, after.concealed_samples), (before.lost, before.concealed_samples));
    assert!(leg.count(Kind::ComfortNoise) >= 98, "{}", leg.count(Kind::ComfortNoise));
    assert!(after.delay <= ms(30), "{after:?}");
    let noise = &leg.heard[80].pcm;
    let power: f64 = noise.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / 160.0;
    let level = 10.0 * (power / 32768.0_f64.powi(2)).log10();
    assert!((-60.0..-40.0).contains(&level), "asked for -50 dBov, heard {level:.1}");
}

#[test]
fn event_is_silence_and_no_loss() {
    let (leg, _) = with_pause(false, |leg, sender| {
        for n in 0..100 {
            if n == 0 {
                // Known from the payload type alone.
                sender.payload_type = EVENT;
                let packet = sender.with_payload(vec![1, 10, 0, 160]);
                assert_eq!(leg.insert(Time::from_millis(1000), &packet), Inserted::NotAudio);
                sender.payload_type = L16;
            } else {
                leg.playout.note_event(Time::from_millis(1000), sender.epoch, sender.index);
                sender.index += 1;
            }
        }
    });
    let after = leg.statistics();
    assert_eq!((after.lost, after.late), (0, 0));
    assert!(leg.count(Kind::Nothing) >= 97, "{}", leg.count(Kind::Nothing));
    assert_eq!(leg.count(Kind::Concealed), 0);
}

#[test]
fn loss_in_a_talkspurt_is_loss_whatever_events_came_before() {
    let mut leg = Leg::new();
    let mut sender = Sender::new();
    leg.playout.note_event(Time::ZERO, 0, sender.index);
    sender.index += 1;
    leg.stream(&mut sender, Time::ZERO, 100, |n| (n % 20 != 10).then_some(ms(0)));
    leg.run(Time::from_millis(1990));
    assert_eq!(leg.statistics().lost, 5);
    assert!((4..=6).contains(&leg.count(Kind::Concealed)));
}

#[test]
fn pause_lets_the_delay_fall_to_its_target() {
    let mut leg = Leg::new();
    let mut sender = Sender::new();
    // A single spike makes the delay long.
    leg.stream(&mut sender, Time::ZERO, 100, |n| Some(ms(if n == 20 { 150 } else { 0 })));
    leg.run(Time::from_millis(2000));
    for round in 0..20 {
        sender.pause(200);
        leg.stream(&mut sender, Time::from_millis(2200 + 1000 * round), 40, |_| Some(ms(0)));
    }
    leg.run(Time::from_millis(22_000));
    let statistics = leg.statistics();
    assert!(statistics.delay <= statistics.target_delay + ms(25), "{statistics:?}");
    assert!(statistics.delay < ms(40), "{statistics:?}");
}
