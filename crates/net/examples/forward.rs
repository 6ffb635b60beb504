//! The barest media server: pairs of sockets, what comes to one goes to whoever last sent to the other.
//!
//! Measures what the kernel's share of a forwarded packet costs: `forward [calls] [tick-us] [seconds] [core] [times]
//! [address] [backend]` binds two ports a call from port 20000 of the address (127.0.0.1) up, skips two seconds, and prints CPU
//! time a packet over the rest. `callers` is the other side. A tick of 0 sleeps until a datagram comes; with `times` 1 the
//! kernel notes arrivals. The backend is `sockets` or `xdp`; `benches/xdp.sh` compares them.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use mediapoint_net::{
    Clock, Counters, PacketIo, Port, PortOptions, SocketIo, SocketIoConfig, UdpSocket, XdpInterfaces, XdpIo,
    pin_current_thread, process_cpu_time, raise_fd_limit,
};
use mediapoint_packet::PacketPool;

const FIRST_PORT: u16 = 20_000;
const WARM_UP: Duration = Duration::from_secs(2);

struct Arguments {
    calls: u16,
    tick: Duration,
    measured: Duration,
    core: usize,
    times: bool,
    address: IpAddr,
    xdp: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = arguments()?;
    raise_fd_limit()?;
    pin_current_thread(arguments.core)?;

    if !arguments.xdp {
        return serve(&mut SocketIo::new(SocketIoConfig::default())?, &arguments);
    }
    let interfaces = XdpInterfaces::attach(&[arguments.address])?;
    let mut io = XdpIo::new(SocketIoConfig::default(), &interfaces, 0)?;
    println!("{interfaces}: {}", io.describe());
    serve(&mut io, &arguments)
}

fn serve(io: &mut impl PacketIo<Handle = UdpSocket>, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut pool = PacketPool::new(2048);
    let options = PortOptions {
        receive_buffer: Some(1 << 17),
        arrival_times: arguments.times,
        ..PortOptions::default()
    };
    for leg in 0..arguments.calls * 2 {
        let address = SocketAddr::new(arguments.address, FIRST_PORT + leg);
        // The backend numbers its ports from 0 up.
        io.attach(UdpSocket::bind(address, &options)?)?;
    }
    let mut peers: Vec<Option<SocketAddr>> = vec![None; usize::from(arguments.calls) * 2];

    run(io, &mut pool, &mut peers, arguments.tick, WARM_UP)?;
    let (before, cpu) = (io.counters(), process_cpu_time());
    run(io, &mut pool, &mut peers, arguments.tick, arguments.measured)?;
    report(&before, &io.counters(), process_cpu_time() - cpu, arguments.measured);
    Ok(())
}

fn run(
    io: &mut impl PacketIo,
    pool: &mut PacketPool,
    peers: &mut [Option<SocketAddr>],
    tick: Duration,
    duration: Duration,
) -> Result<(), Box<dyn Error>> {
    let clock = Clock::new();
    let end = clock.now() + duration;
    let mut next = clock.now() + tick;
    loop {
        let now = clock.now();
        if now >= end {
            return Ok(());
        }
        if tick.is_zero() {
            io.wait(Some(end.since(now)))?;
        } else {
            io.wait_tick(next.since(now))?;
            next = (next + tick).max(now);
        }
        while let Some(received) = io.receive(pool) {
            let leg = received.port.index();
            if let Some(peer) = peers.get_mut(leg) {
                *peer = Some(received.from);
            }
            let other = Port::new(u32::try_from(leg ^ 1)?);
            match peers.get(leg ^ 1) {
                Some(&Some(to)) => io.send(other, to, received.packet, pool),
                _ => pool.give(received.packet),
            }
        }
        io.flush(pool);
    }
}

fn report(before: &Counters, after: &Counters, cpu: Duration, measured: Duration) {
    let sent = after.sent - before.sent;
    let per = |nanos: u128| nanos as f64 / sent.max(1) as f64;
    println!(
        "{:.2} us CPU per forwarded packet; {:.0} packets/s, core {:.1} % busy; per packet: {:.2} receive and {:.2} \
         send calls, {:.3} waits; {} received, {sent} sent, {} send errors, {} truncated, {} without a buffer",
        per(cpu.as_nanos()) / 1e3,
        sent as f64 / measured.as_secs_f64(),
        100.0 * cpu.as_secs_f64() / measured.as_secs_f64(),
        per(u128::from(after.receive_calls - before.receive_calls)),
        per(u128::from(after.send_calls - before.send_calls)),
        per(u128::from(after.waits - before.waits)),
        after.received - before.received,
        after.send_errors - before.send_errors,
        after.truncated - before.truncated,
        after.pool_empty - before.pool_empty,
    );
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut given = std::env::args().skip(1);
    let mut number = |default: u64| given.next().map_or(Ok(default), |text| text.parse());
    Ok(Arguments {
        calls: u16::try_from(number(400)?)?,
        tick: Duration::from_micros(number(1000)?),
        measured: Duration::from_secs(number(8)?),
        core: usize::try_from(number(1)?)?,
        times: number(0)? == 1,
        address: given.next().map_or(Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)), |text| text.parse())?,
        xdp: given.next().as_deref() == Some("xdp"),
    })
}
