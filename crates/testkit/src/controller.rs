//! What a controller says in a test: calls and legs made, changed and ended, sources, keys, addresses.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::{
    CallId, CommandError, EndReason, LegConfig, LegId, Relearn, RemoteAddress, Source, SrtpKeys,
};
use mediapoint_packet::rtp::{RtpTicks, Seq, Ssrc};
use mediapoint_srtp::{MasterKey, Suite};

use crate::cipher::{Library, Protector, Unprotector};
use crate::outbox::leg_ports;
use crate::peer::Peer;
use crate::scene::{audio, pcmu, telephone_event};
use crate::stream::Stream;
use crate::world::{PeerId, World};

impl World {
    /// A call without legs.
    pub fn add_call(&mut self) -> CallId {
        let call = CallId::from_u64(self.take_id());
        // A name that is new, in a session with room.
        let now = self.session_now();
        drop(self.session.get_mut().add_call(now, call));
        call
    }

    /// A party on a new leg of `call`. Where `config` does not say where it is, the party's address is signalled.
    ///
    /// # Panics
    /// Where the core does not take the leg.
    #[expect(clippy::expect_used, reason = "a world that cannot be set up fails its test")]
    pub fn add_peer(&mut self, call: CallId, mut config: LegConfig) -> PeerId {
        let leg = LegId::from_u64(self.take_id());
        let address = self.next_address();
        config.remote = config.remote.or(Some(RemoteAddress { rtp: address, rtcp: None }));
        let slot = self.next_slot;
        self.next_slot += 1;
        let ports = leg_ports(slot);
        let add = CallCommand::AddLeg { leg, config: Box::new(config.clone()), ports };
        self.apply(call, add).expect("room for a leg");
        self.open.extend([ports.rtp].into_iter().chain(ports.rtcp));
        self.settle(address, (call, leg, slot), config)
    }

    /// Somebody at `address` who sends to the leg of `target` without being asked to.
    pub fn add_stranger(&mut self, target: PeerId, address: SocketAddr) -> PeerId {
        let Peer { call, leg, slot, config, .. } = self.peer(target);
        let (names, config) = ((*call, *leg, *slot), config.clone());
        self.settle(address, names, config)
    }

    fn settle(&mut self, address: SocketAddr, names: (CallId, LegId, u32), config: LegConfig) -> PeerId {
        let id = PeerId(self.peers.len());
        let tag = u8::try_from(id.0 % 256).unwrap_or(0);
        let random = &mut self.random;
        let stream =
            Stream::new(tag, Ssrc(random.next_u32()), Seq(random.next_u16()), RtpTicks(random.next_u32()));
        let mut peer = Peer::new(tag, names, config, address, stream, random);
        if let Some(first) = peer.config.codecs.first() {
            peer.stream.payload_type = first.payload_type;
        }
        self.addresses.insert(address, (id, false));
        self.addresses.insert(peer.rtcp_address, (id, true));
        self.peers.push(peer);
        id
    }

    /// Two parties with PCMU and telephone events, each hearing the other. Neither has begun to speak.
    pub fn two_party_call(&mut self) -> (PeerId, PeerId) {
        let call = self.add_call();
        let a = self.add_peer(call, audio([pcmu(), telephone_event(101)]));
        let b = self.add_peer(call, audio([pcmu(), telephone_event(101)]));
        self.connect(a, b);
        (a, b)
    }

    /// Makes two parties hear each other.
    pub fn connect(&mut self, a: PeerId, b: PeerId) {
        self.set_source(a, Some(b));
        self.set_source(b, Some(a));
    }

    /// Makes one party hear another, or nobody.
    pub fn set_source(&mut self, listener: PeerId, heard: Option<PeerId>) {
        let source = heard.map_or(Source::Silence, |heard| Source::Leg(self.peer(heard).leg));
        self.feed(listener, source);
    }

    /// Sets what a party's leg is fed by.
    ///
    /// # Panics
    /// Where the session refuses it.
    #[expect(clippy::expect_used, reason = "a test whose set-up fails has failed")]
    pub fn feed(&mut self, listener: PeerId, source: Source) {
        let Peer { call, leg, .. } = *self.peer(listener);
        self.apply(call, CallCommand::SetSource { leg, source }).expect("a source");
    }

    /// Gives the session a command to a call.
    ///
    /// # Errors
    /// The session's.
    pub fn apply(&mut self, call: CallId, command: CallCommand) -> Result<(), CommandError> {
        self.with_session(|session, now, out| session.apply(now, call, command, out))
    }

