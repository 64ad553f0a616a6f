//! A rules file, as the oracle reads it.

use std::cell::RefCell;

use toml::{Table, Value as Toml};

use super::adapt::{OracleAdaptation, adaptation};
use super::budgets::{OracleBudget, OracleCoupon, OracleSettlement, budget};
use super::calendar::OracleCalendar;
use super::expression::OracleExpression;
use super::fields::{
    count, duration, file_order, number, path_of, position, quiet_hours, required, string, strings, tables,
};
use super::groups::{OracleGroupKind, OracleNotice, group, told};
use super::instance::{OraclePer, per};
use super::log::OracleCallType;
use super::models::OracleModel;
use super::partners::{OraclePartner, partner};
use super::picks::{OracleOffer, OraclePickList};
use super::ranks::{OracleRank, OracleRankNotice, rank, told_of_rank};
use super::resolve;
use super::tables::{OracleRows, OracleTable};
use super::zone::OracleZone;

/// The whole file.
pub(crate) struct OracleRules {
    /// Decisions have the clauses of their `if`.
    pub(crate) tells_clauses: bool,
    pub(crate) zone: OracleZone,
    pub(crate) calendar: OracleCalendar,
    /// What draws depend on.
    pub(crate) secret: Vec<u8>,
    pub(crate) dedup_window: i64,
    pub(crate) control: f64,
    pub(crate) names: Vec<OracleEventName>,
    pub(crate) name_ids: Vec<String>,
    pub(crate) groups: Vec<OracleGroupKind>,
    pub(crate) tables: Vec<OracleTable>,
    /// The rows of tables, as users see them now: whatever is evaluated may ask for any.
    pub(crate) rows: RefCell<OracleRows>,
    pub(crate) segments: Vec<OracleSegment>,
    pub(crate) campaigns: Vec<OracleCampaign>,
    pub(crate) caps: Vec<OracleCap>,
    pub(crate) pers: Vec<OraclePer>,
    pub(crate) goals: Vec<OracleGoal>,
    pub(crate) ledgers: Vec<OracleLedger>,
    pub(crate) budgets: Vec<OracleBudget>,
    pub(crate) partners: Vec<OraclePartner>,
    pub(crate) models: Vec<OracleModel>,
    pub(crate) ranks: Vec<OracleRank>,
    pub(crate) picks: Vec<OraclePickList>,
}

/// An entry of `[[ledgers]]`.
pub(crate) struct OracleLedger {
    pub(crate) id: String,
    pub(crate) expires: Option<i64>,
    pub(crate) daily_max: Option<i128>,
    pub(crate) earn: Vec<OraclePointsEntry>,
    pub(crate) spend: Vec<OraclePointsEntry>,
}

/// An entry of `earn` or `spend`.
pub(crate) struct OraclePointsEntry {
    /// Index of the name.
    pub(crate) on: usize,
    pub(crate) amount: OracleExpression,
    pub(crate) debt: bool,
}

/// The `price` of a campaign.
pub(crate) struct OraclePrice {
    /// Index of the ledger.
    pub(crate) ledger: usize,
    pub(crate) amount: OracleExpression,
}

/// An entry of `[[goals]]`.
pub(crate) struct OracleGoal {
    pub(crate) id: String,
    /// Index of the name whose matches count.
    pub(crate) on: usize,
    /// The path of what is summed.
    pub(crate) value: Option<Vec<String>>,
    pub(crate) within: i64,
}

/// An entry of `[events]`.
#[derive(Default)]
pub(crate) struct OracleEventName {
    pub(crate) kind: OracleCallType,
    pub(crate) event: Option<String>,
    /// The path of the array whose elements it looks at.
    pub(crate) each: Option<Vec<String>>,
    pub(crate) filter: Option<OracleExpression>,
    pub(crate) lets: Vec<(String, OracleExpression)>,
    /// What gives its matches, if groups do.
    pub(crate) notice: Option<OracleNotice>,
    /// What gives its matches, if takings of a rank do.
    pub(crate) rank: Option<OracleRankNotice>,
}

/// An entry of `[[segments]]`.
pub(crate) struct OracleSegment {
    pub(crate) id: String,
    /// Index of the entry of `[per]`.
    pub(crate) per: Option<usize>,
    /// Index of the entry of `[groups]`.
    pub(crate) of: Option<usize>,
    pub(crate) when: OracleExpression,
}

