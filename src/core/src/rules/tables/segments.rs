//! `[[segments]]`

use toml::Spanned;

use super::known_tables::KnownTables;
use super::{RulesReader, expression_in};
use crate::document::TomlSection;
use crate::rules::compiler::{ConditionCompiler, ConditionContext};
use crate::rules::dependencies;
use crate::rules::ruleset::{Condition, ConditionDependencies, Feature, PerId, Segment};
use crate::rules::syntax::{Expression, ExpressionKind};

/// Keys of a segment.
pub(in crate::rules) const SEGMENT_KEYS: [&str; 5] = ["id", "when", "per", "of", "description"];

impl<'t> RulesReader<'t> {
    /// Reads `[[segments]]`. All ids are known before the first `when` is compiled, so that messages distinguish a segment
    /// further down from one that does not exist.
    pub(super) fn segments(&mut self, root: &TomlSection<'t>) -> Vec<Segment> {
        let tables = root.tables("segments", &mut self.problems);
        if let Some((_, span)) = tables.get(usize::from(u16::MAX) + 1) {
            self.problems.add(span, "there are more than 65,536 segments", "");
            return Vec::new();
        }
        let mut sections = Vec::with_capacity(tables.len());
        for (index, (table, span)) in tables.into_iter().enumerate() {
            let mut section = TomlSection::open("this segment", span, table, &SEGMENT_KEYS, &mut self.problems);
            let id = self.segment_id(&section, index);
            if !id.is_empty() {
                section.title = format!("segment `{id}`");
            }
            let per = self.segment_per(&section);
            let group = self.of_group(&section);
            self.refuse_per_and_of(&section);
            self.symbols.segment_pers.push(per);
            self.symbols.segment_groups.push(group);
            self.symbols.segment_order.push(id);
            self.symbols.segment_places.push(section.span.start);
            sections.push(section);
        }
        let nodes: Vec<Option<Expression>> = sections.iter().map(|section| self.when(section)).collect();
        for node in &nodes {
            let mut uses = Vec::new();
            if let Some(node) = node {
                collect_uses(node, &mut |id| uses.extend(self.symbols.segments.get(id)));
            }
            self.symbols.segment_uses.push(uses);
        }
        let mut segments = Vec::with_capacity(sections.len());
        for (index, (section, node)) in sections.iter().zip(nodes).enumerate() {
            segments.extend(self.segment(section, index, node));
        }
        segments
    }

    fn segment_id(&mut self, section: &TomlSection<'t>, index: usize) -> String {
        let Some(id) = section.needed_string("id", "\"dormant\"", &mut self.problems) else { return String::new() };
        let text = *id.get_ref();
        self.check_id("segment id", text, &id.span());
        if let Some(&first) = self.symbols.segments.get(text) {
            let message = format!("segment `{text}` is defined twice");
            let line = self.problems.line_of(self.symbols.segment_places[first]);
            let help = format!("it is already defined on line {line}; give one of them another id");
            self.problems.add(&id.span(), message, help);
        } else {
            self.symbols.segments.insert(text.to_owned(), index);
        }
        text.to_owned()
    }

    fn segment_per(&mut self, section: &TomlSection<'t>) -> Option<PerId> {
        let example = "[per.cart] with key = \"cart_id\" and ttl = \"30d\"";
        let known = KnownTables { name: "per", ids: &self.symbols.per_order, plural: "keys", example };
        known.find(section, "per", &mut self.problems).map(PerId)
    }

    fn refuse_per_and_of(&mut self, section: &TomlSection<'t>) {
        if let (Some(_), Some(of)) = (section.get("per"), section.get("of")) {
            let help = "keep `per`, for the keys of each user, or `of`, for what users do together";
            self.problems.add(&of.span(), "a segment is about keys or about groups, not both", help);
        }
    }

    fn when(&mut self, section: &TomlSection<'t>) -> Option<Expression> {
        let text: Spanned<&str> =
            section.needed_string("when", "\"since(order) > duration('30d')\"", &mut self.problems)?;
        expression_in(self.file, &text, &mut self.problems)
    }

    fn segment(&mut self, section: &TomlSection<'t>, index: usize, node: Option<Expression>) -> Option<Segment> {
        let description = section.string("description", &mut self.problems).map(|text| (*text.get_ref()).to_owned());
        let context = ConditionContext::When(index);
        let (per, group) = (self.symbols.segment_pers[index], self.symbols.segment_groups[index]);
        let node = node?;
        (self.symbols.per, self.symbols.group) = (per, group);
        let when: Option<Condition> =
            ConditionCompiler { symbols: &mut self.symbols, problems: &mut self.problems, context }.condition(&node);
        (self.symbols.per, self.symbols.group) = (None, None);
        let id = self.symbols.segment_order[index].clone();
        Some(Segment {
            id,
            description: description.unwrap_or_default(),
            per,
            group,
            when: when?,
            reads: ConditionDependencies::default(),
        })
    }
}

/// Fills in what each segment reads, once every feature is known.
pub(super) fn with_reads(mut segments: Vec<Segment>, features: &[Feature]) -> Vec<Segment> {
    for segment in &mut segments {
        segment.reads = dependencies::of(&segment.when, features);
    }
    segments
}

/// Calls `see` with the id in every `in_segment('id')`.
fn collect_uses(node: &Expression, see: &mut dyn FnMut(&str)) {
    if let ExpressionKind::Call(call) = &node.kind
        && matches!(call.name.as_str(), "in_segment" | "keys_in")
        && let [Expression { kind: ExpressionKind::Text(id), .. }] = call.arguments.as_slice()
    {
        see(id);
    }
    for child in node.children() {
        collect_uses(child, see);
    }
}
