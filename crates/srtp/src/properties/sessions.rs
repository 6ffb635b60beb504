//! Our sender to our receiver through everything a call does: several SSRCs, loss, reordering, forgery, new
//! keys, takeover by another machine.

use std::collections::{HashMap, HashSet};

use super::script::{Fate, Script, key};
use crate::provider::DEFAULT_PROVIDER;
use crate::{Inbound, InboundOptions, Mki, Outbound, OutboundOptions, REPLAY_WINDOW, Suite, UnprotectError};

const SSRCS: u8 = 3;

/// What a replay window is for: a key, an SSRC, and RTP or RTCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Stream {
    key: u8,
    ssrc: u32,
    control: bool,
}

/// A packet on its way, with what it is.
struct Sent {
    bytes: Vec<u8>,
    plain: Vec<u8>,
    stream: Stream,
    /// Counts on where the sequence number wraps.
    index: u64,
}

struct Call {
    suite: Suite,
    sender: Outbound,
    receiver: Inbound,
    options: (OutboundOptions, InboundOptions),
    key: u8,
    /// The next index of every SSRC, for RTP and RTCP.
    next: HashMap<(u32, bool), u64>,
    accepted: HashMap<Stream, HashSet<u64>>,
}

impl Call {
    fn new(suite: Suite, mki: Option<Mki>) -> Option<Self> {
        let master = key(suite, 0)?;
        let sending = OutboundOptions { mki: mki.clone(), ..OutboundOptions::default() };
        let receiving = InboundOptions { mki, old_key_packets: 16, ..InboundOptions::default() };
        Some(Self {
            suite,
            sender: Outbound::with_options(&master, sending.clone(), &DEFAULT_PROVIDER),
            receiver: Inbound::new(&master, receiving.clone()),
            options: (sending, receiving),
            key: 0,
            next: HashMap::new(),
            accepted: HashMap::new(),
        })
    }

    /// New keys: the receiver knows them first, then the sender changes over.
    fn rekey(&mut self) {
        let Some(master) = key(self.suite, self.key.wrapping_add(1)) else { return };
        self.key = self.key.wrapping_add(1);
        self.receiver.rekey(&master);
        self.sender.rekey(&master);
    }

    /// An offer of new keys that comes to nothing: the receiver learns them and is told the old ones again.
    fn rekey_in_vain(&mut self) {
        let (Some(other), Some(master)) = (key(self.suite, !self.key), key(self.suite, self.key)) else {
            return;
        };
        self.receiver.rekey(&other);
        if self.key.is_multiple_of(2) {
            self.receiver.rekey(&master);
        }
    }

    /// Both ends are built anew from their exported state, of which an old key is no part.
    fn take_over(&mut self) {
        let Some(master) = key(self.suite, self.key) else { return };
        let mut sender = Outbound::with_options(&master, self.options.0.clone(), &DEFAULT_PROVIDER);
        let mut receiver = Inbound::new(&master, self.options.1.clone());
        assert_eq!(sender.restore_state(&self.sender.export_state()), Ok(()));
        assert_eq!(receiver.restore_state(&self.receiver.export_state()), Ok(()));
        (self.sender, self.receiver) = (sender, receiver);
    }

    fn send(&mut self, script: &mut Script<'_>, ssrc: u32, control: bool, start: u16) -> Option<Sent> {
        let stream = Stream { key: self.key, ssrc, control };
        let first = if control { 0 } else { u64::from(start) };
        let index = *self.next.entry((ssrc, control)).or_insert(first);
        let step = script.byte();
        let step = if control || step < 200 { 1 } else { u64::from(step % 64) + 1 };
        self.next.insert((ssrc, control), index + step);
        let plain = match control {
            true => script.rtcp(ssrc),
            false => script.rtp(ssrc, u16::try_from(index & 0xffff).ok()?),
        };
        let mut bytes = [plain.as_slice(), &[0xee; 40]].concat();
        let len = match control {
            true => self.sender.protect_rtcp(&mut bytes, plain.len()),
            false => self.sender.protect_rtp(&mut bytes, plain.len()),
        };
        assert!(len.is_ok(), "a packet in order was not protected: {len:?}");
        bytes.truncate(len.ok()?);
        Some(Sent { bytes, plain, stream, index })
    }

    fn deliver(&mut self, sent: &Sent) {
        let result = self.open(&sent.bytes, sent.stream.control);
        let accepted = self.accepted.entry(sent.stream).or_default();
        match result {
            Ok(plain) => {
                assert_eq!(plain, sent.plain);
                assert!(accepted.insert(sent.index), "index {} was accepted twice", sent.index);
            }
            Err(UnprotectError::Replayed { .. }) => {
                assert!(accepted.contains(&sent.index), "new index {} counts as a replay", sent.index);
            }
            Err(UnprotectError::TooOld { .. }) => {
                let highest = accepted.iter().max();
                assert!(highest.is_some_and(|highest| sent.index + REPLAY_WINDOW <= *highest));
            }
            // The key it was sent under may have gone.
            Err(refusal) => {
                assert_ne!(sent.stream.key, self.key, "index {} was refused: {refusal}", sent.index);
            }
        }
    }

    fn deliver_spoilt(&mut self, packet: &[u8], control: bool) {
        let before = self.receiver.export_state();
        assert!(self.open(packet, control).is_err(), "a packet that nobody protected was accepted");
        assert_eq!(self.receiver.export_state(), before, "a refused packet changed the state");
    }

    fn open(&mut self, packet: &[u8], control: bool) -> Result<Vec<u8>, UnprotectError> {
        let mut packet = packet.to_vec();
        match control {
            true => self.receiver.unprotect_rtcp(&mut packet).map(|plain| plain.bytes().to_vec()),
            false => self.receiver.unprotect_rtp(&mut packet).map(|plain| plain.bytes().to_vec()),
        }
    }
}

/// What is protected comes back the same, exactly once; nothing else comes back; a refusal leaves no trace.
///
/// Input: suite, length of the MKI, first sequence number, then per packet its kind with its SSRC, its fate, its
/// step in sequence numbers, its header.
pub fn protect_then_unprotect(data: &[u8]) {
    let mut script = Script::new(data);
    let suite = script.suite();
    let mki_len = usize::from(script.byte() % 8);
    let mki = Mki::new([7, 6, 5, 4, 3, 2, 1].get(..mki_len).unwrap_or_default()).ok();
    let Some(mut call) = Call::new(suite, mki) else { return };
    let start = script.word();
    let mut late: Option<Sent> = None;
    while script.has_more() {
        let kind = script.byte();
        match kind {
            250.. => call.rekey(),
            245..250 => call.take_over(),
            240..245 => call.rekey_in_vain(),
            _ => {}
        }
        let (ssrc, control) = (u32::from(kind % SSRCS), kind % 8 == 7);
        let fate = script.fate();
        let Some(sent) = call.send(&mut script, ssrc, control, start) else { continue };
        if let Some(spoilt) = script.spoil(fate, &sent.bytes) {
            call.deliver_spoilt(&spoilt, control);
        }
        match fate {
            Fate::Lost => continue,
            Fate::Late => {
                late = Some(sent);
                continue;
            }
            Fate::Doubled => call.deliver(&sent),
            _ => {}
        }
        call.deliver(&sent);
        if let Some(sent) = late.take() {
            call.deliver(&sent);
        }
    }
}
