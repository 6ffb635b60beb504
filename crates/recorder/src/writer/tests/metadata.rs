//! Metadata that comes while a call is recorded, and once it is over.

use std::time::Duration;

use super::slow_disk::Desk;
use crate::time_line::TapState;
use crate::writer::lane::MetadataError;

fn said(desk: &Desk) -> Vec<String> {
    let personal = desk.memory.stored(&desk.spec.id).personal;
    personal.into_iter().map(|json| String::from_utf8(json).unwrap()).collect()
}

/// Steps of 100 ms until it is complete.
fn steps_to_the_end(desk: &mut Desk) -> usize {
    (0..100)
        .take_while(|_| {
            let over = desk.lane.is_over();
            desk.step(true);
            !over
        })
        .count()
}

#[test]
fn metadata_is_kept_in_its_order_and_refused_once_the_file_is_complete() {
    let mut desk = Desk::new();
    desk.run(5, TapState::Open, true);
    desk.lane.personal(b"1".to_vec(), false).unwrap();
    desk.run(5, TapState::Open, true);
    desk.lane.personal(b"2".to_vec(), false).unwrap();
    desk.close();
    assert_eq!(said(&desk), ["1", "2"]);
    assert_eq!(desk.lane.personal(b"3".to_vec(), false), Err(MetadataError::Over));
    assert_eq!(desk.memory.stored(&desk.spec.id).samples, Some(8000));
}

#[test]
fn a_recording_that_has_ended_waits_for_its_last_metadata() {
    let mut desk = Desk::new();
    desk.lane.await_metadata(Duration::from_secs(2));
    desk.run(10, TapState::Open, true);
    desk.tap.end();
    (0..10).for_each(|_| desk.step(true));
    assert!(!desk.lane.is_over(), "the figures of the call are not there yet");
    desk.lane.personal(b"figures".to_vec(), true).unwrap();
    assert!(steps_to_the_end(&mut desk) < 3);
    assert_eq!(said(&desk), ["figures"]);
}

#[test]
fn it_does_not_wait_for_ever_and_not_at_all_where_it_is_stopped() {
    let mut desk = Desk::new();
    desk.lane.await_metadata(Duration::from_secs(2));
    desk.run(10, TapState::Open, true);
    desk.tap.end();
    let steps = steps_to_the_end(&mut desk);
    assert!((20..=23).contains(&steps), "{steps} steps of 100 ms");

    let mut desk = Desk::new();
    desk.lane.await_metadata(Duration::from_secs(2));
    desk.run(10, TapState::Open, true);
    desk.lane.stop();
    assert!(steps_to_the_end(&mut desk) < 4);
}

#[test]
fn metadata_has_a_bound() {
    let mut desk = Desk::new();
    for _ in 0..4 {
        desk.lane.personal(vec![b'x'; 1 << 16], false).unwrap();
    }
    assert_eq!(desk.lane.personal(b"1".to_vec(), true), Err(MetadataError::TooLong));
    desk.run(10, TapState::Open, true);
    desk.close();
    assert_eq!(said(&desk).len(), 4);
}
