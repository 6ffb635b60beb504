//! Codecs added, converted, masked, preferred and packed otherwise: what each side is told in the end.

use super::{Case, Step, answer, case, flags, none, offer, reoffer};
use crate::ng::Fields;

const CALLER: (&str, u16) = ("127.0.0.2", 14_822);
const CALLED: (&str, u16) = ("127.0.0.4", 24_000);

/// A description of one audio section: `number name/clock/channels parameters` for each payload type, then attributes.
fn describe((address, port): (&str, u16), codecs: &[&str], attributes: &[&str]) -> String {
    let split = |line: &&str| line.splitn(3, ' ').map(str::to_owned).collect::<Vec<_>>();
    let codecs: Vec<Vec<String>> = codecs.iter().map(split).collect();
    let numbers: Vec<&str> = codecs.iter().filter_map(|parts| parts.first()).map(String::as_str).collect();
    let mut lines = vec![
        "v=0".to_owned(),
        format!("o=- 1 1 IN IP4 {address}"),
        "s=-".to_owned(),
        format!("c=IN IP4 {address}"),
        "t=0 0".to_owned(),
        format!("m=audio {port} RTP/AVP {}", numbers.join(" ")),
    ];
    for parts in &codecs {
        let mut parts = parts.iter();
        let (number, name) = (parts.next().cloned().unwrap_or_default(), parts.next());
        lines.extend(name.map(|name| format!("a=rtpmap:{number} {name}")));
        lines.extend(parts.next().map(|parameters| format!("a=fmtp:{number} {parameters}")));
    }
    lines.extend(attributes.iter().map(|attribute| format!("a={attribute}")));
    lines.push("a=sendrecv".to_owned());
    lines.iter().map(|line| format!("{line}\r\n")).collect()
}

const MU: &str = "0 PCMU/8000";
const A_LAW: &str = "8 PCMA/8000";
const G722: &str = "9 G722/8000";
const G729: &str = "18 G729/8000";
const G729_B_OFF: &str = "18 G729/8000 annexb=no";
const NOISE: &str = "13 CN/8000";
const OPUS: &str = "111 opus/48000/2 minptime=10;useinbandfec=1";
const EVENTS: &str = "101 telephone-event/8000 0-15";
const EVENTS_48: &str = "110 telephone-event/48000 0-15";
/// What opus and its events become where they are added.
const ADDED_OPUS: &str = "96 opus/48000/2";
const ADDED_EVENTS: &str = "97 telephone-event/48000 0-15";
/// A codec that nobody can decode.
const STRANGE: &str = "99 X-STRANGE/8000";

/// Codec directives, `directive=codec` each, and flags.
fn change(words: &[&str]) -> Fields {
    let mut fields = none();
    let of = |directive: &str| -> Vec<&str> {
        let all = words.iter().filter_map(|word| word.split_once('='));
        all.filter(|(name, _)| *name == directive).map(|(_, codec)| codec).collect()
    };
    for directive in ["strip", "except", "offer", "transcode", "mask", "consume", "accept", "set"] {
        let codecs = of(directive);
        if !codecs.is_empty() {
            fields = fields.with_codec(directive, &codecs);
        }
    }
    fields
}

fn offered(codecs: &[&str], words: &[&str]) -> Step {
    offer(describe(CALLER, codecs, &[]), change(words))
}

fn answered(codecs: &[&str]) -> Step {
    answer(describe(CALLED, codecs, &[]), none())
}

/// An offer changed by directives, and an answer.
fn call(name: &'static str, codecs: &[&str], words: &[&str], reply: &[&str]) -> Case {
    case(name, vec![offered(codecs, words), answered(reply)])
}

pub(super) fn transcoding() -> Vec<Case> {
    [added(), removed(), accepted(), noise_and_events(), numbers(), packet_times(), again()].concat()
}

