//! The scores of each kind, in whole millionths.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::DEPTH;
use super::index::{IndexItem, IndexSession, PickIndex};
use super::query::Pick;
use super::touches::UserTouches;
use crate::rules::ruleset::{PickKind, PickList};
use crate::time::Timestamp;

/// One, in millionths.
const ONE: u128 = 1_000_000;

/// After how long a touch counts half: 60 days.
const HALF_MS: u128 = 60 * 86_400_000;

/// What a score is asked of.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScoreScope<'s> {
    pub(super) list: &'s PickList,
    pub(super) index: &'s PickIndex,
    /// `None`: a user of whom nothing is known.
    pub(super) user: Option<&'s UserTouches>,
    pub(super) now: Timestamp,
    /// The items it is asked about, the one touched latest first.
    pub(super) seeds: &'s [Arc<str>],
    /// They stand for all that the user touched.
    pub(super) is_of_seeds: bool,
}

/// The candidates of an index: score, users, item.
type Ranked = (u64, u32, IndexItem);

/// Brings candidates in order, and keeps the best: by score, then by users, both larger first, then by item.
pub(super) fn by_rank(ranked: &mut Vec<Ranked>, most: usize) {
    let rank = |(score, users, item): &Ranked| (Reverse(*score), Reverse(*users), *item);
    if ranked.len() > most {
        ranked.select_nth_unstable_by_key(most, rank);
        ranked.truncate(most);
    }
    ranked.sort_unstable_by_key(rank);
}

