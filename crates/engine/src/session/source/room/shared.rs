//! One encoding of what most members of a room hear, for all of them that have the same codec.

use mediapoint_codec::{Encoder, Transmission, encoder};

use crate::session::frame::Frame;
use crate::session::frame::samples;
use crate::session::leg::egress::EncoderSpec;
use crate::session::source::player::{MAX_READY, PAYLOAD_MILLIS, ReadyPayload};

/// Encodings of a room at most.
const MOST: usize = 16;

/// An encoder that members share.
struct SharedEncoding {
    rate: u32,
    encoder: Box<dyn Encoder>,
    payload: Box<[u8; MAX_READY]>,
    len: usize,
    /// It was asked for in this tick, and in the one before.
    made: bool,
    before: bool,
}

impl SharedEncoding {
    fn new(rate: u32, spec: &EncoderSpec) -> Option<Self> {
        let encoder = encoder(&spec.entry().codec, rate, &spec.entry().parameters, spec.settings()).ok()?;
        (encoder.sample_rate() == rate).then(|| Self {
            rate,
            encoder,
            payload: Box::new([0; MAX_READY]),
            len: 0,
            made: false,
            before: false,
        })
    }

    /// Begins a tick.
    fn begin(&mut self) {
        self.before = std::mem::take(&mut self.made) && self.len != 0;
    }

    /// The payload of the present tick, made where it is asked for first.
    fn payload(&mut self, frame: &mut Frame) -> ReadyPayload<'_> {
        if !std::mem::replace(&mut self.made, true) {
            let pcm = frame.at(self.rate);
            let whole = pcm.len() == samples(self.rate, PAYLOAD_MILLIS);
            let encoded = if whole { self.encoder.encode(pcm, &mut *self.payload).ok() } else { None };
            let speech =
                encoded.filter(|encoded| encoded.kind == Transmission::Speech && encoded.skipped == 0);
            self.len = speech.map_or(0, |encoded| encoded.len);
        }
        ReadyPayload { octets: self.payload.get(..self.len).unwrap_or_default(), follows: self.before }
    }
}

/// Members whose encoders would make the same of the same audio.
struct Alike {
    spec: EncoderSpec,
    rate: u32,
    members: u16,
    /// Made for two members or more.
    encoding: Option<SharedEncoding>,
}

impl Alike {
    /// True where a leg with such an encoder is one of them.
    fn takes(&self, rate: u32, spec: &EncoderSpec) -> bool {
        let (own, other) = (self.spec.entry(), spec.entry());
        self.rate == rate && own.codec == other.codec && own.parameters == other.parameters
    }
}

/// The encodings of a room, and for how many members each will do. A place among them is kept for as long as it has a member.
#[derive(Default)]
pub(super) struct Encodings {
    places: Vec<Option<Alike>>,
    /// Somebody was left out, for want of places or of encodings.
    short: bool,
}

impl Encodings {
    /// Encodings that are in use.
    fn used(&self) -> usize {
        self.places.iter().flatten().filter(|alike| alike.encoding.is_some()).count()
    }

    /// True where somebody was left out: who comes in when there is room again is found by [`Encodings::count_anew`] alone.
    pub(super) const fn is_short(&self) -> bool {
        self.short
    }

    /// Begins to count the members anew.
    pub(super) fn count_anew(&mut self) {
        self.short = false;
        self.places.iter_mut().flatten().for_each(|alike| alike.members = 0);
    }

    /// Counts a member with such an encoder; the place of what it can be sent. `None` where that is for it alone.
    pub(super) fn add(&mut self, rate: u32, spec: &EncoderSpec) -> Option<usize> {
        if !spec.is_plain() {
            return None;
        }
        let known = self.places.iter_mut().position(|alike| {
            let Some(alike) = alike.as_mut().filter(|alike| alike.takes(rate, spec)) else { return false };
            alike.members = alike.members.saturating_add(1);
            true
        });
        if known.is_some() {
            return known;
        }
        // Who pauses by himself may do so; the others get every packet.
        let alike = Alike { spec: spec.without_dtx(), rate, members: 1, encoding: None };
        let free = self.places.iter().position(Option::is_none).unwrap_or(self.places.len());
        if free >= 2 * MOST {
            self.short = true;
            return None;
        }
        match self.places.get_mut(free) {
            Some(place) => *place = Some(alike),
            None => self.places.push(Some(alike)),
        }
        Some(free)
    }

    /// Counts a member less.
    pub(super) fn remove(&mut self, at: usize) {
        if let Some(alike) = self.places.get_mut(at).and_then(Option::as_mut) {
            alike.members = alike.members.saturating_sub(1);
        }
    }

    /// Keeps the encodings that two members or more can share, and makes those that are missing.
    pub(super) fn fit(&mut self) {
        for place in &mut self.places {
            match place {
                Some(alike) if alike.members == 0 => *place = None,
                Some(alike) if alike.members == 1 => alike.encoding = None,
                _ => {}
            }
        }
        let mut used = self.used();
        for alike in self.places.iter_mut().flatten() {
            if alike.encoding.is_some() || alike.members < 2 {
                continue;
            }
            if used >= MOST {
                self.short = true;
                return;
            }
            alike.encoding = SharedEncoding::new(alike.rate, &alike.spec);
            used += usize::from(alike.encoding.is_some());
        }
    }

    /// Drops what was made; the members stay counted.
    pub(super) fn clear(&mut self) {
        self.places.iter_mut().flatten().for_each(|alike| alike.encoding = None);
    }

    /// Begins a tick.
    pub(super) fn begin(&mut self) {
        let encodings = self.places.iter_mut().flatten().filter_map(|alike| alike.encoding.as_mut());
        encodings.for_each(SharedEncoding::begin);
    }

    /// What was made for the members of a place in the present tick; nothing where it has one member.
    pub(super) fn payload(&mut self, at: usize, frame: &mut Frame) -> ReadyPayload<'_> {
        let alike = self.places.get_mut(at).and_then(Option::as_mut);
        let encoding = alike.and_then(|alike| alike.encoding.as_mut());
        encoding.map_or(ReadyPayload::default(), |encoding| encoding.payload(frame))
    }

    /// What a member of a place is sent: rate and codec; `None` where no other one has the same.
    #[cfg(test)]
    pub(super) fn shared(&self, at: usize) -> Option<(u32, String)> {
        let alike = self.places.get(at)?.as_ref()?;
        alike.encoding.as_ref().map(|_| (alike.rate, format!("{:?}", alike.spec.entry())))
    }
}
