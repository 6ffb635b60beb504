//! `mediapoint serve`: the engine, its control port, its log and its end.
//!
//! Order: limits, engine, controller, control ports, and only then "ready"; at the end the same backwards.

pub(crate) mod check;
mod control;
mod events;
mod limits;
mod machine;
mod memory;
mod metrics;
mod notify;
mod playback;
mod ports;
pub(crate) mod recording;
mod reload;
pub(crate) mod secret;
mod shutdown;
mod watchdog;

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use mediapoint_control_ng::listen::Pulse;
use mediapoint_control_ng::{PromptError, Prompts};
use mediapoint_engine::{BuildError, Engine, EventReceiver};

use crate::cli::{FAILED, ServeArguments, UNUSABLE, refuse};
use crate::config::Config;
use crate::config::values::Cores;
use crate::logging::{self, Log};
use control::{Control, ControlError};
use events::EventReader;
use limits::LimitError;
use machine::NotHere;
use metrics::Metrics;
use recording::{RecordingError, RecordingService};
use reload::Reloader;
use shutdown::{Signals, Why};
use watchdog::{Source, Watchdog};

/// Exit code where a second SIGINT ended the server: 128 and the signal's number.
const INTERRUPTED: u8 = 130;

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error(transparent)]
    Limit(#[from] LimitError),
    #[error("cannot start the engine: {0}")]
    Engine(BuildError),
    #[error(transparent)]
    Address(NotHere),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error("cannot listen for signals: {0}")]
    Signals(io::Error),
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    #[error(transparent)]
    Recording(#[from] RecordingError),
    #[error("prompts: {0}")]
    Prompts(PromptError),
    #[error("metrics-listen: cannot listen on {address}: {source}")]
    Metrics { address: SocketAddr, source: io::Error },
}

/// `mediapoint serve`.
pub(crate) fn command(arguments: &ServeArguments) -> ExitCode {
    let config = match Config::load(arguments.settings.clone(), arguments.config.as_deref()) {
        Ok(config) => config,
        Err(error) => return refuse(UNUSABLE, &error),
    };
    let log = match logging::start(&config.log, config.log_format) {
        Ok(log) => log,
        Err(error) => return refuse(FAILED, &ServeError::Thread(error)),
    };
    match run(arguments, config, &log) {
        Ok(Why::Drained | Why::GraceOver) => ExitCode::SUCCESS,
        Ok(Why::Interrupted) => ExitCode::from(INTERRUPTED),
        Err(error) => {
            // Whoever started the program has to see why it ended, even where the log is off.
            if tracing::enabled!(tracing::Level::ERROR) {
                tracing::error!("{error}");
                return ExitCode::from(FAILED);
            }
            refuse(FAILED, &error)
        }
    }
}

fn run(arguments: &ServeArguments, config: Config, log: &Log) -> Result<Why, ServeError> {
    let signals = Signals::listen().map_err(ServeError::Signals)?;
    let memory = memory::protect(config.danger_core_dumps);
    let limits = limits::raise(&config)?;
    limits::warn_of_scarce(&config, limits);
    ports::warn_of_shared(&config.ports);
    let built = build(&config, limits.max_legs);
    let (engine, events) = built.map_err(|error| match NotHere::of(&error) {
        Some(refusal) => ServeError::Address(refusal),
        None => ServeError::Engine(error),
    })?;
    let prompts = Arc::new(Prompts::new(config.prompts.to_config()).map_err(ServeError::Prompts)?);
    let recording = config.recording.as_ref().map(RecordingService::start).transpose()?;
    let recordings = recording.as_ref().map(RecordingService::recordings);
    let playbacks = recording.as_ref().and_then(RecordingService::playbacks);
    let control = Control::start(&engine, &config, log, &prompts, (recordings, playbacks))?;
    if let Some(recording) = &recording {
        recording.end_calls_by(control.controller().downgrade());
    }
    let events =
        EventReader::start(events, control.controller(), signals.waker()).map_err(ServeError::Thread)?;
    let metrics = match config.metrics_listen {
        None => None,
        Some(address) => {
            let started = Metrics::start(address, &control.metrics(&engine));
            Some(Arc::new(started.map_err(|source| ServeError::Metrics { address, source })?))
        }
    };
    let watched = metrics.clone();
    let sources: Vec<Source> = vec![
        Box::new(move || watched.iter().flat_map(|metrics| metrics.pulses()).collect()),
        Box::new(control.pulse()),
        Box::new(events.pulse()),
        Box::new(signals.pulse()),
        Box::new(engine_pulse(&engine)),
        Box::new(log.pulse()),
    ];
    let watchdog = Watchdog::start(sources).map_err(ServeError::Thread)?;
    announce(&config, &control, &limits, memory);
    if let Some(metrics) = &metrics {
        tracing::info!(address = %metrics.address(), "metrics at /metrics");
    }
    // Whoever waits for "ready" may read the log then.
    log.flush();
    notify::ready(control.datagrams(), control.streams(), metrics.as_ref().map(|metrics| metrics.address()));
    let (access, guard) = control.access();
    let mut reloader = Reloader::new(arguments, config, log.level(), access, guard);
    let why = shutdown::wait(&engine, &signals, &mut reloader);
    notify::stopping();
    // From here on threads end because they are told to.
    drop(watchdog);
    drop(metrics);
    // Nobody can start a call any more; then the engine ends those that are left, and what it tells is still read.
    drop(control);
    engine.shutdown();
    events.finish();
    if let Some(recording) = recording {
        recording.finish();
    }
    tracing::info!(reason = why.as_str(), "stopped");
    Ok(why)
}