/// An entry of `[[campaigns]]`.
pub(crate) struct OracleCampaign {
    pub(crate) id: String,
    pub(crate) on: OracleTrigger,
    pub(crate) channel: String,
    pub(crate) priority: i64,
    /// What it needs consent to.
    pub(crate) needs: Vec<String>,
    pub(crate) condition: Option<OracleExpression>,
    pub(crate) cooldown: Option<i64>,
    pub(crate) max_per_user: Option<usize>,
    pub(crate) max_per_key: Option<usize>,
    /// The share of draws that are won.
    pub(crate) chance: Option<f64>,
    /// How old a match, or something held, may be.
    pub(crate) expires: i64,
    /// First quiet minute of the day and the first that is not.
    pub(crate) quiet_hours: Option<(i64, i64)>,
    pub(crate) holdout: f64,
    pub(crate) variants: Vec<(String, f64)>,
    /// How their weights follow from what came of them.
    pub(crate) adapt: Option<OracleAdaptation>,
    /// Indexes of the goals that it is measured by.
    pub(crate) goals: Vec<usize>,
    pub(crate) price: Option<OraclePrice>,
    /// Indexes of budgets, and what it costs of each.
    pub(crate) spends: Vec<(usize, OracleExpression)>,
    pub(crate) coupon: Option<OracleCoupon>,
    pub(crate) settle: Option<OracleSettlement>,
    /// The fields of an action that are worked out.
    pub(crate) payload: Vec<(String, OracleExpression)>,
    /// Those that are lists of picks.
    pub(crate) offers: Vec<OracleOffer>,
}

/// What sets off a campaign.
pub(crate) enum OracleTrigger {
    Change { segment: usize, enter: bool },
    Match { name: usize },
}

/// An entry of `[[caps]]`.
pub(crate) struct OracleCap {
    pub(crate) max: usize,
    pub(crate) per: i64,
    pub(crate) channel: Option<String>,
}

impl OracleRules {
    /// Whether anything is taken as hours, days and so on begin.
    pub(crate) fn has_takings(&self) -> bool {
        let adapts = self.campaigns.iter().any(|campaign| campaign.adapt.is_some());
        adapts || !self.ranks.is_empty() || !self.picks.is_empty()
    }

    /// Whether anybody waits for the ends of beats.
    pub(crate) fn has_spends(&self) -> bool {
        self.campaigns.iter().any(|campaign| !campaign.spends.is_empty())
    }

