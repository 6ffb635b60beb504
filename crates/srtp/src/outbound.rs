//! The sending direction: packets are encrypted and signed in place, and no index is ever used twice.

use crate::header;
use crate::key::Mki;
use crate::provider::{DEFAULT_PROVIDER, Provider};
use crate::session_keys::{RtcpPlace, RtpPlace, SessionKeys};
use crate::state::{OutboundState, STATE_VERSION, StateError};
use crate::stream::{BadIndex, MAX_RTCP_INDEX, MAX_RTP_INDEX, Position, Streams};
use crate::{MasterKey, ProtectError, Suite};

/// Packets that one master key may protect [RFC3711 9.2].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyLifetime {
    /// RTP packets, at most 2^48.
    pub rtp: u64,
    /// RTCP packets, at most 2^31.
    pub rtcp: u64,
}

impl Default for KeyLifetime {
    /// All that the indexes allow.
    fn default() -> Self {
        Self { rtp: MAX_RTP_INDEX + 1, rtcp: u64::from(MAX_RTCP_INDEX) + 1 }
    }
}

/// What an [`Outbound`] may be told beside its key.
#[derive(Debug, Clone)]
pub struct OutboundOptions {
    /// SSRCs it may send; a further one is refused. At least 1.
    pub max_ssrcs: usize,
    /// The identifier put on every packet, where the key was agreed on with one.
    pub mki: Option<Mki>,
    /// Packets after which the key refuses to work.
    pub lifetime: KeyLifetime,
}

impl Default for OutboundOptions {
    fn default() -> Self {
        Self { max_ssrcs: 32, mki: None, lifetime: KeyLifetime::default() }
    }
}

/// Protects what is sent under one master key: any number of SSRCs up to a limit, RTP and RTCP.
///
/// Unlike [`Inbound`](crate::Inbound) it never forgets an SSRC to make room, since that would start its packet
/// index again under the same key and give away the keystream.
pub struct Outbound {
    provider: &'static dyn Provider,
    master: MasterKey,
    keys: SessionKeys,
    streams: Streams,
    mki: Option<Mki>,
    lifetime: KeyLifetime,
    rtp_sent: u64,
    rtcp_sent: u64,
}

impl Outbound {
    /// A direction with the default options and primitives.
    #[must_use]
    pub fn new(master: &MasterKey) -> Self {
        Self::with_options(master, OutboundOptions::default(), &DEFAULT_PROVIDER)
    }

    /// A direction with its own options and primitives.
    #[must_use]
    pub fn with_options(
        master: &MasterKey,
        options: OutboundOptions,
        provider: &'static dyn Provider,
    ) -> Self {
        Self {
            provider,
            keys: SessionKeys::derive(master, provider),
            master: master.clone(),
            streams: Streams::new(options.max_ssrcs),
            mki: options.mki,
            lifetime: options.lifetime,
            rtp_sent: 0,
            rtcp_sent: 0,
        }
    }

    /// Protects the RTP packet in `buffer[..len]` in place and returns its new length, which is
    /// [`Outbound::rtp_overhead`] more.
    ///
    /// # Errors
    /// [`ProtectError`]; the packet is then unchanged and must not be sent.
    pub fn protect_rtp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, ProtectError> {
        let header = buffer.get(..len).and_then(header::rtp).ok_or(ProtectError::Malformed { len })?;
        let need = len + self.rtp_overhead();
        let have = buffer.len();
        let out = buffer.get_mut(..need).ok_or(ProtectError::NoRoom { need, have })?;
        let known = self.streams.find(header.ssrc);
        if known.is_none() && self.streams.is_full() {
            return Err(ProtectError::TooManySsrcs { limit: self.streams.limit() });
        }
        let position = known.map_or(Position::Unseen, |stream| stream.rtp);
        // A number from before the stream's start has no index.
        let index = position.next(header.seq).ok_or(ProtectError::TooOld { index: 0 })?;
        position.check(index)?;
        if self.rtp_sent >= self.lifetime.rtp {
            return Err(ProtectError::KeyExhausted);
        }
        let sealed = len + self.suite().rtp_tag_len();
        let place = RtpPlace { ssrc: header.ssrc, index, header_len: header.len };
        self.keys.seal_rtp(out.get_mut(..sealed).unwrap_or_default(), place);
        if let Some(mki) = &self.mki {
            mki.insert(out, self.keys.rtp_behind_mki());
        }
        self.streams.touch(header.ssrc).rtp.accept(index);
        self.rtp_sent += 1;
        Ok(need)
    }

