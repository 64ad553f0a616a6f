//! State per key: an instance for each value that the key of a `[per.K]` has in a user's matches (semantics §11).
//!
//! # Invariants
//! - Instances are ascending by `[per.K]`, then by key (bytes); there are no two of one key.
//! - Between evaluations `due` is the earliest due time of an instance, which is no later than the first instant at which time alone
//!   changes a segment of it, or forgets it.

use std::ops::Range;
use std::sync::Arc;

use super::feature_set::FeatureSet;
use super::membership::MembershipSet;
use crate::event::Scalar;
use crate::features::{FeatureClock, FeatureInput};
use crate::rules::ruleset::{CampaignId, FeatureId, NameId, PerId, Ruleset, SegmentId};
use crate::time::Timestamp;

/// The most bytes of a key.
pub const MAX_KEY_BYTES: usize = 256;
/// More exposures than any campaign has for one key; counting on from here cannot overflow.
const EXPOSURES_MAX: u32 = u32::MAX / 2;

/// One key of a user, with what is remembered of its matches.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyInstance {
    /// Which `[per.K]`.
    pub per: PerId,
    /// The key.
    pub key: Arc<str>,
    /// Time of the earliest match.
    pub first: Timestamp,
    /// Time of the latest match.
    pub latest: Timestamp,
    /// The segments with this `per` that it is in.
    pub members: MembershipSet,
    /// No segment of it changes, and it is not forgotten, before this instant by time alone.
    pub due: Timestamp,
    /// Feature states.
    pub(crate) features: FeatureSet,
    /// How often campaigns fired for it.
    pub(crate) exposures: Vec<(CampaignId, u32)>,
    /// All its segments are to be evaluated at the next evaluation.
    pub(super) is_touched: bool,
    /// The name of its latest match of the event that is being applied.
    latest_name: Option<NameId>,
}

/// The instances of one user.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyInstances {
    all: Vec<KeyInstance>,
    due: Option<Timestamp>,
}

/// A match on its way into an instance.
#[derive(Debug)]
pub(crate) struct KeyedMatch<'m, 'e, 'a> {
    pub(crate) per: PerId,
    pub(crate) key: Arc<str>,
    pub(crate) name: NameId,
    pub(crate) input: &'m FeatureInput<'e, 'a>,
    /// The features of an instance that it feeds: those by name, and those whose second name it is.
    pub(crate) features: &'m [Vec<FeatureId>; 2],
}

/// The key that a value of a match is: a text of 1 to 256 bytes, or a whole number within 64 bits, as its decimal text.
pub(crate) fn key_of(value: Option<&Scalar<'_>>) -> Option<Arc<str>> {
    match value? {
        Scalar::Text(text) if (1..=MAX_KEY_BYTES).contains(&text.len()) => Some(Arc::from(text.as_ref())),
        Scalar::Number(number) => number.whole_within_64_bits().map(|whole| Arc::from(whole.to_string())),
        Scalar::Text(_) | Scalar::Bool(_) | Scalar::Json(_) => None,
    }
}

impl KeyInstance {
    /// An instance without matches.
    pub(super) fn new(per: PerId, key: Arc<str>) -> KeyInstance {
        KeyInstance {
            per,
            key,
            first: Timestamp::NEVER,
            latest: Timestamp::MIN,
            members: MembershipSet::default(),
            due: Timestamp::NEVER,
            features: FeatureSet::default(),
            exposures: Vec::new(),
            is_touched: false,
            latest_name: None,
        }
    }

    /// When it is forgotten if no match comes.
    pub fn forgotten_at(&self, rules: &Ruleset) -> Timestamp {
        self.latest + rules.pers[usize::from(self.per.0)].ttl
    }

    /// How often the campaign fired for it.
    pub fn exposures_to(&self, campaign: CampaignId) -> u32 {
        self.exposures.iter().find(|(id, _)| *id == campaign).map_or(0, |(_, count)| *count)
    }

    /// The campaigns that fired for it, with how often each did.
    pub fn exposures(&self) -> impl Iterator<Item = (CampaignId, u32)> {
        self.exposures.iter().copied()
    }

    fn merge(&mut self, other: KeyInstance) {
        self.first = self.first.min(other.first);
        self.latest = self.latest.max(other.latest);
        self.features.merge(other.features);
        for (campaign, count) in other.exposures {
            self.expose(campaign, count);
        }
    }

    fn expose(&mut self, campaign: CampaignId, times: u32) {
        match self.exposures.iter_mut().find(|(id, _)| *id == campaign) {
            Some((_, count)) => *count = count.saturating_add(times).min(EXPOSURES_MAX),
            None => self.exposures.push((campaign, times)),
        }
    }
}

impl KeyInstances {
    /// Instances as they were stored.
    pub(crate) fn restore(mut all: Vec<KeyInstance>) -> KeyInstances {
        all.sort_by(|a, b| (a.per, &a.key).cmp(&(b.per, &b.key)));
        all.dedup_by(|a, b| (a.per, &a.key) == (b.per, &b.key));
        let due = all.iter().map(|instance| instance.due).min();
        KeyInstances { all, due }
    }

    /// All instances, ascending by `[per.K]` and key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &KeyInstance> {
        self.all.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The earliest instant at which time alone may change or forget an instance.
    pub fn due(&self) -> Timestamp {
        self.due.unwrap_or(Timestamp::NEVER)
    }

    /// The instance of a key.
    pub fn get(&self, per: PerId, key: &str) -> Option<&KeyInstance> {
        self.find(per, key).ok().map(|at| &self.all[at])
    }

