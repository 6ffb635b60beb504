//! What a party is played: media by command, and music while its other side has put it on hold. Music is not mixed with
//! anything; media that is played by command goes before it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mediapoint_engine::{PlayerEnd, PlayerId, Position, Prompt, RecordingPlayback};
use mediapoint_recorder::RecordingId;

use super::CallState;
use super::links::LinkKind;
use super::party::{Party, PartyId, Stream};

/// Media that a party is played, or was played last.
#[derive(Debug, Clone)]
pub(crate) struct Play {
    pub(crate) player: PlayerId,
    /// The media section that hears it.
    pub(crate) section: usize,
    /// Nothing else is heard meanwhile.
    pub(crate) alone: bool,
    /// Music of a member of a conference room, which ends when the member is on hold no more.
    pub(crate) of_hold: bool,
    /// Samples a second of the file, by which its frames are counted.
    pub(crate) rate: u32,
    /// How long the file is.
    pub(crate) duration: Duration,
    /// It stays where it is until it is resumed.
    pub(crate) paused: bool,
    /// The recording, where it is one.
    pub(crate) recording: Option<PlayedRecording>,
    /// How and where it ended.
    pub(crate) ended: Option<(PlayerEnd, Position)>,
}

/// A recording that is played.
#[derive(Debug, Clone)]
pub(crate) struct PlayedRecording {
    pub(crate) id: RecordingId,
    pub(crate) playback: RecordingPlayback,
    /// How fast, in thousandths.
    pub(crate) speed: u32,
}

impl Play {
    /// A place in the file in frames: samples at its own rate.
    pub(crate) fn frames(&self, position: Position) -> u64 {
        let frames = (position.offset.as_nanos() * u128::from(self.rate) + 500_000_000) / 1_000_000_000;
        u64::try_from(frames).unwrap_or(u64::MAX)
    }
}

/// The music of a party for whom it puts on hold.
#[derive(Clone)]
pub(crate) struct Music {
    pub(crate) prompt: Arc<Prompt>,
    /// The other side is told `sendrecv`, else `sendonly`.
    pub(crate) send_receive: bool,
    /// The other side is told a zero address.
    pub(crate) zero: bool,
    /// All who hear it hear the same at the same time.
    pub(crate) shared: bool,
}

impl fmt::Debug for Music {
    /// Without the samples.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Music").field("prompt", &self.prompt.name()).finish_non_exhaustive()
    }
}

impl Music {
    fn sounds_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.prompt, &other.prompt) && self.shared == other.shared
    }
}

/// Music that a party hears on hold.
#[derive(Debug, Clone)]
pub(crate) struct Hold {
    /// The media section that hears it.
    pub(crate) section: usize,
    pub(crate) music: Music,
    /// `None` until it is there: silence until then.
    pub(crate) player: Option<PlayerId>,
}

/// Music that is to begin.
#[derive(Debug)]
pub(crate) struct HoldStart {
    pub(crate) party: PartyId,
    pub(crate) section: usize,
    pub(crate) music: Music,
}

/// What a stream is played now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Playing {
    /// `None` for silence.
    pub(crate) player: Option<PlayerId>,
    /// Nothing else is heard meanwhile.
    pub(crate) alone: bool,
}

impl Party {
    /// What one of its sections is played.
    pub(crate) fn playing(&self, section: usize) -> Option<Playing> {
        let play = self.play.as_ref().filter(|play| play.ended.is_none() && play.section == section);
        let hold = self.hold.as_ref().filter(|hold| hold.section == section);
        match (play, hold) {
            (Some(play), hold) => {
                Some(Playing { player: Some(play.player), alone: play.alone || hold.is_some() })
            }
            (None, Some(hold)) => Some(Playing { player: hold.player, alone: true }),
            (None, None) => None,
        }
    }

    /// Its players at the engine.
    pub(crate) fn players(&self) -> impl Iterator<Item = PlayerId> + '_ {
        let play = self.play.iter().filter(|play| play.ended.is_none()).map(|play| play.player);
        play.chain(self.hold.as_ref().and_then(|hold| hold.player))
    }
}

