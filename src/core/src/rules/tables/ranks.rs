//! `[[ranks]]`: users ordered by a number (semantics §19).

use std::collections::HashMap;
use std::str::FromStr;

use strum::VariantNames;
use toml::Spanned;
use toml::de::DeValue;

use super::{RulesReader, expression_in};
use crate::diagnostics::{join_quoted, shorten};
use crate::document::TomlSection;
use crate::rules::compiler::{ConditionCompiler, ConditionContext, TermType};
use crate::rules::ruleset::{Rank, SegmentId, Term};

/// Keys of an entry of `[[ranks]]`.
pub(in crate::rules) const RANK_KEYS: [&str; 5] = ["id", "of", "among", "every", "description"];

/// The most ranks of a rules file. A user keeps what came of each, and each is a pass over all users.
const RANKS_MAX: usize = 64;

impl<'t> RulesReader<'t> {
    /// The ids of `[[ranks]]`, which conditions and names of events refer to.
    pub(super) fn rank_ids(&mut self, root: &TomlSection<'t>) {
        let Some(DeValue::Array(entries)) = root.get("ranks").map(Spanned::get_ref) else { return };
        for entry in entries.iter() {
            let id = entry.get_ref().as_table().and_then(|rank| rank.get("id")?.get_ref().as_str());
            self.symbols.rank_order.push(id.unwrap_or_default().to_owned());
        }
    }

    /// Reads `[[ranks]]`. The segments are known.
    pub(super) fn ranks(&mut self, root: &TomlSection<'t>) -> Vec<Rank> {
        let tables = root.tables("ranks", &mut self.problems);
        if let Some((_, span)) = tables.get(RANKS_MAX) {
            self.problems.add(span, format!("there are more than {RANKS_MAX} ranks"), "");
            return Vec::new();
        }
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut ranks = Vec::with_capacity(tables.len());
        for (table, span) in tables {
            let mut section = TomlSection::open("this rank", span, table, &RANK_KEYS, &mut self.problems);
            let id = section.needed_string("id", "\"spend\"", &mut self.problems);
            if let Some(id) = &id {
                section.title = format!("rank `{}`", id.get_ref());
                self.check_id("rank's id", id.get_ref(), &id.span());
                if let Some(first) = places.get(id.get_ref()) {
                    let line = self.problems.line_of(*first);
                    let help = format!("it is already defined on line {line}; give one of them another id");
                    self.problems.add(&id.span(), format!("rank `{}` is defined twice", id.get_ref()), help);
                } else {
                    places.insert(*id.get_ref(), id.span().start);
                }
            }
            let id = id.map(|id| *id.get_ref()).unwrap_or_default();
            ranks.extend(self.rank(&section, id));
        }
        ranks
    }

    /// Every key is read before the first missing one ends it, so that all mistakes are found.
    fn rank(&mut self, section: &TomlSection<'t>, id: &str) -> Option<Rank> {
        let of = self.ranked_number(section);
        let among = self.among(section);
        let every = self.interval(section);
        let description = section.string("description", &mut self.problems).map(|text| (*text.get_ref()).to_owned());
        let description = description.unwrap_or_default();
        Some(Rank { id: id.to_owned(), description, of: of?, among: among?, every: every? })
    }

    /// `of`
    fn ranked_number(&mut self, section: &TomlSection<'t>) -> Option<Term> {
        let text = section.needed_string("of", "\"sum(order.total, '90d')\"", &mut self.problems)?;
        let node = expression_in(self.file, &text, &mut self.problems)?;
        let context = ConditionContext::Taking("of");
        let mut compiler = ConditionCompiler { symbols: &mut self.symbols, problems: &mut self.problems, context };
        let typed = compiler.term(&node)?;
        let help = match typed.kind {
            TermType::Number | TermType::Dynamic => return Some(typed.term),
            TermType::Duration => "divide it by a duration: since(order) / duration('1d')",
            TermType::Text | TermType::Bool => "write of = \"sum(order.total, '90d')\"",
        };
        compiler.fail(
            &node.span,
            format!("users are ordered by a number, but this is {}", typed.kind.described()),
            help,
        )
    }

    /// The outer `None`: it has a mistake, which was reported.
    fn among(&mut self, section: &TomlSection<'t>) -> Option<Option<SegmentId>> {
        if section.get("among").is_none() {
            return Some(None);
        }
        let text = section.string("among", &mut self.problems)?;
        let Some(&segment) = self.symbols.segments.get(*text.get_ref()) else {
            let segments = self.symbols.segment_order.iter().map(String::as_str);
            let help = self.problems.suggest(text.get_ref(), segments, "segments");
            let message = format!("there is no segment {}", shorten(text.get_ref()));
            self.problems.add_missing(&text.span(), message, help);
            return None;
        };
        let is_of_users = self.symbols.segment_pers.get(segment).is_some_and(Option::is_none)
            && self.symbols.segment_groups.get(segment).is_some_and(Option::is_none);
        if !is_of_users {
            let message = format!("segment `{}` is not about users, and users are ordered", text.get_ref());
            self.problems.add(&text.span(), message, "name a segment without `per` and `of`");
            return None;
        }
        u16::try_from(segment).ok().map(|segment| Some(SegmentId(segment)))
    }

    /// `every`: one of the intervals that there are.
    pub(super) fn interval<T: FromStr + VariantNames>(&mut self, section: &TomlSection<'t>) -> Option<T> {
        let every = section.needed_string("every", "\"day\"", &mut self.problems)?;
        let interval = every.get_ref().parse().ok();
        if interval.is_none() {
            let help = format!("it is one of {}", join_quoted(T::VARIANTS));
            self.problems.add(&every.span(), format!("{} is no interval", shorten(every.get_ref())), help);
        }
        interval
    }
}
