//! Control ports over real sockets.

mod secret;
mod sources;
mod unix;

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::*;
use crate::wire::{MAX_MESSAGE, Value};
use crate::{AllowList, CacheLimits, Command, Reply, Request};

/// Answers pings and counts them; panics on a query, and lists calls that fill more than a datagram.
#[derive(Default)]
struct Echo {
    handled: AtomicU64,
}

impl Handler for Echo {
    fn handle(&self, _now: Time, request: Request) -> Reply {
        let n = self.handled.fetch_add(1, Ordering::Relaxed);
        match request.command {
            Command::Ping => Reply::pong().with("n", n),
            Command::Query => panic!("a fault of the handler"),
            Command::List => {
                Reply::ok().with("calls", (0..100).map(|n| format!("{n:01000}").into()).collect::<Value>())
            }
            _ => Reply::ok(),
        }
    }
}

fn clock() -> Clock {
    let start = Instant::now();
    Arc::new(move || Time::ZERO + start.elapsed())
}

fn dispatcher() -> Arc<Dispatcher<Echo>> {
    Arc::new(Dispatcher::new(Echo::default(), CacheLimits::default()))
}

fn config() -> ListenConfig {
    ListenConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)))
}

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn inet(listener: &Listener) -> SocketAddr {
    listener.address().inet().unwrap()
}

fn udp_client(listener: &Listener) -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.connect(inet(listener)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket
}

fn ask(socket: &UdpSocket, message: &[u8]) -> String {
    socket.send(message).unwrap();
    let mut reply = [0; 2048];
    let len = socket.recv(&mut reply).unwrap();
    String::from_utf8_lossy(&reply[..len]).into_owned()
}

