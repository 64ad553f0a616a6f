//! The membership view: the segments of every user, and of their keys, at this moment, for readers that do not wait for the engine.
//!
//! The engine's thread writes it after each batch. A reader may see the change of one user before that of another one in the
//! same batch.

mod keyed;

use std::borrow::Cow;
use std::sync::Arc;

use dashmap::DashMap;
use foldhash::fast::FixedState;

use self::keyed::KeyedMemberships;
use rekindle_core::engine::membership::MembershipSet;
use rekindle_core::partition::{ExecutionPlan, Output, OutputKind, User};
use rekindle_core::route::partition_of;
use rekindle_core::rules::ruleset::{SegmentId, TransitionKind};

/// The number of parts of the view. A page of a segment's users reads complete parts, so more parts make pages cheaper.
const PARTS: usize = 256;

/// What is known of some users, by id.
type UserMap<T> = DashMap<Arc<str>, T, FixedState>;

/// A part of the view: some of the users.
#[derive(Debug)]
struct ViewPart {
    /// The segments of those who are in one.
    members: UserMap<MembershipSet>,
    /// Those of their keys, for users with a key in one; `None`: the rules have no keys.
    keyed: Option<UserMap<KeyedMemberships>>,
}

/// The segments of every user who is in one, or has a key in one, under one set of rules.
#[derive(Debug)]
pub struct MembershipView {
    plan: Arc<ExecutionPlan>,
    /// A user is in the part given by a fixed hash of the id.
    parts: Box<[ViewPart]>,
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
    /// The users, in no particular order.
    pub users: Vec<SegmentMember>,
    /// Where the next page starts; `None`: this is the last one.
    pub next: Option<MembershipCursor>,
}

/// A user of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentMember {
    /// The user's id.
    pub user: Arc<str>,
    /// The user's keys that are in the segment, ascending; none where users are its members.
    pub keys: Vec<Arc<str>>,
}

/// The keys of a user, by segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeysBySegment {
    /// Segments with keys in them, as the rules order them.
    pub segments: Vec<SegmentKeys>,
    /// How many keys more there are.
    pub left_off: usize,
}

/// The keys of a user that are in one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentKeys {
    /// The segment.
    pub segment: String,
    /// The keys, ascending.
    pub keys: Vec<Arc<str>>,
}

impl ViewPart {
    fn new(has_keys: bool) -> ViewPart {
        ViewPart { members: empty_map(), keyed: has_keys.then(empty_map) }
    }

    /// Replaces what is known of a user.
    fn set(&self, id: &Arc<str>, user: Option<&User>) {
        match user.map(|user| &user.profile.members).filter(|members| !members.is_empty()) {
            Some(members) => drop(self.members.insert(Arc::clone(id), members.clone())),
            None => drop(self.members.remove(&**id)),
        }
        let Some(keyed) = &self.keyed else { return };
        match user.map(|user| KeyedMemberships::of(&user.profile.keys)).filter(|keys| !keys.is_empty()) {
            Some(keys) => drop(keyed.insert(Arc::clone(id), keys)),
            None => drop(keyed.remove(&**id)),
        }
    }

    /// Takes a user out of a segment. Only the engine's thread writes, so nothing changes between the two steps.
    fn leave(&self, user: &str, segment: SegmentId) {
        if let Some(mut members) = self.members.get_mut(user) {
            members.set(segment, false);
        }
        self.members.remove_if(user, |_, members| members.is_empty());
    }

    /// The same for a key of the user.
    fn leave_by_key(&self, user: &str, segment: SegmentId, key: &str) {
        let Some(keyed) = &self.keyed else { return };
        if let Some(mut keys) = keyed.get_mut(user) {
            keys.exit(segment, key);
        }
        keyed.remove_if(user, |_, keys| keys.is_empty());
    }

    /// Those of a segment whose ids are above `after`, in the order of their ids.
    fn users_in(&self, segment: SegmentId, is_of_keys: bool, after: &str) -> Vec<SegmentMember> {
        let mut found: Vec<SegmentMember> = match &self.keyed {
            Some(keyed) if is_of_keys => {
                let later = keyed.iter().filter(|user| **user.key() > *after);
                let member = |user: Arc<str>, keys: Vec<_>| (!keys.is_empty()).then_some(SegmentMember { user, keys });
                later.filter_map(|user| member(Arc::clone(user.key()), user.value().keys_in(segment))).collect()
            }
            _ => {
                let is_next = |id: &str, members: &MembershipSet| members.contains(segment) && *id > *after;
                let found = self.members.iter().filter(|user| is_next(user.key(), user.value()));
                found.map(|user| SegmentMember { user: Arc::clone(user.key()), keys: Vec::new() }).collect()
            }
        };
        found.sort_unstable_by(|a, b| a.user.cmp(&b.user));
        found
    }

    fn len(&self) -> usize {
        let by_key_alone = self.keyed.iter().flat_map(|keyed| keyed.iter());
        self.members.len() + by_key_alone.filter(|user| !self.members.contains_key(user.key())).count()
    }
}

