//! Session descriptions as the harness's parties write them, and reading what the server made of them.

use std::fmt::Write as _;

use crate::error::Failure;

/// One `a=crypto` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Crypto {
    /// The tag that the answer echoes.
    pub(crate) tag: u32,
    /// The suite's name as registered for SDP.
    pub(crate) suite: String,
    /// Base64 of master key and salt.
    pub(crate) key: String,
}

/// What a party says about its one audio stream.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    /// Port for RTP; RTCP is one above.
    pub(crate) port: u16,
    /// `RTP/AVP` or `RTP/SAVP`.
    pub(crate) protocol: &'static str,
    /// Payload types with their names.
    pub(crate) codecs: Vec<(u8, &'static str)>,
    /// `sendrecv`, `sendonly`, `recvonly`, `inactive`.
    pub(crate) direction: &'static str,
    /// Keys offered, in order of preference.
    pub(crate) crypto: Vec<Crypto>,
    /// Version number in the origin line.
    pub(crate) version: u32,
}

/// PCMU under its static payload type.
pub(crate) const PCMU: (u8, &str) = (0, "PCMU/8000");
/// PCMA under its static payload type.
pub(crate) const PCMA: (u8, &str) = (8, "PCMA/8000");

impl Offer {
    /// Plain RTP on this port with these codecs.
    pub(crate) fn plain(port: u16, codecs: &[(u8, &'static str)]) -> Self {
        Self {
            port,
            protocol: "RTP/AVP",
            codecs: codecs.to_vec(),
            direction: "sendrecv",
            crypto: Vec::new(),
            version: 1,
        }
    }

    /// The same stream over SRTP with this key.
    pub(crate) fn secured(mut self, crypto: Crypto) -> Self {
        self.protocol = "RTP/SAVP";
        self.crypto = vec![crypto];
        self
    }

    /// The same stream in another direction and one version later, as in a re-INVITE.
    pub(crate) fn changed(&self, direction: &'static str) -> Self {
        Self { direction, version: self.version + 1, ..self.clone() }
    }

    /// The text of several streams in one description.
    pub(crate) fn text_of(streams: &[Self]) -> String {
        let sections = streams.iter().enumerate().map(|(index, stream)| {
            let text = stream.text();
            let section = text.find("m=").unwrap_or_default();
            text.get(if index == 0 { 0 } else { section }..).unwrap_or_default().to_owned()
        });
        sections.collect()
    }

    /// The text.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        let formats: Vec<String> = self.codecs.iter().map(|(number, _)| number.to_string()).collect();
        let _ = write!(
            out,
            "v=0\r\no=phone 7 {} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {} {} {}\r\n",
            self.version,
            self.port,
            self.protocol,
            formats.join(" ")
        );
        for (number, name) in &self.codecs {
            let _ = write!(out, "a=rtpmap:{number} {name}\r\n");
        }
        for Crypto { tag, suite, key } in &self.crypto {
            let _ = write!(out, "a=crypto:{tag} {suite} inline:{key}\r\n");
        }
        let _ = write!(out, "a=ptime:20\r\na={}\r\n", self.direction);
        out
    }
}

/// A description taken apart into lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Description {
    /// Lines before the first `m=`.
    pub(crate) session: Vec<String>,
    /// One entry per `m=` line.
    pub(crate) sections: Vec<Section>,
}

/// One media section.
#[derive(Clone, Debug, Default)]
pub(crate) struct Section {
    /// `audio`, `video`, `image` …
    pub(crate) media: String,
    /// The port; 0 when the section is refused.
    pub(crate) port: u16,
    /// The protocol word.
    pub(crate) protocol: String,
    /// Payload types or formats.
    pub(crate) formats: Vec<String>,
    /// All further lines.
    pub(crate) lines: Vec<String>,
}

impl Description {
    /// Splits a text into its lines; the harness trusts it no further than that.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let mut out = Self::default();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(media) = line.strip_prefix("m=") {
                out.sections.push(Section::parse(media)?);
            } else if let Some(section) = out.sections.last_mut() {
                section.lines.push(line.to_owned());
            } else {
                out.session.push(line.to_owned());
            }
        }
        Ok(out)
    }

    /// The only media section, or the first of several.
    pub(crate) fn first(&self) -> Result<&Section, Failure> {
        self.sections.first().ok_or_else(|| Failure::Wrong("the description has no m= line".to_owned()))
    }
}

impl Section {
    fn parse(media: &str) -> Result<Self, Failure> {
        let mut words = media.split_whitespace();
        let mut next = || words.next().map(str::to_owned);
        let (Some(media), Some(port), Some(protocol)) = (next(), next(), next()) else {
            return Err(Failure::Wrong(format!("short m= line: {media}")));
        };
        let port = port.parse().map_err(|_| Failure::Wrong(format!("port is no number: {port}")))?;
        Ok(Self { media, port, protocol, formats: words.map(str::to_owned).collect(), lines: Vec::new() })
    }

    /// Values of an attribute, an empty text for one without a value.
    pub(crate) fn attributes<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s str> {
        self.lines.iter().filter_map(move |line| {
            let rest = line.strip_prefix("a=")?.strip_prefix(name)?;
            if rest.is_empty() { Some("") } else { rest.strip_prefix(':') }
        })
    }

    /// True when the attribute is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.attributes(name).next().is_some()
    }

    /// The keys offered or accepted.
    pub(crate) fn crypto(&self) -> Vec<Crypto> {
        self.attributes("crypto")
            .filter_map(|value| {
                let mut words = value.split_whitespace();
                let tag = words.next()?.parse().ok()?;
                let suite = words.next()?.to_owned();
                let key = words.next()?.strip_prefix("inline:")?.split('|').next()?.to_owned();
                Some(Crypto { tag, suite, key })
            })
            .collect()
    }

    /// The direction, `sendrecv` when none is written.
    pub(crate) fn direction(&self) -> &str {
        ["sendrecv", "sendonly", "recvonly", "inactive"]
            .into_iter()
            .find(|name| self.has(name))
            .unwrap_or("sendrecv")
    }
}
