//! Bytes that may hold a key, such as the text of an `a=crypto` line: wiped when dropped, and never shown.

use std::fmt;
use std::ops::{Deref, DerefMut};

use zeroize::Zeroize as _;

/// A buffer of bytes that leaves no copy behind: it is wiped when dropped, and so is what it stood in before it grew.
/// `Debug` shows its length only.
#[derive(Default, PartialEq, Eq)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// An empty buffer with room for so many bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// A buffer of so many zeros, to be received into.
    #[must_use]
    pub fn zeroed(len: usize) -> Self {
        Self(vec![0; len])
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// Appends bytes.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    /// Appends a byte.
    pub fn push(&mut self, byte: u8) {
        self.reserve(1);
        self.0.push(byte);
    }

    /// Removes the first `count` bytes, or all where there are fewer. What stood behind them moves to the front, and where
    /// it came from is wiped.
    pub fn remove_front(&mut self, count: usize) {
        let count = count.min(self.0.len());
        let left = self.0.len() - count;
        self.0.copy_within(count.., 0);
        self.0.get_mut(left..).unwrap_or_default().zeroize();
        self.0.truncate(left);
    }

    /// Wipes the first `count` bytes, or all where there are fewer: what a message that was received into the buffer left.
    pub fn wipe_front(&mut self, count: usize) {
        let count = count.min(self.0.len());
        self.0.get_mut(..count).unwrap_or_default().zeroize();
    }

    /// Makes room. A vector that grows by itself would release its bytes as they are.
    fn reserve(&mut self, more: usize) {
        let needed = self.0.len().saturating_add(more);
        if needed > self.0.capacity() {
            let mut grown = Vec::with_capacity(needed.max(self.0.capacity().saturating_mul(2)));
            grown.extend_from_slice(&self.0);
            self.0.zeroize();
            self.0 = grown;
        }
    }
}

impl Drop for SecretBytes {
    fn drop(&mut self) {
        // All of its room, not only what is in use.
        self.0.zeroize();
    }
}

impl Clone for SecretBytes {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl Deref for SecretBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for SecretBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl From<&[u8]> for SecretBytes {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<&str> for SecretBytes {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl From<Vec<u8>> for SecretBytes {
    /// Takes the bytes over where they stand.
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<String> for SecretBytes {
    /// Takes the text over where it stands.
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl fmt::Write for SecretBytes {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBytes({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn it_grows_by_single_bytes_and_by_many() {
        let mut bytes = SecretBytes::default();
        for byte in 0..100 {
            bytes.push(byte);
        }
        bytes.extend_from_slice(&[7; 1000]);
        write!(bytes, "{}:x", 1_u8).unwrap();
        assert_eq!(bytes.get(..100), Some(&(0..100).collect::<Vec<u8>>()[..]));
        assert_eq!((bytes.len(), &bytes[1100..]), (1103, &b"1:x"[..]));
    }

    #[test]
    fn what_is_removed_from_the_front_leaves_the_rest() {
        let mut bytes = SecretBytes::from("first second");
        bytes.remove_front(6);
        assert_eq!(bytes.as_slice(), b"second");
        bytes.remove_front(100);
        assert!(bytes.is_empty());
    }

    #[test]
    fn what_was_received_is_wiped_as_far_as_it_went() {
        let mut bytes = SecretBytes::from("secret and older");
        bytes.wipe_front(6);
        assert_eq!(bytes.as_slice(), b"\0\0\0\0\0\0 and older");
        bytes.wipe_front(100);
        assert_eq!(bytes.as_slice(), [0; 16]);
    }

    #[test]
    fn nothing_shows_it() {
        assert_eq!(format!("{:?}", SecretBytes::from("inline:key")), "SecretBytes(10)");
    }
}
