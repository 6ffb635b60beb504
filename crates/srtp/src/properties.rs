//! What holds for any input at all, as functions that panic where it does not. Unit tests, the replay of the
//! corpus and the fuzz targets call the same ones.
//!
//! Random bytes never have a valid tag, so the input is a script instead: which packets are protected under a
//! known key, and what happens to each on the way.

mod oracle;
mod script;
mod sessions;

#[cfg(test)]
mod tests;

pub use oracle::{ORACLE_SUITES, oracle_profile, srtcp_unprotect_matches_oracle, unprotect_matches_oracle};
pub use sessions::protect_then_unprotect;

use crate::sdes::CryptoAttribute;

/// A line that can be read is written so that it reads the same, and then written the same again.
pub fn sdes_round_trips(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(attribute) = CryptoAttribute::parse(text) else { return };
    let written = attribute.to_value();
    let again = CryptoAttribute::parse(&written);
    assert_eq!(again.as_ref(), Ok(&attribute));
    assert_eq!(again.map(|again| again.to_value()), Ok(written));
    assert!(!attribute.keys.is_empty());
    assert!(attribute.keys.iter().all(|param| param.key.suite() == attribute.suite));
}
