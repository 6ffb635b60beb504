//! Streams as real phones send them, to a real phone: sipp does the signalling, the packets are written here, and PJSIP or an
//! echo is at the other end.

use std::path::PathBuf;
use std::time::Duration;

use crate::audio::{Law, PACKET};
use crate::error::{Failure, ensure};
use crate::kamailio::Kamailio;
use crate::phone::{ALICE, BOB, Phone, SOON, check_received};
use crate::process::{Process, wait_until};
use crate::rtp::{Header, payload};
use crate::scenarios::dialogue::{Voice, talk};
use crate::scenarios::kamailio::sipp::{CALLER, fill, register_callee, sipp, start_callee};
use crate::scenarios::kamailio::{BOTH_WAYS, proxy};
use crate::scenarios::{Bench, Scenario};
use crate::sdp::{Description, Section};
use crate::wire::{Channel, Wire, free_pair};

/// Packets of 20 ms that are spoken.
const SPOKEN: usize = 160;
/// How long sipp's caller stays in the call.
const STAY: u64 = 5000;
const EVENT: u8 = 101;
/// Packets of a key press, how often its last one is sent, and from one press to the next.
const PRESSED: usize = 8;
const REPEATED: usize = 3;
const EVERY: usize = 32;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "kamailio-events-own-ssrc",
            "telephone events under an SSRC of their own: PJSIP hears each key once, and all of the speech",
            events_own_ssrc,
        ),
        Scenario::new(
            "kamailio-restarted-numbers",
            "sequence numbers that begin anew every 40 packets: PJSIP hears all of the speech",
            restarted_numbers,
        ),
        Scenario::new(
            "kamailio-dynamic-number",
            "97 for PCMU, answered by 0: the caller is answered with 97 and its rtpmap, and hears itself under 97",
            dynamic_number,
        ),
    ]
}

/// A call by sipp whose media is a wire of ours.
struct Caller {
    process: Process,
    messages: PathBuf,
    wire: Wire,
}

impl Caller {
    /// Calls the second user with this `m=` line, in which PORT stands for the port, and what follows it.
    fn dial(bench: &Bench<'_>, proxy: &Kamailio, media: &str) -> Result<Self, Failure> {
        let wire = Wire::open()?;
        let body = format!(
            "v=0\n      o=caller 1 1 IN IP4 [local_ip]\n      s=-\n      c=IN IP4 [local_ip]\n      t=0 0\n      {}\n",
            media.replace("PORT", &wire.port()?.to_string()).replace('\n', "\n      ")
        );
        let begin = CALLER.find("  <nop>").unwrap_or_default();
        let end = CALLER.find("  </nop>").unwrap_or_default();
        let scenario = fill(CALLER, ALICE)
            .replace(CALLER.get(begin..end + "  </nop>\n".len()).unwrap_or_default(), "")
            .replace("2500", &STAY.to_string())
            .replace("INVITE-TYPE", "Content-Type: application/sdp")
            .replace("INVITE-BODY", &body)
            .replace("      ACK-TYPE\n", "")
            .replace("      ACK-BODY\n", "");
        let messages = bench.folder.join("sipp-messages");
        let args = format!(
            "-trace_msg -message_file {} -s {} -p {} -m 1 127.0.0.1:{}",
            messages.display(),
            BOB.0,
            free_pair()?,
            proxy.port
        );
        let process = sipp(bench, proxy, "caller", &scenario, &args)?;
        Ok(Self { process, messages, wire })
    }

    /// The answer, once it came; the wire is connected to what it says.
    fn answered(&self) -> Result<Section, Failure> {
        let mut answer = None;
        wait_until(SOON, || {
            let text = std::fs::read_to_string(&self.messages).unwrap_or_default();
            answer = text.rsplit_once("SIP/2.0 200 OK").and_then(|(_, rest)| {
                let (_, body) = rest.split_once("v=0")?;
                let end = body.find("-----").unwrap_or(body.len());
                Description::parse(body.get(..end)?).ok()?.first().ok().cloned()
            });
            answer.is_some()
        });
        let answer = answer.ok_or_else(|| self.process.failure("got no answer with a description"))?;
        self.wire.connect(answer.port);
        Ok(answer)
    }

    /// Waits until it hung up.
    fn finish(self, bench: &Bench<'_>) -> Result<(), Failure> {
        self.process.finish(Duration::from_millis(STAY) + SOON)?;
        bench.server.check_no_call()
    }
}

