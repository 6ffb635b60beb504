//! Every kind of source, tap, event and command has a case under secure input: a new kind does not compile until somebody has
//! said here what becomes of digits in it, and named the test that shows it.

use crate::api::event::Event;
use crate::session::tap::Tap;
use crate::session::wiring::Feed;

/// The tests of digits that are kept back.
const TESTS: [&str; 2] = [
    include_str!("../../tests/suite/digits_are_kept_back/mod.rs"),
    include_str!("../../tests/suite/digits_are_kept_back/paths.rs"),
];

/// What is said of a kind.
enum Case {
    /// Digits could come to it; a listener of that name in the tests finds none.
    Shown(&'static str),
    /// No digit of a party can be in it.
    Without,
    /// It is the one that may have them, and hides them from who prints it: `a_secret_press_does_not_show_its_code`.
    MayHaveThem,
}

const fn of_feed(feed: Feed) -> Case {
    match feed {
        Feed::Leg(_) => Case::Shown("far end, audio"),
        Feed::Mix(_) => Case::Shown("mix, audio"),
        Feed::Room(_) => Case::Shown("room, audio"),
        // What they play comes from outside, and not from a party of the call.
        Feed::Silence | Feed::Player(_) | Feed::Stream(_) => Case::Without,
    }
}

const fn of_tap(tap: &Tap) -> Case {
    match tap {
        Tap::Events(_) => Case::MayHaveThem,
        Tap::Audio(_) => Case::Shown("audio tap"),
        Tap::Room(_) => Case::Shown("room tap"),
        Tap::Packets(_) => Case::Shown("packet tap, audio"),
        Tap::Analysis(_) => Case::Shown("analysis"),
    }
}

const fn of_event(event: &Event) -> Case {
    match event {
        Event::KeyPressed { .. } => Case::MayHaveThem,
        Event::LegLearnt { .. }
        | Event::Flood { .. }
        | Event::LoopCut { .. }
        | Event::ZrtpRefused { .. }
        | Event::StreamRestarted { .. }
        | Event::MediaTimeout { .. }
        | Event::MediaResumed { .. }
        | Event::Bye { .. }
        | Event::CallEnded { .. }
        | Event::PlayerFinished { .. }
        // By audio without digits.
        | Event::CallAnalysed { .. }
        | Event::Speech { .. }
        | Event::Room { .. }
        | Event::SecureInputSwitched { .. }
        // Digits that the engine was told to send.
        | Event::DigitsSent { .. }
        | Event::CommandFailed { .. }
        | Event::CallMoved { .. }
        | Event::WorkerLate { .. }
        | Event::WorkerOnTime { .. }
        | Event::PointsMark { .. }
        | Event::BudgetChanged { .. }
        | Event::WorkerFailed { .. } => Case::Without,
    }
}

fn check(case: Case) {
    if let Case::Shown(listener) = case {
        let named = format!("(\"{listener}\", ");
        assert!(TESTS.iter().any(|test| test.contains(&named)), "no test has the listener {listener:?}");
    }
}

#[test]
fn every_kind_of_source_and_tap_has_a_case() {
    for feed in [Feed::Silence, Feed::Leg(0), Feed::Mix(0), Feed::Room(0), Feed::Player(0), Feed::Stream(0)] {
        check(of_feed(feed));
    }
    for case in
        ["audio tap", "room tap", "packet tap, audio", "packet tap, events", "analysis"].map(Case::Shown)
    {
        check(case);
    }
    // Their values need parts that are not made here; what counts is that they compile.
    let _: fn(&Tap) -> Case = of_tap;
    let _: fn(&Event) -> Case = of_event;
}