    /// Reads a rules file; panics on mistakes.
    pub(crate) fn parse(text: &str, secret: &[u8]) -> OracleRules {
        let file: Table = text.parse().unwrap_or_else(|error| panic!("the rules are no TOML: {error}\n{text}"));
        let none = Table::new();
        let events = file.get("events").and_then(Toml::as_table).unwrap_or(&none);
        let name_ids = file_order(text, "events");
        let per_ids = file_order(text, "per");
        let group_ids = file_order(text, "groups");
        let table_ids = file_order(text, "tables");
        let segments = tables(&file, "segments");
        let segment_ids: Vec<String> = segments.iter().map(|table| required(table, "id")).collect();
        let segments: Vec<OracleSegment> = segments
            .iter()
            .enumerate()
            .map(|(place, table)| OracleSegment {
                id: required(table, "id"),
                per: string(table, "per").map(|id| position(&per_ids, &id)),
                of: string(table, "of").map(|id| position(&group_ids, &id)),
                when: resolve::parse(&required(table, "when"), &name_ids, &segment_ids[..place]),
            })
            .collect();
        let goals: Vec<OracleGoal> = tables(&file, "goals").into_iter().map(|table| goal(table, &name_ids)).collect();
        let goal_ids: Vec<String> = goals.iter().map(|goal| goal.id.clone()).collect();
        let ledgers: Vec<OracleLedger> =
            tables(&file, "ledgers").into_iter().map(|table| ledger(table, &name_ids)).collect();
        let ledger_ids: Vec<String> = ledgers.iter().map(|ledger| ledger.id.clone()).collect();
        let budgets: Vec<OracleBudget> = tables(&file, "budgets").into_iter().map(budget).collect();
        let budget_ids: Vec<String> = budgets.iter().map(|budget| budget.id.clone()).collect();
        let needs = strings(&file, "needs").unwrap_or_default();
        let (mut picks, mut pick_ids) = (Vec::new(), Vec::new());
        for table in tables(&file, "picks") {
            picks.push(OraclePickList::parse(table, &name_ids, &pick_ids, &table_ids));
            pick_ids.push(required(table, "id"));
        }
        let partners = tables(&file, "partners").into_iter().map(|table| partner(table, &name_ids, &segment_ids));
        let rank_ids: Vec<String> = tables(&file, "ranks").into_iter().map(|table| required(table, "id")).collect();
        let zone = string(&file, "timezone").unwrap_or_else(|| "UTC".to_owned());
        let zone = OracleZone::parse(&zone).expect("the rules' zone is known");
        OracleRules {
            tells_clauses: false,
            calendar: OracleCalendar::new(zone.clock()),
            zone,
            secret: secret.to_vec(),
            dedup_window: duration(&file, "dedup_window").unwrap_or(86_400_000),
            control: number(&file, "control").unwrap_or(0.0),
            names: name_ids
                .iter()
                .map(|id| match events[id].as_table() {
                    Some(table) if table.contains_key("of") => told(table, &name_ids, &group_ids, &segment_ids),
                    Some(table) if table.contains_key("rank") => {
                        told_of_rank(table, &name_ids, &rank_ids, &segment_ids)
                    }
                    _ => name(&events[id]),
                })
                .collect(),
            ranks: tables(&file, "ranks").into_iter().map(|table| rank(table, &name_ids, &segment_ids)).collect(),
            groups: group_ids.iter().map(|id| group(id, &file["groups"][id])).collect(),
            tables: table_ids.iter().map(|id| OracleTable::parse(id, &file["tables"][id])).collect(),
            rows: RefCell::default(),
            pers: per_ids.iter().map(|id| per(&file["per"][id], &table_ids)).collect(),
            segments,
            campaigns: tables(&file, "campaigns")
                .into_iter()
                .map(|table| {
                    campaign(
                        table,
                        &IdLists {
                            names: &name_ids,
                            segments: &segment_ids,
                            goals: &goal_ids,
                            ledgers: &ledger_ids,
                            budgets: &budget_ids,
                            needs: &needs,
                            picks: &picks,
                        },
                    )
                })
                .collect(),
            goals,
            ledgers,
            budgets,
            partners: partners.collect(),
            picks,
            models: tables(&file, "models").into_iter().map(|table| OracleModel::parse(table, &name_ids)).collect(),
            caps: tables(&file, "caps").into_iter().map(cap).collect(),
            name_ids,
        }
    }
}

fn name(entry: &Toml) -> OracleEventName {
    let Some(table) = entry.as_table() else {
        let event = entry.as_str().expect("an event's name is a string or a table").to_owned();
        return OracleEventName { event: Some(event), ..OracleEventName::default() };
    };
    let kind = match string(table, "type").as_deref() {
        None | Some("track") => OracleCallType::Track,
        Some("page") => OracleCallType::Page,
        Some("screen") => OracleCallType::Screen,
        Some(other) => panic!("events of type `{other}` have no names"),
    };
    let term = |text: &str| resolve::parse(text, &[], &[]);
    let lets = table.get("let").and_then(Toml::as_table).cloned().unwrap_or_default();
    OracleEventName {
        kind,
        event: string(table, "event"),
        each: string(table, "each").map(|path| path_of(&path)),
        filter: string(table, "where").map(|text| term(&text)),
        lets: lets.iter().map(|(id, text)| (id.clone(), term(text.as_str().expect("a term")))).collect(),
        ..OracleEventName::default()
    }
}

fn goal(table: &Table, names: &[String]) -> OracleGoal {
    OracleGoal {
        id: required(table, "id"),
        on: position(names, &required(table, "on")),
        value: string(table, "value").map(|path| path_of(&path)),
        within: duration(table, "within").expect("a goal has a `within`"),
    }
}

fn ledger(table: &Table, names: &[String]) -> OracleLedger {
    let entries = |key: &str| {
        let entry = |table: &Table| OraclePointsEntry {
            on: position(names, &required(table, "on")),
            amount: resolve::parse(&required(table, "amount"), &[], &[]),
            debt: table.get("debt").and_then(Toml::as_bool).unwrap_or(false),
        };
        tables(table, key).into_iter().map(entry).collect()
    };
    OracleLedger {
        id: required(table, "id"),
        expires: duration(table, "expires"),
        daily_max: table.get("daily_max").and_then(Toml::as_integer).map(i128::from),
        earn: entries("earn"),
        spend: entries("spend"),
    }
}

