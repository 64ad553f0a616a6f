//! What is no state: decisions, whose decisions are gone, and the hours of segments.

use std::sync::Arc;

use super::*;
use crate::campaigns::{BudgetStanding, DecisionStep, Outcome, TriggerOrigin};
use crate::decimal::Decimal;
use crate::partition::{Cause, DecisionOutput, Output, OutputKind};
use crate::points::{Points, PointsBalance};
use crate::rules::ruleset::{
    BudgetId, CampaignId, CampaignTrigger, LedgerId, NameId, PurposeId, QuietHours, SegmentId, TransitionKind,
};
use crate::time::Span;

const SPENDING: &str = r#"
[events]
view = "View"
want = "Want"

[[ledgers]]
id = "stars"
earn = [{ on = "view", amount = "1" }]

[[segments]]
id = "active"
when = "total(view) >= 1"

[[budgets]]
id = "summer"
limit = 100

[[campaigns]]
id = "mail"
on = "enter:active"
channel = "email"
variants = [{ id = "plain", weight = 1 }, { id = "loud", weight = 1 }]

[[campaigns]]
id = "coupon"
on = "event:want"
channel = "push"

[[campaigns]]
id = "wary"
on = "enter:active"
channel = "email"
needs = ["marketing", "ads"]

[[caps]]
max = 3
per = "1d"

[[caps]]
max = 1
per = "1h"
channel = "email"
"#;

fn compiled(rules: &str) -> Arc<ExecutionPlan> {
    let compiled = rules::compile(rules).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    Arc::new(ExecutionPlan::new(compiled))
}

/// A step of every kind, passed and not.
fn steps() -> Vec<DecisionStep> {
    let (at, span) = (Timestamp(START), Span(3_600_000));
    let (hours, zone) = (QuietHours { start_minute: 1_320, end_minute: 480 }, "Asia/Tokyo".to_owned());
    let standing = BudgetStanding {
        budget: BudgetId(0),
        period: Timestamp::MIN,
        used: Decimal::from_millionths(9_980_000_000),
        limit: Decimal::from_millionths(10_000_000_000),
        cost: Some(Decimal::from_millionths(40_250_000)),
    };
    vec![
        DecisionStep::Trigger { holds: true },
        DecisionStep::Age { since: at, expires: span },
        DecisionStep::Condition { holds: false, explained: None },
        DecisionStep::Consent { lacks: None },
        DecisionStep::Consent { lacks: Some(PurposeId(1)) },
        DecisionStep::MaxPerUser { fired: 1, max: 2 },
        DecisionStep::MaxPerKey { fired: 3, max: 3 },
        DecisionStep::Cooldown { last: None, cooldown: span },
        DecisionStep::Cooldown { last: Some(at), cooldown: span },
        DecisionStep::QuietHours { hours, zone: zone.clone(), until: None },
        DecisionStep::QuietHours { hours, zone: zone.clone(), until: Some(at) },
        DecisionStep::Pending { hours, zone, until: at },
        DecisionStep::Cap { cap: 1, sent: 1, max: 1, free_at: Some(at) },
        DecisionStep::Cap { cap: 0, sent: 1, max: 3, free_at: None },
        DecisionStep::Price {
            ledger: LedgerId(0),
            price: Points::from(30),
            balance: PointsBalance::of_whole(-7).expect("few"),
        },
        DecisionStep::Budget(standing),
        DecisionStep::Budget(BudgetStanding { cost: None, period: at, ..standing }),
        DecisionStep::Draw { share: 0.125, chance: 0.5 },
        DecisionStep::Control { share: 0.75, control: 0.1 },
        DecisionStep::Holdout { share: 1.0 / 3.0, holdout: 0.1 },
        DecisionStep::Variant { share: 0.75, variant: 1 },
    ]
}

fn output(number: u32, campaign: CampaignId, trigger: TriggerOrigin, decided: (Outcome, Cause)) -> Output {
    let (outcome, cause) = decided;
    let decision = DecisionOutput { campaign, outcome, trigger, cause, payload: None, steps: steps() };
    Output {
        at: Timestamp(START + i64::from(number)),
        user: format!("user {number}").into(),
        position: number.into(),
        decided: OutputKind::Decision(Box::new(decision)),
    }
}

