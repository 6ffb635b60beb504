//! Recording of calls: audio that taps deliver becomes a true time line, is compressed as it happens, and goes piece by
//! piece to a sink that seals it.
//!
//! Nothing here runs on a media worker, and nothing here waits for one: what cannot be written in time is silence of the
//! same length, counted and stated as a [`Fact`].

mod format;
mod sink;
mod time_line;

pub use format::{
    Channels, Encoder, EncoderSettings, Format, FormatError, PageError, RepairError, end_of_stream, repair,
};
pub use sink::{
    Chunk, ChunkKind, Fact, FactKind, Finished, Header, LossPlace, RecordingId, RecordingIdError, Sink, Spool,
};
pub use time_line::{Facts, Frame, PushError, TapFrameView, TapState, TimeLine, TimeLineStatistics};
