//! The ends of beats, where users meet.

use std::rc::Rc;

use super::OracleState;
use super::budgets::{OracleAsk, beat_after, beat_at};
use super::picks::OraclePickList;
use super::user::OracleUser;

/// How far a user's changes are known in advance, so that it can be passed over until then.
const LOOK_AHEAD_MS: i64 = 86_400_000;

impl OracleState<'_> {
    /// Moves the watermark forward. It stops at every whole second; there what users ask for is answered.
    pub(super) fn move_watermark(&mut self, to: i64) {
        let is_shared = self.rules.has_spends()
            || !self.rules.groups.is_empty()
            || !self.rules.tables.is_empty()
            || self.rules.has_takings();
        if is_shared && self.taken_until.is_some() {
            self.end_beats(to, false);
        }
        self.taken_until.get_or_insert(to);
        self.watermark = self.watermark.max(to);
        if self.next_takings.is_empty() {
            let next = |list: &OraclePickList| list.next_taking(&self.rules.calendar, self.watermark);
            self.next_takings = self.rules.picks.iter().map(next).collect();
        }
    }

    /// Moves the watermark to the end of time, where beats end until nothing is left to answer.
    pub(super) fn end(&mut self) {
        self.end_beats(self.until, true);
    }

    /// The end of the beat that is under way.
    pub(super) fn beat(&self) -> i64 {
        beat_after(self.watermark)
    }

    /// Frees what somebody held who is no more since an instant, and tells partners.
    pub(super) fn bury(&mut self, mut user: OracleUser, at: i64) {
        user.now = at;
        user.end_sharing(self.rules, &mut self.journal);
        user.log_beat = Some(self.beat());
        user.free_all();
        self.books.enter(&mut user);
    }

    fn end_beats(&mut self, to: i64, is_end: bool) {
        loop {
            // What happens at the end of a beat reaches users before anything later does.
            let taking = self.next_takings.iter().copied().filter(|at| *at <= to).min();
            let crossing = self.next_group_beat(to, is_end).into_iter().chain(self.next_taking(to)).chain(taking).min();
            let horizon = crossing.unwrap_or(to);
            let mut next: Option<i64> = crossing;
            for user in self.users.values_mut() {
                if user.asks.is_empty() && user.now < horizon && user.nothing_before <= horizon {
                    user.advance_to_an_ask(self.rules, horizon, &mut self.journal);
                    user.look_ahead(self.rules, user.now + LOOK_AHEAD_MS);
                    self.books.enter(user);
                }
                next = user.asks.iter().map(|ask| ask.beat).chain(next).min();
            }
            let Some(beat) = next.map(|beat| if is_end { beat.min(to) } else { beat }).filter(|beat| *beat <= to)
            else {
                break;
            };
            for user in self.users.values_mut() {
                user.advance(self.rules, beat, &mut self.journal);
                self.books.enter(user);
            }
            self.watermark = self.watermark.max(beat);
            self.answer(beat, is_end);
            if crossing == Some(beat) {
                self.meet(beat, is_end);
            }
        }
    }

    /// Makes the indexes of picks whose instant this is.
    pub(super) fn take_picks(&mut self, at: i64) {
        if !self.next_takings.contains(&at) {
            return;
        }
        let mut indexes = (*self.pick_indexes).clone();
        let there: Vec<&OracleUser> = self.users.values().filter(|user| !self.is_expired(user, at)).collect();
        for (place, list) in self.rules.picks.iter().enumerate() {
            if self.next_takings[place] == at {
                let rows = self.rules.rows.borrow();
                indexes[place] = list.take(at, there.iter().map(|user| &user.touches[place]), &rows);
                self.next_takings[place] = list.next_taking(&self.rules.calendar, at);
            }
        }
        self.pick_indexes = Rc::new(indexes);
        self.users.values_mut().for_each(|user| user.pick_indexes = Rc::clone(&self.pick_indexes));
    }

    /// Answers what was asked for until the end of a beat: by instant, by user, in the user's own order.
    fn answer(&mut self, beat: i64, is_end: bool) {
        let mut asked: Vec<(String, OracleAsk)> = Vec::new();
        self.books.until_beat = beat_at(beat);
        for (id, user) in &mut self.users {
            let is_now = |ask: &OracleAsk| ask.beat <= self.books.until_beat || is_end && beat == self.until;
            let (now, later) = user.asks.drain(..).partition::<Vec<_>, _>(is_now);
            user.asks = later;
            asked.extend(now.into_iter().map(|ask| (id.clone(), ask)));
        }
        asked.sort_by_key(|(_, ask)| ask.at);
        for (id, ask) in asked {
            let user = self.users.get_mut(&id).expect("who asks is there");
            user.now = user.now.max(beat);
            user.log_beat = Some(beat_after(beat));
            user.answer(ask.question, &self.books, self.rules, &mut self.journal);
            user.log_beat = None;
            user.nothing_before = super::BEGINNING;
            self.books.enter(user);
        }
    }
}
