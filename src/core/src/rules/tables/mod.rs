//! Reads the tables of a rules file, in the order in which they depend on each other.

mod adaptation;
mod budgets;
mod campaign_triggers;
mod campaigns;
mod caps;
mod events;
mod goals;
mod groups;
mod known_tables;
mod ledgers;
mod models;
mod notices;
mod partners;
mod payload;
mod payload_picks;
mod per;
mod picks;
mod rank_notices;
mod ranks;
mod row_tables;
mod segments;

#[cfg(test)]
pub(super) use adaptation::ADAPT_KEYS;
#[cfg(test)]
pub(super) use budgets::{BUDGET_KEYS, SETTLE_KEYS, SPEND_KEYS};
#[cfg(test)]
pub(super) use campaigns::{CAMPAIGN_KEYS, VARIANT_KEYS};
#[cfg(test)]
pub(super) use caps::CAP_KEYS;
#[cfg(test)]
pub(super) use events::{EVENT_KEYS, EVENT_TYPES};
#[cfg(test)]
pub(super) use goals::GOAL_KEYS;
#[cfg(test)]
pub(super) use groups::GROUP_KEYS;
#[cfg(test)]
pub(super) use ledgers::{EARNING_KEYS, LEDGER_KEYS, PRICE_KEYS, SPENDING_KEYS};
#[cfg(test)]
pub(super) use models::MODEL_KEYS;
#[cfg(test)]
pub(super) use partners::PARTNER_KEYS;
#[cfg(test)]
pub(super) use per::PER_KEYS;
#[cfg(test)]
pub(super) use picks::PICKS_KEYS;
#[cfg(test)]
pub(super) use ranks::RANK_KEYS;
#[cfg(test)]
pub(super) use row_tables::TABLE_KEYS;
#[cfg(test)]
pub(super) use segments::SEGMENT_KEYS;

use std::ops::Range;
use std::sync::Arc;

use jiff::tz::TimeZone;
use toml::Spanned;

use crate::diagnostics::SourceMap;
use crate::diagnostics::{Diagnostic, Diagnostics, nearest, shorten};
use crate::document::{self, TomlSection};
use crate::event::TrackedId;
use crate::rules::compiler::{ConditionCompiler, ConditionContext, SymbolTable, TriggeringMatch};
use crate::rules::dependencies::{self, PropertyReaders};
use crate::rules::fingerprint;
use crate::rules::ruleset::{Condition, NameId, Projection, Ruleset};
use crate::rules::syntax::{self, Expression};
use crate::rules::time_zones;
use crate::time::Span;
use crate::time::ZoneCalendar;

/// Keys of the top level.
pub(super) const TOP_KEYS: [&str; 22] = [
    "timezone",
    "control",
    "dedup_window",
    "needs",
    "events",
    "per",
    "groups",
    "tables",
    "models",
    "ledgers",
    "segments",
    "budgets",
    "partners",
    "ranks",
    "picks",
    "campaigns",
    "caps",
    "goals",
    "growth",
    "funnels",
    "promotions",
    "targets",
];

const DEDUP_WINDOW: Span = Span(24 * 3_600_000);
/// Ids are used in subjects and metric labels.
const ID_BYTES_MAX: usize = 64;

/// State of reading one rules file.
pub(super) struct RulesReader<'t> {
    pub(super) file: &'t str,
    pub(super) problems: Diagnostics<'t>,
    pub(super) symbols: SymbolTable,
    /// Names of `[events]` with `of`, until the segments are known.
    notices: Vec<notices::NoticeSection<'t>>,
    /// Names of `[events]` with `rank`, until then.
    rank_notices: Vec<rank_notices::RankNoticeSection<'t>>,
}

