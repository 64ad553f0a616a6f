//! Reads the sections of the growth numbers.

use std::str::FromStr;

use jiff::tz::TimeZone;
use strum::VariantNames;
use toml::Spanned;

use super::reader_lists::SaleRules;
use super::{
    CHANNELS_MAX, Channel, Currency, DEFAULT_CHANNELS, GrowthRules, LifecycleStage, OrderRules, RefundRules, Stage,
};
use crate::diagnostics::shorten;
use crate::document::{TomlSection, in_file_order};
use crate::event::{CallType, FieldId};
use crate::rules::compiler::{ConditionCompiler, ConditionContext, IdSpaceExhausted};
use crate::rules::ruleset::{EventName, NameId, SegmentId};
use crate::rules::tables::RulesReader;
use crate::time::Span;

/// Keys of `[growth]`.
pub(crate) const GROWTH_KEYS: [&str; 23] = [
    "timezone",
    "currency",
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
    "items",
    "item_category",
    "item_price",
    "item_quantity",
    "item_id",
    "picks_shown",
    "picks_within",
    "channels",
    "lifecycle",
];

/// The sections that need `[growth]`.
const PARTS: [&str; 3] = ["funnels", "promotions", "targets"];

const SESSION_GAP: Span = Span(30 * 60_000);

impl<'t> RulesReader<'t> {
    /// Reads `[growth]` and the lists that belong to it, after events and segments. `None`: there is no `[growth]`.
    pub(in crate::rules) fn growth(
        &mut self,
        root: &TomlSection<'t>,
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
        let section = TomlSection::open("[growth]", span, table, &GROWTH_KEYS, &mut self.problems);
        let (timezone, timezone_name) = match section.get("timezone") {
            Some(_) => self.timezone(&section),
            None => (timezone, timezone_name),
        };
        let currency = self.currency(&section);
        let session_gap = section.duration("session_gap", &mut self.problems).unwrap_or(SESSION_GAP);
        let own_hosts = section.strings("own_hosts", &mut self.problems).unwrap_or_default();
        let (orders, refunds) = (self.orders(&section, names), self.refunds(&section, names));
        // A key with an unknown name is reported already.
        let defined = SaleRules {
            orders: orders.is_some() || section.get("orders").is_some(),
            refunds: refunds.is_some() || section.get("refunds").is_some(),
        };
        Some(GrowthRules {
            timezone,
            timezone_name,
            currency,
            session_gap,
            channels: self.channels(&section),
            own_hosts: own_hosts.iter().map(|host| host.get_ref().to_lowercase()).collect(),
            campaign_source: self.growth_field(&section, "context", &["campaign", "source"])?,
            referrer: self.growth_field(&section, "context", &["page", "referrer"])?,
            orders,
            refunds,
            picks: self.pick_sales(&section, names),
            carts: self.named(&section, "carts", "Product Added", names),
            checkouts: self.named(&section, "checkouts", "Checkout Started", names),
            stages: self.stages(&section),
            funnels: self.funnels(root),
            promotions: self.promotions(root),
            targets: self.targets(root, defined),
        })
    }

    fn currency(&mut self, section: &TomlSection<'t>) -> Option<Currency> {
        let code = section.string("currency", &mut self.problems)?;
        let currency = Currency::of(code.get_ref());
        if currency.is_none() {
            let help = match Currency::of(&code.get_ref().to_uppercase()) {
                Some(currency) => format!("did you mean `{}`?", currency.code()),
                None => "write the three capital letters of ISO 4217, as in \"EUR\" or \"USD\"".to_owned(),
            };
            self.problems.add(&code.span(), format!("there is no currency {}", shorten(code.get_ref())), help);
        }
        currency
    }

    /// The event that a key names; by default the name of `[events]` that takes all of Segment's event.
    fn named(
        &mut self,
        section: &TomlSection<'t>,
        key: &'static str,
        default: &str,
        names: &[EventName],
    ) -> Option<NameId> {
        match section.string(key, &mut self.problems) {
            Some(name) => self.event_name(&name),
            None if section.get(key).is_some() => None,
            None => {
                let takes_all = |name: &EventName| {
                    name.call == CallType::Track
                        && name.event.as_deref() == Some(default)
                        && name.filter.is_none()
                        && name.each.is_none()
                };
                let at = names.iter().position(takes_all)?;
                self.symbols.names.get(&names[at].id).copied()
            }
        }
    }

    /// The name of `[events]` with a text.
    pub(in crate::rules) fn event_name(&mut self, name: &Spanned<&'t str>) -> Option<NameId> {
        let found = self.symbols.names.get(*name.get_ref()).copied();
        if found.is_none() {
            let known = self.symbols.name_order.iter().map(String::as_str);
            let help = self.problems.suggest(name.get_ref(), known, "events");
            self.problems.add(&name.span(), format!("there is no event {}", shorten(name.get_ref())), help);
        }
        found
    }

    /// The value of an event's matches that a key names, or the default.
    fn property(
        &mut self,
        section: &TomlSection<'t>,
        name: Option<(NameId, &str)>,
        key: &'static str,
        default: &str,
    ) -> Option<FieldId> {
        let text = section.string(key, &mut self.problems);
        self.value_of(section, name, text.as_ref(), default)
    }

