//! The configuration of a leg in a snapshot. Codecs are named as session descriptions name them. Keys are not here, but
//! with the state that they are in: see [`super::transport`].

use std::net::IpAddr;
use std::time::Duration;

use mediapoint_packet::rtp::PayloadType;

use crate::api::codec::{Codec, EncoderSettings, Parameters, PayloadCodec};
use crate::api::leg::{
    Direction, EventPolicy, JitterBuffer, LegConfig, LegKind, MediaPolicy, PacketTime, RemoteAddress,
    RtcpMode, SourceGuard,
};
use crate::api::secure::{DigitTrigger, MAX_DIGIT_DELAY, SecureInput};
use crate::session::snapshot::age::{Malformed, ensure};

/// Codecs of one list at most: more than there are payload types.
const MAX_CODECS: usize = 256;

/// Octets of the name of a codec, and of its parameters, at most.
const MAX_TEXT: usize = 1024;

/// A payload type.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct CodecSnapshot {
    payload_type: u8,
    name: String,
    clock_rate: u32,
    channels: u8,
    fmtp: Option<String>,
}

/// How audio is encoded.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct EncoderSnapshot {
    dtx: bool,
    opus_complexity: Option<u8>,
    opus_bitrate: Option<u32>,
    expected_loss_percent: u8,
}

/// The configuration of a leg, but for its keys.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct ConfigSnapshot {
    kind: LegKind,
    codecs: Vec<CodecSnapshot>,
    received_codecs: Vec<CodecSnapshot>,
    packet_time: PacketTime,
    force_transcode: bool,
    encoder: EncoderSnapshot,
    jitter_buffer: JitterBuffer,
    remote: Option<RemoteAddress>,
    #[serde(default)]
    signalling_source: Option<IpAddr>,
    rtcp: RtcpMode,
    generate_rtcp: bool,
    direction: Direction,
    source_guard: SourceGuard,
    dscp: u8,
    events: EventPolicy,
    #[serde(default = "yes")]
    events_as_tones: bool,
    #[serde(default)]
    tones_as_events: bool,
    #[serde(default)]
    secure_input: SecureInput,
    #[serde(default)]
    digit_trigger: Option<DigitTrigger>,
    #[serde(default)]
    digit_delay: Duration,
    #[serde(default)]
    media: MediaPolicy,
    #[serde(default)]
    sent_media: MediaPolicy,
    media_timeout: Option<Duration>,
    #[serde(default)]
    max_packet_rate: Option<u32>,
}

/// What a snapshot means that says nothing of a switch that is on by default.
const fn yes() -> bool {
    true
}

impl CodecSnapshot {
    fn save(entry: &PayloadCodec) -> Self {
        Self {
            payload_type: entry.payload_type.get(),
            name: entry.codec.name().to_owned(),
            clock_rate: entry.codec.clock_rate,
            channels: entry.codec.channels,
            fmtp: entry.parameters.to_fmtp(&entry.codec),
        }
    }

    fn restored(&self) -> Result<PayloadCodec, Malformed> {
        let payload_type = PayloadType::new(self.payload_type).ok_or(Malformed("a payload type"))?;
        let fmtp = self.fmtp.as_deref().unwrap_or_default();
        ensure(self.name.len() <= MAX_TEXT && fmtp.len() <= MAX_TEXT, "a codec")?;
        let codec = Codec::new(&self.name, self.clock_rate, self.channels);
        let parameters = Parameters::parse(&codec, fmtp);
        Ok(PayloadCodec::new(payload_type, codec).with_parameters(parameters))
    }
}

impl ConfigSnapshot {
    pub(crate) fn save(config: &LegConfig) -> Self {
        let codecs = |entries: &[PayloadCodec]| entries.iter().map(CodecSnapshot::save).collect();
        let EncoderSettings { dtx, opus_complexity, opus_bitrate, expected_loss_percent } = config.encoder;
        Self {
            kind: config.kind,
            codecs: codecs(&config.codecs),
            received_codecs: codecs(&config.received_codecs),
            packet_time: config.packet_time,
            force_transcode: config.force_transcode,
            encoder: EncoderSnapshot { dtx, opus_complexity, opus_bitrate, expected_loss_percent },
            jitter_buffer: config.jitter_buffer,
            remote: config.remote,
            signalling_source: config.signalling_source,
            rtcp: config.rtcp,
            generate_rtcp: config.generate_rtcp,
            direction: config.direction,
            source_guard: config.source_guard,
            dscp: config.dscp,
            events: config.events,
            tones_as_events: config.tones_as_events,
            secure_input: config.secure_input,
            digit_trigger: config.digit_trigger,
            digit_delay: config.digit_delay,
            events_as_tones: config.events_as_tones,
            media: config.media,
            sent_media: config.sent_media,
            media_timeout: config.media_timeout,
            max_packet_rate: config.max_packet_rate,
        }
    }

    /// The configuration, without keys.
    pub(crate) fn restored(&self) -> Result<LegConfig, Malformed> {
        let codecs = |saved: &[CodecSnapshot]| -> Result<Vec<PayloadCodec>, Malformed> {
            ensure(saved.len() <= MAX_CODECS, "the number of codecs")?;
            saved.iter().map(CodecSnapshot::restored).collect()
        };
        let EncoderSnapshot { dtx, opus_complexity, opus_bitrate, expected_loss_percent } = self.encoder;
        let valid = self.digit_trigger.as_ref().is_none_or(DigitTrigger::is_valid);
        ensure(valid && self.secure_input.is_valid(), "the secure input of a leg")?;
        ensure(self.digit_delay <= MAX_DIGIT_DELAY, "the delay of digits")?;
        Ok(LegConfig {
            kind: self.kind,
            codecs: codecs(&self.codecs)?,
            received_codecs: codecs(&self.received_codecs)?,
            packet_time: self.packet_time,
            force_transcode: self.force_transcode,
            encoder: EncoderSettings { dtx, opus_complexity, opus_bitrate, expected_loss_percent },
            jitter_buffer: self.jitter_buffer,
            remote: self.remote,
            signalling_source: self.signalling_source,
            rtcp: self.rtcp,
            generate_rtcp: self.generate_rtcp,
            direction: self.direction,
            source_guard: self.source_guard,
            srtp: None,
            dscp: self.dscp,
            events: self.events,
            tones_as_events: self.tones_as_events,
            secure_input: self.secure_input,
            digit_trigger: self.digit_trigger,
            digit_delay: self.digit_delay,
            events_as_tones: self.events_as_tones,
            media: self.media,
            sent_media: self.sent_media,
            media_timeout: self.media_timeout,
            max_packet_rate: self.max_packet_rate,
        })
    }

    /// DSCP of what the leg sends.
    pub(crate) const fn dscp(&self) -> u8 {
        self.dscp
    }
}
