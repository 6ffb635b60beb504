//! Carries requests out: which call and branch a request is of, and what becomes of them.
//!
//! Calls are looked up under one lock that is held for moments only; a call is worked on under its own, so that
//! requests of different calls do not wait for one another.

mod analysis;
mod calls;
mod conference;
mod connect;
mod delete;
mod deletes;
mod dialogs;
pub(crate) mod digit_log;
mod digits;
mod dry_run;
mod find;
mod gate;
mod hold;
mod load;
pub(crate) mod log;
mod merge;
mod play;
mod playback;
mod recording;
mod report;
mod settle;
mod subscriptions;
#[cfg(test)]
mod tests;
mod totals;
mod why;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mediapoint_engine::{EndReason, Engine, Event};
use mediapoint_packet::{SecretBytes, Time};

use crate::call::CallState;
use crate::call::outcomes::Outcomes;
use crate::media::legs::Work;
use crate::media::received::Received;
use crate::media::remote::remote_address;
use crate::recording::By;
use crate::request::Options;
use crate::{Command, Handler, NgError, Playbacks, Prompts, Recordings, Reply, Request};
use calls::Calls;
use digit_log::ReportSockets;
use settle::is_final;
pub use totals::ControllerFigures;
use totals::Totals;

/// Settings of a controller.
#[derive(Debug, Clone)]
pub struct ControllerConfig {
    /// How long a deleted call is kept where the request does not say; none by default.
    pub delete_delay: Duration,
    /// Type of service of outgoing packets where the request does not say; 184 (expedited forwarding) by default.
    pub tos: u8,
    /// Where digits are reported to, where the request does not say; nowhere by default.
    pub digit_log: Option<SocketAddr>,
    /// Unix time at [`Time::ZERO`] of the clock that requests carry, for the dates in replies.
    pub unix_at_zero: Duration,
    /// Most calls; 100,000 by default.
    pub max_calls: usize,
    /// Most members of a conference room where the message that makes it does not say; 20 by default.
    pub room_members: u16,
    /// How long a reply may wait for its call's worker to put the message into effect; 200 ms by default. Where it takes
    /// longer, the reply says so in its `warning`.
    pub settle_within: Duration,
    /// The media that is played; none by default, and `play media` is refused then.
    pub prompts: Option<Arc<Prompts>>,
    /// The recorder; none by default, and `start recording` is refused then.
    pub recordings: Option<Arc<Recordings>>,
    /// The recordings that can be played; none by default, and `play media` of a recording is refused then.
    pub playbacks: Option<Arc<Playbacks>>,
}

impl Default for ControllerConfig {
    fn default() -> Self {
        Self {
            delete_delay: Duration::ZERO,
            tos: 184,
            digit_log: None,
            unix_at_zero: Duration::ZERO,
            max_calls: 100_000,
            room_members: 20,
            settle_within: Duration::from_millis(200),
            prompts: None,
            recordings: None,
            playbacks: None,
        }
    }
}

type Shared = Arc<Mutex<CallState>>;

/// Carries out the requests of the ng protocol at an engine.
#[derive(Debug)]
pub struct Controller {
    engine: Engine,
    config: ControllerConfig,
    calls: Mutex<Calls>,
    totals: Mutex<Totals>,
    /// Until when no worker is waited for: one was not in time.
    slow_until: Mutex<Time>,
    report_sockets: ReportSockets,
}

impl Controller {
    /// A controller of this engine. The engine's events are to be given to [`Controller::handle_event`].
    #[must_use]
    pub fn new(engine: Engine, config: ControllerConfig) -> Self {
        Self {
            engine,
            config,
            calls: Mutex::default(),
            totals: Mutex::default(),
            slow_until: Mutex::new(Time::ZERO),
            report_sockets: ReportSockets::default(),
        }
    }

