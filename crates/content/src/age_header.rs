//! Where the header of an age file ends (C2SP age, "Header").
//!
//! The header wraps the file key to the recipients; what follows cannot be opened without it, by anybody. Keeping the two
//! apart is how a recording is deleted everywhere at once (see [`crate::Shredding`]). Nothing is decrypted here.

/// First line of every age file.
const VERSION: &[u8] = b"age-encryption.org/v1\n";
/// Start of the last line of a header.
const MAC: &[u8] = b"\n--- ";
/// Longest header that is taken: hundreds of recipients.
pub const MAX_HEADER: usize = 64 * 1024;

/// Why a file is not taken for an age file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAge {
    /// It does not begin with age's version line.
    #[error("no age file: the version line is missing")]
    Version,
    /// The header has no end.
    #[error("age header without an end in {MAX_HEADER} bytes")]
    Endless,
}

/// Bytes of the header at the start of `file`, its last newline included. The first [`MAX_HEADER`] bytes of the file are
/// enough.
///
/// # Errors
/// [`NotAge`] if there is no header.
pub fn header_length(file: &[u8]) -> Result<usize, NotAge> {
    if !file.starts_with(VERSION) {
        return Err(NotAge::Version);
    }
    let file = file.get(..MAX_HEADER).unwrap_or(file);
    let mac = find(file, MAC).ok_or(NotAge::Endless)?;
    let line = mac + MAC.len();
    let rest = file.get(line..).ok_or(NotAge::Endless)?;
    let end = rest.iter().position(|byte| *byte == b'\n').ok_or(NotAge::Endless)?;
    Ok(line + end + 1)
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn encrypted(recipients: usize, bytes: &[u8]) -> Vec<u8> {
        let keys: Vec<_> = (0..recipients).map(|_| age::x25519::Identity::generate().to_public()).collect();
        let keys = keys.iter().map(|key| key as &dyn age::Recipient);
        let mut out = Vec::new();
        let mut writer = age::Encryptor::with_recipients(keys).unwrap().wrap_output(&mut out).unwrap();
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap();
        out
    }

    #[test]
    fn what_follows_the_header_is_nonce_and_one_sealed_chunk() {
        for recipients in [1, 2, 40] {
            let file = encrypted(recipients, b"hello");
            let header = header_length(&file).unwrap();
            assert_eq!(file.len() - header, 16 + 5 + 16, "{recipients} recipients");
        }
    }

    #[test]
    fn a_header_without_its_end_is_refused() {
        let file = encrypted(1, b"");
        let header = header_length(&file).unwrap();
        for cut in 0..header {
            let found = header_length(&file[..cut]);
            let expected = if cut < VERSION.len() { NotAge::Version } else { NotAge::Endless };
            assert_eq!(found, Err(expected), "cut at {cut}");
        }
        let mut endless = VERSION.to_vec();
        endless.resize(MAX_HEADER + 10, b'a');
        endless.extend_from_slice(b"\n--- x\n");
        assert_eq!(header_length(&endless), Err(NotAge::Endless));
    }
}
