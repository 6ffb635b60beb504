//! Groups of flags, each on the same ordinary calls.

use super::{Case, answer, call, case, directed, flags, none, offer, reoffer, sdp, secured, transport};

pub(super) fn keys() -> Vec<Case> {
    let (plain, srtp) = (sdp!("asterisk-offer"), sdp!("asterisk-srtp-offer"));
    let without = |suites: &[&str]| secured().with_list("SDES", suites);
    vec![
        call("padded", plain.clone(), secured().with_list("SDES", &["pad"]), sdp!("srtp-answer")),
        call(
            "suites left out",
            plain.clone(),
            without(&["no-AEAD_AES_256_GCM", "no-AES_256_CM_HMAC_SHA1_80"]),
            sdp!("srtp-answer"),
        ),
        case(
            "suites left out by flags",
            vec![offer(plain.clone(), secured().with_list("flags", &["SDES-no-AES_CM_128_HMAC_SHA1_80"]))],
        ),
        call("switched off", plain.clone(), secured().with_list("SDES", &["off"]), sdp!("pcmu-answer")),
        call("lifetime", plain.clone(), secured().with_list("SDES", &["lifetime"]), sdp!("srtp-answer")),
        call(
            "to secure feedback profile",
            plain.clone(),
            transport("RTP/SAVPF").with("DTLS", "off"),
            sdp!("srtp-answer"),
        ),
        call(
            "second suite first",
            srtp.replace("a=crypto:1 AES_CM_128_HMAC_SHA1_80", "a=crypto:9 AES_CM_128_HMAC_SHA1_32"),
            transport("RTP/AVP"),
            sdp!("plain-answer"),
        ),
        call(
            "first suite unknown",
            srtp.replace("a=crypto:1 AES_CM_128_HMAC_SHA1_80", "a=crypto:1 SOME_OTHER_SUITE"),
            transport("RTP/AVP"),
            sdp!("plain-answer"),
        ),
        call(
            "lifetime and MKI offered",
            srtp.replace("JSoj", "JSoj|2^20|1:4"),
            transport("RTP/AVP"),
            sdp!("plain-answer"),
        ),
        call(
            "only MKI offered",
            srtp.replace("JSoj", "JSoj|2^20|1:4").replace("X1Zj", "X1Zj|2^20|1:4"),
            transport("RTP/AVP"),
            sdp!("plain-answer"),
        ),
        call("no usable key", srtp.replace("AES_CM", "OTHER_CM"), transport("RTP/AVP"), sdp!("plain-answer")),
        call("offered, not taken", plain, secured(), sdp!("pcmu-answer")),
        case(
            "re-INVITE with new keys",
            vec![
                offer(srtp.clone(), transport("RTP/AVP")),
                answer(sdp!("plain-answer"), none()),
                reoffer(srtp.replace("d0Rm", "e0Rm"), transport("RTP/AVP")),
                answer(sdp!("plain-answer"), none()),
            ],
        ),
    ]
}

pub(super) fn multiplexing() -> Vec<Case> {
    const NAMES: [(&str, &[&str]); 8] = [
        ("unsaid", &[]),
        ("offer", &["offer"]),
        ("require", &["require"]),
        ("demux", &["demux"]),
        ("accept", &["accept"]),
        ("reject", &["reject"]),
        ("offer and demux", &["offer", "demux"]),
        ("require and accept", &["require", "accept"]),
    ];
    let mut out = Vec::new();
    for (name, words) in NAMES {
        let wanted = none().with_list("rtcp-mux", words);
        let ends = [
            (sdp!("mux-offer"), sdp!("mux-answer")),
            (sdp!("mux-offer"), sdp!("plain-answer")),
            (sdp!("asterisk-offer"), sdp!("mux-answer")),
            (sdp!("asterisk-offer"), sdp!("plain-answer")),
        ];
        for (offered, answered) in ends {
            out.push(call(name, offered, wanted.clone(), answered));
        }
    }
    out
}

