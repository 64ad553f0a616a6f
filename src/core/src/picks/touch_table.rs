//! What the users of one partition touched, for one list, kept as they touch it: a taking need not go through the users.
//!
//! It holds nothing that the users' own state does not say: a user that comes [enters](TouchTable::enter), one that goes
//! [leaves](TouchTable::leave), and each touch replaces what it changes. What no taking to come looks at is forgotten at a taking.

use std::collections::BTreeMap;
use std::sync::Arc;

use thin_vec::ThinVec;

use super::item_table::ItemTable;
use super::sessions::{SessionNumber, TouchedSession};
use super::touches::{TouchedItem, UserTouches};
use crate::features::SlidingWindow;
use crate::rules::ruleset::PickList;
use crate::time::Timestamp;

/// Fewer items than this that nobody touches any more are left where they are.
const SPARE_ITEMS_MIN: usize = 1_024;

/// What a list of its own takes beside its elements.
const LIST_HEADER_BYTES: usize = 16;

/// What some users touched.
#[derive(Clone, Debug)]
pub struct TouchTable {
    window: SlidingWindow,
    /// Sessions are asked about.
    has_sessions: bool,
    items: ItemTable,
    /// By item: its users.
    users: Vec<ThinVec<PaneUsers>>,
    /// Ascending. Only what is delivered at the end of one beat may give two sessions one number; they are told apart by the second, in
    /// no particular order.
    sessions: BTreeMap<(SessionNumber, u32), TableSession>,
    /// Panes up to this one are forgotten.
    past: i64,
    /// How many panes and items of sessions there are in all.
    panes: usize,
    session_items: usize,
    /// The sessions that began since this was last taken.
    begun: Vec<SessionNumber>,
}

/// The users who touched an item last in a pane of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PaneUsers {
    pane: i64,
    users: u32,
    /// Those of them who keep several times of it.
    several: u32,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
struct TableSession {
    began: Timestamp,
    items: ThinVec<u32>,
}

/// What a partition found for an index at an instant.
#[derive(Clone, Debug, Default)]
pub struct TouchScan {
    /// Those that the index has.
    pub(super) items: Vec<Arc<str>>,
    /// By item: how many users touched it last in the window, and how many of them keep several times of it.
    pub(super) users: Vec<[u32; 2]>,
    /// Ascending by number.
    pub(super) sessions: Vec<ScannedSession>,
    /// The items of all these sessions.
    pub(super) contents: Vec<u32>,
}

/// A session, and where its items are.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScannedSession {
    pub(super) number: SessionNumber,
    pub(super) began: Timestamp,
    pub(super) first: usize,
    pub(super) end: usize,
}

impl TouchTable {
    /// Nobody's.
    pub fn new(list: &PickList) -> TouchTable {
        TouchTable {
            window: list.window,
            has_sessions: list.has_sessions(),
            items: ItemTable::default(),
            users: Vec::new(),
            sessions: BTreeMap::new(),
            past: i64::MIN,
            panes: 0,
            session_items: 0,
            begun: Vec::new(),
        }
    }

    /// A user comes, with all that it touched.
    pub fn enter(&mut self, user: &UserTouches) {
        user.own().iter().for_each(|touched| self.enter_item(touched));
        user.sessions.0.iter().for_each(|session| self.enter_session(session));
    }

    /// A user goes.
    pub fn leave(&mut self, user: &UserTouches) {
        user.own().iter().for_each(|touched| self.leave_item(touched));
        user.sessions.0.iter().for_each(|session| self.leave_session(session));
    }

    /// A user touched an item as it is said there.
    pub(super) fn enter_item(&mut self, touched: &TouchedItem) {
        let Some((pane, several)) = self.pane_of(touched) else { return };
        let number = self.number(&touched.item);
        let panes = &mut self.users[number as usize];
        match panes.binary_search_by_key(&pane, |users| users.pane) {
            Ok(at) => {
                panes[at].users += 1;
                panes[at].several += several;
            }
            Err(at) => {
                panes.insert(at, PaneUsers { pane, users: 1, several });
                self.panes += 1;
            }
        }
    }

    /// What was said is no longer so.
    pub(super) fn leave_item(&mut self, touched: &TouchedItem) {
        let Some((pane, several)) = self.pane_of(touched) else { return };
        let number = self.number(&touched.item);
        let panes = &mut self.users[number as usize];
        if let Ok(at) = panes.binary_search_by_key(&pane, |users| users.pane) {
            let users = &mut panes[at];
            (users.users, users.several) = (users.users - 1, users.several - several);
            if users.users == 0 {
                panes.remove(at);
                self.panes -= 1;
            }
        }
    }

    /// The pane of the latest touch, and 1 if there are several; `None`: it is forgotten.
    fn pane_of(&self, touched: &TouchedItem) -> Option<(i64, u32)> {
        let pane = touched.times.last()?.0.div_euclid(self.window.pane_ms);
        (pane > self.past).then(|| (pane, u32::from(touched.times.len() > 1)))
    }

    /// A session begins, which an index looks at only while it is among the last.
    pub(super) fn begin_session(&mut self, number: SessionNumber) {
        self.begun.push(number);
    }

    /// Takes those that began since this was last asked.
    pub fn take_begun(&mut self) -> Vec<SessionNumber> {
        std::mem::take(&mut self.begun)
    }

    /// A user has a session with these items.
    pub(super) fn enter_session(&mut self, session: &TouchedSession) {
        if !self.counts(session) {
            return;
        }
        let entry = self.entry(session);
        let copies = self.copies(session.number);
        self.session_items += entry.items.len();
        self.sessions.insert((session.number, copies), entry);
    }

