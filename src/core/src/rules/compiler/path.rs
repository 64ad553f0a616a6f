//! Compiles dotted paths: `traits.x`, `properties.x`, `context.x`.

use super::{ConditionCompiler, ConditionContext, TermType, TypedTerm};
use crate::diagnostics::shorten;
use crate::rules::functions;
use crate::rules::ruleset::Term;
use crate::rules::syntax::{DottedPath, Expression, ExpressionKind};

/// Names at the start of a path.
pub(in crate::rules) const ROOTS: [&str; 3] = ["traits", "properties", "context"];

impl ConditionCompiler<'_, '_, '_> {
    /// `traits.x`, `properties.x`, `context.x`; every other path is a mistake.
    pub(super) fn path(&mut self, node: &Expression) -> Option<TypedTerm> {
        let Some(path) = node.as_path() else {
            if let ExpressionKind::Field(target, _) = &node.kind {
                self.misplaced_dot(target);
            }
            return None;
        };
        let root = path.root;
        if !ROOTS.contains(&root) {
            self.not_a_value(&path, node);
            return None;
        }
        if path.fields.is_empty() {
            let help = format!("name one of them: {root}.name");
            return self.fail(&node.span, format!("`{root}` is not a value by itself"), help);
        }
        if root == "traits" {
            let id = self.symbols.registry.user_trait(path.fields);
            let id = self.within_limits(&node.span, id)?;
            return Some(TypedTerm::new(Term::Trait(id), TermType::Dynamic));
        }
        if self.context != ConditionContext::Where {
            let help = if root == "properties" {
                format!("name the event and take its latest: last(E.{})", path.fields.join("."))
            } else {
                "name such events in [events], with `where`".to_owned()
            };
            let message = format!("`{root}` belongs to one event, and is seen only in its `where`");
            return self.fail(&node.span, message, help);
        }
        let id = self.symbols.registry.field(std::iter::once(root.to_owned()).chain(path.fields).collect());
        let id = self.within_limits(&node.span, id)?;
        Some(TypedTerm::new(Term::Field(id), TermType::Dynamic))
    }

    /// `(…).x`, `f(…).x`.
    fn misplaced_dot(&mut self, target: &Expression) {
        let mut head = target;
        while let ExpressionKind::Field(inner, _) = &head.kind {
            head = inner;
        }
        if self.term(head).is_some() {
            self.problems.add(&head.span, "nothing can be taken out of this with a dot", "");
        }
    }

    fn not_a_value(&mut self, path: &DottedPath<'_>, node: &Expression) {
        let (root, written) = (path.root, path.written());
        let is_event = self.symbols.names.contains_key(root);
        if is_event && self.context == ConditionContext::Where {
            let help =
                format!("ask the event itself: properties.{}", path.fields.first().map_or("name", String::as_str));
            self.problems.add(&node.span, "`where` sees one event, and has no names of events", help);
        } else if is_event && path.fields.is_empty() {
            let help = format!("ask something about it: count({root}, '7d'), since({root}), total({root})");
            self.problems.add(&node.span, format!("`{root}` is an event, not a value"), help);
        } else if is_event {
            let help = format!("take the latest, last({written}), or add them up, sum({written}, '7d')");
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
        let known = names.chain(ROOTS).chain(["true", "false"]);
        let help = match self.problems.nearest(root, known.chain(functions::names())) {
            Some(name) => format!("did you mean `{name}`?"),
            None => "texts stand in quotes; events are named in [events]; a user's traits are traits.name".to_owned(),
        };
        self.problems.add_missing(&path.root_span, format!("unknown name {}", shorten(root)), help);
    }
}
