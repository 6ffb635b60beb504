//! The one-string form of options: `replace-origin codec=[mask=[all] transcode=[PCMU]] SDES-[no-X,no-Y]`.
//!
//! It is read into the same tree that the dictionary form gives. Whatever is malformed is read as far as it goes:
//! unknown words are ignored anyway.

use crate::wire::{Dict, Value};

/// Most brackets inside one another; what is deeper is passed over.
const MAX_DEPTH: usize = 4;
/// Most words taken from one string.
const MAX_WORDS: usize = 1_000;

/// Reads `text` into a list of words and of dictionaries with one key each, in order.
pub(super) fn parse(text: &str) -> Vec<Value> {
    let mut reader = Reader { rest: text, words: 0 };
    reader.items(0)
}

struct Reader<'a> {
    rest: &'a str,
    words: usize,
}

impl<'a> Reader<'a> {
    /// Items up to the closing bracket, or to the end at depth 0.
    fn items(&mut self, depth: usize) -> Vec<Value> {
        let mut items = Vec::new();
        loop {
            self.rest = self.rest.trim_start_matches(|c: char| separates(c, depth));
            if self.words > MAX_WORDS || self.rest.is_empty() {
                return items;
            }
            if let Some(rest) = self.rest.strip_prefix(']') {
                self.rest = rest;
                if depth > 0 {
                    return items;
                }
                continue;
            }
            let word = self.word(depth);
            let Some(rest) = self.rest.strip_prefix('[') else {
                if !word.is_empty() {
                    items.push(word.into());
                }
                continue;
            };
            self.rest = rest;
            let list = if depth < MAX_DEPTH { self.items(depth + 1) } else { self.skip() };
            // `key=[...]` and `PREFIX-[...]` name what the list belongs to.
            let key = word.trim_end_matches(['=', '-']);
            if key.is_empty() {
                items.extend(list);
            } else {
                items.push(Dict::from([(key.as_bytes().to_vec(), Value::List(list))]).into());
            }
        }
    }

    /// A word up to a separator or bracket.
    fn word(&mut self, depth: usize) -> &'a str {
        self.words += 1;
        let end = self.rest.find(|c: char| separates(c, depth) || c == '[' || c == ']');
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        word
    }

    /// Passes over brackets nested too deep.
    fn skip(&mut self) -> Vec<Value> {
        let mut open = 1_usize;
        let end = self.rest.find(|c: char| {
            match c {
                '[' => open += 1,
                ']' => open -= 1,
                _ => {}
            }
            open == 0
        });
        self.rest = end.and_then(|at| self.rest.get(at + 1..)).unwrap_or_default();
        Vec::new()
    }
}

/// Blanks part words; inside brackets commas do, too.
fn separates(c: char, depth: usize) -> bool {
    c.is_ascii_whitespace() || (depth > 0 && c == ',')
}
