//! The options of a request, in types.

use std::net::IpAddr;
use std::time::Duration;

use mediapoint_packet::sdp::AddressFamily;

use super::directive::Directive;
use super::{
    CodecOptions, DigitOptions, Manipulation, Osrtp, Profile, SdesOptions, TransportProtocol, not_done,
};
use crate::NgError;

/// Most unknown words remembered.
const MAX_UNKNOWN: usize = 64;

/// What to do with ICE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ice {
    /// Remove it.
    Remove,
    /// Keep to what the message has. There is no ICE here yet, so this removes, too.
    Default,
}

/// How the `a=rtcp` line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RtcpLine {
    /// With the port.
    #[default]
    Port,
    /// With port and address.
    Full,
    /// Not at all.
    None,
}

/// What to replace in the session part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Replace {
    /// The address of the `o=` line.
    pub origin: bool,
    /// The session's `c=` line.
    pub session_connection: bool,
    /// The session version, raised whenever the description changes.
    pub sdp_version: bool,
    /// The user name of the `o=` line, kept the same throughout the dialog.
    pub username: bool,
    /// The `s=` line, kept the same throughout the dialog.
    pub session_name: bool,
    /// Zero addresses.
    pub zero_address: bool,
    /// The session version, raised in every description.
    pub force_increment: bool,
}

/// What to do with rtcp-mux [RFC5761 5].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RtcpMux {
    /// Offer it in any case.
    pub offer: bool,
    /// Offer it and take it as accepted.
    pub require: bool,
    /// Accept it, but do not offer it on.
    pub demux: bool,
    /// Accept it and offer it on.
    pub accept: bool,
    /// Reject it.
    pub reject: bool,
}

/// How the source address of media is learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Learning {
    /// The address in the SDP counts, whatever packets come from.
    pub asymmetric: bool,
    /// Packets from other addresses than the learned one are dropped.
    pub strict_source: bool,
    /// Packets from another address move the stream there.
    pub media_handover: bool,
}

/// Where a party's media goes instead of to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Echo {
    /// Back to the party.
    Back,
    /// Nowhere.
    Nowhere,
}

/// Echo for both sides of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaEcho {
    /// For its sender.
    pub sender: Echo,
    /// For its receiver.
    pub receiver: Echo,
}

impl MediaEcho {
    fn parse(word: &str) -> Option<Self> {
        let (sender, receiver) = match word.to_ascii_lowercase().as_str() {
            "blackhole" | "sinkhole" => (Echo::Nowhere, Echo::Nowhere),
            "forward" | "fwd" | "fw" => (Echo::Nowhere, Echo::Back),
            "backwards" | "backward" | "reverse" | "back" | "bkw" | "bk" => (Echo::Back, Echo::Nowhere),
            "both" => (Echo::Back, Echo::Back),
            _ => return None,
        };
        Some(Self { sender, receiver })
    }
}

/// What tells that a party has another tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AliasKey {
    /// The same description.
    Sdp,
    /// The same address and port in the first section.
    Address,
}

