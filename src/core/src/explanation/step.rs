//! The steps of a decision in sentences, with their numbers.

use std::collections::BTreeMap;

use super::numbers::{grouped, percent};
use crate::campaigns::{BudgetStanding, DecisionStep};
use crate::engine::explained_condition::ConditionExplanation;
use crate::json::JsonText;
use crate::rules::ruleset::{Campaign, Ruleset};
use crate::rules::time_zones;
use crate::time::Timestamp;

/// A step of a decision.
#[derive(Clone, Debug, PartialEq)]
pub struct StepExplanation {
    /// What the rules call it: `cooldown`, `quiet_hours`, `cap`, …
    pub step: &'static str,
    /// Whether the decision went on after it.
    pub is_passed: bool,
    /// What it found.
    pub sentence: String,
    /// Its numbers, by name.
    pub numbers: BTreeMap<&'static str, JsonText>,
    /// Of `if`: part by part.
    pub condition: Option<Box<ConditionExplanation>>,
}

/// The numbers of a step, as they are collected.
struct DecisionNumbers(BTreeMap<&'static str, JsonText>);

impl DecisionNumbers {
    fn text(mut self, name: &'static str, value: &str) -> DecisionNumbers {
        self.0.insert(name, JsonText::of(value));
        self
    }

    fn time(self, name: &'static str, value: Timestamp) -> DecisionNumbers {
        self.text(name, &value.to_string())
    }

    /// A number as it is written.
    fn number(mut self, name: &'static str, value: &impl ToString) -> DecisionNumbers {
        self.0.insert(name, JsonText::from_text(&value.to_string()).unwrap_or_else(JsonText::null));
        self
    }
}

impl StepExplanation {
    /// Explains a step of a decision at an instant.
    pub(super) fn new(rules: &Ruleset, campaign: &Campaign, step: &DecisionStep, at: Timestamp) -> StepExplanation {
        let is_passed = step.is_passed(at);
        let (sentence, numbers) = told(rules, campaign, step, is_passed);
        let condition = match step {
            DecisionStep::Condition { explained, .. } => explained.clone(),
            _ => None,
        };
        StepExplanation { step: step.name(), is_passed, sentence, numbers: numbers.0, condition }
    }
}

fn told(rules: &Ruleset, campaign: &Campaign, step: &DecisionStep, is_passed: bool) -> (String, DecisionNumbers) {
    let none = DecisionNumbers(BTreeMap::new());
    match step {
        DecisionStep::Trigger { .. } => {
            let sentence =
                if is_passed { "what set it off still held" } else { "what set it off did not hold any more" };
            (sentence.to_owned(), none)
        }
        DecisionStep::Age { since, expires } => {
            let sentence = match is_passed {
                true => format!("in time: since {since}, and it may take {expires}"),
                false => format!("too late: since {since}, and it may take {expires} only"),
            };
            (sentence, none.time("since", *since).number("expires_ms", &expires.0))
        }
        DecisionStep::Consent { lacks: None } => ("the user consents to all that it needs".to_owned(), none),
        DecisionStep::Consent { lacks: Some(purpose) } => {
            let purpose = &rules.purposes[usize::from(purpose.0)].name;
            (format!("the user does not consent to `{purpose}`"), none.text("lacks", purpose))
        }
        DecisionStep::Condition { explained, .. } => (condition(explained.as_deref(), is_passed), none),
        DecisionStep::MaxPerUser { fired, max } => (
            format!("it had fired {fired} of at most {max} times for the user"),
            none.number("fired", fired).number("max", max),
        ),
        DecisionStep::MaxPerKey { fired, max } => (
            format!("it had fired {fired} of at most {max} times for the key"),
            none.number("fired", fired).number("max", max),
        ),
        DecisionStep::Cooldown { last: None, cooldown } => (
            format!("no cooldown ({cooldown}): it had never fired for the user"),
            none.number("cooldown_ms", &cooldown.0),
        ),
        DecisionStep::Cooldown { last: Some(last), cooldown } => {
            let until = *last + *cooldown;
            let verb = if is_passed { "ended" } else { "lasts until" };
            let sentence = format!("it fired last at {last}; its cooldown of {cooldown} {verb} {until}");
            (sentence, none.time("last", *last).number("cooldown_ms", &cooldown.0).time("until", until))
        }
        DecisionStep::QuietHours { hours, zone, until } => {
            let hours = hours.notation();
            let numbers = none.text("hours", &hours).text("zone", zone);
            match until {
                None => (format!("not in quiet hours {hours} of {zone}, or they had been waited for"), numbers),
                Some(until) => {
                    let there = local(zone, *until).map(|there| format!(" ({there} there)")).unwrap_or_default();
                    (format!("quiet hours {hours} of {zone}: until {until}{there}"), numbers.time("until", *until))
                }
            }
        }
        DecisionStep::Pending { hours, zone, until } => {
            let hours = hours.notation();
            let sentence =
                format!("quiet hours {hours} of {zone}, and a decision of it is held already, until {until}");
            (sentence, none.text("hours", &hours).text("zone", zone).time("until", *until))
        }
        DecisionStep::Cap { cap, sent, max, free_at } => {
            let rule = &rules.caps[usize::from(*cap)];
            let channel = rule.channel.as_ref().map(|channel| format!(" by {channel}")).unwrap_or_default();
            let free = free_at.map(|at| format!("; next free at {at}")).unwrap_or_default();
            let sentence = format!("cap: {sent} of {max} actions{channel} within {}{free}", rule.per);
            let numbers = none.number("sent", sent).number("max", max).number("per_ms", &rule.per.0);
            let numbers = rule.channel.iter().fold(numbers, |numbers, channel| numbers.text("channel", channel));
            (sentence, free_at.iter().fold(numbers, |numbers, at| numbers.time("free_at", *at)))
        }
        DecisionStep::Price { ledger, price, balance } => {
            let ledger = &rules.ledgers[usize::from(ledger.0)].id;
            let sentence = format!("price {} of `{ledger}`; the user had {}", grouped(price), grouped(balance));
            (sentence, none.text("ledger", ledger).number("price", price).number("balance", balance))
        }
        DecisionStep::Budget(standing) => budget(rules, standing, none),
        DecisionStep::Draw { share, chance } => {
            let sentence = format!("draw: {share:.4} came, and below {chance} wins");
            (sentence, none.number("share", share).number("chance", chance))
        }
        DecisionStep::Control { share, control } => {
            let verb = if is_passed { "not in" } else { "in" };
            let sentence =
                format!("{verb} the global control group of {}: the user's share is {share:.4}", percent(*control));
            (sentence, none.number("share", share).number("control", control))
        }
        DecisionStep::Holdout { share, holdout } => {
            let verb = if is_passed { "not in" } else { "in" };
            let sentence =
                format!("{verb} the campaign's holdout of {}: the user's share is {share:.4}", percent(*holdout));
            (sentence, none.number("share", share).number("holdout", holdout))
        }
        DecisionStep::Variant { share, variant } => {
            let variant = campaign.variants.get(*variant).map(|variant| variant.id.as_str()).unwrap_or_default();
            (
                format!("variant {variant}: the user's share is {share:.4}"),
                none.text("variant", variant).number("share", share),
            )
        }
    }
}

/// The parts that decided, with their values.
fn condition(explained: Option<&ConditionExplanation>, holds: bool) -> String {
    let verb = if holds { "held" } else { "did not hold" };
    let Some(explained) = explained else { return format!("its `if` {verb}") };
    let values = explained.deciding().into_iter().map(|leaf| {
        let operands = leaf.operands.iter().map(|operand| format!("{} = {}", operand.text, operand.shown));
        let operands = operands.collect::<Vec<_>>().join(", ");
        if operands.is_empty() { leaf.text.clone() } else { format!("{} ({operands})", leaf.text) }
    });
    format!("its `if` {verb}: {}", values.collect::<Vec<_>>().join("; "))
}

fn budget(rules: &Ruleset, standing: &BudgetStanding, numbers: DecisionNumbers) -> (String, DecisionNumbers) {
    let BudgetStanding { budget, period, used, limit, cost } = standing;
    let budget = &rules.budgets[usize::from(budget.0)].id;
    let since = if *period == Timestamp::MIN { String::new() } else { format!(" since {period}") };
    let of_limit = format!("budget `{budget}`: {} of {} used{since}", grouped(used), grouped(limit));
    let numbers = numbers.text("budget", budget).number("used", used).number("limit", limit);
    match cost {
        Some(cost) => (format!("{of_limit}, cost {}", grouped(cost)), numbers.number("cost", cost)),
        None => (format!("{of_limit}; its cost is no number"), numbers),
    }
}

/// What a clock in the zone shows.
fn local(zone: &str, at: Timestamp) -> Option<String> {
    let zone = time_zones::named(zone)?.0;
    let local = zone.to_datetime(jiff::Timestamp::from_millisecond(at.0).ok()?);
    Some(local.strftime("%H:%M").to_string())
}
