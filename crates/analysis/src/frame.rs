//! Frames: any chunking of samples becomes frames of 20 ms at 8 kHz.

/// Sample rate of all analysis, in Hz. Resample audio of other rates first.
pub const RATE: u32 = 8000;
/// Samples of a frame.
pub const FRAME: usize = 160;
/// Length of a frame in ms.
pub const FRAME_MS: u32 = 20;

/// Level in dBm0 of a mean square of 16-bit samples: a full-scale sine is at 3.14 dBm0 (ITU-T G.711). At least -90.
pub(crate) fn dbm0(mean_square: f32) -> f32 {
    10.0 * mean_square.max(0.26).log10() - 84.16
}

/// Mean square of samples.
pub(crate) fn mean_square(frame: &[i16; FRAME]) -> f32 {
    frame.iter().map(|&sample| f32::from(sample) * f32::from(sample)).sum::<f32>() / 160.0
}

/// Collects samples into frames.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Framer {
    held: Vec<i16>,
}

impl Framer {
    pub(crate) fn new() -> Self {
        Self { held: Vec::with_capacity(FRAME) }
    }

    /// Takes from `pcm` what is missing to a frame; returns the frame once it is whole, and what remains.
    pub(crate) fn take<'a>(&mut self, pcm: &'a [i16]) -> (Option<[i16; FRAME]>, &'a [i16]) {
        let missing = FRAME.saturating_sub(self.held.len());
        let (now, later) = pcm.split_at(missing.min(pcm.len()));
        self.held.extend_from_slice(now);
        let Some(frame) = self.held.first_chunk::<FRAME>().copied() else { return (None, later) };
        self.held.clear();
        (Some(frame), later)
    }

    pub(crate) fn clear(&mut self) {
        self.held.clear();
    }
}
