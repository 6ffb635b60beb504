//! What can go wrong, by whose fault it is.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::api::id::{CallId, LegId};
use crate::api::leg::AddressFamily;
use crate::api::points::Points;
use crate::api::remote::ForbiddenRemote;

/// Why an engine could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// No interface was given.
    #[error("an engine needs at least one interface address")]
    NoInterface,
    /// No worker was asked for.
    #[error("an engine needs at least one worker")]
    NoWorkers,
    /// The port range holds no even port with its odd neighbour.
    #[error("port range {first}-{last} holds no pair of ports")]
    PortRange {
        /// First port.
        first: u16,
        /// Last port.
        last: u16,
    },
    /// An interface address is not on this machine.
    #[error("cannot open a socket on interface address {address}: {source}")]
    Address {
        /// The address.
        address: IpAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The packet backend that was asked for is not to be had.
    #[error("cannot serve the interfaces by AF_XDP: {source}")]
    PacketBackend {
        /// What the system said.
        source: io::Error,
    },
    /// A worker could not be started.
    #[error("cannot start worker {worker}: {source}")]
    Worker {
        /// Its number.
        worker: usize,
        /// What the system said.
        source: io::Error,
    },
}

/// Why a call was not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdmissionError {
    /// No worker has the points.
    #[error("the call needs {needed} points, the least loaded worker has {free} free")]
    NoPoints {
        /// What the call costs.
        needed: Points,
        /// What is free on the worker with most.
        free: Points,
    },
    /// No worker has room for its legs.
    #[error("the call needs room for {needed} legs, the worker with most has {free} of {limit}")]
    NoLegs {
        /// Legs that the call needs room for.
        needed: usize,
        /// What is free on the worker with most.
        free: usize,
        /// Legs that a worker can hold.
        limit: usize,
    },
    /// There are not enough ports for its legs.
    #[error("the call needs {needed} ports, {free} are free of {total}")]
    NoPorts {
        /// Ports that the call needs.
        needed: usize,
        /// What is free on all addresses together.
        free: usize,
        /// Ports of all addresses.
        total: usize,
    },
    /// There are not enough descriptors for its sockets.
    #[error("the call needs {needed} open files, {free} are free of {total}")]
    NoFiles {
        /// Descriptors that the call needs.
        needed: usize,
        /// What is free.
        free: usize,
        /// Descriptors that the engine may have.
        total: usize,
    },
    /// The system has nothing left to open a socket with.
    #[error("no socket can be opened beside those of {legs} legs: {}", std::io::Error::from_raw_os_error(*.errno))]
    NoSockets {
        /// Legs that have theirs.
        legs: usize,
        /// What the system said, as its error number.
        errno: i32,
    },
    /// The worker does not keep up with its media clock, and takes no calls until it does.
    #[error("worker {worker} is {} ms behind its clock and takes no calls until it keeps up", .late.as_millis())]
    Late {
        /// Its number; of several, the one that is least late.
        worker: usize,
        /// How late it was at worst since it last kept up.
        late: Duration,
    },
    /// No worker runs.
    #[error("no worker runs")]
    NoWorker,
    /// The engine has no worker of that number.
    #[error("there is no worker {0}")]
    NoSuchWorker(usize),
    /// The reader of the events is so far behind that there is no room for the end of another call.
    #[error("{waiting} events wait to be read")]
    EventsUnread {
        /// How many.
        waiting: usize,
    },
    /// The engine takes no new calls.
    #[error("the engine is draining and takes no new calls")]
    Draining,
    /// The worker's command queue is full.
    #[error("worker {worker} does not keep up with its commands")]
    Busy {
        /// Its number.
        worker: usize,
    },
}

