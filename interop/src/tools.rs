//! Command lines of ffmpeg and GStreamer for sending and receiving G.711 over RTP and SRTP.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64ct::{Base64, Base64Unpadded, Encoding as _};

use crate::audio::{Clip, Law};
use crate::call::Invitation;
use crate::codec::Codec;
use crate::error::{Context as _, Failure, ensure};
use crate::process::{Process, wait_for_udp_port};
use crate::sdp::{Crypto, Offer};

/// How long a program may take to close its file when asked to.
const CLOSE: Duration = Duration::from_secs(10);

/// A program that writes what it hears to a file as raw G.711.
pub(crate) struct Recorder {
    process: Process,
    file: PathBuf,
    /// The port it listens on.
    pub(crate) port: u16,
}

impl Recorder {
    /// Ends the program and reads the file.
    pub(crate) fn finish(self) -> Result<Vec<u8>, Failure> {
        self.process.interrupt(CLOSE)?;
        std::fs::read(&self.file).during(self.file.display().to_string())
    }

    /// Octets written up to now.
    pub(crate) fn len(&self) -> u64 {
        std::fs::metadata(&self.file).map_or(0, |about| about.len())
    }

    fn start(folder: &Path, label: &str, program: &str, args: &[String], port: u16) -> Result<Self, Failure> {
        let file = folder.join(format!("{label}.raw"));
        let mut args = args.to_vec();
        for arg in &mut args {
            *arg = arg.replace("OUTPUT", &file.display().to_string());
        }
        let mut process = Process::start(folder, label, program, &args)?;
        wait_for_udp_port(port, &mut process)?;
        Ok(Self { process, file, port })
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// ffmpeg sending 8 kHz speech (`pcm`, 16 bits) in real time, in packets of 20 ms of `codec`, to RTP and RTCP ports; with
/// a key over SRTP.
pub(crate) fn ffmpeg_say(
    folder: &Path,
    label: &str,
    pcm: &Path,
    (codec, payload_type): (Codec, u8),
    (remote, remote_rtcp): (u16, u16),
    crypto: Option<&Crypto>,
) -> Result<Process, Failure> {
    let (rate, samples, coder) = codec
        .ffmpeg_encoder()
        .ok_or_else(|| Failure::Wrong(format!("ffmpeg has no encoder of {}", codec.name())))?;
    let mut args = words("-hide_banner -nostdin -loglevel warning -re -f s16le -ar 8000 -ac 1 -i");
    args.push(pcm.display().to_string());
    args.extend(words(&format!("-af aresample={rate},asetnsamples=n={samples}:p=0 -c:a {coder} -f rtp")));
    args.extend(words(&format!("-payload_type {payload_type}")));
    let scheme = match crypto {
        Some(Crypto { suite, key, .. }) => {
            args.extend(["-srtp_out_suite", suite, "-srtp_out_params", key].map(str::to_owned));
            "srtp"
        }
        None => "rtp",
    };
    args.push(format!("{scheme}://127.0.0.1:{remote}?rtcpport={remote_rtcp}&pkt_size=1200"));
    Process::start(folder, label, "ffmpeg", &args)
}

/// ffmpeg decoding what comes to a port, told by an SDP file, to 16-bit samples at 8 kHz.
pub(crate) fn ffmpeg_hear(
    folder: &Path,
    label: &str,
    (codec, payload_type): (Codec, u8),
    port: u16,
    crypto: Option<&Crypto>,
) -> Result<Recorder, Failure> {
    let mut offer = Offer::plain(port, &[(payload_type, codec.sdp().1)]);
    if let Some(crypto) = crypto {
        offer = offer.secured(crypto.clone());
    }
    let sdp = folder.join(format!("{label}.sdp"));
    std::fs::write(&sdp, offer.text()).during(sdp.display().to_string())?;
    let mut args =
        words("-hide_banner -nostdin -loglevel warning -y -protocol_whitelist file,udp,rtp,srtp,crypto");
    args.extend(words("-analyzeduration 0 -probesize 32"));
    if let Some(decoder) = codec.ffmpeg_decoder() {
        args.extend(["-c:a".to_owned(), decoder.to_owned()]);
    }
    args.extend(words("-f sdp -i"));
    args.push(sdp.display().to_string());
    args.extend(words("-ar 8000 -ac 1 -c:a pcm_s16le -flush_packets 1 -f s16le OUTPUT"));
    Recorder::start(folder, label, "ffmpeg", &args, port)
}

/// ffmpeg sending a clip in real time, in packets of 20 ms, from `local` to `remote`; with a key over SRTP.
pub(crate) fn ffmpeg_send(
    folder: &Path,
    label: &str,
    clip: &Clip,
    (local, remote, remote_rtcp): (u16, u16, u16),
    crypto: Option<&Crypto>,
) -> Result<Process, Failure> {
    let (format, coder) = ffmpeg_names(clip.law);
    let mut args = words("-hide_banner -nostdin -loglevel warning -re -f");
    args.extend([format.to_owned()]);
    args.extend(words("-ar 8000 -ac 1 -i"));
    args.push(clip.file.display().to_string());
    args.extend(words("-af asetnsamples=n=160:p=0 -c:a"));
    args.extend([coder.to_owned()]);
    args.extend(words("-f rtp"));
    let scheme = match crypto {
        Some(Crypto { suite, key, .. }) => {
            args.extend(["-srtp_out_suite", suite, "-srtp_out_params", key].map(str::to_owned));
            "srtp"
        }
        None => "rtp",
    };
    let local = if local == 0 { String::new() } else { format!("&localrtpport={local}") };
    args.push(format!("{scheme}://127.0.0.1:{remote}?rtcpport={remote_rtcp}&pkt_size=1200{local}"));
    Process::start(folder, label, "ffmpeg", &args)
}

/// ffmpeg recording what comes to a port, told by an SDP file as from a server.
pub(crate) fn ffmpeg_record(
    folder: &Path,
    label: &str,
    law: Law,
    port: u16,
    crypto: Option<&Crypto>,
) -> Result<Recorder, Failure> {
    let mut offer = Offer::plain(port, &[law.codec()]);
    if let Some(crypto) = crypto {
        offer = offer.secured(crypto.clone());
    }
    let sdp = folder.join(format!("{label}.sdp"));
    std::fs::write(&sdp, offer.text()).during(sdp.display().to_string())?;
    let mut args =
        words("-hide_banner -nostdin -loglevel warning -y -protocol_whitelist file,udp,rtp,srtp,crypto");
    // What is read to guess the format would otherwise hold back the start of a short recording.
    args.extend(words("-analyzeduration 0 -probesize 32 -f sdp -i"));
    args.push(sdp.display().to_string());
    args.extend(words("-c:a copy -flush_packets 1 -f"));
    args.push(ffmpeg_names(law).0.to_owned());
    args.push("OUTPUT".to_owned());
    Recorder::start(folder, label, "ffmpeg", &args, port)
}

const fn ffmpeg_names(law: Law) -> (&'static str, &'static str) {
    match law {
        Law::Mu => ("mulaw", "pcm_mulaw"),
        Law::A => ("alaw", "pcm_alaw"),
    }
}

/// A suite's name in SDP and what GStreamer, which hands it to libsrtp, calls it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Suite {
    /// The name registered for SDP.
    pub(crate) name: &'static str,
    /// Bytes of master key and salt.
    pub(crate) key_length: usize,
    cipher: &'static str,
    auth: &'static str,
    rtcp_auth: &'static str,
}

/// The suites that both libsrtp and the server know.
pub(crate) const SUITES: [Suite; 6] = [
    suite("AES_CM_128_HMAC_SHA1_80", 30, "aes-128-icm", "hmac-sha1-80", "hmac-sha1-80"),
    // RFC 4568 6.2: with the short tag on RTP, RTCP keeps the long one.
    suite("AES_CM_128_HMAC_SHA1_32", 30, "aes-128-icm", "hmac-sha1-32", "hmac-sha1-80"),
    suite("AES_256_CM_HMAC_SHA1_80", 46, "aes-256-icm", "hmac-sha1-80", "hmac-sha1-80"),
    suite("AES_256_CM_HMAC_SHA1_32", 46, "aes-256-icm", "hmac-sha1-32", "hmac-sha1-80"),
    suite("AEAD_AES_128_GCM", 28, "aes-128-gcm", "null", "null"),
    suite("AEAD_AES_256_GCM", 44, "aes-256-gcm", "null", "null"),
];

const fn suite(
    name: &'static str,
    key_length: usize,
    cipher: &'static str,
    auth: &'static str,
    rtcp_auth: &'static str,
) -> Suite {
    Suite { name, key_length, cipher, auth, rtcp_auth }
}

/// A key in the two spellings that are needed, with its suite.
#[derive(Clone, Debug)]
pub(crate) struct Keyed {
    pub(crate) suite: Suite,
    bytes: Vec<u8>,
}

impl Keyed {
    /// A fresh random key for the suite.
    pub(crate) fn random(suite: Suite) -> Result<Self, Failure> {
        let mut bytes = vec![0; suite.key_length];
        let mut source = std::fs::File::open("/dev/urandom").during("opening the random source")?;
        std::io::Read::read_exact(&mut source, &mut bytes).during("reading the random source")?;
        Ok(Self { suite, bytes })
    }

