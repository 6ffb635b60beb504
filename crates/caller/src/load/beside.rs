//! Relayed calls over another server in the same seconds as a load, sent by the same thread: what a load costs over what they
//! cost does not change with whatever slows the machine down meanwhile.

use std::net::{IpAddr, SocketAddr};

use super::calls::CallSet;
use super::endpoint::bind_phones;
use super::far::Phones;
use super::voice::Voice;
use super::{LoadConfig, LoadError, Stop};
use crate::ng::Client;
use mediapoint_g711::Law;
use serde::Serialize;

/// Calls of PCMU over plain RTP, of which the server's core time alone is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Beside {
    /// The other server's control port.
    pub ng: SocketAddr,
    /// Its process.
    pub server_pid: u32,
    /// Calls at one time, at least one.
    pub calls: usize,
}

/// The calls and their phones; they end when this goes.
pub(super) struct Running {
    /// `None` where there are none.
    set: Option<CallSet>,
    phones: Phones,
}

impl Running {
    /// Sets the calls up, where there are to be some.
    pub(super) fn set_up(
        beside: Option<&Beside>,
        (address, first): (IpAddr, u16),
        stop: &Stop,
    ) -> Result<Self, LoadError> {
        let Some(beside) = beside else { return Ok(Self { set: None, phones: (Vec::new(), Vec::new()) }) };
        let sockets = bind_phones(address, first, beside.calls * 2)?;
        let client = Client::connect(beside.ng).map_err(|source| LoadError::Ng { call: 0, source })?;
        let config = LoadConfig { calls: beside.calls, stop: stop.clone(), ..LoadConfig::new(beside.ng) };
        let mut set = CallSet::new(client, &config);
        let endpoints = set.set_up(&sockets, &[Voice::Marks(Law::Mu), Voice::Marks(Law::Mu)])?;
        Ok(Self { set: Some(set), phones: (sockets, endpoints) })
    }

    /// The phones, once.
    pub(super) fn take_phones(&mut self) -> Phones {
        std::mem::take(&mut self.phones)
    }

    /// Ends the calls.
    pub(super) fn tear_down(mut self) -> Result<(), LoadError> {
        self.set.as_mut().map_or(Ok(()), CallSet::tear_down)
    }
}

/// The order in which phones send: those of `own` and those of `beside`, each in its own order and spread evenly among the
/// others. The first of `beside` has the number `first`.
pub(super) fn interleaved(own: usize, beside: usize, first: usize) -> Vec<usize> {
    let all = own + beside;
    let mut taken = 0;
    let numbers = (0..all).map(|at| {
        if (at + 1) * beside / all > taken {
            taken += 1;
            first + taken - 1
        } else {
            at - taken
        }
    });
    numbers.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_of_both_send_evenly_among_each_other_and_each_of_them_once() {
        assert_eq!(interleaved(4, 0, 4), [0, 1, 2, 3]);
        assert_eq!(interleaved(2, 4, 10), [0, 10, 11, 1, 12, 13]);
        assert_eq!(interleaved(4, 2, 4), [0, 1, 4, 2, 3, 5]);
        let order = interleaved(68, 400, 70);
        assert_eq!(order.iter().filter(|number| **number < 68).count(), 68);
        for part in order.chunks(117) {
            assert_eq!(part.iter().filter(|number| **number < 68).count(), 17, "{part:?}");
        }
        let mut sorted = order;
        sorted.sort_unstable();
        assert!(sorted.iter().copied().eq((0..68).chain(70..470)));
    }

    #[test]
    fn without_calls_nothing_is_set_up() {
        let address = IpAddr::from([127, 0, 0, 1]);
        let mut running = Running::set_up(None, (address, 1), &Stop::default()).unwrap();
        let (sockets, endpoints) = running.take_phones();
        assert!(sockets.is_empty() && endpoints.is_empty());
        assert!(running.tear_down().is_ok());
    }
}
