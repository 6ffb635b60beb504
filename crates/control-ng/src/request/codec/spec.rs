//! One codec as an option names it: `name/clock rate/channels/bit rate/packet time/parameters/options`, of which only
//! the name must be there.

use mediapoint_engine::{Codec, EncoderSettings, Encoding};

/// Most characters of parameters that are passed on.
const MAX_PARAMETERS: usize = 256;

/// A codec named in an option, with what is to be made of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CodecSpec<'a> {
    name: &'a str,
    clock_rate: Option<u32>,
    channels: Option<u32>,
    /// Bit/s.
    bitrate: Option<u32>,
    /// Milliseconds of audio a packet.
    pub(crate) ptime: Option<u32>,
    /// For `a=fmtp`; empty where none are given.
    pub(crate) parameters: String,
    options: String,
}

impl<'a> CodecSpec<'a> {
    /// Reads a word. A number that is none counts as not given.
    pub(crate) fn parse(word: &'a str) -> Self {
        let mut parts = word.split('/');
        let name = parts.next().unwrap_or_default().trim();
        let mut number =
            || parts.next().and_then(|part| part.trim().parse::<u32>().ok()).filter(|number| *number > 0);
        let (clock_rate, channels, bitrate, ptime) = (number(), number(), number(), number());
        // Where an equals sign cannot be written, two hyphens stand for it.
        let mut text = || parts.next().unwrap_or_default().trim().replace("--", "=");
        let (mut parameters, options) = (text(), text());
        if parameters.len() > MAX_PARAMETERS || parameters.contains(|c: char| c.is_control()) {
            parameters.clear();
        }
        Self { name, clock_rate, channels, bitrate, ptime, parameters, options }
    }

    /// True where it names a codec known as `name` in the description: `PCMU`, `pcmu/8000`, `opus/48000/2`.
    pub(crate) fn names(&self, name: &str, codec: &Codec) -> bool {
        self.name.eq_ignore_ascii_case(name)
            && self.clock_rate.is_none_or(|rate| rate == codec.clock_rate)
            && self.channels.is_none_or(|channels| channels == u32::from(codec.channels))
    }

    /// The codec to be added, with the clock rate and channels that it has unless others are named.
    pub(crate) fn codec(&self) -> Option<Codec> {
        let named = Codec::new(self.name, 8000, 1);
        let channels = u8::try_from(self.channels.unwrap_or(1)).ok()?;
        Some(match named.encoding {
            _ if self.name.is_empty() => return None,
            // Said to have two channels at 48 kHz whatever is sent [RFC7587 7].
            Encoding::Opus => Codec::OPUS,
            Encoding::AmrWb(_) => Codec::new(self.name, self.clock_rate.unwrap_or(16_000), channels),
            _ => Codec::new(self.name, self.clock_rate.unwrap_or(named.clock_rate), channels),
        })
    }

    /// Takes over its encoder settings; false where it has none.
    pub(crate) fn set(&self, codec: &Codec, settings: &mut EncoderSettings) -> bool {
        if codec.encoding != Encoding::Opus {
            return false;
        }
        let before = settings.clone();
        settings.opus_bitrate = self.bitrate.or(settings.opus_bitrate);
        for option in self.options.split([' ', ':', ';', ',']) {
            let (key, value) = option.split_once('=').unwrap_or((option, ""));
            let number = value.trim().parse::<u8>().ok();
            match (key.trim().to_ascii_lowercase().as_str(), number) {
                ("compression_level" | "complexity", Some(level)) => {
                    settings.opus_complexity = Some(level.min(10))
                }
                ("packet_loss", Some(percent)) => settings.expected_loss_percent = percent.min(100),
                ("dtx", Some(on)) => settings.dtx = on != 0,
                _ => {}
            }
        }
        *settings != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_but_the_name_may_be_left_out() {
        let spec =
            CodecSpec::parse("opus/48000/2/32000/40/useinbandfec--1;cbr=1/compression_level=3,packet_loss=7");
        assert_eq!((spec.name, spec.clock_rate, spec.channels), ("opus", Some(48_000), Some(2)));
        assert_eq!((spec.bitrate, spec.ptime), (Some(32_000), Some(40)));
        assert_eq!(spec.parameters, "useinbandfec=1;cbr=1");
        let spec = CodecSpec::parse("G729////30");
        assert_eq!((spec.clock_rate, spec.bitrate, spec.ptime), (None, None, Some(30)));
        assert_eq!(spec.codec(), Some(Codec::G729));
    }

    // test-of: [RFC7587 7]
    #[test]
    fn opus_is_always_said_to_have_two_channels_at_48_khz() {
        for word in ["opus", "OPUS/48000", "opus/16000/1", "opus/48000/2"] {
            assert_eq!(CodecSpec::parse(word).codec(), Some(Codec::OPUS), "{word}");
        }
    }

    #[test]
    fn a_codec_has_the_clock_that_it_always_has() {
        for (word, codec) in [
            ("AMR", Codec::AMR),
            ("amr-wb", Codec::AMR_WB),
            ("GSM", Codec::GSM),
            ("AMR-WB/16000", Codec::AMR_WB),
        ] {
            assert_eq!(CodecSpec::parse(word).codec(), Some(codec), "{word}");
        }
    }

    #[test]
    fn numbers_that_make_no_sense_count_as_not_given() {
        for word in ["PCMA/x/y/z", "PCMA/0", "PCMA/99999999999", "PCMA//", " PCMA "] {
            assert_eq!(CodecSpec::parse(word).codec(), Some(Codec::PCMA), "{word}");
        }
        for word in ["", "/8000", "PCMA/8000/300"] {
            assert_eq!(CodecSpec::parse(word).codec(), None, "{word}");
        }
        assert_eq!(CodecSpec::parse("PCMU/16000").codec(), Some(Codec::new("PCMU", 16_000, 1)));
    }

    #[test]
    fn parameters_cannot_be_long_or_hold_control_characters() {
        assert_eq!(CodecSpec::parse("opus/////a\r\nb").parameters, "");
        let long = format!("opus/////{}", "x".repeat(300));
        assert_eq!(CodecSpec::parse(&long).parameters, "");
    }

    #[test]
    fn the_encoder_is_set_as_far_as_it_can_be() {
        let set = |word| {
            let mut settings = EncoderSettings::default();
            CodecSpec::parse(word).set(&Codec::OPUS, &mut settings).then_some(settings)
        };
        let settings = set("opus/48000/2/32000///compression_level=2 dtx--1;packet_loss=200").unwrap();
        assert_eq!(settings.opus_bitrate, Some(32_000));
        assert_eq!(
            (settings.opus_complexity, settings.dtx, settings.expected_loss_percent),
            (Some(2), true, 100)
        );
        assert_eq!(set("opus/48000/2"), None);
        assert_eq!(set("opus/48000/2////nonsense=1"), None);
        let mut settings = EncoderSettings::default();
        assert!(!CodecSpec::parse("PCMA/8000/1/64000").set(&Codec::PCMA, &mut settings));
    }
}
