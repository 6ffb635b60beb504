//! `why`: what becomes of the media of a call, party by party, and for which reason. For people who look for a fault.

use mediapoint_engine::{CallStatistics, Direction, LegStatistics, PacketTime};

use super::totals::dict;
use super::{Controller, lock};
use crate::call::CallState;
use crate::call::party::{Party, Stream};
use crate::call::reach;
use crate::media::codecs::CodecLine;
use crate::wire::Value;
use crate::{NgError, Reply, Request};

/// How the media that a party receives is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    /// Nothing comes of it: not answered, refused, no source.
    None,
    Relayed,
    Transcoded,
    Mixed,
    /// The server plays media, and nothing else is heard.
    Played,
}

impl Path {
    const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Relayed => "relayed",
            Self::Transcoded => "transcoded",
            Self::Mixed => "mixed",
            Self::Played => "played",
        }
    }
}

/// What is known of one media section of one party.
#[derive(Debug)]
struct Finding {
    tag: String,
    section: usize,
    media: String,
    leg: Option<mediapoint_engine::LegId>,
    path: Path,
    reasons: Vec<String>,
    direction: Option<Direction>,
    /// Something is wrong with the address that the party is told.
    unreachable: Option<String>,
}

impl Controller {
    pub(super) fn why(&self, request: &Request) -> Result<Reply, NgError> {
        let state = request.call_id.as_ref().and_then(|id| self.find(id)).ok_or(NgError::UnknownCall)?;
        let (call, mut findings) = {
            let state = lock(&state);
            let tags = [request.from_tag.as_ref(), request.to_tag.as_ref()];
            let is_meant = |party: &&Party| tags.iter().flatten().all(|tag| party.has_tag(tag));
            let parties = state.parties.iter().filter(is_meant);
            (state.call.clone(), parties.flat_map(|party| of_party(&state, party)).collect::<Vec<_>>())
        };
        // The worker is asked without the call's lock.
        let asked = call.statistics().ok();
        let statistics = asked
            .and_then(|asked| asked.wait_timeout(super::report::ANSWER_WITHIN)?.ok())
            .unwrap_or_default();
        for finding in &mut findings {
            finding.take_figures(&statistics);
        }
        let list: Value = findings.iter().map(Finding::value).collect();
        Ok(Reply::ok().with("verdict", verdict(&findings, &statistics)).with("why", list))
    }
}

fn of_party(call: &CallState, party: &Party) -> Vec<Finding> {
    let finding = |(index, stream): (usize, &Stream)| {
        let (path, reasons) = match party.playing(index).filter(|_| stream.applied.is_some()) {
            None if party.seat_of(index).is_some() => {
                (Path::Mixed, vec!["it is in a conference room".to_owned()])
            }
            Some(playing) if playing.alone => {
                (Path::Played, vec!["the server plays media to it, or music on hold".to_owned()])
            }
            Some(_) => (Path::Mixed, vec!["the server plays media to it beside its sources".to_owned()]),
            None => path(call, stream),
        };
        Finding {
            tag: party.tag().map(ToString::to_string).unwrap_or_default(),
            section: index + 1,
            media: stream.remote.as_ref().map(|remote| remote.media.clone()).unwrap_or_default(),
            leg: stream.leg.map(|leg| leg.id),
            path,
            reasons,
            direction: stream.applied.as_ref().map(|applied| applied.direction),
            unreachable: reach::fault(stream).map(|(told, what)| {
                format!("the party is told {told}, {what}, which it cannot reach from where it is")
            }),
        }
    };
    party.streams.iter().enumerate().map(finding).collect()
}

/// How what the stream's party receives is made, and why so.
fn path(call: &CallState, stream: &Stream) -> (Path, Vec<String>) {
    if stream.applied.is_none() {
        return (Path::None, vec!["no answer has put it to work yet".to_owned()]);
    }
    if !stream.active {
        return (
            Path::None,
            vec!["the section was refused, by port 0 or for want of a common codec".to_owned()],
        );
    }
    let sources: Vec<&Stream> = stream.sources.iter().filter_map(|link| call.stream(link.from)).collect();
    match sources.as_slice() {
        [] => (Path::None, vec!["no party is its source".to_owned()]),
        [source] => {
            let reasons = transcoding(source, stream);
            match reasons.is_empty() {
                true => (Path::Relayed, relaying(source, stream)),
                false => (Path::Transcoded, reasons),
            }
        }
        several => (Path::Mixed, vec![format!("{} parties are its sources", several.len())]),
    }
}

