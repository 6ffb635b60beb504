//! Many calls for a few seconds: what a packet costs a server that is busy.

use std::time::Duration;

use mediapoint_caller::load::{Kind, LoadConfig, LoadError, LoadGenerator, LoadReport};

use super::call::SUITE;
use crate::child::ChildServer;

/// How long is measured.
const LENGTH: Duration = Duration::from_secs(3);

/// Loads the server with `calls` calls, plain RTP on one side and SRTP on the other as in the call before.
pub(super) fn run(server: &ChildServer, calls: u16) -> Result<LoadReport, LoadError> {
    let config = LoadConfig {
        server_pid: Some(server.pid()),
        calls: calls.into(),
        kind: Kind::RELAY.with_srtp(SUITE),
        duration: LENGTH,
        warm_up: Duration::from_secs(1),
        baseline: Duration::ZERO,
        ..LoadConfig::new(server.ng())
    };
    LoadGenerator::new(config)?.run()
}
