//! Digits that the legs of a call are sent.

use crate::api::digit::DigitSpec;
use crate::api::error::CommandError;
use crate::api::id::LegId;
use crate::api::pending::Pending;
use crate::runtime::call::Call;
use crate::session::command::CallCommand;

impl Call {
    /// Sends a leg digits, after those that wait: as telephone events where its party agreed to them, otherwise as tones in
    /// the audio [RFC4733 2.5]. Until they are through, the leg is sent nothing of its source. When none waits any more,
    /// [`crate::Event::DigitsSent`] says so.
    ///
    /// Taps on what the leg is sent get its source, not the digits.
    ///
    /// All of them are taken, or none. At most [`DigitSpec::MAX_WAITING`] wait.
    ///
    /// # Errors
    /// [`CommandError::OutOfRange`] for a duration, pause or volume out of range, else as [`Call::set_source`]. The outcome is
    /// [`CommandError::TooManyDigits`], [`CommandError::NoDigit`] where the leg can be sent one of them in no way.
    pub fn send_digits(&self, leg: LegId, digits: &[DigitSpec]) -> Result<Pending<()>, CommandError> {
        digits.iter().try_for_each(DigitSpec::check)?;
        self.check(leg)?;
        self.apply(CallCommand::SendDigits { leg, digits: digits.to_vec() })
    }

    /// Forgets the digits of a leg that wait, and ends the one that is sent, at 40 ms or now.
    ///
    /// # Errors
    /// As [`Call::set_source`].
    pub fn stop_digits(&self, leg: LegId) -> Result<Pending<()>, CommandError> {
        self.check(leg)?;
        self.apply(CallCommand::StopDigits { leg })
    }
}
