//! State per key: an instance for each value that the key of a `[per.K]` has in a user's matches (semantics §11).
//!
//! The instances of a packed user stay packed when the user is not: one is opened when a match, an evaluation or a campaign needs
//! it. So an event costs what its own keys cost, however many the user has.
//!
//! # Invariants
//! - Instances are ascending by `[per.K]`, then by key (bytes); there are no two of one key.
//! - Between evaluations `due` is the earliest due time of an instance, which is no later than the first instant at which time alone
//!   changes a segment of it, or forgets it.
//! - Whether an instance is open affects only memory and processing time.

use std::borrow::Cow;
use std::ops::Range;

use thin_vec::ThinVec;

use super::key_instance::KeyInstance;
use super::membership::MembershipSet;
use super::packed_instances::PackedInstances;
use super::recomputed::RecomputedParts;
use crate::features::{FeatureClock, FeatureInput};
use crate::rules::ruleset::{CampaignId, FeatureId, NameId, PerId, Ruleset, SegmentId};
use crate::time::Timestamp;

/// The instances of one user.
#[derive(Clone, Debug)]
pub struct KeyInstances {
    pub(super) slots: ThinVec<InstanceSlot>,
    /// What the slots of packed instances refer to.
    pub(super) packed: PackedInstances,
    due: Timestamp,
}

/// One instance.
#[derive(Clone, Debug)]
pub(super) enum InstanceSlot {
    /// Where it is among the packed ones, and when it is due.
    Packed { at: usize, due: Timestamp },
    /// Ready to be changed.
    Open(Box<KeyInstance>),
}

/// A match on its way into an instance.
#[derive(Debug)]
pub(crate) struct KeyedMatch<'m, 'e, 'a> {
    pub(crate) per: PerId,
    pub(crate) key: &'m str,
    pub(crate) name: NameId,
    pub(crate) input: &'m FeatureInput<'e, 'a>,
    /// The features of an instance that it feeds: those by name, and those whose second name it is.
    pub(crate) features: &'m [Vec<FeatureId>; 2],
}

/// What a match did to the instances.
#[derive(Debug, Default)]
pub(crate) struct KeyedMatchResult {
    /// It made an instance.
    pub(crate) is_new: bool,
    /// The instances that were removed for it, since the user had as many as it may have.
    pub(crate) removed: Vec<KeyInstance>,
}

impl Default for KeyInstances {
    fn default() -> KeyInstances {
        KeyInstances { slots: ThinVec::new(), packed: PackedInstances::default(), due: Timestamp::NEVER }
    }
}

/// Open or not, the same instances are equal.
impl PartialEq for KeyInstances {
    fn eq(&self, other: &KeyInstances) -> bool {
        self.due == other.due && self.iter().eq(other.iter())
    }
}

impl KeyInstances {
    /// Instances as they were stored.
    pub(crate) fn restore(mut all: Vec<KeyInstance>) -> KeyInstances {
        all.sort_by(|a, b| (a.per, &a.key).cmp(&(b.per, &b.key)));
        all.dedup_by(|a, b| (a.per, &a.key) == (b.per, &b.key));
        let slots = all.into_iter().map(|instance| InstanceSlot::Open(Box::new(instance)));
        KeyInstances::of_slots(slots.collect(), PackedInstances::default())
    }

    /// Slots in order, with what they refer to.
    pub(super) fn of_slots(slots: ThinVec<InstanceSlot>, packed: PackedInstances) -> KeyInstances {
        let due = earliest_due(&slots);
        KeyInstances { slots, packed, due }
    }

    /// All instances, ascending by `[per.K]` and key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Cow<'_, KeyInstance>> {
        self.slots.iter().map(|slot| self.instance(slot))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The earliest instant at which time alone may change or forget an instance.
    pub fn due(&self) -> Timestamp {
        self.due
    }

