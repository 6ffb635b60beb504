//! Calls through Debian's Kamailio with `examples/kamailio.cfg` and the server as its media server: PJSIP, baresip, linphone
//! and sipp register, call and hang up. Everything that a call made on the server has to be gone after it.

mod failing;
mod field;
mod others;
mod sipp;

use std::time::Duration;

use crate::error::{Failure, ensure};
use crate::kamailio::Kamailio;
use crate::phone::{ALICE, BOB, CAROL, Phone, SOON, check_received};
use crate::scenarios::{Bench, Scenario};
use crate::server::{Kind, Server};

/// PJSIP's number for media in both directions.
const BOTH_WAYS: u32 = 3;

/// Every scenario with Kamailio.
pub(super) fn all() -> Vec<Scenario> {
    let mut list = vec![
        Scenario::new(
            "kamailio-register",
            "two phones register with Kamailio, a third with a wrong password does not; nobody answers for 209",
            register,
        ),
        Scenario::new("kamailio-call", "PJSIP calls PJSIP through Kamailio, both hear all of it", |bench| {
            simple(bench, &[])
        }),
        Scenario::new("kamailio-manage", "the same with rtpengine_manage() in every place", |bench| {
            simple(bench, &["WITH_MANAGE"])
        }),
        Scenario::new("kamailio-unix", "the same over a Unix socket", over_unix)
            .only(Kind::Mediapoint, "the reference listens on no Unix socket"),
        Scenario::new("kamailio-hold", "hold and resume by the caller, then by the callee", hold),
        Scenario::new("kamailio-reinvite", "re-INVITEs change PCMU to G.722 and PCMA", reinvite),
        Scenario::new("kamailio-srtp", "plain RTP calls SRTP and SRTP calls plain RTP", srtp),
        Scenario::new("kamailio-dtmf", "digits both ways, to SRTP too, each once and in order", dtmf),
        Scenario::new("kamailio-cancel", "the caller gives up while it rings: no call is left", cancel),
        Scenario::new("kamailio-busy", "the callee is busy: no call is left", busy),
        Scenario::new(
            "kamailio-early",
            "183 with a description: the callee is heard before the answer",
            early,
        ),
    ];
    list.push(Scenario::new(
        "opensips-call",
        "OpenSIPS itself, where it is installed: calls, hold, another codec, SRTP, as through Kamailio",
        opensips,
    ));
    list.extend(failing::all());
    list.extend(others::all());
    list.extend(sipp::all());
    list.extend(field::all());
    list
}

/// Kamailio with the server under test.
fn proxy(bench: &Bench<'_>, definitions: &[&str]) -> Result<Kamailio, Failure> {
    Kamailio::start(&bench.folder, &format!("udp:{}", bench.server.control), definitions)
}

/// Two registered phones.
fn phones(bench: &Bench<'_>, proxy: &Kamailio, words: [&[&str]; 2]) -> Result<[Phone; 2], Failure> {
    let [caller, callee] = words;
    Ok([
        Phone::register(&bench.folder, proxy, ALICE, 0, caller)?,
        Phone::register(&bench.folder, proxy, BOB, 1, callee)?,
    ])
}

/// The first calls the second; media flows in this codec.
fn connect([a, b]: &mut [Phone; 2], callee: &str, codec: &str) -> Result<(), Failure> {
    a.command(&format!("call {callee}"))?;
    let media = format!("media {BOTH_WAYS} {codec}");
    for phone in [a, b] {
        phone.expect(&media, SOON)?;
        phone.expect("state CONFIRMED", SOON)?;
    }
    Ok(())
}

/// The first hangs up, and both end their call.
fn hang_up([a, b]: &mut [Phone; 2], server: &Server) -> Result<(), Failure> {
    a.command("hangup")?;
    a.expect("state DISCONNECTED", SOON)?;
    b.expect("state DISCONNECTED", SOON)?;
    server.check_no_call()
}

/// Ends both phones. Returns what each heard.
fn finish([a, b]: [Phone; 2]) -> Result<[Vec<i16>; 2], Failure> {
    Ok([a.finish()?, b.finish()?])
}

/// Both speak, one hangs up, both heard all.
fn talk(bench: &Bench<'_>, mut phones: [Phone; 2], server: &Server) -> Result<(), Failure> {
    let [a, b] = &phones;
    a.let_speak();
    let said = [a.said.clone(), b.said.clone()];
    hang_up(&mut phones, server)?;
    let [by_a, by_b] = finish(phones)?;
    check_received(&bench.folder, "the callee", &said[0], &by_b)?;
    check_received(&bench.folder, "the caller", &said[1], &by_a)
}

