//! The kinds of work that are measured, and what admission asks for each: one table.

use std::sync::Arc;

use mediapoint_caller::Codec;
use mediapoint_caller::load::{Extra, Kind};
use mediapoint_caller::sdes::Suite;

/// Name of the kind that all others are measured by: a call of this kind is one point.
pub(super) const REFERENCE: &str = "relay";

/// The file that is played as prompt and hold music, in the server's folder of prompts.
pub(super) const MUSIC: &str = "calibration.wav";

/// A price of the file, by what it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Price {
    Call,
    PcmCoded,
    SrtpLeg,
    G722Coded,
    G729Coded,
    GsmCoded,
    OpusCoded,
    AmrCoded,
    AmrWbCoded,
    Digits,
    Analysis,
    Recording,
    ExtraLeg,
}

impl Price {
    /// In the order in which they are fitted: each is found from those before it.
    pub(super) const ALL: [Self; 13] = [
        Self::Call,
        Self::PcmCoded,
        Self::SrtpLeg,
        Self::G722Coded,
        Self::G729Coded,
        Self::GsmCoded,
        Self::OpusCoded,
        Self::AmrCoded,
        Self::AmrWbCoded,
        Self::Digits,
        Self::Analysis,
        Self::Recording,
        Self::ExtraLeg,
    ];

    /// Its key in the file.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::PcmCoded => "pcm-coded",
            Self::SrtpLeg => "srtp-leg",
            Self::G722Coded => "g722-coded",
            Self::G729Coded => "g729-coded",
            Self::GsmCoded => "gsm-coded",
            Self::OpusCoded => "opus-coded",
            Self::AmrCoded => "amr-coded",
            Self::AmrWbCoded => "amr-wb-coded",
            Self::Digits => "digits",
            Self::Analysis => "analysis",
            Self::Recording => "recording",
            Self::ExtraLeg => "extra-leg",
        }
    }
}

/// The load of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Load {
    /// Calls of two parties.
    Calls {
        /// Codecs and keys.
        kind: Kind,
        /// What is done beside.
        extra: Extra,
        /// Recordings of each call.
        recordings: u32,
    },
    /// Conference rooms, of which members are counted.
    Rooms {
        /// Members of each room.
        members: usize,
        /// How many of them speak.
        speakers: usize,
    },
}

/// A kind of work.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Work {
    /// Its name on the command line and in files.
    pub(super) name: &'static str,
    /// What it is.
    pub(super) what: &'static str,
    pub(super) load: Load,
    /// What admission asks for one of it: so many times each price.
    pub(super) bill: &'static [(Price, u32)],
    /// The price that is found from it, beside those of the rest of its bill; a kind without one is measured to be shown.
    pub(super) fits: Option<Price>,
    /// The price is that of a worker's own work: other threads have cores of their own.
    pub(super) worker_only: bool,
    /// About how many relayed calls one of it costs, by which the load is chosen.
    pub(super) about: f64,
}

impl Work {
    /// What one of it is called in a table.
    pub(super) const fn unit(&self) -> &'static str {
        match self.load {
            Load::Calls { .. } => "calls",
            Load::Rooms { .. } => "members",
        }
    }

    /// True for the kind that all others are measured by.
    pub(super) fn is_reference(&self) -> bool {
        self.name == REFERENCE
    }
}

