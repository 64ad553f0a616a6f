//! Reads the lists that belong to the growth numbers: `[[funnels]]`, `[[promotions]]`, `[[targets]]`.

use std::ops::Range;
use std::str::FromStr;

use jiff::civil::DateTime;
use strum::VariantNames;
use toml::Spanned;
use toml::de::DeValue;

use super::{FUNNELS_MAX, Funnel, Metric, PROMOTIONS_MAX, Period, Promotion, STEPS_MAX, TARGETS_MAX, Target};
use crate::diagnostics::{join_quoted, shorten, suggest};
use crate::document::{TomlSection, kind_of};
use crate::rules::ruleset::NameId;
use crate::rules::tables::RulesReader;

/// Keys of a funnel.
pub(crate) const FUNNEL_KEYS: [&str; 3] = ["id", "steps", "within"];
/// Keys of a promotion.
pub(crate) const PROMOTION_KEYS: [&str; 4] = ["id", "starts", "ends", "budget"];
/// Keys of a target.
pub(crate) const TARGET_KEYS: [&str; 4] = ["id", "metric", "period", "value"];

/// The most that a target or a budget can be, of whatever it counts.
const VALUE_MAX: f64 = 1e15;

/// Which kinds of sales the rules define, or try to.
#[derive(Clone, Copy)]
pub(super) struct SaleRules {
    pub(super) orders: bool,
    pub(super) refunds: bool,
}

impl<'t> RulesReader<'t> {
    /// Opens the tables of an array, which may be `most`.
    fn parts(
        &mut self,
        root: &TomlSection<'t>,
        what: &str,
        key: &str,
        keys: &[&'static str],
        most: usize,
    ) -> Vec<TomlSection<'t>> {
        let tables = root.tables(key, &mut self.problems);
        if let Some((_, span)) = tables.get(most) {
            self.problems.add(span, format!("there are more than {most} {key}"), "");
        }
        let open = |(table, span)| TomlSection::open(format!("this {what}"), span, table, keys, &mut self.problems);
        tables.into_iter().map(open).collect()
    }

    /// Checks that an id is valid, and unique among those of its kind.
    fn part_id(&mut self, what: &str, id: &str, span: &Range<usize>, before: &mut Vec<String>) -> Option<String> {
        let is_id = self.check_id(&format!("{what} id"), id, span);
        if before.iter().any(|other| other == id) {
            let message = format!("{what} `{id}` is defined twice");
            self.problems.add(span, message, "give one of them another id");
            return None;
        }
        before.push(id.to_owned());
        is_id.then(|| id.to_owned())
    }

    pub(super) fn funnels(&mut self, root: &TomlSection<'t>) -> Vec<Funnel> {
        let (mut funnels, mut ids) = (Vec::new(), Vec::new());
        for section in self.parts(root, "funnel", "funnels", &FUNNEL_KEYS, FUNNELS_MAX) {
            let id = section.needed_string("id", "\"purchase\"", &mut self.problems);
            let id = id.and_then(|id| self.part_id("funnel", id.get_ref(), &id.span(), &mut ids));
            section.need("steps", "[\"view\", \"cart\", \"order\"]", &mut self.problems);
            section.need("within", "\"1d\"", &mut self.problems);
            let within = section.duration("within", &mut self.problems);
            let names = section.strings("steps", &mut self.problems);
            if let Some(names) = &names
                && !(2..=STEPS_MAX).contains(&names.len())
            {
                let span = section.get("steps").map_or(section.span.clone(), Spanned::span);
                let message = format!("a funnel has 2 to {STEPS_MAX} steps, but this has {}", names.len());
                self.problems.add(&span, message, "");
            }
            let steps: Option<Vec<NameId>> =
                names.map(|names| names.iter().filter_map(|name| self.event_name(name)).collect());
            if let (Some(id), Some(within), Some(steps)) = (id, within, steps) {
                funnels.push(Funnel { id, steps, within });
            }
        }
        funnels
    }

    pub(super) fn promotions(&mut self, root: &TomlSection<'t>) -> Vec<Promotion> {
        let (mut promotions, mut ids) = (Vec::new(), Vec::new());
        for section in self.parts(root, "promotion", "promotions", &PROMOTION_KEYS, PROMOTIONS_MAX) {
            let id = section.needed_string("id", "\"spring_sale\"", &mut self.problems);
            let id = id.and_then(|id| self.part_id("promotion", id.get_ref(), &id.span(), &mut ids));
            section.need("starts", "\"2026-11-27\"", &mut self.problems);
            section.need("ends", "\"2026-11-30\"", &mut self.problems);
            let starts = self.local_hour(&section, "starts");
            let ends = self.local_hour(&section, "ends");
            let (Some(id), Some(starts), Some(ends)) = (id, starts, ends) else { continue };
            if starts >= ends {
                let span = section.get("ends").map_or(section.span.clone(), Spanned::span);
                self.problems.add(&span, format!("promotion `{id}` ends before it starts"), "");
            }
            let budget = section.number("budget", 0.0..=VALUE_MAX, &mut self.problems).map(millionths);
            if budget == Some(0) {
                let span = section.get("budget").map_or(section.span.clone(), Spanned::span);
                self.problems.add(&span, "a budget must be above 0", "omit it if there is none");
            }
            promotions.push(Promotion { id, starts, ends, budget });
        }
        promotions
    }

