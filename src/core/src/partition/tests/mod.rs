//! Partitions: events, linking, removal of users, and the timer queue.

mod events;
mod goals;
mod keys;
mod linking;
mod matches;
mod packed_keys;
mod points;
mod removal;
mod sharing;
mod timers;
mod traits;

use std::collections::BTreeMap;

use super::timer_queue::TimerQueue;
use crate::testing::{START, Story, USER, segments};
use crate::time::Timestamp;
use proptest::prelude::*;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const CAMPAIGN: &str = "[[campaigns]]\nid = \"c\"\non = \"enter:s\"\nchannel = \"email\"\n";

fn view(story: &mut Story, at: i64, user: &str, more: &str) {
    story.call(at, user, &format!(r#""type":"track","event":"View"{more}"#));
}

/// A rules file with one segment and a campaign on it.
fn with_campaign(when: &str, campaign: &str, rest: &str) -> String {
    format!("{}{CAMPAIGN}{campaign}\n{rest}", segments(&[("s", when)]))
}
