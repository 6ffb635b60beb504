//! Whether packets are being lost, so that the delay is to leave time for the packet behind a gap.

/// Weight of one packet: the meter's memory is this many packets, 10 s of 20 ms.
const WEIGHT: f32 = 1.0 / 512.0;
/// One packet lost within the memory is enough.
const LOSSY: f32 = WEIGHT * 0.9;
/// And forgotten after one and a half times the memory.
const CLEAN: f32 = WEIGHT * 0.2;

/// A share of packets that forgets.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LossMeter {
    share: f32,
    lossy: bool,
}

impl LossMeter {
    /// A packet was played, and `lost` were missing before it.
    pub(super) fn observe(&mut self, lost: u64) {
        self.share *= 1.0 - WEIGHT;
        for _ in 0..lost.min(16) {
            self.share += WEIGHT * (1.0 - self.share);
        }
        self.lossy = self.share > if self.lossy { CLEAN } else { LOSSY };
    }

    /// A packet taken for lost came late: that is for the target delay, not for the headroom.
    pub(super) fn forgive(&mut self) {
        self.share = (self.share - WEIGHT).max(0.0);
        self.lossy = self.share > CLEAN;
    }

    pub(super) const fn is_lossy(self) -> bool {
        self.lossy
    }
}
