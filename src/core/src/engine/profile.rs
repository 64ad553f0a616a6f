//! A user's profile: all state but that of campaigns and growth numbers.

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::dedup::DedupState;
use super::feature_state::{FeatureState, LastValue};
use super::membership::MembershipSet;
use super::traits::UserTraits;
use super::window::{Aggregate as _, DecimalSum, DistinctPanes, EventCount, Maximum, Minimum, Panes};
use crate::encoding::{StateReader, StateWriter};
use crate::event::{CallType, Event, FieldId, Scalar, TraitId};
use crate::rules::ruleset::{Feature, FeatureId, FeatureKind, Ruleset, Window};
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
    /// The `context.timezone` that arrived last, with the log position it arrived at.
    pub zone: Option<(u64, Box<str>)>,
    /// Feature cells, ascending by feature.
    features: Vec<(FeatureId, FeatureState)>,
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
            zone: None,
            features: Vec::new(),
            dedup: DedupState::default(),
        }
    }

    /// The bytes it takes on the heap.
    pub fn heap_bytes(&self) -> usize {
        let features = self.features.iter().map(|(_, state)| state.heap_bytes()).sum::<usize>();
        self.members.heap_bytes()
            + self.traits.heap_bytes()
            + self.zone.as_ref().map_or(0, |(_, zone)| zone.len())
            + self.features.capacity() * size_of::<(FeatureId, FeatureState)>()
            + features
            + self.dedup.heap_bytes()
    }

    /// Whether a messageId was accepted within `window` before `now`.
    pub fn is_duplicate(&self, message_id: &str, now: Timestamp, window: Span) -> bool {
        !self.dedup.is_empty() && self.dedup.contains(xxh3_64(message_id.as_bytes()), now, window)
    }

    /// Adds an event at its own time: to the first and latest times, the messageIds, the traits and the zone. Its
    /// features are added by [`record_feature`](UserProfile::record_feature).
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
        if let Some(field) = rules.projection.timezone_field
            && let Some(Scalar::Text(zone)) = field_value(&arrival.event.fields, field)
        {
            self.zone = Some((arrival.position, zone.as_ref().into()));
        }
    }

    /// Adds an event to one feature.
    pub fn record_feature(&mut self, id: FeatureId, feature: &Feature, arrival: ProfileUpdate<'_, '_>) {
        let now = self.now;
        let number = |field| match field_value(&arrival.event.fields, field) {
            Some(Scalar::Number(number)) => Some(*number),
            _ => None,
        };
        match feature.kind {
            FeatureKind::WindowCount(window) => self.add_count(id, &window, arrival.ts),
            FeatureKind::WindowNumericCount(field, window) => {
                if number(field).is_some() {
                    self.add_count(id, &window, arrival.ts);
                }
            }
            FeatureKind::WindowSum(field, window) => {
                let Some(number) = number(field) else { return };
                if let FeatureState::Sums(panes) = self.state_mut(id, || FeatureState::Sums(Panes::default())) {
                    panes.add(&window, window.pane_of(arrival.ts.0), now, DecimalSum::from(number));
                }
            }
            FeatureKind::WindowMin(field, window) => {
                let Some(number) = number(field) else { return };
                if let FeatureState::Minimum(panes) = self.state_mut(id, || FeatureState::Minimum(Panes::default())) {
                    panes.add(&window, window.pane_of(arrival.ts.0), now, Minimum(number));
                }
            }
            FeatureKind::WindowMax(field, window) => {
                let Some(number) = number(field) else { return };
                if let FeatureState::Maximum(panes) = self.state_mut(id, || FeatureState::Maximum(Panes::default())) {
                    panes.add(&window, window.pane_of(arrival.ts.0), now, Maximum(number));
                }
            }
            FeatureKind::WindowDistinct(field, window) => {
                let hash = field_value(&arrival.event.fields, field).and_then(distinct_hash);
                let Some(hash) = hash else { return };
                if let FeatureState::Distinct(panes) =
                    self.state_mut(id, || FeatureState::Distinct(DistinctPanes::default()))
                {
                    panes.add(&window, window.pane_of(arrival.ts.0), now, hash);
                }
            }
            FeatureKind::TotalCount => {
                if let FeatureState::Count(count) = self.state_mut(id, || FeatureState::Count(EventCount(0))) {
                    count.add(EventCount(1));
                }
            }
            FeatureKind::TotalSum(field) => {
                let Some(number) = number(field) else { return };
                if let FeatureState::Sum(sum) = self.state_mut(id, || FeatureState::Sum(Box::new(DecimalSum(0)))) {
                    sum.add(DecimalSum::from(number));
                }
            }
            FeatureKind::LastValue(field) => {
                if let Some(value) = field_value(&arrival.event.fields, field) {
                    let last =
                        LastValue { at: arrival.ts, position: arrival.position, value: value.clone().into_owned() };
                    self.keep_last(id, last);
                }
            }
            FeatureKind::LatestTime => {
                if let FeatureState::Latest(latest) = self.state_mut(id, || FeatureState::Latest(arrival.ts)) {
                    *latest = arrival.ts.max(*latest);
                }
            }
        }
    }

    fn add_count(&mut self, id: FeatureId, window: &Window, ts: Timestamp) {
        let now = self.now;
        if let FeatureState::Counts(panes) = self.state_mut(id, || FeatureState::Counts(Panes::default())) {
            panes.add(window, window.pane_of(ts.0), now, EventCount(1));
        }
    }

    fn keep_last(&mut self, id: FeatureId, last: LastValue) {
        match self.state_mut(id, || FeatureState::Last(Box::new(last.clone()))) {
            FeatureState::Last(held) if (last.at, last.position) >= (held.at, held.position) => **held = last,
            _ => {}
        }
    }

    /// A feature's memory, where it has any.
    pub fn feature(&self, id: FeatureId) -> Option<&FeatureState> {
        self.features.binary_search_by_key(&id, |(other, _)| *other).ok().map(|at| &self.features[at].1)
    }

    fn state_mut(&mut self, id: FeatureId, empty: impl FnOnce() -> FeatureState) -> &mut FeatureState {
        let at = self.features.binary_search_by_key(&id, |(other, _)| *other).unwrap_or_else(|at| {
            self.features.insert(at, (id, empty()));
            at
        });
        &mut self.features[at].1
    }

    /// The value of a trait.
    pub fn trait_value(&self, id: TraitId) -> Option<&Scalar<'static>> {
        self.traits.value(id)
    }

    /// Frees what time has made worthless at the user's clock: panes that left their window, messageIds out of the
    /// dedup window. Changes no answer.
    pub fn tidy(&mut self, rules: &Ruleset) {
        let now = self.now;
        self.dedup.forget(now, rules.dedup_window);
        self.features.retain_mut(|(id, state)| match rules.features[usize::from(id.0)].kind.window() {
            Some(window) => state.expire(&window, now),
            None => true,
        });
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
        self.zone = self.zone.take().into_iter().chain(visitor.zone).max_by_key(|zone| zone.0);
        self.dedup.merge(visitor.dedup);
        for (id, state) in visitor.features {
            self.merge_feature(id, state);
        }
    }

    fn merge_feature(&mut self, id: FeatureId, theirs: FeatureState) {
        let Ok(at) = self.features.binary_search_by_key(&id, |(other, _)| *other) else {
            self.state_mut(id, || theirs);
            return;
        };
        self.features[at].1.merge(theirs);
    }

    /// All feature states, ascending by feature.
    pub fn features(&self) -> &[(FeatureId, FeatureState)] {
        &self.features
    }

    /// The accepted messageIds.
    pub fn dedup(&self) -> &DedupState {
        &self.dedup
    }

    /// Writes the zone, in any format.
    pub(crate) fn write_zone<W: StateWriter>(&self, writer: &mut W) {
        if let Some((position, zone)) = &self.zone {
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
        self.zone = Some((position, reader.text("a zone's name")?.into()));
        Ok(())
    }

    /// Restores the feature states, ascending by feature.
    pub(crate) fn set_features(&mut self, features: Vec<(FeatureId, FeatureState)>) {
        self.features = features;
    }

    /// Restores the accepted messageIds.
    pub(crate) fn set_dedup(&mut self, dedup: DedupState) {
        self.dedup = dedup;
    }

    /// Puts back what [`features`](UserProfile::features) and [`dedup`](UserProfile::dedup) gave.
    pub fn restore(&mut self, features: Vec<(FeatureId, FeatureState)>, dedup: DedupState) {
        self.features = features;
        self.dedup = dedup;
    }
}

/// The value an event has in a field.
pub fn field_value<'f, 'a>(fields: &'f [(FieldId, Scalar<'a>)], id: FieldId) -> Option<&'f Scalar<'a>> {
    fields.iter().find(|(other, _)| *other == id).map(|(_, value)| value)
}

/// What tells one value from another in `distinct`: strings and numbers only. Stored, so its hash is fixed for good.
fn distinct_hash(value: &Scalar<'_>) -> Option<u64> {
    let mut hasher = Xxh3::new();
    match value {
        Scalar::Text(text) => {
            hasher.update(b"s");
            hasher.update(text.as_bytes());
        }
        Scalar::Number(number) => {
            hasher.update(b"n");
            hasher.update(&number.millionths().to_le_bytes());
        }
        Scalar::Bool(_) | Scalar::Json(_) => return None,
    }
    Some(hasher.digest())
}
