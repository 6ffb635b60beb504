//! What happened, line by line: time, who, what.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{ContentArrangement, Table};

use crate::prompts;
use crate::script::{CardNumber, Command, Input};

/// Columns of a terminal.
const WIDTH: u16 = 80;

/// One thing that happened.
#[derive(Debug, Clone)]
struct Entry {
    at: Duration,
    who: String,
    what: String,
}

/// A transcript that several threads write; each for a party of its own name.
#[derive(Debug, Clone)]
pub(crate) struct Transcript {
    began: Instant,
    call: String,
    entries: Arc<Mutex<Vec<Entry>>>,
}

impl Transcript {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), call: String::new(), entries: Arc::default() }
    }

    /// The same transcript for the script of this caller.
    pub(crate) fn of(&self, caller: &str) -> Self {
        Self { call: caller.to_owned(), ..self.clone() }
    }

    pub(crate) fn add(&self, who: &str, what: impl Into<String>) {
        let entry = Entry { at: self.began.elapsed(), who: who.to_owned(), what: what.into() };
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }

    /// An input of the script. What key it is stays out where it is secret.
    pub(crate) fn input(&self, input: Input, secret: bool) {
        let what = match input {
            Input::Answered => "took the call".to_owned(),
            // A line for each digit of the card would only be long.
            Input::Key(_) if secret => return,
            Input::Key(key) => format!("got key {key}"),
            Input::Played => "has said all".to_owned(),
            Input::AgentAnswered => "the agent answered and hears the caller".to_owned(),
            Input::HungUp => "the caller is gone".to_owned(),
            Input::Timeout => "no key came".to_owned(),
        };
        self.add(&format!("IVR to {}", self.call), what);
    }

    /// A command of the script.
    pub(crate) fn command(&self, command: Command, card: Option<&CardNumber>) {
        let what = match command {
            Command::Play(announcement, language) => {
                format!("plays {}", prompts::name(announcement, language))
            }
            Command::StopPlaying => return,
            Command::PlayMusic => "plays the music of all who wait".to_owned(),
            Command::SecureInput(true) => "secure input on".to_owned(),
            Command::SecureInput(false) => match card {
                Some(card) => format!("has the card number ({card:?}); secure input off"),
                None => "secure input off".to_owned(),
            },
            Command::CallAgent => "calls an agent".to_owned(),
            Command::HandOver => "hands over: caller and agent talk".to_owned(),
            Command::HangUp => "ends the call".to_owned(),
        };
        self.add(&format!("IVR to {}", self.call), what);
    }

    /// The transcript as a table.
    pub(crate) fn table(&self) -> String {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone();
        entries.sort_by_key(|entry| entry.at);
        let mut table = table();
        table.set_header(["time", "who", "what"]);
        for entry in entries {
            table.add_row([format!("{:6.2} s", entry.at.as_secs_f64()), entry.who, entry.what]);
        }
        table.to_string()
    }
}

/// A table within a terminal.
pub(crate) fn table() -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(WIDTH);
    table
}
