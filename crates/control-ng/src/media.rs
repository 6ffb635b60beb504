//! What a media section is made of, whoever it is for: codecs, keys, the remote description, the lines of the SDP.

pub(crate) mod answered;
pub(crate) mod codecs;
pub(crate) mod keys;
pub(crate) mod layout;
pub(crate) mod legs;
pub(crate) mod manipulate;
pub(crate) mod offered;
pub(crate) mod received;
pub(crate) mod remote;
pub(crate) mod rewrite;
pub(crate) mod session;
