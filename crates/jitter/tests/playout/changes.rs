//! A stream that changes in mid-call, and a leg that does.

use mediapoint_codec::Codec;
use mediapoint_jitter::{Inserted, Kind, PlayoutConfig};
use mediapoint_packet::Time;
use mediapoint_packet::rtp::PayloadType;

use crate::common::{L16, L16_16K, Leg, Sender, ms, payload_type, payloads, roughness, voice};

#[test]
fn packets_of_any_length_follow_each_other() {
    for pull in [10, 20, 30, 40, 60] {
        let mut leg = Leg::with(PlayoutConfig::new(8000).unwrap(), pull);
        let mut sender = Sender::new();
        let mut at = Time::ZERO;
        for length in [20, 60, 10, 40, 30, 20] {
            for _ in 0..6000 / length {
                // A packet leaves when its last sample was taken.
                at = at + ms(length);
                let packet = sender.packet(length as u32);
                leg.at(at + ms(1), packet);
            }
        }
        leg.run(Time::from_millis(36_000));
        let statistics = leg.statistics();
        assert_eq!(
            (statistics.lost, statistics.late, statistics.overflows),
            (0, 0, 0),
            "{pull} ms: {statistics:?}"
        );
        assert!(statistics.delay <= ms(pull + 30), "{pull} ms: {statistics:?}");
        // Longer packets come later, each time by the difference.
        let concealed = statistics.concealed_samples / 8;
        assert!(concealed <= 150, "{pull} ms: {concealed} ms concealed");
    }
}

#[test]
fn codec_changes_in_mid_stream_at_either_rate() {
    for rate in [8000, 16_000, 48_000] {
        let mut leg = Leg::with(PlayoutConfig::new(rate).unwrap(), 20);
        let mut sender = Sender::new();
        for n in 0..300_u64 {
            // Timestamps go on at the rate of the codec; the voice goes on in time.
            let seconds = n * 20;
            (sender.payload_type, sender.rate) =
                if n / 50 % 2 == 0 { (L16, 8000) } else { (L16_16K, 16_000) };
            sender.position = seconds * u64::from(sender.rate) / 1000;
            let packet = sender.packet(20);
            leg.at(Time::from_millis(20 * n), packet);
        }
        leg.run(Time::from_millis(5990));
        let statistics = leg.statistics();
        assert_eq!(statistics.lost, 0, "{rate}: {statistics:?}");
        assert!(statistics.played >= 298, "{rate}: {statistics:?}");
        assert_eq!(leg.count(Kind::Concealed), 0, "{rate}");
        let plain: Vec<i16> = (0..rate).map(|n| voice(f64::from(n) / f64::from(rate))).collect();
        let limit = roughness(&plain) * 3 / 2;
        assert!(roughness(&leg.pcm()) <= limit, "{rate}: {} over {limit}", roughness(&leg.pcm()));
    }
}

#[test]
fn renegotiation_keeps_what_waits() {
    let mut leg = Leg::with(PlayoutConfig::new(8000).unwrap().with_delay(ms(60), ms(200)).unwrap(), 20);
    let mut sender = Sender::new();
    leg.stream(&mut sender, Time::ZERO, 100, |_| Some(ms(0)));
    leg.run(Time::from_millis(2000));
    let before = leg.statistics();
    let mut more = payloads();
    more.push((payload_type(110), Codec::PCMA));
    leg.playout.configure(&more, 8000).unwrap();
    leg.stream(&mut sender, Time::from_millis(2000), 100, |_| Some(ms(0)));
    leg.run(Time::from_millis(4000));
    assert_eq!(leg.statistics().concealed_samples, before.concealed_samples);

    leg.playout.configure(&more, 16_000).unwrap();
    leg.samples = 320;
    leg.stream(&mut sender, Time::from_millis(4000), 100, |_| Some(ms(0)));
    leg.run(Time::from_millis(5980));
    let after = leg.statistics();
    assert_eq!((after.concealed_samples, after.lost), (before.concealed_samples, 0), "{after:?}");
    assert!(leg.heard[101..].iter().all(|heard| heard.kind == Kind::Speech));
}

#[test]
fn payload_type_that_goes_is_not_heard_and_not_lost() {
    let mut leg = Leg::new();
    let mut sender = Sender::new();
    leg.stream(&mut sender, Time::ZERO, 10, |_| Some(ms(0)));
    leg.run(Time::from_millis(200));
    leg.playout.configure(&[(PayloadType::PCMU, Codec::PCMU)], 8000).unwrap();
    let packet = sender.packet(20);
    assert_eq!(leg.insert(Time::from_millis(205), &packet), Inserted::UnknownPayloadType);
    leg.run(Time::from_millis(1000));
    assert_eq!(leg.statistics().lost, 0);
}

#[test]
fn what_has_no_decoder_is_refused_and_nothing_changes() {
    let mut leg = Leg::new();
    let video = (payload_type(96), Codec::new("h264", 90_000, 1));
    assert!(leg.playout.configure(std::slice::from_ref(&video), 8000).is_err());
    assert!(leg.playout.configure(&payloads(), 44_100).is_err());
    assert!(mediapoint_jitter::Playout::new(PlayoutConfig::new(8000).unwrap(), &[video]).is_err());
    let mut sender = Sender::new();
    leg.stream(&mut sender, Time::ZERO, 50, |_| Some(ms(0)));
    leg.run(Time::from_millis(990));
    assert!(leg.statistics().played >= 48);
}

#[test]
fn drain_plays_all_that_waits_at_once() {
    let config = PlayoutConfig::new(8000).unwrap().with_delay(ms(100), ms(200)).unwrap();
    let mut leg = Leg::with(config, 20);
    let mut sender = Sender::new();
    leg.stream(&mut sender, Time::ZERO, 200, |_| Some(ms(0)));
    leg.run(Time::from_millis(4000));
    let waiting = leg.statistics().delay;
    let mut drained = Vec::new();
    let mut pcm = [0; 160];
    while let Some(pulled) = leg.playout.drain(&mut pcm) {
        assert_eq!(pulled.kind, Kind::Speech);
        drained.extend_from_slice(&pcm[..pulled.samples]);
    }
    assert!(drained.len() >= waiting.as_millis() as usize * 8 - 320, "{} for {waiting:?}", drained.len());
    assert!(leg.playout.drain(&mut pcm).is_none());
    let last: Vec<i16> = (0..160).map(|n| voice(f64::from(199 * 160 + n) / 8000.0)).collect();
    assert_eq!(drained[drained.len() - 160..], last);
    assert_eq!(leg.statistics().played, 200);
}

#[test]
fn bounds_that_make_no_sense_are_refused() {
    let config = PlayoutConfig::new(8000).unwrap();
    assert!(PlayoutConfig::new(44_100).is_err());
    assert!(config.with_delay(ms(30), ms(20)).is_err());
    assert!(config.with_delay(ms(0), ms(0)).is_err());
    assert!(config.with_delay(ms(0), ms(1001)).is_err());
    assert_eq!(config.with_start(ms(900)).start_delay(), ms(200));
}
