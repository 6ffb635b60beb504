//! Control ports under a secret.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::*;
use crate::Secret;

const SECRET: &[u8] = b"a secret of the test";
const PING: &str = "5_1 d7:command4:pinge";

fn hex_mac(parts: &[&str]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap();
    parts.iter().for_each(|part| mac.update(part.as_bytes()));
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A request of the time that the guard believes in, and the reply that its answer must be sealed as.
fn sealed(message: &str, reply: &str) -> (String, String) {
    let mac = hex_mac(&["mediapoint ng request\n", "77000.", message]);
    let reply_mac = hex_mac(&["mediapoint ng reply\n", &mac, "\n", reply]);
    (format!("h1.77000.{mac}.{message}"), format!("h1.{reply_mac}.{reply}"))
}

fn guarded() -> ListenConfig {
    let wall = Arc::new(|| Duration::from_secs(77));
    let guard = Some(Arc::new(Guard::new(Secret::new(SECRET).unwrap(), wall)));
    ListenConfig { guard, threads: 1, ..config() }
}

#[test]
fn only_messages_under_the_secret_are_answered_and_each_is_carried_out_once() {
    let dispatcher = dispatcher();
    let listener = Listener::datagrams(&guarded(), &clock(), &dispatcher).unwrap();
    let (first, other) = (udp_client(&listener), udp_client(&listener));
    let (request, reply) = sealed(PING, "5_1 d1:ni0e6:result4:ponge");
    first.send(PING.as_bytes()).unwrap();
    assert_eq!(ask(&first, request.as_bytes()), reply);
    assert_eq!(ask(&first, request.as_bytes()), reply, "a repetition after a lost reply");
    // A replay from elsewhere: the reply may hold keys.
    other.send(request.as_bytes()).unwrap();
    let (next, reply) = sealed("5_2 d7:command4:pinge", "5_2 d1:ni1e6:result4:ponge");
    assert_eq!(ask(&other, next.as_bytes()), reply);
    let counters = dispatcher.counters();
    assert_eq!(
        (load(&counters.not_authentic), load(&counters.repeated), load(&counters.requests)),
        (2, 1, 2)
    );
}

#[test]
fn a_connection_without_the_secret_ends_without_a_reply() {
    let dispatcher = dispatcher();
    let listener = Listener::streams(&guarded(), &clock(), &dispatcher).unwrap();
    for message in [PING.as_bytes(), b"hello you", &[b'x'; 300], b"h1.77000.00.5_1 d7:command4:pinge"] {
        let mut client = tcp_client(&listener);
        client.write_all(message).unwrap();
        let mut rest = Vec::new();
        assert_eq!(client.read_to_end(&mut rest).unwrap_or(0), 0, "{rest:?}");
    }
    let mut client = tcp_client(&listener);
    let (request, reply) = sealed(PING, "5_1 d1:ni0e6:result4:ponge");
    client.write_all(request.as_bytes()).unwrap();
    assert_eq!(read_reply(&mut client, "ponge"), reply);
    assert_eq!(load(&dispatcher.counters().not_authentic), 4);
}
