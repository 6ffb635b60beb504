//! Audio in place of what was lost, for codecs that have no concealment of their own.
#![expect(clippy::indexing_slicing, clippy::cast_precision_loss, reason = "proto")]

mod extrapolation;
mod tuning;
use self::extrapolation::Extrapolation;
pub use self::tuning::Tuning;
use crate::signal::{dot, energy};

/// proto
#[derive(Debug)]
pub struct Concealer {
    per_ms: usize,
    forward: Extrapolation,
    backward: Extrapolation,
    past: Vec<f32>,
    future: Vec<f32>,
    warped: [Vec<f32>; 2],
    longest: usize,
    gap: Option<usize>,
    t: Tuning,
}

impl Concealer {
    /// History
    pub const HISTORY_MS: usize = 50;

    /// new
    pub fn new(rate: u32) -> Self {
        Self::tuned(rate, Tuning::from_env())
    }
    /// tuned
    pub fn tuned(rate: u32, t: Tuning) -> Self {
        let per_ms = rate as usize / 1000;
        let longest = 320 * per_ms;
        Self {
            per_ms,
            forward: Extrapolation::new(per_ms, longest, t.clone()),
            backward: Extrapolation::new(per_ms, longest, t.clone()),
            past: Vec::with_capacity(Self::HISTORY_MS * per_ms),
            future: Vec::with_capacity(Self::HISTORY_MS * per_ms),
            warped: [Vec::with_capacity(longest), Vec::with_capacity(longest)],
            longest,
            gap: None,
            t,
        }
    }

    /// in gap
    pub const fn in_gap(&self) -> bool {
        self.gap.is_some()
    }
    /// start
    pub fn start(&mut self, past: &[i16]) {
        self.past.clear();
        self.past.extend(past.iter().map(|s| f32::from(*s)));
        self.forward.begin(&self.past);
        self.gap = Some(0);
    }
    /// stop
    pub fn stop(&mut self) {
        self.gap = None;
    }
    fn attenuation(&self, at: usize) -> f32 {
        let ms = at as f32 / self.per_ms as f32;
        let v = self.forward.voicing.clamp(0.0, 1.0);
        let slope_u = self.t.get("slope_u", 0.02);
        let slope = slope_u + (self.t.get("slope_v", 0.02) - slope_u) * v;
        (1.0 - (ms - self.t.get("hold", 40.0)).max(0.0) * slope).max(0.0)
    }
    /// extend
    pub fn extend(&mut self, out: &mut [i16]) {
        let Some(gap) = self.gap else { return out.fill(0) };
        let len = out.len();
        if gap + len > self.longest - 20 * self.per_ms {
            return out.fill(0);
        }
        self.forward.first(gap + len);
        for (i, o) in out.iter_mut().enumerate() {
            *o = sample(self.forward.made()[gap + i] * self.attenuation(gap + i));
        }
        self.gap = Some(gap + len);
    }
    /// preview
    pub fn preview(&mut self, out: &mut [i16]) {
        let gap = self.gap;
        self.extend(out);
        self.gap = gap;
    }
    /// fade out
    pub fn fade_out(&mut self, out: &mut [i16]) {
        let n = 10 * self.per_ms;
        self.extend(out);
        for (i, o) in out.iter_mut().enumerate() {
            *o = sample(f32::from(*o) * (1.0 - i as f32 / n as f32).max(0.0));
        }
    }
    /// merge
    pub fn merge(&mut self, pcm: &mut [i16]) {
        let Some(gap) = self.gap.take() else { return };
        let ms = gap / self.per_ms;
        let ola = ((self.t.get("ola", 4.0) + self.t.get("ola_grow", 0.1) * ms as f32)
            .min(self.t.get("ola_max", 10.0))
            * self.per_ms as f32) as usize;
        let ola = ola.min(pcm.len());
        if gap + ola > self.longest - 20 * self.per_ms {
            return;
        }
        self.forward.first(gap + ola);
        for i in 0..ola {
            let w = (i as f32 + 0.5) / ola as f32;
            pcm[i] = sample(
                f32::from(pcm[i]) * w + self.forward.made()[gap + i] * self.attenuation(gap + i) * (1.0 - w),
            );
        }
    }
    /// bridge: past = what was heard before this part of the gap
    pub fn bridge(&mut self, past: &[i16], out: &mut [i16], next: &mut [i16]) {
        if self.gap.is_none() {
            self.start(past);
        }
        let gap = self.gap.unwrap_or(0);
        let n = out.len();
        if next.len() < 8 * self.per_ms || gap + n > self.longest - 60 * self.per_ms {
            self.extend(out);
            return;
        }
        let keep = next.len().min(Self::HISTORY_MS * self.per_ms);
        self.future.clear();
        self.future.extend(next[..keep].iter().rev().map(|s| f32::from(*s)));
        self.backward.begin(&self.future);
        self.future.reverse();
        let mlen = (self.t.get("match", 5.0) * self.per_ms as f32) as usize;
        let [fw, bw] = &mut self.warped;
        warp(&mut self.forward, gap, n, &self.future[..mlen], self.per_ms, fw, &self.t);
        self.past.clear();
        self.past.extend(past[past.len() - mlen..].iter().rev().map(|s| f32::from(*s)));
        warp(&mut self.backward, 0, n, &self.past[..mlen], self.per_ms, bw, &self.t);
        for (i, o) in out.iter_mut().enumerate() {
            let w = (i as f32 + 0.5) / n as f32;
            let fb = 1.0;
            *o = sample(
                self.warped[0][i] * self.attenuation((gap + i).saturating_sub(0)) * (1.0 - w)
                    + self.warped[1][n - 1 - i] * w * fb,
            );
        }
        self.gap = None;
    }
}

fn sample(value: f32) -> i16 {
    value.round().clamp(-32768.0, 32767.0) as i16
}

fn warp(
    m: &mut Extrapolation,
    gap: usize,
    n: usize,
    future: &[f32],
    per_ms: usize,
    out: &mut Vec<f32>,
    t: &Tuning,
) {
    let mlen = future.len();
    let d =
        ((t.get("wmax", 4.0) * per_ms as f32) as usize).min((m.lag as f32 * 0.55) as usize + 1).min(n / 2);
    let lag = m.lag;
    let _ = lag;
    let made = m.first(gap + n + d + mlen + 2);
    let f = &made[gap..];
    let mut best = (0.0f32, -1.0f32);
    let ex = energy(future) + 1.0;
    for o in 0..=2 * d {
        let seg = &f[n - d + o..n - d + o + mlen];
        let c = dot(seg, future) / (ex * (energy(seg) + 1.0)).sqrt();
        let off = o as f32 - d as f32;
        let c = c - t.get("wbias", 0.6) * off.abs() / (d.max(1) as f32);
        if c > best.1 {
            best = (off, c);
        }
    }
    let shift = if best.1 > t.get("wthr", 0.3) { best.0 } else { 0.0 };
    let step = (n as f32 + shift) / n as f32;
    out.clear();
    for i in 0..n {
        let p = i as f32 * step;
        let k = p as usize;
        let fr = p - k as f32;
        let (y0, y1, y2, y3) = (if k > 0 { f[k - 1] } else { f[0] }, f[k], f[k + 1], f[k + 2]);
        let c1 = 0.5 * (y2 - y0);
        let c2 = y0 - 2.5 * y1 + 2.0 * y2 - 0.5 * y3;
        let c3 = 0.5 * (y3 - y0) + 1.5 * (y1 - y2);
        out.push(((c3 * fr + c2) * fr + c1) * fr + y1);
    }
}
