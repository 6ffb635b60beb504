//! The system call bpf(2): maps, programs, and where a program is attached.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::assembler::Instruction;

/// Commands of bpf(2).
const MAP_CREATE: libc::c_int = 0;
const MAP_UPDATE_ELEM: libc::c_int = 2;
const MAP_DELETE_ELEM: libc::c_int = 3;
const PROG_LOAD: libc::c_int = 5;
#[cfg(test)]
const PROG_TEST_RUN: libc::c_int = 10;
const LINK_CREATE: libc::c_int = 28;

/// Types of programs and of places to attach them.
const PROG_TYPE_XDP: u32 = 6;
const ATTACH_XDP: u32 = 37;

/// Where a program is attached to (`linux/if_link.h`).
const XDP_FLAGS_SKB_MODE: u32 = 1 << 1;
const XDP_FLAGS_DRV_MODE: u32 = 1 << 2;

/// None of the helpers that a program here calls asks for another.
const LICENCE: &CStr = c"MIT";

/// The values of an array can be mapped into memory: one after the other, each of whole words of 64 bits.
const F_MMAPABLE: u32 = 1 << 10;

/// Octets of the verifier's account that are kept.
const LOG: usize = 16 * 1024;

/// Kinds of maps.
#[derive(Debug, Clone, Copy)]
pub(super) enum MapKind {
    Hash = 1,
    Array = 2,
    /// AF_XDP sockets.
    Xsk = 17,
}

/// Where a program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AttachMode {
    /// In the driver, before the kernel makes a packet of the frame.
    Native,
    /// In the kernel's generic code, behind the driver: any card, at a higher cost.
    Generic,
}

/// A map of the kernel.
#[derive(Debug)]
pub(super) struct Map {
    fd: OwnedFd,
    key: usize,
    value: usize,
}

#[repr(C)]
#[derive(Default)]
struct CreateMap {
    kind: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    flags: u32,
}

#[repr(C)]
struct Element {
    map: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

impl Map {
    /// A map of keys and values of so many octets.
    pub(super) fn new(kind: MapKind, key: usize, value: usize, entries: u32) -> io::Result<Self> {
        Self::create(kind, (key, value), entries, 0)
    }

    /// An array whose values can be mapped into memory.
    pub(super) fn mappable_array(value: usize, entries: u32) -> io::Result<Self> {
        Self::create(MapKind::Array, (size_of::<u32>(), value), entries, F_MMAPABLE)
    }

    fn create(kind: MapKind, (key, value): (usize, usize), entries: u32, flags: u32) -> io::Result<Self> {
        let size = |octets| u32::try_from(octets).map_err(|_| io::ErrorKind::InvalidInput);
        let mut create = CreateMap {
            kind: kind as u32,
            key_size: size(key)?,
            value_size: size(value)?,
            max_entries: entries,
            flags,
        };
        // SAFETY: MAP_CREATE reads the attributes and refers to no other memory.
        let fd = unsafe { bpf(MAP_CREATE, &mut create) }?;
        Ok(Self { fd: owned(fd), key, value })
    }

    /// Enters `value` under `key`.
    pub(super) fn insert(&self, key: &[u8], value: &[u8]) -> io::Result<()> {
        assert!(key.len() == self.key && value.len() == self.value, "the map's own sizes");
        let mut element = self.element(key, value.as_ptr() as u64);
        // SAFETY: MAP_UPDATE_ELEM reads as many octets of key and value as the map was made with; both slices have as many,
        // by the assertion, and live until it returns.
        unsafe { bpf(MAP_UPDATE_ELEM, &mut element) }.map(drop)
    }

    /// Takes out what stands under `key`; an error where nothing does.
    pub(super) fn remove(&self, key: &[u8]) -> io::Result<()> {
        assert!(key.len() == self.key, "the map's own size");
        let mut element = self.element(key, 0);
        // SAFETY: MAP_DELETE_ELEM reads as many octets of the key as the map was made with, which the slice has.
        unsafe { bpf(MAP_DELETE_ELEM, &mut element) }.map(drop)
    }

    fn element(&self, key: &[u8], value: u64) -> Element {
        Element { map: descriptor(self.fd.as_fd()), padding: 0, key: key.as_ptr() as u64, value, flags: 0 }
    }
}

impl AsFd for Map {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A program that the kernel has verified.
#[derive(Debug)]
pub(super) struct Program {
    fd: OwnedFd,
}

#[repr(C)]
#[derive(Default)]
struct LoadProgram {
    kind: u32,
    instructions: u32,
    code: u64,
    licence: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    interface: u32,
    attach_type: u32,
}

#[cfg(test)]
#[repr(C)]
#[derive(Default)]
struct TestRun {
    program: u32,
    returned: u32,
    data_size_in: u32,
    data_size_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
    context_size_in: u32,
    context_size_out: u32,
    context_in: u64,
    context_out: u64,
}

impl Program {
    /// Loads an XDP program. `name` has at most 15 octets.
    ///
    /// # Errors
    /// The kernel's: `EPERM` without CAP_BPF and CAP_NET_ADMIN; else what the verifier said.
    pub(super) fn load(code: &[Instruction], name: &str) -> io::Result<Self> {
        match Self::load_logged(code, name, &mut []) {
            // Only the verifier's refusals have an account.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EACCES)) => {
                let mut log = vec![0; LOG];
                let loaded = Self::load_logged(code, name, &mut log);
                let end = log.iter().position(|octet| *octet == 0).unwrap_or(LOG);
                let account = String::from_utf8_lossy(log.get(..end).unwrap_or_default());
                loaded.map_err(|error| io::Error::new(error.kind(), format!("{error}: {account}")))
            }
            loaded => loaded,
        }
    }