    /// Takes one of the engine's events: a call that ended is forgotten, one that a worker could not serve is ended, and what
    /// was played to its end gives way to what its listener heard before.
    pub fn handle_event(&self, event: &Event) {
        if let Event::CommandFailed { call, error } = event
            && is_final(error)
            && let Some(call) = self.engine.call(*call)
        {
            // Its party has been given ports that nobody serves.
            let _ = call.end();
        }
        if let Event::KeyPressed { call, leg, press, .. } = event {
            self.key_pressed(*call, *leg, press);
        }
        if let Event::CallAnalysed { call, tap, analysis, .. } = event {
            self.analysed(*call, *tap, analysis);
        }
        if let Event::Speech { call, tap, speaks, at, .. } = event {
            self.spoken(*call, *tap, *speaks, *at);
        }
        if let Event::PlayerFinished { call, player, end, position } = event {
            self.player_ended(*call, *player, *end, *position);
        }
        if let Event::Room { call, room, report } = event {
            self.room_reported(*call, *room, *report);
        }
        if let Event::MediaTimeout { call, leg, .. } = event {
            self.link_changed(*call, *leg, true);
        }
        if let Event::MediaResumed { call, leg } = event {
            self.link_changed(*call, *leg, false);
        }
        let Event::CallEnded { call, reason, statistics } = event else { return };
        lock(&self.totals).call_ended(*reason, statistics);
        if let Some(recordings) = self.config.recordings.as_deref() {
            recordings.call_ended(*call, &By::itself(&reason.to_string()), statistics);
        }
        let mut calls = lock(&self.calls);
        let Some(id) = calls.by_engine.remove(call) else { return };
        let state = calls.by_id.get(&id).map(Arc::clone);
        drop(calls);
        // The call-id may stand for a later call already.
        let Some(state) = state else { return };
        let same = lock(&state).call.id() == *call;
        if same && *reason == EndReason::Shed {
            self.shed(&lock(&state), statistics.age);
        }
        if same {
            self.forget(&state);
        }
    }

    /// Calls that are kept.
    #[must_use]
    pub fn calls(&self) -> usize {
        lock(&self.calls).by_engine.len()
    }

    /// Figures since the start. Reads counters only; no worker is asked.
    #[must_use]
    pub fn figures(&self) -> ControllerFigures {
        let calls = self.calls();
        lock(&self.totals).figures(calls)
    }

    fn query(&self, now: Time, request: &Request) -> Result<Reply, NgError> {
        let state = request.call_id.as_ref().and_then(|id| self.find(id)).ok_or(NgError::UnknownCall)?;
        let tags = [request.from_tag.as_ref(), request.to_tag.as_ref()];
        let view = report::View::of(&lock(&state), request.call_id.as_ref(), tags);
        Ok(view.reply(Reply::ok(), now, &self.config))
    }

    fn list(&self, request: &Request) -> Reply {
        let limit = request.options.limit.unwrap_or(32);
        report::list(lock(&self.calls).by_id.keys().take(limit))
    }

