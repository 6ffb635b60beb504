//! SRTP of a leg: the keys in use in both directions.

use mediapoint_packet::rtp::Ssrc;
use mediapoint_srtp::{
    Inbound, InboundOptions, MasterKey, Mki, Outbound, OutboundOptions, RtcpState, RtpState, SsrcState,
};

use crate::api::leg::SrtpKeys;
use crate::session::snapshot::age::Malformed;
use crate::session::snapshot::transport::{InboundSnapshot, OutboundSnapshot, SrtpSnapshot};

/// Keys in use.
pub(crate) struct Srtp {
    /// `None` until the party's key is known: nothing that it sends is accepted before.
    pub(crate) inbound: Option<Inbound>,
    pub(crate) outbound: Outbound,
}

impl Srtp {
    pub(crate) fn boxed(keys: &SrtpKeys) -> Box<Self> {
        Box::new(Self {
            inbound: keys.inbound.as_ref().map(|key| inbound(keys, key)),
            outbound: Outbound::new(&keys.outbound),
        })
    }

    /// Takes new keys. The same key again keeps roll-over counters and replay windows.
    pub(crate) fn rekey(&mut self, keys: &SrtpKeys) {
        match (&mut self.inbound, &keys.inbound) {
            (Some(inbound), Some(key)) => inbound.rekey_with_mki(key, keys.inbound_mki.clone()),
            (slot, Some(key)) => *slot = Some(inbound(keys, key)),
            // A re-INVITE that is not answered yet carries no key of the party: the old one stays in use.
            (_, None) => {}
        }
        self.outbound.rekey(&keys.outbound);
    }
}

impl Srtp {
    pub(crate) fn save(&self) -> SrtpSnapshot {
        let inbound = self.inbound.as_ref().map(|inbound| {
            let (key, mki) = inbound.danger_key();
            let mki = mki.map(|mki| mki.bytes().to_vec());
            InboundSnapshot { key: key.clone(), mki, state: inbound.export_state() }
        });
        let outbound = &self.outbound;
        let outbound =
            OutboundSnapshot { key: outbound.danger_key().clone(), state: outbound.export_state() };
        SrtpSnapshot { inbound, outbound }
    }

    /// SRTP as it was saved, and its keys. Of the SRTCP indexes that `own` and every other SSRC may have used since, `passed`
    /// are passed over: an index is never used twice under one key.
    pub(crate) fn restored(
        own: Ssrc,
        passed: u64,
        saved: &SrtpSnapshot,
    ) -> Result<(Self, SrtpKeys), Malformed> {
        let malformed = Malformed("the state of SRTP");
        let mut state = saved.outbound.state.clone();
        pass_over(&mut state.ssrcs, own, u32::try_from(passed).unwrap_or(u32::MAX));
        let mut outbound = Outbound::new(&saved.outbound.key);
        outbound.restore_state(&state).map_err(|_| malformed)?;
        let mut keys = SrtpKeys { inbound: None, inbound_mki: None, outbound: saved.outbound.key.clone() };
        if let Some(InboundSnapshot { key, mki, .. }) = &saved.inbound {
            keys.inbound = Some(key.clone());
            keys.inbound_mki = mki.as_deref().map(Mki::new).transpose().map_err(|_| malformed)?;
        }
        let mut inbound = keys.inbound.as_ref().map(|key| inbound(&keys, key));
        if let (Some(inbound), Some(saved)) = (&mut inbound, &saved.inbound) {
            inbound.restore_state(&saved.state).map_err(|_| malformed)?;
        }
        Ok((Self { inbound, outbound }, keys))
    }
}

fn inbound(keys: &SrtpKeys, key: &MasterKey) -> Inbound {
    Inbound::new(key, InboundOptions { mki: keys.inbound_mki.clone(), ..InboundOptions::default() })
}

/// Passes over SRTCP indexes; a window that is moved counts everything behind it as seen.
fn pass_over(ssrcs: &mut Vec<SsrcState>, own: Ssrc, passed: u32) {
    if passed == 0 {
        return;
    }
    let room = ssrcs.len() < OutboundOptions::default().max_ssrcs;
    if room && ssrcs.iter().all(|state| state.ssrc != own.0) {
        ssrcs.insert(0, SsrcState { ssrc: own.0, rtp: RtpState::Unseen, rtcp: None });
    }
    for state in ssrcs {
        let highest_index = match state.rtcp {
            Some(rtcp) => rtcp.highest_index.saturating_add(passed),
            None => passed - 1,
        };
        state.rtcp = Some(RtcpState { highest_index: highest_index.min(u32::MAX >> 1), replay: u128::MAX });
    }
}
