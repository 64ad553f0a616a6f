//! What messages make shoppers do, in known amounts: what is measured of a campaign can be compared with what is true.
//!
//! Of those who get a message, this share buys something between two hours and two and a half days later, whatever they would
//! have done without it:
//!
//! | message | share |
//! |---|---|
//! | with the code of a coupon, on whichever channel | [`WITH_COUPON`] |
//! | e-mail or push, with a list of picks | [`WITH_PICKS`]: something of that list, where it is in stock |
//! | e-mail, with a subject that ends with a question mark | [`ASKING_SUBJECT`] |
//! | e-mail | [`BY_EMAIL`] |
//! | push | [`BY_PUSH`] |
//! | anything else | none |
//!
//! So if a share p buys without, p + (1 - p) · share buy with it. Who has the code of a coupon uses it in [`USES_COUPON`] of
//! the orders that it is valid for. Who gets no message, the control group and the holdout, does nothing else
//! than usual, but for what friends ask of them ([`friends`](crate::friends)).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Shop;
use super::catalogue::ProductId;
use super::random::{RandomStream, hash};
use super::rhythm::HOUR;
use super::shopper::Shopper;
use rekindle_core::json::JsonText;
use rekindle_core::time::{Span, Timestamp};

/// The share of e-mails that bring about an order.
pub const BY_EMAIL: f64 = 0.10;
/// The share of push messages that bring about an order.
pub const BY_PUSH: f64 = 0.05;
/// The share of messages with the code of a coupon that bring about an order.
pub const WITH_COUPON: f64 = 0.25;
/// The share of e-mails and push messages with a list of picks that bring about an order.
pub const WITH_PICKS: f64 = 0.18;
/// The share of e-mails with a question as their subject that bring about an order.
pub const ASKING_SUBJECT: f64 = 0.16;
/// The share of orders that are paid with the shopper's own coupon, of those it is valid for.
pub const USES_COUPON: f64 = 0.8;

/// How far beyond the time of a message the shop may be when the message is handed in.
pub const STEP_MAX: Span = Span(HOUR);

/// When messages are answered at the earliest and the latest; at night, the next morning.
const ANSWERED_AFTER: (i64, i64) = (2 * HOUR, 48 * HOUR);
/// How many of a list of picks are looked at.
const LIKED: usize = 4;
/// The most coupons somebody has at hand; the oldest is lost.
const COUPONS_MAX: usize = 16;

/// A message from the shop.
#[derive(Clone, Debug)]
pub struct ShopMessage<'a> {
    /// The `userId` of whom it is sent to.
    pub user: &'a str,
    /// When it is sent.
    pub at: Timestamp,
    /// The campaign that it is of.
    pub campaign: &'a str,
    /// `email`, `push`, or another channel.
    pub channel: &'a str,
    /// What it bears that matters to shoppers.
    pub content: MessageContent,
}

/// What a message bears that matters to shoppers.
#[derive(Clone, Debug, Default)]
pub struct MessageContent {
    /// The coupon that it brings.
    pub coupon: Option<MessageCoupon>,
    /// The items of its list of picks, the first of its lists.
    pub picks: Vec<String>,
    /// Its subject.
    pub subject: Option<String>,
}

#[derive(Deserialize)]
struct PickedItem {
    item: String,
}

/// The coupon of a message, as a campaign's payload has it.
#[derive(Clone, Debug, Deserialize)]
pub struct MessageCoupon {
    code: String,
    valid_until: String,
    /// `percent`; anything else: an amount of money.
    #[serde(default)]
    kind: String,
    #[serde(default)]
    value: f64,
    #[serde(default)]
    min_spend: f64,
}

/// A coupon that a shopper has at hand.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct HeldCoupon {
    pub(super) code: String,
    pub(super) value: CouponValue,
    min_spend_cents: i64,
    usable_from: i64,
    valid_until: i64,
}

/// What a coupon takes off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CouponValue {
    Percent(i64),
    Cents(i64),
}

/// An order to come that a message brings about.
#[derive(Debug)]
pub(super) struct PlannedAnswer {
    /// The coupon of that message.
    coupon: Option<HeldCoupon>,
    /// What it is an order of, the first that is in stock; none of them: of something else.
    pub(super) wanted: Vec<ProductId>,
}

/// The share of messages that bring about an order.
pub fn share_that_buys(channel: &str, content: &MessageContent) -> f64 {
    let asks = content.subject.as_ref().is_some_and(|subject| subject.ends_with('?'));
    match channel {
        _ if content.coupon.is_some() => WITH_COUPON,
        "email" | "push" if !content.picks.is_empty() => WITH_PICKS,
        "email" if asks => ASKING_SUBJECT,
        "email" => BY_EMAIL,
        "push" => BY_PUSH,
        _ => 0.0,
    }
}

