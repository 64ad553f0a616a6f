//! The membership view: the segments of every user at this moment, for readers that do not wait for the engine.
//!
//! The engine's thread writes it after each batch. A reader may see the change of one user before that of another one in the
//! same batch.

use std::borrow::Cow;
use std::sync::Arc;

use dashmap::DashMap;
use foldhash::fast::FixedState;

use rekindle_core::engine::membership::MembershipSet;
use rekindle_core::partition::{ExecutionPlan, Output, OutputKind, User};
use rekindle_core::route::partition_of;
use rekindle_core::rules::ruleset::{SegmentId, TransitionKind};

/// The number of parts of the view. A page of a segment's users reads complete parts, so more parts make pages cheaper.
const PARTS: usize = 256;

/// A part of the view: some of the users, by id.
type ViewShard = DashMap<Arc<str>, MembershipSet, FixedState>;

/// The segments of every user who is in one, under one set of rules.
#[derive(Debug)]
pub struct MembershipView {
    plan: Arc<ExecutionPlan>,
    /// A user is in the part given by a fixed hash of the id.
    parts: Box<[ViewShard]>,
}

/// The end of a page of a segment's users. Users who stay in the segment while it is read page by page are returned exactly
/// once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembershipCursor {
    /// The part of the view.
    pub part: usize,
    /// The last user of it that was returned; empty: none yet.
    pub after: String,
}

/// Some of a segment's users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembershipPage {
    /// Their ids, in no particular order.
    pub users: Vec<Arc<str>>,
    /// Where the next page starts; `None`: this is the last one.
    pub next: Option<MembershipCursor>,
}

