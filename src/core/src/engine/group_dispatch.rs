//! What the matches of a group can change, worked out once per rules file (semantics §17).

use crate::event::FieldId;
use crate::rules::ruleset::{FeatureId, GroupId, NameId, Ruleset, SegmentId, TransitionKind};

/// One `[groups.G]`, indexed by what sets its parts off.
#[derive(Clone, Debug)]
pub struct GroupDispatch {
    /// By name: the features that it feeds, by name and by second name.
    features: Vec<[Vec<FeatureId>; 2]>,
    /// By name: the values of a match that these read.
    reads: Vec<Vec<FieldId>>,
    /// The segments of these groups, in file order.
    segments: Vec<SegmentId>,
    /// What is told at which change, in file order of names.
    notices: Vec<(SegmentId, TransitionKind, NameId)>,
}

impl GroupDispatch {
    pub(super) fn new(rules: &Ruleset, id: GroupId) -> GroupDispatch {
        let mut features: Vec<[Vec<FeatureId>; 2]> = vec![Default::default(); rules.names.len()];
        let mut reads: Vec<Vec<FieldId>> = vec![Vec::new(); rules.names.len()];
        for (number, feature) in rules.features_of(None, Some(id)) {
            for (name, is_second) in feature.name().into_iter().zip([0]).chain(feature.second.into_iter().zip([1])) {
                features[usize::from(name.0)][is_second].push(number);
                reads[usize::from(name.0)].extend(feature.kind.fields());
            }
        }
        for fields in &mut reads {
            fields.sort_unstable();
            fields.dedup();
        }
        let segments = (0..).map(SegmentId).zip(&rules.segments).filter(|(_, segment)| segment.group == Some(id));
        let names = (0..).map(NameId).zip(&rules.names);
        let told = names.filter_map(|(name, definition)| Some((name, definition.notice.as_ref()?)));
        GroupDispatch {
            features,
            reads,
            segments: segments.map(|(id, _)| id).collect(),
            notices: told
                .filter(|(_, notice)| notice.group == id)
                .map(|(name, notice)| (notice.segment, notice.change, name))
                .collect(),
        }
    }

    /// The features of a group that a match of this name feeds: those by name, and those whose second name it is.
    pub fn features(&self, name: NameId) -> &[Vec<FeatureId>; 2] {
        &self.features[usize::from(name.0)]
    }

    /// The values of a match of this name that the features of a group read.
    pub fn reads(&self, name: NameId) -> &[FieldId] {
        &self.reads[usize::from(name.0)]
    }

    /// The segments of a group, in file order.
    pub fn segments(&self) -> &[SegmentId] {
        &self.segments
    }

    /// The names that are told at this change, in file order.
    pub fn notices(&self, segment: SegmentId, change: TransitionKind) -> impl Iterator<Item = NameId> {
        let told = self.notices.iter().filter(move |(of, kind, _)| (*of, *kind) == (segment, change));
        told.map(|(.., name)| *name)
    }
}
