//! The libraries' functions, as their headers have them, but for `const`, which not all of them keep to: `opencore-amrnb/interf_enc.h`, `opencore-amrnb/interf_dec.h`,
//! `opencore-amrwb/dec_if.h`, `vo-amrwbenc/enc_if.h`.

use std::ffi::{c_int, c_short, c_uchar, c_uint, c_void};

#[link(name = "opencore-amrnb")]
unsafe extern "C" {
    pub(crate) fn Encoder_Interface_init(dtx: c_int) -> *mut c_void;
    pub(crate) fn Encoder_Interface_exit(state: *mut c_void);
    pub(crate) fn Encoder_Interface_Encode(
        state: *mut c_void,
        mode: c_uint,
        speech: *mut c_short,
        out: *mut c_uchar,
        force_speech: c_int,
    ) -> c_int;
    pub(crate) fn Decoder_Interface_init() -> *mut c_void;
    pub(crate) fn Decoder_Interface_exit(state: *mut c_void);
    pub(crate) fn Decoder_Interface_Decode(
        state: *mut c_void,
        frame: *mut c_uchar,
        out: *mut c_short,
        bad_frame: c_int,
    );
}

#[link(name = "opencore-amrwb")]
unsafe extern "C" {
    pub(crate) fn D_IF_init() -> *mut c_void;
    pub(crate) fn D_IF_decode(state: *mut c_void, frame: *mut c_uchar, out: *mut c_short, bad_frame: c_int);
    pub(crate) fn D_IF_exit(state: *mut c_void);
}

#[link(name = "vo-amrwbenc")]
unsafe extern "C" {
    pub(crate) fn E_IF_init() -> *mut c_void;
    pub(crate) fn E_IF_encode(
        state: *mut c_void,
        mode: c_int,
        speech: *mut c_short,
        out: *mut c_uchar,
        dtx: c_int,
    ) -> c_int;
    pub(crate) fn E_IF_exit(state: *mut c_void);
}

/// A coder's state in a library, which is freed with it.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) pointer: std::ptr::NonNull<c_void>,
    exit: unsafe extern "C" fn(*mut c_void),
}

// SAFETY: All that the libraries write to is behind the pointer, which nobody else has: they have no writable data of their
// own but tables that are never written (`nm` and `size` show an empty .bss), and keep no thread's identity.
unsafe impl Send for State {}

impl State {
    /// Takes what a library's `init` gave; `None` where it had no memory.
    ///
    /// # Safety
    /// `pointer` is null, or comes from the `init` that belongs to `exit` and from nowhere else.
    pub(crate) unsafe fn new(pointer: *mut c_void, exit: unsafe extern "C" fn(*mut c_void)) -> Option<Self> {
        std::ptr::NonNull::new(pointer).map(|pointer| Self { pointer, exit })
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // SAFETY: `new` was promised that `exit` belongs to the pointer, which is given up here and only here.
        unsafe { (self.exit)(self.pointer.as_ptr()) }
    }
}
