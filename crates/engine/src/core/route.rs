//! What becomes of each payload type on its way from the leg that sends it to the leg that hears it.

use mediapoint_packet::rtp::PayloadType;

use crate::api::codec::{Encoding, PayloadCodec};

/// What is known of one payload type of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Clock rate in hertz.
    pub clock_rate: u32,
    /// True for telephone-event.
    pub event: bool,
    /// True for G.711, either law.
    pub g711: bool,
}

/// What a leg's payload types mean; one entry for each of the 128.
#[derive(Debug, Clone)]
pub struct PayloadTable(Box<[Option<Known>; 128]>);

impl PayloadTable {
    /// The table of a leg's agreed codecs.
    #[must_use]
    pub fn new(codecs: &[PayloadCodec]) -> Self {
        let mut table = Box::new([None; 128]);
        for entry in codecs.iter().rev() {
            if let Some(slot) = table.get_mut(usize::from(entry.payload_type.get())) {
                *slot = Some(Known {
                    clock_rate: entry.codec.clock_rate.max(1),
                    event: entry.codec.encoding == Encoding::TelephoneEvent,
                    g711: entry.codec.is_g711(),
                });
            }
        }
        Self(table)
    }

    /// What `payload_type` means here; `None` where it was not agreed.
    #[must_use]
    pub fn get(&self, payload_type: PayloadType) -> Option<Known> {
        self.0.get(usize::from(payload_type.get())).copied().flatten()
    }
}

/// What happens to a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversion {
    /// Nothing.
    Relay,
    /// Mu-law octets become A-law.
    MuToA,
    /// A-law octets become mu-law.
    AToMu,
}

/// One payload type's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// The payload type that the hearing leg knows it by.
    pub payload_type: PayloadType,
    /// What happens to the payload.
    pub conversion: Conversion,
}

/// The ways from one leg to another; one entry for each payload type of the sending leg.
#[derive(Debug, Clone)]
pub struct RouteTable(Box<[Option<Way>; 128]>);

impl RouteTable {
    /// A table that leads nowhere.
    #[must_use]
    pub fn none() -> Self {
        Self(Box::new([None; 128]))
    }

    /// The ways from a leg that speaks `from` to one that hears `to`.
    #[must_use]
    pub fn new(from: &[PayloadCodec], to: &[PayloadCodec]) -> Self {
        let mut table = Self::none();
        for entry in from.iter().rev() {
            if let Some(slot) = table.0.get_mut(usize::from(entry.payload_type.get())) {
                *slot = way(entry, to);
            }
        }
        table
    }

    /// The way of `payload_type`; `None` where the hearing leg has no codec for it.
    #[must_use]
    pub fn get(&self, payload_type: PayloadType) -> Option<Way> {
        self.0.get(usize::from(payload_type.get())).copied().flatten()
    }
}

/// The same codec where the hearing leg has it, by the same number if it can be; else the other law of G.711.
fn way(entry: &PayloadCodec, to: &[PayloadCodec]) -> Option<Way> {
    let same = || to.iter().filter(|other| other.codec == entry.codec);
    if let Some(other) =
        same().find(|other| other.payload_type == entry.payload_type).or_else(|| same().next())
    {
        return Some(Way { payload_type: other.payload_type, conversion: Conversion::Relay });
    }
    if !entry.codec.is_g711() {
        return None;
    }
    let other = to.iter().find(|other| other.codec.is_g711())?;
    let conversion = match entry.codec.encoding {
        Encoding::Pcmu => Conversion::MuToA,
        _ => Conversion::AToMu,
    };
    Some(Way { payload_type: other.payload_type, conversion })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::codec::Codec;

    fn pt(number: u8) -> PayloadType {
        PayloadType::new(number).unwrap()
    }

    fn entry(number: u8, codec: Codec) -> PayloadCodec {
        PayloadCodec::new(pt(number), codec)
    }

    #[test]
    fn the_same_codec_is_relayed_under_the_hearing_legs_number() {
        let routes = RouteTable::new(
            &[entry(101, Codec::TELEPHONE_EVENT), entry(0, Codec::PCMU)],
            &[entry(0, Codec::PCMU), entry(96, Codec::TELEPHONE_EVENT)],
        );
        let way = routes.get(pt(101)).unwrap();
        assert_eq!((way.payload_type.get(), way.conversion), (96, Conversion::Relay));
        assert_eq!(routes.get(pt(0)).unwrap().conversion, Conversion::Relay);
    }

    #[test]
    fn g711_is_converted_only_where_the_hearing_leg_lacks_the_law() {
        let from = [entry(0, Codec::PCMU), entry(8, Codec::PCMA)];
        let routes = RouteTable::new(&from, &[entry(8, Codec::PCMA)]);
        let way = routes.get(pt(0)).unwrap();
        assert_eq!((way.payload_type.get(), way.conversion), (8, Conversion::MuToA));
        assert_eq!(routes.get(pt(8)).unwrap().conversion, Conversion::Relay);
    }

    #[test]
    fn a_codec_that_the_hearing_leg_lacks_leads_nowhere() {
        let routes = RouteTable::new(&[entry(18, Codec::new("G729", 8000, 1))], &[entry(0, Codec::PCMU)]);
        assert_eq!(routes.get(pt(18)), None);
    }

    #[test]
    fn a_codec_at_another_clock_is_another_codec() {
        let routes = RouteTable::new(
            &[entry(101, Codec::new("telephone-event", 48_000, 1))],
            &[entry(101, Codec::TELEPHONE_EVENT)],
        );
        assert_eq!(routes.get(pt(101)), None);
    }

    #[test]
    fn the_first_of_two_meanings_of_a_number_counts() {
        let table = PayloadTable::new(&[entry(0, Codec::PCMU), entry(0, Codec::TELEPHONE_EVENT)]);
        assert!(!table.get(pt(0)).unwrap().event);
    }
}
