//! The callers for `forward`: two endpoints a call, 172-byte datagrams each 20 ms, spread evenly over the 20 ms.
//!
//! `callers [calls] [seconds] [core] [tick-us] [address] [own]` sends from the address `own` to the ports from 20000 of the
//! address up (both 127.0.0.1), takes what comes back, and prints loss, the delay from send to receipt, its own tick (1 ms)
//! included, and its CPU time a packet: on a virtual cable what the server's card does is a part of that.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use mediapoint_net::{
    Clock, PacketIo, PortOptions, SocketIo, SocketIoConfig, UdpSocket, pin_current_thread, process_cpu_time,
    raise_fd_limit,
};
use mediapoint_packet::{PacketPool, Time};

const FIRST_PORT: u16 = 20_000;
const PAYLOAD: usize = 172;
const PACKET_TIME: Duration = Duration::from_millis(20);
/// Delays are counted in steps of 10 us up to 100 ms.
const STEP: Duration = Duration::from_micros(10);

fn main() -> Result<(), Box<dyn Error>> {
    let mut given = std::env::args().skip(1);
    let mut number = |default: u64| given.next().map_or(Ok(default), |text| text.parse());
    let legs = u16::try_from(number(400)? * 2)?;
    let duration = Duration::from_secs(number(11)?);
    pin_current_thread(usize::try_from(number(0)?)?)?;
    let tick = Duration::from_micros(number(1000)?);
    let mut address = || given.next().map_or(Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)), |text| text.parse());
    let (server, own) = (address()?, address()?);
    raise_fd_limit()?;

    let mut io = SocketIo::new(SocketIoConfig::default())?;
    let mut pool = PacketPool::new(4096);
    let options = PortOptions { receive_buffer: Some(1 << 17), ..PortOptions::default() };
    let mut ports = Vec::new();
    for _ in 0..legs {
        ports.push(io.attach(UdpSocket::bind(SocketAddr::new(own, 0), &options)?)?);
    }

    let clock = Clock::new();
    let start = clock.now();
    let mut due: Vec<Time> =
        (0..legs).map(|leg| start + PACKET_TIME * u32::from(leg) / u32::from(legs)).collect();
    let mut delays = vec![0_u64; 10_000];
    let mut next = start;
    while clock.now().since(start) < duration {
        next = next + tick;
        io.wait_tick(next.since(clock.now()))?;
        while let Some(received) = io.receive(&mut pool) {
            if let Some(sent) = received.packet.bytes().first_chunk() {
                let delay = clock.now().since(Time::from_nanos(u64::from_le_bytes(*sent)));
                let place = usize::try_from(delay.as_nanos() / STEP.as_nanos())?.min(delays.len() - 1);
                if let Some(count) = delays.get_mut(place) {
                    *count += 1;
                }
            }
            pool.give(received.packet);
        }
        for ((leg, due), &port) in (0..legs).zip(&mut due).zip(&ports) {
            while *due <= next {
                *due = *due + PACKET_TIME;
                let Some(mut packet) = pool.take() else { continue };
                packet.set_len(PAYLOAD);
                if let Some(stamp) = packet.bytes_mut().first_chunk_mut() {
                    *stamp = clock.now().as_nanos().to_le_bytes();
                }
                let to = SocketAddr::new(server, FIRST_PORT + leg);
                io.send(port, to, packet, &mut pool);
            }
        }
        io.flush(&mut pool);
    }
    report(&io, &delays);
    Ok(())
}

fn report(io: &SocketIo, delays: &[u64]) {
    let counters = io.counters();
    let total: u64 = delays.iter().sum();
    let percentile = |share: f64| {
        let mut left = total as f64 * share;
        let place = delays.iter().take_while(|&&count| {
            left -= count as f64;
            left > 0.0
        });
        STEP * u32::try_from(place.count()).unwrap_or(u32::MAX)
    };
    println!(
        "sent {}, received {} ({} not), send errors {}; delay p50 {:?}, p99 {:?}, p99.9 {:?}; {:.2} us CPU a packet",
        counters.sent,
        counters.received,
        counters.sent - counters.received.min(counters.sent),
        counters.send_errors,
        percentile(0.5),
        percentile(0.99),
        percentile(0.999),
        process_cpu_time().as_nanos() as f64 / 1e3 / counters.sent.max(1) as f64,
    );
}
