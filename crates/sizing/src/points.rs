//! Media points and servers.

use crate::bandwidth::Codec;
use crate::centre::ContactCentre;
use crate::error::{SizingError, amount, positive, share};

/// Prices of work in media points. One point is a G.711 call of two legs.
#[derive(Debug, Clone, PartialEq)]
pub struct Prices {
    /// A call of one leg or two.
    pub call: f64,
    /// A further leg.
    pub extra_leg: f64,
    /// A leg with SRTP.
    pub srtp_leg: f64,
    /// A recording, beside the coding of those whom it listens to.
    pub recording: f64,
    /// A leg whose audio is decoded and encoded, by codec.
    pub coded: Vec<(Codec, f64)>,
}

impl Default for Prices {
    /// The engine's built-in prices.
    fn default() -> Self {
        let coded = [
            (Codec::G711, 0.4),
            (Codec::L16, 0.4),
            (Codec::G722, 2.5),
            (Codec::G729, 1.5),
            (Codec::Gsm, 1.5),
            (Codec::Opus, 7.5),
        ];
        Self { call: 1.0, extra_leg: 0.5, srtp_leg: 0.2, recording: 0.05, coded: coded.to_vec() }
    }
}

impl Prices {
    fn coded(&self, codec: Codec) -> f64 {
        self.coded.iter().find(|(known, _)| *known == codec).map_or(0.0, |(_, price)| *price)
    }
}

/// Points that a contact centre needs in its busiest hour, by what needs them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PointsNeeded {
    /// Callers with menus.
    pub qualification: f64,
    /// Callers who wait with music.
    pub queue: f64,
    /// Conversations, relayed.
    pub conversations: f64,
    /// Conversion between codecs.
    pub transcoding: f64,
    /// SRTP.
    pub srtp: f64,
    /// Third parties and their mix.
    pub conferences: f64,
    /// Recordings, with the decoding that they alone need.
    pub recording: f64,
}

impl PointsNeeded {
    /// Each with its name.
    #[must_use]
    pub const fn rows(&self) -> [(&'static str, f64); 7] {
        [
            ("qualification", self.qualification),
            ("queue", self.queue),
            ("conversations", self.conversations),
            ("transcoding", self.transcoding),
            ("SRTP", self.srtp),
            ("conferences", self.conferences),
            ("recording", self.recording),
        ]
    }

    /// All together.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.rows().iter().map(|(_, points)| points).sum()
    }
}

impl ContactCentre {
    /// Points that it needs in its busiest hour.
    ///
    /// # Errors
    /// As [`Self::traffic`], and for shares.
    pub fn points(&self, prices: &Prices) -> Result<PointsNeeded, SizingError> {
        let traffic = self.traffic()?;
        let recorded = share("share of recorded conversations", self.recorded)?;
        let secured = share("share of SRTP", self.srtp)?;
        let own = prices.coded(self.agents_codec);
        let mut needed = PointsNeeded {
            qualification: traffic.qualified * prices.call,
            queue: traffic.waiting * prices.call,
            conversations: traffic.talking * prices.call,
            // Callers with menus and in the queue have one leg, conversations two, and a third party its own.
            srtp: secured
                * prices.srtp_leg
                * (traffic.qualified + traffic.waiting + 2.0 * traffic.talking + traffic.conferences),
            ..PointsNeeded::default()
        };
        for (codec, share) in self.callers()? {
            // A mix decodes and encodes all three, whatever their codecs.
            let coding = prices.coded(codec) + own;
            let two = (traffic.talking - traffic.conferences).max(0.0) * share;
            let three = traffic.conferences * share;
            needed.conferences += three * (prices.extra_leg + coding + own);
            needed.recording += (two + three) * recorded * prices.recording;
            if codec == self.agents_codec {
                // A call that is only relayed is decoded for its recording alone.
                needed.recording += two * recorded * coding;
            } else {
                needed.transcoding += two * coding;
            }
        }
        Ok(needed)
    }
}

/// Servers for so many points, one of them to spare (N+1).
///
/// # Errors
/// The points are no number from zero on, or a server carries none.
pub fn servers(points: f64, of_a_server: f64) -> Result<u64, SizingError> {
    let needed = amount("points", points)? / positive("points of a server", of_a_server)?;
    let whole = (needed - 1e-9).ceil().max(0.0);
    if whole > 1e9 {
        return Err(SizingError {
            name: "number of servers",
            value: whole,
            allowed: "at most a thousand million",
        });
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, and 0 to 1e9")]
    let whole = whole as u64;
    Ok(whole + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6 * b.abs().max(1.0)
    }

    #[test]
    fn calls_that_are_relayed_cost_a_point_each() {
        let centre = ContactCentre { conferences: 0.0, transfers: 0.2, ..ContactCentre::default() };
        let points = centre.points(&Prices::default()).unwrap();
        assert!(near(points.total(), 360.0 + 360.0 + 1296.0), "{points:?}");
        assert_eq!((points.transcoding, points.srtp, points.recording), (0.0, 0.0, 0.0));
    }

    #[test]
    fn each_kind_of_work_has_its_price() {
        let codecs = vec![(Codec::G729, 0.5)];
        let centre = ContactCentre { srtp: 1.0, recorded: 1.0, codecs, ..ContactCentre::default() };
        let points = centre.points(&Prices::default()).unwrap();
        // 108 conversations of three: half of them with G.729.
        assert!(near(points.conferences, 54.0 * (0.5 + 1.2) + 54.0 * (0.5 + 1.5 + 0.8)), "{points:?}");
        assert!(near(points.transcoding, 594.0 * 1.9), "{points:?}");
        assert!(near(points.srtp, 0.2 * (360.0 + 360.0 + 2592.0 + 108.0)), "{points:?}");
        // Relayed calls are decoded for it, the others are anyway.
        assert!(near(points.recording, 1296.0 * 0.05 + 594.0 * 0.8), "{points:?}");
    }

    #[test]
    fn one_server_is_to_spare() {
        assert_eq!(servers(0.0, 480.0), Ok(1));
        assert_eq!(servers(480.0, 480.0), Ok(2));
        assert_eq!(servers(481.0, 480.0), Ok(3));
        assert_eq!(servers(f64::NAN, 480.0).unwrap_err().name, "points");
        assert_eq!(servers(1.0, 0.0).unwrap_err().name, "points of a server");
    }
}
