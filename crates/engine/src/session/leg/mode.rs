//! Codec mode requests: what mode of AMR or AMR-WB a party asks to be sent [RFC4867 4.3.1]. Payloads that are forwarded carry
//! them on as they are; where audio is encoded for the party, its encoder follows them.

use mediapoint_codec::{Codec, Encoding};

use crate::session::leg::egress::Egress;
use crate::session::leg::sender::Sender;

/// The last request of a party.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ModeRequest {
    /// True for a mode of AMR-WB.
    pub(crate) wide: bool,
    /// As the payload had it.
    pub(crate) request: u8,
}

/// Whether a codec is AMR-WB or AMR; `None` where it is neither.
pub(crate) const fn is_wide(codec: &Codec) -> Option<bool> {
    match codec.encoding {
        Encoding::Amr(_) => Some(false),
        Encoding::AmrWb(_) => Some(true),
        _ => None,
    }
}

impl Sender {
    /// Takes a request; it holds for encoders that come later, too.
    pub(crate) fn request_mode(&mut self, request: ModeRequest) {
        if self.mode_request.replace(request) != Some(request) {
            self.follow_mode_request();
        }
    }

    /// Lets the encoder follow the last request, where that is one of its codec.
    pub(crate) fn follow_mode_request(&mut self) {
        if let (Some(request), Some(egress)) = (self.mode_request, &mut self.egress) {
            egress.request_mode(request);
        }
    }
}

impl Egress {
    fn request_mode(&mut self, ModeRequest { wide, request }: ModeRequest) {
        if is_wide(&self.spec().entry().codec) == Some(wide) {
            self.encoder_mut().request_mode(request);
        }
    }
}
