use mediapoint_engine::{Codec, Encoding};
use mediapoint_packet::sdp::Sdp;
use proptest::prelude::*;

use super::offer::OfferPlan;
use super::*;
use crate::request::{CodecOptions, Options};

/// What the engine converts, as far as these tests are concerned.
fn can_convert(codec: &Codec) -> bool {
    match codec.encoding {
        Encoding::Pcmu | Encoding::Pcma | Encoding::G722 | Encoding::G729 => codec.clock_rate == 8000,
        Encoding::L16 => matches!(codec.clock_rate, 8000 | 16_000 | 48_000),
        Encoding::Opus => true,
        _ => false,
    }
}

/// A list of shorthands, or of `number:name/clock/channels`, each with `{parameters}` behind it where it has any.
pub(super) fn list(text: &str) -> Vec<CodecLine> {
    text.split_whitespace().map(line).collect()
}

fn line(word: &str) -> CodecLine {
    let (word, fmtp) = match word.split_once('{') {
        Some((word, fmtp)) => (word, Some(fmtp.trim_end_matches('}').to_owned())),
        None => (word, None),
    };
    let full = match word {
        "U" => "0:PCMU/8000",
        "A" => "8:PCMA/8000",
        "22" => "9:G722/8000",
        "29" => "18:G729/8000",
        "opus" => "111:opus/48000/2",
        "cn" => "13:CN/8000",
        "te" => "101:telephone-event/8000",
        "te48" => "110:telephone-event/48000",
        "red" => "63:red/48000/2",
        "foo" => "99:foo/8000",
        "foo16" => "100:foo/16000",
        "te16" => "102:telephone-event/16000",
        other => other,
    };
    let (number, name) = full.split_once(':').unwrap_or_else(|| panic!("{word}"));
    let mut parts = name.split('/');
    let name = parts.next().unwrap();
    let clock_rate = parts.next().unwrap().parse().unwrap();
    let channels = parts.next().map_or(1, |channels| channels.parse().unwrap());
    let codec = Codec::new(name, clock_rate, channels);
    let convertible = can_convert(&codec);
    CodecLine { fmtp, convertible, ..CodecLine::new(number.parse().unwrap(), name, codec) }
}

fn options(text: &str) -> CodecOptions {
    let mut options = CodecOptions::default();
    for word in text.split_whitespace() {
        let (verb, codec) = word.split_once('=').unwrap();
        let list = match verb {
            "strip" => &mut options.strip,
            "ignore" => &mut options.ignore,
            "except" => &mut options.except,
            "offer" => &mut options.offer,
            "add" => &mut options.transcode,
            "mask" => &mut options.mask,
            "consume" => &mut options.consume,
            "accept" => &mut options.accept,
            other => panic!("{other}"),
        };
        list.push(codec.to_owned());
    }
    options
}

pub(super) fn plan(received: &str, words: &str) -> OfferPlan {
    plan_with(received, words, &Numbers::default(), &[])
}

fn plan_with(received: &str, words: &str, numbers: &Numbers, in_use: &[CodecLine]) -> OfferPlan {
    let options = &options(words);
    let rules = OfferRules {
        options,
        repacketizes: false,
        in_use,
        numbers,
        kept: &[],
        may_be_empty: false,
        can_convert,
    };
    plan_offer(&list(received), &rules)
}

const SHORTHANDS: [&str; 13] =
    ["U", "A", "22", "29", "opus", "cn", "te", "te48", "foo", "foo16", "te16", "96:L16/8000", "97:PCMU/8000"];
const CODECS: [&str; 12] = [
    "all",
    "full",
    "PCMU",
    "PCMA/8000",
    "opus/48000/1/16000",
    "G722",
    "G729",
    "telephone-event",
    "CN",
    "foo",
    "L16/16000",
    "",
];

/// The lists of options that a random word can go to.
fn verbs(options: &mut CodecOptions) -> [&mut Vec<String>; 9] {
    let CodecOptions { strip, ignore, except, offer, transcode, mask, consume, accept, set } = options;
    [strip, ignore, except, offer, transcode, mask, consume, accept, set]
}

