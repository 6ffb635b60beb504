//! What the IVR does, without network, clock or audio: inputs in, commands out.
//!
//! Welcome in both languages, main menu, music while an agent is called, card number under secure input, hand-over. Who
//! says nothing, or what cannot be, is asked again, three times in all.

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

/// How often a caller is asked the same.
const TRIES: u8 = 3;
/// How long a caller may take for a key.
const PATIENCE: Duration = Duration::from_secs(5);
/// Digits of a card number at most.
const LONGEST_CARD: usize = 16;
/// Digits of a card number at least.
const SHORTEST_CARD: usize = 12;

/// A language of the announcements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Language {
    English,
    Spanish,
}

impl Language {
    /// Its tag, which is the name of its folder of prompts.
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es",
        }
    }
}

/// Something that is said to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Announcement {
    /// 1 for English, 2 for Spanish; in both.
    Welcome,
    /// 1 for an agent, 2 to end.
    Menu,
    /// Asks for the card number.
    Card,
    Goodbye,
}

impl Announcement {
    pub(crate) const ALL: [Self; 4] = [Self::Welcome, Self::Menu, Self::Card, Self::Goodbye];

    /// The name of its file, without the extension.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Welcome => "welcome",
            Self::Menu => "menu",
            Self::Card => "card",
            Self::Goodbye => "goodbye",
        }
    }
}

/// What happens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// The caller's call was answered.
    Answered,
    /// The caller pressed a key.
    Key(char),
    /// The announcement was played to its end.
    Played,
    /// The agent took the call.
    AgentAnswered,
    /// The caller is gone.
    HungUp,
    /// [`Script::deadline`] has passed.
    Timeout,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    /// The caller hears this in place of what it heard, until it presses a key.
    Play(Announcement, Language),
    /// The announcement ends.
    StopPlaying,
    /// The caller hears the music that all hear who wait.
    PlayMusic,
    /// Digits of the caller reach nobody but this script; or everybody again.
    SecureInput(bool),
    /// The agent is called, and hears the caller as soon as it answers.
    CallAgent,
    /// Caller and agent hear each other.
    HandOver,
    /// The call ends.
    HangUp,
}

/// A card number. It is wiped from memory, and shows its last four digits to whoever prints it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct CardNumber(Zeroizing<String>);

impl CardNumber {
    /// The digits, where they are as many as a card has and their check digit is right (ISO/IEC 7812-1, Luhn).
    fn checked(digits: &Zeroizing<String>) -> Option<Self> {
        let sum: u32 = digits
            .bytes()
            .rev()
            .zip(0_u32..)
            .map(|(digit, place)| {
                let digit = u32::from(digit.wrapping_sub(b'0')) * (1 + place % 2);
                digit / 10 + digit % 10
            })
            .sum();
        let right = (SHORTEST_CARD..=LONGEST_CARD).contains(&digits.len()) && sum.is_multiple_of(10);
        right.then(|| Self(digits.clone()))
    }

    /// All its digits, for whoever charges the card.
    pub(crate) fn digits(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CardNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.0.get(self.0.len().saturating_sub(4)..).unwrap_or_default();
        write!(f, "{} digits, the last {end}", self.0.len())
    }
}

enum State {
    New,
    Welcome,
    Menu(Language),
    Waiting(Language),
    Card(Language, Zeroizing<String>),
    Talking,
    Leaving,
    Ended,
}

/// The script of one call.
pub(crate) struct Script {
    state: State,
    tries: u8,
    deadline: Option<Duration>,
    card: Option<CardNumber>,
}

impl Script {
    pub(crate) const fn new() -> Self {
        Self { state: State::New, tries: 0, deadline: None, card: None }
    }

