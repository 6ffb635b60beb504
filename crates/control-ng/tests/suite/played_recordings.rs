//! `play media` of a recording, `pause media`, `resume media` and `seek media`, by the packets that arrive.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test support outside of test functions")]

use std::io::Cursor;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mediapoint_control_ng::{
    ControllerConfig, OpenedRecording, PlaybackAsker, PlaybackRefusal, Playbacks, Prompts, PromptsConfig,
    ReadSeek, RecordingOpener, StoreConfig,
};
use mediapoint_engine::{Event, PlayerEnd, Position};
use mediapoint_recorder::{Channels, Decoder, Encoder, EncoderSettings, Format, Frame, RecordingId};

use crate::common::media::{Folder, ask, constant, ok, pair, players, receives, wav};
use crate::common::party::{DOWN, Party, UP};
use crate::common::*;

/// Samples of the mu-law octets that the tests look for.
const LOUD: i16 = 7932;

/// Recordings whose name says how long they are, `r2000`, or why there is none.
#[derive(Default)]
struct Opener {
    askers: Mutex<Vec<(String, PlaybackAsker)>>,
    deleted: Arc<AtomicBool>,
}

/// A recording: the left party says `LOUD`, the right one `-LOUD`.
fn recording(millis: u64) -> OpenedRecording {
    let settings = EncoderSettings::default();
    let mut encoder = Encoder::new(Format::Wav(Channels::Stereo), 8000, &settings).unwrap();
    let mut file = encoder.header().unwrap().bytes;
    for first in (0..millis * 8).step_by(160) {
        let frame = Frame {
            first_sample: first,
            samples: 160,
            left: &[LOUD; 160],
            right: &[-LOUD; 160],
            silent: false,
        };
        file.extend(encoder.encode(&frame).unwrap().into_iter().flat_map(|chunk| chunk.bytes));
    }
    file.extend(encoder.finish().unwrap().0.into_iter().flat_map(|chunk| chunk.bytes));
    let reader: Box<dyn ReadSeek> = Box::new(Cursor::new(file));
    OpenedRecording {
        decoder: Decoder::new(reader).unwrap(),
        duration: Duration::from_millis(millis),
        permission: Box::new(|| Ok(())),
    }
}

impl RecordingOpener for Opener {
    fn open(&self, id: &RecordingId, asker: &PlaybackAsker) -> Result<OpenedRecording, PlaybackRefusal> {
        self.askers.lock().unwrap().push((id.to_string(), asker.clone()));
        let reason = "the reason".to_owned();
        match id.as_str() {
            "unknown" => Err(PlaybackRefusal::Unknown(id.clone())),
            "pending" => Err(PlaybackRefusal::NotStored(id.clone())),
            "deleted" => Err(PlaybackRefusal::Deleted(id.clone())),
            "others" => Err(PlaybackRefusal::WrongIdentity(id.clone())),
            "damaged" => Err(PlaybackRefusal::Damaged { id: id.clone(), reason }),
            "away" => Err(PlaybackRefusal::Unavailable { id: id.clone(), reason }),
            name => {
                let deleted = Arc::clone(&self.deleted);
                let permission = Box::new(move || match deleted.load(Ordering::Relaxed) {
                    true => Err("it was deleted".to_owned()),
                    false => Ok(()),
                });
                Ok(OpenedRecording { permission, ..recording(name[1..].parse().unwrap()) })
            }
        }
    }
}

fn server(limit: usize) -> (Server, Arc<Opener>) {
    let opener = Arc::new(Opener::default());
    let playbacks = Playbacks::new(Arc::clone(&opener) as Arc<dyn RecordingOpener>, limit);
    let playbacks = Some(Arc::new(playbacks));
    (Server::with(builder(), ControllerConfig { playbacks, ..ControllerConfig::default() }), opener)
}

