//! proto
#![expect(clippy::indexing_slicing, clippy::cast_possible_truncation, missing_docs)]
use crate::signal::{dot, energy};

#[derive(Debug, Clone)]
pub struct Tuning {
    pub v: std::collections::HashMap<String, f32>,
}
impl Tuning {
    pub fn get(&self, k: &str, d: f32) -> f32 { *self.v.get(k).unwrap_or(&d) }
}

const PMAX: usize = 40;

pub struct Model {
    order: usize,
    a: [f32; PMAX],
    exc: Vec<f32>,      // residual history then generated
    out: Vec<f32>,      // last `order` outputs then generated
    start: usize,       // exc.len() at origin
    pub lag: usize,
    pub voicing: f32,
    level: f32,
    seed: u32,
    evolve: f32,
}

pub fn lpc(x: &[f32], order: usize, t: &Tuning) -> [f32; PMAX] {
    // asymmetric window: rise over most, fall over last 1/6
    let n = x.len();
    let fall = (n as f32 * t.get("fall", 0.1)) as usize;
    let rise = n - fall;
    let mut w = vec![0.0f32; n];
    for i in 0..n {
        let g = if i < rise { 0.5 - 0.5 * (std::f32::consts::PI * (i as f32 + 0.5) / rise as f32).cos() }
        else { (0.5 * std::f32::consts::PI * ((i - rise) as f32 + 0.5) / fall as f32).cos() };
        w[i] = x[i] * g;
    }
    let mut r = [0.0f32; PMAX + 1];
    for k in 0..=order { r[k] = dot(&w[k..], &w[..n - k]); }
    r[0] = r[0] * (1.0 + t.get("wnc", 1e-4)) + 1.0;
    let lw = t.get("lagw", 40.0) * 2.0 * std::f32::consts::PI / 8000.0;
    for k in 1..=order { let z = lw * k as f32; r[k] *= (-0.5 * z * z).exp(); }
    let mut a = [0.0f32; PMAX];
    let mut err = r[0];
    for i in 0..order {
        let mut acc = r[i + 1];
        for j in 0..i { acc += a[j] * r[i - j]; }
        let k = -acc / err;
        let prev = a;
        a[i] = k;
        for j in 0..i { a[j] = prev[j] + k * prev[i - 1 - j]; }
        err *= 1.0 - k * k;
        if err <= 0.0 { break; }
    }
    let bw = t.get("bw", 1.0);
    let mut g = bw;
    for c in a.iter_mut().take(order) { *c *= g; g *= bw; }
    a
}

/// best lag by normalised cross-correlation of the last `win` samples
pub fn pitch(x: &[f32], min: usize, max: usize, win: usize, t: &Tuning) -> (usize, f32) {
    let n = x.len();
    let target = &x[n - win..];
    let et = energy(target) + 1.0;
    let mut best = (min, -1.0f32);
    let mut e = energy(&x[n - win - min..n - min]);
    let bias = t.get("lagbias", 0.0);
    for lag in min..=max {
        if lag > min {
            e += x[n - win - lag] * x[n - win - lag] - x[n - lag] * x[n - lag];
        }
        let c = dot(target, &x[n - win - lag..n - lag]);
        let ncc = c / (et * (e.max(0.0) + 1.0)).sqrt();
        let score = ncc - bias * (lag - min) as f32 / (max - min) as f32;
        if score > best.1 { best = (lag, score); }
    }
    (best.0, best.1 + bias * (best.0 - min) as f32 / (max - min) as f32)
}

