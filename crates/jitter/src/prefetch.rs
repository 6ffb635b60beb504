//! Memory that is asked for ahead of its use.

/// Asks the processor for memory that is used soon. This crate has no unsafe code, so its user brings it.
pub trait Prefetch {
    /// Asks for the first `lines` cache lines of a value, or all where it has fewer.
    fn prefetch<T: ?Sized>(value: &T, lines: usize);
}
