//! The lines of the screen for any size of it.

use std::time::Duration;

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

use super::figures::{LongCall, Milli, Worker};
use super::model::Model;

/// Shares of a budget from which on it is yellow, and red.
const MARKS: (f64, f64) = (0.80, 0.95);
/// Columns below which only the most important is shown.
const NARROW: u16 = 64;
/// Columns of a kind of work with its points.
const KIND: usize = 26;

/// The lines, as many as there is room for; the last one is the help.
pub(super) fn lines(model: &Model, (width, height): (u16, u16), colour: bool) -> Vec<Line<'static>> {
    let view = View { model, width: usize::from(width), narrow: width < NARROW, colour };
    let height = usize::from(height);
    let mut out = view.head();
    let kinds = view.kinds((height / 5).max(1));
    // Three calls with their title, the kinds and the help have their place whatever workers there are.
    let room = height.saturating_sub(out.len() + kinds.len() + 6).max(1);
    out.extend(view.workers(room));
    out.extend(kinds);
    let left = height.saturating_sub(out.len() + 1);
    out.extend(view.calls(left));
    out.truncate(height.saturating_sub(1));
    out.push(view.help());
    out
}

struct View<'a> {
    model: &'a Model,
    width: usize,
    narrow: bool,
    colour: bool,
}

