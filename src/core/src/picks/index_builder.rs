//! A taking: the index of all that has arrived.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::DEPTH;
use super::index::{IndexItem, PackedLists, PickIndex};
use super::scores::by_rank;
use super::sessions::{SessionStore, is_in};
use super::touches::UserTouches;
use crate::rules::ruleset::PickList;
use crate::time::Timestamp;

impl PickIndex {
    /// The index of the sessions and users that are there at an instant.
    pub fn new<'u>(
        list: &PickList,
        store: &SessionStore,
        users: impl Iterator<Item = &'u UserTouches>,
        at: Timestamp,
    ) -> PickIndex {
        let counts = user_counts(list, users, at);
        let sessions = store.within(list.window, at);
        // Which of the store's items are in them.
        let mut is_held = vec![false; store.items().len()];
        sessions.clone().flat_map(|(_, items)| items).for_each(|item| is_held[*item as usize] = true);
        let held = (0..).zip(&is_held).filter(|(_, is_held)| **is_held).map(|(number, _)| number);
        let mut items: Vec<Arc<str>> = held.map(|number| Arc::clone(store.items().item(number))).collect();
        items.extend(counts.keys().map(|item| Arc::clone(item)));
        items.sort_unstable();
        items.dedup();
        let mut index = PickIndex {
            held: vec![0; items.len()],
            users: items.iter().map(|item| counts.get(item).copied().unwrap_or_default()).collect(),
            items,
            ..PickIndex::default()
        };
        // From the store's numbers to those of the index.
        let numbers: Vec<u32> = (0..)
            .zip(&is_held)
            .map(|(number, is_held)| match is_held {
                true => index.item(store.items().item(number)).map_or(u32::MAX, |item| item.0),
                false => u32::MAX,
            })
            .collect();
        for (number, items) in sessions {
            index.numbers.push(number);
            index.contents.push(items.iter().map(|item| numbers[*item as usize]));
        }
        index.total = index.contents.values.len() as u64;
        index.latest = latest_sessions(&index.contents, index.items.len(), list.sessions, &mut index.held);
        index.popular = popular(&index);
        index
    }
}

/// By item: how many users touched it last in the window, and how many of them keep several times of it.
fn user_counts<'u>(
    list: &PickList,
    users: impl Iterator<Item = &'u UserTouches>,
    at: Timestamp,
) -> BTreeMap<&'u Arc<str>, [u32; 2]> {
    let mut counts: BTreeMap<&Arc<str>, [u32; 2]> = BTreeMap::new();
    for touched in users.flat_map(UserTouches::own) {
        if touched.times.last().is_some_and(|latest| is_in(list.window, at, *latest)) {
            let [users, several] = counts.entry(&touched.item).or_default();
            *users += 1;
            *several += u32::from(touched.times.len() > 1);
        }
    }
    counts
}

/// By item, the sessions with it that began last; `held` counts all of them.
fn latest_sessions(contents: &PackedLists, items: usize, most: usize, held: &mut [u32]) -> PackedLists {
    contents.values.iter().for_each(|item| held[*item as usize] += 1);
    // Two passes: the first finds where each list ends, the second fills them from the back.
    let mut lists = PackedLists::default();
    let mut end = 0_u32;
    for count in held.iter().take(items) {
        end = end.saturating_add((*count).min(u32::try_from(most).unwrap_or(u32::MAX)));
        lists.ends.push(end);
    }
    lists.values = vec![0; end as usize];
    let mut places: Vec<u32> = lists.ends.clone();
    for session in (0..contents.ends.len()).rev() {
        let number = u32::try_from(session).unwrap_or(u32::MAX);
        for item in contents.get(number) {
            let begins = item.checked_sub(1).map_or(0, |before| lists.ends[before as usize]);
            let place = &mut places[*item as usize];
            if *place > begins {
                *place -= 1;
                lists.values[*place as usize] = number;
            }
        }
    }
    lists
}

/// The items that most users touched.
fn popular(index: &PickIndex) -> Vec<IndexItem> {
    let touched = (0..).map(IndexItem).take(index.items.len()).filter(|item| index.users(*item) > 0);
    let mut ranked: Vec<(u64, u32, IndexItem)> = touched.map(|item| (0, index.users(item), item)).collect();
    by_rank(&mut ranked, DEPTH);
    ranked.into_iter().map(|(_, _, item)| item).collect()
}
