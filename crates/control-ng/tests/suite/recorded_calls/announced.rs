//! Beeps and announcements, by what the parties hear and what the recording says of them; and what is reported of a recording.

use std::net::UdpSocket;

use mediapoint_engine::Beep;
use mediapoint_recorder::LossPlace;

use super::*;

const BEEP: Beep = Beep {
    frequency: 1400,
    level: -20,
    length: Duration::from_millis(200),
    every: Some(Duration::from_secs(2)),
};

/// Level of 1400 Hz in parts of full scale.
fn level(pcm: &[i16]) -> f64 {
    let mut sums = [0.0; 2];
    for (n, sample) in (0_u32..).zip(pcm) {
        let (sin, cos) = (f64::from(n) * 1400.0 / 8000.0 * std::f64::consts::TAU).sin_cos();
        sums = [sums[0] + sin * f64::from(*sample), sums[1] + cos * f64::from(*sample)];
    }
    sums[0].hypot(sums[1]) / pcm.len().max(1) as f64 * 2.0 / 32768.0
}

/// A sample of mu-law [ITU-T G.711].
fn expanded(octet: u8) -> i16 {
    let bits = !octet;
    let size = ((i16::from(bits & 0x0f) << 3) + 132) << ((bits >> 4) & 7);
    if bits & 0x80 == 0 { size - 132 } else { 132 - size }
}

fn has_beep(payload: &[u8]) -> bool {
    let pcm: Vec<i16> = payload.iter().map(|octet| expanded(*octet)).collect();
    pcm.len() == 160 && level(&pcm) > 0.05
}

impl Scene {
    /// Lets both parties speak until a recording has so many samples more. Whether they heard a beep.
    fn listen(&self, parties: &mut [Party; 2], samples: u64) -> [bool; 2] {
        let mut heard = [false; 2];
        let until = self.samples() + samples;
        while self.samples() < until {
            let before = self.samples();
            for (party, octet) in parties.iter_mut().zip([UP, DOWN]) {
                (0..4).for_each(|_| party.send(0, octet));
            }
            while self.samples() == before {
                std::thread::yield_now();
            }
            for (heard, party) in heard.iter_mut().zip(&mut *parties) {
                *heard |= party.phone.waiting().iter().any(|payload| has_beep(payload));
            }
        }
        heard
    }
}

/// Where the recording says that the parties are told of it.
fn announced(finished: &Finished) -> Vec<(usize, usize)> {
    let facts = facts(finished).into_iter().filter(|(kind, ..)| *kind == FactKind::Announced);
    facts.map(|(_, start, samples)| (start as usize, (start + samples) as usize)).collect()
}

