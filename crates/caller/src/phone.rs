//! A softphone on real sockets: talks, listens, records, counts, negotiates with SDP, and keeps RTCP going.
//!
//! Three threads serve it, one that sends on absolute 20 ms deadlines and one for each socket. What it sends and
//! what it makes of packets is decided in the modules `transmitter` and `receiver`, which know neither sockets nor clocks.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mediapoint_codec::Unsupported;
use serde::Serialize;

use crate::codec::{Codec, Listener, Speaker};
use crate::event::{Digit, Press};
use crate::recording::{Recording, SAMPLE_RATE};
use crate::sdes::Suite;
use crate::sdp::{Direction, EVENT_PAYLOAD_TYPE, SdpError, Transport};

mod receiver;
mod reporter;
mod sockets;
mod state;
mod threads;
mod transmitter;

pub use reporter::RemoteReport;

use state::State;

/// How a phone is set up.
#[derive(Debug, Clone)]
pub struct PhoneConfig {
    /// The address it binds to and describes itself by.
    pub address: IpAddr,
    /// The codecs it speaks, the preferred one first; at least one.
    pub codecs: Vec<Codec>,
    /// Payload type of telephone-event in its offers; `None` for a phone without. Events have a clock of 8 kHz and are
    /// not agreed beside audio of another.
    pub events: Option<u8>,
    /// Suites it speaks, the preferred one first; none for a phone of plain RTP.
    pub suites: Vec<Suite>,
    /// Offers and accepts RTP and RTCP on one port.
    pub rtcp_mux: bool,
    /// Offers an `…F` profile (RFC 4585).
    pub feedback: bool,
    /// Mean time between RTCP reports; zero for none.
    pub rtcp_interval: Duration,
    /// How much it records of each direction.
    pub record: Duration,
    /// Its CNAME.
    pub name: String,
}

impl Default for PhoneConfig {
    /// Plain RTP on loopback, both laws of G.711, telephone events, RTCP on its own port each 5 s, ten minutes recorded.
    fn default() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            codecs: vec![Codec::Pcmu, Codec::Pcma],
            events: Some(EVENT_PAYLOAD_TYPE),
            suites: Vec::new(),
            rtcp_mux: false,
            feedback: false,
            rtcp_interval: Duration::from_secs(5),
            record: Duration::from_secs(600),
            name: format!("{:08x}@phone.invalid", rand::random::<u32>()),
        }
    }
}

impl PhoneConfig {
    pub(crate) fn transport(&self) -> Transport {
        match (self.suites.is_empty(), self.feedback) {
            (true, false) => Transport::Avp,
            (true, true) => Transport::Avpf,
            (false, false) => Transport::Savp,
            (false, true) => Transport::Savpf,
        }
    }

    fn record_samples(&self) -> usize {
        usize::try_from(self.record.as_millis() * u128::from(SAMPLE_RATE) / 1_000).unwrap_or(usize::MAX)
    }
}

