//! Stand-in until the playout is there.
#![expect(missing_docs, reason = "stand-in")]
use mediapoint_codec::{Codec, Decoder, decoder};
use mediapoint_packet::Time;
use mediapoint_packet::rtp::{PayloadType, RtpTicks};
use std::collections::VecDeque;
use std::time::Duration;
#[derive(Debug)]
pub struct PlayoutConfig {
    rate: u32,
}
#[derive(Debug)]
pub struct Bad;
impl PlayoutConfig {
    pub fn new(rate: u32, _min: Duration, _max: Duration) -> Result<Self, Bad> {
        Ok(Self { rate })
    }
}
pub struct Arrived<'a> {
    pub epoch: u32,
    pub index: u64,
    pub timestamp: RtpTicks,
    pub payload_type: PayloadType,
    pub marker: bool,
    pub payload: &'a [u8],
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Speech,
    ComfortNoise,
    Concealed,
    Nothing,
}
#[derive(Debug, Clone, Copy)]
pub struct Pulled {
    pub kind: Kind,
}
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PlayoutStatistics {
    pub late: u64,
}
pub struct Playout {
    decoders: Vec<(PayloadType, Box<dyn Decoder>)>,
    pcm: VecDeque<i16>,
}
impl Playout {
    pub fn new(config: PlayoutConfig, payloads: &[(PayloadType, Codec)]) -> Result<Self, Bad> {
        let decoders: Vec<_> = payloads
            .iter()
            .filter_map(|(pt, codec)| Some((*pt, decoder(codec, config.rate).ok()?)))
            .collect();
        Ok(Self { decoders, pcm: VecDeque::with_capacity(50_000) })
    }
    pub fn configure(&mut self, _payloads: &[(PayloadType, Codec)], _rate: u32) -> Result<(), Bad> {
        Ok(())
    }
    pub fn insert(&mut self, _now: Time, packet: &Arrived<'_>) {
        let mut pcm = [0; 6000];
        for (pt, decoder) in &mut self.decoders {
            if *pt == packet.payload_type
                && let Ok(d) = decoder.decode(packet.payload, &mut pcm)
            {
                self.pcm.extend(pcm.iter().take(d.samples));
            }
        }
    }
    pub fn note_event(&mut self, _now: Time, _packet: &Arrived<'_>) {}
    pub fn pull(&mut self, _now: Time, pcm: &mut [i16]) -> Pulled {
        self.drain(pcm).unwrap_or_else(|| {
            pcm.fill(0);
            Pulled { kind: Kind::Nothing }
        })
    }
    pub fn drain(&mut self, pcm: &mut [i16]) -> Option<Pulled> {
        if self.pcm.is_empty() {
            return None;
        }
        for s in pcm.iter_mut() {
            *s = self.pcm.pop_front().unwrap_or(0);
        }
        Some(Pulled { kind: Kind::Speech })
    }
    #[must_use]
    pub fn statistics(&self) -> PlayoutStatistics {
        PlayoutStatistics::default()
    }
}
