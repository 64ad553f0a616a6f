//! `[[budgets]]`, and what a campaign says of them: `spends`, `coupon`, `settle`.

use std::collections::HashMap;

use strum::VariantNames;
use toml::de::DeValue;

use super::{RulesReader, condition_in, expression_in, payload};
use crate::decimal::Decimal;
use crate::diagnostics::{join_quoted, nearest, shorten};
use crate::document::{TomlSection, TomlValue, in_file_order, kind_of};
use crate::json::JsonText;
use crate::rules::compiler::{
    ConditionCompiler, ConditionContext, MatchTermContext, TermType, TriggeringMatch, TypedTerm,
};
use crate::rules::ruleset::{Budget, BudgetId, Coupon, Settlement, Spend, Term};
use crate::time::CalendarUnit;

/// Keys of a budget.
pub(in crate::rules) const BUDGET_KEYS: [&str; 4] = ["id", "limit", "per", "description"];
/// Keys of an entry of `spends`.
pub(in crate::rules) const SPEND_KEYS: [&str; 2] = ["budget", "cost"];
/// Keys of a coupon that the engine reads; others go into the payload.
const COUPON_KEYS: [&str; 6] = ["kind", "value", "min_spend", "valid", "prefix", "length"];
/// Keys of `settle`.
pub(in crate::rules) const SETTLE_KEYS: [&str; 4] = ["on", "when", "amount", "within"];

/// A prefix of codes is short enough to be typed.
const PREFIX_BYTES_MAX: usize = 32;
/// Characters that `length` can ask for.
const CODE_LENGTHS: std::ops::RangeInclusive<i64> = 6..=Coupon::LENGTH_MAX as i64;

impl<'t> RulesReader<'t> {
    /// Reads `[[budgets]]`.
    pub(super) fn budgets(&mut self, root: &TomlSection<'t>) -> Vec<Budget> {
        let tables = root.tables("budgets", &mut self.problems);
        if let Some((_, span)) = tables.get(usize::from(u16::MAX)) {
            self.problems.add(span, "there are more than 65,535 budgets", "");
            return Vec::new();
        }
        let mut ids = HashMap::new();
        let mut budgets = Vec::with_capacity(tables.len());
        for (table, span) in tables {
            let mut section = TomlSection::open("this budget", span, table, &BUDGET_KEYS, &mut self.problems);
            let id = section.needed_string("id", "\"summer\"", &mut self.problems);
            if let Some(id) = &id {
                section.title = format!("budget `{}`", id.get_ref());
                self.check_id("budget id", id.get_ref(), &id.span());
                if let Some(first) = ids.insert(*id.get_ref(), id.span().start) {
                    let message = format!("budget `{}` is defined twice", id.get_ref());
                    let line = self.problems.line_of(first);
                    let help = format!("it is already defined on line {line}; give one of them another id");
                    self.problems.add(&id.span(), message, help);
                }
                self.symbols.budget_order.push((*id.get_ref()).to_owned());
            }
            budgets.extend(self.budget(&section, id.map(|id| *id.get_ref()).unwrap_or_default()));
        }
        budgets
    }

    fn budget(&mut self, section: &TomlSection<'t>, id: &str) -> Option<Budget> {
        section.need("limit", "10000", &mut self.problems);
        let limit = section.get("limit").and_then(|value| self.limit(value));
        let per = match section.string("per", &mut self.problems) {
            Some(text) => Some(self.calendar_unit(text.get_ref(), &text.span())?),
            None => None,
        };
        let description = section.string("description", &mut self.problems).map(|text| (*text.get_ref()).to_owned());
        Some(Budget { id: id.to_owned(), description: description.unwrap_or_default(), limit: limit?, per })
    }