proptest! {
    #[test]
    fn whatever_is_asked_for_makes_sense(
        received in prop::sample::subsequence(SHORTHANDS.to_vec(), 0..=8).prop_shuffle(),
        answered in prop::sample::subsequence(SHORTHANDS.to_vec(), 0..=4).prop_shuffle(),
        words in prop::collection::vec((0..9_usize, prop::sample::select(CODECS.to_vec())), 0..6),
        flags in prop::array::uniform3(any::<bool>()),
    ) {
        let mut options = Options::default();
        for (verb, codec) in words {
            verbs(&mut options.codec)[verb].push(codec.to_owned());
        }
        [options.single_codec, options.reuse_codecs, options.asymmetric_codecs] = flags;
        let (received, answered) = (list(&received.join(" ")), list(&answered.join(" ")));
        crate::properties::codecs_hold(&received, &answered, &options, can_convert);
    }
}

/// A list as advertised, in the shorthands of the numbers and names: `0:PCMU/8000{fmtp}`.
fn advertised(lines: &[CodecLine]) -> String {
    let entry = |line: &CodecLine| {
        let rtpmap = CodecLine { payload_type: line.advertised, ..line.clone() }.rtpmap().replace(' ', ":");
        let fmtp = line.fmtp.as_ref().map(|fmtp| format!("{{{fmtp}}}")).unwrap_or_default();
        format!("{rtpmap}{fmtp}")
    };
    lines.iter().filter(|line| !line.masked).map(entry).collect::<Vec<_>>().join(" ")
}

fn is_advertised(lines: &[CodecLine], expected: &str, case: &str) {
    assert_eq!(advertised(lines), advertised(&list(expected)), "{case}");
}

/// The answer to an offer with options that is answered with a list.
fn back(received: &str, words: &str, answered: &str) -> Vec<CodecLine> {
    let of_offer = options(words);
    let offered = plan(received, words).lines;
    let rules = AnswerRules {
        offered: &offered,
        received: &list(received),
        of_offer: &of_offer,
        options: &CodecOptions::default(),
        single: false,
        in_use: &[],
    };
    plan_answer(&list(answered), &rules)
}

#[test]
fn offers_lose_what_the_options_remove() {
    let cases = [
        ("U A te", "", "U A te"),
        ("U A te", "strip=PCMU", "A te"),
        ("U A te", "ignore=PCMU", "U A te"),
        ("U A te", "ignore=all", "U A te"),
        ("foo A te", "ignore=foo", "A te"),
        ("U A te", "ignore=PCMU strip=PCMU", "A te"),
        ("U A te", "ignore=PCMU mask=PCMU", "A te"),
        ("U A 22 te", "strip=PCMU offer=PCMU", "U A 22 te"),
        ("U A 22 te", "mask=PCMU offer=PCMU", "U A 22 te"),
        ("U A 22 te", "strip=PCMU except=PCMU", "A 22 te"),
        ("U A te", "strip=pcmu/8000", "A te"),
        ("U A te", "strip=PCMU/16000", "U A te"),
        ("U A te", "strip=all except=PCMA", "A"),
        ("U A te", "strip=full except=PCMA", "A"),
        ("U A te", "strip=all offer=PCMA offer=PCMU", "A U"),
        ("U A te", "strip=all offer=PCMA offer=telephone-event offer=PCMU", "A U te"),
        ("U A te", "strip=all", "U A te"),
        ("U A te", "strip=PCMU strip=PCMA", "U A te"),
        ("U A te", "offer=PCMA", "A U te"),
        ("U A te", "offer=telephone-event", "U A te"),
        ("U A te", "mask=PCMU", "A te"),
        ("U", "mask=PCMU", "U"),
        ("U te", "mask=PCMU", "U te"),
        ("te", "mask=all", "te"),
        ("te", "strip=all", "te"),
        ("U A te", "mask=telephone-event", "U A"),
        ("U A te", "accept=PCMU", "U A te"),
        ("opus te48 U te", "strip=opus", "U te"),
        ("opus te48 U te", "strip=PCMU", "opus te48"),
        ("foo16 te16 U te", "mask=foo", "U te"),
        ("foo U A te", "mask=foo", "U A te"),
        ("foo U A te", "consume=PCMU", "A te"),
        ("foo U te", "accept=all", "foo U te"),
        ("foo te", "consume=all", "foo te"),
        ("opus red A te48", "strip=opus", "A"),
        ("opus red A te48", "strip=PCMA", "opus red te48"),
    ];
    for (received, words, expected) in cases {
        is_advertised(&plan(received, words).lines, expected, &format!("{received} {words}"));
    }
}

