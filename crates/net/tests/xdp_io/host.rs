//! Hosts: threads in network namespaces of their own.
//!
//! What a host opens (sockets, backends) stays of its namespace, and is used from the test's thread like any other.

use std::io;
use std::net::{SocketAddr, UdpSocket as Plain};
use std::process::Command;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mediapoint_net::{
    Clock, PacketIo, Port, PortOpener, PortOptions, Received, SocketIoConfig, SocketOpener, XdpInterfaces,
    XdpIo, XdpOptions,
};
use mediapoint_packet::{PacketBuf, PacketPool};

/// Longer than anything here takes; a test that waits for it has failed.
pub(crate) const LONG: Duration = Duration::from_secs(20);

pub(crate) const SERVER4: &str = "198.51.100.1";
pub(crate) const CLIENT4: &str = "198.51.100.2";
pub(crate) const SERVER6: &str = "2001:db8::1";
pub(crate) const CLIENT6: &str = "2001:db8::2";
/// On a VLAN over the same cards.
pub(crate) const SERVER_VLAN: &str = "203.0.113.1";
pub(crate) const CLIENT_VLAN: &str = "203.0.113.2";

type Task = Box<dyn FnOnce() + Send>;

/// A thread in a network namespace of its own.
pub(crate) struct Host {
    tasks: Sender<Task>,
    /// By which the namespace is named to `ip`.
    thread: i32,
}

impl Host {
    fn new() -> io::Result<Self> {
        let (tasks, inbox) = channel::<Task>();
        let (report, started) = channel();
        std::thread::spawn(move || {
            // SAFETY: unshare(2) takes no memory.
            let result = unsafe { libc::unshare(libc::CLONE_NEWNET) };
            let outcome = if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
            // SAFETY: gettid(2) takes no memory.
            report.send(outcome.map(|()| unsafe { libc::gettid() })).unwrap();
            inbox.into_iter().for_each(|task| task());
        });
        let thread = started.recv().unwrap()?;
        Ok(Self { tasks, thread })
    }

    /// Does something in the namespace.
    pub(crate) fn run<T: Send + 'static>(&self, task: impl FnOnce() -> T + Send + 'static) -> T {
        let (report, done) = channel();
        self.tasks.send(Box::new(move || drop(report.send(task())))).unwrap();
        done.recv().unwrap()
    }

    /// Runs `ip` with these arguments.
    pub(crate) fn ip(&self, arguments: &str) -> String {
        self.try_ip(arguments).unwrap()
    }

    /// What `ip` prints, or its complaint.
    fn try_ip(&self, arguments: &str) -> Result<String, String> {
        let words: Vec<String> = arguments.split(' ').map(String::from).collect();
        let output =
            self.run(move || Command::new("ip").args(words).output()).map_err(|error| error.to_string())?;
        let text = |octets| String::from_utf8(octets).unwrap();
        if output.status.success() {
            Ok(text(output.stdout))
        } else {
            Err(format!("ip {arguments}: {}", text(output.stderr)))
        }
    }

    /// An ordinary socket.
    pub(crate) fn socket(&self, address: &str) -> Plain {
        let address = SocketAddr::new(address.parse().unwrap(), 0);
        let socket = self.run(move || Plain::bind(address)).unwrap();
        socket.set_read_timeout(Some(LONG)).unwrap();
        socket
    }

    /// Datagrams that the kernel has taken in for sockets, and sent for them, so far, in both families.
    pub(crate) fn kernel_datagrams(&self) -> (u64, u64) {
        self.run(|| {
            let table = std::fs::read_to_string("/proc/thread-self/net/snmp").unwrap();
            let mut lines = table.lines().filter_map(|line| line.strip_prefix("Udp: "));
            let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
            let six = std::fs::read_to_string("/proc/thread-self/net/snmp6").unwrap_or_default();
            let find = |name| {
                let at = names.split(' ').position(|column| column == name).unwrap();
                let four: u64 = values.split(' ').nth(at).unwrap().parse().unwrap();
                let line = six.lines().find_map(|line| line.strip_prefix(&format!("Udp6{name}")));
                four + line.map_or(0, |value| value.trim().parse().unwrap())
            };
            (find("InDatagrams"), find("OutDatagrams"))
        })
    }
}

/// Two hosts and the cable between them.
pub(crate) struct Pair {
    pub(crate) server: Host,
    pub(crate) client: Host,
    /// The kernel has VLANs, and there is one.
    pub(crate) has_vlan: bool,
    _alone: MutexGuard<'static, ()>,
}

/// Held by the test that runs. Others run `ip`, and between fork and exec such a child has whatever this one is about to close.
static ALONE: Mutex<()> = Mutex::new(());

