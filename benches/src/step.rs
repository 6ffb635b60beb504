//! Steps of a session for benches: calls, senders with recorded speech, and a sink for what is sent.
#![expect(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::session::port::{LegPorts, PortKey};
use mediapoint_engine::session::{Session, SessionConfig};
use mediapoint_engine::{
    CallId, Codec, EncoderSettings, Encoding, LegConfig, LegId, PayloadCodec, PayloadType, RemoteAddress,
    RtcpMode, Source, SrtpKeys, Ssrc,
};
use mediapoint_packet::rtp::{RtpHeader, RtpTicks, Seq};
use mediapoint_packet::{PacketBuf, Time};
use mediapoint_srtp::{MasterKey, Outbound, Suite};
use mediapoint_testkit::Sink;

/// Calls that are visited in turn, so that every packet finds its legs out of the first-level cache.
pub const CALLS: u64 = 400;

/// A party that sends.
pub(crate) struct Sender {
    pub(crate) key: PortKey,
    pub(crate) address: SocketAddr,
    sequence: u16,
    srtp: Option<Outbound>,
    speech: Rc<Speech>,
}

/// Recorded speech as a party sends it, in packets of 20 ms.
pub(crate) struct Speech {
    entry: PayloadCodec,
    payloads: Vec<Vec<u8>>,
}

impl Speech {
    pub(crate) fn new(entry: &PayloadCodec) -> Rc<Self> {
        Self::of(entry, crate::speech)
    }

    /// What `signal` gives at the encoder's sample rate.
    pub(crate) fn of(entry: &PayloadCodec, signal: impl Fn(u32) -> Vec<i16>) -> Rc<Self> {
        let rate = if entry.codec.encoding == Encoding::Opus { 48_000 } else { 8000 };
        let settings = EncoderSettings::default();
        let mut encoder =
            mediapoint_codec::encoder(&entry.codec, rate, &entry.parameters, &settings).expect("an encoder");
        let rate = encoder.sample_rate();
        let pcm = signal(rate);
        let mut payload = [0; 1500];
        let packets = pcm.chunks_exact(rate as usize / 50).map(|pcm| {
            let encoded = encoder.encode(pcm, &mut payload).expect("a packet");
            payload.get(..encoded.len).unwrap_or_default().to_vec()
        });
        Rc::new(Self { entry: entry.clone(), payloads: packets.collect() })
    }
}

impl Sender {
    /// One that sends in the clear.
    pub(crate) const fn new(key: PortKey, address: SocketAddr, speech: Rc<Speech>) -> Self {
        Self { key, address, sequence: 0, srtp: None, speech }
    }

    pub(crate) fn fill(&mut self, packet: &mut PacketBuf) {
        self.sequence = self.sequence.wrapping_add(1);
        let Speech { entry, payloads } = &*self.speech;
        let header = RtpHeader {
            marker: false,
            payload_type: entry.payload_type,
            sequence: Seq(self.sequence),
            timestamp: RtpTicks(u32::from(self.sequence).wrapping_mul(entry.codec.clock_rate / 50)),
            ssrc: Ssrc(self.key.0),
        };
        // Every call is somewhere else in what is said.
        let at = usize::from(self.sequence) + self.key.0 as usize * 17;
        let payload = payloads.get(at % payloads.len().max(1)).map(Vec::as_slice).unwrap_or_default();
        let storage = packet.storage_mut();
        header.write(storage).expect("room for a header");
        let mut len = 12 + payload.len();
        storage.get_mut(12..len).expect("room for a payload").copy_from_slice(payload);
        if let Some(srtp) = &mut self.srtp {
            len = srtp.protect_rtp(storage, len).expect("a packet to protect");
        }
        packet.set_len(len);
    }
}

pub(crate) fn leg(address: SocketAddr, codec: &PayloadCodec, key: Option<&MasterKey>) -> LegConfig {
    LegConfig {
        codecs: vec![codec.clone()],
        remote: Some(RemoteAddress { rtp: address, rtcp: None }),
        rtcp: RtcpMode::Off,
        srtp: key.map(|key| SrtpKeys {
            inbound: Some(key.clone()),
            inbound_mki: None,
            outbound: key.clone(),
        }),
        ..LegConfig::default()
    }
}

