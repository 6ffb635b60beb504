use std::time::Duration;

use mediapoint_engine::PacketTime;
use mediapoint_packet::sdp::Sdp;

use super::super::tests::{list, plan};
use super::*;
use crate::request::Options;

#[test]
fn what_may_be_received_beside_the_answer() {
    let offered = plan("U opus te", "add=PCMA").lines;
    let numbers = |answered, refused_too| {
        let beside = received_beside(&offered, &list(answered), refused_too);
        beside.iter().map(|entry| entry.payload_type.get()).collect::<Vec<_>>()
    };
    assert_eq!(numbers("U te", false), [0_u8; 0]);
    assert_eq!(numbers("96:opus/48000/2 100:telephone-event/8000", false), [111, 101]);
    assert_eq!(numbers("A te", true), [0, 111]);
    assert_eq!(numbers("111:PCMU/8000 te", true), [0, 8], "not under a number that means something else");
}

#[test]
fn parameters_reach_the_engine() {
    let lines = list("29{annexb=no} opus{maxaveragebitrate=20000;useinbandfec=1} te{0-16}");
    let engine = to_engine(&lines);
    assert!(!engine[0].parameters.annex_b);
    assert_eq!(engine[1].parameters.opus.max_average_bitrate, Some(20_000));
    assert_eq!(engine[2].parameters.events.as_deref(), Some("0-16"));
    let agreed =
        |offered, answered| to_engine(&as_offered(&list(answered), &list(offered)))[0].parameters.annex_b;
    assert!(agreed("29", "29"));
    assert!(!agreed("29{annexb=no}", "29"));
    assert!(!agreed("29", "29{annexb=no}"));
}

#[test]
fn packet_time_follows_wishes_and_options() {
    let remote = |attributes: &str| {
        let text = format!("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n{attributes}");
        let sdp = Sdp::parse(text.as_bytes()).unwrap();
        RemoteDescription::read(&sdp, 0, &sdp.media[0], &Options::default()).unwrap()
    };
    let encoded = |ms| PacketTime::WhereEncoded(Duration::from_millis(ms));
    let time = |attributes, codecs, always, specified| {
        packet_time(&remote(attributes), &list(codecs), always, specified)
    };
    assert_eq!(time("", "U", None, None), PacketTime::AsReceived);
    assert_eq!(time("a=ptime:30\r\n", "U", None, None), encoded(30));
    assert_eq!(time("a=ptime:60\r\na=maxptime:40\r\n", "U", None, None), encoded(40));
    assert_eq!(time("a=maxptime:150\r\n", "U", None, None), encoded(20));
    assert_eq!(time("a=maxptime:10\r\n", "U", None, None), encoded(10));
    assert_eq!(time("a=ptime:30\r\n", "U", None, Some(40)), encoded(40));
    assert_eq!(time("a=ptime:0\r\n", "U", None, None), PacketTime::AsReceived);
    assert_eq!(time("a=ptime:4000000000\r\n", "U", None, None), PacketTime::AsReceived);
    assert_eq!(time("", "opus{ptime=40}", None, None), encoded(40));
    let always = PacketTime::Always(Duration::from_millis(30));
    assert_eq!(time("a=ptime:20\r\n", "U", Some(30), Some(40)), always);
}

#[test]
fn settings_come_from_words_that_name_the_codec() {
    let words = ["opus/48000/1/16000".to_owned(), "opus/48000/2/24000/40//compression_level=2".to_owned()];
    let set = settings(&words[..1], &list("U opus")).unwrap();
    assert_eq!(set.opus_bitrate, Some(16_000), "one channel is what is sent");
    let set = settings(&[words[1].clone(), words[0].clone()], &list("U opus")).unwrap();
    assert_eq!((set.opus_bitrate, set.opus_complexity), (Some(24_000), Some(2)));
    assert_eq!(settings(&words, &list("U te")), None);
    assert_eq!(specified_ptime(&words, &list("opus U")), Some(40));
    assert_eq!(specified_ptime(&words, &list("U opus")), None);
}