/// `None`, with the reason printed, where the machine does not allow what the tests need.
pub(crate) fn pair() -> Option<Pair> {
    let skip = |why: String| {
        println!("skipped: {why}");
        None
    };
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let hosts = Host::new().and_then(|server| {
        let client = Host::new()?;
        Ok(Pair { server, client, has_vlan: true, _alone: alone })
    });
    let mut pair = match hosts {
        Ok(pair) => pair,
        Err(error) => return skip(format!("no network namespaces here: {error}")),
    };
    if let Err(error) = pair.server.try_ip("link add media type veth peer name phone") {
        return skip(error);
    }
    pair.server.ip(&format!("link set phone netns {}", pair.client.thread));
    let Pair { server, client, has_vlan, .. } = &mut pair;
    let ends = [
        (server, "media", [SERVER4, SERVER6, SERVER_VLAN]),
        (client, "phone", [CLIENT4, CLIENT6, CLIENT_VLAN]),
    ];
    for (host, card, [v4, v6, vlan]) in ends {
        host.ip("link set lo up");
        host.ip(&format!("addr add {v4}/24 dev {card}"));
        host.ip(&format!("addr add {v6}/64 dev {card} nodad"));
        host.ip(&format!("link set {card} up"));
        if host.try_ip(&format!("link add link {card} name tagged type vlan id 7")).is_ok() {
            host.ip(&format!("addr add {vlan}/24 dev tagged"));
            host.ip("link set tagged up");
        } else {
            *has_vlan = false;
        }
    }
    let allowed = pair.server.run(|| XdpInterfaces::attach(&[SERVER4.parse().unwrap()]).map(drop));
    match allowed {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => skip(error.to_string()),
        Err(error) => panic!("{error}"),
        Ok(()) => Some(pair),
    }
}

pub(crate) fn config() -> SocketIoConfig {
    SocketIoConfig { max_ports: 64, ..SocketIoConfig::default() }
}

impl Pair {
    /// The program at the server's card, for all of its addresses.
    pub(crate) fn interfaces(&self) -> XdpInterfaces {
        self.interfaces_with(XdpOptions::default())
    }

    /// The same, with options.
    pub(crate) fn interfaces_with(&self, options: XdpOptions) -> XdpInterfaces {
        let vlan = self.has_vlan.then_some(SERVER_VLAN);
        let addresses: Vec<_> =
            [SERVER4, SERVER6].into_iter().chain(vlan).map(|address| address.parse().unwrap()).collect();
        self.server.run(move || XdpInterfaces::attach_with(&addresses, &options)).unwrap()
    }

    /// A backend for a queue of the server's card.
    pub(crate) fn backend(&self, interfaces: &XdpInterfaces, queue: u32) -> XdpIo {
        let interfaces = interfaces.clone();
        self.server.run(move || XdpIo::new(config(), &interfaces, queue)).unwrap()
    }

    /// Opens a port of the server and serves it.
    pub(crate) fn open(&self, io: &mut XdpIo, address: &str) -> (Port, SocketAddr) {
        let address = SocketAddr::new(address.parse().unwrap(), 0);
        let handle = self.server.run(move || SocketOpener.open(address, &PortOptions::default())).unwrap();
        let local = handle.local_addr();
        (io.attach(handle).unwrap(), local)
    }
}

pub(crate) fn packet(bytes: &[u8]) -> PacketBuf {
    PacketBuf::copy_of(bytes).unwrap()
}

/// Waits for the next datagram.
pub(crate) fn next(io: &mut XdpIo, pool: &mut PacketPool) -> Received {
    let clock = Clock::new();
    let end = clock.now() + LONG;
    loop {
        if let Some(received) = io.receive(pool) {
            return received;
        }
        assert!(clock.now() < end, "nothing came: {io:?}");
        io.wait(Some(end.since(clock.now()))).unwrap();
    }
}

/// Sends a datagram and receives it at the other end.
pub(crate) fn answer(io: &mut XdpIo, pool: &mut PacketPool, port: Port, to: &Plain, bytes: &[u8]) {
    io.send(port, to.local_addr().unwrap(), packet(bytes), pool);
    io.flush(pool);
    let mut room = vec![0; 65_536];
    let len = to.recv(&mut room).unwrap();
    assert_eq!(&room[..len], bytes);
}

/// Answers a caller until datagrams to it no longer go by the kernel's stack.
pub(crate) fn learn(pair: &Pair, io: &mut XdpIo, pool: &mut PacketPool, port: Port, caller: &Plain) {
    let clock = Clock::new();
    let end = clock.now() + LONG;
    loop {
        let (_, before) = pair.server.kernel_datagrams();
        answer(io, pool, port, caller, b"where are you");
        if pair.server.kernel_datagrams().1 == before {
            return;
        }
        assert!(clock.now() < end, "the path is not found: {io:?}");
        io.wait(Some(Duration::from_millis(5))).unwrap();
    }
}
