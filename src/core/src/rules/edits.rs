//! In what two rules files differ, key by key, and which of the differences concern a segment or a campaign.
//!
//! It compares what the files say, not what that means: it names what was edited, so that a person recognizes the cause of
//! another result. An edit concerns whatever names the edited thing, or names something that does.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

/// One difference between two rules files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleEdit {
    /// The table: `segments`, `campaigns`, `events` …; empty for a key at the top of the file.
    pub table: String,
    /// The id or name in that table; empty where it has none.
    pub id: String,
    /// The key; empty where all of it was added or taken out.
    pub key: String,
    /// What it was; `None`: it was not there.
    pub old: Option<String>,
    /// What it is; `None`: it is not there any more.
    pub new: Option<String>,
}

/// The differences between two rules files.
#[derive(Clone, Debug, Default)]
pub struct RuleEdits {
    edits: Vec<RuleEdit>,
    /// The words in what the files say of each thing, by table and id.
    words: BTreeMap<(String, String), BTreeSet<String>>,
}

/// What a file says of one thing, by key.
type RuleKeys = BTreeMap<String, String>;

/// Keys that decide nothing.
const WITHOUT_EFFECT: [&str; 1] = ["description"];
/// What concerns every campaign.
const OF_ALL_CAMPAIGNS: [&str; 2] = ["caps", ""];

impl RuleEdits {
    /// Compares two rules files. What is no TOML has nothing.
    pub fn between(old: &str, new: &str) -> RuleEdits {
        let (old, new) = (things_of(old), things_of(new));
        let mut found = RuleEdits::default();
        for (place, keys) in old.iter().chain(&new) {
            let words = found.words.entry(place.clone()).or_default();
            keys.values().for_each(|text| words.extend(words_of(text)));
        }
        for place in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
            let edit = |key: &str, old: Option<&String>, new: Option<&String>| RuleEdit {
                table: place.0.clone(),
                id: place.1.clone(),
                key: key.to_owned(),
                old: old.cloned(),
                new: new.cloned(),
            };
            match (old.get(place), new.get(place)) {
                (Some(old), Some(new)) => {
                    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
                    let keys = keys.into_iter().filter(|key| !WITHOUT_EFFECT.contains(&key.as_str()));
                    let changed = keys.filter(|key| old.get(*key) != new.get(*key));
                    found.edits.extend(changed.map(|key| edit(key, old.get(key), new.get(key))));
                }
                (old, new) => {
                    let whole = |keys: Option<&RuleKeys>| keys.map(joined);
                    found.edits.push(edit("", whole(old).as_ref(), whole(new).as_ref()));
                }
            }
        }
        found
    }

    /// All of them, by table, id and key.
    pub fn all(&self) -> &[RuleEdit] {
        &self.edits
    }

    /// Those that concern a segment, by what it names.
    pub fn of_segment(&self, id: &str) -> Vec<&RuleEdit> {
        self.concerning("segments", id, &[""])
    }

    /// Those that concern a campaign, by what it names.
    pub fn of_campaign(&self, id: &str) -> Vec<&RuleEdit> {
        self.concerning("campaigns", id, &OF_ALL_CAMPAIGNS)
    }

    /// Those that concern something else, by what it names.
    pub fn of(&self, table: &str, id: &str) -> Vec<&RuleEdit> {
        self.concerning(table, id, &[""])
    }

    fn concerning(&self, table: &str, id: &str, of_all: &[&str]) -> Vec<&RuleEdit> {
        let mut reached = BTreeSet::new();
        let mut next = vec![(table.to_owned(), id.to_owned())];
        while let Some(place) = next.pop() {
            if reached.contains(&place) {
                continue;
            }
            if let Some(words) = self.words.get(&place) {
                next.extend(self.words.keys().filter(|(_, id)| words.contains(id)).cloned());
            }
            reached.insert(place);
        }
        let is_own = |edit: &&RuleEdit| edit.table == table && edit.id == id;
        let is_named = |edit: &&RuleEdit| {
            of_all.contains(&edit.table.as_str()) || reached.contains(&(edit.table.clone(), edit.id.clone()))
        };
        let own = self.edits.iter().filter(is_own);
        own.chain(self.edits.iter().filter(|edit| !is_own(edit) && is_named(edit))).collect()
    }
}

