//! Eight 32-bit words side by side, as kernels compute with them: in one AVX2 register, or in an array.

#![expect(clippy::cast_possible_truncation, reason = "halves of words and eight signs are taken on purpose")]

/// What makes vectors: of the portable kind always, of AVX2 only where the processor was seen to have it.
pub(super) trait Machine: Copy {
    /// Its vectors.
    type Lanes: Lanes;

    /// The same word in all lanes.
    fn splat(self, word: i32) -> Self::Lanes;

    /// The lanes from memory.
    fn load(self, words: &[i32; 8]) -> Self::Lanes;

    /// The lanes from half words.
    fn extend(self, words: &[i16; 8]) -> Self::Lanes;

    /// The lanes from pairs of half words, of which the first is the lower one.
    fn load_halves(self, words: &[i16; 16]) -> Self::Lanes;
}

/// Eight words. Sums, differences and products wrap.
pub(super) trait Lanes: Copy {
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    /// The low words of the products.
    fn mul(self, other: Self) -> Self;
    /// In each lane the products of the lower and of the upper half words, added.
    fn multiply_halves(self, other: Self) -> Self;
    /// Differences of the half words.
    fn sub_halves(self, other: Self) -> Self;
    fn and(self, other: Self) -> Self;
    /// `self` where `mask` is zero.
    fn unless(self, mask: Self) -> Self;
    fn or(self, other: Self) -> Self;
    fn xor(self, other: Self) -> Self;
    fn shift_left<const N: i32>(self) -> Self;
    /// With the sign.
    fn shift_right<const N: i32>(self) -> Self;
    fn min(self, other: Self) -> Self;
    fn max(self, other: Self) -> Self;
    /// All ones in lanes that are greater than the other's.
    fn greater(self, other: Self) -> Self;
    fn equal(self, other: Self) -> Self;
    /// `yes` in lanes of `self`, which are all ones or zero, else `no`.
    fn select(self, yes: Self, no: Self) -> Self;
    /// Lanes exchanged with those four, two or one away.
    fn swap_four(self) -> Self;
    fn swap_two(self) -> Self;
    fn swap_one(self) -> Self;
    fn store(self, to: &mut [i32; 8]);
    /// The lower half words of the lanes in pairs with those of `next`.
    fn store_pairs(self, next: Self, to: &mut [i16; 16]);
    /// As half words, limited to what these hold, with those of `next` after them.
    fn store_with(self, next: Self, to: &mut [i16; 16]);
    /// The signs of the lanes, of the first in bit 0.
    fn signs(self) -> u8;

    #[inline(always)]
    fn to_array(self) -> [i32; 8] {
        let mut out = [0; 8];
        self.store(&mut out);
        out
    }
}

/// Makes arrays.
#[derive(Clone, Copy)]
pub(super) struct Portable;

/// Eight words in an array.
#[derive(Clone, Copy)]
pub(super) struct Array([i32; 8]);

impl Machine for Portable {
    type Lanes = Array;

    #[inline(always)]
    fn splat(self, word: i32) -> Array {
        Array([word; 8])
    }

    #[inline(always)]
    fn load(self, words: &[i32; 8]) -> Array {
        Array(*words)
    }

    #[inline(always)]
    fn extend(self, words: &[i16; 8]) -> Array {
        Array(words.map(i32::from))
    }

    #[inline(always)]
    fn load_halves(self, words: &[i16; 16]) -> Array {
        let mut out = [0; 8];
        for (out, &[low, high]) in out.iter_mut().zip(words.as_chunks().0) {
            *out = (i32::from(low) & 0xffff) | i32::from(high) << 16;
        }
        Array(out)
    }
}

impl Array {
    #[inline(always)]
    fn with(self, other: Self, f: impl Fn(i32, i32) -> i32) -> Self {
        let mut out = self;
        for (out, other) in out.0.iter_mut().zip(other.0) {
            *out = f(*out, other);
        }
        out
    }

    #[inline(always)]
    fn permuted(self, distance: usize) -> Self {
        let mut out = self;
        for (lane, out) in out.0.iter_mut().enumerate() {
            if let Some(word) = self.0.get(lane ^ distance) {
                *out = *word;
            }
        }
        out
    }
}

