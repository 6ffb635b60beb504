//! Makes of endpoints, with the flags that proxies set for them.

use super::{
    A, B, Case, Step, answer, call, case, directed, flags, none, offer, reoffer, sdp, secured, transport,
};

pub(super) fn asterisk() -> Vec<Case> {
    let (offered, answered) = (sdp!("asterisk-offer"), sdp!("plain-answer"));
    let (held, holding) = (directed(&offered, "sendonly"), directed(&answered, "recvonly"));
    let moved = offered.replace("127.0.0.2", "127.0.0.6").replace("14822", "15000");
    vec![
        call("plain", offered.clone(), none(), answered.clone()),
        case(
            "as a proxy asks",
            vec![
                offer(
                    offered.clone(),
                    none().with_list("replace", &["origin", "session-connection"]).with("ICE", "remove"),
                ),
                answer(answered.clone(), none().with_list("replace", &["origin", "session-connection"])),
            ],
        ),
        case(
            "hold and resume",
            vec![
                offer(offered.clone(), none()),
                answer(answered.clone(), none()),
                reoffer(held, none()),
                answer(holding, none()),
                reoffer(offered.clone(), none()),
                answer(answered.clone(), none()),
            ],
        ),
        case(
            "moved by re-INVITE",
            vec![
                offer(offered.clone(), none()),
                answer(answered.clone(), none()),
                reoffer(moved, none()),
                answer(answered.clone(), none()),
            ],
        ),
        case(
            "re-INVITE by the callee",
            vec![
                offer(offered.clone(), none()),
                answer(answered.clone(), none()),
                Step { from: B, to: Some(A), ..offer(directed(&answered, "inactive"), none()) },
                Step { from: B, to: Some(A), ..answer(directed(&offered, "inactive"), none()) },
            ],
        ),
        call("srtp to plain", sdp!("asterisk-srtp-offer"), transport("RTP/AVP"), answered.clone()),
        call("plain to srtp", offered.clone(), secured(), sdp!("srtp-answer")),
        call("srtp kept", sdp!("asterisk-srtp-offer"), none().with("DTLS", "off"), sdp!("srtp-answer")),
        call("one of several codecs", offered, none(), sdp!("pcmu-answer")),
    ]
}

pub(super) fn freeswitch() -> Vec<Case> {
    let offered = sdp!("freeswitch-offer");
    vec![
        call("plain", offered.clone(), none(), sdp!("plain-answer")),
        call("without G.722", offered.clone(), none().with_codec("strip", &["G722"]), sdp!("plain-answer")),
        call("no rtcp attribute", offered.clone(), flags(&["no-rtcp-attribute"]), sdp!("plain-answer")),
        call("full rtcp attribute", offered, flags(&["full-rtcp-attribute"]), sdp!("plain-answer")),
        call(
            "strong keys to plain",
            sdp!("freeswitch-srtp-offer"),
            transport("RTP/AVP"),
            sdp!("plain-answer"),
        ),
        call("multiplexed", sdp!("mux-offer"), none(), sdp!("mux-answer")),
    ]
}

// test-of: [RFC4585 3]
pub(super) fn linphone() -> Vec<Case> {
    vec![
        call("feedback profile kept", sdp!("linphone-offer"), none(), sdp!("pcmu-answer")),
        call("feedback profile to plain", sdp!("linphone-offer"), transport("RTP/AVP"), sdp!("pcmu-answer")),
        call("plain to feedback profile", sdp!("asterisk-offer"), transport("RTP/AVPF"), sdp!("pcmu-answer")),
        call("video", sdp!("linphone-video-offer"), none(), sdp!("linphone-video-answer")),
        call("video refused", sdp!("linphone-video-offer"), none(), sdp!("linphone-video-refused")),
        case("video to srtp", vec![offer(sdp!("linphone-video-offer"), secured())]),
        call(
            "secure feedback profile to plain",
            sdp!("linphone-srtp-offer"),
            transport("RTP/AVP"),
            sdp!("pcmu-answer"),
        ),
    ]
}

pub(super) fn cisco() -> Vec<Case> {
    let offered = sdp!("cisco-offer");
    let zero = none().with_list("replace", &["zero-address"]);
    vec![
        call("two connection lines", offered.clone(), none(), sdp!("pcmu-answer")),
        call(
            "both connections replaced",
            offered.clone(),
            none().with_list("replace", &["session-connection", "origin"]),
            sdp!("pcmu-answer"),
        ),
        case(
            "hold by zero address",
            vec![
                offer(offered.clone(), none()),
                answer(sdp!("pcmu-answer"), none()),
                reoffer(sdp!("cisco-hold"), none()),
            ],
        ),
        case(
            "hold by zero address, replaced",
            vec![
                offer(offered.clone(), none()),
                answer(sdp!("pcmu-answer"), none()),
                reoffer(sdp!("cisco-hold"), zero),
            ],
        ),
        case(
            "fax",
            vec![
                offer(offered, none()),
                answer(sdp!("pcmu-answer"), none()),
                reoffer(sdp!("cisco-fax"), none()),
                answer(sdp!("fax-answer"), none()),
            ],
        ),
        call(
            "bandwidth and send only",
            sdp!("cisco-bandwidth"),
            none(),
            directed(&sdp!("pcmu-answer"), "recvonly"),
        ),
    ]
}

pub(super) fn webrtc() -> Vec<Case> {
    let demux = transport("RTP/AVP").with("ICE", "remove").with_list("rtcp-mux", &["demux"]);
    vec![
        call("sdes to plain", sdp!("webrtc-sdes-offer"), demux.clone(), sdp!("plain-answer")),
        case("dtls to plain", vec![offer(sdp!("webrtc-offer"), demux.clone())]),
        case(
            "dtls to plain, replaced",
            vec![offer(sdp!("webrtc-offer"), demux.with_list("replace", &["origin", "session-connection"]))],
        ),
    ]
}

pub(super) fn ims() -> Vec<Case> {
    let g711 = none().with_codec("strip", &["all"]).with_codec("except", &["PCMA", "telephone-event"]);
    vec![
        call("preconditions", sdp!("ims-offer"), none(), sdp!("ims-answer")),
        call(
            "only G.711 left",
            sdp!("ims-offer"),
            g711,
            directed(&sdp!("plain-answer"), "inactive").replace("101", "102"),
        ),
        call(
            "original direction kept",
            sdp!("ims-offer"),
            flags(&["original-sendrecv", "symmetric", "trust-address"]),
            sdp!("ims-answer"),
        ),
    ]
}
