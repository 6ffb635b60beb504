//! Bit fields, the most significant bit first.

/// Takes fields off the front of `N` octets, of 16 at most.
pub(super) struct Reader<const N: usize> {
    /// What is left, at the upper end.
    left: u128,
}

impl<const N: usize> Reader<N> {
    pub(super) const fn new(octets: &[u8; N]) -> Self {
        let mut left = 0u128;
        let mut rest: &[u8] = octets;
        while let [octet, after @ ..] = rest {
            left = left << 8 | *octet as u128;
            rest = after;
        }
        Self { left: left << (128 - 8 * N) }
    }

    /// A field of 1 to 16 bits.
    #[expect(clippy::cast_possible_truncation, reason = "the shift leaves 16 bits at most")]
    pub(super) const fn word(&mut self, width: u32) -> u16 {
        let field = (self.left >> (128 - width)) as u16;
        self.left <<= width;
        field
    }

    /// A field of 1 to 8 bits.
    #[expect(clippy::cast_possible_truncation, reason = "the shift leaves 8 bits at most")]
    pub(super) const fn byte(&mut self, width: u32) -> u8 {
        self.word(width) as u8
    }
}

/// Gathers fields that fill `N` octets, of 16 at most.
#[derive(Default)]
pub(super) struct Writer<const N: usize> {
    gathered: u128,
}

impl<const N: usize> Writer<N> {
    /// Appends the lower `width` bits.
    pub(super) fn put(&mut self, field: impl Into<u16>, width: u32) {
        let field: u16 = field.into();
        self.gathered = self.gathered << width | u128::from(field & (u16::MAX >> (16 - width)));
    }

    pub(super) fn finish(self) -> [u8; N] {
        let mut out = [0; N];
        for (octet, from) in out.iter_mut().rev().zip(self.gathered.to_le_bytes()) {
            *octet = from;
        }
        out
    }
}