    /// The instance of a key.
    pub fn get(&self, per: PerId, key: &str) -> Option<Cow<'_, KeyInstance>> {
        let at = self.find(per, key).ok()?;
        Some(self.instance(&self.slots[at]))
    }

    /// The keys of the instances of a `[per.K]`, ascending.
    pub fn keys_of(&self, per: PerId) -> impl Iterator<Item = &[u8]> {
        self.range(per).map(|at| self.id(&self.slots[at]).1)
    }

    /// Whether there is an instance of a key.
    pub fn contains(&self, per: PerId, key: &str) -> bool {
        self.find(per, key).is_ok()
    }

    /// Marks the instance of a key for the next evaluation, which evaluates all its segments.
    pub(crate) fn mark(&mut self, per: PerId, key: &str) {
        if let Ok(at) = self.find(per, key) {
            self.open(at).is_touched = true;
        }
    }

    /// The `[per.K]` of each, and the segments that it is in.
    pub fn memberships(&self) -> impl Iterator<Item = (PerId, Cow<'_, MembershipSet>)> {
        self.slots.iter().map(|slot| match slot {
            InstanceSlot::Packed { at, .. } => {
                let packed = self.packed.get(*at);
                (packed.per, Cow::Owned(packed.members()))
            }
            InstanceSlot::Open(instance) => (instance.per, Cow::Borrowed(&instance.members)),
        })
    }

    /// How many instances are in a segment.
    pub fn count_in(&self, segment: SegmentId) -> u64 {
        self.memberships().filter(|(_, members)| members.contains(segment)).count() as u64
    }

    /// Counts that a campaign fired for a key.
    pub fn record_exposure(&mut self, per: PerId, key: &str, campaign: CampaignId) {
        if let Ok(at) = self.find(per, key) {
            self.open(at).expose(campaign, 1);
        }
    }

    /// The bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let of_instance = |instance: &KeyInstance| {
            size_of::<KeyInstance>()
                + instance.key.len()
                + 2 * size_of::<usize>()
                + instance.members.heap_bytes()
                + instance.features.heap_bytes()
                + instance.exposures.capacity() * size_of::<(CampaignId, u32)>()
        };
        let open = self.slots.iter().filter_map(InstanceSlot::opened).map(of_instance).sum::<usize>();
        // The vector has its length and its capacity before its items.
        let slots = self.slots.capacity() * size_of::<InstanceSlot>() + 2 * size_of::<usize>();
        open + self.packed.heap_bytes() + if self.slots.capacity() == 0 { 0 } else { slots }
    }

    /// Adds a match to the instance of its key, which is made if there is none; nothing happens for a key without an instance that
    /// would be forgotten by `now`.
    pub(crate) fn record(&mut self, rules: &Ruleset, matched: KeyedMatch<'_, '_, '_>) -> KeyedMatchResult {
        let KeyedMatch { per, key, name, input, features } = matched;
        let mut result = KeyedMatchResult::default();
        let at = match self.find(per, key) {
            Ok(at) => at,
            Err(_) => {
                let definition = &rules.pers[usize::from(per.0)];
                if input.ts + definition.ttl <= input.clock.now {
                    return result;
                }
                result = KeyedMatchResult { is_new: true, removed: self.shrink(per, usize::from(definition.max) - 1) };
                let at = self.find(per, key).unwrap_or_else(|at| at);
                self.insert(at, KeyInstance::new(per, key.into()));
                at
            }
        };
        let instance = self.open(at);
        let input = FeatureInput { is_repeated: instance.latest_name == Some(name), ..*input };
        instance.is_touched = true;
        instance.latest_name = Some(name);
        instance.first = instance.first.min(input.ts);
        instance.latest = instance.latest.max(input.ts);
        instance.features.record_match(rules, features.each_ref().map(Vec::as_slice), &input);
        result
    }

    /// Removes the instances with the oldest latest match (of equals, the smallest key) until no more than `most` are left.
    pub(crate) fn shrink(&mut self, per: PerId, most: usize) -> Vec<KeyInstance> {
        let mut removed = Vec::new();
        while self.len() > most && self.range(per).len() > most {
            let Some(oldest) = self.range(per).min_by_key(|at| self.latest(*at)) else { break };
            removed.push(self.remove(oldest));
        }
        removed
    }

    /// Removes an instance that is forgotten at `now`: the first by `[per.K]`, then key.
    pub(crate) fn take_forgotten(&mut self, rules: &Ruleset, now: Timestamp) -> Option<KeyInstance> {
        let is_forgotten = |at: &usize| match &self.slots[*at] {
            InstanceSlot::Packed { at, due } => *due <= now && self.packed.get(*at).forgotten_at(rules) <= now,
            InstanceSlot::Open(instance) => instance.forgotten_at(rules) <= now,
        };
        let at = (0..self.len()).find(is_forgotten)?;
        Some(self.remove(at))
    }

    /// Marks every instance, or those that are due at `now`, for evaluation.
    pub(super) fn touch(&mut self, rules: &Ruleset, everything: bool, now: Timestamp) {
        for at in 0..self.len() {
            let is_due = self.slots[at].due() <= now;
            if everything || is_due {
                self.open(at).is_touched = true;
            }
            let InstanceSlot::Open(instance) = &mut self.slots[at] else { continue };
            if is_due {
                instance.features.expire(rules, FeatureClock { now, calendar: &rules.calendar });
            }
            if instance.is_touched {
                instance.due = Timestamp::NEVER;
            }
        }
    }

    /// The `[per.K]` of each instance that is marked.
    pub(super) fn touched(&self) -> impl Iterator<Item = PerId> {
        self.slots.iter().filter_map(InstanceSlot::opened).filter(|instance| instance.is_touched).map(|open| open.per)
    }

    /// The instances of a `[per.K]`, as indexes for [`open`](KeyInstances::open).
    pub(super) fn range(&self, per: PerId) -> Range<usize> {
        let start = self.slots.partition_point(|slot| self.id(slot).0 < per);
        start..start + self.slots[start..].partition_point(|slot| self.id(slot).0 == per)
    }

    /// An instance by index, if it is open.
    pub(super) fn opened(&self, index: usize) -> Option<&KeyInstance> {
        self.slots[index].opened()
    }

    /// An instance by index, to change it.
    pub(super) fn open(&mut self, index: usize) -> &mut KeyInstance {
        let slot = &mut self.slots[index];
        if let InstanceSlot::Packed { at, .. } = slot {
            *slot = InstanceSlot::Open(Box::new(self.packed.get(*at).unpack()));
        }
        match slot {
            InstanceSlot::Open(instance) => instance,
            InstanceSlot::Packed { .. } => unreachable!("it was opened just now"),
        }
    }

    /// After an evaluation, or where instances were removed: nothing is to be evaluated, and the earliest due time is known.
    pub(crate) fn settle(&mut self, rules: &Ruleset) {
        for slot in &mut self.slots {
            if let InstanceSlot::Open(instance) = slot {
                (instance.is_touched, instance.latest_name) = (false, None);
                instance.due = instance.due.min(instance.forgotten_at(rules));
            }
        }
        self.due = earliest_due(&self.slots);
    }

    /// Frees what has left its window.
    pub(super) fn tidy(&mut self, rules: &Ruleset, clock: FeatureClock<'_>) {
        (0..self.len()).for_each(|at| self.open(at).features.expire(rules, clock));
    }

    /// Merges a visitor's instances: those of equal keys are united, the others move over, in no segment.
    pub(super) fn merge(&mut self, mut visitor: KeyInstances) {
        while !visitor.is_empty() {
            let theirs = visitor.remove(visitor.len() - 1);
            match self.find(theirs.per, &theirs.key) {
                Ok(at) => self.open(at).merge(theirs),
                Err(at) => self.insert(at, KeyInstance { members: MembershipSet::default(), ..theirs }),
            }
        }
    }

    /// Leaves segments that are not of these instances by these rules.
    pub(super) fn leave_segments_of_other_subjects(&mut self, rules: &Ruleset) {
        for at in 0..self.len() {
            let per = Some(self.id(&self.slots[at]).0);
            self.open(at).members.retain(|segment| rules.segments[usize::from(segment.0)].per == per);
        }
    }

    /// Takes what was recomputed of the same user. Memberships and exposures stay as they are here; what only the other has is in
    /// no segment. What only this one has goes, and is returned, where it is recomputed which instances there are.
    pub(super) fn take_recomputed(&mut self, mut other: KeyInstances, parts: &RecomputedParts) -> Vec<KeyInstance> {
        let mut gone = Vec::new();
        for at in (0..self.len()).rev() {
            let (per, key) = self.id(&self.slots[at]);
            let theirs = other.slots.binary_search_by(|slot| other.id(slot).cmp(&(per, key)));
            match theirs.map(|theirs| other.remove(theirs)) {
                Ok(theirs) => self.open(at).take_recomputed(theirs, parts),
                Err(_) if parts.profile => gone.push(self.remove(at)),
                Err(_) => {}
            }
        }
        // What is left only the other has.
        while !other.is_empty() {
            let KeyInstance { per, key, first, latest, due, features, .. } = other.remove(other.len() - 1);
            let instance = KeyInstance { first, latest, due, features, ..KeyInstance::new(per, key) };
            let at = self.find(instance.per, &instance.key).unwrap_or_else(|at| at);
            self.insert(at, instance);
        }
        self.due = earliest_due(&self.slots);
        gone.reverse();
        gone
    }

    fn insert(&mut self, at: usize, instance: KeyInstance) {
        self.slots.insert(at, InstanceSlot::Open(Box::new(instance)));
    }

    fn remove(&mut self, at: usize) -> KeyInstance {
        match self.slots.remove(at) {
            InstanceSlot::Packed { at, .. } => self.packed.get(at).unpack(),
            InstanceSlot::Open(instance) => *instance,
        }
    }

    fn instance<'i>(&'i self, slot: &'i InstanceSlot) -> Cow<'i, KeyInstance> {
        match slot {
            InstanceSlot::Packed { at, .. } => Cow::Owned(self.packed.get(*at).unpack()),
            InstanceSlot::Open(instance) => Cow::Borrowed(instance),
        }
    }

    fn find(&self, per: PerId, key: &str) -> Result<usize, usize> {
        self.slots.binary_search_by(|slot| self.id(slot).cmp(&(per, key.as_bytes())))
    }

    fn id<'i>(&'i self, slot: &'i InstanceSlot) -> (PerId, &'i [u8]) {
        match slot {
            InstanceSlot::Packed { at, .. } => self.packed.id(*at),
            InstanceSlot::Open(instance) => (instance.per, instance.key.as_bytes()),
        }
    }

    fn latest(&self, at: usize) -> Timestamp {
        match &self.slots[at] {
            InstanceSlot::Packed { at, .. } => self.packed.get(*at).latest,
            InstanceSlot::Open(instance) => instance.latest,
        }
    }
}

impl InstanceSlot {
    fn due(&self) -> Timestamp {
        match self {
            InstanceSlot::Packed { due, .. } => *due,
            InstanceSlot::Open(instance) => instance.due,
        }
    }

    fn opened(&self) -> Option<&KeyInstance> {
        match self {
            InstanceSlot::Packed { .. } => None,
            InstanceSlot::Open(instance) => Some(instance),
        }
    }
}

fn earliest_due(slots: &[InstanceSlot]) -> Timestamp {
    slots.iter().map(InstanceSlot::due).min().unwrap_or(Timestamp::NEVER)
}
