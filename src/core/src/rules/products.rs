//! Events of Segment's e-commerce specification whose products are an array: known before such an event arrives.

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

/// Their property that is an array.
pub(super) const PRODUCTS: &str = "products";

/// Whether a name stands for events whose products are an array.
pub(super) fn has_array(name: &EventName) -> bool {
    name.event.as_deref().is_some_and(|event| EVENTS.contains(&event))
}

/// Help for a path that leads into an array.
pub const ARRAY_HELP: &str = "name its elements in [events], line = { event = \"Order Completed\", each = \"products\" }, and read them: sum(line.price, '7d')";

/// Notes on what valid rules read and events that follow the specification do not have.
pub fn notes(rules: &Ruleset) -> Vec<String> {
    let features = (0..).map(super::ruleset::FeatureId).zip(&rules.features);
    let inside = features.filter(|(_, feature)| {
        let mut paths = feature.kind.fields().into_iter().map(|field| &rules.projection.fields[usize::from(field.0)]);
        feature.name().is_some_and(|name| has_array(&rules.names[usize::from(name.0)]))
            && paths.any(|path| path.len() > 2 && path[1] == PRODUCTS)
    });
    let note =
        |id| format!("{} is missing where `{PRODUCTS}` is an array: {}", notation::feature(rules, id), ARRAY_HELP);
    inside.map(|(id, _)| note(id)).collect()
}