/// Why what `source` sends has to be decoded and encoded for `stream`; empty where it need not be.
fn transcoding(source: &Stream, stream: &Stream) -> Vec<String> {
    if !stream.can_mix() || !source.can_mix() {
        return Vec::new();
    }
    let mut reasons = Vec::new();
    let lacks =
        |line: &&CodecLine| line.is_audio() && !stream.codecs.iter().any(|own| own.codec == line.codec);
    let lacked: Vec<String> = source.codecs.iter().filter(lacks).map(name).collect();
    if !lacked.is_empty() {
        let own: Vec<String> = stream.codecs.iter().filter(|line| line.is_audio()).map(name).collect();
        reasons.push(format!("its source may send {}, and it takes {}", lacked.join(", "), own.join(", ")));
    }
    if stream.force_transcode || source.force_transcode {
        reasons.push("the controller asked for it (always-transcode)".to_owned());
    }
    if let PacketTime::Always(length) = stream.packet_time {
        reasons.push(format!("packets of {} ms were asked for (ptime, repacketize)", length.as_millis()));
    }
    reasons
}

fn relaying(source: &Stream, stream: &Stream) -> Vec<String> {
    let mut reasons = vec![match stream.can_mix() {
        true => "both sides have the codecs in common".to_owned(),
        false => "what is no audio is passed on as it is".to_owned(),
    }];
    match (source.keys.is_some(), stream.keys.is_some()) {
        (true, true) => reasons.push("decrypted and encrypted: SRTP ends here on either side".to_owned()),
        (true, false) => reasons.push("decrypted: its source has SRTP, it has not".to_owned()),
        (false, true) => reasons.push("encrypted: it has SRTP, its source has not".to_owned()),
        (false, false) => {}
    }
    reasons
}

fn name(line: &CodecLine) -> String {
    format!("{}/{}", line.name, line.codec.clock_rate)
}

impl Finding {
    /// Adds what the packets that came say.
    fn take_figures(&mut self, statistics: &CallStatistics) {
        if let Some(direction) = self.direction {
            self.reasons.extend(held(direction).map(str::to_owned));
        }
        let Some(leg) = self.figures(statistics).filter(|_| self.path != Path::None) else { return };
        let received = leg.received;
        let may_send = matches!(self.direction, Some(Direction::SendReceive | Direction::ReceiveOnly));
        if may_send && received.packets == 0 {
            self.reasons.push("no packet has come from the party".to_owned());
            self.reasons.extend(self.unreachable.clone());
        } else if let Some(idle) = leg.idle.filter(|idle| idle.as_secs() > 2) {
            self.reasons.push(format!("nothing has come from the party for {} s", idle.as_secs()));
        }
        for (reason, count) in received.dropped.by_reason().into_iter().filter(|(_, count)| *count > 0) {
            self.reasons
                .push(format!("{count} packets of the party were dropped: {}", reason.replace('_', " ")));
        }
        if leg.sent.unsent > 0 {
            let unsent = leg.sent.unsent;
            self.reasons
                .push(format!("{unsent} packets to the party were not sent: its address is not known yet"));
        }
    }

    fn figures<'a>(&self, statistics: &'a CallStatistics) -> Option<&'a LegStatistics> {
        statistics.legs.iter().find(|leg| Some(leg.leg) == self.leg)
    }

    fn value(&self) -> Value {
        dict([
            ("tag", self.tag.clone().into()),
            ("section", u64::try_from(self.section).unwrap_or(u64::MAX).into()),
            ("type", self.media.clone().into()),
            ("path", self.path.as_str().into()),
            ("reasons", self.reasons.iter().map(|reason| Value::from(reason.as_str())).collect()),
        ])
    }
}

/// Why media flows one way or not at all, where the descriptions say so.
const fn held(direction: Direction) -> Option<&'static str> {
    match direction {
        Direction::SendReceive => None,
        Direction::SendOnly => Some("nothing is taken from the party: on hold, or nobody receives it"),
        Direction::ReceiveOnly => {
            Some("nothing is sent to the party: it is on hold, or its source gives nothing")
        }
        Direction::Inactive => Some("nothing flows either way: on hold by both, or inactive"),
    }
}

/// The call in a word.
fn verdict(findings: &[Finding], statistics: &CallStatistics) -> &'static str {
    let at_work: Vec<&Finding> = findings.iter().filter(|finding| finding.path != Path::None).collect();
    let sending =
        |finding: &&&Finding| finding.figures(statistics).is_some_and(|leg| leg.received.packets > 0);
    let count = at_work.iter().filter(sending).count();
    match (at_work.len(), count) {
        (0, _) => "not answered",
        (_, 0) => "no media",
        (all, some) if some < all => "one-way",
        _ if at_work.iter().any(|finding| finding.path == Path::Mixed) => "mixed",
        _ if at_work.iter().any(|finding| finding.path == Path::Transcoded) => "transcoded",
        _ => "relayed",
    }
}
