//! "Authentic" as a type: only unprotecting a packet makes one of these, or a call that says `danger`.

/// An RTP packet that its tag has proved, decrypted in place.
pub struct AuthenticRtp<'a>(&'a mut [u8]);

/// A compound RTCP packet that its tag has proved, decrypted in place.
pub struct AuthenticRtcp<'a>(&'a mut [u8]);

macro_rules! packet_view {
    ($name:ident, $what:literal) => {
        impl<'a> $name<'a> {
            pub(crate) fn proved(packet: &'a mut [u8]) -> Self {
                Self(packet)
            }

            #[doc = concat!("Takes ", $what, " as it came, for a leg that was negotiated without SRTP.")]
            /// Nothing proves who sent it.
            #[must_use]
            pub fn danger_cleartext(packet: &'a mut [u8]) -> Self {
                Self(packet)
            }

            /// The plain packet, header first.
            #[must_use]
            pub fn bytes(&self) -> &[u8] {
                self.0
            }

            /// The plain packet, to be changed in place.
            #[must_use]
            pub fn bytes_mut(&mut self) -> &mut [u8] {
                self.0
            }

            /// Bytes of the plain packet.
            #[must_use]
            pub fn len(&self) -> usize {
                self.0.len()
            }

            /// True where there is no byte, which only [`Self::danger_cleartext`] can bring about.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl std::fmt::Debug for $name<'_> {
            /// Shows the length only: media never reaches a log.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).field("len", &self.0.len()).finish_non_exhaustive()
            }
        }
    };
}

packet_view!(AuthenticRtp, "an RTP packet");
packet_view!(AuthenticRtcp, "an RTCP packet");
