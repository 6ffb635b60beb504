//! Descriptions with damage, as offers and as answers: an error or a description that reads, and nothing left behind.

#![expect(clippy::indexing_slicing, reason = "test support outside of test functions")]

use crate::common;

use std::sync::LazyLock;

use common::*;
use mediapoint_packet::sdp::Sdp;
use proptest::prelude::*;

static SERVER: LazyLock<Server> = LazyLock::new(Server::new);

const OFFERS: [&str; 7] = [
    "asterisk_offer",
    "cisco_offer",
    "freeswitch_srtp_offer",
    "ims_offer",
    "linphone_offer",
    "many_media_offer",
    "webrtc_sdes_offer",
];

type Damage = Vec<(prop::sample::Index, u8)>;

fn damaged(name: &str, damage: &Damage) -> String {
    let mut bytes = data(name).into_bytes();
    for (at, byte) in damage {
        let at = at.index(bytes.len());
        bytes[at] = *byte;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn damage() -> impl Strategy<Value = Damage> {
    proptest::collection::vec((any::<prop::sample::Index>(), 0x20..0x7f_u8), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_costs_no_more_than_its_own_message(
        offer in prop::sample::select(OFFERS.as_slice()),
        answer in prop::sample::select(OFFERS.as_slice()),
        damage in (damage(), damage()),
        secure in any::<bool>(),
    ) {
        let server = &*SERVER;
        let protocol = if secure { "RTP/SAVP" } else { "RTP/AVP" };
        let keys = format!(r#""call-id":"c","from-tag":"a","to-tag":"b","transport-protocol":"{protocol}""#);
        for (command, sdp) in [("offer", damaged(offer, &damage.0)), ("answer", damaged(answer, &damage.1))] {
            let reply = server.ask(command, &keys, Some(&sdp));
            prop_assert!(!reply.text("error-reason").contains("internal"), "{}", reply.text("error-reason"));
            if !reply.is_error() {
                prop_assert!(Sdp::parse(reply.text("sdp").as_bytes()).is_ok(), "{}", reply.text("sdp"));
            }
        }
        server.ask("delete", r#""call-id":"c""#, None);
        prop_assert_eq!(server.controller.calls(), 0);
    }
}
