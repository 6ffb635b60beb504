//! Memory that is shared with the kernel: mappings, and the frames of a socket.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;

use crate::prefetch::prefetch_at;

/// A mapping of memory, unmapped when it is dropped.
#[derive(Debug)]
pub(super) struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping belongs to its one owner, and no thread has a part in where it lies.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Fresh memory, all zero, of `len` octets.
    pub(super) fn anonymous(len: usize) -> io::Result<Self> {
        Self::map(len, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0)
    }

    /// `len` octets of what a descriptor offers at `offset`.
    pub(super) fn of(fd: BorrowedFd<'_>, len: usize, offset: libc::off_t) -> io::Result<Self> {
        Self::map(len, libc::MAP_SHARED | libc::MAP_POPULATE, fd.as_raw_fd(), offset)
    }

    fn map(len: usize, flags: libc::c_int, fd: libc::c_int, offset: libc::off_t) -> io::Result<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: mmap(2) without MAP_FIXED takes no memory that is in use.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), len, protection, flags, fd, offset) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self { start, len })
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Where it begins.
    pub(super) const fn address(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// `count` values of `T` at an offset; `None` where they do not lie in it whole, or not aligned.
    pub(super) fn values<T>(&self, offset: usize, count: usize) -> Option<NonNull<T>> {
        let octets = size_of::<T>().checked_mul(count)?;
        let end = offset.checked_add(octets)?;
        // SAFETY: within the mapping: the offset is below its end, or nothing is used of it.
        let at = (end <= self.len).then(|| unsafe { self.start.add(offset) })?.cast::<T>();
        at.is_aligned().then_some(at)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mmap gave just this range, and whoever has pointers into it owns the mapping too.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// Octets of a frame's place.
pub(super) const FRAME_SIZE: u32 = 2048;

/// The same, for slices.
const FRAME: usize = FRAME_SIZE as usize;

/// The place of a frame that is ours: neither the kernel nor anybody else uses it while the value exists.
#[derive(Debug)]
pub(super) struct Frame(u64);

impl Frame {
    /// Its address in the socket's memory.
    pub(super) const fn address(&self) -> u64 {
        self.0
    }
}

/// The frames of a socket, in one piece of memory.
#[derive(Debug)]
pub(super) struct Frames {
    memory: Mapping,
}

impl Frames {
    /// Memory of so many frames, and all of them.
    pub(super) fn new(count: usize) -> io::Result<(Self, Vec<Frame>)> {
        let memory = Mapping::anonymous(count * FRAME)?;
        let frames = (0..count).map(|place| Frame((place * FRAME) as u64)).collect();
        Ok((Self { memory }, frames))
    }

    pub(super) const fn memory(&self) -> &Mapping {
        &self.memory
    }

    /// The frame that an address of a descriptor lies in, and where in it; `None` where it lies outside.
    ///
    /// # Safety
    /// The kernel has given the descriptor back just now, and so everything at its frame.
    pub(super) unsafe fn returned(&self, address: u64) -> Option<(Frame, usize)> {
        let offset = address % FRAME as u64;
        let start = address - offset;
        let within = usize::try_from(start).is_ok_and(|start| start < self.memory.len());
        within.then_some((Frame(start), usize::try_from(offset).ok()?))
    }

    /// The content of a frame from `offset` on; `None` where it is longer than its place.
    pub(super) fn content<'a>(&'a self, frame: &'a Frame, offset: usize, len: usize) -> Option<&'a [u8]> {
        let place = self.place(frame)?;
        // SAFETY: a whole place of the mapping, which lives as long as `self`. Whoever has the frame alone may use it, and
        // the borrow of it keeps it from being given away meanwhile. The memory was zero at first: all octets are values.
        let place = unsafe { std::slice::from_raw_parts(place.as_ptr(), FRAME) };
        place.get(offset..)?.get(..len)
    }

    /// The place of a frame, to be written.
    pub(super) fn room<'a>(&'a self, frame: &'a mut Frame) -> Option<&'a mut [u8]> {
        let place = self.place(frame)?;
        // SAFETY: as in `content`; the frame is borrowed mutably, so that there is no other slice of it.
        Some(unsafe { std::slice::from_raw_parts_mut(place.as_ptr(), FRAME) })
    }

    /// Asks the processor for the octets at an address of a descriptor that is taken soon.
    pub(super) fn prefetch(&self, address: u64, len: usize) {
        let place = usize::try_from(address).ok().and_then(|address| self.memory.values(address, len));
        if let Some(place) = place {
            prefetch_at(place, len);
        }
    }

    fn place(&self, frame: &Frame) -> Option<NonNull<u8>> {
        self.memory.values(usize::try_from(frame.0).ok()?, FRAME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lie_in_a_mapping_whole_and_aligned() {
        let mapping = Mapping::anonymous(4096).unwrap();
        assert!(mapping.values::<u64>(4088, 1).is_some());
        assert!(mapping.values::<u64>(4088, 2).is_none());
        assert!(mapping.values::<u64>(4092, 1).is_none());
        assert!(mapping.values::<u64>(4, 1).is_none(), "not aligned");
        assert!(mapping.values::<u8>(usize::MAX, 2).is_none());
        assert!(mapping.values::<u64>(0, usize::MAX).is_none());
    }

    #[test]
    fn frames_are_apart_and_keep_what_is_written() {
        let (frames, mut all) = Frames::new(3).unwrap();
        for (number, frame) in all.iter_mut().enumerate() {
            frames.room(frame).unwrap().fill(u8::try_from(number).unwrap());
        }
        for (number, frame) in all.iter().enumerate() {
            let content = frames.content(frame, 0, FRAME).unwrap();
            assert!(content.iter().all(|octet| usize::from(*octet) == number));
            assert!(frames.content(frame, 256, FRAME - 256).is_some());
            assert!(frames.content(frame, 256, FRAME - 255).is_none());
            assert!(frames.content(frame, usize::MAX, 1).is_none());
        }
    }

    #[test]
    fn an_address_names_its_frame_and_none_outside() {
        let (frames, _all) = Frames::new(3).unwrap();
        // SAFETY: none of the frames is used here.
        let returned = |address| unsafe { frames.returned(address) };
        let named = |address| returned(address).map(|(frame, offset)| (frame.address(), offset));
        assert_eq!(named(256), Some((0, 256)));
        assert_eq!(named(2 * 2048 + 7), Some((4096, 7)));
        assert_eq!(named(3 * 2048), None);
        assert_eq!(named(u64::MAX), None);
    }
}
