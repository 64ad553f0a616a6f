//! Reads the sections of the growth numbers.

use std::ops::Range;
use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use strum::VariantNames;
use toml::Spanned;
use toml::de::DeValue;

use super::super::diagnostic::{join_quoted, shorten, suggest};
use super::super::document::{Section, in_file_order, kind_of};
use super::super::program::{EventName, NameId, SegmentId};
use super::super::reader::Reader;
use super::super::scope::{Place, Scope};
use super::{
    CHANNELS_MAX, Channel, DEFAULT_CHANNELS, FUNNELS_MAX, Funnel, GrowthRules, LifecycleStage, Metric, OrderRules,
    PROMOTIONS_MAX, Period, Promotion, RefundRules, STEPS_MAX, Stage, TARGETS_MAX, Target,
};
use crate::event::{Call, FieldId};
use crate::time::Span;

/// Keys of `[growth]`.
pub(crate) const GROWTH_KEYS: [&str; 15] = [
    "timezone",
    "session_gap",
    "own_hosts",
    "orders",
    "refunds",
    "carts",
    "checkouts",
    "order_value",
    "order_id",
    "refund_value",
    "discount",
    "coupon",
    "category",
    "channels",
    "lifecycle",
];
/// Keys of a funnel.
pub(crate) const FUNNEL_KEYS: [&str; 3] = ["id", "steps", "within"];
/// Keys of a promotion.
pub(crate) const PROMOTION_KEYS: [&str; 4] = ["id", "starts", "ends", "budget"];
/// Keys of a target.
pub(crate) const TARGET_KEYS: [&str; 4] = ["id", "metric", "period", "value"];

/// The sections that need `[growth]`.
const PARTS: [&str; 3] = ["funnels", "promotions", "targets"];

const SESSION_GAP: Span = Span(30 * 60_000);
/// The most that a target or a budget can be, of whatever it counts.
const VALUE_MAX: f64 = 1e15;

impl<'t> Reader<'t> {
    /// Reads `[growth]` and what belongs to it; events and segments are known by now. `None`: the rules ask for none.
    pub(in super::super) fn growth(
        &mut self,
        root: &Section<'t>,
        names: &[EventName],
        (timezone, timezone_name): (TimeZone, String),
    ) -> Option<GrowthRules> {
        let Some((table, span)) = root.table("growth", &mut self.problems) else {
            for part in PARTS.into_iter().filter(|_| root.get("growth").is_none()) {
                if let Some(value) = root.get(part) {
                    let message = format!("[[{part}]] belongs to the growth numbers, and these rules have no [growth]");
                    self.problems.add(&value.span(), message, "add a section [growth]; it may be empty");
                }
            }
            return None;
        };
        let section = Section::open("[growth]", span, table, &GROWTH_KEYS, &mut self.problems);
        let (timezone, timezone_name) = match section.get("timezone") {
            Some(_) => self.timezone(&section),
            None => (timezone, timezone_name),
        };
        let session_gap = section.duration("session_gap", &mut self.problems).unwrap_or(SESSION_GAP);
        let own_hosts = section.strings("own_hosts", &mut self.problems).unwrap_or_default();
        let (orders, refunds) = (self.orders(&section, names), self.refunds(&section, names));
        // What is named wrongly is a mistake already.
        let knows = [
            orders.is_some() || section.get("orders").is_some(),
            refunds.is_some() || section.get("refunds").is_some(),
        ];
        Some(GrowthRules {
            timezone,
            timezone_name,
            session_gap,
            channels: self.channels(&section),
            own_hosts: own_hosts.iter().map(|host| host.get_ref().to_lowercase()).collect(),
            campaign_source: self.growth_field(&section, "context", &["campaign", "source"])?,
            referrer: self.growth_field(&section, "context", &["page", "referrer"])?,
            orders,
            refunds,
            carts: self.named(&section, "carts", "Product Added", names),
            checkouts: self.named(&section, "checkouts", "Checkout Started", names),
            stages: self.stages(&section),
            funnels: self.funnels(root),
            promotions: self.promotions(root),
            targets: self.targets(root, knows),
        })
    }

    /// The event that a key names; left out, the name of `[events]` that takes all of Segment's event.
    fn named(
        &mut self,
        section: &Section<'t>,
        key: &'static str,
        default: &str,
        names: &[EventName],
    ) -> Option<NameId> {
        match section.string(key, &mut self.problems) {
            Some(name) => self.event_name(&name),
            None if section.get(key).is_some() => None,
            None => {
                let takes_all = |name: &EventName| {
                    name.call == Call::Track && name.event.as_deref() == Some(default) && name.filter.is_none()
                };
                let at = names.iter().position(takes_all)?;
                self.world.names.get(&names[at].id).copied()
            }
        }
    }

