//! Groups: what several users do together, and what it tells them. A group is kept as a user is, with the matches that
//! bear its key for its history.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};
use toml::{Table, Value as Toml};

use super::OracleState;
use super::budgets::{beat_after, beat_at};
use super::campaign::{OracleCause, OracleMatchCause};
use super::evaluate::EvaluationScope;
use super::expression::OracleExpression;
use super::fields::{duration, path_of, position, required, string};
use super::history::OracleMatch;
use super::instance::key_text;
use super::log::print_time;
use super::resolve;
use super::rules::{OracleEventName, OracleRules};
use super::share::hmac_share;
use super::tables::ChangedRows;
use super::user::OracleUser;
use super::value::OracleValue;
use crate::decoder_oracle::decimal::OracleDecimal;

const BEAT_MS: i64 = 1_000;

/// How many users a group tells something.
const TOLD_MAX: usize = 1_000;

/// Into how many parts a total can be divided.
const PARTS_MAX: i128 = 1_000;

/// What `E.user` is called.
const USER: &str = "user";

/// An entry of `[groups]`.
pub(crate) struct OracleGroupKind {
    pub(crate) id: String,
    /// The path of the key in a match, and as it is written.
    pub(crate) key: Vec<String>,
    pub(crate) ttl: i64,
}

/// A name of `[events]` with `of`.
pub(crate) struct OracleNotice {
    /// Index of the entry of `[groups]`.
    pub(crate) of: usize,
    pub(crate) segment: usize,
    pub(crate) enter: bool,
    pub(crate) to: OracleAddressees,
    pub(crate) lets: Vec<(String, OracleExpression)>,
}

/// Whom a group tells something.
pub(crate) enum OracleAddressees {
    /// All who have a match of a name in it.
    Having(usize),
    User(OracleExpression),
}

/// Which group, by index of the entry of `[groups]`, and key.
type GroupPlace = (usize, String);

/// A match that waits for the end of a beat.
pub(crate) struct OracleGroupMatch {
    beat: i64,
    place: GroupPlace,
    one: OracleMatch,
}

/// What a group tells.
#[derive(Clone)]
pub(crate) struct OracleTold {
    /// Index of the name.
    pub(super) name: usize,
    pub(super) key: String,
    pub(super) at: i64,
    pub(super) message: String,
    pub(super) to: Vec<String>,
    /// The user itself whom it is about, of a rank.
    pub(super) taken: Option<String>,
    pub(super) lets: Vec<(String, OracleValue)>,
}