impl Lanes for Array {
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.with(other, i32::wrapping_add)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.with(other, i32::wrapping_sub)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.with(other, i32::wrapping_mul)
    }

    #[inline(always)]
    fn multiply_halves(self, other: Self) -> Self {
        self.with(other, |a, b| {
            let low = i32::from(a as i16) * i32::from(b as i16);
            low.wrapping_add((a >> 16) * (b >> 16))
        })
    }

    #[inline(always)]
    fn sub_halves(self, other: Self) -> Self {
        self.with(other, |a, b| {
            let low = (a as i16).wrapping_sub(b as i16);
            (i32::from(low) & 0xffff) | i32::from(((a >> 16) as i16).wrapping_sub((b >> 16) as i16)) << 16
        })
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        self.with(other, |a, b| a & b)
    }

    #[inline(always)]
    fn unless(self, mask: Self) -> Self {
        self.with(mask, |a, mask| a & !mask)
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        self.with(other, |a, b| a | b)
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        self.with(other, |a, b| a ^ b)
    }

    #[inline(always)]
    fn shift_left<const N: i32>(self) -> Self {
        self.with(self, |a, _| a << N)
    }

    #[inline(always)]
    fn shift_right<const N: i32>(self) -> Self {
        self.with(self, |a, _| a >> N)
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.with(other, i32::min)
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.with(other, i32::max)
    }

    #[inline(always)]
    fn greater(self, other: Self) -> Self {
        self.with(other, |a, b| -i32::from(a > b))
    }

    #[inline(always)]
    fn equal(self, other: Self) -> Self {
        self.with(other, |a, b| -i32::from(a == b))
    }

    #[inline(always)]
    fn select(self, yes: Self, no: Self) -> Self {
        self.and(yes).or(no.unless(self))
    }

    #[inline(always)]
    fn swap_four(self) -> Self {
        self.permuted(4)
    }

    #[inline(always)]
    fn swap_two(self) -> Self {
        self.permuted(2)
    }

    #[inline(always)]
    fn swap_one(self) -> Self {
        self.permuted(1)
    }

    #[inline(always)]
    fn store(self, to: &mut [i32; 8]) {
        *to = self.0;
    }

    #[inline(always)]
    fn store_pairs(self, next: Self, to: &mut [i16; 16]) {
        for (to, (&low, &high)) in to.as_chunks_mut().0.iter_mut().zip(self.0.iter().zip(&next.0)) {
            *to = [low as i16, high as i16];
        }
    }

    #[inline(always)]
    fn store_with(self, next: Self, to: &mut [i16; 16]) {
        for (to, &word) in to.iter_mut().zip(self.0.iter().chain(&next.0)) {
            *to = crate::ops::saturate(word);
        }
    }

    #[inline(always)]
    fn signs(self) -> u8 {
        self.0.iter().rev().fold(0, |signs, &word| signs << 1 | u8::from(word < 0))
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use self::x86::Avx2;

#[cfg(target_arch = "x86_64")]
mod x86 {
    use core::arch::x86_64::{
        __m256i, _mm_loadu_si128, _mm256_add_epi32, _mm256_and_si256, _mm256_andnot_si256,
        _mm256_blend_epi16, _mm256_blendv_epi8, _mm256_castsi256_ps, _mm256_cmpeq_epi32, _mm256_cmpgt_epi32,
        _mm256_cvtepi16_epi32, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_max_epi32, _mm256_min_epi32,
        _mm256_movemask_ps, _mm256_mullo_epi32, _mm256_or_si256, _mm256_packs_epi32,
        _mm256_permute2x128_si256, _mm256_permute4x64_epi64, _mm256_set1_epi32, _mm256_shuffle_epi32,
        _mm256_slli_epi32, _mm256_srai_epi32, _mm256_storeu_si256, _mm256_sub_epi16, _mm256_sub_epi32,
        _mm256_xor_si256,
    };

    use super::{Lanes, Machine};

    /// Makes AVX2 registers. Whoever has one knows that the processor has AVX2.
    #[derive(Clone, Copy)]
    pub(in crate::simd) struct Avx2(());

    impl Avx2 {
        /// The machine, if this processor is one.
        #[inline]
        pub(in crate::simd) fn detect() -> Option<Self> {
            super::super::level::has_avx2().then_some(Self(()))
        }
    }

    /// Eight words in a register. Only [`Avx2`] makes the first ones.
    #[derive(Clone, Copy)]
    pub(in crate::simd) struct Register(__m256i);

    impl Machine for Avx2 {
        type Lanes = Register;

        #[inline(always)]
        fn splat(self, word: i32) -> Register {
            // SAFETY: an `Avx2` exists only where the processor has it.
            Register(unsafe { _mm256_set1_epi32(word) })
        }

        #[inline(always)]
        fn load(self, words: &[i32; 8]) -> Register {
            // SAFETY: an `Avx2` exists only where the processor has it; the reference is to 32 readable bytes, and the
            // load needs no alignment.
            Register(unsafe { _mm256_loadu_si256(words.as_ptr().cast()) })
        }

        #[inline(always)]
        fn extend(self, words: &[i16; 8]) -> Register {
            // SAFETY: every x86-64 has SSE2; the reference is to 16 readable bytes, and the load needs no alignment.
            let half = unsafe { _mm_loadu_si128(words.as_ptr().cast()) };
            // SAFETY: an `Avx2` exists only where the processor has it.
            Register(unsafe { _mm256_cvtepi16_epi32(half) })
        }

        #[inline(always)]
        fn load_halves(self, words: &[i16; 16]) -> Register {
            // SAFETY: an `Avx2` exists only where the processor has it; the reference is to 32 readable bytes, and the
            // load needs no alignment.
            Register(unsafe { _mm256_loadu_si256(words.as_ptr().cast()) })
        }
    }

    /// Operations of two registers that are one instruction.
    macro_rules! binary {
        ($($name:ident = $instruction:ident;)+) => {$(
            #[inline(always)]
            fn $name(self, other: Self) -> Self {
                // SAFETY: a `Register` exists only where an `Avx2` made one, so the processor has the instruction.
                Self(unsafe { $instruction(self.0, other.0) })
            }
        )+};
    }

    /// Operations of one register that are one instruction with a constant.
    macro_rules! unary {
        ($($name:ident = $instruction:ident::<$constant:literal>;)+) => {$(
            #[inline(always)]
            fn $name(self) -> Self {
                // SAFETY: a `Register` exists only where an `Avx2` made one, so the processor has the instruction.
                Self(unsafe { $instruction::<$constant>(self.0) })
            }
        )+};
    }

    impl Lanes for Register {
        binary! {
            add = _mm256_add_epi32;
            sub = _mm256_sub_epi32;
            mul = _mm256_mullo_epi32;
            multiply_halves = _mm256_madd_epi16;
            sub_halves = _mm256_sub_epi16;
            and = _mm256_and_si256;
            or = _mm256_or_si256;
            xor = _mm256_xor_si256;
            min = _mm256_min_epi32;
            max = _mm256_max_epi32;
            greater = _mm256_cmpgt_epi32;
            equal = _mm256_cmpeq_epi32;
        }

        unary! {
            swap_two = _mm256_shuffle_epi32::<0x4e>;
            swap_one = _mm256_shuffle_epi32::<0xb1>;
        }

        #[inline(always)]
        fn unless(self, mask: Self) -> Self {
            // SAFETY: a `Register` exists only where an `Avx2` made one, so the processor has the instruction.
            Self(unsafe { _mm256_andnot_si256(mask.0, self.0) })
        }

        #[inline(always)]
        fn shift_left<const N: i32>(self) -> Self {
            // SAFETY: a `Register` exists only where an `Avx2` made one, so the processor has the instruction.
            Self(unsafe { _mm256_slli_epi32::<N>(self.0) })
        }

        #[inline(always)]
        fn shift_right<const N: i32>(self) -> Self {
            // SAFETY: a `Register` exists only where an `Avx2` made one, so the processor has the instruction.
            Self(unsafe { _mm256_srai_epi32::<N>(self.0) })
        }

        #[inline(always)]
        fn select(self, yes: Self, no: Self) -> Self {
            // SAFETY: a `Register` exists only where an `Avx2` made one, so the processor has the instruction.
            Self(unsafe { _mm256_blendv_epi8(no.0, yes.0, self.0) })
        }

        #[inline(always)]
        fn swap_four(self) -> Self {
            // SAFETY: a `Register` exists only where an `Avx2` made one, so the processor has the instruction.
            Self(unsafe { _mm256_permute2x128_si256::<1>(self.0, self.0) })
        }

        #[inline(always)]
        fn store(self, to: &mut [i32; 8]) {
            // SAFETY: as above; the reference is to 32 writable bytes, and the store needs no alignment.
            unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), self.0) }
        }

        #[inline(always)]
        fn store_pairs(self, next: Self, to: &mut [i16; 16]) {
            let upper = next.shift_left::<16>();
            // SAFETY: a `Register` exists only where an `Avx2` made one, so the processor has the instruction.
            let pairs = unsafe { _mm256_blend_epi16::<0xaa>(self.0, upper.0) };
            // SAFETY: as above; the reference is to 32 writable bytes, and the store needs no alignment.
            unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), pairs) }
        }

        #[inline(always)]
        fn store_with(self, next: Self, to: &mut [i16; 16]) {
            // SAFETY: a `Register` exists only where an `Avx2` made one, so the processor has the instruction.
            let quarters = unsafe { _mm256_packs_epi32(self.0, next.0) };
            // SAFETY: as above.
            let halves = unsafe { _mm256_permute4x64_epi64::<0xd8>(quarters) };
            // SAFETY: as above; the reference is to 32 writable bytes, and the store needs no alignment.
            unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), halves) }
        }

        #[inline(always)]
        fn signs(self) -> u8 {
            // SAFETY: a `Register` exists only where an `Avx2` made one, so the processor has the instruction.
            let floats = unsafe { _mm256_castsi256_ps(self.0) };
            // SAFETY: as above.
            let signs = unsafe { _mm256_movemask_ps(floats) };
            signs as u8
        }
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;
    use crate::math::Random;
    use crate::testdata::rounds;

    #[expect(clippy::indexing_slicing, reason = "eight lanes and corners")]
    fn words(random: &mut Random) -> [i32; 8] {
        const CORNERS: [i32; 8] = [0, 1, -1, i32::MIN, i32::MAX, 0x7fff, -0x8000, 0x8000];
        core::array::from_fn(|lane| {
            let word = i32::from(random.next()) << 16 | i32::from(random.next()) & 0xffff;
            if random.next() % 4 == 0 { CORNERS[(lane + word.unsigned_abs() as usize) % 8] } else { word }
        })
    }

    /// Every operation on two vectors of a machine.
    #[expect(clippy::indexing_slicing, reason = "eight lanes")]
    fn all<M: Machine>(machine: M, a: &[i32; 8], b: &[i32; 8]) -> Vec<[i32; 8]> {
        let halves: [i16; 8] = core::array::from_fn(|lane| a[lane] as i16);
        let (x, y) = (machine.load(a), machine.load(b));
        let results = [
            machine.splat(a[3]),
            machine.extend(&halves),
            x.add(y),
            x.sub(y),
            x.mul(y),
            x.multiply_halves(y),
            x.sub_halves(y),
            x.and(y),
            x.unless(y),
            x.or(y),
            x.xor(y),
            x.shift_left::<13>(),
            x.shift_right::<15>(),
            x.min(y),
            x.max(y),
            x.greater(y),
            x.equal(y),
            x.greater(y).select(x, y),
            x.swap_four(),
            x.swap_two(),
            x.swap_one(),
        ];
        let signs = machine.splat(x.signs().into()).to_array();
        let halved = |words: [i16; 16]| -> [i32; 8] {
            core::array::from_fn(|n| i32::from(words[n]) << 16 | i32::from(words[n + 8]) & 0xffff)
        };
        let (mut packed, mut pairs) = ([0; 16], [0; 16]);
        x.store_with(y, &mut packed);
        x.store_pairs(y, &mut pairs);
        let loaded = machine.load_halves(&packed).to_array();
        let others = [signs, halved(packed), halved(pairs), loaded];
        results.into_iter().map(Lanes::to_array).chain(others).collect()
    }

    #[test]
    fn registers_and_arrays_compute_alike() {
        let Some(machine) = Avx2::detect() else {
            eprintln!("registers against arrays skipped: no AVX2");
            return;
        };
        let mut random = Random(7);
        for _ in 0..rounds(4000) {
            let (a, b) = (words(&mut random), words(&mut random));
            assert_eq!(all(machine, &a, &b), all(Portable, &a, &b), "{a:?} {b:?}");
        }
    }
}