/// Why a phone cannot do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum PhoneError {
    /// No sockets can be had.
    #[error("phone socket: {0}")]
    Io(#[from] io::Error),
    /// The peer's description cannot be read.
    #[error(transparent)]
    Sdp(#[from] SdpError),
    /// The peer speaks none of the phone's codecs.
    #[error("no audio coding in common")]
    NoCommonCoding,
    /// There is no coder for a codec of the configuration.
    #[error("{codec}: {source}")]
    Codec {
        /// The codec.
        codec: Codec,
        /// What is missing.
        source: Unsupported,
    },
    /// One side wants SRTP and the other does not, or their suites differ, or an answer names no offered key.
    #[error("no common keying: the peer's transport is {transport}, {offered} usable crypto lines")]
    NoCommonKeying {
        /// The peer's transport.
        transport: &'static str,
        /// How many of its `a=crypto` lines could be read.
        offered: usize,
    },
    /// A digit is none of `0-9*#A-D`.
    #[error("{0:?} is no digit")]
    NoDigit(char),
    /// Digits cannot be sent because no telephone-event format is agreed, or too many wait.
    #[error("digits cannot be sent now")]
    CannotPress,
}

/// What a phone counted. Receive counters run over all streams that it heard.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct PhoneStats {
    /// RTP packets sent since its source last changed.
    pub packets_sent: u64,
    /// Payload octets sent since its source last changed.
    pub octets_sent: u64,
    /// RTP packets received, each once.
    pub packets_received: u64,
    /// RTP packets missing.
    pub lost: u64,
    /// RTP packets that came behind newer ones.
    pub out_of_order: u64,
    /// RTP packets that came again.
    pub duplicates: u64,
    /// Interarrival jitter of the present stream in milliseconds.
    pub jitter_ms: f64,
    /// Streams heard: changes of SSRC or leaps of the sequence number, the first included.
    pub sources: u64,
    /// Received packets with the marker bit.
    pub markers: u64,
    /// SSRC of the present stream.
    pub heard_ssrc: Option<u32>,
    /// Whence the last RTP datagram came.
    pub heard_from: Option<SocketAddr>,
    /// Datagrams that failed authentication or replay protection.
    pub undecryptable: u64,
    /// Datagrams that are no RTP or RTCP.
    pub malformed: u64,
    /// RTP packets of a payload type that was not agreed.
    pub unknown_type: u64,
    /// RTCP compound packets sent.
    pub rtcp_sent: u64,
    /// RTCP compound packets received.
    pub rtcp_received: u64,
    /// Sender reports among them.
    pub sender_reports: u64,
    /// The peer's last report on this phone's stream.
    pub remote: Option<RemoteReport>,
    /// A BYE came.
    pub bye: bool,
    /// Digits heard.
    pub digits: usize,
    /// Samples of audio recorded, gaps included.
    pub heard_samples: usize,
    /// True while what was last given to play is not played out.
    pub playing: bool,
    /// True while digits are being sent.
    pub pressing: bool,
    /// Packet slots given up because the sending thread was held up by more than 200 ms.
    pub skipped_slots: u64,
    /// Datagrams that the kernel would not take.
    pub send_errors: u64,
}

/// State and the signal that it changed.
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A phone. It ends, without BYE, when it is dropped.
pub struct Softphone {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Softphone {
    /// A phone with bound sockets that neither sends nor knows whom to listen to.
    ///
    /// # Errors
    /// [`PhoneError::Io`] where there are no sockets or threads to be had, [`PhoneError::NoCommonCoding`] where the
    /// configuration has no codec, [`PhoneError::Codec`] where it has one that there is no coder for.
    pub fn bind(config: PhoneConfig) -> Result<Self, PhoneError> {
        if config.codecs.is_empty() {
            return Err(PhoneError::NoCommonCoding);
        }
        for &codec in &config.codecs {
            let coders = Speaker::new(codec).and_then(|_| Listener::new(codec));
            coders.map_err(|source| PhoneError::Codec { codec, source })?;
        }
        let shared = Arc::new(Shared { state: Mutex::new(State::new(config)?), changed: Condvar::new() });
        let mut phone = Self { shared, threads: Vec::new() };
        phone.threads = threads::start(&phone.shared)?;
        Ok(phone)
    }

    /// A description to offer. Call it again for a re-INVITE: it says what holds now.
    #[must_use]
    pub fn offer(&self) -> String {
        self.shared.lock().offer().to_sdp()
    }

    /// Answers an offer and begins to talk to the party that made it.
    ///
    /// # Errors
    /// Where the offer cannot be read or has no coding or keying in common with this phone; nothing changes then.
    pub fn answer(&self, offer: &str) -> Result<String, PhoneError> {
        Ok(self.shared.lock().answer(offer)?.to_sdp())
    }

