//! `adapt` of a campaign: its weights follow from what came of its variants (semantics §19).

use super::RulesReader;
use crate::diagnostics::shorten;
use crate::document::TomlSection;
use crate::rules::ruleset::{Adaptation, GoalId, Variant};

/// Keys of `adapt`.
pub(in crate::rules) const ADAPT_KEYS: [&str; 3] = ["goal", "every", "floor"];

/// The most variants whose weights are worked out.
const ADAPTING_VARIANTS_MAX: usize = 32;

/// How far the floors of all variants may be above 1: the error of adding doubles that the rules write.
const ROUNDING: f64 = 1e-9;

impl<'t> RulesReader<'t> {
    /// `adapt`; `None`: there is none, or it has a mistake, which was reported.
    pub(super) fn adaptation(
        &mut self,
        campaign: &TomlSection<'t>,
        variants: &[Variant],
        goals: &[GoalId],
    ) -> Option<Adaptation> {
        let (table, span) = campaign.table("adapt", &mut self.problems)?;
        let title = format!("`adapt` of {}", campaign.title);
        let section = TomlSection::open(title, span.clone(), table, &ADAPT_KEYS, &mut self.problems);
        let goal = self.adapting_goal(&section, goals);
        let every = self.interval(&section);
        let floor = section.number("floor", 0.0..=1.0, &mut self.problems).unwrap_or(0.0);
        let count = variants.len();
        if count < 2 {
            let (message, help) = match campaign.get("variants") {
                Some(_) => ("weights of fewer than two variants cannot adapt", "add a variant, or leave `adapt` out"),
                None => (
                    "there are no variants whose weights could adapt",
                    "add variants = [{ id = \"a\", weight = 1 }, { id = \"b\", weight = 1 }]",
                ),
            };
            self.problems.add(&span, message, help);
            return None;
        }
        if count > ADAPTING_VARIANTS_MAX {
            let message = format!("the weights of more than {ADAPTING_VARIANTS_MAX} variants cannot adapt");
            self.problems.add(&span, message, "");
            return None;
        }
        if floor * count as f64 > 1.0 + ROUNDING {
            let place = section.get("floor").map_or(span, |floor| floor.span());
            let message = format!("{count} variants with a share of at least {floor} each are more than all");
            let help = format!("write at most {}", (1_000.0 / count as f64).floor() / 1_000.0);
            self.problems.add(&place, message, help);
            return None;
        }
        Some(Adaptation { goal: goal?, every: every?, floor })
    }

    /// The goal, one that the campaign is measured by.
    fn adapting_goal(&mut self, section: &TomlSection<'t>, goals: &[GoalId]) -> Option<GoalId> {
        let text = section.needed_string("goal", "\"buy\"", &mut self.problems)?;
        let id = *text.get_ref();
        let Some(place) = self.symbols.goal_order.iter().position(|other| other == id) else {
            let help = match self.symbols.goal_order.is_empty() {
                true => "define it: [[goals]] with id = \"buy\", on = \"order\" and within = \"7d\"".to_owned(),
                false => self.problems.suggest(id, self.symbols.goal_order.iter().map(String::as_str), "goals"),
            };
            self.problems.add_missing(&text.span(), format!("there is no goal {}", shorten(id)), help);
            return None;
        };
        let goal = u16::try_from(place).ok().map(GoalId)?;
        if !goals.contains(&goal) {
            let message = format!("the campaign is not measured by goal `{id}`");
            self.problems.add(&text.span(), message, "add it to `goals` of the campaign");
            return None;
        }
        Some(goal)
    }
}
