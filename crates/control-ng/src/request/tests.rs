mod documented;
mod played;

use std::net::SocketAddr;
use std::time::Duration;

use mediapoint_packet::sdp::AddressFamily;

use super::*;
use crate::wire::decode;

fn source() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 9))
}

fn parse(json: &str) -> Result<Request, NgError> {
    Request::parse(&decode(json.as_bytes()).unwrap(), source())
}

fn offer(options: &str) -> Options {
    let json = format!(r#"{{"command":"offer","call-id":"c","from-tag":"f","sdp":"v=0"{options}}}"#);
    parse(&json).unwrap().options
}

fn refused(options: &str) -> String {
    let json = format!(r#"{{"command":"offer","call-id":"c","from-tag":"f","sdp":"v=0"{options}}}"#);
    parse(&json).unwrap_err().to_string()
}

#[test]
fn ids_are_read_in_either_spelling() {
    let request = parse(
        r#"{"command":"answer","call id":"c","from tag":"f","to-tag":"t","via-branch":"b","label":"l","sdp":"v=0"}"#,
    )
    .unwrap();
    assert_eq!(request.command, Command::Answer);
    assert_eq!(request.call_id, Some("c".into()));
    assert_eq!((request.from_tag, request.to_tag), (Some("f".into()), Some("t".into())));
    assert_eq!((request.via_branch, request.label), (Some("b".into()), Some("l".into())));
    assert_eq!(request.sdp.unwrap().as_slice(), b"v=0");
}

#[test]
fn missing_keys_are_named() {
    let cases = [
        (r#"{"x":"ping"}"#, "missing key command"),
        (r#"{"command":"dance"}"#, "unrecognized command"),
        (r#"{"command":["ping"]}"#, "unusable value for command"),
        (r#"{"command":"offer","from-tag":"f","sdp":"v=0"}"#, "missing key call-id"),
        (r#"{"command":"offer","call-id":"","from-tag":"f","sdp":"v=0"}"#, "missing key call-id"),
        (r#"{"command":"offer","call-id":"c","from-tag":"f"}"#, "missing key sdp"),
        (r#"{"command":"offer","call-id":"c","sdp":"v=0"}"#, "missing key from-tag"),
        (r#"{"command":"answer","call-id":"c","from-tag":"f","sdp":"v=0"}"#, "missing key to-tag"),
        (r#"{"command":"delete"}"#, "missing key call-id"),
        (r#"{"command":"query"}"#, "missing key call-id"),
    ];
    for (json, reason) in cases {
        assert_eq!(parse(json).unwrap_err().to_string(), reason, "{json}");
    }
    let long = format!(r#"{{"command":"delete","call-id":"{}"}}"#, "x".repeat(MAX_ID + 1));
    assert_eq!(parse(&long).unwrap_err(), NgError::TooLarge { size: MAX_ID + 1, limit: MAX_ID });
    let refused = parse(r#"{"command":"start forwarding","call-id":"c"}"#).unwrap();
    assert_eq!(refused.command, Command::Unsupported("start forwarding"));
}

#[test]
fn the_same_option_reads_the_same_in_every_place() {
    let places = [
        r#","flags":["SDES-no-AES_CM_128_HMAC_SHA1_32","codec-strip-PCMU","rtcp-mux-demux","replace origin","ICE=remove"]"#,
        r#","SDES":["no-AES_CM_128_HMAC_SHA1_32"],"codec":{"strip":["PCMU"]},"rtcp-mux":["demux"],"replace":["origin"],"ICE":"remove""#,
        r#","rtpp-flags":"SDES-[no-AES_CM_128_HMAC_SHA1_32] codec=[strip=[PCMU]] rtcp-mux=[demux] replace-origin ICE=remove""#,
        r#","rtpp_flags":"SDES=[no-AES_CM_128_HMAC_SHA1_32], codec-strip-[PCMU] rtcp-mux-demux replace=[origin] ICE=remove""#,
        r#","flags":["SDES-no=AES_CM_128_HMAC_SHA1_32","codec-strip=PCMU","rtcp mux demux","replace-origin","ICE=remove"]"#,
    ];
    let first = offer(places[0]);
    assert_eq!(first.sdes.no, ["AES_CM_128_HMAC_SHA1_32"]);
    assert_eq!(first.codec.strip, ["PCMU"]);
    assert!(first.rtcp_mux.demux && first.replace.origin && first.ice == Some(Ice::Remove));
    for place in places {
        let mut options = offer(place);
        // The comma between words of one string is a word of its own, which is ignored.
        options.unknown.retain(|word| word != ",");
        assert_eq!(options, first, "{place}");
    }
}

#[test]
fn what_kamailio_sends_is_understood() {
    let options = offer(
        r#","codec":{"mask":["all"],"transcode":["PCMA","PCMU"]},"flags":["pad-crypto","trust-address","fancy-new"],
           "replace":["origin","session-connection"],"delete delay":5,"delete-delay":"5",
           "direction":["pub","priv"],"transport-protocol":"RTP/SAVP","received-from":["IP4","192.0.2.7"],
           "supports":["load limit"],"TOS":-1,"media-address":"2001:db8::1","address family":"IP6""#,
    );
    assert_eq!(options.codec.mask, ["all"]);
    assert_eq!(options.codec.transcode, ["PCMA", "PCMU"]);
    assert!(options.sdes.pad && options.trust_address == Some(true) && options.load_limit);
    assert_eq!(options.unknown, ["fancy-new"]);
    assert!(options.replace.origin && options.replace.session_connection && !options.replace.username);
    assert_eq!(options.delete_delay, Some(Duration::from_secs(5)));
    assert_eq!(options.direction, ["pub", "priv"]);
    let savp = Profile { secure: true, feedback: false, opportunistic: false };
    assert_eq!(options.transport, Some(TransportProtocol::Profile(savp)));
    assert_eq!(options.received_from, Some("192.0.2.7".parse().unwrap()));
    assert_eq!(options.tos, Some(-1));
    assert_eq!(options.media_address, Some("2001:db8::1".parse().unwrap()));
    assert_eq!(options.address_family, Some(AddressFamily::Ip6));
}

#[test]
fn the_one_string_form_is_read_with_its_brackets() {
    let options = offer(
        r#","rtpp-flags":"trust-address codec=[mask=[PCMU, PCMA] transcode=[G722 opus/48000/2]] direction=[pub priv] SDES-[no-A,only-B,pad] address-family=IP4 strict-source RTP/AVPF rtcp-mux-offer""#,
    );
    assert_eq!(options.codec.mask, ["PCMU", "PCMA"]);
    assert_eq!(options.codec.transcode, ["G722", "opus/48000/2"]);
    assert_eq!(options.direction, ["pub", "priv"]);
    assert_eq!(
        (options.sdes.no, options.sdes.only, options.sdes.pad),
        (vec!["A".into()], vec!["B".into()], true)
    );
    assert!(options.learning.strict_source && options.rtcp_mux.offer);
    let avpf = Profile { secure: false, feedback: true, opportunistic: false };
    assert_eq!(options.transport, Some(TransportProtocol::Profile(avpf)));
    assert_eq!(options.unknown, Vec::<String>::new());
}

#[test]
fn unbalanced_and_deep_brackets_are_read_as_far_as_they_go() {
    let deep = "a=[".repeat(50_000);
    for flags in ["codec=[mask=[PCMU", "]]] codec-mask-PCMU", "codec=[mask=[PCMU]]]]", "[codec-mask-PCMU]"] {
        assert_eq!(offer(&format!(r#","rtpp-flags":"{flags}""#)).codec.mask, ["PCMU"], "{flags}");
    }
    let options = offer(&format!(r#","rtpp-flags":"{deep} strict-source""#));
    assert!(!options.learning.strict_source);
}

#[test]
fn ids_in_words_override_keys_and_a_branch_key_stands() {
    let request = parse(
        r#"{"command":"offer","call-id":"c","from-tag":"f","via-branch":"b","sdp":"v=0",
            "rtpp-flags":"call-id=other to-tag=t label=me via-branch=auto-next"}"#,
    )
    .unwrap();
    assert_eq!((request.call_id, request.from_tag), (Some("other".into()), Some("f".into())));
    assert_eq!((request.to_tag, request.label), (Some("t".into()), Some("me".into())));
    assert_eq!(request.via_branch, Some("b".into()));
}

#[test]
fn words_name_parts_of_the_profile() {
    let parts = |secure, feedback| Some(TransportProtocol::Parts { secure, feedback });
    let read = |flags: &str| offer(&format!(r#","flags":[{flags}]"#)).transport;
    assert_eq!(read(r#""SRTP""#), parts(Some(true), None));
    assert_eq!(read(r#""SRTP","AVPF""#), parts(Some(true), Some(true)));
    assert_eq!(read(r#""AVPF","RTP""#), parts(Some(false), Some(true)));
    assert_eq!(read(r#""RTP""#), parts(Some(false), Some(false)));
    assert_eq!(
        read(r#""RTP/SAVPF""#),
        Some(TransportProtocol::Profile(Profile { secure: true, feedback: true, opportunistic: false }))
    );
    assert_eq!(offer(r#","transport protocol":"accept""#).transport, Some(TransportProtocol::Accept));
    assert_eq!(offer(r#","transport protocol":"RTP/XYZ""#).transport, None);
}

#[test]
fn sdes_options_are_read_in_all_their_forms() {
    let options = offer(
        r#","flags":["SDES-unencrypted_srtcp","SDES-UNAUTHENTICATED_SRTP","SDES-encrypted_srtp","SDES-lifetime",
           "SDES-order:A;B;","SDES-offerer_pref:C","SDES-only-D","SDES-nonew","SDES-static"]"#,
    );
    let sdes = options.sdes;
    assert_eq!(sdes.unencrypted_srtcp, Some(true));
    assert_eq!(sdes.unauthenticated_srtp, Some(true));
    assert_eq!(sdes.unencrypted_srtp, Some(false));
    assert_eq!((sdes.order, sdes.offerer_pref), (vec!["A".into(), "B".into()], vec!["C".into()]));
    assert_eq!(sdes.only, ["D"]);
    assert!(sdes.lifetime && sdes.no_new && sdes.keep_suite && !sdes.off);
    for off in
        [r#","SDES":["off"]"#, r#","flags":["SDES-no"]"#, r#","SDES":"disable""#, r#","flags":["SDES=off"]"#]
    {
        assert!(offer(off).sdes.off, "{off}");
    }
}

#[test]
fn unusable_values_are_ignored_and_noted_by_name() {
    let noted = |options| offer(options).bad_values.join(", ");
    assert_eq!(noted(r#","media-address":"nonsense""#), "unusable value for media-address was ignored");
    assert_eq!(noted(r#","received from":["IP4","x"]"#), "unusable value for received-from was ignored");
    assert_eq!(noted(r#","address-family":"IP5""#), "unusable value for address-family was ignored");
    assert_eq!(noted(r#","flags":["ptime=x"]"#), "unusable value for ptime was ignored");
    assert_eq!(
        noted(r#","transport-protocol":"RTP/XYZ""#),
        "unusable value for transport-protocol was ignored"
    );
    assert_eq!(noted(r#","ptime":0"#), "");
}

#[test]
fn what_needs_ice_or_dtls_is_refused() {
    assert_eq!(refused(r#","ICE":"force""#), "ICE=force is not supported");
    let dtls = "transport protocol UDP/TLS/RTP/SAVPF is not supported";
    assert_eq!(refused(r#","transport-protocol":"UDP/TLS/RTP/SAVPF""#), dtls);
}

#[test]
fn options_that_are_not_carried_out_are_noted_for_a_warning() {
    let options = offer(r#","flags":["T.38-decode"]"#);
    assert_eq!(options.not_done, ["T.38"]);
    assert!(offer(r#","flags":["inject DTMF"]"#).not_done.is_empty());
}

#[test]
fn a_codec_word_may_hold_an_equals_sign() {
    let options =
        offer(r#","flags":["codec-set-iLBC/8000/1///mode=30","codec-transcode=PCMU","always transcode"]"#);
    assert_eq!(options.codec.set, ["iLBC/8000/1///mode=30"]);
    assert_eq!(options.codec.transcode, ["PCMU"]);
    assert_eq!(options.codec.accept, ["all"]);
}

#[test]
fn codec_options_read_the_same_in_every_place() {
    let places = [
        r#","codec":{"ignore":["G722"],"transcode":["opus/48000/2/32000//useinbandfec=1"],"accept":["all"]},"ptime":30,"flags":["reuse codecs"],"repacketize":40"#,
        r#","flags":["codec-ignore-G722","codec-transcode-opus/48000/2/32000//useinbandfec=1","always transcode","ptime=30","no-codec-renegotiation","repacketize=40"]"#,
        r#","rtpp-flags":"codec=[ignore=[G722] transcode=[opus/48000/2/32000//useinbandfec=1]] codec-accept-all ptime=30 reuse-codecs repacketize=40""#,
    ];
    let first = offer(places[0]);
    assert_eq!(
        (&first.codec.ignore[..], &first.codec.accept[..]),
        (&["G722".into()][..], &["all".into()][..])
    );
    assert_eq!(first.codec.transcode, ["opus/48000/2/32000//useinbandfec=1"]);
    assert_eq!((first.ptime, first.ptime_reverse, first.repacketize), (Some(30), None, Some(40)));
    assert!(first.reuse_codecs && !first.asymmetric_codecs && first.repacketizes());
    for place in places {
        assert_eq!(offer(place), first, "{place}");
    }
    let options = offer(r#","flags":["allow transcoding","asymmetric-codecs","force-transcoding"]"#);
    assert!(options.unknown.is_empty() && options.not_done.is_empty());
    assert!(options.asymmetric_codecs && options.force_transcoding);
}

fn selection(json: &str) -> Selection {
    parse(&format!(r#"{{"command":"subscribe request","call-id":"c"{json}}}"#)).unwrap().selection
}

#[test]
fn parties_are_selected_in_every_spelling() {
    let tags = |json: &str| selection(json).from_tags.iter().map(Id::to_string).collect::<Vec<_>>();
    assert_eq!(tags(r#","from-tags":["Ab","c"]"#), ["Ab", "c"]);
    assert_eq!(tags(r#","from tags":["Ab","Ab"]"#), ["Ab"]);
    assert_eq!(tags(r#","flags":["from-tags-Ab","from-tags=c"]"#), ["Ab", "c"]);
    assert_eq!(tags(r#","rtpp-flags":"from-tags=[Ab c] SIPREC""#), ["Ab", "c"]);
    let many: Vec<String> = (0..100).map(|n| format!("\"{n}\"")).collect();
    assert_eq!(tags(&format!(r#","from-tags":[{}]"#, many.join(","))).len(), 64);
    let all = |json: &str| selection(json).all;
    assert!(all(r#","flags":["all"]"#) && all(r#","all":"all""#) && !all(r#","all":"none""#));
    let flags = selection(
        r#","flags":["SIPREC","egress","inactive","directional","bidirectional","unsubscribe"],"address":"192.0.2.1",
           "to-call-id":"d","calls":["c","d"]"#,
    );
    assert!(flags.siprec && flags.egress && flags.inactive && flags.directional && flags.bidirectional);
    assert_eq!((flags.unsubscribe, flags.address), (true, Some("192.0.2.1".parse().unwrap())));
    assert_eq!((flags.to_call_id, flags.calls), (Some("d".into()), vec!["c".into(), "d".into()]));
}

#[test]
fn flows_are_read_from_dictionaries_and_from_one_string() {
    let flows = |json: &str| {
        let request = parse(&format!(r#"{{"command":"mesh","calls":["c"]{json}}}"#));
        request.map(|request| request.selection.flows)
    };
    let expected = vec![
        Flow { from: "a".into(), to: vec!["b".into(), "c".into()] },
        Flow { from: "b".into(), to: vec!["a".into()] },
        Flow { from: "c".into(), to: Vec::new() },
    ];
    let cases = [
        r#","tags":[{"from":"a","to":["b","c"]},{"from":"b","to":"a"},{"from":"c"}]"#,
        r#","rtpp-flags":"unsubscribe tags=[[from=a to=[b c]] [from=b to=[a]] [from=c]]""#,
        r#","rtpp-flags":"tags=[from=a to=[b] to=c from=[b] to=a from=c]""#,
        r#","flags":[{"tags":[{"from":"a","to":["b","c"]},{"from":"b","to":["a"]},{"from":"c","to":[]}]}]"#,
    ];
    for case in cases {
        assert_eq!(flows(case).as_ref(), Ok(&expected), "{case}");
    }
    assert_eq!(flows(""), Ok(Vec::new()));
    let bad = [r#""x""#, r#"["x"]"#, r#"[{"from":""}]"#, r#"[{"from":{}}]"#, "[1]"];
    for value in bad {
        let refused = flows(&format!(r#","tags":{value}"#));
        assert_eq!(refused, Err(NgError::BadValue { key: "tags" }), "{value}");
    }
    let offer = offer(r#","tags":["nonsense"]"#);
    assert_eq!(offer.unknown, Vec::<String>::new(), "of a mesh only");
}

#[test]
fn commands_on_several_parties_name_the_keys_they_miss() {
    let missing = |json: &str| parse(json).unwrap_err().to_string();
    assert_eq!(missing(r#"{"command":"publish"}"#), "missing key sdp");
    assert_eq!(missing(r#"{"command":"subscribe request"}"#), "missing key call-id");
    assert_eq!(missing(r#"{"command":"subscribe-answer","call-id":"c","to-tag":"t"}"#), "missing key sdp");
    assert_eq!(missing(r#"{"command":"subscribe answer","call-id":"c","sdp":"v=0"}"#), "missing key to-tag");
    assert_eq!(missing(r#"{"command":"unsubscribe","call-id":"c"}"#), "missing key to-tag");
    assert_eq!(missing(r#"{"command":"connect","call-id":"c","from-tag":"f"}"#), "missing key to-tag");
    assert_eq!(missing(r#"{"command":"mesh","call-id":"c"}"#), "missing key calls");
}

#[test]
fn words_of_osrtp_are_read_in_every_place() {
    for (place, offers, accepts) in [
        (r#","OSRTP":["offer","accept"]"#, true, true),
        (r#","osrtp":["offer-RFC"]"#, true, false),
        (r#","flags":["OSRTP-accept-RFC"]"#, false, true),
        (r#","rtpp-flags":"OSRTP=[accept] OSRTP-offer""#, true, true),
    ] {
        let options = offer(place);
        assert_eq!((options.osrtp.offer, options.osrtp.accept), (offers, accepts), "{place}");
        assert_eq!(options.unknown, [""; 0]);
    }
    assert_eq!(offer(r#","OSRTP":["offer-legacy"]"#).not_done, ["OSRTP-offer-legacy"]);
}

#[test]
fn changes_of_attributes_are_read_with_their_scope() {
    let options = offer(
        r#","sdp-attr":{"global":{"add":["a"]},"audio":{"substitute":[["b","c"],["d","e","f"]],"remove":"g"},"video":{"melt":["x"],"substitute":["y"]}}"#,
    );
    let change = |media: Option<&str>, action| Change { media: media.map(str::to_owned), action };
    let substitute = |from: &str, to: &str| Action::Substitute(from.to_owned(), to.to_owned());
    assert_eq!(
        options.manipulation.attributes,
        [
            change(Some("audio"), Action::Remove("g".to_owned())),
            change(Some("audio"), substitute("b", "c")),
            change(Some("audio"), substitute("d", "e")),
            change(None, Action::Add("a".to_owned())),
        ]
    );
    assert_eq!(
        options.manipulation.refused,
        [r#"there is no command "melt" of sdp-attr"#, "sdp-attr substitute takes two values"]
    );
    assert_eq!(options.unknown, [""; 0]);
}

#[test]
fn digits_that_are_to_be_played_do_not_show() {
    let shown = |digit: &str| {
        format!("{:?}", parse(&format!(r#"{{"command":"play DTMF","call-id":"c","digit":"{digit}"}}"#)))
    };
    assert_eq!(shown("4012"), shown("8888"));
}
