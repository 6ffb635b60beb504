//! One round: calls begin, are recorded, some end, and the server is killed at a moment that chance decides.

use std::collections::BTreeSet;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use mediapoint_caller::ng::Client;

use super::place::Place;
use crate::drill::DrillError;
use crate::drill::call::{self, Kind, Names, Party, Remote};
use crate::drill::random::Random;
use crate::drill::rtp::{self, PAYLOAD};
use crate::drill::server::Server;

/// The time of a packet.
pub(super) const PACKET: Duration = Duration::from_millis(20);
/// Shortest time until a server is killed, in milliseconds.
const SHORTEST: usize = 100;
/// Of a hundred calls so many begin in the first tenth of the round; the others at any time.
const EARLY: usize = 70;
/// Of a hundred calls so many end before the kill.
const ENDING: usize = 30;

/// What happens when, counted from the round's beginning.
#[derive(Debug)]
pub(super) struct Round {
    number: u64,
    calls: Vec<Plan>,
    kill_at: Duration,
    list_at: Duration,
    seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Plan {
    kind: Kind,
    begin: Duration,
    end: Option<Duration>,
}

/// A call as it went.
#[derive(Debug)]
pub(super) struct Call {
    /// The recording's name: there is none where the server refused it.
    pub(super) id: Option<String>,
    /// When it was begun to be asked for.
    pub(super) asked: Instant,
    /// When it was recorded at the latest.
    pub(super) begun: Instant,
    /// When a party sent its last packet: what the drill was too late to send cannot be recorded.
    pub(super) sent: Option<Instant>,
    /// When it was ended, where it was before the kill: before that was asked, and after.
    pub(super) ended: Option<(Instant, Instant)>,
}

/// A round after the kill.
#[derive(Debug)]
pub(super) struct Killed {
    pub(super) calls: Vec<Call>,
    /// Recordings that the catalogue had shown before.
    pub(super) announced: BTreeSet<String>,
    /// Just before the signal, and when the process was gone.
    pub(super) killed: (Instant, Instant),
}

impl Round {
    pub(super) fn plan(number: u64, calls: u64, seconds: u64, random: &mut Random) -> Self {
        let whole = usize::try_from(seconds.saturating_mul(1000)).unwrap_or(usize::MAX);
        let kill = SHORTEST + random.below(whole.saturating_sub(SHORTEST));
        let plan = |random: &mut Random, number: u64| {
            let latest = if random.percent(EARLY) { kill / 10 } else { kill };
            let begin = random.below(latest);
            let end = random.percent(ENDING).then(|| begin + random.below(kill - begin));
            Plan {
                kind: if number % 5 == 4 { Kind::Transcoded } else { Kind::Relay },
                begin: millis(begin),
                end: end.map(millis),
            }
        };
        let mut calls: Vec<Plan> = (0..calls).map(|number| plan(random, number)).collect();
        calls.sort_by_key(|call| call.begin);
        let (kill_at, list_at) = (millis(kill), millis(random.below(kill)));
        Self { number, calls, kill_at, list_at, seed: random.next() }
    }

    /// Carries it out, and kills the server.
    pub(super) fn run(&self, server: Server, place: &Place) -> Result<Killed, DrillError> {
        let mut client = server.client()?;
        let began = Instant::now();
        let mut live: Vec<Live> = Vec::new();
        let mut list: Option<Child> = None;
        let mut noise = vec![0; PAYLOAD * 64];
        Random::new(self.seed).fill(&mut noise);
        for tick in 0_u32.. {
            let now = began.elapsed();
            if now >= self.kill_at {
                break;
            }
            if list.is_none() && now >= self.list_at {
                list = Some(place.begin_list()?);
            }
            if let Some(plan) = self.calls.get(live.len()).filter(|plan| plan.begin <= now) {
                live.push(Live::begin(self.name(live.len()), *plan, &mut client)?);
            }
            if let Some(over) = live.iter_mut().find(|call| call.is_due(now)) {
                over.end(&mut client)?;
            }
            live.iter_mut().try_for_each(|call| call.send(now, &noise))?;
            // One command a turn, so that no party's packets wait for all of them.
            let commands = self.calls.get(live.len()).is_some_and(|plan| plan.begin <= now);
            if !commands {
                let next = began + PACKET * (tick + 1);
                thread::sleep(next.saturating_duration_since(Instant::now()).min(PACKET));
            }
        }
        let before = Instant::now();
        server.kill();
        let killed = (before, Instant::now());
        let rows = list.map(Place::end_list).transpose()?.unwrap_or_default();
        let announced = rows.into_iter().map(|row| row.id).collect();
        Ok(Killed { calls: live.into_iter().map(|live| live.call).collect(), announced, killed })
    }