#[test]
fn offers_get_what_the_options_add() {
    const OPUS: &str = "96:opus/48000/2";
    const TE48: &str = "97:telephone-event/48000{0-15}";
    let opus = |before: &str, after: &str| format!("{before} {OPUS} {TE48} {after}");
    let cases = [
        ("U te", "add=PCMA", "U A te".to_owned()),
        ("U A te", "add=PCMA", "U A te".to_owned()),
        ("U A te", "add=opus", opus("U A", "te")),
        ("U A te", "add=OPUS/16000/1", opus("U A", "te")),
        ("U A", "add=opus", format!("U A {OPUS}")),
        ("U A te", "add=PCMA add=opus", opus("U A", "te")),
        ("U A te", "add=G729", "U A 29{annexb=no} te".to_owned()),
        ("U A te", "add=G729/8000/1//30/annexb=yes", "U A 29{annexb=yes} te".to_owned()),
        ("U te", "add=opus/48000/2/32000//cbr--1", format!("U {OPUS}{{cbr=1}} {TE48} te")),
        ("U te", "add=opus add=G722 add=PCMA", format!("U {OPUS} 22 A {TE48} te")),
        ("U te cn", "add=G722", "U 22 te cn".to_owned()),
        ("U te cn", "add=opus", format!("U {OPUS} {TE48} te cn")),
        ("U te cn", "add=L16/16000", {
            "U 96:L16/16000 97:CN/16000 98:telephone-event/16000{0-15} te cn".to_owned()
        }),
        ("U te", "add=CN", "U cn te".to_owned()),
        ("U te", "add=CN add=PCMA", "U A cn te".to_owned()),
        ("opus te48 U te", "mask=opus add=G722", "22 U te".to_owned()),
        ("te U", "add=PCMA", "te U A".to_owned()),
        ("U A te", "mask=PCMU add=opus", opus("A", "te")),
        ("U A te", "mask=all add=opus", OPUS.to_owned()),
        ("U A te", "mask=all except=telephone-event add=opus", format!("{OPUS} {TE48}")),
        ("U A te", "mask=all add=opus add=telephone-event", format!("{OPUS} {TE48}")),
        ("U A te", "mask=telephone-event add=opus", format!("U A {OPUS}")),
        ("U A te", "mask=all add=PCMA", "A".to_owned()),
        ("U A te", "strip=full add=PCMA", "A".to_owned()),
        ("U A te", "mask=all add=PCMA add=PCMU", "A U".to_owned()),
        ("U A te", "mask=PCMA add=PCMA", "U A te".to_owned()),
        ("U A te", "mask=PCMU add=PCMU", "A U te".to_owned()),
        ("U te", "strip=PCMU add=PCMA", "A te".to_owned()),
        ("U A te", "strip=all add=opus", OPUS.to_owned()),
        ("U A te", "mask=all except=PCMA add=opus", format!("A {OPUS}")),
        ("U A", "add=telephone-event", "U A 96:telephone-event/8000{0-15}".to_owned()),
        ("opus te48", "add=PCMA", "opus A 96:telephone-event/8000{0-15} te48".to_owned()),
        ("opus te48", "mask=opus add=G722", "22 96:telephone-event/8000{0-15}".to_owned()),
        ("foo U te", "add=PCMA", "U A te".to_owned()),
        ("foo U te", "mask=foo add=opus", opus("U", "te")),
        ("opus red te48", "add=PCMA", "opus A 96:telephone-event/8000{0-15} te48".to_owned()),
        ("foo U A te", "strip=PCMU add=opus", opus("A", "te")),
    ];
    for (received, words, expected) in cases {
        let plan = plan(received, words);
        is_advertised(&plan.lines, &expected, &format!("{received} {words}"));
        assert!(plan.not_added.is_empty(), "{received} {words}");
    }
}

