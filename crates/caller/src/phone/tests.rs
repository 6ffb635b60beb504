//! Two phones back to back over loopback, in real time, each test well under two seconds.

use mediapoint_g711::Law;

use super::*;
use crate::recording::one_way_delays;
use crate::similarity::alike;

const PATIENCE: Duration = Duration::from_secs(10);

/// Something like speech: bursts of two tones with pauses.
#[expect(clippy::cast_possible_truncation, reason = "made up values well inside their ranges")]
fn speech(samples: usize) -> Arc<[i16]> {
    (0..samples)
        .map(|n| {
            let t = n as f64 / 8_000.0;
            let loud = (t * 23.0).sin().max(0.0) * 9_000.0;
            let voice = (t * 2_300.0 + (t * 61.0).sin() * 3.0).sin() + (t * 5_900.0).sin() * 0.4;
            (voice * loud) as i16
        })
        .collect()
}

fn connect(caller: &Softphone, callee: &Softphone) {
    let answer = callee.answer(&caller.offer()).unwrap();
    caller.accept(&answer).unwrap();
}

fn quick(suites: &[Suite]) -> PhoneConfig {
    PhoneConfig {
        suites: suites.to_vec(),
        rtcp_interval: Duration::from_millis(100),
        ..PhoneConfig::default()
    }
}

/// Plays speech from `from` to `to` and says whether it arrived sample for sample.
fn assert_arrives(from: &Softphone, to: &Softphone, law: Law) {
    let audio = speech(4_000);
    let before = to.stats().heard_samples;
    from.play(Arc::clone(&audio));
    assert!(from.wait_until(PATIENCE, |stats| !stats.playing));
    assert!(to.wait_until(PATIENCE, |stats| stats.heard_samples >= before + audio.len() + 320));
    let likeness = alike(&audio, to.heard().samples(), &[law]);
    assert!(likeness.identical, "{likeness:?}");
    let delays = one_way_delays(&from.sent(), &to.heard(), 0);
    assert!(delays.summary().count > 20, "{:?}", delays.summary());
}

#[test]
fn plain_rtp_arrives_sample_for_sample_both_ways() {
    let (caller, callee) = (Softphone::bind(quick(&[])).unwrap(), Softphone::bind(quick(&[])).unwrap());
    connect(&caller, &callee);
    assert_arrives(&caller, &callee, Law::Mu);
    assert_arrives(&callee, &caller, Law::Mu);
    for phone in [&caller, &callee] {
        assert!(phone.wait_until(PATIENCE, |stats| stats.remote.is_some_and(|r| r.round_trip_ms.is_some())));
        let stats = phone.stats();
        assert_eq!((stats.lost, stats.duplicates, stats.malformed, stats.sources), (0, 0, 0, 1), "{stats:?}");
    }
    let _ = caller.hang_up();
    assert!(callee.wait_until(PATIENCE, |stats| stats.bye));
}

#[test]
fn every_codec_is_spoken_and_understood() {
    std::thread::scope(|scope| {
        for codec in Codec::ALL {
            scope.spawn(move || {
                let config = PhoneConfig { codecs: vec![codec], ..quick(&[]) };
                let (caller, callee) =
                    (Softphone::bind(config.clone()).unwrap(), Softphone::bind(config).unwrap());
                connect(&caller, &callee);
                let audio: Arc<[i16]> = crate::speech::synthetic(12_000).into();
                caller.play(Arc::clone(&audio));
                assert!(caller.wait_until(PATIENCE, |stats| !stats.playing));
                assert!(callee.wait_until(PATIENCE, |stats| stats.heard_samples >= audio.len() + 640));
                let likeness = alike(&audio, callee.heard().samples(), &[]);
                crate::codec::assert_known_again(codec, &likeness);
                let stats = callee.stats();
                assert_eq!((stats.lost, stats.malformed, stats.unknown_type), (0, 0, 0), "{codec}");
                let can_press = callee.press("1", Duration::from_millis(40)).is_ok();
                assert_eq!(can_press, codec.clock_rate() == 8_000, "{codec}");
            });
        }
    });
}

