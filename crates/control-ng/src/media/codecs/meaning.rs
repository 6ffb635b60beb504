//! What a payload type means, by its number and its `a=rtpmap` line.
//!
//! Endpoints spell one coding in many ways, and two spellings must not make two codecs: what both sides have would be
//! transcoded, or not be found at all.

use mediapoint_engine::{Codec, Encoding, PayloadType};
use mediapoint_packet::sdp::RtpMap;

/// Other spellings of encoding names, in capitals and without anything but letters and digits.
///
/// Annexes A and B of G.729 are the same bit stream to a receiver [RFC3551 4.5.6]; its annexes D and E are codings of their
/// own, and so is G.729.1.
const SPELLINGS: [(&str, &[&str]); 7] = [
    ("PCMU", &["G711U", "G711MU", "G711ULAW", "G711MULAW", "ULAW", "MULAW"]),
    ("PCMA", &["G711A", "G711ALAW", "ALAW"]),
    ("G722", &["G72264", "G72264K"]),
    ("G723", &["G7231", "G723A", "G7231A"]),
    ("G728", &[]),
    (
        "G729",
        &["G729A", "G729B", "G729AB", "G729BA", "G729ANNEXA", "G729ANNEXB", "G729ANNEXAB", "G729WANNEXB"],
    ),
    ("GSM", &["GSMFR", "GSM610", "GSM0610"]),
];

/// The codec of a payload type by its line; `None` where the line is missing and the number is no fixed one.
pub(super) fn codec(payload_type: u8, map: Option<&RtpMap<'_>>) -> Option<Codec> {
    let fixed = fixed(payload_type);
    let Some(map) = map else { return fixed };
    let codec = named(map);
    Some(match fixed {
        Some(fixed) if is_variant(&codec, map, &fixed) => fixed,
        _ => codec,
    })
}

/// What a number means without a line [RFC3551 6].
pub(super) fn fixed(payload_type: u8) -> Option<Codec> {
    PayloadType::new(payload_type).and_then(Codec::from_static)
}

/// True where a number does not say by itself what it means.
pub(super) fn needs_line(payload_type: u8, codec: &Codec) -> bool {
    fixed(payload_type).as_ref() != Some(codec)
}

/// The codec that a line names, whatever its number.
fn named(map: &RtpMap<'_>) -> Codec {
    let channels = u8::try_from(map.channels()).unwrap_or(u8::MAX);
    let codec = Codec::new(usual_spelling(map.encoding), map.clock_rate, channels);
    match (&codec.encoding, codec.clock_rate, codec.channels) {
        // Two channels are all that is ever said, and mean nothing [RFC7587 7].
        (Encoding::Opus, 48_000, _) => Codec::OPUS,
        // The audio has 16 kHz, and by an old error the RTP clock has 8 [RFC3551 4.5.2].
        (Encoding::G722, 16_000, 1) => Codec::G722,
        _ => codec,
    }
}

/// True where a line for a fixed number names what the number means, in other words. A number that is used for another
/// codec, or for the same one at another clock, is what its line says.
fn is_variant(codec: &Codec, map: &RtpMap<'_>, fixed: &Codec) -> bool {
    // Its clock is that of no audio, and its channels are told by the stream itself [RFC3551 4.5.13].
    if codec.name() == "mpa" && fixed.name() == "mpa" {
        return true;
    }
    let states_channels = map.parameters.is_some_and(|text| text.bytes().any(|b| b.is_ascii_digit()));
    codec.encoding == fixed.encoding
        && codec.clock_rate == fixed.clock_rate
        && (codec.channels == fixed.channels || !states_channels)
}