fn added() -> Vec<Case> {
    let both = [MU, A_LAW, EVENTS];
    vec![
        call("opus added", &both, &["transcode=opus"], &[ADDED_OPUS, ADDED_EVENTS]),
        call("opus added, old events", &both, &["transcode=opus"], &[ADDED_OPUS, EVENTS]),
        call("opus added, not taken", &both, &["transcode=opus"], &[A_LAW, EVENTS]),
        call("opus added, taken first", &both, &["transcode=opus"], &[ADDED_OPUS, A_LAW, EVENTS]),
        call("opus added, taken second", &both, &["transcode=opus"], &[A_LAW, ADDED_OPUS, EVENTS]),
        call("opus added, nothing taken", &both, &["transcode=opus"], &["3 GSM/8000", EVENTS]),
        call("G722 added", &both, &["transcode=G722"], &[G722, EVENTS]),
        call("G729 added", &both, &["transcode=G729"], &[G729_B_OFF, EVENTS]),
        call("G729 added, noise taken", &both, &["transcode=G729"], &[G729, EVENTS]),
        call(
            "several added",
            &[MU, EVENTS],
            &["transcode=opus", "transcode=G722", "transcode=G729", "transcode=PCMA"],
            &[G722, G729_B_OFF, EVENTS],
        ),
        call("from opus", &[OPUS, EVENTS_48], &["transcode=PCMA"], &[A_LAW, "96 telephone-event/8000 0-15"]),
        call("from opus, refused", &[OPUS, EVENTS_48], &["transcode=PCMA"], &[OPUS, EVENTS_48]),
        call("from G729", &[G729_B_OFF, EVENTS], &["transcode=PCMU"], &[MU, EVENTS]),
        call("beside a strange one", &[STRANGE, MU, EVENTS], &["transcode=PCMA"], &[A_LAW, EVENTS]),
        call("from a strange one only", &[STRANGE, EVENTS], &["transcode=PCMA"], &[STRANGE, EVENTS]),
        call("nonsense", &both, &["transcode=nonsense", "transcode=/8000"], &[A_LAW, EVENTS]),
        call("opus in mono", &both, &["transcode=opus/48000/1"], &[A_LAW, EVENTS]),
        call("bit rate", &both, &["transcode=opus/48000/2/24000"], &[ADDED_OPUS, EVENTS]),
        call(
            "parameters",
            &both,
            &["transcode=opus/48000/2/24000/40/useinbandfec=1;cbr=1"],
            &[ADDED_OPUS, EVENTS],
        ),
        case(
            "by flags",
            vec![
                offer(
                    describe(CALLER, &both, &[]),
                    flags(&["codec-mask-PCMU", "codec-transcode-opus/48000/2///useinbandfec--1"]),
                ),
                answered(&[ADDED_OPUS, ADDED_EVENTS]),
            ],
        ),
        call("set", &[OPUS, EVENTS_48, EVENTS], &["transcode=PCMU", "set=opus/48000/2/16000"], &[MU, EVENTS]),
    ]
}

fn removed() -> Vec<Case> {
    let both = [MU, A_LAW, EVENTS];
    vec![
        call("all masked", &both, &["mask=all", "transcode=opus"], &[ADDED_OPUS]),
        call("all masked in full", &both, &["mask=full", "transcode=PCMA"], &[A_LAW]),
        call(
            "all masked but events",
            &both,
            &["mask=all", "except=telephone-event", "transcode=opus"],
            &[ADDED_OPUS, ADDED_EVENTS],
        ),
        call("all masked but one", &both, &["mask=all", "except=PCMA", "transcode=opus"], &[ADDED_OPUS]),
        call("masked and added", &both, &["mask=PCMA", "transcode=PCMA"], &[A_LAW, EVENTS]),
        call("masked, others added", &both, &["mask=PCMU", "transcode=opus"], &[ADDED_OPUS, ADDED_EVENTS]),
        call(
            "masked with its clock",
            &[OPUS, EVENTS_48, MU, EVENTS],
            &["mask=opus", "transcode=G722"],
            &[G722, EVENTS],
        ),
        call("stripped with its clock", &[OPUS, EVENTS_48, MU, EVENTS], &["strip=opus"], &[MU, EVENTS]),
        call("stripped, others added", &both, &["strip=PCMU", "transcode=opus"], &[ADDED_OPUS, ADDED_EVENTS]),
        call("all stripped, one added", &both, &["strip=all", "transcode=PCMA"], &[A_LAW]),
        call("all stripped, new one added", &both, &["strip=all", "transcode=opus"], &[ADDED_OPUS]),
        call(
            "all stripped, in another order",
            &both,
            &["strip=all", "offer=PCMA", "offer=PCMU", "offer=telephone-event", "transcode=opus"],
            &[A_LAW, EVENTS],
        ),
        call(
            "several added in place of all",
            &both,
            &["mask=all", "transcode=G729", "transcode=G722"],
            &[G722],
        ),
        call("every one stripped by name", &both, &["strip=PCMU", "strip=PCMA"], &[A_LAW, EVENTS]),
    ]
}

