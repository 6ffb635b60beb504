//! Changes that a controller asks for: attributes, header extensions, whole sections.

use mediapoint_packet::sdp::Sdp;

use crate::common::*;
use crate::field_descriptions::{A, B};

fn video(text: &str, port: u16) -> String {
    format!("{text}m=video {port} RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\na=tag:x y z\r\n")
}

fn lines(sdp: &Sdp) -> Vec<String> {
    let bytes = sdp.to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn attributes_are_added_removed_and_substituted_in_their_scope() {
    let server = Server::new();
    let offer = video(
        &(phone(A, 4000, "0 101")
            + "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=tag:x y z\r\n"),
        4002,
    );
    let offer = offer.replace("t=0 0\r\n", "t=0 0\r\na=tool:one two\r\n");
    let asked = r#""sdp-attr":{
        "none":{"add":["tool:one two","note"],"substitute":[["tool","tool:other"]]},
        "audio":{"add":["ptime:20","ptime:20"],"remove":["tag:x"],"substitute":[["fmtp:101 0-15","fmtp:101 0-16"],["fmtp","lost"]]},
        "video":{"remove":["tag:x y z"],"substitute":["rtpmap:96","label:v"]}}"#;
    let told = lines(&server.offer(&offer, asked));
    let at = |text: &str| told.iter().position(|line| line.starts_with(text)).unwrap();
    let [session, audio, video] =
        [&told[..at("m=audio")], &told[at("m=audio")..at("m=video")], &told[at("m=video")..]];
    let attributes = |part: &[String]| -> Vec<String> {
        part.iter().filter(|line| line.starts_with("a=") && !line.starts_with("a=rtcp")).cloned().collect()
    };
    assert_eq!(attributes(session), ["a=tool:other", "a=tool:one two", "a=note"]);
    assert_eq!(attributes(audio), ["a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16", "a=ptime:20"]);
    assert_eq!(attributes(video), ["a=label:v"]);
    // Nothing here takes notice of it, nor does the next message remember it.
    let told = lines(&server.answer(&video_answer(), ""));
    assert!(!told.contains(&"a=ptime:20".to_owned()) && !told.contains(&"a=note".to_owned()), "{told:?}");
}

fn video_answer() -> String {
    video(&phone(B, 5000, "0"), 5002)
}

#[test]
fn words_and_brackets_say_the_same_as_the_dictionary() {
    for asked in [
        r#""sdp-attr":{"audio":{"add":["fmtp:0 x=1"],"remove":["sendonly"],"substitute":["tag","t:2 3"]}}"#,
        r#""SDP-attr":{"audio":{"add":["fmtp:0 x=1"],"remove":["sendonly"],"substitute":[["tag","t:2 3"]]}}"#,
        r#""flags":["sdp-attr-add-audio-fmtp:0..x--1","sdp-attr-remove-audio-sendonly","sdp-attr-substitute-audio-tag>t:2..3"]"#,
        r#""flags":["sdp-attr-add-audio-fmtp:0 x=1","sdp-attr-remove-audio-sendonly","sdp-attr-substitute-audio-tag>t:2 3"]"#,
        r#""rtpp-flags":"sdp-attr-add-audio-fmtp:0..x--1 sdp-attr=[audio=[remove=[sendonly]]] sdp-attr-substitute-audio-tag>t:2..3""#,
    ] {
        let server = Server::new();
        let told = server.offer(&(phone(A, 4000, "0") + "a=tag:1\r\na=sendonly\r\n"), asked);
        let body = &told.media[0].body;
        assert_eq!(attributes(&told.media[0], "fmtp"), ["0 x=1"], "{asked}");
        assert_eq!((body.attribute("t"), body.has_attribute("tag")), (Some("2 3"), false), "{asked}");
        assert!(!body.has_attribute("sendonly"), "{asked}");
    }
}

