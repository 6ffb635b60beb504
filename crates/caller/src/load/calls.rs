//! Sets the calls of a load up over the control port, and ends them again.

use std::net::SocketAddr;

use mediapoint_net::UdpSocket;

use super::endpoint::{Endpoint, Keys, Line};
use super::voice::Voice;
use super::{Kind, LoadError};
use crate::codec::Codec;
use crate::ng::{Client, Command, NgError};
use crate::sdes::{Crypto, Suite};
use crate::sdp::{Coding, Description, Direction, Format, Transport};

/// The running calls; what is left of them is deleted when this goes.
pub(super) struct CallSet {
    client: Client,
    kind: Kind,
    /// Recordings of every call.
    recordings: u32,
    name: String,
    running: usize,
}

impl CallSet {
    pub(super) fn new(client: Client, kind: Kind, recordings: u32) -> Self {
        Self { client, kind, recordings, name: format!("load-{:016x}", rand::random::<u64>()), running: 0 }
    }

    /// Sets one call up for each pair of sockets, and gives a phone for each socket.
    pub(super) fn set_up(
        &mut self,
        sockets: &[UdpSocket],
        voices: &[Voice; 2],
    ) -> Result<Vec<Endpoint>, LoadError> {
        let mut endpoints = Vec::with_capacity(sockets.len());
        let pairs = sockets.as_chunks::<2>().0;
        for ([caller, callee], number) in pairs.iter().zip((0..).step_by(2)) {
            let lines = self.call(number, caller.local_addr(), callee.local_addr())?;
            let phones = lines.into_iter().zip(voices).zip(number..);
            endpoints.extend(phones.map(|((line, voice), number)| Endpoint::new(number, line, voice)));
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

    fn call(&mut self, number: u16, caller: SocketAddr, callee: SocketAddr) -> Result<[Line; 2], LoadError> {
        let call = usize::from(number / 2);
        let ng = |source: NgError| LoadError::Ng { call, source };
        let read = |sdp: &str| Description::parse(sdp).map_err(|source| LoadError::Sdp { call, source });
        let (id, from) = (self.call_id(call), from_tag(call));

        let own = Format::audio(Codec::Pcmu);
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
        let answer = Command::answer(&id, &from, &format!("to-{call}"), &answer);
        let to_caller = read(&self.client.answer(&answer).map_err(ng)?)?;
        // The first one was asked for with the offer.
        for owner in 1..self.recordings {
            let start = Command::new("start recording").text("call-id", &id);
            let start = start.text("recording-owner", &format!("owner-{owner}"));
            self.client.request(&start).map_err(ng)?;
        }
        if to_caller.formats.first() != Some(&own) {
            return Err(LoadError::Lacking { call, lacking: "PCMU audio for the caller".to_owned() });
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
        match self.kind.callee {
            Codec::Pcmu => offer,
            callee => offer.codec("mask", &["PCMU"]).codec("transcode", &[callee.name()]),
        }
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