impl View<'_> {
    fn styled(&self, text: impl Into<String>, colour: Color) -> Span<'static> {
        let style = if self.colour { Style::new().fg(colour) } else { Style::new() };
        Span::styled(text.into(), style)
    }

    fn title(&self, text: &str) -> Line<'static> {
        let style = if self.colour { Style::new().add_modifier(Modifier::BOLD) } else { Style::new() };
        Line::from(Span::styled(self.cut(text), style))
    }

    /// A text that fits the line.
    fn cut(&self, text: &str) -> String {
        text.chars().take(self.width).collect()
    }

    /// The server as a whole.
    fn head(&self) -> Vec<Line<'static>> {
        let figures = &self.model.figures;
        let rates = self.model.rates.clone().unwrap_or_default();
        let (used, free) = (figures.sum(|worker| worker.used), figures.sum(|worker| worker.free));
        let budget = figures.sum(|worker| worker.budget);
        let state = match (&self.model.error, self.model.paused) {
            (Some(error), _) => self.styled(format!("  {error}"), Color::Red),
            (None, true) => self.styled("  paused", Color::Yellow),
            (None, false) => Span::default(),
        };
        let title = format!("mediapoint {}  up {}", self.model.target, clock(figures.uptime));
        let mut title = self.title(&title);
        title.push_span(state);
        let calls = format!(
            "calls {}  ended {:.1}/s  no room {:.1}/s  refused {:.1}/s  rooms {}  recordings {}",
            figures.calls, rates.ended, rates.rejected, rates.errors, figures.rooms, figures.recordings
        );
        let lost = match rates.received > 0.0 {
            true => rates.dropped / rates.received * 100.0,
            false => 0.0,
        };
        let packets = format!(
            "packets in {:.0}/s  out {:.0}/s  lost {:.0}/s ({lost:.2} %)",
            rates.received, rates.sent, rates.dropped
        );
        let used_share = share(used, budget) * 100.0;
        let short = format!("points {} of {} ({used_share:.1} %)", points(used), points(budget));
        let configured = figures.sum(|worker| worker.configured);
        let cut =
            if configured > budget { format!("  cut from {}", points(configured)) } else { String::new() };
        let points = if self.narrow { short } else { format!("{short}  free {}{cut}", points(free)) };
        let mut lines = vec![title];
        if self.narrow {
            let short =
                format!("calls {}  rooms {}  rec {}", figures.calls, figures.rooms, figures.recordings);
            let packets =
                format!("in {:.0}/s out {:.0}/s lost {:.0}/s", rates.received, rates.sent, rates.dropped);
            lines.extend([short, packets, points].map(|text| Line::from(self.cut(&text))));
        } else {
            lines.extend([calls, packets, points].map(|text| Line::from(self.cut(&text))));
        }
        lines
    }

    /// The workers, `room` lines at most beside their title.
    fn workers(&self, room: usize) -> Vec<Line<'static>> {
        let workers = &self.model.figures.workers;
        let title = match self.narrow {
            true => format!("core {:<13}{:>7}", "points", "used"),
            false => format!(
                "core {:<24}{:>7}  {:<20}{:>5}{:>5}{:>6}{}",
                "points",
                "used",
                "core time",
                "busy",
                "late",
                "calls",
                if workers.iter().any(is_cut) { "   cut" } else { "" }
            ),
        };
        let mut lines = vec![Line::default(), self.title(&title)];
        let shown = if workers.len() > room { room.saturating_sub(1) } else { workers.len() };
        let busy = |at: usize| self.model.rates.as_ref().and_then(|rates| rates.busy.get(at).copied());
        lines
            .extend(workers.iter().enumerate().take(shown).map(|(at, worker)| self.worker(worker, busy(at))));
        let more = workers.len() - shown;
        if more > 0 {
            lines.push(Line::from(format!("     and {more} more")));
        }
        lines
    }

    fn worker(&self, worker: &Worker, busy: Option<f64>) -> Line<'static> {
        let used = share(worker.used, worker.budget);
        let number = Span::raw(format!("{:>4} ", worker.number));
        let percent = Span::raw(format!(" {:>5.1}%", used * 100.0));
        if self.narrow {
            return Line::from(vec![number, self.bar(used, 13), percent]);
        }
        let cpu = busy.map_or_else(|| "    -".to_owned(), |busy| format!("{:>4.0}%", busy * 100.0));
        let late = match worker.late.is_zero() {
            true => Span::raw(format!("{:>5}", "-")),
            false => self.styled(format!("{:>3}ms", worker.late.as_millis()), Color::Red),
        };
        let calls = Span::raw(format!(" {:>5}", worker.calls));
        let left = share(worker.budget, worker.configured);
        let cut = match is_cut(worker) {
            true => self.styled(format!("{:>5.0}%", (left - 1.0) * 100.0), Color::Red),
            false => Span::default(),
        };
        Line::from(vec![
            number,
            self.bar(used, 24),
            percent,
            Span::raw("  "),
            self.bar(busy.unwrap_or_default(), 20),
            Span::raw(cpu),
            late,
            calls,
            cut,
        ])
    }

    /// A bar of so many columns.
    fn bar(&self, share: f64, columns: u8) -> Span<'static> {
        let filled = (0..columns).filter(|at| (f64::from(*at) + 0.5) / f64::from(columns) < share).count();
        let (yellow, red) = MARKS;
        let colour = match share {
            share if share >= red => Color::Red,
            share if share >= yellow => Color::Yellow,
            _ => Color::Green,
        };
        let columns = usize::from(columns);
        self.styled(format!("{}{}", "#".repeat(filled), ".".repeat(columns - filled)), colour)
    }

    /// The kinds of work, as many beside one another as fit, in `rows` lines at most beside their title.
    fn kinds(&self, rows: usize) -> Vec<Line<'static>> {
        let kinds = &self.model.figures.kinds;
        let mut lines = vec![Line::default(), self.title("points by kind")];
        if kinds.is_empty() {
            lines.push(Line::from(" none used"));
        }
        let used = kinds.iter().map(|(_, points)| points).sum();
        let cells = kinds.iter().map(|(kind, spent)| {
            let percent = share(*spent, used) * 100.0;
            format!(" {kind:<10} {:>7} {percent:>3.0}% ", points(*spent))
        });
        let cells: Vec<String> = cells.collect();
        let columns = (self.width / KIND).max(1);
        lines.extend(
            cells.chunks(columns).take(rows).map(|row| Line::from(self.cut(row.concat().trim_end()))),
        );
        lines
    }

    /// The calls, `room` lines at most with their title.
    fn calls(&self, room: usize) -> Vec<Line<'static>> {
        let calls = self.model.calls();
        let title = match self.narrow {
            true => "    age  points  longest calls".to_owned(),
            false => format!("     age parties  points core  longest calls, by {}", self.model.sort.name()),
        };
        let mut lines = vec![Line::default(), self.title(&title)];
        lines.extend(calls.into_iter().map(|call| self.call(call)));
        lines.truncate(room);
        lines
    }

    fn call(&self, call: &LongCall) -> Line<'static> {
        let LongCall { id, parties, worker, .. } = call;
        let (age, points) = (clock(call.age), points(call.points));
        let text = match self.narrow {
            true => format!("{age:>7} {points:>7}  {id}"),
            false => format!("{age:>8} {parties:>7} {points:>7} {worker:>4}  {id}"),
        };
        Line::from(self.cut(&text))
    }

    fn help(&self) -> Line<'static> {
        let text = match self.narrow {
            true => format!("q quit  s sort: {}  p pause", self.model.sort.name()),
            false => format!("q quit   s sort by age, points, parties: {}   p pause", self.model.sort.name()),
        };
        self.title(&text)
    }
}

/// True where a worker may carry less than it was given.
const fn is_cut(worker: &Worker) -> bool {
    worker.budget < worker.configured
}

#[expect(clippy::cast_precision_loss, reason = "shares are shown with three digits")]
fn share(part: Milli, whole: Milli) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Points with one decimal.
fn points(milli: Milli) -> String {
    let tenths = milli.saturating_add(50) / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// A time such as `9s`, `4:09`, `2:04:09`, `3d02h`.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}:{:02}", seconds % 60),
        3600..86_400 => format!("{hours}:{:02}:{:02}", minutes % 60, seconds % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}
