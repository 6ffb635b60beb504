//! The state machine against its own rules.

use proptest::prelude::*;

use super::*;

const BACK_OFF: BackOff = BackOff {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(60),
    notify_for: Duration::from_secs(600),
    local_attempts: 3,
};

fn later() -> Outcome {
    Outcome::Later("away".into())
}

#[test]
fn steps_come_in_order_and_end() {
    let mut transfer = Transfer::default();
    let mut seen = Vec::new();
    while let Next::Do(step) = transfer.next(0) {
        seen.push((step, transfer.stage()));
        transfer.handle(0, Outcome::Done, &BACK_OFF, 0);
    }
    assert_eq!(transfer.next(0), Next::Finished);
    assert_eq!(seen.iter().map(|(step, _)| *step).collect::<Vec<_>>(), Step::ORDER);
    assert!(seen.is_sorted_by_key(|(_, stage)| *stage));
    let before = |step| seen.iter().position(|(one, _)| *one == step);
    assert!(before(Step::Verify) < before(Step::RemoveLocal), "the local copy goes only after the read-back");
    assert!(before(Step::Catalogue) < before(Step::RemoveLocal), "the header is in the catalogue by then");
}

#[test]
fn delays_double_up_to_the_longest_and_never_overflow() {
    let delays: Vec<i64> = [1, 2, 3, 6, 7, 40, 63, 64, 65, u32::MAX].map(|n| BACK_OFF.delay(n, 0)).into();
    assert_eq!(delays, [1000, 2000, 4000, 32_000, 60_000, 60_000, 60_000, 60_000, 60_000, 60_000]);
    assert_eq!(BACK_OFF.delay(1, 1023), 1000 - 250 * 1023 / 1024);
}

#[test]
fn nothing_is_tried_before_its_time() {
    let mut transfer = Transfer::default();
    transfer.handle(5_000, later(), &BACK_OFF, 0);
    assert_eq!(transfer.next(5_999), Next::At(6_000));
    assert_eq!(transfer.next(6_000), Next::Do(Step::Measure));
}

#[test]
fn a_refusal_waits_for_an_operator() {
    let mut transfer = Transfer::default();
    transfer.handle(0, Outcome::Refused("altered".into()), &BACK_OFF, 0);
    assert_eq!((transfer.next(i64::MAX), transfer.stuck()), (Next::Stuck, Some("altered")));
    transfer.retry();
    assert_eq!(transfer.next(0), Next::Do(Step::Measure));
}

#[test]
fn a_local_file_that_cannot_be_read_is_tried_some_times_and_then_waits_for_an_operator() {
    let mut transfer = Transfer::default();
    let unreadable = || Outcome::Local("input/output error".into());
    for (now, next) in [(0, Next::At(1000)), (1000, Next::At(3000)), (3000, Next::Stuck)] {
        assert_eq!(transfer.next(now), Next::Do(Step::Measure));
        transfer.handle(now, unreadable(), &BACK_OFF, 0);
        assert_eq!(transfer.next(now), next);
    }
    transfer.retry();
    transfer.handle(0, unreadable(), &BACK_OFF, 0);
    transfer.handle(1000, Outcome::Done, &BACK_OFF, 0);
    // Each step has its own attempts.
    transfer.handle(1000, unreadable(), &BACK_OFF, 0);
    assert_eq!(transfer.next(1000), Next::At(2000));
}

#[test]
fn only_a_silent_listener_is_given_up() {
    for step in Step::ORDER {
        let mut transfer = Transfer { step: Some(step), ..Transfer::default() };
        transfer.handle(0, later(), &BACK_OFF, 0);
        transfer.handle(599_999, later(), &BACK_OFF, 0);
        assert_eq!(transfer.step, Some(step));
        transfer.handle(600_000, later(), &BACK_OFF, 0);
        let expected = if step == Step::Notify { Step::RemoveLocal } else { step };
        assert_eq!(transfer.step, Some(expected));
    }
}

proptest! {
    #[test]
    fn a_transfer_never_goes_back(outcomes in prop::collection::vec(0..3_u8, 0..200)) {
        let (mut transfer, mut now, mut done) = (Transfer::default(), 0, 0_usize);
        for outcome in outcomes {
            match transfer.next(now) {
                Next::At(at) => { prop_assert!(at > now); now = at }
                Next::Stuck => transfer.retry(),
                Next::Finished => break,
                Next::Do(step) => {
                    prop_assert_eq!(step, Step::ORDER[done]);
                    let outcome = match outcome {
                        0 => { done += 1; Outcome::Done }
                        1 => later(),
                        _ => Outcome::Refused(String::new()),
                    };
                    let text = serde_json::to_string(&transfer).unwrap();
                    transfer = serde_json::from_str(&text).unwrap();
                    let given_up = outcome == later() && transfer.gives_up(now, &BACK_OFF);
                    done += usize::from(given_up);
                    transfer.handle(now, outcome, &BACK_OFF, 7);
                }
            }
        }
    }
}
