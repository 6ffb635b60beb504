//! The bar that shows a long run going on; nothing where standard error is no terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use mediapoint_packet::Time;

/// How often the bar is drawn, seldom enough not to be seen in the figures.
const REDRAW: Duration = Duration::from_millis(250);

pub(super) struct Progress {
    bar: ProgressBar,
    start: Time,
    next: Time,
}

impl Progress {
    /// A bar over `total` that begins at `start`.
    pub(super) fn new(shown: bool, start: Time, total: Duration) -> Self {
        let bar = if shown { ProgressBar::new(millis(total)) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{msg:10} {bar:40} {percent:>3} %") {
            bar.set_style(style);
        }
        Self { bar, start, next: start }
    }

    /// Names what is going on.
    pub(super) fn phase(&self, name: &'static str) {
        self.bar.set_message(name);
    }

    /// Draws, if it is time.
    pub(super) fn tick(&mut self, now: Time) {
        if now >= self.next {
            self.bar.set_position(millis(now.since(self.start)));
            self.next = now + REDRAW;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
