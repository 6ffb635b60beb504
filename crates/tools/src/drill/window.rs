//! A controller that has several requests under way at once, repeats some, and books every answer: how many came to each
//! request, whether they can be read, and whether a repetition got the answer of before.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use mediapoint_caller::delay::Delays;
use mediapoint_caller::ng::{Command, Reply};

use super::DrillError;
use super::report::Check;

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Where nothing comes for so long, nothing is under way any more.
const SILENCE: Duration = Duration::from_millis(200);
/// Answered requests that are remembered, to be repeated and to know what still comes to them.
const REMEMBERED: usize = 256;
/// The largest datagram.
const DATAGRAM: usize = 65_536;

/// Answers of all kinds.
#[derive(Debug, Clone, Default)]
pub(super) struct Exchange {
    /// Requests under a cookie of their own.
    pub(super) requests: u64,
    /// Datagrams that repeated one.
    pub(super) repetitions: u64,
    /// Answers that are owed and did not come.
    pub(super) unanswered: u64,
    /// Answers to nothing, or more of them than requests.
    pub(super) surplus: u64,
    /// Answers that are no dictionary with a known result, or an error without a reason.
    pub(super) malformed: u64,
    /// Answers to a repetition that are another than that of before.
    pub(super) different: u64,
    /// Errors of the server's own making.
    pub(super) internal: u64,
    /// Answers `ok` and `pong`.
    pub(super) ok: u64,
    /// Answers `error` and `load limit`.
    pub(super) refused: u64,
    /// From a request's first datagram to its answer.
    pub(super) delays: Delays,
}

impl Exchange {
    pub(super) fn extend(&mut self, other: &Self) {
        self.requests += other.requests;
        self.repetitions += other.repetitions;
        self.unanswered += other.unanswered;
        self.surplus += other.surplus;
        self.malformed += other.malformed;
        self.different += other.different;
        self.internal += other.internal;
        self.ok += other.ok;
        self.refused += other.refused;
        self.delays.extend(&other.delays);
    }

    /// Each request gets one answer that can be read.
    pub(super) fn judge(&self) -> Vec<Check> {
        vec![
            Check::none("requests without an answer", self.unanswered),
            Check::none("answers beyond those asked for", self.surplus),
            Check::none("answers that cannot be read", self.malformed),
            Check::none("answers to a repetition other than before", self.different),
            Check::none("internal errors", self.internal),
            Check::equal("requests answered ok or refused", self.ok + self.refused, self.requests),
        ]
    }

    fn book(&mut self, reply: &Reply) {
        match (reply.result(), reply.text("error-reason")) {
            ("ok" | "pong", _) => self.ok += 1,
            ("error", Some("internal error")) => self.internal += 1,
            ("error", Some(_)) | ("load limit", _) => self.refused += 1,
            _ => self.malformed += 1,
        }
    }
}

/// A request that was sent.
#[derive(Debug)]
struct Sent {
    datagram: Vec<u8>,
    at: Instant,
    /// Answers that have to come, those that may, and those that came.
    owed: u32,
    allowed: u32,
    came: u32,
    answer: Option<Vec<u8>>,
}

/// The controller.
#[derive(Debug)]
pub(super) struct Window {
    socket: UdpSocket,
    /// What its cookies begin with.
    name: String,
    size: usize,
    sent: HashMap<Vec<u8>, Sent>,
    open: usize,
    /// Answered ones, the oldest first.
    answered: VecDeque<Vec<u8>>,
    exchange: Exchange,
    buffer: Vec<u8>,
}