fn tcp_client(listener: &Listener) -> TcpStream {
    let stream = TcpStream::connect(inet(listener)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

fn read_reply(stream: &mut TcpStream, end: &str) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(end.as_bytes()) {
        stream.read_exact(&mut byte).unwrap();
        text.push(byte[0]);
    }
    String::from_utf8(text).unwrap()
}

#[test]
fn udp_answers_in_the_format_asked_and_repeats_for_a_repeated_cookie() {
    let dispatcher = dispatcher();
    let listener = Listener::datagrams(&config(), &clock(), &dispatcher).unwrap();
    let client = udp_client(&listener);
    assert_eq!(ask(&client, b"1 d7:command4:pinge"), "1 d1:ni0e6:result4:ponge");
    assert_eq!(ask(&client, b"1 d7:command4:pinge"), "1 d1:ni0e6:result4:ponge");
    assert_eq!(ask(&client, br#"2 {"command":"ping"}"#), r#"2 {"n":1,"result":"pong"}"#);
    assert_eq!(load(&dispatcher.handler().handled), 2);
    assert_eq!(load(&dispatcher.counters().repeated), 1);
    assert_eq!(
        ask(&client, b"3 d7:command4:ping"),
        "3 d12:error-reason25:broken bencode at byte 166:result5:errore"
    );
    assert!(ask(&client, b"4 junk").contains("no bencode or json dictionary"));
}

#[test]
fn a_handler_that_panics_costs_only_its_request() {
    let dispatcher = dispatcher();
    let listener =
        Listener::datagrams(&ListenConfig { threads: 1, ..config() }, &clock(), &dispatcher).unwrap();
    let client = udp_client(&listener);
    assert!(ask(&client, br#"1 {"command":"query","call-id":"c"}"#).contains("internal error"));
    assert!(ask(&client, br#"2 {"command":"ping"}"#).contains("pong"));
}

#[test]
fn an_open_address_needs_an_allow_list() {
    let open = SocketAddr::from((IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0));
    let refused = Listener::datagrams(&ListenConfig::new(open), &clock(), &dispatcher());
    assert!(matches!(refused, Err(ListenError::NoAllowList { address }) if address == open.into()));
    assert!(Listener::streams(&ListenConfig::new(open), &clock(), &dispatcher()).is_err());
    let allow = AllowList::new(vec!["127.0.0.0/8".parse().unwrap()]);
    let access = Arc::new(Access::new(allow));
    let config = ListenConfig { access, ..ListenConfig::new(open) };
    assert!(Listener::datagrams(&config, &clock(), &dispatcher()).is_ok());
}

#[test]
fn peers_off_the_allow_list_are_ignored_and_counted() {
    let dispatcher = dispatcher();
    let allow = AllowList::new(vec!["127.0.0.2".parse().unwrap()]);
    let config = ListenConfig { access: Arc::new(Access::new(allow)), threads: 1, ..config() };
    let listener = Listener::datagrams(&config, &clock(), &dispatcher).unwrap();
    udp_client(&listener).send(b"1 d7:command4:pinge").unwrap();
    let allowed = UdpSocket::bind("127.0.0.2:0").unwrap();
    allowed.connect(inet(&listener)).unwrap();
    assert!(ask(&allowed, b"2 d7:command4:pinge").contains("pong"));
    assert_eq!((load(&dispatcher.counters().refused_peers), load(&dispatcher.counters().requests)), (1, 1));

    let listener = Listener::streams(&config, &clock(), &dispatcher).unwrap();
    let mut rest = Vec::new();
    assert_eq!(tcp_client(&listener).read_to_end(&mut rest).unwrap_or(0), 0);
    assert_eq!(load(&dispatcher.counters().refused_peers), 2);
}

#[test]
fn tcp_messages_stand_back_to_back_and_may_arrive_in_pieces() {
    let listener = Listener::streams(&config(), &clock(), &dispatcher()).unwrap();
    let mut client = tcp_client(&listener);
    client.set_nodelay(true).unwrap();
    client.write_all(b"1 d7:command4:pinge2 {\"command\":\"ping\"}\n3 d7:comm").unwrap();
    assert_eq!(read_reply(&mut client, "ponge"), "1 d1:ni0e6:result4:ponge");
    assert_eq!(read_reply(&mut client, "}"), r#"2 {"n":1,"result":"pong"}"#);
    client.write_all(b"and4:pinge").unwrap();
    assert_eq!(read_reply(&mut client, "ponge"), "3 d1:ni2e6:result4:ponge");
}

#[test]
fn a_megabyte_over_tcp_gets_an_error_reply() {
    let dispatcher = dispatcher();
    let listener = Listener::streams(&config(), &clock(), &dispatcher).unwrap();
    for message in [
        [b"7 d3:sdp1000000:".to_vec(), vec![b'x'; 1_000_000], b"e".to_vec()].concat(),
        [br#"7 {"sdp":""#.to_vec(), vec![b'x'; 1_000_000], b"\"}".to_vec()].concat(),
    ] {
        let mut client = tcp_client(&listener);
        client.write_all(&message).unwrap();
        let mut reply = String::new();
        client.read_to_string(&mut reply).unwrap();
        assert!(reply.starts_with("7 ") && reply.contains("message too large"), "{reply}");
        assert!(reply.contains(&format!("limit {MAX_MESSAGE}")), "{reply}");
    }
    let mut client = tcp_client(&listener);
    client.write_all(b"8 d7:command4:pinge").unwrap();
    assert!(read_reply(&mut client, "ponge").starts_with("8 "));
}

#[test]
fn tcp_garbage_gets_an_error_reply_where_it_has_a_cookie() {
    let listener = Listener::streams(&config(), &clock(), &dispatcher()).unwrap();
    let ask = |message: &[u8]| {
        let mut client = tcp_client(&listener);
        client.write_all(message).unwrap();
        let mut reply = String::new();
        client.read_to_string(&mut reply).unwrap();
        reply
    };
    assert_eq!(ask(b"1 dx"), "1 d12:error-reason24:broken bencode at byte 16:result5:errore");
    assert!(ask(b"2 hello").starts_with("2 d12:error-reason"));
    assert_eq!(ask(&[b'x'; 1000]), "");
}

#[test]
fn connections_are_bounded() {
    let dispatcher = dispatcher();
    let listener =
        Listener::streams(&ListenConfig { connections: 1, ..config() }, &clock(), &dispatcher).unwrap();
    let mut first = tcp_client(&listener);
    first.write_all(b"1 d7:command4:pinge").unwrap();
    read_reply(&mut first, "ponge");
    let mut rest = Vec::new();
    assert_eq!(tcp_client(&listener).read_to_end(&mut rest).unwrap_or(0), 0);
    assert_eq!(load(&dispatcher.counters().refused_connections), 1);
    first.write_all(b"2 d7:command4:pinge").unwrap();
    read_reply(&mut first, "ponge");
}

#[test]
fn a_silent_connection_is_closed() {
    let config = ListenConfig { idle: Duration::ZERO, ..config() };
    let listener = Listener::streams(&config, &clock(), &dispatcher()).unwrap();
    let mut client = tcp_client(&listener);
    client.write_all(b"1 d7:command4:pinge").unwrap();
    let mut reply = String::new();
    client.read_to_string(&mut reply).unwrap();
    assert!(reply.ends_with("ponge"), "{reply}");
}

#[test]
fn a_message_that_trickles_in_ends_its_connection() {
    let dispatcher = dispatcher();
    let config = ListenConfig { message_time: Duration::from_millis(100), ..config() };
    let listener = Listener::streams(&config, &clock(), &dispatcher).unwrap();
    // One that never ends, in bytes that come more often than any time limit of a read, and one that never begins.
    let mut slow = tcp_client(&listener);
    let mut silent = tcp_client(&listener);
    let deadline = Instant::now() + Duration::from_secs(10);
    slow.write_all(b"1 d3:sdp200000:").unwrap();
    slow.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    let mut byte = [0];
    while Instant::now() < deadline {
        match slow.write_all(b"x").and_then(|()| slow.read(&mut byte)) {
            Err(error) if is_time_out(&error) => {}
            // An orderly end, or a reset since the server left what came later unread.
            Ok(0) | Err(_) => break,
            Ok(_) => panic!("nothing can be answered"),
        }
    }
    assert_eq!(silent.read(&mut byte).unwrap_or(0), 0);
    assert!(Instant::now() < deadline);
    while load(&dispatcher.counters().slow_connections) < 2 {
        assert!(Instant::now() < deadline, "{:?}", dispatcher.counters());
        std::thread::yield_now();
    }
}

#[test]
fn connections_of_one_source_leave_room_for_others() {
    let dispatcher = dispatcher();
    let config = ListenConfig { connections: 64, per_source: 16, ..config() };
    let listener = Listener::streams(&config, &clock(), &dispatcher).unwrap();
    let slow: Vec<TcpStream> = (0..64).map(|_| tcp_client(&listener)).collect();
    let local: SocketAddr = "127.0.0.2:0".parse().unwrap();
    let other = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    other.bind(&local.into()).unwrap();
    other.connect(&inet(&listener).into()).unwrap();
    let mut other = TcpStream::from(other);
    other.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    other.write_all(b"1 d7:command4:pinge").unwrap();
    assert!(read_reply(&mut other, "ponge").starts_with("1 "));
    assert_eq!(load(&dispatcher.counters().refused_connections), 48);
    drop(slow);
}

#[test]
fn a_reply_longer_than_a_datagram_comes_shortened_and_whole_over_tcp() {
    let dispatcher = dispatcher();
    let listener = Listener::datagrams(&config(), &clock(), &dispatcher).unwrap();
    let client = udp_client(&listener);
    let mut buffer = vec![0; 65_536];
    client.send(b"1 d7:command4:liste").unwrap();
    let len = client.recv(&mut buffer).unwrap();
    let reply = String::from_utf8_lossy(&buffer[..len]).into_owned();
    assert!(len > 50_000 && reply.contains("9:truncated5:calls"), "{len}");
    let listener = Listener::streams(&config(), &clock(), &dispatcher).unwrap();
    let mut client = tcp_client(&listener);
    client.write_all(b"2 d7:command4:liste").unwrap();
    let reply = read_reply(&mut client, "2:oke");
    assert!(reply.len() > 100_000 && !reply.contains("truncated"), "{}", reply.len());
}

#[test]
fn statistics_count_what_was_ignored() {
    let dispatcher = dispatcher();
    let stats = |reply: Reply| reply.with_in("statistics", "x", 1_u64);
    assert_eq!(stats(Reply::ok()), Reply::ok(), "nothing to put it in");
    struct Statistics;
    impl Handler for Statistics {
        fn handle(&self, _now: Time, _request: Request) -> Reply {
            Reply::ok().with("statistics", crate::wire::Dict::new())
        }
    }
    drop(dispatcher);
    let dispatcher = Dispatcher::new(Statistics, CacheLimits::default());
    let peer = SocketAddr::from(([127, 0, 0, 1], 1));
    assert_eq!(dispatcher.answer(Time::ZERO, peer, b"no-cookie"), None);
    let reply = dispatcher.answer(Time::ZERO, peer, br#"1 {"command":"statistics"}"#).unwrap();
    let reply = String::from_utf8_lossy(&reply).into_owned();
    assert!(reply.contains(r#""controlport":{"#) && reply.contains(r#""withoutcookie":1"#), "{reply}");
}