impl OracleState<'_> {
    /// Hands in what an event brings to groups.
    pub(super) fn bring(&mut self, user: &mut OracleUser) {
        let beat = self.beat();
        for one in std::mem::take(&mut user.brought) {
            for (kind, group) in self.rules.groups.iter().enumerate() {
                let Some(key) = key_text(&one.value(&group.key)) else { continue };
                let mut one = one.clone();
                one.lets.insert(0, (USER.to_owned(), OracleValue::Text(user.id.clone())));
                self.waiting.push(OracleGroupMatch { beat, place: (kind, key), one });
            }
        }
    }

    /// Takes an id out of all groups.
    pub(super) fn forget_in_groups(&mut self, id: &str) {
        let of_groups = self.groups.values_mut().flat_map(|group| group.history.matches.iter_mut());
        for one in of_groups.chain(self.waiting.iter_mut().map(|waiting| &mut waiting.one)) {
            if let Some((_, user)) = one.lets.first_mut()
                && matches!(user, OracleValue::Text(own) if own == id)
            {
                *user = OracleValue::Missing;
            }
        }
    }

    /// The end of the first beat at which anything happens to a group, if that is not after `to`.
    pub(super) fn next_group_beat(&mut self, to: i64, is_end: bool) -> Option<i64> {
        let rows = self.rows_waiting.iter().map(|row| row.beat);
        let waiting = self.waiting.iter().map(|waiting| waiting.beat).chain(rows).min();
        let waiting = waiting.map(|beat| if is_end { beat.min(to) } else { beat }).filter(|beat| *beat <= to);
        let rules = self.rules;
        let due =
            self.groups.iter_mut().filter_map(|((kind, _), group)| group.next_group_change(*kind, rules, to)).min();
        let due = due.map(|due| if is_end { beat_at(due).min(to) } else { beat_at(due) }).filter(|beat| *beat <= to);
        waiting.into_iter().chain(due).min()
    }

    /// Ends a beat: rows are taken; groups get what was brought, then fire what is due; picks and ranks are taken; then users are told. `watermark` is where the log
    /// is then.
    pub(super) fn meet(&mut self, watermark: i64, is_end: bool) {
        let last = if is_end && watermark == self.until { i64::MAX } else { watermark };
        let changed = self.take_rows(last);
        let (mut now, later): (Vec<_>, Vec<_>) = self.waiting.drain(..).partition(|waiting| waiting.beat <= last);
        self.waiting = later;
        now.sort_by_key(|waiting| waiting.one.arrival);
        let mut told: Vec<OracleTold> = Vec::new();
        let mut rest = now.as_slice();
        while let Some(first) = rest.first() {
            let event = rest.iter().take_while(|other| other.one.arrival == first.one.arrival).count();
            let mut places: Vec<&GroupPlace> = Vec::new();
            for waiting in &rest[..event] {
                if !places.contains(&&waiting.place) {
                    places.push(&waiting.place);
                }
            }
            for place in places {
                let matches: Vec<&OracleGroupMatch> =
                    rest[..event].iter().filter(|waiting| waiting.place == *place).collect();
                self.bring_to_group(place, &matches, &mut told);
            }
            rest = &rest[event..];
        }
        let places: Vec<GroupPlace> = self.groups.keys().cloned().collect();
        for place in places {
            self.advance_group(&place, watermark, &mut told);
        }
        self.take_picks(watermark);
        let (of_ranks, concerned) = self.take(watermark);
        told.extend(of_ranks);
        self.tell(told, (&changed, concerned), watermark);
    }

    fn bring_to_group(&mut self, place: &GroupPlace, matches: &[&OracleGroupMatch], told: &mut Vec<OracleTold>) {
        let (at, began) = (matches[0].one.at, matches[0].beat - BEAT_MS);
        let known = self.groups.get(place).map(|group| group.now.max(at).max(began));
        if let Some(now) = known {
            self.advance_group(place, now, told);
        }
        let now = match self.groups.get(place) {
            Some(group) => group.now.max(at).max(began),
            None => at.max(began),
        };
        if !self.groups.contains_key(place) && at + self.rules.groups[place.0].ttl <= now {
            return;
        }
        let rules = self.rules;
        let group = self.groups.entry(place.clone()).or_insert_with(|| {
            let mut group = OracleUser::new(&place.1, rules);
            group.group = Some(place.0);
            group
        });
        group.now = now;
        for waiting in matches {
            group.history.times.push(waiting.one.at);
            group.history.add(waiting.one.clone());
        }
        group.evaluate(&[], rules, &mut self.journal);
        told.append(&mut group.told);
    }

    /// Fires what is due for a group by an instant; it goes when its time is over.
    fn advance_group(&mut self, place: &GroupPlace, to: i64, told: &mut Vec<OracleTold>) {
        let rules = self.rules;
        let Some(group) = self.groups.get_mut(place) else { return };
        while let Some(due) = group.next_group_change(place.0, rules, to) {
            group.now = group.now.max(due);
            if group.forgotten_at(place.0, rules) <= due {
                for (segment, _) in group.member_of.iter().enumerate().filter(|(_, inside)| **inside) {
                    self.journal.push(json!({
                        "kind": "transition", "of": rules.groups[place.0].id, "key": place.1,
                        "segment": rules.segments[segment].id, "change": "exit", "at": print_time(due), "cause": "ttl",
                    }));
                }
                self.groups.remove(place);
                return;
            }
            group.evaluate(&[], rules, &mut self.journal);
            told.append(&mut group.told);
        }
    }

    /// Tells users what groups and takings have to tell, and which rows changed, each all of it at once; also those whose ranks are
    /// others.
    fn tell(&mut self, mut told: Vec<OracleTold>, (changed, ranked): (&ChangedRows, BTreeSet<String>), watermark: i64) {
        told.sort_by(|a, b| (a.name, &a.key).cmp(&(b.name, &b.key)));
        let mut by_user: BTreeMap<String, Vec<OracleTold>> =
            ranked.into_iter().map(|user| (user, Vec::new())).collect();
        for one in told {
            // An id stands for nobody any more who has expired.
            for id in &one.to {
                if let Some(owner) = self.links.get(id).cloned() {
                    self.unlink_if_expired(&owner, watermark);
                }
            }
            let stand_for = |id: &String| self.links.get(id).unwrap_or(id).clone();
            for user in one.to.iter().map(stand_for).chain(one.taken.clone()).collect::<BTreeSet<String>>() {
                by_user.entry(user).or_default().push(one.clone());
            }
        }
        for (id, user) in &self.users {
            if user.concerned_by(changed, self.rules).is_some() {
                by_user.entry(id.clone()).or_default();
            }
        }
        let arrival = self.arrival;
        for (id, told) in by_user {
            let Some(user) = self.users.get(&id) else { continue };
            let times = told.iter().map(|one| one.at).chain(user.concerned_by(changed, self.rules));
            let now = times.chain([user.now, watermark]).max().expect("two at least");
            let expired_at = self.is_expired(user, now).then(|| self.expiry_of(user, now));
            let Some(mut user) = self.users.remove(&id) else { continue };
            user.log_beat = Some(beat_after(watermark));
            user.nothing_before = super::BEGINNING;
            user.advance(self.rules, now, &mut self.journal);
            if let Some(at) = expired_at {
                self.bury(user, at);
                self.unlink(&id);
                continue;
            }
            user.now = now;
            user.take_told(told, arrival, self.rules, &mut self.journal);
            self.books.enter(&mut user);
            user.log_beat = None;
            self.users.insert(id, user);
        }
    }
}

