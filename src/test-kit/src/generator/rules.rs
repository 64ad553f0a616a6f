//! Random rules files.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::LanguageParts;
use super::budgets::{self, SETTLING_NAME};
use super::campaigns::{self, GeneratedCampaign};
use super::conditions::{self, ConditionPlace, GeneratedCondition, SegmentName, Vocabulary};
use super::groups::{self, GROUP_CHOICES};
use super::lets::{EACH_SELECTORS, ITEM_LETS, LETS, SELECTORS};
use super::measures;
use super::models::{self, MODEL_CHOICES};
use super::offers::{self, PICK_LIST_CHOICES};
use super::partners::{self, PARTNER_CHOICES};
use super::picks::Picks;
use super::ranks::RANK_CHOICES;
use super::tables::{self, ROW_EVENTS, ROW_ITEM_LETS, ROW_LETS, TABLE_CHOICES};

const RULES_ZONES: &[&str] = &[
    "",
    "",
    "America/New_York",
    "Asia/Shanghai",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "GMT-0530",
    "Pacific/Auckland",
    "America/Santiago",
    "Africa/Cairo",
    "America/Havana",
    "Asia/Beirut",
    "Pacific/Apia",
];
const KEYS: &[&str] = &["cart_id", "product_id", "cart_id", "product_id", "category", "label", "details.color"];
const TTLS: &[&str] = &["1d", "6h", "7d", "1h", "90s", "30d", "1d", "7d", "1ms", "61ms"];
const KEYS_MAX: &[usize] = &[0, 0, 1, 2, 1, 2, 3];
/// A rules file before it is text.
#[derive(Clone, Debug)]
pub(crate) struct RulesModel {
    parts: LanguageParts,
    head: Vec<u8>,
    names: Vec<GeneratedName>,
    /// Entries of `[per]`.
    pers: Vec<Vec<u8>>,
    segments: Vec<GeneratedSegment>,
    campaigns: Vec<GeneratedCampaign>,
    caps: Vec<Vec<u8>>,
    /// Entries of `[[goals]]` and `[[ledgers]]`.
    goals: Vec<Vec<u8>>,
    ledgers: Vec<Vec<u8>>,
    budgets: Vec<Vec<u8>>,
    models: Vec<Vec<u8>>,
    partners: Vec<Vec<u8>>,
    groups: Vec<Vec<u8>>,
    tables: Vec<Vec<u8>>,
    ranks: Vec<Vec<u8>>,
    picks: Vec<Vec<u8>>,
}

/// An entry of `[events]`.
#[derive(Clone, Debug)]
struct GeneratedName {
    /// If none is, the first is.
    is_kept: bool,
    choices: Vec<u8>,
    filter: Option<GeneratedCondition>,
}

/// An entry of `[[segments]]`.
#[derive(Clone, Debug)]
struct GeneratedSegment {
    /// If none is, the first is.
    is_kept: bool,
    /// Which `[per]` it has, if any.
    per: u8,
    when: GeneratedCondition,
}

/// Any rules file of these parts of the language.
pub(crate) fn model(parts: LanguageParts) -> impl Strategy<Value = RulesModel> {
    let choices = |count| prop::collection::vec(any::<u8>(), count);
    let kept = || prop::bool::weighted(0.95);
    let name = (kept(), choices(2), prop::option::weighted(0.25, conditions::condition()))
        .prop_map(|(is_kept, choices, filter)| GeneratedName { is_kept, choices, filter });
    let segment = (kept(), any::<u8>(), conditions::condition()).prop_map(|(is_kept, per, when)| GeneratedSegment {
        is_kept,
        per,
        when,
    });
    (
        choices(5),
        prop::collection::vec(name, 1..6),
        prop::collection::vec(choices(4), 0..4),
        prop::collection::vec(segment, 1..8),
        prop::collection::vec(campaigns::campaign(), 0..7),
        prop::collection::vec(choices(3), 0..3),
        prop::collection::vec(choices(measures::CHOICES), 0..3),
        prop::collection::vec(choices(measures::CHOICES), 0..3),
        prop::collection::vec(choices(2), 0..4),
        (
            prop::collection::vec(choices(MODEL_CHOICES), 0..3),
            prop::collection::vec(choices(GROUP_CHOICES), 0..3),
            prop::collection::vec(choices(TABLE_CHOICES), 0..=ROW_EVENTS.len()),
        ),
        (
            prop::collection::vec(choices(PARTNER_CHOICES), 0..3),
            prop_oneof![Just(Vec::new()), prop::collection::vec(choices(RANK_CHOICES), 1..3)],
            prop::collection::vec(choices(PICK_LIST_CHOICES), 0..3),
        ),
    )
        .prop_map(
            move |(
                head,
                names,
                pers,
                segments,
                campaigns,
                caps,
                goals,
                ledgers,
                budgets,
                (models, groups, tables),
                (partners, ranks, picks),
            )| {
                RulesModel {
                    parts,
                    head,
                    names,
                    pers: if parts.keys { pers } else { Vec::new() },
                    segments,
                    campaigns,
                    caps,
                    goals: if parts.points { goals } else { Vec::new() },
                    ledgers: if parts.points { ledgers } else { Vec::new() },
                    budgets: if parts.budgets { budgets } else { Vec::new() },
                    models: if parts.models { models } else { Vec::new() },
                    partners,
                    groups: if parts.groups { groups } else { Vec::new() },
                    tables: if parts.tables { tables } else { Vec::new() },
                    ranks: if parts.ranks { ranks } else { Vec::new() },
                    picks: if parts.picks { picks } else { Vec::new() },
                }
            },
        )
}

