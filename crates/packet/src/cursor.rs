//! A reader that takes arrays and slices off the front of a byte slice, and a writer that fills one from the
//! front. Neither indexes, neither can run past an end.

use crate::error::{Malformed, TooShort};

/// What is left to be read of a byte slice.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(Malformed::Truncated { needed: N, available: self.rest.len() })?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (head, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(Malformed::Truncated { needed: len, available: self.rest.len() })?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) const fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

impl std::fmt::Debug for Cursor<'_> {
    /// Shows the length only: names, addresses and media never reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cursor").field("remaining", &self.rest.len()).finish()
    }
}

/// What is left to be filled of a byte slice.
pub(crate) struct Sink<'a> {
    rest: &'a mut [u8],
}

impl<'a> Sink<'a> {
    pub(crate) const fn new(out: &'a mut [u8]) -> Self {
        Self { rest: out }
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<(), TooShort> {
        let available = self.rest.len();
        let Some((head, rest)) = std::mem::take(&mut self.rest).split_at_mut_checked(bytes.len()) else {
            return Err(TooShort { needed: bytes.len(), available });
        };
        head.copy_from_slice(bytes);
        self.rest = rest;
        Ok(())
    }

    pub(crate) fn u16(&mut self, value: u16) -> Result<(), TooShort> {
        self.put(&value.to_be_bytes())
    }

    pub(crate) fn u32(&mut self, value: u32) -> Result<(), TooShort> {
        self.put(&value.to_be_bytes())
    }

    /// Writes zeros up to the end.
    pub(crate) fn zero_rest(self) {
        self.rest.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_in_order_and_stays_where_it_cannot() {
        let mut cur = Cursor::new(&[1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(cur.u8(), Ok(1));
        assert_eq!(cur.u16(), Ok(0x0203));
        assert_eq!(cur.u32(), Ok(0x0405_0607));
        assert_eq!(cur.u32(), Err(Malformed::Truncated { needed: 4, available: 2 }));
        assert_eq!(cur.take(3), Err(Malformed::Truncated { needed: 3, available: 2 }));
        assert_eq!((cur.remaining(), cur.rest(), cur.is_empty()), (2, &[8, 9][..], false));
        assert_eq!(cur.take(2), Ok(&[8, 9][..]));
        assert_eq!(cur.take(0), Ok(&[][..]));
        assert!(cur.is_empty());
        assert_eq!(cur.u8(), Err(Malformed::Truncated { needed: 1, available: 0 }));
    }

    #[test]
    fn a_sink_fills_in_order_and_is_spent_by_what_does_not_fit() {
        let mut out = [0xa5; 8];
        let mut sink = Sink::new(&mut out);
        sink.u16(0x0102).unwrap();
        sink.put(&[3]).unwrap();
        assert_eq!(sink.put(&[0; 6]), Err(TooShort { needed: 6, available: 5 }));
        assert_eq!(sink.put(&[4]), Err(TooShort { needed: 1, available: 0 }));
        assert_eq!(out, [1, 2, 3, 0xa5, 0xa5, 0xa5, 0xa5, 0xa5]);

        let mut sink = Sink::new(&mut out);
        sink.u32(0x0a0b_0c0d).unwrap();
        sink.zero_rest();
        assert_eq!(out, [10, 11, 12, 13, 0, 0, 0, 0]);
    }

    #[test]
    fn debug_shows_no_bytes() {
        assert_eq!(format!("{:?}", Cursor::new(&[171, 172])), "Cursor { remaining: 2 }");
    }
}