impl MembershipView {
    /// The view of these users.
    pub fn new<'u>(plan: Arc<ExecutionPlan>, users: impl Iterator<Item = Cow<'u, User>>) -> MembershipView {
        // Two locks each is the minimum; the parts themselves distribute the load.
        let part = |_| DashMap::with_hasher_and_shard_amount(FixedState::default(), 2);
        let view = MembershipView { plan, parts: (0..PARTS).map(part).collect() };
        for user in users.filter(|user| user.profile.members.iter().next().is_some()) {
            view.part(&user.id).insert(Arc::clone(&user.id), user.profile.members.clone());
        }
        view
    }

    fn part(&self, user: &str) -> &ViewShard {
        &self.parts[partition_of(user, PARTS)]
    }

    /// Updates the view by outputs of the engine under the same rules.
    pub fn update(&self, outputs: &[Output]) {
        for output in outputs {
            match &output.decided {
                OutputKind::Transition { key: Some(_), .. } => {}
                OutputKind::Transition { segment, change: TransitionKind::Enter, .. } => {
                    self.part(&output.user).entry(Arc::clone(&output.user)).or_default().set(*segment, true);
                }
                OutputKind::Transition { segment, change: TransitionKind::Exit, .. } => {
                    self.leave(&output.user, *segment)
                }
                OutputKind::Merged { from } => {
                    self.part(from).remove(from);
                }
                OutputKind::Decision { .. } => {}
            }
        }
    }

    /// Replaces the segments of a user.
    pub fn set(&self, user: &Arc<str>, members: Option<&MembershipSet>) {
        match members.filter(|members| members.iter().next().is_some()) {
            Some(members) => drop(self.part(user).insert(Arc::clone(user), members.clone())),
            None => drop(self.part(user).remove(&**user)),
        }
    }

    fn leave(&self, user: &str, segment: SegmentId) {
        let part = self.part(user);
        if let Some(mut members) = part.get_mut(user) {
            members.set(segment, false);
        }
        // Only the engine's thread writes, so nothing changes between these two steps.
        part.remove_if(user, |_, members| members.iter().next().is_none());
    }

    /// The segments of a user, in the order of the rules; none for an unknown user.
    pub fn segments_of(&self, user: &str) -> Vec<String> {
        let Some(members) = self.part(user).get(user) else { return Vec::new() };
        members.iter().map(|id| self.plan.rules.segments[usize::from(id.0)].id.clone()).collect()
    }

    /// A page of a segment's users, with `limit` (at least 1) of them if there are as many; `None`: there is no such segment.
    pub fn users_in(&self, segment: &str, from: &MembershipCursor, limit: usize) -> Option<MembershipPage> {
        let at = self.plan.rules.segments.iter().position(|other| other.id == segment)?;
        let segment = SegmentId(u16::try_from(at).ok()?);
        let mut users: Vec<Arc<str>> = Vec::new();
        let mut after = from.after.as_str();
        for (index, part) in self.parts.iter().enumerate().skip(from.part) {
            let is_next = |id: &str, members: &MembershipSet| members.contains(segment) && *id > *after;
            let found = part.iter().filter(|user| is_next(user.key(), user.value()));
            let mut found: Vec<Arc<str>> = found.map(|user| Arc::clone(user.key())).collect();
            found.sort_unstable();
            let room = limit.max(1) - users.len();
            if found.len() > room {
                found.truncate(room);
                let after = found.last().map_or(after, |id| id).to_owned();
                users.append(&mut found);
                return Some(MembershipPage { users, next: Some(MembershipCursor { part: index, after }) });
            }
            users.append(&mut found);
            after = "";
        }
        Some(MembershipPage { users, next: None })
    }

    /// The number of users in any segment.
    pub fn len(&self) -> usize {
        self.parts.iter().map(DashMap::len).sum()
    }

    /// Whether no user is in any segment.
    pub fn is_empty(&self) -> bool {
        self.parts.iter().all(DashMap::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rekindle_core::partition::Cause;
    use rekindle_core::rules;
    use rekindle_core::time::Timestamp;

    fn view() -> MembershipView {
        let text = "[events]\na = 'A'\n[[segments]]\nid = 's'\nwhen = 'total(a) > 0'\n[[segments]]\nid = 't'\nwhen = 'total(a) > 1'\n";
        let rules = rules::compile(text).unwrap_or_else(|_| unreachable!("the rules have no mistake"));
        MembershipView::new(Arc::new(ExecutionPlan::new(rules)), std::iter::empty())
    }

    fn output(user: &str, decided: OutputKind) -> Output {
        Output { at: Timestamp(0), user: user.into(), position: 0, decided }
    }

    fn change(user: &str, segment: u16, change: TransitionKind) -> Output {
        output(user, OutputKind::Transition { segment: SegmentId(segment), change, key: None, cause: Cause::Time })
    }

    #[test]
    fn the_view_has_the_segments_of_every_user() {
        let view = view();
        view.update(&[
            change("u", 1, TransitionKind::Enter),
            change("u", 0, TransitionKind::Enter),
            change("v", 0, TransitionKind::Enter),
        ]);
        assert_eq!((view.segments_of("u"), view.len()), (vec!["s".to_owned(), "t".to_owned()], 2));
        view.update(&[change("u", 0, TransitionKind::Exit), change("v", 0, TransitionKind::Exit)]);
        assert_eq!((view.segments_of("u"), view.segments_of("v"), view.len()), (vec!["t".to_owned()], vec![], 1));
        view.update(&[output("w", OutputKind::Merged { from: "u".into() })]);
        assert!(view.is_empty());
        view.update(&[change("u", 1, TransitionKind::Enter)]);
        let mut members = MembershipSet::default();
        view.set(&"u".into(), Some(&members));
        assert!(view.is_empty(), "a user in no segment is not stored");
        members.set(SegmentId(0), true);
        view.set(&"u".into(), Some(&members));
        assert_eq!(view.segments_of("u"), ["s"]);
        view.set(&"u".into(), None);
        assert!(view.is_empty());
    }

    #[test]
    fn pages_return_every_user_of_the_segment_once() {
        let view = view();
        for user in 0..1_000 {
            view.update(&[change(&format!("u{user}"), user % 2, TransitionKind::Enter)]);
        }
        for limit in [1, 3, 100, 499, 500, 501] {
            let mut from = MembershipCursor { part: 0, after: String::new() };
            let mut all: Vec<String> = Vec::new();
            loop {
                let page = view.users_in("t", &from, limit).expect("a segment");
                assert!(page.users.len() <= limit);
                all.extend(page.users.iter().map(|user| user.to_string()));
                match page.next {
                    Some(next) => from = next,
                    None => break,
                }
            }
            all.sort();
            let mut expected: Vec<String> = (0..500).map(|n| format!("u{}", n * 2 + 1)).collect();
            expected.sort();
            assert_eq!(all, expected, "limit {limit}");
        }
        assert_eq!(view.users_in("nothing", &MembershipCursor { part: 0, after: String::new() }, 1), None);
    }
}
