//! `start recording`, `pause recording`, `stop recording` and `record call`, by what stands in the files.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "test support outside of test functions; what is missing fails them"
)]

mod announced;
mod rooms;
mod tried;

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, SystemTime};

use mediapoint_control_ng::wire::Dict;
use mediapoint_control_ng::{
    ControllerConfig, NamePattern, Prompts, PromptsConfig, RecordingOutcome, RecordingSettings, Recordings,
    StoreConfig, Time,
};
use mediapoint_engine::Event;
use mediapoint_recorder::{
    Channels, Clock, EventKind, FactKind, Finished, Folder as Files, Format, Manifest, NodeKey, Recorder,
    RecorderSettings, RecordingEvent, RecoveryIdentity, SealedSpool, SpoolConfig,
};

use crate::common::media::{Folder, ask, constant, ok, pair, players, receives, wav};
use crate::common::party::{DOWN, Party, UP, call};
use crate::common::phone::Phone;
use crate::common::*;

struct WallClock(SystemTime);

impl Clock for WallClock {
    fn wall(&self) -> Duration {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap()
    }

    fn steady(&self) -> Time {
        Time::ZERO + self.0.elapsed().unwrap()
    }
}

struct Scene {
    server: Server,
    recordings: Arc<Recordings>,
    events: Receiver<RecordingEvent>,
    folder: Folder,
    media: Folder,
}

impl Scene {
    /// Plain WAV files, so that what is in them can be read.
    fn new(change: impl FnOnce(&mut RecordingSettings)) -> Self {
        let folder = Folder::new();
        let files = Arc::new(Files::open(folder.path()).unwrap());
        let config = SpoolConfig { danger_unencrypted: true, ..SpoolConfig::default() };
        let spool =
            SealedSpool::new(files, NodeKey::generate().unwrap(), RecoveryIdentity::generate(), config);
        let clock = Arc::new(WallClock(SystemTime::now()));
        let settings = RecorderSettings { least_free: 0, ..RecorderSettings::default() };
        let (recorder, events) = Recorder::new(Arc::new(spool), clock, settings).unwrap();
        let mut settings = RecordingSettings {
            separate: Format::Wav(Channels::Stereo),
            mixed: Format::Wav(Channels::Mono),
            channels: Channels::Stereo,
            rate: 8000,
            complexity: 0,
            recipients: Vec::new(),
            tenants: BTreeMap::new(),
            names: NamePattern::default(),
            beep: None,
            end_call_without: false,
        };
        change(&mut settings);
        let recordings = Arc::new(Recordings::new(recorder, settings));
        let media = Folder::new();
        let store = StoreConfig { roots: vec![media.path().to_owned()], ..StoreConfig::default() };
        let prompts = Prompts::new(PromptsConfig { store, ..PromptsConfig::default() }).unwrap();
        let config = ControllerConfig {
            recordings: Some(Arc::clone(&recordings)),
            prompts: Some(Arc::new(prompts)),
            // On a busy machine a worker may not run for a while; what is tested here is what stands in the files.
            settle_within: Duration::from_secs(30),
            ..ControllerConfig::default()
        };
        Self { server: Server::with(builder(), config), recordings, events, folder, media }
    }

    /// Lets both parties speak until a recording has so many samples more.
    fn talk(&self, [a, b]: &mut [Party; 2], samples: u64) {
        let until = self.samples() + samples;
        while self.samples() < until {
            let before = self.samples();
            for _ in 0..4 {
                a.send(0, UP);
                b.send(0, DOWN);
            }
            [&mut *a, &mut *b].into_iter().for_each(|party| party.phone.pass_over_waiting());
            while self.samples() == before {
                std::thread::yield_now();
            }
        }
    }

    fn shown(&self) -> Vec<Dict> {
        let query = ask(&self.server, "query", "");
        let shown = query.value("recordings").map(|shown| list(Some(shown)).to_vec()).unwrap_or_default();
        shown.iter().map(|shown| dict(Some(shown)).clone()).collect()
    }

    fn samples(&self) -> u64 {
        text(self.shown().first().unwrap(), "samples").parse().unwrap()
    }

    /// The next recording that is complete, and what is to be done with it.
    fn finished(&self) -> (Finished, RecordingOutcome) {
        loop {
            let event = self.events.recv_timeout(Duration::from_secs(60)).unwrap();
            let outcome = self.recordings.handle_event(&event);
            if let EventKind::Finished(finished) = event.kind {
                return (finished, outcome);
            }
        }
    }
}