impl Stream {
    /// True where its party has put its other side on hold: it took media once and takes none now.
    pub(crate) fn holds(&self) -> bool {
        let receives = self.remote.as_ref().is_some_and(|remote| remote.direction.receives());
        self.active && self.spoke && !receives
    }
}

impl CallState {
    /// Ends the media that a party is played by command, at this place where it is known.
    pub(crate) fn end_play(&mut self, id: PartyId, end: PlayerEnd, position: Position) {
        let Some(play) = self.party_mut(id).and_then(|party| party.play.as_mut()) else { return };
        if play.ended.is_none() {
            play.ended = Some((end, position));
            let player = play.player;
            self.gone_players.push(player);
        }
    }

    /// Takes back plays of which nothing came. What they took the place of has ended.
    pub(crate) fn give_up_plays(&mut self, begun: &[PlayerId]) {
        for party in self.parties.iter_mut() {
            let play = party.play.take_if(|play| begun.contains(&play.player));
            self.gone_players.extend(play.map(|play| play.player));
        }
    }

    /// The party that a player of the engine plays media to by command.
    pub(crate) fn played_by(&self, player: PlayerId) -> Option<PartyId> {
        let plays = |party: &&Party| {
            party.play.as_ref().is_some_and(|play| play.player == player && play.ended.is_none())
        };
        self.parties.iter().find(plays).map(|party| party.id)
    }

    /// Ends the music of parties that are not on hold any more. What begins is silent until it is given a player.
    pub(crate) fn settle_holds(&mut self) -> Vec<HoldStart> {
        for stream in self.parties.iter_mut().flat_map(|party| &mut party.streams) {
            let receives = stream.remote.as_ref().is_some_and(|remote| remote.direction.receives());
            stream.spoke |= stream.active && receives;
        }
        self.end_holds();
        let start = |party: &Party| {
            let (section, music) = self.held(party)?;
            Some(HoldStart { party: party.id, section, music })
        };
        let free = self.parties.iter().filter(|party| party.hold.is_none());
        let starts: Vec<HoldStart> = free.filter_map(start).collect();
        for HoldStart { party, section, music } in &starts {
            if let Some(party) = self.party_mut(*party) {
                party.hold = Some(Hold { section: *section, music: music.clone(), player: None });
            }
        }
        starts
    }

    /// Ends the music of parties that are not on hold any more, or hear other music.
    pub(super) fn end_holds(&mut self) {
        let is_held = |party: &Party| party.seat.as_ref().is_some_and(|seat| seat.member.held);
        let plays =
            |party: &Party| party.play.as_ref().is_some_and(|play| play.of_hold && play.ended.is_none());
        let over = self.parties.iter().filter(|party| plays(party) && !is_held(party)).map(|party| party.id);
        for id in over.collect::<Vec<_>>() {
            let nowhere = Position { item: 0, offset: Duration::ZERO, played: Duration::ZERO };
            self.end_play(id, PlayerEnd::Stopped, nowhere);
        }
        let is_over = |party: &Party| {
            let hold = party.hold.as_ref()?;
            let held = self.held(party);
            let goes_on =
                held.is_some_and(|(section, music)| section == hold.section && music.sounds_as(&hold.music));
            (!goes_on).then_some(party.id)
        };
        let over: Vec<PartyId> = self.parties.iter().filter_map(is_over).collect();
        for id in over {
            let hold = self.party_mut(id).and_then(|party| party.hold.take());
            self.gone_players.extend(hold.and_then(|hold| hold.player));
        }
    }

    /// The section in which a party is on hold, and the music for it.
    fn held(&self, party: &Party) -> Option<(usize, Music)> {
        // Who is in a conference room hears that.
        party
            .streams
            .iter()
            .enumerate()
            .filter(|(section, stream)| {
                stream.can_mix() && stream.takes() && party.seat_of(*section).is_none()
            })
            .find_map(|(section, stream)| {
                let link = stream.sources.iter().find(|link| link.kind == LinkKind::OfferAnswer)?;
                self.stream(link.from).filter(|from| from.holds())?;
                Some((section, self.party(link.from.party)?.music.clone()?))
            })
    }
}
