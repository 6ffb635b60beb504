//! The same proxy with other phones: linphone, baresip, sipp.

use crate::scenarios::Scenario;

pub(super) fn all() -> Vec<Scenario> {
    Vec::new()
}
