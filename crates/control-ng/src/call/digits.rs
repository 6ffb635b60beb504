//! Who is told of the digits that the parties of a call press.

use std::net::SocketAddr;

use mediapoint_engine::{DetectorSettings, LegId, LegKind, TapId};

use super::CallState;
use super::outcomes::Outcomes;
use super::party::Stream;
use crate::NgError;
use crate::request::DigitOptions;

/// What the controller wants to know of digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct DigitWatch {
    /// Where each is reported to.
    pub(crate) log: Option<SocketAddr>,
    /// They are looked for in the audio, too.
    pub(crate) tones: bool,
}

/// A tap on the key presses of a party.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DigitTap {
    pub(crate) leg: LegId,
    tap: TapId,
    tones: bool,
}

impl DigitWatch {
    /// Takes what a message says of it; `otherwise` is where digits are reported to where no message says.
    pub(crate) fn take(&mut self, options: &DigitOptions, otherwise: Option<SocketAddr>) {
        self.log = options.log.or(self.log).or(otherwise);
        self.tones |= options.detect;
    }

    /// Takes in that of a call that goes into this one.
    pub(super) fn merge(&mut self, other: Self) {
        self.log = self.log.or(other.log);
        self.tones |= other.tones;
    }

    const fn is_on(self) -> bool {
        self.log.is_some() || self.tones
    }
}

impl CallState {
    /// True where digits will be looked for in the audio of a stream on this leg.
    pub(super) fn will_detect(&self, stream: &Stream, leg: LegId) -> bool {
        let kind = stream.remote.as_ref().map(|remote| remote.kind.unwrap_or_default());
        let is_done = stream.digit_tap.is_some_and(|tap| tap.leg == leg && tap.tones);
        self.digit_watch.tones && kind == Some(LegKind::Audio) && !is_done
    }

    /// Taps the key presses of every audio leg at work, where somebody wants to know of them. The taps of legs that went are
    /// gone with them.
    pub(super) fn tap_digits(&mut self, outcomes: &mut Outcomes) -> Result<(), NgError> {
        let (call, watch) = (self.call.clone(), self.digit_watch);
        if !watch.is_on() {
            return Ok(());
        }
        for stream in self.parties.iter_mut().flat_map(|party| &mut party.streams) {
            let is_audio = |kind: Option<LegKind>| kind.unwrap_or_default() == LegKind::Audio;
            let leg = stream.applied.as_ref().map(|applied| applied.leg);
            let leg = leg.filter(|_| stream.remote.as_ref().is_some_and(|remote| is_audio(remote.kind)));
            let Some(leg) = leg else { continue };
            let before = stream.digit_tap.filter(|tap| tap.leg == leg);
            if before.is_some_and(|tap| tap.tones == watch.tones) {
                continue;
            }
            if let Some(before) = before {
                outcomes.push(call.remove_tap(before.tap)?);
            }
            let (tap, outcome) = match watch.tones {
                true => call.tap_digits(leg, DetectorSettings::default())?,
                false => call.tap_key_presses(leg)?,
            };
            outcomes.push(outcome);
            stream.digit_tap = Some(DigitTap { leg, tap, tones: watch.tones });
        }
        Ok(())
    }
}