/// All options of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// `Some(false)`: take `received_from` instead of the addresses in the SDP.
    pub trust_address: Option<bool>,
    /// Source address of the SIP message.
    pub received_from: Option<IpAddr>,
    /// Our address in the SDP that goes out, in place of the leg's own.
    pub media_address: Option<IpAddr>,
    /// Family of our addresses in the SDP that goes out.
    pub address_family: Option<AddressFamily>,
    /// Interface names: towards the sender of this message, towards its receiver.
    pub direction: Vec<String>,
    /// What becomes of digits.
    pub digits: DigitOptions,
    /// How sources are learned.
    pub learning: Learning,
    /// Forget what was learned of an endpoint.
    pub reset: bool,
    /// What to replace.
    pub replace: Replace,
    /// rtcp-mux.
    pub rtcp_mux: RtcpMux,
    /// How `a=rtcp` is written.
    pub rtcp_line: RtcpLine,
    /// RTCP of our own instead of passing it on.
    pub generate_rtcp: Option<bool>,
    /// ICE.
    pub ice: Option<Ice>,
    /// RTP profile.
    pub transport: Option<TransportProtocol>,
    /// SDES.
    pub sdes: SdesOptions,
    /// Opportunistic SRTP.
    pub osrtp: Osrtp,
    /// Codecs.
    pub codec: CodecOptions,
    /// Only the first codec of an answer stays.
    pub single_codec: bool,
    /// The codecs in use are preferred to others.
    pub reuse_codecs: bool,
    /// Who answers may send codecs that it did not answer with.
    pub asymmetric_codecs: bool,
    /// Audio is decoded and encoded again even where it could be relayed.
    pub force_transcoding: bool,
    /// Milliseconds of audio a packet towards the receiver of this offer, in its `a=ptime`, too.
    pub ptime: Option<u32>,
    /// Milliseconds of audio a packet towards its sender, in the `a=ptime` of the answer, too.
    pub ptime_reverse: Option<u32>,
    /// Milliseconds of audio a packet towards the receiver of this message, whose `a=ptime` stays.
    pub repacketize: Option<u32>,
    /// An answer may leave out codecs, which are converted then.
    pub allow_transcoding: bool,
    /// Direction attributes pass unchanged.
    pub original_sendrecv: bool,
    /// Add `a=mid` where there is none.
    pub generate_mid: bool,
    /// How a party of an offer is known again under another tag.
    pub alias_key: Option<AliasKey>,
    /// The receiver of an offer is offered the codecs that it has.
    pub static_codecs: bool,
    /// A section that no codec is left of is refused; the list comes back otherwise.
    pub allow_no_codec_media: bool,
    /// Changes in the description that goes out.
    pub manipulation: Manipulation,
    /// Type of service of outgoing packets; negative leaves it as it is.
    pub tos: Option<i64>,
    /// Delay of a delete.
    pub delete_delay: Option<Duration>,
    /// A delete of an unknown call is an error.
    pub fatal: bool,
    /// A delete is answered without figures.
    pub fast: bool,
    /// Media is given back to its sender, or nobody, instead of to the other side.
    pub media_echo: Option<MediaEcho>,
    /// All RTP of the call is dropped, or is not any more.
    pub drop_traffic: Option<bool>,
    /// Most calls in a list.
    pub limit: Option<usize>,
    /// The call is never shed, and admitted where others are refused because workers do not keep up; or is not any more.
    pub priority: Option<bool>,
    /// Nothing is done: the reply says what it would come to.
    pub dry_run: bool,
    /// The controller understands `result: load limit`.
    pub load_limit: bool,
    /// Options of the protocol that were asked for and not carried out, for the reply's `warning`.
    pub not_done: Vec<&'static str>,
    /// Known options with a value that cannot be used, which are ignored, for the reply's `warning`.
    pub bad_values: Vec<String>,
    /// Words that are not known.
    pub unknown: Vec<String>,
}

impl Options {
    /// True where packets are to have another length than they come with.
    pub(crate) fn repacketizes(&self) -> bool {
        self.ptime.or(self.ptime_reverse).or(self.repacketize).is_some()
    }

    /// Takes one option.
    pub(super) fn apply(&mut self, directive: &Directive) -> Result<(), NgError> {
        let done = self.codec.apply(directive)
            || self.sdes.apply(directive)
            || self.osrtp.apply(directive)
            || self.manipulation.apply(directive)
            || self.apply_word(directive)
            || self.apply_list(directive)
            || self.apply_media(directive)
            || self.apply_address(directive)
            || self.apply_protocol(directive)?
            || self.apply_number(directive)
            || self.note_not_done(directive);
        if !done && self.unknown.len() < MAX_UNKNOWN {
            self.unknown.push(directive.name.chars().take(128).collect());
        }
        Ok(())
    }

