//! Puts what was agreed into effect at the engine.

use mediapoint_engine::{Call, Direction, LegConfig, Relearn, SourceGuard};

use super::{Dialog, Side, Stream, Which};
use crate::NgError;
use crate::media::codecs;
use crate::request::Learning;

/// Whose address is to be learnt anew although the signalled address did not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Anew {
    pub(crate) caller: bool,
    pub(crate) callee: bool,
}

/// Configures every leg of the branch at the engine. What did not change goes on as before.
pub(crate) fn apply(call: &Call, dialog: &mut Dialog, anew: Anew) -> Result<(), NgError> {
    let count = dialog.caller.streams.len().max(dialog.callee.streams.len());
    for index in 0..count {
        apply_section(call, dialog, index, anew)?;
    }
    for leg in dialog.retired.drain(..) {
        call.remove_leg(leg)?;
    }
    Ok(())
}

fn apply_section(call: &Call, dialog: &mut Dialog, index: usize, anew: Anew) -> Result<(), NgError> {
    let of = |which| dialog.side(which).streams.get(index);
    let (Some(a), Some(b)) = (of(Which::Caller), of(Which::Callee)) else { return Ok(()) };
    let (Some(leg_a), Some(leg_b)) = (a.leg, b.leg) else { return Ok(()) };
    let starts = !(a.running && b.running);
    if !(a.active && b.active) && starts {
        return Ok(());
    }
    let config_a = config(&dialog.caller, a, b, dialog.dscp);
    let config_b = config(&dialog.callee, b, a, dialog.dscp);
    let relearn = |running: bool, anew: bool| if running && !anew { Relearn::IfMoved } else { Relearn::Now };
    call.configure_leg(leg_a.id, config_a, relearn(a.running, anew.caller))?;
    call.configure_leg(leg_b.id, config_b, relearn(b.running, anew.callee))?;
    if starts {
        call.connect(leg_a.id, leg_b.id)?;
    }
    for side in [&mut dialog.caller, &mut dialog.callee] {
        if let Some(stream) = side.streams.get_mut(index) {
            stream.running = true;
        }
    }
    Ok(())
}

/// The configuration of a leg, from the last descriptions of its party and of the other one.
fn config(side: &Side, own: &Stream, other: &Stream, dscp: u8) -> LegConfig {
    let (Some(remote), Some(source)) = (&own.remote, &other.remote) else {
        return LegConfig { direction: Direction::Inactive, ..LegConfig::default() };
    };
    let active = own.active && other.active;
    let sends = active && remote.direction.receives() && source.direction.sends();
    let receives = active && remote.direction.sends() && source.direction.receives();
    LegConfig {
        kind: remote.kind.unwrap_or_default(),
        codecs: codecs::to_engine(&own.codecs),
        received_codecs: own.received.clone(),
        packet_time: own.packet_time,
        encoder: own.encoder.clone(),
        always_encode: own.force_transcode,
        remote: remote.address,
        rtcp: own.rtcp,
        direction: match (sends, receives) {
            (true, true) => Direction::SendReceive,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::ReceiveOnly,
            (false, false) => Direction::Inactive,
        },
        source_guard: guard(side.learning),
        srtp: own.keys.clone(),
        dscp,
        ..LegConfig::default()
    }
}

fn guard(learning: Learning) -> SourceGuard {
    match learning {
        Learning { asymmetric: true, strict_source: true, .. } => SourceGuard::Signalled,
        Learning { asymmetric: true, .. } => SourceGuard::Asymmetric,
        Learning { media_handover: true, .. } => SourceGuard::Handover,
        Learning { .. } => SourceGuard::Symmetric,
    }
}
