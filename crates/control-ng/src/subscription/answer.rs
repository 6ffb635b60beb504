//! The answer to a request to subscribe: what the subscriber accepts takes effect.

use mediapoint_engine::LegKind;
use mediapoint_packet::sdp::Sdp;

use super::{Planned, Subscription};
use crate::NgError;
use crate::call::links::{Link, Place};
use crate::call::party::{Party, Stream};
use crate::dialog::Plan;
use crate::media::answered;
use crate::media::codecs::{self, CodecLine};
use crate::media::remote::RemoteDescription;
use crate::request::Options;

/// Takes the subscriber's answer. `is_there` is false for sources that are gone since the request. The caller puts it into effect with [`crate::call::apply::apply`].
pub(crate) fn process(
    subscriber: &mut Party,
    subscription: &Subscription,
    is_there: impl Fn(Place) -> bool,
    sdp: &Sdp,
    options: &Options,
) -> Result<(), NgError> {
    let offer = subscription.offer.as_ref().ok_or(NgError::UnknownSubscription)?;
    let read = |(index, section)| RemoteDescription::read(sdp, index, section, options);
    // Sections that were not offered are not looked at.
    let sections = sdp.media.iter().enumerate().take(offer.plans.len());
    let remote: Vec<RemoteDescription> = sections.map(read).collect::<Result<_, _>>()?;
    subscriber.learning.asymmetric = options.learning.asymmetric;
    let clear = |stream: &mut Stream| {
        stream.active = false;
        std::mem::take(&mut stream.sources)
    };
    let before: Vec<Vec<Link>> = subscriber.streams.iter_mut().map(clear).collect();
    for (index, remote) in remote.into_iter().enumerate() {
        let Some(Some(Planned { plan, from })) = offer.plans.get(index) else { continue };
        let from: Vec<Place> = from.iter().copied().filter(|from| is_there(*from)).collect();
        if from.is_empty() || remote.disabled || remote.kind != plan.remote.kind {
            continue;
        }
        let stream = subscriber.stream_mut(index).ok_or(NgError::Internal)?;
        agree(stream, plan, remote, (&offer.options, options))?;
        // What was commanded of a flow holds where it is asked for again.
        let link = |from| {
            let known = before.get(index).and_then(|links| links.iter().find(|link| link.from == from));
            Link { gates: known.map(|link| link.gates).unwrap_or_default(), ..Link::new(from, offer.kind) }
        };
        stream.sources = from.into_iter().map(link).collect();
    }
    Ok(())
}

fn agree(
    stream: &mut Stream,
    plan: &Plan,
    mut remote: RemoteDescription,
    (of_offer, options): (&Options, &Options),
) -> Result<(), NgError> {
    if plan.remote.profile.is_none() {
        answered::datagrams(stream, remote);
        return Ok(());
    }
    codecs::as_numbered(&mut remote.codecs, &plan.offered);
    if plan.remote.kind == Some(LegKind::Audio) {
        accepts(&plan.remote.codecs, &remote.codecs, options.allow_transcoding)?;
    }
    let always = of_offer.ptime.or(of_offer.repacketize);
    answered::agree(stream, plan, remote, always, (of_offer, options))
}

/// Checks that what the source may send can be received: every codec of it, or with `convert` any.
fn accepts(sent: &[CodecLine], answered: &[CodecLine], convert: bool) -> Result<(), NgError> {
    let audio = || sent.iter().filter(|line| line.is_audio());
    let has = |line: &CodecLine| answered.iter().any(|other| other.codec == line.codec);
    let Some(left_out) = audio().find(|line| !has(line)) else { return Ok(()) };
    if !convert {
        let codec = format!("{}/{}", left_out.name, left_out.codec.clock_rate);
        return Err(NgError::IncompleteAnswer { codec });
    }
    let converts =
        |mut lines: std::slice::Iter<'_, CodecLine>| lines.any(|line| line.is_audio() && line.convertible);
    if audio().any(has) || (converts(sent.iter()) && converts(answered.iter())) {
        Ok(())
    } else {
        Err(NgError::NoCommonCodec)
    }
}
