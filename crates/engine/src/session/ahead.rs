//! What datagrams that have come need of memory, asked for while those before them are handled.
//!
//! In a loaded worker nothing of a call has been touched for 20 ms, and another thousand calls have been meanwhile: every line
//! comes from far. The way from a port to its leg has several steps, each of which names the place of the next; so each is
//! asked for one datagram before the one after it.

use mediapoint_net::prefetch;

use crate::session::Session;
use crate::session::call::Call;
use crate::session::port::PortKey;

/// How many datagrams ahead it is worth asking.
pub const LOOK_AHEAD: usize = 3;

impl Session {
    /// Asks the processor for a part of what a datagram at `port` needs, where `before` others are handled first: at
    /// [`LOOK_AHEAD`] for the call, below for where its legs are, at 1 for the legs. Changes nothing but the time that
    /// [`Session::handle_datagram`] takes.
    pub fn prefetch(&self, port: PortKey, before: usize) {
        let Some(owner) = self.ports.get(port) else { return };
        let Some(call) = self.calls.get(owner.call) else { return };
        match before {
            0 | 1 => call.prefetch_legs(usize::from(owner.leg)),
            2 => prefetch(call.legs.as_slice(), 1),
            _ => prefetch(call, 1),
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
}
