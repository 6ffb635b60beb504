//! Kinds of work, and the points that each takes.

use std::ops::{AddAssign, SubAssign};

use crate::api::points::Points;

/// What points are spent on. Coding counts as what it is done for: as conversion where two legs have no codec in common, else
/// as the conference, prompt, detection, analysis or recording that needs the audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum WorkKind {
    /// Calls and their further legs, forwarded.
    Relay,
    /// Legs with SRTP.
    Srtp,
    /// Conversion from and to G.711 and L16.
    G711,
    /// Conversion from and to G.722.
    G722,
    /// Conversion from and to G.729.
    G729,
    /// Conversion from and to GSM full rate.
    Gsm,
    /// Conversion from and to AMR.
    Amr,
    /// Conversion from and to AMR-WB.
    AmrWb,
    /// Conversion from and to Opus.
    Opus,
    /// Detection of digits in the audio.
    Dtmf,
    /// Analysis of what parties say.
    Analysis,
    /// Players and streams from outside.
    Prompts,
    /// Recordings.
    Recording,
    /// Mixes and conference rooms.
    Conference,
    /// Audio taps that are no recordings.
    Taps,
}

/// Number of kinds.
const KINDS: usize = WorkKind::ALL.len();

impl WorkKind {
    /// All kinds, in the order in which they are listed.
    pub const ALL: [Self; 15] = [
        Self::Relay,
        Self::Srtp,
        Self::G711,
        Self::G722,
        Self::G729,
        Self::Gsm,
        Self::Amr,
        Self::AmrWb,
        Self::Opus,
        Self::Dtmf,
        Self::Analysis,
        Self::Prompts,
        Self::Recording,
        Self::Conference,
        Self::Taps,
    ];

    /// Its name in statistics and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Srtp => "srtp",
            Self::G711 => "g711",
            Self::G722 => "g722",
            Self::G729 => "g729",
            Self::Gsm => "gsm",
            Self::Amr => "amr",
            Self::AmrWb => "amr-wb",
            Self::Opus => "opus",
            Self::Dtmf => "dtmf",
            Self::Analysis => "analysis",
            Self::Prompts => "prompts",
            Self::Recording => "recording",
            Self::Conference => "conference",
            Self::Taps => "taps",
        }
    }

    /// Its place in [`WorkKind::ALL`].
    const fn place(self) -> usize {
        self as usize
    }
}

impl std::fmt::Display for WorkKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// Points by kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PointsByKind([Points; KINDS]);

impl PointsByKind {
    /// Nothing of any kind.
    pub const ZERO: Self = Self([Points::ZERO; KINDS]);

    /// The points of a kind.
    #[must_use]
    pub fn get(&self, kind: WorkKind) -> Points {
        self.0.get(kind.place()).copied().unwrap_or_default()
    }

    /// The points of all kinds.
    #[must_use]
    pub fn total(&self) -> Points {
        self.0.iter().copied().sum()
    }

    /// Every kind with its points, those that there are none of, too.
    pub fn iter(&self) -> impl Iterator<Item = (WorkKind, Points)> + '_ {
        WorkKind::ALL.into_iter().zip(self.0)
    }

    pub(crate) fn add(&mut self, kind: WorkKind, points: Points) {
        if let Some(known) = self.0.get_mut(kind.place()) {
            *known += points;
        }
    }
}

impl AddAssign for PointsByKind {
    fn add_assign(&mut self, rhs: Self) {
        self.0.iter_mut().zip(rhs.0).for_each(|(points, more)| *points += more);
    }
}

impl SubAssign for PointsByKind {
    fn sub_assign(&mut self, rhs: Self) {
        self.0.iter_mut().zip(rhs.0).for_each(|(points, less)| *points -= less);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_place_and_a_name_of_its_own() {
        for (at, kind) in WorkKind::ALL.into_iter().enumerate() {
            assert_eq!(kind.place(), at);
            assert!(WorkKind::ALL.iter().filter(|other| other.name() == kind.name()).count() == 1);
        }
    }

    #[test]
    fn what_is_added_to_a_kind_is_its_own_and_part_of_the_total() {
        let mut points = PointsByKind::ZERO;
        points.add(WorkKind::Relay, Points::ONE);
        points.add(WorkKind::Taps, Points::thousandths(50));
        let mut twice = points;
        twice += points;
        assert_eq!(
            (twice.get(WorkKind::Relay), twice.total()),
            (Points::whole(2), Points::thousandths(2100))
        );
        twice -= points;
        assert_eq!(twice, points);
    }
}
