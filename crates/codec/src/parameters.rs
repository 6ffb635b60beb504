//! What an `a=fmtp` line says of one payload type: what the party that wrote it wants to receive.
//!
//! Reading is lenient: a key that is unknown is left out, a value that makes no sense counts as not given.

mod amr;
mod opus;

pub use amr::{AmrParameters, Fit};
pub use opus::OpusParameters;

use crate::amr::Band;
use crate::codec::{Codec, Encoding};

/// The parameters of a payload type; of which codec it is decides which of them mean something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    /// G.729: the party takes Annex B's noise descriptions. True unless it says `annexb=no` [RFC4856 2.1.9].
    pub annex_b: bool,
    /// Opus.
    pub opus: OpusParameters,
    /// AMR and AMR-WB.
    pub amr: AmrParameters,
    /// telephone-event: the events the party knows, as it wrote them [RFC4733 2.4.1].
    pub events: Option<Box<str>>,
}

impl Default for Parameters {
    /// What a line that says nothing means.
    fn default() -> Self {
        Self { annex_b: true, opus: OpusParameters::default(), amr: AmrParameters::default(), events: None }
    }
}

impl Parameters {
    /// Reads the part of an `a=fmtp` line behind the payload type.
    #[must_use]
    pub fn parse(codec: &Codec, fmtp: &str) -> Self {
        let mut parameters = Self::default();
        match codec.encoding {
            Encoding::G729 => {
                parameters.annex_b = !pairs(fmtp).any(|(key, value)| {
                    key.eq_ignore_ascii_case("annexb") && value.eq_ignore_ascii_case("no")
                });
            }
            Encoding::Opus => parameters.opus = OpusParameters::parse(fmtp),
            Encoding::Amr(_) => parameters.amr = AmrParameters::parse(Band::Narrow, fmtp),
            Encoding::AmrWb(_) => parameters.amr = AmrParameters::parse(Band::Wide, fmtp),
            Encoding::TelephoneEvent => parameters.events = events(fmtp),
            _ => {}
        }
        parameters
    }

    /// What to write behind the payload type of an `a=fmtp` line; `None` where nothing differs from the default.
    #[must_use]
    pub fn to_fmtp(&self, codec: &Codec) -> Option<String> {
        match codec.encoding {
            Encoding::G729 => (!self.annex_b).then(|| "annexb=no".to_owned()),
            Encoding::Opus => self.opus.to_fmtp(),
            Encoding::Amr(_) | Encoding::AmrWb(_) => self.amr.to_fmtp(),
            Encoding::TelephoneEvent => self.events.as_deref().map(str::to_owned),
            _ => None,
        }
    }

    /// What becomes of packets of `codec` from a party with these parameters, with one whose parameters are `to`. Of most
    /// codecs each can read what any other sends.
    #[must_use]
    pub fn fit(&self, codec: &Codec, to: &Self) -> Fit {
        match codec.encoding {
            Encoding::Amr(_) | Encoding::AmrWb(_) => self.amr.fit(&to.amr),
            _ => Fit::Same,
        }
    }
}

/// The `key=value` pairs of a line; a key alone has an empty value.
fn pairs(fmtp: &str) -> impl Iterator<Item = (&str, &str)> {
    fmtp.split(';').filter_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (key, value) = (key.trim(), value.trim());
        (!key.is_empty()).then_some((key, value))
    })
}

/// The list of events: written alone, or as `events=…` by some.
fn events(fmtp: &str) -> Option<Box<str>> {
    let list = fmtp.trim();
    let list = list.strip_prefix("events=").unwrap_or(list);
    let valid = !list.is_empty() && list.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | ',' | ' '));
    valid.then(|| list.into())
}

#[cfg(test)]
mod tests;
