//! Policies that change by chance, over a link that loses, doubles and reorders packets: never a seam.

use mediapoint_testkit::{LinkProfile, for_each_seed};

use super::*;

#[test]
fn a_policy_that_changes_at_any_time_makes_no_seam() {
    for_each_seed(40, |seed| {
        let mut world = World::new(seed);
        let call = world.add_call();
        let to = if seed % 2 == 0 { pcmu() } else { codec(97, "L16", 8000) };
        let a = world.add_peer(call, audio([pcmu(), telephone_event(101)]));
        let b = world.add_peer(call, audio([to, telephone_event(101)]));
        world.connect(a, b);
        world.peer_mut(b).heard.seam.allow_audio_beside_events();
        let profile = LinkProfile { loss: 0.02, duplicate: 0.02, reorder: 0.05, ..LinkProfile::default() };
        world.peer_mut(a).up.set_profile(profile);
        world.start(a);
        for _ in 0..30 {
            let pause = world.random().below(400);
            world.run_for(Duration::from_millis(pause));
            let media = match world.random().below(3) {
                0 => MediaPolicy::Forward,
                1 => MediaPolicy::Silence,
                _ => MediaPolicy::Block,
            };
            let leg = if world.random().chance(0.5) { a } else { b };
            if world.random().chance(0.2) && !world.peer(a).stream.is_pressing() {
                world.peer_mut(a).stream.press(1, Duration::from_millis(100));
            }
            world.reinvite(
                leg,
                |config| {
                    if leg == a { config.media = media } else { config.sent_media = media }
                },
            );
            world.session().check_invariants();
        }
        let heard = &world.peer(b).heard;
        assert_eq!(heard.seam.check(), Ok(()));
    });
}
