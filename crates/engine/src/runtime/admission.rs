//! Admission: whether all that a call needs is there, and on which worker. What is admitted is reserved at once, so that
//! no worker has to refuse it later.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::api::error::AdmissionError;
use crate::api::points::Points;
use crate::runtime::engine::Shared;
use crate::runtime::registry::{Need, Registry};

/// Descriptors of a leg: a socket for RTP and one for RTCP.
pub(crate) const FILES_OF_A_LEG: usize = 2;

/// Descriptors that are left to the rest of the process: control ports, pollers, logs.
const OTHER_FILES: u64 = 64;

/// What the engine has, beside the points and legs of each worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Pairs of ports of all addresses.
    pub(crate) pairs: usize,
    /// Descriptors that sockets may have.
    pub(crate) files: usize,
}

impl Limits {
    /// The descriptors that the process may open, but for those that it needs for other things.
    pub(crate) fn files_of_process() -> usize {
        let limit = mediapoint_net::fd_limit().unwrap_or(u64::MAX);
        usize::try_from(limit.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX)
    }
}

impl Shared {
    /// Refuses legs that there are no ports or descriptors for, where `more` are added to what is reserved.
    pub(crate) fn check_legs(&self, registry: &Registry, more: usize) -> Result<(), AdmissionError> {
        let Limits { pairs, files } = self.limits;
        let free = pairs.saturating_sub(registry.reserved);
        if free < more {
            return Err(AdmissionError::NoPorts { needed: more * 2, free: free * 2, total: pairs * 2 });
        }
        let needed = more * FILES_OF_A_LEG;
        let free = files.saturating_sub(registry.reserved * FILES_OF_A_LEG);
        if free < needed {
            return Err(AdmissionError::NoFiles { needed, free, total: files });
        }
        Ok(())
    }

    /// The worker for a call that is new to it: of those that run in time and have room for its legs, the one with most
    /// points free, or else the one asked for. A call with priority goes to a late one, too, where no other has the points.
    pub(crate) fn place(
        &self,
        registry: &Registry,
        need: Need,
        priority: bool,
        wanted: impl Fn(usize) -> bool,
    ) -> Result<usize, AdmissionError> {
        let most = self.config.max_legs;
        let mut refusal = AdmissionError::NoWorker;
        let mut best: Option<((bool, bool, Points), usize)> = None;
        for (worker, used) in registry.used.iter().enumerate().filter(|(worker, _)| wanted(*worker)) {
            let Some(mailbox) = self.mailboxes.get(worker) else { continue };
            if !mailbox.up.load(Ordering::Acquire) {
                continue;
            }
            let late = mailbox.gauges.late();
            if let Some(late) = late.filter(|_| !priority) {
                refusal = refusal.or(AdmissionError::Late { worker, late });
                continue;
            }
            let free = most.saturating_sub(used.legs);
            if free < need.legs {
                refusal = refusal.or(AdmissionError::NoLegs { needed: need.legs, free, limit: most });
                continue;
            }
            let (_, free) = registry.budget_for(worker, priority);
            let rank = (free >= need.points, late.is_none(), free);
            if best.is_none_or(|(known, _)| rank > known) {
                best = Some((rank, worker));
            }
        }
        let ((fits, _, free), worker) = best.ok_or(refusal)?;
        if fits { Ok(worker) } else { Err(AdmissionError::NoPoints { needed: need.points, free }) }
    }

    /// How late a worker that takes no new work is.
    pub(crate) fn late(&self, worker: usize) -> Option<Duration> {
        self.mailboxes.get(worker)?.gauges.late()
    }
}

impl AdmissionError {
    /// Of two workers' refusals, the one that says most: that of a worker that runs, and of these the one nearest to taking it.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::NoWorker, other) => other,
            (Self::NoLegs { free: a, .. }, Self::NoLegs { free: b, .. }) if b > a => other,
            (Self::Late { .. }, other @ Self::NoLegs { .. }) => other,
            (Self::Late { late: a, .. }, Self::Late { late: b, .. }) if b < a => other,
            (this, _) => this,
        }
    }
}