fn accepted() -> Vec<Case> {
    let three = [OPUS, MU, A_LAW, EVENTS];
    vec![
        call("accept the first", &three, &["accept=opus"], &[A_LAW, EVENTS]),
        call("accept the second", &three, &["accept=PCMU"], &[A_LAW, EVENTS]),
        call("accept what is taken", &three, &["accept=PCMA"], &[A_LAW, EVENTS]),
        call("accept, two taken", &three, &["accept=PCMA"], &[MU, A_LAW, EVENTS]),
        call("accept all", &[MU, A_LAW, EVENTS], &["accept=all"], &[A_LAW, EVENTS]),
        call(
            "accept and add",
            &[MU, A_LAW, EVENTS],
            &["accept=PCMA", "transcode=opus"],
            &[ADDED_OPUS, EVENTS],
        ),
        call("consume one", &three, &["consume=opus"], &[A_LAW, EVENTS]),
        call("consume all and add", &[MU, A_LAW, EVENTS], &["consume=all", "transcode=G722"], &[G722]),
        case(
            "always transcode",
            vec![
                offer(describe(CALLER, &[MU, A_LAW, EVENTS], &[]), flags(&["always-transcode"])),
                answered(&[A_LAW, EVENTS]),
            ],
        ),
        case(
            "single codec of several",
            vec![
                offered(&[MU, A_LAW, EVENTS], &["transcode=opus"]),
                answer(describe(CALLED, &[ADDED_OPUS, A_LAW, EVENTS], &[]), flags(&["single-codec"])),
            ],
        ),
        case(
            "asymmetric codecs",
            vec![
                offered(&[MU, A_LAW, EVENTS], &["transcode=opus"]),
                answer(describe(CALLED, &[A_LAW, EVENTS], &[]), flags(&["asymmetric-codecs"])),
            ],
        ),
    ]
}

fn noise_and_events() -> Vec<Case> {
    vec![
        call("noise beside G722", &[MU, EVENTS, NOISE], &["transcode=G722"], &[G722, NOISE, EVENTS]),
        call("noise beside opus", &[MU, EVENTS, NOISE], &["transcode=opus"], &[ADDED_OPUS, EVENTS]),
        call("noise added", &[MU, EVENTS], &["transcode=CN"], &[MU, EVENTS]),
        call("events added", &[MU], &["transcode=telephone-event"], &[MU]),
        call("no events", &[MU], &["transcode=opus"], &[ADDED_OPUS]),
        call("events masked", &[MU, EVENTS], &["mask=telephone-event", "transcode=opus"], &[ADDED_OPUS]),
        call("events of both clocks", &[OPUS, EVENTS_48, EVENTS], &["transcode=PCMA"], &[A_LAW, EVENTS]),
        call("events of one clock", &[OPUS, EVENTS], &["transcode=PCMA"], &[A_LAW, EVENTS]),
        call("annexb=no answered", &[G729, EVENTS], &[], &[G729_B_OFF, EVENTS]),
        call("annexb=no offered", &[G729_B_OFF, EVENTS], &[], &[G729, EVENTS]),
        call(
            "opus parameters answered",
            &[OPUS, EVENTS],
            &[],
            &["111 opus/48000/2 maxaveragebitrate=20000;stereo=0", EVENTS],
        ),
    ]
}

fn numbers() -> Vec<Case> {
    vec![
        call("dynamic number taken", &[MU, "96 telephone-event/8000 0-15"], &["transcode=opus"], &[MU]),
        call("fixed number taken", &["0 PCMA/8000", EVENTS], &["transcode=PCMU"], &["96 PCMU/8000", EVENTS]),
        call(
            "fixed codec, another number",
            &["98 PCMU/8000", EVENTS],
            &["transcode=PCMU"],
            &["98 PCMU/8000"],
        ),
        call(
            "added, another number answered",
            &[MU, EVENTS],
            &["transcode=opus"],
            &["115 opus/48000/2", EVENTS],
        ),
    ]
}

