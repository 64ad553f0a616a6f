//! A simulated storefront: shoppers who come, browse, buy, go cold and come back, as Segment calls.
//!
//! [`Simulator`] is a pure function of its options: the same seed gives the same bytes, in however many steps they are
//! asked for. There is no clock and no IO in here; the caller says how far virtual time has come. The cost is that of
//! the events, not of the shoppers: each shopper sleeps in a heap until the next visit.
//!
//! What it promises about its output:
//! - One JSON object per line, in the order of *arrival*. A line arrives at its `timestamp`, or up to [`MAX_LATENESS`]
//!   after it: about one line in twenty within 2 s, one in five hundred up to 30 s late.
//! - About one line in a hundred arrives a second time, byte for byte, within 30 s of its `timestamp`.
//! - Every line has `type`, `messageId` and `timestamp`. Those of shoppers' devices have `anonymousId` (and `userId` where
//!   the shopper is signed in) and a `context` with `timezone`, `campaign.source`, `campaign.medium` and `device.type`;
//!   those of the shop's own servers (shipments, tickets) have the `userId`, or a guest's `anonymousId`, and no `context`; rows of
//!   products ([`market`], only if they are wanted) have neither id.
//! - Names and properties are those of Segment's e-commerce specification (v2). Beyond it, checkouts and orders have the
//!   `cart_id` of the cart they come from, and there are `Order Shipped`, `Order Delivered`, `Ticket Opened`, `Ticket
//!   Answered`, `Ticket Closed`, `Checked In`, `Points Exchanged` and `Wheel Spun`; what shoppers do together ([`friends`]) and
//!   rows of products have names of their own.
//!
//! A shop has a history only once it was advanced: some 75 days make everybody's segments settle. Two thousand shoppers
//! then make about 1,600 events of 385 bytes a day, less than one visit a week each.
//!
//! Money and hours come from the floating-point functions of the platform, so another platform may differ in a cent.
//! What shoppers are like is said in [`shopper`], what they do in [`session`] and [`check_in`], what messages make them do
//! in [`messages`], what they do together in [`friends`], what the shop does for them in [`service`], what it sells in
//! [`catalogue`], and how that changes in [`market`]; [`live`] makes a live stream of it.

mod call;
mod cart;
mod catalogue;
mod check_in;
mod contact;
pub mod friends;
pub mod live;
pub mod market;
pub mod messages;
mod outbox;
mod random;
mod rhythm;
mod service;
mod session;
mod shopper;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use catalogue::Catalogue;
use friends::{NewActs, PlannedAct};
use messages::{PlannedAnswer, ShopMessage};
use outbox::PendingLines;
use rekindle_core::time::{Span, Timestamp};
use rhythm::Rhythm;
use shopper::Shopper;

/// The longest time between an event's `timestamp` and its arrival.
pub const MAX_LATENESS: Span = Span(30_000);

/// The year 9000: a thousand years of simulation later, timestamps still have four digits for the year.
const LATEST_START: Timestamp = Timestamp(221_845_392_000_000);

/// What a simulation depends on, in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimulatorOptions {
    /// Two simulations of equal seed give equal bytes.
    pub seed: u64,
    /// How many shoppers there are at any time. Who leaves for good makes room for a new visitor. About half are
    /// customers from the start; the others find the shop in the course of the first 30 days.
    pub shoppers: u32,
    /// When the shop opens: every event is later. Before 1970 counts as 1970, after the year 9000 as 9000.
    pub start: Timestamp,
    /// How much of a shop it is.
    pub scope: ShopScope,
}

/// How much of a shop is simulated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ShopScope {
    /// Everybody shops alone, and prices never change.
    #[default]
    Alone,
    /// Shoppers also join, help and invite each other ([`friends`]), and prices and stock change ([`market`]).
    Together,
    /// The shop also tells rows of its products.
    TogetherWithRows,
}

/// A storefront and its shoppers, at a moment of virtual time.
#[derive(Debug)]
pub struct Simulator {
    shop: Shop,
    shoppers: Vec<Shopper>,
    /// When each shopper next does something.
    wakes: BinaryHeap<Reverse<(i64, u32)>>,
    /// What shoppers do on account of messages, by when they do it and their numbers.
    answers: BTreeMap<(i64, u64), PlannedAnswer>,
    /// What shoppers do together, by when they do it and how many acts were planned before.
    acts: BTreeMap<(i64, u64), PlannedAct>,
    /// How many acts were planned.
    acts_planned: u64,
    /// When rows are next told.
    next_rows: Option<i64>,
    /// How far the shop was advanced.
    advanced_to: i64,
    /// Lines that are decided on and have not arrived yet: of visits under way, and what the shop sends in the days after.
    pending: PendingLines,
}

