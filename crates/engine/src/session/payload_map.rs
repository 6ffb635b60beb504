//! Payload types: what each means on the leg that receives it, and by which rule it is sent on by another leg.

use mediapoint_g711::Law;
use mediapoint_packet::rtp::PayloadType;

use crate::api::codec::{Codec, Encoding, Fit, PayloadCodec};
use crate::api::leg::PacketTime;

/// Marks a payload type without an entry.
const NONE: u8 = u8::MAX;

/// One entry for some of the 128 payload types. The entry found last is kept beside it: a stream changes its payload type
/// seldom, so that nearly every look-up touches no other cache line.
#[derive(Debug, Clone)]
struct Table<T> {
    recent: u8,
    found: Option<T>,
    all: Box<Entries<T>>,
}

#[derive(Debug, Clone)]
struct Entries<T> {
    index: [u8; 128],
    entries: Vec<T>,
}

impl<T: Copy> Table<T> {
    fn new() -> Self {
        let all = Box::new(Entries { index: [NONE; 128], entries: Vec::new() });
        Self { recent: NONE, found: None, all }
    }

    /// As [`Table::get`], and keeps what was found.
    fn find(&mut self, payload_type: PayloadType) -> Option<T> {
        if self.recent != payload_type.get() {
            self.found = self.get(payload_type);
            self.recent = payload_type.get();
        }
        self.found
    }

    /// Sets the entry of a payload type; the first one set counts.
    fn set(&mut self, payload_type: PayloadType, entry: T) {
        let Entries { index, entries } = &mut *self.all;
        if let Some(place) = index.get_mut(usize::from(payload_type.get()))
            && *place == NONE
            && let Ok(next) = u8::try_from(entries.len())
        {
            *place = next;
            entries.push(entry);
        }
    }

    fn get(&self, payload_type: PayloadType) -> Option<T> {
        let place = self.all.index.get(usize::from(payload_type.get()))?;
        self.all.entries.get(usize::from(*place)).copied()
    }
}

/// What a payload type means on the leg that receives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadInfo {
    /// Clock rate in hertz.
    pub clock_rate: u32,
    /// True for telephone-event.
    pub event: bool,
    /// True for comfort noise.
    pub noise: bool,
    /// True for AMR and AMR-WB, whose payloads ask for a mode [RFC4867 4.3.1].
    pub requests: bool,
}

/// The payload types that a leg may receive.
#[derive(Debug, Clone)]
pub struct PayloadTable(Table<PayloadInfo>);

impl PayloadTable {
    /// The table of a leg's agreed codecs; of two with one payload type the first counts.
    #[must_use]
    pub fn new<'a>(codecs: impl Iterator<Item = &'a PayloadCodec>) -> Self {
        let mut table = Table::new();
        for entry in codecs {
            let info = PayloadInfo {
                clock_rate: entry.codec.clock_rate.max(1),
                event: entry.codec.encoding == Encoding::TelephoneEvent,
                noise: entry.codec.encoding == Encoding::ComfortNoise,
                requests: matches!(entry.codec.encoding, Encoding::Amr(_) | Encoding::AmrWb(_)),
            };
            table.set(entry.payload_type, info);
        }
        Self(table)
    }

    /// What `payload_type` means; `None` where it was not agreed.
    #[must_use]
    pub fn get(&self, payload_type: PayloadType) -> Option<PayloadInfo> {
        self.0.get(payload_type)
    }

    /// As [`PayloadTable::get`], and quicker the next time.
    pub fn find(&mut self, payload_type: PayloadType) -> Option<PayloadInfo> {
        self.0.find(payload_type)
    }
}

/// What happens to a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversion {
    /// Nothing.
    None,
    /// Mu-law octets become A-law.
    MuToA,
    /// A-law octets become mu-law.
    AToMu,
    /// The duration of a telephone event is converted to another clock rate.
    EventClock {
        /// Clock rate of the source leg, in hertz.
        from: u32,
        /// Clock rate of the sending leg, in hertz.
        to: u32,
    },
    /// It is decoded, and encoded again for the sending leg.
    Transcode,
}