    /// A date, or a date with a full hour, by the business's clocks: a TOML date, or the same as a text.
    fn local_hour(&mut self, section: &TomlSection<'t>, key: &str) -> Option<DateTime> {
        let value = section.get(key)?;
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Datetime(date) => date.to_string(),
            other => {
                let message = format!("`{key}` must be a date, but this is {}", kind_of(other));
                self.problems.add(&value.span(), message, "write \"2026-11-27\" or \"2026-11-27T18:00\"");
                return None;
            }
        };
        let has_offset = text.ends_with(['Z', 'z']) || text.rfind('+').is_some();
        match text.parse::<DateTime>().ok().filter(|_| !has_offset) {
            Some(at) if (at.minute(), at.second(), at.subsec_nanosecond()) == (0, 0, 0) => {
                if (1970..2149).contains(&at.year()) {
                    return Some(at);
                }
                self.problems.add(&value.span(), format!("`{key}` must be between 1970 and 2148"), "");
            }
            Some(_) => self.problems.add(&value.span(), format!("`{key}` must be on a full hour"), ""),
            None => {
                let help = "write \"2026-11-27\" or \"2026-11-27T18:00\", in the time zone of [growth]";
                self.problems.add(&value.span(), format!("{} is not a date", shorten(&text)), help);
            }
        }
        None
    }

    /// Reads the targets; `defined` says whether the rules define an order, and a refund.
    pub(super) fn targets(&mut self, root: &TomlSection<'t>, defined: SaleRules) -> Vec<Target> {
        let (mut targets, mut ids) = (Vec::new(), Vec::new());
        for section in self.parts(root, "target", "targets", &TARGET_KEYS, TARGETS_MAX) {
            let metric = self.one_of::<Metric>(&section, "metric", "metrics");
            let period = self.one_of::<Period>(&section, "period", "periods");
            section.need("value", "1200000", &mut self.problems);
            let value = section.number("value", 0.0..=VALUE_MAX, &mut self.problems);
            let (Some(metric), Some(period), Some(value)) = (metric, period, value) else { continue };
            self.require_sale_rules(&section, metric, defined);
            let value = if metric.is_money() { millionths(value) } else { value.round_ties_even() as i128 };
            if value == 0 {
                let span = section.get("value").map_or(section.span.clone(), Spanned::span);
                self.problems.add(&span, "a target must be above 0", "");
            }
            let given = section.string("id", &mut self.problems);
            let span = given.as_ref().map_or(section.span.clone(), Spanned::span);
            let id = given.map_or_else(|| format!("{metric}_{period}"), |id| (*id.get_ref()).to_owned());
            if let Some(id) = self.part_id("target", &id, &span, &mut ids) {
                targets.push(Target { id, metric, period, value });
            }
        }
        targets
    }

    /// Refuses a target for a metric that is never counted, since it would never be reached.
    fn require_sale_rules(&mut self, section: &TomlSection<'t>, metric: Metric, defined: SaleRules) {
        let (what, key, event) = match metric {
            _ if metric.needs_orders() && !defined.orders => ("an order", "orders", "Order Completed"),
            Metric::Revenue if !defined.refunds => ("a refund", "refunds", "Order Refunded"),
            _ => return,
        };
        let span = section.get("metric").map_or(section.span.clone(), Spanned::span);
        let message = format!("there is no `{metric}` to reach: these rules do not say what {what} is");
        let mut help =
            format!("name one of [events] as `{key}` in [growth], or give Segment's \"{event}\" a name in [events]");
        if metric == Metric::Revenue && defined.orders {
            help.push_str("; without refunds, set the target on `gmv`");
        }
        self.problems.add(&span, message, help);
    }

    /// The variant that a key names.
    fn one_of<T: FromStr + VariantNames>(&mut self, section: &TomlSection<'t>, key: &str, plural: &str) -> Option<T> {
        let text = section.needed_string(key, &format!("\"{}\"", T::VARIANTS[0]), &mut self.problems)?;
        let found = T::from_str(text.get_ref()).ok();
        if found.is_none() {
            let known = T::VARIANTS;
            let message = format!("a target's {key} is one of {}, not {}", join_quoted(known), shorten(text.get_ref()));
            let help = suggest(text.get_ref(), known.iter().copied(), plural);
            self.problems.add(&text.span(), message, help);
        }
        found
    }
}

fn millionths(amount: f64) -> i128 {
    (amount * 1e6).round_ties_even() as i128
}
