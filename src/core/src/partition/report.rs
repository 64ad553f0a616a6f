//! The state of one user with computed values, for operators who look into a decision.

mod groups;

use std::borrow::Cow;
use std::sync::Arc;

use super::model_report::{self, ModelReport};
use super::{ExecutionPlan, User};
use crate::budgets::Reservation;
use crate::campaigns::Ask;
use crate::campaigns::Trigger;
use crate::decimal::Decimal;
use crate::engine::evaluate::EvaluationContext;
use crate::engine::key_instance::KeyInstance;
use crate::engine::membership::MembershipSet;
use crate::features::FeatureKind;
use crate::goals::GoalExposure;
use crate::json::JsonText;
use crate::points::{Points, PointsBalance, UserLedger, UserPoints};
use crate::rules::notation;
use crate::rules::ruleset::{Feature, GroupId, Ledger, LedgerId, Ruleset, Term};
use crate::time::Timestamp;
use crate::value::Value;
pub use groups::{GroupCondition, GroupMembers, GroupReport};

/// The most values of features of instances in a report, and the most instances.
const INSTANCE_VALUES_MAX: usize = 5_000;

/// The most lots of a ledger in a report.
const LOTS_REPORTED_MAX: usize = 100;

/// A user as it stands at an instant.
#[derive(Clone, Debug, PartialEq)]
pub struct UserReport {
    /// The user's id.
    pub user: Arc<str>,
    /// The instant: the watermark, or the user's own clock where that is ahead of it.
    pub at: Timestamp,
    /// Time of the earliest event.
    pub first_event: Timestamp,
    /// Time of the latest event.
    pub latest_event: Timestamp,
    /// The segments the user is in, in file order.
    pub segments: Vec<String>,
    /// Every feature of users with its value; those of keys are in `keys`.
    pub features: Vec<FeatureReport>,
    /// The instances of the user's keys, by `[per.K]` in file order, then by key: those with the latest matches.
    pub keys: Vec<KeyInstanceReport>,
    /// How many instances more there are.
    pub keys_left_off: usize,
    /// The ledgers, in file order.
    pub ledgers: Vec<LedgerReport>,
    /// What models say, of those of whose events there was one.
    pub models: Vec<ModelReport>,
    /// The latest traits that the rules read, by path.
    pub traits: Vec<(String, JsonText)>,
    /// The `context.timezone` that arrived last, where the rules have quiet hours.
    pub timezone: Option<String>,
    /// The earliest instant at which time alone may change anything; `None`: it can't.
    pub next_wake_up: Option<Timestamp>,
    /// The campaigns with exposures to the user.
    pub fired: Vec<ExposureReport>,
    /// The decisions that quiet hours defer.
    pub held: Vec<DeferredDecisionReport>,
    /// The exposures to goals that are not mature yet, in their order.
    pub goals: Vec<GoalExposureReport>,
    /// The open reservations, in the order in which they were made.
    pub reservations: Vec<ReservationReport>,
    /// The decisions that wait for the end of their beat, in the order in which they arose.
    pub asks: Vec<AskReport>,
}

/// Costs that are reserved until a match settles them or their time is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReservationReport {
    /// The campaign.
    pub campaign: String,
    /// When it was made.
    pub at: Timestamp,
    /// When it is released.
    pub due: Timestamp,
    /// The code of its coupon, if it has one.
    pub code: Option<Arc<str>>,
    /// The budgets with what is reserved of each.
    pub costs: Vec<(String, Decimal)>,
}

/// A decision that waits for the end of its beat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskReport {
    /// The campaign.
    pub campaign: String,
    /// When it was triggered, or quiet hours ended.
    pub at: Timestamp,
    /// The end of the beat.
    pub answered: Timestamp,
}

/// An exposure to a goal that is not mature yet.
#[derive(Clone, Debug, PartialEq)]
pub struct GoalExposureReport {
    /// The campaign's id.
    pub campaign: Arc<str>,
    /// The goal's id.
    pub goal: Arc<str>,
    /// The group: control, holdout or sent.
    pub group: &'static str,
    /// The variant that was sent, if there was one.
    pub variant: Option<Arc<str>>,
    /// When the user was exposed.
    pub exposed: Timestamp,
    /// When it is mature.
    pub matures: Timestamp,
    /// Matches of the goal so far.
    pub count: u64,
    /// Their sum; null beyond 10^30.
    pub value: JsonText,
}

/// A feature and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureReport {
    /// The feature, as the rules write it.
    pub feature: String,
    /// Its value: durations in milliseconds; null where there is none.
    pub value: JsonText,
}