#[test]
fn both_parties_hear_a_beep_and_the_recording_has_it_where_it_says() {
    let scene = Scene::new(|settings| settings.beep = Some(BEEP));
    let mut parties = pair(&scene.server);
    ok(&ask(&scene.server, "start recording", r#""recording-channels":"mixed""#));
    assert_eq!(scene.listen(&mut parties, 24_000), [true, true]);
    // A pause ends it.
    ok(&ask(&scene.server, "pause recording", ""));
    scene.listen(&mut parties, 4000);
    assert_eq!(scene.listen(&mut parties, 16_000), [false, false]);
    ok(&ask(&scene.server, "stop recording", ""));
    let finished = scene.finished().0;
    let beeps = announced(&finished);
    assert!(beeps.len() >= 2, "{beeps:?}");
    let mut pcm = channels(&finished, 1).remove(0);
    for (start, end) in &beeps {
        assert_eq!(end - start, 1600, "{beeps:?}");
        assert!(level(&pcm[start + 200..end - 200]) > 0.02, "{beeps:?}");
        pcm[*start..*end].fill(0);
    }
    let beside = pcm.chunks_exact(400).map(level).fold(0.0, f64::max);
    assert!(beside < 0.01, "{beside} beside the beeps {beeps:?}");

    ok(&ask(&scene.server, "start recording", r#""recording-beep":"off""#));
    assert_eq!(scene.listen(&mut parties, 8000), [false, false]);
    ok(&ask(&scene.server, "stop recording", ""));
    assert_eq!(announced(&scene.finished().0), []);
}

#[test]
fn a_beep_at_the_begin_alone_and_values_that_cannot_be_used() {
    let scene = Scene::new(|_| {});
    let mut parties = pair(&scene.server);
    ok(&ask(&scene.server, "start recording", r#""recording-beep":"start""#));
    assert_eq!(scene.listen(&mut parties, 8000), [true, true]);
    assert_eq!(scene.listen(&mut parties, 20_000), [false, false]);
    ok(&ask(&scene.server, "stop recording", ""));
    assert_eq!(announced(&scene.finished().0).len(), 1);
    for odd in ["1", "3601", "loud"] {
        let reply = ask(&scene.server, "start recording", &format!(r#""recording-beep":"{odd}""#));
        assert_eq!(reply.text("warning"), "unusable value for recording-beep was ignored");
        ok(&ask(&scene.server, "stop recording", ""));
    }
}

#[test]
fn an_announcement_is_where_the_recording_says() {
    let scene = Scene::new(|_| {});
    scene.media.write("notice.wav", &wav(8000, &constant(7932, 400)));
    let mut parties = pair(&scene.server);
    let announcement =
        r#""from-tag":"a","flags":["recording-announcement","block-egress"],"file":"notice.wav""#;
    let begun = ask(&scene.server, "start recording", announcement);
    assert!(!begun.text("recording-id").is_empty());
    scene.talk(&mut parties, 12_000);
    ok(&ask(&scene.server, "stop recording", ""));
    let finished = scene.finished().0;
    let told = announced(&finished);
    assert_eq!(told.len(), 1, "{told:?}");
    let (start, end) = told[0];
    assert!((3200..=3840).contains(&(end - start)), "{told:?}");
    // The party it is played to is the one on the right, whose leg is recorded: what it is sent stands on the left.
    let left = channels(&finished, 2).remove(0);
    assert!(left[start + 320..end - 640].iter().all(|sample| *sample > 500), "{told:?}");
    assert!(left[end + 320..].iter().all(|sample| *sample <= 0), "{told:?}");
}

#[test]
fn what_becomes_of_a_recording_is_reported_and_one_that_failed_leaves_its_call() {
    let scene = Scene::new(|_| {});
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let next = || {
        let mut buffer = [0; 2048];
        let len = socket.recv(&mut buffer).unwrap();
        let report: serde_json::Value = serde_json::from_slice(&buffer[..len]).unwrap();
        assert_eq!((&report["callid"], &report["type"]), (&"c".into(), &"recording".into()));
        report
    };
    let mut parties = pair(&scene.server);
    let log =
        format!(r#""recording-owner":"quality","recording-log-dest":"{}""#, socket.local_addr().unwrap());
    let id = ask(&scene.server, "start recording", &log).text("recording-id");
    scene.talk(&mut parties, 4000);
    let event =
        |kind| RecordingEvent { id: Some(mediapoint_recorder::RecordingId::new(&*id).unwrap()), kind };
    let lost = event(EventKind::Lost { samples: 160, place: LossPlace::Sink });
    assert_eq!(scene.recordings.handle_event(&lost), RecordingOutcome::Nothing);
    let report = next();
    assert_eq!(
        (&report["event"], &report["samples"], &report["place"]),
        (&"lost".into(), &160.into(), &"sink".into())
    );
    assert_eq!((report["recording-id"].as_str(), report["owner"].as_str()), (Some(&*id), Some("quality")));
    let failed = event(EventKind::Failed { reason: "the disk is gone".to_owned() });
    assert_eq!(scene.recordings.handle_event(&failed), RecordingOutcome::Nothing);
    let report = next();
    assert_eq!((&report["event"], &report["reason"]), (&"failed".into(), &"the disk is gone".into()));
    // Its tap is gone, so that the file ends, which nobody is told of any more.
    assert_eq!(scene.finished().0.id.as_str(), id);

    let failed = id;
    let id = ask(&scene.server, "start recording", &log).text("recording-id");
    assert_ne!(id, failed, "what has ended does not go on");
    ok(&ask(&scene.server, "delete", r#""delete-delay":0"#));
    assert_eq!(scene.finished().0.id.as_str(), id);
    let report = next();
    assert_eq!((&report["event"], report["recording-id"].as_str()), (&"complete".into(), Some(&*id)));
}

#[test]
fn a_recording_whose_party_leaves_its_call_has_the_last_figures() {
    let scene = Scene::new(|_| {});
    let [_a, _b] = pair(&scene.server);
    let [mut x, _y] = call(&scene.server, "d", ["x", "y"], ["0", "0"]);
    (0..10).for_each(|_| x.send(0, UP));
    ok(&scene.server.ask("start recording", r#""call-id":"d""#, None));
    ok(&scene.server.ask("mesh", r#""calls":["c","d"]"#, None));
    let moved = personal(&scene.finished().0);
    ok(&scene.server.ask("delete", r#""call-id":"d","from-tag":"x","to-tag":"y","delete-delay":0"#, None));
    let left = personal(&scene.finished().0);
    for (personal, by) in [(moved, "mesh"), (left, "its party left the call")] {
        let ended = personal.find(r#""ended":"#).map(|at| &personal[at..]).unwrap_or_default();
        assert!(ended.contains(&format!(r#""stopped_by":{{"command":"{by}""#)), "{personal}");
        assert!(ended.contains(r#""packets":10"#) && ended.contains(r#""lost":0"#), "{personal}");
    }
}