/// What all shoppers share.
#[derive(Debug)]
struct Shop {
    seed: u64,
    shoppers: u32,
    catalogue: Catalogue,
    rhythm: Rhythm,
    scope: ShopScope,
    /// What arrives until then is not wanted.
    silent_until: i64,
}

/// A line that arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrivingLine {
    /// When it arrives.
    pub at: Timestamp,
    /// The time it bears, as [`ArrivingLine::line`] says it.
    pub time: Timestamp,
    /// The line, without the newline. It begins with `{"messageId":"…","timestamp":"…"`.
    pub line: Vec<u8>,
}

impl Simulator {
    /// Opens the shop.
    pub fn new(options: SimulatorOptions) -> Simulator {
        let SimulatorOptions { seed, shoppers: count, start, scope } = options;
        let start = start.clamp(Timestamp(0), LATEST_START);
        let shop = Shop {
            seed,
            shoppers: count,
            catalogue: Catalogue::new(seed),
            rhythm: Rhythm::new(),
            scope,
            silent_until: i64::MIN,
        };
        let mut shoppers = Vec::new();
        let mut wakes = Vec::new();
        for slot in 0..count {
            let mut shopper = Shopper::new(slot);
            shopper.next_visit = shopper.first_visit(&shop, start.0);
            wakes.push(Reverse((shopper.wakes_at(), slot)));
            shoppers.push(shopper);
        }
        let next_rows = shop.next_rows(start.0);
        Simulator {
            shop,
            shoppers,
            wakes: wakes.into(),
            answers: BTreeMap::new(),
            acts: BTreeMap::new(),
            acts_planned: 0,
            next_rows,
            advanced_to: start.0,
            pending: BinaryHeap::new(),
        }
    }

    /// Appends every event that arrives after the last call's `to` and not after this one's, one JSON object per line,
    /// and returns how many there are. A `to` in the past appends nothing; a far one appends all that
    /// happens until then.
    pub fn advance(&mut self, to: Timestamp, out: &mut Vec<u8>) -> u64 {
        let mut lines = 0;
        while let Some(arrival) = self.next(to) {
            out.extend_from_slice(&arrival.line);
            out.push(b'\n');
            lines += 1;
        }
        lines
    }

    /// The next event that arrives, if it does so at or before `to`.
    pub fn next(&mut self, to: Timestamp) -> Option<ArrivingLine> {
        loop {
            let wake = self.next_wake();
            let arrival = self.pending.peek().map_or(Timestamp::NEVER.0, |next| next.0.at);
            if wake.min(arrival) > to.0 || wake.min(arrival) == Timestamp::NEVER.0 {
                self.advanced_to = self.advanced_to.max(to.0);
                return None;
            }
            // At the same instant a shopper goes first: the lines must be pending before any line of that instant leaves,
            // or the order would depend on the size of the caller's steps.
            if wake <= arrival {
                self.wake_next();
            } else if let Some(Reverse(line)) = self.pending.pop() {
                self.advanced_to = self.advanced_to.max(line.at);
                return Some(ArrivingLine { at: Timestamp(line.at), time: Timestamp(line.time), line: line.bytes });
            }
        }
    }

    /// Lets the shop live until `to` without telling: what arrives until then is never seen, and costs little. What
    /// comes after is the same as if it had been advanced to there.
    pub fn skip(&mut self, to: Timestamp) {
        self.shop.silent_until = self.shop.silent_until.max(to.0);
        while self.next_wake() <= to.0 && self.next_wake() != Timestamp::NEVER.0 {
            self.wake_next();
        }
        self.pending.retain(|line| line.0.at > to.0);
        self.advanced_to = self.advanced_to.max(to.0);
    }

    /// A message reaches a shopper, and may make this one buy: [`messages`] says how often, and what. Messages to visitors, to whom
    /// nothing can be sent, do nothing.
    ///
    /// What a message does depends only on the seed and the message, not on when it is handed in, as long as the shop was
    /// advanced by no more than [`messages::STEP_MAX`] beyond the message's time.
    pub fn receive(&mut self, message: ShopMessage<'_>) {
        let Some(number) = message.shopper_number() else { return };
        let addressee = Shopper::numbered(&self.shop, number);
        let Some(shopper) = self.shoppers.get_mut(addressee.slot as usize) else { return };
        if shopper.generation < addressee.generation {
            return;
        }
        // Who has left for good has no coupons at hand, but may come back once, for this message.
        if shopper.generation == addressee.generation {
            shopper.hold(message.content.coupon.as_ref(), message.at);
        }
        if let Some((at, answer)) = message.planned_answer(&self.shop, number, self.advanced_to) {
            self.answers.insert((at, number), answer);
        }
    }