    /// The name of `[events]` that a text is.
    fn event_name(&mut self, name: &Spanned<&'t str>) -> Option<NameId> {
        let found = self.world.names.get(*name.get_ref()).copied();
        if found.is_none() {
            let known = self.world.name_order.iter().map(String::as_str);
            let help = self.problems.suggest(name.get_ref(), known, "events");
            self.problems.add(&name.span(), format!("there is no event {}", shorten(name.get_ref())), help);
        }
        found
    }

    /// The property that a key names, or that of the default name.
    fn property(&mut self, section: &Section<'t>, key: &'static str, default: &str) -> Option<FieldId> {
        let named = section.string(key, &mut self.problems);
        let path = named.as_ref().map_or(default, |named| named.get_ref());
        let parts: Vec<&str> = path.split('.').collect();
        if parts.iter().any(|part| part.is_empty()) {
            let span = named.map_or(section.span.clone(), |named| named.span());
            let help = "write the name of a property of the event, like \"total\" or \"pricing.total\"";
            self.problems.add(&span, format!("{} is no property", shorten(path)), help);
            return None;
        }
        self.growth_field(section, "properties", &parts)
    }

    fn growth_field(&mut self, section: &Section<'t>, root: &str, parts: &[&str]) -> Option<FieldId> {
        let path = std::iter::once(root).chain(parts.iter().copied()).map(str::to_owned).collect();
        let id = self.world.memory.field(path);
        Scope { world: &mut self.world, problems: &mut self.problems, place: Place::Where }
            .within_limits(&section.span, id)
    }

    fn orders(&mut self, section: &Section<'t>, names: &[EventName]) -> Option<OrderRules> {
        let name = self.named(section, "orders", "Order Completed", names);
        let [value, discount, coupon, category, order_id] = [
            self.property(section, "order_value", "total"),
            self.property(section, "discount", "discount"),
            self.property(section, "coupon", "coupon"),
            self.property(section, "category", "category"),
            self.property(section, "order_id", "order_id"),
        ];
        Some(OrderRules {
            name: name?,
            value: value?,
            discount: discount?,
            coupon: coupon?,
            category: category?,
            order_id: order_id?,
        })
    }

    fn refunds(&mut self, section: &Section<'t>, names: &[EventName]) -> Option<RefundRules> {
        let name = self.named(section, "refunds", "Order Refunded", names);
        let value = self.property(section, "refund_value", "total");
        Some(RefundRules { name: name?, value: value? })
    }

    fn channels(&mut self, section: &Section<'t>) -> Vec<Channel> {
        if section.get("channels").is_none() {
            let channel = |(name, sources): (&str, &[&str])| Channel {
                name: name.to_owned(),
                sources: sources.iter().map(|source| (*source).to_owned()).collect(),
            };
            return DEFAULT_CHANNELS.into_iter().map(channel).collect();
        }
        let Some((table, span)) = section.table("channels", &mut self.problems) else { return Vec::new() };
        let entries = in_file_order(table);
        if entries.len() > CHANNELS_MAX {
            let message = format!("there are {} channels; the most is {CHANNELS_MAX}", entries.len());
            self.problems.add(&span, message, "whoever comes by none of them counts under `other`");
        }
        let mut channels: Vec<Channel> = Vec::new();
        for (name, span, _) in entries {
            self.check_id("channel", name, &span);
            if name == "direct" || name == "other" {
                let help = "it is there by itself: take it out";
                self.problems.add(&span, format!("`{name}` cannot be given sources"), help);
            }
            let listed =
                Section::open("[growth.channels]", span, table, &[], &mut super::super::diagnostic::Problems::new(""));
            let mut sources = Vec::new();
            for source in listed.strings(name, &mut self.problems).unwrap_or_default() {
                let lower = source.get_ref().to_lowercase();
                let before = channels.iter().find(|channel: &&Channel| channel.sources.contains(&lower));
                if let Some(before) = before {
                    let message = format!("{} stands for `{}` already", shorten(source.get_ref()), before.name);
                    self.problems.add(&source.span(), message, "a source belongs to one channel");
                }
                sources.push(lower);
            }
            channels.push(Channel { name: name.to_owned(), sources });
        }
        channels
    }

    fn stages(&mut self, section: &Section<'t>) -> Vec<LifecycleStage> {
        let Some((table, span)) = section.table("lifecycle", &mut self.problems) else { return Vec::new() };
        let listed = Section::open("[growth.lifecycle]", span, table, Stage::VARIANTS, &mut self.problems);
        let mut stages = Vec::new();
        for (name, _, _) in in_file_order(table) {
            let Ok(stage) = Stage::from_str(name) else { continue };
            if let Some(segment) = listed.string(name, &mut self.problems)
                && let Some(segment) = self.segment_named(&segment)
            {
                stages.push(LifecycleStage { stage, segment });
            }
        }
        stages
    }

