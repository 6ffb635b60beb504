//! A leg in a snapshot: configuration, local addresses, and the state of its parts.

use std::sync::Arc;
use std::time::Duration;

use mediapoint_codec::Encoding;
use mediapoint_packet::Time;
use mediapoint_packet::rtp::Ssrc;

use crate::api::id::LegId;
use crate::api::leg::{LegConfig, LegKind};
use crate::api::remote::RemotePolicy;
use crate::api::source::Source;
use crate::api::stats::Dropped;
use crate::session::leg::Leg;
use crate::session::leg::counted::Counted;
use crate::session::leg::delayed::{DelayedDigits, DelayedSnapshot};
use crate::session::leg::events::EventReceiver;
use crate::session::leg::receiver::Receiver;
use crate::session::leg::renumber::Renumbered;
use crate::session::leg::rewriter::RtpRewriter;
use crate::session::leg::rtcp::RtcpSession;
use crate::session::leg::secure::SecretEvent;
use crate::session::leg::sender::Sent;
use crate::session::leg::srtp::Srtp;
use crate::session::leg::transport::Transport;
use crate::session::leg::trigger::Trigger;
use crate::session::port::LegPorts;
use crate::session::snapshot::LocalAddresses;
use crate::session::snapshot::age::{Age, Malformed, Moment, ensure, ensure_counts};
use crate::session::snapshot::config::ConfigSnapshot;
use crate::session::snapshot::digits::DigitsSnapshot;
use crate::session::snapshot::events::{EventSnapshot, SecretEventSnapshot};
use crate::session::snapshot::rtcp::RtcpSnapshot;
use crate::session::snapshot::stream::{
    CountedSnapshot, PathSnapshot, ReceiverSnapshot, RenumberedSnapshot, RewriterSnapshot,
};
use crate::session::snapshot::transport::TransportSnapshot;
use crate::session::snapshot::trigger::TriggerSnapshot;

/// A leg. Holds its keys: treat as a secret.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct LegSnapshot {
    pub(crate) leg: LegId,
    pub(crate) local: Option<LocalAddresses>,
    pub(crate) config: ConfigSnapshot,
    pub(crate) source: Source,
    /// Age of the last packet.
    received_last: Option<Age>,
    /// Since when the party has been silent.
    silent: Age,
    timed_out: bool,
    transport: TransportSnapshot,
    receiver: ReceiverSnapshot,
    rewriter: RewriterSnapshot,
    path: PathSnapshot,
    sent: Sent,
    /// What came in on a leg that passes packets through.
    passed: Sent,
    dropped: Dropped,
    rtcp: RtcpSnapshot,
    event: Option<EventSnapshot>,
    /// The last event under secure input.
    #[serde(default)]
    secret_event: Option<SecretEventSnapshot>,
    /// Where the digits are that switch secure input.
    #[serde(default)]
    trigger: Option<TriggerSnapshot>,
    /// Digits of the party that go on later.
    #[serde(default)]
    delayed: Vec<DelayedSnapshot>,
    /// Digits that wait, and the one that is sent.
    #[serde(default)]
    digits: Option<DigitsSnapshot>,
    /// The leg whose party has keys by ZRTP with this one's.
    #[serde(default)]
    zrtp_with: Option<LegId>,
    #[serde(default)]
    renumbered: Vec<RenumberedSnapshot>,
    /// Streams relayed, received and sent.
    #[serde(default)]
    counted: [Vec<CountedSnapshot>; 2],
}

impl LegSnapshot {
    /// True where it has keys.
    pub(crate) const fn is_secure(&self) -> bool {
        self.transport.srtp.is_some()
    }
}

impl Leg {
    pub(super) fn save(&self, now: Time) -> LegSnapshot {
        let (source, path) = match self.source {
            // The other end of a stream stays behind.
            Source::Stream(_) => (Source::Silence, PathSnapshot::Forward),
            source => (source, self.sender.save_path()),
        };
        LegSnapshot {
            leg: self.id,
            local: None,
            config: ConfigSnapshot::save(&self.config),
            source,
            received_last: self.last_received.map(|at| Age::of(at, now)),
            silent: Age::of(self.silent_since, now),
            timed_out: self.timed_out,
            transport: self.transport.save(now),
            receiver: self.receiver.save(now),
            rewriter: self.sender.rewriter.save(now),
            path,
            sent: self.sender.sent,
            passed: self.passed,
            dropped: self.dropped,
            rtcp: self.rtcp.save(now),
            event: self.events.save(now),
            secret_event: self.secret_event.map(SecretEvent::save),
            trigger: self.trigger.map(|trigger| trigger.save(now)),
            delayed: self.delayed.save(now),
            digits: self.sender.save_digits(),
            zrtp_with: self.zrtp_with,
            renumbered: self.renumbered.save(),
            counted: self.counted.each_ref().map(Counted::save),
        }
    }

