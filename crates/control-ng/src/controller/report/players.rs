//! What a party is played, as `query` shows it.

use std::time::Duration;

use mediapoint_engine::{CallStatistics, PlayerId, Position};

use super::super::totals::dict;
use crate::call::party::Party;
use crate::call::play::{Hold, Play, PlayedRecording};
use crate::wire::Value;

/// The media that it is played or was played last, and its music on hold.
pub(super) fn of(party: &Party, statistics: &CallStatistics) -> Vec<Value> {
    let place = |player: PlayerId| {
        let found = statistics.players.iter().find(|(known, _)| *known == player);
        found.map(|(_, position)| *position)
    };
    let play = party.play.as_ref().map(|play| media(play, place(play.player)));
    let hold = party.hold.as_ref().map(|hold| music(hold, hold.player.and_then(place)));
    play.into_iter().chain(hold).collect()
}

fn media(play: &Play, now: Option<Position>) -> Value {
    let position = play.ended.map(|(_, position)| position).or(now);
    let mut pairs =
        vec![("type", "media".into()), ("state", state(play).into()), ("duration", millis(play.duration))];
    if let Some(PlayedRecording { id, playback, speed }) = &play.recording {
        let speed = format!("{}.{:03}", speed / 1000, speed % 1000);
        pairs.extend([("recording", id.to_string().into()), ("speed", speed.into())]);
        pairs.extend(playback.failure().map(|reason| ("reason", reason.into())));
    }
    if let Some(position) = position {
        pairs.extend([("position", millis(position.offset)), ("frame", play.frames(position).into())]);
        pairs.push(("played", millis(position.played)));
    }
    Value::Dict(
        pairs.into_iter().map(|(key, value): (&str, Value)| (key.as_bytes().to_vec(), value)).collect(),
    )
}

fn music(hold: &Hold, now: Option<Position>) -> Value {
    let position = now.map(|position| position.offset).unwrap_or_default();
    dict([
        ("type", "hold music".into()),
        ("state", "playing".into()),
        ("duration", millis(hold.music.prompt.duration())),
        ("position", millis(position)),
    ])
}

fn state(play: &Play) -> String {
    match play.ended {
        Some((end, _)) => end.to_string(),
        None if play.paused => "paused".to_owned(),
        None => "playing".to_owned(),
    }
}

fn millis(time: Duration) -> Value {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).into()
}
