//! A tap that gives the audio of a leg's party to its analysis, which runs beside the worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::api::id::{LegId, TapId};
use crate::api::tap::{AudioTapSpec, TapSide};
use crate::ring::{self, Consumer, Producer};
use crate::session::tap::audio::{AudioTap, TapFrame};

/// Audio that may wait for the analysis.
const CAPACITY: Duration = Duration::from_secs(2);

/// Frames of 10 ms, the shortest, that may wait.
const FRAMES: usize = 200;

/// Sample rate of all analysis in hertz.
pub const RATE: u32 = mediapoint_analysis::RATE;

/// Whether the call took a tap in.
#[derive(Debug, Clone, Default)]
pub struct Taken(Arc<AtomicBool>);

impl Taken {
    /// True from then on.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn set(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// A tap for an analysis. It goes by itself where the reading end is dropped.
pub struct AnalysisTap {
    /// The tap that it is.
    pub audio: AudioTap,
    taken: Taken,
}

impl AnalysisTap {
    /// A tap on what a leg receives, its reading end, and the note of whether the call has it.
    #[must_use]
    pub fn new(id: TapId, leg: LegId) -> (Self, Consumer<TapFrame>, Taken) {
        let (producer, consumer): (Producer<TapFrame>, _) = ring::channel(FRAMES, || TapFrame::new(RATE));
        let spec = AudioTapSpec {
            side: TapSide::Received,
            rate: RATE,
            capacity: CAPACITY,
            ..AudioTapSpec::new(leg)
        };
        let taken = Taken::default();
        (Self { audio: AudioTap::new(id, &spec, producer), taken: taken.clone() }, consumer, taken)
    }

    /// Notes that a call has it.
    pub(in crate::session) fn take_in(&self) {
        self.taken.set();
    }
}
