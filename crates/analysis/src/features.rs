//! What the model sees of a greeting: its measures at a moment, and how it is spoken.

use crate::listener::Measures;
use crate::prosody::Prosody;
use crate::shape::Shape;

/// Number of features that the model sees.
pub const FEATURES: usize = 40;

/// The features at `now_ms` of a greeting that began at `first_ms`. Times are in seconds, at most 6; the pitch of the voice and
/// the colour of the line are not among them: they tell who talks, not whether it is a recording.
pub(crate) fn features(
    now_ms: u32,
    first_ms: u32,
    measures: &Measures,
    prosody: &Prosody,
    shape: &Shape,
    (recent_level, recent_pitch): (f32, f32),
) -> [f32; FEATURES] {
    let seconds = |ms: u32| (ms as f32 / 1000.0).min(6.0);
    let elapsed = seconds(now_ms.saturating_sub(first_ms));
    let speech = seconds(measures.speech_ms);
    let slope = if measures.pitch_hz > 0.0 { recent_pitch / measures.pitch_hz - 1.0 } else { 0.0 };
    let first_word =
        if prosody.first_word_ms() > 0 { prosody.first_word_ms() } else { measures.last_word_ms };
    let first_pause = prosody.first_pause_ms().unwrap_or(if measures.words > 1 {
        measures.longest_pause_ms
    } else {
        measures.silence_ms
    });
    let [first, second, third, fourth, fifth] = shape.parts_ms().map(seconds);
    [
        elapsed,
        speech,
        seconds(measures.silence_ms),
        measures.words.min(20) as f32,
        seconds(measures.longest_word_ms),
        seconds(measures.last_word_ms),
        seconds(measures.longest_pause_ms),
        measures.syllables.min(40) as f32,
        measures.syllables.min(40) as f32 / speech.max(0.1),
        measures.level_spread_db,
        (measures.level_dbm0 - measures.noise_dbm0).clamp(0.0, 60.0),
        measures.voiced,
        measures.pitch_spread,
        slope,
        (recent_level - measures.level_dbm0).clamp(-20.0, 20.0),
        seconds(first_word),
        seconds(first_pause),
        (speech - seconds(first_word)).max(0.0),
        seconds(prosody.stretch_ms()),
        prosody.rise(),
        prosody.louder_db(),
        prosody.higher(measures.pitch_hz),
        speech / elapsed.max(0.1),
        speech / measures.words.max(1) as f32,
        first,
        second,
        third,
        fourth,
        fifth,
        seconds(shape.last_pause_ms()),
        seconds(shape.previous_word_ms()),
        prosody.stretches().min(40) as f32,
        prosody.lengthening().min(10.0),
        prosody.above_lowest().clamp(-1.0, 3.0),
        shape.fainter_db().clamp(0.0, 40.0),
        shape.fallen_db().clamp(0.0, 40.0),
        shape.snr_db(),
        (elapsed - speech - seconds(measures.silence_ms)).max(0.0),
        prosody.stretches().min(40) as f32 / speech.max(0.1),
        seconds(measures.last_word_ms.saturating_add(shape.previous_word_ms())),
    ]
}
