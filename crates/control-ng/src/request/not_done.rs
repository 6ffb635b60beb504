//! Options of the protocol that change the media and are not there yet: a controller that asks for one is warned.

use super::directive::Directive;

/// The name of the option, where it is one of these and asks for something.
pub(super) fn name(directive: &Directive) -> Option<&'static str> {
    let on = !matches!(directive.value(), "off" | "no" | "0" | "");
    Some(match directive.name.as_str() {
        "delay-buffer" if on => "delay-buffer",
        "osrtp-offer-legacy" => "OSRTP-offer-legacy",
        "osrtp-accept-legacy" => "OSRTP-accept-legacy",
        "rtcp-mirror" | "mirror-rtcp" => "RTCP-mirror",
        "peer" => "peer",
        "inbound-peer" => "inbound-peer",
        "outbound-peer" => "outbound-peer",
        "bundle" => "bundle",
        "block-short" | "block-short-packets" => "block-short",
        name if name.starts_with("t.38-") || name.starts_with("t38-") => "T.38",
        _ => return None,
    })
}
