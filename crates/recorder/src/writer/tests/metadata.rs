//! Metadata that comes while a call is recorded, and once it is over.

use std::time::Duration;

use super::slow_disk::Harness;
use crate::time_line::TapState;
use crate::writer::queue::MetadataError;

fn metadata_of(harness: &Harness) -> Vec<String> {
    let personal = harness.memory.stored(&harness.spec.id).personal;
    personal.into_iter().map(|json| String::from_utf8(json).unwrap()).collect()
}

/// Steps of 100 ms until it is complete.
fn steps_to_the_end(harness: &mut Harness) -> usize {
    (0..100)
        .take_while(|_| {
            let over = harness.queue.is_over();
            harness.step(true);
            !over
        })
        .count()
}

#[test]
fn metadata_is_kept_in_its_order_and_refused_once_the_file_is_complete() {
    let mut harness = Harness::new();
    harness.run(5, TapState::Open, true);
    harness.queue.personal(b"1".to_vec(), false).unwrap();
    harness.run(5, TapState::Open, true);
    harness.queue.personal(b"2".to_vec(), false).unwrap();
    harness.close();
    assert_eq!(metadata_of(&harness), ["1", "2"]);
    assert_eq!(harness.queue.personal(b"3".to_vec(), false), Err(MetadataError::Over));
    assert_eq!(harness.memory.stored(&harness.spec.id).samples, Some(8000));
}

#[test]
fn a_recording_that_has_ended_waits_for_its_last_metadata() {
    let mut harness = Harness::new();
    harness.queue.await_metadata(Duration::from_secs(2));
    harness.run(10, TapState::Open, true);
    harness.tap.end();
    (0..10).for_each(|_| harness.step(true));
    assert!(!harness.queue.is_over(), "the figures of the call are not there yet");
    harness.queue.personal(b"figures".to_vec(), true).unwrap();
    assert!(steps_to_the_end(&mut harness) < 3);
    assert_eq!(metadata_of(&harness), ["figures"]);
}

#[test]
fn it_does_not_wait_for_ever_and_not_at_all_where_it_is_stopped() {
    let mut harness = Harness::new();
    harness.queue.await_metadata(Duration::from_secs(2));
    harness.run(10, TapState::Open, true);
    harness.tap.end();
    let steps = steps_to_the_end(&mut harness);
    assert!((20..=23).contains(&steps), "{steps} steps of 100 ms");

    let mut harness = Harness::new();
    harness.queue.await_metadata(Duration::from_secs(2));
    harness.run(10, TapState::Open, true);
    harness.queue.stop();
    assert!(steps_to_the_end(&mut harness) < 4);
}

#[test]
fn metadata_has_a_bound() {
    let mut harness = Harness::new();
    for _ in 0..4 {
        harness.queue.personal(vec![b'x'; 1 << 16], false).unwrap();
    }
    assert_eq!(harness.queue.personal(b"1".to_vec(), true), Err(MetadataError::TooLong));
    harness.run(10, TapState::Open, true);
    harness.close();
    assert_eq!(metadata_of(&harness).len(), 4);
}
