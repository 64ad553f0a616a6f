//! What is explained is what the engine does, on random rules and logs: a condition holds where the user is in the segment, its
//! parts make up the whole, and what is foreseen is what happens.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use rekindle_core::campaigns::{DecisionStep, Outcome, StepRecording};
use rekindle_core::explanation::{ConditionExplanation, SegmentExplanation};
use rekindle_core::partition::{ExecutionPlan, Output, OutputKind};
use rekindle_core::rules;
use rekindle_core::rules::ruleset::TransitionKind;
use rekindle_core::secret::DrawSecret;
use rekindle_core::time::{Span, Timestamp};
use rekindle_runtime::pipeline::{Pipeline, PipelineOptions, UserCopy};
use rekindle_test_kit::generator::{LanguageParts, Scenario, scenario_of};

const HORIZON: Span = Span(400 * 86_400_000);

/// The first change of each user's segment, or of its key.
type FirstChanges = BTreeMap<(String, String, Option<String>), (Timestamp, TransitionKind)>;

/// A scenario in which campaigns take no points: what they would take is not foreseen.
fn unpriced_scenario() -> impl Strategy<Value = Scenario> {
    scenario_of(LanguageParts { prices: false, groups: false, ranks: false, picks: false, ..LanguageParts::ALL })
}

fn pipeline_of(scenario: &Scenario, plan: &Arc<ExecutionPlan>, decision_steps: StepRecording) -> Pipeline {
    let options = PipelineOptions {
        partitions: 3,
        workers: 1,
        max_disorder: Span(scenario.max_disorder_ms()),
        secret: DrawSecret::of_file(scenario.secret().as_bytes()),
        decision_steps,
        ..PipelineOptions::default()
    };
    Pipeline::new(Arc::clone(plan), options).expect("threads start")
}

fn pipeline_at_the_end(scenario: &Scenario, plan: &Arc<ExecutionPlan>) -> Pipeline {
    let mut pipeline = pipeline_of(scenario, plan, StepRecording::Off);
    let mut outputs = Vec::new();
    pipeline.feed(&scenario.events_jsonl(), &mut |_| {}, &mut outputs);
    pipeline.advance_to(Timestamp(scenario.until_ms()), &mut outputs);
    pipeline
}

/// Whether the parts of a condition make it what it is, and whether exactly those are needed that decide it.
fn check_parts(condition: &ConditionExplanation) -> Result<(), TestCaseError> {
    let joint = |deciding: bool| condition.parts.iter().any(|part| part.holds == deciding);
    if condition.parts.len() == 1 {
        prop_assert_eq!(condition.holds, !condition.parts[0].holds, "{}", condition.text);
    } else if condition.parts.len() > 1 {
        let (all, any) = (!joint(false), joint(true));
        prop_assert!(condition.holds == all || condition.holds == any, "{}", condition.text);
        let needed = condition.parts.iter().take_while(|part| part.is_needed).count();
        let is_prefix = condition.parts[needed..].iter().all(|part| !part.is_needed);
        prop_assert!(is_prefix, "{}", condition.text);
        if needed > 0 && needed < condition.parts.len() {
            prop_assert_eq!(condition.parts[needed - 1].holds, condition.holds, "{}", condition.text);
        }
    }
    condition.parts.iter().try_for_each(check_parts)
}

fn outputs_with_steps(scenario: &Scenario, plan: &Arc<ExecutionPlan>) -> Vec<Output> {
    let mut pipeline = pipeline_of(scenario, plan, StepRecording::Conditions);
    let mut outputs = Vec::new();
    pipeline.feed(&scenario.events_jsonl(), &mut |_| {}, &mut outputs);
    pipeline.advance_to(Timestamp(scenario.until_ms()), &mut outputs);
    pipeline.end_log(&mut outputs);
    outputs
}