    /// Takes the answer to its last offer and begins to talk to the party that gave it.
    ///
    /// # Errors
    /// Where the answer cannot be read or does not fit the offer; nothing changes then.
    pub fn accept(&self, answer: &str) -> Result<(), PhoneError> {
        self.shared.lock().accept(answer)
    }

    /// Plays 8 kHz samples once, from now on, instead of what it played; then silence.
    pub fn play(&self, samples: impl Into<Arc<[i16]>>) {
        self.shared.lock().transmitter.play(samples.into(), false);
    }

    /// Plays 8 kHz samples again and again.
    pub fn play_again_and_again(&self, samples: impl Into<Arc<[i16]>>) {
        self.shared.lock().transmitter.play(samples.into(), true);
    }

    /// Sends digits as telephone events, each held for `each` (20 ms to 8 s). Audio waits meanwhile.
    ///
    /// # Errors
    /// [`PhoneError::NoDigit`], or [`PhoneError::CannotPress`] where events are not agreed; the digits before are
    /// sent.
    pub fn press(&self, digits: &str, each: Duration) -> Result<(), PhoneError> {
        let mut state = self.shared.lock();
        for digit in digits.chars() {
            let press = Press::new(digit, each).ok_or(PhoneError::NoDigit(digit))?;
            if !state.transmitter.press(press) {
                return Err(PhoneError::CannotPress);
            }
        }
        Ok(())
    }

    /// Stops sending, as a phone without hold music does, and says `sendonly` in its next descriptions.
    pub fn hold(&self) {
        self.shared.lock().hold(true);
    }

    /// Ends [`Softphone::hold`].
    pub fn resume(&self) {
        self.shared.lock().hold(false);
    }

    /// Sets the direction that its next descriptions say, and sends or not as it says.
    pub fn set_direction(&self, direction: Direction) {
        self.shared.lock().set_direction(direction);
    }

    /// Goes on as another RTP source: SSRC, sequence number and timestamp anew.
    pub fn change_ssrc(&self) {
        self.shared.lock().transmitter.change_source();
    }

    /// Moves to other ports at once. The peer learns it by the next description, or by what it hears.
    ///
    /// # Errors
    /// Where no ports can be had; it keeps the present ones then.
    pub fn change_ports(&self) -> Result<SocketAddr, PhoneError> {
        self.shared.lock().change_ports()
    }

    /// Makes new keys, which hold from the next description on.
    pub fn rekey(&self) {
        self.shared.lock().rekey();
    }

    /// The address where it listens for RTP.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.shared.lock().local_addr()
    }

    /// The SSRC that it sends as.
    #[must_use]
    pub fn ssrc(&self) -> u32 {
        self.shared.lock().transmitter.ssrc()
    }

    /// What it counted up to now.
    #[must_use]
    pub fn stats(&self) -> PhoneStats {
        self.shared.lock().stats()
    }

    /// What it sent, as it was before coding.
    #[must_use]
    pub fn sent(&self) -> Recording {
        self.shared.lock().transmitter.sent().clone()
    }

    /// What it heard.
    #[must_use]
    pub fn heard(&self) -> Recording {
        self.shared.lock().receiver.heard().clone()
    }

    /// The digits that it heard.
    #[must_use]
    pub fn digits(&self) -> Vec<Digit> {
        self.shared.lock().receiver.digits().heard().to_vec()
    }

    /// Waits until `done` holds, looking after each packet sent or received; false where `timeout` passed first.
    pub fn wait_until(&self, timeout: Duration, mut done: impl FnMut(&PhoneStats) -> bool) -> bool {
        let deadline = Instant::now() + timeout;
        let mut state = self.shared.lock();
        while !done(&state.stats()) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Says BYE, ends, and gives its last counts.
    #[must_use]
    pub fn hang_up(self) -> PhoneStats {
        let mut state = self.shared.lock();
        state.say_bye();
        state.stats()
    }
}

impl Drop for Softphone {
    fn drop(&mut self) {
        self.shared.lock().stop();
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            // A thread of this crate that panicked has nothing left to say.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
