//! The codec options of a message.

mod spec;

use super::directive::Directive;

pub(crate) use spec::CodecSpec;

/// Most codecs taken in one list.
const MAX_CODECS: usize = 64;

/// What to do with the codecs of an SDP. Names are as written; a name may have clock rate, channels, bit rate, packet
/// time, parameters and options behind it: `opus/48000/2/32000/20/useinbandfec=1/compression_level=3`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CodecOptions {
    /// Removed as if they had never been there; `all` and `full` stand for every one.
    pub strip: Vec<String>,
    /// Removed from what was received, as `strip` does.
    pub ignore: Vec<String>,
    /// Kept in spite of `strip=all` and `mask=all`.
    pub except: Vec<String>,
    /// Like `except`, and in this order of preference.
    pub offer: Vec<String>,
    /// Added where they are not there, converted where need be.
    pub transcode: Vec<String>,
    /// Removed from what is offered, but still accepted from who offers, and converted.
    pub mask: Vec<String>,
    /// Like `mask`, and converted even where the other side takes another codec of who offers.
    pub consume: Vec<String>,
    /// Accepted from who offers even where the other side refuses them, and converted.
    pub accept: Vec<String>,
    /// Options of codecs that are accepted for conversion.
    pub set: Vec<String>,
}

impl CodecOptions {
    /// True where nothing was asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes a `codec-...` option; false where it is none.
    pub(super) fn apply(&mut self, directive: &Directive) -> bool {
        if matches!(directive.name.as_str(), "always-transcode") {
            push(&mut self.accept, "all");
            return true;
        }
        // From before there were others, this one has a word of its own.
        if let Some(codec) = directive.item("transcode") {
            push(&mut self.transcode, codec);
            return true;
        }
        let Some(tail) = directive.item("codec") else { return false };
        let (verb, codec) = match tail.split_once('-') {
            Some((verb, codec)) => (verb, Some(codec)),
            None => (tail, None),
        };
        let list = match verb.to_ascii_lowercase().as_str() {
            "strip" => &mut self.strip,
            "ignore" => &mut self.ignore,
            "except" => &mut self.except,
            "offer" => &mut self.offer,
            "transcode" => &mut self.transcode,
            "mask" => &mut self.mask,
            "consume" => &mut self.consume,
            "accept" => &mut self.accept,
            "set" => &mut self.set,
            _ => return false,
        };
        for codec in codec.into_iter().chain(directive.values.iter().map(String::as_str)) {
            push(list, codec);
        }
        true
    }
}

fn push(list: &mut Vec<String>, codec: &str) {
    if list.len() < MAX_CODECS && !codec.is_empty() && !list.iter().any(|known| known == codec) {
        list.push(codec.to_owned());
    }
}
