//! A link to the part of a room on another worker: each side's mix of its own members goes through a ring to the other, where it
//! comes in as a stream.

use super::ConferenceRoom;
use super::seat::{MixOf, Seat};
use crate::api::error::CommandError;
use crate::api::id::StreamId;
use crate::api::room::{RoomMember, RoomRole, refused};
use crate::api::source::Source;
use crate::ring::Producer;
use crate::session::frame::{Frame, samples};
use crate::session::source::stream::{BLOCK_MILLIS, StreamBlock};

/// Silence that is sent first, in blocks: two workers' ticks are up to 20 ms apart, and one may be late.
const CUSHION: usize = 2;

/// What goes out over a link.
pub struct LinkOut {
    producer: Producer<StreamBlock>,
    rate: u32,
    began: bool,
}

impl LinkOut {
    /// The writing end of a ring of blocks at `rate` hertz.
    #[must_use]
    pub const fn new(producer: Producer<StreamBlock>, rate: u32) -> Self {
        Self { producer, rate, began: false }
    }

    /// Sends the frame of a tick. What there is no room for is lost: the other worker stands still.
    fn push(&mut self, frame: &mut Frame) {
        if !std::mem::replace(&mut self.began, true) {
            for _ in 0..CUSHION {
                self.producer.push_with(|block| block.pcm.fill(0));
            }
        }
        for piece in frame.at(self.rate).chunks_exact(samples(self.rate, BLOCK_MILLIS).max(1)) {
            self.producer.push_with(|block| {
                block.pcm.iter_mut().zip(piece).for_each(|(to, from)| *to = *from);
            });
        }
    }
}

impl ConferenceRoom {
    /// Adds a link whose other side comes in by a stream of the call.
    ///
    /// # Errors
    /// [`CommandError::NoRoom`] where the room is full.
    pub(in crate::session) fn link(&mut self, stream: StreamId, out: LinkOut) -> Result<(), CommandError> {
        let spec = mediapoint_conference::LinkSpec::mix();
        let member = self.room.join_link(spec).map_err(refused)?;
        let config = RoomMember { role: RoomRole::Link, ..RoomMember::default() };
        let rate = out.rate;
        self.sit(member, Source::Stream(stream), config);
        for frame in [&mut self.full, &mut self.quiet] {
            frame.prepare(rate);
        }
        if let Some(seat) = self.seats.get_mut(member.index()).and_then(Option::as_mut) {
            seat.frame.prepare(rate);
            seat.out = Some(out);
        }
        Ok(())
    }

    /// True where it has a link.
    pub(super) fn has_links(&self) -> bool {
        self.seats.iter().flatten().any(|seat| seat.out.is_some() && !seat.gone)
    }

    /// Sends the tick's mixes over the links. Those whose other side has gone leave.
    pub(super) fn send_links(&mut self) {
        for at in 0..self.seats.len() {
            let Some(seat) = self.seats.get_mut(at).and_then(Option::as_mut) else { continue };
            let Some(mut out) = seat.out.take() else { continue };
            if out.producer.is_closed() {
                self.vacate(at);
                continue;
            }
            let frame = match seat.mix {
                MixOf::Full => Some(&mut self.full),
                MixOf::Nothing => Some(&mut self.quiet),
                MixOf::Own => Some(&mut seat.frame),
                MixOf::Of(other) => {
                    self.seats.get_mut(other).and_then(Option::as_mut).map(|seat| &mut seat.frame)
                }
            };
            if let Some(frame) = frame {
                out.push(frame);
            }
            if let Some(seat) = self.seats.get_mut(at).and_then(Option::as_mut) {
                seat.out = Some(out);
            }
        }
    }

    /// The streams of links that have left.
    pub(in crate::session) fn ended_links(&self) -> impl Iterator<Item = StreamId> + '_ {
        let ended = |seat: &Seat| match seat.source {
            Source::Stream(stream) if seat.gone => Some(stream),
            _ => None,
        };
        self.seats.iter().flatten().filter_map(ended)
    }
}
