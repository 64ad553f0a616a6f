//! What changes about the shop's products: prices fall for some days, and stock runs out and comes back; and the rows that tell it.
//!
//! Only the first [`LISTED`] products of each category change, which are a third of all that is looked at. Each has one price cut
//! and one shortage at most in every [`CYCLE`]: a function of the seed, the product and the time, so nothing is stored.
//!
//! Rows are track calls of the shop's own servers, without the id of a user: `Product Updated`, with `product_id`, `title`,
//! `category`, `brand`, `price` and `in_stock`. A row is told within an hour of a change; and every night all of them are, most of
//! which say what they said before.

use serde::Serialize;

use super::Shop;
use super::call::{CallBody, CallOrigin, CallProperties, dollars};
use super::catalogue::{CATEGORY_COUNT, ProductId};
use super::outbox::{Outbox, PendingLines};
use super::random::RandomStream;
use super::rhythm::{DAY, HOUR};

/// The event of rows.
pub const ROW_EVENT: &str = "Product Updated";
/// How many products of each category change, and have rows.
pub const LISTED: u16 = 12;
/// The share of cycles in which a product's price falls, and in which its stock runs out.
pub const CHANGES: (f64, f64) = (0.4, 0.4);
/// What a price cut takes off, in per cent.
pub const CUT_PERCENT: i64 = 20;

/// How long a product's cycle is, in milliseconds. Cycles of different products begin at different times.
const CYCLE: i64 = 28 * DAY;
/// For how long a price is cut, and stock is out.
const CUT_LASTS: (i64, i64) = (3 * DAY, 6 * DAY);
const SHORTAGE_LASTS: (i64, i64) = (DAY, 4 * DAY);
/// The hour of the night, in UTC, at which all rows are told.
const NIGHTLY: i64 = 2 * HOUR;
/// How long after a row the next one is told, in milliseconds.
const ROW_AFTER_ROW: i64 = 1_000;
/// Keeps the streams of products apart from those of others.
const STREAMS: u64 = 0x0DD5_70C4_5EED_0001;

/// A product at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProductState {
    /// The price in US cents.
    pub(super) price: i64,
    pub(super) in_stock: bool,
}

/// A row.
#[derive(Serialize)]
pub(super) struct RowProperties {
    product_id: String,
    title: String,
    category: &'static str,
    brand: &'static str,
    price: f64,
    in_stock: bool,
}

impl Shop {
    /// A product at a moment.
    pub(super) fn product(&self, product: ProductId, at: i64) -> ProductState {
        let listed = ProductState { price: self.catalogue.price(product), in_stock: true };
        if self.scope.is_alone() || product.place() >= LISTED {
            return listed;
        }
        let phase = RandomStream::of(self.seed ^ STREAMS, [product.number(), u64::MAX]).between(0, CYCLE - 1);
        let (cycle, into) = ((at + phase).div_euclid(CYCLE), (at + phase).rem_euclid(CYCLE));
        let mut dice = RandomStream::of(self.seed ^ STREAMS, [product.number(), cycle.unsigned_abs()]);
        let mut holds = |share: f64, (shortest, longest): (i64, i64)| {
            let happens = dice.chance(share);
            let begins = dice.between(0, CYCLE - longest);
            let lasts = dice.between(shortest, longest);
            happens && (begins..begins + lasts).contains(&into)
        };
        let (is_cut, is_out) = (holds(CHANGES.0, CUT_LASTS), holds(CHANGES.1, SHORTAGE_LASTS));
        // Prices still end on 9 cents.
        let cut = (listed.price * (100 - CUT_PERCENT) / 100 - 9).max(0) / 10 * 10 + 9;
        ProductState { price: if is_cut { cut } else { listed.price }, in_stock: !is_out }
    }

    /// When rows are next told, after `at`.
    pub(super) fn next_rows(&self, at: i64) -> Option<i64> {
        (self.scope.has_rows() && self.shoppers > 0).then(|| (at.div_euclid(HOUR) + 1) * HOUR)
    }

    /// Tells, at a full hour, what has changed since the last one; at night, everything.
    pub(super) fn tell_rows(&self, at: i64, pending: &mut PendingLines) {
        let is_nightly = at.rem_euclid(DAY) == NIGHTLY;
        let mut dice = RandomStream::of(self.seed ^ STREAMS, [u64::MAX, at.unsigned_abs()]);
        let mut outbox = Outbox::of_servers(self, &format!("{at:x}"), pending);
        let mut told_at = at;
        for product in ProductId::listed(LISTED, CATEGORY_COUNT) {
            let state = self.product(product, at);
            if !is_nightly && state == self.product(product, at - HOUR) {
                continue;
            }
            let row = RowProperties {
                product_id: product.id(),
                title: product.name(),
                category: product.category(),
                brand: product.brand(),
                price: dollars(state.price),
                in_stock: state.in_stock,
            };
            let call = CallBody::Track { event: ROW_EVENT, properties: CallProperties::Row(row) };
            outbox.send(&mut dice, told_at, CallOrigin::default(), &call);
            told_at += ROW_AFTER_ROW;
        }
    }
}