fn usual_spelling(name: &str) -> &str {
    let letters = || name.bytes().filter(u8::is_ascii_alphanumeric).map(|b| b.to_ascii_uppercase());
    let is = |other: &str| letters().eq(other.bytes());
    let usual = SPELLINGS.iter().find(|(usual, others)| is(usual) || others.iter().any(|other| is(other)));
    usual.map_or(name, |(usual, _)| *usual)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Codec {
        let map = RtpMap::parse(value).unwrap();
        codec(map.payload_type, Some(&map)).unwrap()
    }

    // test-of: [RFC3551 4.5.6], [RFC3551 4.5.13]
    #[test]
    fn a_fixed_number_means_its_codec_under_any_spelling() {
        let variants: [(u8, &[&str]); 18] = [
            (0, &["PCMU/8000", "pcmu/8000", "PCMU/8000/1", "PCMU/8000/", "G711u/8000", "G.711-ulaw/8000"]),
            (3, &["GSM/8000", "gsm/8000/1", "GSM-FR/8000", "GSM0610/8000"]),
            (4, &["G723/8000", "G.723.1/8000", "g723-1/8000/1", "G7231/8000"]),
            (5, &["DVI4/8000", "dvi4/8000/1"]),
            (6, &["DVI4/16000", "dvi4/16000"]),
            (7, &["LPC/8000", "lpc/8000/1"]),
            (8, &["PCMA/8000", "PcmA/8000/1", "G711A/8000", "ALAW/8000"]),
            (9, &["G722/8000", "G722/16000", "g722/8000/1", "G.722/16000/1"]),
            (10, &["L16/44100/2", "l16/44100", "L16/44100/"]),
            (11, &["L16/44100", "L16/44100/1", "l16/44100/1"]),
            (12, &["QCELP/8000", "qcelp/8000/1"]),
            (13, &["CN/8000", "cn/8000/1"]),
            (14, &["MPA/90000", "mpa/44100", "MPA/90000/2"]),
            (15, &["G728/8000", "G.728/8000", "g728/8000/1"]),
            (16, &["DVI4/11025"]),
            (17, &["DVI4/22050/1"]),
            (18, &["G729/8000", "G729a/8000", "G729A/8000", "G729AB/8000", "G729B/8000", "G729/8000/1"]),
            (18, &["G.729/8000", "g729-annexb/8000", "G.729A/8000/1", "G729 /8000"]),
        ];
        for (number, texts) in variants {
            for text in texts {
                assert_eq!(Some(read(&format!("{number} {text}"))), fixed(number), "{number} {text}");
            }
        }
    }

    #[test]
    fn a_number_used_for_another_codec_is_what_its_line_says() {
        let others = [
            ("10 telephone-event/8000", "telephone-event", 8000, 1),
            ("0 G729/8000", "g729", 8000, 1),
            ("8 PCMU/8000", "pcmu", 8000, 1),
            ("0 PCMU/16000", "pcmu", 16_000, 1),
            ("0 PCMU/8000/2", "pcmu", 8000, 2),
            ("10 L16/16000", "l16", 16_000, 1),
            ("10 L16/44100/1", "l16", 44_100, 1),
            ("5 DVI4/16000", "dvi4", 16_000, 1),
            ("18 G729D/8000", "g729d", 8000, 1),
            ("18 G729E/8000", "g729e", 8000, 1),
            ("18 G7291/16000", "g7291", 16_000, 1),
            ("3 GSM-EFR/8000", "gsm-efr", 8000, 1),
            ("2 G726-32/8000", "g726-32", 8000, 1),
        ];
        for (text, name, clock_rate, channels) in others {
            let codec = read(text);
            assert_eq!(
                (codec.name(), codec.clock_rate, codec.channels),
                (name, clock_rate, channels),
                "{text}"
            );
        }
    }

    // test-of: [RFC7587 7]
    #[test]
    fn spellings_are_one_codec_under_dynamic_numbers_too() {
        for texts in [
            &["96 opus/48000", "97 opus/48000/2", "98 OPUS/48000/1", "99 Opus/48000/2"][..],
            &["96 G722/16000", "97 G722/8000", "98 g.722/8000/1", "9 G722/8000"],
            &["96 G729A/8000", "97 g729/8000/1", "18 G729AB/8000"],
            &["96 telephone-event/8000", "97 TELEPHONE-EVENT/8000/1"],
            &["96 AMR/8000", "97 amr/8000/1"],
        ] {
            assert!(texts.iter().all(|text| read(text) == read(texts[0])), "{texts:?}");
        }
        assert_ne!(read("96 opus/48000"), read("97 opus/16000"));
    }

    #[test]
    fn a_number_without_a_line_means_what_is_fixed_for_it() {
        assert_eq!(codec(18, None), Some(Codec::G729));
        assert_eq!((codec(96, None), codec(72, None), codec(255, None)), (None, None, None));
        assert!(needs_line(97, &Codec::PCMU) && needs_line(10, &Codec::TELEPHONE_EVENT));
        assert!(!needs_line(0, &Codec::PCMU));
    }
}
