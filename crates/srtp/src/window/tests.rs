//! The window against a naive twin: a set of everything accepted.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

/// What the window must do, by the letter of the clause.
#[derive(Default)]
struct Model {
    accepted: HashSet<u64>,
    highest: u64,
}

impl Model {
    fn check(&self, index: u64) -> Result<(), Refused> {
        if index + REPLAY_WINDOW <= self.highest {
            Err(Refused::TooOld)
        } else if self.accepted.contains(&index) {
            Err(Refused::Replayed)
        } else {
            Ok(())
        }
    }

    fn accept(&mut self, index: u64) {
        self.accepted.insert(index);
        self.highest = self.highest.max(index);
    }
}

/// Steps that stay near the head, cross the window's edges, or leap.
fn step() -> impl Strategy<Value = i64> {
    prop_oneof![
        8 => -3i64..4,
        4 => -140i64..140,
        2 => prop_oneof![Just(63), Just(64), Just(65), Just(127), Just(128), Just(129)],
        2 => prop_oneof![Just(-63), Just(-64), Just(-127), Just(-128), Just(-129)],
        1 => -70_000i64..70_000,
    ]
}

proptest! {
    /// test-of: [RFC3711 3.3.2]
    #[test]
    fn window_agrees_with_a_set(start in 0u64..1 << 40, steps in prop::collection::vec(step(), 1..400)) {
        let mut window = ReplayWindow::starting_at(start);
        let mut model = Model::default();
        model.accept(start);
        for step in steps {
            let index = model.highest.saturating_add_signed(step);
            let expected = model.check(index);
            prop_assert_eq!(window.check(index), expected, "index {} of highest {}", index, model.highest);
            if expected.is_ok() {
                window.accept(index);
                model.accept(index);
            }
            prop_assert_eq!(window.highest(), model.highest);
            prop_assert_eq!(ReplayWindow::restored(window.highest(), window.seen()), window);
        }
    }
}

#[test]
fn the_window_is_128_packets_wide() {
    let mut window = ReplayWindow::starting_at(1000);
    assert_eq!(window.check(1000), Err(Refused::Replayed));
    assert_eq!(window.check(1000 - 127), Ok(()));
    assert_eq!(window.check(1000 - 128), Err(Refused::TooOld));
    window.accept(1000 - 127);
    assert_eq!(window.check(1000 - 127), Err(Refused::Replayed));
    window.accept(1001);
    assert_eq!(window.check(1000 - 127), Err(Refused::TooOld));
}
