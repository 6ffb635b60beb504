//! Nobody who prints what the engine says finds a digit: not in the log at its highest level, nor in events, errors, statistics,
//! configurations and snapshots by `Debug`. What is printed of one card number is, letter by letter, what is printed of another.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::{CommandError, DigitSpec, PayloadCodec, SecureInput};
use mediapoint_packet::telephone_event::DtmfDigit;
use mediapoint_testkit::{codec, pcmu};
use tracing_subscriber::filter::LevelFilter;

use super::{Method, NUMBER, OFF, ON, Scene, digits, spoken};

/// Another number of the same length, with no digit in its place.
const OTHER: &str = "9378456201740618";

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What is logged while `act` runs, at the highest level.
fn logged(act: impl FnOnce()) -> String {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .without_time()
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, act);
    let bytes = log.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

/// Logs all that can be printed of a scene now.
fn print(scene: &mut Scene, printed: &mut usize) {
    for (_, event) in scene.world.events.iter().skip(*printed) {
        tracing::trace!(?event, "as the server logs it");
        tracing::trace!("{event:#?}");
    }
    *printed = scene.world.events.len();
    let call = scene.world.peer(scene.party).call;
    tracing::trace!(statistics = ?scene.world.statistics(call));
    tracing::trace!(snapshot = ?scene.world.snapshot(call).unwrap());
    tracing::trace!(config = ?scene.world.peer(scene.party).config);
}

/// Has the number sent on by a command, and once more than there is room for.
fn command(scene: &mut Scene, number: &str) {
    let (call, leg) = (scene.world.peer(scene.far).call, scene.world.peer(scene.far).leg);
    let specs = || digits(number).into_iter().map(DigitSpec::new).collect::<Vec<_>>();
    tracing::trace!(digits = ?specs());
    for _ in 0..3 {
        let sent = scene.world.apply(call, CallCommand::SendDigits { leg, digits: specs() });
        if let Err(error) = sent {
            assert!(matches!(error, CommandError::TooManyDigits { .. }), "{error:?}");
            tracing::trace!(%error, ?error, "refused");
        }
    }
}

/// What is printed while a party types `number`, by one way.
fn shown(number: &str, to: &PayloadCodec, method: Method, policy: SecureInput) -> String {
    logged(|| {
        let spoken = match method {
            Method::Tones => spoken(number, ON),
            Method::Events => Vec::new(),
            Method::Both => spoken(number, 40),
        };
        let mut scene = Scene::new(&pcmu(), to, super::after(2 * 8000, spoken));
        let mut printed = 0;
        scene.world.start(scene.party);
        scene.run(1000);
        scene.secure(policy);
        scene.run(1000);
        let on = if method == Method::Both { 40 } else { ON };
        for digit in number.split("").filter(|digit| !digit.is_empty()) {
            if method == Method::Tones {
                scene.run(ON + OFF);
                scene.room.give();
            } else {
                scene.run(ON - on);
                let code = DtmfDigit::from_char(digit.chars().next().unwrap()).unwrap().code();
                scene.world.peer_mut(scene.party).stream.press(code, Duration::from_millis(on));
                // In the middle of the press, too: its event is under way.
                scene.run(on / 2);
                print(&mut scene, &mut printed);
                scene.run(on / 2 + OFF);
                scene.room.give();
            }
            print(&mut scene, &mut printed);
        }
        scene.run(500);
        assert_eq!(scene.reported(), number, "{method:?}, {policy:?}");
        command(&mut scene, number);
        print(&mut scene, &mut printed);
        scene.run(1000);
        print(&mut scene, &mut printed);
    })
}

/// Without what measures the tones themselves: their length and level differ by a few parts in a thousand from digit to digit,
/// and they are told some milliseconds earlier or later.
fn without_measures(text: &str) -> Vec<String> {
    let is_press = |line: &&str| line.contains("KeyPressed {");
    let measured = |line: &str| {
        let masked = |line: String, field: &str| {
            let Some((before, after)) = line.split_once(&format!("{field}: ")) else { return line };
            let end = after.find([',', ' ', '}']).unwrap_or(after.len());
            format!("{before}{}", &after[end..])
        };
        ["duration", "volume"].into_iter().fold(line.to_owned(), masked)
    };
    text.lines().filter(is_press).map(measured).collect()
}

/// No field that holds an event's code shows one.
#[track_caller]
fn check_fields(text: &str, name: &str) {
    for field in ["code: ", "code=", "digit: ", "digit=", "key: ", "key="] {
        for (at, _) in text.match_indices(field) {
            let value = &text[at + field.len()..];
            assert!(
                !value.starts_with(|c: char| c.is_ascii_digit()),
                "{name}: {}",
                &text[at.saturating_sub(80)..(at + 40).min(text.len())]
            );
        }
    }
}

const METHODS: [Method; 3] = [Method::Tones, Method::Events, Method::Both];

#[test]
fn what_is_printed_of_one_card_number_is_what_is_printed_of_another() {
    let tone = SecureInput::Tone { hertz: 440, dbm0: -20 };
    for to in [pcmu(), codec(18, "G729", 8000)] {
        for method in METHODS {
            for policy in [SecureInput::Drop, SecureInput::Silence, tone, SecureInput::Random] {
                let name = format!("to {}, {method:?}, {policy:?}", to.codec);
                let [one, other] = [NUMBER, OTHER].map(|number| shown(number, &to, method, policy));
                for (number, text) in [(NUMBER, &one), (OTHER, &other)] {
                    assert!(text.len() > 10_000, "{name}: something was printed");
                    assert!(!text.contains(number), "{name}");
                    check_fields(text, &name);
                }
                if method == Method::Events {
                    for (line, other) in one.lines().zip(other.lines()) {
                        assert_eq!(line, other, "{name}");
                    }
                    assert_eq!(one.lines().count(), other.lines().count(), "{name}");
                } else {
                    assert_eq!(without_measures(&one), without_measures(&other), "{name}");
                }
            }
        }
    }
}

#[test]
fn without_secure_input_the_log_shows_the_digits() {
    for method in METHODS {
        let text = shown(NUMBER, &pcmu(), method, SecureInput::Off);
        let codes: String = text
            .lines()
            .filter(|line| line.contains("as the server logs it"))
            .filter_map(|line| line.split_once("code: ")?.1.chars().next())
            .collect();
        assert_eq!(codes, NUMBER, "{method:?}");
    }
}