/// Signs of life of the engine's threads, from its figures.
fn engine_pulse(engine: &Engine) -> impl Fn() -> Vec<Pulse> + Send + use<> {
    let engine = engine.clone();
    move || {
        let load = engine.load();
        let workers = load.workers.iter().enumerate().map(|(number, worker)| Pulse {
            name: format!("media-{number}"),
            rounds: u64::try_from(worker.cpu.as_nanos()).unwrap_or(u64::MAX),
            ended: false,
        });
        let supervisor = Pulse { name: "supervisor".to_owned(), rounds: load.rounds, ended: false };
        workers.chain([supervisor]).collect()
    }
}

fn build(config: &Config, max_legs: usize) -> Result<(Engine, EventReceiver), BuildError> {
    let mut builder = Engine::builder()
        .workers(config.workers)
        .ports(config.ports.clone())
        .tick(config.tick)
        .realtime_priority(config.realtime_priority)
        .packet_backend(config.io)
        .kernel_forwarding(config.forward)
        .budget(config.budget)
        .load_marks(config.load_marks.clone())
        .shed(config.shed)
        .shed_late(config.shed_late)
        .shed_after(config.shed_after)
        .prices(config.points.prices)
        .max_legs(max_legs)
        .media_timeout(config.media_timeout)
        .hold_timeout(config.hold_timeout)
        .remotes(config.remotes());
    for interface in &config.interfaces {
        builder = builder.interface(interface.clone());
    }
    match &config.cores {
        Cores::Auto => builder,
        Cores::Free => builder.pin(false),
        Cores::Listed(cores) => builder.cores(cores.clone()),
    }
    .build()
}

/// Says what runs where.
fn announce(config: &Config, control: &Control, limits: &limits::Limits, memory: memory::Protection) {
    let interfaces: Vec<String> = config.interfaces.iter().map(interface_text).collect();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        ng = %control.datagrams(),
        ng_tcp = control.streams().map(tracing::field::display),
        ng_secret = config.ng_secret_file.is_some(),
        interfaces = interfaces.join(" "),
        ports = format!("{}-{}", config.ports.start(), config.ports.end()),
        workers = config.workers,
        cores = %config.cores,
        tick_us = u64::try_from(config.tick.as_micros()).unwrap_or(u64::MAX),
        points_per_worker = %config.budget,
        legs_per_worker = limits.max_legs,
        open_files = limits.open_files,
        memory = %memory,
        "serving"
    );
    match &config.points.path {
        Some(path) => {
            tracing::info!(
                file = %path.display(),
                measured = config.points.measured.summary().as_deref().unwrap_or("unknown"),
                "prices of work are those of the file"
            );
            for doubt in machine::doubts(config) {
                tracing::warn!(
                    file = %path.display(),
                    doubt,
                    "prices of work may not hold here: measure with `mediapoint calibrate`"
                );
            }
        }
        None => tracing::info!("prices of work are built in, and not measured on this machine"),
    }
    if machine::is_for_itself(&config.interfaces) {
        tracing::warn!(
            "only this machine will reach the media ports: for parties elsewhere give an address of it, such as --address {}",
            machine::example_for_others()
        );
    }
}

fn interface_text(interface: &mediapoint_engine::Interface) -> String {
    let told = interface.advertised.map(|told| format!("!{told}")).unwrap_or_default();
    format!("{}/{}{told}", interface.name, interface.address)
}
