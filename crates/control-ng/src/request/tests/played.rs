//! Media to be played, and music on hold.

use super::*;

fn played(more: &str) -> Request {
    parse(&format!(r#"{{"command":"play media","call-id":"c","from-tag":"a"{more}}}"#)).unwrap()
}

#[test]
fn media_is_named_by_file_url_or_bytes_and_played_as_the_options_say() {
    let file = |name: &str| Some(MediaSource::File(name.to_owned()));
    assert_eq!(played(r#","file":"a.wav""#).play.source, file("a.wav"));
    assert_eq!(played(r#","flags":["file=/x/a.wav"]"#).play.source, file("/x/a.wav"));
    let url = Some(MediaSource::Url("https://h/a.wav".to_owned()));
    assert_eq!(played(r#","file":"https://h/a.wav""#).play.source, url);
    assert_eq!(played(r#","url":"https://h/a.wav""#).play.source, url);
    let bytes = played(r#","file":"a.wav","blob64":"AQI\nD""#).play.source;
    assert_eq!(bytes, Some(MediaSource::Blob(SecretBytes::from(vec![1, 2, 3]))));
    assert_eq!(played(r#","db-id":"7""#).play.source, Some(MediaSource::Database));
    let odd = played(r#","blob64":"?","start-pos":"x","repeat-times":-1"#);
    let ignored = ["repeat-times", "start-pos", "blob64"];
    assert_eq!(odd.options.bad_values, ignored.map(|key| format!("unusable value for {key} was ignored")));
    assert_eq!(odd.options.unknown, [""; 0]);
    let play = played(
        r#","file":"a","repeat times":"3","repeat duration":1500,"start-pos":"160","volume":-6,"language":"es",
        "flags":["block egress","shared"]"#,
    )
    .play;
    assert_eq!((play.repeat_times, play.repeat_duration), (Some(3), Some(Duration::from_millis(1500))));
    assert_eq!((play.start, play.volume, play.language.as_deref()), (160, Some(-6), Some("es")));
    assert!(play.block_egress && play.shared);
    assert!(!played(r#","block-egress":"off","shared":0"#).play.block_egress);
}

#[test]
fn music_on_hold_is_read_as_a_dictionary_or_as_words() {
    let of = |more: &str| {
        let json = format!(r#"{{"command":"offer","call-id":"c","from-tag":"f","sdp":"v=0"{more}}}"#);
        parse(&json).unwrap().play.hold_music.unwrap()
    };
    let dict = of(r#","moh":{"file":"m.wav","mode":"sendrecv","connection":"zero"}"#);
    let expected = HoldMusic {
        source: Some(MediaSource::File("m.wav".to_owned())),
        mode: HoldMode::SendReceive,
        zero: true,
        ..HoldMusic::default()
    };
    assert_eq!(dict, expected);
    assert_eq!(of(r#","rtpp-flags":"moh=[file=m.wav mode=sendrecv connection=zero]""#), expected);
    assert_eq!(of(r#","moh":{"db-id":7}"#).source, Some(MediaSource::Database));
    assert_eq!(of(r#","moh":{"mode":"reflect"}"#).mode, HoldMode::Reflect);
    assert!(of(r#","moh":{"file":"m.wav","from-start":"yes"}"#).from_start);
}
