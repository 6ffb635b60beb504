//! What is known of one SSRC under one key: where its index stands and which packets were seen; and the
//! bounded table of them. [RFC3711 3.2.3, 3.3.1, App. A]

use std::collections::VecDeque;

use crate::window::{Refused, ReplayWindow};

/// The highest RTP packet index: 32 bits of roll-over counter, 16 of sequence number.
pub(crate) const MAX_RTP_INDEX: u64 = (1 << 48) - 1;
/// The highest SRTCP index.
pub(crate) const MAX_RTCP_INDEX: u32 = (1 << 31) - 1;

/// How much is known of a stream's RTP index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    /// No RTP seen: the roll-over counter starts at 0.
    Unseen,
    /// No RTP seen, but the roll-over counter was told.
    Seeded { roc: u32 },
    /// No RTP seen under this key; the key before it ended at this index.
    Inherited { highest: u64 },
    /// RTP was accepted.
    Running(ReplayWindow),
}

/// The indexes a sequence number may stand for, best guess first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Guess {
    pub(crate) first: Option<u64>,
    pub(crate) second: Option<u64>,
}

/// An index that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadIndex {
    Replayed(u64),
    TooOld(u64),
    Exhausted,
}

impl Position {
    /// The indexes that `seq` may stand for. A running stream has one. At the start of a stream there are two:
    /// the peer may have begun before us just ahead of a wrap of the sequence number, and after a change of
    /// keys it may have carried its roll-over counter on [RFC3711 3.3.1] or begun again at 0.
    pub(crate) fn guess(&self, seq: u16) -> Guess {
        match *self {
            Self::Unseen => Guess::from_roc(0, seq),
            Self::Seeded { roc } => Guess::from_roc(roc, seq),
            Self::Inherited { highest } => {
                let carried = estimate(highest, seq);
                let restarted = u64::from(seq);
                Guess { first: carried, second: (carried != Some(restarted)).then_some(restarted) }
            }
            Self::Running(window) => Guess { first: estimate(window.highest(), seq), second: None },
        }
    }

    /// The one index a sender gives `seq`.
    pub(crate) fn next(&self, seq: u16) -> Option<u64> {
        match *self {
            Self::Unseen => Some(u64::from(seq)),
            Self::Seeded { roc } => Some(u64::from(roc) << 16 | u64::from(seq)),
            Self::Inherited { highest } => estimate(highest, seq),
            Self::Running(window) => estimate(window.highest(), seq),
        }
    }

    pub(crate) fn check(&self, index: u64) -> Result<(), BadIndex> {
        if index > MAX_RTP_INDEX {
            return Err(BadIndex::Exhausted);
        }
        match self {
            Self::Running(window) => window.check(index).map_err(|refused| refused.at(index)),
            _ => Ok(()),
        }
    }

    pub(crate) fn accept(&mut self, index: u64) {
        match self {
            Self::Running(window) => window.accept(index),
            _ => *self = Self::Running(ReplayWindow::starting_at(index)),
        }
    }
}

impl Guess {
    fn from_roc(roc: u32, seq: u16) -> Self {
        let first = u64::from(roc) << 16 | u64::from(seq);
        // Only a low number can lie behind a wrap that was missed, and only a high one ahead of one.
        let second = if seq < 0x8000 { first.checked_add(1 << 16) } else { first.checked_sub(1 << 16) };
        Self { first: Some(first), second: second.filter(|&index| index <= MAX_RTP_INDEX) }
    }
}

impl Refused {
    pub(crate) fn at(self, index: u64) -> BadIndex {
        match self {
            Self::Replayed => BadIndex::Replayed(index),
            Self::TooOld => BadIndex::TooOld(index),
        }
    }
}

/// The index of `seq` that lies nearest to `highest` [RFC3711 3.3.1]; `None` where that is before index 0,
/// that is before the stream began.
pub(crate) fn estimate(highest: u64, seq: u16) -> Option<u64> {
    let same_cycle = highest & !0xffff | u64::from(seq);
    let last = highest & 0xffff;
    let seq = u64::from(seq);
    if last < 0x8000 {
        if seq > last + 0x8000 { same_cycle.checked_sub(1 << 16) } else { Some(same_cycle) }
    } else if seq < last - 0x8000 {
        Some(same_cycle + (1 << 16))
    } else {
        Some(same_cycle)
    }
}

/// One SSRC; a cache line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(align(64))]
pub(crate) struct Stream {
    pub(crate) ssrc: u32,
    pub(crate) rtp: Position,
    /// The SRTCP indexes seen, or `None` before the first.
    pub(crate) rtcp: Option<ReplayWindow>,
}

impl Stream {
    pub(crate) fn new(ssrc: u32) -> Self {
        Self { ssrc, rtp: Position::Unseen, rtcp: None }
    }

