//! Short real-valued signals: the sums that concealment and time-scaling are made of.
#![expect(clippy::indexing_slicing, reason = "inner loops over lengths fixed by the caller")]

/// Sum of products over the shorter of the two.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let len = a.len().min(b.len());
    let (a, b) = (&a[..len], &b[..len]);
    let mut sums = [0.0f32; 16];
    let (mut ca, mut cb) = (a.chunks_exact(16), b.chunks_exact(16));
    for (x, y) in (&mut ca).zip(&mut cb) {
        for i in 0..16 {
            sums[i] += x[i] * y[i];
        }
    }
    let tail: f32 = ca.remainder().iter().zip(cb.remainder()).map(|(x, y)| x * y).sum();
    let mut eight = [0.0f32; 8];
    for i in 0..8 {
        eight[i] = sums[i] + sums[i + 8];
    }
    let four = [eight[0] + eight[4], eight[1] + eight[5], eight[2] + eight[6], eight[3] + eight[7]];
    (four[0] + four[2]) + (four[1] + four[3]) + tail
}

/// Sum of squares.
pub fn energy(a: &[f32]) -> f32 {
    dot(a, a)
}
