//! A taking: the index of what all partitions found ([`TouchScan`]), in which nothing depends on how the users were divided.

use std::sync::Arc;

use super::DEPTH;
use super::begun::SESSIONS_MAX;
use super::index::{IndexItem, PackedLists, PickIndex};
use super::scores::by_rank;
use super::sessions::SessionNumber;
use super::touch_table::{ScannedSession, TouchScan};
use crate::rules::ruleset::PickList;
use crate::time::Timestamp;

impl PickIndex {
    /// The index of all that scans for one instant found.
    pub fn new(list: &PickList, scans: &[TouchScan]) -> PickIndex {
        let mut items: Vec<Arc<str>> = scans.iter().flat_map(|scan| scan.items.iter().cloned()).collect();
        items.sort_unstable();
        items.dedup();
        let mut index = PickIndex { users: vec![[0, 0]; items.len()], items, ..PickIndex::default() };
        let mut sessions: Vec<(SessionNumber, Timestamp, usize, usize)> = Vec::new();
        // By scan: from its numbers of items to those of the index.
        let mut numbers: Vec<Vec<u32>> = Vec::with_capacity(scans.len());
        for (place, scan) in scans.iter().enumerate() {
            let known = scan.items.iter().map(|item| index.item(item).map_or(u32::MAX, |item| item.0));
            let known: Vec<u32> = known.collect();
            for (number, counts) in known.iter().zip(&scan.users) {
                let [users, several] = &mut index.users[*number as usize];
                *users += counts[0];
                *several += counts[1];
            }
            numbers.push(known);
            let of_scan = scan.sessions.iter().enumerate();
            sessions.extend(of_scan.map(|(at, session)| (session.number, session.began, place, at)));
        }
        let contents = |place: usize, at: usize| {
            let ScannedSession { first, end, .. } = scans[place].sessions[at];
            scans[place].contents[first..end].iter().map(move |item| (place, *item))
        };
        let known = |(place, item): (usize, u32)| numbers[place][item as usize];
        // Two sessions have one number only where something reached two users at the end of one beat.
        sessions.sort_unstable_by(|a, b| {
            (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| contents(a.2, a.3).map(known).cmp(contents(b.2, b.3).map(known)))
        });
        let surplus = sessions.len().saturating_sub(SESSIONS_MAX);
        for session in &sessions[surplus..] {
            index.numbers.push(session.0);
            index.contents.push(contents(session.2, session.3).map(known));
        }
        index.derive(list);
        index
    }

    /// Works out what follows from the items with their users, and the sessions with their items.
    pub(super) fn derive(&mut self, list: &PickList) {
        self.total = self.contents.values.len() as u64;
        self.held = vec![0; self.items.len()];
        self.contents.values.iter().for_each(|item| self.held[*item as usize] += 1);
        self.latest = latest_sessions(&self.contents, &self.held, list.sessions);
        self.popular = popular(self);
        self.derive_values(list);
    }
}

/// By item, the sessions with it that began last, of those that `held` counts.
fn latest_sessions(contents: &PackedLists, held: &[u32], most: usize) -> PackedLists {
    // Two passes: the first finds where each list ends, the second fills them from the back.
    let mut lists = PackedLists::default();
    let mut end = 0_u32;
    for count in held {
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
