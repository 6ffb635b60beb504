//! A contact centre's calls.

use crate::bandwidth::{Codec, Network, Protection, bandwidth};
use crate::error::{SizingError, amount, positive, share};

/// A contact centre in its busiest hour.
#[derive(Debug, Clone, PartialEq)]
pub struct ContactCentre {
    /// Agents at work.
    pub agents: u32,
    /// Calls that have an agent or wait for one, for each agent: 0 to 1.
    pub utilisation: f64,
    /// Seconds that a caller spends with menus before a queue.
    pub qualification: f64,
    /// Seconds that a caller waits who has to.
    pub queue: f64,
    /// Share of callers who have to wait.
    pub queued: f64,
    /// Seconds of a conversation.
    pub talk: f64,
    /// Share of conversations that are passed on and go on for as long again.
    pub transfers: f64,
    /// Share of conversations that a third party joins.
    pub conferences: f64,
    /// Share of conversations that are recorded.
    pub recorded: f64,
    /// Share of legs with SRTP.
    pub srtp: f64,
    /// Codecs of the callers, and each one's share. What is missing to 1 has the agents' codec.
    pub codecs: Vec<(Codec, f64)>,
    /// Codec of the agents.
    pub agents_codec: Codec,
    /// Milliseconds of a packet.
    pub packet_time: f64,
    /// Bit rate of a recording in bit/s.
    pub recording_rate: f64,
    /// The day's calls as a number of busiest hours.
    pub busy_hours: f64,
    /// Days that recordings are kept.
    pub kept: f64,
}

impl Default for ContactCentre {
    /// 2,000 agents of the sizing guide's example, everything G.711, nothing recorded, no SRTP.
    fn default() -> Self {
        Self {
            agents: 2000,
            utilisation: 0.8,
            qualification: 60.0,
            queue: 120.0,
            queued: 0.5,
            talk: 180.0,
            transfers: 0.1,
            conferences: 0.1,
            recorded: 0.0,
            srtp: 0.0,
            codecs: Vec::new(),
            agents_codec: Codec::G711,
            packet_time: 20.0,
            recording_rate: 16_000.0,
            busy_hours: 5.0,
            kept: 365.0,
        }
    }
}

/// Calls of the busiest hour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Traffic {
    /// New calls per second, rounded up to tenths below one and to whole ones above.
    pub calls_per_second: f64,
    /// New calls in the hour.
    pub busy_hour_calls: f64,
    /// Callers with menus at a time.
    pub qualified: f64,
    /// Callers who wait at a time.
    pub waiting: f64,
    /// Conversations at a time, those passed on and those of three counted twice.
    pub talking: f64,
    /// Of the conversations, those of three.
    pub conferences: f64,
}

impl Traffic {
    /// Calls at a time that have an agent or wait for one.
    #[must_use]
    pub fn concurrent(&self) -> f64 {
        self.waiting + self.talking
    }

    /// All calls at a time.
    #[must_use]
    pub fn all(&self) -> f64 {
        self.qualified + self.concurrent()
    }
}

/// Room that recordings take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Storage {
    /// Bytes of a day.
    pub a_day: f64,
    /// Bytes of all that is kept.
    pub kept: f64,
    /// Bits per second that come in the busiest hour.
    pub rate: f64,
}

impl ContactCentre {
    /// Its calls by the formulas of docs/sizing.md.
    ///
    /// # Errors
    /// A share is not from 0 to 1, a time is below zero, or a conversation takes none.
    pub fn traffic(&self) -> Result<Traffic, SizingError> {
        let at_agents = f64::from(self.agents) * share("utilisation", self.utilisation)?;
        let waits = amount("queue time", self.queue)? * share("share of callers who wait", self.queued)?;
        let talk = positive("talk time", self.talk)?;
        let more =
            share("share of transfers", self.transfers)? + share("share of conferences", self.conferences)?;
        let talks = talk * (1.0 + more);
        let rate = rounded(at_agents / (waits + talks));
        Ok(Traffic {
            calls_per_second: rate,
            busy_hour_calls: rate * 3600.0,
            qualified: rate * amount("qualification time", self.qualification)?,
            waiting: rate * waits,
            talking: rate * talks,
            conferences: rate * talk * self.conferences,
        })
    }

    /// Room that its recordings take.
    ///
    /// # Errors
    /// As [`Self::traffic`], and for the figures of recordings.
    pub fn storage(&self) -> Result<Storage, SizingError> {
        let traffic = self.traffic()?;
        let recorded = traffic.talking * share("share of recorded conversations", self.recorded)?;
        let rate = recorded * positive("bit rate of a recording", self.recording_rate)?;
        let a_day = rate / 8.0 * 3600.0 * amount("busy hours of a day", self.busy_hours)?;
        Ok(Storage { a_day, kept: a_day * amount("days that recordings are kept", self.kept)?, rate })
    }

