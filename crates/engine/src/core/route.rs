//! What becomes of each payload type on its way from the leg that sends it to the leg that hears it.

use mediapoint_packet::rtp::PayloadType;

use crate::api::codec::{Codec, Encoding, PayloadCodec};
use crate::api::leg::PacketTime;

/// What is known of one payload type of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Clock rate in hertz.
    pub clock_rate: u32,
    /// True for telephone-event.
    pub event: bool,
    /// True for comfort noise.
    pub noise: bool,
}

/// What a leg's payload types mean; one entry for each of the 128.
#[derive(Debug, Clone)]
pub struct PayloadTable(Box<[Option<Known>; 128]>);

impl PayloadTable {
    /// The table of a leg's agreed codecs.
    #[must_use]
    pub fn new<'a>(codecs: impl DoubleEndedIterator<Item = &'a PayloadCodec>) -> Self {
        let mut table = Box::new([None; 128]);
        for entry in codecs.rev() {
            if let Some(slot) = table.get_mut(usize::from(entry.payload_type.get())) {
                *slot = Some(Known {
                    clock_rate: entry.codec.clock_rate.max(1),
                    event: entry.codec.encoding == Encoding::TelephoneEvent,
                    noise: entry.codec.encoding == Encoding::ComfortNoise,
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
    /// The duration of a telephone event is told in the ticks of another clock.
    EventClock {
        /// Clock rate of the leg heard, in hertz.
        from: u32,
        /// Clock rate of the hearing leg, in hertz.
        to: u32,
    },
    /// It is decoded, and encoded again for the hearing leg.
    Media,
}

/// Which payloads may go a way that keeps packets whole; others go through [`Conversion::Media`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// All.
    Any,
    /// Those of this many octets.
    Exactly(usize),
}

/// One payload type's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// The payload type that the hearing leg knows it by.
    pub payload_type: PayloadType,
    /// What happens to the payload.
    pub conversion: Conversion,
    /// What of it may stay in its packets.
    pub length: Length,
}

impl Way {
    /// What happens to a payload of `len` octets.
    #[must_use]
    pub const fn conversion_of(&self, len: usize) -> Conversion {
        match self.length {
            Length::Exactly(octets) if octets != len => Conversion::Media,
            _ => self.conversion,
        }
    }
}

/// What a hearing leg can take.
#[derive(Debug, Clone, Copy)]
pub struct Hearer<'a> {
    /// Its codecs, best first.
    pub codecs: &'a [PayloadCodec],
    /// How much audio its packets are to hold.
    pub packet_time: PacketTime,
    /// True where audio is encoded for it whatever it comes as.
    pub always_encode: bool,
}

impl<'a> Hearer<'a> {
    /// The codec that audio for it is encoded in: the first that the engine can encode.
    #[must_use]
    pub fn encoded(&self) -> Option<&'a PayloadCodec> {
        self.codecs.iter().find(|entry| entry.codec.is_convertible())
    }
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
    pub fn new<'a>(from: impl DoubleEndedIterator<Item = &'a PayloadCodec>, to: &Hearer<'_>) -> Self {
        let mut table = Self::none();
        for entry in from.rev() {
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

/// The same codec where the hearing leg has it, by the same number if it can be; else the other law of G.711, an event
/// clock of its own, or another codec.
fn way(entry: &PayloadCodec, to: &Hearer<'_>) -> Option<Way> {
    let noise = entry.codec.encoding == Encoding::ComfortNoise;
    if to.always_encode && (noise || entry.codec.is_convertible()) && to.encoded().is_some() {
        return media_way(to);
    }
    let same = || to.codecs.iter().filter(|other| other.codec == entry.codec);
    let kept = same().find(|other| other.payload_type == entry.payload_type).or_else(|| same().next());
    if let Some(other) = kept {
        return Some(in_packets(other, Conversion::Relay, to));
    }
    match entry.codec.encoding {
        Encoding::TelephoneEvent => event_way(entry, to),
        Encoding::Pcmu | Encoding::Pcma if entry.codec.is_g711() => match other_law(entry, to) {
            Some(way) => Some(way),
            None => media_way(to),
        },
        Encoding::ComfortNoise => media_way(to),
        _ if entry.codec.is_convertible() => media_way(to),
        _ => None,
    }
}

fn other_law(entry: &PayloadCodec, to: &Hearer<'_>) -> Option<Way> {
    let other = to.codecs.iter().find(|other| other.codec.is_g711())?;
    let conversion = match entry.codec.encoding {
        Encoding::Pcmu => Conversion::MuToA,
        _ => Conversion::AToMu,
    };
    Some(in_packets(other, conversion, to))
}

/// Events in the clock of the codec that the hearing leg speaks, if it has both.
fn event_way(entry: &PayloadCodec, to: &Hearer<'_>) -> Option<Way> {
    let clock = to.encoded().map(|spoken| spoken.codec.clock_rate);
    let events = || to.codecs.iter().filter(|other| other.codec.encoding == Encoding::TelephoneEvent);
    let other = events().find(|other| Some(other.codec.clock_rate) == clock).or_else(|| events().next())?;
    let conversion =
        Conversion::EventClock { from: entry.codec.clock_rate.max(1), to: other.codec.clock_rate };
    Some(Way { payload_type: other.payload_type, conversion, length: Length::Any })
}

fn media_way(to: &Hearer<'_>) -> Option<Way> {
    let spoken = to.encoded()?;
    Some(Way { payload_type: spoken.payload_type, conversion: Conversion::Media, length: Length::Any })
}

/// A way that keeps packets whole, as far as the hearing leg's packet time lets it.
fn in_packets(other: &PayloadCodec, conversion: Conversion, to: &Hearer<'_>) -> Way {
    let whole = Way { payload_type: other.payload_type, conversion, length: Length::Any };
    if !matches!(to.packet_time, PacketTime::Always(_)) || !other.codec.is_convertible() {
        return whole;
    }
    let millis = usize::try_from(to.packet_time.encoded().as_millis()).unwrap_or(20);
    match octets_per_10_ms(&other.codec) {
        Some(octets) => Way { length: Length::Exactly(octets * millis / 10), ..whole },
        None => Way { conversion: Conversion::Media, ..whole },
    }
}

/// Size of 10 ms of a codec whose size does not vary.
fn octets_per_10_ms(codec: &Codec) -> Option<usize> {
    match codec.encoding {
        Encoding::Pcmu | Encoding::Pcma | Encoding::G722 => Some(80),
        Encoding::G729 => Some(10),
        Encoding::L16 => {
            let samples = usize::try_from(codec.clock_rate / 100).ok()?;
            Some(samples * 2 * usize::from(codec.channels))
        }
        _ => None,
    }
}

#[cfg(test)]
#[path = "route_tests.rs"]
mod tests;
