//! Log lines on standard error, as text or JSON.
//!
//! No thread that serves calls ever waits for whoever reads the log: lines go through a bounded queue, and are dropped
//! and counted where it is full. Warnings of one kind are told ten at once, then one a second.

mod filter;
mod level;
mod limiter;
mod queue;

use std::any::Any;
use std::env;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use mediapoint_control_ng::listen::Pulse;
use tracing_subscriber::Layer;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::values::{LogFilter, LogFormat};
use filter::Filter;
pub(crate) use level::{Level, Step};
use queue::Queue;

/// What the log says of itself; never limited.
pub(super) const OWN_TARGET: &str = "mediapoint::log";

/// How long the last lines may take at the end.
const FLUSH_WITHIN: Duration = Duration::from_secs(1);

/// The log while it runs. Dropping it writes what is left, if that takes no longer than a second.
#[derive(Debug)]
pub(crate) struct Log {
    level: Arc<Level>,
    queue: Arc<Queue>,
    writer: Arc<JoinHandle<()>>,
}

impl Log {
    /// What is logged, to be shown and changed.
    pub(crate) fn level(&self) -> Arc<Level> {
        Arc::clone(&self.level)
    }

    /// Waits until what was said is written, for a second at most.
    pub(crate) fn flush(&self) {
        self.queue.flush(FLUSH_WITHIN);
    }

    /// What statistics and the watchdog are told.
    pub(crate) fn figures(&self) -> Figures {
        Figures { filter: Arc::clone(self.level.filter()), queue: Arc::clone(&self.queue) }
    }

    /// A reader of the signs of life of the thread that writes. That it waits for whoever reads the log is no fault.
    pub(crate) fn pulse(&self) -> impl Fn() -> Vec<Pulse> + Send + use<> {
        let (writer, looks) = (Arc::clone(&self.writer), AtomicU64::new(0));
        move || {
            let rounds = looks.fetch_add(1, Ordering::Relaxed);
            vec![Pulse { name: "log".to_owned(), rounds, ended: writer.is_finished() }]
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.queue.finish(FLUSH_WITHIN);
    }
}

/// Figures of the log.
#[derive(Debug, Clone)]
pub(crate) struct Figures {
    filter: Arc<Filter>,
    queue: Arc<Queue>,
}

impl Figures {
    /// Lines that were not written, because nobody read them.
    pub(crate) fn dropped(&self) -> u64 {
        self.queue.dropped()
    }

    /// Warnings that were left out, because there were too many of a kind.
    pub(crate) fn left_out(&self) -> u64 {
        self.filter.limiter().left_out()
    }
}

/// Starts logging.
///
/// # Errors
/// Where the thread that writes cannot be started.
pub(crate) fn start(filter: &LogFilter, format: LogFormat) -> io::Result<Log> {
    let level = Arc::new(Level::new(filter.clone()));
    let filter = Arc::clone(level.filter());
    let queue = Arc::new(Queue::default());
    // A descriptor of its own: the lock of `io::stderr` would be held for as long as nobody reads.
    let out = File::from(io::stderr().as_fd().try_clone_to_owned()?);
    let lines = Arc::clone(&queue);
    let layer = fmt::layer().with_writer(move || queue::Line::new(Arc::clone(&lines)));
    let layer = match format {
        LogFormat::Text => layer.with_ansi(wants_colour()).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    // A second subscriber is refused; the first goes on.
    drop(tracing_subscriber::registry().with(layer).with(filter::Shared(Arc::clone(&filter))).try_init());
    let (to_write, limited) = (Arc::clone(&queue), filter);
    let writer = std::thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || to_write.write_to(out, || limited.limiter().report_left_out()))?;
    log_panics();
    Ok(Log { level, queue, writer: Arc::new(writer) })
}

/// Colours are for terminals, unless somebody does not want them (`NO_COLOR`, with any value but an empty one).
fn wants_colour() -> bool {
    let is_unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal() && !is_unwanted
}

/// A panic is a line of the log: written to standard error, it would wait for the reader.
fn log_panics() {
    panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = text_of(panic.payload());
        tracing::error!(thread = thread.name(), place, message, "a thread panicked");
    }));
}

fn text_of(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or_default()
}
