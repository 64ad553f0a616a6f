//! Semantics §20, answered by looking through all that happened again. It shares no code with the engine.

use std::collections::{BTreeMap, BTreeSet};

use super::{DAY, Happening};
use crate::rules::ruleset::{PickKind, PickList};

const ONE: u128 = 1_000_000;

/// A session: whose it is, the time of its first touch, and all items touched in it, in their order.
#[derive(Clone, Debug)]
struct NaiveSession {
    user: Option<String>,
    began: i64,
    latest: i64,
    touched: Vec<String>,
}

/// A user's touches: item, time, place in the log.
#[derive(Clone, Debug, Default)]
struct NaiveTouches {
    touches: Vec<(String, i64, usize)>,
    had: Vec<(String, i64, usize)>,
    session: Option<usize>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct NaiveLog {
    users: BTreeMap<String, NaiveTouches>,
    sessions: Vec<NaiveSession>,
}

/// What was there at a taking.
pub(super) struct NaiveIndex {
    at: i64,
    then: NaiveLog,
    rows: NaiveRows,
}

/// What rows have: by item and place of a column, texts.
pub(super) type NaiveRows = BTreeMap<(String, usize), Vec<String>>;

impl NaiveLog {
    pub(super) fn of(list: &PickList, log: &[Happening]) -> NaiveLog {
        let mut world = NaiveLog::default();
        for (place, happening) in log.iter().enumerate() {
            match happening {
                Happening::Touch(user, item, ts) => world.touch(list, user, item, *ts, place),
                Happening::Had(user, item, ts) => {
                    let user = world.users.entry(user.clone()).or_default();
                    user.had.push((item.clone(), *ts, place));
                    forget_surplus(&mut user.had, list.own);
                }
                Happening::Merge(visitor, user) => world.merge(list, visitor, user),
                Happening::Forget(user) => {
                    world.users.remove(user);
                    let theirs = world.sessions.iter_mut().filter(|it| it.user.as_ref() == Some(user));
                    theirs.for_each(|session| session.user = None);
                }
            }
        }
        world
    }

    fn touch(&mut self, list: &PickList, id: &str, item: &str, ts: i64, place: usize) {
        let user = self.users.entry(id.to_owned()).or_default();
        user.touches.push((item.to_owned(), ts, place));
        forget_surplus(&mut user.touches, list.own);
        let joins = user.session.filter(|at| (ts - self.sessions[*at].latest).abs() <= list.gap.0);
        let at = joins.unwrap_or(self.sessions.len());
        if joins.is_none() {
            self.sessions.push(NaiveSession { user: Some(id.to_owned()), began: ts, latest: ts, touched: vec![] });
            user.session = Some(at);
        }
        let session = &mut self.sessions[at];
        session.latest = session.latest.max(ts);
        session.touched.push(item.to_owned());
    }

    fn merge(&mut self, list: &PickList, visitor: &str, user: &str) {
        let Some(theirs) = self.users.remove(visitor) else { return };
        let known = self.users.entry(user.to_owned()).or_default();
        for (own, other) in [(&mut known.touches, theirs.touches), (&mut known.had, theirs.had)] {
            own.extend(other);
            own.sort_by_key(|(_, _, place)| *place);
            forget_surplus(own, list.own);
        }
        let latest = |at: Option<usize>| at.map(|at| self.sessions[at].latest);
        if latest(theirs.session) > latest(known.session) {
            known.session = theirs.session;
        }
        let moved = self.sessions.iter_mut().filter(|session| session.user.as_deref() == Some(visitor));
        moved.for_each(|session| session.user = Some(user.to_owned()));
    }

    pub(super) fn taking(&self, at: i64, rows: NaiveRows) -> NaiveIndex {
        NaiveIndex { at, then: self.clone(), rows }
    }
}

/// Keeps the distinct items that were touched last.
fn forget_surplus(touches: &mut Vec<(String, i64, usize)>, most: usize) {
    let mut kept: Vec<&String> = Vec::new();
    for (item, _, _) in touches.iter().rev() {
        if !kept.contains(&item) && kept.len() < most {
            kept.push(item);
        }
    }
    let kept: BTreeSet<String> = kept.into_iter().cloned().collect();
    touches.retain(|(item, _, _)| kept.contains(item));
}

fn times(touches: &[(String, i64, usize)], item: &str) -> Vec<i64> {
    let all: BTreeSet<i64> = touches.iter().filter(|(other, _, _)| other == item).map(|(_, ts, _)| *ts).collect();
    all.iter().copied().skip(all.len().saturating_sub(20)).collect()
}

pub(super) fn distinct(touched: &[String]) -> Vec<&String> {
    let mut items: Vec<&String> = Vec::new();
    for item in touched {
        if !items.contains(&item) {
            items.push(item);
        }
    }
    items
}

fn half_even(a: u128, b: u128) -> u128 {
    let down = a / b;
    let twice = 2 * (a - down * b);
    if twice > b || twice == b && down % 2 == 1 { down + 1 } else { down }
}

impl NaiveIndex {
    fn holds(&self, list: &PickList, ts: i64) -> bool {
        let length = list.window.length.0;
        let width = ((length + 59) / 60).max(1);
        let panes = (length + width - 1) / width;
        let (newest, pane) = (self.at.div_euclid(width), ts.div_euclid(width));
        newest - panes < pane && pane <= newest
    }

