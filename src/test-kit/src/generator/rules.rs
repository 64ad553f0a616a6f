//! Random rules files.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::conditions::{self, GeneratedCondition, choose};
use super::picks::Picks;

/// What `[events]` can select; the ids of names start with the first of each.
const SELECTORS: &[(&str, &str)] = &[
    ("view", "event = \"Product Viewed\""),
    ("cart", "event = \"Product Added\""),
    ("order", "event = \"Order Completed\""),
    ("page", "type = \"page\""),
    ("screen", "type = \"screen\""),
    ("any", "type = \"track\""),
];

const RULES_ZONES: &[&str] =
    &["", "", "America/New_York", "Asia/Shanghai", "Europe/Berlin", "Australia/Lord_Howe", "GMT-0530"];
const CHANNELS: &[&str] = &["email", "push", "sms"];
const PRIORITIES: &[i64] = &[0, 0, 5, 9, -3];
const COOLDOWNS: &[&str] = &["", "", "10m", "1h", "3h", "1d"];
const MAX_PER_USER: &[usize] = &[0, 0, 0, 0, 1, 2, 3];
const SHARES: &[&str] = &["", "", "", "", "", "", "0.3", "0.5", "1"];
const QUIET_HOURS: &[&str] = &[
    "",
    "",
    "22:00-08:00",
    "01:30-03:30",
    "00:00-06:00",
    "21:30-07:15",
    "02:30-03:15",
    "12:00-14:00",
    "06:00-04:30",
    "01:45-02:15",
    "01:00-01:30",
    "22:00-02:30",
    "00:00-22:59",
    "23:59-00:00",
];
const VARIANTS: &[&[(&str, &str)]] =
    &[&[], &[], &[("a", "1"), ("b", "2")], &[("a", "0.5"), ("b", "0.25"), ("c", "3")], &[("only", "1")]];

/// A rules file before it is text.
#[derive(Clone, Debug)]
pub(crate) struct RulesModel {
    head: Vec<u8>,
    /// Whether it is kept (if none is, the first is), what it selects, and its `where`.
    names: Vec<(bool, u8, Option<GeneratedCondition>)>,
    /// Whether it is kept (if none is, the first is), and its `when`.
    segments: Vec<(bool, GeneratedCondition)>,
    campaigns: Vec<(Vec<u8>, Option<GeneratedCondition>)>,
    caps: Vec<Vec<u8>>,
}

/// Any rules file.
pub(crate) fn model() -> impl Strategy<Value = RulesModel> {
    (
        prop::collection::vec(any::<u8>(), 3),
        prop::collection::vec(
            (prop::bool::weighted(0.95), any::<u8>(), prop::option::weighted(0.25, conditions::filter())),
            1..6,
        ),
        prop::collection::vec((prop::bool::weighted(0.95), conditions::condition()), 1..8),
        prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 9), prop::option::weighted(0.2, conditions::condition())),
            0..7,
        ),
        prop::collection::vec(prop::collection::vec(any::<u8>(), 3), 0..3),
    )
        .prop_map(|(head, names, segments, campaigns, caps)| RulesModel { head, names, segments, campaigns, caps })
}

impl RulesModel {
    /// The rules file.
    pub(crate) fn to_toml(&self) -> String {
        let mut text = String::new();
        self.write(&mut text).expect("writing to a string does not fail");
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let mut head = Picks::new(&self.head);
        optional(text, "timezone", head.pick(RULES_ZONES))?;
        optional(text, "dedup_window", head.pick(&["", "10m", "1h", "1s", "12h"]))?;
        number(text, "control", head.pick(&["", "", "", "", "0.1", "0.5"]))?;
        let names = self.write_names(text)?;
        let mut segments: Vec<Option<String>> = Vec::new();
        let any_kept = self.segments.iter().any(|(kept, _)| *kept);
        for (index, (kept, condition)) in self.segments.iter().enumerate() {
            let id = (*kept || (index == 0 && !any_kept)).then(|| format!("s{index}"));
            if let Some(id) = &id {
                let when = quote(&condition.to_cel(&names, &segments));
                writeln!(text, "\n[[segments]]\nid = \"{id}\"\nwhen = {when}")?;
            }
            segments.push(id);
        }
        for (index, (choices, condition)) in self.campaigns.iter().enumerate() {
            writeln!(text, "\n[[campaigns]]\nid = \"c{index}\"")?;
            write_campaign(text, &mut Picks::new(choices), &segments)?;
            if let Some(condition) = condition {
                writeln!(text, "if = {}", quote(&condition.to_cel(&names, &segments)))?;
            }
        }
        for choices in &self.caps {
            let mut picks = Picks::new(choices);
            let (max, per) = (picks.pick(&[1, 2, 3, 4]), picks.pick(&["1h", "2h", "6h", "1d"]));
            writeln!(text, "\n[[caps]]\nmax = {max}\nper = \"{per}\"")?;
            optional(text, "channel", picks.pick(&["", "", "push", "email"]))?;
        }
        Ok(())
    }

    fn write_names(&self, text: &mut String) -> Result<Vec<Option<String>>, std::fmt::Error> {
        writeln!(text, "\n[events]")?;
        let mut names = Vec::new();
        let any_kept = self.names.iter().any(|(kept, ..)| *kept);
        for (index, (kept, selector, filter)) in self.names.iter().enumerate() {
            if !kept && (index > 0 || any_kept) {
                names.push(None);
                continue;
            }
            let (prefix, selector) = Picks::new(&[*selector]).pick(SELECTORS);
            let id = format!("{prefix}{index}");
            match filter {
                Some(filter) => {
                    let condition = quote(&filter.to_cel(&[], &[]));
                    writeln!(text, "{id} = {{ {selector}, where = {condition} }}")?;
                }
                None => writeln!(text, "{id} = {{ {selector} }}")?,
            }
            names.push(Some(id));
        }
        Ok(names)
    }
}

fn write_campaign(text: &mut String, picks: &mut Picks<'_>, segments: &[Option<String>]) -> std::fmt::Result {
    let segment = choose(segments, picks);
    writeln!(text, "on = \"{}:{segment}\"", picks.pick(&["enter", "enter", "exit"]))?;
    writeln!(text, "channel = \"{}\"", picks.pick(CHANNELS))?;
    let (priority, max) = (picks.pick(PRIORITIES), picks.pick(MAX_PER_USER));
    if priority != 0 {
        writeln!(text, "priority = {priority}")?;
    }
    if max > 0 {
        writeln!(text, "max_per_user = {max}")?;
    }
    optional(text, "cooldown", picks.pick(COOLDOWNS))?;
    optional(text, "quiet_hours", picks.pick(QUIET_HOURS))?;
    number(text, "holdout", picks.pick(SHARES))?;
    let variants: Vec<String> =
        picks.pick(VARIANTS).iter().map(|(id, weight)| format!("{{ id = \"{id}\", weight = {weight} }}")).collect();
    if !variants.is_empty() {
        writeln!(text, "variants = [{}]", variants.join(", "))?;
    }
    Ok(())
}

fn optional(text: &mut String, key: &str, value: &str) -> std::fmt::Result {
    if value.is_empty() { Ok(()) } else { writeln!(text, "{key} = \"{value}\"") }
}

fn number(text: &mut String, key: &str, value: &str) -> std::fmt::Result {
    if value.is_empty() { Ok(()) } else { writeln!(text, "{key} = {value}") }
}

/// The text as a TOML string.
fn quote(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
