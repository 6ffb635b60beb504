//! What another machine needs, beside the keys, to go on with a session: plain, versioned values.

use crate::Suite;
use crate::stream::{MAX_RTCP_INDEX, Position, Stream, Streams};
use crate::window::ReplayWindow;

/// The version of the state types that this crate writes and reads.
pub const STATE_VERSION: u16 = 1;

/// The state of an [`Inbound`](crate::Inbound). During a change of keys it is that of the newer key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct InboundState {
    /// [`STATE_VERSION`].
    pub version: u16,
    /// The suite the indexes belong to.
    pub suite: Suite,
    /// Each SSRC, the most recently authenticated first.
    pub ssrcs: Vec<SsrcState>,
}

/// The state of an [`Outbound`](crate::Outbound).
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct OutboundState {
    /// [`STATE_VERSION`].
    pub version: u16,
    /// The suite the indexes belong to.
    pub suite: Suite,
    /// Each SSRC, the most recently used first.
    pub ssrcs: Vec<SsrcState>,
    /// RTP packets sent under the key.
    pub rtp_sent: u64,
    /// RTCP packets sent under the key.
    pub rtcp_sent: u64,
}

/// One SSRC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SsrcState {
    /// The SSRC.
    pub ssrc: u32,
    /// Where its RTP stands.
    pub rtp: RtpState,
    /// Where its RTCP stands; `None` before the first packet.
    pub rtcp: Option<RtcpState>,
}

/// Where the RTP of an SSRC stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum RtpState {
    /// No packet, and nothing told.
    Unseen,
    /// No packet, but the roll-over counter was told.
    Seeded {
        /// The roll-over counter.
        roc: u32,
    },
    /// No packet under this key; where the key before it ended.
    Inherited {
        /// The roll-over counter.
        roc: u32,
        /// The highest sequence number.
        highest_seq: u16,
    },
    /// Packets were accepted.
    Running {
        /// The roll-over counter.
        roc: u32,
        /// The highest sequence number.
        highest_seq: u16,
        /// Bit n stands for the packet n before the highest.
        #[cfg_attr(feature = "serde", serde(with = "halves"))]
        replay: u128,
    },
}

/// Where the RTCP of an SSRC stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RtcpState {
    /// The highest SRTCP index, 31 bits.
    pub highest_index: u32,
    /// Bit n stands for the packet n before the highest.
    #[cfg_attr(feature = "serde", serde(with = "halves"))]
    pub replay: u128,
}

/// Why a state was not restored. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// Written by another version.
    #[error("state has version {have}, this is version {STATE_VERSION}")]
    Version {
        /// The version found.
        have: u16,
    },
    /// The state belongs to a key of another suite.
    #[error("state is for {have}, the key for {need}")]
    Suite {
        /// The suite found.
        have: Suite,
        /// The suite of the key.
        need: Suite,
    },
    /// More SSRCs than the limit, which would lose some.
    #[error("state has {have} ssrcs, the limit is {limit}")]
    TooManySsrcs {
        /// SSRCs found.
        have: usize,
        /// The limit given to the constructor.
        limit: usize,
    },
    /// The same SSRC twice, or an SRTCP index over 31 bits.
    #[error("state of ssrc {ssrc:#010x} is not valid")]
    Invalid {
        /// The SSRC.
        ssrc: u32,
    },
}

impl InboundState {
    pub(crate) fn streams(&self, suite: Suite, limit: usize) -> Result<Streams, StateError> {
        restore(self.version, self.suite, &self.ssrcs, suite, limit)
    }
}

impl OutboundState {
    pub(crate) fn streams(&self, suite: Suite, limit: usize) -> Result<Streams, StateError> {
        restore(self.version, self.suite, &self.ssrcs, suite, limit)
    }
}

fn restore(
    version: u16,
    have: Suite,
    ssrcs: &[SsrcState],
    need: Suite,
    limit: usize,
) -> Result<Streams, StateError> {
    if version != STATE_VERSION {
        return Err(StateError::Version { have: version });
    }
    if have != need {
        return Err(StateError::Suite { have, need });
    }
    if ssrcs.len() > limit {
        return Err(StateError::TooManySsrcs { have: ssrcs.len(), limit });
    }
    let mut streams = Streams::new(limit);
    for saved in ssrcs.iter().rev() {
        let too_high = saved.rtcp.is_some_and(|rtcp| rtcp.highest_index > MAX_RTCP_INDEX);
        if too_high || streams.find(saved.ssrc).is_some() {
            return Err(StateError::Invalid { ssrc: saved.ssrc });
        }
        *streams.touch(saved.ssrc) = saved.stream();
    }
    Ok(streams)
}

impl Streams {
    pub(crate) fn export(&self) -> Vec<SsrcState> {
        self.iter().map(Stream::export).collect()
    }
}

impl SsrcState {
    fn stream(&self) -> Stream {
        Stream {
            ssrc: self.ssrc,
            rtp: match self.rtp {
                RtpState::Unseen => Position::Unseen,
                RtpState::Seeded { roc } => Position::Seeded { roc },
                RtpState::Inherited { roc, highest_seq } => {
                    Position::Inherited { highest: join(roc, highest_seq) }
                }
                RtpState::Running { roc, highest_seq, replay } => {
                    Position::Running(ReplayWindow::restored(join(roc, highest_seq), replay))
                }
            },
            rtcp: self.rtcp.map(|rtcp| ReplayWindow::restored(rtcp.highest_index.into(), rtcp.replay)),
        }
    }
}

impl Stream {
    #[expect(clippy::cast_possible_truncation, reason = "an SRTCP index has 31 bits")]
    fn export(&self) -> SsrcState {
        SsrcState {
            ssrc: self.ssrc,
            rtp: match self.rtp {
                Position::Unseen => RtpState::Unseen,
                Position::Seeded { roc } => RtpState::Seeded { roc },
                Position::Inherited { highest } => {
                    let (roc, highest_seq) = split(highest);
                    RtpState::Inherited { roc, highest_seq }
                }
                Position::Running(window) => {
                    let (roc, highest_seq) = split(window.highest());
                    RtpState::Running { roc, highest_seq, replay: window.seen() }
                }
            },
            rtcp: self
                .rtcp
                .map(|window| RtcpState { highest_index: window.highest() as u32, replay: window.seen() }),
        }
    }
}

fn join(roc: u32, seq: u16) -> u64 {
    u64::from(roc) << 16 | u64::from(seq)
}

#[expect(clippy::cast_possible_truncation, reason = "an index has 32 + 16 bits")]
fn split(index: u64) -> (u32, u16) {
    ((index >> 16) as u32, index as u16)
}

/// A window as two numbers, the high half first: not every format has numbers of 128 bits.
#[cfg(feature = "serde")]
mod halves {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    #[expect(clippy::cast_possible_truncation, reason = "the two halves are cut apart on purpose")]
    pub(super) fn serialize<S: Serializer>(window: &u128, to: S) -> Result<S::Ok, S::Error> {
        [(window >> 64) as u64, *window as u64].serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u128, D::Error> {
        let [high, low] = <[u64; 2]>::deserialize(from)?;
        Ok(u128::from(high) << 64 | u128::from(low))
    }
}