    /// The key that the server put into a description for the suite.
    pub(crate) fn from_server(invitation: &Invitation, suite: Suite) -> Result<(Self, Crypto), Failure> {
        let found = invitation.crypto.iter().find(|crypto| crypto.suite == suite.name);
        let crypto =
            found.ok_or_else(|| Failure::Wrong(format!("the server named no key for {}", suite.name)))?;
        // Servers differ in padding; both spellings are the same key.
        let bytes = Base64Unpadded::decode_vec(crypto.key.trim_end_matches('='))
            .map_err(|error| Failure::Wrong(format!("the server's key is no base64: {error}")))?;
        ensure!(
            bytes.len() == suite.key_length,
            "the server's key has {} bytes for {}",
            bytes.len(),
            suite.name
        );
        Ok((Self { suite, bytes }, crypto.clone()))
    }

    /// The key as a line of SDP.
    pub(crate) fn line(&self, tag: u32) -> Crypto {
        Crypto { tag, suite: self.suite.name.to_owned(), key: Base64::encode_string(&self.bytes) }
    }

    /// GStreamer's element that protects with it.
    fn srtpenc(&self) -> Vec<String> {
        let Suite { cipher, auth, rtcp_auth, .. } = self.suite;
        words(&format!(
            "srtpenc key={} rtp-cipher={cipher} rtp-auth={auth} rtcp-cipher={cipher} rtcp-auth={rtcp_auth} !",
            self.hex()
        ))
    }