fn packet_times() -> Vec<Case> {
    let both = [MU, A_LAW, EVENTS];
    let timed = |name, of_caller: &[&str], fields: Fields, of_called: &[&str], reply: &[&str]| {
        let sent = offer(describe(CALLER, &both, of_caller), fields);
        case(name, vec![sent, answer(describe(CALLED, reply, of_called), none())])
    };
    let (mu, opus) = ([MU, EVENTS], [ADDED_OPUS, EVENTS]);
    let asked = |ptime| none().with_number("ptime", ptime);
    let reverse = |ptime| none().with_number("ptime-reverse", ptime);
    vec![
        timed("packet time", &["ptime:20"], asked(30), &["ptime:30"], &mu),
        timed("packet time, nothing said", &[], asked(30), &[], &mu),
        timed("packet time, said by the callee", &[], asked(30), &["ptime:30"], &mu),
        timed("packet time back", &["ptime:20"], reverse(40), &["ptime:20"], &mu),
        timed("packet time back, nothing said", &[], reverse(40), &[], &mu),
        timed(
            "packet time both ways",
            &["ptime:20"],
            asked(30).with_number("ptime-reverse", 40),
            &["ptime:30"],
            &mu,
        ),
        timed(
            "own packet times",
            &["ptime:30", "maxptime:60"],
            change(&["transcode=opus"]),
            &["ptime:20"],
            &opus,
        ),
        timed("the caller's packet time", &["ptime:30"], change(&["transcode=opus"]), &[], &opus),
        timed("the callee's packet time", &[], change(&["transcode=opus"]), &["ptime:60"], &opus),
        timed("relayed packet times", &["ptime:30"], none(), &["ptime:20"], &mu),
        case(
            "packet time beside a strange one",
            vec![offer(describe(CALLER, &[STRANGE, MU, EVENTS], &[]), asked(30)), answered(&mu)],
        ),
    ]
}

fn again() -> Vec<Case> {
    let both = [MU, A_LAW, EVENTS];
    let re = |codecs: &[&str], fields: Fields| reoffer(describe(CALLER, codecs, &[]), fields);
    let called = |codecs: &[&str], fields: Fields| Step {
        from: super::B,
        to: Some(super::A),
        ..offer(describe(CALLED, codecs, &[]), fields)
    };
    let caller_answers = |codecs: &[&str]| Step {
        from: super::B,
        to: Some(super::A),
        ..answer(describe(CALLER, codecs, &[]), none())
    };
    let opus = || change(&["transcode=opus"]);
    let start = |taken: &[&str]| vec![offered(&both, &["transcode=opus"]), answered(taken)];
    let then = |name, mut steps: Vec<Step>, more: Vec<Step>| {
        steps.extend(more);
        case(name, steps)
    };
    let plain = |taken: &[&str]| vec![offered(&both, &[]), answered(taken)];
    let reuse = || flags(&["reuse-codecs"]);
    vec![
        then(
            "the same again",
            start(&[ADDED_OPUS, ADDED_EVENTS]),
            vec![re(&both, opus()), answered(&[ADDED_OPUS, ADDED_EVENTS])],
        ),
        then("no longer", start(&[ADDED_OPUS, EVENTS]), vec![re(&both, none()), answered(&[A_LAW, EVENTS])]),
        then(
            "another of the caller's",
            start(&[ADDED_OPUS, EVENTS]),
            vec![re(&[A_LAW, EVENTS], opus()), answered(&[ADDED_OPUS, EVENTS])],
        ),
        then(
            "the number means another now",
            start(&[ADDED_OPUS, ADDED_EVENTS]),
            vec![re(&[MU, "96 G726-32/8000", EVENTS], opus())],
        ),
        then(
            "from the callee",
            start(&[ADDED_OPUS, ADDED_EVENTS]),
            vec![
                called(&[ADDED_OPUS, ADDED_EVENTS], change(&["transcode=PCMU"])),
                caller_answers(&[MU, EVENTS]),
            ],
        ),
        then("in use first", plain(&[A_LAW, EVENTS]), vec![re(&both, reuse()), answered(&both)]),
        then(
            "in use first, not renegotiated",
            plain(&both),
            vec![re(&[A_LAW, MU, EVENTS], flags(&["no-codec-renegotiation"]))],
        ),
        then(
            "in use first, in the answer",
            plain(&[A_LAW, EVENTS]),
            vec![re(&both, none()), answer(describe(CALLED, &both, &[]), reuse())],
        ),
    ]
}
