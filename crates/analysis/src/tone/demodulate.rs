//! The answer tone at 2100 Hz: reversals of its phase and its amplitude modulation.

use crate::frame::FRAME;

/// Demodulates at 2100 Hz: a frame is 42 whole periods, so that a steady tone has the same phase in each.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Demodulator {
    /// Phasors of the last five quarters, the newest first.
    last: [(f32, f32); 5],
    frames: u32,
    since_reversal: u32,
    reversals: u32,
    amplitude: f32,
    modulation: (f32, f32),
    quarters: u32,
    /// Advance of the phase in a frame, as a phasor: what the frequency is off 2100 Hz.
    advance: (f32, f32),
}

/// Quarters of a frame: 5 ms, 10.5 periods.
const QUARTER: usize = FRAME / 4;

impl Demodulator {
    pub(super) fn new() -> Self {
        Self {
            last: [(0.0, 0.0); 5],
            frames: 0,
            since_reversal: 0,
            reversals: 0,
            amplitude: 0.0,
            modulation: (0.0, 0.0),
            quarters: 0,
            advance: (0.0, 0.0),
        }
    }

    pub(super) fn reversals(&self) -> u32 {
        self.reversals
    }

    pub(super) fn modulation(&self) -> f32 {
        if self.quarters < 80 || self.amplitude <= 0.0 {
            return 0.0;
        }
        let (re, im) = self.modulation;
        // A quarter of 5 ms and the window see 15 Hz nearly whole.
        2.0 * re.hypot(im) / self.amplitude
    }

    pub(super) fn process(&mut self, frame: &[i16; FRAME]) {
        self.frames = self.frames.saturating_add(1);
        for (at, quarter) in frame.chunks_exact(QUARTER).enumerate() {
            let phasor = mix(quarter, at);
            self.last.rotate_right(1);
            self.last[0] = phasor;
            let magnitude = phasor.0.hypot(phasor.1);
            let turn = core::f32::consts::TAU * 15.0 * 0.005 * (self.quarters % 40) as f32;
            self.modulation.0 += magnitude * turn.cos();
            self.modulation.1 -= magnitude * turn.sin();
            self.amplitude += magnitude;
            self.quarters = self.quarters.saturating_add(1);
            self.reversal();
        }
    }

    /// Compares the phase with that of 20 ms before, less what it advances anyway.
    fn reversal(&mut self) {
        self.since_reversal = self.since_reversal.saturating_add(1);
        if self.quarters < 12 {
            return;
        }
        let [now, .., before] = self.last;
        let turned = (now.0 * before.0 + now.1 * before.1, now.1 * before.0 - now.0 * before.1);
        let size = turned.0.hypot(turned.1);
        if size < 1.0 {
            return;
        }
        let step = (turned.0 / size, turned.1 / size);
        let along = step.0 * self.advance.0 + step.1 * self.advance.1;
        let known = self.advance.0.hypot(self.advance.1);
        if known > 0.5 && along < -0.6 * known {
            // A reversal is seen for 20 ms; those of V.25 are 450 ms apart.
            if self.since_reversal > 40 {
                self.reversals = self.reversals.saturating_add(1);
                self.since_reversal = 0;
            }
            return;
        }
        self.advance.0 += 0.1 * (step.0 - self.advance.0);
        self.advance.1 += 0.1 * (step.1 - self.advance.1);
    }
}

/// Mixes a quarter of a frame with 2100 Hz.
fn mix(quarter: &[i16], at: usize) -> (f32, f32) {
    let step = core::f32::consts::TAU * 2100.0 / 8000.0;
    let (sin, cos) = step.sin_cos();
    let (mut re, mut im) = (1.0_f32, 0.0_f32);
    if at % 2 == 1 {
        re = -1.0;
    }
    let mut sum = (0.0, 0.0);
    for &sample in quarter {
        let sample = f32::from(sample);
        sum.0 += sample * re;
        sum.1 -= sample * im;
        (re, im) = (re * cos - im * sin, re * sin + im * cos);
    }
    sum
}