impl OracleUser {
    /// Adds what groups tell as matches, and evaluates once.
    fn take_told(&mut self, told: Vec<OracleTold>, arrival: usize, rules: &OracleRules, journal: &mut Vec<Json>) {
        let mut causes: Vec<OracleMatchCause> = Vec::new();
        for one in told {
            let mut found = OracleMatch::new(one.at, arrival, one.name, json!({}));
            found.lets = one.lets;
            let earlier = causes.iter().filter(|cause| cause.text.split('#').next() == Some(&one.message)).count();
            let ordinal = if earlier > 0 { format!("#{}", earlier + 1) } else { String::new() };
            causes.push(OracleMatchCause { one: found, text: one.message + &ordinal });
        }
        let matches: Vec<OracleMatch> = causes.iter().map(|cause| cause.one.clone()).collect();
        for one in &matches {
            self.history.add(one.clone());
            self.count_purchase(one, rules);
            self.touch_keys(one, rules, journal);
        }
        self.touch_items(&matches, rules);
        self.settle(&matches, rules, journal);
        self.move_points(&matches, rules, journal);
        matches.iter().for_each(|one| self.count_for_goals(one, rules));
        let causes: Vec<OracleCause> = causes.into_iter().map(OracleCause::Match).collect();
        self.evaluate(&causes, rules, journal);
    }

    /// When a group goes if nothing more is brought to it.
    fn forgotten_at(&self, kind: usize, rules: &OracleRules) -> i64 {
        self.history.times.iter().max().expect("a group begins with a match") + rules.groups[kind].ttl
    }

    /// The first instant, not after `to`, at which time alone may change a group.
    fn next_group_change(&mut self, kind: usize, rules: &OracleRules, to: i64) -> Option<i64> {
        let forgotten = Some(self.forgotten_at(kind, rules)).filter(|at| *at <= to);
        if to >= self.nothing_before {
            let first = self.change_instants(rules, to).first().copied();
            self.nothing_before = first.unwrap_or(to);
            return first.into_iter().chain(forgotten).min();
        }
        forgotten
    }

