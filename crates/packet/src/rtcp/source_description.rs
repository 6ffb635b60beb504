//! Source descriptions [RFC3550 6.5]: chunks of items, one chunk for each source. Values are the peer's
//! bytes; the specification asks for UTF-8 and nothing here relies on it.

use crate::cursor::Cursor;
use crate::error::{Malformed, WriteError};
use crate::rtp::Ssrc;

use super::kind;
use super::writer::{CompoundWriter, text_len};

/// The names of some sources.
#[derive(Debug, Clone, Copy)]
pub struct SourceDescription<'a> {
    count: u8,
    chunks: Cursor<'a>,
}

impl<'a> SourceDescription<'a> {
    pub(super) fn read(count: u8, body: Cursor<'a>) -> Result<Self, Malformed> {
        let mut cur = body;
        for chunk in 0..count {
            Chunk::read(chunk, &mut cur)?;
        }
        Ok(Self { count, chunks: body })
    }

    /// The chunks in the order sent; there may be none.
    #[must_use]
    pub const fn chunks(&self) -> Chunks<'a> {
        Chunks { left: self.count, cur: self.chunks }
    }

    /// The canonical name of `ssrc`, where this packet has one.
    #[must_use]
    pub fn cname(&self, ssrc: Ssrc) -> Option<&'a [u8]> {
        let mut items = self.chunks().filter(|chunk| chunk.ssrc == ssrc).flat_map(|chunk| chunk.items());
        items.find(|item| item.kind == Item::CNAME).map(|item| item.value)
    }
}

/// The chunks of a source description.
#[derive(Debug, Clone)]
pub struct Chunks<'a> {
    left: u8,
    cur: Cursor<'a>,
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Chunk<'a>;

    fn next(&mut self) -> Option<Chunk<'a>> {
        self.left = self.left.checked_sub(1)?;
        Chunk::read(self.left, &mut self.cur).ok()
    }
}

/// What is said of one source.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    /// The source.
    pub ssrc: Ssrc,
    items: Cursor<'a>,
}

impl<'a> Chunk<'a> {
    /// Reads one chunk up to the word boundary after its end mark; `index` is only for the error.
    fn read(index: u8, cur: &mut Cursor<'a>) -> Result<Self, Malformed> {
        let ssrc = Ssrc(cur.u32()?);
        let list = Cursor::new(cur.rest());
        let mut end = list;
        while Item::read(&mut end)?.is_some() {}
        if end.is_empty() {
            return Err(Malformed::SdesUnterminated(index));
        }
        // [RFC3550 6.5] The end mark is one to four zero bytes, so that the next chunk is aligned.
        let items_len = list.remaining() - end.remaining();
        cur.take((items_len + 1).next_multiple_of(4))?;
        Ok(Self { ssrc, items: list })
    }

    /// The items in the order sent.
    #[must_use]
    pub const fn items(&self) -> Items<'a> {
        Items { cur: self.items }
    }
}

/// The items of a chunk.
#[derive(Debug, Clone)]
pub struct Items<'a> {
    cur: Cursor<'a>,
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        Item::read(&mut self.cur).ok().flatten()
    }
}

/// One statement about a source.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Item<'a> {
    /// What is stated, for instance [`Item::CNAME`].
    pub kind: u8,
    /// The statement, at most 255 bytes.
    pub value: &'a [u8],
}

impl<'a> Item<'a> {
    /// Canonical name, the one item that every source has to send [RFC3550 6.5.1].
    pub const CNAME: u8 = 1;
    /// Name of the user [RFC3550 6.5.2].
    pub const NAME: u8 = 2;
    /// Name of the sending program [RFC3550 6.5.6].
    pub const TOOL: u8 = 6;

    /// The next item; `None`, with `cur` left at it, at the end mark or at the end of the bytes.
    fn read(cur: &mut Cursor<'a>) -> Result<Option<Self>, Malformed> {
        if matches!(cur.rest(), [] | [0, ..]) {
            return Ok(None);
        }
        let [kind, len] = cur.array()?;
        let (declared, available) = (usize::from(len), cur.remaining());
        let value = cur.take(declared).map_err(|_| Malformed::SdesItem { declared, available })?;
        Ok(Some(Self { kind, value }))
    }
}

impl std::fmt::Debug for Item<'_> {
    /// Shows the kind and the length only: names and addresses of people never reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Item").field("kind", &self.kind).field("len", &self.value.len()).finish()
    }
}

impl CompoundWriter<'_> {
    /// Appends a source description that holds the canonical name of `ssrc`; every compound needs one
    /// [RFC3550 6.1].
    ///
    /// # Errors
    /// [`WriteError`] where nothing precedes it, the name exceeds 255 bytes, or the buffer is full. Nothing
    /// is then written.
    pub fn cname(&mut self, ssrc: Ssrc, name: &str) -> Result<(), WriteError> {
        let len = text_len(name)?;
        // SSRC, item header, name, at least one zero byte.
        let body = (4 + 2 + usize::from(len) + 1).next_multiple_of(4);
        let mut sink = self.begin(kind::SOURCE_DESCRIPTION, 1, body)?;
        sink.u32(ssrc.0)?;
        sink.put(&[Item::CNAME, len])?;
        sink.put(name.as_bytes())?;
        sink.zero_rest();
        Ok(())
    }
}
