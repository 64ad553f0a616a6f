//! The segments that the keys of one user are in.

use std::sync::Arc;

use rekindle_core::engine::instances::KeyInstances;
use rekindle_core::rules::ruleset::SegmentId;

/// A key that is in a segment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KeyedMembership {
    pub(super) segment: SegmentId,
    pub(super) key: Arc<str>,
}

/// All of them of one user, ascending by segment, then by key; none is there twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct KeyedMemberships(Vec<KeyedMembership>);

impl KeyedMemberships {
    /// Those of some instances.
    pub(super) fn of(keys: &KeyInstances) -> KeyedMemberships {
        let mut all = Vec::new();
        for instance in keys.iter() {
            let membership = |segment| KeyedMembership { segment, key: Arc::clone(&instance.key) };
            all.extend(instance.members.iter().map(membership));
        }
        all.sort_unstable();
        KeyedMemberships(all)
    }

    /// Puts a key in a segment.
    pub(super) fn enter(&mut self, segment: SegmentId, key: &Arc<str>) {
        if let Err(at) = self.find(segment, key) {
            self.0.insert(at, KeyedMembership { segment, key: Arc::clone(key) });
        }
    }

    /// Takes a key out of a segment.
    pub(super) fn exit(&mut self, segment: SegmentId, key: &str) {
        if let Ok(at) = self.find(segment, key) {
            self.0.remove(at);
        }
    }

    /// The keys in a segment.
    pub(super) fn keys_in(&self, segment: SegmentId) -> Vec<Arc<str>> {
        let start = self.0.partition_point(|other| other.segment < segment);
        let here = self.0[start..].iter().take_while(|other| other.segment == segment);
        here.map(|membership| Arc::clone(&membership.key)).collect()
    }

    /// All, in order.
    pub(super) fn as_slice(&self) -> &[KeyedMembership] {
        &self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn find(&self, segment: SegmentId, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|other| (other.segment, &*other.key).cmp(&(segment, key)))
    }
}