#[test]
fn what_cannot_be_added_is_named_and_changes_nothing() {
    for (received, words) in [
        ("foo te", "add=PCMA"),
        ("U te", "add=AMR"),
        ("U te", "add=PCMU/16000"),
        ("U te", "add=all"),
        ("U te", "add=/8000"),
        ("U te", "add=opus--x"),
        ("foo", "add=telephone-event"),
        ("U te", "add=L16/11025"),
    ] {
        let plan = plan(received, words);
        is_advertised(&plan.lines, received, &format!("{received} {words}"));
        assert_eq!(plan.not_added, [words.trim_start_matches("add=")], "{received} {words}");
    }
}

#[test]
fn answers_come_back_in_the_offerers_codecs_and_numbers() {
    let cases = [
        ("U A te", "", "A te", "A te"),
        ("U A te", "", "A U te", "A U te"),
        ("opus U", "", "opus", "opus"),
        ("U te", "", "U 96:telephone-event/8000", "U te"),
        ("U A", "", "U te", "U"),
        ("U opus te", "", "96:opus/48000/2 te", "opus te"),
        // Converted.
        ("U te", "add=PCMA", "A te", "U te"),
        ("U te", "mask=PCMU add=PCMA", "A te", "U te"),
        ("U te", "strip=PCMU add=PCMA", "A te", "U te"),
        ("U A te", "add=opus", "96:opus/48000/2 97:telephone-event/48000", "U te"),
        ("U A te", "add=opus", "96:opus/48000/2 te", "U te"),
        ("U A te", "add=opus", "112:opus/48000/2 te", "U te"),
        ("U A te", "add=opus", "A te", "A te"),
        ("U te", "add=opus add=G722", "22 96:opus/48000/2 te", "U te"),
        ("29{annexb=no} te", "add=PCMU", "U te", "29{annexb=no} te"),
        ("29{annexb=no} U te", "mask=all add=G722", "22", "29{annexb=no}"),
        ("U A te", "strip=PCMU add=opus", "96:opus/48000/2 te", "A te"),
        ("U A te", "mask=PCMU add=opus", "96:opus/48000/2 te", "U te"),
        ("U te cn", "add=G722", "22 te cn", "U te cn"),
        ("U te cn", "add=opus", "96:opus/48000/2 te", "U te"),
        ("foo U te", "mask=foo add=opus", "96:opus/48000/2 te", "U te"),
        // Events that are converted from and to tones.
        ("U", "add=telephone-event", "U 96:telephone-event/8000", "U"),
        ("U", "add=telephone-event", "U", "U"),
        // Some of both.
        ("U A te", "add=opus", "96:opus/48000/2 A te", "U A te"),
        ("U A te", "add=opus", "A 96:opus/48000/2 te", "A U te"),
        // Events at the clock of the offerer's codec, and else at any that it has.
        ("opus te48 te", "add=PCMA", "A te", "opus te48"),
        ("opus te", "add=PCMA", "A te", "opus te"),
        ("opus te48", "add=PCMA", "A 96:telephone-event/8000", "opus te48"),
        // Accepted whatever the other side takes.
        ("U A te", "accept=PCMA", "U te", "A te"),
        ("U A te", "accept=PCMA", "U A te", "A te"),
        ("U A te", "accept=all", "A te", "U te"),
        ("U A 22 te", "accept=PCMA", "22 U te", "A te"),
        ("U A opus te", "accept=opus accept=PCMA", "U te", "A te"),
        ("U A te", "consume=all add=opus", "96:opus/48000/2 te", "U te"),
        ("U A te", "consume=PCMU", "A te", "U te"),
        ("U te", "consume=PCMU add=PCMA", "A", "U"),
        ("foo U te", "accept=all", "foo te", "foo te"),
        // What is converted is converted to what the offerer likes best, not to what the other side was offered first.
        ("U A te", "offer=PCMA add=opus", "96:opus/48000/2", "U"),
        ("U A te", "mask=PCMU add=opus", "96:opus/48000/2", "U"),
        ("U A te", "mask=all add=opus", "96:opus/48000/2", "U"),
        // Offered on, and yet converted for who offered it.
        ("U A te", "ignore=PCMU", "U te", "A te"),
        ("U A te", "ignore=PCMU", "A te", "A te"),
        ("U A te", "ignore=all", "A te", "A te"),
        // Never offered, but the offerer has it.
        ("U A te", "mask=PCMA", "A te", "A te"),
        // Never offered: converted where the call would be silent without.
        ("U te", "", "29 te", "U te"),
        ("U A te", "", "29 A te", "A te"),
        ("U te", "", "foo te", "te"),
        ("foo te", "", "U te", "te"),
        ("U te", "accept=all", "29 te", "U te"),
    ];
    for (received, words, answered, expected) in cases {
        let back = back(received, words, answered);
        let own = back.into_iter().map(|line| CodecLine { advertised: line.payload_type, ..line });
        is_advertised(&own.collect::<Vec<_>>(), expected, &format!("{received} {words} -> {answered}"));
    }
}