pub(super) fn codecs() -> Vec<Case> {
    let both = sdp!("asterisk-offer");
    let mu = both.replace("0 8 101", "0 101").replace("a=rtpmap:8 PCMA/8000\r\n", "");
    let (a_law, mu_law) = (sdp!("plain-answer"), sdp!("pcmu-answer"));
    let change = |directives: &[(&str, &[&str])]| {
        directives.iter().fold(none(), |fields, (directive, names)| fields.with_codec(directive, names))
    };
    let g729 = a_law.replace("8 101", "18 101").replace("a=rtpmap:8 PCMA", "a=rtpmap:18 G729");
    vec![
        call("strip", both.clone(), change(&[("strip", &["PCMU"])]), a_law.clone()),
        call("strip by flag", both.clone(), flags(&["codec-strip-PCMU"]), a_law.clone()),
        call(
            "strip all except",
            both.clone(),
            change(&[("strip", &["all"]), ("except", &["PCMA"])]),
            a_law.clone(),
        ),
        call(
            "strip all but offer",
            both.clone(),
            change(&[("strip", &["all"]), ("offer", &["PCMA", "telephone-event"])]),
            a_law.clone(),
        ),
        call("strip everything", both.clone(), change(&[("strip", &["all"])]), a_law.clone()),
        call(
            "strip telephone-event",
            both.clone(),
            change(&[("strip", &["telephone-event"])]),
            a_law.clone(),
        ),
        call("strip without regard to case", both.clone(), change(&[("strip", &["pcmu"])]), a_law.clone()),
        call("mask", both.clone(), change(&[("mask", &["PCMU"])]), a_law.clone()),
        call("transcode what is missing", mu.clone(), change(&[("transcode", &["PCMA"])]), a_law.clone()),
        call("transcode, not needed", mu.clone(), change(&[("transcode", &["PCMA"])]), mu_law.clone()),
        call("transcode what is offered", both.clone(), change(&[("transcode", &["PCMA"])]), a_law.clone()),
        call(
            "mask and transcode",
            mu.clone(),
            change(&[("mask", &["PCMU"]), ("transcode", &["PCMA"])]),
            a_law.clone(),
        ),
        call(
            "mask and transcode by flags",
            mu.clone(),
            flags(&["codec-mask-PCMU", "codec-transcode-PCMA"]),
            a_law.clone(),
        ),
        call("accept", both.clone(), change(&[("accept", &["PCMU"])]), a_law.clone()),
        call("offer alone", both.clone(), change(&[("offer", &["PCMA"])]), a_law.clone()),
        call("except alone", both.clone(), change(&[("except", &["PCMA"])]), a_law.clone()),
        case(
            "single codec",
            vec![offer(both.clone(), none()), answer(both.clone(), flags(&["single-codec"]))],
        ),
        call("several codecs answered", both.clone(), none(), both.clone()),
        call("unoffered codec answered", both.clone(), none(), g729),
        call("telephone-event under another number", both, none(), a_law.replace("101", "96")),
        call(
            "srtp and transcode",
            sdp!("asterisk-srtp-offer").replace("8 0 101", "0 101").replace("a=rtpmap:8 PCMA/8000\r\n", ""),
            transport("RTP/AVP").with_codec("mask", &["PCMU"]).with_codec("transcode", &["PCMA"]),
            a_law,
        ),
    ]
}

// test-of: [RFC3264 8]
pub(super) fn replacing() -> Vec<Case> {
    let (offered, answered) = (sdp!("asterisk-offer"), sdp!("plain-answer"));
    let both = sdp!("cisco-offer");
    let replace = |what: &[&str]| none().with_list("replace", what);
    let second = offered.replace("s=Asterisk", "s=other").replace("o=- ", "o=x ").replace("14822", "15000");
    let mut out = vec![
        call("origin", offered.clone(), replace(&["origin"]), answered.clone()),
        call("session connection", offered.clone(), replace(&["session-connection"]), answered.clone()),
        call("two connections, session replaced", both, replace(&["session-connection"]), answered.clone()),
        call("media address", offered.clone(), none().with("media-address", "203.0.113.9"), answered.clone()),
        call("ptime in the offer", offered.clone(), none().with_number("ptime", 30), answered.clone()),
        case(
            "ptime in the answer",
            vec![offer(offered.clone(), none()), answer(answered.clone(), none().with_number("ptime", 40))],
        ),
        call(
            "received from",
            offered.clone(),
            flags(&["SIP-source-address"]).with_list("received-from", &["IP4", "127.0.0.7"]),
            answered.clone(),
        ),
        call(
            "unknown flags",
            offered.clone(),
            flags(&["pad-crypto", "no-such-flag", "trust address"]).with("no-such-key", "x"),
            answered.clone(),
        ),
        call("labels", offered.clone(), none().with("label", "caller"), answered.clone()),
        call("dscp", offered.clone(), none().with_number("TOS", 184), answered.clone()),
        call("loop protection", offered.clone(), flags(&["loop-protect"]), answered.clone()),
        call(
            "original direction",
            directed(&offered, "sendonly"),
            flags(&["original-sendrecv"]),
            directed(&answered, "recvonly"),
        ),
        call("force ICE away", offered.clone(), none().with("ICE", "remove"), answered.clone()),
    ];
    for (name, what) in
        [("session name", "session-name"), ("user name", "username"), ("version", "sdp-version")]
    {
        out.push(case(
            name,
            vec![
                offer(offered.clone(), replace(&[what])),
                answer(answered.clone(), replace(&[what])),
                reoffer(second.clone(), replace(&[what])),
                answer(answered.clone(), replace(&[what])),
            ],
        ));
    }
    out
}
