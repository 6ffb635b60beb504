//! Which instructions a kernel may use.

/// A kernel written as plain loops, in two machine codes: `$name` picks the one for AVX2 where the processor has that,
/// `$portable` is the one for every processor of the target.
macro_rules! kernel {
    (
        $(#[$about:meta])*
        $visibility:vis fn $name:ident / $portable:ident($($argument:ident: $type:ty),+ $(,)?) -> $out:ty
        $body:block
    ) => {
        $(#[$about])*
        #[inline]
        $visibility fn $name($($argument: $type),+) -> $out {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,bmi1,bmi2")]
                fn avx2($($argument: $type),+) -> $out {
                    $portable($($argument),+)
                }
                if $crate::simd::level::has_avx2() {
                    // SAFETY: the processor has the instructions that the callee was compiled for.
                    return unsafe { avx2($($argument),+) };
                }
            }
            $portable($($argument),+)
        }

        #[inline(always)]
        fn $portable($($argument: $type),+) -> $out $body
    };
}
pub(super) use kernel;

/// A kernel written for any [`Machine`](super::lanes::Machine), which is the first argument of `$generic`: `$name` lets
/// it run on AVX2 where the processor has that, else on arrays.
macro_rules! machine_kernel {
    (
        $(#[$about:meta])*
        $visibility:vis fn $name:ident = $generic:path, ($($argument:ident: $type:ty),+ $(,)?) -> $out:ty
    ) => {
        $(#[$about])*
        #[inline]
        $visibility fn $name($($argument: $type),+) -> $out {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,bmi1,bmi2")]
                fn avx2(machine: $crate::simd::lanes::Avx2, $($argument: $type),+) -> $out {
                    $generic(machine, $($argument),+)
                }
                if let Some(machine) = $crate::simd::lanes::Avx2::detect() {
                    // SAFETY: the processor has the instructions that the callee was compiled for.
                    return unsafe { avx2(machine, $($argument),+) };
                }
            }
            $generic($crate::simd::lanes::Portable, $($argument),+)
        }
    };
}
pub(super) use machine_kernel;

/// Whether the processor has AVX2 and the bit manipulation that came with it.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(super) fn has_avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
        && std::arch::is_x86_feature_detected!("bmi1")
        && std::arch::is_x86_feature_detected!("bmi2")
}
