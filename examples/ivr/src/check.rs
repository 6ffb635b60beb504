//! What was heard, measured.

use std::time::Duration;

use mediapoint_caller::recording::Recording;
use mediapoint_dtmf::{Detection, Detector, DetectorSettings};

use crate::ear::{Ear, Passage, silent_from};
use crate::failure::Failure;
use crate::party::{Kept, Method, Person};
use crate::prompts;
use crate::script::{Announcement, CardNumber, Language};

/// Samples of a millisecond.
const MILLISECOND: usize = 8;
/// How long an announcement may go on after a key.
const BARGE_IN: usize = 200 * MILLISECOND;
/// By how much the places of two listeners in the music may differ.
const IN_STEP: Duration = Duration::from_millis(40);

/// One thing that has to hold.
#[derive(Debug, Clone)]
pub(crate) struct Check {
    pub(crate) what: String,
    pub(crate) found: String,
    pub(crate) holds: bool,
}

/// All that has to hold of one call.
pub(crate) fn of_call(
    person: &Person,
    kept: &Kept,
    card: Option<&CardNumber>,
    ear: &Ear,
) -> Result<Vec<Check>, Failure> {
    let Person { name, language, .. } = *person;
    let heard = kept.caller_heard.samples();
    let parts = ear.passages(heard, 0);
    let length =
        |what: &str| parts.iter().filter(|part| part.name == what).map(|part| part.len).sum::<usize>();
    let mut checks = Vec::new();
    let mut check = |what: &str, found: String, holds| {
        checks.push(Check { what: format!("{name}: {what}"), found, holds });
    };

    let other = if language == Language::English { Language::Spanish } else { Language::English };
    let in_language = |language: Language| {
        [Announcement::Menu, Announcement::Card].map(|each| length(&prompts::name(each, language)))
    };
    let (own, foreign) = (in_language(language), in_language(other));
    let found = format!("{} ms of {}, {} of {}", own[0] / 8, language.tag(), foreign[0] / 8, other.tag());
    check(
        "menu in the language that was chosen",
        found,
        own.iter().all(|heard| *heard > 0) && foreign == [0, 0],
    );

    let menus = [(Announcement::Welcome, Language::English), (Announcement::Menu, language)];
    for ((announcement, spoken), pressed) in menus.into_iter().zip(kept.pressed) {
        let whole = prompts::name(announcement, spoken);
        let after = stopped_after(heard, &parts, &whole, pressed);
        let rest = ear.length_of(&whole).saturating_sub(length(&whole));
        let found = match after {
            Some(after) => {
                format!("{} ms after the key, {} ms unsaid", after / MILLISECOND, rest / MILLISECOND)
            }
            None => "it was not heard".to_owned(),
        };
        let holds = after.is_some_and(|after| after <= BARGE_IN) && rest > 2 * BARGE_IN;
        check(&format!("a key ends {whole}"), found, holds);
    }

    let music = length(prompts::MUSIC.trim_end_matches(".wav"));
    check("music while the agent's phone rings", format!("{} ms", music / MILLISECOND), music >= 16_000);

    let before = kept.agent_heard.samples().get(..kept.handed_over).unwrap_or_default();
    let agent_parts = ear.passages(kept.agent_heard.samples(), 0);
    let words =
        agent_parts.iter().filter(|part| part.name == "caller's first words" && part.at < before.len());
    let words: usize = words.map(|part| part.len).sum();
    let (found, most_sensitive) = (format!("{} ms", words / 8), DetectorSettings::most_sensitive());
    check("the agent hears the caller under secure input", found, words >= 4_000);

    let leaked = digits(before_tones(before, &agent_parts), &most_sensitive)?.len();
    let sent = match person.card {
        Method::Tones => {
            format!("{} tones sent", digits(kept.caller_sent.samples(), &DetectorSettings::default())?.len())
        }
        Method::Events => format!("{} events sent", person.number.len()),
    };
    let found = format!("{sent}; at the agent {leaked} tones, {} events", kept.agent_events);
    let all_sent =
        !matches!(person.card, Method::Tones) || sent.starts_with(&person.number.len().to_string());
    check("no digit of the card reaches the agent", found, leaked == 0 && kept.agent_events == 0 && all_sent);

    let whole = card.is_some_and(|card| card.digits() == person.number);
    check(
        "the script has the whole card number",
        card.map_or_else(|| "none".to_owned(), |card| format!("{card:?}")),
        whole,
    );

    let after: usize = agent_parts.iter().filter(|part| part.name == "caller").map(|part| part.len).sum();
    let spoken = [("agent", length("agent")), ("caller", after)];
    let shares = spoken.map(|(name, heard)| heard * 100 / ear.length_of(name).max(1));
    let found = format!("{} % of the agent's words, {} % of the caller's", shares[0], shares[1]);
    check("both hear each other afterwards", found, shares.iter().all(|share| *share >= 90));
    Ok(checks)
}

