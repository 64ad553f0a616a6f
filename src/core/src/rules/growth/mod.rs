//! What the rules say of the growth numbers: `[growth]`, `[[funnels]]`, `[[promotions]]`, `[[targets]]`, compiled.

mod read;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::program::{NameId, SegmentId};
use crate::event::FieldId;
use crate::time::Span;

#[cfg(test)]
pub(super) use read::{FUNNEL_KEYS, GROWTH_KEYS, PROMOTION_KEYS, TARGET_KEYS};

/// Most channels of `[growth.channels]`; `direct` and `other` come on top.
pub const CHANNELS_MAX: usize = 14;
/// Most funnels.
pub const FUNNELS_MAX: usize = 8;
/// Most steps of a funnel.
pub const STEPS_MAX: usize = 8;
/// Most promotions.
pub const PROMOTIONS_MAX: usize = 16;
/// Most targets.
pub const TARGETS_MAX: usize = 32;

/// The stages of a lifecycle, in the order in which they are tried for a user.
pub const STAGES: [&str; 6] = ["new", "active", "at_risk", "dormant", "churned", "reactivated"];
/// What a target can be set for.
pub const METRICS: [&str; 7] = ["gmv", "revenue", "orders", "new_users", "sign_ups", "new_buyers", "sessions"];
/// What a target can be set over.
pub const PERIODS: [&str; 5] = ["day", "week", "month", "quarter", "year"];

/// What growth numbers are computed, and of what.
#[derive(Clone, Debug)]
pub struct Growth {
    /// The zone of business days and hours.
    pub timezone: TimeZone,
    /// Its IANA name.
    pub timezone_name: String,
    /// An event later than this after the user's last begins a session.
    pub session_gap: Span,
    /// The channels, in file order; `direct` and `other` follow.
    pub channels: Vec<Channel>,
    /// Hosts of the business itself: a referrer of these is none.
    pub own_hosts: Vec<String>,
    /// `context.campaign.source`.
    pub campaign_source: FieldId,
    /// `context.page.referrer`.
    pub referrer: FieldId,
    /// What an order is.
    pub orders: Option<Orders>,
    /// What a refund is.
    pub refunds: Option<Refunds>,
    /// What puts something into a cart.
    pub carts: Option<NameId>,
    /// What begins a checkout.
    pub checkouts: Option<NameId>,
    /// The lifecycle's stages, in file order; a user is in the first whose segment the user is in.
    pub stages: Vec<Stage>,
    /// `[[funnels]]`.
    pub funnels: Vec<Funnel>,
    /// `[[promotions]]`.
    pub promotions: Vec<Promotion>,
    /// `[[targets]]`.
    pub targets: Vec<Target>,
}

/// A first-touch channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its name.
    pub name: String,
    /// The campaign sources, and the parts of referrers' hosts, that it stands for; in lower case.
    pub sources: Vec<String>,
}

/// What an order is, and what is read of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orders {
    /// The event.
    pub name: NameId,
    /// Its value.
    pub value: FieldId,
    /// Its discount, as a positive amount.
    pub discount: FieldId,
    /// Its coupon: there and not empty.
    pub coupon: FieldId,
    /// Its category.
    pub category: FieldId,
    /// Its id: of a user's orders with the same one, the first counts.
    pub order_id: FieldId,
}

/// What a refund is, and what is read of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refunds {
    /// The event.
    pub name: NameId,
    /// What was paid back, as a positive amount.
    pub value: FieldId,
}

/// A stage of the lifecycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// One of [`STAGES`].
    pub name: &'static str,
    /// Whose members are in it.
    pub segment: SegmentId,
}

/// A funnel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Funnel {
    /// Its id.
    pub id: String,
    /// Two to [`STEPS_MAX`] events.
    pub steps: Vec<NameId>,
    /// How long after the first step the last may be.
    pub within: Span,
}

/// A promotion, by the business's clocks, in whole hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promotion {
    /// Its id.
    pub id: String,
    /// Its start.
    pub starts: DateTime,
    /// Its end, exclusive; after its start.
    pub ends: DateTime,
    /// The most that its discounts should come to, in millionths of the currency; above 0.
    pub budget: Option<i128>,
}

/// A target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its id; `gmv_month` unless said otherwise.
    pub id: String,
    /// One of [`METRICS`].
    pub metric: &'static str,
    /// One of [`PERIODS`].
    pub period: &'static str,
    /// What is to be reached: a count, or of `gmv` and `revenue` millionths of the currency. Above 0.
    pub value: i128,
}

/// Whether a metric is an amount of money, which is counted in millionths.
pub fn is_money(metric: &str) -> bool {
    matches!(metric, "gmv" | "revenue")
}

/// The channels of shops that name none.
pub(super) const DEFAULT_CHANNELS: [(&str, &[&str]); 4] = [
    ("search", &["google", "bing", "duckduckgo", "yahoo", "baidu", "yandex", "ecosia"]),
    ("social", &["facebook", "instagram", "tiktok", "twitter", "x", "linkedin", "pinterest", "reddit", "youtube"]),
    ("email", &["email", "e-mail", "newsletter", "klaviyo", "mailchimp"]),
    ("ads", &["adwords", "google_ads", "facebook_ads", "criteo", "taboola"]),
];