/// Reads a rules file. What `shared` has of events is in its projection, under the same ids.
pub(super) fn read(file: &str, shared: &Projection) -> Result<Ruleset, Vec<Diagnostic>> {
    let mut problems = Diagnostics::new(file);
    let document = document::parse(file, &mut problems);
    let (symbols, notices, rank_notices) = (SymbolTable::default(), Vec::new(), Vec::new());
    let mut reader = RulesReader { file, problems, symbols, notices, rank_notices };
    if reader.symbols.registry.share(shared).is_err() {
        let message = "together the two files read more properties than can be told apart";
        reader.problems.add(&(0..0), message, "try them one after the other");
    }
    let root = TomlSection::open("the rules", 0..0, document.get_ref(), &TOP_KEYS, &mut reader.problems);
    let (timezone, timezone_name) = reader.timezone(&root);
    let control = root.number("control", 0.0..=1.0, &mut reader.problems).unwrap_or(0.0);
    let dedup_window = root.duration("dedup_window", &mut reader.problems).unwrap_or(DEDUP_WINDOW);
    reader.group_ids(&root);
    let mut tables = reader.row_tables(&root);
    reader.rank_ids(&root);
    let mut names = reader.events(&root);
    let pers = reader.pers(&root);
    let groups = reader.groups(&root);
    let models = reader.models(&root);
    let ledgers = reader.ledgers(&root);
    let segments = reader.segments(&root);
    reader.notices(&mut names);
    let ranks = reader.ranks(&root);
    reader.rank_notices(&mut names);
    let needs = reader.needs(&root).unwrap_or_default();
    let partners = reader.partners(&root);
    let picks = reader.picks(&root);
    let budgets = reader.budgets(&root);
    let goals = reader.goals(&root);
    let campaigns = reader.campaigns(&root, &needs);
    let caps = reader.caps(&root);
    let growth = reader.growth(&root, &names, (timezone.clone(), timezone_name.clone()));
    let reads_zones =
        reader.symbols.reads_local_time || campaigns.iter().any(|campaign| campaign.quiet_hours.is_some());
    let zone_ids = reads_zones.then(|| reader.zone_ids()).flatten();
    if !reader.problems.is_empty() {
        return Err(reader.problems.into_sorted());
    }
    debug_assert_eq!(segments.len(), reader.symbols.segment_order.len(), "a segment was dropped without a problem");
    for (id, name) in (0..).map(NameId).zip(&mut names) {
        name.values = reader.symbols.registry.take_match_values(id);
    }
    let purposes = std::mem::take(&mut reader.symbols.purposes);
    let (features, mut projection) = reader.symbols.into_parts();
    (projection.timezone_field, projection.timezone_trait) = zone_ids.unzip();
    projection.tracked = dependencies::tracked_events(&names, &tables);
    projection.row_events = tables.iter().map(|table| table.event.clone()).collect();
    let has_keys = !pers.is_empty() || !groups.is_empty() || !picks.is_empty();
    let readers = PropertyReaders {
        features: &features,
        campaigns: &campaigns,
        goals: &goals,
        ledgers: &ledgers,
        growth: growth.as_ref(),
        tables: &tables,
        has_keys,
    };
    projection.property_events = dependencies::property_events(&names, &readers);
    projection.unite_events(shared);
    let amounts = dependencies::amounts(&readers);
    for table in &mut tables {
        let place = projection.tracked.iter().position(|event| *event == table.event);
        table.tracked = place.and_then(|place| u16::try_from(place).ok()).map(TrackedId);
    }
    let segments = segments::with_reads(segments, &features);
    let version = fingerprint(file);
    Ok(Ruleset {
        version,
        calendar: Arc::new(ZoneCalendar::new(timezone.clone())),
        timezone,
        timezone_name,
        dedup_window,
        control,
        names,
        pers,
        groups,
        tables,
        models,
        ledgers,
        segments,
        budgets,
        campaigns,
        purposes,
        partners,
        ranks,
        picks,
        caps,
        amounts,
        features,
        goals,
        growth,
        projection,
    })
}

/// Parses the condition in a TOML string.
pub(super) fn expression_in(file: &str, text: &Spanned<&str>, problems: &mut Diagnostics<'_>) -> Option<Expression> {
    let map = SourceMap::new(file, text.span(), text.get_ref());
    syntax::parse(text.get_ref(), &map, problems)
}

/// Parses and compiles the condition in a TOML string.
pub(super) fn condition_in(
    file: &str,
    text: &Spanned<&str>,
    context: ConditionContext,
    symbols: &mut SymbolTable,
    problems: &mut Diagnostics<'_>,
) -> Option<Condition> {
    let node = expression_in(file, text, problems)?;
    ConditionCompiler { symbols, problems, context }.condition(&node)
}

impl<'t> RulesReader<'t> {
    /// Checks an id of a segment, campaign, channel or variant.
    pub(super) fn check_id(&mut self, kind: &str, id: &str, span: &Range<usize>) -> bool {
        let help = "use letters, digits, _ and -, at most 64 of them";
        if id.is_empty() {
            self.problems.add(span, format!("this {kind} is empty"), help);
        } else if id.len() > ID_BYTES_MAX {
            self.problems.add(span, format!("this {kind} has {} bytes; the maximum is {ID_BYTES_MAX}", id.len()), help);
        } else if !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') {
            self.problems.add(span, format!("{} cannot be a {kind}", shorten(id)), help);
        } else {
            return true;
        }
        false
    }

    pub(super) fn timezone(&mut self, root: &TomlSection<'t>) -> (TimeZone, String) {
        let utc = (TimeZone::UTC, "UTC".to_owned());
        let Some(name) = root.string("timezone", &mut self.problems) else { return utc };
        if let Some(zone) = time_zones::named(name.get_ref()) {
            return zone;
        }
        let help = match nearest_zone(name.get_ref(), &time_zones::suggestible()) {
            Some(zone) => format!("did you mean `{zone}`?"),
            None => {
                "zones are named like Europe/Berlin or Asia/Shanghai; UTC+8 and +08:00 are fixed offsets".to_owned()
            }
        };
        self.problems.add(&name.span(), format!("there is no time zone {}", shorten(name.get_ref())), help);
        utc
    }

    fn zone_ids(&mut self) -> Option<(crate::event::FieldId, crate::event::TraitId)> {
        let field = self.symbols.registry.field(vec!["context".to_owned(), "timezone".to_owned()]);
        let user_trait = self.symbols.registry.user_trait(vec!["timezone".to_owned()]);
        let mut compiler = ConditionCompiler {
            symbols: &mut self.symbols,
            problems: &mut self.problems,
            context: ConditionContext::Campaign(TriggeringMatch::None),
        };
        Some((compiler.within_limits(&(0..0), field)?, compiler.within_limits(&(0..0), user_trait)?))
    }
}

/// The zone that was probably meant: also found by its city alone, with spaces for underscores, and by an offset behind `Etc/`.
fn nearest_zone(name: &str, zones: &[String]) -> Option<String> {
    let name = name.trim().replace(' ', "_");
    let city_of = |zone: &str| zone.rsplit('/').next().unwrap_or(zone).to_owned();
    if let Some((_, offset)) = time_zones::named(&city_of(&name)) {
        return Some(offset);
    }
    let by_city = zones.iter().find(|zone| city_of(zone).eq_ignore_ascii_case(&name));
    by_city.map(String::as_str).or_else(|| nearest(&name, zones.iter().map(String::as_str))).map(str::to_owned)
}
