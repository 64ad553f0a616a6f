//! The naive oracle: what the journal of a log should be, found by brute force.
//!
//! Written from the semantics alone and sharing no code with the crate. It keeps every user's plain list of accepted
//! events and re-scans all of it for every evaluation. To find what time alone changes, it collects every instant at
//! which anything could change and evaluates at each of them. It is slow on purpose: there is nothing in it to get
//! subtly wrong, no pane ring, no timer, no partition.
//!
//! It trusts its input more than the engine may: rules that do not parse make it panic, as do rules that the engine
//! would refuse for a wrong type it cares about.

mod campaign;
pub mod compare;
mod evaluate;
mod expression;
mod instants;
mod log;
mod rules;
mod syntax;
mod user;
mod value;

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use log::{Call, CallType};
use rules::Rules;
use user::User;

/// Before every event.
const BEGINNING: i64 = i64::MIN / 4;

/// The journal of a log, in order per user; between users the order means nothing.
///
/// `events_jsonl`: one call, or batch of calls, per line. `until_ms` and `max_disorder_ms`: as in `rekindle replay`.
pub fn run(rules_toml: &str, events_jsonl: &[u8], until_ms: i64, max_disorder_ms: i64) -> Vec<Json> {
    run_forgetting(rules_toml, events_jsonl, until_ms, max_disorder_ms, &Forgetting::default())
}

/// Who is forgotten, and when.
#[derive(Clone, Debug, Default)]
pub struct Forgetting {
    /// Before which line (by its index) which id is.
    pub requests: Vec<(usize, String)>,
    /// Whoever was idle for so long is dropped, unless something is held for them. It must be at least as long as anything
    /// in the rules: then nothing else is to come for an idle user.
    pub state_ttl_ms: Option<i64>,
}

/// The same, where users are forgotten.
pub fn run_forgetting(
    rules_toml: &str,
    events_jsonl: &[u8],
    until_ms: i64,
    max_disorder_ms: i64,
    forgetting: &Forgetting,
) -> Vec<Json> {
    let mut world = World {
        rules: &Rules::parse(rules_toml),
        users: BTreeMap::new(),
        links: BTreeMap::new(),
        watermark: BEGINNING,
        state_ttl: forgetting.state_ttl_ms,
        journal: Vec::new(),
    };
    let mut arrival = 0;
    for (index, line) in events_jsonl.split_inclusive(|byte| *byte == b'\n').enumerate() {
        for (_, id) in forgetting.requests.iter().filter(|(before, _)| *before == index) {
            world.forget(id);
        }
        for call in log::calls(line, until_ms) {
            let at = call.at;
            world.take(call, arrival);
            world.watermark = world.watermark.max(at - max_disorder_ms);
            arrival += 1;
        }
    }
    for user in world.users.values_mut() {
        user.advance(world.rules, until_ms, &mut world.journal);
    }
    world.journal
}

struct World<'r> {
    rules: &'r Rules,
    users: BTreeMap<String, User>,
    /// From an anonymous id to the user it was linked to.
    links: BTreeMap<String, String>,
    watermark: i64,
    state_ttl: Option<i64>,
    journal: Vec<Json>,
}

