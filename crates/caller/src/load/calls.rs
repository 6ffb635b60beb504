//! Sets the calls of a load up over the control port, and ends them again.

use std::net::SocketAddr;

use mediapoint_net::UdpSocket;

use super::endpoint::{Endpoint, Keys, Line};
use super::extra::Answered;
use super::voice::Voice;
use super::{Extra, Kind, LoadConfig, LoadError, Stop};
use crate::ng::{Client, Command, NgError};
use crate::sdes::{Crypto, Suite};
use crate::sdp::{Coding, Description, Direction, Format, Transport};

/// The running calls; what is left of them is deleted when this goes.
pub(super) struct CallSet {
    client: Client,
    kind: Kind,
    /// Recordings of every call.
    recordings: u32,
    extra: Extra,
    calls: usize,
    stop: Stop,
    name: String,
    running: usize,
}

impl CallSet {
    pub(super) fn new(client: Client, config: &LoadConfig) -> Self {
        Self {
            client,
            kind: config.kind,
            recordings: config.recordings,
            extra: config.extra.clone(),
            calls: config.calls,
            stop: config.stop.clone(),
            name: format!("load-{:016x}", rand::random::<u64>()),
            running: 0,
        }
    }

    /// Sets one call up for each pair of sockets, and gives a phone for each socket of a pair. Phones that only receive have
    /// the sockets behind those.
    pub(super) fn set_up(
        &mut self,
        sockets: &[UdpSocket],
        voices: &[Voice; 2],
    ) -> Result<Vec<Endpoint>, LoadError> {
        let mut endpoints = Vec::with_capacity(sockets.len());
        let (phones, sinks) = sockets.split_at_checked(self.calls * 2).unwrap_or((sockets, &[]));
        let mut sinks = sinks.iter().map(UdpSocket::local_addr);
        let pairs = phones.as_chunks::<2>().0;
        for (pair, number) in pairs.iter().zip((0..).step_by(2)) {
            self.stop.check()?;
            let phones = pair.each_ref().map(UdpSocket::local_addr);
            let lines = self.call(number, phones)?;
            self.add(number, phones, sinks.next())?;
            let phones = lines.into_iter().zip(voices).zip(number..);
            endpoints.extend(phones.map(|((line, voice), number)| self.phone(number, line, voice)));
        }
        Ok(endpoints)
    }

    /// Ends every call.
    pub(super) fn tear_down(&mut self) -> Result<(), LoadError> {
        while let Some(call) = self.running.checked_sub(1) {
            self.running = call;
            let ended = self.client.delete(&self.call_id(call), &from_tag(call));
            ended.map_err(|source| LoadError::Ng { call, source })?;
        }
        Ok(())
    }

    fn phone(&self, number: u16, line: Line, voice: &Voice) -> Endpoint {
        if self.extra.keeps_speech() {
            return Endpoint::new(number, line, voice);
        }
        let phone = Endpoint::member(number, line, voice);
        if number.is_multiple_of(2) && !self.extra.caller_hears() { phone.deaf() } else { phone }
    }

    /// Asks for what is done for each call beside.
    fn add(
        &mut self,
        number: u16,
        phones: [SocketAddr; 2],
        sink: Option<SocketAddr>,
    ) -> Result<(), LoadError> {
        let call = usize::from(number / 2);
        let (id, from, to) = (self.call_id(call), from_tag(call), to_tag(call));
        let kind = self.kind;
        let answered = Answered { number: call, id: &id, from: &from, to: &to, kind, phones, sink };
        answered.add(&self.extra, &mut self.client)
    }

