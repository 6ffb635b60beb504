//! Recordings that a server plays into calls: what the party hears, and what the audit log has of it.

use mediapoint_caller::ng::{Client, Command as Ng, Reply};
use mediapoint_caller::{By, Call, Softphone};

use crate::recorded::{ANSWERS, CALLS, Keys, Place, identity, lines, tone_of};
use crate::support::{self, Server};

/// Another call, whose caller is played recordings.
struct Listening {
    call: Call,
    phones: [Softphone; 2],
    client: Client,
}

impl Listening {
    fn new(server: &Server) -> Self {
        let (call, phones) = support::call(server);
        Self { call, phones, client: server.client() }
    }

    fn command(&self, name: &'static str) -> Ng {
        Ng::new(name).text("call-id", self.call.id()).text("from-tag", self.call.tag(By::Caller))
    }

    fn ask(&mut self, command: &Ng) -> Reply {
        self.client.request(command).unwrap()
    }

    fn play(&mut self, id: &str, more: &[(&'static str, &str)]) -> Result<Reply, String> {
        let play = self.command("play media").text("recording", id).text("block-egress", "yes");
        let play = more.iter().fold(play, |play, (key, value)| play.text(key, value));
        self.client.request(&play).map_err(|error| error.to_string())
    }

    /// Waits until the last 200 ms are as `is` says.
    fn wait_until(&self, what: &str, is: impl Fn(&[i16]) -> bool) {
        support::wait_for(what, || {
            let heard = self.phones[0].heard();
            let last = heard.samples().len().checked_sub(1600)?;
            is(&heard.samples()[last..]).then_some(())
        });
    }

    fn hears(&self, hertz: u32) {
        self.wait_until(&format!("a tone of {hertz} Hz"), |last| tone_of(last) == hertz);
    }

    /// A figure of what it is played.
    fn shown(&mut self, key: &str) -> String {
        let query = Ng::new("query").text("call-id", self.call.id());
        let reply = self.ask(&query);
        let tags = reply.value("tags").and_then(|tags| tags.as_dict()).unwrap();
        let party = tags.get(self.call.tag(By::Caller).as_bytes()).and_then(|party| party.as_dict()).unwrap();
        let players = party.get(b"players".as_slice()).and_then(|players| players.as_list()).unwrap();
        let value = players[0].as_dict().and_then(|player| player.get(key.as_bytes())).unwrap();
        value.as_str().map(str::to_owned).or_else(|| value.as_u64().map(|n| n.to_string())).unwrap()
    }
}

/// The lines of the audit log that hold a word.
fn audited(place: &Place, word: &str) -> Vec<String> {
    let (code, log, said) = place.run(&["audit"]);
    assert!(code == 0 && said.contains("none of them changed"), "{code}: {said}");
    log.lines().filter(|line| line.contains(word)).map(str::to_owned).collect()
}

#[test]
fn a_recording_is_played_into_another_call_paused_and_sought_in() {
    let place = Place::new();
    let server = place.start_with(&place.identity());
    let id = place.record(&server, Keys::default());
    let mut listening = Listening::new(&server);
    // The party that answered is on the left, the one that called on the right.
    let reply = listening.play(&id, &[("recording-side", "left"), ("speed", "0.5")]).unwrap();
    let duration = reply.int_at(&["duration"]).unwrap();
    assert!(duration >= 2000, "{duration}");
    listening.hears(ANSWERS);
    listening.play(&id, &[("recording-side", "right"), ("speed", "0.5")]).unwrap();
    listening.hears(CALLS);
    assert_eq!(listening.shown("recording"), id);

    let pause = listening.command("pause media");
    listening.ask(&pause);
    let before = listening.shown("position");
    assert_eq!(listening.shown("state"), "paused");
    assert!((0..50).all(|_| listening.shown("position") == before), "it stays at {before}");
    let seek = listening.command("seek media").text("recording-offset", "333");
    assert_eq!(listening.ask(&seek).int_at(&["position"]), Some(333));
    support::wait_for("the place", || (listening.shown("position") == "333").then_some(()));
    let resume = listening.command("resume media");
    listening.ask(&resume);
    support::wait_for("it to go on", || (listening.shown("position") != "333").then_some(()));
    listening.hears(CALLS);
    // Twice as fast, and no other tone.
    let faster = listening.command("seek media").text("recording-offset", "200").text("speed", "2.0");
    listening.ask(&faster);
    support::wait_for("its end", || (listening.shown("state") == "finished").then_some(()));
    assert_eq!(listening.shown("position"), duration.to_string());
    let heard = listening.phones[0].heard();
    let fast = &heard.samples()[heard.samples().len() - 4800..];
    let loud = fast.chunks(400).filter(|part| tone_of(part) == CALLS).count();
    assert!(loud >= 3, "{loud} of 12 parts of the last 600 ms are of the tone");

    let played = audited(&place, "played");
    assert_eq!(played.len(), 2, "{played:?}");
    assert!(played.iter().all(|line| line.contains(&id) && line.contains("ng 127.0.0.1:")), "{played:?}");
    assert!(!played[0].contains(listening.call.id()), "as the catalogue has it: {played:?}");
    let log = server.log();
    let line = log.lines().find(|line| line.contains("media was played") && line.contains("end=finished"));
    assert!(line.is_some_and(|line| line.contains(&format!("recording=\"{id}\""))), "{line:?}");
}

#[test]
fn without_an_identity_that_fits_nothing_is_played_and_that_is_logged() {
    let place = Place::new();
    identity(&place.at("other.txt"));
    let id = {
        let server = place.start();
        let id = place.record(&server, Keys::default());
        let mut listening = Listening::new(&server);
        let refused = listening.play(&id, &[]).unwrap_err();
        assert!(refused.contains("the server has no playback identity"), "{refused}");
        id
    };
    let server = place.start_with(&place.at("other.txt"));
    let mut listening = Listening::new(&server);
    let refused = listening.play(&id, &[]).unwrap_err();
    let expected =
        format!("recording {id} cannot be opened: the playback identity is none of its recipients");
    assert!(refused.contains(&expected), "{refused}");
    let refused = listening.play("nobody", &[]).unwrap_err();
    assert!(refused.contains("there is no recording nobody"), "{refused}");
    let refused = audited(&place, "refused");
    assert_eq!(refused.len(), 3, "{refused:?}");
    // One that is being made is not there yet.
    let talking = place.talk(&server, Keys::default());
    let refused = listening.play(&talking.id, &[]).unwrap_err();
    assert!(refused.contains(&format!("recording {} is not stored yet", talking.id)), "{refused}");
    // A file without an identity shows at the start.
    std::fs::write(place.at("none.txt"), "hello").unwrap();
    let (code, said) = support::refused(&[
        "serve",
        "--ng",
        "127.0.0.1:0",
        "--recordings",
        &place.at("elsewhere"),
        "--recipient",
        place.recipient(),
        "--config",
        &place.playback_config(&place.at("none.txt")),
    ]);
    assert!(code == 1 && said.contains("playback-identity") && said.contains("none.txt"), "{code}: {said}");
}

#[test]
fn a_recording_that_is_deleted_while_it_plays_ends_with_that_reason() {
    let place = Place::new();
    let server = place.start_with(&place.identity());
    let id = place.record(&server, Keys::default());
    let mut listening = Listening::new(&server);
    listening.play(&id, &[("recording-side", "left"), ("speed", "0.5")]).unwrap();
    listening.hears(ANSWERS);
    let pause = listening.command("pause media");
    listening.ask(&pause);
    let (code, _, said) = place.run(&["delete", &id, "--reason", "asked for"]);
    assert_eq!(code, 0, "{said}");
    let seek = listening.command("seek media").text("recording-offset", "1");
    listening.ask(&seek);
    let resume = listening.command("resume media");
    listening.ask(&resume);
    support::wait_for("its end", || (listening.shown("state") == "failed").then_some(()));
    assert_eq!(listening.shown("reason"), format!("recording {id} was deleted"));
    let refused = listening.play(&id, &[]).unwrap_err();
    assert!(refused.contains(&format!("recording {id} was deleted")), "{refused}");
    assert_eq!(lines(&server.log(), "end=failed"), 1);
}
