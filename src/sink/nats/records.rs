//! Reading back how far the outputs have got: the last record of the stream, be it a message or a message's header.

use async_nats::jetstream::context::Context;

use super::refusal::Refusal;
use super::stream::{self, Found};
use crate::sink::progress::Progress;

/// The header with the record that an output published on its own comes to.
pub(super) const RECORD: &str = "Rekindle-Progress";

/// The sequence of the last record that is a message of its own (0: there is none), and the last record of all, if it stands
/// behind message `seen`.
///
/// What stands behind the last message of `progress` is read from the stream's end backwards: usually its last message
/// has a record, and what others may have written is stepped over.
pub(super) async fn last(
    context: &Context,
    name: &str,
    (progress, all): (&str, &str),
    seen: u64,
) -> Result<(u64, Option<Progress>), Refusal> {
    let own = stream::last_of(context, name, progress).await?;
    let own_sequence = own.as_ref().map_or(0, |own| own.sequence);
    let mut found = stream::last_of(context, name, all).await?;
    let mut sequence = found.as_ref().map_or(0, |last| last.sequence);
    while sequence > own_sequence.max(seen) {
        if let Some(found) = &found
            && let Some(record) = stream::value(&found.headers, RECORD)
        {
            return Ok((own_sequence, Some(parse(record.as_bytes(), name, found)?)));
        }
        sequence -= 1;
        found = stream::at(context, name, sequence).await?;
    }
    let last = own.filter(|own| own.sequence > seen).map(|own| parse(&own.payload, name, &own)).transpose()?;
    Ok((own_sequence, last))
}

fn parse(record: &[u8], name: &str, found: &Found) -> Result<Progress, Refusal> {
    serde_json::from_slice(record).map_err(|error| Refusal::Other {
        why: format!(
            "message {} of stream {name} holds no progress record ({error}): only this program may write there",
            found.sequence
        ),
    })
}
