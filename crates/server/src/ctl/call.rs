//! What the server says of a call.

use std::time::Duration;

use mediapoint_control_ng::wire::{Dict, Value};

/// A call as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) age: Duration,
    pub(super) parties: Vec<Party>,
}

/// A party of a call.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Party {
    pub(super) tag: String,
    pub(super) label: String,
    pub(super) medias: Vec<Media>,
}

/// A media section of a party, seen from the server: received is what came from the party.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Media {
    pub(super) kind: String,
    pub(super) protocol: String,
    /// What it sent last; empty where nothing came.
    pub(super) codec: String,
    /// Crypto suite; empty where there is none.
    pub(super) suite: String,
    /// Ours.
    pub(super) local: String,
    /// The party's.
    pub(super) remote: String,
    pub(super) transcoded: bool,
    pub(super) received: u64,
    pub(super) sent: u64,
    pub(super) lost: u64,
    pub(super) dropped: u64,
    pub(super) jitter: Duration,
    /// Tenths of a point.
    pub(super) mos: Option<u64>,
}

/// A dictionary of a reply. What is not there is empty or 0.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a>(pub(crate) Option<&'a Dict>);

impl<'a> Part<'a> {
    fn value(self, key: &str) -> Option<&'a Value> {
        self.0?.get(key.as_bytes())
    }

    pub(crate) fn part(self, key: &str) -> Self {
        Self(match self.value(key) {
            Some(Value::Dict(dict)) => Some(dict),
            _ => None,
        })
    }

    pub(crate) fn list(self, key: &str) -> Vec<Self> {
        let Some(Value::List(items)) = self.value(key) else { return Vec::new() };
        let dict = |item: &'a Value| match item {
            Value::Dict(dict) => Self(Some(dict)),
            _ => Self(None),
        };
        items.iter().map(dict).collect()
    }

    pub(super) fn words(self, key: &str) -> Vec<String> {
        let Some(Value::List(items)) = self.value(key) else { return Vec::new() };
        items.iter().filter_map(Value::to_text).collect()
    }

    pub(crate) fn text(self, key: &str) -> String {
        self.value(key).and_then(Value::to_text).unwrap_or_default()
    }

    pub(crate) fn number(self, key: &str) -> Option<u64> {
        self.value(key).and_then(Value::to_int).and_then(|number| u64::try_from(number).ok())
    }

    pub(crate) fn count(self, key: &str) -> u64 {
        self.number(key).unwrap_or_default()
    }
}

impl Call {
    /// Reads the reply to `query`; `now` is seconds since 1970.
    pub(super) fn read(id: String, reply: &Dict, now: u64) -> Self {
        let reply = Part(Some(reply));
        let tags = reply.part("tags");
        let parties = tags.0.into_iter().flat_map(Dict::values).filter_map(|party| match party {
            Value::Dict(party) => Some(Party::read(Part(Some(party)))),
            _ => None,
        });
        let age = Duration::from_secs(now.saturating_sub(reply.count("created")));
        Self { id, age, parties: parties.collect() }
    }

    /// Its media sections of all parties.
    pub(super) fn medias(&self) -> impl Iterator<Item = &Media> {
        self.parties.iter().flat_map(|party| &party.medias)
    }

    /// The codecs that its parties send, each once.
    pub(super) fn codecs(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for media in self.medias() {
            let name = media.codec.split('/').next().unwrap_or_default();
            if !name.is_empty() && !names.contains(&name) {
                names.push(name);
            }
        }
        if names.is_empty() { "-".to_owned() } else { names.join(" ") }
    }

    /// Packets received from all parties.
    pub(super) fn packets(&self) -> u64 {
        self.medias().map(|media| media.received).sum()
    }

    /// Packets lost on their way from the parties, in thousandths of those sent.
    pub(super) fn loss(&self) -> u64 {
        let lost: u64 = self.medias().map(|media| media.lost).sum();
        lost.saturating_mul(1000).checked_div(lost + self.packets()).unwrap_or_default()
    }

    /// The lowest score of its streams, in tenths of a point.
    pub(super) fn mos(&self) -> Option<u64> {
        self.medias().filter_map(|media| media.mos).min()
    }
}

impl Party {
    fn read(party: Part<'_>) -> Self {
        let medias = party.list("medias").into_iter().map(Media::read).collect();
        Self { tag: party.text("tag"), label: party.text("label"), medias }
    }
}

impl Media {
    fn read(media: Part<'_>) -> Self {
        let streams = media.list("streams");
        let stream = streams.first().copied().unwrap_or(Part(None));
        let quality = stream.part("quality");
        Self {
            kind: media.text("type"),
            protocol: media.text("protocol"),
            codec: media.text("codec"),
            suite: stream.text("crypto suite"),
            local: address(&stream.text("local address"), &stream.text("local port")),
            remote: address(&stream.part("endpoint").text("address"), &stream.part("endpoint").text("port")),
            transcoded: media.words("flags").iter().any(|flag| flag == "transcoding"),
            received: stream.part("stats").count("packets"),
            sent: stream.part("stats_out").count("packets"),
            lost: quality.count("lost"),
            dropped: stream.part("stats").count("errors"),
            jitter: Duration::from_micros(quality.count("jitter us")),
            mos: quality.number("MOS"),
        }
    }
}

fn address(host: &str, port: &str) -> String {
    match host {
        "" => "-".to_owned(),
        host if host.contains(':') => format!("[{host}]:{port}"),
        host => format!("{host}:{port}"),
    }
}

/// Tenths of a point with a decimal; a dash where there is none.
pub(super) fn score(mos: Option<u64>) -> String {
    mos.map_or_else(|| "-".to_owned(), |mos| format!("{}.{}", mos / 10, mos % 10))
}

/// Hours, minutes and seconds.
pub(super) fn clock(age: Duration) -> String {
    let seconds = age.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}
