//! The webhook, against a server of our own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::thread::JoinHandle;

use mediapoint_content::{Listener as _, Roots, SIGNATURE_HEADER, StoredEvent, Webhook, signature};

use crate::support::{START, id};

/// Signature and body of a request.
type Request = (String, Vec<u8>);

/// Answers as many requests as there are statuses.
fn server(statuses: &'static [u16]) -> (String, JoinHandle<Vec<Request>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let mut seen = Vec::new();
        for status in statuses {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream);
            let (mut length, mut signed) = (0, String::new());
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let line = line.trim_end();
                if let Some(value) = line.strip_prefix("content-length: ") {
                    length = value.parse().unwrap();
                }
                if let Some(value) = line.strip_prefix(SIGNATURE_HEADER) {
                    value.trim_start_matches(": ").clone_into(&mut signed);
                }
                if line.is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            seen.push((signed, body));
            let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
        }
        seen
    });
    (url, thread)
}

#[tokio::test]
async fn the_receiver_can_check_who_sent_it_and_a_failure_is_told_again() {
    let (url, server) = server(&[503, 302, 204]);
    let secret = b"a secret of the receiver's";
    let webhook = Webhook::danger_any_scheme(&url, secret, &Roots::System, || START).unwrap();
    let event = StoredEvent {
        delivery: "a-stored".into(),
        recording: id("a"),
        tenant: "acme".into(),
        started: START,
        length: 1000,
        bytes: 2000,
        sha256: "00".into(),
        recovered: false,
    };
    assert_eq!(webhook.deliver(&event).await, Err("webhook answered 503".into()));
    assert_eq!(webhook.deliver(&event).await, Err("webhook answered 302".into()));
    assert_eq!(webhook.deliver(&event).await, Ok(()));
    for (signed, body) in server.join().unwrap() {
        assert_eq!(signed, signature(secret, START / 1000, &body));
        let told: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&told["delivery"], &told["recording"]), (&"a-stored".into(), &"a".into()));
    }
    // Nobody is there any more.
    assert!(webhook.deliver(&event).await.is_err());
}
