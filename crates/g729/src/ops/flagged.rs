//! The operators whose saturation the reference looks at: each raises `overflow` when it saturates and never
//! lowers it. The caller lowers it where the reference does.

use super::extract_h;

/// `add`.
#[inline]
pub(crate) const fn add(a: i16, b: i16, overflow: &mut bool) -> i16 {
    *overflow |= a.checked_add(b).is_none();
    super::add(a, b)
}

/// `sub`.
#[inline]
pub(crate) const fn sub(a: i16, b: i16, overflow: &mut bool) -> i16 {
    *overflow |= a.checked_sub(b).is_none();
    super::sub(a, b)
}

/// `mult`.
#[cfg_attr(not(test), expect(dead_code, reason = "checked with the rest of the set, which it completes"))]
#[inline]
pub(crate) const fn mult(a: i16, b: i16, overflow: &mut bool) -> i16 {
    *overflow |= a == i16::MIN && b == i16::MIN;
    super::mult(a, b)
}

/// `L_mult`.
#[inline]
pub(crate) const fn l_mult(a: i16, b: i16, overflow: &mut bool) -> i32 {
    *overflow |= a == i16::MIN && b == i16::MIN;
    super::l_mult(a, b)
}

/// `L_add`.
#[inline]
pub(crate) const fn l_add(a: i32, b: i32, overflow: &mut bool) -> i32 {
    *overflow |= a.checked_add(b).is_none();
    super::l_add(a, b)
}

/// `L_sub`.
#[inline]
pub(crate) const fn l_sub(a: i32, b: i32, overflow: &mut bool) -> i32 {
    *overflow |= a.checked_sub(b).is_none();
    super::l_sub(a, b)
}

/// `L_mac`.
#[inline]
pub(crate) const fn l_mac(acc: i32, a: i16, b: i16, overflow: &mut bool) -> i32 {
    let product = l_mult(a, b, overflow);
    l_add(acc, product, overflow)
}

/// `L_msu`.
#[inline]
pub(crate) const fn l_msu(acc: i32, a: i16, b: i16, overflow: &mut bool) -> i32 {
    let product = l_mult(a, b, overflow);
    l_sub(acc, product, overflow)
}

/// `L_shl`.
#[inline]
pub(crate) const fn l_shl(a: i32, n: i16, overflow: &mut bool) -> i32 {
    let out = super::l_shl(a, n);
    // A left shift that lost nothing is undone by the right shift.
    *overflow |= n > 0 && super::l_shr(out, n) != a;
    out
}

/// `round`.
#[inline]
pub(crate) const fn round(x: i32, overflow: &mut bool) -> i16 {
    extract_h(l_add(x, 0x8000, overflow))
}
