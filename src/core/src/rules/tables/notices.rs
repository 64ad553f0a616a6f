//! Names of `[events]` with `of`: what a group tells users when it enters or leaves a segment (semantics §17).
//!
//! Their matches have values like those of any name, so their shape is known before anything reads one; what they say of
//! the group is compiled once the segments are known.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::{RulesReader, expression_in};
use crate::diagnostics::shorten;
use crate::document::{TomlSection, in_file_order};
use crate::features::FirstTexts;
use crate::rules::compiler::{ConditionCompiler, ConditionContext, MatchShape, TermType};
use crate::rules::ruleset::{
    EventName, Feature, FeatureSource, GroupId, GroupNotice, LetTerm, NameId, NoticeAddressees, SegmentId, Term,
    TransitionKind,
};

/// Keys of a name with `of`.
const NOTICE_KEYS: [&str; 5] = ["of", "on", "to", "to_user", "let"];

/// Keys of other names only.
const OF_EVENTS: [&str; 4] = ["event", "type", "each", "where"];

/// A name with `of`, whose terms are compiled later.
pub(super) struct NoticeSection<'t> {
    number: NameId,
    group: GroupId,
    section: TomlSection<'t>,
}

impl<'t> RulesReader<'t> {
    /// Whether the name is one of groups; reports keys that stand beside `of` and need not, or need it.
    pub(super) fn is_notice(&mut self, section: &TomlSection<'t>) -> bool {
        let is_notice = section.get("of").is_some();
        let strange: &[&str] = if is_notice { &OF_EVENTS } else { &["on", "to", "to_user"] };
        for key in strange {
            let Some(value) = section.get(key) else { continue };
            let (message, help) = match is_notice {
                true => (
                    format!("`{key}` selects events, but with `of` a name is what a group tells"),
                    format!("leave it out; a name with `of` has {}", NOTICE_KEYS.join(", ")),
                ),
                false => {
                    (format!("`{key}` belongs to what a group tells"), "add `of`, the group: of = \"team\"".to_owned())
                }
            };
            self.problems.add(&value.span(), message, help);
        }
        is_notice
    }

    /// Notes the shape of a name with `of`, and keeps the rest for [`notices`](RulesReader::notices).
    pub(super) fn notice_shape(&mut self, number: NameId, section: TomlSection<'t>) -> Option<()> {
        let mut lets: Vec<String> = match section.get("let").map(Spanned::get_ref) {
            Some(DeValue::Table(table)) => in_file_order(table).iter().map(|(name, ..)| (*name).to_owned()).collect(),
            _ => Vec::new(),
        };
        let group = self.of_group(&section);
        let key = group.and_then(|group| self.symbols.group_keys.get(usize::from(group.0)).cloned());
        if let (Some(key), Some((table, _))) = (&key, section.table("let", &mut self.problems))
            && let Some((_, span, _)) = in_file_order(table).into_iter().find(|(name, ..)| name == key)
        {
            let message = format!("`{key}` is the group's key, which every such match has anyway");
            self.problems.add(&span, message, "leave it out, or give the value another name");
        }
        lets.extend(key);
        self.symbols.match_shapes.insert(number, MatchShape { each: None, lets });
        self.notices.push(NoticeSection { number, group: group?, section });
        Some(())
    }

    /// Compiles what names with `of` say. The segments are known.
    pub(super) fn notices(&mut self, names: &mut [EventName]) {
        for NoticeSection { number, group, section } in std::mem::take(&mut self.notices) {
            self.symbols.group = Some(group);
            let lets = self.notice_lets(&section);
            let notice = self.notice(group, &section);
            self.symbols.group = None;
            let id = &self.symbols.name_order[usize::from(number.0)];
            if let Some(name) = names.iter_mut().find(|name| name.id == *id) {
                (name.lets, name.notice) = (lets.unwrap_or_default(), notice);
            }
        }
    }

    fn notice(&mut self, group: GroupId, section: &TomlSection<'t>) -> Option<GroupNotice> {
        let on = self.notice_trigger(group, section);
        let to = match (section.get("to"), section.get("to_user")) {
            (Some(_), Some(both)) => {
                let help = "keep `to`, for all who have such a match in the group, or `to_user`, for one";
                self.problems.add(&both.span(), "it is told either `to` several users or `to_user` one", help);
                None
            }
            (None, None) => {
                let help = "write to = \"join\", for all who have such a match in the group, or to_user = \"first(invite.user)\"";
                self.problems.add(&section.place(), format!("{} has neither `to` nor `to_user`", section.title), help);
                None
            }
            (Some(_), None) => self.told_members(group, section),
            (None, Some(_)) => self.told_user(section),
        };
        let (segment, change) = on?;
        Some(GroupNotice { group, segment, change, to: to? })
    }

