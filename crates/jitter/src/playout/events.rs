//! Numbers of the stream's packets that carried no audio.

use crate::store::older;

/// The last of them: 128 before the newest are remembered.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Noted {
    epoch: u32,
    newest: Option<u64>,
    /// Bit `n`: the packet `n` before the newest was one.
    bits: u128,
}

impl Noted {
    pub(super) fn note(&mut self, epoch: u32, index: u64) {
        match self.newest {
            Some(newest) if epoch == self.epoch => {
                if let Some(behind) = newest.checked_sub(index) {
                    self.bits |= bit(behind);
                } else {
                    let step = u32::try_from(index - newest).unwrap_or(u32::MAX);
                    self.bits = self.bits.checked_shl(step).unwrap_or(0) | 1;
                    self.newest = Some(index);
                }
            }
            Some(_) if older(epoch, self.epoch) => {}
            _ => (self.epoch, self.newest, self.bits) = (epoch, Some(index), 1),
        }
    }

    /// Count of the packets after `after` and before `before` that carried no audio.
    pub(super) fn between(&self, epoch: u32, after: u64, before: u64) -> u64 {
        let Some(newest) = self.newest.filter(|_| epoch == self.epoch) else { return 0 };
        let mut bits = self.bits;
        // Bits of packets from `before` on.
        if let Some(above) = newest.checked_sub(before) {
            let above = u32::try_from(above + 1).unwrap_or(u32::MAX);
            bits = bits.checked_shr(above).and_then(|bits| bits.checked_shl(above)).unwrap_or(0);
        }
        match newest.checked_sub(after) {
            // Bits below the one of `after` are of packets after it.
            Some(behind) => (bits & bit(behind).wrapping_sub(1)).count_ones().into(),
            None => 0,
        }
    }

    /// True where one came after packet `after`.
    pub(super) fn any_after(&self, epoch: u32, after: u64) -> bool {
        epoch == self.epoch && self.newest.is_some_and(|newest| newest > after)
    }
}

fn bit(behind: u64) -> u128 {
    u32::try_from(behind).ok().and_then(|behind| 1_u128.checked_shl(behind)).unwrap_or(0)
}