fn play(server: &Server, more: &str) -> mediapoint_control_ng::Reply {
    ask(server, "play media", &format!(r#""from-tag":"a","flags":["block-egress"],{more}"#))
}

/// How a player ended, as the engine tells the controller.
fn ended(server: &Server) -> (PlayerEnd, Position) {
    loop {
        let event = server.events.recv_timeout(Duration::from_secs(10)).unwrap();
        server.controller.handle_event(&event);
        if let Event::PlayerFinished { end, position, .. } = event {
            return (end, position);
        }
    }
}

fn number(server: &Server, key: &str) -> u64 {
    text(&players(server, "a")[0], key).parse().unwrap()
}

/// Waits for packets without a sound.
fn falls_silent(party: &mut Party) {
    let silent = |octet: &u8| matches!(octet, 0x7f | 0xff);
    assert!((0..100).any(|_| party.phone.receive().1.iter().all(silent)), "it is not silent");
}

#[test]
fn a_side_of_a_recording_is_heard_from_an_offset_and_its_end_is_told() {
    let (server, opener) = server(4);
    let [mut a, mut b] = pair(&server);
    for (side, heard) in [("left", UP), ("right", DOWN)] {
        let reply =
            play(&server, &format!(r#""recording":"r20000","recording-side":"{side}","via-branch":"z9""#));
        ok(&reply);
        assert_eq!(reply.text("duration"), "20000");
        a.phone.pass_over_waiting();
        receives(&mut a.phone, heard);
    }
    ok(&play(&server, r#""recording":"r20000""#));
    falls_silent(&mut a);
    // The other one goes on to hear the party.
    a.send(0, 0x55);
    assert_eq!(b.phone.receive(), (0, vec![0x55; 160]));
    let askers = opener.askers.lock().unwrap().clone();
    assert_eq!(askers.len(), 3);
    let (id, PlaybackAsker { call, branch, party, .. }) = &askers[0];
    assert_eq!((id.as_str(), call.as_str(), party.as_str()), ("r20000", "c", "a"));
    assert_eq!(branch.as_deref(), Some("z9"));
    let shown = &players(&server, "a")[0];
    let shown = ["type", "state", "recording", "speed", "duration"].map(|key| text(shown, key));
    assert_eq!(shown, ["media", "playing", "r20000", "1.000", "20000"]);
    // Those that others took the place of have ended, too.
    ok(&play(&server, r#""recording":"r2000","recording-offset":1500,"recording-side":"left""#));
    let ends: Vec<_> = (0..4).map(|_| ended(&server)).collect();
    assert!(ends[..3].iter().all(|(end, _)| *end == PlayerEnd::Stopped), "{ends:?}");
    assert_eq!(
        (ends[3].0, ends[3].1.offset.as_millis(), ends[3].1.played.as_millis()),
        (PlayerEnd::Finished, 2000, 500)
    );
    let shown = &players(&server, "a")[0];
    let shown = ["state", "position", "frame"].map(|key| text(shown, key));
    assert_eq!(shown, ["finished", "2000", "16000"]);
    // What it heard before, it hears again.
    a.phone.pass_over_waiting();
    b.send(0, 0x33);
    receives(&mut a.phone, 0x33);
}

#[test]
fn at_double_speed_half_as_much_is_heard() {
    let (server, _) = server(4);
    let [_a, _b] = pair(&server);
    ok(&play(&server, r#""recording":"r2000","speed":"2""#));
    assert_eq!(text(&players(&server, "a")[0], "speed"), "2.000");
    let (end, position) = ended(&server);
    assert_eq!((end, position.offset.as_millis()), (PlayerEnd::Finished, 2000));
    assert!((990..=1040).contains(&position.played.as_millis()), "{position:?}");
    for speed in ["0.49", "2.01", "0"] {
        let refused = play(&server, &format!(r#""recording":"r2000","speed":"{speed}""#));
        assert_eq!(reason(&refused), "unusable value for speed");
    }
}

#[test]
fn a_paused_recording_stays_where_it_is_until_it_is_resumed() {
    let (server, _) = server(4);
    let [mut a, _b] = pair(&server);
    ok(&play(&server, r#""recording":"r60000","recording-side":"left""#));
    receives(&mut a.phone, UP);
    ok(&ask(&server, "pause media", r#""from-tag":"a""#));
    let paused_at = number(&server, "position");
    assert_eq!(text(&players(&server, "a")[0], "state"), "paused");
    assert!((0..100).all(|_| number(&server, "position") == paused_at), "it stays at {paused_at}");
    a.phone.pass_over_waiting();
    ok(&ask(&server, "resume media", r#""from-tag":"a""#));
    receives(&mut a.phone, UP);
    assert_eq!(text(&players(&server, "a")[0], "state"), "playing");
    let stopped = ask(&server, "stop media", r#""from-tag":"a""#);
    ok(&stopped);
    let frame: u64 = stopped.text("last-frame-pos").parse().unwrap();
    assert!(frame >= paused_at * 8 && frame < 60 * 8000 / 2, "{frame}");
    assert_eq!(
        reason(&ask(&server, "pause media", r#""from-tag":"a""#)),
        "no media is played to the party selected"
    );
}

#[test]
fn it_is_sought_in_while_it_plays_and_while_it_is_paused() {
    let (server, _) = server(4);
    let [mut a, _b] = pair(&server);
    ok(&play(&server, r#""recording":"r60000","recording-side":"left""#));
    receives(&mut a.phone, UP);
    let reply = ask(&server, "seek media", r#""from-tag":"a","recording-offset":"30000","speed":1.5"#);
    ok(&reply);
    assert_eq!(reply.text("position"), "30000");
    while number(&server, "position") < 30_000 {
        drop(a.phone.receive());
    }
    assert!(number(&server, "position") < 40_000);
    assert_eq!(text(&players(&server, "a")[0], "speed"), "1.500");
    ok(&ask(&server, "pause media", r#""from-tag":"a""#));
    // In frames of the recording, too.
    ok(&ask(&server, "seek media", r#""from-tag":"a","start-pos":80000"#));
    while number(&server, "position") != 10_000 {
        std::thread::yield_now();
    }
    ok(&ask(&server, "resume media", r#""from-tag":"a""#));
    a.phone.pass_over_waiting();
    receives(&mut a.phone, UP);
    assert!((10_000..20_000).contains(&number(&server, "position")));
    for (options, expected) in [
        (r#""recording-offset":60000"#, "unusable value for recording-offset"),
        (r#""start-pos":480000"#, "unusable value for start-pos"),
        (r#""speed":3"#, "unusable value for speed"),
    ] {
        let refused = ask(&server, "seek media", &format!(r#""from-tag":"a",{options}"#));
        assert_eq!(reason(&refused), expected);
    }
}

#[test]
fn a_place_or_a_speed_has_to_be_named() {
    let (server, _) = server(4);
    let [_a, _b] = pair(&server);
    ok(&play(&server, r#""recording":"r60000""#));
    let refused = ask(&server, "seek media", r#""from-tag":"a""#);
    assert_eq!(reason(&refused), "missing key recording-offset");
    let refused = ask(&server, "seek media", r#""from-tag":"b","speed":"1.5""#);
    assert_eq!(reason(&refused), "no media is played to the party selected");
}

#[test]
fn what_is_not_played_says_why() {
    let (server, opener) = server(4);
    let [_a, _b] = pair(&server);
    for (id, expected) in [
        ("unknown", "there is no recording unknown"),
        ("pending", "recording pending is not stored yet"),
        ("deleted", "recording deleted was deleted"),
        ("others", "recording others cannot be opened: the playback identity is none of its recipients"),
        ("damaged", "recording damaged is damaged: the reason"),
        ("away", "recording away cannot be fetched: the reason"),
        ("../x", "unusable value for recording"),
    ] {
        assert_eq!(reason(&play(&server, &format!(r#""recording":"{id}""#))), expected);
    }
    assert_eq!(players(&server, "a").len(), 0);
    assert_eq!(opener.askers.lock().unwrap().len(), 6);
    let refused = play(&server, r#""recording":"r2000","recording-offset":2000"#);
    assert_eq!(reason(&refused), "unusable value for recording-offset");
    let without = Server::with(builder(), ControllerConfig::default());
    let [_c, _d] = pair(&without);
    let expected = "recordings cannot be played: the server has no playback identity";
    assert_eq!(reason(&play(&without, r#""recording":"r2000""#)), expected);
}

#[test]
fn no_more_are_played_at_once_than_may_be() {
    let (server, _) = server(1);
    let [mut a, mut b] = pair(&server);
    ok(&play(&server, r#""recording":"r60000","recording-side":"left""#));
    receives(&mut a.phone, UP);
    let second = r#""from-tag":"b","recording":"r60000","recording-side":"right","flags":["block-egress"]"#;
    assert_eq!(reason(&ask(&server, "play media", second)), "1 recordings are played already");
    ok(&ask(&server, "stop media", r#""from-tag":"a""#));
    // Its thread sees that it has ended, and makes room.
    while ask(&server, "play media", second).text("result") != "ok" {
        std::thread::yield_now();
    }
    receives(&mut b.phone, DOWN);
}

#[test]
fn what_is_deleted_meanwhile_ends_with_the_reason() {
    let (server, opener) = server(4);
    let [mut a, _b] = pair(&server);
    ok(&play(&server, r#""recording":"r60000","recording-side":"left""#));
    receives(&mut a.phone, UP);
    opener.deleted.store(true, Ordering::Relaxed);
    let (end, position) = ended(&server);
    assert_eq!(end, PlayerEnd::Failed);
    assert!(position.offset < Duration::from_secs(10), "{position:?}");
    let shown = &players(&server, "a")[0];
    assert_eq!(["state", "reason"].map(|key| text(shown, key)), ["failed", "it was deleted"]);
}

#[test]
fn a_file_can_be_paused_and_not_sought_in() {
    let folder = Folder::new();
    folder.write("long.wav", &wav(8000, &constant(LOUD, 60_000)));
    let store = StoreConfig { roots: vec![folder.path().to_owned()], ..StoreConfig::default() };
    let prompts = Prompts::new(PromptsConfig { store, ..PromptsConfig::default() }).unwrap();
    let config = ControllerConfig { prompts: Some(Arc::new(prompts)), ..ControllerConfig::default() };
    let server = Server::with(builder(), config);
    let [mut a, _b] = pair(&server);
    ok(&play(&server, r#""file":"long.wav""#));
    receives(&mut a.phone, UP);
    ok(&ask(&server, "pause media", r#""from-tag":"a""#));
    let paused_at = number(&server, "position");
    assert!((0..100).all(|_| number(&server, "position") == paused_at), "it stays at {paused_at}");
    a.phone.pass_over_waiting();
    ok(&ask(&server, "resume media", r#""from-tag":"a""#));
    receives(&mut a.phone, UP);
    let refused = ask(&server, "seek media", r#""from-tag":"a","recording-offset":1000"#);
    assert!(reason(&refused).contains("no recording"), "{}", reason(&refused));
}
