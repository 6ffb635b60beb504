//! Phones and load through another's server: shows that they are right where the project's own is the suspect.
//!
//! Ignored unless asked for, because it needs Debian's `rtpengine-daemon`:
//! `cargo xtask interop` installs it and runs these tests.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command as Process, Stdio};
use std::time::Duration;

use mediapoint_caller::load::{Kind, LoadConfig, LoadGenerator};
use mediapoint_caller::ng::{Client, Command};
use mediapoint_caller::recording::one_way_delays;
use mediapoint_caller::sdes::Suite;
use mediapoint_caller::{By, Call, Codec, Law, PhoneConfig, Similarity, Softphone, alike};

const PATIENCE: Duration = Duration::from_secs(20);

/// A running rtpengine on ports of its own.
struct Server {
    process: Child,
    ng: SocketAddr,
}

impl Server {
    fn start(first_port: u16) -> Self {
        let ng = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let process = Process::new("rtpengine")
            .args([
                "--config-file=none",
                "--interface=127.0.0.1",
                "--table=-1",
                "--foreground",
                "--log-level=3",
            ])
            .arg(format!("--listen-ng={ng}"))
            .args([format!("--port-min={first_port}"), format!("--port-max={}", first_port + 800)])
            .args(["--log-stderr", "--num-threads=2"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut client = Client::connect(ng).unwrap().with_patience(Duration::from_millis(100), 8);
        client.ping().unwrap();
        Self { process, ng }
    }

    fn client(&self) -> Client {
        Client::connect(self.ng).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn phone(codecs: &[Codec], suites: &[Suite]) -> Softphone {
    let config = PhoneConfig {
        codecs: codecs.to_vec(),
        suites: suites.to_vec(),
        rtcp_interval: Duration::from_millis(200),
        ..PhoneConfig::default()
    };
    Softphone::bind(config).unwrap()
}

/// Noise in bursts, the same each time.
fn audio() -> Vec<i16> {
    let mut state = 99_u32;
    let noise = |n: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let loud = if n / 1_600 % 3 == 2 { 40 } else { 9_000 };
        i16::try_from(i64::from(state >> 8) % (2 * loud) - loud).unwrap()
    };
    (0..8_000).map(noise).collect()
}

/// Plays from one to the other through a call that is set up, and compares.
fn carry(from: &Softphone, to: &Softphone, laws: &[Law]) -> Similarity {
    // Until a packet has come the server may still be learning where to send.
    assert!(to.wait_until(PATIENCE, |stats| stats.packets_received > 10), "{:?}", to.stats());
    let audio = audio();
    let before = to.stats().heard_samples;
    from.play(audio.clone());
    assert!(
        to.wait_until(PATIENCE, |stats| stats.heard_samples > before + audio.len() + 1_600),
        "{:?}",
        to.stats()
    );
    let likeness = alike(&audio, to.heard().samples(), laws);
    let lag = alike(from.sent().samples(), to.heard().samples(), laws).lag_samples;
    let delays = one_way_delays(&from.sent(), &to.heard(), lag);
    assert!(delays.summary().count > 40, "{:?}", delays.summary());
    likeness
}

fn secure(offer: Command) -> Command {
    offer.text("transport-protocol", "RTP/SAVP").text("DTLS", "off").text("ICE", "remove")
}

#[test]
#[ignore = "needs rtpengine-daemon: run by `cargo xtask interop`"]
fn plain_pcmu_passes_unchanged_and_is_counted() {
    let server = Server::start(24_000);
    let mut client = server.client();
    let (caller, callee) = (phone(&[Codec::Pcmu], &[]), phone(&[Codec::Pcmu], &[]));
    let call = Call::new();
    call.invite(&mut client, By::Caller, (&caller, &callee), |o| o.text("ICE", "remove"), |a| a).unwrap();
    assert!(carry(&caller, &callee, &[Law::Mu]).identical);
    assert!(carry(&callee, &caller, &[Law::Mu]).identical);
    caller.press("4#", Duration::from_millis(80)).unwrap();
    assert!(callee.wait_until(PATIENCE, |stats| stats.digits == 2));
    assert!(caller.wait_until(PATIENCE, |stats| stats.remote.is_some()));

    assert_eq!(client.list(10).unwrap(), [call.id()]);
    let query = client.query(call.id()).unwrap();
    assert!(query.rtp().packets > 100 && query.rtcp().packets > 2, "{query:?}");
    assert!(query.created().is_some());
    assert!(client.statistics().is_ok());
    call.end(&mut client).unwrap();
    assert!(client.query(call.id()).is_err());
    assert_eq!(callee.stats().lost, 0);
}

#[test]
#[ignore = "needs rtpengine-daemon: run by `cargo xtask interop`"]
fn every_suite_passes_unchanged_also_after_a_new_key() {
    let server = Server::start(25_000);
    std::thread::scope(|scope| {
        for suite in Suite::ALL {
            let server = &server;
            scope.spawn(move || {
                let mut client = server.client();
                let (caller, callee) = (phone(&[Codec::Pcma], &[]), phone(&[Codec::Pcma], &[suite]));
                let call = Call::new();
                call.invite(&mut client, By::Caller, (&caller, &callee), secure, |a| a).unwrap();
                assert!(carry(&caller, &callee, &[Law::A]).identical, "{}", suite.name());
                assert!(carry(&callee, &caller, &[Law::A]).identical, "{}", suite.name());
                assert!(callee.wait_until(PATIENCE, |stats| stats.rtcp_received > 0));
                callee.rekey();
                let plain = |o: Command| o.text("transport-protocol", "RTP/AVP").text("ICE", "remove");
                call.invite(&mut client, By::Callee, (&callee, &caller), plain, |a| a).unwrap();
                // The server has a new key of its own, too, and may send with it before the callee was told: those are lost.
                let lost_to_the_change = callee.stats().undecryptable;
                assert!(carry(&callee, &caller, &[Law::A]).identical, "{}", suite.name());
                assert!(carry(&caller, &callee, &[Law::A]).identical, "{}", suite.name());
                assert_eq!(callee.stats().undecryptable, lost_to_the_change, "{}", suite.name());
                call.end(&mut client).unwrap();
            });
        }
    });
}

#[test]
#[ignore = "needs rtpengine-daemon: run by `cargo xtask interop`"]
fn converted_audio_is_all_but_the_same() {
    let server = Server::start(26_000);
    let mut client = server.client();
    let (caller, callee) = (phone(&[Codec::Pcmu], &[]), phone(&[Codec::Pcma], &[]));
    let call = Call::new();
    let convert = |o: Command| o.text("ICE", "remove").codec("mask", &["PCMU"]).codec("transcode", &["PCMA"]);
    call.invite(&mut client, By::Caller, (&caller, &callee), convert, |a| a).unwrap();
    for (from, to, laws) in [(&caller, &callee, [Law::Mu, Law::A]), (&callee, &caller, [Law::A, Law::Mu])] {
        let likeness = carry(from, to, &laws);
        assert!(likeness.correlation > 0.999 && likeness.segmental_snr_db > 25.0, "{likeness:?}");
    }
    call.end(&mut client).unwrap();
}

#[test]
#[ignore = "needs rtpengine-daemon: run by `cargo xtask interop`"]
fn every_kind_of_load_arrives_and_is_measured() {
    let server = Server::start(27_000);
    for kind in [Kind::RELAY, Kind::RELAY.with_srtp(Suite::AesCm128Sha80), Kind::to(Codec::Pcma)] {
        let config = LoadConfig {
            calls: 5,
            kind,
            server_pid: Some(server.process.id()),
            duration: Duration::from_secs(1),
            warm_up: Duration::from_millis(500),
            baseline: Duration::from_millis(200),
            first_port: 20_000,
            tick: Duration::from_micros(200),
            ..LoadConfig::new(server.ng)
        };
        let report = LoadGenerator::new(config).unwrap().run().unwrap();
        assert!(report.sent >= 490 && report.received == report.sent, "{report}");
        assert!(report.is_clean(), "{report}");
        assert!(report.server.is_some_and(|server| server.us_per_packet > 0.0), "{report}");
        assert!(report.delay.count == report.sent && report.delay.p50_us > 0.0, "{report}");
        assert!(report.baseline.is_some_and(|baseline| baseline.lost == 0), "{report}");
    }
    assert!(server.client().list(10).unwrap().is_empty());
}

#[test]
#[ignore = "needs rtpengine-daemon: run by `cargo xtask interop`"]
fn transcoded_load_is_counted_and_listened_to() {
    let server = Server::start(28_000);
    for (callee, octets, suite) in
        [(Codec::G729, 20, None), (Codec::G722, 160, Some(Suite::AesCm128Sha80)), (Codec::Opus, 0, None)]
    {
        let config = LoadConfig {
            calls: 3,
            kind: Kind { suite, ..Kind::to(callee) },
            server_pid: Some(server.process.id()),
            duration: Duration::from_secs(4),
            warm_up: Duration::from_millis(500),
            baseline: Duration::ZERO,
            first_port: 20_000,
            tick: Duration::from_micros(200),
            ..LoadConfig::new(server.ng)
        };
        let report = LoadGenerator::new(config).unwrap().run().unwrap();
        assert!(report.is_clean(), "{report}");
        assert!(report.sent >= 1_190 && report.received.abs_diff(report.sent) <= 6, "{report}");
        let audio = report.transcoded.unwrap();
        assert_eq!(audio.sound.unwrap().streams, 6);
        assert!(audio.octets_to_caller.to_bits() == 160_f64.to_bits(), "{report}");
        assert!(octets == 0 || (audio.octets_to_callee - f64::from(octets)).abs() < 0.1, "{report}");
        assert!(report.delay.count > 500 && report.delay.max_us < 200_000.0, "{report}");
    }
}
