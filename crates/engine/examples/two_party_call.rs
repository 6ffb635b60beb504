//! A call between two parties on the library alone: no server, no control protocol, no SIP.
//!
//! The parties are plain UDP sockets on loopback, one that speaks PCMU and one that speaks PCMA. Each sends a second
//! of tone in packets of 20 ms; the engine converts between the two laws, and counts.
//!
//! `cargo run --release --package mediapoint-engine --example two_party_call`

use std::error::Error;
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use mediapoint_engine::{
    CallSpec, CallStatistics, Codec, Engine, Event, Interface, LegConfig, PayloadCodec, PayloadType,
    Placement, Relearn, RemoteAddress,
};

/// Packets that each party sends.
const PACKETS: u16 = 50;
/// Time between two of them.
const PTIME: Duration = Duration::from_millis(20);
/// Samples in each, at 8 kHz.
const SAMPLES: u32 = 160;

fn main() -> Result<(), Box<dyn Error>> {
    // One worker thread, addresses on loopback. A server names its own interfaces here, and pins its workers to cores.
    let (engine, events) = Engine::builder()
        .interface(Interface::new("default", "127.0.0.1".parse()?))
        .ports(40_000..=40_999)
        .pin(false)
        .build()?;

    // The parties; a real controller learns their addresses and codecs from SDP.
    let (alice, bob) = (party()?, party()?);

    let call = engine.create_call(CallSpec::default())?;
    // Alice's offer says where she is. Bob is told his leg's port before anybody knows where he is.
    let known = |party: &UdpSocket| party.local_addr().map(|rtp| Some(RemoteAddress { rtp, rtcp: None }));
    let alice_leg = LegConfig { remote: known(&alice)?, ..speaks(PayloadType::PCMU, Codec::PCMU) };
    let bob_leg = speaks(PayloadType::PCMA, Codec::PCMA);
    let (to_alice, _) = call.open_leg(&Placement::default(), alice_leg)?;
    let (to_bob, _) = call.open_leg(&Placement::default(), bob_leg.clone())?;
    call.connect(to_alice.id, to_bob.id)?.wait()?;
    println!("alice talks to {}, bob to {}", to_alice.rtp, to_bob.rtp);

    // Bob's answer has come. Each change gives the whole wanted state; what is the same goes on as before.
    let answered = LegConfig { remote: known(&bob)?, ..bob_leg };
    call.configure_leg(to_bob.id, answered, Relearn::IfMoved)?.wait()?;

    let talking = [talk(alice, to_alice.rtp, PayloadType::PCMU)?, talk(bob, to_bob.rtp, PayloadType::PCMA)?];
    for (name, talking) in ["alice", "bob"].into_iter().zip(talking) {
        let heard = talking.join().map_err(|_| "a party panicked")??;
        println!("{name} heard {heard} of {PACKETS} packets");
    }

    show(&call.statistics()?.wait()?);
    call.end()?.wait()?;
    // Whatever else a server does, it reads the events; the last one of a call has its final figures.
    while let Some(event) = events.recv_timeout(Duration::from_secs(1)) {
        match event {
            Event::LegLearnt { leg, from, .. } => println!("event: leg {leg} learnt {from}"),
            Event::CallEnded { reason, statistics, .. } => {
                println!("event: the call ended after {:?}: {reason}", statistics.age);
                break;
            }
            other => println!("event: {other:?}"),
        }
    }
    engine.shutdown();
    Ok(())
}

/// A leg's configuration with one codec and the defaults.
fn speaks(payload_type: PayloadType, codec: Codec) -> LegConfig {
    LegConfig { codecs: vec![PayloadCodec::new(payload_type, codec)], ..LegConfig::default() }
}

fn party() -> std::io::Result<UdpSocket> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(PTIME))?;
    Ok(socket)
}

/// Sends a packet each 20 ms and counts what comes back, until all has come or half a second after the last was sent.
fn talk(
    socket: UdpSocket,
    to: SocketAddr,
    payload_type: PayloadType,
) -> std::io::Result<thread::JoinHandle<std::io::Result<u16>>> {
    thread::Builder::new().spawn(move || {
        let (mut heard, mut buffer) = (0, [0; 1500]);
        let start = Instant::now();
        for sequence in 0..PACKETS {
            socket.send_to(&packet(payload_type, sequence), to)?;
            // What has come meanwhile is taken while waiting for the next packet's time.
            let next = start + PTIME * u32::from(sequence + 1);
            heard += receive(&socket, &mut buffer, next, PACKETS - heard)?;
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        let last = Instant::now() + Duration::from_millis(500);
        heard += receive(&socket, &mut buffer, last, PACKETS - heard)?;
        Ok(heard)
    })
}

/// Counts RTP packets until `until`, or until `wanted` have come.
fn receive(socket: &UdpSocket, buffer: &mut [u8], until: Instant, wanted: u16) -> std::io::Result<u16> {
    let mut heard = 0;
    while heard < wanted {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        socket.set_read_timeout(Some(left))?;
        match socket.recv(buffer) {
            Ok(_) => heard += 1,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(heard)
}

/// An RTP packet of 20 ms [RFC3550 5.1] with a square wave, which needs no encoder in either law.
fn packet(payload_type: PayloadType, sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type.get()];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * SAMPLES).to_be_bytes());
    packet.extend(u32::from(payload_type.get() + 1).to_be_bytes());
    packet.extend((0..SAMPLES).map(|sample| if sample / 10 % 2 == 0 { 0x90 } else { 0x10 }));
    packet
}

fn show(statistics: &CallStatistics) {
    for leg in &statistics.legs {
        let (received, sent) = (&leg.received, &leg.sent);
        let mos = received.mos.map_or_else(|| "-".to_owned(), |mos| format!("{mos:.1}"));
        println!(
            "leg {}: received {} packets, lost {}, dropped {}, jitter {:.1} ms, MOS {mos}; sent {} packets",
            leg.leg,
            received.packets,
            received.lost,
            received.dropped.total(),
            received.jitter.as_secs_f64() * 1e3,
            sent.packets,
        );
    }
}
