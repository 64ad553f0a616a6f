//! `[[campaigns]]`: what a transition or a match triggers.

use std::collections::{BTreeMap, HashMap};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{RulesReader, condition_in, expression_in};
use super::{payload, payload_picks};
use crate::diagnostics::shorten;
use crate::document::{TomlSection, TomlValue, in_file_order, kind_of};
use crate::json::JsonText;
use crate::rules::compiler::{ConditionCompiler, ConditionContext};
use crate::rules::dependencies;
use crate::rules::ruleset::{Campaign, Condition, PayloadPicks, PurposeId, QuietHours, Term, Variant};
use crate::rules::syntax::Expression;
use crate::time::Span;

/// Keys of a campaign.
pub(in crate::rules) const CAMPAIGN_KEYS: [&str; 23] = [
    "id",
    "on",
    "channel",
    "priority",
    "cooldown",
    "max_per_user",
    "max_per_key",
    "needs",
    "if",
    "quiet_hours",
    "price",
    "chance",
    "holdout",
    "variants",
    "adapt",
    "spends",
    "coupon",
    "settle",
    "payload",
    "payload_from",
    "expires",
    "goals",
    "description",
];
/// Keys of a variant.
pub(in crate::rules) const VARIANT_KEYS: [&str; 3] = ["id", "weight", "payload"];

const EXPIRES: Span = Span(24 * 3_600_000);
const WEIGHT_MAX: f64 = 1_000_000.0;

impl<'t> RulesReader<'t> {
    /// Reads `[[campaigns]]`. A campaign that does not say what it `needs` needs what the rules do.
    pub(super) fn campaigns(&mut self, root: &TomlSection<'t>, needs: &[PurposeId]) -> Vec<Campaign> {
        let tables = root.tables("campaigns", &mut self.problems);
        if let Some((_, span)) = tables.get(usize::from(u16::MAX) + 1) {
            self.problems.add(span, "there are more than 65,536 campaigns", "");
            return Vec::new();
        }
        let mut ids = HashMap::new();
        let mut campaigns = Vec::with_capacity(tables.len());
        for (table, span) in tables {
            let mut section = TomlSection::open("this campaign", span, table, &CAMPAIGN_KEYS, &mut self.problems);
            let id = section.needed_string("id", "\"winback\"", &mut self.problems);
            if let Some(id) = &id {
                section.title = format!("campaign `{}`", id.get_ref());
                self.check_id("campaign id", id.get_ref(), &id.span());
                if let Some(first) = ids.get(id.get_ref()) {
                    let message = format!("campaign `{}` is defined twice", id.get_ref());
                    let line = self.problems.line_of(*first);
                    let help = format!("it is already defined on line {line}; give one of them another id");
                    self.problems.add(&id.span(), message, help);
                } else {
                    ids.insert(*id.get_ref(), id.span().start);
                }
            }
            let needs = self.needs(&section).unwrap_or_else(|| needs.to_vec());
            let campaign = self.campaign(&section, id.map(|id| *id.get_ref()).unwrap_or_default());
            campaigns.extend(campaign.map(|campaign| Campaign { needs, ..campaign }));
        }
        campaigns
    }

    /// Every key is read before the first missing one ends it, so that all mistakes are found.
    fn campaign(&mut self, section: &TomlSection<'t>, id: &str) -> Option<Campaign> {
        let trigger = self.trigger(section);
        let context = ConditionContext::Campaign(trigger.context());
        self.symbols.per = trigger.known().and_then(|on| self.symbols.per_of(on));
        let channel = self.channel(section);
        let condition = self.campaign_condition(section, context);
        let problems = &mut self.problems;
        let priority = section.integer("priority", i64::MIN..=i64::MAX, problems).unwrap_or(0);
        let cooldown = section.duration("cooldown", problems);
        let max_per_user = section.integer("max_per_user", 1..=i64::from(u32::MAX), problems);
        let chance = section.number("chance", 0.0..=1.0, problems);
        let holdout = section.number("holdout", 0.0..=1.0, problems).unwrap_or(0.0);
        let expires = section.duration("expires", problems).unwrap_or(EXPIRES);
        let description = section.string("description", problems).map(|text| (*text.get_ref()).to_owned());
        let max_per_key = self.max_per_key(section, trigger.known());
        let quiet_hours = self.quiet_hours(section);
        let variants = self.variants(section);
        let payload = self.payload(section);
        let (payload_from, payload_picks) = self.payload_from(section, context);
        let spends = self.spends(section, context);
        let goals = self.campaign_goals(section);
        let adapt = self.adaptation(section, &variants, &goals);
        let price = self.price(section, context);
        self.symbols.per = None;
        let coupon = self.coupon(section);
        let settle = self.settlement(section, &spends, coupon.as_ref());
        let (condition, price) = (condition?, price?);
        let payload_terms = payload_from.iter().map(|(_, term)| term);
        let costs = spends.iter().map(|spend| &spend.cost).chain(price.iter().map(|price| &price.amount));
        let reads = dependencies::fields_of_match(condition.as_ref(), payload_terms.chain(costs));
        Some(Campaign {
            id: id.to_owned(),
            description: description.unwrap_or_default(),
            on: trigger.known()?,
            reads,
            channel: channel?,
            priority,
            needs: Vec::new(),
            condition,
            cooldown,
            max_per_user: max_per_user.and_then(|most| u32::try_from(most).ok()),
            max_per_key,
            quiet_hours,
            price,
            chance,
            holdout,
            variants,
            adapt,
            spends,
            coupon,
            settle,
            payload,
            payload_from,
            payload_picks,
            expires,
            goals,
        })
    }

