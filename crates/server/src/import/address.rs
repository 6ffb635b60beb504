//! Addresses as rtpengine's file has them: of control ports, and of interfaces by address, by the name of a network card, or
//! `any`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// An address of this machine with the name of its network card.
pub(super) type Card = (String, IpAddr);

/// The addresses of this machine.
pub(super) fn cards() -> Vec<Card> {
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    all.into_iter().map(|card| (card.name.clone(), card.ip())).collect()
}

/// Reads `PORT`, `ADDR:PORT` or `localhost:PORT`. True beside it where rtpengine would listen on every address.
pub(super) fn control(text: &str) -> Option<(SocketAddr, bool)> {
    if let Ok(port) = text.parse() {
        return Some((SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port), true));
    }
    let (host, port) = text.rsplit_once(':')?;
    let ip = if host == "localhost" { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { ip(host)? };
    Some((SocketAddr::new(ip, port.parse().ok()?), false))
}

fn ip(text: &str) -> Option<IpAddr> {
    text.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// An address for media, as our setting has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Media {
    pub(super) name: String,
    pub(super) address: IpAddr,
    pub(super) advertised: Option<IpAddr>,
}

impl Media {
    pub(super) fn text(&self) -> String {
        let advertised = self.advertised.map(|told| format!("!{told}")).unwrap_or_default();
        format!("{}/{}{advertised}", self.name, self.address)
    }
}

/// Reads `[NAME/]WHERE[!ADVERTISED]`; several addresses where a network card has them.
///
/// # Errors
/// What is wrong with it, for a comment.
pub(super) fn media(text: &str, cards: &[Card]) -> Result<Vec<Media>, String> {
    let (name, rest) = text.split_once('/').unwrap_or(("default", text));
    if name.contains('=') || rest.contains('=') {
        return Err("an alias: give the address a second entry with the other name".to_owned());
    }
    let (place, advertised) = match rest.split_once('!') {
        Some((place, told)) => {
            let told = ip(told.trim()).ok_or_else(|| format!("{told:?} is no address to be advertised"))?;
            (place.trim(), Some(told))
        }
        None => (rest.trim(), None),
    };
    at(name, place, advertised, cards)
}

/// The addresses at a place: an address, a network card, or `any`.
pub(super) fn at(
    name: &str,
    place: &str,
    advertised: Option<IpAddr>,
    cards: &[Card],
) -> Result<Vec<Media>, String> {
    let media = |address| Media { name: name.to_owned(), address, advertised };
    if let Some(address) = ip(place) {
        return Ok(vec![media(address)]);
    }
    let is_usable = |address: &IpAddr| match address {
        IpAddr::V4(v4) => !v4.is_link_local(),
        IpAddr::V6(v6) => !v6.is_unicast_link_local(),
    };
    let found: Vec<Media> = cards
        .iter()
        .filter(|(card, ip)| if place == "any" { !ip.is_loopback() } else { card == place })
        .filter(|(_, ip)| is_usable(ip) && advertised.is_none_or(|told| told.is_ipv4() == ip.is_ipv4()))
        .map(|(_, ip)| media(*ip))
        .collect();
    match found.is_empty() {
        true => {
            Err(format!("{place:?} is no address, nor a network card of this machine: write the address"))
        }
        false => Ok(found),
    }
}