    /// When somebody next does something.
    fn next_wake(&self) -> i64 {
        self.next_causes().into_iter().min().unwrap_or(Timestamp::NEVER.0)
    }

    /// When a shopper next comes, when a message is next answered, when the next act of friends is due, and the next rows.
    fn next_causes(&self) -> [i64; 4] {
        let never = Timestamp::NEVER.0;
        [
            self.wakes.peek().map_or(never, |next| next.0.0),
            self.answers.first_key_value().map_or(never, |(key, _)| key.0),
            self.acts.first_key_value().map_or(never, |(key, _)| key.0),
            self.next_rows.unwrap_or(never),
        ]
    }

    /// Lets the next one of these happen; at the same instant, those go first who come by themselves.
    fn wake_next(&mut self) {
        let causes @ [comes, answers, acts, _] = self.next_causes();
        let next = causes.into_iter().min();
        if next == Some(comes) {
            self.visit_next();
        } else if next == Some(answers) {
            self.answer_next();
        } else if next == Some(acts) {
            if let Some(((at, _), planned)) = self.acts.pop_first() {
                friends::act(&self.shop, &planned, at, &mut self.pending);
            }
        } else if let Some(at) = self.next_rows {
            self.shop.tell_rows(at, &mut self.pending);
            self.next_rows = self.shop.next_rows(at);
        }
    }

    /// Lets a shopper answer a message.
    fn answer_next(&mut self) {
        let Some(((at, number), answer)) = self.answers.pop_first() else { return };
        let addressee = Shopper::numbered(&self.shop, number);
        let Some(shopper) = self.shoppers.get_mut(addressee.slot as usize) else { return };
        if shopper.generation == addressee.generation {
            session::answer(&self.shop, shopper, &answer, at, &mut self.pending);
        } else {
            session::answer(&self.shop, &mut answer.shopper_again(addressee), &answer, at, &mut self.pending);
        }
    }

    /// Lets the next shopper make a visit, or check in.
    fn visit_next(&mut self) {
        let Some(Reverse((at, slot))) = self.wakes.pop() else { return };
        let place = slot as usize;
        let Some(shopper) = self.shoppers.get_mut(place) else { return };
        if at < shopper.next_visit {
            check_in::check_in(&self.shop, shopper, at, &mut self.pending);
        } else if shopper.is_expected
            || self.shop.scope.is_alone()
            || !shopper.is_new(&self.shop)
            || !self.invite(place, at)
        {
            self.visit(place, at);
        }
        if let Some(shopper) = self.shoppers.get(place) {
            self.wakes.push(Reverse((shopper.wakes_at(), slot)));
        }
    }

    fn visit(&mut self, place: usize, at: i64) {
        let Some(shopper) = self.shoppers.get_mut(place) else { return };
        let number = shopper.number(&self.shop);
        let visit = session::visit(&self.shop, shopper, at, &mut self.pending);
        let acts = friends::plan_after_visit(&self.shop, &self.shoppers, number, &visit);
        self.plan(acts);
    }

    /// Decides whether a new visitor, who would come at `at`, comes by an invitation, a little later.
    fn invite(&mut self, place: usize, at: i64) -> bool {
        let Some(shopper) = self.shoppers.get(place) else { return false };
        let planned = friends::plan_invitations(&self.shop, &self.shoppers, shopper, at);
        let Some(shopper) = self.shoppers.get_mut(place) else { return false };
        shopper.is_expected = true;
        let Some((comes, acts)) = planned else { return false };
        (shopper.is_invited, shopper.next_visit) = (true, comes);
        self.plan(acts);
        true
    }

    fn plan(&mut self, acts: NewActs) {
        for (at, planned) in acts {
            self.acts.insert((at, self.acts_planned), planned);
            self.acts_planned += 1;
        }
    }
}

impl ShopScope {
    fn is_alone(self) -> bool {
        self == ShopScope::Alone
    }

    fn has_rows(self) -> bool {
        self == ShopScope::TogetherWithRows
    }
}
