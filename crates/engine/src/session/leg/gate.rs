//! What becomes of a source's media on its way to a leg: it is forwarded, replaced by silence, or dropped. Whatever is chosen,
//! the stream sent keeps its SSRC, its numbers have no gap, and its timestamps follow the clock.
//!
//! Forwarded G.711 is replaced in place, comfort noise told to be silent; every other codec takes the media path meanwhile,
//! where the encoder is given silence.

use std::net::SocketAddr;

use mediapoint_g711::{Law, decode, encode};
use mediapoint_packet::{PacketBuf, Time};

use crate::api::leg::MediaPolicy;
use crate::session::leg::rewriter::Input;
use crate::session::leg::sender::{ForwardedTail, Sender, TAIL, Unsent};
use crate::session::leg::transport::RtpMeta;
use crate::session::payload_map::Conversion;

/// The level of comfort noise that is silence, in dB below overload [RFC3389 3.1].
const SILENT_LEVEL: u8 = 127;

/// What the first packet of media is to be after a time without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Resume {
    /// Media has gone on.
    #[default]
    None,
    /// Silence was sent: the first packet is faded in.
    FadeIn,
    /// Nothing was sent: the first packet begins a talkspurt [RFC3551 4.1].
    Marked,
}

/// The policy of what a leg is sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Gate {
    policy: MediaPolicy,
    resume: Resume,
    /// The encoder was given silence last.
    silent: bool,
}

impl Gate {
    pub(crate) const fn policy(&self) -> MediaPolicy {
        self.policy
    }

    /// True where media is forwarded as it is.
    pub(crate) const fn is_open(&self) -> bool {
        matches!((self.policy, self.resume), (MediaPolicy::Forward, Resume::None))
    }

    pub(crate) const fn blocks(&self) -> bool {
        matches!(self.policy, MediaPolicy::Block)
    }

    /// True where audio is encoded as it is, as before.
    pub(crate) const fn passes(&self) -> bool {
        matches!(self.policy, MediaPolicy::Forward) && !self.silent
    }

    /// Whether the encoder is to be given silence, and whether that is another signal than before.
    pub(crate) fn encode_silence(&mut self) -> (bool, bool) {
        let silent = self.policy == MediaPolicy::Silence;
        (silent, std::mem::replace(&mut self.silent, silent) != silent)
    }
}

impl Sender {
    /// Sets what becomes of the media that comes to the leg.
    pub(crate) fn set_policy(&mut self, policy: MediaPolicy) {
        let before = std::mem::replace(&mut self.gate.policy, policy);
        match (before, policy) {
            (MediaPolicy::Block, MediaPolicy::Forward | MediaPolicy::Silence) => {
                self.gate.resume = Resume::Marked;
            }
            (MediaPolicy::Silence, MediaPolicy::Forward) => self.gate.resume = Resume::FadeIn,
            _ => {}
        }
        self.settle_open();
    }

    pub(super) fn settle_open(&mut self) {
        self.open = self.allowed && self.gate.is_open();
    }

    /// As [`Sender::rewrite`], where the direction or the policy does not let the packet pass as it is.
    #[cold]
    #[inline(never)]
    pub(crate) fn rewrite_gated(
        &mut self,
        now: Time,
        to: Option<SocketAddr>,
        (input, meta): (&Input, &RtpMeta),
        packet: &mut PacketBuf,
    ) -> Result<SocketAddr, Unsent> {
        if !self.allowed {
            return Err(Unsent::OnHold);
        }
        let to = to.ok_or(Unsent::NoDestination)?;
        if input.event {
            return self.rewrite(now, input, meta, packet).map(|()| to);
        }
        let silences = self.gate.policy == MediaPolicy::Silence;
        // A codec that is not known has no silence.
        if self.gate.blocks() || (silences && self.map.find(meta.payload_type).is_none()) {
            self.rewriter.skip(input);
            return Err(Unsent::Blocked);
        }
        let resume = self.gate.resume;
        let input = &Input { marker: input.marker || resume == Resume::Marked, ..*input };
        let before = self.tail;
        self.rewrite(now, input, meta, packet)?;
        let rule = self.map.find(meta.payload_type);
        let forwarded = rule.filter(|rule| rule.conversion_of(meta.payload.len()) != Conversion::Transcode);
        let payload = packet.bytes_mut().get_mut(meta.payload.clone()).unwrap_or_default();
        match forwarded.and_then(|rule| rule.law) {
            Some(law) if silences => {
                let last = before.map_or(0, |tail| tail.last_sample());
                silence(law, if resume == Resume::None { last } else { 0 }, payload);
                self.tail = payload.last_chunk().map(|octets| ForwardedTail { law, octets: *octets });
            }
            Some(law) if resume == Resume::FadeIn => fade_in(law, payload),
            None if silences => payload.iter_mut().take(1).for_each(|level| *level = SILENT_LEVEL),
            _ => {}
        }
        self.gate.resume = Resume::None;
        self.settle_open();
        Ok(to)
    }
}

/// Silence, to which what was sent before falls within 5 ms, so that nothing clicks.
fn silence(law: Law, last: i16, payload: &mut [u8]) {
    let mut left = i32::try_from(TAIL).unwrap_or(0);
    let steps = left;
    for octet in payload {
        left = (left - 1).max(0);
        *octet = encode(law, narrowed(i32::from(last) * left / steps));
    }
}

/// What is sent rises from silence within 5 ms.
fn fade_in(law: Law, payload: &mut [u8]) {
    let steps = i32::try_from(TAIL).unwrap_or(1);
    for (octet, step) in payload.iter_mut().zip(0..steps) {
        *octet = encode(law, narrowed(i32::from(decode(law, *octet)) * step / steps));
    }
}

fn narrowed(sample: i32) -> i16 {
    i16::try_from(sample).unwrap_or(0)
}
