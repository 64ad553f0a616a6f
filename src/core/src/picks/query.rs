//! What to offer to a user: candidates of each source, one after the other, but what must not be offered.

use std::collections::HashSet;
use std::sync::Arc;

use serde::Serialize;

use super::DEPTH;
use super::index::PickIndex;
use super::scores::ScoreScope;
use super::touches::UserTouches;
use crate::decimal::Decimal;
use crate::json::JsonText;
use crate::rules::ruleset::{PickKind, PickList, PickListId, PickSource};
use crate::time::Timestamp;
use crate::value::Value;

/// An item to offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pick {
    /// The item.
    pub item: Arc<str>,
    /// Its score, in millionths.
    pub score: u64,
    /// What score that is.
    pub kind: PickKind,
    /// The seed that gave most of it, or of `similar` the column.
    pub of: Option<Arc<str>>,
}

/// What is known for one list.
#[derive(Clone, Copy, Debug)]
pub struct PickSubject<'q> {
    /// The index that stands.
    pub index: &'q PickIndex,
    /// The user's touches; `None`: nothing is known of the user.
    pub user: Option<&'q UserTouches>,
}

/// What is known of items beside who touched them.
pub trait ItemFilter {
    /// Whether an item meets `where` of a list.
    fn admits(&self, list: &PickList, item: &str) -> bool;
}

/// A question, at an instant.
#[derive(Clone, Copy)]
pub struct PickQuery<'q> {
    /// All lists of the rules.
    pub lists: &'q [PickList],
    /// By list.
    pub subjects: &'q [PickSubject<'q>],
    /// The user's clock.
    pub now: Timestamp,
    /// What is asked about in place of the user's current session, the latest first: an instance's key; what a storefront says.
    pub seeds: Option<&'q [Arc<str>]>,
    /// Which items may be offered.
    pub filter: &'q dyn ItemFilter,
}

impl Pick {
    /// The kind, and what gave most: `session:A-3`.
    pub fn because(&self) -> String {
        match &self.of {
            Some(seed) => format!("{}:{seed}", self.kind.as_ref()),
            None => self.kind.as_ref().to_owned(),
        }
    }
}

/// An item as payloads bear it.
#[derive(Serialize)]
struct PickDocument<'p> {
    item: &'p str,
    score: JsonText,
    because: String,
}

/// A list as payloads bear it.
pub fn picks_json(picks: &[Pick]) -> JsonText {
    JsonText::of(&picks.iter().map(PickDocument::new).collect::<Vec<_>>())
}

impl PickDocument<'_> {
    fn new(pick: &Pick) -> PickDocument<'_> {
        let score = Value::Number(Decimal::from_millionths(pick.score.into())).to_json();
        PickDocument { item: &pick.item, score, because: pick.because() }
    }
}

impl PickQuery<'_> {
    /// The first `n` items of a list.
    pub fn list(&self, id: PickListId, n: usize) -> Vec<Pick> {
        let place = usize::from(id.0);
        let (Some(list), Some(subject)) = (self.lists.get(place), self.subjects.get(place)) else { return Vec::new() };
        let recent = || subject.user.map_or(&[][..], UserTouches::recent);
        let seeds: Vec<Arc<str>> = self.seeds.unwrap_or_else(recent).iter().take(list.last).cloned().collect();
        let scope = ScoreScope {
            list,
            index: subject.index,
            user: subject.user,
            now: self.now,
            seeds: &seeds,
            is_of_seeds: self.seeds.is_some(),
        };
        let (mut picks, mut taken): (Vec<Pick>, HashSet<Arc<str>>) = (Vec::new(), HashSet::new());
        for source in &list.sources {
            let (candidates, is_seeded) = match *source {
                PickSource::Kind(kind) => (scope.candidates(kind), kind.is_seeded()),
                // It stands above, so that this ends.
                PickSource::List(above) if above < id => (self.list(above, DEPTH), false),
                PickSource::List(_) => continue,
            };
            for pick in candidates {
                if picks.len() == n {
                    return picks;
                }
                let is_had = subject.user.is_some_and(|user| user.has_had(&pick.item));
                let is_seed = is_seeded && seeds.first() == Some(&pick.item);
                if !is_had && !is_seed && !taken.contains(&pick.item) && self.filter.admits(list, &pick.item) {
                    taken.insert(Arc::clone(&pick.item));
                    picks.push(pick);
                }
            }
        }
        picks
    }
}