impl Model {
    pub fn new(x: &[f32], rate: usize, seed: u32, t: &Tuning) -> Self {
        let ms = rate / 1000;
        let n = x.len();
        let order = (t.get("order", 16.0) as usize).min(PMAX);
        let win = ((t.get("pwin", 12.0) * ms as f32) as usize).min(n * 2 / 5);
        let min = (t.get("pmin", 2.5) * ms as f32) as usize;
        let max = ((t.get("pmax", 15.0) * ms as f32) as usize).min(n - win - 1).min(n - order - 1 );
        let (lag, voicing) = pitch(x, min, max, win, t);
        let a = if t.get("lpc", 1.0) > 0.0 {
            lpc(&x[n - ((t.get("lwin", 25.0) * ms as f32) as usize).min(n)..], order, t)
        } else { [0.0; PMAX] };
        // residual over the last lag samples and a little
        let need = (max + 2).min(n - order);
        let mut exc = Vec::with_capacity(need + 4000);
        for i in n - need..n {
            let mut s = x[i];
            for k in 0..order { s += a[k] * x[i - 1 - k]; }
            exc.push(s);
        }
        let start = exc.len();
        let level = (energy(&exc[start - lag..]) / lag as f32).sqrt();
        let mut out = Vec::with_capacity(order + 4000);
        out.extend_from_slice(&x[n - order..]);
        Self { order, a, exc, out, start, lag, voicing, level, seed, evolve: 0.0 }
    }
    fn rnd(&mut self) -> f32 {
        self.seed = self.seed.wrapping_mul(1664525).wrapping_add(1013904223);
        (self.seed >> 8) as f32 / 8388608.0 - 1.0
    }
    /// i-th extrapolated sample
    pub fn upto(&mut self, len: usize, t: &Tuning) {
        let noise_on = t.get("noise", 0.0);
        let v0 = t.get("v0", 0.3);
        let v1 = t.get("v1", 0.7);
        let v = ((self.voicing - v0) / (v1 - v0)).clamp(0.0, 1.0);
        let _ = self.evolve;
        while self.exc.len() - self.start < len {
            let i = self.exc.len();
            let p = self.exc[i - self.lag];
            let e = if noise_on > 0.0 {
                let r = self.rnd() * self.level * 1.732;
                let gn = noise_on * (1.0 - v * v).sqrt();
                // keep recursion on periodic part in exc
                p * (1.0 - noise_on + noise_on * v) + gn * r
            } else { p };
            self.exc.push(e);
            let m = self.out.len();
            let mut s = e;
            for k in 0..self.order { s -= self.a[k] * self.out[m - 1 - k]; }
            self.out.push(s.clamp(-60000.0, 60000.0));
        }
    }
    pub fn get(&self) -> &[f32] { &self.out[self.order..] }
}

pub struct Concealer {
    rate: usize,
    hist: Vec<f32>,
    model: Option<Model>,
    gap: usize,
    t: Tuning,
    seed: u32,
}

impl Concealer {
    pub fn new(rate: usize, t: Tuning) -> Self {
        let len = (t.get("hist", 50.0) * rate as f32 / 1000.0) as usize;
        Self { rate, hist: vec![0.0; len], model: None, gap: 0, t, seed: 1 }
    }
    fn push(&mut self, pcm: &[i16]) {
        let n = self.hist.len();
        let k = pcm.len().min(n);
        self.hist.copy_within(k.., 0);
        for (d, s) in self.hist[n - k..].iter_mut().zip(&pcm[pcm.len() - k..]) { *d = f32::from(*s); }
    }
    fn fade(&self, at: usize) -> f32 {
        // attenuation at sample `at` of the gap
        let ms = at as f32 * 1000.0 / self.rate as f32;
        let v = self.model.as_ref().map_or(0.0, |m| m.voicing).clamp(0.0, 1.0);
        let hold = self.t.get("hold", 10.0);
        let slope_v = self.t.get("slope_v", 0.02);
        let slope_u = self.t.get("slope_u", 0.02);
        let slope = slope_u + (slope_v - slope_u) * v;
        (1.0 - (ms - hold).max(0.0) * slope).max(0.0)
    }
    pub fn good(&mut self, pcm: &mut [i16]) {
        if self.gap > 0 {
            let ms = self.rate / 1000;
            let ola = ((self.t.get("ola", 4.0) + self.t.get("ola_grow", 0.4) * (self.gap / ms) as f32).min(self.t.get("ola_max", 10.0)) * ms as f32) as usize;
            let ola = ola.min(pcm.len());
            let gap = self.gap;
            if self.model.is_some() {
                let t = self.t.clone();
                let fades: Vec<f32> = (0..ola).map(|i| self.fade(gap + i)).collect();
                let m = self.model.as_mut().unwrap();
                m.upto(gap + ola, &t);
                let f = &m.get()[gap..gap + ola];
                for i in 0..ola {
                    let w = (i as f32 + 0.5) / ola as f32;
                    let s = f32::from(pcm[i]) * w + f[i] * fades[i] * (1.0 - w);
                    pcm[i] = s.round().clamp(-32768.0, 32767.0) as i16;
                }
            }
            self.gap = 0;
            self.model = None;
        }
        self.push(pcm);
    }
    pub fn conceal(&mut self, pcm: &mut [i16], next: Option<&[i16]>) {
        let t = self.t.clone();
        let n = pcm.len();
        self.seed = self.seed.wrapping_add(77);
        if self.gap == 0 {
            self.model = Some(Model::new(&self.hist, self.rate, self.seed, &t));
        }
        let gap = self.gap;
        let fades: Vec<f32> = (0..n).map(|i| self.fade(gap + i)).collect();
        let mut result = vec![0.0f32; n];
        let rate = self.rate;
        let m = self.model.as_mut().unwrap();
        if let (Some(next), true) = (next, t.get("two", 1.0) > 0.0) {
            let ms = rate / 1000;
            let fut: Vec<f32> = next.iter().map(|s| f32::from(*s)).collect();
            let rev: Vec<f32> = fut.iter().rev().copied().collect();
            let mut b = Model::new(&rev, rate, self.seed ^ 55, &t);
            let mlen = ((t.get("match", 8.0) * ms as f32) as usize).min(fut.len());
            let fw = warp_to(m, gap, n, &fut, mlen, ms, &t);
            // the history before the gap: for continuing gaps the concealed tail
            let hrev: Vec<f32> = self.hist.iter().rev().take(mlen).copied().collect();
            let bw = warp_to(&mut b, 0, n, &hrev, mlen, ms, &t);
            let vf = m.voicing.max(0.0);
            let vb = b.voicing.max(0.0);
            let _ = (vf, vb);
            for i in 0..n {
                let u = (i as f32 + 0.5) / n as f32;
                let w = match t.get("xf", 0.0) as i32 { 0 => u, _ => 0.5 - 0.5 * (std::f32::consts::PI * u).cos() };
                let pw = t.get("pow", 0.0);
                let (wa, wb) = (1.0 - w, w);
                let norm = 1.0 / (wa * wa + wb * wb).sqrt();
                let g = 1.0 + pw * (norm - 1.0);
                let fb = { let ms_at = (n - i) as f32 / ms as f32; (1.0 - (ms_at - t.get("hold", 10.0)).max(0.0) * t.get("slope_b", 0.0)).max(0.0) };
                let ff = 1.0 - t.get("ffade", 0.0) * (1.0 - fades[i]);
                result[i] = g * (fw[i] * ff * wa + bw[n - 1 - i] * fb * wb);
            }
            self.gap = 0;
            for (d, s) in pcm.iter_mut().zip(&result) { *d = s.round().clamp(-32768.0, 32767.0) as i16; }
            self.push(pcm);
            self.model = None;
            return;
        }
        m.upto(gap + n, &t);
        let f = &m.get()[gap..gap + n];
        for i in 0..n { result[i] = f[i] * fades[i]; }
        self.gap += n;
        for (d, s) in pcm.iter_mut().zip(&result) { *d = s.round().clamp(-32768.0, 32767.0) as i16; }
        self.push(pcm);
    }
}

