//! Everything kept of one user as JSON, for whoever has a right to it. Unlike a report it computes nothing: it is the state
//! itself, in words.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::{ExecutionPlan, User};
use crate::engine::feature_state::FeatureState;
use crate::engine::value::Value;
use crate::engine::window::{Aggregate, DecimalSum, EventCount, Maximum, Minimum, Panes};
use crate::event::TraitId;
use crate::json::JsonText;
use crate::rules::notation;
use crate::rules::program::{CampaignId, FeatureId, Ruleset, Window};
use crate::time::Timestamp;

/// Everything kept of one user.
#[derive(Clone, Debug, PartialEq)]
pub struct UserStateExport {
    /// The user's clock.
    pub clock: Timestamp,
    /// What happened: times, segments, features with every pane, traits, zone, messageIds.
    pub profile: JsonText,
    /// What campaigns remember: firings, what caps count, what quiet hours hold back.
    pub memory: Json,
}

impl UserStateExport {
    /// The user's state, under the rules it was made by.
    pub fn new(plan: &ExecutionPlan, user: &User) -> UserStateExport {
        let rules = &plan.rules;
        let mut profile = profile(rules, user);
        if let (Some(growth), Some(record)) = (&plan.growth, &user.growth) {
            profile.insert("growth", JsonText::of(&record.export(growth)));
        }
        UserStateExport { clock: user.profile.now, profile: JsonText::of(&profile), memory: memory(rules, user) }
    }
}

/// An object whose values stand with all their digits.
type ExactJsonObject = BTreeMap<&'static str, JsonText>;

fn profile(rules: &Ruleset, user: &User) -> ExactJsonObject {
    let profile = &user.profile;
    let segments = profile.members.iter().map(|id| rules.segments[usize::from(id.0)].id.as_str());
    let features = profile.cells().iter().map(|(id, cell)| feature(rules, *id, cell));
    let traits = profile
        .traits
        .entries()
        .iter()
        .map(|(id, value)| (trait_name(rules, *id), value.as_ref().map(|value| Value::from(value).to_json())));
    let identified = Some(profile.traits.identified()).filter(|at| *at > Timestamp::MIN);
    let seen = profile.seen().iter().map(|(hash, at)| json!({"hash": hex(hash), "accepted": time(at)}));
    ExactJsonObject::from([
        ("first_event", JsonText::of(&time(profile.first))),
        ("latest_event", JsonText::of(&time(profile.latest))),
        ("segments", JsonText::of(&segments.collect::<Vec<_>>())),
        ("features", JsonText::of(&features.collect::<Vec<_>>())),
        ("traits", JsonText::of(&traits.collect::<BTreeMap<_, _>>())),
        ("latest_identify", JsonText::of(&identified.map(time))),
        ("timezone", JsonText::of(&profile.zone.as_ref().map(|(_, zone)| &**zone))),
        ("message_ids", JsonText::of(&seen.collect::<Vec<_>>())),
        ("next_wake_up", JsonText::of(&Some(user.due()).filter(|due| *due < Timestamp::NEVER).map(time))),
    ])
}

fn trait_name(rules: &Ruleset, id: TraitId) -> String {
    rules.projection.traits[usize::from(id.0)].join(".")
}

fn feature(rules: &Ruleset, id: FeatureId, cell: &FeatureState) -> ExactJsonObject {
    let window = rules.features[usize::from(id.0)].kind.window();
    let held = match (cell, window) {
        (FeatureState::Counts(held), Some(window)) => panes(held, &window, |EventCount(count)| JsonText::of(&count)),
        (FeatureState::Sums(held), Some(window)) => panes(held, &window, number),
        (FeatureState::Minimum(held), Some(window)) => {
            panes(held, &window, |Minimum(least)| Value::Number(least).to_json())
        }
        (FeatureState::Maximum(held), Some(window)) => {
            panes(held, &window, |Maximum(greatest)| Value::Number(greatest).to_json())
        }
        (FeatureState::Distinct(held), Some(window)) => {
            let values = held.entries().map(|(hash, at)| json!({"hash": hex(hash), "pane": pane(&window, at)}));
            ("values", JsonText::of(&values.collect::<Vec<_>>()))
        }
        (FeatureState::Count(count), _) => ("value", JsonText::of(count)),
        (FeatureState::Sum(sum), _) => ("value", number(**sum)),
        (FeatureState::Last(last), _) => {
            let last = [("value", Value::from(&last.value).to_json()), ("at", JsonText::of(&time(last.at)))];
            ("last", JsonText::of(&ExactJsonObject::from(last)))
        }
        (FeatureState::Latest(at), _) => ("value", JsonText::of(&time(*at))),
        // A window's cell without a window: the rules make none.
        (_, None) => ("value", JsonText::null()),
    };
    ExactJsonObject::from([("feature", JsonText::of(&notation::feature(rules, id))), held])
}

fn panes<T: Aggregate>(panes: &Panes<T>, window: &Window, value: impl Fn(T) -> JsonText) -> (&'static str, JsonText) {
    let panes = panes.entries().iter().map(|(at, held)| {
        let mut entry = pane(window, *at);
        entry.insert("value", value(*held));
        entry
    });
    ("panes", JsonText::of(&panes.collect::<Vec<_>>()))
}

/// From when to when (exclusive) a pane reaches.
fn pane(window: &Window, at: i64) -> ExactJsonObject {
    let begins = at.saturating_mul(window.pane_ms);
    let ends = begins.saturating_add(window.pane_ms);
    ExactJsonObject::from(
        [("from", begins), ("until", ends)].map(|(key, at)| (key, JsonText::of(&time(Timestamp(at))))),
    )
}

fn memory(rules: &Ruleset, user: &User) -> Json {
    let (fired, capped, held) = user.memory.parts();
    let campaign = |id: CampaignId| rules.campaigns[usize::from(id.0)].id.as_str();
    let fired = fired
        .iter()
        .map(|(id, fired)| json!({"campaign": campaign(*id), "count": fired.count, "last": time(fired.last)}));
    let capped = capped.iter().filter_map(|(index, times)| {
        let cap = rules.caps.get(usize::from(*index))?;
        let times: Vec<Json> = times.iter().map(|at| time(*at)).collect();
        Some(json!({"max": cap.max, "per": cap.per.to_string(), "channel": cap.channel, "actions": times}))
    });
    let held = held.iter().map(|held| {
        json!({
            "campaign": campaign(held.campaign), "until": time(held.until), "timezone": held.zone.as_deref(),
            "cause": held.cause.as_deref(),
        })
    });
    json!({
        "fired": fired.collect::<Vec<_>>(),
        "caps": capped.collect::<Vec<_>>(),
        "held": held.collect::<Vec<_>>(),
    })
}

fn time(at: Timestamp) -> Json {
    at.to_string().into()
}

/// A sum.
fn number(micros: DecimalSum) -> JsonText {
    Value::from(micros.to_number()).to_json()
}

fn hex(hash: u64) -> String {
    format!("{hash:016x}")
}
