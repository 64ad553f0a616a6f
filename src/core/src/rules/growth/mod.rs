//! The rules of the growth numbers: `[growth]`, `[[funnels]]`, `[[promotions]]`, `[[targets]]`, compiled.

mod currency;
mod items;
mod reader;
mod reader_lists;
mod schema;
mod vocabulary;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::ruleset::{NameId, SegmentId};
use crate::event::FieldId;
use crate::time::Span;

pub use currency::{Currency, amount_in_words, amount_in_words_beside, grouped_decimal};
pub(super) use schema::{FunnelSchema, GrowthSchema, PromotionSchema, TargetSchema};
pub use vocabulary::{Metric, Period, Stage};

#[cfg(test)]
pub(super) use reader::GROWTH_KEYS;
#[cfg(test)]
pub(super) use reader_lists::{FUNNEL_KEYS, PROMOTION_KEYS, TARGET_KEYS};

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

/// The rules of the growth numbers.
#[derive(Clone, Debug)]
pub struct GrowthRules {
    /// The zone of business days and hours.
    pub timezone: TimeZone,
    /// Its IANA name.
    pub timezone_name: String,
    /// The currency of amounts; `None`: it is not named, and amounts are shown without a sign.
    pub currency: Option<Currency>,
    /// An event more than this after the user's latest starts a session.
    pub session_gap: Span,
    /// The channels, in file order; `direct` and `other` follow.
    pub channels: Vec<Channel>,
    /// Hosts of the business itself: as referrers they count as `direct`.
    pub own_hosts: Vec<String>,
    /// `context.campaign.source`.
    pub campaign_source: FieldId,
    /// `context.page.referrer`.
    pub referrer: FieldId,
    /// The events that are orders.
    pub orders: Option<OrderRules>,
    /// The events that are refunds.
    pub refunds: Option<RefundRules>,
    /// What counts as sold by lists of picks; `None`: the rules have none.
    pub picks: Option<PickSaleRules>,
    /// The event that adds to a cart.
    pub carts: Option<NameId>,
    /// The event that starts a checkout.
    pub checkouts: Option<NameId>,
    /// The stages of the lifecycle, in file order.
    pub stages: Vec<LifecycleStage>,
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
    /// The campaign sources, and parts of referrers' hosts, that belong to it; in lower case.
    pub sources: Vec<String>,
}

/// The events that are orders, and their properties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRules {
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
    /// Its id: of a user's orders with the same id only the first counts.
    pub order_id: FieldId,
    /// Its items; `None`: they are looked for in `products`, as Segment's specification has them.
    pub items: Option<OrderItemRules>,
}

/// The matches that are the items of an order, and their values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderItemRules {
    /// The name with `each`.
    pub name: NameId,
    /// What orders are split by: the category, or the brand.
    pub category: FieldId,
    /// The price of one.
    pub price: FieldId,
    /// How many.
    pub quantity: FieldId,
    /// What identifies the product in baskets.
    pub id: FieldId,
    /// The name of the property that `id` is.
    pub id_property: String,
    /// The product's name.
    pub title: FieldId,
}

/// What counts as sold by lists of picks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PickSaleRules {
    /// How long after an item was shown an order of it counts.
    pub within: Span,
    /// The names whose matches are items that were shown, each with the field that has the item; what campaigns send counts anyway.
    pub shown: Vec<(NameId, FieldId)>,
}

/// The events that are refunds, and their properties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundRules {
    /// The event.
    pub name: NameId,
    /// The refunded value, as a positive amount.
    pub value: FieldId,
}

/// A stage of the lifecycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifecycleStage {
    /// The stage.
    pub stage: Stage,
    /// The segment whose members are in it.
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

/// A promotion, in local time and whole hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promotion {
    /// Its id.
    pub id: String,
    /// Its start.
    pub starts: DateTime,
    /// Its end, exclusive; after its start.
    pub ends: DateTime,
    /// The budget for its discounts, in millionths of the currency; above 0.
    pub budget: Option<i128>,
}

/// A target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its id; `gmv_month` by default.
    pub id: String,
    /// What is counted.
    pub metric: Metric,
    /// How often it starts from 0.
    pub period: Period,
    /// The value to be reached: a count, or millionths of the currency for money. Above 0.
    pub value: i128,
}

/// The channels of rules that define none.
pub(super) const DEFAULT_CHANNELS: [(&str, &[&str]); 4] = [
    ("search", &["google", "bing", "duckduckgo", "yahoo", "baidu", "yandex", "ecosia"]),
    ("social", &["facebook", "instagram", "tiktok", "twitter", "x", "linkedin", "pinterest", "reddit", "youtube"]),
    ("email", &["email", "e-mail", "newsletter", "klaviyo", "mailchimp"]),
    ("ads", &["adwords", "google_ads", "facebook_ads", "criteo", "taboola"]),
];
