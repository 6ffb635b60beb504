//! The checks that build: the promised compiler, features, versions, and the tools that look at unsafe code.

pub(crate) mod features;
pub(crate) mod loom;
pub(crate) mod miri;
pub(crate) mod msrv;
pub(crate) mod semver;
