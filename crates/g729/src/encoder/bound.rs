//! Bounds on operands, which show that no operator saturates, so that sums may be made in any order.

/// Whether a bound holds. Tests make it say no, and so go the way of the saturating operators throughout.
#[cfg(not(test))]
#[inline(always)]
pub(super) const fn holds(bound: bool) -> bool {
    bound
}

#[cfg(test)]
pub(super) use self::tested::{holds, ignored};

#[cfg(test)]
mod tested {
    use std::cell::Cell;

    thread_local! {
        static IGNORED: Cell<bool> = const { Cell::new(false) };
    }

    /// Whether a bound holds, unless bounds are ignored.
    pub(in crate::encoder) fn holds(bound: bool) -> bool {
        bound && !IGNORED.get()
    }

    /// Does some work as if no bound ever held.
    pub(in crate::encoder) fn ignored<T>(work: impl FnOnce() -> T) -> T {
        IGNORED.set(true);
        let out = work();
        IGNORED.set(false);
        out
    }
}
