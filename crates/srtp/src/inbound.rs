//! The receiving direction: packets are proved and decrypted in place, and nothing is remembered of one that
//! was not proved.

use crate::epoch::Epoch;
use crate::key::Mki;
use crate::provider::{DEFAULT_PROVIDER, Provider};
use crate::state::{InboundState, STATE_VERSION, StateError};
use crate::stream::{BadIndex, Position};
use crate::{AuthenticRtcp, AuthenticRtp, MasterKey, Suite, UnprotectError};

/// What an [`Inbound`] may be told beside its key.
#[derive(Debug, Clone)]
pub struct InboundOptions {
    /// SSRCs it keeps state of, at least 1. A further one that proves authentic replaces the one that was
    /// least recently authenticated.
    pub max_ssrcs: usize,
    /// The identifier that every packet carries, where the key was agreed on with one.
    pub mki: Option<Mki>,
    /// After a change of keys: packets accepted under either key, counted from the first under the new one,
    /// for which the old key still works.
    pub old_key_packets: u16,
    /// Accept SRTCP packets that are signed but not encrypted (E bit 0).
    pub danger_accept_unencrypted_rtcp: bool,
}

impl Default for InboundOptions {
    fn default() -> Self {
        Self { max_ssrcs: 32, mki: None, old_key_packets: 128, danger_accept_unencrypted_rtcp: false }
    }
}

/// Unprotects what is received under one master key: any number of SSRCs, RTP and RTCP.
///
/// State of an SSRC is made when a packet of it has proved authentic; the third SSRC and, now and then, a later
/// one allocate for it, and nothing else does. Of one that gave way to others the highest indexes are kept: should it come
/// back, none of its old packets is accepted again. The last 1,024 of those are kept.
pub struct Inbound {
    provider: &'static dyn Provider,
    current: Epoch,
    /// Keys before the current one that may still be in use, newest first; nearly always none.
    older: Vec<OldKey>,
    old_key_packets: u16,
    accept_unencrypted_rtcp: bool,
}

/// Keys before the current one that are kept: one in use, and offers that nothing has come under.
const MAX_OLD_KEYS: usize = 3;

/// A key before the current one.
struct OldKey {
    epoch: Epoch,
    /// Packets until it goes; `None` while nothing has come under a newer key.
    packets_left: Option<u16>,
}

/// A packet that was opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opened {
    /// Bytes of the plain packet.
    pub(crate) len: usize,
    pub(crate) ssrc: u32,
    /// The RTP packet index; `None` for RTCP, of which nothing needs to be told on.
    pub(crate) index: Option<u64>,
}

impl Inbound {
    /// A direction with the default primitives.
    #[must_use]
    pub fn new(master: &MasterKey, options: InboundOptions) -> Self {
        Self::with_provider(master, options, &DEFAULT_PROVIDER)
    }

    /// A direction with its own primitives.
    #[must_use]
    pub fn with_provider(
        master: &MasterKey,
        options: InboundOptions,
        provider: &'static dyn Provider,
    ) -> Self {
        Self {
            provider,
            current: Epoch::new(master, options.mki, options.max_ssrcs, provider),
            older: Vec::new(),
            old_key_packets: options.old_key_packets,
            accept_unencrypted_rtcp: options.danger_accept_unencrypted_rtcp,
        }
    }

