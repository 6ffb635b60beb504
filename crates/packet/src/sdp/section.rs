//! An ordered list of lines and the edits it takes.

use super::{Connection, Direction, Fmtp, Line, RtcpAttribute, RtpMap};

/// The lines of the session part, or those under one `m=` line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Section {
    lines: Vec<Line>,
}

impl Section {
    /// Appends a line.
    pub fn push(&mut self, line: Line) {
        self.lines.push(line);
    }

    /// Keeps the lines that `keep` says to keep.
    pub fn retain(&mut self, keep: impl FnMut(&Line) -> bool) {
        self.lines.retain(keep);
    }

    /// Removes all attributes of this name; the number of lines removed.
    pub fn remove_attribute(&mut self, name: &str) -> usize {
        let before = self.lines.len();
        self.lines.retain(|line| !line.is_attribute(name));
        before - self.lines.len()
    }

    /// Puts `line` where the first line stands for which `at` holds, and removes later ones of the kind; appends
    /// it where there is none. A line equal to the one it replaces changes nothing.
    pub fn replace_or_push(&mut self, line: Line, at: impl Fn(&Line) -> bool) {
        let mut new = Some(line);
        self.lines.retain_mut(|old| {
            if !at(old) {
                return true;
            }
            match new.take() {
                Some(line) => {
                    *old = line;
                    true
                }
                None => false,
            }
        });
        self.lines.extend(new);
    }

    /// Sets an attribute, in the place of the first one of the name or at the end.
    pub fn set_attribute(&mut self, name: &str, value: Option<&str>) {
        self.replace_or_push(Line::attribute(name, value), |line| line.is_attribute(name));
    }

    /// Inserts `lines` before the first line for which `at` holds, or at the end.
    pub fn insert_before(&mut self, lines: impl IntoIterator<Item = Line>, at: impl Fn(&Line) -> bool) {
        let index = self.lines.iter().position(at).unwrap_or(self.lines.len());
        self.lines.splice(index..index, lines);
    }

    /// Sets the `c=` line: in the place of the first one, or after the lines that must stand before it
    /// [RFC8866 5].
    pub fn set_connection(&mut self, line: Line) {
        if self.first(b'c').is_some() {
            self.replace_or_push(line, |old| old.kind() == b'c');
        } else {
            self.insert_before([line], |old| {
                !matches!(old.kind(), b'v' | b'o' | b's' | b'i' | b'u' | b'e' | b'p')
            });
        }
    }

    /// Removes the direction attributes.
    pub fn remove_direction(&mut self) {
        self.lines.retain(|line| Direction::of_line(line).is_none());
    }

    /// Sets the direction attribute, in the place of the first one or at the end.
    pub fn set_direction(&mut self, direction: Direction) {
        let line = Line::attribute(direction.name(), None);
        self.replace_or_push(line, |old| Direction::of_line(old).is_some());
    }

    /// The lines.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The first line of this type letter.
    #[must_use]
    pub fn first(&self, kind: u8) -> Option<&Line> {
        self.lines.iter().find(|line| line.kind() == kind)
    }

    /// The first `c=` line of network type IN.
    #[must_use]
    pub fn connection(&self) -> Option<Connection<'_>> {
        self.lines.iter().find_map(Connection::parse)
    }

    /// The direction attribute, the last where there are several.
    #[must_use]
    pub fn direction(&self) -> Option<Direction> {
        self.lines.iter().rev().find_map(Direction::of_line)
    }

    /// True where there is an attribute of this name.
    #[must_use]
    pub fn has_attribute(&self, name: &str) -> bool {
        self.lines.iter().any(|line| line.is_attribute(name))
    }

    /// The value of the first attribute of this name, empty where it has none.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.lines.iter().find(|line| line.is_attribute(name)).and_then(Line::attribute_value)
    }

    /// The value of the first attribute of this name byte for byte, empty where it has none.
    #[must_use]
    pub fn attribute_bytes(&self, name: &str) -> Option<&[u8]> {
        self.lines.iter().find(|line| line.is_attribute(name)).and_then(Line::attribute_bytes)
    }

    /// The values of all attributes of this name, in order.
    pub fn attributes(&self, name: &str) -> impl Iterator<Item = &str> {
        self.lines.iter().filter(move |line| line.is_attribute(name)).filter_map(Line::attribute_value)
    }

    /// The `a=rtpmap` lines of the right form.
    pub fn rtpmaps(&self) -> impl Iterator<Item = RtpMap<'_>> {
        self.attributes("rtpmap").filter_map(RtpMap::parse)
    }

    /// The `a=fmtp` lines of the right form.
    pub fn fmtps(&self) -> impl Iterator<Item = Fmtp<'_>> {
        self.attributes("fmtp").filter_map(Fmtp::parse)
    }

    /// The `a=ptime` value in whole milliseconds.
    #[must_use]
    pub fn ptime(&self) -> Option<u32> {
        self.attribute("ptime").and_then(super::attribute::whole_number)
    }

    /// The `a=maxptime` value in whole milliseconds.
    #[must_use]
    pub fn maxptime(&self) -> Option<u32> {
        self.attribute("maxptime").and_then(super::attribute::whole_number)
    }

    /// The `a=rtcp` line [RFC3605 2.1].
    #[must_use]
    pub fn rtcp(&self) -> Option<RtcpAttribute<'_>> {
        self.attribute("rtcp").and_then(RtcpAttribute::parse)
    }
}