#[test]
fn an_answer_takes_options_of_its_own() {
    let offered = plan("U A 29 te", "").lines;
    let answer = |words, single, in_use: &str| {
        let rules = AnswerRules {
            offered: &offered,
            received: &list("U A 29 te"),
            of_offer: &CodecOptions::default(),
            options: &options(words),
            single,
            in_use: &list(in_use),
        };
        plan_answer(&list("U A te"), &rules)
    };
    is_advertised(&answer("", true, ""), "U te", "single codec");
    is_advertised(&answer("strip=PCMU", false, ""), "A te", "strip");
    is_advertised(&answer("strip=all", false, ""), "U A te", "strip all");
    is_advertised(&answer("offer=PCMA", false, ""), "A U te", "offer");
    is_advertised(&answer("mask=PCMU add=opus accept=PCMA", false, ""), "U A te", "those of an offer");
    is_advertised(&answer("", false, "A te"), "A U te", "reuse");
    is_advertised(&answer("", true, "A te"), "A te", "reuse, single codec");
}

#[test]
fn codecs_in_use_stay_in_front() {
    let numbers = Numbers::default();
    let plan = |received, in_use| plan_with(received, "", &numbers, &list(in_use)).lines;
    is_advertised(&plan("U A te", "A te"), "A U te", "the other order");
    is_advertised(&plan("22 A U te", "U te"), "U 22 A te", "a new one first");
    is_advertised(&plan("A te", "U te"), "A te", "gone");
}

#[test]
fn codecs_that_nobody_decodes_are_left_out_with_what_repeats_them() {
    const BOTH: &str = "96:H264/90000 97:rtx/90000{apt=96} 98:VP8/90000 99:rtx/90000{apt=98}";
    let cases = [
        ("strip=H264", "98:VP8/90000 99:rtx/90000{apt=98}"),
        ("mask=VP8", "96:H264/90000 97:rtx/90000{apt=96}"),
        ("strip=all offer=VP8", "98:VP8/90000"),
        ("offer=VP8", "98:VP8/90000 96:H264/90000 97:rtx/90000{apt=96} 99:rtx/90000{apt=98}"),
    ];
    for (words, expected) in cases {
        is_advertised(&stripped(&list(BOTH), &options(words)).unwrap(), expected, words);
    }
    for words in ["", "strip=all", "strip=PCMU", "except=H264"] {
        assert_eq!(stripped(&list(BOTH), &options(words)), None, "{words}");
    }
}