/// What a campaign may speak of.
struct IdLists<'a> {
    names: &'a [String],
    segments: &'a [String],
    goals: &'a [String],
    ledgers: &'a [String],
    budgets: &'a [String],
    /// What a campaign needs that says nothing else.
    needs: &'a [String],
    picks: &'a [OraclePickList],
}

fn campaign(table: &Table, ids: &IdLists<'_>) -> OracleCampaign {
    let IdLists { names, segments, goals, ledgers, budgets, .. } = *ids;
    let on = required(table, "on");
    let (change, id) = on.split_once(':').expect("`on` is `enter:`, `exit:` or `event:`, and an id");
    let on = match change {
        "event" => OracleTrigger::Match { name: position(names, id) },
        _ => OracleTrigger::Change { segment: position(segments, id), enter: change == "enter" },
    };
    let measured = table.get("goals").and_then(Toml::as_array);
    let measured = measured.map(|ids| ids.iter().filter_map(Toml::as_str).map(|id| position(goals, id)).collect());
    let payload = table.get("payload_from").and_then(Toml::as_table).into_iter().flatten();
    let payload: Vec<(&String, &str)> = payload.map(|(key, term)| (key, term.as_str().expect("a term"))).collect();
    let variants = table.get("variants").and_then(Toml::as_array).cloned().unwrap_or_default();
    OracleCampaign {
        id: required(table, "id"),
        on,
        channel: required(table, "channel"),
        priority: table.get("priority").and_then(Toml::as_integer).unwrap_or(0),
        needs: strings(table, "needs").unwrap_or_else(|| ids.needs.to_vec()),
        condition: string(table, "if").map(|text| resolve::parse(&text, names, segments)),
        cooldown: duration(table, "cooldown"),
        max_per_user: count(table, "max_per_user"),
        max_per_key: count(table, "max_per_key"),
        chance: number(table, "chance"),
        expires: duration(table, "expires").unwrap_or(86_400_000),
        quiet_hours: string(table, "quiet_hours").map(|text| quiet_hours(&text)),
        holdout: number(table, "holdout").unwrap_or(0.0),
        variants: variants
            .iter()
            .filter_map(Toml::as_table)
            .map(|variant| (required(variant, "id"), number(variant, "weight").unwrap_or(1.0)))
            .collect(),
        adapt: adaptation(table, goals),
        goals: measured.unwrap_or_else(|| (0..goals.len()).collect()),
        price: table.get("price").and_then(Toml::as_table).map(|price| OraclePrice {
            ledger: position(ledgers, &required(price, "ledger")),
            amount: resolve::parse(&required(price, "amount"), names, segments),
        }),
        spends: tables(table, "spends")
            .into_iter()
            .map(|spend| {
                let cost = resolve::parse(&required(spend, "cost"), names, segments);
                (position(budgets, &required(spend, "budget")), cost)
            })
            .collect(),
        coupon: table.get("coupon").and_then(Toml::as_table).map(|coupon| OracleCoupon {
            valid: duration(coupon, "valid").expect("a coupon has a `valid`"),
            prefix: string(coupon, "prefix").unwrap_or_default(),
            length: count(coupon, "length").unwrap_or(10),
        }),
        payload: payload
            .iter()
            .filter(|(_, term)| !term.starts_with("picks("))
            .map(|(key, term)| ((*key).clone(), resolve::parse(term, names, segments)))
            .collect(),
        offers: payload.iter().filter_map(|(key, term)| OracleOffer::parse(key, term, ids.picks)).collect(),
        settle: table.get("settle").and_then(Toml::as_table).map(|settle| OracleSettlement {
            on: position(names, &required(settle, "on")),
            when: string(settle, "when").map(|when| resolve::parse(&when, &[], &[])),
            amount: string(settle, "amount").map(|amount| resolve::parse(&amount, &[], &[])),
            within: duration(settle, "within"),
        }),
    }
}

fn cap(table: &Table) -> OracleCap {
    OracleCap {
        max: count(table, "max").expect("a cap has a `max`"),
        per: duration(table, "per").expect("a cap has a `per`"),
        channel: string(table, "channel"),
    }
}