    fn apply_word(&mut self, directive: &Directive) -> bool {
        match directive.name.as_str() {
            "trust-address" => self.trust_address = Some(true),
            "sip-source-address" => self.trust_address = Some(false),
            "symmetric" => self.learning.asymmetric = false,
            "asymmetric" => self.learning.asymmetric = true,
            "strict-source" => self.learning.strict_source = true,
            "media-handover" => self.learning.media_handover = true,
            "endpoint-learning-off" => self.learning.asymmetric = true,
            "endpoint-learning" => self.learning.asymmetric |= directive.value() == "off",
            "reset" => self.reset = true,
            "no-rtcp-attribute" => self.rtcp_line = RtcpLine::None,
            "full-rtcp-attribute" => self.rtcp_line = RtcpLine::Full,
            "single-codec" => self.single_codec = true,
            "reuse-codecs" | "no-codec-renegotiation" => self.reuse_codecs = true,
            "allow-transcoding" => self.allow_transcoding = true,
            // The answer's order is kept without being asked.
            "reorder-codecs" | "symmetric-codecs" => {}
            // A party can be sent digits always.
            "inject-dtmf" => {}
            "asymmetric-codecs" | "allow-asymmetric-codecs" => self.asymmetric_codecs = true,
            // Several sources are mixed always.
            "audio-player" => {}
            "force-transcoding" => self.force_transcoding = true,
            "original-sendrecv" => self.original_sendrecv = true,
            "generate-mid" => self.generate_mid = true,
            "fatal" => self.fatal = true,
            "fast" => self.fast = true,
            "generate-rtcp" => self.generate_rtcp = Some(!matches!(directive.value(), "off" | "no")),
            "load-limit" => self.load_limit = true,
            "dry-run" => self.dry_run = !matches!(directive.value(), "off" | "no" | "0"),
            "priority" => self.priority = Some(!matches!(directive.value(), "off" | "no" | "0")),
            "static-codecs" | "static-codec" => self.static_codecs = true,
            name if is_no_codec_media(name) => self.allow_no_codec_media = true,
            "alias-key" => self.alias_key = self.alias_key_of(directive),
            "supports" => {
                self.load_limit |= directive.values.iter().any(|v| v.replace(' ', "-") == "load-limit")
            }
            _ => return false,
        }
        true
    }

    fn alias_key_of(&mut self, directive: &Directive) -> Option<AliasKey> {
        match directive.value().to_ascii_lowercase().as_str() {
            "off" | "" => None,
            "sdp" => Some(AliasKey::Sdp),
            "address" | "endpoint" => Some(AliasKey::Address),
            _ => self.usable(directive, None),
        }
    }

    fn apply_list(&mut self, directive: &Directive) -> bool {
        match directive.name.as_str() {
            "replace-origin" => self.replace.origin = true,
            "replace-session-connection" => self.replace.session_connection = true,
            "replace-sdp-version" => self.replace.sdp_version = true,
            "replace-username" => self.replace.username = true,
            "replace-session-name" => self.replace.session_name = true,
            "replace-zero-address" => self.replace.zero_address = true,
            "replace-force-increment-sdp-ver" => self.replace.force_increment = true,
            "rtcp-mux-offer" => self.rtcp_mux.offer = true,
            "rtcp-mux-require" => self.rtcp_mux.require = true,
            "rtcp-mux-demux" => self.rtcp_mux.demux = true,
            "rtcp-mux-accept" => self.rtcp_mux.accept = true,
            "rtcp-mux-reject" => self.rtcp_mux.reject = true,
            "direction" | "interface" | "from-interface" | "to-interface" => {
                directive.values.iter().for_each(|name| self.push_direction(name))
            }
            "internal" | "external" => self.push_direction(&directive.name),
            _ => return false,
        }
        true
    }

    fn apply_media(&mut self, directive: &Directive) -> bool {
        match directive.name.as_str() {
            "media-echo" => self.media_echo = self.usable(directive, MediaEcho::parse(directive.value())),
            "drop-traffic" => match directive.value() {
                "stop" => self.drop_traffic = Some(false),
                // Where both are said, the end counts.
                "start" => self.drop_traffic = self.drop_traffic.or(Some(true)),
                _ => drop(self.usable(directive, None::<()>)),
            },
            _ => return false,
        }
        true
    }

    fn apply_address(&mut self, directive: &Directive) -> bool {
        match directive.name.as_str() {
            "media-address" => self.media_address = self.usable(directive, address(directive.value())),
            // A list of family and address, or the address alone.
            "received-from" => {
                let text = directive.values.last().map(String::as_str).unwrap_or_default();
                self.received_from = self.usable(directive, address(text));
            }
            "address-family" => {
                self.address_family = self.usable(directive, AddressFamily::parse(directive.value()));
            }
            _ => return false,
        }
        true
    }

    /// Notes a value that cannot be used.
    fn usable<T>(&mut self, directive: &Directive, value: Option<T>) -> Option<T> {
        if value.is_none() && self.bad_values.len() < MAX_UNKNOWN {
            self.bad_values.push(format!("unusable value for {} was ignored", directive.name));
        }
        value
    }

