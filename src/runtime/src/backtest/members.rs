//! Who is in which segment at the end, by two rule sets.

use std::collections::{BTreeMap, BTreeSet};

use super::names::{RulesSide, SharedNames};
use super::people::PeopleSample;
use super::report::MembersComparison;
use crate::pipeline::Pipeline;
use rekindle_core::partition::User;

/// Who is in a segment.
#[derive(Default)]
pub(super) struct MemberCounts {
    both: u64,
    only_new: u64,
    only_old: u64,
    people_only_new: PeopleSample<()>,
    people_only_old: PeopleSample<()>,
}

/// Counts a person who is in some segments by the new and by the old rules.
fn count_members(counts: &mut BTreeMap<u16, MemberCounts>, id: &str, [new, old]: &[BTreeSet<u16>; 2]) {
    for segment in new {
        let counts = counts.entry(*segment).or_default();
        if old.contains(segment) {
            counts.both += 1;
        } else {
            counts.only_new += 1;
            counts.people_only_new.add(id, || ());
        }
    }
    for segment in old.difference(new) {
        let counts = counts.entry(*segment).or_default();
        counts.only_old += 1;
        counts.people_only_old.add(id, || ());
    }
}

impl MemberCounts {
    pub(super) fn into_result(self) -> MembersComparison {
        let users = |sample: PeopleSample<()>| sample.into_people().map(|(user, ())| user).collect();
        MembersComparison {
            both: self.both,
            only_new: self.only_new,
            only_old: self.only_old,
            people_only_new: users(self.people_only_new),
            people_only_old: users(self.people_only_old),
        }
    }
}

/// Who is in which segment at the end.
pub(super) fn members(names: &SharedNames, pipelines: &[&Pipeline]) -> BTreeMap<u16, MemberCounts> {
    let mut counts: BTreeMap<u16, MemberCounts> = BTreeMap::new();
    let &[new, old] = pipelines else { return counts };
    for user in new.users() {
        let mut segments = [segments_of(names, RulesSide::New, &user), BTreeSet::new()];
        if let Some(user) = old.user(&user.id) {
            segments[1] = segments_of(names, RulesSide::Old, &user);
        }
        count_members(&mut counts, &user.id, &segments);
    }
    // Who has state by the old rules only has expired by the new ones, which have other timers.
    for user in old.users().filter(|user| new.user(&user.id).is_none()) {
        let segments = [BTreeSet::new(), segments_of(names, RulesSide::Old, &user)];
        count_members(&mut counts, &user.id, &segments);
    }
    counts
}

fn segments_of(names: &SharedNames, side: RulesSide, user: &User) -> BTreeSet<u16> {
    user.memberships().map(|segment| names.segments.number(side, segment.0)).collect()
}
