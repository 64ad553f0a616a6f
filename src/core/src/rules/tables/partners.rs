//! `needs`, and `[[partners]]`: what is consented to, and who is told about users (semantics §21).

use std::collections::HashMap;

use toml::Spanned;

use super::{RulesReader, expression_in};
use crate::diagnostics::shorten;
use crate::document::TomlSection;
use crate::rules::compiler::{ConditionCompiler, ConditionContext, TermType, TriggeringMatch};
use crate::rules::ruleset::{Partner, PurposeId, SegmentId, Term, purpose_mistake};

/// Keys of a partner.
pub(in crate::rules) const PARTNER_KEYS: [&str; 5] = ["id", "needs", "subject", "segments", "description"];

/// The most partners of a rules file. Each is looked at whenever a user is evaluated.
const PARTNERS_MAX: usize = 64;

impl<'t> RulesReader<'t> {
    /// `needs` of the rules, of a campaign or of a partner; `None`: it is not there.
    pub(super) fn needs(&mut self, section: &TomlSection<'t>) -> Option<Vec<PurposeId>> {
        section.get("needs")?;
        let listed = section.strings("needs", &mut self.problems).unwrap_or_default();
        let mut needs: Vec<PurposeId> = Vec::with_capacity(listed.len());
        for name in &listed {
            if let Some(mistake) = purpose_mistake(name.get_ref()) {
                let help = "name keys of context.consent.categoryPreferences: needs = [\"marketing\"]";
                self.problems.add(&name.span(), mistake, help);
                continue;
            }
            let Ok(purpose) = self.symbols.purpose(name.get_ref()) else {
                self.problems.add(&name.span(), "these rules read more than 65,536 different properties", "");
                continue;
            };
            if needs.contains(&purpose) {
                let message = format!("{} is listed twice", shorten(name.get_ref()));
                self.problems.add(&name.span(), message, "name each purpose once");
                continue;
            }
            needs.push(purpose);
        }
        Some(needs)
    }

    /// Reads `[[partners]]`. The segments are known.
    pub(super) fn partners(&mut self, root: &TomlSection<'t>) -> Vec<Partner> {
        let tables = root.tables("partners", &mut self.problems);
        if let Some((_, span)) = tables.get(PARTNERS_MAX) {
            self.problems.add(span, format!("there are more than {PARTNERS_MAX} partners"), "");
            return Vec::new();
        }
        let mut places = HashMap::new();
        let mut partners = Vec::with_capacity(tables.len());
        for (table, span) in tables {
            let mut section = TomlSection::open("this partner", span, table, &PARTNER_KEYS, &mut self.problems);
            let id = section.needed_string("id", "\"acme\"", &mut self.problems);
            if let Some(id) = &id {
                section.title = format!("partner `{}`", id.get_ref());
                self.check_id("partner id", id.get_ref(), &id.span());
                if let Some(first) = places.get(id.get_ref()) {
                    let line = self.problems.line_of(*first);
                    let help = format!("it is already defined on line {line}; give one of them another id");
                    self.problems.add(&id.span(), format!("partner `{}` is defined twice", id.get_ref()), help);
                } else {
                    places.insert(*id.get_ref(), id.span().start);
                }
            }
            partners.extend(self.partner(&section, id.map(|id| *id.get_ref()).unwrap_or_default()));
        }
        partners
    }

    /// Every key is read before the first missing one ends it, so that all mistakes are found.
    fn partner(&mut self, section: &TomlSection<'t>, id: &str) -> Option<Partner> {
        let needs = self.needs(section).unwrap_or_default();
        let subject = self.subject(section);
        let segments = self.shared_segments(section);
        let description = section.string("description", &mut self.problems).map(|text| (*text.get_ref()).to_owned());
        let description = description.unwrap_or_default();
        Some(Partner { id: id.to_owned(), description, needs, subject: subject?, segments: segments? })
    }

    /// The outer `None`: it has a mistake, which was reported.
    fn subject(&mut self, section: &TomlSection<'t>) -> Option<Option<Term>> {
        if section.get("subject").is_none() {
            return Some(None);
        }
        let text = section.string("subject", &mut self.problems)?;
        let node = expression_in(self.file, &text, &mut self.problems)?;
        let (symbols, problems) = (&mut self.symbols, &mut self.problems);
        let context = ConditionContext::Campaign(TriggeringMatch::None);
        let typed = ConditionCompiler { symbols, problems, context }.term(&node)?;
        match (typed.kind, &typed.term) {
            (_, Term::Constant(_)) => {
                let help = "write what tells people apart: subject = \"traits.email\"";
                self.problems.add(&text.span(), "everybody would be the same to the partner", help);
                None
            }
            (TermType::Text | TermType::Dynamic, _) => Some(Some(typed.term)),
            (kind, _) => {
                let message = format!("`subject` must be a text, but this is {}", kind.described());
                self.problems.add(&text.span(), message, "write subject = \"traits.email\"");
                None
            }
        }
    }

    fn shared_segments(&mut self, section: &TomlSection<'t>) -> Option<Vec<SegmentId>> {
        section.need("segments", "[\"vip\"]", &mut self.problems);
        let place = section.get("segments")?.span();
        let listed = section.strings("segments", &mut self.problems)?;
        if listed.is_empty() {
            self.problems.add(&place, "this partner is told about nobody", "name segments: segments = [\"vip\"]");
        }
        let mut segments: Vec<SegmentId> = Vec::with_capacity(listed.len());
        for name in &listed {
            let Some(segment) = self.shared_segment(name) else { continue };
            if segments.contains(&segment) {
                let message = format!("segment `{}` is listed twice", name.get_ref());
                self.problems.add(&name.span(), message, "name each segment once");
                continue;
            }
            segments.push(segment);
        }
        Some(segments)
    }

    fn shared_segment(&mut self, name: &Spanned<&'t str>) -> Option<SegmentId> {
        let id = *name.get_ref();
        let Some(place) = self.symbols.segments.get(id).copied() else {
            let help = self.problems.suggest(id, self.symbols.segment_order.iter().map(String::as_str), "segments");
            self.problems.add_missing(&name.span(), format!("there is no segment {}", shorten(id)), help);
            return None;
        };
        if self.symbols.segment_groups.get(place).copied().flatten().is_some() {
            let help = "share a segment of users, like one with when = \"total(told) >= 1\" of what the group tells";
            self.problems.add(&name.span(), format!("segment `{id}` is of groups, and partners know users"), help);
            return None;
        }
        if self.symbols.segment_pers.get(place).copied().flatten().is_some() {
            let help = "share a segment of users, like one with when = \"keys_in('…') >= 1\"";
            self.problems.add(&name.span(), format!("segment `{id}` is of keys, and partners know users"), help);
            return None;
        }
        u16::try_from(place).ok().map(SegmentId)
    }
}
