//! What is kept of a call: its branches, the two parties of each, and their media.
//!
//! An offer changes nothing of what runs: legs that it needs are opened silent, and everything takes effect with the
//! answer, so that a refused re-INVITE leaves the call as it was.

pub(crate) mod answer;
pub(crate) mod apply;
pub(crate) mod offer;

use mediapoint_engine::{
    Call, EncoderSettings, LegId, OpenedLeg, PacketTime, PayloadCodec, RtcpMode, SrtpKeys,
};
use mediapoint_packet::Time;
use mediapoint_packet::sdp::AddressFamily;
use mediapoint_srtp::Suite;

use crate::media::codecs::{CodecLine, Numbers};
use crate::media::keys::OwnKeys;
use crate::media::remote::RemoteDescription;
use crate::media::session::SessionMemory;
use crate::request::{Id, Learning, Options, Profile};

/// Most branches of one call.
pub(crate) const MAX_DIALOGS: usize = 32;
/// Most media sections that are carried in one branch; further ones are rejected.
pub(crate) const MAX_CARRIED: usize = 16;
/// Most tags remembered of a side that a forking proxy answers for.
const MAX_TAGS: usize = 16;

/// One call of the controller, which is one call of the engine.
#[derive(Debug)]
pub(crate) struct CallState {
    pub(crate) id: Id,
    pub(crate) call: Call,
    pub(crate) created: Time,
    pub(crate) last_signal: Time,
    pub(crate) dialogs: Vec<Dialog>,
    /// Taken out of the map; whoever still holds it must look it up again.
    pub(crate) ended: bool,
}

/// Which of the two parties of a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// Who sent the first offer.
    Caller,
    /// Who answers it.
    Callee,
}

impl Which {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Caller => Self::Callee,
            Self::Callee => Self::Caller,
        }
    }
}

/// One branch: an offer, and whoever answers it.
#[derive(Debug, Clone)]
pub(crate) struct Dialog {
    pub(crate) caller: Side,
    pub(crate) callee: Side,
    pub(crate) via_branch: Option<Id>,
    /// The last offer, kept after its answer: a 183 and a 200 both answer it.
    pub(crate) offer: Option<PendingOffer>,
    pub(crate) dscp: u8,
    /// When a delayed delete removes it.
    pub(crate) delete_at: Option<Time>,
    /// Legs that another one took the place of; closed with the next answer.
    pub(crate) retired: Vec<LegId>,
}

impl Dialog {
    pub(crate) fn new(now: Time, from_tag: Id, via_branch: Option<Id>) -> Self {
        let mut caller = Side::new(now);
        caller.tags.push(from_tag);
        Self {
            caller,
            callee: Side::new(now),
            via_branch,
            offer: None,
            dscp: 0,
            delete_at: None,
            retired: Vec::new(),
        }
    }

    pub(crate) fn side(&self, which: Which) -> &Side {
        match which {
            Which::Caller => &self.caller,
            Which::Callee => &self.callee,
        }
    }

    /// The side meant and the other one.
    pub(crate) fn sides_mut(&mut self, which: Which) -> (&mut Side, &mut Side) {
        match which {
            Which::Caller => (&mut self.caller, &mut self.callee),
            Which::Callee => (&mut self.callee, &mut self.caller),
        }
    }

    /// The side that has this tag.
    pub(crate) fn which(&self, tag: &Id) -> Option<Which> {
        if self.caller.tags.contains(tag) {
            Some(Which::Caller)
        } else if self.callee.tags.contains(tag) {
            Some(Which::Callee)
        } else {
            None
        }
    }

    /// All legs, those to be closed included.
    pub(crate) fn legs(&self) -> impl Iterator<Item = LegId> {
        let of =
            |side: &Side| side.streams.iter().filter_map(|s| s.leg.map(|leg| leg.id)).collect::<Vec<_>>();
        of(&self.caller).into_iter().chain(of(&self.callee)).chain(self.retired.iter().copied())
    }
}

/// One party of a branch.
#[derive(Debug, Clone)]
pub(crate) struct Side {
    /// Its tag; several where a proxy forked and more than one party answered. The last one counts.
    pub(crate) tags: Vec<Id>,
    pub(crate) label: Option<Id>,
    pub(crate) created: Time,
    /// The interface it is reached on; the engine's first where `None`.
    pub(crate) interface: Option<String>,
    /// The family of our addresses towards it.
    pub(crate) family: Option<AddressFamily>,
    pub(crate) learning: Learning,
    pub(crate) streams: Vec<Stream>,
    /// The `o=` and `s=` lines last sent to it.
    pub(crate) session: SessionMemory,
}

impl Side {
    fn new(now: Time) -> Self {
        Self {
            tags: Vec::new(),
            label: None,
            created: now,
            interface: None,
            family: None,
            learning: Learning::default(),
            streams: Vec::new(),
            session: SessionMemory::default(),
        }
    }

    /// Takes a tag; true where it is another than the last.
    pub(crate) fn take_tag(&mut self, tag: &Id) -> bool {
        if self.tags.last() == Some(tag) {
            return false;
        }
        self.tags.retain(|known| known != tag);
        if self.tags.len() >= MAX_TAGS {
            self.tags.remove(0);
        }
        self.tags.push(tag.clone());
        true
    }

    /// The stream of a media section, made where there is none yet.
    pub(crate) fn stream_mut(&mut self, index: usize) -> Option<&mut Stream> {
        while self.streams.len() <= index {
            self.streams.push(Stream::default());
        }
        self.streams.get_mut(index)
    }
}

/// One media section of one party.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stream {
    pub(crate) leg: Option<OpenedLeg>,
    /// True where the leg has a port for RTCP.
    pub(crate) pair: bool,
    /// The RTP profile agreed with the party.
    pub(crate) profile: Option<Profile>,
    /// Our keys towards it, by suite.
    pub(crate) own: OwnKeys,
    /// The suite in use.
    pub(crate) suite: Option<Suite>,
    /// The keys in use.
    pub(crate) keys: Option<SrtpKeys>,
    /// The party's last description that both sides agreed on.
    pub(crate) remote: Option<RemoteDescription>,
    pub(crate) rtcp: RtcpMode,
    /// Payload types agreed with the party.
    pub(crate) codecs: Vec<CodecLine>,
    /// Payload types that the party may send beside those.
    pub(crate) received: Vec<PayloadCodec>,
    /// What payload type numbers mean to the party.
    pub(crate) numbers: Numbers,
    /// How much audio a packet to the party holds.
    pub(crate) packet_time: PacketTime,
    /// How audio for the party is encoded.
    pub(crate) encoder: EncoderSettings,
    /// True where it is encoded even where it could be relayed.
    pub(crate) force_transcode: bool,
    /// True where media may flow at all: the section is agreed on, and not refused.
    pub(crate) active: bool,
    /// True once an answer put the leg to work.
    pub(crate) running: bool,
}

/// An offer and what was made of it for the other side.
#[derive(Debug, Clone)]
pub(crate) struct PendingOffer {
    pub(crate) from: Which,
    pub(crate) plans: Vec<Plan>,
    /// The options that bear on the answer, too.
    pub(crate) options: Options,
}

/// What became of one media section of an offer.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) remote: RemoteDescription,
    /// False where the section was passed on with port 0.
    pub(crate) carried: bool,
    /// What the other side was offered, by our numbers.
    pub(crate) offered: Vec<CodecLine>,
    /// Whether the other side was offered rtcp-mux.
    pub(crate) mux_offered: bool,
    /// `a=mid` of the offer.
    pub(crate) mid: Option<String>,
}
