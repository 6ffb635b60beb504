//! The program at an interface: it comes, it goes, and says why it cannot.

use std::io::ErrorKind;
use std::net::IpAddr;

use mediapoint_net::XdpInterfaces;

use crate::host::{SERVER4, pair};

#[test]
fn the_program_goes_with_the_last_who_has_it() {
    let Some(pair) = pair() else { return };
    let is_there = || pair.server.ip("link show media").contains("xdp");
    assert!(!is_there());
    let interfaces = pair.interfaces();
    assert_eq!(interfaces.to_string(), "media (native)");
    let io = pair.backend(&interfaces, 0);
    assert_eq!(io.describe(), "queue 0 of media with copies");
    drop(interfaces);
    assert!(is_there());
    drop(io);
    assert!(!is_there());
}

#[test]
fn a_queue_has_one_worker_and_is_free_again_after_it() {
    let Some(pair) = pair() else { return };
    let interfaces = pair.interfaces();
    let first = pair.backend(&interfaces, 0);
    let second = pair.backend(&interfaces, 0);
    assert!(first.is_direct() && !second.is_direct(), "{}", second.describe());
    assert!(second.describe().starts_with("sockets only; queue 0 of media: "), "{}", second.describe());
    drop(first);
    assert!(pair.backend(&interfaces, 0).is_direct());
}

#[test]
fn addresses_without_an_ethernet_interface_are_refused() {
    let Some(pair) = pair() else { return };
    for address in ["127.0.0.1", "::1", "0.0.0.0", "192.0.2.77"] {
        let address: IpAddr = address.parse().unwrap();
        let refused = pair.server.run(move || XdpInterfaces::attach(&[address]).map(drop)).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported, "{refused}");
    }
}

#[test]
fn another_program_at_the_interface_is_left_alone() {
    let Some(pair) = pair() else { return };
    let interfaces = pair.interfaces();
    let address: IpAddr = SERVER4.parse().unwrap();
    let refused = pair.server.run(move || XdpInterfaces::attach(&[address]).map(drop)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ResourceBusy, "{refused}");
    assert!(pair.backend(&interfaces, 0).is_direct());
}