    /// The sessions of the index: their places in the log, and their items then.
    fn sessions(&self, list: &PickList) -> Vec<(usize, Vec<&String>)> {
        let mut held = Vec::new();
        for (place, session) in self.then.sessions.iter().enumerate() {
            if session.user.is_some() && self.holds(list, session.began) {
                held.push((place, distinct(&session.touched).into_iter().take(50).collect()));
            }
        }
        held
    }

    fn users(&self, list: &PickList, item: &str) -> [u128; 2] {
        let mut counts = [0, 0];
        for user in self.then.users.values() {
            let times = times(&user.touches, item);
            if times.last().is_some_and(|latest| self.holds(list, *latest)) {
                counts[0] += 1;
                counts[1] += u128::from(times.len() > 1);
            }
        }
        counts
    }

    /// What counts of what is asked about: column, value, share.
    fn shares(&self, list: &PickList, user: Option<&NaiveTouches>, key: Option<&str>) -> Vec<(usize, String, u128)> {
        let mut kept: BTreeMap<String, u128> = BTreeMap::new();
        match (key, user) {
            (Some(key), _) => {
                kept.insert(key.to_owned(), 1);
            }
            (None, Some(user)) => {
                for (item, _, _) in &user.touches {
                    kept.insert(item.clone(), times(&user.touches, item).len() as u128);
                }
            }
            (None, None) => {}
        }
        let mut shares = Vec::new();
        for column in 0..list.by.len() {
            let (mut all, mut of_value) = (0, BTreeMap::<String, u128>::new());
            for (item, times) in &kept {
                let values = self.rows.get(&(item.clone(), column)).cloned().unwrap_or_default();
                all += if values.is_empty() { 0 } else { *times };
                values.into_iter().for_each(|value| *of_value.entry(value).or_default() += times);
            }
            let mut largest: Vec<(String, u128)> = of_value.into_iter().collect();
            largest.sort_by_key(|(value, count)| (std::cmp::Reverse(*count), value.clone()));
            largest.truncate(10);
            shares.extend(largest.into_iter().map(|(value, count)| (column, value, half_even(count * ONE, all))));
        }
        shares
    }

