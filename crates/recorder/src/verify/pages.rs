//! The pages of a container against the digests of their records: which one is where.

use std::io::Read;

use super::Reason;
use crate::chain::{Digest, RecordKind, Salt};
use crate::journal::MAX_RECORD;
use crate::metadata::PieceOf;

/// Digests that may be computed to find where a page belongs; behind that it counts as altered.
const SEARCHES: usize = 200_000;

/// The pages in the order in which they have to stand.
pub(super) struct Pages<'p> {
    salt: &'p Salt,
    digests: &'p [Digest],
    pages: Vec<(u32, RecordKind, PieceOf)>,
    seen: Vec<bool>,
    searches: usize,
}

impl<'p> Pages<'p> {
    pub(super) fn new(salt: &'p Salt, digests: &'p [Digest], pages: Vec<(u32, RecordKind, PieceOf)>) -> Self {
        let seen = vec![false; pages.len()];
        Self { salt, digests, pages, seen, searches: SEARCHES }
    }

    /// Reads the container, says what is wrong with which record and sample, and gives the number of pages that were found.
    pub(super) fn check(mut self, input: impl Read, find: &mut dyn FnMut(u32, u64, Reason)) -> usize {
        let mut window = Window { input, bytes: Vec::new(), at: 0, ended: None };
        let mut next = 0;
        loop {
            window.fill();
            let rest = window.rest();
            let more = self.pages.get(next).is_some_and(|(_, _, piece)| piece.octets == 0);
            if rest.is_empty() && !more {
                break;
            }
            if self.is_page(next, rest) {
                window.skip(self.found(next));
                next += 1;
            } else if let Some(page) = self.search(next, rest) {
                let twice = self.seen.get(page) == Some(&true);
                if page < next {
                    self.report(page, if twice { Reason::Doubled } else { Reason::Moved }, find);
                }
                window.skip(self.found(page));
                next = next.max(page + 1);
            } else if let Some((_, _, piece)) = self.pages.get(next) {
                let len = piece.octets as usize;
                if rest.len() < len {
                    break;
                }
                self.report(next, Reason::Altered, find);
                window.skip(self.found(next));
                next += 1;
            } else {
                self.report(self.pages.len().saturating_sub(1), Reason::Longer, find);
                break;
            }
        }
        self.report_missing(window.ended, find);
        self.seen.iter().filter(|seen| **seen).count()
    }

    fn report(&self, page: usize, reason: Reason, find: &mut dyn FnMut(u32, u64, Reason)) {
        if let Some((index, _, piece)) = self.pages.get(page) {
            find(*index, piece.first_sample, reason);
        }
    }

    fn report_missing(&self, failure: Option<String>, find: &mut dyn FnMut(u32, u64, Reason)) {
        let end = self.seen.iter().rposition(|seen| *seen).map_or(0, |last| last + 1);
        for (page, seen) in self.seen.iter().enumerate().take(end) {
            if !seen {
                self.report(page, Reason::Dropped, find);
            }
        }
        if end < self.pages.len() {
            self.report(end, failure.map_or(Reason::CutOff, Reason::Unreadable), find);
        } else if let Some(failure) = failure {
            self.report(end.saturating_sub(1), Reason::Unreadable(failure), find);
        }
    }

    fn is_page(&self, page: usize, bytes: &[u8]) -> bool {
        let Some((index, kind, piece)) = self.pages.get(page) else { return false };
        let Some(octets) = bytes.get(..piece.octets as usize) else { return false };
        self.digests.get(*index as usize) == Some(&piece.digest(self.salt, *index, *kind, octets))
    }

    /// Marks a page as found, and gives its length.
    fn found(&mut self, page: usize) -> usize {
        if let Some(seen) = self.seen.get_mut(page) {
            *seen = true;
        }
        self.pages.get(page).map_or(0, |(_, _, piece)| piece.octets as usize)
    }

    /// The page that stands here in the place of `next`: one of the following, or one from before.
    fn search(&mut self, next: usize, bytes: &[u8]) -> Option<usize> {
        let after = next.saturating_add(1)..self.pages.len();
        let before = (0..next.min(self.pages.len())).rev();
        for page in after.chain(before) {
            self.searches = self.searches.checked_sub(1)?;
            let empty = self.pages.get(page).is_none_or(|(_, _, piece)| piece.octets == 0);
            if !empty && self.is_page(page, bytes) {
                return Some(page);
            }
        }
        None
    }
}

/// A part of the input, at least as long as the longest page until the input ends.
struct Window<R> {
    input: R,
    bytes: Vec<u8>,
    at: usize,
    /// Why there is no more than was read, where that is not its end.
    ended: Option<String>,
}

impl<R: Read> Window<R> {
    fn fill(&mut self) {
        if self.rest().len() >= MAX_RECORD || self.ended.is_some() {
            return;
        }
        self.bytes.drain(..self.at);
        self.at = 0;
        let room = (2 * MAX_RECORD).saturating_sub(self.bytes.len());
        if let Err(error) = (&mut self.input).take(room as u64).read_to_end(&mut self.bytes) {
            self.ended = Some(error.to_string());
        }
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self, len: usize) {
        self.at = self.at.saturating_add(len).min(self.bytes.len());
    }
}
