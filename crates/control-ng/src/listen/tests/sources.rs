//! Messages that a party of a call sends through this server's own media ports.

use super::*;

#[test]
fn a_media_port_of_this_server_cannot_command_it() {
    let dispatcher = dispatcher();
    // What the server would send from the leg of a caller whose peer signalled the control port as its address.
    let media = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = media.local_addr().unwrap().port();
    let access = Access::default().without_media([IpAddr::V4(Ipv4Addr::LOCALHOST)], port..=port);
    let config = ListenConfig { access: Arc::new(access), threads: 1, ..config() };
    let listener = Listener::datagrams(&config, &clock(), &dispatcher).unwrap();
    media.connect(inet(&listener)).unwrap();
    media.send(b"1 d7:command4:pinge").unwrap();
    // Answered in order by one thread: the first message has been looked at when the second is answered.
    let client = udp_client(&listener);
    assert!(ask(&client, b"2 d7:command4:pinge").contains("pong"));
    media.set_nonblocking(true).unwrap();
    assert!(media.recv(&mut [0; 100]).is_err(), "it was answered");
    assert_eq!((load(&dispatcher.counters().from_media), load(&dispatcher.counters().requests)), (1, 1));
}

#[test]
fn rtp_with_its_header_as_the_cookie_is_no_message() {
    let dispatcher = dispatcher();
    let listener =
        Listener::datagrams(&ListenConfig { threads: 1, ..config() }, &clock(), &dispatcher).unwrap();
    let client = udp_client(&listener);
    client.send(b"\x80\x00\x12\x34\x00\x01\x02\xa0ABCD d7:command4:liste").unwrap();
    assert!(ask(&client, b"2 d7:command4:pinge").starts_with("2 "));
    assert_eq!((load(&dispatcher.counters().without_cookie), load(&dispatcher.counters().requests)), (1, 1));
}
