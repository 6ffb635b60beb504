//! Several sections, and sections that are not audio.

use super::super::sdp;
use super::{
    Case, Step, answered, answered_back, called_back, callee, caller, case, from_caller, invite, none, query,
    transport,
};

pub(in super::super) fn media() -> Vec<Case> {
    let (a, b) = (caller(), callee());
    let video = |text: String, port: u16, protocol: &str| {
        text + &format!("m=video {port} {protocol} 96\r\na=rtpmap:96 H264/90000\r\na=sendrecv\r\n")
    };
    let image = |phone: &super::Phone, port: u16| {
        let session = phone.text();
        let end = session.find("m=").unwrap_or_default();
        format!(
            "{}m=image {port} udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\n",
            session.get(..end).unwrap_or_default()
        )
    };
    let step = |command, sdp: String, to| Step { to, ..from_caller(command, &sdp, none()) };
    let offer = |sdp: String| step("offer", sdp, None);
    let again = |sdp: String| from_caller("offer", &sdp, none());
    let answer = |sdp: String| from_caller("answer", &sdp, none());
    let (fax_a, fax_b) = (image(&a, 14_900), image(&b, 24_900));
    let with_video = |port| video(a.text(), port, "RTP/AVP");
    let video_back = |port| video(b.text(), port, "RTP/AVP");
    let back = |step: Step| Step { from: super::B, to: Some(super::A), ..step };
    vec![
        case("video", vec![offer(with_video(14_900)), answer(video_back(24_900)), query()]),
        case("video refused", vec![offer(with_video(14_900)), answer(video_back(0)), query()]),
        case("video offered as refused", vec![offer(with_video(0)), answer(video_back(0)), query()]),
        case("video, offer only", vec![offer(with_video(14_900)), query()]),
        case(
            "video added",
            vec![
                invite(&a, none()),
                answered(&b, none()),
                again(with_video(14_900)),
                answer(video_back(24_900)),
                query(),
            ],
        ),
        case(
            "video taken away",
            vec![
                offer(with_video(14_900)),
                answer(video_back(24_900)),
                again(with_video(0)),
                answer(video_back(0)),
                query(),
            ],
        ),
        case(
            "video to srtp",
            vec![
                Step {
                    to: None,
                    ..from_caller("offer", &with_video(14_900), transport("RTP/SAVP").with("DTLS", "off"))
                },
                query(),
            ],
        ),
        case("fax from the start", vec![offer(fax_a.clone()), answer(fax_b.clone()), query()]),
        case(
            "fax by the caller",
            vec![
                invite(&a, none()),
                answered(&b, none()),
                again(fax_a.clone()),
                answer(fax_b.clone()),
                query(),
                again(a.text()),
                answer(b.text()),
                query(),
            ],
        ),
        case(
            "fax by the callee",
            vec![
                invite(&a, none()),
                answered(&b, none()),
                back(again(fax_b.clone())),
                back(answer(fax_a.clone())),
                query(),
                called_back(&b, none()),
                answered_back(&a.clone().matching(), none()),
                query(),
            ],
        ),
        case(
            "fax refused",
            vec![
                invite(&a, none()),
                answered(&b, none()),
                again(fax_a),
                answer(fax_b.replace("m=image 24900", "m=image 0")),
                query(),
            ],
        ),
        case("many kinds", vec![offer(sdp!("odd-sections")), answer(sdp!("odd-sections")), query()]),
        case("audio refused", vec![invite(&a, none()), answered(&b.clone().port(0), none()), query()]),
    ]
}
