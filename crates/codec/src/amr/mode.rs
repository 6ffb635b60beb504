//! Which mode an encoder uses: what the receiver asks for, as far as it agreed to that [RFC4867 4.3.1, 8.1].

use super::frame::Band;
use super::payload::NO_REQUEST;
use crate::parameters::AmrParameters;

/// The mode of each frame.
#[derive(Debug, Clone)]
pub struct ModeControl {
    band: Band,
    /// The modes that may be sent, a bit each; one at least.
    set: u16,
    /// Frames between two changes at least.
    period: u8,
    /// Changes go to the next mode of the set only.
    neighbor: bool,
    mode: u8,
    wanted: u8,
    /// Frames since the last change, up to the period.
    since: u8,
}

impl ModeControl {
    /// The highest mode that a party with these parameters takes, until it asks for another one.
    #[must_use]
    pub fn new(band: Band, parameters: &AmrParameters) -> Self {
        let mode = parameters.highest_mode(band);
        let period = parameters.mode_change_period;
        Self {
            band,
            set: parameters.mode_set.unwrap_or(u16::MAX) & ((1 << (band.highest_mode() + 1)) - 1) | 1 << mode,
            period,
            neighbor: parameters.mode_change_neighbor,
            mode,
            wanted: mode,
            since: period,
        }
    }

    /// Takes a codec mode request: what is sent from the next change on is of no higher mode, and of the highest one there
    /// is where the receiver has no preference. Other values than modes are ignored.
    pub fn request(&mut self, request: u8) {
        // [RFC4867 4.3.1] A request holds until the next one; 15 is one, too.
        let most = match request {
            NO_REQUEST => self.band.highest_mode(),
            mode if mode <= self.band.highest_mode() => mode,
            _ => return,
        };
        let lower = (0..=most).rev().find(|mode| self.has(*mode));
        self.wanted = lower.or_else(|| (most..16).find(|mode| self.has(*mode))).unwrap_or(self.mode);
    }

    /// The mode of the next frame.
    pub fn next_mode(&mut self) -> u8 {
        // [RFC4867 8.1] Changes are a period apart, and go to a neighbour where the party asks for it.
        if self.mode != self.wanted && self.since >= self.period {
            self.mode = self.step();
            self.since = 0;
        }
        self.since = self.since.saturating_add(1).min(self.period);
        self.mode
    }

    fn step(&self) -> u8 {
        if !self.neighbor {
            return self.wanted;
        }
        let next = match self.wanted < self.mode {
            true => (0..self.mode).rev().find(|mode| self.has(*mode)),
            false => (self.mode + 1..16).find(|mode| self.has(*mode)),
        };
        next.unwrap_or(self.wanted)
    }

    const fn has(&self, mode: u8) -> bool {
        self.set >> mode & 1 == 1
    }
}

/// The codec mode request of a payload: the mode that its sender asks to be sent, or [`NO_REQUEST`]. It stands in front of the
/// rest in either layout [RFC4867 4.3.1, 4.4.1].
#[must_use]
pub fn mode_request(payload: &[u8]) -> Option<u8> {
    payload.first().map(|octet| octet >> 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Codec;
    use crate::parameters::Parameters;

    fn control(name: &str, fmtp: &str) -> ModeControl {
        let band = if name == "AMR" { Band::Narrow } else { Band::Wide };
        let codec = Codec::new(name, if name == "AMR" { 8000 } else { 16_000 }, 1);
        ModeControl::new(band, &Parameters::parse(&codec, fmtp).amr)
    }

    fn modes(control: &mut ModeControl, frames: usize) -> Vec<u8> {
        (0..frames).map(|_| control.next_mode()).collect()
    }

    // test-of: [RFC4867 4.3.1]
    #[test]
    fn the_mode_is_the_one_asked_for_until_another_one_is() {
        let mut control = control("AMR", "");
        assert_eq!(modes(&mut control, 2), [7, 7]);
        control.request(2);
        assert_eq!(modes(&mut control, 3), [2, 2, 2]);
        for ignored in [8, 9, 14, 16, 255] {
            control.request(ignored);
            assert_eq!(control.next_mode(), 2, "{ignored}");
        }
        control.request(NO_REQUEST);
        assert_eq!(control.next_mode(), 7, "no preference is a request, too");
    }

    // test-of: [RFC4867 4.3.1]
    #[test]
    fn the_wider_band_has_a_mode_more() {
        let mut control = control("AMR-WB", "");
        assert_eq!(control.next_mode(), 8);
        for (request, mode) in [(0, 0), (8, 8), (9, 8), (3, 3), (15, 8)] {
            control.request(request);
            assert_eq!(control.next_mode(), mode, "{request}");
        }
    }

    // test-of: [RFC4867 8.1]
    #[test]
    fn no_mode_outside_of_the_set_is_sent() {
        let mut control = control("AMR", "mode-set=2,4,6");
        // The next lower one of the set; where there is none, its lowest.
        for (request, mode) in [(15, 6), (7, 6), (6, 6), (5, 4), (3, 2), (2, 2), (1, 2), (0, 2), (4, 4)] {
            control.request(request);
            assert_eq!(control.next_mode(), mode, "{request}");
        }
        let mut only = self::control("AMR", "mode-set=4");
        for request in 0..16 {
            only.request(request);
            assert_eq!(only.next_mode(), 4, "{request}");
        }
    }

    // test-of: [RFC4867 8.1]
    #[test]
    fn changes_are_a_period_apart_and_go_to_neighbours_where_the_party_says_so() {
        let mut control = control("AMR", "mode-change-period=2");
        control.request(0);
        assert_eq!(modes(&mut control, 1), [0]);
        control.request(7);
        assert_eq!(modes(&mut control, 3), [0, 7, 7]);
        let mut control = self::control("AMR", "mode-set=0,2,5,7;mode-change-neighbor=1");
        control.request(0);
        assert_eq!(modes(&mut control, 5), [5, 2, 0, 0, 0]);
        control.request(5);
        assert_eq!(modes(&mut control, 3), [2, 5, 5]);
        let mut control =
            self::control("AMR", "mode-set=0,2,5,7;mode-change-neighbor=1;mode-change-period=2");
        control.request(1);
        assert_eq!(modes(&mut control, 7), [5, 5, 2, 2, 0, 0, 0]);
    }

    #[test]
    fn whatever_is_asked_for_keeps_to_what_was_agreed() {
        let mut seed = 1_u32;
        let mut random = |below: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) % below
        };
        for _ in 0..300 {
            let set = u16::try_from(random(255) + 1).unwrap();
            let parameters = AmrParameters {
                mode_set: Some(set),
                mode_change_period: if random(2) == 0 { 1 } else { 2 },
                mode_change_neighbor: random(2) == 0,
                ..AmrParameters::default()
            };
            let mut control = ModeControl::new(Band::Narrow, &parameters);
            let (mut before, mut changed) = (control.next_mode(), 10);
            for _ in 0..60 {
                control.request(u8::try_from(random(18)).unwrap());
                let mode = control.next_mode();
                changed += 1;
                assert!(set >> mode & 1 == 1, "{parameters:?} {mode}");
                if mode != before {
                    assert!(changed >= u32::from(parameters.mode_change_period), "{parameters:?}");
                    let between =
                        (before.min(mode) + 1..before.max(mode)).filter(|mode| set >> mode & 1 == 1);
                    assert!(!parameters.mode_change_neighbor || between.count() == 0, "{parameters:?}");
                    (before, changed) = (mode, 0);
                }
            }
        }
    }
}