    fn load_logged(code: &[Instruction], name: &str, log: &mut [u8]) -> io::Result<Self> {
        let count = |len| u32::try_from(len).map_err(|_| io::ErrorKind::InvalidInput);
        let mut load = LoadProgram {
            kind: PROG_TYPE_XDP,
            instructions: count(code.len())?,
            code: code.as_ptr() as u64,
            licence: LICENCE.as_ptr() as u64,
            attach_type: ATTACH_XDP,
            ..LoadProgram::default()
        };
        if !log.is_empty() {
            load.log_level = 1;
            load.log_size = count(log.len())?;
            load.log = log.as_mut_ptr() as u64;
        }
        for (to, octet) in load.name.iter_mut().zip(name.bytes().take(15)) {
            *to = octet;
        }
        // SAFETY: PROG_LOAD reads `instructions` instructions and the licence up to its end, and writes at most `log_size`
        // octets of the log; all live until it returns, and the log is borrowed mutably.
        let fd = unsafe { bpf(PROG_LOAD, &mut load) }?;
        Ok(Self { fd: owned(fd) })
    }

    /// Runs it once over `frame` as if it came to queue 0 of loopback; returns what it returned.
    #[cfg(test)]
    pub(super) fn run(&self, frame: &[u8]) -> io::Result<u32> {
        self.run_over(frame).map(|(returned, _)| returned)
    }

    /// The same; returns the frame that it left, too.
    #[cfg(test)]
    pub(super) fn run_over(&self, frame: &[u8]) -> io::Result<(u32, Vec<u8>)> {
        let mut left = vec![0; frame.len()];
        let mut run = TestRun {
            program: descriptor(self.fd.as_fd()),
            data_size_in: u32::try_from(frame.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
            data_in: frame.as_ptr() as u64,
            data_size_out: u32::try_from(left.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
            data_out: left.as_mut_ptr() as u64,
            repeat: 1,
            ..TestRun::default()
        };
        // SAFETY: PROG_TEST_RUN reads `data_size_in` octets at `data_in`, which the slice has, and writes `data_size_out` at
        // most at `data_out`, which the vector has.
        unsafe { bpf(PROG_TEST_RUN, &mut run) }?;
        left.truncate(run.data_size_out as usize);
        Ok((run.returned, left))
    }
}

/// A program at an interface. It goes when this is dropped, and with the process.
#[derive(Debug)]
pub(super) struct Attached {
    _link: OwnedFd,
}

#[repr(C)]
struct CreateLink {
    program: u32,
    interface: u32,
    attach_type: u32,
    flags: u32,
}

impl Attached {
    /// Attaches a program.
    ///
    /// # Errors
    /// The kernel's: `EBUSY` or `EEXIST` where another program is there, `EOPNOTSUPP` where the driver has no native mode.
    pub(super) fn new(program: &Program, interface: u32, mode: AttachMode) -> io::Result<Self> {
        let flags = match mode {
            AttachMode::Native => XDP_FLAGS_DRV_MODE,
            AttachMode::Generic => XDP_FLAGS_SKB_MODE,
        };
        let mut create =
            CreateLink { program: descriptor(program.fd.as_fd()), interface, attach_type: ATTACH_XDP, flags };
        // SAFETY: LINK_CREATE reads the attributes and refers to no other memory.
        let fd = unsafe { bpf(LINK_CREATE, &mut create) }?;
        Ok(Self { _link: owned(fd) })
    }
}

/// bpf(2).
///
/// # Safety
/// What the attributes point to is valid for what the command does with it.
unsafe fn bpf<T>(command: libc::c_int, attributes: &mut T) -> io::Result<i32> {
    // SAFETY: bpf(2) reads and writes at most as many octets of the attributes as the size says, which is their own. What
    // they point to is the caller's promise.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attributes), size_of::<T>()) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    i32::try_from(result).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// What a command returned that makes a descriptor.
fn owned(fd: i32) -> OwnedFd {
    // SAFETY: bpf(2): the commands that call this return a descriptor that nothing else owns.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// A descriptor as attributes carry it.
fn descriptor(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}
