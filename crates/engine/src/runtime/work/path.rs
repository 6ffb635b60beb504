//! The path of media by the work of the legs.

use super::{Coding, LegWork};
use crate::api::id::LegId;
use crate::api::kind::WorkKind;
use crate::api::path::{LegPath, Manner};
use crate::api::source::Source;

impl Coding {
    const fn name(self) -> &'static str {
        match self {
            Self::G711 => "G.711",
            Self::G722 => "G.722",
            Self::G729 => "G.729",
            Self::Gsm => "GSM",
            Self::Amr | Self::AmrAligned => "AMR",
            Self::AmrWb | Self::AmrWbAligned => "AMR-WB",
            Self::Opus => "Opus",
            Self::L16(_) => "L16",
        }
    }
}

/// The path to each of a call's legs.
pub(crate) fn paths(legs: &[(LegId, LegWork)]) -> Vec<LegPath> {
    legs.iter().map(|(leg, work)| path(*leg, work, legs)).collect()
}

fn path(leg: LegId, work: &LegWork, legs: &[(LegId, LegWork)]) -> LegPath {
    let from = match work.source {
        Source::Leg(from) => legs.iter().find(|(known, _)| *known == from).map(|(_, work)| work),
        _ => None,
    };
    let recordings = work.listeners().filter(|known| known.kind == WorkKind::Recording).count();
    LegPath {
        leg,
        source: work.source,
        manner: manner(work, from),
        from_codec: from.and_then(|from| from.first).map(Coding::name),
        codec: work.first.map(Coding::name),
        from_srtp: from.map(|from| from.srtp),
        srtp: work.srtp,
        recordings,
        taps: work.listeners().count() - recordings,
        analyses: usize::from(work.analyses),
        dtmf: work.digits_of.is_some(),
    }
}

fn manner(work: &LegWork, from: Option<&LegWork>) -> Manner {
    match (work.made_for(), from) {
        (Some(WorkKind::Conference), _) => Manner::Mixed,
        (Some(_), _) => Manner::Played,
        // Silence, or a leg that has gone.
        (None, None) => Manner::Silent,
        (None, Some(from)) if !work.codes(from) => Manner::Forwarded,
        (None, Some(from)) if work.repacketises && from.first == work.first => Manner::Repacketised,
        (None, Some(_)) => Manner::Transcoded,
    }
}
