//! A beep mixed into what a party is sent, whatever its source.
//!
//! A leg that is forwarded to transcodes while its beep sounds, in the seamless way in which it takes any encoded audio; its
//! source stays, so that telephone events go on.

use crate::api::source::Source;
use crate::api::tap::Beep;
use crate::session::frame::{Frame, FrameKind};
use crate::session::leg::sender::Sender;

/// Level of a full-scale sine in dBm0 [ITU-T G.711 table 5].
const FULL_SCALE_DBM0: f64 = 3.17;

/// Ramp at both ends of a beep in seconds.
const RAMP: f64 = 0.005;

/// How long a beep waits until the party can be sent it, in milliseconds; it is left out then.
const MAX_WAIT: u32 = 2000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Off,
    /// It has waited for so many milliseconds until the party can be sent it.
    Waits(u32),
    /// So many milliseconds of it have sounded.
    Sounds(u32),
}

/// The beep of a leg.
pub(crate) struct LegBeep {
    spec: Beep,
    phase: Phase,
    frame: Frame,
}

impl LegBeep {
    fn new(spec: Beep) -> Self {
        Self { spec, phase: Phase::Waits(0), frame: Frame::new(8000) }
    }

    /// Its samples in the present tick, while it sounds.
    pub(crate) fn sound(&mut self) -> Option<&mut Frame> {
        (self.frame.kind() == FrameKind::Audio).then_some(&mut self.frame)
    }

    fn silence(&mut self) {
        self.frame.fill(0, |_| FrameKind::Nothing);
    }

    /// Makes the samples of a tick; false where the last one was the end.
    fn make(&mut self, from: u32, millis: u32) -> bool {
        let length = self.spec.length.as_secs_f64();
        let begin = f64::from(from) / 1000.0;
        if begin >= length {
            return false;
        }
        let rate = f64::from(self.frame.rate().max(1));
        let level = f64::from(self.spec.level) - FULL_SCALE_DBM0;
        let amplitude = 32_767.0 * 10_f64.powf(level / 20.0);
        let turn = f64::from(self.spec.frequency) * std::f64::consts::TAU;
        self.frame.fill(millis, |pcm| {
            for (n, sample) in (0_u32..).zip(pcm) {
                let at = begin + f64::from(n) / rate;
                let gain = (at.min(length - at) / RAMP).clamp(0.0, 1.0);
                #[expect(clippy::cast_possible_truncation, reason = "below full scale")]
                let value = (amplitude * gain * (turn * at).sin()).round() as i16;
                *sample = value;
            }
            FrameKind::Audio
        });
        true
    }
}

impl Sender {
    /// Begins a beep, where none waits or sounds.
    pub(crate) fn begin_beep(&mut self, spec: Beep) {
        match &mut self.beep {
            Some(beep) if beep.phase == Phase::Off => (beep.spec, beep.phase) = (spec, Phase::Waits(0)),
            Some(_) => {}
            None => self.beep = Some(Box::new(LegBeep::new(spec))),
        }
    }

    /// True while a beep waits or sounds: the party has to be sent encoded audio.
    pub(crate) fn beeps(&self) -> bool {
        self.beep.as_ref().is_some_and(|beep| beep.phase != Phase::Off)
    }

    /// How many milliseconds a beep has waited; `None` where none does.
    pub(crate) fn beep_waits(&self) -> Option<u32> {
        match self.beep.as_ref()?.phase {
            Phase::Waits(millis) => Some(millis),
            Phase::Off | Phase::Sounds(_) => None,
        }
    }

    /// Lets a beep wait for another tick. One that sounded begins anew. False where it has waited for too long and is left out.
    pub(crate) fn let_beep_wait(&mut self, millis: u32) -> bool {
        let Some(beep) = &mut self.beep else { return false };
        beep.silence();
        let waited = match beep.phase {
            Phase::Waits(waited) => waited + millis,
            Phase::Off | Phase::Sounds(_) => millis,
        };
        beep.phase = if waited < MAX_WAIT { Phase::Waits(waited) } else { Phase::Off };
        beep.phase != Phase::Off
    }

    /// Ends a beep.
    pub(crate) fn end_beep(&mut self) {
        if let Some(beep) = &mut self.beep {
            beep.silence();
            beep.phase = Phase::Off;
        }
    }

    /// True where the party has not had audio of the coming frames of its source already.
    pub(crate) fn is_level_with(&self, source: Source) -> bool {
        self.had == 0 || self.had_of != source
    }

    /// Makes the samples of a beep for a tick; false where it has ended.
    pub(crate) fn make_beep(&mut self, millis: u32) -> bool {
        let (Some(beep), Some(egress)) = (&mut self.beep, &self.egress) else { return false };
        let from = match beep.phase {
            Phase::Off => return false,
            Phase::Waits(_) => 0,
            Phase::Sounds(from) => from,
        };
        beep.frame.set_rate(egress.rate());
        let goes_on = beep.make(from, millis);
        if goes_on {
            beep.phase = Phase::Sounds(from + millis);
        } else {
            self.end_beep();
        }
        goes_on
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples of a beep at a rate, made in ticks of 20 ms.
    fn beep(spec: Beep, rate: u32) -> Vec<i16> {
        let mut beep = LegBeep::new(spec);
        beep.frame.set_rate(rate);
        let mut all = Vec::new();
        let mut from = 0;
        while beep.make(from, 20) {
            all.extend_from_slice(beep.frame.pcm());
            from += 20;
        }
        all
    }

    /// Level of a part of it at one frequency, in dBm0.
    fn level(pcm: &[i16], frequency: f64, rate: f64) -> f64 {
        let (mut re, mut im) = (0.0, 0.0);
        for (n, &sample) in (0_u32..).zip(pcm) {
            let (sin, cos) = (f64::from(n) * frequency / rate * std::f64::consts::TAU).sin_cos();
            re += f64::from(sample) * cos;
            im += f64::from(sample) * sin;
        }
        let amplitude = 2.0 * re.hypot(im) / pcm.len() as f64;
        20.0 * (amplitude / 32_767.0).log10() + FULL_SCALE_DBM0
    }

    #[test]
    fn it_has_its_length_frequency_and_level_at_every_rate() {
        for rate in [8000, 16_000, 48_000] {
            let pcm = beep(Beep::default(), rate);
            assert_eq!(pcm.len(), usize::try_from(rate / 5).unwrap());
            let middle = &pcm[pcm.len() / 4..pcm.len() * 3 / 4];
            assert!((level(middle, 1400.0, rate.into()) + 20.0).abs() < 0.1);
            assert!(level(middle, 1000.0, rate.into()) < -60.0);
        }
    }

    #[test]
    fn it_begins_and_ends_without_a_step() {
        let pcm = beep(Beep::default(), 8000);
        let edges = [&pcm[..4], &pcm[pcm.len() - 4..]];
        assert!(edges.iter().all(|edge| edge.iter().all(|sample| sample.abs() < 400)), "{edges:?}");
    }
}
