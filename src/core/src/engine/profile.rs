//! A user's profile: all state but that of campaigns and growth numbers.

use xxhash_rust::xxh3::xxh3_64;

use super::consents::UserConsents;
use super::dedup::DedupState;
use super::feature_set::FeatureSet;
use super::instances::KeyInstances;
use super::key_instance::KeyInstance;
use super::membership::MembershipSet;
use super::recomputed::RecomputedParts;
use super::traits::UserTraits;
use crate::encoding::{StateReader, StateWriter};
use crate::event::{CallType, Event, FieldId, Scalar, TraitId, field_value};
use crate::features::{FeatureClock, FeatureInput, FeatureState, SoughtTexts};
use crate::points::UserPoints;
use crate::ranks::UserRanks;
use crate::rules::ruleset::{FeatureId, GroupId, Ruleset};
use crate::time::{Span, Timestamp};

/// One user's state.
///
/// What the user never did takes no room: a feature has a cell only once something was recorded in it.
#[derive(Clone, Debug, PartialEq)]
pub struct UserProfile {
    /// The user's clock: the latest instant anything was evaluated at. It only moves forward.
    pub now: Timestamp,
    /// Time of the earliest event of any kind.
    pub first: Timestamp,
    /// Time of the latest event of any kind.
    pub latest: Timestamp,
    /// The segments the user is in.
    pub members: MembershipSet,
    /// What identify calls said.
    pub traits: UserTraits,
    /// What calls said of consent.
    pub consents: UserConsents,
    /// The `context.timezone` that arrived last, with the log position it arrived at.
    pub zone: Option<Box<(u64, Box<str>)>>,
    /// What is remembered per key.
    pub keys: KeyInstances,
    /// What is left of the points that were earned.
    pub points: UserPoints,
    /// What came of the user at the latest takings of ranks.
    pub ranks: UserRanks,
    /// Feature states.
    features: FeatureSet,
    /// The messageIds accepted lately.
    dedup: DedupState,
}

/// An event on its way into a profile.
#[derive(Clone, Copy, Debug)]
pub struct ProfileUpdate<'e, 'a> {
    /// The event.
    pub event: &'e Event<'a>,
    /// Its own time.
    pub ts: Timestamp,
    /// Its position in the log.
    pub position: u64,
}

impl UserProfile {
    /// A user of whom nothing is known yet, at an instant.
    pub fn new(now: Timestamp) -> UserProfile {
        UserProfile {
            now,
            first: Timestamp::NEVER,
            latest: Timestamp::MIN,
            members: MembershipSet::default(),
            traits: UserTraits::default(),
            consents: UserConsents::default(),
            zone: None,
            keys: KeyInstances::default(),
            points: UserPoints::default(),
            ranks: UserRanks::default(),
            features: FeatureSet::default(),
            dedup: DedupState::default(),
        }
    }

