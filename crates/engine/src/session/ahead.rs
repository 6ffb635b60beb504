//! What datagrams that have come need of memory, asked for while those before them are handled.
//!
//! In a loaded worker nothing of a call has been touched for 20 ms, and another thousand calls have been meanwhile: every line
//! comes from far. The way from a port to its leg has several steps, each of which names the place of the next; so each is
//! asked for one datagram before the one after it.

use mediapoint_net::{prefetch, prefetch_part};

use crate::session::Session;
use crate::session::call::Call;
use crate::session::port::PortKey;

/// How many datagrams ahead it is worth asking.
pub const LOOK_AHEAD: usize = 5;

/// Cache lines of the keys in one direction and their numbers.
const SRTP_LINES: usize = 4;

impl Session {
    /// Asks the processor for a part of what a datagram at `port` needs, where `before` others are handled first: at
    /// [`LOOK_AHEAD`] for the call, then for where its legs are, for the legs, for what a leg has in memory of its own, and at 1 for
    /// what that has. Changes nothing but the time that [`Session::handle_datagram`] takes.
    pub fn prefetch(&self, port: PortKey, before: usize) {
        let Some(owner) = self.ports.get(port) else { return };
        let Some(call) = self.calls.get(owner.call) else { return };
        let at = usize::from(owner.leg);
        match before {
            0 | 1 => call.prefetch_insert(at),
            2 => call.prefetch_apart(at),
            3 => call.prefetch_legs(at),
            // Where it is, and the other one of two.
            4 => prefetch(call.legs.get(at..).unwrap_or_default(), 1),
            _ => prefetch(call, 1),
        }
    }
}

impl Session {
    /// Asks the processor for what the ticks of calls need whose deadlines have come. Step by step for all of them, so that
    /// all are waited for together.
    pub(super) fn prefetch_due(&self, due: &[Option<u32>]) {
        let calls = || due.iter().flatten().filter_map(|slot| self.calls.get(*slot));
        let ticking = || calls().filter(|call| call.clock.runs);
        // Those of a room ask for their own.
        let legs = || ticking().flat_map(|call| call.legs.iter().take(2));
        calls().for_each(|call| prefetch_part(call, 0..size_of::<Call>()));
        ticking().for_each(|call| prefetch(call.legs.as_slice(), 1));
        legs().for_each(|leg| leg.prefetch_tick());
        for leg in legs() {
            if let Some(ingress) = &leg.ingress {
                ingress.prefetch();
            }
            if let Some(egress) = &leg.sender.egress {
                egress.prefetch();
            }
        }
    }
}

impl Call {
    /// Asks for what a packet to a leg touches of it, and of the leg that is sent it: as a rule the other one of two.
    fn prefetch_legs(&self, at: usize) {
        if let Some(leg) = self.legs.get(at) {
            leg.prefetch_received_packet();
        }
        if let Some(other) = self.legs.get(at ^ 1) {
            other.prefetch_sent_packet();
        }
    }

    /// Asks for what those legs have in memory of their own: keys, and the jitter buffer.
    fn prefetch_apart(&self, at: usize) {
        if let Some(leg) = self.legs.get(at) {
            if let Some(inbound) = leg.transport.srtp.as_ref().and_then(|srtp| srtp.inbound.as_ref()) {
                prefetch(inbound, SRTP_LINES);
            }
            if let Some(ingress) = &leg.ingress {
                ingress.prefetch();
                prefetch(&leg.events, 1);
            }
        }
        if let Some(srtp) = self.legs.get(at ^ 1).and_then(|other| other.transport.srtp.as_ref()) {
            prefetch(&srtp.outbound, SRTP_LINES);
        }
    }

    /// Asks for what the jitter buffer has in memory of its own.
    fn prefetch_insert(&self, at: usize) {
        if let Some(ingress) = self.legs.get(at).and_then(|leg| leg.ingress.as_ref()) {
            ingress.prefetch_insert();
        }
    }
}

#[cfg(test)]
mod tests {
    use mediapoint_packet::Time;

    use super::*;
    use crate::api::id::CallId;
    use crate::session::SessionConfig;

    #[test]
    fn ports_and_calls_that_are_not_there_are_asked_for_in_vain() {
        let mut session = Session::new(SessionConfig {
            max_legs: 2,
            media_timeout: std::time::Duration::from_secs(60),
            hold_timeout: std::time::Duration::from_secs(60),
            seed: [7; 32],
            wall_at_zero: std::time::Duration::ZERO,
            remotes: std::sync::Arc::default(),
            kernel_forwarding: false,
        });
        session.add_call(Time::ZERO, CallId::from_u64(1)).unwrap();
        for before in 0..=LOOK_AHEAD + 1 {
            session.prefetch(PortKey(0), before);
            session.prefetch(PortKey(u32::MAX), before);
        }
        session.prefetch_due(&[None, Some(0), Some(u32::MAX)]);
        session.check_invariants();
    }
}
