//! One encoding of what most members of a room hear, for all of them that have the same codec.

use mediapoint_codec::{Encoder, Transmission, encoder};

use super::Fed;
use crate::session::frame::Frame;
use crate::session::frame::samples;
use crate::session::leg::egress::EncoderSpec;
use crate::session::source::player::{MAX_READY, PAYLOAD_MILLIS, ReadyPayload};

/// Encodings of a room at most.
const MOST: usize = 16;

/// An encoder that members share.
pub(super) struct SharedEncoding {
    spec: EncoderSpec,
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
        // Who pauses by himself may do so; the others get every packet.
        let spec = spec.without_dtx();
        let encoder = encoder(&spec.entry().codec, rate, &spec.entry().parameters, spec.settings()).ok()?;
        (encoder.sample_rate() == rate).then(|| Self {
            spec,
            rate,
            encoder,
            payload: Box::new([0; MAX_READY]),
            len: 0,
            made: false,
            before: false,
        })
    }

    /// True where a leg with such an encoder can be sent what it makes.
    pub(super) fn serves(&self, rate: u32, spec: &EncoderSpec) -> bool {
        let (own, other) = (self.spec.entry(), spec.entry());
        self.rate == rate && own.codec == other.codec && own.parameters == other.parameters && spec.is_plain()
    }

    /// Begins a tick.
    pub(super) fn begin(&mut self) {
        self.before = std::mem::take(&mut self.made) && self.len != 0;
    }

    /// The payload of the present tick, made where it is asked for first.
    pub(super) fn payload(&mut self, frame: &mut Frame) -> ReadyPayload<'_> {
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

/// Keeps the encodings that two members or more can share, and makes those that are missing.
pub(super) fn fit<'a>(known: &mut Vec<SharedEncoding>, fed: impl Iterator<Item = Fed<'a>> + Clone) {
    let plain = || fed.clone().filter_map(|fed| fed.encoder).filter(|(_, spec)| spec.is_plain());
    known.retain(|shared| plain().filter(|(rate, spec)| shared.serves(*rate, spec)).nth(1).is_some());
    let mut alone: Vec<(u32, &EncoderSpec)> = Vec::new();
    for (rate, spec) in plain() {
        if known.len() >= MOST || known.iter().any(|shared| shared.serves(rate, spec)) {
            continue;
        }
        let same = |(other, of): &(u32, &EncoderSpec)| {
            *other == rate
                && of.entry().codec == spec.entry().codec
                && of.entry().parameters == spec.entry().parameters
        };
        if alone.iter().any(same) {
            known.extend(SharedEncoding::new(rate, spec));
        } else if alone.len() < MOST {
            alone.push((rate, spec));
        }
    }
}
