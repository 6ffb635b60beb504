//! Log lines on standard error, as text or JSON.

use std::io;

use tracing_subscriber::Layer;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::values::{LogFilter, LogFormat};

/// Starts logging; does nothing where it was started before.
pub(crate) fn start(filter: &LogFilter, format: LogFormat) {
    let layer = fmt::layer().with_writer(io::stderr);
    let layer = match format {
        LogFormat::Text => layer.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    // A second subscriber is refused; the first goes on.
    drop(tracing_subscriber::registry().with(layer.with_filter(filter.targets())).try_init());
}