/// Everything that has keys in a rules file, by table and id.
fn things_of(text: &str) -> BTreeMap<(String, String), RuleKeys> {
    let mut things: BTreeMap<(String, String), RuleKeys> = BTreeMap::new();
    for (table, value) in text.parse::<Table>().unwrap_or_default() {
        match value {
            Value::Array(items) if items.iter().any(Value::is_table) => {
                for (number, item) in (1..).zip(items) {
                    let id = item.get("id").and_then(Value::as_str).map_or_else(|| format!("{number}"), str::to_owned);
                    things.entry((table.clone(), id)).or_insert_with(|| keys_of(item));
                }
            }
            Value::Table(items) => {
                for (id, item) in items {
                    things.insert((table.clone(), id), keys_of(item));
                }
            }
            scalar => {
                things.entry(Default::default()).or_default().insert(table, written(&scalar));
            }
        }
    }
    things.entry(Default::default()).or_default();
    things
}

fn keys_of(item: Value) -> RuleKeys {
    match item {
        Value::Table(keys) => keys.iter().map(|(key, value)| (key.clone(), written(value))).collect(),
        // A name that is only the name of an event.
        other => RuleKeys::from([("event".to_owned(), written(&other))]),
    }
}

/// A value as a person would read it: a text without quotes, on one line.
fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.split_whitespace().collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

fn joined(keys: &RuleKeys) -> String {
    let said = keys.iter().filter(|(key, _)| *key != "id" && !WITHOUT_EFFECT.contains(&key.as_str()));
    said.map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>().join(", ")
}

/// The words of a text that could be ids: with hyphens, and split at them.
fn words_of(text: &str) -> impl Iterator<Item = String> + '_ {
    let is_of_word = |c: char| c.is_alphanumeric() || c == '_';
    let with_hyphens = text.split(move |c: char| !is_of_word(c) && c != '-');
    with_hyphens.chain(text.split(move |c: char| !is_of_word(c))).filter(|word| !word.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = r#"
timezone = "UTC"
[events]
view = "Product Viewed"
order = { event = "Order Completed", where = "properties.total > 0" }
[[segments]]
id = "keen"
description = "who looks a lot"
when = "count(view, '7d') >= 3"
[[segments]]
id = "keen-buyer"
when = "in_segment('keen') && total(order) > 0"
[[segments]]
id = "other"
when = "total(order) > 5"
[[campaigns]]
id = "nudge"
on = "enter:keen-buyer"
channel = "email"
cooldown = "7d"
"#;

    fn edited(from: &str, to: &str) -> RuleEdits {
        assert!(OLD.contains(from), "{from}");
        RuleEdits::between(OLD, &OLD.replace(from, to))
    }

    fn places<'e>(edits: &[&'e RuleEdit]) -> Vec<(&'e str, &'e str, &'e str)> {
        edits.iter().map(|edit| (edit.table.as_str(), edit.id.as_str(), edit.key.as_str())).collect()
    }

    #[test]
    fn edit_concerns_what_names_the_edited_thing_through_others() {
        let edits = edited(">= 3", ">= 2");
        assert_eq!(edits.all().len(), 1);
        let only = &edits.all()[0];
        assert_eq!(
            (only.old.as_deref(), only.new.as_deref()),
            (Some("count(view, '7d') >= 3"), Some("count(view, '7d') >= 2"))
        );
        assert_eq!(places(&edits.of_campaign("nudge")), [("segments", "keen", "when")]);
        assert_eq!(places(&edits.of_segment("keen-buyer")), [("segments", "keen", "when")]);
        assert_eq!(places(&edits.of_segment("other")), []);
    }

    #[test]
    fn edit_of_a_name_of_events_concerns_segments_that_ask_for_it() {
        let edits = edited("properties.total > 0", "properties.total > 10");
        assert_eq!(places(&edits.of_segment("other")), [("events", "order", "where")]);
        assert_eq!(places(&edits.of_segment("keen")), []);
    }

    #[test]
    fn own_edit_comes_first_and_a_description_is_none() {
        let both = OLD.replace(">= 3", ">= 2").replace("cooldown = \"7d\"", "cooldown = \"1d\"");
        let edits = RuleEdits::between(OLD, &both.replace("who looks a lot", "keen ones"));
        assert_eq!(
            places(&edits.of_campaign("nudge")),
            [("campaigns", "nudge", "cooldown"), ("segments", "keen", "when")]
        );
        assert_eq!(edits.all().len(), 2);
    }

    #[test]
    fn thing_added_or_taken_out_is_one_edit() {
        let edits = edited("id = \"other\"", "id = \"others\"");
        let said = Some("when = total(order) > 5".to_owned());
        let found: Vec<_> = edits.all().iter().map(|edit| (edit.id.as_str(), &edit.old, &edit.new)).collect();
        assert_eq!(found, [("other", &said, &None), ("others", &None, &said)]);
    }

    #[test]
    fn key_at_the_top_concerns_all() {
        let edits = edited("timezone = \"UTC\"", "timezone = \"Asia/Tokyo\"");
        assert_eq!(places(&edits.of_segment("keen")), [("", "", "timezone")]);
    }
}
