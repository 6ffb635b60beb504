//! Stanzas of the age plugin protocol (C2SP age-plugin): a line of words behind `->`, and a body in base64 without padding
//! of 64 columns a line, the last of which is shorter.

use base64ct::{Base64Unpadded, Encoding};
use zeroize::Zeroizing;

/// Columns of a body's line.
const COLUMNS: usize = 64;

/// One that was received.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Stanza {
    /// The words of its first line.
    pub(super) words: Vec<String>,
    pub(super) body: Vec<u8>,
}

/// What was received is no stanza.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// Adds one to what is to be sent.
pub(super) fn write(out: &mut Vec<u8>, words: &[&str], body: &[u8]) {
    out.extend_from_slice(b"->");
    for word in words {
        out.push(b' ');
        out.extend_from_slice(word.as_bytes());
    }
    out.push(b'\n');
    let text = Zeroizing::new(Base64Unpadded::encode_string(body));
    for line in text.as_bytes().chunks(COLUMNS) {
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    if text.len().is_multiple_of(COLUMNS) {
        out.push(b'\n');
    }
}

/// Takes one off the front; `None` while it is not all there.
pub(super) fn read(buffer: &mut Vec<u8>) -> Result<Option<Stanza>, Malformed> {
    let mut lines = buffer.split_inclusive(|octet| *octet == b'\n');
    let mut taken = 0;
    let mut line = || -> Result<Option<&str>, Malformed> {
        let Some(line) = lines.next().and_then(|line| line.strip_suffix(b"\n")) else { return Ok(None) };
        taken += line.len() + 1;
        std::str::from_utf8(line).map(Some).map_err(|_| Malformed)
    };
    let Some(first) = line()? else { return Ok(None) };
    let words: Vec<String> =
        first.strip_prefix("-> ").ok_or(Malformed)?.split(' ').map(str::to_owned).collect();
    let is_word = |word: &String| !word.is_empty() && word.bytes().all(|octet| octet.is_ascii_graphic());
    if !words.iter().all(is_word) {
        return Err(Malformed);
    }
    let mut text = String::new();
    loop {
        let Some(part) = line()? else { return Ok(None) };
        text.push_str(part);
        match part.len() {
            COLUMNS => {}
            shorter if shorter < COLUMNS => break,
            _ => return Err(Malformed),
        }
    }
    let body = Base64Unpadded::decode_vec(&text).map_err(|_| Malformed)?;
    buffer.drain(..taken);
    Ok(Some(Stanza { words, body }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_whatever_its_length() {
        for len in [0_u8, 1, 16, 47, 48, 49, 95, 96, 97, 255] {
            let body: Vec<u8> = (0..len).collect();
            let mut bytes = Vec::new();
            write(&mut bytes, &["wrap-file-key", "x"], &body);
            let whole = bytes.clone();
            for cut in 0..whole.len() {
                assert!(read(&mut whole[..cut].to_vec()) == Ok(None), "{len} octets, cut at {cut}");
            }
            bytes.extend_from_slice(b"-> done\n");
            let stanza = read(&mut bytes).ok().flatten().unwrap();
            assert_eq!(stanza.words, ["wrap-file-key", "x"]);
            assert!(stanza.body == body && bytes == b"-> done\n", "{len} octets");
        }
    }

    #[test]
    fn what_is_no_stanza_is_refused() {
        let long = format!("-> x\n{}\n", "A".repeat(65));
        for bytes in
            ["x\n", "->\n\n", "->  x\n\n", "-> x \n\n", "-> \u{e4}\n\n", "-> x\n!\n", "-> x\nAA==\n", &long]
        {
            assert!(read(&mut bytes.as_bytes().to_vec()).is_err(), "{bytes:?}");
        }
    }
}
