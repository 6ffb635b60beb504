//! Recording of calls: the reading end of an audio tap is what a recorder reads.

use std::ops::ControlFlow;
use std::time::Duration;

use mediapoint_recorder::{
    AudioSource, Recorder, Recording, RecordingSpec, StartError, TapEnd, TapFrameView,
    TapState as RecorderState,
};

use crate::api::error::CommandError;
use crate::api::id::{LegId, RoomId, TapId};
use crate::api::kind::WorkKind;
use crate::api::pending::Pending;
use crate::api::tap::{AudioTapSpec, Beep, RoomTapSpec, TapSide, TapState};
use crate::runtime::call::Call;
use crate::runtime::streams::TapReader;
use crate::session::tap::audio::{TapChannel, TapFrame};

/// What of a call is recorded, and how.
#[derive(Debug, Clone)]
pub struct CallRecordingSpec {
    /// The leg whose party is recorded, or what that party is sent, or both: a call of two parties by either of its legs.
    pub leg: LegId,
    /// Which of its directions.
    pub side: TapSide,
    /// What stands on the left where the format has two channels and both directions are recorded: what the party is sent, or
    /// what it sends. The other one stands on the right.
    pub left: Left,
    /// Whether silence stands for the audio while a leg of the call has secure input. Without it only digits are kept out.
    pub mask_secure_input: bool,
    /// How much audio may wait for the recorder, 40 ms to 60 s. What does not fit is silence in its place, and a fact.
    pub capacity: Duration,
    /// A beep that tells the parties that they are recorded. It is in the recording where what the leg's party is sent is; a fact
    /// says where.
    pub beep: Option<Beep>,
    /// The file.
    pub file: RecordingSpec,
}

/// The left channel of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Left {
    /// What the leg's party sends: the leg is the agent's.
    #[default]
    Received,
    /// What the leg's party is sent: the leg is the customer's.
    Sent,
}

impl CallRecordingSpec {
    /// Both directions of an agent's leg, the agent on the left, masked under secure input.
    #[must_use]
    pub const fn new(leg: LegId, file: RecordingSpec) -> Self {
        Self {
            leg,
            side: TapSide::Both,
            left: Left::Received,
            mask_secure_input: true,
            capacity: Duration::from_secs(2),
            beep: None,
            file,
        }
    }
}

/// A recording of a call.
#[derive(Debug, Clone)]
pub struct CallRecording {
    /// The tap: [`Call::pause_tap`] pauses the recording, [`Call::remove_tap`] ends it, and so does the end of the leg.
    pub tap: TapId,
    /// The file in the making.
    pub recording: Recording,
}

/// Why a call is not recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The engine refused.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The recorder refused.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The call is one of a dry run: [`Call::tap_recording`] has the price.
    #[error("a dry run records nothing")]
    DryRun,
}

impl Call {
    /// Records a leg. A leg that is forwarded stays forwarded. The worker hands its audio over in a ring and does nothing else:
    /// encoding, encryption and the disk are the recorder's threads'.
    ///
    /// # Errors
    /// [`RecordError::Start`] where the recorder refuses: there is no room on the disk, the file exists, no more recordings may be
    /// made. [`RecordError::Command`] as [`Call::tap_audio`]. Nothing is recorded then.
    pub fn record(
        &self,
        recorder: &Recorder,
        spec: &CallRecordingSpec,
    ) -> Result<(CallRecording, Pending<()>), RecordError> {
        self.check_recorder()?;
        let (tap, reader, outcome) = self.tap_recording(spec)?;
        let source = TapSource::new(reader, spec.left);
        match recorder.start(&spec.file, Box::new(source)) {
            Ok(recording) => Ok((CallRecording { tap, recording }, outcome)),
            Err(refused) => {
                // A call that has ended meanwhile has no tap any more.
                drop(self.remove_tap(tap));
                Err(refused.into())
            }
        }
    }

    /// Adds the tap that [`Call::record`] reads, without a recorder: for whoever reads it themselves, and for dry runs. It counts as a
    /// recording.
    ///
    /// # Errors
    /// As [`Call::tap_audio`].
    pub fn tap_recording(
        &self,
        spec: &CallRecordingSpec,
    ) -> Result<(TapId, TapReader, Pending<()>), CommandError> {
        let tap = AudioTapSpec {
            leg: spec.leg,
            side: spec.side,
            rate: spec.file.rate,
            capacity: spec.capacity,
            mask_secure_input: spec.mask_secure_input,
            beep: spec.beep,
        };
        self.tap_audio_for(tap, WorkKind::Recording)
    }
}

impl Call {
    /// Records the mix of a room: all that its members say, in one channel, whatever `leg`, `side`, `left` and `beep` of the spec are. The
    /// end of the room ends it, too.
    ///
    /// # Errors
    /// As [`Call::record`]; [`RecordError::Command`] as [`Call::tap_room`].
    pub fn record_room(
        &self,
        recorder: &Recorder,
        room: RoomId,
        spec: &CallRecordingSpec,
    ) -> Result<(CallRecording, Pending<()>), RecordError> {
        self.check_recorder()?;
        let tap = RoomTapSpec {
            rate: spec.file.rate,
            capacity: spec.capacity,
            mask_secure_input: spec.mask_secure_input,
        };
        let (tap, reader, outcome) = self.tap_room_for(room, tap, WorkKind::Recording)?;
        match recorder.start(&spec.file, Box::new(TapSource::new(reader, Left::Received))) {
            Ok(recording) => Ok((CallRecording { tap, recording }, outcome)),
            Err(refused) => {
                drop(self.remove_tap(tap));
                Err(refused.into())
            }
        }
    }
}

impl Call {
    /// A dry run makes no files.
    fn check_recorder(&self) -> Result<(), RecordError> {
        if self.shared.tried.is_some() { Err(RecordError::DryRun) } else { Ok(()) }
    }
}

/// The reading end of a tap, as a recorder reads it.
#[derive(Debug)]
pub struct TapSource {
    reader: TapReader,
    left: Left,
    /// Number of the sample behind the last.
    end: u64,
}

impl TapSource {
    /// A source of what the tap holds.
    #[must_use]
    pub const fn new(reader: TapReader, left: Left) -> Self {
        Self { reader, left, end: 0 }
    }
}

fn view(frame: &TapFrame, left: Left) -> TapFrameView<'_> {
    let (received, sent) = (frame.received.pcm(), frame.sent.pcm());
    let (left, right) = match left {
        Left::Received => (received, sent),
        Left::Sent => (sent, received),
    };
    let state = match frame.state {
        TapState::Open => RecorderState::Open,
        TapState::Paused => RecorderState::Paused,
        TapState::Masked => RecorderState::Secure,
    };
    let TapFrame { position, dropped, announced, .. } = *frame;
    TapFrameView { position, dropped, left, right, state, announced }
}

fn len(channel: &TapChannel) -> u64 {
    u64::try_from(channel.pcm().len()).unwrap_or(0)
}

impl AudioSource for TapSource {
    fn read(&mut self, each: &mut dyn FnMut(&TapFrameView<'_>) -> ControlFlow<()>) {
        let Self { reader, left, end } = self;
        let mut read = |frame: &TapFrame| {
            *end = (*end).max(frame.position + len(&frame.received));
            each(&view(frame, *left))
        };
        while let Some(ControlFlow::Continue(())) = reader.read(&mut read) {}
    }

    fn ended(&self) -> Option<TapEnd> {
        // In this order: the tap writes its last frame before it goes.
        (self.reader.is_closed() && self.reader.is_empty())
            .then_some(TapEnd { position: self.end, dropped: 0 })
    }
}
