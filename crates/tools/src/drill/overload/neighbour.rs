//! Busy neighbours of the server: threads on its core that do nothing but compute.

use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use crate::drill::DrillError;

/// Neighbours on a core. They end when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Neighbours {
    /// Makes them so many on `core`; none is taken away.
    pub(super) fn raise_to(&mut self, count: usize, core: usize) -> Result<(), DrillError> {
        while self.threads.len() < count {
            let over = Arc::clone(&self.over);
            let compute = move || {
                if mediapoint_net::pin_current_thread(core).is_err() {
                    return;
                }
                while !over.load(Ordering::Relaxed) {
                    // One that yielded would be no busy neighbour.
                    (0..1000).for_each(|_| spin_loop());
                }
            };
            let name = format!("neighbour-{}", self.threads.len());
            self.threads.push(thread::Builder::new().name(name).spawn(compute)?);
        }
        Ok(())
    }
}

impl Drop for Neighbours {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

/// How many neighbours leave one busy thread of the server no more than the rest of so many percent of its core, 1 to 99.
pub(super) fn needed_for(percent: u8) -> usize {
    let left = usize::from(100 - percent.min(99));
    usize::from(percent.min(99)).div_ceil(left)
}

/// The steps up to those of so many percent, twice as many each.
pub(super) fn steps(percent: u8) -> Vec<usize> {
    let most = needed_for(percent);
    let doubled = std::iter::successors(Some(1), |count| Some(count * 2));
    doubled.take_while(|count| *count < most).chain([most]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_neighbours_as_their_share_takes() {
        assert_eq!([50, 80, 90, 98, 99].map(needed_for), [1, 4, 9, 49, 99]);
        assert_eq!((steps(50), steps(90)), (vec![1], vec![1, 2, 4, 8, 9]));
    }
}
