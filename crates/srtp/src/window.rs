//! The replay window of 128 packets over an ever-growing index. [RFC3711 3.3.2]

use std::num::NonZeroU64;

/// Packets that the window remembers, counted back from the highest accepted one.
pub const REPLAY_WINDOW: u64 = 128;

/// Why an index may not be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Replayed,
    TooOld,
}

/// Which indexes were accepted. Checking and accepting are two steps, so that nothing moves before a packet
/// has proved authentic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReplayWindow {
    /// One more than the highest accepted index, so that an `Option` of a window takes no more room.
    next: NonZeroU64,
    /// Bit n stands for `highest - n`; in two halves, which keeps the alignment at 8 bytes.
    seen: [u64; 2],
}

impl ReplayWindow {
    /// A window whose first accepted index is `index`.
    pub(crate) fn starting_at(index: u64) -> Self {
        Self { next: after(index), seen: [1, 0] }
    }

    /// A window as exported; bit 0 of `seen` stands for `highest`, which counts as seen whatever it says.
    pub(crate) fn restored(highest: u64, seen: u128) -> Self {
        let mut this = Self { next: after(highest), seen: [0; 2] };
        this.set_seen(seen | 1);
        this
    }

    /// A window in which every index up to `highest` counts as seen.
    pub(crate) fn closed_at(highest: u64) -> Self {
        Self::restored(highest, u128::MAX)
    }

    pub(crate) fn highest(&self) -> u64 {
        self.next.get() - 1
    }

    pub(crate) fn seen(&self) -> u128 {
        let [low, high] = self.seen;
        u128::from(high) << 64 | u128::from(low)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the two halves are cut apart on purpose")]
    fn set_seen(&mut self, seen: u128) {
        self.seen = [seen as u64, (seen >> 64) as u64];
    }

    /// Whether `index` may still be accepted.
    pub(crate) fn check(&self, index: u64) -> Result<(), Refused> {
        match self.highest().checked_sub(index) {
            None => Ok(()),
            Some(behind) if behind >= REPLAY_WINDOW => Err(Refused::TooOld),
            Some(behind) if self.seen() >> behind & 1 == 1 => Err(Refused::Replayed),
            Some(_) => Ok(()),
        }
    }

    /// Marks `index` as accepted. The caller has checked it.
    pub(crate) fn accept(&mut self, index: u64) {
        debug_assert_eq!(self.check(index), Ok(()), "only a checked index is accepted");
        match index.checked_sub(self.highest()) {
            Some(ahead) => {
                let moved = if ahead < REPLAY_WINDOW { self.seen() << ahead } else { 0 };
                self.set_seen(moved | 1);
                self.next = after(index);
            }
            None => {
                let behind = self.highest() - index;
                if behind < REPLAY_WINDOW {
                    self.set_seen(self.seen() | 1 << behind);
                }
            }
        }
    }
}

fn after(index: u64) -> NonZeroU64 {
    NonZeroU64::MIN.saturating_add(index)
}

#[cfg(test)]
mod tests;