/// Every outcome, every cause, every kind of trigger.
fn decisions() -> Vec<Output> {
    let enter = CampaignTrigger::Transition { segment: SegmentId(0), change: TransitionKind::Enter };
    let exit = CampaignTrigger::Transition { segment: SegmentId(0), change: TransitionKind::Exit };
    let event = |id: Option<&str>| Cause::Event(id.map(Arc::from));
    let outcomes = [
        (Outcome::TooLate, Cause::Time),
        (Outcome::NoConsent, Cause::Time),
        (Outcome::Condition, event(Some("m1"))),
        (Outcome::MaxPerUser, event(None)),
        (Outcome::MaxPerKey, Cause::Ttl),
        (Outcome::Cooldown, Cause::Max),
        (Outcome::Pending, Cause::Rules { change: 3 }),
        (Outcome::Deferred { until: Timestamp(START + 9) }, Cause::Points { round: 2, origin: Box::new(Cause::Time) }),
        (Outcome::Capped, Cause::Points { round: 1, origin: Box::new(event(Some("m2"))) }),
        (Outcome::Insufficient, Cause::Time),
        (Outcome::Budget, Cause::Time),
        (Outcome::NoLuck, Cause::Time),
        (Outcome::Control, Cause::Time),
        (Outcome::Holdout, Cause::Time),
        (Outcome::Sent { variant: Some(0), ordinal: 1 << 33 }, Cause::Time),
        (Outcome::Sent { variant: None, ordinal: 0 }, Cause::Time),
        (Outcome::Stale, Cause::Time),
    ];
    let mut decisions: Vec<Output> = outcomes
        .into_iter()
        .zip(0..)
        .map(|(decided, number)| output(number, CampaignId(0), TriggerOrigin::of(enter), decided))
        .collect();
    let keyed = TriggerOrigin { on: exit, ordinal: 1, key: Some("sku 7".into()) };
    decisions.push(output(50, CampaignId(0), keyed, (Outcome::Cooldown, Cause::Time)));
    let matched = TriggerOrigin { on: CampaignTrigger::Match(NameId(1)), ordinal: 4, key: None };
    let mut coupon = output(51, CampaignId(1), matched, (Outcome::Budget, event(Some("m3"))));
    if let OutputKind::Decision(decision) = &mut coupon.decided {
        // It has no variants.
        decision.steps.retain(|step| !matches!(step, DecisionStep::Variant { .. }));
    }
    decisions.push(coupon);
    decisions
}

fn forgotten() -> Vec<ForgottenDecisions> {
    vec![
        ForgottenDecisions { user: "user 3".into(), before: Timestamp::NEVER },
        ForgottenDecisions { user: "用户".into(), before: Timestamp(START) },
    ]
}

fn hours() -> Vec<SegmentHours> {
    let hour = |at_ms, size| SegmentHour { at_ms, size, entered: 2, left: 1 };
    let of = |segment: &str, hours: &[SegmentHour]| SegmentHours { segment: segment.to_owned(), hours: hours.to_vec() };
    vec![of("active", &[hour(START, 4), hour(START + 7_200_000, 5)]), of("gone", &[hour(START, 0)])]
}

/// A delta that has nothing else.
fn file(plan: &ExecutionPlan, decisions: &[Output]) -> Vec<u8> {
    let head = CheckpointHeader { kind: CheckpointKind::Delta, number: 2, ..head(&plan.rules.version) };
    let mut encoder = CheckpointEncoder::new(plan, &head).expect("small");
    encoder.forgotten_decisions(&forgotten()).expect("small");
    encoder.segment_hours(&hours()).expect("small");
    decisions.iter().for_each(|decision| encoder.decision(&plan.rules, decision).expect("small"));
    encoder.finish().expect("small").0
}

fn decisions_in(plan: &ExecutionPlan, bytes: &[u8]) -> Vec<Output> {
    let contents = contents(plan, bytes).expect("what was encoded").into_iter();
    let decisions = contents.filter_map(|content| match content {
        PartContent::Decisions(decisions) => Some(decisions),
        _ => None,
    });
    decisions.flatten().collect()
}

#[test]
fn decisions_of_every_kind_are_restored_with_all_of_their_steps() {
    let plan = compiled(SPENDING);
    let bytes = file(&plan, &decisions());
    assert_eq!(decisions_in(&plan, &bytes), decisions());
    let contents = contents(&plan, &bytes).expect("what was encoded");
    assert!(
        contents.iter().any(|content| matches!(content, PartContent::ForgottenDecisions(of) if *of == forgotten()))
    );
    assert!(contents.iter().any(|content| matches!(content, PartContent::SegmentHours(of) if *of == hours())));
}

