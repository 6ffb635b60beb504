//! URLs against a server of the test's own: what is asked for, how often, and from whom.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use mediapoint_prompt::{HttpConfig, PromptError, PromptSource, PromptStore, StoreConfig, UrlProblem};

use crate::support::{Hands, noise, wav};

const LONG: Duration = Duration::from_secs(60);

/// A server that answers each request, its path and head, by a function.
struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn new(mut answer: impl FnMut(&str, &str, &mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = String::new();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                if path == "/end" {
                    return;
                }
                seen.lock().unwrap().push(head.to_ascii_lowercase());
                answer(&path, &head.to_ascii_lowercase(), &mut stream);
                // A slow one keeps who asked waiting.
                if path != "/slow.wav" {
                    let _ = stream.shutdown(Shutdown::Both);
                }
            }
        });
        Self { port, requests, thread: Some(thread) }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let _ = stream.write_all(b"GET /end HTTP/1.1\r\n\r\n");
        }
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn reply(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    let head =
        format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body);
}

fn store(port: u16, hands: &Hands, change: impl FnOnce(&mut HttpConfig)) -> PromptStore {
    let mut http = HttpConfig {
        hosts: vec![format!("127.0.0.1:{port}")],
        danger_allow_private_addresses: true,
        ..HttpConfig::default()
    };
    change(&mut http);
    PromptStore::new(StoreConfig { clock: hands.clock(), http, ..StoreConfig::default() }).unwrap()
}

fn load(store: &PromptStore, url: &str) -> Result<Arc<mediapoint_prompt::Prompt>, PromptError> {
    store.load(&PromptSource::url(url)).wait(LONG).unwrap()
}

fn problem(store: &PromptStore, url: &str) -> UrlProblem {
    match load(store, url) {
        Err(PromptError::Url { reason, .. }) => reason,
        other => panic!("{url}: {other:?}"),
    }
}

// test-of: [RFC9110 13.1.2]
// test-of: [RFC9111 4.2]
#[test]
fn a_file_is_asked_for_anew_when_it_is_old_and_sent_anew_when_it_changed() {
    let mut version = 1;
    let server = Server::new(move |path, head, stream| {
        if path == "/changes.wav" {
            version += 1;
        }
        let etag = format!("\"v{version}\"");
        if head.contains(&format!("if-none-match: {etag}")) {
            return reply(stream, "304 Not Modified", "cache-control: max-age=10\r\n", b"");
        }
        let headers = format!("etag: {etag}\r\ncache-control: max-age=30\r\ncontent-type: audio/wav\r\n");
        reply(stream, "200 OK", &headers, &wav(8_000, &noise(version, 800)));
    });
    let hands = Hands::default();
    let store = store(server.port, &hands, |_| {});
    let first = load(&store, &server.url("same.wav")).unwrap();
    hands.forward(Duration::from_secs(29));
    assert!(Arc::ptr_eq(&first, &load(&store, &server.url("same.wav")).unwrap()));
    assert_eq!(server.count(), 1, "fresh for 30 s");
    hands.forward(Duration::from_secs(1));
    assert!(Arc::ptr_eq(&first, &load(&store, &server.url("same.wav")).unwrap()));
    assert_eq!((server.count(), store.figures().unchanged), (2, 1));
    hands.forward(Duration::from_secs(9));
    load(&store, &server.url("same.wav")).unwrap();
    assert_eq!(server.count(), 2, "fresh for 10 s more");
    let before = load(&store, &server.url("changes.wav")).unwrap();
    hands.forward(Duration::from_secs(31));
    let after = load(&store, &server.url("changes.wav")).unwrap();
    assert!(before.samples(8_000).unwrap() != after.samples(8_000).unwrap());
    assert_eq!((store.figures().loads, store.figures().failures), (3, 0));
}