/// A call to PJSIP, answered and ready for speech.
fn to_phone(bench: &Bench<'_>, proxy: &Kamailio) -> Result<(Caller, Phone), Failure> {
    let mut phone = Phone::register(&bench.folder, proxy, BOB, 1, &[])?;
    let media = "m=audio PORT RTP/AVP 0 101\na=rtpmap:0 PCMU/8000\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15";
    let caller = Caller::dial(bench, proxy, media)?;
    phone.expect(&format!("media {BOTH_WAYS} PCMU"), SOON)?;
    phone.expect("state CONFIRMED", SOON)?;
    caller.answered()?;
    Ok((caller, phone))
}

fn hung_up(bench: &Bench<'_>, caller: Caller, mut phone: Phone, voice: &Voice) -> Result<(), Failure> {
    caller.finish(bench)?;
    phone.expect("state DISCONNECTED", SOON)?;
    let heard = phone.finish()?;
    check_received(&bench.folder, "PJSIP", &Law::Mu.decode(voice.said()), &heard)
}

fn events_own_ssrc(bench: &Bench<'_>) -> Result<(), Failure> {
    let mut proxy = proxy(bench, &[])?;
    let (caller, mut phone) = to_phone(bench, &proxy)?;
    let mut voice = Voice::new(0, 0x1111_2222)?;
    let mut event = Header { payload_type: EVENT, sequence: 7, timestamp: 0, ssrc: 0x2222_3333 };
    let keys = [1_u8, 5, 9, 11];
    for packet in 0..SPOKEN {
        // The first press begins after a while of speech alone.
        let (press, step) = ((packet / EVERY).checked_sub(1), packet % EVERY);
        if let Some(key) = press.and_then(|press| keys.get(press))
            && step < PRESSED + REPEATED
        {
            if step == 0 {
                event.timestamp = u32::try_from(packet * PACKET).unwrap_or(0);
            }
            let last = step >= PRESSED;
            let duration = u16::try_from((step.min(PRESSED) + 1) * PACKET).unwrap_or(u16::MAX);
            let [high, low] = duration.to_be_bytes();
            let octets = [*key, if last { 0x8a } else { 0x0a }, high, low];
            caller.wire.send(Channel::Rtp, &event.packet(&octets))?;
            event.sequence = event.sequence.wrapping_add(1);
        }
        talk(1, &mut [(&mut voice, &caller.wire)])?;
    }
    for key in ["1", "5", "9", "#"] {
        let next = phone.expect("digit", SOON)?;
        ensure!(next == format!("digit {key}"), "{next} came instead of {key}");
    }
    phone.expect_none("digit")?;
    hung_up(bench, caller, phone, &voice)?;
    proxy.check_alive()
}

fn restarted_numbers(bench: &Bench<'_>) -> Result<(), Failure> {
    let mut proxy = proxy(bench, &[])?;
    let (caller, phone) = to_phone(bench, &proxy)?;
    let mut voice = Voice::new(0, 0x1111_2222)?;
    for _ in 0..SPOKEN / 40 {
        voice.restart();
        talk(40, &mut [(&mut voice, &caller.wire)])?;
    }
    hung_up(bench, caller, phone, &voice)?;
    proxy.check_alive()
}

fn dynamic_number(bench: &Bench<'_>) -> Result<(), Failure> {
    let mut proxy = proxy(bench, &[])?;
    let port = register_callee(bench, &proxy)?;
    let callee = start_callee(bench, &proxy, port, 1)?;
    let caller = Caller::dial(bench, &proxy, "m=audio PORT RTP/AVP 97\na=rtpmap:97 PCMU/8000")?;
    let answer = caller.answered()?;
    ensure!(answer.formats == ["97"], "the caller is answered {:?}", answer.formats);
    ensure!(answer.attributes("rtpmap").any(|map| map == "97 PCMU/8000"), "97 has no rtpmap in the answer");
    let mut voice = Voice::new(0, 0x1111_2222)?;
    voice.number(97);
    talk(100, &mut [(&mut voice, &caller.wire)])?;
    caller.wire.wait_quiet();
    let arrivals = caller.wire.arrivals(Channel::Rtp);
    let numbers = arrivals.iter().filter_map(|arrival| Header::read(&arrival.bytes));
    ensure!(numbers.clone().all(|header| header.payload_type == 97), "the echo came under another number");
    let heard: Vec<u8> = arrivals.iter().flat_map(|arrival| payload(&arrival.bytes)).copied().collect();
    ensure!(heard == voice.said(), "{} of {} octets came back", heard.len(), voice.said().len());
    caller.finish(bench)?;
    callee.finish(SOON)?;
    proxy.check_alive()
}