    /// How many instances are in a segment.
    pub fn count_in(&self, segment: SegmentId) -> u64 {
        self.all.iter().filter(|instance| instance.members.contains(segment)).count() as u64
    }

    /// Counts that a campaign fired for a key.
    pub fn record_exposure(&mut self, per: PerId, key: &str, campaign: CampaignId) {
        if let Ok(at) = self.find(per, key) {
            self.all[at].expose(campaign, 1);
        }
    }

    /// The bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let of_instance = |instance: &KeyInstance| {
            instance.key.len()
                + 2 * size_of::<usize>()
                + instance.members.heap_bytes()
                + instance.features.heap_bytes()
                + instance.exposures.capacity() * size_of::<(CampaignId, u32)>()
        };
        self.all.capacity() * size_of::<KeyInstance>() + self.all.iter().map(of_instance).sum::<usize>()
    }

    /// Adds a match to the instance of its key, which is made if there is none; nothing happens for a key without an instance that
    /// would be forgotten by `now`. Returns the instances that are removed for it, since the user has as many as it may have.
    pub(crate) fn record(&mut self, rules: &Ruleset, matched: KeyedMatch<'_, '_, '_>) -> Vec<KeyInstance> {
        let KeyedMatch { per, key, name, input, features } = matched;
        let mut removed = Vec::new();
        let at = match self.find(per, &key) {
            Ok(at) => at,
            Err(_) => {
                let definition = &rules.pers[usize::from(per.0)];
                if input.ts + definition.ttl <= input.clock.now {
                    return removed;
                }
                removed = self.shrink(per, usize::from(definition.max) - 1);
                let at = self.find(per, &key).unwrap_or_else(|at| at);
                self.all.insert(at, KeyInstance::new(per, key));
                at
            }
        };
        let instance = &mut self.all[at];
        let input = FeatureInput { is_repeated: instance.latest_name == Some(name), ..*input };
        instance.is_touched = true;
        instance.latest_name = Some(name);
        instance.first = instance.first.min(input.ts);
        instance.latest = instance.latest.max(input.ts);
        instance.features.record_match(rules, features.each_ref().map(Vec::as_slice), &input);
        removed
    }

    /// Removes the instances with the oldest latest match (of equals, the smallest key) until no more than `most` are left.
    pub(crate) fn shrink(&mut self, per: PerId, most: usize) -> Vec<KeyInstance> {
        let mut removed = Vec::new();
        while self.range(per).len() > most {
            let Some(oldest) = self.range(per).min_by_key(|at| self.all[*at].latest) else { break };
            removed.push(self.all.remove(oldest));
        }
        removed
    }

    /// Removes an instance that is forgotten at `now`: the first by `[per.K]`, then key.
    pub(crate) fn take_forgotten(&mut self, rules: &Ruleset, now: Timestamp) -> Option<KeyInstance> {
        let at = self.all.iter().position(|instance| instance.forgotten_at(rules) <= now)?;
        Some(self.all.remove(at))
    }

    /// Marks every instance, or those that are due at `now`, for evaluation. Whether there are any.
    pub(super) fn touch(&mut self, rules: &Ruleset, everything: bool, now: Timestamp) -> bool {
        let mut any = false;
        for instance in &mut self.all {
            if instance.due <= now {
                instance.features.expire(rules, FeatureClock { now, calendar: &rules.calendar });
            }
            instance.is_touched |= everything || instance.due <= now;
            any |= instance.is_touched;
            if instance.is_touched {
                instance.due = Timestamp::NEVER;
            }
        }
        any
    }

    /// The instances of a `[per.K]`, as indexes for [`at`](KeyInstances::at).
    pub(super) fn range(&self, per: PerId) -> Range<usize> {
        let start = self.all.partition_point(|instance| instance.per < per);
        start..start + self.all[start..].partition_point(|instance| instance.per == per)
    }

    /// An instance by index.
    pub(super) fn at(&self, index: usize) -> &KeyInstance {
        &self.all[index]
    }

    /// The same, to change it.
    pub(super) fn at_mut(&mut self, index: usize) -> &mut KeyInstance {
        &mut self.all[index]
    }

    /// After an evaluation, or where instances were removed: nothing is to be evaluated, and the earliest due time is known.
    pub(crate) fn settle(&mut self, rules: &Ruleset) {
        for instance in &mut self.all {
            (instance.is_touched, instance.latest_name) = (false, None);
            instance.due = instance.due.min(instance.forgotten_at(rules));
        }
        self.due = self.all.iter().map(|instance| instance.due).min();
    }

    /// Frees what has left its window.
    pub(super) fn tidy(&mut self, rules: &Ruleset, clock: FeatureClock<'_>) {
        self.all.iter_mut().for_each(|instance| instance.features.expire(rules, clock));
    }

    /// Merges a visitor's instances: those of equal keys are united, the others move over, in no segment.
    pub(super) fn merge(&mut self, visitor: KeyInstances) {
        for theirs in visitor.all {
            match self.find(theirs.per, &theirs.key) {
                Ok(at) => self.all[at].merge(theirs),
                Err(at) => self.all.insert(at, KeyInstance { members: MembershipSet::default(), ..theirs }),
            }
        }
    }

    fn find(&self, per: PerId, key: &str) -> Result<usize, usize> {
        self.all.binary_search_by(|instance| (instance.per, &*instance.key).cmp(&(per, key)))
    }
}
