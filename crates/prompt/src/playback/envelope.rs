//! Volume, and its rise and fall.

/// Milliseconds over which a new volume comes.
const RAMP_MS: u32 = 20;
/// Volumes in decibels.
const VOLUMES: std::ops::RangeInclusive<f32> = -90.0..=24.0;

/// Where in a playback some samples are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// Samples played before them.
    pub(super) played: u64,
    /// Samples to the playlist's end, them included; `None` without end.
    pub(super) left: Option<u64>,
}

/// Gain over time. Places count samples played.
#[derive(Debug, Clone)]
pub(super) struct Envelope {
    volume_db: f32,
    gain: f32,
    /// A volume that is coming: where it began, and the gain before it.
    ramp: Option<(u64, f32)>,
    ramp_len: u64,
    fade_in: u64,
    fade_out: u64,
    /// Where a stop began, and how long it takes.
    stop: Option<(u64, u64)>,
}

impl Envelope {
    pub(super) fn new(volume_db: f32, fade_in: u64, fade_out: u64, rate: u32) -> Self {
        let volume_db = bounded(volume_db);
        let ramp_len = u64::from(rate / 1000 * RAMP_MS).max(1);
        Self { volume_db, gain: gain(volume_db), ramp: None, ramp_len, fade_in, fade_out, stop: None }
    }

    pub(super) const fn volume_db(&self) -> f32 {
        self.volume_db
    }

    pub(super) const fn stopping(&self) -> Option<(u64, u64)> {
        self.stop
    }

    pub(super) fn set_volume(&mut self, decibels: f32, played: u64) {
        let before = self.volume_at(played);
        self.volume_db = bounded(decibels);
        self.gain = gain(self.volume_db);
        self.ramp = Some((played, before));
    }

    /// The same at once.
    pub(super) fn restore_volume(&mut self, decibels: f32) {
        self.volume_db = bounded(decibels);
        self.gain = gain(self.volume_db);
    }

    pub(super) const fn stop(&mut self, played: u64, fade: u64) {
        if self.stop.is_none() {
            self.stop = Some((played, fade));
        }
    }

    /// Samples until a stop is done.
    pub(super) const fn left(&self, played: u64) -> u64 {
        match self.stop {
            Some((at, fade)) => at.saturating_add(fade).saturating_sub(played),
            None => u64::MAX,
        }
    }

    /// True where the next `len` samples stay as they are.
    #[expect(clippy::float_cmp, reason = "0 dB is exactly 1")]
    pub(super) fn is_flat(&self, span: Span, len: u64) -> bool {
        self.gain == 1.0 && self.is_steady(span, len)
    }

    /// True where the next `len` samples have one gain.
    fn is_steady(&self, span: Span, len: u64) -> bool {
        let ramping = self.ramp.is_some_and(|(at, _)| span.played < at.saturating_add(self.ramp_len));
        let falls =
            span.left.is_some_and(|left| self.fade_out > 0 && left.saturating_sub(len) < self.fade_out);
        !ramping && !falls && span.played >= self.fade_in && self.stop.is_none()
    }

    /// Multiplies samples with what is due there.
    pub(super) fn shape(&self, samples: &mut [i16], span: Span) {
        let Span { mut played, mut left } = span;
        let len = samples.len() as u64;
        if self.is_flat(span, len) {
            return;
        }
        if self.is_steady(span, len) {
            let gain = self.gain;
            samples.iter_mut().for_each(|sample| *sample = scaled(*sample, gain));
            return;
        }
        for sample in samples {
            let gain = self.at(played, left);
            *sample = scaled(*sample, gain);
            played = played.saturating_add(1);
            left = left.map(|left| left.saturating_sub(1));
        }
    }

    fn at(&self, played: u64, left: Option<u64>) -> f32 {
        let mut gain = self.volume_at(played);
        if played < self.fade_in {
            gain *= ratio(played, self.fade_in);
        }
        if let Some(left) = left.filter(|left| *left < self.fade_out) {
            gain *= ratio(left, self.fade_out);
        }
        if let Some((at, fade)) = self.stop {
            gain *= 1.0 - ratio(played.saturating_sub(at), fade).min(1.0);
        }
        gain
    }

    fn volume_at(&self, played: u64) -> f32 {
        match self.ramp {
            Some((at, before)) if played < at.saturating_add(self.ramp_len) => {
                before + (self.gain - before) * ratio(played.saturating_sub(at), self.ramp_len)
            }
            _ => self.gain,
        }
    }
}

fn bounded(decibels: f32) -> f32 {
    if decibels.is_nan() { 0.0 } else { decibels.clamp(*VOLUMES.start(), *VOLUMES.end()) }
}

fn gain(decibels: f32) -> f32 {
    if decibels == 0.0 { 1.0 } else { 10_f32.powf(decibels / 20.0) }
}

#[expect(clippy::cast_precision_loss, reason = "a fade is short of 2^24 samples, or as good as that")]
fn ratio(part: u64, whole: u64) -> f32 {
    part as f32 / whole.max(1) as f32
}

/// Rounded away from zero and saturated; without a call, so that a loop of it is done by vectors.
#[expect(clippy::cast_possible_truncation, reason = "a conversion that saturates is what is meant")]
fn scaled(sample: i16, gain: f32) -> i16 {
    let product = f32::from(sample) * gain;
    (product + 0.5_f32.copysign(product)) as i16
}