/// Both callers hear the same place of the music at the same time.
pub(crate) fn in_step(heard: [&Recording; 2], ear: &Ear) -> Check {
    let places = heard.map(|recording| place(recording, ear));
    let what = "Ann, Luis: both hear the same music at the same time".to_owned();
    let [Some(first), Some(second)] = places else {
        return Check { what, found: "no music was heard".to_owned(), holds: false };
    };
    let name = prompts::MUSIC.trim_end_matches(".wav");
    let whole = Duration::from_secs(1) * u32::try_from(ear.length_of(name)).unwrap_or(1) / 8_000;
    let apart = first.abs_diff(second);
    let apart = Duration::from_nanos(u64::try_from(apart % whole.as_nanos().max(1)).unwrap_or(u64::MAX));
    let apart = apart.min(whole.saturating_sub(apart));
    Check { what, found: format!("{:.1} ms apart", apart.as_secs_f64() * 1e3), holds: apart <= IN_STEP }
}

/// When the music's first sample would have arrived, in nanoseconds, beyond all repetitions.
fn place(recording: &Recording, ear: &Ear) -> Option<u128> {
    let parts = ear.passages(recording.samples(), 0);
    let music = parts.iter().filter(|part| part.name == prompts::MUSIC.trim_end_matches(".wav"));
    let part = music.max_by_key(|part| part.len)?;
    let samples = |count: usize| u128::try_from(count).unwrap_or(0) * 125_000;
    let piece =
        recording.pieces().iter().find(|piece| (piece.start..piece.start + piece.len).contains(&part.at))?;
    let arrived = u128::from(piece.at.as_nanos()) + samples(part.at - piece.start);
    // Beyond any length of the music, so that it stays positive.
    Some(arrived + samples(ear.length_of(&part.name)) - samples(part.from))
}

/// How many samples after a key an announcement goes on; `None` where it was not heard before the key.
fn stopped_after(heard: &[i16], parts: &[Passage], name: &str, pressed: usize) -> Option<usize> {
    let index = parts.iter().rposition(|part| part.name == name && part.at < pressed)?;
    let (part, next) = (parts.get(index)?, parts.get(index + 1..).and_then(<[Passage]>::first));
    let until = next.map_or(heard.len(), |next| next.at);
    Some(silent_from(heard, part.at, until).saturating_sub(pressed))
}

/// What was heard before hand-over, without the caller's words, which so sensitive a detector takes for digits.
fn before_tones(before: &[i16], parts: &[Passage]) -> Vec<i16> {
    let mut silenced = before.to_vec();
    for part in parts.iter().filter(|part| part.name.starts_with("caller")) {
        // And what is not equal at its edges.
        let stretch = part.at.saturating_sub(800)..(part.at + part.len + 800).min(silenced.len());
        silenced.get_mut(stretch).unwrap_or_default().fill(0);
    }
    silenced
}

/// The digits that a detector finds.
fn digits(samples: impl AsRef<[i16]>, settings: &DetectorSettings) -> Result<String, Failure> {
    let mut detector = Detector::new(settings)?;
    let mut found = String::new();
    let mut take = |detection: Detection| {
        if let Detection::Digit(digit) = detection {
            found.push(digit.digit.as_char());
        }
    };
    for frame in samples.as_ref().chunks(160) {
        detector.process(frame, &mut take);
    }
    detector.flush(&mut take);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use mediapoint_caller::speech::{self, Language};
    use mediapoint_dtmf::{Generator, GeneratorSettings};
    use mediapoint_packet::telephone_event::DtmfDigit;

    use super::*;

    #[test]
    fn a_digit_that_reached_the_agent_is_found_beside_the_callers_words() {
        let mut generator = Generator::new(8_000, &GeneratorSettings::default()).unwrap();
        generator.push(DtmfDigit::from_char('5').unwrap()).unwrap();
        let mut tone = [0; 1_600];
        generator.fill(&mut tone);
        let words = speech::numbers(Language::English, &[3, 4]);
        let mut heard = words.clone();
        heard.extend([0; 2_000]);
        let part = Passage { name: "caller's first words".to_owned(), at: 0, from: 0, len: words.len() };
        let found = |heard: &[i16]| {
            digits(before_tones(heard, std::slice::from_ref(&part)), &DetectorSettings::most_sensitive())
                .unwrap()
        };
        assert_eq!(found(&heard), "");
        // 40 dB softer than a phone sends it.
        heard.extend(tone.map(|sample| sample / 100));
        assert_eq!(found(&heard), "5");
    }

    #[test]
    fn an_announcement_that_goes_on_after_the_key_is_measured() {
        let part = Passage { name: "menu".to_owned(), at: 100, from: 0, len: 1_000 };
        let mut heard = vec![0; 4_000];
        heard[100..1_100].fill(5_000);
        assert_eq!(stopped_after(&heard, std::slice::from_ref(&part), "menu", 900), Some(200));
        assert_eq!(stopped_after(&heard, std::slice::from_ref(&part), "card", 900), None);
    }
}
