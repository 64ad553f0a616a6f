//! The way in: an event of a user, a visitor who becomes a user, a user who changes segments or goes.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use super::calendar::{Day, Hour};
use super::channel;
use super::funnels;
use super::ledger::{CategorySale, Ledger, OrderPart, Sale, Sighting};
use super::lines;
use super::orders::{OrderDay, Orders};
use super::plan::{Count, HourAmount, HourCount, NONE, OUTSIDE, Plan};
use super::record::{CART, CART_ORDER, CHECKOUT, Record};
use crate::decimal::Decimal;
use crate::decode::repaired;
use crate::event::{Call, Event, FieldId, Scalar};
use crate::rules::program::{NameId, SegmentId};
use crate::time::Timestamp;

/// The largest amount of one event: 10^12 of the currency; larger ones count as it.
const AMOUNT_MAX: i64 = 1_000_000_000_000_000_000;

/// An event that was accepted, on its way into the growth numbers.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'e, 'a> {
    /// Whose it is.
    pub user: &'e Arc<str>,
    /// The event.
    pub event: &'e Event<'a>,
    /// The names it goes by.
    pub names: &'e [NameId],
    /// Its time.
    pub ts: Timestamp,
    /// Its position in the log.
    pub position: u64,
    /// The times of the user's first and latest event before it.
    pub known: (Timestamp, Timestamp),
}

/// Takes in an event.
pub fn visit(plan: &Plan, record: &mut Option<Box<Record>>, visit: &Visit<'_, '_>, ledger: &mut Ledger) {
    let hour = ledger.event(&plan.calendar, visit.ts);
    let (day, (first, latest)) = (hour.day(), visit.known);
    let is_first_touch = record.is_none() || visit.ts < first;
    let record = match record {
        Some(record) => {
            if is_first_touch {
                ledger.add_hour(plan.calendar.hour(first), HourCount::NewUsers as u16, -1);
                record.begin_earlier(plan, day, channel::of(plan, visit.event), ledger);
            }
            record.be_active(plan, day, ledger);
            record
        }
        None => {
            let new = Record::new(day, channel::of(plan, visit.event));
            new.contribute(plan, 1, ledger);
            record.insert(Box::new(new))
        }
    };
    if is_first_touch {
        ledger.add_hour(hour, HourCount::NewUsers as u16, 1);
    }
    if visit.event.call == Call::Identify && visit.event.user_id.is_some() {
        record.sign_up(plan, day, ledger);
    }
    let gap = plan.rules.session_gap;
    let in_session = visit.ts + gap >= latest;
    let begins_session = visit.ts > latest + gap;
    if let Some(sightings) = &mut ledger.sightings {
        sightings.push(Sighting {
            position: visit.position,
            user: Arc::clone(visit.user),
            visitor: None,
            ts: visit.ts,
            hour,
            channel: channel::of(plan, visit.event),
            begins_session,
            in_session,
            sale: None,
        });
    }
    if begins_session {
        (record.session_day, record.session, record.depths) = (day, 0, 0);
        ledger.add(day, plan.layout.count(record.channel, Count::Sessions, 0), 1);
        ledger.add_hour(hour, HourCount::Sessions as u16, 1);
    }
    if visit.names.is_empty() {
        return;
    }
    funnels::take(plan, record, visit.names, (visit.ts, day), in_session, ledger);
    for name in visit.names {
        let is = |other: Option<NameId>| other == Some(*name);
        if is(plan.rules.carts) && in_session {
            note(plan, record, CART, Count::CartSessions, ledger);
        }
        if is(plan.rules.checkouts) && in_session {
            note(plan, record, CHECKOUT, Count::CheckoutSessions, ledger);
        }
        if is(plan.rules.orders.as_ref().map(|orders| orders.name))
            && order(plan, record, visit, (day, hour), ledger)
            && in_session
            && record.session & CART != 0
        {
            note(plan, record, CART_ORDER, Count::CartOrderSessions, ledger);
        }
        if is(plan.rules.refunds.as_ref().map(|refunds| refunds.name)) {
            refund(plan, record, visit, (day, hour), ledger);
        }
    }
}

/// Something happened in the session for the first time.
fn note(plan: &Plan, record: &mut Record, what: u8, count: Count, ledger: &mut Ledger) {
    if record.session & what == 0 {
        record.session |= what;
        ledger.add(record.session_day, plan.layout.count(record.channel, count, 0), 1);
    }
}

