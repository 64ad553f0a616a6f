//! What campaigns remember of one user: firings, actions that count against caps, and what quiet hours hold back.

use std::sync::Arc;

use super::Trigger;
use crate::rules::program::{CampaignId, Cap};
use crate::time::Timestamp;

/// One user's campaign memory. Empty for the many whom no campaign ever reached.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct CampaignState {
    fired: ExposuresByCampaign,
    capped: CapTimes,
    held: Vec<DeferredDecision>,
}

/// Firings by campaign.
pub type ExposuresByCampaign = Vec<(CampaignId, Exposures)>;

/// Per cap, by index: when the latest actions it counts went out, oldest first, at most `max` of them: it is full
/// exactly when the first of `max` is within `per`.
pub type CapTimes = Vec<(u16, Vec<Timestamp>)>;

/// How often a campaign fired (sent, control or holdout), and when last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exposures {
    /// How many times.
    pub count: u32,
    /// When last.
    pub last: Timestamp,
}

/// A decision that quiet hours hold back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeferredDecision {
    /// The campaign.
    pub campaign: CampaignId,
    /// The change that set it off; `None`: of a segment that the rules have no more.
    pub trigger: Option<Trigger>,
    /// When the quiet hours end.
    pub until: Timestamp,
    /// By the clocks of which zone they do; `None`: that is not known any more.
    pub zone: Option<Arc<str>>,
    /// The messageId that set it off; `None`: time did.
    pub cause: Option<Arc<str>>,
}

impl CampaignState {
    /// How often a campaign fired for the user; `None` if never.
    pub fn fired(&self, id: CampaignId) -> Option<Exposures> {
        self.fired.iter().find(|(other, _)| *other == id).map(|(_, fired)| *fired)
    }

    /// Counts a firing, and returns how many there were before.
    pub fn note_fired(&mut self, id: CampaignId, now: Timestamp) -> u32 {
        match self.fired.iter_mut().find(|(other, _)| *other == id) {
            Some((_, fired)) => {
                fired.last = now;
                fired.count += 1;
                fired.count - 1
            }
            None => {
                self.fired.push((id, Exposures { count: 1, last: now }));
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

    fn sent_within(&self, index: u16, cap: &Cap, now: Timestamp) -> usize {
        let times = self.capped.iter().find(|(other, _)| *other == index).map_or(&[][..], |(_, times)| times);
        times.iter().filter(|at| **at > now - cap.per).count()
    }

    /// Counts an action against the caps of its channel.
    pub fn note_sent(&mut self, caps: &[Cap], channel: &str, now: Timestamp) {
        for (cap, index) in caps.iter().zip(0..) {
            if cap.counts(channel) {
                let times = self.cap_times(index);
                times.push(now);
                keep_latest(times, cap, now);
            }
        }
    }

    fn cap_times(&mut self, index: u16) -> &mut Vec<Timestamp> {
        let at = self.capped.iter().position(|(other, _)| *other == index).unwrap_or_else(|| {
            self.capped.push((index, Vec::new()));
            self.capped.len() - 1
        });
        &mut self.capped[at].1
    }

    /// The bytes it takes beside its own place.
    pub fn heap_bytes(&self) -> usize {
        let times = self.capped.iter().map(|(_, times)| times.capacity() * size_of::<Timestamp>());
        let texts = self.held.iter().flat_map(|held| held.cause.iter().chain(&held.zone));
        let texts = texts.map(|text| text.len() + 2 * size_of::<usize>());
        self.fired.capacity() * size_of::<(CampaignId, Exposures)>()
            + self.capped.capacity() * size_of::<(u16, Vec<Timestamp>)>()
            + self.held.capacity() * size_of::<DeferredDecision>()
            + times.sum::<usize>()
            + texts.sum::<usize>()
    }

    /// Whether one of this campaign is held.
    pub fn holds(&self, id: CampaignId) -> bool {
        self.held.iter().any(|held| held.campaign == id)
    }

    /// Holds a decision back.
    pub fn hold(&mut self, held: DeferredDecision) {
        self.held.push(held);
    }

    /// Takes out what is held until `now` or earlier, in the order it was held.
    pub fn release(&mut self, now: Timestamp) -> Vec<DeferredDecision> {
        if self.next_release() > now {
            return Vec::new();
        }
        let (due, rest) = std::mem::take(&mut self.held).into_iter().partition(|held| held.until <= now);
        self.held = rest;
        due
    }

    /// When the next held decision is due.
    pub fn next_release(&self) -> Timestamp {
        self.held.iter().map(|held| held.until).min().unwrap_or(Timestamp::NEVER)
    }

    /// Takes in an anonymous visitor's memory: the latest firing, the sum of counts, all actions; what the visitor
    /// has held is dropped.
    pub fn absorb(&mut self, visitor: CampaignState, caps: &[Cap], now: Timestamp) {
        for (id, theirs) in visitor.fired {
            match self.fired.iter_mut().find(|(other, _)| *other == id) {
                Some((_, ours)) => {
                    *ours =
                        Exposures { count: ours.count.saturating_add(theirs.count), last: ours.last.max(theirs.last) };
                }
                None => self.fired.push((id, theirs)),
            }
        }
        for (index, theirs) in visitor.capped {
            let Some(cap) = caps.get(usize::from(index)) else { continue };
            let times = self.cap_times(index);
            times.extend(theirs);
            times.sort_unstable();
            keep_latest(times, cap, now);
        }
    }

    /// Everything, for the codec: firings, cap times, what is held.
    pub fn parts(&self) -> (&ExposuresByCampaign, &CapTimes, &[DeferredDecision]) {
        (&self.fired, &self.capped, &self.held)
    }

    /// Puts back what [`parts`](CampaignState::parts) gave.
    pub fn from_parts(fired: ExposuresByCampaign, capped: CapTimes, held: Vec<DeferredDecision>) -> CampaignState {
        CampaignState { fired, capped, held }
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
