//! `[[ledgers]]`: points that users earn and spend; and `price` of a campaign (semantics §14).

use std::collections::HashMap;

use toml::Spanned;

use super::RulesReader;
use crate::diagnostics::shorten;
use crate::document::TomlSection;
use crate::rules::compiler::{ConditionContext, MatchTermContext, TriggeringMatch};
use crate::rules::dependencies;
use crate::rules::ruleset::{CampaignPrice, Ledger, LedgerEntry, LedgerId, Term};

/// Keys of a ledger.
pub(in crate::rules) const LEDGER_KEYS: [&str; 5] = ["id", "expires", "daily_max", "earn", "spend"];
/// Keys of an entry of `earn`.
pub(in crate::rules) const EARNING_KEYS: [&str; 2] = ["on", "amount"];
/// Keys of an entry of `spend`.
pub(in crate::rules) const SPENDING_KEYS: [&str; 3] = ["on", "amount", "debt"];
/// Keys of a price.
pub(in crate::rules) const PRICE_KEYS: [&str; 2] = ["ledger", "amount"];

/// The largest `daily_max`: a number that every JSON library reads.
const DAILY_MAX: i64 = 1_000_000_000_000_000;

impl<'t> RulesReader<'t> {
    /// Reads `[[ledgers]]`. The names of events are known.
    pub(super) fn ledgers(&mut self, root: &TomlSection<'t>) -> Vec<Ledger> {
        let tables = root.tables("ledgers", &mut self.problems);
        if let Some((_, span)) = tables.get(usize::from(u16::MAX)) {
            self.problems.add(span, "there are more than 65,535 ledgers", "");
            return Vec::new();
        }
        let mut ids = HashMap::new();
        let mut ledgers = Vec::with_capacity(tables.len());
        for (table, span) in tables {
            let mut section = TomlSection::open("this ledger", span, table, &LEDGER_KEYS, &mut self.problems);
            let id = section.needed_string("id", "\"points\"", &mut self.problems);
            if let Some(id) = &id {
                section.title = format!("ledger `{}`", id.get_ref());
                self.check_id("ledger id", id.get_ref(), &id.span());
                if let Some(first) = ids.get(id.get_ref()) {
                    let message = format!("ledger `{}` is defined twice", id.get_ref());
                    let line = self.problems.line_of(*first);
                    let help = format!("it is already defined on line {line}; give one of them another id");
                    self.problems.add(&id.span(), message, help);
                } else {
                    ids.insert(*id.get_ref(), id.span().start);
                }
            }
            let id = id.map(|id| *id.get_ref()).unwrap_or_default();
            self.symbols.ledger_order.push(id.to_owned());
            ledgers.extend(self.ledger(id, &section));
        }
        ledgers
    }

    fn ledger(&mut self, id: &str, section: &TomlSection<'t>) -> Option<Ledger> {
        let expires = section.duration("expires", &mut self.problems);
        let daily_max = section.integer("daily_max", 1..=DAILY_MAX, &mut self.problems);
        let earn = self.ledger_entries(section, "earn", &EARNING_KEYS);
        let spend = self.ledger_entries(section, "spend", &SPENDING_KEYS);
        let daily_max = daily_max.and_then(|most| u64::try_from(most).ok());
        Some(Ledger { id: id.to_owned(), expires, daily_max, earn: earn?, spend: spend? })
    }

    fn ledger_entries(
        &mut self,
        section: &TomlSection<'t>,
        key: &str,
        keys: &'static [&'static str],
    ) -> Option<Vec<LedgerEntry>> {
        let tables = section.tables(key, &mut self.problems);
        let entries = tables.into_iter().map(|(table, span)| {
            let title = format!("an entry of {key} of {}", section.title);
            let entry = TomlSection::open(title, span, table, keys, &mut self.problems);
            self.ledger_entry(&entry)
        });
        // Each is read even after one failed, so that all mistakes are found.
        let entries: Vec<Option<LedgerEntry>> = entries.collect();
        entries.into_iter().collect()
    }

    fn ledger_entry(&mut self, section: &TomlSection<'t>) -> Option<LedgerEntry> {
        let on = section.needed_string("on", "\"order\"", &mut self.problems);
        let on = on.and_then(|on| self.event_name(&on));
        let debt = section.boolean("debt", &mut self.problems).unwrap_or(false);
        let of = on.map_or(TriggeringMatch::Unknown, TriggeringMatch::Of);
        let context = ConditionContext::OfMatch(MatchTermContext { of, key: "amount", has_code: false });
        let amount = self.points_amount(section, "\"event.total\"", context);
        let (on, amount) = (on?, amount?);
        let reads = dependencies::fields_of_match(None, std::iter::once(&amount));
        Some(LedgerEntry { on, amount, reads, debt })
    }

    fn points_amount(&mut self, section: &TomlSection<'t>, example: &str, context: ConditionContext) -> Option<Term> {
        section.need("amount", example, &mut self.problems);
        self.number_term("amount", section.get("amount")?, context)
    }

    /// `price` of a campaign. `Some(None)`: there is none; `None`: it has mistakes, and each was reported.
    pub(super) fn price(
        &mut self,
        section: &TomlSection<'t>,
        context: ConditionContext,
    ) -> Option<Option<CampaignPrice>> {
        if section.get("price").is_none() {
            return Some(None);
        }
        let (table, span) = section.table("price", &mut self.problems)?;
        let title = format!("the price of {}", section.title);
        let price = TomlSection::open(title, span, table, &PRICE_KEYS, &mut self.problems);
        let ledger = price.needed_string("ledger", "\"points\"", &mut self.problems);
        let ledger = ledger.and_then(|id| {
            let found = self.symbols.ledger(id.get_ref());
            found.or_else(|| self.unknown_ledger(&id))
        });
        let amount = self.points_amount(&price, "\"100\"", context);
        Some(Some(CampaignPrice { ledger: ledger?, amount: amount? }))
    }

    fn unknown_ledger(&mut self, id: &Spanned<&str>) -> Option<LedgerId> {
        let known = self.symbols.ledger_order.clone();
        let help = self.problems.suggest(id.get_ref(), known.iter().map(String::as_str), "ledgers");
        self.problems.add_missing(&id.span(), format!("there is no ledger {}", shorten(id.get_ref())), help);
        None
    }
}
