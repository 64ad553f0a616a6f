//! A user's campaign state: exposures, the actions that count against caps, and deferred decisions.

use std::sync::Arc;

use thin_vec::ThinVec;

use super::Trigger;
use super::ask::Asks;
use super::deferred_codec;
use crate::encoding::{KeySpace, ListShape, StateReader, StateWriter};
use crate::rules::ruleset::{CampaignId, CampaignTrigger, Cap};
use crate::time::Timestamp;

/// More exposures than any campaign has to one user; counting on from here cannot overflow.
const EXPOSURES_MAX: u32 = u32::MAX / 2;

/// One user's campaign state. Empty for the many users to whom no campaign was ever exposed.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct CampaignState {
    exposures: ExposuresByCampaign,
    cap_times: CapTimes,
    deferred: ThinVec<DeferredDecision>,
    /// Decisions that wait for the end of their beat.
    pub asks: Asks,
}

/// Exposures by campaign.
pub type ExposuresByCampaign = ThinVec<(CampaignId, Exposures)>;

/// Per cap, by index: when the latest actions it counts went out, oldest first, at most `max` of them: it is full
/// exactly when the first of `max` is within `per`.
pub type CapTimes = ThinVec<(u16, Vec<Timestamp>)>;

/// The exposures of one campaign to one user: decisions `no_luck`, `control`, `holdout` or `sent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exposures {
    /// How many times.
    pub count: u32,
    /// When last.
    pub last: Timestamp,
}

/// A decision that waits for the end of quiet hours.
#[derive(Clone, Debug, PartialEq)]
pub struct DeferredDecision {
    /// The campaign.
    pub campaign: CampaignId,
    /// What triggered it; `None`: a segment or a name that the rules do not have any more.
    pub trigger: Option<Trigger>,
    /// When it was deferred.
    pub at: Timestamp,
    /// When the quiet hours end.
    pub until: Timestamp,
    /// The zone whose clocks decide that; `None`: it is not known any more.
    pub zone: Option<Arc<str>>,
    /// The messageId of the event that triggered it; `None`: time did.
    pub cause: Option<Arc<str>>,
}

impl DeferredDecision {
    /// The bytes it takes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let texts = self.cause.iter().chain(&self.zone).map(|text| text.len() + 2 * size_of::<usize>());
        self.trigger.as_ref().map_or(0, Trigger::heap_bytes) + texts.sum::<usize>()
    }
}

/// A format that deferred decisions are read from.
pub(crate) trait TriggerLookup {
    /// What triggers a campaign by the current rules, in a format that may lack the trigger of a decision.
    fn trigger_of(&self, campaign: CampaignId) -> Option<CampaignTrigger>;
}

impl CampaignState {
    /// The exposures of a campaign to the user; `None`: there were none.
    pub fn exposures_to(&self, id: CampaignId) -> Option<Exposures> {
        self.exposures.iter().find(|(other, _)| *other == id).map(|(_, fired)| *fired)
    }

    /// Counts an exposure, and returns how many there were before.
    pub fn record_exposure(&mut self, id: CampaignId, now: Timestamp) -> u32 {
        match self.exposures.iter_mut().find(|(other, _)| *other == id) {
            Some((_, fired)) => {
                fired.last = now;
                fired.count += 1;
                fired.count - 1
            }
            None => {
                self.exposures.push((id, Exposures { count: 1, last: now }));
                0
            }
        }
    }

    /// Whether a cap that counts this channel is full.
    pub fn is_capped(&self, caps: &[Cap], channel: &str, now: Timestamp) -> bool {
        caps.iter()
            .zip(0..)
            .any(|(cap, index)| cap.counts(channel) && self.sent_within(index, cap, now) >= cap.max as usize)
    }

    /// When the latest actions that a cap counts went out, within its `per`.
    pub(super) fn times_within(&self, index: u16, cap: &Cap, now: Timestamp) -> Vec<Timestamp> {
        let times = self.cap_times.iter().find(|(other, _)| *other == index).map_or(&[][..], |(_, times)| times);
        times.iter().copied().filter(|at| *at > now - cap.per).collect()
    }

    fn sent_within(&self, index: u16, cap: &Cap, now: Timestamp) -> usize {
        let times = self.cap_times.iter().find(|(other, _)| *other == index).map_or(&[][..], |(_, times)| times);
        times.iter().filter(|at| **at > now - cap.per).count()
    }

    /// Counts an action against the caps of its channel.
    pub fn record_action(&mut self, caps: &[Cap], channel: &str, now: Timestamp) {
        for (cap, index) in caps.iter().zip(0..) {
            if cap.counts(channel) {
                let times = self.cap_times_mut(index);
                times.push(now);
                keep_latest(times, cap, now);
            }
        }
    }

    fn cap_times_mut(&mut self, index: u16) -> &mut Vec<Timestamp> {
        let at = self.cap_times.iter().position(|(other, _)| *other == index).unwrap_or_else(|| {
            self.cap_times.push((index, Vec::new()));
            self.cap_times.len() - 1
        });
        &mut self.cap_times[at].1
    }

    /// The bytes it takes on the heap.
    pub fn heap_bytes(&self) -> usize {
        let times = self.cap_times.iter().map(|(_, times)| times.capacity() * size_of::<Timestamp>());
        self.exposures.capacity() * size_of::<(CampaignId, Exposures)>()
            + self.cap_times.capacity() * size_of::<(u16, Vec<Timestamp>)>()
            + self.deferred.capacity() * size_of::<DeferredDecision>()
            + self.deferred.iter().map(DeferredDecision::heap_bytes).sum::<usize>()
            + self.asks.heap_bytes()
            + times.sum::<usize>()
    }

