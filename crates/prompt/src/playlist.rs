//! What is played: prompts in order, how often, how loud.

use std::sync::Arc;
use std::time::Duration;

use crate::prompt::Prompt;

/// A prompt, or a part of it.
#[derive(Debug, Clone)]
pub struct Item {
    /// What is played.
    pub prompt: Arc<Prompt>,
    /// Where it begins.
    pub start: Duration,
    /// Where it ends; `None` for its end.
    pub end: Option<Duration>,
}

impl Item {
    /// All of a prompt.
    #[must_use]
    pub const fn whole(prompt: Arc<Prompt>) -> Self {
        Self { prompt, start: Duration::ZERO, end: None }
    }
}

/// How often the items of a playlist are played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Repeat {
    /// How many times in all; `None` without end. 0 plays nothing.
    pub times: Option<u32>,
    /// For how long at most, pauses included; `None` without end.
    pub duration: Option<Duration>,
}

impl Repeat {
    /// Once.
    pub const ONCE: Self = Self { times: Some(1), duration: None };
    /// Without end.
    pub const FOREVER: Self = Self { times: None, duration: None };
}

/// Prompts in order, without a gap between them unless one is asked for.
#[derive(Debug, Clone)]
pub struct Playlist {
    /// What is played.
    pub items: Vec<Item>,
    /// How often.
    pub repeat: Repeat,
    /// Where in the items' time playing begins, the first time.
    pub start: Duration,
    /// Silence between items, and between the last and the first.
    pub pause: Duration,
    /// In decibels, -90 to 24; 0 leaves samples as they are.
    pub volume_db: f32,
    /// For how long the volume rises at the beginning.
    pub fade_in: Duration,
    /// For how long it falls before the end, where that is known.
    pub fade_out: Duration,
    /// Fills the last 20 ms of each item with silence, so that the next one begins a frame and needs no encoding. A gap of
    /// up to 19 ms.
    pub align: bool,
}

impl Playlist {
    /// The prompts once, as loud as they are.
    #[must_use]
    pub fn of(prompts: impl IntoIterator<Item = Arc<Prompt>>) -> Self {
        Self {
            items: prompts.into_iter().map(Item::whole).collect(),
            repeat: Repeat::ONCE,
            start: Duration::ZERO,
            pause: Duration::ZERO,
            volume_db: 0.0,
            fade_in: Duration::ZERO,
            fade_out: Duration::ZERO,
            align: false,
        }
    }

    /// What it is, with names in place of prompts.
    #[must_use]
    pub fn state(&self) -> PlaylistState {
        let item =
            |item: &Item| ItemState { name: item.prompt.name().to_owned(), start: item.start, end: item.end };
        PlaylistState {
            items: self.items.iter().map(item).collect(),
            repeat: self.repeat,
            start: self.start,
            pause: self.pause,
            volume_db: self.volume_db,
            fade_in: self.fade_in,
            fade_out: self.fade_out,
            align: self.align,
        }
    }

    /// The playlist that a state is of; `find` gives the prompts by name. `None` where one is not to be had.
    #[must_use]
    pub fn restored(
        state: &PlaylistState,
        mut find: impl FnMut(&str) -> Option<Arc<Prompt>>,
    ) -> Option<Self> {
        let item =
            |item: &ItemState| Some(Item { prompt: find(&item.name)?, start: item.start, end: item.end });
        Some(Self {
            items: state.items.iter().map(item).collect::<Option<_>>()?,
            repeat: state.repeat,
            start: state.start,
            pause: state.pause,
            volume_db: state.volume_db,
            fade_in: state.fade_in,
            fade_out: state.fade_out,
            align: state.align,
        })
    }
}

/// A playlist with names in place of prompts.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PlaylistState {
    /// What is played.
    pub items: Vec<ItemState>,
    /// As in [`Playlist`].
    pub repeat: Repeat,
    /// As in [`Playlist`].
    pub start: Duration,
    /// As in [`Playlist`].
    pub pause: Duration,
    /// As in [`Playlist`].
    pub volume_db: f32,
    /// As in [`Playlist`].
    pub fade_in: Duration,
    /// As in [`Playlist`].
    pub fade_out: Duration,
    /// As in [`Playlist`].
    pub align: bool,
}

/// An item with a name in place of its prompt.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ItemState {
    /// The prompt's name.
    pub name: String,
    /// As in [`Item`].
    pub start: Duration,
    /// As in [`Item`].
    pub end: Option<Duration>,
}