    /// A number as it is written, to the millionth.
    fn limit(&mut self, value: &TomlValue<'t>) -> Option<Decimal> {
        let help = "write a number of at least 0: limit = 10000";
        let written = match value.get_ref() {
            DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str(),
            DeValue::Float(float) => float.as_str(),
            other => {
                let message = format!("`limit` must be a number, but this is {}", kind_of(other));
                self.problems.add(&value.span(), message, help);
                return None;
            }
        };
        match Decimal::parse(written.trim_start_matches('+')) {
            Some(limit) if limit < Decimal::ZERO => {
                self.problems.add(&value.span(), format!("a limit of {written} would grant nothing"), help);
                None
            }
            Some(limit) if limit <= Decimal::GIVEN_MAX => Some(limit),
            _ => {
                let message = format!("{} is no limit", shorten(written));
                self.problems.add(&value.span(), message, "limits go from 0 to 10^24, to the millionth");
                None
            }
        }
    }

    fn calendar_unit(&mut self, text: &str, span: &std::ops::Range<usize>) -> Option<CalendarUnit> {
        if let Ok(unit) = text.parse() {
            return Some(unit);
        }
        let help = match nearest(text, CalendarUnit::VARIANTS.iter().copied()) {
            Some(unit) => format!("did you mean `{unit}`?"),
            None => "leave `per` out for a budget that is never filled again".to_owned(),
        };
        let units = join_quoted(CalendarUnit::VARIANTS);
        self.problems.add(span, format!("`per` must be one of {units}, not {}", shorten(text)), help);
        None
    }

    /// `spends` of a campaign.
    pub(super) fn spends(&mut self, section: &TomlSection<'t>, context: ConditionContext) -> Vec<Spend> {
        let mut spends: Vec<Spend> = Vec::new();
        for (table, span) in section.tables("spends", &mut self.problems) {
            let title = format!("an entry of `spends` of {}", section.title);
            let entry = TomlSection::open(title, span, table, &SPEND_KEYS, &mut self.problems);
            let budget = entry.needed_string("budget", "\"summer\"", &mut self.problems);
            entry.need("cost", "\"20\"", &mut self.problems);
            let cost = entry.get("cost").and_then(|value| self.number_term("cost", value, context));
            let Some((budget, id)) = budget.and_then(|text| Some((self.budget_id(&text)?, text))) else { continue };
            if spends.iter().any(|spend| spend.budget == budget) {
                let message = format!("budget `{}` is named twice", id.get_ref());
                self.problems.add(&id.span(), message, "add the two costs up in one entry");
                continue;
            }
            spends.extend(cost.map(|cost| Spend { budget, cost }));
        }
        spends
    }

    fn budget_id(&mut self, text: &toml::Spanned<&str>) -> Option<BudgetId> {
        let order = &self.symbols.budget_order;
        let Some(index) = order.iter().position(|id| id == text.get_ref()) else {
            let help = self.problems.suggest(text.get_ref(), order.iter().map(String::as_str), "budgets");
            let message = format!("there is no budget {} in [[budgets]]", shorten(text.get_ref()));
            self.problems.add_missing(&text.span(), message, help);
            return None;
        };
        u16::try_from(index).ok().map(BudgetId)
    }

    /// A term in quotes that has a number.
    pub(super) fn number_term(
        &mut self,
        key: &str,
        value: &'t TomlValue<'t>,
        context: ConditionContext,
    ) -> Option<Term> {
        let DeValue::String(text) = value.get_ref() else {
            let message = format!("`{key}` is an expression in quotes, but this is {}", kind_of(value.get_ref()));
            self.problems.add(&value.span(), message, format!("write {key} = \"20\" or {key} = \"event.total * 0.1\""));
            return None;
        };
        let text = toml::Spanned::new(value.span(), text.as_ref());
        let node = expression_in(self.file, &text, &mut self.problems)?;
        let mut compiler = ConditionCompiler { symbols: &mut self.symbols, problems: &mut self.problems, context };
        let TypedTerm { term, kind, .. } = compiler.term(&node)?;
        if matches!(kind, TermType::Number | TermType::Dynamic) {
            return Some(term);
        }
        let message = format!("`{key}` must be a number, but this is {}", kind.described());
        self.problems.add(&value.span(), message, "");
        None
    }

