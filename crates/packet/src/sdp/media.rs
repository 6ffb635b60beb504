//! A media section: its `m=` line, read, and the lines under it.

use super::{Line, Section};

/// The words of an `m=` line [RFC8866 5.14].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaLine {
    /// `audio`, `video`, `image`, `application`, ...
    pub media: String,
    /// Transport port; 0 where the section is refused or not offered.
    pub port: u16,
    /// Count of consecutive ports after `/`.
    pub ports: Option<u16>,
    /// Transport protocol, such as `RTP/AVP`.
    pub proto: String,
    /// Formats: payload types of RTP, words of others.
    pub formats: Vec<String>,
}

impl MediaLine {
    /// Reads an `m=` line; `None` where a word lacks or the port is no number up to 65,535.
    #[must_use]
    pub fn parse(line: &Line) -> Option<Self> {
        if line.kind() != b'm' {
            return None;
        }
        let mut words = line.text().split_ascii_whitespace();
        let media = words.next()?.to_owned();
        let (port, ports) = match words.next()?.split_once('/') {
            Some((port, ports)) => (port.parse().ok()?, Some(ports.parse().ok()?)),
            None => (line.text().split_ascii_whitespace().nth(1)?.parse().ok()?, None),
        };
        let proto = words.next()?.to_owned();
        let formats: Vec<String> = words.map(str::to_owned).collect();
        // A refused section without formats is common enough to be let through [RFC3264 6].
        (port == 0 || !formats.is_empty()).then_some(Self { media, port, ports, proto, formats })
    }

    /// The line with these values.
    #[must_use]
    pub fn line(&self) -> Line {
        let mut text = format!("{} {}", self.media, self.port);
        if let Some(ports) = self.ports {
            text.push_str(&format!("/{ports}"));
        }
        for word in std::iter::once(&self.proto).chain(&self.formats) {
            text.push(' ');
            text.push_str(word);
        }
        Line::new('m', text)
    }
}

/// A media section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaSection {
    media: MediaLine,
    raw: Line,
    /// The lines under the `m=` line.
    pub body: Section,
}

impl MediaSection {
    /// A section without lines; `None` where `line` is no `m=` line.
    #[must_use]
    pub fn parse(line: Line) -> Option<Self> {
        Some(Self { media: MediaLine::parse(&line)?, raw: line, body: Section::default() })
    }

    /// The words of the `m=` line.
    #[must_use]
    pub fn media(&self) -> &MediaLine {
        &self.media
    }

    /// Changes the `m=` line. Its bytes stay as they were where nothing changed.
    pub fn set_media(&mut self, media: MediaLine) {
        if media != self.media {
            self.raw = media.line();
            self.media = media;
        }
    }

    /// True where the port is 0: refused, or taken back [RFC3264 6].
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.media.port == 0
    }

    /// The payload types among the formats, in the order of preference; others are passed over.
    pub fn payload_types(&self) -> impl Iterator<Item = u8> {
        self.media.formats.iter().filter_map(|f| f.parse().ok()).filter(|pt| *pt < 128)
    }

    /// The `m=` line and those under it.
    pub(super) fn lines(&self) -> impl Iterator<Item = &Line> {
        std::iter::once(&self.raw).chain(self.body.lines())
    }
}
