//! Compiles dotted paths: `traits.x`, `properties.x`, `context.x`.

use super::{ConditionCompiler, ConditionContext, MatchTermContext, TermType, TriggeringMatch, TypedTerm};
use crate::diagnostics::shorten;
use crate::rules::functions;
use crate::rules::ruleset::Term;
use crate::rules::syntax::{DottedPath, Expression, ExpressionKind, FunctionCall};

/// Names at the start of a path.
pub(in crate::rules) const ROOTS: [&str; 3] = ["traits", "properties", "context"];

/// The name at the start of a path into the match that triggers a campaign. Not reserved: an event may have this name too.
const MATCH_ROOT: &str = "event";

/// The name at the start of a path into the row of a key. Not reserved either.
const ROW_ROOT: &str = "row";

impl ConditionCompiler<'_, '_, '_> {
    /// `traits.x`, `properties.x`, `context.x`; every other path is a mistake.
    pub(super) fn path(&mut self, node: &Expression) -> Option<TypedTerm> {
        let Some(path) = node.as_path() else {
            let ExpressionKind::Field(target, _) = &node.kind else { return None };
            if let Some((call, fields)) = row_call(node) {
                return self.row_of_call(call, &fields, node);
            }
            self.misplaced_dot(target);
            return None;
        };
        let root = path.root;
        // An event may have this name too, and is meant where events can be named.
        if root == "item" && (self.context.event_key().is_some() || !self.symbols.names.contains_key(root)) {
            return self.item(path, node);
        }
        let is_of_item = matches!(self.context, ConditionContext::OfItem(_));
        if root == ROW_ROOT && !self.symbols.names.contains_key(root) {
            return self.row_of_key(&path.fields, node);
        }
        if let Some(on) = self.triggering_match(root) {
            return self.property_of_trigger(on, path, node);
        }
        if !ROOTS.contains(&root) {
            self.not_a_value(&path, node);
            return None;
        }
        if path.fields.is_empty() {
            let help = format!("add a name: {root}.name");
            return self.fail(&node.span, format!("`{root}` is not a value by itself"), help);
        }
        if root == "traits" && self.symbols.group.is_some() {
            let help = "a group knows the matches that bear its key: first(invite.user), last(order.total)";
            return self.fail(&node.span, "a group has no traits; only users have", help);
        }
        if is_of_item {
            let help = "write row.in_stock, or another name of the table's `keep`";
            return self.fail(&node.span, "`where` of picks asks about the rows of items, and nothing else", help);
        }
        if root == "traits" && self.context == ConditionContext::Row {
            return self.fail(&node.span, "a row is no user's event, and sees no traits", "");
        }
        if root == "traits" {
            let id = self.symbols.registry.user_trait(path.fields);
            let id = self.within_limits(&node.span, id)?;
            return Some(TypedTerm::new(Term::Trait(id), TermType::Dynamic));
        }
        if !matches!(self.context, ConditionContext::Where(_) | ConditionContext::Let(_) | ConditionContext::Row) {
            let help = if root == "properties" && self.triggering_match(MATCH_ROOT).is_some() {
                format!("write event.{} for that of the event that triggers the campaign", path.fields.join("."))
            } else if root == "properties" {
                format!("name the event and use its latest value: last(E.{})", path.fields.join("."))
            } else {
                "define an event with such a `where` in [events], and use its name here".to_owned()
            };
            let message = format!("`{root}` belongs to one event, and can only be used in its `where` and `let`");
            return self.fail(&node.span, message, help);
        }
        let id = self.symbols.registry.field(std::iter::once(root.to_owned()).chain(path.fields).collect());
        let id = self.within_limits(&node.span, id)?;
        Some(TypedTerm::new(Term::Field(id), TermType::Dynamic))
    }

    /// What a path with this root refers to, if that is the match that triggers the campaign.
    pub(in crate::rules) fn triggering_match(&self, root: &str) -> Option<TriggeringMatch> {
        match self.context {
            ConditionContext::Campaign(on) if root == MATCH_ROOT && on != TriggeringMatch::None => Some(on),
            ConditionContext::OfMatch(MatchTermContext { of, .. }) if root == MATCH_ROOT => Some(of),
            _ => None,
        }
    }

    fn property_of_trigger(
        &mut self,
        on: TriggeringMatch,
        path: DottedPath<'_>,
        node: &Expression,
    ) -> Option<TypedTerm> {
        if path.fields.is_empty() {
            let help = "add the name of a property: event.total";
            return self.fail(&node.span, "`event` is not a value by itself", help);
        }
        // Of an event that is unknown, the mistake is in `on`.
        let TriggeringMatch::Of(name) = on else { return None };
        let id = self.property_of_match(name, path.fields, node.span.clone())?;
        Some(TypedTerm::new(Term::Field(id), TermType::Dynamic))
    }

    /// `item.x`
    fn item(&mut self, path: DottedPath<'_>, node: &Expression) -> Option<TypedTerm> {
        let (ConditionContext::Where(array) | ConditionContext::Let(array)) = self.context else {
            let help = "define a name with `each` in [events], and use it here: line = { event = \"Order Completed\", each = \"products\" }";
            let message = "`item` is an element of an event's array, and can only be used in `where` and `let` of a name with `each`";
            return self.fail(&node.span, message, help);
        };
        let Some(array) = array else {
            let help = "add `each`, the array whose elements are meant: each = \"products\"";
            return self.fail(&node.span, "`item` is an element of an array, but this name has no `each`", help);
        };
        if path.fields.is_empty() {
            return self.fail(&node.span, "`item` is not a value by itself", "add a name: item.price");
        }
        let id = self.symbols.registry.item_field(array, path.fields);
        let field = self.within_limits(&node.span, id)?;
        Some(TypedTerm::new(Term::Item { array, field }, TermType::Dynamic))
    }

    /// `(…).x`, `f(…).x`.
    fn misplaced_dot(&mut self, target: &Expression) {
        let mut head = target;
        while let ExpressionKind::Field(inner, _) = &head.kind {
            head = inner;
        }
        if self.term(head).is_some() {
            self.problems.add(&head.span, "this value has no fields", "");
        }
    }

    fn not_a_value(&mut self, path: &DottedPath<'_>, node: &Expression) {
        let (root, written) = (path.root, path.written());
        let is_event = self.symbols.names.contains_key(root);
        if root == MATCH_ROOT && !is_event {
            let (message, help) = match self.context.event_key() {
                Some(key) => {
                    let property = path.fields.first().map_or("name", String::as_str);
                    (format!("`{key}` is about one event already"), format!("write properties.{property}"))
                }
                None => (
                    "`event` is the event that triggers a campaign, and there is none here".to_owned(),
                    "it is for `if` and payload_from of a campaign with on = \"event:…\"".to_owned(),
                ),
            };
            self.problems.add(&node.span, message, help);
        } else if let Some(key) = self.context.event_key().filter(|_| is_event) {
            let root = if matches!(self.context, ConditionContext::OfMatch(_)) { MATCH_ROOT } else { "properties" };
            let help = format!("write {root}.{}", path.fields.first().map_or("name", String::as_str));
            let message = format!("`{key}` sees only one event, and cannot refer to events by name");
            self.problems.add(&node.span, message, help);
        } else if is_event && path.fields.is_empty() {
            let help = format!("use one of its numbers: count({root}, '7d'), since({root}), total({root})");
            self.problems.add(&node.span, format!("`{root}` is an event, not a value"), help);
        } else if is_event {
            let help = format!("use the latest, last({written}), or their sum, sum({written}, '7d')");
            self.problems.add(&node.span, format!("`{written}` has many values, one per event"), help);
        } else {
            self.unknown_name(path);
        }
    }

    fn unknown_name(&mut self, path: &DottedPath<'_>) {
        let root = path.root;
        if let Some(function) = functions::named(root) {
            let help = format!("write {}", function.usage);
            self.problems.add(&path.root_span, format!("`{root}` is a function"), help);
            return;
        }
        let names = self.symbols.name_order.iter().map(String::as_str);
        let known = names.chain(ROOTS).chain([ROW_ROOT]).chain(["true", "false"]);
        let help = match self.problems.nearest(root, known.chain(functions::names())) {
            Some(name) => format!("did you mean `{name}`?"),
            None => "write texts in quotes; define events in [events]; a trait is written traits.name".to_owned(),
        };
        self.problems.add_missing(&path.root_span, format!("unknown name {}", shorten(root)), help);
    }
}

/// `row(…)` with the fields behind it.
fn row_call(node: &Expression) -> Option<(&FunctionCall, Vec<String>)> {
    let (mut fields, mut head) = (Vec::new(), node);
    while let ExpressionKind::Field(target, field) = &head.kind {
        fields.push(field.clone());
        head = target;
    }
    fields.reverse();
    match &head.kind {
        ExpressionKind::Call(call) if call.name == ROW_ROOT => Some((call, fields)),
        _ => None,
    }
}