fn register(bench: &Bench<'_>) -> Result<(), Failure> {
    let mut proxy = proxy(bench, &[])?;
    let [mut a, b] = phones(bench, &proxy, [&[], &[]])?;
    let mut stranger = Phone::start(&bench.folder, &proxy, (CAROL.0, "a guess"), 0, &[])?;
    let refused = stranger.expect("registered 4", SOON)?;
    stranger.expect_none("registered 200")?;
    ensure!(["registered 401", "registered 403"].contains(&refused.as_str()), "{refused}");
    for (user, status) in [("203", 480), ("209", 404)] {
        a.command(&format!("call {user}"))?;
        a.expect(&format!("state DISCONNECTED {status}"), SOON)?;
    }
    bench.server.check_no_call()?;
    a.finish()?;
    b.finish()?;
    stranger.finish()?;
    proxy.check_alive()
}

fn simple(bench: &Bench<'_>, definitions: &[&str]) -> Result<(), Failure> {
    let mut proxy = proxy(bench, definitions)?;
    let mut both = phones(bench, &proxy, [&[], &[]])?;
    connect(&mut both, BOB.0, "PCMU 8000 rtp")?;
    talk(bench, both, bench.server)?;
    proxy.check_alive()
}

/// The module speaks over a stream, without cookies, one message a connection.
fn over_unix(bench: &Bench<'_>) -> Result<(), Failure> {
    let socket = format!("unix:{}", bench.folder.join("ng").display());
    let server = bench.server.another(&bench.folder, &["--ng-tcp".to_owned(), socket.clone()])?;
    let mut proxy = Kamailio::start(&bench.folder, &socket, &[])?;
    let mut both = phones(bench, &proxy, [&[], &[]])?;
    connect(&mut both, BOB.0, "PCMU 8000 rtp")?;
    ensure!(server.calls()? == 1, "the call is not on the server with the Unix socket");
    talk(bench, both, &server)?;
    proxy.check_alive()
}

fn hold(bench: &Bench<'_>) -> Result<(), Failure> {
    let mut proxy = proxy(bench, &[])?;
    let mut both = phones(bench, &proxy, [&[], &[]])?;
    connect(&mut both, BOB.0, "PCMU")?;
    hold_and_resume(&mut both)?;
    talk(bench, both, bench.server)?;
    proxy.check_alive()
}

/// Holds by each side, which the phones tell of as another direction of media, and their ends; both speak anew after each.
fn hold_and_resume(both: &mut [Phone; 2]) -> Result<(), Failure> {
    for by_caller in [true, false] {
        let [a, b] = &mut *both;
        let (holder, held) = if by_caller { (a, b) } else { (b, a) };
        holder.command("hold")?;
        // The one on hold only listens.
        held.expect("media 2 PCMU", SOON)?;
        holder.expect("media 1", SOON)?;
        std::thread::sleep(Duration::from_millis(300));
        holder.command("resume")?;
        for phone in [holder, held] {
            phone.expect(&format!("media {BOTH_WAYS} PCMU"), SOON)?;
            phone.command("speak")?;
        }
    }
    Ok(())
}

fn reinvite(bench: &Bench<'_>) -> Result<(), Failure> {
    let mut proxy = proxy(bench, &[])?;
    let mut both = phones(bench, &proxy, [&[], &["codecs=PCMU,G722,PCMA"]])?;
    connect(&mut both, BOB.0, "PCMU")?;
    change_codecs(&mut both)?;
    talk(bench, both, bench.server)?;
    proxy.check_alive()
}

/// Codecs change while the call runs, by either side; both speak anew after each.
fn change_codecs(both: &mut [Phone; 2]) -> Result<(), Failure> {
    for (by_caller, codecs, chosen) in [(true, "G722,PCMA", "G722 16000"), (false, "PCMA", "PCMA 8000")] {
        let [a, b] = &mut *both;
        let (from, to) = if by_caller { (a, b) } else { (b, a) };
        to.command("codecs PCMA,G722,PCMU")?;
        from.command(&format!("codecs {codecs}"))?;
        from.command("reinvite")?;
        for phone in [from, to] {
            phone.expect(&format!("media {BOTH_WAYS} {chosen}"), SOON)?;
            phone.command("speak")?;
        }
    }
    Ok(())
}

fn opensips(bench: &Bench<'_>) -> Result<(), Failure> {
    let mut proxy = Kamailio::opensips(&bench.folder, &format!("udp:{}", bench.server.control))?;
    let mut both = phones(bench, &proxy, [&[], &["codecs=PCMU,G722,PCMA"]])?;
    connect(&mut both, BOB.0, "PCMU")?;
    hold_and_resume(&mut both)?;
    change_codecs(&mut both)?;
    talk(bench, both, bench.server)?;
    let plain = Phone::register(&bench.folder, &proxy, ALICE, 0, &[])?;
    let secured = Phone::register(&bench.folder, &proxy, CAROL, 1, &["srtp"])?;
    let mut both = [plain, secured];
    connect(&mut both, CAROL.0, "PCMU")?;
    talk(bench, both, bench.server)?;
    proxy.check_alive()
}