/// The outcomes that a step can lead to where it is not passed.
fn outcomes_of(step: &DecisionStep) -> &'static [&'static str] {
    match step {
        DecisionStep::Trigger { .. } => &["stale"],
        DecisionStep::Age { .. } => &["too_late"],
        DecisionStep::Consent { .. } => &["no_consent"],
        DecisionStep::Condition { .. } => &["condition"],
        DecisionStep::MaxPerUser { .. } => &["max_per_user"],
        DecisionStep::MaxPerKey { .. } => &["max_per_key"],
        DecisionStep::Cooldown { .. } => &["cooldown"],
        DecisionStep::QuietHours { .. } => &["deferred"],
        DecisionStep::Pending { .. } => &["pending"],
        DecisionStep::Cap { .. } => &["capped"],
        DecisionStep::Price { .. } => &["insufficient"],
        DecisionStep::Budget(_) => &["budget"],
        DecisionStep::Draw { .. } => &["no_luck"],
        DecisionStep::Control { .. } => &["control"],
        DecisionStep::Holdout { .. } => &["holdout"],
        DecisionStep::Variant { .. } => &[],
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_numbers_of_a_decisions_steps_lead_to_its_outcome(scenario in scenario_of(LanguageParts::ALL)) {
        let plan = Arc::new(ExecutionPlan::new(rules::compile(&scenario.rules_toml()).expect("the rules compile")));
        for output in outputs_with_steps(&scenario, &plan) {
            let OutputKind::Decision(decision) = &output.decided else { continue };
            let Some((last, before)) = decision.steps.split_last() else {
                let campaign = &plan.rules.campaigns[usize::from(decision.campaign.0)];
                let has_no_steps = matches!(decision.outcome, Outcome::Sent { .. } | Outcome::Stale);
                prop_assert!(has_no_steps, "{} of {}", decision.outcome.name(), campaign.id);
                continue;
            };
            let is_sent = matches!(decision.outcome, Outcome::Sent { .. });
            for step in before {
                prop_assert!(step.is_passed(output.at), "{step:?} of {decision:?}");
            }
            prop_assert_eq!(last.is_passed(output.at), is_sent, "{:?} of {:?}", last, decision);
            prop_assert!(is_sent || outcomes_of(last).contains(&decision.outcome.name()), "{:?} of {:?}", last, decision);
        }
    }

    #[test]
    fn what_is_explained_is_what_the_engine_does(scenario in unpriced_scenario()) {
        let plan = Arc::new(ExecutionPlan::new(rules::compile(&scenario.rules_toml()).expect("the rules compile")));
        let mut pipeline = pipeline_at_the_end(&scenario, &plan);
        let ids: Vec<Arc<str>> = pipeline.users().map(|user| Arc::clone(&user.id)).collect();
        let (mut foreseen, mut ahead) = (FirstChanges::new(), Vec::new());
        for id in &ids {
            let UserCopy { plan, user, at, rows } = pipeline.copy_of(id).expect("the user is there");
            if at > Timestamp(scenario.until_ms()) {
                // Its clock is ahead: what is due by then has not fired yet.
                ahead.push(id.to_string());
                continue;
            }
            for explained in SegmentExplanation::of_user(&plan, &user, at, &rows, |_| true) {
                prop_assert_eq!(explained.condition.holds, explained.is_in, "{} in {}", id, explained.segment);
                check_parts(&explained.condition)?;
                let key = explained.key.map(|key| key.to_string());
                if let Some(next) = explained.next_change {
                    foreseen.insert((id.to_string(), explained.segment, key), (next.at, next.change));
                }
            }
        }
        // A row that waits for the end of its beat is nothing that a user's state foresees.
        if pipeline.rows().is_some_and(|rows| !rows.waiting().is_empty()) {
            return Ok(());
        }
        let (until, mut outputs) = (Timestamp(scenario.until_ms()) + HORIZON, Vec::new());
        pipeline.advance_to(until, &mut outputs);
        let mut happened = FirstChanges::new();
        outputs.sort_by_key(|output| output.at);
        for output in outputs.iter().filter(|output| output.at <= until && !ahead.contains(&output.user.to_string())) {
            if let OutputKind::Transition { segment, change, key, .. } = &output.decided {
                let segment = plan.rules.segments[usize::from(segment.0)].id.clone();
                let of = (output.user.to_string(), segment, key.as_ref().map(ToString::to_string));
                happened.entry(of).or_insert((output.at, *change));
            }
        }
        prop_assert_eq!(&foreseen, &happened);
    }
}