/// An instance of a key.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyInstanceReport {
    /// The `[per.K]`.
    pub per: String,
    /// The table that may have a row for it.
    pub table: Option<String>,
    /// The key.
    pub key: Arc<str>,
    /// Time of its earliest match.
    pub first_match: Timestamp,
    /// Time of its latest match.
    pub latest_match: Timestamp,
    /// When it is forgotten if no match comes.
    pub forgotten_at: Timestamp,
    /// The segments it is in, in file order.
    pub segments: Vec<String>,
    /// Every feature of instances of this `[per.K]` with its value.
    pub features: Vec<FeatureReport>,
    /// How often campaigns fired for it.
    pub fired: Vec<KeyExposureReport>,
    /// The earliest instant at which time alone may change or forget it.
    pub next_wake_up: Timestamp,
}

/// The user's points in a ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerReport {
    /// The ledger.
    pub ledger: String,
    /// The points, less the debt.
    pub balance: PointsBalance,
    /// What was spent beyond the balance.
    pub debt: Points,
    /// The points by expiry, those that expire first before others.
    pub lots: Vec<LotReport>,
    /// How many lots more there are.
    pub lots_left_off: usize,
}

/// Points that expire at one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LotReport {
    /// What is left of them.
    pub left: Points,
    /// When they expire; `None`: never.
    pub expires: Option<Timestamp>,
}

/// How often a campaign fired for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyExposureReport {
    /// The campaign.
    pub campaign: String,
    /// How often.
    pub count: u32,
}

/// The exposures to a campaign.
#[derive(Clone, Debug, PartialEq)]
pub struct ExposureReport {
    /// The campaign.
    pub campaign: String,
    /// How many.
    pub count: u32,
    /// The time of the latest.
    pub last: Timestamp,
}

/// A deferred decision.
#[derive(Clone, Debug, PartialEq)]
pub struct DeferredDecisionReport {
    /// The campaign.
    pub campaign: String,
    /// What triggered it, as the rules write it: `enter:dormant`, `event:spin`; `None`: it is gone from the rules.
    pub on: Option<String>,
    /// The key whose state triggered it, of a segment with `per`.
    pub key: Option<String>,
    /// When it was deferred.
    pub at: Timestamp,
    /// When the quiet hours end.
    pub until: Timestamp,
    /// The zone by whose clocks they do, where it is known.
    pub timezone: Option<String>,
}

impl UserReport {
    /// Describes a user at `watermark`, by which everything due has fired.
    pub(super) fn new(plan: &ExecutionPlan, user: &User, watermark: Timestamp) -> UserReport {
        let (rules, profile) = (&plan.rules, &user.profile);
        let at = watermark.max(profile.now);
        let scope = EvaluationContext::new(rules, profile, at);
        let due = user.due();
        let campaigns = &user.campaigns;
        let keys = keys(&scope, rules);
        UserReport {
            user: Arc::clone(&user.id),
            at,
            first_event: profile.first,
            latest_event: profile.latest,
            segments: segments(&profile.members, rules),
            features: features(&scope, None, rules),
            keys_left_off: profile.keys.len() - keys.len(),
            keys,
            ledgers: ledgers(&profile.points, rules),
            models: model_report::models(rules, profile, at),
            traits: profile
                .traits
                .values()
                .map(|(id, value)| {
                    (rules.projection.traits[usize::from(id.0)].join("."), crate::value::Value::from(value).to_json())
                })
                .collect(),
            timezone: profile.zone.as_ref().map(|held| held.1.to_string()),
            next_wake_up: (due < Timestamp::NEVER).then_some(due),
            fired: campaigns
                .exposures()
                .iter()
                .map(|(id, exposures)| ExposureReport {
                    campaign: rules.campaigns[usize::from(id.0)].id.clone(),
                    count: exposures.count,
                    last: exposures.last,
                })
                .collect(),
            reservations: user
                .reservations
                .iter()
                .map(|reservation| ReservationReport::new(rules, reservation))
                .collect(),
            asks: campaigns.asks.iter().map(|ask| AskReport::new(rules, ask)).collect(),
            goals: user.goals.open().iter().map(|exposure| GoalExposureReport::new(rules, exposure)).collect(),
            held: campaigns
                .deferred()
                .iter()
                .map(|deferred| (deferred, deferred.trigger.as_ref().map(Trigger::origin)))
                .map(|(deferred, trigger)| DeferredDecisionReport {
                    campaign: rules.campaigns[usize::from(deferred.campaign.0)].id.clone(),
                    on: trigger.as_ref().map(|trigger| rules.trigger_name(trigger.on)),
                    key: trigger.and_then(|trigger| trigger.key).as_deref().map(str::to_owned),
                    at: deferred.at,
                    until: deferred.until,
                    timezone: deferred.zone.as_deref().map(str::to_owned),
                })
                .collect(),
        }
    }
}

impl ReservationReport {
    fn new(rules: &Ruleset, reservation: &Reservation) -> ReservationReport {
        let costs = reservation.costs.iter();
        ReservationReport {
            campaign: rules.campaigns[usize::from(reservation.campaign.0)].id.clone(),
            at: reservation.at,
            due: reservation.due,
            code: reservation.code.clone(),
            costs: costs.map(|share| (rules.budgets[usize::from(share.budget.0)].id.clone(), share.cost)).collect(),
        }
    }
}

