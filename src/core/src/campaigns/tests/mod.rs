//! What becomes of a campaign: outcomes in their order, limits at their edges, quiet hours, groups, payloads.

mod groups;
mod keys;
mod local_time;
mod matches;
mod outcomes;
mod payloads;
mod prices;
mod quiet_hours;

use crate::testing::EVENTS;

/// A segment `on` that every view enters and every order leaves, and these campaigns: id, and the lines of its table.
fn rules(campaigns: &[(&str, &str)], rest: &str) -> String {
    let tables = campaigns.iter().map(|(id, lines)| {
        let channel = if lines.contains("channel =") { "" } else { "channel = \"email\"\n" };
        let on = if lines.contains("on =") { "" } else { "on = \"enter:on\"\n" };
        format!("[[campaigns]]\nid = \"{id}\"\n{on}{channel}{lines}\n")
    });
    let segment = "[[segments]]\nid = \"on\"\nwhen = \"since(view) < since(order)\"\n";
    format!("{EVENTS}{segment}{}{rest}", tables.collect::<String>())
}
