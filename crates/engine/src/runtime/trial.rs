//! Dry runs: commands whose admission, price and path are worked out and that change nothing.
//!
//! A dry run is an engine of its own that shares nothing with its engine but what it reads: it has a copy of what is in use, of
//! the calls that it is asked for, and mailboxes that nobody reads. Everything between is the code of the engine itself.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::api::error::RestoreError;
use crate::api::id::{CallId, LegId};
use crate::api::leg::{LegConfig, OpenedLeg, Placement, Ports};
use crate::api::pending::{Pending, pending};
use crate::api::points::Points;
use crate::runtime::analysts::Analysts;
use crate::runtime::builder::Interface;
use crate::runtime::call::Call;
use crate::runtime::engine::{Engine, Shared, Threads};
use crate::runtime::events;
use crate::runtime::mailbox::Mailbox;
use crate::runtime::ports::{PortLease, PortPool};
use crate::runtime::work::LegWork;
use crate::session::snapshot::CallSnapshot;

impl Engine {
    /// A dry run of this engine, as it is now. Its calls ([`Engine::create_call`], [`Engine::call`]) take every command as those of
    /// the engine do, and are admitted or refused by the same code: [`Call::points`], [`Call::points_by_kind`], [`Call::worker`]
    /// and [`Call::paths`] say then what it would come to. No port, socket or descriptor is opened, no worker is asked, nothing
    /// of the engine changes, and outcomes are there at once. Addresses of legs stand for none. [`Engine::restore`] is refused.
    #[must_use]
    pub fn dry_run(&self) -> Self {
        self.tried_with(None)
    }

    /// A dry run whose workers have points without end: for the price of what is refused.
    #[must_use]
    pub fn dry_run_without_budget(&self) -> Self {
        self.tried_with(Some(Points::thousandths(u64::MAX)))
    }

    /// True for a dry run.
    #[must_use]
    pub fn is_dry_run(&self) -> bool {
        self.shared().tried.is_some()
    }

    fn tried_with(&self, budget: Option<Points>) -> Self {
        let shared = Arc::new(Shared::trial(self.shared(), budget));
        Self { threads: Arc::new(Threads::of(shared)) }
    }
}

impl Shared {
    fn trial(of: &Arc<Self>, budget: Option<Points>) -> Self {
        let config = of.config.clone();
        let copied = |number: &AtomicU64| AtomicU64::new(number.load(Ordering::Relaxed));
        let mailboxes: Vec<Arc<Mailbox>> =
            of.mailboxes.iter().map(|mailbox| Arc::new(mailbox.trial())).collect();
        let (events, _) = events::channel(1);
        let mut registry = of.registry().trial();
        if let Some(budget) = budget {
            registry.set_all_budgets(budget);
        }
        Self {
            mailboxes: mailboxes.into(),
            registry: Mutex::new(registry),
            ports: PortPool::new(config.ports.clone()),
            limits: of.limits,
            events,
            analysts: Analysts::default(),
            next_call: copied(&of.next_call),
            next_id: copied(&of.next_id),
            draining: AtomicBool::new(of.draining.load(Ordering::Acquire)),
            stopping: AtomicBool::new(false),
            rounds: AtomicU64::new(0),
            tried: Some(Arc::clone(of)),
            config,
        }
    }

    /// The engine itself, for what is read of it.
    pub(crate) fn real(&self) -> &Self {
        self.tried.as_deref().unwrap_or(self)
    }

    /// Has a trial know a call of its engine.
    pub(crate) fn adopt(&self, call: CallId) {
        let Some(tried) = &self.tried else { return };
        if self.registry().calls.contains_key(&call) {
            return;
        }
        let copy = tried.registry().copy_of(call);
        if let Some(copy) = copy {
            self.registry().adopt(call, copy);
        }
    }

    /// Refuses to restore a call on trial: its ports would have to be opened.
    pub(crate) fn check_restore(&self, snapshot: &CallSnapshot) -> Result<(), RestoreError> {
        match (&self.tried, snapshot.legs().next()) {
            (Some(_), Some((leg, _))) => {
                Err(RestoreError::Ports { leg, source: std::io::ErrorKind::Unsupported.into() })
            }
            _ => Ok(()),
        }
    }
}

impl Call {
    /// A leg on trial, whose room has been reserved.
    pub(super) fn try_leg(
        &self,
        interface: &Interface,
        placement: &Placement,
        config: &LegConfig,
    ) -> (OpenedLeg, Pending<()>) {
        let first = *self.shared.config.ports.start();
        let lease = PortLease { address: interface.address, first: first + first % 2 };
        let id = LegId(self.next_id());
        let prices = &self.shared.config.prices;
        self.shared.registry().add_leg(self.id(), (id, LegWork::of(config)), lease, prices);
        let advertised = |mut bound: std::net::SocketAddr| {
            bound.set_ip(interface.advertised_address());
            bound
        };
        let has_rtcp = placement.ports == Ports::RtpAndRtcp;
        let rtcp = has_rtcp.then(|| advertised(lease.rtcp()));
        let (reply, outcome) = pending(0, None);
        reply.complete(Ok(()));
        (OpenedLeg { id, rtp: advertised(lease.rtp()), rtcp }, outcome)
    }
}