    fn call(&mut self, number: u16, [caller, callee]: [SocketAddr; 2]) -> Result<[Line; 2], LoadError> {
        let call = usize::from(number / 2);
        let ng = |source: NgError| LoadError::Ng { call, source };
        let read = |sdp: &str| Description::parse(sdp).map_err(|source| LoadError::Sdp { call, source });
        let (id, from) = (self.call_id(call), from_tag(call));

        let own = Format::audio(self.kind.caller);
        let offer = describe(caller, own, None).to_sdp();
        let to_callee =
            read(&self.client.offer(&self.with_flags(Command::offer(&id, &from, &offer))).map_err(ng)?)?;
        self.running = call + 1;
        let keys = match self.kind.suite {
            Some(suite) => Some(agree(&to_callee, suite, call)?),
            None => None,
        };
        let coding = Coding::Audio(self.kind.callee);
        let Some(&offered) = to_callee.formats.iter().find(|format| format.coding == coding) else {
            return Err(LoadError::Lacking { call, lacking: format!("{} audio", self.kind.callee) });
        };
        let answer = describe(callee, offered, keys.as_ref().map(|(own, _)| own)).to_sdp();
        let answer = Command::answer(&id, &from, &to_tag(call), &answer);
        let to_caller = read(&self.client.answer(&answer).map_err(ng)?)?;
        // The first one was asked for with the offer.
        for owner in 1..self.recordings {
            let start = Command::new("start recording").text("call-id", &id);
            let start = start.text("recording-owner", &format!("owner-{owner}"));
            self.client.request(&start).map_err(ng)?;
        }
        if to_caller.formats.first() != Some(&own) {
            return Err(LoadError::Lacking {
                call,
                lacking: format!("{} audio for the caller", self.kind.caller),
            });
        }
        let contexts = match keys {
            Some((own, theirs)) => match (own.context(), theirs.context()) {
                (Some(protect), Some(unprotect)) => Some(Keys { protect, unprotect }),
                _ => return Err(LoadError::Lacking { call, lacking: "a usable key".to_owned() }),
            },
            None => None,
        };
        Ok([
            Line { remote: to_caller.rtp, payload_type: own.payload_type, keys: None },
            Line { remote: to_callee.rtp, payload_type: offered.payload_type, keys: contexts },
        ])
    }

    fn with_flags(&self, offer: Command) -> Command {
        let mut offer = offer.text("ICE", "remove").list("replace", &["origin"]);
        if self.recordings > 0 {
            offer = offer.text("record-call", "on");
        }
        if self.kind.suite.is_some() {
            offer = offer.text("transport-protocol", "RTP/SAVP").text("DTLS", "off");
        }
        let Kind { caller, callee, .. } = self.kind;
        let offer = self.extra.offer(offer);
        if caller == callee {
            return offer;
        }
        offer.codec("mask", &[caller.name()]).codec("transcode", &[callee.name()])
    }

    fn call_id(&self, call: usize) -> String {
        format!("{}-{call}", self.name)
    }
}

impl Drop for CallSet {
    fn drop(&mut self) {
        // Best effort after an error that is already on its way to the caller.
        let _ = self.tear_down();
    }
}

fn from_tag(call: usize) -> String {
    format!("from-{call}")
}

fn to_tag(call: usize) -> String {
    format!("to-{call}")
}

/// The callee's own key, under the tag of the line it accepts, and the server's [RFC4568 5.1.2].
fn agree(offered: &Description, suite: Suite, call: usize) -> Result<(Crypto, Crypto), LoadError> {
    let theirs = offered.crypto.iter().find(|crypto| crypto.suite == suite);
    match theirs {
        Some(theirs) => Ok((Crypto::random(theirs.tag, suite), theirs.clone())),
        None => Err(LoadError::Lacking { call, lacking: format!("crypto suite {}", suite.name()) }),
    }
}

pub(super) fn describe(rtp: SocketAddr, format: Format, crypto: Option<&Crypto>) -> Description {
    Description {
        rtp,
        rtcp: SocketAddr::new(rtp.ip(), rtp.port().saturating_add(1)),
        rtcp_mux: false,
        transport: if crypto.is_some() { Transport::Savp } else { Transport::Avp },
        formats: vec![format],
        crypto: crypto.into_iter().cloned().collect(),
        direction: Direction::SendRecv,
        session: (u64::from(rtp.port()), 1),
    }
}
