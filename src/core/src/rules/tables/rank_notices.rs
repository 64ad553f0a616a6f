//! Names of `[events]` with `rank`: what users are told at a taking of a rank (semantics §19).
//!
//! As of those that groups tell, the shape of their matches is known before anything reads one; what they say is compiled once
//! the segments are known.

use toml::Spanned;
use toml::de::DeValue;

use super::{RulesReader, condition_in};
use crate::diagnostics::shorten;
use crate::document::{TomlSection, in_file_order};
use crate::rules::compiler::{ConditionContext, MatchShape};
use crate::rules::ruleset::{EventName, LetTerm, NameId, RankId};

/// Keys of a name with `rank`.
const RANK_NOTICE_KEYS: [&str; 3] = ["rank", "where", "let"];

/// Keys of other names only.
const OF_OTHERS: [&str; 7] = ["event", "type", "each", "of", "on", "to", "to_user"];

/// A name with `rank`, whose terms are compiled later.
pub(super) struct RankNoticeSection<'t> {
    number: NameId,
    rank: RankId,
    section: TomlSection<'t>,
}

impl<'t> RulesReader<'t> {
    /// Whether the name is one of a rank; reports keys that stand beside `rank` and need not.
    pub(super) fn is_rank_notice(&mut self, section: &TomlSection<'t>) -> bool {
        if section.get("rank").is_none() {
            return false;
        }
        for key in OF_OTHERS {
            let Some(value) = section.get(key) else { continue };
            let message = format!("`{key}` has no place here: with `rank` a name is what a rank tells users");
            let help = format!("leave it out; a name with `rank` has {}", RANK_NOTICE_KEYS.join(", "));
            self.problems.add(&value.span(), message, help);
        }
        true
    }

    /// Notes the shape of a name with `rank`, and keeps the rest for [`rank_notices`](RulesReader::rank_notices).
    pub(super) fn rank_notice_shape(&mut self, number: NameId, section: TomlSection<'t>) -> Option<()> {
        let lets = match section.get("let").map(Spanned::get_ref) {
            Some(DeValue::Table(table)) => in_file_order(table).iter().map(|(name, ..)| (*name).to_owned()).collect(),
            _ => Vec::new(),
        };
        self.symbols.match_shapes.insert(number, MatchShape { each: None, lets });
        let id = section.string("rank", &mut self.problems)?;
        let Some(rank) = self.symbols.rank(id.get_ref()) else {
            let help = match self.symbols.rank_order.is_empty() {
                true => {
                    "define it: [[ranks]] with id = \"spend\", of = \"sum(order.total, '90d')\" and every = \"day\""
                        .to_owned()
                }
                false => {
                    self.problems.suggest(id.get_ref(), self.symbols.rank_order.iter().map(String::as_str), "ranks")
                }
            };
            self.problems.add_missing(&id.span(), format!("there is no rank {}", shorten(id.get_ref())), help);
            return None;
        };
        self.rank_notices.push(RankNoticeSection { number, rank, section });
        Some(())
    }

    /// Whether the matches of a name are told at a taking of a rank.
    pub(super) fn is_told_by_rank(&self, name: NameId) -> bool {
        self.rank_notices.iter().any(|notice| notice.number == name)
    }

    /// Compiles what names with `rank` say. The segments are known.
    pub(super) fn rank_notices(&mut self, names: &mut [EventName]) {
        for RankNoticeSection { number, rank, section } in std::mem::take(&mut self.rank_notices) {
            let filter = section.string("where", &mut self.problems).and_then(|text| {
                let context = ConditionContext::Taking("where");
                condition_in(self.file, &text, context, &mut self.symbols, &mut self.problems)
            });
            let lets = self.let_terms(&section, ConditionContext::Taking("let"));
            let lets: Option<Vec<LetTerm>> =
                lets.into_iter().map(|(name, term)| Some(LetTerm { name, term: term? })).collect();
            let id = &self.symbols.name_order[usize::from(number.0)];
            if let Some(name) = names.iter_mut().find(|name| name.id == *id) {
                (name.filter, name.lets, name.rank) = (filter, lets.unwrap_or_default(), Some(rank));
            }
        }
    }
}