/// Which payloads a rule forwards; all others are transcoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// All.
    Any,
    /// Those of this many octets.
    Exactly(usize),
}

/// How packets of one payload type are sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadRule {
    /// The payload type on the sending leg.
    pub payload_type: PayloadType,
    /// What happens to the payload.
    pub conversion: Conversion,
    /// Which payloads are forwarded.
    pub length: Length,
    /// The law of what is forwarded, where it is G.711.
    pub law: Option<Law>,
}

impl PayloadRule {
    /// What happens to a payload of `len` octets.
    #[must_use]
    pub const fn conversion_of(&self, len: usize) -> Conversion {
        match self.length {
            Length::Exactly(octets) if octets != len => Conversion::Transcode,
            _ => self.conversion,
        }
    }
}

/// What a leg can send.
#[derive(Debug, Clone, Copy)]
pub struct SendCapabilities<'a> {
    /// Its codecs, best first.
    pub codecs: &'a [PayloadCodec],
    /// How much audio its packets hold.
    pub packet_time: PacketTime,
    /// True where audio is transcoded even if it could be forwarded.
    pub force_transcode: bool,
    /// True where silence is sent in place of the audio. Nothing that has no silence is forwarded.
    pub silence: bool,
    /// True where the source keeps its digits back: none of its audio is forwarded.
    pub secure: bool,
}

impl<'a> SendCapabilities<'a> {
    /// The codec that audio is encoded in: the first that the engine can encode.
    #[must_use]
    pub fn encoded(&self) -> Option<&'a PayloadCodec> {
        self.codecs.iter().find(|entry| entry.codec.is_convertible())
    }
}

/// The rules from a source leg to a sending leg, by the source leg's payload types.
#[derive(Debug, Clone)]
pub struct PayloadMap(Table<PayloadRule>);

impl PayloadMap {
    /// A map without rules.
    #[must_use]
    pub fn none() -> Self {
        Self(Table::new())
    }

    /// The rules from a leg that receives `from` to one that sends `to`.
    #[must_use]
    pub fn new<'a>(from: impl Iterator<Item = &'a PayloadCodec>, to: &SendCapabilities<'_>) -> Self {
        let mut table = Table::new();
        for entry in from {
            if let Some(rule) = rule(entry, to) {
                table.set(entry.payload_type, rule);
            }
        }
        Self(table)
    }

    /// The rule of `payload_type`; `None` where the sending leg has no codec for it.
    #[must_use]
    pub fn get(&self, payload_type: PayloadType) -> Option<PayloadRule> {
        self.0.get(payload_type)
    }

    /// As [`PayloadMap::get`], and quicker the next time.
    pub fn find(&mut self, payload_type: PayloadType) -> Option<PayloadRule> {
        self.0.find(payload_type)
    }
}

/// The same codec where the sending leg has it, by the same number if possible; else the other law of G.711, an event clock
/// of its own, or another codec. AMR in modes that the party did not agree to is sent on only where it cannot be converted:
/// its decoder knows them, and nothing else would be heard.
fn rule(entry: &PayloadCodec, to: &SendCapabilities<'_>) -> Option<PayloadRule> {
    let noise = entry.codec.encoding == Encoding::ComfortNoise;
    if to.secure && entry.codec.encoding != Encoding::TelephoneEvent {
        return if noise || entry.codec.is_convertible() { transcode(to) } else { None };
    }
    if to.force_transcode && (noise || entry.codec.is_convertible()) && to.encoded().is_some() {
        return transcode(to);
    }
    if to.silence && !(noise || entry.codec.is_g711() || entry.codec.encoding == Encoding::TelephoneEvent) {
        return if entry.codec.is_convertible() { transcode(to) } else { None };
    }
    let fit = |other: &PayloadCodec| entry.parameters.fit(&entry.codec, &other.parameters);
    let kept = |wanted: Fit| {
        let same = || to.codecs.iter().filter(|other| other.codec == entry.codec && fit(other) == wanted);
        let other =
            same().find(|other| other.payload_type == entry.payload_type).or_else(|| same().next())?;
        Some(forward(other, Conversion::None, to))
    };
    if let Some(rule) = kept(Fit::Same) {
        return Some(rule);
    }
    match entry.codec.encoding {
        Encoding::TelephoneEvent => event(entry, to),
        Encoding::Pcmu | Encoding::Pcma if entry.codec.is_g711() => {
            other_law(entry, to).or_else(|| transcode(to))
        }
        Encoding::ComfortNoise => transcode(to),
        _ if entry.codec.is_convertible() => transcode(to).or_else(|| kept(Fit::Modes)),
        _ => kept(Fit::Modes),
    }
}

