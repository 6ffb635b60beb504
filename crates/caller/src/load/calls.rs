//! Sets the calls of a load up over the control port, and ends them again.

use std::net::SocketAddr;

use mediapoint_net::UdpSocket;

use super::endpoint::{Endpoint, Keys};
use super::{Kind, LoadError};
use crate::ng::{Client, Command, NgError};
use crate::sdes::{Crypto, Suite};
use crate::sdp::{Description, Direction, Format, Transport};
use mediapoint_g711::Law;

/// The running calls; what is left of them is deleted when this goes.
pub(super) struct CallSet {
    client: Client,
    kind: Kind,
    name: String,
    running: usize,
}

impl CallSet {
    pub(super) fn new(client: Client, kind: Kind) -> Self {
        Self { client, kind, name: format!("load-{:016x}", rand::random::<u64>()), running: 0 }
    }

    /// Sets one call up for each pair of sockets, and gives a phone for each socket.
    pub(super) fn set_up(&mut self, sockets: &[UdpSocket]) -> Result<Vec<Endpoint>, LoadError> {
        let mut endpoints = Vec::with_capacity(sockets.len());
        let pairs = sockets.as_chunks::<2>().0;
        for ([caller, callee], number) in pairs.iter().zip((0..).step_by(2)) {
            endpoints.extend(self.call(number, caller.local_addr(), callee.local_addr())?);
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

    fn call(
        &mut self,
        number: u16,
        caller: SocketAddr,
        callee: SocketAddr,
    ) -> Result<[Endpoint; 2], LoadError> {
        let call = usize::from(number / 2);
        let ng = |source: NgError| LoadError::Ng { call, source };
        let read = |sdp: &str| Description::parse(sdp).map_err(|source| LoadError::Sdp { call, source });
        let (id, from) = (self.call_id(call), from_tag(call));
        let callee_law = if self.kind == Kind::PcmuPcma { Law::A } else { Law::Mu };

        let offer = describe(caller, Law::Mu, None).to_sdp();
        let to_callee =
            read(&self.client.offer(&self.with_flags(Command::offer(&id, &from, &offer))).map_err(ng)?)?;
        self.running = call + 1;
        let keys = match self.kind {
            Kind::SrtpOneSide { suite } => Some(agree(&to_callee, suite, call)?),
            Kind::PcmuRelay | Kind::PcmuPcma => None,
        };
        if !to_callee.formats.contains(&Format::audio(callee_law)) {
            return Err(LoadError::Lacking { call, lacking: format!("{callee_law:?}-law audio") });
        }
        let answer = describe(callee, callee_law, keys.as_ref().map(|(own, _)| own)).to_sdp();
        let answer = Command::answer(&id, &from, &format!("to-{call}"), &answer);
        let to_caller = read(&self.client.answer(&answer).map_err(ng)?)?;
        if to_caller.audio().map(|(_, law)| law) != Some(Law::Mu) {
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
            Endpoint::new(number, to_caller.rtp, Law::Mu, None),
            Endpoint::new(number + 1, to_callee.rtp, callee_law, contexts),
        ])
    }

    fn with_flags(&self, offer: Command) -> Command {
        let offer = offer.text("ICE", "remove").list("replace", &["origin"]);
        match self.kind {
            Kind::PcmuRelay => offer,
            Kind::SrtpOneSide { .. } => offer.text("transport-protocol", "RTP/SAVP").text("DTLS", "off"),
            Kind::PcmuPcma => offer.codec("mask", &["PCMU"]).codec("transcode", &["PCMA"]),
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

fn describe(rtp: SocketAddr, law: Law, crypto: Option<&Crypto>) -> Description {
    Description {
        rtp,
        rtcp: SocketAddr::new(rtp.ip(), rtp.port().saturating_add(1)),
        rtcp_mux: false,
        transport: if crypto.is_some() { Transport::Savp } else { Transport::Avp },
        formats: vec![Format::audio(law)],
        crypto: crypto.into_iter().cloned().collect(),
        direction: Direction::SendRecv,
        session: (u64::from(rtp.port()), 1),
    }
}