#[test]
fn every_suite_carries_rtp_and_rtcp() {
    std::thread::scope(|scope| {
        for suite in Suite::ALL {
            scope.spawn(move || {
                let config = PhoneConfig { rtcp_mux: suite != Suite::Gcm128, ..quick(&[suite]) };
                let caller =
                    Softphone::bind(PhoneConfig { codecs: vec![Codec::Pcma], ..config.clone() }).unwrap();
                let callee = Softphone::bind(config).unwrap();
                connect(&caller, &callee);
                assert_arrives(&caller, &callee, Law::A);
                assert!(caller.wait_until(PATIENCE, |stats| stats.sender_reports > 0));
                assert_eq!(callee.stats().undecryptable, 0, "{}", suite.name());
                let _ = caller.hang_up();
                assert!(callee.wait_until(PATIENCE, |stats| stats.bye), "{}", suite.name());
            });
        }
    });
}

// test-of: [RFC3264 5.1]
#[test]
fn what_comes_before_the_answer_is_heard() {
    let (caller, callee) = (Softphone::bind(quick(&[])).unwrap(), Softphone::bind(quick(&[])).unwrap());
    let answer = callee.answer(&caller.offer()).unwrap();
    assert!(caller.wait_until(PATIENCE, |stats| stats.packets_received > 2 && stats.heard_samples > 0));
    assert_eq!(caller.stats().packets_sent, 0);
    caller.accept(&answer).unwrap();
    assert!(callee.wait_until(PATIENCE, |stats| stats.packets_received > 2));
}

// test-of: [RFC4568 5.1.2]
#[test]
fn an_answer_names_the_line_it_accepts() {
    let caller = Softphone::bind(quick(&Suite::ALL)).unwrap();
    let callee = Softphone::bind(quick(&[Suite::Gcm256, Suite::AesCm256Sha80])).unwrap();
    let answer = callee.answer(&caller.offer()).unwrap();
    let lines: Vec<_> = answer.lines().filter(|line| line.starts_with("a=crypto:")).collect();
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with("a=crypto:3 AES_256_CM_HMAC_SHA1_80 inline:"), "{}", lines[0]);
    caller.accept(&answer).unwrap();
    let wrong_tag = answer.replace("a=crypto:3 ", "a=crypto:4 ");
    assert!(matches!(caller.accept(&wrong_tag), Err(PhoneError::NoCommonKeying { .. })));
}

// test-of: [RFC3550 11]
#[test]
fn rtp_has_an_even_port_and_rtcp_the_next() {
    let phone = Softphone::bind(quick(&[])).unwrap();
    let port = phone.local_addr().port();
    assert_eq!(port % 2, 0);
    assert!(phone.offer().contains(&format!("a=rtcp:{}\r\n", port + 1)));
}

#[test]
fn a_new_key_takes_over_without_a_gap() {
    let (caller, callee) = (
        Softphone::bind(quick(&[Suite::Gcm256])).unwrap(),
        Softphone::bind(quick(&[Suite::Gcm256])).unwrap(),
    );
    connect(&caller, &callee);
    caller.play_again_and_again(speech(8_000));
    assert!(callee.wait_until(PATIENCE, |stats| stats.packets_received > 5));
    caller.rekey();
    connect(&caller, &callee);
    assert!(callee.wait_until(PATIENCE, |stats| stats.packets_received > 15));
    let stats = callee.stats();
    assert_eq!((stats.lost, stats.undecryptable, stats.sources), (0, 0, 1), "{stats:?}");
}

