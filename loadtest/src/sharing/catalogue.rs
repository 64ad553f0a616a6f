//! Products, what is known of them, and who looked at them.

use std::io::Write;
use std::ops::Range;

use rekindle_core::time::{Span, Timestamp};

use crate::engine::state::SEEN;

/// How many products a person has looked at.
pub(super) const PER_PERSON: u32 = 3;
/// How many products people look at.
const LOOKED_AT: u32 = 5_000;

/// Rules by which a price that has fallen reaches who looked at the product. With W1's names, of which orders make big spenders.
pub(super) const PRICE_FALLS: &str = r#"
    [events]
    view = "Product Viewed"
    order = "Order Completed"

    [tables.products]
    event = "Product Updated"
    key = "product_id"
    keep = ["price", "in_stock", "title"]

    [per.product]
    key = "product_id"
    ttl = "365d"
    table = "products"

    [[segments]]
    id = "cheaper_now"
    per = "product"
    when = "count(view, '180d') >= 1 && row.in_stock && row.price <= last(view.price) * 0.9"

    [[segments]]
    id = "big_spender"
    when = "sum(order.total, '7d') >= 500"
"#;

/// Where the rules say that a person's products have rows.
pub(super) const OF_TABLE: &str = "    table = \"products\"\n";
/// Where they ask the row.
pub(super) const ASKS_ROW: &str = " && row.in_stock && row.price <= last(view.price) * 0.9";

/// What a catalogue says of these products.
pub(super) fn rows(products: Range<u32>, price: u32, at: Timestamp, out: &mut Vec<u8>) {
    for product in products {
        writeln!(
            out,
            r#"{{"type":"track","event":"Product Updated","messageId":"r{}.{product}","anonymousId":"catalogue","timestamp":"{at}","properties":{{"product_id":"p{product}","title":"Product number {product}","price":{price}.99,"in_stock":true}}}}"#,
            at.0
        )
        .expect("writing to memory cannot fail");
    }
}

/// A person looks at a product.
pub(super) fn view(user: u32, product: u32, at: Timestamp, out: &mut Vec<u8>) {
    writeln!(
        out,
        r#"{{"type":"track","event":"Product Viewed","messageId":"v{user}.{product}","userId":"u{user:07}","timestamp":"{at}","properties":{{"product_id":"p{product}","price":50.0}}}}"#
    )
    .expect("writing to memory cannot fail");
}

/// People who looked at some products each, long ago.
pub(super) fn idle_viewers(users: Range<u32>) -> Vec<u8> {
    let mut out = Vec::new();
    for user in users {
        for number in 0..PER_PERSON {
            let at = SEEN + Span(i64::from(user % 1_000) * 1_000 + i64::from(number) * 100);
            view(user, user.wrapping_mul(2_654_435).wrapping_add(number * 1_733) % LOOKED_AT, at, &mut out);
        }
    }
    out
}