fn other_law(entry: &PayloadCodec, to: &SendCapabilities<'_>) -> Option<PayloadRule> {
    let other = to.codecs.iter().find(|other| other.codec.is_g711())?;
    let conversion = match entry.codec.encoding {
        Encoding::Pcmu => Conversion::MuToA,
        _ => Conversion::AToMu,
    };
    Some(forward(other, conversion, to))
}

/// Events at the clock rate of the codec that the sending leg encodes, if it has both.
fn event(entry: &PayloadCodec, to: &SendCapabilities<'_>) -> Option<PayloadRule> {
    let clock = to.encoded().map(|encoded| encoded.codec.clock_rate);
    let events = || to.codecs.iter().filter(|other| other.codec.encoding == Encoding::TelephoneEvent);
    let other = events().find(|other| Some(other.codec.clock_rate) == clock).or_else(|| events().next())?;
    let conversion =
        Conversion::EventClock { from: entry.codec.clock_rate.max(1), to: other.codec.clock_rate };
    Some(PayloadRule { payload_type: other.payload_type, conversion, length: Length::Any, law: None })
}

fn transcode(to: &SendCapabilities<'_>) -> Option<PayloadRule> {
    let encoded = to.encoded()?;
    Some(PayloadRule {
        payload_type: encoded.payload_type,
        conversion: Conversion::Transcode,
        length: Length::Any,
        law: None,
    })
}

/// A rule that forwards packets, as far as the sending leg's packet time allows.
fn forward(other: &PayloadCodec, conversion: Conversion, to: &SendCapabilities<'_>) -> PayloadRule {
    let law = law_of(other);
    let whole = PayloadRule { payload_type: other.payload_type, conversion, length: Length::Any, law };
    if !matches!(to.packet_time, PacketTime::Always(_)) || !other.codec.is_convertible() {
        return whole;
    }
    let millis = usize::try_from(to.packet_time.encoded().as_millis()).unwrap_or(20);
    match octets_per_frame(&other.codec) {
        Some((octets, frame)) if millis.is_multiple_of(frame) => {
            PayloadRule { length: Length::Exactly(octets * millis / frame), ..whole }
        }
        _ => PayloadRule { conversion: Conversion::Transcode, ..whole },
    }
}

/// The law of a codec that is G.711.
pub fn law_of(entry: &PayloadCodec) -> Option<Law> {
    match entry.codec.encoding {
        Encoding::Pcmu if entry.codec.is_g711() => Some(Law::Mu),
        Encoding::Pcma if entry.codec.is_g711() => Some(Law::A),
        _ => None,
    }
}

/// Octets of a frame of a codec whose size does not vary, and its milliseconds.
fn octets_per_frame(codec: &Codec) -> Option<(usize, usize)> {
    match codec.encoding {
        Encoding::Pcmu | Encoding::Pcma | Encoding::G722 => Some((80, 10)),
        Encoding::G729 => Some((10, 10)),
        Encoding::Gsm => Some((33, 20)),
        Encoding::L16 => {
            let samples = usize::try_from(codec.clock_rate / 100).ok()?;
            Some((samples * 2 * usize::from(codec.channels), 10))
        }
        _ => None,
    }
}

#[cfg(test)]
#[path = "payload_map_tests.rs"]
mod tests;