    fn work<'a>(&self, call: &'a CallState, options: &Options) -> Work<'a> {
        let mut warnings = options.bad_values.clone();
        warnings.extend(options.manipulation.refused.iter().cloned());
        if options.sdes.weakens() {
            warnings.push("srtp without encryption or authentication is not supported".to_owned());
        }
        warnings.extend(options.not_done.iter().map(|what| format!("{what} is not supported")));
        Work {
            call: &call.call,
            opened: Vec::new(),
            outcomes: Outcomes::default(),
            warnings,
            default_dscp: self.config.tos >> 2,
        }
    }

    fn carry_out(&self, now: Time, request: &Request) -> Result<Reply, NgError> {
        self.prioritise(request);
        match request.command {
            Command::Ping => Ok(Reply::pong()),
            Command::Offer => {
                self.may_record(request)?;
                let done = self.offer(now, request)?;
                self.settle(now, request, self.record_call(now, request, done)?)
            }
            Command::Answer => {
                self.may_record(request)?;
                let done = self.answer(now, request)?;
                self.settle(now, request, self.record_call(now, request, done)?)
            }
            Command::Delete => self.delete(now, request),
            Command::Query => self.query(now, request),
            Command::List => Ok(self.list(request)),
            Command::Statistics => Ok(self.statistics(now, request)),
            Command::Publish => self.settle(now, request, self.publish(now, request)?),
            Command::SubscribeRequest => self.settle(now, request, self.subscribe_request(now, request)?),
            Command::SubscribeAnswer => self.settle(now, request, self.subscribe_answer(now, request)?),
            Command::Unsubscribe => self.settle(now, request, self.unsubscribe(now, request)?),
            Command::Connect => self.settle(now, request, self.connect(now, request)?),
            Command::Mesh => self.settle(now, request, self.mesh(now, request)?),
            Command::GateMedia { gate, on } => {
                self.settle(now, request, self.gate_media(now, request, gate, on)?)
            }
            Command::GateDigits { on } => self.settle(now, request, self.gate_digits(now, request, on)?),
            Command::PlayMedia => self.settle(now, request, self.play_media(now, request)?),
            Command::StopMedia => self.stop_media(now, request),
            Command::PauseMedia { on } => self.settle(now, request, self.pause_media(now, request, on)?),
            Command::SeekMedia => self.seek_media(now, request),
            Command::PlayDigits => self.settle(now, request, self.play_digits(now, request)?),
            Command::StartRecording => self.settle(now, request, self.start_recording(now, request)?),
            Command::StopRecording { pause } => {
                self.settle(now, request, self.stop_recording(now, request, pause)?)
            }
            Command::StartAnalysis => self.settle(now, request, self.start_analysis(now, request)?),
            Command::StopAnalysis => self.stop_analysis(now, request),
            Command::Conference(command) => self.conference(now, request, command),
            Command::Why => self.why(request),
            Command::Log => Err(NgError::Unsupported { what: "log".to_owned() }),
            Command::Unsupported(what) => Err(NgError::Unsupported { what: what.to_owned() }),
        }
    }
}

impl Controller {
    /// The description of a request; `None` for an empty one, which asks for nothing. Refused where it names an address
    /// that media may not be sent to.
    fn read_sdp(&self, request: &Request) -> Result<Option<Received>, NgError> {
        let Some(bytes) = &request.sdp else { return Err(NgError::MissingKey { key: "sdp" }) };
        if bytes.is_empty() {
            return Ok(None);
        }
        let Received { sdp, around } = Received::parse(bytes)?;
        if sdp.media.is_empty() {
            return Err(NgError::NoMedia);
        }
        for (index, section) in sdp.media.iter().enumerate() {
            if let Some(remote) = remote_address(&sdp, index, section, &request.options)? {
                self.engine.check_remote(remote)?;
            }
        }
        Ok(Some(Received { sdp, around }))
    }
}

impl Handler for Controller {
    fn handle(&self, now: Time, request: Request) -> Reply {
        self.poll(now);
        if request.options.dry_run {
            return self.dry_run(now, &request).unwrap_or_else(|error| {
                log::refused(&request, &error);
                error.into()
            });
        }
        let result = self.carry_out(now, &request);
        let mut totals = lock(&self.totals);
        totals.request(now, &request, result.is_err());
        if result.as_ref().is_err_and(log::is_load_limit) {
            totals.rejected(&request.command);
        }
        drop(totals);
        match result {
            Ok(reply) => {
                log::ignored(&request, &reply);
                reply
            }
            Err(error) => {
                log::refused(&request, &error);
                let is_full = log::is_load_limit(&error);
                if is_full && request.options.load_limit {
                    Reply::load_limit(error.to_string())
                } else {
                    error.into()
                }
            }
        }
    }
}

fn reply(sdp: SecretBytes, warnings: Vec<String>) -> Reply {
    let reply = Reply::ok().with("sdp", sdp);
    if warnings.is_empty() { reply } else { reply.with("warning", warnings.join(", ")) }
}

/// Locks; what a panicking thread left is whole, since changes are made to copies and put in place at once.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