/// The configuration knows who needs SRTP; the keys are in the descriptions.
fn srtp(bench: &Bench<'_>) -> Result<(), Failure> {
    let mut proxy = proxy(bench, &[])?;
    for caller in [ALICE, CAROL] {
        let plain = Phone::register(&bench.folder, &proxy, ALICE, 0, &[])?;
        let secured = Phone::register(&bench.folder, &proxy, CAROL, 1, &["srtp"])?;
        let (mut both, callee) =
            if caller == ALICE { ([plain, secured], CAROL) } else { ([secured, plain], ALICE) };
        both[0].command(&format!("call {}", callee.0))?;
        for phone in &mut both {
            let profile = if phone.is(CAROL) { "srtp" } else { "rtp" };
            phone.expect(&format!("media {BOTH_WAYS} PCMU 8000 {profile}"), SOON)?;
            phone.expect("state CONFIRMED", SOON)?;
        }
        talk(bench, both, bench.server)?;
    }
    proxy.check_alive()
}

fn dtmf(bench: &Bench<'_>) -> Result<(), Failure> {
    let mut proxy = proxy(bench, &[])?;
    for (user, words) in [(BOB, &[][..]), (CAROL, &["srtp"][..])] {
        let a = Phone::register(&bench.folder, &proxy, ALICE, 0, &[])?;
        let b = Phone::register(&bench.folder, &proxy, user, 1, words)?;
        let mut both = [a, b];
        connect(&mut both, user.0, "PCMU")?;
        for (by_caller, digits) in [(true, "159*"), (false, "2#40")] {
            let [a, b] = &mut both;
            let (from, to) = if by_caller { (a, b) } else { (b, a) };
            from.command(&format!("digits {digits}"))?;
            for digit in digits.chars() {
                let next = to.expect("digit", SOON)?;
                ensure!(next == format!("digit {digit}"), "{next} came instead of {digit} of {digits}");
            }
        }
        // A digit that came twice would come within the time of one.
        std::thread::sleep(Duration::from_millis(400));
        for phone in &both {
            phone.expect_none("digit")?;
        }
        hang_up(&mut both, bench.server)?;
        finish(both)?;
    }
    proxy.check_alive()
}

fn cancel(bench: &Bench<'_>) -> Result<(), Failure> {
    let mut proxy = proxy(bench, &[])?;
    let mut both = phones(bench, &proxy, [&[], &["ring"]])?;
    both[0].command(&format!("call {}", BOB.0))?;
    both[0].expect("state EARLY 180", SOON)?;
    ensure!(bench.server.calls()? == 1, "the offer made no call on the media server");
    both[0].command("hangup")?;
    both[0].expect("state DISCONNECTED 487", SOON)?;
    both[1].expect("state DISCONNECTED", SOON)?;
    bench.server.check_no_call()?;
    for phone in both {
        phone.finish()?;
    }
    proxy.check_alive()
}

fn busy(bench: &Bench<'_>) -> Result<(), Failure> {
    let mut proxy = proxy(bench, &[])?;
    let mut both = phones(bench, &proxy, [&[], &["busy"]])?;
    both[0].command(&format!("call {}", BOB.0))?;
    both[0].expect("state DISCONNECTED 486", SOON)?;
    bench.server.check_no_call()?;
    for phone in both {
        phone.finish()?;
    }
    proxy.check_alive()
}

fn early(bench: &Bench<'_>) -> Result<(), Failure> {
    let mut proxy = proxy(bench, &[])?;
    let mut both = phones(bench, &proxy, [&[], &["early"]])?;
    let [a, b] = &mut both;
    a.command(&format!("call {}", BOB.0))?;
    a.expect("state EARLY 183", SOON)?;
    a.expect(&format!("media {BOTH_WAYS} PCMU"), SOON)?;
    b.expect(&format!("media {BOTH_WAYS} PCMU"), SOON)?;
    // The callee says all it has to say, and only then answers.
    b.let_speak();
    a.expect_none("state CONFIRMED")?;
    b.command("answer")?;
    a.expect("state CONFIRMED", SOON)?;
    b.expect("state CONFIRMED", SOON)?;
    let said = [a.said.clone(), b.said.clone()];
    hang_up(&mut both, bench.server)?;
    let [by_a, by_b] = finish(both)?;
    check_received(&bench.folder, "the caller", &said[1], &by_a)?;
    check_received(&bench.folder, "the callee", &said[0], &by_b)?;
    proxy.check_alive()
}
