//! The scenarios, in the order they run.

mod amr;
mod codec_files;
mod codecs;
mod dialogue;
mod kamailio;
mod media;
mod opensips;
mod phones;
mod recording;
mod sipp;
mod wireshark;

use std::path::PathBuf;

use crate::audio::Law;
use crate::codec::Codec;
use crate::error::Failure;
use crate::reference;
use crate::server::{Kind, Server};
use crate::tools::SUITES;
pub(crate) use codecs::keep;
use codecs::{Coder, Party};

/// What a scenario has to work with.
pub(crate) struct Bench<'s> {
    /// The server under test.
    pub(crate) server: &'s Server,
    /// The reference, when it runs beside the server under test.
    pub(crate) reference: Option<&'s Server>,
    /// A folder of the scenario's own, kept after the run.
    pub(crate) folder: PathBuf,
}

type Body = Box<dyn Fn(&Bench<'_>) -> Result<(), Failure>>;

/// One scenario.
pub(crate) struct Scenario {
    /// Its name on the command line and in the report.
    pub(crate) name: String,
    /// What it shows.
    pub(crate) about: String,
    /// Set when the other server is known not to do this, with the reason.
    pub(crate) only: Option<(Kind, &'static str)>,
    body: Body,
}

impl Scenario {
    fn new(name: &str, about: &str, body: impl Fn(&Bench<'_>) -> Result<(), Failure> + 'static) -> Self {
        Self { name: name.to_owned(), about: about.to_owned(), only: None, body: Box::new(body) }
    }

    fn only(mut self, kind: Kind, reason: &'static str) -> Self {
        self.only = Some((kind, reason));
        self
    }

    /// Runs it.
    pub(crate) fn run(&self, bench: &Bench<'_>) -> Result<(), Failure> {
        (self.body)(bench)
    }
}

/// Another codec on each side.
fn transcoding() -> Vec<Scenario> {
    let [short, .., strong] = SUITES;
    let (mu, a) = (codecs::ffmpeg(Law::Mu), codecs::ffmpeg(Law::A));
    let g722 = Party::new(Codec::G722, Coder::Ffmpeg);
    let opus = Party::new(Codec::Opus, Coder::Ffmpeg);
    let g729 = Party::new(Codec::G729, Coder::Bcg729);
    let scenario = |name: &str, about: &str, caller: Party, callee: Party| {
        Scenario::new(name, about, move |bench| codecs::transcode(bench, caller, callee))
    };
    vec![
        scenario("codec-g722", "PCMU and G.722, ffmpeg on both sides", mu, g722),
        scenario("codec-g722-srtp", "PCMA and G.722 over SRTP, ffmpeg on both sides", a, g722.secured(short)),
        scenario("codec-opus", "PCMU and Opus, ffmpeg on both sides", mu, opus),
        scenario(
            "codec-opus-srtp",
            "PCMA and Opus over SRTP, libopus by GStreamer with libsrtp",
            a,
            Party::new(Codec::Opus, Coder::GStreamer).secured(strong),
        ),
        scenario(
            "codec-g729-ffmpeg",
            "ffmpeg decodes G.729 of the server, libbcg729 encodes for it",
            mu,
            g729.hearing(Coder::Ffmpeg),
        ),
        scenario(
            "codec-g729-srtp",
            "libbcg729 at both ends of G.729, PCMU over SRTP",
            mu.secured(short),
            g729,
        ),
        scenario(
            "codec-g729-annexb",
            "libbcg729 sends pauses and noise descriptions, PCMA goes on without a gap",
            a,
            Party::new(Codec::G729, Coder::Bcg729Dtx),
        )
        .only(Kind::Mediapoint, "the reference leaves the pauses out of the stream it makes"),
        scenario(
            "codec-gsm",
            "PCMU and GSM, libgsm by GStreamer",
            mu,
            Party::new(Codec::Gsm, Coder::GStreamer),
        ),
        scenario(
            "codec-gsm-srtp",
            "G.722 by ffmpeg and GSM over SRTP, libgsm by GStreamer with libsrtp",
            g722,
            Party::new(Codec::Gsm, Coder::GStreamer).secured(short),
        ),
        scenario("codec-opus-g729", "Opus by ffmpeg and G.729 by libbcg729", opus, g729),
    ]
}

/// Every scenario.
pub(crate) fn all() -> Vec<Scenario> {
    let mut list = vec![
        Scenario::new(
            "ffmpeg-rtp",
            "ffmpeg sends PCMU straight through the server to ffmpeg",
            media::ffmpeg_direct,
        ),
        Scenario::new(
            "gstreamer-rtp",
            "GStreamer and GStreamer talk PCMU both ways",
            media::gstreamer_both_ways,
        ),
        Scenario::new("mixed-rtp", "ffmpeg and GStreamer talk PCMA both ways", media::mixed_both_ways),
    ];
    for suite in SUITES {
        let name = format!("libsrtp-{}", suite.name);
        let about = format!("GStreamer with libsrtp offers {} to a plain ffmpeg, both ways", suite.name);
        list.push(Scenario::new(&name, &about, move |bench| media::libsrtp_offers(bench, suite)));
    }
    let [short, rest @ ..] = SUITES;
    for suite in [short, rest[3]] {
        let name = format!("libsrtp-answer-{}", suite.name);
        let about = format!("the server offers SRTP and GStreamer with libsrtp accepts {}", suite.name);
        list.push(Scenario::new(&name, &about, move |bench| media::libsrtp_answers(bench, suite)));
    }
    for suite in [short, rest[0]] {
        let name = format!("ffmpeg-srtp-{}", suite.name);
        let about = format!("ffmpeg offers {} to a plain GStreamer, both ways", suite.name);
        list.push(Scenario::new(&name, &about, move |bench| media::ffmpeg_srtp(bench, suite)));
    }
    list.extend(transcoding());
    list.push(
        Scenario::new(
            "amr-payloads",
            "AMR and AMR-WB of every mode go to GStreamer and back, octet by octet, and to ffmpeg",
            amr::payloads,
        )
        .only(Kind::Mediapoint, "the payloads are written and read by us"),
    );
    list.extend(recording::all());
    list.extend([
        Scenario::new("srtp-both-sides", "different suites and keys on the two sides", media::srtp_to_srtp),
        Scenario::new(
            "convert",
            "PCMU from ffmpeg, PCMA from GStreamer, converted both ways",
            media::convert,
        ),
        Scenario::new("convert-srtp", "PCMU over SRTP to plain PCMA and back", media::convert_secured),
        Scenario::new(
            "reinvite",
            "re-INVITE to a new address, hold and resume without a seam",
            dialogue::reinvite,
        ),
        Scenario::new(
            "reinvite-ssrc",
            "the same where the phone also starts a new SSRC",
            dialogue::reinvite_new_ssrc,
        )
        .only(Kind::Mediapoint, "the reference passes the phone's new SSRC and numbers on"),
        Scenario::new(
            "stranger",
            "a third party's packets neither steal nor enter the stream",
            dialogue::stranger,
        )
        .only(Kind::Mediapoint, "the reference follows the stranger unless told otherwise"),
        Scenario::new("sipp", "sipp calls sipp through a proxy that drives the server", sipp::calls),
    ]);
    list.extend(kamailio::all());
    list.extend(opensips::all());
    list.extend([
        Scenario::new("phones-quality", "PESQ between baresip (PCMU) and linphone (G.729)", phones::quality),
        Scenario::new("tshark", "tshark finds RTP, RTCP and DSCP of a call in order", wireshark::clean),
    ]);
    for style in reference::styles() {
        let name = format!("reference-{}", style.name);
        let about = format!("{} mean what the reference makes of them", style.title);
        list.push(Scenario::new(&name, &about, move |bench| reference::compare(bench, &style)));
    }
    for (name, about, body) in codec_files::ALL {
        list.push(Scenario::new(name, about, body).only(Kind::Mediapoint, "the reference codes no files"));
    }
    list.push(
        Scenario::new(
            "reference-list",
            "every difference on the list is still met",
            reference::list_is_current,
        )
        .only(Kind::Mediapoint, "the reference does not differ from itself"),
    );
    list
}