fn warp_to(m: &mut Model, gap: usize, n: usize, fut: &[f32], mlen: usize, ms: usize, t: &Tuning) -> Vec<f32> {
    let d = ((t.get("wmax", 4.0) * ms as f32) as usize).min((m.lag as f32 * 0.55) as usize + 1).min(n / 2);
    m.upto(gap + n + d + mlen + 2, t);
    let f = &m.get()[gap..];
    let mut best = (0i32, -1.0f32);
    let ex = energy(&fut[..mlen]) + 1.0;
    for o in 0..=2 * d {
        let seg = &f[n - d + o..n - d + o + mlen];
        let c = dot(seg, &fut[..mlen]) / (ex * (energy(seg) + 1.0)).sqrt();
        let c = c - t.get("wbias", 0.0) * (o as f32 - d as f32).abs() / (d.max(1) as f32);
        if c > best.1 { best = (o as i32 - d as i32, c); }
    }
    let shift = if best.1 > t.get("wthr", 0.3) && t.get("warp", 1.0) > 0.0 { best.0 as f32 } else { 0.0 };
    let step = (n as f32 + shift) / n as f32;
    (0..n).map(|i| {
        let p = i as f32 * step;
        let k = p as usize;
        let fr = p - k as f32;
        let g = |j: i32| -> f32 { let q = k as i32 + j; if q < 0 { if m.order as i32 + gap as i32 + q >= 0 { m.out[(m.order as i32 + gap as i32 + q) as usize] } else { 0.0 } } else { f[q as usize] } };
        let (y0, y1, y2, y3) = (g(-1), g(0), g(1), g(2));
        let c1 = 0.5 * (y2 - y0);
        let c2 = y0 - 2.5 * y1 + 2.0 * y2 - 0.5 * y3;
        let c3 = 0.5 * (y3 - y0) + 1.5 * (y1 - y2);
        ((c3 * fr + c2) * fr + c1) * fr + y1
    }).collect()
}
