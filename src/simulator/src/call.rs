//! The wire form: Segment calls as JSON.

use serde::Serialize;

use super::catalogue::{Catalogue, ProductId};

/// One call; one line of output.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CallLine<'a> {
    pub(super) message_id: String,
    pub(super) timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user_id: Option<&'a str>,
    pub(super) anonymous_id: &'a str,
    #[serde(flatten)]
    pub(super) call: &'a CallBody,
    pub(super) context: &'a CallContext,
}

/// Which call, and what only that call has.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum CallBody {
    Track { event: &'static str, properties: CallProperties },
    Page { name: &'static str, properties: CallProperties },
    Identify { traits: ShopperTraits },
}

/// What a track or page call says, in the names of Segment's e-commerce specification. Money is in US dollars.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum CallProperties {
    Page { path: &'static str },
    Account { method: &'static str },
    Search { query: String },
    List { list_id: &'static str, category: &'static str },
    Product(OrderItem),
    Cart { value: f64, currency: &'static str, products: Vec<OrderItem> },
    Coupon { order_id: String, coupon: String, discount: f64 },
    Order(OrderProperties),
}

/// A checkout or an order.
#[derive(Serialize)]
pub(super) struct OrderProperties {
    pub(super) order_id: String,
    pub(super) total: f64,
    pub(super) currency: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) discount: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) coupon: Option<String>,
    pub(super) products: Vec<OrderItem>,
}

/// A product, one piece of it.
#[derive(Serialize)]
pub(super) struct OrderItem {
    product_id: String,
    name: String,
    category: &'static str,
    price: f64,
    quantity: u32,
    currency: &'static str,
}

/// Who somebody is; no address, no name.
#[derive(Serialize)]
pub(super) struct ShopperTraits {
    pub(super) tier: &'static str,
    pub(super) country: &'static str,
    pub(super) timezone: &'static str,
    pub(super) gender: &'static str,
    pub(super) email_opt_in: bool,
}

/// Where a call comes from.
#[derive(Serialize)]
pub(super) struct CallContext {
    pub(super) timezone: &'static str,
    pub(super) campaign: CampaignContext,
    pub(super) device: Device,
}

/// The channel that brought a visit.
#[derive(Serialize)]
pub(super) struct CampaignContext {
    pub(super) source: &'static str,
    pub(super) medium: &'static str,
}

/// `mobile` or `desktop`.
#[derive(Serialize)]
pub(super) struct Device {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
}

/// The only currency of the shop.
pub(super) const CURRENCY: &str = "USD";

impl OrderItem {
    pub(super) fn new(product: ProductId, catalogue: &Catalogue) -> OrderItem {
        OrderItem {
            product_id: product.id(),
            name: product.name(),
            category: product.category(),
            price: dollars(catalogue.price(product)),
            quantity: 1,
            currency: CURRENCY,
        }
    }
}

/// Cents as dollars.
pub(super) fn dollars(cents: i64) -> f64 {
    cents as f64 / 100.0
}
