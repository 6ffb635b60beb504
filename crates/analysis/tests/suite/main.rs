//! Tests of call analysis by its public interface.

mod calls;
#[path = "../../examples/amd/prompts.rs"]
mod prompts;
mod signal;
mod tones;
mod voice;
