//! One direction of a call: packets sent through the server until the first comes out.

use std::thread;
use std::time::{Duration, Instant};

use crate::drill::call::{Party, Remote};
use crate::drill::{DrillError, rtp};

/// How long the first packet may take from one party to the other.
const HEARD_WITHIN: Duration = Duration::from_secs(2);
/// How often it is looked whether it came.
const LOOK_EVERY: Duration = Duration::from_micros(200);
/// Packets go on at this pace until then, as from a phone: those in the first moment after an answer may be too early, since its
/// reply does not wait until every leg follows it.
const PACKET_TIME: Duration = Duration::from_millis(20);

/// What one party sends to the other through the server.
pub(super) struct Voice<'a> {
    party: &'a Party,
    to: Remote,
    listener: &'a Party,
    from: Remote,
    sent: u16,
}

impl<'a> Voice<'a> {
    pub(super) fn new(party: &'a Party, to: Remote, listener: &'a Party, from: Remote) -> Self {
        Self { party, to, listener, from, sent: 0 }
    }

    pub(super) fn send(&mut self) -> Result<(), DrillError> {
        let ssrc = u32::from(self.to.rtp.port());
        let packet = rtp::packet(self.sent, u32::from(self.sent) * 160, ssrc, rtp::PAYLOAD);
        self.party.rtp.send_to(&packet, self.to.rtp)?;
        self.sent += 1;
        Ok(())
    }

    /// Waits for the first packet that the listener receives, and goes on sending. True where one came, with the packets that
    /// were sent meanwhile.
    pub(super) fn wait(&mut self) -> Result<(bool, u16), DrillError> {
        let (began, before) = (Instant::now(), self.sent);
        let mut next = began + PACKET_TIME;
        while began.elapsed() < HEARD_WITHIN {
            if self.is_heard()? {
                return Ok((true, self.sent - before));
            }
            if Instant::now() >= next {
                self.send()?;
                next += PACKET_TIME;
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok((false, self.sent - before))
    }

    fn is_heard(&self) -> Result<bool, DrillError> {
        let mut buffer = [0; 2048];
        loop {
            match self.listener.rtp.recv_from(&mut buffer) {
                Ok((len, source)) => {
                    let datagram = buffer.get(..len).unwrap_or_default();
                    if source == self.from.rtp && !rtp::is_rtcp(datagram) {
                        return Ok(true);
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
