//! Any request in any order: what each client of a race asks for.

use mediapoint_caller::Codec;
use mediapoint_caller::ng::Command;
use mediapoint_caller::sdes::{Crypto, Suite};
use mediapoint_caller::sdp::{Direction, Format};

use crate::drill::call::Party;
use crate::drill::random::Random;

/// Parties that a call has at most, by their tags.
const TAGS: usize = 4;

/// Makes requests for few calls and parties.
pub(super) struct Requests<'a> {
    parties: &'a [Party; 2],
    calls: u64,
}

impl<'a> Requests<'a> {
    /// Over `calls` calls, with media to the sockets of `parties`.
    pub(super) fn new(parties: &'a [Party; 2], calls: u64) -> Self {
        Self { parties, calls }
    }

    /// The next one.
    pub(super) fn next(&mut self, random: &mut Random) -> Command {
        match random.below(100) {
            0..25 => self.offer(random),
            25..50 => self.answer(random),
            50..62 => self.delete(random),
            62..72 => self.with_tags("query", random),
            72..77 => self.publish(random),
            77..83 => self.subscribe(random),
            83..88 => self.with_tags("subscribe answer", random).text("sdp", &self.sdp(random)),
            88..91 => self.with_tags("unsubscribe", random),
            91..95 => self.connect(random),
            95..97 => Command::new("list").int("limit", 32),
            97..99 => Command::new("statistics"),
            _ => Command::new("ping"),
        }
    }

    fn offer(&self, random: &mut Random) -> Command {
        let mut offer = self.of_call("offer", random).text("from-tag", &self.tag(random));
        // A re-INVITE names both parties.
        if random.percent(30) {
            offer = offer.text("to-tag", &self.tag(random));
        }
        if random.percent(10) {
            offer = offer.text("via-branch", &format!("branch-{}", random.below(3)));
        }
        if random.percent(20) {
            offer = offer.text("transport-protocol", random.pick("RTP/SAVP", ["RTP/AVP"]));
        }
        if random.percent(20) {
            offer = offer.codec("transcode", &[random.pick(Codec::Pcma, [Codec::G722, Codec::G729]).name()]);
        }
        offer.text("sdp", &self.sdp(random))
    }

    fn answer(&self, random: &mut Random) -> Command {
        self.with_tags("answer", random).text("sdp", &self.sdp(random))
    }

    fn delete(&self, random: &mut Random) -> Command {
        let delete = if random.percent(60) {
            self.of_call("delete", random)
        } else {
            self.with_tags("delete", random)
        };
        if random.percent(20) { delete.int("delete-delay", 1) } else { delete }
    }

    fn publish(&self, random: &mut Random) -> Command {
        let publish = self.of_call("publish", random).text("from-tag", &self.tag(random));
        publish.text("sdp", &self.sdp_that(random, Direction::SendOnly))
    }

    fn subscribe(&self, random: &mut Random) -> Command {
        let subscribe = self.of_call("subscribe request", random);
        let subscribe = if random.percent(50) {
            subscribe.list("flags", &["all"])
        } else {
            subscribe.text("from-tag", &self.tag(random))
        };
        if random.percent(70) { subscribe.text("to-tag", &self.tag(random)) } else { subscribe }
    }

    fn connect(&self, random: &mut Random) -> Command {
        let connect = self.with_tags("connect", random);
        if random.percent(40) { connect.text("to-call-id", &self.call_id(random)) } else { connect }
    }

    fn with_tags(&self, command: &'static str, random: &mut Random) -> Command {
        let named = self.of_call(command, random).text("from-tag", &self.tag(random));
        named.text("to-tag", &self.tag(random))
    }

    fn of_call(&self, command: &'static str, random: &mut Random) -> Command {
        Command::new(command).text("call-id", &self.call_id(random))
    }

    fn call_id(&self, random: &mut Random) -> String {
        format!("race-{}", random.below(usize::try_from(self.calls).unwrap_or(usize::MAX)))
    }

    /// Half of the tags are those of other calls, too: calls that share one cannot be merged.
    fn tag(&self, random: &mut Random) -> String {
        format!("{}{}", random.pick("tag-", ["party-"]), random.below(TAGS))
    }

    fn sdp(&self, random: &mut Random) -> String {
        let direction =
            random.pick(Direction::SendRecv, [Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]);
        self.sdp_that(random, direction)
    }

    /// A party's description, or now and then something that cannot be used.
    fn sdp_that(&self, random: &mut Random, direction: Direction) -> String {
        match random.below(40) {
            0 => return String::new(),
            1 => return random.text(200),
            2 => return "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n".to_owned(),
            _ => {}
        }
        let [a, b] = self.parties;
        let party = random.pick(a, [b]);
        let codec = random.pick(Codec::Pcmu, [Codec::Pcmu, Codec::Pcma, Codec::G729, Codec::Opus]);
        let crypto = random.percent(15).then(|| Crypto::random(1, Suite::AesCm128Sha80));
        let mut description = party.describe(Format::audio(codec), crypto);
        description.formats.push(Format::audio(Codec::Pcma));
        description.formats.dedup();
        description.direction = direction;
        description.session.1 = u64::from(random.u32());
        let sdp = description.to_sdp();
        if random.percent(3) { sdp.replace("IN IP4 127.0.0.1", "IN IP4 0.0.0.0") } else { sdp }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_on_every_request_but_its_keys() {
        let parties = [Party::new().unwrap(), Party::new().unwrap()];
        let script = |seed| {
            let (mut random, mut requests) = (Random::new(seed), Requests::new(&parties, 6));
            let names: Vec<&str> = (0..500).map(|_| requests.next(&mut random).name()).collect();
            names
        };
        assert_eq!(script(3), script(3));
        assert_ne!(script(3), script(4));
        let names = script(3);
        for command in ["offer", "answer", "delete", "query", "publish", "connect", "list", "ping"] {
            assert!(names.contains(&command), "{command}");
        }
    }
}
