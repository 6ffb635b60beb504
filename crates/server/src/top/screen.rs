//! The terminal: draws the model, reads keys, and is left as it was found.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::text::Text;
use signal_hook::consts::{SIGHUP, SIGTERM};

use super::model::{Key, Model};
use super::{Asked, view};

/// How long a key may wait at most, and new figures.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Shows figures as they come until a key or a signal ends it.
pub(super) fn run(mut model: Model, asked: &Receiver<Asked>) -> io::Result<()> {
    let ended = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&ended))?;
    }
    // https://no-color.org: any text but an empty one.
    let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let mut terminal = ratatui::try_init()?;
    let shown = (|| {
        while !ended.load(Ordering::Relaxed) {
            terminal.draw(|frame| draw(frame, &model, colour))?;
            if pressed()?.is_some_and(|key| model.press(key)) {
                return Ok(());
            }
            loop {
                match asked.try_recv() {
                    Ok(figures) => model.take(figures),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return Err(io::ErrorKind::BrokenPipe.into()),
                }
            }
        }
        Ok(())
    })();
    ratatui::try_restore().and(shown)
}

/// Draws the model on all of the screen.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, colour: bool) {
    let area = frame.area();
    frame.render_widget(Text::from(view::lines(model, (area.width, area.height), colour)), area);
}

/// Waits for a key for a moment. One that means nothing, or another size of the screen, ends the wait, too.
fn pressed() -> io::Result<Option<Key>> {
    if !event::poll(LOOK_EVERY)? {
        return Ok(None);
    }
    Ok(match event::read()? {
        Event::Key(key) if key.kind == KeyEventKind::Press => meaning(key),
        _ => None,
    })
}

/// What a key means.
fn meaning(key: KeyEvent) -> Option<Key> {
    // In this mode of the terminal the system makes no signal of it.
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return (key.code == KeyCode::Char('c')).then_some(Key::Quit);
    }
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => Some(Key::Quit),
        KeyCode::Char('s') => Some(Key::Sort),
        KeyCode::Char('p' | ' ') => Some(Key::Pause),
        _ => None,
    }
}
