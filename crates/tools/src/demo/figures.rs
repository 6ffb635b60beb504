//! What the server itself says of the call: its answers to `query` and `statistics`.

use mediapoint_caller::ng::{Client, NgError, Reply};

/// What the server received from one party.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct PartyFigures {
    pub(super) packets: u64,
    pub(super) lost: u64,
    pub(super) jitter_us: u64,
    /// By ITU-T G.107, as the server words it; `None` where it heard too little.
    pub(super) mos: Option<String>,
}

/// What the server says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ServerFigures {
    /// Thousandths of media points that all calls cost.
    pub(super) points_used: u64,
    /// Thousandths of media points that the server may carry.
    pub(super) points_budget: u64,
}

impl ServerFigures {
    /// Asks for the figures of the server and of the two parties of a call, by their tags.
    pub(super) fn ask(
        client: &mut Client,
        call_id: &str,
        tags: [&str; 2],
    ) -> Result<(Self, [PartyFigures; 2]), NgError> {
        let query = client.query(call_id)?;
        let parties = tags.map(|tag| party(query.reply(), tag).unwrap_or_default());
        let statistics = client.statistics()?;
        let points = |key| statistics.points(key).unwrap_or_default();
        Ok((Self { points_used: points("pointsused"), points_budget: points("pointsbudget") }, parties))
    }
}

/// The first stream of the first media of a party.
fn party(reply: &Reply, tag: &str) -> Option<PartyFigures> {
    let media = reply.at(&["tags", tag, "medias"])?.as_array()?.first()?.as_dict()?;
    let stream = media.get(b"streams".as_slice())?.as_array()?.first()?.as_dict()?;
    let part = |name: &str| stream.get(name.as_bytes()).and_then(|value| value.as_dict());
    let (stats, quality) = (part("stats")?, part("quality")?);
    let quality_of =
        |key: &str| quality.get(key.as_bytes()).and_then(|value| value.as_u64()).unwrap_or_default();
    Some(PartyFigures {
        packets: stats.get(b"packets".as_slice()).and_then(|value| value.as_u64())?,
        lost: quality_of("lost"),
        jitter_us: quality_of("jitter us"),
        // Tenths of a point, as everywhere in the protocol.
        mos: quality.get(b"MOS".as_slice()).and_then(|value| value.as_u64()).map(|mos| {
            let (points, tenths) = (mos / 10, mos % 10);
            format!("{points}.{tenths}")
        }),
    })
}