#[test]
fn hold_stops_and_resume_goes_on_where_time_went_on() {
    let (caller, callee) = (Softphone::bind(quick(&[])).unwrap(), Softphone::bind(quick(&[])).unwrap());
    connect(&caller, &callee);
    assert!(callee.wait_until(PATIENCE, |stats| stats.packets_received > 3));
    caller.hold();
    let offer = caller.offer();
    assert!(offer.contains("a=sendonly"), "{offer}");
    let answer = callee.answer(&offer).unwrap();
    assert!(answer.contains("a=recvonly"), "{answer}");
    caller.accept(&answer).unwrap();
    let held = caller.stats().packets_sent;
    let reports = caller.stats().rtcp_sent;
    assert!(caller.wait_until(PATIENCE, |stats| stats.rtcp_sent > reports + 1));
    assert_eq!(caller.stats().packets_sent, held);
    caller.resume();
    connect(&caller, &callee);
    assert!(callee.wait_until(PATIENCE, |stats| stats.packets_received > held + 3));
    let stats = callee.stats();
    assert_eq!((stats.lost, stats.sources, stats.markers), (0, 1, 2), "{stats:?}");
}

#[test]
fn a_phone_that_moves_and_renews_its_source_is_heard_on() {
    let (caller, callee) = (Softphone::bind(quick(&[])).unwrap(), Softphone::bind(quick(&[])).unwrap());
    connect(&caller, &callee);
    assert!(callee.wait_until(PATIENCE, |stats| stats.packets_received > 3));
    let moved = caller.change_ports().unwrap();
    caller.change_ssrc();
    let received = callee.stats().packets_received;
    assert!(callee.wait_until(PATIENCE, |stats| stats.heard_from == Some(moved)));
    assert!(callee.wait_until(PATIENCE, |stats| stats.packets_received > received + 3));
    assert_eq!(callee.stats().heard_ssrc, Some(caller.ssrc()));
    assert_eq!(callee.stats().sources, 2);
    connect(&caller, &callee);
    let heard = caller.stats().packets_received;
    assert!(caller.wait_until(PATIENCE, |stats| stats.packets_received > heard + 3));
}

#[test]
fn digits_are_heard_once_each() {
    let (caller, callee) = (Softphone::bind(quick(&[])).unwrap(), Softphone::bind(quick(&[])).unwrap());
    connect(&caller, &callee);
    caller.press("1*", Duration::from_millis(60)).unwrap();
    assert!(caller.wait_until(PATIENCE, |stats| !stats.pressing));
    assert!(callee.wait_until(PATIENCE, |stats| stats.digits == 2));
    let digits: String = callee.digits().iter().map(|digit| digit.symbol).collect();
    assert_eq!(digits, "1*");
    assert!(matches!(caller.press("x", Duration::ZERO), Err(PhoneError::NoDigit('x'))));
}

#[test]
fn phones_that_cannot_agree_say_why() {
    let plain = Softphone::bind(quick(&[])).unwrap();
    let secure = Softphone::bind(quick(&[Suite::Gcm128])).unwrap();
    let other = Softphone::bind(quick(&[Suite::Gcm256])).unwrap();
    let deaf = Softphone::bind(PhoneConfig { codecs: vec![Codec::Pcma], ..quick(&[]) }).unwrap();
    let mu = Softphone::bind(PhoneConfig { codecs: vec![Codec::Pcmu], ..quick(&[]) }).unwrap();
    assert!(matches!(plain.answer(&secure.offer()), Err(PhoneError::NoCommonKeying { offered: 1, .. })));
    assert!(matches!(secure.answer(&plain.offer()), Err(PhoneError::NoCommonKeying { offered: 0, .. })));
    assert!(matches!(secure.answer(&other.offer()), Err(PhoneError::NoCommonKeying { offered: 1, .. })));
    assert!(matches!(mu.answer(&deaf.offer()), Err(PhoneError::NoCommonCoding)));
    assert!(Softphone::bind(PhoneConfig { codecs: Vec::new(), ..quick(&[]) }).is_err());
}