    /// What GStreamer has to know to unprotect with it.
    fn caps(&self, ssrc: u32) -> String {
        let Suite { cipher, auth, rtcp_auth, .. } = self.suite;
        format!(
            "ssrc=(uint){ssrc},srtp-key=(buffer){},srtp-cipher=(string){cipher},srtp-auth=(string){auth},\
             srtcp-cipher=(string){cipher},srtcp-auth=(string){rtcp_auth}",
            self.hex()
        )
    }

    fn hex(&self) -> String {
        self.bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// GStreamer's program for pipelines.
const GST: &str = "gst-launch-1.0";

/// GStreamer sending a clip in real time, in packets of 20 ms; with a key through libsrtp.
pub(crate) fn gst_send(
    folder: &Path,
    label: &str,
    clip: &Clip,
    port: u16,
    keyed: Option<&Keyed>,
) -> Result<Process, Failure> {
    let (format, payloader, _, _) = gst_names(clip.law);
    let mut args = words("-q filesrc");
    args.push(format!("location={}", clip.file.display()));
    args.extend(words("blocksize=160 ! rawaudioparse"));
    args.push(format!("format={format}"));
    args.extend(words("sample-rate=8000 num-channels=1 !"));
    args.push(payloader.to_owned());
    args.extend(words("min-ptime=20000000 max-ptime=20000000 !"));
    args.extend(gst_to(port, keyed));
    Process::start(folder, label, GST, &args)
}

/// GStreamer recording what comes to a port; SRTP needs the key and the stream's SSRC.
pub(crate) fn gst_record(
    folder: &Path,
    label: &str,
    law: Law,
    port: u16,
    keyed: Option<(&Keyed, u32)>,
) -> Result<Recorder, Failure> {
    let (_, _, depayloader, encoding) = gst_names(law);
    let fields = format!("media=audio,clock-rate=8000,encoding-name={encoding},payload={}", law.codec().0);
    let mut args = gst_from(port, &fields, keyed);
    args.extend(words("!"));
    args.push(depayloader.to_owned());
    args.extend(words("! filesink buffer-mode=unbuffered location=OUTPUT"));
    Recorder::start(folder, label, GST, &args, port)
}

/// GStreamer sending 8 kHz speech (`pcm`, 16 bits) in a codec and under a payload type, in real time; with a key through
/// libsrtp.
pub(crate) fn gst_say(
    folder: &Path,
    label: &str,
    pcm: &Path,
    (codec, payload_type): (Codec, u8),
    port: u16,
    keyed: Option<&Keyed>,
) -> Result<Process, Failure> {
    let (encodes, _) = gst_coders(codec)?;
    let mut args = words("-q filesrc");
    args.push(format!("location={}", pcm.display()));
    args.extend(words(
        "blocksize=320 ! rawaudioparse format=pcm pcm-format=s16le sample-rate=8000 num-channels=1 ! audioconvert !",
    ));
    args.extend(words(&format!("{encodes} pt={payload_type} !")));
    args.extend(gst_to(port, keyed));
    Process::start(folder, label, GST, &args)
}

/// GStreamer decoding a codec that comes to a port to 16-bit samples at 8 kHz; SRTP needs the key and the stream's SSRC.
pub(crate) fn gst_hear(
    folder: &Path,
    label: &str,
    (codec, payload_type): (Codec, u8),
    port: u16,
    keyed: Option<(&Keyed, u32)>,
) -> Result<Recorder, Failure> {
    let (_, decodes) = gst_coders(codec)?;
    let name = codec.name().to_ascii_uppercase();
    let fields =
        format!("media=audio,clock-rate={},encoding-name={name},payload={payload_type}", codec.clock());
    let mut args = gst_from(port, &fields, keyed);
    args.extend(words(&format!("! {decodes}")));
    args.extend(words(
        "! audioconvert ! audioresample ! audio/x-raw,rate=8000,channels=1,format=S16LE ! \
         filesink buffer-mode=unbuffered location=OUTPUT",
    ));
    Recorder::start(folder, label, GST, &args, port)
}

/// GStreamer sending the frames of a file of AMR or AMR-WB in real time.
pub(crate) fn gst_send_amr(
    folder: &Path,
    label: &str,
    file: &Path,
    payload_type: u8,
    port: u16,
) -> Result<Process, Failure> {
    let mut args = words("-q filesrc");
    args.push(format!("location={}", file.display()));
    args.extend(words(&format!("! amrparse ! rtpamrpay pt={payload_type} !")));
    args.extend(gst_to(port, None));
    Process::start(folder, label, GST, &args)
}

/// GStreamer writing the frames of AMR or AMR-WB that come to a port, each with its octet before it.
pub(crate) fn gst_take_amr(
    folder: &Path,
    label: &str,
    (encoding, clock, payload_type): (&str, u32, u8),
    port: u16,
) -> Result<Recorder, Failure> {
    let fields = format!(
        "media=audio,clock-rate={clock},encoding-name={encoding},encoding-params=(string)1,octet-align=(string)1,\
         payload={payload_type}"
    );
    let mut args = gst_from(port, &fields, None);
    args.extend(words("! rtpamrdepay ! filesink buffer-mode=unbuffered location=OUTPUT"));
    Recorder::start(folder, label, GST, &args, port)
}

fn gst_coders(codec: Codec) -> Result<(&'static str, &'static str), Failure> {
    let missing = || Failure::Wrong(format!("GStreamer codes no {} here", codec.name()));
    codec.gstreamer().ok_or_else(missing)
}

/// The end of a pipeline that sends to a port; with a key through libsrtp.
fn gst_to(port: u16, keyed: Option<&Keyed>) -> Vec<String> {
    let mut args = keyed.map_or_else(Vec::new, Keyed::srtpenc);
    args.extend(words(&format!("udpsink host=127.0.0.1 port={port} sync=true")));
    args
}

/// The beginning of a pipeline that takes RTP of these caps from a port; SRTP needs the key and the stream's SSRC.
fn gst_from(port: u16, fields: &str, keyed: Option<(&Keyed, u32)>) -> Vec<String> {
    let mut args = words(&format!("-q -e udpsrc address=127.0.0.1 port={port}"));
    match keyed {
        None => args.push(format!("caps=application/x-rtp,{fields}")),
        Some((keyed, ssrc)) => {
            args.push(format!("caps=application/x-srtp,{fields},{}", keyed.caps(ssrc)));
            args.extend(words("! srtpdec"));
        }
    }
    args
}

const fn gst_names(law: Law) -> (&'static str, &'static str, &'static str, &'static str) {
    match law {
        Law::Mu => ("mulaw", "rtppcmupay", "rtppcmudepay", "PCMU"),
        Law::A => ("alaw", "rtppcmapay", "rtppcmadepay", "PCMA"),
    }
}
