//! Payload fields that are lists of picks: `payload_from = { items = "picks('for_you', 4)" }` (semantics §20).

use super::RulesReader;
use crate::decimal::Decimal;
use crate::diagnostics::shorten;
use crate::rules::functions::PICKS;
use crate::rules::ruleset::{PayloadPicks, PickListId};
use crate::rules::syntax::{Expression, ExpressionKind, FunctionCall};

/// The most items of a list.
const ITEMS_MAX: u8 = 100;

/// The call, if the expression is one that asks for a list.
pub(super) fn call_of(expression: &Expression) -> Option<&FunctionCall> {
    match &expression.kind {
        ExpressionKind::Call(call) if call.name == PICKS => Some(call),
        _ => None,
    }
}

impl RulesReader<'_> {
    /// Reads `picks('for_you', 4)`.
    pub(super) fn payload_picks(&mut self, field: &str, call: &FunctionCall) -> Option<PayloadPicks> {
        let [id, items] = call.arguments.as_slice() else {
            self.problems.add(&call.span, "picks is not used like this", "write picks('for_you', 4)");
            return None;
        };
        let list = match &id.kind {
            ExpressionKind::Text(text) => {
                let place = self.symbols.pick_order.iter().position(|known| known == text);
                if place.is_none() {
                    let help = match self.symbols.pick_order.is_empty() {
                        true => "define them: [[picks]]".to_owned(),
                        false => {
                            self.problems.suggest(text, self.symbols.pick_order.iter().map(String::as_str), "picks")
                        }
                    };
                    self.problems.add_missing(&id.span, format!("there are no picks {}", shorten(text)), help);
                }
                place.and_then(|place| u16::try_from(place).ok()).map(PickListId)
            }
            ExpressionKind::Mistake => None,
            _ => {
                self.problems.add(&id.span, "picks are named by their id in quotes", "write picks('for_you', 4)");
                None
            }
        };
        let items = match &items.kind {
            ExpressionKind::Number(number) => {
                let known = (1..=ITEMS_MAX).find(|items| Decimal::from(u64::from(*items)) == *number);
                if known.is_none() {
                    let help = format!("a list has 1 to {ITEMS_MAX} items");
                    self.problems.add(&items.span, "this is no number of items", help);
                }
                known
            }
            ExpressionKind::Mistake => None,
            _ => {
                self.problems.add(
                    &items.span,
                    "how many items must be written as a number",
                    "write picks('for_you', 4)",
                );
                None
            }
        };
        Some(PayloadPicks { field: field.to_owned(), list: list?, items: items? })
    }
}
