//! One party of a call: its tags and its media, as agreed with it, whatever relates it to other parties.

use std::net::IpAddr;
use std::sync::Arc;

use mediapoint_engine::{
    Direction, EncoderSettings, Encoding, LegId, LegKind, MixId, OpenedLeg, PacketTime, PayloadCodec, RoomId,
    RoomMember, RtcpMode, Source, SrtpKeys,
};
use mediapoint_packet::Time;
use mediapoint_packet::sdp::{AddressFamily, Sdp};
use mediapoint_srtp::Suite;

use super::Group;
use super::alias::Alias;
use super::analysis::Analysed;
use super::digits::DigitTap;
use super::gates::{Gates, Policies};
use super::links::Link;
use super::play::{Hold, Music, Play};
use super::rooms::Seat;
use crate::media::codecs::{CodecLine, Numbers};
use crate::media::keys::OwnKeys;
use crate::media::layout::Layout;
use crate::media::remote::RemoteDescription;
use crate::media::session::SessionMemory;
use crate::request::{Echo, Id, Learning, Profile};
use crate::room_link::RoomLink;

/// Most tags remembered of a party that a forking proxy answers for.
const MAX_TAGS: usize = 16;

/// Names a party within its call. A tag can stand for several: each branch of a fork has a caller of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PartyId(pub(super) u32);

/// One party.
#[derive(Debug, Clone)]
pub(crate) struct Party {
    pub(crate) id: PartyId,
    /// The call that it came with, of those merged.
    pub(crate) group: Group,
    /// Its place in a conference room.
    pub(crate) seat: Option<Seat>,
    /// It is no party, but the part of a conference room on another server.
    pub(crate) link: Option<Box<RoomLink>>,
    /// Its tag; several where a proxy forked and more than one party answered. The last one counts.
    pub(crate) tags: Vec<Id>,
    /// What it is known again by under another tag.
    pub(crate) alias: Option<Alias>,
    pub(crate) label: Option<Id>,
    pub(crate) created: Time,
    /// The interface it is reached on; the engine's first where `None`.
    pub(crate) interface: Option<String>,
    /// The family of our addresses towards it.
    pub(crate) family: Option<AddressFamily>,
    pub(crate) learning: Learning,
    pub(crate) dscp: u8,
    /// Keys that it pressed, where somebody is told of them.
    pub(crate) presses: u64,
    /// What was commanded of what it sends.
    pub(crate) gates: Gates,
    /// Where its media goes instead of to others.
    pub(crate) echo: Option<Echo>,
    /// What it says is not recorded.
    pub(crate) unrecorded: bool,
    /// What it is played, or was played last.
    pub(crate) play: Option<Play>,
    /// The analysis of what it says that was begun last.
    pub(crate) analysis: Option<Analysed>,
    /// The music for whom it puts on hold.
    pub(crate) music: Option<Music>,
    /// The music that it hears on hold.
    pub(crate) hold: Option<Hold>,
    /// Its media goes to whoever subscribes to it, and it is there without a relation to anybody.
    pub(crate) published: bool,
    /// When a delayed delete removes a party that no dialog holds.
    pub(crate) delete_at: Option<Time>,
    /// Its last description, from which its subscribers' descriptions are made.
    pub(crate) description: Option<Arc<Sdp>>,
    pub(crate) streams: Vec<Stream>,
    /// Which sections it is shown.
    pub(crate) layout: Layout,
    /// The `o=` and `s=` lines last sent to it.
    pub(crate) session: SessionMemory,
    /// Legs that another one took the place of; closed with the next answer.
    pub(crate) retired: Vec<LegId>,
}

