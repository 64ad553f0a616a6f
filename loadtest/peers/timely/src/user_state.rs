//! What a user's four segments need to be known by, and when time alone changes one of them.
//!
//! Windows consist of 60 panes (semantics §4): a pane leaves as a whole, so a user's next change is known to the millisecond.

use std::ops::AddAssign;

use crate::event::UserAction;

/// The segments, in the order of W1's rules, which is the order of transitions at one instant.
pub(crate) const SEGMENTS: [&str; 4] = ["hot_intent", "cart_abandoned", "big_spender", "dormant"];

/// An instant that does not come.
pub(crate) const NEVER: i64 = i64::MAX;
/// The time of an event that there was none of.
const NONE: i64 = i64::MIN;

/// The panes of a window.
const PANES: i64 = 60;
/// A sixtieth of 30 minutes, and of 7 days.
const VIEW_PANE_MS: i64 = 30_000;
const SPENT_PANE_MS: i64 = 10_080_000;

const VIEWS_MIN: i64 = 3;
const SPENT_MIN: i64 = 500_000_000;
const ABANDONED_AFTER_MS: i64 = 30 * 60_000;
const ABANDONED_FOR_MS: i64 = 24 * 3_600_000;
const DORMANT_AFTER_MS: i64 = 48 * 3_600_000;

/// A user.
#[derive(Debug)]
pub(crate) struct UserState {
    now: i64,
    latest: i64,
    latest_cart: i64,
    latest_order: i64,
    /// The next instant at which time alone changes a segment.
    pub(crate) due: i64,
    /// The earliest wake-up that is asked for.
    pub(crate) wake_up: i64,
    /// A bit for each segment that the user is in.
    memberships: u8,
    views: PaneWindow<u32, VIEW_PANE_MS>,
    spent: PaneWindow<i64, SPENT_PANE_MS>,
}

/// What a segment is at an instant, and when time alone changes that.
type Verdict = (bool, i64);

/// A change of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentChange {
    /// When.
    pub(crate) at: i64,
    /// Which of [`SEGMENTS`].
    pub(crate) segment: u8,
    /// Into it, or out of it.
    pub(crate) is_enter: bool,
}

impl UserState {
    /// A user whose first event has this time.
    pub(crate) fn new(at: i64) -> UserState {
        UserState {
            now: at,
            latest: at,
            latest_cart: NONE,
            latest_order: NONE,
            due: NEVER,
            wake_up: NEVER,
            memberships: 0,
            views: PaneWindow::default(),
            spent: PaneWindow::default(),
        }
    }

    /// Moves time on, to the end of this instant.
    pub(crate) fn advance(&mut self, to: i64, emit: &mut impl FnMut(SegmentChange)) {
        while self.due <= to {
            self.now = self.due;
            self.evaluate(emit);
        }
    }

    /// Applies an event; one that is not in the order of time, at the user's clock.
    pub(crate) fn apply(&mut self, at: i64, action: UserAction, emit: &mut impl FnMut(SegmentChange)) {
        let now = self.now.max(at);
        self.advance(now, emit);
        self.now = now;
        self.latest = self.latest.max(at);
        match action {
            UserAction::View => self.views.add(at, now, 1),
            UserAction::Cart => self.latest_cart = self.latest_cart.max(at),
            UserAction::Order(amount) => {
                self.latest_order = self.latest_order.max(at);
                self.spent.add(at, now, amount);
            }
            UserAction::Other => {}
        }
        self.evaluate(emit);
    }

    fn evaluate(&mut self, emit: &mut impl FnMut(SegmentChange)) {
        let verdicts = [self.hot_intent(), self.cart_abandoned(), self.big_spender(), self.dormant()];
        self.due = NEVER;
        for (segment, (is_member, until)) in (0_u8..).zip(verdicts) {
            self.due = self.due.min(until);
            if is_member != (self.memberships >> segment & 1 == 1) {
                self.memberships ^= 1 << segment;
                emit(SegmentChange { at: self.now, segment, is_enter: is_member });
            }
        }
    }

