//! The functions of the language.
//!
//! [`FUNCTIONS`] is the only list of them. To add a function, add an entry, write the `compile` that it names in the file of
//! its group, and describe it in `docs/rules.md` (a test fails until it is there). CONTRIBUTING.md has the whole recipe.
//!
//! | file | functions |
//! |---|---|
//! | `window` | over a window |
//! | `history` | over all events of the user |
//! | `moment` | of dates, and of the user's local time |
//! | `model` | of models: who is still a customer |
//! | `points` | of a ledger of points |
//! | `rank` | of what came of a taking |
//! | `consent` | of what the user consents to |
//! | `group` | of groups: shares of a total |
//! | `row` | of rows of a table |
//! | `segment` | of memberships and keys |
//! | `value` | of values that are given: literals, traits, properties |
//! | `argument` | the argument that most share: an event or a property of it |

mod argument;
mod consent;
mod group;
mod history;
mod model;
mod moment;
mod points;
mod rank;
mod row;
mod segment;
mod value;
mod window;

use super::compiler::{ConditionCompiler, Motion, TypedTerm};
use super::ruleset::Term;
use super::syntax::{Expression, ExpressionKind, FunctionCall};
use crate::diagnostics::{join_quoted, nearest, shorten};

/// A function of the language.
pub(super) struct Function {
    pub(super) name: &'static str,
    /// An example call, for help texts.
    pub(super) usage: &'static str,
    /// It reads the history of the user, which `where` does not see.
    reads_history: bool,
    /// Checks the arguments and compiles a call. `None`: it has mistakes, and each was reported.
    compile: fn(&mut ConditionCompiler<'_, '_, '_>, &FunctionCall) -> Option<TypedTerm>,
}

impl Function {
    /// Whether it asks about matches, or memberships, of a user or of an instance of a key.
    pub(super) fn is_of_matches(&self) -> bool {
        (self.reads_history && !OF_USERS.contains(&self.name)) || matches!(self.name, "in_segment" | "keys_in")
    }
}

/// Functions that read the history of the user whom a condition is about, also where it is about a key.
const OF_USERS: [&str; 11] =
    ["p_alive", "expected", "clv", "balance", "earned", "spent", "expiring", "consent", "rank", "quantile", "ranked"];

/// Others that only a user can be asked.
const OF_ONE_USER: [&str; 4] = ["keys_in", "hour", "weekday", "code"];

/// Every function.
#[rustfmt::skip]
pub(super) const FUNCTIONS: [Function; 41] = [
    Function { name: "count", usage: "count(order, '7d')", reads_history: true, compile: window::count },
    Function { name: "sum", usage: "sum(order.total, '7d')", reads_history: true, compile: window::sum },
    Function { name: "min", usage: "min(order.total, '7d')", reads_history: true, compile: window::min },
    Function { name: "max", usage: "max(order.total, '7d')", reads_history: true, compile: window::max },
    Function { name: "avg", usage: "avg(order.total, '7d')", reads_history: true, compile: window::avg },
    Function { name: "distinct", usage: "distinct(view.category, '7d')", reads_history: true, compile: window::distinct },
    Function { name: "total", usage: "total(order) or total(order.total)", reads_history: true, compile: history::total },
    Function { name: "last", usage: "last(order.total)", reads_history: true, compile: history::last },
    Function { name: "first", usage: "first(order.total)", reads_history: true, compile: history::first },
    Function { name: "since", usage: "since(order)", reads_history: true, compile: history::since },
    Function { name: "gap", usage: "gap(order)", reads_history: true, compile: history::gap },
    Function { name: "usual_gap", usage: "usual_gap(order)", reads_history: true, compile: history::usual_gap },
    Function { name: "days", usage: "days(order, 30)", reads_history: true, compile: history::days },
    Function { name: "streak", usage: "streak(login)", reads_history: true, compile: history::streak },
    Function { name: "followed", usage: "followed(view, order, '1h')", reads_history: true, compile: history::followed },
    Function { name: "idle", usage: "idle()", reads_history: true, compile: history::idle },
    Function { name: "age", usage: "age()", reads_history: true, compile: history::age },
    Function { name: "balance", usage: "balance('points')", reads_history: true, compile: points::balance },
    Function { name: "earned", usage: "earned('points', '365d')", reads_history: true, compile: points::earned },
    Function { name: "spent", usage: "spent('points', '30d')", reads_history: true, compile: points::spent },
    Function { name: "expiring", usage: "expiring('points', '30d')", reads_history: true, compile: points::expiring },
    Function { name: "rank", usage: "rank('spend')", reads_history: true, compile: rank::rank },
    Function { name: "quantile", usage: "quantile('spend')", reads_history: true, compile: rank::quantile },
    Function { name: "ranked", usage: "ranked('spend')", reads_history: true, compile: rank::ranked },
    Function { name: "consent", usage: "consent('marketing')", reads_history: true, compile: consent::consent },
    Function { name: "in_segment", usage: "in_segment('dormant')", reads_history: false, compile: segment::in_segment },
    Function { name: "keys_in", usage: "keys_in('cart_left')", reads_history: false, compile: segment::keys_in },
    Function { name: "key", usage: "key()", reads_history: false, compile: segment::key },
    Function { name: "part", usage: "part(100, 5, total(join))", reads_history: false, compile: group::part },
    Function { name: "row", usage: "row('products', event.product_id).price", reads_history: false, compile: row::row },
    Function { name: "code", usage: "code()", reads_history: false, compile: segment::code },
    Function { name: "duration", usage: "duration('45m')", reads_history: false, compile: value::duration },
    Function { name: "has", usage: "has(traits.email)", reads_history: false, compile: value::has },
    Function { name: "number", usage: "number(last(order.total)) or number(properties.total)", reads_history: false, compile: value::number },
    Function { name: "until", usage: "until(traits.renewal)", reads_history: false, compile: moment::until },
    Function { name: "anniversary", usage: "anniversary(traits.birthday)", reads_history: false, compile: moment::anniversary },
    Function { name: "hour", usage: "hour()", reads_history: false, compile: moment::hour },
    Function { name: "weekday", usage: "weekday()", reads_history: false, compile: moment::weekday },
    Function { name: "p_alive", usage: "p_alive('buying')", reads_history: true, compile: model::p_alive },
    Function { name: "expected", usage: "expected('buying', '90d')", reads_history: true, compile: model::expected },
    Function { name: "clv", usage: "clv('buying', '365d')", reads_history: true, compile: model::clv },
];

/// What asks for a list of picks. It is no value, and so no function: it stands alone, in `payload_from`.
pub(super) const PICKS: &str = "picks";

/// Methods of a text: `x.startsWith(…)`.
pub(super) const METHODS: [&str; 4] = ["startsWith", "endsWith", "contains", "matches"];

/// The function of a name.
pub(super) fn named(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

/// The names of all functions.
pub(super) fn names() -> [&'static str; FUNCTIONS.len()] {
    FUNCTIONS.map(|function| function.name)
}

impl ConditionCompiler<'_, '_, '_> {
    /// Compiles a call.
    pub(super) fn call(&mut self, call: &FunctionCall) -> Option<TypedTerm> {
        let Some(function) = named(&call.name) else { return self.unknown_function(call) };
        if let Some(key) = self.context.event_key().filter(|_| function.reads_history) {
            let name = function.name;
            let message = format!("`{key}` sees only one event and the traits, but {name}() reads the user's history");
            return self.fail(&call.name_span, message, "use it in a segment's `when` or a campaign's `if`");
        }
        if self.symbols.group.is_some() && (OF_USERS.contains(&function.name) || OF_ONE_USER.contains(&function.name)) {
            let message = format!("{}() asks about a user, and this is about a group", function.name);
            return self.fail(
                &call.name_span,
                message,
                "a group knows the matches that bear its key, and its segments",
            );
        }
        let typed = (function.compile)(self, call)?;
        if typed.term.is_moving_function() {
            let motion = Motion::of_function(&call.span);
            // It does not change at an even rate.
            let motion = if matches!(typed.term, Term::Model(_)) { motion.bent() } else { motion };
            return Some(TypedTerm { motion, ..typed });
        }
        Some(typed)
    }

    fn unknown_function<T>(&mut self, call: &FunctionCall) -> Option<T> {
        let name = call.name.as_str();
        if name == PICKS {
            let help = "it stands alone in a campaign's payload_from: { items = \"picks('for_you', 4)\" }";
            return self.fail(&call.name_span, "picks() is a list of items, and no value", help);
        }
        let help = if METHODS.contains(&name) {
            format!("it stands after a dot: traits.email.{name}('…')")
        } else {
            match nearest(name, names()) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("the functions are {}", join_quoted(&names())),
            }
        };
        self.fail(&call.name_span, format!("there is no function {}", shorten(name)), help)
    }

    /// Reports a call with a wrong number of arguments.
    fn wrong_arguments<T>(&mut self, call: &FunctionCall) -> Option<T> {
        let usage = named(&call.name).map_or("", |function| function.usage);
        self.fail(&call.span, format!("{} is not used like this", call.name), format!("write {usage}"))
    }
}

/// The argument of a call, which must be a text in quotes.
fn only_text<'c>(
    compiler: &mut ConditionCompiler<'_, '_, '_>,
    argument: &'c Expression,
    message: &str,
    help: &str,
) -> Option<&'c str> {
    match &argument.kind {
        ExpressionKind::Text(text) => Some(text),
        ExpressionKind::Mistake => None,
        _ => compiler.fail(&argument.span, message, help),
    }
}
