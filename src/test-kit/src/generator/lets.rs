//! Random names of events: what they select, their `let` and their `each`.

/// What `[events]` can select; the ids of names start with the first of each.
pub(crate) const SELECTORS: &[(&str, &str)] = &[
    ("view", "event = \"Product Viewed\""),
    ("cart", "event = \"Product Added\""),
    ("order", "event = \"Order Completed\""),
    ("page", "type = \"page\""),
    ("screen", "type = \"screen\""),
    ("any", "type = \"track\""),
];

/// What selects elements of arrays.
pub(crate) const EACH_SELECTORS: &[(&str, &str)] = &[
    ("line", "event = \"Order Completed\", each = \"products\""),
    ("inner", "event = \"Order Completed\", each = \"cart.lines\""),
    ("row", "type = \"track\", each = \"products\""),
    ("teaser", "type = \"page\", each = \"products\""),
];

/// What `let` says; the first are none.
pub(crate) const LETS: &[&str] = &[
    "",
    "",
    "",
    "net = \"properties.total - properties.price\"",
    "net = \"properties.total / 3\", big = \"properties.total > 100\"",
    "price = \"properties.price * 2 - 1\", label = \"traits.tier\"",
    "cart_id = \"properties.coupon\"",
    "worth = \"number(properties.coupon)\", label = \"context.device.type\"",
    "product_id = \"properties.quantity + 1\"",
];

/// The same with `each`.
pub(crate) const ITEM_LETS: &[&str] = &[
    "",
    "",
    "worth = \"item.price * item.quantity\"",
    "worth = \"item.price * item.quantity\", label = \"item.category\"",
    "price = \"item.price - properties.price\"",
    "big = \"item.quantity >= 2 && has(properties.coupon)\", net = \"item.price / 7\"",
    "label = \"traits.tier\", cart_id = \"item.product_id\"",
];