    /// Bits per second that all its servers receive in the busiest hour, and as many that they send, on Ethernet.
    ///
    /// # Errors
    /// As [`Self::traffic`], and for the packet time and the shares of codecs.
    pub fn bits_per_second(&self, protection: Protection, network: Network) -> Result<f64, SizingError> {
        let traffic = self.traffic()?;
        let secured = share("share of SRTP", self.srtp)?;
        let stream = |codec| -> Result<f64, SizingError> {
            let bits =
                |protection| bandwidth(codec, self.packet_time, protection, network).map(|rate| rate.bits);
            Ok(bits(protection)? * secured + bits(Protection::None)? * (1.0 - secured))
        };
        let mut caller = 0.0;
        for (codec, share) in self.callers()? {
            caller += share * stream(codec)?;
        }
        let agents = stream(self.agents_codec)? * (traffic.talking + traffic.conferences);
        Ok(caller * traffic.all() + agents)
    }

    /// The callers' codecs and their shares, which are 1 together.
    pub(crate) fn callers(&self) -> Result<Vec<(Codec, f64)>, SizingError> {
        let name = "share of a codec";
        for (_, part) in &self.codecs {
            share(name, *part)?;
        }
        let known: f64 = self.codecs.iter().map(|(_, share)| share).sum();
        // Shares such as 0.1 are not exact.
        if known > 1.0 + 1e-9 {
            return Err(SizingError {
                name: "sum of the shares of codecs",
                value: known,
                allowed: "at most 1",
            });
        }
        let rest = [(self.agents_codec, (1.0 - known).max(0.0))];
        Ok(self.codecs.iter().copied().chain(rest).filter(|(_, share)| *share > 0.0).collect())
    }
}

/// Rounds up to whole calls per second, and to tenths below one.
fn rounded(rate: f64) -> f64 {
    // What is whole but for the last bits of a division stays.
    let up = |rate: f64| (rate - 1e-9).ceil().max(0.0);
    if rate >= 1.0 { up(rate) } else { up(rate * 10.0) / 10.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guides_example() {
        let traffic = ContactCentre::default().traffic().unwrap();
        assert_eq!(traffic.calls_per_second, 6.0);
        assert_eq!(traffic.busy_hour_calls, 21_600.0);
        assert!((1650.0..=1665.0).contains(&traffic.concurrent()), "{traffic:?}");
        assert_eq!(traffic.qualified, 360.0);
        assert_eq!(traffic.waiting, 360.0);
        assert_eq!(traffic.talking.round(), 1296.0);
        assert_eq!(traffic.conferences.round(), 108.0);
    }

    #[test]
    fn recordings_of_the_guides_example() {
        let centre = ContactCentre { recorded: 1.0, ..ContactCentre::default() };
        let storage = centre.storage().unwrap();
        assert_eq!(storage.rate.round(), 1296.0 * 16_000.0);
        // 1296 conversations of 2 kB a second, 5 hours.
        assert_eq!(storage.a_day.round(), 1296.0 * 2000.0 * 18_000.0);
        assert_eq!(storage.kept, storage.a_day * 365.0);
        let none = ContactCentre::default().storage().unwrap();
        assert_eq!((none.a_day, none.rate), (0.0, 0.0));
    }

    #[test]
    fn bandwidth_of_the_guides_example() {
        let centre = ContactCentre::default();
        let bits = centre.bits_per_second(Protection::AesCm80, Network::default()).unwrap();
        // 2,016 callers, 1,296 agents and 108 third parties.
        assert_eq!(bits.round(), (3420.0 * 87_200.0_f64).round());
        let half = ContactCentre { srtp: 0.5, ..centre };
        let bits = half.bits_per_second(Protection::AesCm80, Network::default()).unwrap();
        assert_eq!(bits.round(), (3420.0 * 89_200.0_f64).round());
    }

    #[test]
    fn codecs_that_are_not_named_are_the_agents() {
        let centre = ContactCentre { codecs: vec![(Codec::Opus, 0.25)], ..ContactCentre::default() };
        assert_eq!(centre.callers().unwrap(), [(Codec::Opus, 0.25), (Codec::G711, 0.75)]);
        let whole = vec![(Codec::Opus, 0.1), (Codec::G722, 0.2), (Codec::G729, 0.7)];
        let centre = ContactCentre { codecs: whole, ..centre };
        assert_eq!(centre.callers().unwrap().len(), 3);
    }

    #[test]
    fn figures_out_of_range_are_named() {
        let centre = ContactCentre::default;
        let wrong = [
            (ContactCentre { utilisation: 1.2, ..centre() }, "utilisation"),
            (ContactCentre { talk: 0.0, ..centre() }, "talk time"),
            (ContactCentre { queue: -1.0, ..centre() }, "queue time"),
            (ContactCentre { qualification: f64::NAN, ..centre() }, "qualification time"),
            (ContactCentre { transfers: 2.0, ..centre() }, "share of transfers"),
        ];
        for (centre, name) in wrong {
            assert_eq!(centre.traffic().unwrap_err().name, name);
        }
        let codecs = vec![(Codec::Opus, 0.6), (Codec::G722, 0.6)];
        let error = ContactCentre { codecs, ..centre() }.callers().unwrap_err();
        assert_eq!(error.to_string(), "sum of the shares of codecs is 1.2: it has to be at most 1");
    }

    #[test]
    fn few_calls_are_not_rounded_to_many() {
        let rate =
            |agents| ContactCentre { agents, ..ContactCentre::default() }.traffic().unwrap().calls_per_second;
        assert_eq!([0, 10, 200, 1000].map(rate), [0.0, 0.1, 0.6, 3.0]);
    }
}
