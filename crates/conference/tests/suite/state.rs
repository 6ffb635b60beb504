//! A room's state goes to another process, and its next tick is the same.

use mediapoint_conference::{
    Departure, Input, MemberId, MemberSpec, RestoreError, Role, Room, RoomSpec, RoomState, Tick,
};

use crate::support::{Random, with_role};

fn step(room: &mut Room, random: &mut Random) -> Vec<Vec<i16>> {
    let frames: Vec<Vec<i16>> = (0..8)
        .map(|n| {
            let amplitude = if random.chance(3) { 10 } else { 4000 * n };
            (0..160).map(|_| random.sample(amplitude)).collect()
        })
        .collect();
    room.tick(Tick::Ms20, &mut |id: MemberId| Input::Audio(&frames[id.index()]));
    room.members().collect::<Vec<MemberId>>().iter().map(|id| room.output(*id).samples.to_vec()).collect()
}

#[test]
fn restored_room_goes_on_bit_for_bit() {
    let mut room = Room::new(RoomSpec { loudest: 3, ..RoomSpec::new(8000, 10) }).unwrap();
    let agent = room.join(MemberSpec { automatic_gain: true, ..MemberSpec::default() }).unwrap();
    for _ in 0..5 {
        room.join(MemberSpec::default()).unwrap();
    }
    let coach = room.join(with_role(Role::Coach { agent })).unwrap();
    let mut random = Random::new(11);
    (0..100).for_each(|_| drop(step(&mut room, &mut random)));
    // One has left, and its last sample still falls.
    let last = room.members().nth(5).unwrap();
    assert!(room.leave(last));
    let text = serde_json::to_string(&room.state()).unwrap();
    let mut other = Room::restore(serde_json::from_str(&text).unwrap()).unwrap();
    let (mut here, mut there) = (Random::new(12), Random::new(12));
    for _ in 0..100 {
        assert_eq!(step(&mut room, &mut here), step(&mut other, &mut there));
    }
    assert_eq!(room.statistics(), other.statistics());
    assert_eq!(other.role(coach), Some(&Role::Coach { agent }));
    assert_eq!(room.join(MemberSpec::default()), other.join(MemberSpec::default()));
}

#[test]
fn member_on_its_way_is_text_and_back() {
    let mut room = Room::new(RoomSpec::new(8000, 10)).unwrap();
    let id = room.join(MemberSpec { priority: true, ..MemberSpec::default() }).unwrap();
    let departure = room.take(id).unwrap();
    let text = serde_json::to_string(&departure).unwrap();
    assert_eq!(serde_json::from_str::<Departure>(&text).unwrap(), departure);
}

#[test]
fn states_that_are_no_rooms_are_refused() {
    let mut room = Room::new(RoomSpec::new(8000, 10)).unwrap();
    room.join(MemberSpec::default()).unwrap();
    let whole = serde_json::to_value(room.state()).unwrap();
    let restore = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut state = whole.clone();
        change(&mut state);
        serde_json::from_value::<RoomState>(state).map(Room::restore)
    };
    assert!(restore(&|_| ()).unwrap().is_ok());
    let refused = [
        restore(&|state| state["count"] = 2.into()),
        restore(&|state| state["members"][0]["applied"] = i32::MAX.into()),
        restore(&|state| state["members"][0]["limit"] = 1e30.into()),
        restore(&|state| state["members"][0]["id"]["slot"] = 9.into()),
        restore(&|state| state["generations"] = Vec::<u32>::new().into()),
    ];
    for result in refused {
        assert_eq!(result.unwrap().unwrap_err(), RestoreError::Members);
    }
    assert!(matches!(
        restore(&|state| state["spec"]["rate"] = 1.into()).unwrap(),
        Err(RestoreError::Spec(_))
    ));
    assert!(restore(&|state| state["members"][0]["gain_in"] = 0.into()).is_err());
}