    /// `count(view, '30m') >= 3 && count(order, '30m') == 0`
    fn hot_intent(&self) -> Verdict {
        let views = self.views.panes_at(self.now);
        let count: i64 = views.iter().map(|pane| i64::from(pane.value)).sum();
        if count < VIEWS_MIN {
            return (false, NEVER);
        }
        let order = self.latest_order.div_euclid(VIEW_PANE_MS);
        if order >= oldest_pane(self.now, VIEW_PANE_MS) {
            // Once the order has left, so have the views of its pane and of those before.
            let after: i64 =
                views.iter().filter(|pane| i64::from(pane.index) > order).map(|pane| i64::from(pane.value)).sum();
            return (false, if after >= VIEWS_MIN { leaves_at(order, VIEW_PANE_MS) } else { NEVER });
        }
        let mut left = count;
        let last = views.iter().find(|pane| {
            left -= i64::from(pane.value);
            left < VIEWS_MIN
        });
        (true, last.map_or(NEVER, |pane| leaves_at(pane.index.into(), VIEW_PANE_MS)))
    }

    /// `since(cart) >= duration('30m') && since(cart) < duration('24h') && since(order) > since(cart)`
    fn cart_abandoned(&self) -> Verdict {
        if self.latest_cart == NONE || self.latest_order >= self.latest_cart {
            return (false, NEVER);
        }
        match self.now - self.latest_cart {
            ..ABANDONED_AFTER_MS => (false, self.latest_cart + ABANDONED_AFTER_MS),
            ABANDONED_AFTER_MS..ABANDONED_FOR_MS => (true, self.latest_cart + ABANDONED_FOR_MS),
            _ => (false, NEVER),
        }
    }

    /// `sum(order.total, '7d') >= 500.0`
    fn big_spender(&self) -> Verdict {
        let spent = self.spent.panes_at(self.now);
        let mut left: i64 = spent.iter().map(|pane| pane.value).sum();
        let is_member = left >= SPENT_MIN;
        let changes = spent.iter().find(|pane| {
            left -= pane.value;
            (left >= SPENT_MIN) != is_member
        });
        (is_member, changes.map_or(NEVER, |pane| leaves_at(pane.index.into(), SPENT_PANE_MS)))
    }

    /// `idle() >= duration('48h')`
    fn dormant(&self) -> Verdict {
        let due = self.latest + DORMANT_AFTER_MS;
        if self.now >= due { (true, NEVER) } else { (false, due) }
    }
}

/// Values by panes of this width, in the order of time; empty panes take no room.
#[derive(Debug)]
struct PaneWindow<V, const WIDTH_MS: i64> {
    panes: Vec<Pane<V>>,
}

#[derive(Clone, Copy, Debug)]
struct Pane<V> {
    index: i32,
    value: V,
}

impl<V, const WIDTH_MS: i64> Default for PaneWindow<V, WIDTH_MS> {
    fn default() -> Self {
        PaneWindow { panes: Vec::new() }
    }
}

impl<V: Copy + AddAssign, const WIDTH_MS: i64> PaneWindow<V, WIDTH_MS> {
    /// Those that are in the window.
    fn panes_at(&self, now: i64) -> &[Pane<V>] {
        let oldest = oldest_pane(now, WIDTH_MS);
        let gone = self.panes.iter().take_while(|pane| i64::from(pane.index) < oldest).count();
        &self.panes[gone..]
    }

    fn add(&mut self, at: i64, now: i64, value: V) {
        let (index, oldest) = (at.div_euclid(WIDTH_MS), oldest_pane(now, WIDTH_MS));
        let gone = self.panes.iter().take_while(|pane| i64::from(pane.index) < oldest).count();
        self.panes.drain(..gone);
        if index < oldest {
            return;
        }
        // Most events are of the last pane, or of a later one.
        let place = self.panes.iter().rposition(|pane| i64::from(pane.index) <= index).map_or(0, |at| at + 1);
        match self.panes[..place].last_mut() {
            Some(pane) if i64::from(pane.index) == index => pane.value += value,
            // A pane of 30 seconds has a number within 32 bits until the year 4010.
            _ => self.panes.insert(place, Pane { index: index as i32, value }),
        }
    }
}

