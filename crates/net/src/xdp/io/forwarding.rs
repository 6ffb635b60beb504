//! What a worker does with forwarding rules: begins and ends them, and looks after their paths.

use std::sync::atomic::Ordering;

use mediapoint_packet::Time;
use mediapoint_packet::frame::FrameHeader;

use super::XdpIo;
use crate::forwarding::{Forwarded, ForwardingRule, NotForwarded};
use crate::io::Port;
use crate::xdp::bpf::AttachMode;
use crate::xdp::cells::{Cell, State};
use crate::xdp::installed::Entry;
use crate::xdp::lane::Lane;
use crate::xdp::paths::{Ends, Path};
use crate::xdp::rules;
use crate::xdp::scope::is_direct;

impl XdpIo {
    /// Begins a rule.
    pub(super) fn begin_rule(&mut self, rule: &ForwardingRule) -> Result<(), NotForwarded> {
        use NotForwarded::{Full, NoPath, Unsupported};
        let came = *self.ports.get_mut(rule.port).ok_or(Unsupported)?;
        let leaves = *self.ports.get_mut(rule.out).ok_or(Unsupported)?;
        let lane = self.lanes.get(came.lane).and_then(Option::as_ref).ok_or(Unsupported)?;
        let interface = &lane.interface;
        let all = interface.steering.rules().ok_or(Unsupported)?;
        if self.installed.get(rule.port).is_some() {
            return Err(Full);
        }
        let is_v4 = leaves.local.is_ipv4();
        let one_family = came.local.is_ipv4() == is_v4 && rule.from.is_ipv4() == is_v4;
        if leaves.lane != came.lane || !one_family || !is_direct(leaves.local, rule.to) {
            return Err(NoPath);
        }
        let ends = Ends { from: leaves.local.ip(), to: rule.to.ip() };
        let path = self.paths.look(ends).filter(|path| path.interface == interface.index).ok_or(NoPath)?;
        let tagged = path.link.vlan.is_some();
        // Behind the driver a tag may stand beside the frame, where the program does not see it.
        if tagged != self.interfaces.is_tagged(came.local.ip())
            || (tagged && interface.mode == AttachMode::Generic)
        {
            return Err(NoPath);
        }
        let header = FrameHeader { link: path.link, from: leaves.local, to: rule.to, dscp: leaves.dscp };
        let fixed = rules::fixed(rule, came.local, &header).ok_or(Unsupported)?;
        let place = all.open(&fixed, &rules::first_state(rule)).ok_or(Full)?;
        if interface.steering.serve_by_rule(came.local, self.queue, place).is_err() {
            all.end(place);
            return Err(Full);
        }
        let entry = Entry {
            lane: came.lane,
            place,
            out: rule.out,
            ends,
            link: path.link,
            sequence: rule.sequence,
            payload: rule.payload_len,
            counted: 0,
        };
        self.installed.insert(rule.port, entry);
        Ok(())
    }

    /// What a port's rule has forwarded so far.
    pub(super) fn look_at_rule(&mut self, port: Port) -> Option<Forwarded> {
        let entry = *self.installed.get(port)?;
        let cell = cell(&self.lanes, &entry)?;
        let closed = !cell.is_open();
        let state = cell.state();
        self.installed.count_in(port, state.packets);
        Some(forwarded(&entry, &state, closed))
    }

    /// Ends a port's rule.
    pub(super) fn end_rule(&mut self, port: Port) -> Option<Forwarded> {
        let entry = self.installed.remove(port)?;
        let lane = lane(&self.lanes, &entry)?;
        let (state, was_open) = lane.interface.steering.rules()?.end(entry.place);
        self.installed.forwarded += state.packets.saturating_sub(entry.counted);
        if let Some(slot) = self.ports.get_mut(port) {
            // It replaces what stands there; should that fail, it names a rule that is no more, which does no harm.
            drop(lane.interface.steering.serve(slot.local, self.queue));
        }
        Some(forwarded(&entry, &state, !was_open))
    }

    /// Closes the rules that a port has a part in. They stay until they are asked for.
    pub(super) fn close_rules_of(&self, port: Port) {
        for cell in self.installed.of(port).filter_map(|entry| cell(&self.lanes, entry)) {
            cell.close();
        }
    }

    /// Looks whether the paths of rules are as they were, each once in a while: a rule whose path has changed is closed.
    pub(super) fn look_after_rules(&mut self) {
        let Self { lanes, paths, resolver, installed, now, .. } = self;
        for _ in 0..installed.due(*now) {
            let Some((port, entry)) = installed.next() else { continue };
            let Some((lane, cell)) = lane(lanes, &entry).zip(cell(lanes, &entry)) else { continue };
            installed.count_in(port, cell.packets.load(Ordering::Relaxed));
            if !cell.is_open() {
                continue;
            }
            let same = |path: &Path| path.link == entry.link && path.interface == lane.interface.index;
            if !paths.look(entry.ends).as_ref().is_some_and(same) {
                cell.close();
            }
            paths.keep(*now, entry.ends, |ends| resolver.ask_and_keep(ends));
        }
    }
}

impl Drop for XdpIo {
    fn drop(&mut self) {
        // The program outlives this worker where there are others.
        for entry in self.installed.iter() {
            if let Some(rules) = lane(&self.lanes, entry).and_then(|lane| lane.interface.steering.rules()) {
                rules.end(entry.place);
            }
        }
    }
}

fn lane<'a>(lanes: &'a [Option<Lane>], entry: &Entry) -> Option<&'a Lane> {
    lanes.get(entry.lane)?.as_ref()
}

fn cell<'a>(lanes: &'a [Option<Lane>], entry: &Entry) -> Option<&'a Cell> {
    lane(lanes, entry)?.interface.steering.rules()?.cell(entry.place)
}

fn forwarded(entry: &Entry, state: &State, closed: bool) -> Forwarded {
    Forwarded {
        packets: state.packets,
        octets: state.packets * u64::from(entry.payload),
        sequence: u16::try_from(state.newest & 0xffff).unwrap_or_default(),
        advance: state.newest.saturating_sub(u64::from(entry.sequence)),
        seen: state.seen,
        timestamp: state.timestamp,
        transit: state.transit,
        jitter: state.jitter,
        bursts: state.bursts,
        at: Time::from_nanos(state.at),
        closed,
    }
}
