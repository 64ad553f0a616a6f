//! `row.x` and `row('products', KEY).x`: what is known of products (semantics §18).

use super::only_text;
use crate::diagnostics::shorten;
use crate::rules::compiler::{ConditionCompiler, ConditionContext, TermType, TypedTerm};
use crate::rules::ruleset::{ColumnId, TableId, Term};
use crate::rules::syntax::{Expression, FunctionCall};

/// `row('products', KEY)`, without a column.
pub(super) fn row(compiler: &mut ConditionCompiler<'_, '_, '_>, call: &FunctionCall) -> Option<TypedTerm> {
    let help = "name one of its values: row('products', event.product_id).price";
    compiler.fail(&call.span, "row(…) is a row, not a value", help)
}

impl ConditionCompiler<'_, '_, '_> {
    /// `row.x`: of the row with the key that the condition is about.
    pub(in crate::rules) fn row_of_key(&mut self, fields: &[String], node: &Expression) -> Option<TypedTerm> {
        if let ConditionContext::OfItem(table) = self.context {
            return self.column_of(table, fields, Term::Key, node);
        }
        let table = match self.symbols.per {
            None => {
                let help = match self.context {
                    ConditionContext::When(_) => "use it in a segment whose `per` names a table",
                    _ => "name the table and the key: row('products', event.product_id).price",
                };
                return self.fail(&node.span, "`row` is the row of a key, and there is no key here", help);
            }
            Some(per) => self.symbols.per_tables.get(usize::from(per.0)).copied().flatten(),
        };
        let Some(table) = table else {
            let id = self.symbols.per.map(|per| self.symbols.per_order[usize::from(per.0)].clone());
            let id = id.unwrap_or_default();
            let help = format!("add `table` to [per.{id}]: table = \"products\"");
            return self.fail(&node.span, format!("[per.{id}] names no table whose rows these keys have"), help);
        };
        self.column_of(table, fields, Term::Key, node)
    }

    /// `row('products', KEY).x`
    pub(in crate::rules) fn row_of_call(
        &mut self,
        call: &FunctionCall,
        fields: &[String],
        node: &Expression,
    ) -> Option<TypedTerm> {
        let is_seen = match self.context {
            ConditionContext::Let(_) | ConditionContext::Campaign(_) | ConditionContext::Notice => true,
            ConditionContext::Taking(key) => key == "let",
            ConditionContext::When(_)
            | ConditionContext::Where(_)
            | ConditionContext::Row
            | ConditionContext::OfItem(_)
            | ConditionContext::OfMatch(_) => false,
        };
        if !is_seen {
            let help = match self.context {
                ConditionContext::When(_) => {
                    "use row.price in a segment whose `per` names the table, or ask when the event comes, in its `let`"
                }
                _ => "use it in `let` of the name, or in `if` and payload_from of a campaign",
            };
            return self.fail(&call.name_span, "row(…) cannot be asked for here", help);
        }
        let [table, key] = call.arguments.as_slice() else { return self.wrong_arguments(call) };
        let usage = "write row('products', event.product_id).price";
        let id = only_text(self, table, "the first argument must be the id of a table in quotes", usage);
        let key_node = key;
        let key = self.term(key);
        let id = id?;
        let Some(index) = self.symbols.tables.iter().position(|shape| shape.id == id) else {
            let known = self.symbols.tables.iter().map(|shape| shape.id.as_str());
            let help = self.problems.suggest(id, known, "tables");
            self.problems.add_missing(&table.span, format!("there is no table {}", shorten(id)), help);
            return None;
        };
        let key = key?;
        if matches!(key.kind, TermType::Duration | TermType::Bool) || key.motion.is_any() {
            let message = format!("a key is a text or a whole number, but this is {}", key.kind.described());
            return self.fail(&key_node.span, message, usage);
        }
        self.column_of(TableId(u16::try_from(index).ok()?), fields, key.term, node)
    }

    fn column_of(&mut self, table: TableId, fields: &[String], key: Term, node: &Expression) -> Option<TypedTerm> {
        let shape = &self.symbols.tables[usize::from(table.0)];
        if fields.is_empty() {
            let help = format!("add a name of its `keep`: row.{}", shape.columns.first().map_or("price", |name| name));
            return self.fail(&node.span, "`row` is not a value by itself", help);
        }
        let written = fields.join(".");
        let Some(column) = shape.columns.iter().position(|name| *name == written) else {
            let message = format!("[tables.{}] does not keep {}", shape.id, shorten(&written));
            let help = match self.problems.nearest(&written, shape.columns.iter().map(String::as_str)) {
                Some(name) => format!("did you mean `{name}`?"),
                None => "add it to `keep` of the table".to_owned(),
            };
            self.problems.add_missing(&node.span, message, help);
            return None;
        };
        let column = ColumnId(u16::try_from(column).ok()?);
        Some(TypedTerm::new(Term::Row { table, column, key: Box::new(key) }, TermType::Dynamic))
    }
}
