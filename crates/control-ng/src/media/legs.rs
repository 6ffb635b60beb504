//! The legs of a request: opened where a section has none yet that fits.

use mediapoint_engine::{
    AddressFamily as EngineFamily, Call, Direction, LegConfig, LegId, LegKind, OpenLegError, OpenedLeg,
    Placement, Ports,
};
use mediapoint_packet::sdp::AddressFamily;

use crate::NgError;
use crate::call::outcomes::Outcomes;
use crate::call::party::Party;
use crate::request::Options;

/// What one request works with.
#[derive(Debug)]
pub(crate) struct Work<'a> {
    pub(crate) call: &'a Call,
    /// Legs opened for this request, to be closed should it fail.
    pub(crate) opened: Vec<LegId>,
    /// What is to come of opening them.
    pub(crate) outcomes: Outcomes,
    pub(crate) warnings: Vec<String>,
    pub(crate) default_dscp: u8,
}

/// What came of a request's work.
#[derive(Debug)]
pub(crate) struct Done {
    /// What is to come of opening its legs.
    pub(crate) outcomes: Outcomes,
    pub(crate) warnings: Vec<String>,
}

impl Work<'_> {
    /// Ends the work by its result: where that is an error, the legs that it opened are closed, and nothing of it is left.
    ///
    /// # Errors
    /// That of the result.
    pub(crate) fn finish<T>(self, result: Result<T, NgError>) -> Result<(T, Done), NgError> {
        let Self { call, opened, outcomes, warnings, .. } = self;
        match result {
            Ok(value) => Ok((value, Done { outcomes, warnings })),
            Err(error) => {
                for leg in opened {
                    // Where the call is gone, so are its legs.
                    let _ = call.remove_leg(leg);
                }
                Err(error)
            }
        }
    }

    /// The leg of a section of `party`: the one there is, where it fits. `must_be` is the family that it must have.
    pub(crate) fn leg(
        &mut self,
        party: &mut Party,
        section: usize,
        kind: LegKind,
        must_be: Option<AddressFamily>,
    ) -> Result<OpenedLeg, NgError> {
        let (dscp, family, interface) = (party.dscp, must_be.or(party.family), party.interface.clone());
        let needs_pair = kind != LegKind::Datagrams;
        let stream = party.stream_mut(section).ok_or(NgError::Internal)?;
        if let Some(leg) = stream.leg {
            let same_family = must_be.is_none_or(|family| family == AddressFamily::of(leg.rtp.ip()));
            if same_family && (stream.pair || !needs_pair) {
                return Ok(leg);
            }
        }
        let config = LegConfig { kind, direction: Direction::Inactive, dscp, ..LegConfig::default() };
        let ports = if needs_pair { Ports::RtpAndRtcp } else { Ports::Single };
        let placement = Placement { interface, family: family.map(to_engine), ports };
        let leg = self.open(placement, config, must_be.is_some())?;
        let stream = party.stream_mut(section).ok_or(NgError::Internal)?;
        let retired = stream.leg.replace(leg);
        stream.pair = needs_pair;
        party.retired.extend(retired.map(|leg| leg.id));
        Ok(leg)
    }

    fn open(
        &mut self,
        mut placement: Placement,
        config: LegConfig,
        family_is_fixed: bool,
    ) -> Result<OpenedLeg, NgError> {
        let leg = loop {
            match self.call.open_leg(&placement, config.clone()) {
                Ok((leg, outcome)) => {
                    self.outcomes.push(outcome);
                    break leg;
                }
                // Names that are not known are passed over, as the protocol's users expect, but not in silence.
                Err(OpenLegError::UnknownInterface(name)) if family_of(&name).is_some() => {
                    placement.interface = None;
                    placement.family = placement.family.filter(|_| family_is_fixed).or(family_of(&name));
                }
                Err(OpenLegError::UnknownInterface(name)) if placement.interface.is_some() => {
                    self.warnings.push(format!("there is no interface named {name:?}"));
                    placement.interface = None;
                }
                Err(OpenLegError::NoSuchFamily { .. }) if !family_is_fixed && placement.family.is_some() => {
                    placement.family = None;
                }
                Err(error) => return Err(error.into()),
            }
        };
        self.opened.push(leg.id);
        Ok(leg)
    }

    /// The DSCP that the options ask for.
    pub(crate) fn dscp(&self, options: &Options, before: u8) -> u8 {
        match options.tos {
            Some(tos) if tos < 0 => before,
            Some(tos) => u8::try_from(tos).map_or(self.default_dscp, |tos| tos >> 2),
            None => self.default_dscp,
        }
    }
}

/// The family that these words stand for where no interface has such a name, from before there was another way to say it.
fn family_of(interface: &str) -> Option<EngineFamily> {
    match interface {
        "internal" => Some(EngineFamily::V4),
        "external" => Some(EngineFamily::V6),
        _ => None,
    }
}

fn to_engine(family: AddressFamily) -> EngineFamily {
    match family {
        AddressFamily::Ip4 => EngineFamily::V4,
        AddressFamily::Ip6 => EngineFamily::V6,
    }
}