    /// Takes an input at a time since the beginning, and gives what is to be done, in order.
    pub(crate) fn handle(&mut self, now: Duration, input: Input) -> Vec<Command> {
        if input == Input::HungUp {
            self.state = State::Ended;
            self.deadline = None;
            return vec![Command::HangUp];
        }
        // A key moves the deadline, and so does the end of what was said.
        self.deadline = match (&self.state, input) {
            (State::Waiting(_) | State::Talking | State::Ended, _) => None,
            (_, Input::Key(_) | Input::Played) => Some(now + PATIENCE),
            (_, Input::Timeout) => None,
            _ => self.deadline,
        };
        match std::mem::replace(&mut self.state, State::Ended) {
            State::New if input == Input::Answered => self.ask(State::Welcome),
            State::Welcome => match input {
                Input::Key('1') => self.first(State::Menu(Language::English)),
                Input::Key('2') => self.first(State::Menu(Language::Spanish)),
                other => self.otherwise(State::Welcome, other),
            },
            State::Menu(language) => match input {
                Input::Key('1') => {
                    self.state = State::Waiting(language);
                    self.deadline = None;
                    // Secure before the agent can hear anything.
                    vec![
                        Command::StopPlaying,
                        Command::PlayMusic,
                        Command::SecureInput(true),
                        Command::CallAgent,
                    ]
                }
                Input::Key('2') => self.leave(language),
                other => self.otherwise(State::Menu(language), other),
            },
            State::Waiting(language) if input == Input::AgentAnswered => {
                self.first(State::Card(language, Zeroizing::new(String::with_capacity(LONGEST_CARD))))
            }
            State::Card(language, digits) => self.card_key(language, digits, input),
            State::Leaving if matches!(input, Input::Played | Input::Timeout) => {
                self.deadline = None;
                vec![Command::HangUp]
            }
            other => {
                self.state = other;
                Vec::new()
            }
        }
    }

    /// When [`Input::Timeout`] is due.
    pub(crate) const fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    /// True once the call is over.
    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// The card number, once it is complete.
    pub(crate) const fn card(&self) -> Option<&CardNumber> {
        self.card.as_ref()
    }

    /// True for a key that is for the script alone.
    pub(crate) const fn is_secret(&self) -> bool {
        matches!(self.state, State::Card(..))
    }

    fn card_key(&mut self, language: Language, mut digits: Zeroizing<String>, input: Input) -> Vec<Command> {
        match input {
            Input::Key(key @ '0'..='9') => {
                let stop = digits.is_empty();
                digits.push(key);
                if digits.len() < LONGEST_CARD {
                    self.state = State::Card(language, digits);
                    return if stop { vec![Command::StopPlaying] } else { Vec::new() };
                }
            }
            Input::Key('#') => {}
            other => return self.otherwise(State::Card(language, digits), other),
        }
        let Some(card) = CardNumber::checked(&digits) else {
            return self.again(State::Card(language, Zeroizing::new(String::with_capacity(LONGEST_CARD))));
        };
        self.card = Some(card);
        self.state = State::Talking;
        self.deadline = None;
        vec![Command::StopPlaying, Command::SecureInput(false), Command::HandOver]
    }

    /// A key that means nothing, silence, or what bears on nothing.
    fn otherwise(&mut self, state: State, input: Input) -> Vec<Command> {
        match input {
            Input::Key(_) | Input::Timeout => self.again(match state {
                State::Card(language, _) => {
                    State::Card(language, Zeroizing::new(String::with_capacity(LONGEST_CARD)))
                }
                other => other,
            }),
            _ => {
                self.state = state;
                Vec::new()
            }
        }
    }

    fn first(&mut self, state: State) -> Vec<Command> {
        self.tries = 0;
        let mut commands = vec![Command::StopPlaying];
        commands.extend(self.ask(state));
        commands
    }

    fn again(&mut self, state: State) -> Vec<Command> {
        self.tries += 1;
        if self.tries >= TRIES {
            let language = match state {
                State::Menu(language) | State::Card(language, _) => language,
                _ => Language::English,
            };
            return self.leave(language);
        }
        self.ask(state)
    }