    /// Notes what a change makes a group tell, right after it.
    pub(crate) fn note_told(&mut self, segment: usize, enter: bool, rules: &OracleRules) {
        let Some(kind) = self.group else { return };
        for (name, notice) in rules.names.iter().enumerate().filter_map(|(i, it)| Some((i, it.notice.as_ref()?))) {
            if (notice.of, notice.segment, notice.enter) != (kind, segment, enter) {
                continue;
            }
            let scope = EvaluationScope::of_user(self, rules);
            let to = match &notice.to {
                OracleAddressees::Having(name) => {
                    let mut users: Vec<String> = Vec::new();
                    for one in self.history.named(*name) {
                        if let OracleValue::Text(user) = one.value(&[USER.to_owned()])
                            && !users.contains(&user)
                        {
                            users.push(user);
                        }
                    }
                    users.truncate(TOLD_MAX);
                    users
                }
                OracleAddressees::User(term) => match scope.value(term) {
                    OracleValue::Text(user) => vec![user],
                    OracleValue::Number(number) if number.millionths().ends_with("000000") => vec![number.written()],
                    _ => Vec::new(),
                },
            };
            let mut lets: Vec<(String, OracleValue)> =
                notice.lets.iter().map(|(id, term)| (id.clone(), scope.value(term))).collect();
            lets.push((rules.groups[kind].key.join("."), OracleValue::Text(self.id.clone())));
            let message = format!("{}:{}:{}", rules.name_ids[name], self.id, print_time(self.now));
            let (key, at) = (self.id.clone(), self.now);
            self.told.push(OracleTold { name, key, at, message, to, taken: None, lets });
        }
    }
}

impl EvaluationScope<'_> {
    /// The k-th of n parts of a total.
    pub(crate) fn part(&self, total: &OracleExpression, n: &OracleExpression, k: &OracleExpression) -> OracleValue {
        let whole = |term| match self.value(term) {
            OracleValue::Number(number) => number.millionths().strip_suffix("000000")?.parse::<i128>().ok(),
            _ => None,
        };
        let (OracleValue::Number(total), Some(n), Some(k), Some(kind)) =
            (self.value(total), whole(n), whole(k), self.user.group)
        else {
            return OracleValue::Missing;
        };
        if !(1 <= k && k <= n && n <= PARTS_MAX) {
            return OracleValue::Missing;
        }
        let weight = |i: i128| {
            let text = format!("part:{}:{}:{i}", self.rules.groups[kind].id, self.user.id);
            1.0 + hmac_share(&self.rules.secret, &text)
        };
        let sum = |through: i128| (1..=through).map(weight).sum::<f64>();
        let hundredths = |through| (100.0 * total.to_double() * sum(through) / sum(n)).round_ties_even();
        let part = hundredths(k) - hundredths(k - 1);
        OracleValue::Number(OracleDecimal::of_millionths(part as i128 * 10_000))
    }
}

/// A name that groups tell.
pub(super) fn told(table: &Table, names: &[String], groups: &[String], segments: &[String]) -> OracleEventName {
    let term = |text: &str| resolve::parse(text, names, segments);
    let on = required(table, "on");
    let (change, segment) = on.split_once(':').expect("`on` is `enter:` or `exit:`, and an id");
    let lets = table.get("let").and_then(Toml::as_table).cloned().unwrap_or_default();
    let to = match string(table, "to") {
        Some(name) => OracleAddressees::Having(position(names, &name)),
        None => OracleAddressees::User(term(&required(table, "to_user"))),
    };
    let notice = OracleNotice {
        of: position(groups, &required(table, "of")),
        segment: position(segments, segment),
        enter: change == "enter",
        to,
        lets: lets.iter().map(|(id, text)| (id.clone(), term(text.as_str().expect("a term")))).collect(),
    };
    OracleEventName { notice: Some(notice), ..OracleEventName::default() }
}

/// An entry of `[groups]`.
pub(super) fn group(id: &str, entry: &Toml) -> OracleGroupKind {
    let table = entry.as_table().expect("an entry of [groups] is a table");
    OracleGroupKind {
        id: id.to_owned(),
        key: path_of(&required(table, "key")),
        ttl: duration(table, "ttl").expect("a group has a `ttl`"),
    }
}