const CALL: (Price, u32) = (Price::Call, 1);
const PLAIN: &[(Price, u32)] = &[CALL];
const SRTP: &[(Price, u32)] = &[CALL, (Price::SrtpLeg, 1)];
const BOTH_CODED: &[(Price, u32)] = &[CALL, (Price::PcmCoded, 2)];
const ONE_CODED: &[(Price, u32)] = &[CALL, (Price::PcmCoded, 1)];
const G722: &[(Price, u32)] = &[CALL, (Price::PcmCoded, 1), (Price::G722Coded, 1)];
const G729: &[(Price, u32)] = &[CALL, (Price::PcmCoded, 1), (Price::G729Coded, 1)];
const GSM: &[(Price, u32)] = &[CALL, (Price::PcmCoded, 1), (Price::GsmCoded, 1)];
const G722_GSM: &[(Price, u32)] = &[CALL, (Price::G722Coded, 1), (Price::GsmCoded, 1)];
const G729_GSM: &[(Price, u32)] = &[CALL, (Price::G729Coded, 1), (Price::GsmCoded, 1)];
const GSM_OPUS: &[(Price, u32)] = &[CALL, (Price::GsmCoded, 1), (Price::OpusCoded, 1)];
const AMR: &[(Price, u32)] = &[CALL, (Price::PcmCoded, 1), (Price::AmrCoded, 1)];
const AMR_WB: &[(Price, u32)] = &[CALL, (Price::PcmCoded, 1), (Price::AmrWbCoded, 1)];
const AMR_AMR_WB: &[(Price, u32)] = &[CALL, (Price::AmrCoded, 1), (Price::AmrWbCoded, 1)];
const AMR_OPUS: &[(Price, u32)] = &[CALL, (Price::OpusCoded, 1), (Price::AmrCoded, 1)];
const AMR_WB_OPUS: &[(Price, u32)] = &[CALL, (Price::OpusCoded, 1), (Price::AmrWbCoded, 1)];
const OPUS: &[(Price, u32)] = &[CALL, (Price::PcmCoded, 1), (Price::OpusCoded, 1)];
const G722_G729: &[(Price, u32)] = &[CALL, (Price::G722Coded, 1), (Price::G729Coded, 1)];
const G722_OPUS: &[(Price, u32)] = &[CALL, (Price::G722Coded, 1), (Price::OpusCoded, 1)];
const G729_OPUS: &[(Price, u32)] = &[CALL, (Price::G729Coded, 1), (Price::OpusCoded, 1)];
const DETECTED: &[(Price, u32)] = &[CALL, (Price::PcmCoded, 2), (Price::Digits, 2)];
const ANALYSED: &[(Price, u32)] = &[CALL, (Price::PcmCoded, 1), (Price::Analysis, 1)];
const RECORDED: &[(Price, u32)] = &[CALL, (Price::PcmCoded, 2), (Price::Recording, 1)];
const COPIED: &[(Price, u32)] = &[CALL, (Price::ExtraLeg, 1)];
// Both parties are decoded for the mix, which is encoded for the third.
const MIXED: &[(Price, u32)] = &[CALL, (Price::ExtraLeg, 1), (Price::PcmCoded, 3)];
const MEMBER: &[(Price, u32)] = &[(Price::ExtraLeg, 1), (Price::PcmCoded, 1)];

/// Every kind, the reference first.
pub(super) fn all() -> Vec<Work> {
    let mut all = vec![
        calls(REFERENCE, "G.711 call of two parties, relayed", Kind::RELAY, PLAIN, 1.0).fits(Price::Call),
        calls("g711", "PCMU to PCMA", Kind::to(Codec::Pcma), PLAIN, 1.0),
    ];
    all.extend(Suite::ALL.map(|suite| {
        let (name, what) = suite_names(suite);
        calls(name, what, Kind::RELAY.with_srtp(suite), SRTP, 1.3).fits(Price::SrtpLeg)
    }));
    all.extend([with("transcode", "G.711 decoded and encoded", Extra::Transcode, BOTH_CODED, 1.8)
        .fits(Price::PcmCoded)]);
    all.extend(pairs());
    all.extend([
        with("dtmf", "digits looked for in the audio of both", Extra::Digits, DETECTED, 1.8)
            .fits(Price::Digits),
        with("analysis", "who answered, of one party", Extra::Analysis, ANALYSED, 1.8).fits(Price::Analysis),
        with("prompt", "prompt to one party", Extra::Prompt(Arc::from(MUSIC)), ONE_CODED, 1.1)
            .fits(Price::PcmCoded),
        with("hold", "hold music to one party", Extra::HoldMusic, ONE_CODED, 1.0).fits(Price::PcmCoded),
        Work { worker_only: true, ..recorded() }.fits(Price::Recording),
        rooms("speaker", "conference member who speaks, room of 4", 4, 4),
        rooms("listener", "conference member with the role of listener", 20, 1),
        with("packet-tap", "copy of one party's packets to a third", Extra::PacketTap, COPIED, 1.3)
            .fits(Price::ExtraLeg),
        with("audio-tap", "mix of both parties to a third", Extra::AudioTap, MIXED, 2.5)
            .fits(Price::ExtraLeg),
    ]);
    all
}