    /// A leg as it was saved, on other ports. What feeds it is not looked up yet.
    pub(super) fn restored(
        at: Moment,
        saved: &LegSnapshot,
        (ports, remotes): (LegPorts, &Arc<RemotePolicy>),
    ) -> Result<Box<Self>, Malformed> {
        let Moment { now, taken, .. } = at;
        let mut config = saved.config.restored()?;
        let passed = at.may_have_sent(shortest_interval(&config, saved.transport.srtp.is_some()));
        let srtp = match &saved.transport.srtp {
            Some(srtp) => {
                let (srtp, keys) = Srtp::restored(Ssrc(saved.rewriter.ssrc), passed, srtp)?;
                config.srtp = Some(keys);
                Some(srtp)
            }
            None => None,
        };
        let strict = srtp.is_some()
            && config.codecs.iter().any(|entry| entry.codec.encoding == Encoding::TelephoneEvent);
        let rewriter = RtpRewriter::restored(taken, (passed, strict), &saved.rewriter);
        let rtcp = RtcpSession::restored(taken, &saved.rtcp);
        let transport = Transport::restored(now, (&config, srtp), (ports, remotes), &saved.transport);
        let mut leg = Box::new(Self::new(now, saved.leg, Box::new(config), (ports, remotes), rewriter, rtcp));
        leg.transport = transport;
        leg.receiver = Receiver::restored(taken, &saved.receiver);
        leg.events = EventReceiver::restored(now, saved.event.as_ref());
        leg.secret_event = saved.secret_event.map(SecretEvent::restored);
        if let (Some(spec), Some(saved)) = (&leg.config.digit_trigger, &saved.trigger) {
            leg.trigger = Some(Trigger::restored(taken, spec, saved));
        }
        leg.delayed = DelayedDigits::restored(taken, &saved.delayed);
        leg.source = saved.source;
        leg.zrtp_with = saved.zrtp_with;
        leg.renumbered = Renumbered::restored(&saved.renumbered);
        leg.counted = saved.counted.each_ref().map(|streams| Counted::restored(streams));
        leg.last_received = saved.received_last.map(|age| age.before(taken));
        leg.silent_since = saved.silent.before(now);
        leg.timed_out = saved.timed_out;
        leg.sender.sent = saved.sent;
        if let Some(digits) = &saved.digits {
            leg.sender.restore_digits(&leg.config, digits);
        }
        (leg.passed, leg.dropped) = (saved.passed, saved.dropped);
        if let PathSnapshot::Transcode { rate } = saved.path
            && leg.kind == LegKind::Audio
            && saved.source != Source::Silence
            && leg.make_egress(rate)
        {
            leg.sender.restore_transcoding(saved.source);
        }
        Ok(leg)
    }
}

impl LegSnapshot {
    pub(super) fn check(&self) -> Result<(), Malformed> {
        self.receiver.check()?;
        self.rewriter.check()?;
        self.rtcp.check()?;
        self.check_counters()?;
        self.digits.as_ref().map_or(Ok(()), DigitsSnapshot::check)?;
        DelayedSnapshot::check(&self.delayed)?;
        if let PathSnapshot::Transcode { rate } = self.path {
            ensure((8000..=48_000).contains(&rate), "the sample rate of an encoder")?;
        }
        ensure(self.local.is_none_or(|local| local.is_pair()), "the local addresses of a leg")?;
        self.config.restored()?;
        if let Some(srtp) = &self.transport.srtp {
            Srtp::restored(Ssrc(self.rewriter.ssrc), 0, srtp)?;
        }
        Ok(())
    }

    fn check_counters(&self) -> Result<(), Malformed> {
        for CountedSnapshot { packets, octets, .. } in self.counted.iter().flatten() {
            ensure_counts([*packets, *octets], "the counters of a leg")?;
        }
        for Sent { packets, octets, unsent, shared_payloads } in [self.sent, self.passed] {
            ensure_counts([packets, octets, unsent, shared_payloads], "the counters of a leg")?;
        }
        let Dropped {
            foreign_source,
            not_authentic,
            replayed,
            malformed,
            unknown_payload_type,
            no_common_codec,
            out_of_range,
            other_protocol,
            zrtp,
            on_hold,
            flood,
            loops,
            blocked,
        } = self.dropped;
        let counts = [foreign_source, not_authentic, replayed, malformed, unknown_payload_type];
        ensure_counts(counts, "the counters of a leg")?;
        let counts = [no_common_codec, out_of_range, other_protocol, zrtp, on_hold, flood, loops, blocked];
        ensure_counts(counts, "the counters of a leg")
    }
}

/// The least time between two packets that a leg sends, as a rule. Behind SRTP half of it, since an index that is used
/// twice gives the keystream away, and events may go out between the audio.
fn shortest_interval(config: &LegConfig, srtp: bool) -> Duration {
    let interval = config.packet_time.encoded();
    if srtp { interval / 2 } else { interval }
}
