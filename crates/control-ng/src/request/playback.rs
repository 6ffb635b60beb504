//! What `play media` and `seek media` are told of a recording.

use std::time::Duration;

use mediapoint_recorder::Side;

use super::directive::Directive;

/// A recording that is played, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlaybackOptions {
    /// Its name.
    pub recording: Option<String>,
    /// The place that it begins with, or goes to.
    pub offset: Option<Duration>,
    /// How fast, in thousandths; its range is the command's.
    pub speed: Option<u32>,
    /// What of it is heard.
    pub side: Option<Side>,
    /// Values that cannot be used.
    pub(super) bad_values: Vec<String>,
}

impl PlaybackOptions {
    /// Takes one option; false where it is none of these.
    pub(super) fn apply(&mut self, directive: &Directive) -> bool {
        let value = directive.value().trim();
        let usable = match directive.name.as_str() {
            "recording" => {
                self.recording = Some(value.to_owned()).filter(|name| !name.is_empty());
                true
            }
            "recording-offset" => {
                self.offset = value.parse().ok().map(Duration::from_millis);
                self.offset.is_some()
            }
            "speed" => {
                self.speed = thousandths(value);
                self.speed.is_some()
            }
            "recording-side" => {
                self.side = match value {
                    "both" => Some(Side::Both),
                    "left" => Some(Side::Left),
                    "right" => Some(Side::Right),
                    _ => None,
                };
                self.side.is_some()
            }
            _ => return false,
        };
        if !usable {
            self.bad_values.push(format!("unusable value for {} was ignored", directive.name));
        }
        true
    }
}

/// A speed such as `1.25`.
fn thousandths(text: &str) -> Option<u32> {
    let speed: f64 = text.parse().ok().filter(|speed| (0.0..1000.0).contains(speed))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0 to 1,000,000")]
    let thousandths = (speed * 1000.0).round() as u32;
    Some(thousandths)
}
