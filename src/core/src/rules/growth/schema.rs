//! The shape of the growth sections as JSON Schema. The types are never constructed: their schema is derived.

use std::any::type_name;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use strum::VariantNames;

use super::{Metric, Period};
use crate::rules::schema::{DurationText, IdText};

/// `[growth]`
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
pub(in crate::rules) struct GrowthSchema {
    /// The time zone (IANA) of business days and hours. Default: that of the rules.
    timezone: Option<String>,
    /// The currency of the events' amounts: an ISO 4217 code, like "EUR". Amounts are shown with its sign; nothing is converted.
    #[schemars(extend("pattern" = "^[A-Z]{3}$"))]
    currency: Option<String>,
    /// The time after a user's latest event from which the next one starts a session. Default: "30m".
    #[schemars(with = "Option<DurationText>")]
    session_gap: Option<()>,
    /// Hosts of the business itself: as referrers they count as `direct`.
    own_hosts: Option<Vec<String>>,
    /// The event that is an order. Default: the name of all "Order Completed".
    orders: Option<String>,
    /// The event that is a refund. Default: the name of all "Order Refunded".
    refunds: Option<String>,
    /// The event that adds to a cart. Default: the name of all "Product Added".
    carts: Option<String>,
    /// The event that starts a checkout. Default: the name of all "Checkout Started".
    checkouts: Option<String>,
    /// The property with the value of an order. Default: "total".
    order_value: Option<String>,
    /// The property with the id of an order; of a user's orders with the same id only the first counts. Default: "order_id".
    order_id: Option<String>,
    /// The property with the value of a refund. Default: "total".
    refund_value: Option<String>,
    /// The property with the discount of an order. Default: "discount".
    discount: Option<String>,
    /// The property with the coupon of an order. Default: "coupon".
    coupon: Option<String>,
    /// The property with the category of an order. Default: "category".
    category: Option<String>,
    /// The name with `each` whose matches are the items of an order. Without it: the elements of `products`.
    items: Option<String>,
    /// The value of an item that orders are split by: its category, or its brand. Default: "category".
    item_category: Option<String>,
    /// The value of an item with the price of one. Default: "price".
    item_price: Option<String>,
    /// The value of an item with how many there are. Default: "quantity".
    item_quantity: Option<String>,
    /// The value of an item that identifies the product in baskets. Default: "product_id".
    item_id: Option<String>,
    /// The names whose matches are items that the storefront showed from a list of picks; what campaigns send counts anyway.
    picks_shown: Option<Vec<String>>,
    /// How long after an item was shown from a list of picks an order of it counts as sold by picks. Default: "7d".
    #[schemars(with = "Option<DurationText>")]
    picks_within: Option<()>,
    /// First-touch channels, with the campaign sources and referring hosts of each.
    #[schemars(with = "Option<BTreeMap<ChannelId, Vec<String>>>")]
    channels: Option<()>,
    /// The stages of the lifecycle, with the segment of each. A user is in the first stage whose segment it is in.
    #[schemars(with = "Option<LifecycleSchema>")]
    lifecycle: Option<()>,
}

/// The name of a channel.
struct ChannelId;

impl JsonSchema for ChannelId {
    fn schema_name() -> Cow<'static, str> {
        "ChannelId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$" })
    }
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
struct LifecycleSchema {
    /// The segment of new users.
    new: Option<String>,
    /// The segment of users who come regularly.
    active: Option<String>,
    /// The segment of users who come less than before.
    at_risk: Option<String>,
    /// The segment of users who have not come for a while.
    dormant: Option<String>,
    /// The segment of users who are not expected to return.
    churned: Option<String>,
    /// The segment of users who returned after having been away.
    reactivated: Option<String>,
}

/// `[[funnels]]`
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
pub(in crate::rules) struct FunnelSchema {
    /// Its name in metrics.
    #[schemars(with = "IdText")]
    id: (),
    /// Two to eight names of events, in order.
    #[schemars(length(min = 2, max = 8))]
    steps: Vec<String>,
    /// The longest time from the first step to the last.
    #[schemars(with = "DurationText")]
    within: (),
}

/// A date, or a date with a full hour.
struct HourText;

impl JsonSchema for HourText {
    fn schema_name() -> Cow<'static, str> {
        "Hour".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// `[[promotions]]`
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
pub(in crate::rules) struct PromotionSchema {
    /// Its name in metrics.
    #[schemars(with = "IdText")]
    id: (),
    /// Its first hour, in the time zone of [growth]: "2026-11-27" or "2026-11-27T18:00".
    #[schemars(with = "HourText")]
    starts: (),
    /// The hour at which it ends, exclusive.
    #[schemars(with = "HourText")]
    ends: (),
    /// The budget for its discounts.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1e15))]
    budget: Option<f64>,
}

/// `[[targets]]`
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
pub(in crate::rules) struct TargetSchema {
    /// Its name in metrics. Default: the metric and the period, as in "gmv_month".
    #[schemars(with = "Option<IdText>")]
    id: Option<()>,
    /// What is counted.
    #[schemars(with = "VariantText<Metric>")]
    metric: (),
    /// The period after which it starts from 0.
    #[schemars(with = "VariantText<Period>")]
    period: (),
    /// The value to be reached in a period: a count, or an amount of the currency.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1e15))]
    value: f64,
}

/// One of the names of an enum's variants.
struct VariantText<T>(PhantomData<T>);

impl<T: VariantNames> JsonSchema for VariantText<T> {
    fn schema_name() -> Cow<'static, str> {
        type_name::<T>().into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": T::VARIANTS })
    }
}