    fn apply_protocol(&mut self, directive: &Directive) -> Result<bool, NgError> {
        match directive.name.as_str() {
            "ice" => self.ice_words(directive)?,
            "reject-ice" => self.ice = Some(Ice::Remove),
            // Short for DTLS and forced ICE, among others.
            "webrtc" => return Err(NgError::Unsupported { what: "WebRTC".to_owned() }),
            "transport-protocol" => return self.transport_word(directive, directive.value()),
            // An offer of RTP/AVP with keys is taken as plain RTP.
            "osrtp-accept" | "osrtp-accept-rfc" => {}
            // Without DTLS here, `passive` and `active` have nothing to bear on.
            "dtls" | "dtls-reverse" | "dtls-fingerprint" | "dtls-off" | "dtls-no" | "dtls-passive" => {}
            "rtp" | "srtp" | "avp" | "avpf" => return self.transport_word(directive, &directive.name),
            name if name.starts_with("rtp/") || name.starts_with("udp/tls/") => {
                return self.transport_word(directive, &directive.raw);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn ice_words(&mut self, directive: &Directive) -> Result<(), NgError> {
        for value in &directive.values {
            match value.to_ascii_lowercase().replace(['_', ' '], "-").as_str() {
                "remove" => self.ice = Some(Ice::Remove),
                "default" | "optional" => self.ice = Some(Ice::Default),
                "force" | "force-relay" => return Err(NgError::Unsupported { what: format!("ICE={value}") }),
                // What kind of ICE it is has nothing to bear on where there is none.
                "trickle" | "ice2" | "lite-forward" | "lite-backward" | "lite-both" | "lite-off" => {}
                _ => drop(self.usable(directive, None::<()>)),
            }
        }
        Ok(())
    }

    fn transport_word(&mut self, directive: &Directive, word: &str) -> Result<bool, NgError> {
        let (secure, feedback) = match self.transport {
            Some(TransportProtocol::Parts { secure, feedback }) => (secure, feedback),
            _ => (None, None),
        };
        let lower = word.to_ascii_lowercase();
        self.transport = Some(match lower.as_str() {
            "accept" => TransportProtocol::Accept,
            "rtp" => TransportProtocol::Parts { secure: Some(false), feedback: feedback.or(Some(false)) },
            "srtp" => TransportProtocol::Parts { secure: Some(true), feedback },
            "avp" => TransportProtocol::Parts { secure, feedback: Some(false) },
            "avpf" => TransportProtocol::Parts { secure, feedback: Some(true) },
            _ => match Profile::parse(word) {
                Some(profile) => TransportProtocol::Profile(profile),
                None if lower.starts_with("udp/tls/") => {
                    return Err(NgError::Unsupported { what: format!("transport protocol {word}") });
                }
                None => return Ok(self.usable(directive, None::<()>).is_none()),
            },
        });
        Ok(true)
    }

    fn apply_number(&mut self, directive: &Directive) -> bool {
        let number = directive.value().trim().parse::<i64>().ok();
        // Zero and less mean that nothing is asked for.
        let positive = |n: i64| u32::try_from(n).ok().filter(|n| *n > 0);
        match directive.name.as_str() {
            "tos" => self.tos = self.usable(directive, number),
            "ptime" => self.ptime = self.usable(directive, number).and_then(positive),
            "ptime-reverse" => self.ptime_reverse = self.usable(directive, number).and_then(positive),
            "repacketize" => self.repacketize = self.usable(directive, number).and_then(positive),
            "delete-delay" => {
                let seconds = number.and_then(|n| u64::try_from(n).ok());
                self.delete_delay = self.usable(directive, seconds).map(Duration::from_secs);
            }
            "limit" => {
                let limit = number.and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
                self.limit = self.usable(directive, limit);
            }
            _ => return false,
        }
        true
    }

    /// Options that change the media and are not there yet: a controller should be warned.
    fn note_not_done(&mut self, directive: &Directive) -> bool {
        let Some(what) = not_done::name(directive) else { return false };
        if !self.not_done.contains(&what) {
            self.not_done.push(what);
        }
        true
    }

    fn push_direction(&mut self, name: &str) {
        if self.direction.len() < 2 {
            self.direction.push(name.to_owned());
        }
    }
}

fn is_no_codec_media(name: &str) -> bool {
    let kind = name.strip_prefix("allow-").unwrap_or_default();
    matches!(kind.trim_end_matches('s'), "no-codec-media" | "empty-codec-media")
}

fn address(text: &str) -> Option<IpAddr> {
    text.trim().trim_start_matches('[').trim_end_matches(']').parse().ok()
}