/// A percentage of an amount.
pub(super) fn percent(cents: i64, per_cent: i64) -> i64 {
    cents * per_cent / 100
}

impl MessageContent {
    /// What an action's payload bears: a `coupon` with a code, a list of picks in any field, a `subject`.
    pub fn of_payload(payload: &BTreeMap<String, JsonText>) -> MessageContent {
        let lists = payload.values().filter(|value| value.as_str().starts_with("[{\"item\""));
        let picks = lists.filter_map(|list| serde_json::from_str::<Vec<PickedItem>>(list.as_str()).ok()).next();
        MessageContent {
            coupon: payload.get("coupon").and_then(|coupon| serde_json::from_str(coupon.as_str()).ok()),
            picks: picks.into_iter().flatten().map(|picked| picked.item).collect(),
            subject: payload.get("subject").and_then(|subject| serde_json::from_str(subject.as_str()).ok()),
        }
    }
}

impl ShopMessage<'_> {
    /// The number of the shopper that it is sent to; `None`: to a visitor, or nobody of this shop.
    pub(super) fn shopper_number(&self) -> Option<u64> {
        self.user.strip_prefix('u')?.parse().ok()
    }

    /// The order that it brings about, and when that is: after `now`.
    pub(super) fn planned_answer(&self, shop: &Shop, number: u64, now: i64) -> Option<(i64, PlannedAnswer)> {
        let campaign = xxhash_rust::xxh3::xxh3_64(self.campaign.as_bytes());
        let key = hash(campaign, [number, self.at.0.unsigned_abs()]);
        let mut dice = RandomStream::of(shop.seed, [number, key]);
        if !dice.chance(share_that_buys(self.channel, &self.content)) {
            return None;
        }
        let at = self.at.0 + dice.between(ANSWERED_AFTER.0, ANSWERED_AFTER.1);
        let home = Shopper::numbered(shop, number).profile(shop).home;
        let at = shop.rhythm.awake(&mut dice, home, at).max(now + 1);
        let coupon = self.content.coupon.as_ref().and_then(|coupon| HeldCoupon::new(coupon, self.at));
        let mut wanted: Vec<ProductId> =
            self.content.picks.iter().take(LIKED).filter_map(|id| ProductId::parse(id)).collect();
        // One of the first few.
        let first = dice.between(0, wanted.len() as i64 - 1) as usize;
        let first = first.min(wanted.len());
        wanted.rotate_left(first);
        Some((at, PlannedAnswer { coupon, wanted }))
    }
}

impl PlannedAnswer {
    /// Somebody who had left for good, and comes back for this once.
    pub(super) fn shopper_again(&self, departed: Shopper) -> Shopper {
        Shopper { signed_up: true, coupons: self.coupon.iter().cloned().collect(), ..departed }
    }
}

impl Shopper {
    /// Puts a message's coupon by.
    pub(super) fn hold(&mut self, coupon: Option<&MessageCoupon>, at: Timestamp) {
        let Some(coupon) = coupon.and_then(|coupon| HeldCoupon::new(coupon, at)) else { return };
        self.coupons.retain(|held| held.valid_until > at.0);
        if self.coupons.len() >= COUPONS_MAX {
            self.coupons.remove(0);
        }
        self.coupons.push(coupon);
    }
}

impl HeldCoupon {
    fn new(coupon: &MessageCoupon, at: Timestamp) -> Option<HeldCoupon> {
        let cents = |dollars: f64| (dollars * 100.0).round().clamp(0.0, 1e12) as i64;
        let value = match coupon.kind.as_str() {
            "percent" => CouponValue::Percent(coupon.value.round().clamp(0.0, 100.0) as i64),
            _ => CouponValue::Cents(cents(coupon.value)),
        };
        Some(HeldCoupon {
            code: coupon.code.clone(),
            value,
            min_spend_cents: cents(coupon.min_spend),
            usable_from: at.0 + ANSWERED_AFTER.0,
            valid_until: Timestamp::parse_rfc3339(&coupon.valid_until)?.0,
        })
    }

    /// Whether it is valid for an order of this amount, on a visit that begins at `at`. A visit may take an hour or two.
    pub(super) fn is_usable(&self, at: i64, cents: i64) -> bool {
        (self.usable_from..self.valid_until - 2 * HOUR).contains(&at) && cents >= self.min_spend_cents
    }
}

impl CouponValue {
    /// What it takes off an order of this amount.
    pub(super) fn discount(self, cents: i64) -> i64 {
        match self {
            CouponValue::Percent(per_cent) => percent(cents, per_cent),
            CouponValue::Cents(off) => off.min(cents),
        }
    }

    pub(super) fn name(self) -> String {
        match self {
            CouponValue::Percent(per_cent) => format!("{per_cent} % off"),
            CouponValue::Cents(off) => format!("{} off", super::call::dollars(off)),
        }
    }
}
