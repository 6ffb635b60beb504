//! One property a target; the targets and the replay of the corpora call the same functions.
//!
//! | target | input | what must hold |
//! |---|---|---|
//! | `rtp` | a datagram | the `rtp` crate reads the same fields; a rewritten header changes nothing else |
//! | `rtcp` | a datagram | what is read is written back the same |
//! | `telephone_event` | a payload | what is read is written back the same |
//! | `frame_parse` | an Ethernet frame | `etherparse` reads the same datagram; written again both read it the same |
//! | `stun` | a datagram | what is read is written back the same |
//! | `sdp` | a body | untouched, it comes out as it went in; an edit leaves the rest alone |
//! | `ng_message` | a datagram of the ng protocol | decoded and encoded it says the same, in both formats |
//! | `srtp`, `srtcp` | key, packets and what happens to them | `webrtc-srtp` agrees; what is protected comes back |
//! | `sdes` | the value of an `a=crypto` line | what is read is written back the same |
//! | `playout` | packets, pulls and changes of a leg that receives G.711 | all that is pulled is there, every packet is accounted for |
//! | `playout_codecs` | the same of a leg with any codecs and rates | the same |
//! | `g729_decode` | a stream before, then speech, SIDs, pauses, losses | they decode as the operators that saturate at each step say |
//! | `g729_encode` | a stream before, then samples, with pauses told or not | they are coded as the operators that saturate at each step say |
//! | `engine` | datagrams at the sockets of a call of every kind of leg | nothing panics, no buffer is lost |
//! | `codec_decode` | a codec, payloads, losses and pauses | nothing panics or writes beyond its room; a reset is a new one; payloads of AMR and parameters are written back the same |
//! | `dtmf` | a script of tones, samples and silence | blocks make no difference to a detector; digits come in order, each with its end; what a suppressor lets pass it only delays; its own state restores; an event ends |
//! | `call_analysis` | samples and how they are cut | the decisions do not depend on the cuts; the time line is bounded |
//! | `prompt_decode` | a format and a file, or the text of a tone | audio within its limits or an error; a tone is read as it is written |
//! | `recording` | a journal that a crash left, a manifest, metadata, or a script of what is recorded and how the journal is damaged | what is recovered is whole, and not more than was recorded |

mod engine;

pub use engine::engine;
pub use mediapoint_analysis::properties::analysis as call_analysis;
pub use mediapoint_codec::properties::decode as codec_decode;
pub use mediapoint_control_ng::properties::message as ng_message;
pub use mediapoint_dtmf::properties::digits_in_any_blocks as dtmf;
pub use mediapoint_jitter::properties::{
    playout_of_codecs_survives as playout_codecs, playout_survives as playout,
};
pub use mediapoint_packet::properties::frame_matches_oracle as frame_parse;
pub use mediapoint_packet::properties::rtcp_round_trips as rtcp;
pub use mediapoint_packet::properties::{event_round_trips as telephone_event, stun_never_panics as stun};
pub use mediapoint_prompt::properties::decode as prompt_decode;
pub use mediapoint_recorder::properties::recording;
pub use mediapoint_srtp::properties::{
    protect_then_unprotect, sdes_round_trips as sdes, srtcp_unprotect_matches_oracle,
    unprotect_matches_oracle,
};

/// What must hold of any input; it panics where it does not.
pub type Property = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: [(&str, Property); 20] = [
    ("rtp", rtp),
    ("rtcp", rtcp),
    ("telephone_event", telephone_event),
    ("stun", stun),
    ("frame_parse", frame_parse),
    ("sdp", sdp),
    ("ng_message", ng_message),
    ("srtp", srtp),
    ("srtcp", srtcp),
    ("sdes", sdes),
    ("g729_decode", g729_decode),
    ("g729_encode", g729_encode),
    ("dtmf", dtmf),
    ("engine", engine),
    ("playout", playout),
    ("playout_codecs", playout_codecs),
    ("codec_decode", codec_decode),
    ("prompt_decode", prompt_decode),
    ("call_analysis", call_analysis),
    ("recording", recording),
];

/// RTP headers.
pub fn rtp(data: &[u8]) {
    mediapoint_packet::properties::rtp_matches_oracle(data);
    mediapoint_packet::properties::rtp_patch_keeps_the_rest(data);
}

/// SDP bodies.
pub fn sdp(data: &[u8]) {
    mediapoint_packet::sdp::properties::round_trip(data);
    mediapoint_packet::sdp::properties::edits_leave_the_rest(data);
}

/// SRTP.
pub fn srtp(data: &[u8]) {
    unprotect_matches_oracle(data);
    protect_then_unprotect(data);
}

/// SRTCP.
pub fn srtcp(data: &[u8]) {
    srtcp_unprotect_matches_oracle(data);
}

/// G.729 frames, payloads and serial streams.
pub fn g729_decode(data: &[u8]) {
    mediapoint_g729::properties::decode_is_exact(data);
    mediapoint_g729::properties::payload_round_trips(data);
    mediapoint_g729::properties::serial_round_trips(data);
}

/// Samples through the G.729 encoder.
pub fn g729_encode(data: &[u8]) {
    mediapoint_g729::properties::encode_is_exact(data);
}