    /// The value of a name's matches that a text names, or the default.
    pub(super) fn value_of(
        &mut self,
        section: &TomlSection<'t>,
        name: Option<(NameId, &str)>,
        text: Option<&Spanned<&'t str>>,
        default: &str,
    ) -> Option<FieldId> {
        let path = text.map_or(default, |text| text.get_ref());
        let parts: Vec<&str> = path.split('.').collect();
        if parts.iter().any(|part| part.is_empty()) {
            let span = text.map_or(section.span.clone(), |text| text.span());
            let help = "write the name of a property of the event, like \"total\" or \"pricing.total\"";
            self.problems.add(&span, format!("{} is not a property", shorten(path)), help);
            return None;
        }
        let Some((id, name)) = name else { return self.growth_field(section, "properties", &parts) };
        let parts: Vec<String> = parts.into_iter().map(str::to_owned).collect();
        let field = self.symbols.value_field(id, name, &parts);
        self.growth_limits(section, field)
    }

    fn growth_field(&mut self, section: &TomlSection<'t>, root: &str, parts: &[&str]) -> Option<FieldId> {
        let path = std::iter::once(root).chain(parts.iter().copied()).map(str::to_owned).collect();
        let id = self.symbols.registry.field(path);
        self.growth_limits(section, id)
    }

    fn growth_limits<T>(&mut self, section: &TomlSection<'t>, id: Result<T, IdSpaceExhausted>) -> Option<T> {
        ConditionCompiler {
            symbols: &mut self.symbols,
            problems: &mut self.problems,
            context: ConditionContext::Where(None),
        }
        .within_limits(&section.span, id)
    }

    fn orders(&mut self, section: &TomlSection<'t>, names: &[EventName]) -> Option<OrderRules> {
        let name = self.sale(section, "orders", "Order Completed", names);
        // Also without one, so that all mistakes are found.
        let of = name.as_ref().map(|(id, name)| (*id, name.as_str()));
        let [value, discount, coupon, category, order_id] = [
            self.property(section, of, "order_value", "total"),
            self.property(section, of, "discount", "discount"),
            self.property(section, of, "coupon", "coupon"),
            self.property(section, of, "category", "category"),
            self.property(section, of, "order_id", "order_id"),
        ];
        let (name, _) = name?;
        let items = self.order_items(section, name, names);
        Some(OrderRules {
            name,
            value: value?,
            discount: discount?,
            coupon: coupon?,
            category: category?,
            order_id: order_id?,
            items,
        })
    }

    fn refunds(&mut self, section: &TomlSection<'t>, names: &[EventName]) -> Option<RefundRules> {
        let name = self.sale(section, "refunds", "Order Refunded", names);
        let of = name.as_ref().map(|(id, name)| (*id, name.as_str()));
        let value = self.property(section, of, "refund_value", "total");
        Some(RefundRules { name: name?.0, value: value? })
    }

    /// The event of orders or refunds, which counts once.
    fn sale(
        &mut self,
        section: &TomlSection<'t>,
        key: &'static str,
        default: &str,
        names: &[EventName],
    ) -> Option<(NameId, String)> {
        let id = self.named(section, key, default, names)?;
        let name = names.iter().find(|name| self.symbols.names.get(&name.id) == Some(&id))?;
        if let (Some(_), Some(value)) = (name.each, section.get(key)) {
            let message = format!("`{}` matches once for each element of an array, but {key} count once", name.id);
            let help = "name the event itself, and its items with items = \"line\"";
            self.problems.add(&value.span(), message, help);
            return None;
        }
        Some((id, name.id.clone()))
    }

    fn channels(&mut self, section: &TomlSection<'t>) -> Vec<Channel> {
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
            let message = format!("there are {} channels; the maximum is {CHANNELS_MAX}", entries.len());
            self.problems.add(&span, message, "users of all other sources count under `other`");
        }
        let mut channels: Vec<Channel> = Vec::new();
        for (name, span, _) in entries {
            self.check_id("channel", name, &span);
            if name == "direct" || name == "other" {
                let help = "remove it: this channel always exists";
                self.problems.add(&span, format!("`{name}` cannot have sources"), help);
            }
            let listed =
                TomlSection::open("[growth.channels]", span, table, &[], &mut crate::diagnostics::Diagnostics::new(""));
            let mut sources = Vec::new();
            for source in listed.strings(name, &mut self.problems).unwrap_or_default() {
                let lower = source.get_ref().to_lowercase();
                let before = channels.iter().find(|channel: &&Channel| channel.sources.contains(&lower));
                if let Some(before) = before {
                    let message = format!("{} is already a source of `{}`", shorten(source.get_ref()), before.name);
                    self.problems.add(&source.span(), message, "a source belongs to one channel");
                }
                sources.push(lower);
            }
            channels.push(Channel { name: name.to_owned(), sources });
        }
        channels
    }

    fn stages(&mut self, section: &TomlSection<'t>) -> Vec<LifecycleStage> {
        let Some((table, span)) = section.table("lifecycle", &mut self.problems) else { return Vec::new() };
        let listed = TomlSection::open("[growth.lifecycle]", span, table, Stage::VARIANTS, &mut self.problems);
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
        let found = self.symbols.segments.get(*id.get_ref()).and_then(|index| u16::try_from(*index).ok());
        if found.is_none() {
            let known = self.symbols.segment_order.iter().map(String::as_str);
            let help = self.problems.suggest(id.get_ref(), known, "segments");
            self.problems.add(&id.span(), format!("there is no segment {}", shorten(id.get_ref())), help);
        }
        found.map(SegmentId)
    }
}
