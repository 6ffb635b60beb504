//! Rooms in parts, linked in a mesh and in a star.

use std::collections::BTreeMap;

use mediapoint_conference::{Input, LinkRole, LinkSpec, MemberId, MemberSpec, Role, Room, RoomSpec, Tick};

use crate::support::{amplitude, db, sine, with_role};

/// Parts of a room, members with a tone each, and links that carry a frame late by a tick.
struct Parts {
    rooms: Vec<Room>,
    members: Vec<(usize, MemberId, f64)>,
    /// From a part's link to another's.
    wires: Vec<((usize, MemberId), (usize, MemberId))>,
    heard: Vec<Vec<i16>>,
    now: usize,
}

impl Parts {
    fn new(hub: Option<usize>) -> Self {
        let spec = |n| RoomSpec { loudest: 20, forward_links: hub == Some(n), ..RoomSpec::new(8000, 20) };
        let rooms = (0..3).map(|n| Room::new(spec(n)).unwrap()).collect();
        Self { rooms, members: Vec::new(), wires: Vec::new(), heard: Vec::new(), now: 0 }
    }

    fn join(&mut self, part: usize, role: Role) -> MemberId {
        let id = self.rooms[part].join(with_role(role)).unwrap();
        self.members.push((part, id, 300.0 + 150.0 * self.members.len() as f64));
        id
    }

    fn link(&mut self, a: usize, b: usize, role_at_a: LinkRole, role_at_b: LinkRole) -> (MemberId, MemberId) {
        let at_a = self.rooms[a].join_link(LinkSpec { role: role_at_a, ..LinkSpec::mix() }).unwrap();
        let at_b = self.rooms[b].join_link(LinkSpec { role: role_at_b, ..LinkSpec::mix() }).unwrap();
        self.wires.extend([((a, at_a), (b, at_b)), ((b, at_b), (a, at_a))]);
        (at_a, at_b)
    }

    fn run(&mut self, ticks: usize) {
        for _ in 0..ticks {
            let mut frames: Vec<BTreeMap<MemberId, Vec<i16>>> = vec![BTreeMap::new(); self.rooms.len()];
            for (part, id, hz) in &self.members {
                frames[*part].insert(*id, sine(8000, *hz, 1200.0, self.now, 160));
            }
            for ((a, at_a), (b, at_b)) in &self.wires {
                let output = self.rooms[*a].output(*at_a);
                if output.group.is_some() {
                    frames[*b].insert(*at_b, output.samples.to_vec());
                }
            }
            for (room, frames) in self.rooms.iter_mut().zip(&frames) {
                room.tick(Tick::Ms20, &mut |id| {
                    frames.get(&id).map_or(Input::Nothing, |pcm| Input::Audio(pcm))
                });
            }
            self.heard.resize(self.members.len(), Vec::new());
            for ((part, id, _), heard) in self.members.iter().zip(&mut self.heard) {
                heard.extend(self.rooms[*part].output(*id).samples);
            }
            self.now += 160;
        }
    }

    /// For each member the numbers of those whom it hears, each once at the right level.
    fn who_hears_whom(&mut self) -> Vec<Vec<usize>> {
        self.run(20);
        self.heard.clear();
        self.run(10);
        let of = |heard: &Vec<i16>| {
            let audible = self.members.iter().enumerate().filter_map(|(n, (.., hz))| {
                let level = db(amplitude(heard, 8000, *hz) / 1200.0);
                assert!(level < -60.0 || level.abs() < 0.1, "{level} dB of {n}");
                (level > -60.0).then_some(n)
            });
            audible.collect()
        };
        self.heard.iter().map(of).collect()
    }

    fn assert_all_hear_all_others(&mut self) {
        let all = self.members.len();
        for (n, heard) in self.who_hears_whom().into_iter().enumerate() {
            assert_eq!(heard, (0..all).filter(|&other| other != n).collect::<Vec<_>>(), "member {n}");
        }
    }
}

#[test]
fn in_a_mesh_each_is_heard_once_by_all_others() {
    let mut parts = Parts::new(None);
    for n in 0..9 {
        parts.join(n % 3, Role::Member);
    }
    for (a, b) in [(0, 1), (1, 2), (0, 2)] {
        parts.link(a, b, LinkRole::Mix, LinkRole::Mix);
    }
    parts.assert_all_hear_all_others();
}

#[test]
fn in_a_star_the_hub_forwards_and_nobody_hears_an_echo() {
    let mut parts = Parts::new(Some(0));
    for n in 0..9 {
        parts.join(n % 3, Role::Member);
    }
    parts.link(0, 1, LinkRole::Mix, LinkRole::Mix);
    parts.link(0, 2, LinkRole::Mix, LinkRole::Mix);
    parts.assert_all_hear_all_others();
}

#[test]
fn dying_link_costs_its_members_alone_and_heals() {
    let mut parts = Parts::new(None);
    for n in 0..3 {
        parts.join(n, Role::Member);
    }
    for (a, b) in [(0, 1), (1, 2), (0, 2)] {
        parts.link(a, b, LinkRole::Mix, LinkRole::Mix);
    }
    let wires = parts.wires.clone();
    parts.assert_all_hear_all_others();
    parts.wires.retain(|((a, _), (b, _))| *a != 2 && *b != 2);
    assert_eq!(parts.who_hears_whom(), [vec![1], vec![0], vec![]]);
    parts.wires = wires;
    parts.assert_all_hear_all_others();
}

#[test]
fn coach_on_another_server_is_heard_by_the_agent_alone() {
    let mut parts = Parts::new(None);
    let agent = parts.join(0, Role::Member);
    parts.join(0, Role::Member);
    parts.join(1, Role::Member);
    parts.link(0, 1, LinkRole::Mix, LinkRole::Mix);
    let (_, at_coach) =
        parts.link(0, 1, LinkRole::Coach { agent: Some(agent) }, LinkRole::Coach { agent: None });
    parts.join(1, Role::Coach { agent: at_coach });
    parts.join(1, Role::Whisper { to: vec![at_coach] });
    let expected = [vec![1, 2, 3, 4], vec![0, 2], vec![0, 1], vec![0, 1, 2], vec![0, 1, 2]];
    assert_eq!(parts.who_hears_whom(), expected);
}

#[test]
fn locked_room_takes_links_and_links_are_not_asked_for_voice() {
    let mut room = Room::new(RoomSpec::new(8000, 5)).unwrap();
    let member = room.join(MemberSpec::default()).unwrap();
    room.lock(true);
    let link = room.join_link(LinkSpec::mix()).unwrap();
    // What comes over a link is mixed however quiet.
    let pcm = [3; 160];
    for _ in 0..2 {
        room.tick(Tick::Ms20, &mut |id| if id == link { Input::Audio(&pcm) } else { Input::Nothing });
    }
    assert_eq!(room.output(member).samples, pcm);
    assert_eq!(room.role(link), None);
}
