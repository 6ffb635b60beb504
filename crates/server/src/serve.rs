//! `mediapoint serve`: the engine, its control port, its log and its end.
//!
//! Order: limits, engine, controller, control ports, and only then "ready"; at the end the same backwards.

mod control;
mod events;
mod limits;
mod notify;
mod shutdown;

use std::process::ExitCode;

use mediapoint_engine::{BuildError, Engine, EventReceiver};

use crate::cli::{FAILED, ServeArguments, UNUSABLE, refuse};
use crate::config::Config;
use crate::config::values::Cores;
use crate::logging;
use control::{Control, ControlError};
use events::EventReader;
use limits::LimitError;
use shutdown::{Signals, Why};

/// Exit code where a second SIGINT ended the server: 128 and the signal's number.
const INTERRUPTED: u8 = 130;

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error(transparent)]
    Limit(#[from] LimitError),
    #[error("cannot start the engine: {0}")]
    Engine(#[from] BuildError),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error("cannot listen for signals: {0}")]
    Signals(std::io::Error),
    #[error("cannot start the thread that reads events: {0}")]
    Events(std::io::Error),
}

/// `mediapoint serve`.
pub(crate) fn command(arguments: &ServeArguments) -> ExitCode {
    let config = match Config::load(arguments.settings.clone(), arguments.config.as_deref()) {
        Ok(config) => config,
        Err(error) => return refuse(UNUSABLE, &error),
    };
    logging::start(&config.log, config.log_format);
    match run(&config) {
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

fn run(config: &Config) -> Result<Why, ServeError> {
    let signals = Signals::listen().map_err(ServeError::Signals)?;
    let limits = limits::raise(config)?;
    let (engine, events) = build(config, limits.max_legs)?;
    let control = Control::start(&engine, config)?;
    let events =
        EventReader::start(events, control.controller(), signals.waker()).map_err(ServeError::Events)?;
    announce(config, &control, &limits);
    let why = shutdown::wait(&engine, &signals, config.grace);
    notify::stopping();
    // Nobody can start a call any more; then the engine ends those that are left, and what it tells is still read.
    drop(control);
    engine.shutdown();
    events.finish();
    tracing::info!(reason = why.as_str(), "stopped");
    Ok(why)
}

fn build(config: &Config, max_legs: usize) -> Result<(Engine, EventReceiver), BuildError> {
    let mut builder = Engine::builder()
        .workers(config.workers)
        .ports(config.ports.clone())
        .tick(config.tick)
        .budget(config.budget)
        .max_legs(max_legs)
        .media_timeout(config.media_timeout)
        .hold_timeout(config.hold_timeout);
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

/// Says what runs where, to the log and to a service manager.
fn announce(config: &Config, control: &Control, limits: &limits::Limits) {
    let interfaces: Vec<String> = config.interfaces.iter().map(interface_text).collect();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        ng = %control.udp(),
        ng_tcp = control.tcp().map(tracing::field::display),
        interfaces = interfaces.join(" "),
        ports = format!("{}-{}", config.ports.start(), config.ports.end()),
        workers = config.workers,
        cores = %config.cores,
        tick_us = u64::try_from(config.tick.as_micros()).unwrap_or(u64::MAX),
        points_per_worker = %config.budget,
        legs_per_worker = limits.max_legs,
        open_files = limits.open_files,
        "serving"
    );
    notify::ready(control.udp(), control.tcp());
}

fn interface_text(interface: &mediapoint_engine::Interface) -> String {
    let told = interface.advertised.map(|told| format!("!{told}")).unwrap_or_default();
    format!("{}/{}{told}", interface.name, interface.address)
}