#[test]
fn a_hundred_requests_for_a_url_are_one_to_its_server() {
    let server = Server::new(|_, _, stream| reply(stream, "200 OK", "", &wav(8_000, &noise(1, 800))));
    let store = store(server.port, &Hands::default(), |_| {});
    let handles: Vec<_> = (0..100).map(|_| store.load(&PromptSource::url(&server.url("a.wav")))).collect();
    assert!(handles.iter().all(|handle| handle.wait(LONG).unwrap().is_ok()));
    assert_eq!(server.count(), 1);
}

#[test]
fn what_is_too_long_too_slow_or_elsewhere_is_refused() {
    let elsewhere = Server::new(|_, _, stream| reply(stream, "200 OK", "", &wav(8_000, &noise(1, 800))));
    let away = elsewhere.url("a.wav");
    let mut held = Vec::new();
    let server = Server::new(move |path, _, stream| match path {
        "/long.wav" => reply(stream, "200 OK", "", &[0; 5_000]),
        // No length: it is read up to the bound.
        "/endless.wav" => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
            let _ = stream.write_all(&[0; 50_000]);
        }
        "/lies.wav" => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551615\r\n\r\n");
        }
        "/slow.wav" => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nRIFF");
            held.push(stream.try_clone().unwrap());
        }
        "/away.wav" => reply(stream, "302 Found", &format!("location: {away}\r\n"), b""),
        "/round.wav" => reply(stream, "302 Found", "location: /round.wav\r\n", b""),
        "/here.wav" => reply(stream, "307 Temporary Redirect", "location: good.wav\r\n", b""),
        "/good.wav" => reply(stream, "200 OK", "content-type: audio/wav\r\n", &wav(8_000, &noise(1, 800))),
        _ => reply(stream, "404 Not Found", "", b""),
    });
    let store = store(server.port, &Hands::default(), |http| {
        http.max_bytes = 4_000;
        http.timeout = Duration::from_millis(500);
    });
    let told = |path: &str| problem(&store, &server.url(path));
    assert_eq!(told("long.wav"), UrlProblem::TooLarge(4_000));
    assert_eq!(told("endless.wav"), UrlProblem::TooLarge(4_000));
    assert_eq!(told("lies.wav"), UrlProblem::TooLarge(4_000));
    assert_eq!(told("none.wav"), UrlProblem::Status(404));
    assert_eq!(told("away.wav"), UrlProblem::Host("127.0.0.1".to_owned()));
    assert_eq!(elsewhere.count(), 0, "it was not even asked");
    let before = server.count();
    assert_eq!(told("round.wav"), UrlProblem::Redirects(3));
    assert_eq!(server.count() - before, 4);
    assert!(load(&store, &server.url("here.wav")).is_ok());
    assert_eq!(problem(&store, "ftp://127.0.0.1/a.wav"), UrlProblem::NotHttp);
    assert_eq!(problem(&store, "http://localhost/a.wav"), UrlProblem::Host("localhost".to_owned()));
    assert_eq!(told("slow.wav"), UrlProblem::TimedOut);
}

#[test]
fn private_addresses_are_refused_unless_they_are_allowed_by_name() {
    let server = Server::new(|_, _, stream| reply(stream, "200 OK", "", &wav(8_000, &noise(1, 800))));
    let store = store(server.port, &Hands::default(), |http| {
        http.danger_allow_private_addresses = false;
        http.hosts.push(format!("localhost:{}", http.hosts[0].rsplit(':').next().unwrap()));
    });
    let private = problem(&store, &server.url("a.wav"));
    assert_eq!(private, UrlProblem::Private("127.0.0.1".parse().unwrap()));
    let by_name = format!("http://localhost:{}/a.wav", server.port);
    assert!(matches!(problem(&store, &by_name), UrlProblem::Private(_)));
    assert_eq!(server.count(), 0);
    let none = PromptStore::new(StoreConfig::default()).unwrap();
    assert_eq!(problem(&none, &server.url("a.wav")), UrlProblem::Host("127.0.0.1".to_owned()));
}