    fn channel(&mut self, section: &TomlSection<'t>) -> Option<String> {
        let channel = section.needed_string("channel", "\"email\"", &mut self.problems)?;
        self.check_id("channel", channel.get_ref(), &channel.span());
        Some((*channel.get_ref()).to_owned())
    }

    /// `Some(None)`: there is no `if`.
    fn campaign_condition(
        &mut self,
        section: &TomlSection<'t>,
        context: ConditionContext,
    ) -> Option<Option<Condition>> {
        if section.get("if").is_none() {
            return Some(None);
        }
        let text = section.string("if", &mut self.problems)?;
        condition_in(self.file, &text, context, &mut self.symbols, &mut self.problems).map(Some)
    }

    fn quiet_hours(&mut self, section: &TomlSection<'t>) -> Option<QuietHours> {
        let text = section.string("quiet_hours", &mut self.problems)?;
        let minutes = text.get_ref().split_once('-').and_then(|(start, end)| Some((minute(start)?, minute(end)?)));
        match minutes {
            Some((start, end)) if start == end => {
                let help = "omit quiet_hours for none; quiet hours of a whole day would send nothing";
                self.problems.add(&text.span(), "these quiet hours end when they start", help);
                None
            }
            Some((start_minute, end_minute)) => Some(QuietHours { start_minute, end_minute }),
            None => {
                let help = "write the local times from 00:00 to 23:59: \"22:00-08:00\"";
                self.problems.add(&text.span(), format!("{} are not quiet hours", shorten(text.get_ref())), help);
                None
            }
        }
    }

    fn variants(&mut self, section: &TomlSection<'t>) -> Vec<Variant> {
        let tables = section.tables("variants", &mut self.problems);
        let mut ids = Vec::new();
        let mut variants = Vec::new();
        for (table, span) in tables {
            let title = format!("a variant of {}", section.title);
            let variant = TomlSection::open(title, span, table, &VARIANT_KEYS, &mut self.problems);
            variants.extend(self.variant(&variant, &mut ids));
        }
        variants
    }

    fn variant(&mut self, section: &TomlSection<'t>, ids: &mut Vec<&'t str>) -> Option<Variant> {
        let id = section.needed_string("id", "\"a\"", &mut self.problems);
        if let Some(id) = &id {
            self.check_id("variant id", id.get_ref(), &id.span());
            if ids.contains(id.get_ref()) {
                let message = format!("variant `{}` is defined twice", id.get_ref());
                self.problems.add(&id.span(), message, "give one of them another id");
            }
            ids.push(*id.get_ref());
        }
        let weight = self.weight(section);
        let payload = self.payload(section);
        Some(Variant { id: (*id?.get_ref()).to_owned(), weight: weight?, payload })
    }

    fn weight(&mut self, section: &TomlSection<'t>) -> Option<f64> {
        section.need("weight", "1", &mut self.problems);
        let span = section.get("weight")?.span();
        let weight = section.number("weight", 0.0..=WEIGHT_MAX, &mut self.problems)?;
        if weight <= 0.0 {
            self.problems.add(&span, "a weight must be above 0", "remove the variant if nobody should get it");
            return None;
        }
        Some(weight)
    }

    fn payload(&mut self, section: &TomlSection<'t>) -> BTreeMap<String, JsonText> {
        let Some((table, _)) = section.table("payload", &mut self.problems) else { return BTreeMap::new() };
        let fields = payload::object(table, &mut self.problems);
        fields.iter().map(|(key, value)| (key.clone(), JsonText::of(value))).collect()
    }

    /// What is worked out at the decision: values, and lists of picks.
    fn payload_from(
        &mut self,
        section: &TomlSection<'t>,
        context: ConditionContext,
    ) -> (Vec<(String, Term)>, Vec<PayloadPicks>) {
        let Some((table, _)) = section.table("payload_from", &mut self.problems) else { return Default::default() };
        let fixed: Option<&DeTable<'_>> = section.get("payload").and_then(|value| value.get_ref().as_table());
        let (mut terms, mut lists) = (Vec::new(), Vec::new());
        for (key, span, value) in in_file_order(table) {
            if fixed.is_some_and(|fixed| fixed.contains_key(key)) {
                let message = format!("payload and payload_from both have {}", shorten(key));
                self.problems.add(&span, message, "remove one of them");
            }
            let Some(node) = self.payload_expression(value) else { continue };
            if let Some(call) = payload_picks::call_of(&node) {
                lists.extend(self.payload_picks(key, call));
                continue;
            }
            let mut compiler = ConditionCompiler { symbols: &mut self.symbols, problems: &mut self.problems, context };
            terms.extend(compiler.term(&node).map(|typed| (key.to_owned(), typed.term)));
        }
        (terms, lists)
    }

    fn payload_expression(&mut self, value: &'t TomlValue<'t>) -> Option<Expression> {
        let DeValue::String(text) = value.get_ref() else {
            let message = format!("payload_from has expressions in quotes, but this is {}", kind_of(value.get_ref()));
            self.problems.add(&value.span(), message, "fixed values go into payload");
            return None;
        };
        expression_in(self.file, &Spanned::new(value.span(), text.as_ref()), &mut self.problems)
    }
}

/// `"08:30"` as minutes since midnight.
fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let two_digits = |part: &str| {
        (part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit())).then(|| part.parse::<u16>().ok())?
    };
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}