impl RulesModel {
    /// The rules file.
    pub(crate) fn to_toml(&self) -> String {
        let mut text = String::new();
        self.write(&mut text).expect("writing to a string does not fail");
        text
    }

    /// What draws depend on.
    pub(crate) fn secret(&self) -> &'static str {
        Picks::new(&self.head[3..]).pick(&[
            "",
            "",
            "shh",
            "a secret longer than a block of SHA-256, which has 64 bytes in it",
        ])
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let mut head = Picks::new(&self.head);
        optional(text, "timezone", head.pick(RULES_ZONES))?;
        optional(text, "dedup_window", head.pick(&["", "10m", "1h", "1s", "12h"]))?;
        number(text, "control", head.pick(&["", "", "", "", "0.1", "0.5"]))?;
        number(text, "needs", Picks::new(&self.head[4..]).pick(&["", "", "", "", "", "[\"marketing\"]"]))?;
        for (index, choices) in self.tables.iter().enumerate() {
            tables::write_table(text, index, choices)?;
        }
        let names = self.write_names(text)?;
        for (index, choices) in self.pers.iter().enumerate() {
            let mut picks = Picks::new(choices);
            let (key, ttl, max) = (picks.pick(KEYS), picks.pick(TTLS), picks.pick(KEYS_MAX));
            writeln!(text, "\n[per.k{index}]\nkey = \"{key}\"\nttl = \"{ttl}\"")?;
            number(text, "max", &if max > 0 { max.to_string() } else { String::new() })?;
            optional(text, "table", &self.table_of(index).map(|table| format!("t{table}")).unwrap_or_default())?;
        }
        for (index, choices) in self.groups.iter().enumerate() {
            groups::write_group(text, index, choices)?;
        }
        let (mut goals, mut ledgers) = (Vec::new(), Vec::new());
        for (index, choices) in self.goals.iter().enumerate() {
            goals.push(format!("g{index}"));
            measures::write_goal(text, &goals[index], choices, &names)?;
        }
        for (index, choices) in self.ledgers.iter().enumerate() {
            let id = format!("l{index}");
            measures::write_ledger(text, &id, choices, &names)?;
            ledgers.push(Some(id));
        }
        let mut models = Vec::new();
        for (index, choices) in self.models.iter().enumerate() {
            models.push(models::write_model(text, format!("m{index}"), choices, &names)?);
        }
        let ranks: Vec<String> = (0..self.ranks.len()).map(super::ranks::rank_id).collect();
        let mut budgets = Vec::new();
        for (index, choices) in self.budgets.iter().enumerate() {
            budgets.push(format!("b{index}"));
            budgets::write_budget(text, &budgets[index], choices)?;
        }
        for (index, choices) in self.picks.iter().enumerate() {
            let keys: Vec<&str> = self.tables.iter().map(|choices| tables::key_of(choices)).collect();
            offers::write_list(text, index, choices, (&names, &keys))?;
        }
        let mut segments: Vec<Option<SegmentName>> = Vec::new();
        let any_kept = self.segments.iter().any(|segment| segment.is_kept);
        for (index, segment) in self.segments.iter().enumerate() {
            if !segment.is_kept && (index > 0 || any_kept) {
                segments.push(None);
                continue;
            }
            // Half of them are of users.
            let per = usize::from(segment.per) % (2 * self.pers.len()).max(1);
            let name = SegmentName { id: format!("s{index}"), per: per.checked_sub(self.pers.len().max(1)) };
            let place = ConditionPlace::Segment;
            let (parts, per) = (self.parts, name.per);
            let (names, segments_above, ledgers, models, ranks) = (&names, &segments, &ledgers, &models, &ranks);
            let (tables, has_row) = (self.tables.len(), per.is_some_and(|per| self.table_of(per).is_some()));
            let vocabulary = Vocabulary {
                parts,
                place,
                names,
                segments: segments_above,
                ledgers,
                models,
                ranks,
                tables,
                per,
                has_row,
            };
            writeln!(text, "\n[[segments]]\nid = \"{}\"", name.id)?;
            optional(text, "per", &name.per.map(|per| format!("k{per}")).unwrap_or_default())?;
            writeln!(text, "when = {}", quote(&segment.when.to_cel(&vocabulary)))?;
            segments.push(Some(name));
        }
        for (index, choices) in self.ranks.iter().enumerate() {
            let (parts, place) = (self.parts, ConditionPlace::Segment);
            let (all_segments, ledgers, models, per) = (&segments, &ledgers, &models, None);
            let vocabulary = Vocabulary {
                parts,
                place,
                names: &names,
                segments: &[],
                ledgers,
                models,
                ranks: &ranks,
                tables: 0,
                per,
                has_row: false,
            };
            super::ranks::write_rank(text, index, choices, (&vocabulary, all_segments))?;
        }
        for (index, choices) in self.partners.iter().enumerate() {
            partners::write_partner(text, index, choices, &segments)?;
        }
        for (index, choices) in self.groups.iter().enumerate() {
            groups::write_segments(text, index, choices, &names)?;
        }
        for (index, campaign) in self.campaigns.iter().enumerate() {
            writeln!(text, "\n[[campaigns]]\nid = \"c{index}\"")?;
            let vocabulary = Vocabulary {
                parts: self.parts,
                place: ConditionPlace::Campaign { on_event: false },
                names: &names,
                segments: &segments,
                ledgers: &ledgers,
                models: &models,
                tables: self.tables.len(),
                ranks: &ranks,
                per: None,
                has_row: false,
            };
            campaign.write(text, &vocabulary, &goals, &budgets, self.picks.len())?;
        }
        for choices in &self.caps {
            let mut picks = Picks::new(choices);
            let (max, per) = (picks.pick(&[1, 2, 3, 4]), picks.pick(&["1h", "2h", "6h", "1d"]));
            writeln!(text, "\n[[caps]]\nmax = {max}\nper = \"{per}\"")?;
            optional(text, "channel", picks.pick(&["", "", "push", "email"]))?;
        }
        Ok(())
    }

    /// The table of an entry of `[per]`: mostly there is one.
    fn table_of(&self, per: usize) -> Option<usize> {
        let choice = usize::from(*self.pers[per].last()?) % (self.tables.len() + 1);
        (choice < self.tables.len()).then_some(choice)
    }

    fn write_names(&self, text: &mut String) -> Result<Vec<Option<String>>, std::fmt::Error> {
        writeln!(text, "\n[events]")?;
        let mut names = Vec::new();
        let any_kept = self.names.iter().any(|name| name.is_kept);
        let selectors = if self.parts.each { [SELECTORS, EACH_SELECTORS].concat() } else { SELECTORS.to_vec() };
        for (index, name) in self.names.iter().enumerate() {
            if !name.is_kept && (index > 0 || any_kept) {
                names.push(None);
                continue;
            }
            let mut picks = Picks::new(&name.choices);
            let (prefix, selector) = picks.pick(&selectors);
            let each = selector.contains("each = ");
            let asks_rows = !self.tables.is_empty() && index % 2 == 1;
            let pool = match (each, asks_rows) {
                (false, false) => LETS,
                (true, false) => ITEM_LETS,
                (false, true) => ROW_LETS,
                (true, true) => ROW_ITEM_LETS,
            };
            let lets = if self.parts.each { picks.pick(pool) } else { "" };
            let mut entry = selector.to_owned();
            if let Some(filter) = &name.filter {
                let place = ConditionPlace::Filter { each };
                let vocabulary = Vocabulary {
                    parts: self.parts,
                    place,
                    names: &[],
                    segments: &[],
                    ledgers: &[],
                    models: &[],
                    tables: 0,
                    ranks: &[],
                    per: None,
                    has_row: false,
                };
                write!(entry, ", where = {}", quote(&filter.to_cel(&vocabulary)))?;
            }
            if !lets.is_empty() {
                write!(entry, ", let = {{ {lets} }}")?;
            }
            let id = format!("{prefix}{index}");
            writeln!(text, "{id} = {{ {entry} }}")?;
            names.push(Some(id));
        }
        if !self.budgets.is_empty() {
            // What most events match, so that reservations are settled.
            writeln!(text, "{SETTLING_NAME} = {{ type = \"track\" }}")?;
            names.push(Some(SETTLING_NAME.to_owned()));
        }
        for (index, choices) in self.groups.iter().enumerate() {
            groups::write_notice(text, index, choices, &names)?;
            names.push(Some(groups::notice_name(index)));
        }
        let ranks: Vec<String> = (0..self.ranks.len()).map(super::ranks::rank_id).collect();
        for (index, choices) in self.ranks.iter().enumerate() {
            let (parts, place) = (self.parts, ConditionPlace::Segment);
            let (segments, ledgers, models, ranks, per) = (&[], &[], &[], &ranks, None);
            let (tables, has_row) = (0, false);
            let vocabulary =
                Vocabulary { parts, place, names: &names, segments, ledgers, models, ranks, tables, per, has_row };
            super::ranks::write_notice(text, index, choices, &vocabulary)?;
            names.push(Some(super::ranks::notice_name(index)));
        }
        Ok(names)
    }
}

pub(crate) fn optional(text: &mut String, key: &str, value: &str) -> std::fmt::Result {
    if value.is_empty() { Ok(()) } else { writeln!(text, "{key} = \"{value}\"") }
}

pub(crate) fn number(text: &mut String, key: &str, value: &str) -> std::fmt::Result {
    if value.is_empty() { Ok(()) } else { writeln!(text, "{key} = {value}") }
}

/// The text as a TOML string.
pub(crate) fn quote(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
