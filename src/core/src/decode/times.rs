//! The times that stand in a call, and what they say of when it happened.

use super::fields::Text;
use crate::event::EventTime;
use crate::time::Timestamp;

/// A time as it stands in a call, or what stands there instead.
pub(super) type RawTime<'a> = Result<Timestamp, Text<'a>>;

/// The times of a call, or of a batch envelope. Null is not there.
#[derive(Default)]
pub(super) struct CallTimes<'a> {
    pub(super) timestamp: Option<RawTime<'a>>,
    pub(super) original_timestamp: Option<RawTime<'a>>,
    pub(super) sent_at: Option<RawTime<'a>>,
    pub(super) received_at: Option<RawTime<'a>>,
}

impl<'a> CallTimes<'a> {
    /// Takes from the envelope of a batch what a call of it lacks.
    pub(super) fn take_lacking(&mut self, envelope: &CallTimes<'_>) {
        let lacking = |own: &mut Option<RawTime<'a>>, theirs: &Option<RawTime<'_>>| {
            if usable(own).is_none() {
                *own = theirs.clone().map(owned);
            }
        };
        lacking(&mut self.sent_at, &envelope.sent_at);
        lacking(&mut self.received_at, &envelope.received_at);
    }

    /// The same, owning their texts.
    pub(super) fn into_owned<'o>(self) -> CallTimes<'o> {
        CallTimes {
            timestamp: self.timestamp.map(owned),
            original_timestamp: self.original_timestamp.map(owned),
            sent_at: self.sent_at.map(owned),
            received_at: self.received_at.map(owned),
        }
    }

    /// When the call was received, as it says itself.
    pub(super) fn received_at(&self) -> Option<Timestamp> {
        usable(&self.received_at)
    }

    /// When it happened; of a time that cannot be used nothing is left here.
    pub(super) fn event_time(&mut self) -> EventTime<'a> {
        let (timestamp, original) = (usable(&self.timestamp), usable(&self.original_timestamp));
        match (timestamp, original) {
            (Some(at), Some(_)) => EventTime::Corrected(at),
            (Some(at), None) | (None, Some(at)) => EventTime::Claimed { at, sent_at: usable(&self.sent_at) },
            (None, None) => {
                let fields = [("timestamp", &mut self.timestamp), ("originalTimestamp", &mut self.original_timestamp)];
                let mut unusable = fields.into_iter().filter_map(|(field, time)| Some((field, time.take()?.err()?)));
                EventTime::Missing { unusable: unusable.next() }
            }
        }
    }
}

fn owned<'o>(written: RawTime<'_>) -> RawTime<'o> {
    written.map_err(|text| Text::Owned(text.into_owned()))
}

fn usable(written: &Option<RawTime<'_>>) -> Option<Timestamp> {
    written.as_ref()?.as_ref().ok().copied()
}
