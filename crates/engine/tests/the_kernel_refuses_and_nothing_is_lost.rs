//! The kernel says that there are no descriptors left: the call is refused with the figures, what it had goes back, others go
//! on; a worker that has to start again then waits until it can. One test: the limit is the process's.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of the tests: what is missing fails them"
)]

use std::process::Command;

use mediapoint_engine::{AdmissionError, CallSpec, Event, OpenLegError, Placement};
use mediapoint_testkit::phone::{Pair, builder, pcmu_leg, wait_for, wait_until};

/// Sets how many descriptors this process may have.
fn limit_files(files: usize) {
    let (own, limit) = (std::process::id().to_string(), format!("--nofile={files}:"));
    let status = Command::new("prlimit").args(["--pid", &own, &limit]).status().expect("util-linux");
    assert!(status.success());
}

/// The descriptors that are open.
fn open_files() -> Vec<usize> {
    let listed: Vec<_> =
        std::fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap().path()).collect();
    // That of the list itself is closed by now.
    let open = listed.iter().filter(|path| path.exists());
    open.map(|path| path.file_name().unwrap().to_str().unwrap().parse().unwrap()).collect()
}

/// The limit that leaves so many descriptors: each is a number below it.
fn limit_for(free: usize) -> usize {
    let open = open_files();
    (0..).filter(|number| !open.contains(number)).nth(free).unwrap()
}

#[test]
fn no_descriptors_are_a_refusal_and_a_worker_waits_for_them() {
    let (engine, events) = builder("127.9.42.1", 23_000..=23_199).max_files(10_000).build().unwrap();
    let mut pair = Pair::new(&engine, 0);
    pair.exchange();
    let (files, before) = (open_files().len(), engine.load());
    limit_files(limit_for(3));
    for _ in 0..20 {
        let call = engine.create_call(CallSpec::default()).unwrap();
        let open = || call.open_leg(&Placement::default(), pcmu_leg());
        let (_, served) = open().unwrap();
        served.wait().unwrap();
        let reserved = engine.load();
        let refused = open().unwrap_err();
        let OpenLegError::Admission(error @ AdmissionError::NoSockets { legs: 3, errno: 24 }) = refused
        else {
            panic!("{refused}")
        };
        assert!(error.to_string().starts_with("no socket can be opened beside those of 3 legs"), "{error}");
        assert_eq!(engine.load().port_pairs, reserved.port_pairs);
        assert_eq!(engine.load().workers[0].legs, reserved.workers[0].legs);
        call.end().unwrap().wait().unwrap();
        wait_until("the call is gone", || engine.calls() == 1);
        pair.exchange();
    }
    assert_eq!(engine.load().port_pairs, before.port_pairs);
    assert_eq!(open_files().len(), files);

    limit_files(0);
    engine.danger_panic_worker(0);
    wait_for(&events, "the failure", |event| matches!(event, Event::WorkerFailed { .. }).then_some(()));
    // What is admitted before it has tried waits for it.
    wait_until("nobody would take a call", || match engine.create_call(CallSpec::default()) {
        Ok(call) => call.end().is_err(),
        Err(error) => error == AdmissionError::NoWorker,
    });
    mediapoint_net::raise_fd_limit().unwrap();
    wait_until("the worker runs again", || match engine.create_call(CallSpec::default()) {
        Ok(call) => call.end().is_ok(),
        Err(_) => false,
    });
    wait_until("what it had is free", || engine.calls() == 0 && engine.load().port_pairs.0 == 0);
    Pair::new(&engine, 2).exchange();
    engine.shutdown();
}