    /// `on`: a segment of that group.
    fn notice_trigger(&mut self, group: GroupId, section: &TomlSection<'t>) -> Option<(SegmentId, TransitionKind)> {
        let text = section.needed_string("on", "\"enter:team_full\"", &mut self.problems)?;
        let (change, id) = match text.get_ref().split_once(':') {
            Some(("enter", id)) => (TransitionKind::Enter, id),
            Some(("exit", id)) => (TransitionKind::Exit, id),
            _ => {
                let help = "write on = \"enter:team_full\" or on = \"exit:team_full\"";
                self.problems.add(&text.span(), "`on` must name a change and a segment of the group", help);
                return None;
            }
        };
        let Some(&segment) = self.symbols.segments.get(id) else {
            let help = self.problems.suggest(id, self.symbols.segment_order.iter().map(String::as_str), "segments");
            self.problems.add_missing(&text.span(), format!("there is no segment {}", shorten(id)), help);
            return None;
        };
        if self.symbols.segment_groups.get(segment).copied().flatten() != Some(group) {
            let of = self.symbols.group_order[usize::from(group.0)].clone();
            let message = format!("segment `{id}` is not about the groups of [groups.{of}]");
            self.problems.add(&text.span(), message, format!("name a segment with of = \"{of}\""));
            return None;
        }
        Some((SegmentId(u16::try_from(segment).ok()?), change))
    }

    /// `to`
    fn told_members(&mut self, group: GroupId, section: &TomlSection<'t>) -> Option<NoticeAddressees> {
        let text = section.string("to", &mut self.problems)?;
        let Some(&name) = self.symbols.names.get(*text.get_ref()) else {
            let names = self.symbols.name_order.iter().map(String::as_str);
            let help = self.problems.suggest(text.get_ref(), names, "events");
            let message = format!("there is no event {} in [events]", shorten(text.get_ref()));
            self.problems.add_missing(&text.span(), message, help);
            return None;
        };
        if self.symbols.notice_names.contains(&name) {
            let by = if self.is_told_by_rank(name) { "rank" } else { "group" };
            let message = format!("`{}` is told by a {by}, and no group has a match of it", text.get_ref());
            self.problems.add(&text.span(), message, "name an event by which users come to the group: to = \"join\"");
            return None;
        }
        let mut compiler = self.notice_compiler();
        let field = compiler.symbols.match_user_field();
        let field = compiler.within_limits(&text.span(), field)?;
        let (per, second, kind) = (None, None, FirstTexts { field }.into());
        let feature = Feature { per, group: Some(group), source: FeatureSource::Matches(name), second, kind };
        compiler.add_feature(&text.span(), feature).map(NoticeAddressees::Members)
    }

    /// `to_user`
    fn told_user(&mut self, section: &TomlSection<'t>) -> Option<NoticeAddressees> {
        let text = section.string("to_user", &mut self.problems)?;
        let node = expression_in(self.file, &text, &mut self.problems)?;
        let mut compiler = self.notice_compiler();
        let typed = compiler.term(&node)?;
        if matches!(typed.kind, TermType::Duration | TermType::Bool) {
            let help = "write to_user = \"first(invite.user)\"";
            let message = format!("a user's id is needed here, but this is {}", typed.kind.described());
            return compiler.fail(&node.span, message, help);
        }
        Some(NoticeAddressees::User(typed.term))
    }

    /// `let`, then the group's key.
    fn notice_lets(&mut self, section: &TomlSection<'t>) -> Option<Vec<LetTerm>> {
        let lets = self.let_terms(section, ConditionContext::Notice);
        let mut lets: Vec<LetTerm> =
            lets.into_iter().map(|(name, term)| Some(LetTerm { name, term: term? })).collect::<Option<_>>()?;
        let group = self.symbols.group?;
        lets.push(LetTerm { name: self.symbols.group_keys[usize::from(group.0)].clone(), term: Term::Key });
        Some(lets)
    }

    fn notice_compiler(&mut self) -> ConditionCompiler<'_, '_, 't> {
        let context = ConditionContext::Notice;
        ConditionCompiler { symbols: &mut self.symbols, problems: &mut self.problems, context }
    }

    /// Refuses a segment of groups where one of users, or of their keys, is meant.
    pub(super) fn refuse_segment_of_groups(&mut self, segment: usize, span: &Range<usize>) -> bool {
        let Some(group) = self.symbols.segment_groups.get(segment).copied().flatten() else { return false };
        let (id, of) = (&self.symbols.segment_order[segment], &self.symbols.group_order[usize::from(group.0)]);
        let help = format!(
            "name what the group tells its users: told = {{ of = \"{of}\", on = \"enter:{id}\", to = \"…\" }} in [events], and use event:told"
        );
        let message = format!("segment `{id}` is about the groups of [groups.{of}], which get no campaign");
        self.problems.add(span, message, help);
        true
    }
}
