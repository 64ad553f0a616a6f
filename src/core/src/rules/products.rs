//! What is known of the products of an event before one came: that they are an array, in the events of Segment's e-commerce
//! specification.

use super::notation;
use super::ruleset::{EventName, Ruleset};

/// Track events that have `products`, an array, by Segment's e-commerce specification (version 2).
const EVENTS: [&str; 9] = [
    "Product List Viewed",
    "Product List Filtered",
    "Cart Viewed",
    "Cart Shared",
    "Checkout Started",
    "Order Updated",
    "Order Completed",
    "Order Refunded",
    "Order Cancelled",
];

/// The property of theirs that is an array.
pub(super) const PRODUCTS: &str = "products";

/// Whether a name stands for events whose products are an array.
pub(super) fn has_array(name: &EventName) -> bool {
    name.event.as_deref().is_some_and(|event| EVENTS.contains(&event))
}

/// What to do where a path leads into an array.
pub fn each(array: &str) -> String {
    format!(
        "give its elements a name of their own, with each = \"{array}\", or send the sum as a property of the event"
    )
}

/// What a sound set of rules asks for that is not there where events are as the specification has them.
pub fn notes(rules: &Ruleset) -> Vec<String> {
    let features = (0..).map(super::ruleset::FeatureId).zip(&rules.features);
    let inside = features.filter(|(_, feature)| {
        let mut paths = feature.kind.fields().into_iter().map(|field| &rules.projection.fields[usize::from(field.0)]);
        has_array(&rules.names[usize::from(feature.name.0)]) && paths.any(|path| path.len() > 2 && path[1] == PRODUCTS)
    });
    let note =
        |id| format!("{} is missing where `{PRODUCTS}` is an array: {}", notation::feature(rules, id), each(PRODUCTS));
    inside.map(|(id, _)| note(id)).collect()
}