    pub(crate) fn check_rtcp(&self, index: u32) -> Result<(), BadIndex> {
        let index = u64::from(index);
        match &self.rtcp {
            Some(window) => window.check(index).map_err(|refused| refused.at(index)),
            None => Ok(()),
        }
    }

    pub(crate) fn accept_rtcp(&mut self, index: u32) {
        let index = u64::from(index);
        match &mut self.rtcp {
            Some(window) => window.accept(index),
            None => self.rtcp = Some(ReplayWindow::starting_at(index)),
        }
    }
}

/// Floors that are kept at most: streams that gave way to others.
const MAX_FLOORS: usize = 1024;

/// What is kept of an SSRC whose state gave way: the highest indexes that were accepted. Nothing up to them is accepted again
/// under the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Floor {
    ssrc: u32,
    rtp: Option<u64>,
    rtcp: Option<u64>,
}

impl Floor {
    /// `None` for a stream under which nothing was accepted.
    fn of(stream: &Stream) -> Option<Self> {
        let rtp = match stream.rtp {
            Position::Running(window) => Some(window.highest()),
            _ => None,
        };
        let rtcp = stream.rtcp.map(|window| window.highest());
        (rtp.is_some() || rtcp.is_some()).then_some(Self { ssrc: stream.ssrc, rtp, rtcp })
    }

    fn stream(self) -> Stream {
        let rtp =
            self.rtp.map_or(Position::Unseen, |highest| Position::Running(ReplayWindow::closed_at(highest)));
        Stream { ssrc: self.ssrc, rtp, rtcp: self.rtcp.map(ReplayWindow::closed_at) }
    }
}

/// SSRC states in the order of their last use, most recent first: a session has one or two, so that the first
/// look nearly always finds it.
#[derive(Debug, Clone)]
pub(crate) struct Streams {
    list: Vec<Stream>,
    limit: usize,
    /// Of those that gave way, oldest first.
    floors: VecDeque<Floor>,
}

impl Streams {
    pub(crate) fn new(limit: usize) -> Self {
        let limit = limit.max(1);
        Self { list: Vec::with_capacity(limit.min(2)), limit, floors: VecDeque::new() }
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    pub(crate) fn is_full(&self) -> bool {
        self.list.len() >= self.limit
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Stream> {
        self.list.iter()
    }

    /// The state of `ssrc`; changes nothing.
    pub(crate) fn find(&self, ssrc: u32) -> Option<&Stream> {
        self.list.iter().find(|stream| stream.ssrc == ssrc)
    }

    /// The state of `ssrc` as it would be made where there is none: of one that gave way, nothing up to where it stood is
    /// accepted again. Changes nothing.
    pub(crate) fn state_of(&self, ssrc: u32) -> Stream {
        let floor = || self.floors.iter().find(|floor| floor.ssrc == ssrc).map(|floor| floor.stream());
        self.find(ssrc).copied().or_else(floor).unwrap_or_else(|| Stream::new(ssrc))
    }

    /// The state of `ssrc`, made where there is none, and now the most recently used. In a full table the
    /// least recently used one gives way, and leaves its floor.
    pub(crate) fn touch(&mut self, ssrc: u32) -> &mut Stream {
        match self.list.iter().position(|stream| stream.ssrc == ssrc) {
            Some(0) => {}
            Some(at) => {
                if let Some(front) = self.list.get_mut(..=at) {
                    front.rotate_right(1);
                }
            }
            None => {
                let stream = self.state_of(ssrc);
                self.floors.retain(|floor| floor.ssrc != ssrc);
                if self.is_full()
                    && let Some(floor) = self.list.pop().as_ref().and_then(Floor::of)
                {
                    if self.floors.len() >= MAX_FLOORS {
                        self.floors.pop_front();
                    }
                    self.floors.push_back(floor);
                }
                self.list.insert(0, stream);
            }
        }
        // The branches above leave the state at the front; the list holds at least one.
        let at = 0;
        #[expect(clippy::indexing_slicing, reason = "the list is never empty here")]
        &mut self.list[at]
    }

    /// The same SSRCs for a new key of the receiving direction: where each index stood, and nothing of what was
    /// seen. An SRTCP packet tells its index itself, so nothing of that needs to be known.
    pub(crate) fn inherit(&self) -> Self {
        let mut list = Vec::with_capacity(self.list.len().max(2));
        list.extend(self.list.iter().map(|stream| Stream {
            ssrc: stream.ssrc,
            rtp: match stream.rtp {
                Position::Running(window) => Position::Inherited { highest: window.highest() },
                other => other,
            },
            rtcp: None,
        }));
        Self { list, limit: self.limit, floors: VecDeque::new() }
    }
}

#[cfg(test)]
mod tests;
