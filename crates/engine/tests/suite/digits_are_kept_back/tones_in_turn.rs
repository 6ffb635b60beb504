//! Several tones in turn stand for digits: one for each event, and one for each digit in the audio.

use mediapoint_engine::{SecureInput, ToneSeries};
use mediapoint_testkit::{Ear, pcmu};

use super::{ON, Scene, after, spoken};

/// The frequencies of the tones in audio of 8000 Hz, by the crossings of zero in each.
fn frequencies_of(pcm: &[i16]) -> Vec<u32> {
    let mut found = Vec::new();
    let mut stretch: Vec<i16> = Vec::new();
    for piece in pcm.chunks(80).chain([&[0; 80][..]]) {
        if piece.iter().any(|sample| sample.abs() > 1000) {
            stretch.extend(piece);
            continue;
        }
        // Its first and last pieces fade.
        if let Some(middle) = stretch.get(160..stretch.len().saturating_sub(160)).filter(|m| m.len() > 160) {
            let crosses = |pair: &&[i16]| matches!(pair, [one, next] if (*one < 0) != (*next < 0));
            let crossings = middle.windows(2).filter(crosses).count();
            found.push(u32::try_from(crossings * 4000 / middle.len()).unwrap());
        }
        stretch.clear();
    }
    found
}

#[test]
fn each_digit_has_the_next_tone() {
    let wanted = [440, 880, 660, 440];
    for tones in [true, false] {
        let sound = after(16_000, if tones { spoken("1234", ON) } else { Vec::new() });
        let mut scene = Scene::new(&pcmu(), &pcmu(), sound);
        scene.world.start(scene.party);
        scene.secure(SecureInput::Tones { hertz: ToneSeries::new(&[440, 880, 660]).unwrap(), dbm0: -10 });
        scene.run(2000);
        if tones {
            scene.run(1000);
        } else {
            scene.press("1234", ON);
        }
        scene.run(500);
        let log = &scene.world.peer(scene.far).heard.log;
        let found = frequencies_of(&Ear::new(log, &[pcmu()], 8000).pcm);
        assert_eq!(found.len(), 4, "{found:?}");
        let near = found.iter().zip(wanted).all(|(found, wanted)| found.abs_diff(wanted) < 25);
        assert!(near, "tones {tones}: {found:?}");
        assert_eq!(scene.reported(), "1234");
    }
}
