//! The Internet checksum [RFC1071].

/// A sum in ones' complement over 16-bit words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sum(u64);

impl Sum {
    pub(super) const fn new() -> Self {
        Self(0)
    }

    /// Adds octets that begin at an even place. An odd one at the end counts as if a zero followed, so that nothing can be
    /// added behind it.
    pub(super) fn add(self, octets: &[u8]) -> Self {
        let Self(mut sum) = self;
        let (words, rest) = octets.as_chunks::<4>();
        // [RFC1071 2] Words of 32 bits may be added as well; 2^32 of them fit the sum.
        for word in words {
            sum += u64::from(u32::from_be_bytes(*word));
        }
        let mut last = [0; 4];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        Self(sum + u64::from(u32::from_be_bytes(last)))
    }

    /// The sum in 16 bits, with the carries added in.
    pub(super) fn folded(self) -> u16 {
        let Self(mut sum) = self;
        while sum > u64::from(u16::MAX) {
            sum = (sum >> 16) + (sum & u64::from(u16::MAX));
        }
        u16::try_from(sum).unwrap_or(u16::MAX)
    }
}