    /// `coupon` of a campaign.
    pub(super) fn coupon(&mut self, section: &TomlSection<'t>) -> Option<Coupon> {
        let (table, span) = section.table("coupon", &mut self.problems)?;
        for (key, key_span, _) in in_file_order(table) {
            if let Some(known) = nearest(key, COUPON_KEYS).filter(|known| *known != key) {
                let message = format!("a coupon has no key {}", shorten(key));
                self.problems.add(&key_span, message, format!("did you mean `{known}`?"));
            } else if matches!(key, "code" | "valid_until") {
                let message = format!("`{key}` is what the engine adds to the payload");
                self.problems.add(&key_span, message, "give this field another name");
            }
        }
        let coupon = TomlSection::of_any_keys(format!("the coupon of {}", section.title), span, table);
        coupon.need("valid", "\"7d\"", &mut self.problems);
        let valid = coupon.duration("valid", &mut self.problems);
        let prefix = coupon.string("prefix", &mut self.problems);
        if let Some(prefix) = &prefix
            && (prefix.get_ref().len() > PREFIX_BYTES_MAX
                || !prefix.get_ref().bytes().all(|byte| byte.is_ascii_graphic()))
        {
            let message = format!("{} cannot begin a code", shorten(prefix.get_ref()));
            let help = format!("use letters, digits and signs without blanks, at most {PREFIX_BYTES_MAX} of them");
            self.problems.add(&prefix.span(), message, help);
        }
        let length = coupon.integer("length", CODE_LENGTHS, &mut self.problems);
        for key in ["value", "min_spend"] {
            coupon.number(key, 0.0..=f64::MAX, &mut self.problems);
        }
        let fields = payload::object(table, &mut self.problems);
        Some(Coupon {
            fields: fields.iter().map(|(key, value)| (key.clone(), JsonText::of(value))).collect(),
            valid: valid?,
            prefix: prefix.map(|prefix| (*prefix.get_ref()).to_owned()).unwrap_or_default(),
            length: length.and_then(|length| usize::try_from(length).ok()).unwrap_or(Coupon::DEFAULT_LENGTH),
        })
    }

    /// `settle` of a campaign.
    pub(super) fn settlement(
        &mut self,
        section: &TomlSection<'t>,
        spends: &[Spend],
        coupon: Option<&Coupon>,
    ) -> Option<Settlement> {
        let (table, span) = section.table("settle", &mut self.problems)?;
        if spends.is_empty() && section.get("spends").is_none() {
            let help = "add `spends`: the budgets whose costs are reserved until then";
            self.problems.add(&span, "`settle` says what was spent, but this campaign spends nothing", help);
        }
        let title = format!("`settle` of {}", section.title);
        let settle = TomlSection::open(title, span.clone(), table, &SETTLE_KEYS, &mut self.problems);
        let name = settle.needed_string("on", "\"order\"", &mut self.problems);
        let on = name.and_then(|name| self.event_name(&name));
        let of = on.map_or(TriggeringMatch::Unknown, TriggeringMatch::Of);
        let has_code = section.get("coupon").is_some();
        let context = |key| ConditionContext::OfMatch(MatchTermContext { of, key, has_code });
        let when = match settle.string("when", &mut self.problems) {
            Some(text) => {
                let when = condition_in(self.file, &text, context("when"), &mut self.symbols, &mut self.problems);
                Some(when?)
            }
            None => None,
        };
        let amount = match settle.get("amount") {
            Some(value) => Some(self.number_term("amount", value, context("amount"))?),
            None => None,
        };
        let within = settle.duration("within", &mut self.problems).or(coupon.map(|coupon| coupon.valid));
        if within.is_none() && settle.get("within").is_none() && section.get("coupon").is_none() {
            let help = "add within = \"14d\": what is not settled by then is free again";
            self.problems.add(&span, "`settle` does not say how long the costs are reserved", help);
        }
        Some(Settlement { on: on?, when, amount, within: within? })
    }
}
