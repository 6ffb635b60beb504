//! A description to noise that sounds like it.

use super::{FULL_SCALE, ORDER, SILENCE, coefficient};

/// How fast a new description is moved to, in milliseconds: after this, two thirds of the way are done.
const MOVE_MS: u32 = 30;

/// Makes noise of a described level and spectrum.
#[derive(Debug, Clone)]
pub struct NoiseGenerator {
    /// State of the generator of random numbers; never zero.
    random: u32,
    /// Samples between two moves towards what was described last: 5 ms.
    step: usize,
    /// Samples until the next move.
    left: usize,
    /// What was described last; `None` until there was a description.
    target: Option<Model>,
    /// Where the noise is now.
    model: Model,
    /// The model's filter, and its last outputs, newest first.
    denominator: [f32; ORDER],
    outputs: [f32; ORDER],
    /// Half the range of the uniform noise that excites the filter.
    amplitude: f32,
}

/// Level and spectrum.
#[derive(Debug, Clone, Copy, Default)]
struct Model {
    /// Root of the mean square of the samples.
    level: f32,
    reflection: [f32; ORDER],
}

impl NoiseGenerator {
    /// A generator at `rate` hertz; silent until its first description. The same seed makes the same noise.
    #[must_use]
    pub fn new(rate: u32, seed: u32) -> Self {
        Self {
            // Spread, so that neighbouring seeds do not begin alike.
            random: seed.wrapping_mul(0x9e37_79b9) | 1,
            step: (rate / 200).max(1) as usize,
            left: 0,
            target: None,
            model: Model::default(),
            denominator: [0.0; ORDER],
            outputs: [0.0; ORDER],
            amplitude: 0.0,
        }
    }

    /// Takes a description. Of what is too long or beyond the range, the part before it counts; nothing at all changes
    /// nothing.
    pub fn update(&mut self, payload: &[u8]) {
        let Some((level, octets)) = payload.split_first() else { return };
        // The first bit is to be ignored [RFC3389 3.1].
        let level = level & 0x7f;
        let mut model = Model::default();
        if level != SILENCE {
            model.level = (FULL_SCALE * 10.0_f32.powf(f32::from(level) / -10.0)).sqrt();
        }
        let coefficients = octets.iter().map_while(|octet| coefficient(*octet));
        model.reflection.iter_mut().zip(coefficients).for_each(|(to, k)| *to = k);
        if self.target.is_none() {
            self.model = model;
            self.left = 0;
        }
        self.target = Some(model);
    }

    /// Fills `pcm` with noise.
    pub fn generate(&mut self, pcm: &mut [i16]) {
        let Some(target) = self.target else { return pcm.fill(0) };
        for sample in pcm {
            if self.left == 0 {
                self.move_towards(&target);
                self.left = self.step;
            }
            self.left -= 1;
            let value = self.next_value();
            #[expect(clippy::cast_possible_truncation, reason = "a cast from float saturates")]
            let rounded = value.round() as i16;
            *sample = rounded;
        }
    }

    /// Takes the model a step nearer to `target` and makes the filter of it.
    fn move_towards(&mut self, target: &Model) {
        const PART: f32 = 5.0 / MOVE_MS as f32;
        let model = &mut self.model;
        model.level += (target.level - model.level) * PART;
        // Between two sets of reflection coefficients below 1 lie only such, so the filter stays stable.
        for (k, to) in model.reflection.iter_mut().zip(target.reflection) {
            *k += (to - *k) * PART;
        }
        self.denominator = denominator(&model.reflection);
        // White noise of power 1 leaves the filter with one over the product of 1 - k².
        let loss: f32 = model.reflection.iter().map(|k| 1.0 - k * k).product();
        // Uniform noise has a third of its half range's square.
        self.amplitude = model.level * (3.0 * loss.max(0.0)).sqrt();
    }

    fn next_value(&mut self) -> f32 {
        let feedback: f32 = self.denominator.iter().zip(self.outputs).map(|(a, y)| a * y).sum();
        let value = self.next_random() * self.amplitude - feedback;
        self.outputs.copy_within(..ORDER - 1, 1);
        if let Some(first) = self.outputs.first_mut() {
            *first = value;
        }
        value
    }

    /// The next random number, from -1 to 1.
    fn next_random(&mut self) -> f32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.random.cast_signed() as f32 / -(i32::MIN as f32)
    }
}

/// The model's denominator without its leading 1.
fn denominator(reflection: &[f32; ORDER]) -> [f32; ORDER] {
    let mut a = [0.0_f32; ORDER];
    for (order, k) in reflection.iter().enumerate() {
        let before = a;
        let mirrored = before.iter().take(order).rev();
        a.iter_mut().zip(mirrored).for_each(|(a, b)| *a += k * b);
        if let Some(last) = a.get_mut(order) {
            *last = *k;
        }
    }
    a
}