/// The oldest pane that a window still has.
fn oldest_pane(now: i64, width_ms: i64) -> i64 {
    now.div_euclid(width_ms) - PANES + 1
}

/// When a pane leaves its window.
fn leaves_at(index: i64, width_ms: i64) -> i64 {
    (index + PANES) * width_ms
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_772_323_200_000;
    const MINUTE: i64 = 60_000;
    const HOUR: i64 = 60 * MINUTE;

    /// The changes of a user that did this, as `+segment` and `-segment` with the milliseconds since `START`.
    fn changes(actions: &[(i64, UserAction)], until: i64) -> Vec<(String, i64)> {
        let mut found = Vec::new();
        let mut emit = |change: SegmentChange| {
            let sign = if change.is_enter { '+' } else { '-' };
            found.push((format!("{sign}{}", SEGMENTS[usize::from(change.segment)]), change.at - START));
        };
        let mut user = UserState::new(START + actions[0].0);
        for (at, action) in actions {
            user.apply(START + at, *action, &mut emit);
        }
        user.advance(START + until, &mut emit);
        found
    }

    #[test]
    fn three_views_are_hot_until_the_first_pane_leaves() {
        let views = [(0, UserAction::View), (MINUTE, UserAction::View), (2 * MINUTE, UserAction::View)];
        let expected = [("+hot_intent".to_owned(), 2 * MINUTE), ("-hot_intent".to_owned(), 30 * MINUTE)];
        assert_eq!(changes(&views, HOUR), expected);
    }

    #[test]
    fn an_order_ends_it_and_views_after_the_order_make_it_hot_once_the_order_has_left() {
        let mut actions =
            vec![(0, UserAction::View), (1, UserAction::View), (2, UserAction::View), (3, UserAction::Order(0))];
        actions.extend([10, 11, 12].map(|minute| (minute * MINUTE, UserAction::View)));
        let expected =
            [("+hot_intent", 2), ("-hot_intent", 3), ("+hot_intent", 30 * MINUTE), ("-hot_intent", 40 * MINUTE)];
        assert_eq!(changes(&actions, HOUR), expected.map(|(change, at)| (change.to_owned(), at)));
    }

    #[test]
    fn a_cart_is_abandoned_from_half_an_hour_to_a_day() {
        let expected = [("+cart_abandoned", 30 * MINUTE), ("-cart_abandoned", 24 * HOUR), ("+dormant", 48 * HOUR)];
        assert_eq!(changes(&[(0, UserAction::Cart)], 72 * HOUR), expected.map(|(change, at)| (change.to_owned(), at)));
        assert!(changes(&[(0, UserAction::Cart), (1, UserAction::Order(0))], 47 * HOUR).is_empty());
    }

    #[test]
    fn who_spends_enough_is_a_big_spender_until_that_leaves_and_one_that_returns_is_not_dormant() {
        let actions = [(0, UserAction::Order(400_000_000)), (100 * HOUR, UserAction::Order(100_000_000))];
        let expected =
            [("+dormant", 48 * HOUR), ("+big_spender", 100 * HOUR), ("-dormant", 100 * HOUR), ("+dormant", 148 * HOUR)];
        let mut found = changes(&actions, 200 * HOUR);
        // The pane of the first order begins up to 2.8 hours before it.
        let (left, at) = found.pop().expect("a change");
        assert_eq!(found, expected.map(|(change, at)| (change.to_owned(), at)));
        assert!(left == "-big_spender" && at > 165 * HOUR && at <= 168 * HOUR, "{left} at {at}");
    }
}
