//! The receiving side under one master key: its session keys and what it accepted. A change of keys is a new
//! epoch beside the old one.

use crate::header;
use crate::inbound::Opened;
use crate::key::Mki;
use crate::provider::Provider;
use crate::session_keys::{RTCP_CLEAR, RtcpPlace, RtpPlace, SessionKeys};
use crate::stream::{Position, Streams};
use crate::suite::RTCP_INDEX_WORD;
use crate::{MasterKey, Suite, UnprotectError};

/// Bytes of a packet that can be tried with several keys where a failure destroys it. More than any packet of
/// a path with Ethernet's frame size; a longer one is tried with the first key only.
const SECOND_TRY: usize = 2048;

/// One key and its streams.
pub(crate) struct Epoch {
    master: MasterKey,
    keys: SessionKeys,
    pub(crate) mki: Option<Mki>,
    pub(crate) streams: Streams,
}

impl Epoch {
    pub(crate) fn new(
        master: &MasterKey,
        mki: Option<Mki>,
        max_ssrcs: usize,
        provider: &dyn Provider,
    ) -> Self {
        let keys = SessionKeys::derive(master, provider);
        Self { master: master.clone(), keys, mki, streams: Streams::new(max_ssrcs) }
    }

    /// The epoch of the next key.
    pub(crate) fn next(&self, master: &MasterKey, mki: Option<Mki>, provider: &dyn Provider) -> Self {
        let keys = SessionKeys::derive(master, provider);
        Self { master: master.clone(), keys, mki, streams: self.streams.inherit() }
    }

    pub(crate) fn is_of(&self, master: &MasterKey, mki: Option<&Mki>) -> bool {
        self.master == *master && self.mki.as_ref() == mki
    }

    pub(crate) fn suite(&self) -> Suite {
        self.keys.suite
    }

    pub(crate) fn master(&self) -> &MasterKey {
        &self.master
    }

    /// True where nothing has come under this key.
    pub(crate) fn is_unused(&self) -> bool {
        self.streams.iter().all(|stream| !matches!(stream.rtp, Position::Running(_)) && stream.rtcp.is_none())
    }

    /// Learns where the index of a stream stands that goes on under an older key.
    pub(crate) fn carry_on(&mut self, opened: Opened) {
        let Opened { ssrc, index: Some(index), .. } = opened else { return };
        let known = self.streams.find(ssrc).map(|stream| stream.rtp);
        match known {
            Some(Position::Running(_) | Position::Seeded { .. }) => {}
            Some(Position::Inherited { highest }) if highest >= index => {}
            _ => self.streams.touch(ssrc).rtp = Position::Inherited { highest: index },
        }
    }

    /// Opens an RTP packet. With `needed_again` a refused packet is
    /// left as it was.
    pub(crate) fn open_rtp(
        &mut self,
        packet: &mut [u8],
        needed_again: bool,
    ) -> Result<Opened, UnprotectError> {
        let len = packet.len();
        let header = header::rtp(packet).ok_or(UnprotectError::Malformed { len })?;
        let tag = self.suite().rtp_tag_len();
        let plain = self.plain_len(len, header.len, tag)?;
        let behind_mki = self.keys.rtp_behind_mki();
        self.check_mki(packet, behind_mki)?;
        let position = self.streams.state_of(header.ssrc).rtp;
        let guess = position.guess(header.seq);
        let first = guess.first.ok_or(UnprotectError::TooOld { index: 0 })?;
        let opened = |this: &Self, packet: &mut [u8], index: u64, needed_again: bool| {
            position.check(index)?;
            let place = RtpPlace { ssrc: header.ssrc, index, header_len: header.len };
            let keys = &this.keys;
            let open = |packet: &mut [u8]| keys.open_rtp(packet, place).is_ok();
            this.without_mki(packet, behind_mki, needed_again, open).map(|()| index)
        };
        let index = match (opened(self, packet, first, needed_again || guess.second.is_some()), guess.second)
        {
            (Err(UnprotectError::NotAuthentic), Some(second)) => opened(self, packet, second, needed_again)?,
            (result, _) => result?,
        };
        self.streams.touch(header.ssrc).rtp.accept(index);
        Ok(Opened { len: plain, ssrc: header.ssrc, index: Some(index) })
    }