    /// Whether a decision of this campaign is deferred.
    pub fn is_deferred(&self, id: CampaignId) -> bool {
        self.deferred.iter().any(|held| held.campaign == id)
    }

    /// Defers a decision.
    pub fn defer(&mut self, decision: DeferredDecision) {
        self.deferred.push(decision);
    }

    /// Takes out the decisions deferred until `now` or earlier, in the order in which they were deferred.
    pub fn release_deferred(&mut self, now: Timestamp) -> Vec<DeferredDecision> {
        if self.next_release() > now {
            return Vec::new();
        }
        let (due, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.deferred).into_iter().partition(|held| held.until <= now);
        self.deferred = rest.into();
        due
    }

    /// When the next deferred decision is due.
    pub fn next_release(&self) -> Timestamp {
        self.deferred.iter().map(|held| held.until).min().unwrap_or(Timestamp::NEVER)
    }

    /// Merges a visitor's state: the latest exposure, the sum of counts, all actions. The visitor's deferred decisions and its
    /// asks are dropped.
    pub fn merge(&mut self, visitor: CampaignState, caps: &[Cap], now: Timestamp) {
        for (id, theirs) in visitor.exposures {
            match self.exposures.iter_mut().find(|(other, _)| *other == id) {
                Some((_, ours)) => {
                    *ours =
                        Exposures { count: ours.count.saturating_add(theirs.count), last: ours.last.max(theirs.last) };
                }
                None => self.exposures.push((id, theirs)),
            }
        }
        for (index, theirs) in visitor.cap_times {
            let Some(cap) = caps.get(usize::from(index)) else { continue };
            let times = self.cap_times_mut(index);
            times.extend(theirs);
            times.sort_unstable();
            keep_latest(times, cap, now);
        }
    }

    /// Exposures by campaign, in the order of the first exposure to each.
    pub fn exposures(&self) -> &ExposuresByCampaign {
        &self.exposures
    }

    /// The times of the latest actions per cap.
    pub fn cap_times(&self) -> &CapTimes {
        &self.cap_times
    }

    /// The deferred decisions, in the order in which they were deferred.
    pub fn deferred(&self) -> &[DeferredDecision] {
        &self.deferred
    }

    pub(crate) fn set_exposures(&mut self, exposures: ExposuresByCampaign) {
        self.exposures = exposures;
    }

    pub(crate) fn set_cap_times(&mut self, cap_times: CapTimes) {
        self.cap_times = cap_times;
    }

    /// Replaces the deferred decisions.
    pub fn set_deferred(&mut self, deferred: Vec<DeferredDecision>) {
        self.deferred = deferred.into();
    }

    /// Writes the exposures, in any format.
    pub(crate) fn write_exposures<W: StateWriter>(&self, writer: &mut W) {
        let exposures = self.exposures.iter().map(|(id, exposures)| (id.0, exposures));
        writer.map("fired", KeySpace::Campaigns, exposures, |writer, exposures| {
            writer.record("", 2, |writer| {
                writer.count("count", exposures.count.into());
                writer.time("last", exposures.last);
            });
        });
    }

    /// Reads the exposures to campaigns that the current rules have.
    pub(crate) fn read_exposures<R: StateReader>(reader: &mut R) -> Result<ExposuresByCampaign, R::Error> {
        let exposures = reader.map(KeySpace::Campaigns, "a user's exposures", |reader, id| {
            reader.record(2, "a campaign's exposures")?;
            let count = reader.count("the number of exposures")?;
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            reader.verify(|| count <= EXPOSURES_MAX, "a count out of range")?;
            Ok((CampaignId(id), Exposures { count, last: reader.time("the time of an exposure")? }))
        })?;
        Ok(exposures.into())
    }

    /// Writes the times of actions per cap, in any format.
    pub(crate) fn write_cap_times<W: StateWriter>(&self, writer: &mut W) {
        let caps = self.cap_times.iter().map(|(index, times)| (*index, times));
        writer.map("caps", KeySpace::Caps, caps, |writer, times| {
            writer.list("actions", ListShape::Values, times.iter(), |writer, time| writer.time("", *time));
        });
    }

    /// Reads the times of actions for caps that the current rules have.
    pub(crate) fn read_cap_times<R: StateReader>(reader: &mut R) -> Result<CapTimes, R::Error> {
        let times = reader.map(KeySpace::Caps, "a user's actions", |reader, index| {
            let times =
                reader.list(ListShape::Values, "a cap's actions", |reader| reader.time("the time of an action"))?;
            reader.verify(|| times.is_sorted(), "actions out of order")?;
            Ok((index, times))
        })?;
        Ok(times.into())
    }

    /// Writes the deferred decisions, in any format.
    pub(crate) fn write_deferred<W: StateWriter>(&self, writer: &mut W) {
        let deferred = self.deferred.iter();
        writer.list("held", ListShape::Records, deferred, |writer, deferred| deferred_codec::write(deferred, writer));
    }

    /// Reads the deferred decisions of campaigns that the current rules have.
    pub(crate) fn read_deferred<R: StateReader + TriggerLookup>(
        reader: &mut R,
    ) -> Result<Vec<DeferredDecision>, R::Error> {
        let all = reader.list(ListShape::Records, "a user's deferred decisions", deferred_codec::read)?;
        Ok(all.into_iter().flatten().collect())
    }
}

fn keep_latest(times: &mut Vec<Timestamp>, cap: &Cap, now: Timestamp) {
    times.retain(|at| *at > now - cap.per);
    let surplus = times.len().saturating_sub(cap.max as usize);
    times.drain(..surplus);
}

impl Cap {
    /// Whether it counts actions on this channel.
    pub fn counts(&self, channel: &str) -> bool {
        self.channel.as_deref().is_none_or(|only| only == channel)
    }
}
