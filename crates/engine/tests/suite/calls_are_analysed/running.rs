//! The engine's own thread: events, points and names of analyses.

use mediapoint_engine::{
    AnalyserSettings, AnalysisEnd, AnalysisSpec, CallAnalysis, CommandError, Event, EventReceiver, LegId,
    Outcome, Prices, TapId,
};
use mediapoint_testkit::phone::{Pair, builder, wait_for, wait_until};

fn answered(events: &EventReceiver) -> (LegId, TapId, CallAnalysis) {
    wait_for(events, "an answer", |event| match event {
        Event::CallAnalysed { leg, tap, analysis, .. } => Some((*leg, *tap, (**analysis).clone())),
        _ => None,
    })
}

/// Silence decides soon.
fn hasty(leg: LegId) -> AnalysisSpec {
    let answer = AnalyserSettings { initial_silence_ms: 40, ..AnalyserSettings::default() };
    AnalysisSpec { answer: Some(answer), ..AnalysisSpec::new(leg) }
}

#[test]
fn what_it_costs_comes_back_when_it_is_decided() {
    let (engine, events) = builder("127.0.9.41", 42_800..=42_819).build().unwrap();
    let pair = Pair::new(&engine, 1);
    let (leg, before, prices) = (pair.a.leg.id, pair.call.points(), Prices::default());
    let (tap, outcome) = pair.call.analyse(hasty(leg)).unwrap();
    outcome.wait().unwrap();
    assert_eq!(pair.call.points(), before + prices.analysis + prices.pcm_coded);
    let (of, name, analysis) = answered(&events);
    assert_eq!((of, name, analysis.decision.outcome, analysis.last), (leg, tap, Outcome::Silence, true));
    assert_eq!(analysis.end, AnalysisEnd::Decided);
    wait_until("the points are back", || pair.call.points() == before);
    let over = CommandError::NoSuchObject { kind: "analysis", id: tap.as_u64() };
    assert_eq!(pair.call.stop_analysis(tap), Err(over));
}

#[test]
fn one_that_is_stopped_or_whose_call_ends_says_what_it_came_to() {
    let (engine, events) = builder("127.0.9.42", 42_800..=42_819).build().unwrap();
    let pair = Pair::new(&engine, 1);
    let (first, outcome) = pair.call.analyse(AnalysisSpec::new(pair.a.leg.id)).unwrap();
    outcome.wait().unwrap();
    pair.call.stop_analysis(first).unwrap();
    let (_, tap, analysis) = answered(&events);
    assert_eq!(
        (tap, analysis.end, analysis.decision.outcome),
        (first, AnalysisEnd::Stopped, Outcome::Silence)
    );
    let (second, outcome) = pair.call.analyse(AnalysisSpec::new(pair.a.leg.id)).unwrap();
    outcome.wait().unwrap();
    pair.call.end().unwrap().wait().unwrap();
    let (_, tap, analysis) = answered(&events);
    assert_eq!((tap, analysis.end), (second, AnalysisEnd::Stopped));
}

#[test]
fn one_that_the_call_has_no_room_for_says_nothing_and_costs_nothing() {
    let (engine, events) = builder("127.0.9.43", 42_800..=42_819).build().unwrap();
    let pair = Pair::new(&engine, 1);
    let (leg, before) = (pair.a.leg.id, pair.call.points());
    for _ in 0..mediapoint_engine::Call::MAX_MIXES {
        pair.call.tap_key_presses(leg).unwrap().1.wait().unwrap();
    }
    let refused = pair.call.analyse(hasty(leg)).unwrap().1.wait();
    assert!(matches!(refused, Err(CommandError::NoRoom { what: "taps", .. })), "{refused:?}");
    wait_until("the points are back", || pair.call.points() == before);
    pair.call.end().unwrap().wait().unwrap();
    wait_for(&events, "the end without an answer before", |event| match event {
        Event::CallAnalysed { .. } => panic!("{event:?}"),
        Event::CallEnded { .. } => Some(()),
        _ => None,
    });
}

#[test]
fn a_restored_call_says_that_its_analysis_is_lost() {
    let address = "127.0.9.44";
    let (first, events) = builder(address, 42_800..=42_819).build().unwrap();
    let pair = Pair::new(&first, 1);
    let (tap, outcome) = pair.call.analyse(AnalysisSpec::new(pair.a.leg.id)).unwrap();
    outcome.wait().unwrap();
    let saved = *pair.call.snapshot().unwrap().wait().unwrap();
    pair.call.end().unwrap().wait().unwrap();
    assert_eq!(answered(&events).1, tap);
    first.shutdown();
    let (second, events) = builder(address, 42_800..=42_819).build().unwrap();
    let (call, outcome) = second.restore(saved).unwrap();
    outcome.wait().unwrap();
    let (leg, of, analysis) = answered(&events);
    assert_eq!((leg, of), (pair.a.leg.id, tap));
    assert_eq!((analysis.decision.outcome, analysis.end), (Outcome::Unsure, AnalysisEnd::Lost));
    assert_eq!(call.points(), second.load().workers.iter().map(|worker| worker.used).sum());
    assert_eq!(call.points(), mediapoint_engine::Points::ONE, "none runs");
}

#[test]
fn nothing_to_analyse_is_refused() {
    let (engine, _events) = builder("127.0.9.45", 42_800..=42_819).build().unwrap();
    let pair = Pair::new(&engine, 1);
    let nothing = AnalysisSpec { answer: None, ..AnalysisSpec::new(pair.a.leg.id) };
    assert!(matches!(pair.call.analyse(nothing), Err(CommandError::OutOfRange { .. })));
    let stranger = AnalysisSpec::new(LegId::from_u64(u64::MAX));
    assert!(matches!(pair.call.analyse(stranger), Err(CommandError::NoSuchLeg(_))));
}
