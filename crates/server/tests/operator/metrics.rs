//! The metrics, as Prometheus reads them.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::support::{PATIENCE, Server, call, wait_for};

/// The answer to a request: its head and its body.
fn get(at: SocketAddr, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// Reads the text format 0.0.4 line by line, each in its place: HELP, TYPE, then the values of that family.
fn parse(text: &str) -> BTreeMap<String, f64> {
    let is_name = |name: &str| {
        name.starts_with("mediapoint_")
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    let mut values = BTreeMap::new();
    let (mut family, mut kind, mut helped) = (String::new(), String::new(), String::new());
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').unwrap();
            assert!(is_name(name) && words.ends_with('.'), "{line}");
            helped = name.to_owned();
        } else if let Some(of) = line.strip_prefix("# TYPE ") {
            let (name, is) = of.split_once(' ').unwrap();
            assert!(name == helped && name != family, "{line}");
            assert_eq!(is == "counter", name.ends_with("_total"), "{line}");
            assert!(is == "counter" || is == "gauge", "{line}");
            (family, kind) = (name.to_owned(), is.to_owned());
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            assert_eq!(name, family, "{line}");
            for label in labels.strip_suffix('}').unwrap().split(',').filter(|label| !label.is_empty()) {
                let (key, of) = label.split_once('=').unwrap();
                assert!(key.bytes().all(|b| b.is_ascii_lowercase()), "{line}");
                assert!(
                    of.len() > 2 && of.starts_with('"') && of.ends_with('"') && !of.contains('\\'),
                    "{line}"
                );
            }
            let value: f64 = value.parse().unwrap();
            assert!(value >= 0.0 && value.is_finite(), "{kind}: {line}");
            assert!(values.insert(series.to_owned(), value).is_none(), "twice: {line}");
        }
    }
    values
}

#[test]
fn metrics_are_given_as_prometheus_reads_them() {
    let server = Server::start(&["--metrics-listen", "127.0.0.1:0", "--workers", "2", "--budget", "7.5"]);
    let at = server.metrics().unwrap();
    let scrape = || {
        let (head, body) = get(at, "GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"), "{head}");
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
        parse(&body)
    };
    let empty = scrape();
    assert_eq!(
        (empty["mediapoint_calls"], empty["mediapoint_requests_total{command=\"offer\"}"]),
        (0.0, 0.0)
    );
    let (call, _phones) = call(&server);
    let during = scrape();
    assert_eq!(during["mediapoint_calls"], 1.0);
    assert_eq!(during["mediapoint_requests_total{command=\"offer\"}"], 1.0);
    let used = [0, 1].map(|worker| during[&format!("mediapoint_worker_points_used{{worker=\"{worker}\"}}")]);
    assert_eq!(used[0] + used[1], 1.0, "points as points");
    assert_eq!(during["mediapoint_worker_points_budget{worker=\"1\"}"], 7.5);
    assert_eq!(during["mediapoint_port_pairs_lent"], 2.0);
    call.end(&mut server.client()).unwrap();
    let after = wait_for("the end of the call", || {
        let after = scrape();
        (after["mediapoint_calls_ended_total{reason=\"deleted\"}"] > 0.0).then_some(after)
    });
    assert!(after["mediapoint_call_packets_received_total"] > 0.0);
    assert_eq!(after["mediapoint_calls"], 0.0);
    // What the documentation names is what there is.
    let documented = include_str!("../../../../docs/operations.md");
    for series in after.keys() {
        let name = series.split('{').next().unwrap();
        assert!(documented.contains(&format!("`{name}`")), "docs/operations.md lacks {name}");
    }
}

#[test]
fn what_is_no_request_for_metrics_is_refused_and_holds_nobody_up() {
    let server = Server::start(&["--metrics-listen", "127.0.0.1:0"]);
    let at = server.metrics().unwrap();
    // As many as are served at once, which say nothing.
    let silent: Vec<TcpStream> = (0..2).map(|_| TcpStream::connect(at).unwrap()).collect();
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "404 Not Found"),
        ("POST /metrics HTTP/1.1\r\n\r\n", "405 Method Not Allowed"),
        ("nonsense\r\n\r\n", "400 Bad Request"),
        (&format!("GET /metrics HTTP/1.1\r\nX: {}\r\n", "x".repeat(10_000)), "431 Request Header"),
    ] {
        let (head, _) = get(at, request);
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{head}");
    }
    drop(silent);
    server.client().ping().unwrap();
}

#[test]
fn there_are_no_metrics_unless_they_are_asked_for() {
    assert_eq!(Server::start(&[]).metrics(), None);
    let (code, said) = crate::support::refused(&["serve", "--metrics-listen", "unix:/run/x"]);
    assert!(code == 2 && said.contains("allowed: such as 9464"), "{said}");
}
