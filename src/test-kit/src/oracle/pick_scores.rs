//! The scores of picks, each found by looking through plain lists.

use std::collections::BTreeSet;

use super::lists::{distinct, first_largest, half_even};
use super::picks::{CANDIDATES_MAX, DAY_MS, ONE, OraclePick, OraclePickList, OracleQuery, times};

/// The most values of a column that count.
const SHARES_MAX: usize = 10;

impl OracleQuery<'_> {
    /// The items of a kind, the best first.
    pub(super) fn candidates(&self, list: &OraclePickList, kind: &str) -> Vec<OraclePick> {
        let of_sessions = self.index.sessions.iter().flat_map(|(_, items)| items);
        let own = self.touches.own.iter().map(|touch| &touch.item);
        let items: BTreeSet<&String> = self.index.users.keys().chain(of_sessions).chain(own).collect();
        let scored = |item: &String| {
            let (score, seed) = match kind {
                "session" => self.session(list, item)?,
                "together" => self.together(list, item)?,
                "similar" => self.similar(list, item)?,
                "popular" => (self.users(item).0 * ONE, None),
                "again" => (self.again(item)?, None),
                other => panic!("`{other}` is no kind of picks"),
            };
            let because = seed.map_or_else(|| kind.to_owned(), |seed| format!("{kind}:{seed}"));
            let rank = (std::cmp::Reverse(score), std::cmp::Reverse(self.users(item).0), item.clone());
            (score > 0).then(|| OraclePick { item: item.clone(), score, because, rank })
        };
        let mut picks: Vec<OraclePick> = items.into_iter().filter_map(scored).collect();
        picks.sort_by(|a, b| a.rank.cmp(&b.rank));
        picks.truncate(CANDIDATES_MAX);
        picks
    }

    fn users(&self, item: &String) -> (u128, u128) {
        self.index.users.get(item).copied().unwrap_or_default()
    }

    /// The places of the sessions with an item.
    fn having(&self, item: &String) -> Vec<usize> {
        let sessions = self.index.sessions.iter().enumerate();
        sessions.filter(|(_, (_, items))| items.contains(item)).map(|(place, _)| place).collect()
    }

    /// Those of them that began last.
    fn latest(&self, list: &OraclePickList, item: &String) -> Vec<usize> {
        let all = self.having(item);
        all[all.len().saturating_sub(list.sessions)..].to_vec()
    }

    fn session(&self, list: &OraclePickList, item: &String) -> Option<(u128, Option<String>)> {
        let seeds = self.seeds.len();
        let latest: Vec<Vec<usize>> = self.seeds.iter().map(|seed| self.latest(list, seed)).collect();
        let mut near: Vec<(usize, usize, usize)> = Vec::new();
        for (place, (order, _)) in self.index.sessions.iter().enumerate() {
            let of: Vec<usize> = (1..=seeds).filter(|p| latest[p - 1].contains(&place)).collect();
            if let Some(least) = of.first()
                && Some(*order) != self.touches.current
            {
                near.push((of.iter().map(|p| seeds - p + 1).sum(), place, *least));
            }
        }
        near.sort_by_key(|(a, place, _)| std::cmp::Reverse((*a, *place)));
        near.truncate(list.near);
        near.retain(|(_, place, _)| self.index.sessions[*place].1.contains(item));
        if near.is_empty() {
            return None;
        }
        let by_seed =
            |p: usize| near.iter().filter(|(_, _, least)| *least == p).map(|(a, _, _)| (a * (10 - p)) as u128).sum();
        let sums: Vec<u128> = (1..=seeds).map(by_seed).collect();
        let all: usize = self.index.sessions.iter().map(|(_, items)| items.len()).sum();
        let rarity = ((all as f64 / self.having(item).len() as f64).ln() * 1e6).round_ties_even();
        let score = half_even(rarity as u128 * sums.iter().sum::<u128>(), 10 * seeds as u128);
        Some((score, Some(self.seeds[first_largest(&sums)].clone())))
    }

    fn together(&self, list: &OraclePickList, item: &String) -> Option<(u128, Option<String>)> {
        let term = |(seed, p): (&String, u128)| {
            let those = self.latest(list, seed);
            let both = those.iter().filter(|place| self.index.sessions[**place].1.contains(item)).count() as u128;
            if seed == item || both == 0 {
                return 0;
            }
            let below = p * p * those.len() as u128 * (self.having(item).len() as u128 + 10);
            (ONE * ONE * both * both / below).isqrt()
        };
        let terms: Vec<u128> = self.seeds.iter().zip(1..).map(term).collect();
        let score = terms.iter().sum();
        (score > 0).then(|| (score, Some(self.seeds[first_largest(&terms)].clone())))
    }

    /// The texts of an item in a column.
    fn values(&self, item: &str, column: &str) -> Vec<String> {
        self.index.values.get(&(item.to_owned(), column.to_owned())).cloned().unwrap_or_default()
    }

    /// What counts: column, value, and its share.
    fn shares(&self, list: &OraclePickList) -> Vec<(String, String, u128)> {
        let own = distinct(self.touches.own.iter().map(|touch| &touch.item));
        let kept: Vec<(String, u128)> = match self.is_key {
            true => self.seeds.iter().map(|key| (key.clone(), 1)).collect(),
            false => {
                own.into_iter().map(|item| (item.clone(), times(&self.touches.own, &item).len() as u128)).collect()
            }
        };
        let mut shares = Vec::new();
        for column in &list.by {
            let having = |value: Option<&String>| -> u128 {
                let fits = |item: &str| {
                    let values = self.values(item, column);
                    value.map_or(!values.is_empty(), |value| values.contains(value))
                };
                kept.iter().filter(|(item, _)| fits(item)).map(|(_, times)| times).sum()
            };
            let values: BTreeSet<String> = kept.iter().flat_map(|(item, _)| self.values(item, column)).collect();
            let mut of_column: Vec<(u128, String)> =
                values.into_iter().map(|value| (half_even(having(Some(&value)) * ONE, having(None)), value)).collect();
            of_column.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
            shares.extend(of_column.into_iter().take(SHARES_MAX).map(|(share, value)| (column.clone(), value, share)));
        }
        shares
    }

    fn similar(&self, list: &OraclePickList, item: &String) -> Option<(u128, Option<String>)> {
        let shares = self.shares(list);
        let is_among = |(column, value, _): &(String, String, u128)| {
            let touched = self.index.users.keys().filter(|other| self.users(other).0 > 0);
            let mut alike: Vec<&String> = touched.filter(|other| self.values(other, column).contains(value)).collect();
            alike.sort_by_key(|other| (std::cmp::Reverse(self.users(other).0), (*other).clone()));
            alike.into_iter().take(list.sessions).any(|other| other == item)
        };
        if !shares.iter().any(is_among) {
            return None;
        }
        let fitting: Vec<&(String, String, u128)> =
            shares.iter().filter(|(column, value, _)| self.values(item, column).contains(value)).collect();
        let largest = first_largest(&fitting.iter().map(|(_, _, share)| *share).collect::<Vec<_>>());
        Some((fitting.iter().map(|(_, _, share)| share).sum(), Some(fitting[largest].0.clone())))
    }

    fn again(&self, item: &str) -> Option<u128> {
        let times = times(&self.touches.own, item);
        let (first, last) = (*times.first()?, *times.last()?);
        let age = |at: i64| u128::try_from(self.now - at).unwrap_or(0);
        let half = 60 * DAY_MS as u128;
        let recency: u128 = times.iter().map(|at| half_even(half * ONE, half + age(*at))).sum();
        let (k, (users, several)) = (times.len() as u128, self.users(&item.to_owned()));
        let weighted = if k == 1 {
            recency
        } else {
            let usual = (last - first) as u128 / (k - 1);
            let q = half_even(age(last) * ONE, usual);
            let late = if q > 0 { half_even(3 * ONE * ONE, q) } else { ONE };
            let d = ONE.min(ONE / 2 + q).min(late);
            half_even(recency * half_even(5 * ONE + k * d, 5 + k), ONE)
        };
        Some(half_even(weighted * (several + 1), users + 4))
    }
}