    /// The bytes it takes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.members.heap_bytes()
            + self.traits.heap_bytes()
            + self.consents.heap_bytes()
            + self.zone.as_ref().map_or(0, |held| size_of_val(&**held) + held.1.len())
            + self.features.heap_bytes()
            + self.keys.heap_bytes()
            + self.points.heap_bytes()
            + self.ranks.heap_bytes()
            + self.dedup.heap_bytes()
    }

    /// Whether a messageId was accepted within `window` before `now`.
    pub fn is_duplicate(&self, message_id: &str, now: Timestamp, window: Span) -> bool {
        !self.dedup.is_empty() && self.dedup.contains(xxh3_64(message_id.as_bytes()), now, window)
    }

    /// Adds an event at its own time: to the first and latest times, the messageIds, the traits, the consents and the zone. Its
    /// features are added by [`record_match`](UserProfile::record_match).
    pub fn record(&mut self, rules: &Ruleset, arrival: ProfileUpdate<'_, '_>) {
        self.first = self.first.min(arrival.ts);
        self.latest = self.latest.max(arrival.ts);
        if let Some(id) = &arrival.event.message_id {
            self.dedup.forget(self.now, rules.dedup_window);
            self.dedup.push(xxh3_64(id.as_bytes()), self.now);
        }
        if arrival.event.call == CallType::Identify {
            self.traits.learn(&arrival.event.traits, arrival.ts);
        }
        self.consents.learn(&rules.purposes, arrival.event, arrival.ts);
        if let Some(field) = rules.projection.timezone_field
            && let Some(Scalar::Text(zone)) = field_value(&arrival.event.fields, field)
        {
            self.zone = Some(Box::new((arrival.position, zone.as_ref().into())));
        }
    }

    /// Adds a match to the features that it feeds, by name and by second name.
    pub(crate) fn record_match(&mut self, rules: &Ruleset, features: [&[FeatureId]; 2], input: &FeatureInput<'_, '_>) {
        self.features.record_match(rules, features, input);
    }

    /// Adds what was earned or spent in a ledger to the features that it feeds.
    pub(crate) fn record_points(&mut self, rules: &Ruleset, features: &[FeatureId], input: &FeatureInput<'_, '_>) {
        self.features.record_match(rules, [features, &[]], input);
    }

    /// A feature's memory, where it has any.
    pub(crate) fn feature(&self, id: FeatureId) -> Option<&FeatureState> {
        self.features.get(id)
    }

    /// The value of a trait.
    pub fn trait_value(&self, id: TraitId) -> Option<&Scalar<'static>> {
        self.traits.value(id)
    }

    /// Frees what time has made worthless at the user's clock: panes that left their window, messageIds out of the
    /// dedup window. Changes no answer.
    pub fn tidy(&mut self, rules: &Ruleset) {
        let clock = FeatureClock { now: self.now, calendar: &rules.calendar };
        self.dedup.forget(self.now, rules.dedup_window);
        self.features.expire(rules, clock);
        self.keys.tidy(rules, clock);
        self.points.tidy(self.now, &rules.calendar);
    }

    /// Merges the state of an anonymous visitor (semantics §2, *Linking*); both clocks are at the same instant, and everything
    /// due by then has fired. Memberships stay this user's.
    pub fn merge(&mut self, rules: &Ruleset, mut visitor: UserProfile) {
        // Expired state must not pile up with each visitor.
        self.tidy(rules);
        visitor.tidy(rules);
        self.first = self.first.min(visitor.first);
        self.latest = self.latest.max(visitor.latest);
        self.traits.merge(visitor.traits);
        self.consents.unite(visitor.consents);
        // The visitor's arrivals count as the earlier ones.
        self.zone = self.zone.take().or(visitor.zone);
        self.dedup.merge(visitor.dedup);
        self.features.merge(visitor.features);
        self.keys.merge(visitor.keys);
        self.points.merge(visitor.points);
        self.ranks.merge(visitor.ranks);
    }

    /// Leaves segments that are of something else by these rules: a segment may have got a `per`, or lost it.
    pub(crate) fn leave_segments_of_other_subjects(&mut self, rules: &Ruleset) {
        self.members.retain(|segment| {
            let segment = &rules.segments[usize::from(segment.0)];
            segment.per.is_none() && segment.group.is_none()
        });
        self.keys.leave_segments_of_other_subjects(rules);
    }

    /// Leaves segments that are not of these groups by these rules.
    pub(crate) fn leave_segments_of_other_groups(&mut self, rules: &Ruleset, group: GroupId) {
        self.members.retain(|segment| rules.segments[usize::from(segment.0)].group == Some(group));
    }

    /// Forgets a text that matches had in a field.
    pub(crate) fn forget_text(&mut self, rules: &Ruleset, field: FieldId, text: &str) {
        self.features.forget_text(rules, field, text);
    }

    /// Whether one of these texts is kept of a field that matches had.
    pub(crate) fn has_any_text(&self, rules: &Ruleset, field: FieldId, texts: &SoughtTexts<'_>) -> bool {
        self.features.has_any_text(rules, field, texts)
    }

    /// Takes what was recomputed of the same user. Memberships stay as they are. Returns the instances of keys that are gone.
    pub(crate) fn take_recomputed(&mut self, other: UserProfile, parts: &RecomputedParts) -> Vec<KeyInstance> {
        self.now = self.now.max(other.now);
        // Of each purpose the latest counts, whichever of the two knows it.
        self.consents.unite(other.consents);
        if parts.profile {
            self.ranks = other.ranks;
            (self.first, self.latest) = (other.first, other.latest);
            (self.traits, self.zone, self.dedup) = (other.traits, other.zone, other.dedup);
        } else {
            self.first = self.first.min(other.first);
            self.latest = self.latest.max(other.latest);
            // What was said before the log that is left begins.
            let before = std::mem::replace(&mut self.traits, other.traits);
            self.traits.merge(before);
            self.zone = other.zone.or(self.zone.take());
            self.dedup.unite(&other.dedup);
        }
        self.features.take_recomputed(other.features, parts);
        self.points.take_ledgers(other.points, |ledger| RecomputedParts::has(&parts.ledgers, ledger.0));
        self.keys.take_recomputed(other.keys, parts)
    }

    /// The features that have state, ascending.
    pub fn feature_ids(&self) -> impl Iterator<Item = FeatureId> + '_ {
        self.features.states().iter().map(|(id, _)| *id)
    }

    /// All feature states, ascending by feature.
    pub(crate) fn features(&self) -> &[(FeatureId, FeatureState)] {
        self.features.states()
    }

    /// Writes the feature states, in any format.
    pub(crate) fn write_features<W: StateWriter>(&self, writer: &mut W) {
        self.features.write(writer);
    }

    /// The accepted messageIds.
    pub fn dedup(&self) -> &DedupState {
        &self.dedup
    }

    /// Writes the zone, in any format.
    pub(crate) fn write_zone<W: StateWriter>(&self, writer: &mut W) {
        if let Some((position, zone)) = self.zone.as_deref() {
            writer.record("", 2, |writer| {
                writer.position(*position);
                writer.text("timezone", zone);
            });
        }
    }

    /// Reads the zone.
    pub(crate) fn read_zone<R: StateReader>(&mut self, reader: &mut R) -> Result<(), R::Error> {
        reader.record(2, "a user's zone")?;
        let position = reader.position("a zone's position")?;
        self.zone = Some(Box::new((position, reader.text("a zone's name")?.into())));
        Ok(())
    }

    /// Restores the feature states.
    pub(crate) fn set_features(&mut self, features: FeatureSet) {
        self.features = features;
    }

    /// Restores the accepted messageIds.
    pub(crate) fn set_dedup(&mut self, dedup: DedupState) {
        self.dedup = dedup;
    }
}
