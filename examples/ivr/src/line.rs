//! One call of the IVR: the script, what carries it out, and what comes from outside.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::script::{CardNumber, Command, Input, Script};
use crate::transcript::Transcript;

/// What comes to a call from outside.
pub(crate) enum Signal {
    Input(Input),
    /// The agent took the call, with this description.
    AgentAnswered(String),
}

/// What a call tells the signalling, in place of SIP.
#[derive(Debug)]
pub(crate) enum Notice {
    /// The agent's phone is to ring, with this offer.
    CallAgent(String),
    /// Both talk.
    HandedOver,
}

/// What carries out the script's commands: the library, or a server over the ng protocol.
pub(crate) trait Line {
    /// Carries out a command. An offer for the agent is what [`Command::CallAgent`] gives.
    fn carry_out(&mut self, command: Command) -> Result<Option<Notice>, Failure>;

    /// The agent answered: it hears the caller from now on.
    fn agent_answers(&mut self, description: &str) -> Result<(), Failure>;

    /// When what is played ends, where nobody reports it.
    fn plays_until(&self) -> Option<Instant> {
        None
    }

    /// That has passed.
    fn played(&mut self) {}
}

/// Runs the script to its end, and gives the card number, if the caller told it.
pub(crate) fn run(
    line: &mut dyn Line,
    signals: &Receiver<Signal>,
    notices: &Sender<Notice>,
    transcript: &Transcript,
) -> Result<Option<CardNumber>, Failure> {
    let began = Instant::now();
    let mut script = Script::new();
    let mut input = Some(Input::Answered);
    while !script.is_over() {
        if let Some(input) = input.take() {
            transcript.input(input, script.is_secret());
            for command in script.handle(began.elapsed(), input) {
                transcript.command(command, script.card());
                if let Some(notice) = line.carry_out(command)? {
                    // Nobody there to be told: then the caller is gone, too.
                    let _ = notices.send(notice);
                }
            }
        }
        if script.is_over() {
            break;
        }
        input = next(line, &script, signals, began)?;
    }
    Ok(script.card().cloned())
}

/// Waits for what comes next.
fn next(
    line: &mut dyn Line,
    script: &Script,
    signals: &Receiver<Signal>,
    began: Instant,
) -> Result<Option<Input>, Failure> {
    let (plays_until, asks_until) = (line.plays_until(), script.deadline().map(|at| began + at));
    let until = plays_until.into_iter().chain(asks_until).min();
    let left = until.map_or(Duration::from_secs(60), |until| until.saturating_duration_since(Instant::now()));
    match signals.recv_timeout(left) {
        Ok(Signal::Input(input)) => Ok(Some(input)),
        Ok(Signal::AgentAnswered(description)) => {
            line.agent_answers(&description)?;
            Ok(Some(Input::AgentAnswered))
        }
        Err(RecvTimeoutError::Timeout) if until.is_some() && until == plays_until => {
            line.played();
            Ok(Some(Input::Played))
        }
        Err(RecvTimeoutError::Timeout) if until.is_some() => Ok(Some(Input::Timeout)),
        // Nothing came for a minute, or nobody is left who could say anything.
        Err(_) => Ok(Some(Input::HungUp)),
    }
}