    fn score(
        &self,
        list: &PickList,
        log: &NaiveLog,
        asks: &NaiveQuestion<'_>,
        kind: PickKind,
        item: &str,
    ) -> Option<(u128, Option<String>)> {
        let user = log.users.get(asks.user);
        let sessions = self.sessions(list);
        let with = |item: &str| -> Vec<&(usize, Vec<&String>)> {
            sessions.iter().filter(|(_, items)| items.iter().any(|other| *other == item)).collect()
        };
        let latest = |item: &str| {
            let all = with(item);
            all[all.len().saturating_sub(list.sessions)..].to_vec()
        };
        let seeds = asks.seeds(list, log);
        match kind {
            PickKind::Similar => {
                let shares = self.shares(list, user, asks.key);
                let has = |item: &str, (column, value, _): &(usize, String, u128)| {
                    self.rows.get(&(item.to_owned(), *column)).is_some_and(|values| values.contains(value))
                };
                let is_candidate = |share: &(usize, String, u128)| {
                    let known: BTreeSet<&String> =
                        self.then.users.values().flat_map(|user| &user.touches).map(|(item, _, _)| item).collect();
                    let alike = known.into_iter().filter(|other| has(other, share));
                    let users = alike.map(|other| (std::cmp::Reverse(self.users(list, other)[0]), other));
                    let mut ranked: Vec<_> = users.filter(|(users, _)| users.0 > 0).collect();
                    ranked.sort();
                    ranked.iter().take(list.sessions).any(|(_, other)| *other == item)
                };
                let fitting: Vec<&(usize, String, u128)> = shares.iter().filter(|share| has(item, share)).collect();
                let most = fitting.iter().map(|(_, _, share)| *share).max()?;
                let column = fitting.iter().find(|(_, _, share)| *share == most)?.0;
                let is_found = shares.iter().any(is_candidate);
                is_found.then(|| (fitting.iter().map(|it| it.2).sum(), Some(list.by[column].name.clone())))
            }
            PickKind::Popular => Some((self.users(list, item)[0] * ONE, None)),
            PickKind::Again => {
                let times = times(&user?.touches, item);
                let (first, last) = (*times.first()?, *times.last()?);
                let age = |ts: i64| u128::try_from(asks.now - ts).unwrap_or(0);
                let half = 60 * DAY as u128;
                let mut score: u128 = times.iter().map(|ts| half_even(half * ONE, half + age(*ts))).sum();
                let k = times.len() as u128;
                if k > 1 {
                    let q = half_even(age(last) * ONE, (last - first) as u128 / (k - 1));
                    let mut d = ONE.min(ONE / 2 + q);
                    if q > 0 {
                        d = d.min(half_even(3 * ONE * ONE, q));
                    }
                    score = half_even(score * half_even(5 * ONE + k * d, 5 + k), ONE);
                }
                let [users, several] = self.users(list, item);
                Some((half_even(score * (several + 1), users + 4), None))
            }
            PickKind::Together => {
                let mut terms = Vec::new();
                for (p, seed) in (1..).zip(&seeds) {
                    let those = latest(seed);
                    let c = those.iter().filter(|(_, items)| items.iter().any(|other| *other == item)).count() as u128;
                    if item != seed && c > 0 {
                        let below = p * p * those.len() as u128 * (with(item).len() as u128 + 10);
                        let term = (ONE * ONE * c * c / below).isqrt();
                        terms.push((term, seed.clone()));
                    }
                }
                let most = terms.iter().map(|(term, _)| *term).max()?;
                let gave = terms.iter().find(|(term, _)| *term == most)?;
                Some((terms.iter().map(|(term, _)| term).sum(), Some(gave.1.clone())))
            }
            PickKind::Session => {
                let l = seeds.len() as u128;
                let current = user.and_then(|user| user.session);
                let mut alike: Vec<(u128, usize, u128, &Vec<&String>)> = Vec::new();
                for (place, items) in &sessions {
                    let of: Vec<u128> = (1..)
                        .zip(&seeds)
                        .filter(|(_, seed)| latest(seed).iter().any(|(other, _)| other == place))
                        .map(|(p, _)| p)
                        .collect();
                    if let Some(least) = of.first().filter(|_| current != Some(*place)) {
                        alike.push((of.iter().map(|p| l - p + 1).sum(), *place, *least, items));
                    }
                }
                alike.sort_by_key(|(a, place, _, _)| std::cmp::Reverse((*a, *place)));
                alike.truncate(list.near);
                alike.retain(|(_, _, _, items)| items.iter().any(|other| *other == item));
                let value = |a: u128, least: u128| a * (10 - least);
                let sum: u128 = alike.iter().map(|(a, _, least, _)| value(*a, *least)).sum();
                let total: usize = sessions.iter().map(|(_, items)| items.len()).sum();
                let ln = (libm::log(total as f64 / with(item).len() as f64) * 1e6).round_ties_even() as u128;
                let by_seed = |p: u128| -> u128 {
                    alike.iter().filter(|(_, _, least, _)| *least == p).map(|(a, _, least, _)| value(*a, *least)).sum()
                };
                let most = (1..=l).map(by_seed).max().filter(|_| !alike.is_empty())?;
                let gave = (1..=l).find(|p| by_seed(*p) == most)?;
                Some((half_even(ln * sum, 10 * l), Some(seeds[gave as usize - 1].clone())))
            }
        }
    }
}

/// What is asked.
pub(super) struct NaiveQuestion<'q> {
    pub(super) user: &'q str,
    pub(super) now: i64,
    pub(super) key: Option<&'q str>,
}

impl NaiveQuestion<'_> {
    fn seeds(&self, list: &PickList, log: &NaiveLog) -> Vec<String> {
        if let Some(key) = self.key {
            return vec![key.to_owned()];
        }
        let session = log.users.get(self.user).and_then(|user| user.session).map(|at| &log.sessions[at]);
        let touched: Vec<String> = session.map(|it| it.touched.iter().rev().cloned().collect()).unwrap_or_default();
        distinct(&touched).into_iter().take(list.last).cloned().collect()
    }

    /// `item score because`
    pub(super) fn answer(
        &self,
        list: &PickList,
        kinds: &[PickKind],
        log: &NaiveLog,
        index: &NaiveIndex,
    ) -> Vec<String> {
        let mut items: BTreeSet<String> = BTreeSet::new();
        for world in [log, &index.then] {
            items.extend(world.users.values().flat_map(|user| &user.touches).map(|(item, _, _)| item.clone()));
            items.extend(world.sessions.iter().flat_map(|session| session.touched.iter().cloned()));
        }
        let had: Vec<String> =
            log.users.get(self.user).iter().flat_map(|user| &user.had).map(|(item, _, _)| item.clone()).collect();
        let first = self.seeds(list, log).into_iter().next();
        let (mut out, mut taken) = (Vec::new(), BTreeSet::new());
        for kind in kinds {
            let scored = |item: &String| {
                let (score, of) = index.score(list, log, self, *kind, item).filter(|(score, _)| *score > 0)?;
                Some((std::cmp::Reverse(score), std::cmp::Reverse(index.users(list, item)[0]), item.clone(), of))
            };
            let mut all: Vec<_> = items.iter().filter_map(scored).collect();
            all.sort();
            for (score, _, item, of) in all {
                let is_seed = !matches!(kind, PickKind::Popular | PickKind::Again) && first.as_ref() == Some(&item);
                if !is_seed && !had.contains(&item) && taken.insert(item.clone()) {
                    let of = of.map(|of| format!(":{of}")).unwrap_or_default();
                    out.push(format!("{item} {} {}{of}", score.0, kind.as_ref()));
                }
            }
        }
        out
    }
}