    fn segment_named(&mut self, id: &Spanned<&'t str>) -> Option<SegmentId> {
        let found = self.world.segments.get(*id.get_ref()).and_then(|index| u16::try_from(*index).ok());
        if found.is_none() {
            let known = self.world.segment_order.iter().map(String::as_str);
            let help = self.problems.suggest(id.get_ref(), known, "segments");
            self.problems.add(&id.span(), format!("there is no segment {}", shorten(id.get_ref())), help);
        }
        found.map(SegmentId)
    }

    /// The tables of an array, at most so many, each opened.
    fn parts(
        &mut self,
        root: &Section<'t>,
        what: &str,
        key: &str,
        keys: &[&'static str],
        most: usize,
    ) -> Vec<Section<'t>> {
        let tables = root.tables(key, &mut self.problems);
        if let Some((_, span)) = tables.get(most) {
            self.problems.add(span, format!("there are more than {most} {key}"), "");
        }
        let open = |(table, span)| Section::open(format!("this {what}"), span, table, keys, &mut self.problems);
        tables.into_iter().map(open).collect()
    }

    /// Checks that an id is one, and that none of the same kind has it already.
    fn part_id(&mut self, what: &str, id: &str, span: &Range<usize>, before: &mut Vec<String>) -> Option<String> {
        let is_id = self.check_id(&format!("{what} id"), id, span);
        if before.iter().any(|other| other == id) {
            let message = format!("there are two {what}s `{id}`");
            self.problems.add(span, message, "give one of them another id");
            return None;
        }
        before.push(id.to_owned());
        is_id.then(|| id.to_owned())
    }

    fn funnels(&mut self, root: &Section<'t>) -> Vec<Funnel> {
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
                let message = format!("a funnel has 2 to {STEPS_MAX} steps, and this has {}", names.len());
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

    fn promotions(&mut self, root: &Section<'t>) -> Vec<Promotion> {
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
                self.problems.add(&span, "a budget must be above 0", "leave it out where there is none");
            }
            promotions.push(Promotion { id, starts, ends, budget });
        }
        promotions
    }

    /// A date, or a date with a full hour, by the business's clocks: a TOML date, or the same as a text.
    fn local_hour(&mut self, section: &Section<'t>, key: &str) -> Option<DateTime> {
        let value = section.get(key)?;
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Datetime(date) => date.to_string(),
            other => {
                let message = format!("`{key}` must be a date, and this is {}", kind_of(other));
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
                let help = "write \"2026-11-27\" or \"2026-11-27T18:00\", by the clocks of [growth] timezone";
                self.problems.add(&value.span(), format!("{} is no date", shorten(&text)), help);
            }
        }
        None
    }

    /// Targets; of what the rules say what it is: an order, a refund.
    fn targets(&mut self, root: &Section<'t>, knows: [bool; 2]) -> Vec<Target> {
        let (mut targets, mut ids) = (Vec::new(), Vec::new());
        for section in self.parts(root, "target", "targets", &TARGET_KEYS, TARGETS_MAX) {
            let metric = self.one_of::<Metric>(&section, "metric", "metrics");
            let period = self.one_of::<Period>(&section, "period", "periods");
            section.need("value", "1200000", &mut self.problems);
            let value = section.number("value", 0.0..=VALUE_MAX, &mut self.problems);
            let (Some(metric), Some(period), Some(value)) = (metric, period, value) else { continue };
            self.refuse_unknown_metric(&section, metric, knows);
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

    /// A target on what is never counted would never be reached, and nobody would know why.
    fn refuse_unknown_metric(
        &mut self,
        section: &Section<'t>,
        metric: Metric,
        [knows_orders, knows_refunds]: [bool; 2],
    ) {
        let (what, key, event) = match metric {
            _ if metric.needs_orders() && !knows_orders => ("an order", "orders", "Order Completed"),
            Metric::Revenue if !knows_refunds => ("a refund", "refunds", "Order Refunded"),
            _ => return,
        };
        let span = section.get("metric").map_or(section.span.clone(), Spanned::span);
        let message = format!("there is no `{metric}` to reach: these rules do not say what {what} is");
        let mut help =
            format!("name one of [events] as `{key}` in [growth], or give Segment's \"{event}\" a name in [events]");
        if metric == Metric::Revenue && knows_orders {
            help.push_str("; without refunds, set the target on `gmv`");
        }
        self.problems.add(&span, message, help);
    }

    /// The variant that a key names.
    fn one_of<T: FromStr + VariantNames>(&mut self, section: &Section<'t>, key: &str, plural: &str) -> Option<T> {
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
