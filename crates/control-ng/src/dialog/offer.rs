//! An offer: legs are opened where there are none, and the description is rewritten for the other side.

use std::sync::Arc;

use mediapoint_engine::LegKind;
use mediapoint_packet::SecretBytes;
use mediapoint_packet::sdp::{AddressFamily, Connection, Direction, Sdp};

use super::{Exchange, PendingOffer, Plan, Which};
use crate::NgError;
use crate::call::MAX_CARRIED;
use crate::call::party::Party;
use crate::media::codecs;
use crate::media::legs::Work;
use crate::media::manipulate::manipulate;
use crate::media::offered::{self, Before, outgoing};
use crate::media::remote::RemoteDescription;
use crate::media::rewrite::{SectionOut, rewrite, shown};
use crate::request::Options;

/// Takes an offer of one side and returns the description for the other side.
pub(crate) fn process(
    work: &mut Work<'_>,
    exchange: &mut Exchange,
    from: Which,
    mut sdp: Sdp,
    options: &Options,
) -> Result<SecretBytes, NgError> {
    let (offerer, other) = exchange.sides_mut(from);
    offerer.layout.widen(&mut sdp);
    let removed = other.layout.plan(&sdp, &options.manipulation);
    let remote = read(&sdp, options)?;
    prepare(work, exchange, from, &remote, options);
    let description = Arc::new(sdp.clone());
    let mut plans = Vec::new();
    let mut sections = Vec::new();
    for (index, remote) in remote.into_iter().enumerate() {
        let is_removed = removed.get(index) == Some(&true);
        let carried = remote.is_usable()
            && !is_removed
            && plans.iter().filter(|p: &&Plan| p.carried).count() < MAX_CARRIED;
        let (plan, section) = match carried {
            true => carry(work, exchange, from, index, remote, options)?,
            false if remote.is_passed() && !is_removed => offered::pass(remote),
            false => offered::reject(remote, options),
        };
        plans.push(plan);
        sections.push(section);
    }
    let (offerer, other) = exchange.sides_mut(from);
    let out = outgoing(sections, other, options);
    rewrite(&mut sdp, &out);
    if offerer.music.as_ref().is_some_and(|music| music.zero) {
        let held = sdp.media.iter_mut().zip(&out.sections).zip(&plans).filter(|(_, plan)| plan.held);
        for ((section, out), _) in held {
            if let Some(address) = out.own_address() {
                section.body.set_connection(Connection::line(shown(address, true)));
            }
        }
    }
    let address = out.first_address();
    other.layout.narrow(&mut sdp);
    if sdp.media.is_empty() {
        return Err(NgError::NoMedia);
    }
    manipulate(&mut sdp, &options.manipulation)?;
    offerer.description = Some(description);
    other.session.apply(&mut sdp, &options.replace, address);
    exchange.dialog.offer = Some(PendingOffer { from, plans, options: options.clone(), answered: false });
    Ok(sdp.to_bytes())
}

/// The sections of a description of which one at least can be carried.
pub(crate) fn read(sdp: &Sdp, options: &Options) -> Result<Vec<RemoteDescription>, NgError> {
    let read = |(index, section)| RemoteDescription::read(sdp, index, section, options);
    let remote: Vec<RemoteDescription> = sdp.media.iter().enumerate().map(read).collect::<Result<_, _>>()?;
    if !remote.iter().any(|remote| remote.is_usable() || remote.is_passed())
        && let Some(fault) = remote.iter().find_map(RemoteDescription::fault)
    {
        return Err(fault);
    }
    Ok(remote)
}

/// Takes the options that bear on the sides as a whole.
fn prepare(
    work: &mut Work<'_>,
    exchange: &mut Exchange,
    from: Which,
    remote: &[RemoteDescription],
    options: &Options,
) {
    let received = remote.iter().filter(|remote| remote.is_usable()).find_map(|remote| remote.host);
    let (offerer, other) = exchange.sides_mut(from);
    learn(offerer, other, options);
    let mut names = options.direction.iter();
    for side in [&mut *offerer, &mut *other] {
        side.dscp = work.dscp(options, side.dscp);
        let name = names.next().cloned();
        side.interface = side.interface.take().or(name);
    }
    let received = received.map(AddressFamily::of);
    offerer.family = received.or(offerer.family);
    other.family = options.address_family.or(other.family).or(received);
}

/// Takes the options on learning source addresses, and on the digits of who sends the message.
pub(crate) fn learn(sender: &mut Party, other: &mut Party, options: &Options) {
    if let (true, Ok(gate)) = (options.digits.block, options.digits.gate()) {
        sender.gates.digits = gate.after(&sender.gates.digits);
    }
    sender.learning.asymmetric = options.learning.asymmetric;
    for side in [sender, other] {
        side.learning.strict_source |= options.learning.strict_source;
        side.learning.media_handover |= options.learning.media_handover;
    }
}

/// Carries one section: a leg for each side, keys, codecs.
fn carry(
    work: &mut Work<'_>,
    exchange: &mut Exchange,
    from: Which,
    index: usize,
    mut remote: RemoteDescription,
    options: &Options,
) -> Result<(Plan, SectionOut), NgError> {
    let kind = remote.kind.unwrap_or_default();
    let (offerer, other) = exchange.sides_mut(from);
    work.leg(offerer, index, kind, remote.host.map(AddressFamily::of))?;
    let leg = work.leg(other, index, kind, None)?;
    let held = offerer.music.as_ref().map(|music| Direction::new(true, music.send_receive));
    let (Some(ours), Some(theirs)) = (offerer.stream_mut(index), other.stream_mut(index)) else {
        return Err(NgError::Internal);
    };
    // A number means what it meant before [RFC3264 8.3.2], said or not.
    if let Some(before) = &ours.remote {
        codecs::as_before(&mut remote.codecs, &before.codecs);
    }
    ours.numbers.learn(remote.codecs.iter().map(|line| (line.payload_type, &line.codec)));
    // Who offers another profile than it had wants that one: what the other side was asked for before is over.
    let kept = theirs.profile.filter(|_| ours.profile == remote.profile);
    let hold = held.filter(|_| ours.spoke && !remote.direction.receives() && kind == LegKind::Audio);
    let before = Before { profile: kept, codecs: &ours.codecs, hold };
    offered::offer(work, theirs, leg, remote, &before, options)
}
