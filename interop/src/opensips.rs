//! What the rtpengine module of OpenSIPS 3.4 puts on the wire, rebuilt from its documentation and behaviour: the keys in its
//! order, which is not that of the alphabet, its cookies, and streams without cookies over a Unix socket.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Context as _, Failure};
use crate::ng::Reply;
use crate::process::LOOPBACK;

/// `rtpengine_tout` and `rtpengine_retr` of `examples/opensips.cfg`.
const WAIT: Duration = Duration::from_secs(1);
const TRIES: u32 = 2;

/// Where the module reaches the media server.
pub(crate) enum Link {
    /// One socket for every message, each with a cookie.
    Udp(UdpSocket),
    /// A connection for each message, and no cookie.
    Unix(PathBuf),
}

impl Link {
    /// `udp:HOST:PORT`.
    pub(crate) fn udp(server: SocketAddr) -> Result<Self, Failure> {
        let socket = UdpSocket::bind((LOOPBACK, 0)).during("binding the module's port")?;
        socket.connect(server).during("connecting the module's port")?;
        socket.set_read_timeout(Some(WAIT)).during("setting the module's timeout")?;
        Ok(Self::Udp(socket))
    }

    fn exchange(&self, cookie: &str, dictionary: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut buffer = vec![0; 65_535];
        match self {
            Self::Udp(socket) => {
                let message = [cookie.as_bytes(), b" ", dictionary].concat();
                for _ in 0..TRIES {
                    socket.send(&message).during("sending as the module")?;
                    let Ok(length) = socket.recv(&mut buffer) else { continue };
                    let reply = buffer.get(..length).unwrap_or_default();
                    if let Some(reply) = reply.strip_prefix(cookie.as_bytes()) {
                        return Ok(reply.strip_prefix(b" ").unwrap_or(reply).to_vec());
                    }
                }
                Err(Failure::Wrong("the module got no reply".to_owned()))
            }
            Self::Unix(path) => {
                let mut stream = UnixStream::connect(path).during(path.display().to_string())?;
                stream.set_read_timeout(Some(WAIT)).during("setting the module's timeout")?;
                stream.write_all(dictionary).during("sending as the module")?;
                // The module reads once, and closes.
                let length = stream.read(&mut buffer).during("reading as the module")?;
                // It is closed either way.
                let _ = stream.shutdown(Shutdown::Both);
                buffer.truncate(length);
                Ok(buffer)
            }
        }
    }
}

/// The module's side of a link.
pub(crate) struct Module {
    link: Link,
    sequence: u32,
}

/// One call as the proxy sees it: the tags of a SIP message and where that came from.
#[derive(Clone, Copy)]
pub(crate) struct Sip<'s> {
    pub(crate) call_id: &'s str,
    /// Tags of the From and To header fields of the message.
    pub(crate) from_tag: &'s str,
    pub(crate) to_tag: Option<&'s str>,
    /// True in a response.
    pub(crate) is_response: bool,
}

impl Module {
    /// Connects and pings, as each process of the proxy does when it starts.
    pub(crate) fn start(link: Link) -> Result<Self, Failure> {
        let mut module = Self { link, sequence: 0 };
        let reply = module.command(&Dictionary::default().text("command", "ping"))?;
        if reply.result() == "pong" { Ok(module) } else { Err(Failure::Wrong("no pong".to_owned())) }
    }

    /// `rtpengine_offer(flags)`.
    pub(crate) fn offer(&mut self, sip: Sip<'_>, flags: &str, sdp: &str) -> Result<Reply, Failure> {
        // In a response the one who offers is the one who was called.
        let swapped = sip.is_response;
        self.describe("offer", sip, swapped, flags, sdp)
    }

    /// `rtpengine_answer(flags)`.
    pub(crate) fn answer(&mut self, sip: Sip<'_>, flags: &str, sdp: &str) -> Result<Reply, Failure> {
        // In an ACK the one who answers is the one who called.
        let swapped = !sip.is_response;
        self.describe("answer", sip, swapped, flags, sdp)
    }

    /// `rtpengine_delete()`: never with a To tag.
    pub(crate) fn delete(&mut self, sip: Sip<'_>) -> Result<Reply, Failure> {
        let dictionary =
            Dictionary::default().text("call-id", sip.call_id).list("received-from", &["IP4", "127.0.0.1"]);
        let dictionary = dictionary.text("from-tag", sip.from_tag).text("command", "delete");
        self.checked("delete", &dictionary)
    }

    fn describe(
        &mut self,
        command: &str,
        sip: Sip<'_>,
        swapped: bool,
        flags: &str,
        sdp: &str,
    ) -> Result<Reply, Failure> {
        let mut dictionary = Dictionary::default().text("sdp", sdp);
        let (mut words, mut replace, mut profile) = (Vec::new(), Vec::new(), None);
        for word in flags.split_whitespace() {
            match word {
                "replace-origin" => replace.push("origin"),
                "RTP/AVP" | "RTP/SAVP" => profile = Some(word),
                _ => match word.split_once('=') {
                    Some((key, value)) => dictionary = dictionary.text(key, value),
                    None => words.push(word),
                },
            }
        }
        for (key, list) in [("flags", words), ("replace", replace)] {
            if !list.is_empty() {
                dictionary = dictionary.list(key, &list);
            }
        }
        if let Some(profile) = profile {
            dictionary = dictionary.text("transport-protocol", profile);
        }
        dictionary = dictionary.text("call-id", sip.call_id).list("received-from", &["IP4", "127.0.0.1"]);
        dictionary = match (swapped, sip.to_tag) {
            (false, None) => dictionary.text("from-tag", sip.from_tag),
            (false, Some(to)) => dictionary.text("from-tag", sip.from_tag).text("to-tag", to),
            (true, Some(to)) => dictionary.text("from-tag", to).text("to-tag", sip.from_tag),
            (true, None) => return Err(Failure::Wrong("the module needs a To tag here".to_owned())),
        };
        self.checked(command, &dictionary.text("command", command))
    }

    /// The module takes nothing but `ok` for success.
    fn checked(&mut self, command: &str, dictionary: &Dictionary) -> Result<Reply, Failure> {
        let reply = self.command(dictionary)?;
        if reply.result() == "ok" {
            return Ok(reply);
        }
        let reason = reply.text("error-reason").unwrap_or("no reason").to_owned();
        Err(Failure::Refused { command: command.to_owned(), reason })
    }

    fn command(&mut self, dictionary: &Dictionary) -> Result<Reply, Failure> {
        let cookie = format!("{}_{}", std::process::id(), self.sequence);
        self.sequence += 1;
        let reply = self.link.exchange(&cookie, &[b"d", dictionary.0.as_slice(), b"e"].concat())?;
        Reply::decode(&reply)
            .map_err(|error| Failure::Wrong(format!("the module cannot read the reply: {error}")))
    }
}

/// A dictionary in bencode, keys in the order in which they are added.
#[derive(Default)]
struct Dictionary(Vec<u8>);

impl Dictionary {
    fn text(mut self, key: &str, value: &str) -> Self {
        self.string(key);
        self.string(value);
        self
    }

    fn list(mut self, key: &str, values: &[&str]) -> Self {
        self.string(key);
        self.0.push(b'l');
        for value in values {
            self.string(value);
        }
        self.0.push(b'e');
        self
    }

    fn string(&mut self, text: &str) {
        self.0.extend_from_slice(format!("{}:{text}", text.len()).as_bytes());
    }
}
