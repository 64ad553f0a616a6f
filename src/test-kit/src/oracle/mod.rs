//! The naive oracle: computes the expected journal of a log by brute force.
//!
//! It is written from docs/semantics.md alone and shares no code with the engine. It keeps the list of all accepted events
//! of every user, and of all matches of each of its keys, and re-scans it for every evaluation. To find what time alone
//! changes, it collects every instant at which anything could change and evaluates at each of them; where a comparison has
//! something that moves with time, it searches for them. It is slow on purpose: it has no panes, timers or partitions,
//! whose mistakes would be hard to see.
//!
//! It trusts its input: rules that do not parse, or that have wrong types, make it panic.

mod adapt;
mod beats;
mod budgets;
mod calendar;
mod campaign;
mod clauses;
pub mod compare;
mod evaluate;
mod expression;
mod fields;
mod goals;
mod groups;
mod history;
mod instance;
mod instants;
mod lists;
mod log;
mod models;
mod moment;
mod moments;
mod partners;
mod pick_scores;
mod picks;
mod points;
mod ranks;
mod resolve;
mod rules;
mod share;
mod span;
mod syntax;
mod tables;
mod user;
mod value;
mod zone;

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Value as Json, json};

pub use budgets::CouponCodes;
pub use clauses::{SegmentClauses, clauses_at_the_end, run_with_clauses};

use adapt::OracleWeights;
use budgets::OracleBooks;
use groups::OracleGroupMatch;
use log::{OracleCall, OracleCallType};
use picks::OraclePickIndex;
use rules::OracleRules;
use tables::OracleRowCall;
use user::OracleUser;

/// Before every event.
const BEGINNING: i64 = i64::MIN / 4;

/// A log, its rules, and how to replay it.
#[derive(Clone, Debug, Default)]
pub struct OracleInput<'a> {
    pub rules_toml: &'a str,
    /// One call, or batch of calls, per line.
    pub events_jsonl: &'a [u8],
    /// The end of time, UTC milliseconds.
    pub until_ms: i64,
    pub max_disorder_ms: i64,
    /// What draws depend on; mostly empty.
    pub secret: &'a [u8],
    pub forgetting: ForgetPlan,
}

/// Which users are forgotten, and when.
#[derive(Clone, Debug, Default)]
pub struct ForgetPlan {
    /// Ids to forget, each with the index of the line before which that happens.
    pub requests: Vec<(usize, String)>,
    /// Users that were idle for this long expire, unless they have a deferred decision, a reservation, a goal that is
    /// not mature, points or a debt. It must be at least as long as every
    /// window and duration in the rules, so that nothing else changes for an idle user.
    pub state_ttl_ms: Option<i64>,
}

/// The journal of a log, in order per user; the order between users is arbitrary.
pub fn run(input: &OracleInput<'_>) -> Vec<Json> {
    replayed(input, &OracleRules::parse(input.rules_toml, input.secret)).journal
}

/// Everybody at the end of a log.
fn replayed<'r>(input: &OracleInput<'_>, rules: &'r OracleRules) -> OracleState<'r> {
    let (until_ms, max_disorder_ms) = (input.until_ms, input.max_disorder_ms);
    let mut state = OracleState {
        rules,
        users: BTreeMap::new(),
        links: BTreeMap::new(),
        watermark: BEGINNING,
        state_ttl: input.forgetting.state_ttl_ms,
        journal: Vec::new(),
        books: OracleBooks::default(),
        until: until_ms,
        groups: BTreeMap::new(),
        waiting: Vec::new(),
        rows_waiting: Vec::new(),
        arrival: 0,
        taken_until: None,
        pick_indexes: Rc::new(vec![OraclePickIndex::default(); rules.picks.len()]),
        next_takings: Vec::new(),
        weights: OracleWeights::default(),
    };
    for (index, line) in input.events_jsonl.split_inclusive(|byte| *byte == b'\n').enumerate() {
        for (_, id) in input.forgetting.requests.iter().filter(|(before, _)| *before == index) {
            state.forget(id);
        }
        for call in log::calls(line, until_ms, rules) {
            state.move_watermark(call.at - max_disorder_ms);
            match rules.table_of(&call) {
                Some(table) => state.keep_row(table, &call),
                None => state.apply(call, state.arrival),
            }
            state.arrival += 1;
        }
    }
    state.end();
    state
}

struct OracleState<'r> {
    rules: &'r OracleRules,
    users: BTreeMap<String, OracleUser>,
    /// From an anonymous id to the user it was linked to.
    links: BTreeMap<String, String>,
    watermark: i64,
    state_ttl: Option<i64>,
    journal: Vec<Json>,
    books: OracleBooks,
    /// The end of time.
    until: i64,
    /// By index of the entry of `[groups]`, and key.
    groups: BTreeMap<(usize, String), OracleUser>,
    /// What waits for the end of a beat.
    waiting: Vec<OracleGroupMatch>,
    /// The rows that do, in the order of the log.
    rows_waiting: Vec<OracleRowCall>,
    /// How many calls were accepted.
    arrival: usize,
    /// The latest instant of takings, or where the watermark began; `None`: it has not begun.
    taken_until: Option<i64>,
    /// What stands of each list of picks.
    pick_indexes: Rc<Vec<OraclePickIndex>>,
    /// When the next index of each is made; empty: the log has not begun.
    next_takings: Vec<i64>,
    weights: OracleWeights,
}