#[test]
fn many_decisions_are_restored_in_their_order() {
    let plan = compiled(SPENDING);
    let many: Vec<Output> = (0..600).flat_map(|_| decisions()).collect();
    let bytes = file(&plan, &many);
    assert!(blocks(&bytes).expect("sound").len() > 6, "several blocks");
    assert!(decisions_in(&plan, &bytes) == many);
}

#[test]
fn under_other_rules_decisions_stay_whose_names_are_all_there() {
    let plan = compiled(SPENDING);
    let bytes = file(&plan, &decisions());
    // Everything has another index.
    let (events, rest) = SPENDING.split_at(SPENDING.find("[[ledgers]]").expect("ledgers"));
    let (rest, caps) = rest.split_at(rest.find("[[caps]]").expect("caps"));
    let first = "[[segments]]\nid = \"first\"\nwhen = \"total(want) > 2\"\n\n[[campaigns]]\nid = \"first\"\non = \"enter:first\"\nchannel = \"sms\"\n\n";
    let moved = format!("{events}{first}{rest}[[caps]]\nmax = 9\nper = \"2d\"\n\n{caps}");
    let moved =
        moved.replace("view = \"View\"\nwant", "also = \"Also\"\nwant").replace("want =", "view = \"View\"\nwant =");
    let moved = compiled(&moved);
    let found = decisions_in(&moved, &bytes);
    let told = |plan: &ExecutionPlan, decisions: &[Output]| -> Vec<String> {
        let explained = decisions
            .iter()
            .flat_map(|decision| crate::explanation::DecisionExplanation::of_story(&plan.rules, &[decision], None));
        explained.map(|decision| serde_json::to_string(&decision.document()).expect("JSON")).collect()
    };
    assert_eq!(told(&moved, &found), told(&plan, &decisions()));

    let count_without = |part: &str, instead: &str| {
        let rules = SPENDING.replacen(part, instead, 1);
        assert_ne!(rules, SPENDING);
        decisions_in(&compiled(&rules), &bytes).len()
    };
    let all = decisions().len();
    assert_eq!(count_without("id = \"coupon\"", "id = \"voucher\""), all - 1, "a campaign");
    assert_eq!(count_without("id = \"plain\"", "id = \"modest\""), all - 1, "the variant that was sent");
    for (part, instead) in [
        ("id = \"stars\"", "id = \"moons\""),
        ("id = \"summer\"", "id = \"winter\""),
        ("channel = \"email\"\n", "channel = \"mail\"\n"),
        ("per = \"1d\"", "per = \"3d\""),
    ] {
        let left = count_without(part, instead);
        assert_eq!(left, if part.starts_with("channel") { all } else { 0 }, "{part}");
    }
}

#[test]
fn what_is_gone_can_be_in_a_delta_only() {
    let plan = compiled(SPENDING);
    let mut encoder = CheckpointEncoder::new(&plan, &head(&plan.rules.version)).expect("small");
    encoder.forgotten_decisions(&forgotten()).expect("small");
    let bytes = encoder.finish().expect("small").0;
    let refused = CheckpointFile::read(&bytes).expect_err("of what would they be gone").to_string();
    assert!(refused.contains("a block that must not occur there"), "{refused}");
}

/// The format before is this one without them.
#[test]
fn a_file_of_format_8_is_read_and_has_none() {
    let story = told(RULES);
    let mut bytes = bytes(&story);
    assert_eq!(bytes[4..6], FORMAT_VERSION.to_le_bytes());
    bytes[4] = 8;
    let back = restored(RULES, &bytes);
    let (back, user) = (back.user(), story.user());
    assert_eq!((&back.profile, &back.campaigns), (&user.profile, &user.campaigns));
    assert_eq!(decisions_in(&story.plan, &bytes), []);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_bytes_of_decisions_do_not_panic_when_they_are_read_or_explained(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 1..4),
        kind in prop::sample::select(vec![
            CheckpointBlockKind::Decisions, CheckpointBlockKind::ForgottenDecisions, CheckpointBlockKind::SegmentHours,
        ]),
    ) {
        let plan = compiled(SPENDING);
        let changed = with_changes(&file(&plan, &decisions()), kind, &changes);
        for content in contents(&plan, &changed).into_iter().flatten() {
            if let PartContent::Decisions(decisions) = content {
                let told: Vec<&Output> = decisions.iter().collect();
                let explained = crate::explanation::DecisionExplanation::of_story(&plan.rules, &told, None);
                let written = explained.iter().map(|one| serde_json::to_string(&one.document()));
                prop_assert!(written.into_iter().all(|line| line.is_ok()));
            }
        }
    }
}