    /// Protects the compound RTCP packet in `buffer[..len]` in place and returns its new length, which is
    /// [`Outbound::rtcp_overhead`] more.
    ///
    /// # Errors
    /// [`ProtectError`]; the packet is then unchanged and must not be sent.
    pub fn protect_rtcp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, ProtectError> {
        let ssrc = buffer.get(..len).and_then(header::rtcp_ssrc).ok_or(ProtectError::Malformed { len })?;
        let need = len + self.rtcp_overhead();
        let have = buffer.len();
        let out = buffer.get_mut(..need).ok_or(ProtectError::NoRoom { need, have })?;
        let known = self.streams.find(ssrc);
        if known.is_none() && self.streams.is_full() {
            return Err(ProtectError::TooManySsrcs { limit: self.streams.limit() });
        }
        let index = match known.and_then(|stream| stream.rtcp) {
            Some(window) => window.highest() + 1,
            None => 0,
        };
        let index = u32::try_from(index).ok().filter(|&index| index <= MAX_RTCP_INDEX);
        let index =
            index.filter(|_| self.rtcp_sent < self.lifetime.rtcp).ok_or(ProtectError::KeyExhausted)?;
        let sealed = len + self.suite().rtcp_overhead();
        let place = RtcpPlace { ssrc, index, encrypted: true };
        self.keys.seal_rtcp(out.get_mut(..sealed).unwrap_or_default(), place);
        if let Some(mki) = &self.mki {
            mki.insert(out, self.keys.rtcp_behind_mki());
        }
        self.streams.touch(ssrc).accept_rtcp(index);
        self.rtcp_sent += 1;
        Ok(need)
    }

    /// Changes to a new key at once. Roll-over counters and SRTCP indexes go on [RFC3711 3.3.1, 3.2.1], and an
    /// index sent under the old key is not sent again, so that a return to it does no harm; a peer that is
    /// known to begin again at 0 is met with [`Outbound::seed_roc`]. The same key again changes nothing.
    pub fn rekey(&mut self, master: &MasterKey) {
        if *master == self.master {
            return;
        }
        self.keys = SessionKeys::derive(master, self.provider);
        self.master = master.clone();
        self.rtp_sent = 0;
        self.rtcp_sent = 0;
    }

    /// Tells the roll-over counter that the next RTP packet of `ssrc` has. Only for an SSRC that has sent no RTP,
    /// or while a new key has protected none at all; true where it took effect.
    pub fn seed_roc(&mut self, ssrc: u32, roc: u32) -> bool {
        let known = self.streams.find(ssrc);
        let running =
            self.rtp_sent > 0 && known.is_some_and(|stream| matches!(stream.rtp, Position::Running(_)));
        if running || (known.is_none() && self.streams.is_full()) {
            return false;
        }
        self.streams.touch(ssrc).rtp = Position::Seeded { roc };
        true
    }

    /// Where every SSRC stands, to be restored elsewhere under the same key. Holds no key.
    #[must_use]
    pub fn export_state(&self) -> OutboundState {
        OutboundState {
            version: STATE_VERSION,
            suite: self.suite(),
            ssrcs: self.streams.export(),
            rtp_sent: self.rtp_sent,
            rtcp_sent: self.rtcp_sent,
        }
    }

    /// The key, to be saved with [`Outbound::export_state`].
    #[must_use]
    pub fn danger_key(&self) -> &MasterKey {
        &self.master
    }

    /// Takes over where another left off. Replaces whatever this direction knew.
    ///
    /// # Errors
    /// [`StateError`] where the state is of another version or suite, or holds more SSRCs than the limit.
    pub fn restore_state(&mut self, state: &OutboundState) -> Result<(), StateError> {
        self.streams = state.streams(self.suite(), self.streams.limit())?;
        self.rtp_sent = state.rtp_sent;
        self.rtcp_sent = state.rtcp_sent;
        Ok(())
    }

    /// The suite of the key in use.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.keys.suite
    }

    /// Bytes that [`Outbound::protect_rtp`] appends.
    #[must_use]
    pub fn rtp_overhead(&self) -> usize {
        self.suite().rtp_tag_len() + self.mki.as_ref().map_or(0, Mki::len)
    }

    /// Bytes that [`Outbound::protect_rtcp`] appends.
    #[must_use]
    pub fn rtcp_overhead(&self) -> usize {
        self.suite().rtcp_overhead() + self.mki.as_ref().map_or(0, Mki::len)
    }
}

impl From<BadIndex> for ProtectError {
    fn from(bad: BadIndex) -> Self {
        match bad {
            BadIndex::Replayed(index) => Self::IndexReused { index },
            BadIndex::TooOld(index) => Self::TooOld { index },
            BadIndex::Exhausted => Self::KeyExhausted,
        }
    }
}

impl std::fmt::Debug for Outbound {
    /// Shows the suite and the SSRC states, no key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbound")
            .field("suite", &self.suite())
            .field("streams", &self.streams)
            .finish_non_exhaustive()
    }
}
