//! A session that is killed, and another one, with a clock of its own, that goes on from snapshots of its calls.

use std::cell::RefCell;
use std::time::Duration;

use mediapoint_engine::session::Session;
use mediapoint_engine::{CallId, CallSnapshot, CommandError};

use crate::kernel::Kernel;
use crate::outbox::leg_ports;
use crate::world::{WALL_AT_ZERO, World};

impl World {
    /// A snapshot of a call.
    ///
    /// # Errors
    /// The session's.
    pub fn snapshot(&self, call: CallId) -> Result<CallSnapshot, CommandError> {
        let (mut session, mut outbox) = (self.session.borrow_mut(), self.outbox.borrow_mut());
        session.snapshot(self.session_now(), call, &mut *outbox)
    }

    /// Ends the session without a word to anybody. What comes to its ports is lost until another one has them.
    pub fn kill_session(&mut self) {
        // Another process: its clock began elsewhere, its chance is another.
        let more = self.random.duration_below(Duration::from_secs(1000));
        self.session_began += Duration::from_secs(1000) + more;
        self.random.fill(&mut self.config.seed);
        self.config.wall_at_zero = WALL_AT_ZERO.saturating_sub(self.session_began);
        self.session = RefCell::new(Session::new(self.config.clone()));
        self.with_session(|_, _, out| out.kernel.iter_mut().for_each(Kernel::forget));
    }

    /// Goes on with a call, on the ports that its legs had.
    ///
    /// # Errors
    /// The session's.
    pub fn restore(&mut self, snapshot: &CallSnapshot) -> Result<(), CommandError> {
        let ports: Vec<_> = self.peers.iter().map(|peer| (peer.leg, leg_ports(peer.slot))).collect();
        self.with_session(|session, now, _| session.restore(now, snapshot, &ports))
    }
}
