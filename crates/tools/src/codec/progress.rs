//! The bar that shows that long work goes on; nothing where standard error is no terminal, or the work is short.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::input::Count;

/// Work that ends within this shows no bar.
const SHORT: Duration = Duration::from_millis(500);
/// How often the bar is drawn.
const REDRAW: Duration = Duration::from_millis(100);

/// How far the reading of an input is.
pub(super) struct Progress {
    what: &'static str,
    bar: Option<ProgressBar>,
    shown: bool,
    len: Option<u64>,
    count: Count,
    next: Instant,
}

impl Progress {
    /// Shows nothing yet.
    pub(super) fn new(what: &'static str, shown: bool, len: Option<u64>, count: Count) -> Self {
        Self { what, bar: None, shown, len, count, next: Instant::now() + SHORT }
    }

    /// Draws, if it is time.
    pub(super) fn tick(&mut self) {
        let now = Instant::now();
        if !self.shown || now < self.next {
            return;
        }
        self.next = now + REDRAW;
        let (what, len) = (self.what, self.len);
        let bar = self.bar.get_or_insert_with(|| bar(what, len));
        bar.set_position(self.count.get());
    }

    /// Takes the bar away.
    pub(super) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

fn bar(what: &'static str, len: Option<u64>) -> ProgressBar {
    let (bar, template) = match len {
        Some(len) => (ProgressBar::new(len), "{msg:10} {bar:40} {percent:>3} %, {eta} left"),
        None => (ProgressBar::new_spinner(), "{msg:10} {bytes} read, {elapsed}"),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.with_message(what)
}
