//! Sets of segments, also of more than one word of bits.

use std::collections::BTreeSet;

use crate::engine::dispatch::SegmentSet;
use crate::engine::membership::MembershipSet;
use crate::rules::ruleset::SegmentId;
use crate::testing::{Story, segments};
use proptest::prelude::*;

fn set(ids: &BTreeSet<u16>) -> SegmentSet {
    let mut set = SegmentSet::default();
    ids.iter().for_each(|id| set.insert(SegmentId(*id)));
    set
}

fn walk(set: &SegmentSet) -> Vec<u16> {
    let mut from = 0;
    std::iter::from_fn(|| {
        let id = set.next_from(from)?.0;
        from = id + 1;
        Some(id)
    })
    .collect()
}

#[test]
fn a_hundred_and_thirty_segments_are_entered_and_left_in_order() {
    let ids: Vec<(String, String)> =
        (0..130).map(|index| (format!("s{index}"), format!("since(view) >= duration('{}ms')", index + 1))).collect();
    let rules: Vec<(&str, &str)> = ids.iter().map(|(id, when)| (id.as_str(), when.as_str())).collect();
    let mut story = Story::under(&segments(&rules));
    story.track(0, "View", "").wait(1_000);
    let entered: Vec<String> = (0..130).map(|index| format!("{} enter s{index}", index + 1)).collect();
    assert_eq!(story.told(), entered);
    assert_eq!(story.user().profile.members.iter().count(), 130);
    assert_eq!(story.partition.counts().sizes, [1; 130]);
    story.track(1_000, "View", "");
    let left: Vec<String> = (0..130).map(|index| format!("1000 exit s{index}")).collect();
    assert_eq!(story.told(), left);
    assert_eq!(story.partition.counts().sizes, [0; 130]);
}

proptest! {
    #[test]
    fn segment_sets_are_sets(
        a in prop::collection::btree_set(0u16..300, 0..40),
        b in prop::collection::btree_set(0u16..300, 0..40),
    ) {
        let mut both = set(&a);
        both.extend(&set(&b));
        prop_assert_eq!(walk(&both), a.union(&b).copied().collect::<Vec<_>>());
        prop_assert!(both.contains_all(&set(&a)) && both.contains_all(&set(&b)));
        prop_assert_eq!(set(&a).contains_all(&set(&b)), b.is_subset(&a));
        for from in 0..301 {
            prop_assert_eq!(set(&a).next_from(from).map(|id| id.0), a.range(from..).next().copied());
        }
        both.clear();
        prop_assert_eq!(walk(&both), Vec::<u16>::new());
    }

    #[test]
    fn members_are_a_set(changes in prop::collection::vec((0u16..300, any::<bool>()), 0..80)) {
        let (mut members, mut expected) = (MembershipSet::default(), BTreeSet::new());
        for (id, member) in changes {
            members.set(SegmentId(id), member);
            if member { expected.insert(id) } else { expected.remove(&id) };
            prop_assert_eq!(members.contains(SegmentId(id)), member);
        }
        prop_assert_eq!(members.iter().map(|id| id.0).collect::<BTreeSet<_>>(), expected);
    }
}
