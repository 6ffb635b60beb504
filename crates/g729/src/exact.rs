//! Whether sums may go without saturation where they are known to fit. They always may, but that tests turn it off, to
//! see that the saturating operators yield the same.

#[cfg(not(any(test, feature = "properties")))]
#[inline]
pub(crate) const fn allowed() -> bool {
    true
}

#[cfg(any(test, feature = "properties"))]
pub(crate) use self::switch::{allowed, without};

#[cfg(any(test, feature = "properties"))]
mod switch {
    use std::cell::Cell;

    thread_local! {
        static STEPWISE: Cell<bool> = const { Cell::new(false) };
    }

    pub(crate) fn allowed() -> bool {
        !STEPWISE.get()
    }

    /// Runs with the saturating operators alone.
    pub(crate) fn without<T>(run: impl FnOnce() -> T) -> T {
        let before = STEPWISE.replace(true);
        let out = run();
        STEPWISE.set(before);
        out
    }
}