/// The samples of a WAV file's channels.
fn channels(finished: &Finished, count: usize) -> Vec<Vec<i16>> {
    let bytes = fs::read(&finished.path).unwrap();
    let samples: Vec<i16> =
        bytes[44..].chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect();
    (0..count).map(|n| samples.iter().skip(n).step_by(count).copied().collect()).collect()
}

fn facts(finished: &Finished) -> Vec<(FactKind, u64, u64)> {
    let manifest = Manifest::read(fs::File::open(&finished.manifest).unwrap()).unwrap();
    manifest.facts.iter().map(|fact| (fact.kind, fact.start, fact.samples)).collect()
}

#[test]
fn both_parties_are_recorded_with_pauses_and_secure_input_as_silence() {
    let scene = Scene::new(|_| {});
    let mut parties = pair(&scene.server);
    let begun = ask(&scene.server, "start recording", r#""from-tag":"a","metadata":"queue:sales|agent:7""#);
    ok(&begun);
    let id = begun.text("recording-id");
    let shown = scene.shown();
    assert_eq!((text(&shown[0], "id"), text(&shown[0], "state")), (id.clone(), "recording".to_owned()));
    scene.talk(&mut parties, 4000);
    ok(&ask(&scene.server, "pause recording", ""));
    assert_eq!(text(&scene.shown()[0], "state"), "paused");
    scene.talk(&mut parties, 4000);
    let resumed = ask(&scene.server, "start recording", "");
    assert_eq!(resumed.text("recording-id"), id, "the same one goes on");
    scene.talk(&mut parties, 4000);
    ok(&ask(&scene.server, "block DTMF", r#""DTMF-security":"silence""#));
    scene.talk(&mut parties, 4000);
    ok(&ask(&scene.server, "unblock DTMF", ""));
    scene.talk(&mut parties, 4000);
    ok(&ask(&scene.server, "stop recording", ""));
    let (finished, outcome) = scene.finished();
    assert_eq!((finished.id.as_str(), outcome), (id.as_str(), RecordingOutcome::Keep));
    assert_eq!(reason(&ask(&scene.server, "stop recording", "")), "the call is not being recorded");

    let [left, right]: [Vec<i16>; 2] = channels(&finished, 2).try_into().unwrap();
    assert_eq!((left.len() as u64, right.len() as u64), (finished.samples, finished.samples));
    // The one who answered is the agent, on the left: mu-law DOWN is below zero.
    assert!(left.iter().all(|&sample| sample <= 0) && left.iter().any(|&sample| sample < -500));
    assert!(right.iter().all(|&sample| sample >= 0) && right.iter().any(|&sample| sample > 500));
    let facts = facts(&finished);
    for kind in [FactKind::Paused, FactKind::Masked] {
        let of_kind: Vec<_> = facts.iter().filter(|fact| fact.0 == kind).collect();
        assert_eq!(of_kind.len(), 1, "{facts:?}");
        let (_, start, samples) = *of_kind[0];
        assert!((3000..12_000).contains(&samples), "{facts:?}");
        let part = start as usize..(start + samples) as usize;
        assert!(left[part.clone()].iter().chain(&right[part]).all(|&sample| sample == 0));
    }
}

/// What is kept encrypted elsewhere: JSON, as it was given.
fn personal(finished: &Finished) -> String {
    let text = fs::read_to_string(&finished.metadata).unwrap();
    let whole: serde_json::Value = serde_json::from_str(&text).unwrap();
    whole["personal"].to_string()
}

#[test]
fn what_is_said_later_and_the_figures_of_the_call_are_kept_with_the_recording() {
    let scene = Scene::new(|_| {});
    let mut parties = pair(&scene.server);
    ok(&ask(&scene.server, "start recording", r#""metadata":"queue:sales|agent:7""#));
    scene.talk(&mut parties, 4000);
    ok(&ask(&scene.server, "pause recording", r#""metadata":"queue:complaints""#));
    scene.talk(&mut parties, 4000);
    ok(&ask(&scene.server, "start recording", r#""metadata":"agent:8""#));
    scene.talk(&mut parties, 8000);
    ok(&ask(&scene.server, "stop recording", r#""metadata":"result:sold""#));
    let personal = personal(&scene.finished().0);
    println!("{personal}");
    let at = |what: &str| personal.find(what).unwrap_or_else(|| panic!("no {what} in {personal}"));
    // In the order in which it was said: what is said later holds.
    let said = [
        r#""metadata":{"agent":"7","queue":"sales"}"#,
        r#""metadata":{"queue":"complaints"}"#,
        r#""metadata":{"agent":"8"}"#,
        r#""metadata":{"result":"sold"}"#,
        r#""ended":"#,
    ];
    assert!(said.map(at).is_sorted());
    let ended = &personal[at(r#""ended":"#)..];
    for expected in [
        r#""started_by":{"command":"start recording","from":"#,
        r#""stopped_by":{"command":"stop recording","from":"#,
        r#""pauses":[{"from_ms":"#,
        r#""tag":"a""#,
        r#""tag":"b""#,
        r#""codecs":["PCMU""#,
        r#""mos":"4."#,
        r#""lost":0"#,
        r#""jitter_us":"#,
    ] {
        assert!(ended.contains(expected), "no {expected} in {ended}");
    }
    assert_eq!(ended.matches(r#""from_ms":"#).count(), 1);
    assert!(!ended.contains(r#""packets":0"#), "{ended}");
}

#[test]
fn a_recording_that_ends_with_its_call_has_the_last_figures() {
    let scene = Scene::new(|_| {});
    let mut parties = pair(&scene.server);
    ok(&ask(&scene.server, "start recording", r#""recording-owner":"quality""#));
    scene.talk(&mut parties, 8000);
    // A message of signalling: for all recordings, where it names no owner.
    let offer = r#""call-id":"c","from-tag":"a","to-tag":"b","metadata":"transfer:1""#;
    ok(&scene.server.ask("offer", offer, Some(&parties[0].phone.sdp("0"))));
    ok(&ask(&scene.server, "delete", r#""delete-delay":0"#));
    loop {
        let event = scene.server.events.recv_timeout(Duration::from_secs(5)).unwrap();
        scene.server.controller.handle_event(&event);
        if matches!(event, Event::CallEnded { .. }) {
            break;
        }
    }
    let personal = personal(&scene.finished().0);
    for expected in [
        r#"{"metadata":{"transfer":"1"}}"#,
        r#""owner":"quality""#,
        r#""stopped_by":{"command":"ended by the controller"}"#,
        r#""mos":"4."#,
    ] {
        assert!(personal.contains(expected), "no {expected} in {personal}");
    }
}

#[test]
fn what_an_excluded_party_says_is_in_no_recording() {
    let scene = Scene::new(|_| {});
    let (a, b) = (Phone::new(), Phone::new());
    let offer = r#""call-id":"c","from-tag":"a","record-call":"on""#;
    let to_b = advertised(&scene.server.ask("offer", offer, Some(&a.sdp("0"))));
    let answer = r#""call-id":"c","from-tag":"a","to-tag":"b","flags":["exclude-recording"]"#;
    let reply = scene.server.ask("answer", answer, Some(&b.sdp("0")));
    ok(&reply);
    let mut parties = [Party { phone: a, to: advertised(&reply) }, Party { phone: b, to: to_b }];
    scene.talk(&mut parties, 8000);
    let first = reply.text("recording-id");
    // The other one, too: nobody is left.
    let offer = r#""call-id":"c","from-tag":"a","to-tag":"b","flags":["exclude-recording"]"#;
    let reply = scene.server.ask("offer", offer, Some(&parties[0].phone.sdp("0")));
    let warning = "the call is not recorded: all parties are excluded from recording";
    assert_eq!(reply.text("warning"), warning);
    let (finished, _) = scene.finished();
    assert_eq!(finished.id.as_str(), first);
    let [left, right]: [Vec<i16>; 2] = channels(&finished, 2).try_into().unwrap();
    assert!(left.iter().all(|&sample| sample == 0), "silence stands for the one who answered");
    assert!(right.iter().any(|&sample| sample > 500));
    assert_eq!(scene.shown().len(), 0);
}

#[test]
fn a_party_that_is_excluded_later_is_not_in_what_follows() {
    let scene = Scene::new(|_| {});
    let mut parties = pair(&scene.server);
    ok(&ask(&scene.server, "start recording", ""));
    scene.talk(&mut parties, 4000);
    let offer = r#""call-id":"c","from-tag":"a","to-tag":"b","flags":["exclude-recording"]"#;
    let reply = scene.server.ask("offer", offer, Some(&parties[0].phone.sdp("0")));
    ok(&reply);
    let (first, _) = scene.finished();
    assert!(personal(&first).contains(r#""mos":"4."#), "the figures up to here");
    let [left, right]: [Vec<i16>; 2] = channels(&first, 2).try_into().unwrap();
    assert!(left.iter().any(|&sample| sample < -500) && right.iter().any(|&sample| sample > 500));
    scene.talk(&mut parties, 4000);
    ok(&ask(&scene.server, "stop recording", ""));
    let (second, _) = scene.finished();
    assert_eq!(second.id.as_str(), reply.text("recording-id"));
    let [left, right]: [Vec<i16>; 2] = channels(&second, 2).try_into().unwrap();
    assert!(left.iter().any(|&sample| sample < -500), "the other one is recorded");
    assert!(right.iter().all(|&sample| sample == 0), "silence stands for the one excluded");
}

#[test]
fn a_recording_goes_on_in_the_call_that_its_own_is_merged_into() {
    let scene = Scene::new(|_| {});
    let [_a, _b] = pair(&scene.server);
    let mut others = call(&scene.server, "d", ["x", "y"], ["0", "0"]);
    let ask_d = |command: &str| scene.server.ask(command, r#""call-id":"d""#, None);
    let first = ask_d("start recording").text("recording-id");
    ok(&scene.server.ask("start recording", r#""call-id":"c""#, None));
    let pause = r#""call-id":"d","metadata":"queue:1""#;
    ok(&scene.server.ask("pause recording", pause, None));
    let merged = scene.server.ask("mesh", r#""calls":["c","d"]"#, None);
    ok(&merged);
    let ids = list(merged.value("recording-ids"));
    let (ended, outcome) = scene.finished();
    assert_eq!((ended.id.as_str(), outcome), (first.as_str(), RecordingOutcome::Keep));
    let states: Vec<String> = scene.shown().iter().map(|shown| text(shown, "state")).collect();
    assert_eq!(states, ["recording", "paused"], "as it was");
    // It goes on for both owners' recordings, and has the parties that it had.
    ok(&ask(&scene.server, "start recording", ""));
    let at = |n: usize| text(&scene.shown()[n], "samples").parse::<u64>().unwrap();
    let until = at(1) + 8000;
    while at(1) < until {
        for (party, octet) in others.iter_mut().zip([UP, DOWN]) {
            (0..4).for_each(|_| party.send(0, octet));
            party.phone.pass_over_waiting();
        }
        let before = at(1);
        while at(1) == before {
            std::thread::yield_now();
        }
    }
    ok(&ask(&scene.server, "stop recording", ""));
    let finished = [scene.finished().0, scene.finished().0];
    let moved = finished.iter().find(|finished| Some(finished.id.to_string()) == ids[0].to_text()).unwrap();
    assert!(personal(moved).contains(r#""metadata":{"queue":"1"}"#), "what was said of it before holds");
    let [left, right]: [Vec<i16>; 2] = channels(moved, 2).try_into().unwrap();
    assert!(left.iter().all(|&sample| sample <= 0) && left.iter().any(|&sample| sample < -500));
    assert!(right.iter().all(|&sample| sample >= 0) && right.iter().any(|&sample| sample > 500));
}

#[test]
fn several_owners_record_side_by_side_and_each_in_its_way() {
    let scene = Scene::new(|_| {});
    let mut parties = pair(&scene.server);
    let first = ask(&scene.server, "start recording", r#""recording-file":"/var/spool/first call.wav""#);
    assert_eq!(first.text("recording-id"), "var_spool_first_call_wav");
    let options =
        r#""recording-owner":"quality","recording-channels":"mixed","recording-pattern":"%c-%t-%r""#;
    let second = ask(&scene.server, "start recording", options);
    assert!(second.text("recording-id").starts_with("c-mix-"));
    assert_eq!(scene.shown().len(), 2);
    let third = ask(
        &scene.server,
        "start recording",
        r#""recording-owner":"x","recording-file":"var_spool_first_call_wav""#,
    );
    assert_eq!(reason(&third), "there is a recording of this name");
    scene.talk(&mut parties, 4000);
    ok(&ask(&scene.server, "stop recording", r#""recording-owner":"quality""#));
    let (mixed, _) = scene.finished();
    assert_eq!(scene.shown().len(), 1, "that of the other owner goes on");
    assert_eq!(channels(&mixed, 1)[0].len() as u64, mixed.samples);
    // It ends with its call.
    ok(&ask(&scene.server, "delete", r#""delete-delay":0"#));
    let (first, outcome) = scene.finished();
    assert_eq!((first.id.as_str(), outcome), ("var_spool_first_call_wav", RecordingOutcome::Keep));
}

#[test]
fn an_offer_has_the_call_recorded_from_its_answer_on() {
    let scene = Scene::new(|_| {});
    let (a, b) = (Phone::new(), Phone::new());
    let offer = r#""call-id":"c","from-tag":"a","record-call":"on","metadata":"queue:1""#;
    let reply = scene.server.ask("offer", offer, Some(&a.sdp("0")));
    ok(&reply);
    assert_eq!(scene.shown().len(), 0, "there is nothing to be recorded yet");
    let reply = scene.server.ask("answer", r#""call-id":"c","from-tag":"a","to-tag":"b""#, Some(&b.sdp("0")));
    let id = reply.text("recording-id");
    assert_eq!(text(&scene.shown()[0], "id"), id);
    // A re-INVITE changes nothing of it.
    ok(&scene.server.ask("offer", r#""call-id":"c","from-tag":"b","to-tag":"a""#, Some(&b.sdp("0"))));
    ok(&scene.server.ask("answer", r#""call-id":"c","from-tag":"b","to-tag":"a""#, Some(&a.sdp("0"))));
    assert_eq!(scene.shown().iter().map(|shown| text(shown, "id")).collect::<Vec<_>>(), [id]);
    ok(&ask(&scene.server, "stop recording", r#""flags":["discard-recording"]"#));
    assert_eq!(scene.finished().1, RecordingOutcome::Remove);
}

#[test]
fn each_party_hears_the_announcement_that_was_asked_for_it() {
    let scene = Scene::new(|_| {});
    scene.media.write("notice.wav", &wav(8000, &constant(7932, 20_000)));
    let (a, mut b) = (Phone::new(), Phone::new());
    let offer = r#""call-id":"c","from-tag":"a","record-call":"on""#;
    ok(&scene.server.ask("offer", offer, Some(&a.sdp("0"))));
    let answer =
        r#""call-id":"c","from-tag":"a","to-tag":"b","flags":["recording-announcement"],"file":"notice.wav""#;
    let reply = scene.server.ask("answer", answer, Some(&b.sdp("0")));
    ok(&reply);
    assert!(!reply.text("recording-id").is_empty());
    receives(&mut b, UP);
    assert_eq!((players(&scene.server, "a").len(), players(&scene.server, "b").len()), (0, 1));
    ok(&ask(&scene.server, "delete", r#""delete-delay":0"#));

    // One that cannot be played: the call is recorded all the same.
    ok(&scene.server.ask("offer", offer, Some(&a.sdp("0"))));
    let answer = answer.replace("notice", "nothing");
    let reply = scene.server.ask("answer", &answer, Some(&b.sdp("0")));
    assert!(
        reply.text("warning").starts_with("the recording is not announced: "),
        "{}",
        reply.text("warning")
    );
    assert!(!reply.text("recording-id").is_empty());
}

#[test]
fn what_cannot_be_recorded_is_refused_at_once() {
    let without = Server::new();
    let phone = Phone::new();
    let refusal = "recording is not set up: give the server a folder and recipients, such as --recordings and --recipient";
    let offer =
        without.ask("offer", r#""call-id":"c","from-tag":"a","record-call":"on""#, Some(&phone.sdp("0")));
    assert_eq!(reason(&offer), refusal);
    let [_a, _b] = pair(&without);
    assert_eq!(reason(&ask(&without, "start recording", "")), refusal);

    // A format that the rate does not allow stands for whatever the recorder refuses.
    let odd = |settings: &mut RecordingSettings| {
        (settings.separate, settings.rate) = (Format::OPUS_STEREO, 32_000);
    };
    let scene = Scene::new(odd);
    let [_a, _b] = pair(&scene.server);
    assert!(reason(&ask(&scene.server, "start recording", "")).starts_with("cannot record: "));
    let (a, b) = (Phone::new(), Phone::new());
    let offer = r#""call-id":"d","from-tag":"a","record-call":"on""#;
    ok(&scene.server.ask("offer", offer, Some(&a.sdp("0"))));
    let answer = r#""call-id":"d","from-tag":"a","to-tag":"b""#;
    let reply = scene.server.ask("answer", answer, Some(&b.sdp("0")));
    assert!(reply.text("warning").starts_with("the call is not recorded: "), "it goes on");
    drop(scene.folder);

    let strict = Scene::new(|settings| {
        odd(settings);
        settings.end_call_without = true;
    });
    ok(&strict.server.ask("offer", offer, Some(&a.sdp("0"))));
    let reply = strict.server.ask("answer", answer, Some(&b.sdp("0")));
    assert!(reason(&reply).starts_with("cannot record: "), "it must not go on");
}