/// Why a leg could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenLegError {
    /// The interface's name is unknown.
    #[error("there is no interface named {0:?}")]
    UnknownInterface(String),
    /// The interface has no address of that family.
    #[error("interface {interface:?} has no {family:?} address")]
    NoSuchFamily {
        /// The interface.
        interface: String,
        /// The family.
        family: AddressFamily,
    },
    /// All ports of the range are in use.
    #[error("no ports are left of {total} on {address}")]
    NoPorts {
        /// Ports in the range.
        total: usize,
        /// The interface's address.
        address: IpAddr,
    },
    /// The system refused a socket for another reason than a port in use.
    #[error("cannot open a socket on {address}: {source}")]
    Socket {
        /// The interface's address.
        address: IpAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The leg would make the call cost more than its worker has free.
    #[error(transparent)]
    Admission(#[from] AdmissionError),
    /// The command could not be given.
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// Why a call was not restored from a snapshot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The snapshot is of another version.
    #[error("the snapshot has version {have}, this engine reads {need}")]
    Version {
        /// The version found.
        have: u16,
        /// The version read here.
        need: u16,
    },
    /// It says what cannot be, as no engine writes it.
    #[error("the snapshot is malformed: {what}")]
    Malformed {
        /// What is out of its range.
        what: &'static str,
    },
    /// A call of that name runs already.
    #[error("call {} runs already", .0.as_u64())]
    Exists(CallId),
    /// A leg or tap of another call has the name that the snapshot has.
    #[error("{kind} {id} is the name of another")]
    NameInUse {
        /// Of what.
        kind: &'static str,
        /// Its number.
        id: u64,
    },
    /// The ports of a leg are in use, or not known.
    #[error("leg {} cannot have its ports again: {source}", .leg.as_u64())]
    Ports {
        /// The leg.
        leg: LegId,
        /// What the system answered.
        source: io::Error,
    },
    /// No worker has the points.
    #[error(transparent)]
    Admission(#[from] AdmissionError),
}

/// Why a command was not carried out. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The call has ended.
    #[error("call {} has ended", .0.as_u64())]
    NoSuchCall(CallId),
    /// The call has no such leg.
    #[error("the call has no leg {}", .0.as_u64())]
    NoSuchLeg(LegId),
    /// As many digits wait as a leg may have.
    #[error("a leg can have {limit} digits that wait: send more when some have been sent")]
    TooManyDigits {
        /// How many there may be.
        limit: usize,
    },
    /// The leg can be sent no such digit.
    #[error(
        "leg {} can be sent no such digit: its party agreed neither to telephone events nor, for a tone, to a codec that can be \
         encoded; it is on hold; or its media is encrypted from end to end",
        .0.as_u64()
    )]
    NoDigit(LegId),
    /// The call has no such mix, player, stream or tap.
    #[error("the call has no {kind} {id}")]
    NoSuchObject {
        /// What was named.
        kind: &'static str,
        /// Its number.
        id: u64,
    },
    /// A value is out of its range.
    #[error("{what} is out of range")]
    OutOfRange {
        /// Which one.
        what: &'static str,
    },
    /// A prompt cannot be played in that way.
    #[error("a prompt cannot be played: {0}")]
    Prompt(String),
    /// The room takes no members.
    #[error("the room is locked")]
    RoomLocked,
    /// The worker, or the call, can hold no more of it.
    #[error("there is room for {limit} {what} at most")]
    NoRoom {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// It would make the call cost more than its worker has free, or another that it could move to.
    #[error("the call needs {needed} points more, its worker has {free} free")]
    NoPoints {
        /// What it would cost more.
        needed: Points,
        /// What is free on its worker.
        free: Points,
    },
    /// The worker's command queue is full.
    #[error("worker {worker} does not keep up with its commands")]
    Busy {
        /// Its number.
        worker: usize,
    },
    /// The worker did not answer in time.
    #[error("worker {worker} did not answer")]
    NoAnswer {
        /// Its number.
        worker: usize,
    },
    /// The worker failed before it carried the command out.
    #[error("worker {worker} failed")]
    WorkerFailed {
        /// Its number.
        worker: usize,
    },
    /// The outcome was taken before.
    #[error("the outcome of the command was taken before")]
    OutcomeTaken,
    /// The worker cannot serve a port.
    #[error("the worker cannot serve the port: {0}")]
    Port(io::ErrorKind),
    /// Media may not be sent to that address.
    #[error("media may not be sent to {address}: {reason}")]
    ForbiddenRemote {
        /// The address.
        address: SocketAddr,
        /// Why.
        reason: ForbiddenRemote,
    },
}
