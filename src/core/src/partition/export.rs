//! All state of one user as JSON, for those with a right to it. Unlike a report it computes nothing: it is the state itself,
//! with names instead of numbers.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::sections::{SectionWriter, UserSection};
use super::{ExecutionPlan, User};
use crate::decimal::Decimal;
use crate::encoding::{KeySpace, ListShape, RuleReference, StateWriter};
use crate::engine::instances::KeyInstances;
use crate::event::{FieldId, Scalar};
use crate::features::{DecimalSum, Window};
use crate::growth::UserGrowthState;
use crate::json::JsonText;
use crate::rules::notation;
use crate::rules::ruleset::FeatureId;
use crate::time::{DaySet, Timestamp};
use crate::value::Value;

/// All state of one user.
#[derive(Clone, Debug, PartialEq)]
pub struct UserStateExport {
    /// The user's clock.
    pub clock: Timestamp,
    /// Times, segments, features with every pane, traits, zone, messageIds.
    pub profile: JsonText,
    /// Exposures, actions that count against caps, deferred decisions.
    pub memory: Json,
}

impl UserStateExport {
    /// The user's state, under the rules it was made by.
    pub fn new(plan: &ExecutionPlan, user: &User) -> UserStateExport {
        let (mut profile, mut campaigns) = (JsonStateWriter::new(plan), JsonStateWriter::new(plan));
        for (name, time) in [("first_event", user.profile.first), ("latest_event", user.profile.latest)] {
            profile.time(name, time);
        }
        for name in ["timezone", "latest_identify", "next_wake_up"] {
            profile.optional_text(name, None);
        }
        if user.due() < Timestamp::NEVER {
            profile.time("next_wake_up", user.due());
        }
        for section in UserSection::ALL {
            // An empty list or map is exported as such, a value that is not there as null; the rest only where there is any.
            if section.is_always_exported() || section.is_present(user) {
                section.write(user, if section.is_of_campaigns() { &mut campaigns } else { &mut profile });
            }
        }
        UserStateExport {
            clock: user.profile.now,
            profile: JsonText::of(&profile.object),
            memory: JsonText::of(&campaigns.object).to_value(),
        }
    }
}

/// Writes state as the values of a JSON object, with all digits of their numbers.
struct JsonStateWriter<'p> {
    plan: &'p ExecutionPlan,
    /// The window of the feature that is written.
    window: Option<Window>,
    object: BTreeMap<String, JsonText>,
}

impl<'p> JsonStateWriter<'p> {
    fn new(plan: &'p ExecutionPlan) -> JsonStateWriter<'p> {
        JsonStateWriter { plan, window: None, object: BTreeMap::new() }
    }

    fn nested(&self) -> JsonStateWriter<'p> {
        JsonStateWriter { window: self.window, ..JsonStateWriter::new(self.plan) }
    }

    fn insert(&mut self, name: &str, value: JsonText) {
        self.object.insert(name.to_owned(), value);
    }

    /// The only value that was written.
    fn into_value(self) -> JsonText {
        self.object.into_values().next().unwrap_or_else(JsonText::null)
    }

    /// From when to when (exclusive) a pane reaches.
    fn pane_interval(&mut self, pane: i64) {
        let interval = self.window.map(|window| window.pane_interval(pane, &self.plan.rules.calendar));
        for (name, at) in ["from", "until"].into_iter().zip(interval.into_iter().flatten()) {
            self.time(name, at);
        }
    }
}

