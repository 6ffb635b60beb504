//! The plain types that commands carry in and events carry out.

pub(crate) mod analysis;
pub(crate) mod codec;
pub(crate) mod digit;
pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod id;
pub(crate) mod kind;
pub(crate) mod leg;
pub(crate) mod path;
pub(crate) mod pending;
pub(crate) mod points;
pub(crate) mod remote;
pub(crate) mod room;
pub(crate) mod secure;
pub(crate) mod source;
pub(crate) mod stats;
pub(crate) mod tap;