impl ScoreScope<'_> {
    /// The candidates of a kind, the best first: at most [`DEPTH`], all with a score above 0.
    pub(super) fn candidates(&self, kind: PickKind) -> Vec<Pick> {
        match kind {
            PickKind::Session => self.found(kind, &self.session(), |seed| Arc::clone(&self.seeds[seed])),
            PickKind::Together => self.found(kind, &self.together(), |seed| Arc::clone(&self.seeds[seed])),
            PickKind::Similar => self.found(kind, &self.similar(), |column| self.list.by[column].name.as_str().into()),
            PickKind::Popular => self.popular(),
            PickKind::Again => self.again(),
        }
    }

    /// Candidates, each with its score and the place of what gave most of it, which has a name.
    fn found(
        &self,
        kind: PickKind,
        found: &HashMap<IndexItem, (u64, usize)>,
        name: impl Fn(usize) -> Arc<str>,
    ) -> Vec<Pick> {
        let above_zero = found.iter().filter(|(_, (score, _))| *score > 0);
        let mut ranked: Vec<Ranked> =
            above_zero.map(|(item, (score, _))| (*score, self.index.users(*item), *item)).collect();
        by_rank(&mut ranked, DEPTH);
        let pick = |(score, _, item): Ranked| {
            let of = found.get(&item).map(|(_, place)| name(*place));
            Pick { item: Arc::clone(&self.index.items[item.0 as usize]), score, kind, of }
        };
        ranked.into_iter().map(pick).collect()
    }

    /// VMIS-kNN, as in Serenade (Kersbergen, Sprangers and Schelter 2022): what the sessions most like this one have.
    fn session(&self) -> HashMap<IndexItem, (u64, usize)> {
        let current = self.user.and_then(UserTouches::session);
        // By session: how like this one it is, and the first seed that it has.
        let mut alike: HashMap<IndexSession, (u64, usize)> = HashMap::new();
        for (place, seed) in self.seeds.iter().enumerate() {
            let Some(item) = self.index.item(seed) else { continue };
            let weight = (self.seeds.len() - place) as u64;
            for session in self.index.latest.get(item.0) {
                if Some(self.index.numbers[*session as usize]) != current {
                    alike.entry(IndexSession(*session)).or_insert((0, place)).0 += weight;
                }
            }
        }
        let mut nearest: Vec<(u64, IndexSession, usize)> =
            alike.into_iter().map(|(session, (weight, seed))| (weight, session, seed)).collect();
        let rank = |(weight, session, _): &(u64, IndexSession, usize)| (Reverse(*weight), Reverse(*session));
        if nearest.len() > self.list.near {
            nearest.select_nth_unstable_by_key(self.list.near, rank);
            nearest.truncate(self.list.near);
        }
        // By item: the sums by the first seed of the session.
        let mut sums: HashMap<IndexItem, BTreeMap<usize, u64>> = HashMap::new();
        for (weight, session, seed) in nearest {
            // The first seed counts 9 tenths, the ninth 1 tenth.
            let value = weight * 9_u64.saturating_sub(seed as u64);
            for item in self.index.contents.get(session.0) {
                *sums.entry(IndexItem(*item)).or_default().entry(seed).or_default() += value;
            }
        }
        let parts = 10 * self.seeds.len() as u128;
        let score = |(item, by_seed): (IndexItem, BTreeMap<usize, u64>)| {
            let held = f64::from(self.index.held[item.0 as usize]);
            let rarity = millionths(libm::log(self.index.total as f64 / held));
            let sum: u64 = by_seed.values().sum();
            let score = half_even(u128::from(rarity) * u128::from(sum), parts);
            (item, (narrow(score), largest(&by_seed)))
        };
        sums.into_iter().map(score).collect()
    }

    /// What is in the sessions with a seed, by the cosine of the two items' sessions.
    fn together(&self) -> HashMap<IndexItem, (u64, usize)> {
        let mut parts: HashMap<IndexItem, BTreeMap<usize, u64>> = HashMap::new();
        for (place, seed) in self.seeds.iter().enumerate() {
            let Some(own) = self.index.item(seed) else { continue };
            let sessions = self.index.latest.get(own.0);
            let mut counts: HashMap<u32, u64> = HashMap::new();
            let contents = sessions.iter().flat_map(|session| self.index.contents.get(*session));
            contents.filter(|item| **item != own.0).for_each(|item| *counts.entry(*item).or_default() += 1);
            for (item, count) in counts {
                let rank = place as u128 + 1;
                let held = u128::from(self.index.held[item as usize]) + 10;
                let square = ONE * ONE * u128::from(count) * u128::from(count);
                let term = narrow((square / (rank * rank * sessions.len() as u128 * held)).isqrt());
                parts.entry(IndexItem(item)).or_default().insert(place, term);
            }
        }
        parts.into_iter().map(|(item, terms)| (item, (terms.values().sum(), largest(&terms)))).collect()
    }

    /// What has the values that most of what the user keeps has; with the column of the largest share.
    fn similar(&self) -> HashMap<IndexItem, (u64, usize)> {
        let values = &self.index.values;
        let own = self.user.map_or(&[][..], UserTouches::own).iter();
        let shares = match self.is_of_seeds {
            true => values.shares(self.seeds.iter().map(|seed| (seed, 1))),
            false => values.shares(own.map(|touched| (&touched.item, touched.times.len() as u64))),
        };
        let candidates = shares.iter().flat_map(|counted| values.best(counted.value).iter().copied().map(IndexItem));
        let candidates: HashSet<IndexItem> = candidates.collect();
        let shares: HashMap<u32, u64> = shares.iter().map(|counted| (counted.value, counted.share)).collect();
        let score = |item: IndexItem| {
            let (mut sum, mut most) = (0, (0, 0));
            for value in values.of_index(item) {
                let share = shares.get(value).copied().unwrap_or_default();
                sum += share;
                // Values are in the order of columns: of equals the first stays.
                if share > most.0 {
                    most = (share, values.column(*value));
                }
            }
            (item, (sum, most.1))
        };
        candidates.into_iter().map(score).collect()
    }

    fn popular(&self) -> Vec<Pick> {
        let pick = |item: &IndexItem| Pick {
            item: Arc::clone(&self.index.items[item.0 as usize]),
            score: u64::from(self.index.users(*item)) * narrow(ONE),
            kind: PickKind::Popular,
            of: None,
        };
        self.index.popular.iter().map(pick).collect()
    }

    /// What the user keeps, by how often and how lately, less where it is too early or too late for it, and by how many users
    /// come back to it.
    fn again(&self) -> Vec<Pick> {
        let own = self.user.map_or(&[][..], UserTouches::own);
        let score = |times: &[Timestamp], users: u128, several: u128| {
            let age = |ts: Timestamp| u128::try_from(self.now.0 - ts.0).unwrap_or(0);
            let recency: u128 = times.iter().map(|ts| half_even(HALF_MS * ONE, HALF_MS + age(*ts))).sum();
            let number = times.len() as u128;
            let weighted = match times {
                [first, .., last] => {
                    let usual = u128::try_from((last.0 - first.0) / (times.len() as i64 - 1)).unwrap_or(1).max(1);
                    let elapsed = half_even(age(*last) * ONE, usual);
                    let late = if elapsed == 0 { ONE } else { half_even(3 * ONE * ONE, elapsed) };
                    let due = ONE.min(ONE / 2 + elapsed).min(late);
                    half_even(recency * half_even(5 * ONE + number * due, 5 + number), ONE)
                }
                _ => recency,
            };
            half_even(weighted * (several + 1), users + 4)
        };
        let mut picks: Vec<(u32, Pick)> = own
            .iter()
            .map(|touched| {
                let item = self.index.item(&touched.item);
                let [users, several] = item.map_or([0, 0], |item| self.index.users[item.0 as usize]);
                let score = narrow(score(&touched.times, users.into(), several.into()));
                (users, Pick { item: Arc::clone(&touched.item), score, kind: PickKind::Again, of: None })
            })
            .filter(|(_, pick)| pick.score > 0)
            .collect();
        picks.sort_unstable_by(|(users, a), (others, b)| {
            (Reverse(a.score), Reverse(*users), &a.item).cmp(&(Reverse(b.score), Reverse(*others), &b.item))
        });
        picks.truncate(DEPTH);
        picks.into_iter().map(|(_, pick)| pick).collect()
    }
}

/// The place of the largest, the first of equals.
fn largest(terms: &BTreeMap<usize, u64>) -> usize {
    let first = terms.iter().max_by_key(|(place, term)| (**term, Reverse(**place)));
    first.map_or(0, |(place, _)| *place)
}

/// A number above 0 to a millionth, half to even.
fn millionths(number: f64) -> u64 {
    // At most 44 for what fits into memory.
    (number * 1e6).round_ties_even() as u64
}

/// `a / b`, half to even.
fn half_even(a: u128, b: u128) -> u128 {
    let (whole, rest) = (a / b, a % b);
    match (2 * rest).cmp(&b) {
        std::cmp::Ordering::Greater => whole + 1,
        std::cmp::Ordering::Equal => whole + whole % 2,
        std::cmp::Ordering::Less => whole,
    }
}

/// Which part of all it is, in millionths.
pub(super) fn share(part: u64, all: u64) -> u64 {
    narrow(half_even(u128::from(part) * ONE, u128::from(all).max(1)))
}

/// Scores are far below 2^64; a larger one counts as that.
fn narrow(score: u128) -> u64 {
    u64::try_from(score).unwrap_or(u64::MAX)
}
