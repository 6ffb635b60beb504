//! A recorder that subscribes to both parties of a call, as in SIPREC: ffmpeg writes what each of them sends.

use crate::audio::{Law, same_words};
use crate::call::{Call, Invitation};
use crate::error::{Failure, ensure};
use crate::ng::Fields;
use crate::rtp::no_seam;
use crate::scenarios::media::{End, PLAYED, Program, alike, to_plain, to_secured};
use crate::scenarios::{Bench, Scenario};
use crate::sdp::{Crypto, Offer};
use crate::tools::{self, Keyed, Recorder, SUITES, Suite};
use crate::wire::{Channel, Wire, free_pair};

/// How the recorder is reached, and what it wants.
#[derive(Clone, Copy)]
struct Session {
    /// The recorder's law.
    law: Law,
    /// Its suite, where it is reached over SRTP.
    suite: Option<Suite>,
}

/// Every scenario with a recorder.
pub(super) fn all() -> Vec<Scenario> {
    // The suites that ffmpeg has.
    let [long_tag, short_tag, ..] = SUITES;
    let plain = Session { law: Law::Mu, suite: None };
    vec![
        Scenario::new(
            "siprec-rtp",
            "a recorder subscribes to both parties of a plain call, ffmpeg writes each",
            move |bench| record(bench, None, plain),
        ),
        Scenario::new(
            "siprec-srtp",
            "the same of a call whose caller speaks SRTP; what is recorded is plain",
            move |bench| record(bench, Some(short_tag), plain),
        ),
        Scenario::new(
            "siprec-srtp-recorder",
            "the recorder of a call with SRTP has SRTP with keys of its own",
            move |bench| record(bench, Some(short_tag), Session { suite: Some(long_tag), ..plain }),
        ),
        Scenario::new(
            "siprec-convert",
            "a PCMU call is converted to PCMA for its recorder alone",
            move |bench| record(bench, None, Session { law: Law::A, ..plain }),
        ),
    ]
}

/// One section of the recorder.
struct Track {
    wire: Wire,
    key: Option<Crypto>,
}

impl Track {
    /// Opens a port for a section and its line of the answer.
    fn open(invited: &Invitation, session: Session) -> Result<(Self, Offer), Failure> {
        let wire = Wire::open()?;
        let offer = Offer { direction: "recvonly", ..Offer::plain(wire.port()?, &[session.law.codec()]) };
        let Some(suite) = session.suite else { return Ok((Self { wire, key: None }, offer)) };
        let (_, line) = Keyed::from_server(invited, suite)?;
        let own = Keyed::random(suite)?.line(line.tag);
        Ok((Self { wire, key: Some(line) }, offer.secured(own)))
    }

    fn record(&self, bench: &Bench<'_>, label: &str, law: Law) -> Result<Recorder, Failure> {
        let recorder = tools::ffmpeg_record(&bench.folder, label, law, free_pair()?, self.key.as_ref())?;
        self.wire.attach(Channel::Rtp, recorder.port);
        Ok(recorder)
    }
}

fn record(bench: &Bench<'_>, caller_suite: Option<Suite>, session: Session) -> Result<(), Failure> {
    let mut caller = End::caller(bench, Program::Ffmpeg, Law::Mu)?;
    if let Some(suite) = caller_suite {
        caller = caller.secured(suite);
    }
    let callee = End::callee(bench, Program::Ffmpeg, Law::Mu)?;
    let (wire_a, wire_b) = (Wire::open()?, Wire::open()?);
    let call = Call::new(&bench.server.client);
    let key_a = caller.own_key()?;
    let to_callee = call.offer(&caller.offer(&wire_a, key_a.as_ref(), 1)?.text(), &to_plain())?;
    let to_caller = call.answer(&callee.offer(&wire_b, None, 0)?.text(), &Fields::none())?;
    wire_a.connect(to_caller.port);
    wire_b.connect(to_callee.port);

    let (tag, invited) = call.subscribe(&wanted(session))?;
    let [of_caller, of_callee] = invited.as_slice() else {
        return Err(Failure::Wrong(format!("{} sections for two parties", invited.len())));
    };
    let labels: Vec<&str> = invited.iter().flat_map(|invited| invited.section.attributes("label")).collect();
    ensure!(labels.len() == 2 && labels.first() != labels.last(), "the sections are labelled {labels:?}");
    let (first, first_offer) = Track::open(of_caller, session)?;
    let (second, second_offer) = Track::open(of_callee, session)?;
    let answer = Offer::text_of(&[first_offer, second_offer]);
    call.answer_subscription(&tag, &answer, &Fields::none().with_list("flags", &["allow transcoding"]))?;
    let recorders =
        [first.record(bench, "caller-copy", session.law)?, second.record(bench, "callee-copy", session.law)?];

    let senders = [caller.send(bench, &wire_a, key_a.as_ref())?, callee.send(bench, &wire_b, None)?];
    for sender in senders {
        sender.finish(PLAYED)?;
    }
    first.wire.wait_quiet();
    second.wire.wait_quiet();
    no_seam("the caller's recorder", &first.wire.arrivals(Channel::Rtp))?;
    no_seam("the callee's recorder", &second.wire.arrivals(Channel::Rtp))?;
    ensure!(wire_b.count(Channel::Rtp) > 0, "the call itself went on while it was recorded");
    call.unsubscribe(&tag)?;
    call.delete()?;
    let [copy_of_caller, copy_of_callee] = recorders.map(Recorder::finish);
    for (who, party, copy) in [
        ("the caller's recorder", &caller, copy_of_caller?),
        ("the callee's recorder", &callee, copy_of_callee?),
    ] {
        match session.law {
            Law::Mu => same_words(who, &party.clip.words, &copy)?,
            Law::A => alike(who, party, &Law::A.decode(&copy))?,
        }
    }
    Ok(())
}

/// Both parties, labelled, in the recorder's protocol and codec.
fn wanted(session: Session) -> Fields {
    let protocol = if session.suite.is_some() { to_secured() } else { to_plain() };
    let flags = protocol.with_list("flags", &["all", "SIPREC"]);
    match session.law {
        Law::Mu => flags,
        Law::A => flags.with_codec("mask", &["PCMU"]).with_codec("transcode", &["PCMA"]),
    }
}