#[test]
fn what_an_answer_is_to_be_ignored_for_counts_as_not_answered() {
    is_advertised(&heeded(&list("U A te"), &options("ignore=PCMU")), "A te", "one of two");
    is_advertised(&heeded(&list("U te"), &options("ignore=PCMU")), "U te", "the only one");
}

// test-of: [RFC3264 8.3.2]
#[test]
fn numbers_mean_the_same_throughout() {
    let mut numbers = Numbers::default();
    let first = plan("U te", "add=opus").lines;
    numbers.learn(first.iter().map(|line| (line.advertised, &line.codec)));
    let plan = |received, words| plan_with(received, words, &numbers, &[]).lines;
    let te48 = "97:telephone-event/48000{0-15}";
    is_advertised(
        &plan("U te", "add=L16 add=opus"),
        &format!("U 98:L16/8000 96:opus/48000/2 {te48} te"),
        "same",
    );
    // 96 is another codec with the offerer now: the other side knows it as Opus.
    let renumbered = plan("U 96:L16/8000 te", "add=opus");
    is_advertised(&renumbered, &format!("U 98:L16/8000 96:opus/48000/2 {te48} te"), "in the way");
    assert_eq!(renumbered[1].payload_type, 96, "the offerer's own number");
    is_advertised(&plan("0:PCMA/8000 te", ""), "0:PCMA/8000 te", "fixed numbers are passed on");
}

#[test]
fn added_codecs_take_numbers_that_are_free() {
    is_advertised(
        &plan("0:PCMA/8000 te", "add=PCMU").lines,
        "0:PCMA/8000 96:PCMU/8000 te",
        "fixed one taken",
    );
    is_advertised(&plan("97:PCMU/8000", "add=PCMU").lines, "97:PCMU/8000", "there under another number");
    is_advertised(&plan("foo U 96:foo/16000", "add=opus").lines, "U 97:opus/48000/2", "dropped ones count");
    let all: String = (96..=127).map(|n| format!(" {n}:x{n}/8000")).collect();
    let plan = plan(&format!("U{all} te16"), "accept=all mask=foo add=opus");
    let opus = plan.lines.iter().find(|line| line.added).unwrap();
    assert_eq!(opus.advertised, 35, "the dynamic range is full");
}

#[test]
fn lists_are_read_with_their_names_and_parameters() {
    let text = "v=0\r\nm=audio 4000 RTP/AVP 0 18 96 18 77 200\r\na=rtpmap:96 opus/48000/2\r\n\
                a=fmtp:96 useinbandfec=1\r\na=fmtp:18 annexb=no\r\na=ptime:30\r\n";
    let sdp = Sdp::parse(text.as_bytes()).unwrap();
    let lines = read(&sdp.media[0]);
    let expected = "0:PCMU/8000 18:G729/8000{annexb=no} 96:opus/48000/2{useinbandfec=1} 77:unknown-77/8000";
    is_advertised(&lines, expected, text);
}

// test-of: [RFC4867 8.3.1]
#[test]
fn of_several_lines_of_amr_the_one_that_the_answerer_reads_is_answered() {
    let offered = "96:AMR/8000 97:AMR/8000{octet-align=1} 98:AMR/8000{octet-align=1;mode-set=0,2} U";
    for (answered, number) in [
        ("97:AMR/8000{octet-align=1}", 97),
        // Numbers of its own.
        ("102:AMR/8000", 96),
        ("102:AMR/8000{octet-align=1}", 97),
        ("102:AMR/8000{octet-align=1;mode-set=0,2,4}", 98),
    ] {
        let lines = back(offered, "", answered);
        assert_eq!(lines.first().map(|line| line.payload_type), Some(number), "{answered}");
    }
}
