//! The thread that asks the kernel for paths, so that no worker waits for its locks.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use mediapoint_packet::frame::Link;

use super::netlink::Netlink;
use super::paths::{Ends, Path};

/// Questions and answers on their way at most.
const QUEUE: usize = 256;

/// What a worker has of it. The thread ends when this is dropped.
#[derive(Debug)]
pub(super) struct Resolver {
    questions: SyncSender<Question>,
    answers: Receiver<(Ends, Option<Path>)>,
}

/// The path between whom, and whether the kernel is to look whether the neighbour is still there.
type Question = (Ends, bool);

impl Resolver {
    /// Starts the thread. It answers with paths through these interfaces only, and VLANs over them.
    ///
    /// # Errors
    /// The system's, for want of descriptors or threads.
    pub(super) fn new(interfaces: Vec<u32>) -> io::Result<Self> {
        let mut netlink = Netlink::new()?;
        let (questions, asked) = sync_channel::<Question>(QUEUE);
        let (given, answers) = sync_channel(QUEUE);
        std::thread::Builder::new().name("paths".into()).spawn(move || {
            while let Ok((ends, keep)) = asked.recv() {
                // What the kernel cannot answer now is asked again later.
                let path = resolve(&mut netlink, &interfaces, (ends, keep)).unwrap_or_default();
                if given.send((ends, path)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { questions, answers })
    }

    /// Gives a question on its way; false where too many are.
    pub(super) fn ask(&self, ends: Ends) -> bool {
        self.questions.try_send((ends, false)).is_ok()
    }

    /// The same, where nothing of ours goes there that would have the kernel look for the neighbour now and then: it is to
    /// do so as if something did.
    pub(super) fn ask_and_keep(&self, ends: Ends) -> bool {
        self.questions.try_send((ends, true)).is_ok()
    }

    /// The next answer that has come.
    pub(super) fn answer(&self) -> Option<(Ends, Option<Path>)> {
        self.answers.try_recv().ok()
    }
}

/// The path between two addresses; `None` where it does not lead through the interfaces, or the neighbour is unknown.
fn resolve(netlink: &mut Netlink, interfaces: &[u32], (ends, keep): Question) -> io::Result<Option<Path>> {
    let Some(route) = netlink.route(ends.from, ends.to)? else { return Ok(None) };
    let Some(link) = netlink.link(route.interface)? else { return Ok(None) };
    let (interface, vlan) = match link.vlan {
        _ if interfaces.contains(&route.interface) => (route.interface, None),
        Some((below, id)) if interfaces.contains(&below) => (below, Some(id)),
        _ => return Ok(None),
    };
    if keep {
        // Not to be had without CAP_NET_ADMIN; the path is then as good as what the kernel has.
        drop(netlink.use_neighbour(route.interface, route.next_hop));
    }
    let neighbour = netlink.neighbour(route.interface, route.next_hop)?;
    let link = neighbour.map(|destination| Link { destination, source: link.mac, vlan });
    Ok(link.map(|link| Path { interface, link }))
}
