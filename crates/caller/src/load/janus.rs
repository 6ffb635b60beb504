//! Members of Janus's `AudioBridge` as plain RTP participants, over the JSON interface on its Unix datagram socket.

use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::LoadError;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Largest message that is read: a list of all members of a room is one.
const MAX_MESSAGE: usize = 1 << 18;

/// A session, with a handle for each member.
pub(super) struct Janus {
    socket: UnixDatagram,
    own: PathBuf,
    session: u64,
    sent: u64,
    rooms: usize,
    rate: u32,
    buffer: Vec<u8>,
}

impl Janus {
    /// A session of the server that listens at `server`, for rooms of `rate` hertz.
    pub(super) fn connect(server: &Path, rate: u32) -> Result<Self, LoadError> {
        // The answers come to a socket with a name of its own, beside the server's.
        let own = server.with_file_name(format!("load-{:016x}", rand::random::<u64>()));
        let socket = UnixDatagram::bind(&own)?;
        let mut janus =
            Self { socket, own, session: 0, sent: 0, rooms: 0, rate, buffer: vec![0; MAX_MESSAGE] };
        janus.socket.connect(server)?;
        let created = janus.request(json!({ "janus": "create" }), 0)?;
        janus.session = number(&created, "/data/id", 0)?;
        Ok(janus)
    }

    /// Lets a phone into a room, which its first member makes; returns where its audio goes.
    pub(super) fn join(
        &mut self,
        phone: SocketAddr,
        member: usize,
        room: usize,
    ) -> Result<SocketAddr, LoadError> {
        let attach = json!({ "janus": "attach", "plugin": "janus.plugin.audiobridge" });
        let attached = self.request(attach, member)?;
        let handle = number(&attached, "/data/id", member)?;
        if room >= self.rooms {
            let body = json!({
                "request": "create", "room": room + 1, "sampling_rate": self.rate, "allow_rtp_participants": true,
                "audiolevel_ext": false, "audiolevel_event": false,
            });
            self.message(handle, &body, member, "created")?;
            self.rooms = room + 1;
        }
        let body = json!({
            "request": "join", "room": room + 1, "id": member + 1, "codec": "pcmu",
            "rtp": { "ip": phone.ip(), "port": phone.port(), "payload_type": 0 },
        });
        let joined = self.message(handle, &body, member, "joined")?;
        let ip = joined.pointer("/rtp/ip").and_then(Value::as_str).and_then(|ip| ip.parse().ok());
        let port = u16::try_from(number(&joined, "/rtp/port", member)?).ok();
        let remote = ip.zip(port).map(|(ip, port)| SocketAddr::new(ip, port));
        remote.ok_or_else(|| fault(member, &format!("no address in {joined}")))
    }

    /// Ends the session, and with it every member.
    pub(super) fn end(&mut self) -> Result<(), LoadError> {
        if self.session != 0 {
            self.request(json!({ "janus": "destroy", "session_id": self.session }), 0)?;
            self.session = 0;
        }
        Ok(())
    }

    /// Sends a message to the plugin, and returns the plugin's own answer, which is to be of the kind `wanted`.
    fn message(
        &mut self,
        handle: u64,
        body: &Value,
        member: usize,
        wanted: &str,
    ) -> Result<Value, LoadError> {
        let message = json!({ "janus": "message", "handle_id": handle, "body": body });
        let answer = self.request(message, member)?;
        let data = answer.pointer("/plugindata/data").cloned().unwrap_or_default();
        if data.get("audiobridge").and_then(Value::as_str) == Some(wanted) {
            Ok(data)
        } else {
            Err(fault(member, &answer.to_string()))
        }
    }

    fn request(&mut self, mut message: Value, member: usize) -> Result<Value, LoadError> {
        self.sent += 1;
        let transaction = format!("t{}", self.sent);
        if let Some(keys) = message.as_object_mut() {
            keys.insert("transaction".to_owned(), json!(transaction));
            if self.session != 0 {
                keys.insert("session_id".to_owned(), json!(self.session));
            }
        }
        self.socket.send(message.to_string().as_bytes())?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(fault(member, &format!("no answer to {message}")));
            }
            self.socket.set_read_timeout(Some(left))?;
            let length = match self.socket.recv(&mut self.buffer) {
                Ok(length) => length,
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let answer: Value = serde_json::from_slice(self.buffer.get(..length).unwrap_or_default())
                .map_err(|error| fault(member, &error.to_string()))?;
            // What happens to other members is reported, too, without a transaction.
            if answer.get("transaction").and_then(Value::as_str) != Some(&transaction) {
                continue;
            }
            match answer.get("janus").and_then(Value::as_str) {
                Some("ack") => {}
                Some("error") | None => return Err(fault(member, &answer.to_string())),
                Some(_) => return Ok(answer),
            }
        }
    }
}

impl Drop for Janus {
    fn drop(&mut self) {
        // Best effort after an error that is already on its way to the caller.
        let _ = self.end();
        let _ = std::fs::remove_file(&self.own);
    }
}

fn number(answer: &Value, pointer: &str, member: usize) -> Result<u64, LoadError> {
    let number = answer.pointer(pointer).and_then(Value::as_u64);
    number.ok_or_else(|| fault(member, &format!("no {pointer} in {answer}")))
}

fn fault(member: usize, reason: &str) -> LoadError {
    LoadError::Janus { member, reason: reason.to_owned() }
}