impl OracleState<'_> {
    fn apply(&mut self, call: OracleCall, arrival: usize) {
        let anonymous = match call.kind {
            OracleCallType::Alias => call.previous.as_ref().or(call.anonymous.as_ref()),
            _ => call.anonymous.as_ref(),
        }
        .cloned();
        if let Some(user) = &call.user {
            self.unlink_if_expired(user, call.at);
        }
        if let Some(visitor) = &anonymous {
            if let Some(owner) = self.links.get(visitor).cloned() {
                self.unlink_if_expired(&owner, call.at);
            }
            if !self.links.contains_key(visitor) {
                self.unlink_if_expired(visitor, call.at);
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
        let mut user = self.users.remove(&id).unwrap_or_else(|| OracleUser::new(&id, self.rules));
        user.weights = self.weights.clone();
        user.log_beat = Some(self.beat());
        user.pick_indexes = Rc::clone(&self.pick_indexes);
        let mut now = call.at.max(user.now).max(self.watermark);
        let visitor = visitor.and_then(|(from, mut state)| {
            let both = now.max(state.now);
            let is_expired = self.is_expired(&state, both);
            let at = if is_expired { self.expiry_of(&state, both) } else { both };
            state.log_beat = Some(self.beat());
            state.advance(self.rules, both, &mut self.journal);
            if is_expired {
                self.bury(state, at);
                return None;
            }
            Some((from, state))
        });
        if let Some((from, state)) = visitor {
            now = now.max(state.now);
            user = self.renewed(user, now);
            user.advance(self.rules, now, &mut self.journal);
            let mut state = state;
            state.now = now;
            state.end_sharing(self.rules, &mut self.journal);
            user.merge(state, self.rules);
            self.journal.push(json!({"kind": "merged", "user": id, "from": from, "at": log::print_time(now)}));
            user.now = now;
            for per in 0..self.rules.pers.len() {
                user.make_room(per, 0, self.rules, &mut self.journal);
            }
            if user.is_duplicate(&call, now, self.rules) {
                user.evaluate(&[], self.rules, &mut self.journal);
            }
        } else {
            user = self.renewed(user, now);
        }
        if !user.is_duplicate(&call, now, self.rules) {
            user.advance(self.rules, now, &mut self.journal);
            user.accept(call, now, arrival, self.rules, &mut self.journal);
        }
        self.bring(&mut user);
        self.books.enter(&mut user);
        user.log_beat = None;
        self.users.insert(id, user);
    }

    /// Removes everything about an id, after deciding what is due: the user with that id, and the user to which it is
    /// linked.
    fn forget(&mut self, id: &str) {
        if let Some(owner) = self.links.get(id).cloned() {
            self.unlink_if_expired(&owner, self.watermark);
        }
        let owner = self.links.remove(id);
        if let Some(mut user) = self.users.remove(id) {
            user.advance(self.rules, self.watermark, &mut self.journal);
            let at = user.now.max(self.watermark);
            self.bury(user, at);
        }
        self.forget_in_groups(id);
        let visitors: Vec<String> = self.links.keys().cloned().collect();
        self.unlink(id);
        // Visitors that stood for the user are forgotten with it.
        for visitor in visitors {
            if !self.links.contains_key(&visitor) {
                self.forget_in_groups(&visitor);
            }
        }
        if let Some(owner) = owner {
            self.forget(&owner);
        }
    }

    /// Removes the links to a user, and to those of its visitors that have no state of their own.
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

    /// Removes a user that has expired by `at`, with its links. For an id that was merged into another user, that user
    /// decides.
    fn unlink_if_expired(&mut self, id: &str, at: i64) {
        if self.state_ttl.is_none() || !self.links.values().any(|user| user == id) {
            return;
        }
        let Some(user) = self.users.get(id) else {
            if let Some(owner) = self.links.get(id).cloned() {
                self.unlink_if_expired(&owner, at);
            }
            return;
        };
        let now = at.max(self.watermark).max(user.now);
        if self.is_expired(user, now)
            && let Some(mut user) = self.users.remove(id)
        {
            let at = self.expiry_of(&user, now);
            user.log_beat = Some(self.beat());
            user.advance(self.rules, now, &mut self.journal);
            self.bury(user, at);
            self.unlink(id);
        }
    }

    /// Whether the user has expired by `now`.
    fn is_expired(&self, user: &OracleUser, now: i64) -> bool {
        let latest = user.history.times.iter().copied().max();
        let (Some(ttl), Some(latest)) = (self.state_ttl, latest) else { return false };
        let mut then = user.clone();
        then.advance(self.rules, now, &mut Vec::new());
        latest + ttl <= now
            && then.asks.is_empty()
            && then.reservations.is_empty()
            && then.deferred.is_empty()
            && !then.has_points()
            && then.next_maturity(self.rules).is_none()
    }

    /// The user, or an empty one in its place if it has expired by `now`.
    fn renewed(&mut self, mut user: OracleUser, now: i64) -> OracleUser {
        if !self.is_expired(&user, now) {
            return user;
        }
        let at = self.expiry_of(&user, now);
        user.advance(self.rules, now, &mut self.journal);
        let mut new = OracleUser::new(&user.id, self.rules);
        (new.now, new.log_beat) = (now, user.log_beat);
        new.pick_indexes = Rc::clone(&self.pick_indexes);
        new.weights = self.weights.clone();
        self.bury(user, at);
        new
    }

    /// When a user expired that has by `now`: once it was idle for long enough, and nothing was left to happen to it.
    fn expiry_of(&self, user: &OracleUser, now: i64) -> i64 {
        let latest = user.history.times.iter().copied().max().expect("a user has an event");
        let mut at = user.now.max(latest + self.state_ttl.expect("it has expired"));
        while at < now && !self.is_expired(user, at) {
            let mut then = user.clone();
            then.advance(self.rules, at, &mut Vec::new());
            at = then.next_due(self.rules).map_or(now, |due| due.max(at + 1));
        }
        at.min(now)
    }
}
