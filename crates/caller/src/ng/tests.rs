//! The client against a scripted server on a loopback socket.

use super::*;
use std::net::UdpSocket;

/// Answers each datagram with what `script` makes of its number, cookie and body, until it gives `None`.
fn serve<F>(mut script: F) -> (SocketAddr, std::thread::JoinHandle<Vec<String>>)
where
    F: FnMut(usize, &str, &str) -> Option<Vec<String>> + Send + 'static,
{
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let mut seen = Vec::new();
        let mut buffer = [0; 2000];
        loop {
            let (len, from) = socket.recv_from(&mut buffer).unwrap();
            let text = String::from_utf8(buffer[..len].to_vec()).unwrap();
            let (cookie, body) = text.split_once(' ').unwrap();
            let replies = script(seen.len(), cookie, body);
            seen.push(text.clone());
            let Some(replies) = replies else { return seen };
            for reply in replies {
                socket.send_to(reply.as_bytes(), from).unwrap();
            }
        }
    });
    (address, thread)
}

fn patient(server: SocketAddr) -> Client {
    Client::connect(server).unwrap().with_patience(Duration::from_millis(20), 8)
}

#[test]
fn a_lost_command_is_repeated_under_the_same_cookie() {
    let (server, thread) = serve(|n, cookie, body| match n {
        0 | 1 => Some(Vec::new()),
        2 => Some(vec![format!("{cookie} d6:result4:ponge")]),
        _ => {
            assert_eq!(body, "d7:command4:stope");
            None
        }
    });
    let mut client = patient(server);
    client.ping().unwrap();
    assert!(client.with_patience(Duration::from_millis(1), 1).request(&Command::new("stop")).is_err());
    let seen = thread.join().unwrap();
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
    assert_ne!(seen[2].split(' ').next(), seen[3].split(' ').next());
}

#[test]
fn a_reply_to_another_cookie_is_passed_over() {
    let (server, _thread) = serve(|_, cookie, _| {
        Some(vec![
            "0_0 d6:result5:wronge".to_owned(),
            format!("{cookie}1 d6:result5:wronge"),
            format!("{cookie} d6:result4:ponge"),
        ])
    });
    patient(server).ping().unwrap();
}

#[test]
fn errors_and_load_limits_are_typed() {
    let (server, _thread) = serve(|n, cookie, _| {
        Some(vec![match n {
            0 => format!("{cookie} d12:error-reason12:Unknown call6:result5:errore"),
            1 => format!("{cookie} d6:result10:load limit7:message4:fulle"),
            2 => format!("{cookie} d6:result2:oke"),
            _ => format!("{cookie} i7e"),
        }])
    });
    let mut client = patient(server);
    let offer = Command::offer("c", "f", "v=0");
    let refused = client.delete("c", "f").unwrap_err();
    assert_eq!(refused.to_string(), "server refused delete: Unknown call");
    assert!(matches!(client.offer(&offer), Err(NgError::LoadLimit(m)) if m == "full"));
    assert!(matches!(client.offer(&offer), Err(NgError::Malformed(m)) if m == "no sdp"));
    assert!(matches!(client.offer(&offer), Err(NgError::Malformed(m)) if m == "not a dictionary"));
}

#[test]
fn unsorted_keys_in_a_reply_are_read() {
    let (server, _thread) = serve(|_, cookie, _| {
        Some(vec![format!("{cookie} d6:result2:ok7:createdi12e6:totalsd3:RTPd7:packetsi5e5:bytesi860eeee")])
    });
    let query = patient(server).query("c").unwrap();
    assert_eq!(query.created(), Some(12));
    assert_eq!(query.rtp(), StreamTotals { packets: 5, bytes: 860, errors: 0 });
    assert_eq!(query.rtcp(), StreamTotals::default());
}

#[test]
fn silence_ends_in_a_typed_error() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut client =
        Client::connect(silent.local_addr().unwrap()).unwrap().with_patience(Duration::from_millis(2), 3);
    let error = client.ping().unwrap_err();
    assert!(matches!(error, NgError::NoReply { tries: 3, .. }), "{error}");
}

#[test]
fn codec_directives_gather_in_one_dictionary() {
    let command = Command::new("offer").codec("transcode", &["PCMA"]).codec("mask", &["PCMU"]);
    let encoded = String::from_utf8(command.encode().unwrap()).unwrap();
    assert_eq!(encoded, "d5:codecd4:maskl4:PCMUe9:transcodel4:PCMAee7:command5:offere");
}
