//! A SIP proxy that does what a proxy's rtpengine module does: offer on INVITE, answer on 200, delete on BYE.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use crate::error::{Context as _, Failure};
use crate::ng::{Client, Fields, Message, Reply, as_number};
use crate::process::LOOPBACK;

/// A stateless SIP proxy for one caller and one callee.
pub(crate) struct Proxy<'c> {
    client: &'c Client,
    socket: UdpSocket,
    pub(crate) port: u16,
    callee: SocketAddr,
    caller: Option<SocketAddr>,
    /// Flags of every offer.
    flags: Fields,
    /// Packets received from caller and callee, per finished call.
    pub(crate) ended: BTreeMap<String, [u64; 2]>,
}

/// A SIP message in the parts that a proxy touches.
struct Sip {
    lines: Vec<String>,
    body: String,
}

impl<'c> Proxy<'c> {
    /// Takes requests for the phone at `callee_port` on a port of its own. Every offer has these flags.
    pub(crate) fn open(client: &'c Client, callee_port: u16, flags: Fields) -> Result<Self, Failure> {
        let socket = UdpSocket::bind((LOOPBACK, 0)).during("binding the proxy's port")?;
        socket.set_read_timeout(Some(Duration::from_millis(100))).during("setting the proxy's timeout")?;
        let port = socket.local_addr().during("reading the proxy's port")?.port();
        Ok(Self {
            client,
            socket,
            port,
            callee: (LOOPBACK, callee_port).into(),
            caller: None,
            flags,
            ended: BTreeMap::new(),
        })
    }

    /// Passes on one message, if one comes.
    pub(crate) fn step(&mut self) -> Result<(), Failure> {
        let mut buffer = [0; 65_536];
        let Ok((length, from)) = self.socket.recv_from(&mut buffer) else { return Ok(()) };
        let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()).into_owned();
        let Some(mut message) = Sip::parse(&text) else { return Ok(()) };
        let to = if message.is_response() {
            message.remove_first("Via");
            self.on_response(&mut message)?;
            self.caller
        } else {
            self.caller = Some(from);
            self.on_request(&mut message)?;
            let branch =
                message.header("Via").and_then(|via| via.split("branch=").nth(1)).unwrap_or("z9hG4bK");
            let via = format!("Via: SIP/2.0/UDP 127.0.0.1:{};branch={branch}-p", self.port);
            message.lines.insert(1, via);
            Some(self.callee)
        };
        if let Some(to) = to {
            self.socket.send_to(message.text().as_bytes(), to).during("passing on a SIP message")?;
        }
        Ok(())
    }

    fn on_request(&mut self, message: &mut Sip) -> Result<(), Failure> {
        let (id, from, to) = message.dialogue()?;
        let base = |command| Message::new(command).with("call-id", &id).with("from-tag", &from);
        if message.is("INVITE") && to.is_none() {
            let reply =
                self.client.request(&base("offer").with("sdp", &message.body).extended(&self.flags))?;
            message.replace_body(&reply)?;
        } else if message.is("BYE") && !self.ended.contains_key(&id) {
            let statistics = self.client.request(&Message::new("query").with("call-id", &id))?;
            let counts = [&from, &to.unwrap_or_default()].map(|tag| packets(&statistics, tag));
            self.ended.insert(id.clone(), counts);
            self.client.request(&base("delete"))?;
        }
        Ok(())
    }

    fn on_response(&self, message: &mut Sip) -> Result<(), Failure> {
        let (id, from, to) = message.dialogue()?;
        let accepts =
            message.is("SIP/2.0 200") && message.header("CSeq").is_some_and(|cseq| cseq.ends_with("INVITE"));
        if accepts && let Some(to) = to {
            let answer =
                Message::new("answer").with("call-id", &id).with("from-tag", &from).with("to-tag", &to);
            let reply = self.client.request(&answer.with("sdp", &message.body))?;
            message.replace_body(&reply)?;
        }
        Ok(())
    }
}

impl Sip {
    /// `None` for what is no message, such as a keep-alive.
    fn parse(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\r\n\r\n").filter(|(head, _)| !head.is_empty())?;
        Some(Self { lines: head.split("\r\n").map(str::to_owned).collect(), body: body.to_owned() })
    }

    fn is_response(&self) -> bool {
        self.is("SIP/2.0 ")
    }

    fn is(&self, start: &str) -> bool {
        self.lines.first().is_some_and(|line| line.starts_with(start))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
    }

    fn remove_first(&mut self, name: &str) {
        if let Some(at) = self.lines.iter().position(|line| line.starts_with(name)) {
            self.lines.remove(at);
        }
    }

    /// Call-ID, From tag and To tag.
    fn dialogue(&self) -> Result<(String, String, Option<String>), Failure> {
        let tag = |name| self.header(name).and_then(|value| value.split(";tag=").nth(1)).map(str::to_owned);
        match (self.header("Call-ID"), tag("From")) {
            (Some(id), Some(from)) => Ok((id.to_owned(), from, tag("To"))),
            _ => Err(Failure::Wrong("a SIP message without Call-ID or From tag".to_owned())),
        }
    }

    fn replace_body(&mut self, reply: &Reply) -> Result<(), Failure> {
        let sdp = reply.text("sdp").ok_or_else(|| Failure::Wrong("the reply has no sdp".to_owned()))?;
        sdp.clone_into(&mut self.body);
        for line in &mut self.lines {
            if line.starts_with("Content-Length:") {
                *line = format!("Content-Length: {}", sdp.len());
            }
        }
        Ok(())
    }

    fn text(&self) -> String {
        format!("{}\r\n\r\n{}", self.lines.join("\r\n"), self.body)
    }
}

/// RTP packets the server has received from the party with this tag.
fn packets(statistics: &Reply, tag: &str) -> u64 {
    let first = |value: &bt_bencode::Value, key: &str| {
        value.as_dict()?.get(key.as_bytes())?.as_list()?.first().cloned()
    };
    let counted = || {
        let stream = first(&first(statistics.at(&["tags", tag])?, "medias")?, "streams")?;
        as_number(stream.as_dict()?.get("stats".as_bytes())?.as_dict()?.get("packets".as_bytes())?)
    };
    counted().unwrap_or(0)
}