impl AskReport {
    fn new(rules: &Ruleset, ask: &Ask) -> AskReport {
        let campaign = rules.campaigns[usize::from(ask.decision.campaign.0)].id.clone();
        AskReport { campaign, at: ask.decision.at, answered: ask.beat() }
    }
}

impl GoalExposureReport {
    fn new(rules: &Ruleset, exposure: &GoalExposure) -> GoalExposureReport {
        let (campaign, goal) = exposure.key.ids(rules);
        GoalExposureReport {
            campaign,
            goal,
            group: exposure.group.name(),
            variant: exposure.variant.clone(),
            exposed: exposure.exposed,
            matures: exposure.matures,
            count: exposure.count,
            value: Decimal::of_sum(exposure.value).map_or_else(JsonText::null, |value| Value::Number(value).to_json()),
        }
    }
}

fn segments(members: &MembershipSet, rules: &Ruleset) -> Vec<String> {
    members.iter().map(|id| rules.segments[usize::from(id.0)].id.clone()).collect()
}

fn ledgers(points: &UserPoints, rules: &Ruleset) -> Vec<LedgerReport> {
    let report = |(id, ledger): (LedgerId, &Ledger)| {
        let lots = points.ledger(id).map(|ledger| ledger.lots().iter());
        let lots_all = lots.clone().map_or(0, |lots| lots.len());
        let lots = lots.into_iter().flatten().take(LOTS_REPORTED_MAX).map(|lot| LotReport {
            left: lot.left,
            expires: Some(lot.expires).filter(|expires| *expires < Timestamp::NEVER),
        });
        let lots: Vec<LotReport> = lots.collect();
        LedgerReport {
            ledger: ledger.id.clone(),
            balance: points.balance(id),
            debt: points.ledger(id).map_or(Points::ZERO, UserLedger::debt),
            lots_left_off: lots_all - lots.len(),
            lots,
        }
    };
    (0..).map(LedgerId).zip(&rules.ledgers).map(report).collect()
}

/// The features of the user, or of the instance or the group that is asked about.
fn features(scope: &EvaluationContext<'_>, group: Option<GroupId>, rules: &Ruleset) -> Vec<FeatureReport> {
    let per = scope.instance.map(|instance| instance.per);
    // Whom a group tells is no function of the language.
    let is_function = |feature: &Feature| !matches!(feature.kind, FeatureKind::FirstTexts(_));
    let mut reports: Vec<FeatureReport> = rules
        .features_of(per, group)
        .filter(|(_, feature)| is_function(feature))
        .map(|(id, _)| {
            let value = scope.value(&Term::Feature(id)).to_json();
            FeatureReport { feature: notation::feature(rules, id), value }
        })
        .collect();
    let [idle, age] = match per {
        None => [Term::Idle, Term::Age],
        Some(_) => [Term::InstanceIdle, Term::InstanceAge],
    };
    for (name, term) in [("idle()", idle), ("age()", age)] {
        reports.push(FeatureReport { feature: name.to_owned(), value: scope.value(&term).to_json() });
    }
    reports
}

/// As many instances as [`INSTANCE_VALUES_MAX`] allows, those with the latest matches first to be there.
fn keys(scope: &EvaluationContext<'_>, rules: &Ruleset) -> Vec<KeyInstanceReport> {
    let all = &scope.profile.keys;
    let mut latest: Vec<Cow<'_, KeyInstance>> = all.iter().collect();
    latest.sort_by_key(|instance| std::cmp::Reverse(instance.latest));
    let mut values = 0;
    let fitting = latest.iter().take_while(|instance| {
        values += 1 + rules.features_of(Some(instance.per), None).count();
        values <= INSTANCE_VALUES_MAX
    });
    let fitting = fitting.count();
    latest.truncate(fitting);
    latest.sort_by(|a, b| (a.per, &a.key).cmp(&(b.per, &b.key)));
    let report = |instance: &KeyInstance| KeyInstanceReport {
        per: rules.pers[usize::from(instance.per.0)].id.clone(),
        table: rules.pers[usize::from(instance.per.0)].table.map(|table| rules.tables[usize::from(table.0)].id.clone()),
        key: Arc::clone(&instance.key),
        first_match: instance.first,
        latest_match: instance.latest,
        forgotten_at: instance.forgotten_at(rules),
        segments: segments(&instance.members, rules),
        features: features(&EvaluationContext { instance: Some(instance), ..*scope }, None, rules),
        fired: instance
            .exposures()
            .map(|(id, count)| KeyExposureReport { campaign: rules.campaigns[usize::from(id.0)].id.clone(), count })
            .collect(),
        next_wake_up: instance.due,
    };
    latest.iter().map(|instance| report(instance)).collect()
}