    fn ask(&mut self, state: State) -> Vec<Command> {
        let said = match &state {
            State::Menu(language) => Command::Play(Announcement::Menu, *language),
            State::Card(language, _) => Command::Play(Announcement::Card, *language),
            _ => Command::Play(Announcement::Welcome, Language::English),
        };
        self.state = state;
        self.deadline = None;
        vec![said]
    }

    fn leave(&mut self, language: Language) -> Vec<Command> {
        self.state = State::Leaving;
        self.deadline = None;
        vec![Command::Play(Announcement::Goodbye, language)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Duration = Duration::from_secs(1);

    fn keys(script: &mut Script, keys: &str) -> Vec<Command> {
        keys.chars().flat_map(|key| script.handle(AT, Input::Key(key))).collect()
    }

    /// Answered, in Spanish, with an agent there.
    fn at_the_card() -> Script {
        let mut script = Script::new();
        script.handle(AT, Input::Answered);
        keys(&mut script, "21");
        script.handle(AT, Input::AgentAnswered);
        script
    }

    #[test]
    fn a_caller_gets_from_the_welcome_to_an_agent() {
        let mut script = Script::new();
        let welcome = Command::Play(Announcement::Welcome, Language::English);
        assert_eq!(script.handle(AT, Input::Answered), [welcome]);
        let menu = Command::Play(Announcement::Menu, Language::Spanish);
        assert_eq!(keys(&mut script, "2"), [Command::StopPlaying, menu]);
        let secure = Command::SecureInput(true);
        let wait = [Command::StopPlaying, Command::PlayMusic, secure, Command::CallAgent];
        assert_eq!(keys(&mut script, "1"), wait, "nothing is heard by the agent before it is secure");
        assert_eq!(keys(&mut script, "5#"), [], "keys mean nothing meanwhile");
        let card = Command::Play(Announcement::Card, Language::Spanish);
        assert_eq!(script.handle(AT, Input::AgentAnswered), [Command::StopPlaying, card]);
        assert!(script.is_secret());
        assert_eq!(keys(&mut script, "411111111111111"), [Command::StopPlaying]);
        let over = [Command::StopPlaying, Command::SecureInput(false), Command::HandOver];
        assert_eq!(keys(&mut script, "1"), over, "16 digits need no #");
        assert_eq!(script.card().unwrap().digits(), "4111111111111111");
        assert_eq!(script.handle(AT, Input::HungUp), [Command::HangUp]);
        assert!(script.is_over());
    }

    #[test]
    fn a_number_that_cannot_be_is_asked_for_again() {
        let mut script = at_the_card();
        let card = Command::Play(Announcement::Card, Language::Spanish);
        assert_eq!(keys(&mut script, "4111111111111112"), [Command::StopPlaying, card], "check digit");
        assert_eq!(keys(&mut script, "411#"), [Command::StopPlaying, card], "too short");
        assert_eq!(keys(&mut script, "36700102000000#").last(), Some(&Command::HandOver), "14 digits and #");
    }

    #[test]
    fn silence_and_wrong_keys_end_the_call_after_three_times() {
        let mut script = Script::new();
        script.handle(AT, Input::Answered);
        assert_eq!(script.deadline(), None, "while it is said there is no hurry");
        script.handle(AT, Input::Played);
        assert_eq!(script.deadline(), Some(AT + PATIENCE));
        let welcome = Command::Play(Announcement::Welcome, Language::English);
        assert_eq!(script.handle(AT + PATIENCE, Input::Timeout), [welcome]);
        assert_eq!(keys(&mut script, "7"), [welcome]);
        let goodbye = Command::Play(Announcement::Goodbye, Language::English);
        assert_eq!(keys(&mut script, "*"), [goodbye]);
        assert_eq!(script.handle(AT, Input::Played), [Command::HangUp]);
        assert!(script.is_over());
    }

    #[test]
    fn a_card_number_prints_four_digits() {
        let mut script = at_the_card();
        keys(&mut script, "4111111111111111");
        assert_eq!(format!("{:?}", script.card().unwrap()), "16 digits, the last 1111");
    }
}
