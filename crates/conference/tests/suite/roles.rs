//! Who hears whom by role.

use mediapoint_conference::{Audience, MemberChange, MemberId, MemberSpec, OutputKind, Role, Room, RoomSpec};

use crate::support::{amplitude, db, hear_tones, with_role};

/// Members with these roles, a tone each, and who hears whose tone.
struct Party {
    room: Room,
    tones: Vec<(MemberId, f64)>,
}

impl Party {
    fn new(members: usize) -> Self {
        let mut room = Room::new(RoomSpec { loudest: 20, ..RoomSpec::new(8000, 30) }).unwrap();
        let join = |n| (room.join(MemberSpec::default()).unwrap(), 300.0 + 150.0 * n as f64);
        let tones = (0..members).map(join).collect();
        Self { room, tones }
    }

    fn join(&mut self, role: Role) -> MemberId {
        let id = self.room.join(with_role(role)).unwrap();
        self.tones.push((id, 300.0 + 150.0 * self.tones.len() as f64));
        id
    }

    fn id(&self, n: usize) -> MemberId {
        self.tones[n].0
    }

    /// For each listener the numbers of those whom it hears, all at the right level.
    fn who_hears_whom(&mut self) -> Vec<Vec<usize>> {
        let heard = hear_tones(&mut self.room, &self.tones, 10, 1500.0);
        let of = |heard: &Vec<i16>| {
            let audible = self.tones.iter().enumerate().filter_map(|(n, (_, hz))| {
                let level = db(amplitude(heard, 8000, *hz) / 1500.0);
                assert!(level < -60.0 || level.abs() < 0.1, "{level} dB of {n}");
                (level > -60.0).then_some(n)
            });
            audible.collect()
        };
        heard.iter().map(of).collect()
    }
}

#[test]
fn coach_is_heard_by_the_agent_and_supervisors_alone() {
    let mut party = Party::new(3);
    let agent = party.id(0);
    party.join(Role::Coach { agent });
    party.join(Role::Monitor);
    party.join(Role::Listener);
    party.join(Role::Coach { agent: party.id(1) });
    let heard = party.who_hears_whom();
    let expected =
        [vec![1, 2, 3], vec![0, 2, 6], vec![0, 1], vec![0, 1, 2, 6], vec![0, 1, 2, 3, 6], vec![0, 1, 2]];
    assert_eq!(heard[..6], expected);
    assert_eq!(heard[6], [0, 1, 2, 3]);
    assert_eq!(party.room.role(agent), Some(&Role::Member));
}

#[test]
fn whisper_reaches_those_named_and_announcements_their_audience() {
    let mut party = Party::new(3);
    let (first, second) = (party.id(0), party.id(1));
    party.join(Role::Whisper { to: vec![first, second] });
    party.join(Role::Announcement { to: Audience::All });
    party.join(Role::Announcement { to: Audience::Only(vec![second]) });
    let heard = party.who_hears_whom();
    let expected =
        [vec![1, 2, 3, 4], vec![0, 2, 3, 4, 5], vec![0, 1, 4], vec![0, 1, 2, 4], Vec::new(), Vec::new()];
    assert_eq!(heard, expected);
}

#[test]
fn mute_deaf_and_hold_take_what_they_say() {
    let mut party = Party::new(4);
    party.room.set(party.id(0), MemberChange::Muted(true)).unwrap();
    party.room.set(party.id(1), MemberChange::Deaf(true)).unwrap();
    party.room.set(party.id(2), MemberChange::Held(true)).unwrap();
    assert_eq!(party.who_hears_whom(), [vec![1, 3], vec![], vec![], vec![1]]);
    assert_eq!(party.room.output(party.id(1)).kind, OutputKind::Silence);
    assert_eq!(party.room.output(party.id(2)).kind, OutputKind::Hold);
    party.room.set(party.id(2), MemberChange::Held(false)).unwrap();
    assert_eq!(party.who_hears_whom(), [vec![1, 2, 3], vec![], vec![1, 3], vec![1, 2]]);
}

#[test]
fn role_changes_while_the_member_speaks() {
    let mut party = Party::new(3);
    assert_eq!(party.who_hears_whom(), [vec![1, 2], vec![0, 2], vec![0, 1]]);
    party.room.set(party.id(2), MemberChange::Role(Role::Coach { agent: party.id(0) })).unwrap();
    assert_eq!(party.who_hears_whom(), [vec![1, 2], vec![0], vec![0, 1]]);
    party.room.set(party.id(2), MemberChange::Role(Role::Listener)).unwrap();
    assert_eq!(party.who_hears_whom(), [vec![1], vec![0], vec![0, 1]]);
    assert!(!party.room.is_talking(party.id(2)));
    party.room.set(party.id(2), MemberChange::Role(Role::Member)).unwrap();
    assert_eq!(party.who_hears_whom(), [vec![1, 2], vec![0, 2], vec![0, 1]]);
}

#[test]
fn coach_of_one_who_left_is_heard_by_nobody_not_even_who_comes_in_his_place() {
    let mut party = Party::new(2);
    let agent = party.id(0);
    let coach = party.join(Role::Coach { agent });
    assert!(party.room.leave(agent));
    let next = party.join(Role::Member);
    party.tones[0].0 = next;
    party.tones.pop();
    assert_eq!((next.index(), next == agent), (agent.index(), false), "the same place, another name");
    assert_eq!(party.who_hears_whom(), [vec![1], vec![0], vec![0, 1]]);
    let refused = party.room.set(coach, MemberChange::Role(Role::Coach { agent }));
    assert_eq!(refused.unwrap_err().0, agent);
}
