//! The parameters of AMR and AMR-WB, and whether what one party sends may be sent on to another [RFC4867 8].

use super::pairs;
use crate::amr::{AmrLayout, Band};

/// What a party's `a=fmtp` line says of AMR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AmrParameters {
    /// How frames stand in a payload.
    pub layout: AmrLayout,
    /// Frame blocks of a group at most, where they are interleaved.
    pub interleaving: Option<u8>,
    /// The modes that may be sent, a bit each; `None` for all.
    pub mode_set: Option<u16>,
    /// Frame blocks between changes of the mode, 1 or 2.
    pub mode_change_period: u8,
    /// 2 where the party can keep to a period of 2 itself, otherwise 1.
    pub mode_change_capability: u8,
    /// The mode changes to the next higher or lower one of the set only.
    pub mode_change_neighbor: bool,
}

impl Default for AmrParameters {
    /// What a line that says nothing means.
    fn default() -> Self {
        Self {
            layout: AmrLayout::default(),
            interleaving: None,
            mode_set: None,
            mode_change_period: 1,
            mode_change_capability: 1,
            mode_change_neighbor: false,
        }
    }
}

/// What becomes of packets of one payload type under another one of the same codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fit {
    /// They mean the same: they may be sent on.
    Same,
    /// They can be read, and may be of modes, or change them as, the party did not agree to.
    Modes,
    /// They cannot be read.
    Layout,
}

impl AmrParameters {
    pub(super) fn parse(band: Band, fmtp: &str) -> Self {
        let mut parameters = Self::default();
        for (key, value) in pairs(fmtp) {
            let one_or_two = || value.parse().ok().filter(|value| (1..=2).contains(value));
            match key.to_ascii_lowercase().as_str() {
                "octet-align" => parameters.layout.octet_align |= value == "1",
                "crc" => parameters.layout.crc = value == "1",
                "robust-sorting" => parameters.layout.robust_sorting = value == "1",
                "interleaving" => parameters.interleaving = value.parse().ok().filter(|blocks| *blocks > 0),
                "mode-set" => parameters.mode_set = mode_set(band, value),
                "mode-change-period" => parameters.mode_change_period = one_or_two().unwrap_or(1),
                "mode-change-capability" => parameters.mode_change_capability = one_or_two().unwrap_or(1),
                "mode-change-neighbor" => parameters.mode_change_neighbor = value == "1",
                _ => {}
            }
        }
        let layout = &mut parameters.layout;
        layout.interleaving = parameters.interleaving.is_some();
        // Each of these needs it, and says so without a word [RFC4867 8.1].
        layout.octet_align |= layout.crc || layout.robust_sorting || layout.interleaving;
        parameters
    }

    pub(super) fn to_fmtp(self) -> Option<String> {
        let Self { layout, .. } = self;
        let flag = |key: &str, on: bool| on.then(|| format!("{key}=1"));
        let modes = self.mode_set.map(|set| {
            let modes: Vec<String> =
                (0..16).filter(|mode| set >> mode & 1 == 1).map(|mode| mode.to_string()).collect();
            format!("mode-set={}", modes.join(","))
        });
        let two = |key: &str, value: u8| (value == 2).then(|| format!("{key}=2"));
        let pairs: Vec<String> = [
            flag("octet-align", layout.octet_align),
            modes,
            two("mode-change-period", self.mode_change_period),
            two("mode-change-capability", self.mode_change_capability),
            flag("mode-change-neighbor", self.mode_change_neighbor),
            flag("crc", layout.crc),
            flag("robust-sorting", layout.robust_sorting),
            self.interleaving.map(|blocks| format!("interleaving={blocks}")),
        ]
        .into_iter()
        .flatten()
        .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// What becomes of packets that a party with these parameters sends, with one whose parameters are `to`.
    ///
    /// Each layout has to be the very same, but for the length of interleaved groups, which may be less. Of modes, those
    /// that may come have to be among those that may be sent on; and so have the ways in which they change, unless there
    /// is but one. `mode-change-capability` says what a sender could do, and binds nobody.
    #[must_use]
    pub fn fit(&self, to: &Self) -> Fit {
        let groups = self.interleaving.unwrap_or(0) <= to.interleaving.unwrap_or(0);
        if self.layout != to.layout || !groups {
            return Fit::Layout;
        }
        let (sent, taken) = (self.mode_set.unwrap_or(u16::MAX), to.mode_set.unwrap_or(u16::MAX));
        let changes = sent.count_ones() > 1;
        let period = self.mode_change_period >= to.mode_change_period;
        let neighbor = self.mode_change_neighbor || !to.mode_change_neighbor;
        if sent & !taken == 0 && (!changes || period && neighbor) { Fit::Same } else { Fit::Modes }
    }

    /// The highest mode that may be sent.
    #[must_use]
    pub fn highest_mode(&self, band: Band) -> u8 {
        let all = band.highest_mode();
        self.mode_set.and_then(|set| (0..=all).rev().find(|mode| set >> mode & 1 == 1)).unwrap_or(all)
    }
}

/// The modes of a list; a number that is none is left out, and a list of none counts as not given.
fn mode_set(band: Band, list: &str) -> Option<u16> {
    let modes = list.split(',').filter_map(|mode| mode.trim().parse::<u8>().ok());
    let set = modes.filter(|mode| *mode <= band.highest_mode()).fold(0, |set, mode| set | 1 << mode);
    // All of them are no restriction.
    let all = (1 << (band.highest_mode() + 1)) - 1;
    (set != 0 && set != all).then_some(set)
}
