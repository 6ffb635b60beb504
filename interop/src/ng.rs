//! A small client of the ng protocol: one UDP socket, bencoded dictionaries, retransmission with the same cookie.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use bt_bencode::{ByteString, Value};

use crate::error::{Context as _, Failure};
use crate::process::LOOPBACK;

/// The first wait for a reply; each repetition waits as long again.
const REPLY_WAIT: Duration = Duration::from_millis(700);
/// How often a request is sent before the server counts as silent.
const TRIES: u32 = 5;

/// A dictionary in the making, or a reply taken apart.
pub(crate) type Dictionary = BTreeMap<ByteString, Value>;

/// A command and its fields.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    command: &'static str,
    fields: Dictionary,
}

impl Message {
    /// A command without fields.
    pub(crate) fn new(command: &'static str) -> Self {
        let mut fields = Dictionary::new();
        fields.insert("command".into(), text(command));
        Self { command, fields }
    }

    /// Adds a text field.
    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        self.fields.insert(key.into(), text(value));
        self
    }

    /// Adds the same fields to another message.
    pub(crate) fn extended(mut self, other: &Fields) -> Self {
        self.fields.extend(other.0.iter().map(|(key, value)| (key.clone(), value.clone())));
        self
    }
}

/// Flags of an offer or an answer, kept apart from the message so that both sides of a comparison get the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(Dictionary);

impl Fields {
    /// No flags.
    pub(crate) fn none() -> Self {
        Self::default()
    }

    /// Adds a text field.
    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        self.0.insert(key.into(), text(value));
        self
    }

    /// Adds a number.
    pub(crate) fn with_number(mut self, key: &str, value: i64) -> Self {
        self.0.insert(key.into(), Value::from(value));
        self
    }

    /// Adds a list of texts.
    pub(crate) fn with_list(mut self, key: &str, values: &[&str]) -> Self {
        self.0.insert(key.into(), Value::List(values.iter().map(|value| text(value)).collect()));
        self
    }

    /// Adds codec directives as the dictionary that Kamailio sends.
    pub(crate) fn with_codec(mut self, directive: &str, codecs: &[&str]) -> Self {
        let entry = self.0.entry("codec".into()).or_insert_with(|| Value::Dict(Dictionary::new()));
        if let Value::Dict(directives) = entry {
            directives
                .insert(directive.into(), Value::List(codecs.iter().map(|codec| text(codec)).collect()));
        }
        self
    }
}

/// A reply with `result` other than `error`.
#[derive(Clone, Debug)]
pub(crate) struct Reply(Dictionary);

impl Reply {
    /// A text field.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key.as_bytes()).and_then(as_text)
    }

    /// The whole reply.
    pub(crate) fn value(&self) -> Value {
        Value::Dict(self.0.clone())
    }

    /// The value at a path of dictionary keys.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.0.get(first.as_bytes())?, |value, key| value.as_dict()?.get(key.as_bytes()))
    }
}

/// Reads a text value.
pub(crate) fn as_text(value: &Value) -> Option<&str> {
    std::str::from_utf8(value.as_byte_str()?.as_slice()).ok()
}

/// Reads a number that is not negative.
pub(crate) fn as_number(value: &Value) -> Option<u64> {
    value.as_u64()
}

fn text(value: &str) -> Value {
    Value::ByteStr(value.into())
}

/// A controller's side of the control port.
pub(crate) struct Client {
    socket: UdpSocket,
    server: SocketAddr,
    next: Cell<u64>,
}

impl Client {
    /// A client of the server at this control address.
    pub(crate) fn new(server: SocketAddr) -> Result<Self, Failure> {
        let socket = UdpSocket::bind((LOOPBACK, 0)).during("binding the control socket")?;
        socket.set_read_timeout(Some(REPLY_WAIT)).during("setting the control socket's timeout")?;
        Ok(Self { socket, server, next: Cell::new(1) })
    }

    /// Sends a command and waits for its reply; an error reply is a failure.
    pub(crate) fn request(&self, message: &Message) -> Result<Reply, Failure> {
        let reply = self.exchange(message, TRIES)?;
        match reply.text("result") {
            Some("error") => Err(Failure::Refused {
                command: message.command.to_owned(),
                reason: reply.text("error-reason").unwrap_or("no reason given").to_owned(),
            }),
            Some(_) => Ok(reply),
            None => Err(self.broken(message, "the reply has no result")),
        }
    }

    /// Sends a command and returns whatever comes, an error reply too.
    pub(crate) fn exchange(&self, message: &Message, tries: u32) -> Result<Reply, Failure> {
        let cookie = format!("{}_{}", std::process::id(), self.next.replace(self.next.get() + 1));
        let mut request = format!("{cookie} ").into_bytes();
        let body = bt_bencode::to_vec(&Value::Dict(message.fields.clone()))
            .map_err(|error| self.broken(message, &error.to_string()))?;
        request.extend_from_slice(&body);
        for _ in 0..tries {
            self.socket.send_to(&request, self.server).during(format!("sending {}", message.command))?;
            if let Some(payload) = self.receive(&cookie) {
                return match bt_bencode::from_slice(&payload) {
                    Ok(Value::Dict(reply)) => Ok(Reply(reply)),
                    Ok(_) => Err(self.broken(message, "the reply is no dictionary")),
                    Err(error) => Err(self.broken(message, &error.to_string())),
                };
            }
        }
        Err(self.broken(message, "no reply"))
    }

    /// Waits for the reply to this cookie; late replies to earlier ones are passed over.
    fn receive(&self, cookie: &str) -> Option<Vec<u8>> {
        let mut buffer = vec![0; 65_536];
        loop {
            let (length, from) = self.socket.recv_from(&mut buffer).ok()?;
            let datagram = buffer.get(..length).unwrap_or_default();
            let payload = datagram.strip_prefix(cookie.as_bytes()).and_then(|rest| rest.strip_prefix(b" "));
            if from == self.server
                && let Some(payload) = payload
            {
                return Some(payload.to_vec());
            }
        }
    }

    fn broken(&self, message: &Message, detail: &str) -> Failure {
        Failure::Reply { command: message.command.to_owned(), detail: detail.to_owned() }
    }
}
