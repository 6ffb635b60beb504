//! A tap on the packets of a leg: decrypted copies to another leg or address.

use crate::api::id::TapId;
use crate::api::tap::PacketTapSpec;

/// A tap on packets.
pub struct PacketTap {
    /// Its name.
    pub id: TapId,
    /// What it copies, and where to.
    pub spec: PacketTapSpec,
}
