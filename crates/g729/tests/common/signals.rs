//! Signals made of integers alone, so that they are the same everywhere.

/// Samples of a frame.
const FRAME: usize = 80;

/// How many kinds of [`extreme`] signals there are.
pub(crate) const EXTREMES: usize = 20;

/// A generator of noise: the top half of a 32-bit congruential one.
struct Noise(u32);

impl Noise {
    fn next(&mut self) -> i16 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        i16::from_le_bytes([(self.0 >> 16).to_le_bytes()[0], (self.0 >> 24).to_le_bytes()[0]])
    }
}

fn frames(count: usize, mut sample: impl FnMut(usize) -> i16) -> Vec<[i16; FRAME]> {
    let mut n = 0;
    let mut next = || {
        n += 1;
        sample(n - 1)
    };
    (0..count).map(|_| std::array::from_fn(|_| next())).collect()
}

/// A wave of full scale, or of nothing between pulses.
fn full(positive: bool) -> i16 {
    if positive { i16::MAX } else { i16::MIN }
}

/// Signals that real ones hardly come to, by kind: silence, direct current, squares of several pitches, clicks, noise
/// of all levels and in bursts.
pub(crate) fn extreme(kind: usize, count: usize) -> Vec<[i16; FRAME]> {
    let mut noise = Noise(u32::try_from(kind).unwrap_or(0));
    let square = |n: usize, half: usize| full((n / half).is_multiple_of(2));
    frames(count, |n| {
        let hiss = noise.next();
        match kind {
            0 => 0,
            1 => i16::MAX,
            2 => i16::MIN,
            3 => hiss,
            4 => square(n, 1),
            5 => square(n, 40),
            6 => square(n, 7),
            7 => full(hiss < 0),
            8 if n.is_multiple_of(97) => square(n, 97),
            8 => 0,
            9 => hiss >> (n / 400 % 16),
            10 if (n / 800).is_multiple_of(3) => hiss,
            10 => hiss >> 13,
            11 => full((n * n / 900).is_multiple_of(2)),
            12 => full(n.is_multiple_of(80)),
            13 => hiss >> 15,
            14 => (hiss >> 3).saturating_mul(if (n / 1000).is_multiple_of(2) { 9 } else { 1 }),
            _ => square(n, 4 + n / 2000 % 60) >> (kind % 5),
        }
    })
}

/// Something like speech with pauses: pulses of moving pitch or noise through two resonators, over quiet noise.
pub(crate) fn speech_like(seed: u32, count: usize) -> Vec<[i16; FRAME]> {
    // 2 r cos(w) and r^2 in Q14, of a low and a high formant for each vowel.
    const VOWELS: [[(i64, i64); 2]; 4] = [
        [(30_900, 15_800), (12_000, 14_900)],
        [(29_600, 15_600), (24_500, 15_000)],
        [(31_800, 15_900), (-3000, 14_600)],
        [(30_200, 15_500), (18_000, 15_200)],
    ];
    let mut noise = Noise(seed);
    let mut past = [[0i64; 2]; 2];
    let mut until_pulse = 0;
    let mut kind = 0;
    frames(count, |n| {
        if n.is_multiple_of(1600) {
            kind = usize::from(noise.next().unsigned_abs());
        }
        let hiss = i64::from(noise.next());
        let loud = i64::try_from((n % 1600).min(1600 - n % 1600)).unwrap_or(0);
        until_pulse -= 1;
        let mut source = 0;
        match kind % 8 {
            0..4 if until_pulse <= 0 => {
                until_pulse = 40 + i32::try_from(kind % 60 + n / 97 % 9).unwrap_or(0);
                source = 6 * loud;
            }
            4 | 5 => source = (hiss * loud) >> 17,
            _ => {}
        }
        let mut sum = hiss >> 11;
        let [first, second, third, fourth] = VOWELS;
        let vowel = match kind / 8 % 4 {
            0 => first,
            1 => second,
            2 => third,
            _ => fourth,
        };
        for ((a, b), past) in vowel.into_iter().zip(&mut past) {
            let out = source + ((a * past[0] - b * past[1]) >> 14);
            *past = [out, past[0]];
            sum += out;
        }
        i16::try_from(sum.clamp(-32_768, 32_767)).unwrap_or(0)
    })
}
