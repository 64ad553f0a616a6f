//! A shopper's cart, and the amounts of an order of its contents.

use super::Shop;
use super::call::{OrderItem, dollars};
use super::catalogue::ProductId;

/// Goods for this much, in cents, are sent free of charge.
const FREE_SHIPPING_CENTS: i64 = 6_000;
/// What sending others costs, in cents.
const SHIPPING_CENTS: i64 = 490;
/// The tax on goods, in per cent.
const TAX_PERCENT: i64 = 8;

/// What a shopper has in the cart. A shopper has many carts over time, one after the other.
#[derive(Debug, Default)]
pub(super) struct Cart {
    /// How many carts the shopper had before this one.
    number: u32,
    contents: Vec<(ProductId, u32)>,
}

/// The amounts of an order, in cents.
#[derive(Clone, Copy, Debug)]
pub(super) struct OrderAmounts {
    /// The goods at their prices.
    pub(super) revenue: i64,
    pub(super) discount: i64,
    pub(super) shipping: i64,
    pub(super) tax: i64,
}

impl Cart {
    pub(super) fn is_empty(&self) -> bool {
        self.contents.is_empty()
    }

    /// The cart's id, of the shopper with that number: `c17-3`.
    pub(super) fn id(&self, shopper: u64) -> String {
        format!("c{shopper}-{}", self.number)
    }

    pub(super) fn add(&mut self, product: ProductId, quantity: u32) {
        match self.contents.iter_mut().find(|(here, _)| *here == product) {
            Some((_, before)) => *before += quantity,
            None => self.contents.push((product, quantity)),
        }
    }

    /// Begins another cart: this one was bought, or is left behind for good.
    pub(super) fn replace(&mut self) {
        if !self.is_empty() {
            *self = Cart { number: self.number.wrapping_add(1), contents: Vec::new() };
        }
    }

    /// The contents at the prices of that moment, in cents.
    pub(super) fn cents(&self, shop: &Shop, at: i64) -> i64 {
        self.contents.iter().map(|(product, quantity)| shop.product(*product, at).price * i64::from(*quantity)).sum()
    }

    pub(super) fn items(&self, shop: &Shop, at: i64) -> Vec<OrderItem> {
        self.contents.iter().map(|(product, quantity)| OrderItem::new(*product, *quantity, shop, at)).collect()
    }
}

impl OrderAmounts {
    /// Goods for `revenue` cents, less a discount.
    pub(super) fn new(revenue: i64, discount: i64) -> OrderAmounts {
        let goods = revenue - discount;
        let shipping = if goods < FREE_SHIPPING_CENTS { SHIPPING_CENTS } else { 0 };
        OrderAmounts { revenue, discount, shipping, tax: goods * TAX_PERCENT / 100 }
    }

    /// What is paid in the end, in dollars.
    pub(super) fn total(self) -> f64 {
        dollars(self.revenue - self.discount + self.shipping + self.tax)
    }
}