    /// Proves and decrypts an RTP packet in place.
    ///
    /// # Errors
    /// [`UnprotectError`]. The session is then unchanged; the bytes of the packet are of no use any more.
    pub fn unprotect_rtp<'a>(&mut self, packet: &'a mut [u8]) -> Result<AuthenticRtp<'a>, UnprotectError> {
        let len = self.open(packet, Epoch::open_rtp)?;
        Ok(AuthenticRtp::proved(packet.get_mut(..len).unwrap_or_default()))
    }

    /// Proves and decrypts a compound RTCP packet in place.
    ///
    /// # Errors
    /// [`UnprotectError`]. The session is then unchanged; the bytes of the packet are of no use any more.
    pub fn unprotect_rtcp<'a>(&mut self, packet: &'a mut [u8]) -> Result<AuthenticRtcp<'a>, UnprotectError> {
        let accept = self.accept_unencrypted_rtcp;
        let len = self.open(packet, |epoch, packet, more| epoch.open_rtcp(packet, accept, more))?;
        Ok(AuthenticRtcp::proved(packet.get_mut(..len).unwrap_or_default()))
    }

    /// Tries the current key, then the older ones. `open` is told whether the packet is needed again after a
    /// failure.
    fn open(
        &mut self,
        packet: &mut [u8],
        open: impl Fn(&mut Epoch, &mut [u8], bool) -> Result<Opened, UnprotectError>,
    ) -> Result<usize, UnprotectError> {
        if self.older.is_empty() {
            return open(&mut self.current, packet, false).map(|opened| opened.len);
        }
        let mut refusal = match open(&mut self.current, packet, true) {
            Ok(opened) => {
                self.count_down(0);
                return Ok(opened.len);
            }
            Err(refusal) => refusal,
        };
        let last = self.older.len() - 1;
        for at in 0..=last {
            let Some((old, newer)) = self.older.get_mut(..=at).and_then(<[_]>::split_last_mut) else { break };
            match open(&mut old.epoch, packet, at < last) {
                Ok(opened) => {
                    // The peer has not changed over yet: newer keys must know where its index stands.
                    let newer = newer.iter_mut().map(|old| &mut old.epoch).chain([&mut self.current]);
                    newer.for_each(|epoch| epoch.carry_on(opened));
                    self.count_down(at + 1);
                    return Ok(opened.len);
                }
                // Of several refusals the one that knows most is told.
                Err(other) => {
                    if matches!(refusal, UnprotectError::NotAuthentic | UnprotectError::UnknownMki) {
                        refusal = other;
                    }
                }
            }
        }
        Err(refusal)
    }

    /// A packet has come under the key before `older[first_older]`: from there on keys are on their way out.
    #[cold]
    fn count_down(&mut self, first_older: usize) {
        let limit = self.old_key_packets;
        for old in self.older.iter_mut().skip(first_older) {
            old.packets_left.get_or_insert(limit);
        }
        for packets_left in self.older.iter_mut().filter_map(|old| old.packets_left.as_mut()) {
            *packets_left = packets_left.saturating_sub(1);
        }
        self.older.retain(|old| old.packets_left != Some(0));
    }

    /// Makes a new key the current one. It is tried first from now on; the one before goes on working until a
    /// packet has come under a newer one and [`InboundOptions::old_key_packets`] have passed from then on, or
    /// until [`Inbound::retire_old`]. Roll-over counters are carried over; a peer that begins again at 0 is
    /// understood too. The same key again changes nothing, and a return to a key that still works is a return
    /// to its state.
    ///
    /// A key may be offered and never be used, so that up to three older keys are kept.
    pub fn rekey(&mut self, master: &MasterKey) {
        let mki = self.current.mki.clone();
        self.rekey_with_mki(master, mki);
    }

    /// As [`Inbound::rekey`], where the new key has its own identifier, or none.
    pub fn rekey_with_mki(&mut self, master: &MasterKey, mki: Option<Mki>) {
        if self.current.is_of(master, mki.as_ref()) {
            return;
        }
        let known = self.older.iter().position(|old| old.epoch.is_of(master, mki.as_ref()));
        let next = match known {
            Some(at) => self.older.remove(at).epoch,
            None => self.current.next(master, mki, self.provider),
        };
        let epoch = std::mem::replace(&mut self.current, next);
        self.older.insert(0, OldKey { epoch, packets_left: None });
        if self.older.len() > MAX_OLD_KEYS {
            // The oldest on its way out, else the oldest offer that nothing came under: later ones have
            // superseded it.
            let leaving = self.older.iter().rposition(|old| old.packets_left.is_some());
            let unused = || self.older.iter().rposition(|old| old.epoch.is_unused());
            self.older.remove(leaving.or_else(unused).unwrap_or(MAX_OLD_KEYS));
        }
    }

    /// Ends a change of keys: from now on only the current key works.
    pub fn retire_old(&mut self) {
        self.older.clear();
    }

    /// True while an old key still works beside the current one.
    #[must_use]
    pub fn is_rekeying(&self) -> bool {
        !self.older.is_empty()
    }

    /// Tells the roll-over counter that the next RTP packet of `ssrc` has. Only for an SSRC of which nothing
    /// was accepted under the current key; true where it took effect.
    pub fn seed_roc(&mut self, ssrc: u32, roc: u32) -> bool {
        let streams = &mut self.current.streams;
        if streams.find(ssrc).is_some_and(|stream| matches!(stream.rtp, Position::Running(_))) {
            return false;
        }
        streams.touch(ssrc).rtp = Position::Seeded { roc };
        true
    }

    /// Where every SSRC stands, to be restored elsewhere under the same key. Holds no key.
    #[must_use]
    pub fn export_state(&self) -> InboundState {
        InboundState { version: STATE_VERSION, suite: self.suite(), ssrcs: self.current.streams.export() }
    }

    /// Takes over where another left off. Replaces whatever this direction knew under the current key.
    ///
    /// # Errors
    /// [`StateError`] where the state is of another version or suite, or holds more SSRCs than the limit.
    pub fn restore_state(&mut self, state: &InboundState) -> Result<(), StateError> {
        self.current.streams = state.streams(self.suite(), self.current.streams.limit())?;
        Ok(())
    }

    /// The suite of the current key.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.current.suite()
    }

    /// The current key, to be saved with [`Inbound::export_state`]; and its identifier, where it has one.
    #[must_use]
    pub fn danger_key(&self) -> (&MasterKey, Option<&Mki>) {
        (self.current.master(), self.current.mki.as_ref())
    }
}

impl From<BadIndex> for UnprotectError {
    fn from(bad: BadIndex) -> Self {
        match bad {
            BadIndex::Replayed(index) => Self::Replayed { index },
            BadIndex::TooOld(index) => Self::TooOld { index },
            BadIndex::Exhausted => Self::KeyExhausted,
        }
    }
}

impl std::fmt::Debug for Inbound {
    /// Shows the suite and the SSRC states, no key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbound")
            .field("suite", &self.suite())
            .field("streams", &self.current.streams)
            .field("rekeying", &self.is_rekeying())
            .finish_non_exhaustive()
    }
}
