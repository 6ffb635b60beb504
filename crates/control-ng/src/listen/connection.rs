//! Messages back to back in a stream, each as long as its dictionary says.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mediapoint_packet::{SecretBytes, Time};

use super::stream::Stream;
use super::{Clock, ListenConfig, STOP_CHECK, is_time_out};
use crate::dispatch::count;
use crate::wire::{Format, MAX_COOKIE, Scanner};
use crate::{Dispatcher, Guard, Handler, MAX_SEAL, NgError, Peer};

/// How much is read and thrown away after a refused message, so that the refusal arrives before the connection ends.
const LINGER_BYTES: usize = 16 << 20;

/// How long a reply, or the end of a connection, may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// One connection.
pub(super) struct Connection {
    stream: Stream,
    peer: Peer,
    buffer: SecretBytes,
    scan: Option<(usize, Scanner)>,
}

/// Whether the connection goes on.
enum Next {
    /// It does; `answered` where a message was complete.
    Read {
        answered: bool,
    },
    End,
    Linger,
}

impl Connection {
    pub(super) fn new(stream: Stream, peer: Peer) -> Self {
        Self { stream, peer, buffer: SecretBytes::default(), scan: None }
    }

    pub(super) fn serve<H: Handler>(
        &mut self,
        config: &ListenConfig,
        stop: &AtomicBool,
        clock: &Clock,
        dispatcher: &Dispatcher<H>,
    ) -> io::Result<()> {
        self.stream.set_time_limits(STOP_CHECK)?;
        let guard = config.guard.as_deref().filter(|_| !self.stream.is_unix());
        let mut chunk = SecretBytes::zeroed(16_384);
        // A message must be whole within its time from its first byte on, the first one from the connection on.
        let mut since = clock();
        let mut limit = config.message_time;
        while !stop.load(Ordering::Relaxed) {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(len) => {
                    let was_between = self.buffer.is_empty();
                    self.buffer.extend_from_slice(chunk.get(..len).unwrap_or_default());
                    chunk.wipe_front(len);
                    let answered = match self.answer_all(clock, dispatcher, guard)? {
                        Next::Read { answered } => answered,
                        Next::End => return Ok(()),
                        Next::Linger => return self.linger(clock, &mut chunk),
                    };
                    // Blanks alone change nothing.
                    if answered || (was_between && !self.buffer.is_empty() && limit != config.message_time) {
                        since = clock();
                        limit = if self.buffer.is_empty() { config.idle } else { config.message_time };
                    }
                }
                Err(error) if is_time_out(&error) => {}
                Err(error) => return Err(error),
            }
            if clock().since(since) >= limit {
                if limit == config.message_time {
                    count(&dispatcher.counters().slow_connections);
                }
                return Ok(());
            }
        }
        Ok(())
    }

    /// Answers what is complete.
    fn answer_all<H: Handler>(
        &mut self,
        clock: &Clock,
        dispatcher: &Dispatcher<H>,
        guard: Option<&Guard>,
    ) -> io::Result<Next> {
        let mut answered = false;
        loop {
            match self.next_message(guard.is_some()) {
                Ok(Some((start, len))) => {
                    let message = self.buffer.get(..len).unwrap_or_default();
                    let reply = match (guard, start) {
                        (Some(guard), _) => match guard.open(&self.peer, message) {
                            Ok(opened) => {
                                let reply = if opened.repeated {
                                    dispatcher.answer_again(&self.peer, opened.message)
                                } else {
                                    dispatcher.answer(clock(), self.peer.clone(), opened.message)
                                };
                                reply.map(|reply| Arc::new(guard.seal(&opened.mac, &reply)))
                            }
                            Err(reason) => {
                                count(&dispatcher.counters().not_authentic);
                                tracing::warn!(%reason, "a control connection was ended");
                                return Ok(Next::End);
                            }
                        },
                        (None, 0) => Some(Arc::new(dispatcher.answer_bare(clock(), &self.peer, message))),
                        (None, _) => dispatcher.answer(clock(), self.peer.clone(), message),
                    };
                    if let Some(reply) = reply {
                        self.write(&reply, clock)?;
                    }
                    self.buffer.remove_front(len);
                    answered = true;
                }
                Ok(None) => return Ok(Next::Read { answered }),
                // Whoever does not know the secret is not answered.
                Err(_) if guard.is_some() => {
                    count(&dispatcher.counters().not_authentic);
                    return Ok(Next::End);
                }
                Err(error) => {
                    if let Some(reply) = dispatcher.refuse(&self.buffer, &error) {
                        self.write(&reply, clock)?;
                    }
                    return Ok(Next::Linger);
                }
            }
        }
    }

    /// Start of the dictionary and length of the message at the start of the buffer, `None` where it is not complete.
    /// After an error the stream has no known message boundary any more.
    fn next_message(&mut self, sealed: bool) -> Result<Option<(usize, usize)>, NgError> {
        if self.scan.is_none() {
            // Blanks and line ends between messages mean nothing.
            let blanks = self.buffer.iter().take_while(|b| b.is_ascii_whitespace()).count();
            self.buffer.remove_front(blanks);
            if self.stream.is_unix()
                && let Some(format) = bare(&self.buffer)
            {
                self.scan = Some((0, Scanner::new(format)));
            }
        }
        if self.scan.is_none() {
            let limit = if sealed { MAX_COOKIE + MAX_SEAL } else { MAX_COOKIE };
            let Some(blank) = self.buffer.iter().take(limit + 1).position(|b| *b == b' ') else {
                let size = self.buffer.len();
                return if size > limit { Err(NgError::TooLarge { size, limit }) } else { Ok(None) };
            };
            let Some(first) = self.buffer.get(blank + 1).copied() else { return Ok(None) };
            let format = Format::of(first).ok_or(NgError::NoDictionary { first })?;
            self.scan = Some((blank + 1, Scanner::new(format)));
        }
        let Some((start, scan)) = &mut self.scan else { return Ok(None) };
        let start = *start;
        let complete = scan.advance(self.buffer.get(start..).unwrap_or_default())?;
        if complete.is_some() {
            self.scan = None;
        }
        Ok(complete.map(|len| (start, start + len)))
    }

    /// Writes all of a reply, within a time: a peer that reads too slowly is not waited for.
    fn write(&mut self, mut bytes: &[u8], clock: &Clock) -> io::Result<()> {
        let since = clock();
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(len) => bytes = bytes.get(len..).unwrap_or_default(),
                Err(error) if is_time_out(&error) => {}
                Err(error) => return Err(error),
            }
            if clock().since(since) >= PATIENCE && !bytes.is_empty() {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        Ok(())
    }

    /// Ends the connection so that the last reply still arrives: closing with unread bytes would reset it.
    fn linger(&mut self, clock: &Clock, chunk: &mut [u8]) -> io::Result<()> {
        self.stream.end_of_replies()?;
        let since: Time = clock();
        let mut left = LINGER_BYTES;
        while clock().since(since) < PATIENCE {
            match self.stream.read(chunk) {
                Ok(0) => return Ok(()),
                Ok(len) if len < left => left -= len,
                Ok(_) => return Ok(()),
                Err(error) if is_time_out(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The format of a message that begins with its dictionary: over a Unix stream Kamailio leaves the cookie out. A cookie
/// has no brace and no `d7:` at its start.
fn bare(bytes: &[u8]) -> Option<Format> {
    let (first, rest) = bytes.split_first()?;
    match Format::of(*first)? {
        Format::Json => Some(Format::Json),
        Format::Bencode => {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let ends = rest.get(digits).is_some_and(|byte| *byte == b':');
            (ends && (1..4).contains(&digits)).then_some(Format::Bencode)
        }
    }
}