fn empty_map<T>() -> UserMap<T> {
    // Two locks each is the minimum; the parts themselves distribute the load.
    DashMap::with_hasher_and_shard_amount(FixedState::default(), 2)
}

impl MembershipView {
    /// The view of these users.
    pub fn new<'u>(plan: Arc<ExecutionPlan>, users: impl Iterator<Item = Cow<'u, User>>) -> MembershipView {
        let has_keys = !plan.rules.pers.is_empty();
        let view = MembershipView { plan, parts: (0..PARTS).map(|_| ViewPart::new(has_keys)).collect() };
        for user in users {
            view.part(&user.id).set(&user.id, Some(&user));
        }
        view
    }

    fn part(&self, user: &str) -> &ViewPart {
        &self.parts[partition_of(user, PARTS)]
    }

    /// Updates the view by outputs of the engine under the same rules.
    pub fn update(&self, outputs: &[Output]) {
        for Output { user, decided, .. } in outputs {
            let part = self.part(user);
            match decided {
                OutputKind::Transition { segment, change: TransitionKind::Enter, key: None, .. } => {
                    part.members.entry(Arc::clone(user)).or_default().set(*segment, true);
                }
                OutputKind::Transition { segment, change: TransitionKind::Exit, key: None, .. } => {
                    part.leave(user, *segment);
                }
                OutputKind::Transition { segment, change: TransitionKind::Enter, key: Some(key), .. } => {
                    let keyed = part.keyed.as_ref();
                    keyed.into_iter().for_each(|keyed| keyed.entry(Arc::clone(user)).or_default().enter(*segment, key));
                }
                OutputKind::Transition { segment, change: TransitionKind::Exit, key: Some(key), .. } => {
                    part.leave_by_key(user, *segment, key);
                }
                OutputKind::Merged { from } => self.part(from).set(from, None),
                // The view is about users.
                OutputKind::GroupTransition { .. }
                | OutputKind::Decision(_)
                | OutputKind::Points(_)
                | OutputKind::GoalOutcome(_)
                | OutputKind::Shared(_)
                | OutputKind::Weights(_)
                | OutputKind::Budget(_) => {}
            }
        }
    }

    /// Replaces what is known of a user.
    pub fn set(&self, id: &Arc<str>, user: Option<&User>) {
        self.part(id).set(id, user);
    }

    /// The segments of a user, in the order of the rules; none for an unknown user.
    pub fn segments_of(&self, user: &str) -> Vec<String> {
        let Some(members) = self.part(user).members.get(user) else { return Vec::new() };
        members.iter().map(|id| self.plan.rules.segments[usize::from(id.0)].id.clone()).collect()
    }

    /// The segments that keys of a user are in, with at most `limit` keys in all.
    pub fn keys_of(&self, user: &str, limit: usize) -> KeysBySegment {
        let Some(keyed) = &self.part(user).keyed else { return KeysBySegment::default() };
        let Some(memberships) = keyed.get(user) else { return KeysBySegment::default() };
        let all = memberships.as_slice();
        let shown = &all[..limit.min(all.len())];
        let by_segment = shown.chunk_by(|a, b| a.segment == b.segment).map(|group| SegmentKeys {
            segment: self.plan.rules.segments[usize::from(group[0].segment.0)].id.clone(),
            keys: group.iter().map(|membership| Arc::clone(&membership.key)).collect(),
        });
        KeysBySegment { segments: by_segment.collect(), left_off: all.len() - shown.len() }
    }

    /// A page of a segment's users, with `limit` (at least 1) of them if there are as many; `None`: there is no such segment.
    ///
    /// Of a segment with `per`, with as many users as have no more than `limit` keys in it together, but with at least one.
    pub fn users_in(&self, segment: &str, from: &MembershipCursor, limit: usize) -> Option<MembershipPage> {
        let at = self.plan.rules.segments.iter().position(|other| other.id == segment)?;
        let is_of_keys = self.plan.rules.segments[at].per.is_some();
        let segment = SegmentId(u16::try_from(at).ok()?);
        let (mut users, mut room) = (Vec::new(), limit.max(1));
        let mut after: Arc<str> = from.after.as_str().into();
        for (index, part) in self.parts.iter().enumerate().skip(from.part) {
            for member in part.users_in(segment, is_of_keys, &after) {
                let size = member.keys.len().max(1);
                if size > room && !users.is_empty() {
                    let next = MembershipCursor { part: index, after: after.to_string() };
                    return Some(MembershipPage { users, next: Some(next) });
                }
                room = room.saturating_sub(size);
                after = Arc::clone(&member.user);
                users.push(member);
            }
            after = "".into();
        }
        Some(MembershipPage { users, next: None })
    }

    /// The number of users in any segment, by themselves or with a key.
    pub fn len(&self) -> usize {
        self.parts.iter().map(ViewPart::len).sum()
    }

    /// Whether no user is in any segment.
    pub fn is_empty(&self) -> bool {
        let has_keys = |part: &ViewPart| part.keyed.as_ref().is_some_and(|keyed| !keyed.is_empty());
        self.parts.iter().all(|part| part.members.is_empty() && !has_keys(part))
    }
}

#[cfg(test)]
mod tests;