    /// Moves a party's leg to another call.
    ///
    /// # Panics
    /// Where the session refuses it.
    #[expect(clippy::expect_used, reason = "a test whose set-up fails has failed")]
    pub fn move_leg(&mut self, id: PeerId, to: CallId) {
        let Peer { call, leg, .. } = *self.peer(id);
        self.with_session(|session, now, out| session.move_leg(now, (call, leg, to), out))
            .expect("a leg and a call");
        self.peer_mut(id).call = to;
    }

    /// A name for an object of a call that no other has.
    pub fn new_id(&mut self) -> u64 {
        self.take_id()
    }

    /// Changes a leg as a re-INVITE does: `change` is shown what it is now.
    pub fn reinvite(&mut self, id: PeerId, change: impl FnOnce(&mut LegConfig)) {
        self.reinvite_with(id, Relearn::IfMoved, change);
    }

    /// As [`World::reinvite`], with a word on learning the party's address anew.
    pub fn reinvite_with(&mut self, id: PeerId, relearn: Relearn, change: impl FnOnce(&mut LegConfig)) {
        let peer = self.peer_mut(id);
        change(&mut peer.config);
        let (call, leg, config) = (peer.call, peer.leg, Box::new(peer.config.clone()));
        // A leg that is gone stays gone.
        drop(self.apply(call, CallCommand::ConfigureLeg { leg, config, relearn }));
    }

    /// Moves a party to another address, without a word to the engine.
    pub fn move_peer(&mut self, id: PeerId, address: SocketAddr) {
        let rtcp_address = SocketAddr::new(address.ip(), address.port().wrapping_add(1));
        let peer = self.peer_mut(id);
        let old = [peer.address, peer.rtcp_address];
        (peer.address, peer.rtcp_address) = (address, rtcp_address);
        for address in old {
            self.addresses.remove(&address);
        }
        self.addresses.insert(address, (id, false));
        self.addresses.insert(rtcp_address, (id, true));
    }

    /// A key drawn from the world's chance.
    ///
    /// # Panics
    /// Never: the lengths are the suite's own.
    #[expect(clippy::expect_used, reason = "the lengths are the suite's own")]
    pub fn key(&mut self, suite: Suite) -> MasterKey {
        let mut key = vec![0; suite.master_key_len()];
        let mut salt = vec![0; suite.master_salt_len()];
        self.random.fill(&mut key);
        self.random.fill(&mut salt);
        MasterKey::new(suite, &key, &salt).expect("lengths of the suite")
    }

    /// Gives a leg and its party new SRTP keys, both ways, at once.
    pub fn secure(&mut self, id: PeerId, suite: Suite, library: Library) {
        let (inbound, outbound) = (self.key(suite), self.key(suite));
        self.set_keys(id, &inbound, &outbound, library);
    }

    /// Gives a leg and its party these SRTP keys: what the party protects with, and what the engine does.
    pub fn set_keys(&mut self, id: PeerId, inbound: &MasterKey, outbound: &MasterKey, library: Library) {
        let keys = SrtpKeys { inbound: Some(inbound.clone()), inbound_mki: None, outbound: outbound.clone() };
        self.reinvite(id, |config| config.srtp = Some(keys));
        let peer = self.peer_mut(id);
        match &mut peer.protector {
            Some(protector) => protector.rekey(inbound),
            none => *none = Protector::new(inbound, library),
        }
        match &mut peer.unprotector {
            Some(unprotector) => unprotector.rekey(outbound),
            none => *none = Unprotector::new(outbound, library),
        }
    }

    /// Goes back to plain RTP on a leg and its party, at once.
    pub fn expose(&mut self, id: PeerId) {
        self.reinvite(id, |config| config.srtp = None);
        let peer = self.peer_mut(id);
        (peer.protector, peer.unprotector) = (None, None);
    }

    /// Removes a party's leg.
    pub fn remove_leg(&mut self, id: PeerId) -> bool {
        let Peer { call, leg, .. } = *self.peer(id);
        self.apply(call, CallCommand::RemoveLeg { leg }).is_ok()
    }

    /// Ends a call.
    pub fn end_call(&mut self, call: CallId) -> bool {
        self.with_session(|session, now, out| session.end_call(now, call, EndReason::Command, out)).is_ok()
    }

    fn take_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn next_address(&self) -> SocketAddr {
        let number = u32::try_from(self.peers.len()).unwrap_or(0);
        // Documentation addresses [RFC5737 3], then the benchmarking ones [RFC2544 C.2.2].
        let first = if number < 200 { Ipv4Addr::new(192, 0, 2, 1) } else { Ipv4Addr::new(198, 18, 0, 0) };
        SocketAddr::new(IpAddr::V4(Ipv4Addr::from_bits(first.to_bits() + number)), 4000)
    }
}
