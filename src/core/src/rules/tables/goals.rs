//! `[[goals]]`, and which of them a campaign is measured by.

use std::collections::HashMap;

use toml::Spanned;

use super::RulesReader;
use crate::diagnostics::shorten;
use crate::document::TomlSection;
use crate::event::FieldId;
use crate::rules::ruleset::{Goal, GoalId, NameId};

/// Keys of a goal.
pub(in crate::rules) const GOAL_KEYS: [&str; 4] = ["id", "on", "value", "within"];

/// The most goals of a rules file. They are remembered for every user and campaign.
const GOALS_MAX: usize = 256;

impl<'t> RulesReader<'t> {
    /// Reads `[[goals]]`. The names of events are known.
    pub(super) fn goals(&mut self, root: &TomlSection<'t>) -> Vec<Goal> {
        let tables = root.tables("goals", &mut self.problems);
        if let Some((_, span)) = tables.get(GOALS_MAX) {
            let help = "a user is exposed to every goal of every campaign: measure by the few that matter";
            self.problems.add(span, format!("there are more than {GOALS_MAX} goals"), help);
            return Vec::new();
        }
        let mut places = HashMap::new();
        let mut goals = Vec::with_capacity(tables.len());
        for (table, span) in tables {
            let mut section = TomlSection::open("this goal", span, table, &GOAL_KEYS, &mut self.problems);
            let id = section.needed_string("id", "\"buy\"", &mut self.problems);
            if let Some(id) = &id {
                section.title = format!("goal `{}`", id.get_ref());
                self.check_id("goal id", id.get_ref(), &id.span());
                if let Some(first) = places.get(id.get_ref()) {
                    let help = format!(
                        "it is already defined on line {}; give one of them another id",
                        self.problems.line_of(*first)
                    );
                    self.problems.add(&id.span(), format!("goal `{}` is defined twice", id.get_ref()), help);
                } else {
                    places.insert(*id.get_ref(), id.span().start);
                }
            }
            let id = id.map(|id| *id.get_ref()).unwrap_or_default();
            self.symbols.goal_order.push(id.to_owned());
            goals.extend(self.goal(&section, id));
        }
        goals
    }

    /// Every key is read before the first missing one ends it, so that all mistakes are found.
    fn goal(&mut self, section: &TomlSection<'t>, id: &str) -> Option<Goal> {
        section.need("within", "\"7d\"", &mut self.problems);
        let on = self.goal_event(section);
        let value = self.goal_value(section, on);
        let within = section.duration("within", &mut self.problems);
        Some(Goal { id: id.to_owned(), on: on?, value: value?, within: within? })
    }

    fn goal_event(&mut self, section: &TomlSection<'t>) -> Option<NameId> {
        let name = section.needed_string("on", "\"order\"", &mut self.problems)?;
        let (span, id) = (name.span(), *name.get_ref());
        let found = self.symbols.names.get(id).copied();
        if found.is_some() {
            return found;
        }
        if let Some(event) = id.strip_prefix("event:").filter(|event| self.symbols.names.contains_key(*event)) {
            let help = format!("write on = \"{event}\"");
            self.problems.add(&span, "`on` of a goal is just the name of an event", help);
        } else if self.symbols.segments.contains_key(id) {
            let help = "a goal is something that users do: name an event of [events]";
            self.problems.add(&span, format!("`{id}` is a segment, not an event"), help);
        } else {
            let help = self.problems.suggest(id, self.symbols.name_order.iter().map(String::as_str), "events");
            self.problems.add_missing(&span, format!("there is no event {} in [events]", shorten(id)), help);
        }
        None
    }

    /// The outer `None`: it has a mistake, which was reported.
    fn goal_value(&mut self, section: &TomlSection<'t>, on: Option<NameId>) -> Option<Option<FieldId>> {
        if section.get("value").is_none() {
            return Some(None);
        }
        let value = section.string("value", &mut self.problems)?;
        let path: Vec<String> = value.get_ref().split('.').map(str::to_owned).collect();
        if path.iter().any(String::is_empty) || path[0] == "properties" {
            let help = "write the path below the properties: value = \"total\"";
            self.problems.add(&value.span(), "`value` names a property of the matches", help);
            return None;
        }
        let on = on?;
        let event = self.symbols.name_order[usize::from(on.0)].clone();
        let Ok(field) = self.symbols.value_field(on, &event, &path) else {
            self.problems.add(&value.span(), "these rules read more than 65,536 different properties", "");
            return None;
        };
        Some(Some(field))
    }

    /// `goals` of a campaign, in file order of `[[goals]]`; all of them without the key.
    pub(super) fn campaign_goals(&mut self, section: &TomlSection<'t>) -> Vec<GoalId> {
        if section.get("goals").is_none() {
            return (0..).map(GoalId).take(self.symbols.goal_order.len()).collect();
        }
        let listed = section.strings("goals", &mut self.problems).unwrap_or_default();
        let mut goals: Vec<GoalId> = Vec::with_capacity(listed.len());
        for goal in &listed {
            let Some(id) = self.listed_goal(goal) else { continue };
            if goals.contains(&id) {
                let message = format!("goal `{}` is listed twice", goal.get_ref());
                self.problems.add(&goal.span(), message, "name each goal once");
            }
            goals.push(id);
        }
        goals.sort_unstable();
        goals
    }

    fn listed_goal(&mut self, goal: &Spanned<&'t str>) -> Option<GoalId> {
        let id = *goal.get_ref();
        let place = self.symbols.goal_order.iter().position(|other| other == id);
        if place.is_none() {
            let help = self.problems.suggest(id, self.symbols.goal_order.iter().map(String::as_str), "goals");
            self.problems.add_missing(&goal.span(), format!("there is no goal {}", shorten(id)), help);
        }
        place.and_then(|place| u16::try_from(place).ok()).map(GoalId)
    }
}
