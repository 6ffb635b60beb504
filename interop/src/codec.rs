//! The codecs that parties speak in scenarios with transcoding, and what outside programs call them.

use crate::audio::Law;

/// A codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    /// G.711.
    G711(Law),
    /// G.722.
    G722,
    /// G.729.
    G729,
    /// GSM full rate.
    Gsm,
    /// Opus.
    Opus,
}

impl Codec {
    /// The payload type it is offered under and its name in SDP.
    pub(crate) const fn sdp(self) -> (u8, &'static str) {
        match self {
            Self::G711(law) => law.codec(),
            Self::G722 => (9, "G722/8000"),
            Self::G729 => (18, "G729/8000"),
            Self::Gsm => (3, "GSM/8000"),
            Self::Opus => (96, "opus/48000/2"),
        }
    }

    /// What codec directives call it.
    pub(crate) fn name(self) -> &'static str {
        self.sdp().1.split('/').next().unwrap_or_default()
    }

    /// RTP ticks a second.
    pub(crate) const fn clock(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::G711(_) | Self::G722 | Self::G729 | Self::Gsm => 8000,
        }
    }

    /// How ffmpeg encodes it in packets of 20 ms: sample rate, samples a packet, coder and its options. Debian's ffmpeg
    /// has no encoder of
    /// G.729, and no RTP packets of GSM.
    pub(crate) const fn ffmpeg_encoder(self) -> Option<(&'static str, &'static str, &'static str)> {
        match self {
            Self::G711(Law::Mu) => Some(("8000", "160", "pcm_mulaw")),
            Self::G711(Law::A) => Some(("8000", "160", "pcm_alaw")),
            Self::G722 => Some(("16000", "320", "g722")),
            Self::Opus => Some(("48000", "960", "libopus -application voip -frame_duration 20 -b:a 32k")),
            Self::G729 | Self::Gsm => None,
        }
    }

    /// How GStreamer makes packets of 20 ms of 16-bit samples at 8 kHz, and what undoes that; `None` where no scenario needs it.
    pub(crate) const fn gstreamer(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Opus => Some((
                "audioresample ! audio/x-raw,rate=48000,channels=1 ! opusenc bitrate=32000 audio-type=voice \
                 frame-size=20 ! rtpopuspay",
                "rtpopusdepay ! opusdec",
            )),
            Self::Gsm => {
                Some(("gsmenc ! rtpgsmpay min-ptime=20000000 max-ptime=20000000", "rtpgsmdepay ! gsmdec"))
            }
            Self::G711(_) | Self::G722 | Self::G729 => None,
        }
    }

    /// The decoder to force upon ffmpeg, where it does not find it by the name in SDP.
    pub(crate) const fn ffmpeg_decoder(self) -> Option<&'static str> {
        match self {
            Self::G729 => Some("g729"),
            Self::G711(_) | Self::G722 | Self::Gsm | Self::Opus => None,
        }
    }
}
