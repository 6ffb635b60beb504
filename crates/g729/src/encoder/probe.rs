//! Intermediate values on their way to the tests that compare them with the reference's, and nowhere otherwise.

#[cfg(test)]
pub(crate) use self::recorded::{clear, record, take};

/// Tells the tests a value.
#[cfg(not(test))]
#[inline(always)]
pub(crate) const fn record<T: Copy>(_name: &'static str, _values: &[T]) {}

#[cfg(test)]
mod recorded {
    use std::cell::RefCell;

    type Entry = (&'static str, Vec<i64>);

    thread_local! {
        static LOG: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
    }

    /// Tells the tests a value.
    pub(crate) fn record<T: Copy + Into<i64>>(name: &'static str, values: &[T]) {
        LOG.with_borrow_mut(|log| log.push((name, values.iter().map(|value| (*value).into()).collect())));
    }

    /// Forgets what was told.
    pub(crate) fn clear() {
        LOG.with_borrow_mut(Vec::clear);
    }

    /// What was told since the last time, in order.
    pub(crate) fn take() -> Vec<Entry> {
        LOG.take()
    }
}