impl World<'_> {
    fn take(&mut self, call: Call, arrival: usize) {
        let anonymous = match call.kind {
            CallType::Alias => call.previous.as_ref().or(call.anonymous.as_ref()),
            _ => call.anonymous.as_ref(),
        }
        .cloned();
        if let Some(user) = &call.user {
            self.unlink_if_gone(user, call.at);
        }
        if let Some(visitor) = &anonymous {
            if let Some(owner) = self.links.get(visitor).cloned() {
                self.unlink_if_gone(&owner, call.at);
            }
            if !self.links.contains_key(visitor) {
                self.unlink_if_gone(visitor, call.at);
            }
        }
        let (id, visitor) = match (&call.user, anonymous) {
            (Some(user), Some(visitor)) if !self.links.contains_key(&visitor) => {
                self.links.insert(visitor.clone(), user.clone());
                // An id linked to itself has no other past to bring.
                let state = if visitor == *user { None } else { self.users.remove(&visitor) };
                (user.clone(), state.map(|state| (visitor, state)))
            }
            (Some(user), _) => (user.clone(), None),
            (None, Some(visitor)) => (self.links.get(&visitor).cloned().unwrap_or(visitor), None),
            (None, None) => return,
        };
        let mut user = self.users.remove(&id).unwrap_or_else(|| User::new(&id, self.rules));
        let mut now = call.at.max(user.now).max(self.watermark);
        let visitor = visitor.and_then(|(from, mut state)| {
            let both = now.max(state.now);
            let is_gone = self.is_gone(&state, both);
            state.advance(self.rules, both, &mut self.journal);
            (!is_gone).then_some((from, state))
        });
        if let Some((from, state)) = visitor {
            now = now.max(state.now);
            user = self.renewed(user, now);
            user.advance(self.rules, now, &mut self.journal);
            user.absorb(state);
            self.journal.push(json!({"kind": "merged", "user": id, "from": from, "at": log::print_time(now)}));
            user.now = now;
            if user.is_duplicate(&call, now, self.rules) {
                user.evaluate(self.rules, &mut self.journal);
            }
        } else {
            user = self.renewed(user, now);
        }
        if !user.is_duplicate(&call, now, self.rules) {
            user.advance(self.rules, now, &mut self.journal);
            user.accept(call, now, arrival, self.rules);
            user.evaluate(self.rules, &mut self.journal);
        }
        self.users.insert(id, user);
    }

    /// Everything about an id goes, once what is due has been decided: the user of that name, and whoever the id is linked
    /// to.
    fn forget(&mut self, id: &str) {
        if let Some(owner) = self.links.get(id).cloned() {
            self.unlink_if_gone(&owner, self.watermark);
        }
        let owner = self.links.remove(id);
        if let Some(mut user) = self.users.remove(id) {
            user.advance(self.rules, self.watermark, &mut self.journal);
        }
        self.unlink(id);
        if let Some(owner) = owner {
            self.forget(&owner);
        }
    }

    /// Takes back the links to a user, and to those of its visitors who are no users themselves.
    fn unlink(&mut self, id: &str) {
        let visitors: Vec<String> =
            self.links.iter().filter(|(_, user)| *user == id).map(|(visitor, _)| visitor.clone()).collect();
        for visitor in visitors {
            self.links.remove(&visitor);
            if !self.users.contains_key(&visitor) {
                self.unlink(&visitor);
            }
        }
    }

    /// A user whose time is over by `at` goes, and the links with it. Of one who was merged into another, that one's time
    /// counts.
    fn unlink_if_gone(&mut self, id: &str, at: i64) {
        if self.state_ttl.is_none() || !self.links.values().any(|user| user == id) {
            return;
        }
        let Some(user) = self.users.get(id) else {
            if let Some(owner) = self.links.get(id).cloned() {
                self.unlink_if_gone(&owner, at);
            }
            return;
        };
        let now = at.max(self.watermark).max(user.now);
        if self.is_gone(user, now)
            && let Some(mut user) = self.users.remove(id)
        {
            user.advance(self.rules, now, &mut self.journal);
            self.unlink(id);
        }
    }

    /// Whether the user's time is over by `now`.
    fn is_gone(&self, user: &User, now: i64) -> bool {
        let latest = user.entries.iter().map(|entry| entry.at).max();
        let (Some(ttl), Some(latest)) = (self.state_ttl, latest) else { return false };
        let mut then = user.clone();
        then.advance(self.rules, now, &mut Vec::new());
        latest + ttl <= now && then.held.is_empty()
    }

    /// The user, or someone new where the user's time is over by `now`.
    fn renewed(&mut self, mut user: User, now: i64) -> User {
        if !self.is_gone(&user, now) {
            return user;
        }
        user.advance(self.rules, now, &mut self.journal);
        let mut new = User::new(&user.id, self.rules);
        new.now = now;
        new
    }
}
