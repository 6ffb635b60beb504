//! SRTP at a party. By default it is `webrtc-srtp`, so that a call between core and party is also an interoperability
//! test; the project's own crate where that cannot do what a test needs (roll-over counters carried over a rekey, suites
//! that it does not know).

use mediapoint_packet::PacketBuf;
use mediapoint_srtp::properties::oracle_profile;
use mediapoint_srtp::{Inbound, InboundOptions, MasterKey, Outbound};
use webrtc_srtp::context::Context;

/// Which implementation a party uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Library {
    /// The outside one.
    #[default]
    WebRtc,
    /// The project's own.
    Own,
}

/// What a party protects with.
pub struct Protector(Sealing);

enum Sealing {
    WebRtc(Box<Context>),
    Own(Box<Outbound>),
}

/// What a party unprotects with: the key now, and the one before it for what is still under way.
pub struct Unprotector {
    now: Opening,
    before: Option<Opening>,
}

enum Opening {
    WebRtc(Box<Context>),
    Own(Box<Inbound>),
}

impl Protector {
    /// Protects with `key`; `None` where the library refuses it.
    #[must_use]
    pub fn new(key: &MasterKey, library: Library) -> Option<Self> {
        Sealing::new(key, library).map(Self)
    }

    /// Changes the key: the outside library begins again, our own carries its counters on.
    pub fn rekey(&mut self, key: &MasterKey) {
        match &mut self.0 {
            Sealing::WebRtc(_) => {
                if let Some(new) = Sealing::new(key, Library::WebRtc) {
                    self.0 = new;
                }
            }
            Sealing::Own(outbound) => outbound.rekey(key),
        }
    }

    /// Protects an RTP packet; false, with the packet useless, where the library fails.
    pub fn rtp(&mut self, packet: &mut PacketBuf) -> bool {
        match &mut self.0 {
            Sealing::WebRtc(context) => {
                let sealed = context.encrypt_rtp(packet.bytes());
                sealed.is_ok_and(|bytes| packet.fill(&bytes))
            }
            Sealing::Own(outbound) => {
                let len = packet.len();
                let sealed = outbound.protect_rtp(packet.storage_mut(), len);
                sealed.map(|len| packet.set_len(len)).is_ok()
            }
        }
    }

    /// Protects an RTCP compound; false, with the packet useless, where the library fails.
    pub fn rtcp(&mut self, packet: &mut PacketBuf) -> bool {
        match &mut self.0 {
            Sealing::WebRtc(context) => {
                let sealed = context.encrypt_rtcp(packet.bytes());
                sealed.is_ok_and(|bytes| packet.fill(&bytes))
            }
            Sealing::Own(outbound) => {
                let len = packet.len();
                let sealed = outbound.protect_rtcp(packet.storage_mut(), len);
                sealed.map(|len| packet.set_len(len)).is_ok()
            }
        }
    }
}

impl Sealing {
    fn new(key: &MasterKey, library: Library) -> Option<Self> {
        Some(match library {
            Library::WebRtc if is_known(key) => Self::WebRtc(Box::new(context(key)?)),
            Library::WebRtc | Library::Own => Self::Own(Box::new(Outbound::new(key))),
        })
    }
}

impl Unprotector {
    /// Unprotects with `key`; `None` where the library refuses it.
    #[must_use]
    pub fn new(key: &MasterKey, library: Library) -> Option<Self> {
        Opening::new(key, library).map(|now| Self { now, before: None })
    }

    /// Changes the key; what is under way under the one before is still opened.
    pub fn rekey(&mut self, key: &MasterKey) {
        match &mut self.now {
            Opening::WebRtc(_) => {
                if let Some(new) = Opening::new(key, Library::WebRtc) {
                    self.before = Some(std::mem::replace(&mut self.now, new));
                }
            }
            Opening::Own(inbound) => inbound.rekey(key),
        }
    }

    /// Opens an RTP packet in place; false, with the packet unchanged, where it is not authentic.
    pub fn rtp(&mut self, packet: &mut PacketBuf) -> bool {
        self.now.rtp(packet) || self.before.as_mut().is_some_and(|before| before.rtp(packet))
    }

    /// Opens an RTCP compound in place; false, with the packet unchanged, where it is not authentic.
    pub fn rtcp(&mut self, packet: &mut PacketBuf) -> bool {
        self.now.rtcp(packet) || self.before.as_mut().is_some_and(|before| before.rtcp(packet))
    }
}

impl Opening {
    fn new(key: &MasterKey, library: Library) -> Option<Self> {
        Some(match library {
            Library::WebRtc if is_known(key) => Self::WebRtc(Box::new(context(key)?)),
            Library::WebRtc | Library::Own => {
                Self::Own(Box::new(Inbound::new(key, InboundOptions::default())))
            }
        })
    }

    fn rtp(&mut self, packet: &mut PacketBuf) -> bool {
        match self {
            Self::WebRtc(context) => {
                let opened = context.decrypt_rtp(packet.bytes());
                opened.is_ok_and(|bytes| packet.fill(&bytes))
            }
            Self::Own(inbound) => {
                let opened = inbound.unprotect_rtp(packet.bytes_mut()).map(|plain| plain.len());
                opened.map(|len| packet.set_len(len)).is_ok()
            }
        }
    }

    fn rtcp(&mut self, packet: &mut PacketBuf) -> bool {
        match self {
            Self::WebRtc(context) => {
                let opened = context.decrypt_rtcp(packet.bytes());
                opened.is_ok_and(|bytes| packet.fill(&bytes))
            }
            Self::Own(inbound) => {
                let opened = inbound.unprotect_rtcp(packet.bytes_mut()).map(|plain| plain.len());
                opened.map(|len| packet.set_len(len)).is_ok()
            }
        }
    }
}

/// True where the outside library knows the suite.
fn is_known(key: &MasterKey) -> bool {
    oracle_profile(key.suite()).is_some()
}

fn context(key: &MasterKey) -> Option<Context> {
    let profile = oracle_profile(key.suite())?;
    Context::new(key.danger_key_bytes(), key.danger_salt_bytes(), profile, None, None).ok()
}

impl std::fmt::Debug for Protector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Protector").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Unprotector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unprotector").finish_non_exhaustive()
    }
}