    fn name(&self, call: usize) -> Names {
        let call = u64::try_from(call).unwrap_or(u64::MAX);
        Names::new("recordings", self.number.saturating_mul(1000).saturating_add(call))
    }
}

fn millis(millis: usize) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// A call that goes on.
struct Live {
    names: Names,
    plan: Plan,
    parties: [Party; 2],
    remotes: [Remote; 2],
    /// Packets that each party has sent.
    sent: u16,
    /// When the first was due.
    first: Option<Duration>,
    call: Call,
}

impl Live {
    /// Begins a call that is recorded from its answer on.
    fn begin(names: Names, plan: Plan, client: &mut Client) -> Result<Self, DrillError> {
        let parties = [Party::new()?, Party::new()?];
        let asked = Instant::now();
        let mut id = None;
        let [caller, callee] = &parties;
        let remotes = call::set_up(&names, plan.kind, [caller, callee], |command| {
            let reply = client.request(&command.clone().text("record-call", "on"))?;
            id = reply.text("recording-id").map(str::to_owned).or(id.take());
            Ok(reply)
        })?;
        let call = Call { id, asked, begun: Instant::now(), sent: None, ended: None };
        Ok(Self { names, plan, parties, remotes, sent: 0, first: None, call })
    }

    fn is_due(&self, now: Duration) -> bool {
        self.call.ended.is_none() && self.plan.end.is_some_and(|end| end <= now)
    }

    fn end(&mut self, client: &mut Client) -> Result<(), DrillError> {
        let before = Instant::now();
        client.request(&self.names.delete())?;
        self.call.ended = Some((before, Instant::now()));
        Ok(())
    }

    /// Sends what is due by now, and throws away what came.
    fn send(&mut self, now: Duration, noise: &[u8]) -> Result<(), DrillError> {
        if self.call.ended.is_some() {
            return Ok(());
        }
        let first = *self.first.get_or_insert(now);
        let talks = if self.plan.kind == Kind::Transcoded { 1 } else { 2 };
        while first + PACKET * u32::from(self.sent) <= now && self.sent < u16::MAX {
            for (side, (party, to)) in self.parties.iter().zip(self.remotes).take(talks).enumerate() {
                let ssrc = u32::from(party.rtp.local_addr()?.port());
                let mut packet = rtp::packet(self.sent, u32::from(self.sent) * 160, ssrc, 0);
                let from = (usize::from(self.sent) + side * 31) % 64 * PAYLOAD;
                packet.extend(noise.get(from..from + PAYLOAD).unwrap_or_default());
                // A server's port that is closed says so here.
                drop(party.rtp.send_to(&packet, to.rtp));
            }
            self.sent += 1;
            self.call.sent = Some(Instant::now());
        }
        self.parties.iter().for_each(Party::drain);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_the_round_and_nothing_happens_after_the_kill() {
        let rounds = [7, 7, 8].map(|seed| Round::plan(0, 200, 5, &mut Random::new(seed)));
        assert_eq!((rounds[0].kill_at, &rounds[0].calls), (rounds[1].kill_at, &rounds[1].calls));
        assert_ne!(rounds[0].kill_at, rounds[2].kill_at);
        for round in &rounds {
            assert!(round.kill_at <= Duration::from_secs(5) && round.list_at < round.kill_at);
            assert!(round.calls.is_sorted_by_key(|call| call.begin));
            assert!(round.calls.iter().all(|call| call.begin < round.kill_at));
            let ends: Vec<Duration> = round.calls.iter().filter_map(|call| call.end).collect();
            assert!((30..90).contains(&ends.len()), "{}", ends.len());
            assert!(ends.iter().all(|end| *end < round.kill_at));
            assert!(round.calls.iter().all(|call| call.end.is_none_or(|end| end >= call.begin)));
        }
        let shortest = Round::plan(0, 9, 1, &mut Random::new(3));
        assert!(shortest.kill_at >= Duration::from_millis(100) && shortest.kill_at < Duration::from_secs(1));
    }
}