/// `count` calls of a kind, and the parties of each. The second leg is fed by the first, and the first by nothing: whoever
/// has the second party send, too, sets that.
pub(crate) fn calls(
    count: u64,
    kind: &Kind,
    speech: [&Rc<Speech>; 2],
    sink: &mut Sink,
) -> (Session, Vec<[Sender; 2]>) {
    let mut session = Session::new(SessionConfig {
        max_legs: usize::try_from(2 * count).expect("legs"),
        media_timeout: Duration::from_secs(3600),
        hold_timeout: Duration::from_secs(3600),
        seed: [7; 32],
        wall_at_zero: Duration::from_secs(1_700_000_000),
        remotes: Default::default(),
        kernel_forwarding: false,
    });
    let mut senders = Vec::new();
    for n in 0..count {
        let address = SocketAddr::from(([192, 0, 2, 1], 20_000 + u16::try_from(n * 2).expect("a port")));
        let (call, legs) = (CallId::from_u64(n), [LegId::from_u64(2 * n), LegId::from_u64(2 * n + 1)]);
        session.add_call(Time::ZERO, call).expect("room");
        let mut party = |place: usize, suite: Option<Suite>, codec: &PayloadCodec| {
            let key = suite.map(|suite| MasterKey::generate(suite).expect("a key"));
            let port = PortKey(u32::try_from(n * 4).expect("a port") + if place == 0 { 0 } else { 2 });
            let ports = LegPorts { rtp: port, rtcp: None, scope: mediapoint_engine::LocalScope::Global };
            let config = Box::new(leg(address, codec, key.as_ref()));
            let add = CallCommand::AddLeg { leg: *legs.get(place).expect("a leg"), config, ports };
            session.apply(Time::ZERO, call, add, sink).expect("room");
            let speech = Rc::clone(speech.get(place).expect("speech"));
            Sender { key: port, address, sequence: 0, srtp: key.as_ref().map(Outbound::new), speech }
        };
        senders.push([party(0, kind.inbound, &kind.from), party(1, kind.outbound, &kind.to)]);
        let feed = CallCommand::SetSource { leg: legs[1], source: Source::Leg(legs[0]) };
        session.apply(Time::ZERO, call, feed, sink).expect("a leg");
    }
    (session, senders)
}

/// A session and its parties.
pub struct Steps {
    session: Session,
    senders: Vec<[Sender; 2]>,
    sink: Sink,
    done: u64,
}

/// What a session is to do with each packet.
#[derive(Debug, Clone)]
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    pub(crate) from: PayloadCodec,
    pub(crate) to: PayloadCodec,
    pub(crate) inbound: Option<Suite>,
    pub(crate) outbound: Option<Suite>,
}

/// All kinds there are.
///
/// # Panics
/// Never: codecs and suites are those of the workspace.
#[must_use]
pub fn kinds() -> Vec<Kind> {
    let pcmu = PayloadCodec::new(PayloadType::PCMU, Codec::PCMU);
    let pcma = PayloadCodec::new(PayloadType::PCMA, Codec::PCMA);
    let entry = |number, codec| PayloadCodec::new(PayloadType::new(number).expect("a number"), codec);
    let (g722, g729, opus) = (entry(9, Codec::G722), entry(18, Codec::G729), entry(96, Codec::OPUS));
    let l16 = entry(97, Codec::new("L16", 8000, 1));
    let cm = Some(Suite::ALL.into_iter().find(|s| s.name() == "AES_CM_128_HMAC_SHA1_80").expect("a suite"));
    let gcm = Some(Suite::ALL.into_iter().find(|s| s.name() == "AEAD_AES_128_GCM").expect("a suite"));
    [
        ("relay", &pcmu, &pcmu, None, None),
        ("PCMU to PCMA", &pcmu, &pcma, None, None),
        ("RTP to SRTP AES-CM", &pcmu, &pcmu, None, cm),
        ("SRTP AES-CM to RTP, sender included", &pcmu, &pcmu, cm, None),
        ("RTP to SRTP AES-GCM", &pcmu, &pcmu, None, gcm),
        ("media path, PCMU to L16", &pcmu, &l16, None, None),
        ("media path, PCMU to G.722", &pcmu, &g722, None, None),
        ("media path, G.722 to PCMU", &g722, &pcmu, None, None),
        ("media path, PCMU to G.729", &pcmu, &g729, None, None),
        ("media path, G.729 to PCMU", &g729, &pcmu, None, None),
        ("media path, PCMU to Opus", &pcmu, &opus, None, None),
        ("media path, Opus to PCMU", &opus, &pcmu, None, None),
    ]
    .into_iter()
    .map(|(name, from, to, inbound, outbound)| Kind {
        name,
        from: from.clone(),
        to: to.clone(),
        inbound,
        outbound,
    })
    .collect()
}

impl Steps {
    /// [`CALLS`] calls of a kind.
    #[must_use]
    pub fn new(kind: &Kind) -> Self {
        Self::of(kind, &Speech::new(&kind.from))
    }

    /// [`CALLS`] calls of a kind that say the same on every machine, whatever recordings it has.
    #[must_use]
    pub fn synthetic(kind: &Kind) -> Self {
        Self::of(kind, &Speech::of(&kind.from, crate::speech_like_at))
    }

    fn of(kind: &Kind, speech: &Rc<Speech>) -> Self {
        let mut sink = Sink::new(8);
        let (session, senders) = calls(CALLS, kind, [speech; 2], &mut sink);
        Self { session, senders, sink, done: 0 }
    }

    /// One packet of the next call in turn, and the deadlines that have come.
    pub fn step(&mut self) {
        let index = usize::try_from(self.done % CALLS).unwrap_or(0);
        let now = Time::from_nanos(self.done * (20_000_000 / CALLS));
        self.done += 1;
        let Some([sender, _]) = self.senders.get_mut(index) else { return };
        let Some(mut packet) = self.sink.pool.take() else { return };
        sender.fill(&mut packet);
        self.session.handle_datagram(now, sender.key, sender.address, packet, &mut self.sink);
        self.session.handle_timeouts(now, &mut self.sink);
    }

    /// True where every packet went through; of those on the media path some wait in the jitter buffer.
    #[must_use]
    pub const fn all_sent(&self) -> bool {
        self.sink.sent + 3 * CALLS >= self.done
    }
}

impl std::fmt::Debug for Steps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Steps").field("done", &self.done).finish_non_exhaustive()
    }
}
