//! The tests of control-ng that need no process of their own, in one binary: linking is most of their cost.

#[path = "../common/mod.rs"]
mod common;

mod addresses;
mod analysed_calls;
mod blocked_digits;
mod conferences;
mod connections;
mod damaged;
mod dialogs;
mod dry_runs;
mod endpoints;
mod field_descriptions;
mod field_faults;
mod gated_media;
mod hold_music;
mod large_rooms;
mod linked_processes;
mod linked_rooms;
mod long_replies;
mod media;
mod merges;
mod mixed_rooms;
mod mixes;
mod ng_documentation_connect;
mod ng_documentation_publish;
mod ng_documentation_subscribe;
mod overload;
mod played_digits;
mod played_media;
mod played_media_limits;
mod played_recordings;
mod points;
mod publications;
mod recorded_calls;
mod room_media;
mod subscriptions;
mod tones_become_events;
mod transcoding;
