//! What happens in calls, told to who asked for it: one datagram of JSON for each digit that a party presses, in rtpengine's
//! form, and for what an analysis finds.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mediapoint_engine::{CallId, KeyMethod, KeyPress, LegId};

use super::{Controller, lock};
use crate::call::CallState;
use crate::wire::{self, Dict, Value};

/// The sockets that reports go from, opened with the first.
#[derive(Debug, Default)]
pub(crate) struct ReportSockets([OnceLock<Option<UdpSocket>>; 2]);

impl ReportSockets {
    fn of(&self, to: SocketAddr) -> Option<&UdpSocket> {
        let [v4, v6] = &self.0;
        let (cell, from): (_, SocketAddr) = match to {
            SocketAddr::V4(_) => (v4, (Ipv4Addr::UNSPECIFIED, 0).into()),
            SocketAddr::V6(_) => (v6, (Ipv6Addr::UNSPECIFIED, 0).into()),
        };
        let open = || {
            let socket = UdpSocket::bind(from);
            let socket = socket.and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
            socket.inspect_err(|error| tracing::warn!(%error, "nothing can be reported")).ok()
        };
        cell.get_or_init(open).as_ref()
    }

    /// Sends a report.
    pub(crate) fn send(&self, to: SocketAddr, pairs: impl IntoIterator<Item = (&'static str, Value)>) {
        let dict: Dict = pairs.into_iter().map(|(key, value)| (key.as_bytes().to_vec(), value)).collect();
        let message = wire::to_json(&dict);
        if let Some(socket) = self.of(to)
            && let Err(error) = socket.send_to(&message, to)
        {
            tracing::warn!(%to, %error, "an event could not be reported");
        }
    }
}

impl Controller {
    /// Sends a report.
    pub(super) fn report(&self, to: SocketAddr, pairs: impl IntoIterator<Item = (&'static str, Value)>) {
        self.report_sockets.send(to, pairs);
    }

    /// Reports that a worker that did not keep up has ended a call, which was so old.
    pub(super) fn shed(&self, call: &CallState, age: Duration) {
        let Some(to) = call.digit_watch.log.or(self.config.digit_log) else { return };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let tags = call.parties.iter().filter_map(|party| party.tag());
        let pairs: [(&'static str, Value); 5] = [
            ("callid", call.id.bytes().into()),
            ("tags", tags.map(|tag| Value::from(tag.bytes())).collect()),
            ("type", "shed".into()),
            ("timestamp", now.as_secs().into()),
            ("age", u64::try_from(age.as_millis()).unwrap_or(u64::MAX).into()),
        ];
        self.report(to, pairs);
    }

    /// Reports a digit. No log has it: it may be of a card number.
    pub(super) fn key_pressed(&self, call: CallId, leg: LegId, press: &KeyPress) {
        let Some(state) = self.find_by_engine(call) else { return };
        let mut state = lock(&state);
        let pressed =
            |stream: &crate::call::party::Stream| stream.digit_tap.as_ref().is_some_and(|tap| tap.leg == leg);
        let Some(party) = state.parties.iter_mut().find(|party| party.streams.iter().any(pressed)) else {
            return;
        };
        party.presses += 1;
        let host = party.streams.iter().find_map(|stream| stream.remote.as_ref()?.host);
        let tag: Value = party.tag().map(|tag| tag.bytes().into()).unwrap_or_else(|| "".into());
        let Some(to) = state.digit_watch.log else { return };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let method = match press.method {
            KeyMethod::Tone => "tone",
            _ => "event",
        };
        let millis = u64::try_from(press.duration.as_millis()).unwrap_or(u64::MAX);
        let tags = state.parties.iter().filter_map(|party| party.tag());
        let pairs: [(&'static str, Value); 11] = [
            ("callid", state.id.bytes().into()),
            ("source_tag", tag),
            ("tags", tags.map(|tag| Value::from(tag.bytes())).collect()),
            ("type", "DTMF".into()),
            ("timestamp", now.as_secs().into()),
            ("source_ip", host.map(|host| host.to_string()).unwrap_or_default().into()),
            ("event", u64::from(press.code).into()),
            ("duration", millis.into()),
            ("volume", u64::from(press.volume).into()),
            ("method", method.into()),
            ("missed", u64::from(press.missed).into()),
        ];
        drop(state);
        self.report(to, pairs);
    }
}
