//! What the phones of a load say: marked packets where the server leaves the audio as it is or converts between the
//! laws, and otherwise speech, encoded once before the load begins.

use std::sync::Arc;
use std::time::Duration;

use mediapoint_g711::Law;

use super::mark::{Mark, PAYLOAD};
use super::{Kind, LoadConfig, LoadError};
use crate::codec::{Codec, PACKET, Speaker};
use crate::speech;

/// How much speech is encoded, to be said over again.
const LENGTH: Duration = Duration::from_secs(20);

/// Packets by which each phone is ahead of the one before, so that pauses do not come on all calls at once.
const STAGGER: usize = 61;

/// Speech in one codec, 20 ms a payload.
#[derive(Debug)]
pub(super) struct Coded {
    pub(super) codec: Codec,
    payloads: Vec<Box<[u8]>>,
}

impl Coded {
    /// Encodes speech of whole packets.
    pub(super) fn new(codec: Codec, samples: &[i16]) -> Result<Self, LoadError> {
        let fail = |reason: String| LoadError::Codec { codec, reason };
        let mut speaker = Speaker::new(codec).map_err(|e| fail(e.to_string()))?;
        let mut payloads = Vec::with_capacity(samples.len() / PACKET);
        for frame in samples.as_chunks::<PACKET>().0 {
            payloads.push(speaker.encode(frame).map_err(|e| fail(e.to_string()))?.into());
        }
        if payloads.is_empty() {
            return Err(fail("no speech".to_owned()));
        }
        Ok(Self { codec, payloads })
    }

    /// The payload of a packet, from a place on that is each phone's own.
    pub(super) fn payload(&self, phone: u16, index: u32) -> &[u8] {
        let place = (usize::from(phone) * STAGGER + index as usize) % self.payloads.len();
        self.payloads.get(place).map_or(&[], |payload| payload)
    }
}

/// What one phone says.
#[derive(Debug, Clone)]
pub(super) enum Voice {
    /// A mark in each packet.
    Marks(Law),
    /// Speech.
    Speech(Arc<Coded>),
}

impl Voice {
    pub(super) fn codec(&self) -> Codec {
        match self {
            Self::Marks(Law::Mu) => Codec::Pcmu,
            Self::Marks(Law::A) => Codec::Pcma,
            Self::Speech(coded) => coded.codec,
        }
    }

    /// Calls `with` with the payload of a packet.
    pub(super) fn payload<R>(&self, phone: u16, index: u32, with: impl FnOnce(&[u8]) -> R) -> R {
        match self {
            Self::Marks(law) => {
                let mut payload = [0; PAYLOAD];
                Mark { stream: phone, index }.write(*law, &mut payload);
                with(&payload)
            }
            Self::Speech(coded) => with(coded.payload(phone, index)),
        }
    }

    /// What callers and callees say in calls of this kind.
    pub(super) fn of(config: &LoadConfig) -> Result<[Self; 2], LoadError> {
        let Kind { caller, callee, .. } = config.kind;
        if let (Some(caller), Some(callee), true) = (caller.law(), callee.law(), config.extra.keeps_marks()) {
            return Ok([Self::Marks(caller), Self::Marks(callee)]);
        }
        let find = if config.counting { speech::find_or_count } else { speech::find };
        let [by_caller, by_callee] = find(config.speech.as_deref(), LENGTH)?;
        let coded = |codec, samples: &[i16]| Coded::new(codec, samples).map(Arc::new).map(Self::Speech);
        Ok([coded(caller, &by_caller.samples)?, coded(callee, &by_callee.samples)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_say_the_same_speech_from_different_places_without_end() {
        let coded = Coded::new(Codec::Pcmu, &speech::synthetic(PACKET * 100)).unwrap();
        assert_ne!(coded.payload(0, 10), coded.payload(1, 10));
        assert_eq!(coded.payload(0, 61), coded.payload(1, 0));
        assert_eq!(coded.payload(0, 3), coded.payload(0, 100_003));
        assert_eq!(coded.payload(0, 99).len(), 160);
        assert!(matches!(Coded::new(Codec::Pcmu, &[0; 80]), Err(LoadError::Codec { .. })));
    }
}
