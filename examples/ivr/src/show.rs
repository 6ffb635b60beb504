//! Both callers at once, served by the library or by a server, and what became of it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use mediapoint_caller::audio;

use crate::check::{self, Check};
use crate::ear::Ear;
use crate::failure::Failure;
use crate::library::Library;
use crate::line::{self, Line};
use crate::ng::Server;
use crate::party::{self, Kept, PEOPLE, Person, Visit};
use crate::prompts::{self, Prompts, Sound};
use crate::script::CardNumber;
use crate::transcript::Transcript;

/// What carries out the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Library,
    Ng,
}

impl By {
    const fn name(self) -> &'static str {
        match self {
            Self::Library => "library",
            Self::Ng => "ng",
        }
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Library => "The script drives the engine as a library",
            Self::Ng => "The same script drives a server over the ng protocol",
        })
    }
}

/// Folder, prompts and server's program.
pub(crate) struct Stage {
    folder: PathBuf,
    server: PathBuf,
    sounds: Vec<Sound>,
}

/// What became of it.
pub(crate) struct Shown {
    pub(crate) transcript: Transcript,
    pub(crate) checks: Vec<Check>,
}

impl Shown {
    pub(crate) fn holds(&self) -> bool {
        self.checks.iter().all(|check| check.holds)
    }
}

/// Where a caller is served.
enum Switchboard {
    Library(Library),
    Ng(Server),
}

impl Switchboard {
    fn answer(
        &self,
        person: &Person,
        offer: &str,
        signals: mpsc::Sender<line::Signal>,
    ) -> Result<(Box<dyn Line + Send>, String), Failure> {
        Ok(match self {
            Self::Library(library) => {
                let (line, answer) = library.answer(offer, signals)?;
                (Box::new(line), answer)
            }
            Self::Ng(server) => {
                let (line, answer) = server.answer(person.name, offer, signals)?;
                (Box::new(line), answer)
            }
        })
    }
}

impl Stage {
    /// Writes the prompts below `folder`. The server's program is `mediapoint` beside this one unless it is named.
    pub(crate) fn set(folder: &Path, server: Option<&Path>) -> Result<Self, Failure> {
        let sounds = prompts::write(&folder.join("prompts"))?;
        let server = match server {
            Some(server) => server.to_owned(),
            None => std::env::current_exe()?.with_file_name("mediapoint"),
        };
        Ok(Self { folder: folder.to_owned(), server, sounds })
    }

    /// Serves both callers, and measures what they and their agents heard.
    pub(crate) fn play(&self, by: By) -> Result<Shown, Failure> {
        let switchboard = match by {
            By::Library => {
                Switchboard::Library(Library::start(Prompts::load(&self.folder.join("prompts"))?)?)
            }
            By::Ng => Switchboard::Ng(Server::start(&self.server, &self.folder)?),
        };
        let transcript = Transcript::new();
        let ear = Ear::new(&self.sounds);
        let visits = thread::scope(|scope| {
            let serve = |person: &'static Person| {
                let (switchboard, ear, transcript) = (&switchboard, ear.clone(), transcript.of(person.name));
                move || serve(switchboard, person, ear, transcript)
            };
            let running = PEOPLE.each_ref().map(|person| scope.spawn(serve(person)));
            running.map(|visit| visit.join().unwrap_or(Err(Failure::Panicked)))
        });
        if let Switchboard::Library(library) = &switchboard {
            library.stop();
        }
        let mut checks = Vec::new();
        let mut music = Vec::new();
        for (person, visit) in PEOPLE.iter().zip(visits) {
            let (kept, card) = match visit {
                Ok(visit) => visit,
                Err(failure) => {
                    let (what, found) = (format!("{}: the call", person.name), failure.to_string());
                    checks.push(Check { what, found, holds: false });
                    continue;
                }
            };
            self.keep(by, person, &kept)?;
            let mut ear = ear.clone();
            let [word, greeting, reply] = prompts::voices(person.language);
            let said = [("caller's first words", word), ("caller", reply), ("agent", greeting)];
            said.iter().for_each(|(name, samples)| ear.learn(name, samples));
            checks.extend(check::of_call(person, &kept, card.as_ref(), &ear)?);
            music.push(kept.caller_heard);
        }
        if let [first, second] = music.as_slice() {
            checks.push(check::in_step([first, second], &ear));
        }
        Ok(Shown { transcript, checks })
    }

    /// Writes what a caller and its agent heard.
    fn keep(&self, by: By, person: &Person, kept: &Kept) -> Result<(), Failure> {
        for (who, heard) in [("caller", &kept.caller_heard), ("agent", &kept.agent_heard)] {
            let file = format!("{}-{}-{who}.wav", by.name(), person.name);
            audio::write_wav(&self.folder.join(file), heard.samples())?;
        }
        Ok(())
    }
}

/// One call, from both ends.
fn serve(
    switchboard: &Switchboard,
    person: &Person,
    ear: Ear,
    transcript: Transcript,
) -> Result<(Kept, Option<CardNumber>), Failure> {
    let (caller, agent) = (party::phone(person.name)?, party::phone("agent")?);
    let (signals, arriving) = mpsc::channel();
    let (telling, notices) = mpsc::channel();
    transcript.add(person.name, "calls");
    let (mut line, answer) = switchboard.answer(person, &caller.offer(), signals.clone())?;
    caller.accept(&answer).map_err(|source| party::of(person.name, source))?;
    let script = transcript.of(person.name);
    thread::scope(|scope| {
        let scripted = scope.spawn(move || line::run(line.as_mut(), &arriving, &telling, &script));
        let over = signals.clone();
        let visit = Visit { person, caller: &caller, agent: &agent, ear, signals, notices, transcript };
        let kept = visit.make();
        // However the visit ended, the script does.
        let _ = over.send(line::Signal::Input(crate::script::Input::HungUp));
        let card = scripted.join().unwrap_or(Err(Failure::Panicked));
        // What the script failed on says more than what was not heard then.
        let card = card?;
        Ok((kept?, card))
    })
}

#[cfg(test)]
mod tests;