    /// Opens a compound RTCP packet; otherwise as [`Epoch::open_rtp`].
    pub(crate) fn open_rtcp(
        &mut self,
        packet: &mut [u8],
        accept_unencrypted: bool,
        needed_again: bool,
    ) -> Result<Opened, UnprotectError> {
        let len = packet.len();
        let ssrc = header::rtcp_ssrc(packet).ok_or(UnprotectError::Malformed { len })?;
        let plain = self.plain_len(len, RTCP_CLEAR, self.suite().rtcp_overhead())?;
        let behind_mki = self.keys.rtcp_behind_mki();
        self.check_mki(packet, behind_mki)?;
        let mki_len = self.mki.as_ref().map_or(0, Mki::len);
        // In both layouts the index word is the last thing before the MKI.
        let word = len
            .checked_sub(behind_mki + mki_len + RTCP_INDEX_WORD)
            .and_then(|at| packet.get(at..)?.first_chunk())
            .ok_or(UnprotectError::TooShort { len })?;
        let place = RtcpPlace::from_word(ssrc, *word);
        self.streams.state_of(ssrc).check_rtcp(place.index)?;
        let keys = &self.keys;
        self.without_mki(packet, behind_mki, needed_again, |packet| keys.open_rtcp(packet, place).is_ok())?;
        if !place.encrypted && !accept_unencrypted {
            return Err(UnprotectError::Unencrypted);
        }
        self.streams.touch(ssrc).accept_rtcp(place.index);
        Ok(Opened { len: plain, ssrc, index: None })
    }

    /// The length without what protection put on, which leaves at least the header.
    fn plain_len(&self, len: usize, header: usize, overhead: usize) -> Result<usize, UnprotectError> {
        let overhead = overhead + self.mki.as_ref().map_or(0, Mki::len);
        len.checked_sub(overhead).filter(|&plain| plain >= header).ok_or(UnprotectError::TooShort { len })
    }

    /// A packet of another key is told before anything of its index, which means nothing here.
    fn check_mki(&self, packet: &[u8], behind: usize) -> Result<(), UnprotectError> {
        let known = self.mki.as_ref().is_none_or(|mki| mki.stands_in(packet, behind));
        if known { Ok(()) } else { Err(UnprotectError::UnknownMki) }
    }

    /// Runs `open` on the packet without its MKI, which has been checked. Where it fails and the packet is `needed_again`, restores
    /// every byte.
    fn without_mki(
        &self,
        packet: &mut [u8],
        behind: usize,
        needed_again: bool,
        open: impl Fn(&mut [u8]) -> bool,
    ) -> Result<(), UnprotectError> {
        let mki_len = match &self.mki {
            None => 0,
            Some(mki) => {
                mki.take_out(packet, behind);
                mki.len()
            }
        };
        let end = packet.len().saturating_sub(mki_len);
        let bare = packet.get_mut(..end).unwrap_or_default();
        let done = if needed_again && !self.keys.open_is_harmless() {
            open_restoring(bare, open)
        } else {
            open(bare)
        };
        if done {
            return Ok(());
        }
        if let Some(mki) = &self.mki {
            mki.put_back(packet, behind);
        }
        Err(UnprotectError::NotAuthentic)
    }
}

/// Opens a packet that a failure would destroy, and restores it then.
#[inline(never)]
fn open_restoring(packet: &mut [u8], open: impl Fn(&mut [u8]) -> bool) -> bool {
    let mut store = [0u8; SECOND_TRY];
    let Some(copy) = store.get_mut(..packet.len()) else { return open(packet) };
    copy.copy_from_slice(packet);
    let done = open(packet);
    if !done {
        packet.copy_from_slice(copy);
    }
    done
}