impl Window {
    /// A controller of `server` with up to `size` requests under way. Others may use the same `name`: cookies of one source are
    /// not those of another.
    pub(super) fn new(server: SocketAddr, name: &str, size: usize) -> Result<Self, DrillError> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(server)?;
        Ok(Self {
            socket,
            name: name.to_owned(),
            size,
            sent: HashMap::new(),
            open: 0,
            answered: VecDeque::new(),
            exchange: Exchange::default(),
            buffer: vec![0; DATAGRAM],
        })
    }

    /// Sends a request once there is room for it; `twice` in two datagrams, of which the second may find the first one still
    /// being carried out, and then gets no answer of its own.
    pub(super) fn send(&mut self, command: &Command, twice: bool) -> Result<(), DrillError> {
        let cookie = format!("{}_{}", self.name, self.exchange.requests);
        self.send_as(cookie, command, twice)
    }

    /// The same under a cookie of the caller's, which may not have been used before.
    pub(super) fn send_as(
        &mut self,
        cookie: String,
        command: &Command,
        twice: bool,
    ) -> Result<(), DrillError> {
        while self.open >= self.size {
            self.receive(ANSWER_WITHIN)?;
        }
        let mut datagram = format!("{cookie} ").into_bytes();
        datagram.extend(command.encode()?);
        let (copies, at) = (1 + u32::from(twice), Instant::now());
        for _ in 0..copies {
            self.socket.send(&datagram)?;
        }
        self.exchange.requests += 1;
        self.exchange.repetitions += u64::from(twice);
        self.open += 1;
        let sent = Sent { datagram, at, owed: 1, allowed: copies, came: 0, answer: None };
        self.sent.insert(cookie.into_bytes(), sent);
        Ok(())
    }

    /// Sends the datagram of the request that was answered `ago` requests before again. Its answer has to come again, the same.
    pub(super) fn repeat(&mut self, ago: usize) -> Result<(), DrillError> {
        let Some(at) = self.answered.len().checked_sub(1 + ago) else { return Ok(()) };
        let Some(sent) = self.answered.get(at).and_then(|cookie| self.sent.get_mut(cookie)) else {
            return Ok(());
        };
        self.open += usize::from(sent.came >= sent.owed);
        // What is owed are the answers so far, and this one: of two datagrams at once the second may have got none.
        sent.owed = sent.came + 1;
        sent.allowed += 1;
        sent.at = Instant::now();
        self.exchange.repetitions += 1;
        self.socket.send(&sent.datagram)?;
        Ok(())
    }

    /// Sends bytes that nothing may be answered to.
    pub(super) fn send_unanswerable(&mut self, bytes: &[u8]) -> Result<(), DrillError> {
        self.socket.send(bytes)?;
        Ok(())
    }

    /// Waits for what is under way, and gives what was counted.
    pub(super) fn finish(&mut self) -> Result<Exchange, DrillError> {
        while self.open > 0 {
            self.receive(ANSWER_WITHIN)?;
        }
        while self.receive(SILENCE)? {}
        self.sent.clear();
        self.answered.clear();
        Ok(std::mem::take(&mut self.exchange))
    }

    /// Takes one answer; false where none came within `wait`. What is overdue then is given up.
    fn receive(&mut self, wait: Duration) -> Result<bool, DrillError> {
        self.socket.set_read_timeout(Some(wait))?;
        match self.socket.recv(&mut self.buffer) {
            Ok(len) => {
                self.take(len, Instant::now());
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                self.give_up(Instant::now());
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn take(&mut self, len: usize, now: Instant) {
        let datagram = self.buffer.get(..len).unwrap_or_default();
        let mut parts = datagram.splitn(2, |byte| *byte == b' ');
        let (cookie, body) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let Some(sent) = self.sent.get_mut(cookie) else {
            self.exchange.surplus += 1;
            return;
        };
        sent.came += 1;
        self.exchange.surplus += u64::from(sent.came > sent.allowed);
        self.open -= usize::from(sent.came == sent.owed);
        if let Some(answer) = &sent.answer {
            self.exchange.different += u64::from(answer != datagram);
            return;
        }
        self.exchange.delays.record(now - sent.at);
        match Reply::decode(body) {
            Ok(reply) => self.exchange.book(&reply),
            Err(_) => self.exchange.malformed += 1,
        }
        sent.answer = Some(datagram.to_vec());
        self.answered.push_back(cookie.to_vec());
        if self.answered.len() > REMEMBERED
            && let Some(oldest) = self.answered.pop_front()
            && let Some(sent) = self.sent.remove(&oldest)
            && sent.came < sent.owed
        {
            // A repetition so long ago that it will not be answered any more.
            self.open -= 1;
            self.exchange.unanswered += 1;
        }
    }

    fn give_up(&mut self, now: Instant) {
        for sent in self.sent.values_mut() {
            if sent.came < sent.owed && now.saturating_duration_since(sent.at) >= ANSWER_WITHIN / 2 {
                self.open -= 1;
                self.exchange.unanswered += 1;
                sent.owed = sent.came;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers as it is told.
    struct Server(UdpSocket);

    impl Server {
        fn request(&self) -> (Vec<u8>, SocketAddr) {
            let mut buffer = [0; 2048];
            let (len, from) = self.0.recv_from(&mut buffer).unwrap();
            let cookie = buffer[..len].split(|byte| *byte == b' ').next().unwrap();
            (cookie.to_vec(), from)
        }

        fn answer(&self, (cookie, to): &(Vec<u8>, SocketAddr), body: &str) {
            self.0.send_to(&[cookie.as_slice(), b" ", body.as_bytes()].concat(), to).unwrap();
        }
    }

    fn pair() -> (Server, Window) {
        let server = Server(UdpSocket::bind("127.0.0.1:0").unwrap());
        let window = Window::new(server.0.local_addr().unwrap(), "w", 4).unwrap();
        (server, window)
    }

    fn failures(exchange: &Exchange) -> Vec<String> {
        exchange.judge().iter().filter_map(Check::failure).collect()
    }

    const OK: &str = "d6:result2:oke";

    #[test]
    fn one_answer_each_is_as_it_should_be() {
        let (server, mut window) = pair();
        for body in [OK, "d12:error-reason1:x6:result5:errore", "d6:result10:load limite"] {
            window.send(&Command::new("ping"), true).unwrap();
            let (first, second) = (server.request(), server.request());
            assert_eq!(first, second);
            server.answer(&first, body);
        }
        window.receive(ANSWER_WITHIN).unwrap();
        window.repeat(0).unwrap();
        server.answer(&server.request(), OK);
        let exchange = window.finish().unwrap();
        assert_eq!(failures(&exchange), [""; 0]);
        assert_eq!((exchange.requests, exchange.repetitions, exchange.ok, exchange.refused), (3, 4, 1, 2));
    }

    #[test]
    fn answers_that_are_missing_too_many_other_or_broken_are_told_apart() {
        for (bodies, failure) in [
            (vec![OK, OK], "answers beyond"),
            (vec!["x"], "cannot be read"),
            (vec!["d6:result5:errore"], "cannot be read"),
            (vec!["d6:result3:oddee"], "cannot be read"),
            (vec!["d12:error-reason14:internal error6:result5:errore"], "internal errors"),
        ] {
            let (server, mut window) = pair();
            window.send(&Command::new("ping"), false).unwrap();
            let request = server.request();
            bodies.iter().for_each(|body| server.answer(&request, body));
            let failed = failures(&window.finish().unwrap());
            assert!(failed[0].contains(failure), "{bodies:?}: {failed:?}");
        }
        let (server, mut window) = pair();
        window.send(&Command::new("ping"), true).unwrap();
        let request = server.request();
        server.answer(&request, OK);
        server.answer(&request, "d6:result4:ponge");
        let failed = failures(&window.finish().unwrap());
        assert!(failed[0].contains("other than before"), "{failed:?}");
    }

    #[test]
    fn an_answer_that_is_owed_is_waited_for_and_then_missed() {
        let (_server, mut window) = pair();
        window.send(&Command::new("ping"), true).unwrap();
        window.give_up(Instant::now());
        assert_eq!(window.open, 1, "it may still come");
        window.give_up(Instant::now() + ANSWER_WITHIN);
        let exchange = window.finish().unwrap();
        assert_eq!(exchange.unanswered, 1);
        assert!(failures(&exchange)[0].contains("without an answer"));
    }
}