/// Takes in an order, unless it was taken in already.
fn order(
    plan: &Plan,
    record: &mut Record,
    visit: &Visit<'_, '_>,
    (day, hour): (Day, Hour),
    ledger: &mut Ledger,
) -> bool {
    let Some(rules) = &plan.rules.orders else { return false };
    let channel = record.channel;
    let orders = record.orders.get_or_insert_default();
    if let Some(id) = order_id(visit, rules.order_id)
        && !orders.is_new(id)
    {
        return false;
    }
    let value = amount(visit, rules.value);
    let discount = amount(visit, rules.discount);
    let has_coupon = match field(visit, rules.coupon) {
        None | Some(Scalar::Bool(false)) => false,
        Some(Scalar::Text(text)) => !text.is_empty(),
        Some(Scalar::Number(number)) => *number != Decimal::ZERO,
        Some(Scalar::Json(json)) => json != "[]",
        Some(_) => true,
    };
    let more = OrderDay { orders: 1, coupon_orders: u32::from(has_coupon), gmv: value, discount, ..OrderDay::new(day) };
    orders.take((plan, channel), &more, Some((visit.ts, value)), ledger);
    ledger.add_hour(hour, HourCount::Orders as u16, 1);
    if has_coupon {
        ledger.add_hour(hour, HourCount::CouponOrders as u16, 1);
    }
    ledger.add_hour_amount(hour, HourAmount::Gmv as u16, value.into());
    ledger.add_hour_amount(hour, HourAmount::Discount as u16, discount.into());
    let parts = order_parts(visit, rules.category, value);
    for part in &parts {
        if let Some(category) = &part.category {
            ledger.categories.push(CategorySale {
                position: visit.position,
                day,
                category: category.clone(),
                value: part.value.max(0),
            });
        }
    }
    ledger.saw(Sale::Order { value, parts });
    true
}

/// An order's own category, or those of its products.
fn order_parts(visit: &Visit<'_, '_>, category: FieldId, value: i64) -> Vec<OrderPart> {
    if let Some(Scalar::Text(category)) = field(visit, category)
        && !category.is_empty()
    {
        return lines::whole(Some(category), value);
    }
    // The decoder keeps no array of more than 8 KiB, and orders of many lines have larger ones.
    let repaired = repaired(visit.event.original);
    let text = repaired.as_deref().unwrap_or(visit.event.original);
    let products = sonic_rs::get(text, ["properties", "products"]).ok();
    products.map_or_else(|| lines::whole(None, value), |products| lines::parts(products.as_raw_str(), value))
}

fn refund(plan: &Plan, record: &mut Record, visit: &Visit<'_, '_>, (day, hour): (Day, Hour), ledger: &mut Ledger) {
    let Some(rules) = &plan.rules.refunds else { return };
    let refunded = amount(visit, rules.value);
    let more = OrderDay { refunds: 1, refunded, ..OrderDay::new(day) };
    let orders: &mut Orders = record.orders.get_or_insert_default();
    orders.take((plan, record.channel), &more, None, ledger);
    ledger.add_hour_amount(hour, HourAmount::Refunded as u16, refunded.into());
    ledger.saw(Sale::Refund { value: refunded });
}

fn field<'v, 'a>(visit: &Visit<'v, 'a>, id: FieldId) -> Option<&'v Scalar<'a>> {
    visit.event.fields.iter().find(|(other, _)| *other == id).map(|(_, value)| value)
}

/// A number in millionths; whatever is no number is 0.
fn amount(visit: &Visit<'_, '_>, id: FieldId) -> i64 {
    match field(visit, id) {
        Some(Scalar::Number(number)) => number.millionths().clamp((-AMOUNT_MAX).into(), AMOUNT_MAX.into()) as i64,
        _ => 0,
    }
}

fn order_id(visit: &Visit<'_, '_>, id: FieldId) -> Option<u64> {
    match field(visit, id)? {
        Scalar::Text(text) if !text.is_empty() => Some(xxh3_64(text.as_bytes())),
        // A number and its digits as a text are the same id.
        Scalar::Number(number) => Some(xxh3_64(number.to_string().as_bytes())),
        _ => None,
    }
}

/// A visitor turns out to be a user; each with the times of the first and latest event.
pub fn unite(
    plan: &Plan,
    (user, known): (&mut Option<Box<Record>>, (Timestamp, Timestamp)),
    (visitor, visitor_known): (Option<Box<Record>>, (Timestamp, Timestamp)),
    at: Timestamp,
    ledger: &mut Ledger,
) {
    let Some(mut visitor) = visitor else { return };
    match user {
        None => *user = Some(visitor),
        Some(user) => {
            visitor.move_to(plan, OUTSIDE, at, ledger);
            user.unite(plan, known, *visitor, visitor_known, ledger);
        }
    }
}

/// The user's segments were evaluated, at an instant.
pub fn settle(
    plan: &Plan,
    record: &mut Option<Box<Record>>,
    is_in: impl Fn(SegmentId) -> bool,
    at: Timestamp,
    ledger: &mut Ledger,
) {
    if let Some(record) = record
        && !plan.rules.stages.is_empty()
    {
        let stage = plan.rules.stages.iter().position(|stage| is_in(stage.segment));
        record.move_to(plan, stage.map_or(NONE, |stage| stage as u8 + NONE + 1), at, ledger);
    }
}

/// Nothing more will be heard of the user: forgotten, or dropped.
pub fn leave(plan: &Plan, record: Option<&Record>, at: Timestamp, ledger: &mut Ledger) {
    if let Some(record) = record {
        record.clone().move_to(plan, OUTSIDE, at, ledger);
    }
}