    /// What was said is no longer so.
    pub(super) fn leave_session(&mut self, session: &TouchedSession) {
        if !self.counts(session) {
            return;
        }
        let (entry, copies) = (self.entry(session), self.copies(session.number));
        let place = (0..copies).find(|copy| self.sessions.get(&(session.number, *copy)) == Some(&entry));
        let (Some(place), Some(last)) = (place, copies.checked_sub(1)) else { return };
        self.session_items -= entry.items.len();
        // The last one takes the place of the one that goes.
        if let Some(moved) = self.sessions.remove(&(session.number, last))
            && place < last
        {
            self.sessions.insert((session.number, place), moved);
        }
    }

    fn counts(&self, session: &TouchedSession) -> bool {
        let pane = session.began.0.div_euclid(self.window.pane_ms);
        self.has_sessions && !session.items.is_empty() && pane > self.past
    }

    fn entry(&mut self, session: &TouchedSession) -> TableSession {
        let items = session.items.iter().map(|item| self.number(item)).collect();
        TableSession { began: session.began, items }
    }

    /// How many sessions have a number.
    fn copies(&self, number: SessionNumber) -> u32 {
        let last = self.sessions.range((number, 0)..=(number, u32::MAX)).next_back();
        last.map_or(0, |((_, copy), _)| copy + 1)
    }

    fn number(&mut self, item: &Arc<str>) -> u32 {
        let number = self.items.number(item);
        if self.users.len() <= number as usize {
            self.users.push(ThinVec::new());
        }
        number
    }

    /// What an index at an instant has, of the sessions from `first` on. No taking to come is earlier.
    pub fn take(&mut self, at: Timestamp, first: SessionNumber) -> TouchScan {
        self.forget_past(at);
        let newest = at.0.div_euclid(self.window.pane_ms);
        let mut scan = TouchScan::default();
        // By item: its number in the scan.
        let mut numbers = vec![u32::MAX; self.users.len()];
        let known = |scan: &mut TouchScan, numbers: &mut [u32], item: u32| {
            let number = &mut numbers[item as usize];
            if *number == u32::MAX {
                *number = u32::try_from(scan.items.len()).unwrap_or(u32::MAX);
                scan.items.push(Arc::clone(&self.items.items()[item as usize]));
                scan.users.push([0, 0]);
            }
            *number
        };
        for (item, panes) in (0..).zip(&self.users) {
            let in_window = panes.iter().take_while(|users| users.pane <= newest);
            let counts = in_window.fold([0, 0], |[all, several], it| [all + it.users, several + it.several]);
            if counts[0] > 0 {
                let number = known(&mut scan, &mut numbers, item);
                scan.users[number as usize] = counts;
            }
        }
        for ((number, _), session) in self.sessions.range((first, 0)..) {
            if session.began.0.div_euclid(self.window.pane_ms) > newest {
                continue;
            }
            let begin = scan.contents.len();
            for item in &session.items {
                let number = known(&mut scan, &mut numbers, *item);
                scan.contents.push(number);
            }
            let (number, began, end) = (*number, session.began, scan.contents.len());
            scan.sessions.push(ScannedSession { number, began, first: begin, end });
        }
        scan
    }

    /// Forgets what the window has left behind.
    fn forget_past(&mut self, at: Timestamp) {
        let past = at.0.div_euclid(self.window.pane_ms).saturating_sub(self.window.panes);
        if past <= self.past {
            return;
        }
        self.past = past;
        for panes in &mut self.users {
            panes.retain(|users| users.pane > past);
        }
        let pane_ms = self.window.pane_ms;
        self.sessions.retain(|_, session| session.began.0.div_euclid(pane_ms) > past);
        self.panes = self.users.iter().map(|panes| panes.len()).sum();
        self.session_items = self.sessions.values().map(|session| session.items.len()).sum();
        self.forget_items();
    }

    /// Forgets items that nobody touches, once they are many.
    fn forget_items(&mut self) {
        let mut is_used: Vec<bool> = self.users.iter().map(|panes| !panes.is_empty()).collect();
        self.sessions.values().flat_map(|session| &session.items).for_each(|item| is_used[*item as usize] = true);
        let spare = is_used.iter().filter(|is_used| !**is_used).count();
        if spare < SPARE_ITEMS_MIN || spare * 2 < is_used.len() {
            return;
        }
        let (items, users) = (std::mem::take(&mut self.items), std::mem::take(&mut self.users));
        let mut numbers = vec![u32::MAX; is_used.len()];
        for (place, panes) in users.into_iter().enumerate().filter(|(place, _)| is_used[*place]) {
            numbers[place] = self.items.number(&items.items()[place]);
            self.users.push(panes);
        }
        for session in self.sessions.values_mut() {
            session.items.iter_mut().for_each(|item| *item = numbers[*item as usize]);
        }
    }

    /// The bytes it takes on the heap, about.
    pub fn heap_bytes(&self) -> usize {
        let session = size_of::<(SessionNumber, u32)>() + size_of::<TableSession>() + LIST_HEADER_BYTES;
        self.items.heap_bytes()
            + self.users.capacity() * (size_of::<ThinVec<PaneUsers>>() + LIST_HEADER_BYTES)
            + self.panes * size_of::<PaneUsers>()
            + self.sessions.len() * session
            + self.session_items * size_of::<u32>()
            + self.begun.capacity() * size_of::<SessionNumber>()
    }
}