/// Pairs of codecs that are built in.
fn pairs() -> Vec<Work> {
    let between = Kind::between;
    let mut pairs = vec![
        calls("g722", "PCMU to G.722", Kind::to(Codec::G722), G722, 4.0).fits(Price::G722Coded),
        calls("g729", "PCMU to G.729", Kind::to(Codec::G729), G729, 3.0).fits(Price::G729Coded),
        calls("gsm", "PCMU to GSM", Kind::to(Codec::Gsm), GSM, 3.0).fits(Price::GsmCoded),
        calls("opus", "PCMU to Opus", Kind::to(Codec::Opus), OPUS, 9.0).fits(Price::OpusCoded),
        calls("g722-g729", "G.722 to G.729", between(Codec::G722, Codec::G729), G722_G729, 5.0)
            .fits(Price::G729Coded),
        calls("g722-gsm", "G.722 to GSM", between(Codec::G722, Codec::Gsm), G722_GSM, 5.0)
            .fits(Price::GsmCoded),
        calls("g729-gsm", "G.729 to GSM", between(Codec::G729, Codec::Gsm), G729_GSM, 4.0)
            .fits(Price::GsmCoded),
        calls("g722-opus", "G.722 to Opus", between(Codec::G722, Codec::Opus), G722_OPUS, 12.0)
            .fits(Price::OpusCoded),
        calls("g729-opus", "G.729 to Opus", between(Codec::G729, Codec::Opus), G729_OPUS, 11.0)
            .fits(Price::OpusCoded),
        calls("gsm-opus", "GSM to Opus", between(Codec::Gsm, Codec::Opus), GSM_OPUS, 11.0)
            .fits(Price::OpusCoded),
    ];
    if cfg!(feature = "amr") {
        pairs.extend([
            calls("amr", "PCMU to AMR", Kind::to(Codec::Amr), AMR, 12.0).fits(Price::AmrCoded),
            calls("amr-wb", "PCMU to AMR-WB", Kind::to(Codec::AmrWb), AMR_WB, 32.0).fits(Price::AmrWbCoded),
            calls("amr-amr-wb", "AMR to AMR-WB", between(Codec::Amr, Codec::AmrWb), AMR_AMR_WB, 44.0)
                .fits(Price::AmrWbCoded),
            calls("amr-opus", "AMR to Opus", between(Codec::Amr, Codec::Opus), AMR_OPUS, 20.0)
                .fits(Price::AmrCoded),
            calls("amr-wb-opus", "AMR-WB to Opus", between(Codec::AmrWb, Codec::Opus), AMR_WB_OPUS, 40.0)
                .fits(Price::AmrWbCoded),
        ]);
    }
    pairs
}

fn calls(
    name: &'static str,
    what: &'static str,
    kind: Kind,
    bill: &'static [(Price, u32)],
    about: f64,
) -> Work {
    let load = Load::Calls { kind, extra: Extra::None, recordings: 0 };
    Work { name, what, load, bill, fits: None, worker_only: false, about }
}