impl Party {
    pub(super) fn new(id: PartyId, group: Group, now: Time) -> Self {
        Self {
            id,
            group,
            seat: None,
            link: None,
            tags: Vec::new(),
            alias: None,
            label: None,
            created: now,
            interface: None,
            family: None,
            learning: Learning::default(),
            dscp: 0,
            presses: 0,
            gates: Gates::default(),
            echo: None,
            unrecorded: false,
            play: None,
            analysis: None,
            music: None,
            hold: None,
            published: false,
            delete_at: None,
            description: None,
            streams: Vec::new(),
            layout: Layout::default(),
            session: SessionMemory::default(),
            retired: Vec::new(),
        }
    }

    /// Its tag; `None` before the signalling gave one.
    pub(crate) fn tag(&self) -> Option<&Id> {
        self.tags.last()
    }

    pub(crate) fn has_tag(&self, tag: &Id) -> bool {
        self.tags.contains(tag)
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

    /// Takes another tag beside its own, which stays the one that counts.
    pub(super) fn add_alias(&mut self, tag: &Id) {
        if self.tags.len() >= MAX_TAGS {
            self.tags.remove(0);
        }
        self.tags.insert(0, tag.clone());
    }

    /// The stream of a media section, made where there is none yet.
    pub(crate) fn stream_mut(&mut self, section: usize) -> Option<&mut Stream> {
        while self.streams.len() <= section {
            self.streams.push(Stream::default());
        }
        self.streams.get_mut(section)
    }

    /// All its legs, those to be closed included.
    pub(crate) fn legs(&self) -> impl Iterator<Item = LegId> + '_ {
        let open = self.streams.iter().filter_map(|stream| stream.leg.map(|leg| leg.id));
        open.chain(self.retired.iter().copied())
    }
}

/// One media section of one party.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stream {
    /// The leg that the party is told to send to.
    pub(crate) leg: Option<OpenedLeg>,
    /// The address that the party is told, where it is given another than the leg's.
    pub(crate) told: Option<IpAddr>,
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
    /// The tap on its key presses, where there is one.
    pub(crate) digit_tap: Option<DigitTap>,
    /// True once it was agreed that the party takes media: where it takes none later, that is a hold.
    pub(crate) spoke: bool,
    /// What the party receives; several are mixed.
    pub(crate) sources: Vec<Link>,
    /// The mix that feeds the leg, where there is one.
    pub(crate) mix: Option<MixId>,
    /// Its number in `a=label` of recording sessions, once one was made.
    pub(crate) label: Option<u32>,
    /// What the engine was last given for it; `None` until an answer put the leg to work.
    pub(crate) applied: Option<Applied>,
}

impl Stream {
    /// True where the party may be sent media, by its description.
    pub(crate) fn takes(&self) -> bool {
        self.active && self.remote.as_ref().is_some_and(|remote| remote.direction.receives())
    }

    /// Notes that nothing feeds its leg at the engine.
    pub(crate) fn forget_sources(&mut self) {
        self.applied.iter_mut().for_each(|applied| applied.sources.clear());
    }

    /// True for audio, of which the engine can add up several.
    pub(crate) fn can_mix(&self) -> bool {
        self.remote.as_ref().is_some_and(|remote| remote.kind == Some(LegKind::Audio))
    }

    /// True where its party agreed to telephone events.
    pub(crate) fn sends_events(&self) -> bool {
        let is_event = |entry: &PayloadCodec| entry.codec.encoding == Encoding::TelephoneEvent;
        self.codecs.iter().any(CodecLine::is_event) || self.received.iter().any(is_event)
    }

    /// True where the party may send media, by its description.
    pub(crate) fn gives(&self) -> bool {
        self.active && self.remote.as_ref().is_some_and(|remote| remote.direction.sends())
    }
}

/// What the engine was last given for a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Applied {
    /// The leg that is at work, which an offer may have given a successor.
    pub(crate) leg: LegId,
    pub(crate) direction: Direction,
    /// What feeds it: legs, and the player of what it is played.
    pub(crate) sources: Vec<Source>,
    pub(crate) policies: Policies,
    /// How it is in a conference room.
    pub(crate) member: Option<(RoomId, RoomMember)>,
}