#[test]
fn no_value_adds_a_line_and_there_is_an_end_to_them() {
    let server = Server::new();
    let many: Vec<String> = (0..70).map(|n| format!("\"x:{n}\"")).collect();
    let asked = format!(
        r#""sdp-attr":{{"audio":{{"remove":["tag\r\nm=audio 1 RTP/AVP 0"],"add":["ok","a\r\nc=IN IP4 192.0.2.66","b\nx=","","{}",{}]}},"shoe":{{"add":["x"]}}}}"#,
        "y".repeat(1_025),
        many.join(",")
    );
    let reply =
        server.ask("offer", &keys(r#""call-id":"c","from-tag":"a""#, &asked), Some(&phone(A, 4000, "0")));
    let told = advertised(&reply);
    assert_eq!(told.media.len(), 1);
    let text = lines(&told).join("\n");
    assert!(!text.contains("192.0.2.66") && !text.contains("yyy") && !text.contains("a=a"), "{text}");
    assert_eq!(text.matches("a=x:").count(), 63, "64 changes, the first of which is another");
    assert!(text.contains("a=ok"));
    let warning = reply.text("warning");
    for part in ["one line of 1 to 1024 bytes", "64 changes at most", "no media type shoe"] {
        assert!(warning.contains(part), "{warning}");
    }
}

#[test]
fn a_description_does_not_grow_beyond_what_is_taken() {
    let server = Server::new();
    let long: Vec<String> = (0..64).map(|n| format!("\"x{n}:{}\"", "y".repeat(900))).collect();
    let sections: String = (0..3).map(|n| format!("m=audio {} RTP/AVP 0\r\n", 4002 + n * 2)).collect();
    let asked = format!(r#""sdp-attr":{{"audio":{{"add":[{}]}}}}"#, long.join(","));
    let sdp = phone(A, 4000, "0") + &sections;
    let reply = server.ask("offer", &keys(r#""call-id":"c","from-tag":"a""#, &asked), Some(&sdp));
    assert!(reason(&reply).contains("65535"), "{}", reason(&reply));
}

#[test]
fn a_removed_section_is_not_shown_and_comes_back_refused() {
    let server = Server::new();
    let remove = r#""sdp-media-remove":["video"]"#;
    let image = "m=image 4006 udptl t38\r\n";
    let offer = format!("{}{image}", video(&phone(A, 4000, "0"), 4002));
    let to_b = server.offer(&offer, remove);
    let kinds = |sdp: &Sdp| -> Vec<(String, bool)> {
        sdp.media.iter().map(|section| (section.media().media.clone(), section.is_rejected())).collect()
    };
    let of = |list: &[(&str, bool)]| -> Vec<(String, bool)> {
        list.iter().map(|(kind, refused)| ((*kind).to_owned(), *refused)).collect()
    };
    assert_eq!(kinds(&to_b), of(&[("audio", false), ("image", false)]));
    let answer = phone(B, 5000, "0") + &image.replace("4006", "5006");
    let to_a = server.answer(&answer, "");
    assert_eq!(kinds(&to_a), of(&[("audio", false), ("video", true), ("image", false)]));

    // B offers what it sees; A finds every section in its own place.
    let from_b = r#""call-id":"c","from-tag":"b","to-tag":"a""#;
    let to_a = advertised(&server.ask("offer", from_b, Some(&answer)));
    assert_eq!(kinds(&to_a), of(&[("audio", false), ("video", true), ("image", false)]));
    let refused = offer.replace("m=video 4002", "m=video 0");
    let to_b = advertised(&server.ask("answer", from_b, Some(&refused)));
    assert_eq!(kinds(&to_b), of(&[("audio", false), ("image", false)]));

    // What stands between sections that B was shown stays hidden without the word, too [RFC3264 8].
    let to_b = server.offer(&offer, "");
    assert_eq!(kinds(&to_b), of(&[("audio", false), ("image", false)]));
    // And what it was shown keeps its place, refused.
    let to_b = server.offer(&offer, r#""sdp-media-remove":["image","video"]"#);
    assert_eq!(kinds(&to_b), of(&[("audio", false), ("image", true)]));
    // An offer of nothing is none.
    let json = r#""call-id":"d","from-tag":"a","sdp-media-remove":["audio","video","image"]"#;
    assert_eq!(reason(&server.ask("offer", json, Some(&offer))), "the sdp has no media section");
}

// test-of: [RFC8285 5]
#[test]
fn header_extensions_are_removed_by_name_or_all() {
    const LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
    const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
    let all: &[&str] = &[];
    let one: &[&str] = &[MID];
    for (asked, left) in [
        (r#""flags":["strip-extmap"]"#.to_owned(), all),
        (r#""extmap":{"strip":["all"]}"#.to_owned(), all),
        (r#""rtpp-flags":"extmap=[mask=[all]]""#.to_owned(), all),
        (format!(r#""extmap":{{"strip":["{LEVEL}"]}}"#), one),
        (format!(r#""extmap":{{"mask":["{LEVEL}"]}}"#), one),
    ] {
        let server = Server::new();
        let offer = phone(A, 4000, "0").replace("t=0 0", "t=0 0\r\na=extmap-allow-mixed")
            + &format!("a=extmap:1 {LEVEL} vad=on\r\na=extmap:2/sendonly {MID}\r\n");
        let told = server.offer(&offer, &asked);
        let uris: Vec<&str> = attributes(&told.media[0], "extmap");
        assert_eq!(
            uris.iter().map(|line| line.split(' ').nth(1).unwrap()).collect::<Vec<_>>(),
            left,
            "{asked}"
        );
        assert_eq!(told.session.has_attribute("extmap-allow-mixed"), !left.is_empty(), "{asked}");
    }
}
