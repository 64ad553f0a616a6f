//! Everything kept of one user as JSON, for whoever has a right to it. Unlike a report it computes nothing: it is the state
//! itself, in words.

use serde_json::{Map, Value as Json, json};

use super::{Plan, User};
use crate::engine::cell::Cell;
use crate::engine::value::Value;
use crate::engine::window::{Aggregate, Greatest, Least, Micros, Panes, Tally};
use crate::rules::program::{CampaignId, FeatureId, Ruleset, Window};
use crate::rules::words;
use crate::time::Timestamp;

/// Everything kept of one user.
#[derive(Clone, Debug, PartialEq)]
pub struct StateExport {
    /// The user's clock.
    pub clock: Timestamp,
    /// What happened: times, segments, features with every pane, traits, zone, messageIds.
    pub profile: Json,
    /// What campaigns remember: firings, what caps count, what quiet hours hold back.
    pub memory: Json,
}

impl StateExport {
    /// The user's state, under the rules it was made by.
    pub fn new(plan: &Plan, user: &User) -> StateExport {
        let rules = &plan.rules;
        let mut profile = profile(rules, user);
        if let (Some(growth), Some(record)) = (&plan.growth, &user.growth) {
            profile["growth"] = record.export(growth);
        }
        StateExport { clock: user.profile.now, profile, memory: memory(rules, user) }
    }
}

fn profile(rules: &Ruleset, user: &User) -> Json {
    let profile = &user.profile;
    let segments = profile.members.iter().map(|id| rules.segments[usize::from(id.0)].id.as_str());
    let features = profile.cells().iter().map(|(id, cell)| feature(rules, *id, cell));
    let traits = profile
        .traits
        .iter()
        .map(|(id, value)| (rules.projection.traits[usize::from(id.0)].join("."), Value::from(value).to_json()));
    let seen = profile.seen().iter().map(|(hash, at)| json!({"hash": hex(hash), "accepted": time(at)}));
    json!({
        "first_event": time(profile.first),
        "latest_event": time(profile.latest),
        "segments": segments.collect::<Vec<_>>(),
        "features": features.collect::<Vec<_>>(),
        "traits": traits.collect::<Map<_, _>>(),
        "timezone": profile.zone.as_ref().map(|(_, zone)| &**zone),
        "message_ids": seen.collect::<Vec<_>>(),
        "next_wake_up": Some(user.due()).filter(|due| *due < Timestamp::NEVER).map(time),
    })
}

fn feature(rules: &Ruleset, id: FeatureId, cell: &Cell) -> Json {
    let window = rules.features[usize::from(id.0)].kind.window();
    let held = match (cell, window) {
        (Cell::Counts(held), Some(window)) => panes(held, &window, |Tally(count)| count.into()),
        (Cell::Sums(held), Some(window)) => panes(held, &window, number),
        (Cell::Least(held), Some(window)) => panes(held, &window, |Least(micros)| number(Micros(micros))),
        (Cell::Greatest(held), Some(window)) => panes(held, &window, |Greatest(micros)| number(Micros(micros))),
        (Cell::Distinct(held), Some(window)) => {
            let values = held.entries().map(|(hash, at)| json!({"hash": hex(hash), "pane": pane(&window, at)}));
            ("values", values.collect())
        }
        (Cell::Count(count), _) => ("value", (*count).into()),
        (Cell::Sum(sum), _) => ("value", number(**sum)),
        (Cell::Last(last), _) => ("last", json!({"value": Value::from(&last.value).to_json(), "at": time(last.at)})),
        (Cell::Latest(at), _) => ("value", time(*at)),
        // A window's cell without a window: the rules make none.
        (_, None) => ("value", Json::Null),
    };
    json!({"feature": words::feature(rules, id), (held.0): held.1})
}

fn panes<T: Aggregate>(panes: &Panes<T>, window: &Window, value: impl Fn(T) -> Json) -> (&'static str, Json) {
    let panes = panes.entries().iter().map(|(at, held)| {
        let mut entry = pane(window, *at);
        entry["value"] = value(*held);
        entry
    });
    ("panes", panes.collect())
}

/// From when to when (exclusive) a pane reaches.
fn pane(window: &Window, at: i64) -> Json {
    let begins = at.saturating_mul(window.pane_ms);
    json!({"from": time(Timestamp(begins)), "until": time(Timestamp(begins.saturating_add(window.pane_ms)))})
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

fn number(micros: Micros) -> Json {
    micros.to_number().into()
}

fn hex(hash: u64) -> String {
    format!("{hash:016x}")
}
