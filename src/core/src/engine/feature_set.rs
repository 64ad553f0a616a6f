//! The states of features of one subject: a user, or an instance of a key.

use super::recomputed::RecomputedParts;
use crate::encoding::{KeySpace, StateReader, StateWriter};
use crate::event::FieldId;
use crate::features::{FeatureClock, FeatureInput, FeatureKind, FeatureState, SoughtTexts};
use crate::rules::ruleset::{Feature, FeatureId, Ruleset};

/// A format that feature states are read from.
pub(crate) trait FeatureLookup {
    /// The kind of a feature, in a format that needs the rules to tell.
    fn feature_kind(&self, id: FeatureId) -> Option<FeatureKind>;
}

/// Feature states, ascending by feature. What a subject never did takes no room: a feature has a state only once something
/// was recorded in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct FeatureSet(Vec<(FeatureId, FeatureState)>);

impl FeatureSet {
    /// Adds a match to the features that it feeds: those whose second name it is, then those by name. Where both names are the
    /// same, it does not follow itself.
    pub(crate) fn record_match(
        &mut self,
        rules: &Ruleset,
        [by_name, by_second_name]: [&[FeatureId]; 2],
        input: &FeatureInput<'_, '_>,
    ) {
        let second = FeatureInput { is_second: true, ..*input };
        for id in by_second_name {
            self.record(*id, &rules.features[usize::from(id.0)], &second);
        }
        for id in by_name {
            self.record(*id, &rules.features[usize::from(id.0)], input);
        }
    }

    /// Adds a match to one feature. A match of a feature's second name changes nothing before one of its first.
    fn record(&mut self, id: FeatureId, feature: &Feature, input: &FeatureInput<'_, '_>) {
        if input.is_second && self.get(id).is_none() {
            return;
        }
        feature.kind.record(input, |empty| self.state_mut(id, empty));
    }

    /// A feature's state, where it has any.
    pub(crate) fn get(&self, id: FeatureId) -> Option<&FeatureState> {
        self.0.binary_search_by_key(&id, |(other, _)| *other).ok().map(|at| &self.0[at].1)
    }

    fn state_mut(&mut self, id: FeatureId, empty: impl FnOnce() -> FeatureState) -> &mut FeatureState {
        let at = self.0.binary_search_by_key(&id, |(other, _)| *other).unwrap_or_else(|at| {
            self.0.insert(at, (id, empty()));
            at
        });
        &mut self.0[at].1
    }

    /// Frees what has left its window.
    pub(crate) fn expire(&mut self, rules: &Ruleset, clock: FeatureClock<'_>) {
        self.0.retain_mut(|(id, state)| rules.features[usize::from(id.0)].kind.expire(state, clock));
    }

    /// Forgets a text that matches had in a field.
    pub(crate) fn forget_text(&mut self, rules: &Ruleset, field: FieldId, text: &str) {
        self.0.retain_mut(|(id, state)| {
            let reads = rules.features[usize::from(id.0)].kind.fields().contains(&field);
            !reads || state.forget_text(text)
        });
    }

    /// Whether any of those that read a field keeps one of these texts.
    pub(crate) fn has_any_text(&self, rules: &Ruleset, field: FieldId, texts: &SoughtTexts<'_>) -> bool {
        let reads = |id: &FeatureId| rules.features[usize::from(id.0)].kind.fields().contains(&field);
        self.0.iter().any(|(id, state)| reads(id) && state.has_any_text(texts))
    }

    /// Merges those of another subject.
    pub(crate) fn merge(&mut self, other: FeatureSet) {
        for (id, theirs) in other.0 {
            match self.0.binary_search_by_key(&id, |(ours, _)| *ours) {
                Ok(at) => self.0[at].1.merge(theirs),
                Err(at) => self.0.insert(at, (id, theirs)),
            }
        }
    }

    /// Takes from other states of the same subject those of the features that were recomputed.
    pub(crate) fn take_recomputed(&mut self, other: FeatureSet, parts: &RecomputedParts) {
        let is_recomputed = |id: FeatureId| RecomputedParts::has(&parts.features, id.0);
        self.0.retain(|(id, _)| !is_recomputed(*id));
        self.0.extend(other.0.into_iter().filter(|(id, _)| is_recomputed(*id)));
        self.0.sort_unstable_by_key(|(id, _)| *id);
    }

    /// All states, ascending by feature.
    pub(crate) fn states(&self) -> &[(FeatureId, FeatureState)] {
        &self.0
    }

    /// The bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let states = self.0.iter().map(|(_, state)| state.heap_bytes()).sum::<usize>();
        self.0.capacity() * size_of::<(FeatureId, FeatureState)>() + states
    }

    /// Writes them, in any format.
    pub(crate) fn write<W: StateWriter>(&self, writer: &mut W) {
        let states = self.0.iter().map(|(id, state)| (id.0, state));
        writer.map("features", KeySpace::Features, states, |writer, state| state.write(writer));
    }

    /// Reads the states of features that the current rules have.
    pub(crate) fn read<R: StateReader + FeatureLookup>(reader: &mut R) -> Result<FeatureSet, R::Error> {
        let states = reader.map(KeySpace::Features, "the features", |reader, id| {
            let kind = reader.feature_kind(FeatureId(id));
            Ok((FeatureId(id), FeatureState::read(kind.as_ref(), reader)?))
        })?;
        Ok(FeatureSet(states))
    }
}
