//! Random campaigns.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::budgets::{self, SPENDING_CHOICES};
use super::conditions::{self, ConditionPlace, GeneratedCondition, SegmentName, Vocabulary, choose};
use super::measures;
use super::offers;
use super::partners;
use super::picks::Picks;
use super::rules::{number, optional, quote};

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
    "06:00-05:30",
    "01:45-02:15",
    "01:00-01:30",
    "22:00-02:30",
    "00:00-23:59",
    "23:59-00:00",
];
const VARIANTS: &[&[(&str, &str)]] =
    &[&[], &[], &[("a", "1"), ("b", "2")], &[("a", "0.5"), ("b", "0.25"), ("c", "3")], &[("only", "1")]];

const CHANCES: &[&str] = &["", "", "", "0.5", "0.1", "0.8", "0", "1"];
const EXPIRES: &[&str] = &["", "", "1m", "10s", "1h", "2d", "1ms"];
const MAX_PER_KEY: &[usize] = &[0, 1, 1, 1, 2];

/// How many choices there are of a trigger and a channel.
const PLAIN_CHOICES: usize = 4;

/// Bytes of choices of what an action bears.
const PAYLOAD_CHOICES: usize = 20;

/// Bytes of choices of the lists that it bears.
const OFFER_CHOICES: usize = 5;

/// An entry of `[[campaigns]]`.
#[derive(Clone, Debug)]
pub(crate) struct GeneratedCampaign {
    choices: Vec<u8>,
    spending: Vec<u8>,
    payload: Vec<u8>,
    needs: Vec<u8>,
    condition: Option<GeneratedCondition>,
}

/// Any campaign.
pub(crate) fn campaign() -> impl Strategy<Value = GeneratedCampaign> {
    let choices = |count| prop::collection::vec(any::<u8>(), count);
    let condition = prop::option::weighted(0.25, conditions::condition());
    (choices(19), choices(SPENDING_CHOICES), choices(PAYLOAD_CHOICES + OFFER_CHOICES), choices(1), condition).prop_map(
        |(choices, spending, payload, needs, condition)| GeneratedCampaign {
            choices,
            spending,
            payload,
            needs,
            condition,
        },
    )
}

impl GeneratedCampaign {
    /// Writes what follows its id; `vocabulary` is that of a campaign on users.
    pub(crate) fn write(
        &self,
        text: &mut String,
        vocabulary: &Vocabulary<'_>,
        goals: &[String],
        budgets: &[String],
        lists: usize,
    ) -> std::fmt::Result {
        let Vocabulary { parts, names, segments, ledgers, .. } = *vocabulary;
        // Most of what may stop a campaign would stop one that spends before it asks.
        let is_plain = budgets::is_spending(&self.spending, budgets) && self.spending[SPENDING_CHOICES - 1] >= 64;
        let mut picks = Picks::new(&self.choices[..if is_plain { PLAIN_CHOICES } else { self.choices.len() }]);
        let trigger = picks.pick(&["enter", "enter", "exit", "event", "event", "enter a key", "enter a key"]);
        let any_keyed = segments.iter().flatten().any(|segment| segment.per.is_some());
        let id_of = |segment: &SegmentName| {
            (trigger != "enter a key" || !any_keyed || segment.per.is_some()).then(|| segment.id.clone())
        };
        let ids: Vec<Option<String>> = segments.iter().map(|segment| segment.as_ref().and_then(id_of)).collect();
        let id = choose(&ids, &mut picks);
        let per = segments.iter().flatten().find(|segment| segment.id == id).and_then(|segment| segment.per);
        let on_event = trigger == "event" && parts.triggers;
        let (trigger, per) = match trigger {
            "event" if on_event => ("event", None),
            "exit" => ("exit", per),
            _ => ("enter", per),
        };
        let on = if on_event { choose(names, &mut picks) } else { id };
        writeln!(text, "on = \"{trigger}:{on}\"")?;
        writeln!(text, "channel = \"{}\"", picks.pick(CHANNELS))?;
        let (priority, max) = (picks.pick(PRIORITIES), picks.pick(MAX_PER_USER));
        number(text, "priority", &if priority != 0 { priority.to_string() } else { String::new() })?;
        let cooldown = picks.pick(COOLDOWNS);
        if !is_plain {
            partners::write_needs(text, &self.needs)?;
        }
        optional(text, "quiet_hours", picks.pick(QUIET_HOURS))?;
        number(text, "holdout", picks.pick(SHARES))?;
        let variants: Vec<String> =
            picks.pick(VARIANTS).iter().map(|(id, weight)| format!("{{ id = \"{id}\", weight = {weight} }}")).collect();
        if !variants.is_empty() {
            writeln!(text, "variants = [{}]", variants.join(", "))?;
        }
        if parts.triggers {
            number(text, "chance", picks.pick(CHANCES))?;
            optional(text, "expires", picks.pick(EXPIRES))?;
        }
        let max_per_key = picks.pick(MAX_PER_KEY);
        let is_by_key = per.is_some() && max_per_key > 0;
        if is_by_key {
            // With the two others it would seldom decide.
            writeln!(text, "max_per_key = {max_per_key}")?;
        } else {
            number(text, "max_per_user", &if max > 0 { max.to_string() } else { String::new() })?;
            optional(text, "cooldown", cooldown)?;
        }
        let place = ConditionPlace::Campaign { on_event };
        match (picks.index(4), goals.first()) {
            (2, Some(goal)) => writeln!(text, "goals = [\"{goal}\"]")?,
            (3, Some(_)) => writeln!(text, "goals = []")?,
            _ => {}
        }
        if !is_by_key && parts.prices {
            measures::write_price(text, &mut picks, ledgers, on_event)?;
        }
        if !is_by_key || self.spending[0] >= 128 {
            budgets::write_spending(text, &self.spending, budgets, names, on_event)?;
        }
        let vocabulary = Vocabulary { place, per, ..*vocabulary };
        self.write_payload(text, &vocabulary, lists)?;
        match self.condition.as_ref().filter(|_| !is_plain) {
            Some(condition) => writeln!(text, "if = {}", quote(&condition.to_cel(&vocabulary))),
            None => Ok(()),
        }
    }

    /// Writes what actions bear of models and of lists of picks, if there are any.
    fn write_payload(&self, text: &mut String, vocabulary: &Vocabulary<'_>, lists: usize) -> std::fmt::Result {
        let mut picks = Picks::new(&self.payload[..PAYLOAD_CHOICES]);
        let (count, all) = (picks.index(4), vocabulary.payload_templates());
        let count = if all.is_empty() { 0 } else { count };
        let mut fields: Vec<String> = (0..count)
            .map(|index| {
                let template = picks.pick(&all);
                format!("f{index} = {}", quote(&vocabulary.filled(template, &mut picks)))
            })
            .collect();
        fields.extend(offers::fields(&self.payload[PAYLOAD_CHOICES..], lists));
        if fields.is_empty() {
            return Ok(());
        }
        writeln!(text, "payload_from = {{ {} }}", fields.join(", "))
    }
}