impl StateWriter for JsonStateWriter<'_> {
    fn count(&mut self, name: &'static str, count: u64) {
        self.insert(name, JsonText::of(&count));
    }

    fn flag(&mut self, _value: bool) {}

    fn sum(&mut self, name: &'static str, millionths: i128) {
        self.insert(name, Value::from(DecimalSum(millionths).to_number()).to_json());
    }

    fn decimal(&mut self, name: &'static str, number: Decimal) {
        self.insert(name, Value::Number(number).to_json());
    }

    fn time(&mut self, name: &'static str, time: Timestamp) {
        self.insert(name, JsonText::of(&time.to_string()));
    }

    fn hidden_time(&mut self, _time: Timestamp) {}

    fn time_near(&mut self, name: &'static str, _other: Timestamp, time: Timestamp) {
        self.time(name, time);
    }

    fn hash(&mut self, name: &'static str, hash: u64) {
        self.insert(name, JsonText::of(&format!("{hash:016x}")));
    }

    fn position(&mut self, _position: u64) {}

    fn scalar(&mut self, name: &'static str, value: &Scalar<'_>) {
        self.insert(name, Value::from(value).to_json());
    }

    fn optional_scalar(&mut self, name: &'static str, value: Option<&Scalar<'_>>) {
        self.insert(name, value.map_or_else(JsonText::null, |value| Value::from(value).to_json()));
    }

    fn text(&mut self, name: &'static str, text: &str) {
        self.insert(name, JsonText::of(text));
    }

    fn optional_text(&mut self, name: &'static str, text: Option<&str>) {
        self.insert(name, JsonText::of(&text));
    }

    fn id(&mut self, name: &'static str, keys: KeySpace, id: u16) {
        let (rules, index) = (&self.plan.rules, usize::from(id));
        let text = match keys {
            KeySpace::Segments => rules.segments[index].id.clone(),
            KeySpace::Campaigns => rules.campaigns[index].id.clone(),
            KeySpace::Pers => rules.pers[index].id.clone(),
            KeySpace::Budgets => rules.budgets[index].id.clone(),
            KeySpace::Ledgers => rules.ledgers[index].id.clone(),
            KeySpace::Features => notation::feature(rules, FeatureId(id)),
            KeySpace::Traits => rules.projection.traits[index].join("."),
            // A cap has no id of its own.
            KeySpace::Caps => id.to_string(),
            KeySpace::Names => rules.names[index].id.clone(),
            KeySpace::Fields => notation::field(rules, FieldId(id)),
            KeySpace::Goals => rules.goals[index].id.clone(),
            KeySpace::Purposes => rules.purposes[index].name.clone(),
            KeySpace::Partners => rules.partners[index].id.clone(),
            KeySpace::Groups => rules.groups[index].id.clone(),
            KeySpace::Picks => rules.picks[index].id.clone(),
            KeySpace::Tables => rules.tables[index].id.clone(),
            KeySpace::Ranks => rules.ranks[index].id.clone(),
        };
        self.insert(name, JsonText::of(&text));
    }

    fn reference(&mut self, name: &'static str, keys: KeySpace, reference: &RuleReference) {
        match reference {
            RuleReference::Current(id) => self.id(name, keys, *id),
            RuleReference::Gone(id) => self.text(name, id),
        }
    }

    fn choice(&mut self, name: &'static str, words: &[&'static str], place: u8) {
        self.optional_text(name, words.get(usize::from(place)).copied());
    }

    fn hidden_id(&mut self, _keys: KeySpace, _id: u16) {}

    fn pane(&mut self, name: &'static str, pane: i64) {
        let mut interval = self.nested();
        interval.pane_interval(pane);
        self.insert(name, JsonText::of(&interval.object));
    }

    fn pane_after(&mut self, _previous: Option<i64>, pane: i64) {
        self.pane_interval(pane);
    }

    fn days(&mut self, name: &'static str, days: &DaySet) {
        self.insert(name, JsonText::of(&days.dates().map(|date| date.to_string()).collect::<Vec<_>>()));
    }

    fn tag(&mut self, _tag: u8) {}

    fn record(&mut self, name: &'static str, _fields: u64, write: impl FnOnce(&mut Self)) {
        if name.is_empty() {
            return write(self);
        }
        let mut record = self.nested();
        write(&mut record);
        self.insert(name, JsonText::of(&record.object));
    }

    fn variable_record(&mut self, _fields: u64, write: impl FnOnce(&mut Self)) {
        write(self);
    }

    fn list<T>(
        &mut self,
        name: &'static str,
        shape: ListShape,
        items: impl ExactSizeIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        let items = items.map(|item| {
            let mut entry = self.nested();
            write(&mut entry, item);
            if shape == ListShape::Values { entry.into_value() } else { JsonText::of(&entry.object) }
        });
        let items = JsonText::of(&items.collect::<Vec<_>>());
        self.insert(name, items);
    }

    /// Traits are an object by path; other entries are objects in a list, with their key among the values.
    fn map<T>(
        &mut self,
        name: &'static str,
        keys: KeySpace,
        entries: impl ExactSizeIterator<Item = (u16, T)> + Clone,
        mut write: impl FnMut(&mut Self, T),
    ) {
        let (mut by_path, mut list) = (BTreeMap::new(), Vec::new());
        let rules = &self.plan.rules;
        for (key, state) in entries {
            let (mut entry, index) = (self.nested(), usize::from(key));
            match keys {
                KeySpace::Traits => {
                    write(&mut entry, state);
                    by_path.insert(rules.projection.traits[index].join("."), entry.into_value());
                    continue;
                }
                KeySpace::Features => {
                    entry.window = rules.features[index].kind.window();
                    entry.id("feature", keys, key);
                }
                KeySpace::Segments => entry.id("segment", keys, key),
                KeySpace::Campaigns => entry.id("campaign", keys, key),
                KeySpace::Names => entry.id("event", keys, key),
                KeySpace::Fields => entry.id("property", keys, key),
                KeySpace::Pers => entry.id("per", keys, key),
                KeySpace::Budgets => entry.id("budget", keys, key),
                KeySpace::Goals => entry.id("goal", keys, key),
                KeySpace::Ledgers => entry.id("ledger", keys, key),
                KeySpace::Purposes => entry.id("purpose", keys, key),
                KeySpace::Partners => entry.id("partner", keys, key),
                KeySpace::Groups => entry.id("of", keys, key),
                KeySpace::Picks => entry.id("picks", keys, key),
                KeySpace::Tables => entry.id("table", keys, key),
                KeySpace::Ranks => entry.id("rank", keys, key),
                KeySpace::Caps => {
                    let Some(cap) = rules.caps.get(index) else { continue };
                    entry.count("max", cap.max.into());
                    entry.text("per", &cap.per.to_string());
                    entry.optional_text("channel", cap.channel.as_deref());
                }
            }
            write(&mut entry, state);
            list.push(entry.object);
        }
        self.insert(name, if keys == KeySpace::Traits { JsonText::of(&by_path) } else { JsonText::of(&list) });
    }
}

impl SectionWriter for JsonStateWriter<'_> {
    fn growth(&mut self, state: &UserGrowthState) {
        if let Some(growth) = &self.plan.growth {
            self.insert("growth", JsonText::of(&state.export(growth)));
        }
    }

    fn keys(&mut self, keys: &KeyInstances, latest_event: Timestamp) {
        keys.write(latest_event, self);
    }
}
