//! The wire form: Segment calls as JSON.

use serde::Serialize;

use super::Shop;
use super::catalogue::ProductId;
use super::friends::FriendProperties;
use super::market::RowProperties;

/// One call; one line of output.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CallLine<'a> {
    pub(super) message_id: String,
    pub(super) timestamp: String,
    #[serde(flatten)]
    pub(super) call: &'a CallBody,
    #[serde(flatten)]
    pub(super) origin: CallOrigin<'a>,
}

/// Whom a call is about, and where it comes from; nobody and nowhere, of a row.
#[derive(Clone, Copy, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CallOrigin<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user_id: Option<&'a str>,
    /// The shopper's device. The shop's own servers send it for guests only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) anonymous_id: Option<&'a str>,
    /// Nothing in calls of the shop's own servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) context: Option<&'a CallContext>,
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
    None {},
    Page { path: &'static str },
    Account { method: &'static str },
    Search { query: String },
    List { list_id: &'static str, category: &'static str },
    Product(ProductProperties),
    Cart { cart_id: String, value: f64, currency: &'static str, products: Vec<OrderItem> },
    Coupon { order_id: String, cart_id: String, coupon_id: String, coupon_name: String, discount: f64 },
    Order(OrderProperties),
    Shipment { order_id: String, carrier: &'static str },
    Ticket(TicketProperties),
    Friends(FriendProperties),
    Row(RowProperties),
}

/// A product that is looked at, or put into a cart.
#[derive(Serialize)]
pub(super) struct ProductProperties {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cart_id: Option<String>,
    #[serde(flatten)]
    pub(super) item: OrderItem,
    pub(super) currency: &'static str,
}

/// A checkout or an order.
#[derive(Serialize)]
pub(super) struct OrderProperties {
    pub(super) order_id: String,
    pub(super) cart_id: String,
    /// The amount of a checkout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<f64>,
    /// The amount of an order: `revenue` less `discount`, with `shipping` and `tax`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) total: Option<f64>,
    pub(super) revenue: f64,
    pub(super) shipping: f64,
    pub(super) tax: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) discount: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) coupon: Option<String>,
    pub(super) currency: &'static str,
    pub(super) products: Vec<OrderItem>,
}

/// A product, and how many of it.
#[derive(Serialize)]
pub(super) struct OrderItem {
    product_id: String,
    sku: String,
    name: String,
    category: &'static str,
    brand: &'static str,
    price: f64,
    quantity: u32,
}

/// A request to customer care.
#[derive(Clone, Serialize)]
pub(super) struct TicketProperties {
    pub(super) ticket_id: String,
    pub(super) topic: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) order_id: Option<String>,
}

/// Who somebody is.
#[derive(Serialize)]
pub(super) struct ShopperTraits {
    pub(super) tier: &'static str,
    pub(super) country: &'static str,
    pub(super) timezone: &'static str,
    pub(super) gender: &'static str,
    pub(super) email: String,
    pub(super) first_name: &'static str,
    pub(super) email_opt_in: bool,
    pub(super) push_opt_in: bool,
    /// `1984-02-29`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) birthday: Option<String>,
    /// Of subscribers: the day on which the subscription is next renewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) renews_at: Option<String>,
    /// The code of the invitation that brought this shopper.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) invited_by: Option<String>,
}

/// Where a call of a shopper's device comes from.
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
    /// A product as it is at that moment.
    pub(super) fn new(product: ProductId, quantity: u32, shop: &Shop, at: i64) -> OrderItem {
        OrderItem {
            product_id: product.id(),
            sku: product.sku(),
            name: product.name(),
            category: product.category(),
            brand: product.brand(),
            price: dollars(shop.product(product, at).price),
            quantity,
        }
    }
}

/// Cents as dollars.
pub(super) fn dollars(cents: i64) -> f64 {
    cents as f64 / 100.0
}
