//! The events: carts of shoppers, orders of five products, users who left three carts long ago.

use std::fmt::Write as _;
use std::ops::Range;

use rekindle_core::time::{Span, Timestamp};

use crate::engine::state::SEEN;

/// Events of each shopper in [`carts`].
const PER_SHOPPER: u32 = 50;

/// This number of events, each of a cart: every shopper has two carts at a time, and buys a few of them.
pub(super) fn carts(events: u32) -> Vec<u8> {
    let shoppers = (events / PER_SHOPPER).max(1);
    let mut text = String::new();
    for number in 0..events {
        let (shopper, visit) = (number % shoppers, number / shoppers);
        let event = if visit % 12 == 11 { "Order Completed" } else { "Product Added" };
        let at = instant(number);
        let cart = visit / 12 * 2 + visit % 2;
        writeln!(
            text,
            r#"{{"type":"track","event":"{event}","messageId":"m{number}","userId":"u{shopper}","timestamp":"{at}","properties":{{"cart_id":"c{cart}","product_id":"p{}","price":{}.5,"quantity":1}}}}"#,
            number % 97,
            number % 40
        )
        .expect("writing to a string cannot fail");
    }
    text.into_bytes()
}

/// This number of orders, each of five products, as Segment's specification has them.
pub(super) fn orders(orders: u32) -> Vec<u8> {
    let mut text = String::new();
    for number in 0..orders {
        let at = instant(number);
        let products: Vec<String> = (0..5)
            .map(|item| {
                let id = (number * 7 + item * 31) % 997;
                format!(
                    r#"{{"product_id":"p{id}","sku":"SKU-{id:05}","name":"Product {id}","brand":"Brand {}","category":"category-{}","price":{}.99,"quantity":{}}}"#,
                    id % 13,
                    id % 9,
                    5 + id % 60,
                    1 + item % 3
                )
            })
            .collect();
        writeln!(
            text,
            r#"{{"type":"track","event":"Order Completed","messageId":"m{number}","userId":"u{}","timestamp":"{at}","properties":{{"order_id":"o{number}","total":{}.5,"shipping":4.9,"currency":"EUR","products":[{}]}}}}"#,
            number % 20_000,
            20 + number % 300,
            products.join(",")
        )
        .expect("writing to a string cannot fail");
    }
    text.into_bytes()
}

/// An event of each of three carts of these users, long ago.
pub(super) fn idle_carts(users: Range<u32>) -> Vec<u8> {
    let mut text = String::new();
    for user in users {
        for cart in 0..3 {
            let at = SEEN + Span(i64::from(user % 1_000) * 1_000 + cart * 100);
            writeln!(
                text,
                r#"{{"type":"track","event":"Product Added","messageId":"m{user}.{cart}","userId":"u{user:07}","timestamp":"{at}","properties":{{"cart_id":"c{cart}"}}}}"#
            )
            .expect("writing to a string cannot fail");
        }
    }
    text.into_bytes()
}

/// The time of an event: a tenth of a second after the one before.
fn instant(number: u32) -> Timestamp {
    SEEN + Span(i64::from(number) * 100)
}
