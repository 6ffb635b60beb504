//! What the server reports of its rooms: a datagram of JSON for who joins, leaves, begins and ends to talk.

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use serde_json::Value;

use crate::failure::Failure;
use crate::scene::{PARTIES, ROOMS};

/// What happened to a party in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Joined,
    Left,
    TalkStarted,
    /// After so many milliseconds of talk.
    TalkStopped(u64),
}

/// One report.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Report {
    /// When it came, since the scene began.
    pub(crate) at_ms: u64,
    /// By places in [`ROOMS`] and [`PARTIES`].
    pub(crate) room: usize,
    pub(crate) party: usize,
    pub(crate) what: What,
}

impl Report {
    fn read(at_ms: u64, datagram: &[u8]) -> Option<Self> {
        let report: Value = serde_json::from_slice(datagram).ok()?;
        let word = |key: &str| report.get(key).and_then(Value::as_str);
        let what = match word("event")? {
            "joined" => What::Joined,
            "left" => What::Left,
            "talk started" => What::TalkStarted,
            "talk stopped" => What::TalkStopped(report.get("talked")?.as_u64()?),
            _ => return None,
        };
        let place = |names: &[&str], name: &str| names.iter().position(|known| *known == name);
        Some(Self {
            at_ms,
            room: place(&ROOMS, word("room")?)?,
            party: place(&PARTIES, word("source_tag")?)?,
            what,
        })
    }
}

/// A socket that reports come to.
pub(crate) struct Listener {
    address: SocketAddr,
    reports: Arc<Mutex<Vec<Report>>>,
}

impl Listener {
    pub(crate) fn bind(began: Instant) -> Result<Self, Failure> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let address = socket.local_addr()?;
        let reports = Arc::new(Mutex::new(Vec::new()));
        let listener = Self { address, reports: Arc::clone(&reports) };
        // It ends with the program.
        thread::Builder::new().name("reports".to_owned()).spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length) = socket.recv(&mut buffer) {
                let at_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                let report = Report::read(at_ms, buffer.get(..length).unwrap_or_default());
                reports.lock().unwrap_or_else(PoisonError::into_inner).extend(report);
            }
        })?;
        Ok(listener)
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn take(&self) -> Vec<Report> {
        std::mem::take(&mut *self.reports.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_of_a_known_party_is_read_and_others_are_not() {
        let text = r#"{"type":"conference","event":"talk stopped","room":"support","source_tag":"agent","talked":820}"#;
        let report = Report::read(5, text.as_bytes()).unwrap();
        assert_eq!((report.room, report.party, report.what), (0, 1, What::TalkStopped(820)));
        assert!(Report::read(5, text.replace("agent", "recorder").as_bytes()).is_none());
        assert!(Report::read(5, text.replace("talk stopped", "active speaker").as_bytes()).is_none());
        assert!(Report::read(5, b"{").is_none());
    }
}