fn with(
    name: &'static str,
    what: &'static str,
    extra: Extra,
    bill: &'static [(Price, u32)],
    about: f64,
) -> Work {
    let load = Load::Calls { kind: Kind::RELAY, extra, recordings: 0 };
    Work { load, ..calls(name, what, Kind::RELAY, bill, about) }
}

fn recorded() -> Work {
    let load = Load::Calls { kind: Kind::RELAY, extra: Extra::None, recordings: 1 };
    Work { load, ..calls("recording", "recorded, both parties (worker's part)", Kind::RELAY, RECORDED, 2.0) }
}

fn rooms(name: &'static str, what: &'static str, members: usize, speakers: usize) -> Work {
    let load = Load::Rooms { members, speakers };
    Work { load, ..calls(name, what, Kind::RELAY, MEMBER, 0.8) }.fits(Price::ExtraLeg)
}

impl Work {
    fn fits(self, price: Price) -> Self {
        Self { fits: Some(price), ..self }
    }
}

const fn suite_names(suite: Suite) -> (&'static str, &'static str) {
    match suite {
        Suite::AesCm128Sha80 => ("srtp-aes128-80", "SRTP at one party, AES_CM_128_HMAC_SHA1_80"),
        Suite::AesCm128Sha32 => ("srtp-aes128-32", "SRTP at one party, AES_CM_128_HMAC_SHA1_32"),
        Suite::AesCm256Sha80 => ("srtp-aes256-80", "SRTP at one party, AES_256_CM_HMAC_SHA1_80"),
        Suite::AesCm256Sha32 => ("srtp-aes256-32", "SRTP at one party, AES_256_CM_HMAC_SHA1_32"),
        Suite::Gcm128 => ("srtp-gcm128", "SRTP at one party, AEAD_AES_128_GCM"),
        Suite::Gcm256 => ("srtp-gcm256", "SRTP at one party, AEAD_AES_256_GCM"),
    }
}

/// The kinds of these names, in the order of the table and with the reference, without which none has a price.
///
/// # Errors
/// The name that is none.
pub(super) fn named(names: &[String]) -> Result<Vec<Work>, String> {
    let all = all();
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|work| work.name == name.as_str())) {
        return Err(unknown.clone());
    }
    let wanted = |work: &Work| work.is_reference() || names.iter().any(|name| name == work.name);
    Ok(all.into_iter().filter(wanted).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_each_name_once_and_the_reference_first() {
        let all = all();
        assert!(all.first().unwrap().is_reference());
        for work in &all {
            assert_eq!(all.iter().filter(|other| other.name == work.name).count(), 1, "{}", work.name);
            assert!(work.about > 0.0 && !work.bill.is_empty());
        }
    }

    #[test]
    fn what_a_kind_fits_is_in_its_bill_behind_prices_that_are_found_before_it() {
        for work in all() {
            let Some(fits) = work.fits else { continue };
            assert!(work.bill.iter().any(|(price, count)| *price == fits && *count > 0), "{}", work.name);
            assert!(work.bill.iter().all(|(price, _)| *price <= fits), "{}", work.name);
        }
        assert!(Price::ALL.is_sorted());
        let built =
            |price: &Price| cfg!(feature = "amr") || !matches!(price, Price::AmrCoded | Price::AmrWbCoded);
        let found = |price: &Price| all().iter().any(|work| work.fits == Some(*price));
        assert!(Price::ALL.iter().all(|price| found(price) == built(price)));
    }

    #[test]
    fn kinds_are_chosen_by_name_and_the_reference_is_always_there() {
        let names = |chosen: &[&str]| {
            let chosen: Vec<String> = chosen.iter().map(|name| (*name).to_owned()).collect();
            named(&chosen).map(|works| works.iter().map(|work| work.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&["opus", "g711"]), Ok(vec!["relay", "g711", "opus"]));
        assert_eq!(names(&["relay"]), Ok(vec!["relay"]));
        assert_eq!(names(&["speex"]), Err("speex".to_owned()));
    }
}
