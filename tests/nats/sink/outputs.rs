//! Outputs as the engine would hand them over.

use std::sync::Arc;

use rekindle_core::campaigns::{Outcome, TriggerOrigin};
use rekindle_core::decode::RejectionReason;
use rekindle_core::json::JsonText;
use rekindle_core::partition::{Cause, DecisionOutput, ExecutionPlan, Output, OutputKind, PointsChange, PointsOutput};
use rekindle_core::points::PointsBalance;
use rekindle_core::rules;
use rekindle_core::rules::ruleset::{CampaignId, CampaignTrigger, LedgerId, SegmentId, TransitionKind};
use rekindle_core::time::Timestamp;
use rekindle_runtime::output::batch::{DeadLetter, OutputBatch, OutputItem};
use rekindle_runtime::output::committed_position::CommittedPosition;

/// 2026-03-02T00:00:00Z
pub(crate) const START: Timestamp = Timestamp(1_772_409_600_000);

pub(crate) fn plan() -> Arc<ExecutionPlan> {
    let text = r#"
        [events]
        view = "View"
        [[ledgers]]
        id = "stars"
        earn = [{ on = "view", amount = "5" }]
        [[segments]]
        id = "active"
        when = "count(view, '1h') >= 1"
        [[campaigns]]
        id = "hello-again_1"
        on = "enter:active"
        channel = "email"
        variants = [{ id = "a", weight = 1 }]
    "#;
    Arc::new(ExecutionPlan::new(rules::compile(text).expect("these rules are sound")))
}

/// A user enters (even numbers) or leaves (odd ones) the segment.
pub(crate) fn transition(user: &str, number: u64) -> Output {
    let change = if number.is_multiple_of(2) { TransitionKind::Enter } else { TransitionKind::Exit };
    let cause = Cause::Event(Some(format!("m{number}").into()));
    let decided = OutputKind::Transition { segment: SegmentId(0), change, key: None, cause };
    Output { at: Timestamp(START.0 + number as i64), user: user.into(), position: number, decided }
}

pub(crate) fn decision(user: &str, number: u64, outcome: Outcome) -> Output {
    let payload = [("product".to_owned(), JsonText::of(&format!("p{number}")))];
    let decided = OutputKind::Decision(Box::new(DecisionOutput {
        campaign: CampaignId(0),
        outcome,
        trigger: TriggerOrigin::of(CampaignTrigger::Transition {
            segment: SegmentId(0),
            change: TransitionKind::Enter,
        }),
        cause: Cause::Event(Some(format!("m{number}").into())),
        payload: Some(Box::new(payload.into())),
        steps: Vec::new(),
    }));
    Output { at: Timestamp(START.0 + number as i64), user: user.into(), position: number, decided }
}

pub(crate) fn action(user: &str, number: u64) -> Output {
    decision(user, number, Outcome::Sent { variant: Some(0), ordinal: number })
}

/// The user earns points of a ledger.
pub(crate) fn earned(user: &str, number: u64, points: u64) -> Output {
    let decided = OutputKind::Points(Box::new(PointsOutput {
        ledger: LedgerId(0),
        change: PointsChange::Earned,
        amount: points.into(),
        balance: PointsBalance::ZERO,
        cause: Cause::Event(Some(format!("m{number}").into())),
        ordinal: 0,
        price: None,
    }));
    Output { at: Timestamp(START.0 + number as i64), user: user.into(), position: number, decided }
}

pub(crate) fn merged(user: &str, from: &str) -> Output {
    Output { at: START, user: user.into(), position: 0, decided: OutputKind::Merged { from: from.into() } }
}

pub(crate) fn dead_letter(sequence: u64, line: u64, original: &[u8]) -> DeadLetter {
    DeadLetter { sequence, line, reason: RejectionReason::NotAnObject, original: original.to_vec(), rest: None }
}

/// The outputs of a group of messages whose last is `through`.
pub(crate) fn group(
    plan: &Arc<ExecutionPlan>,
    before: u64,
    through: u64,
    outputs: Vec<Output>,
    dead_letters: Vec<DeadLetter>,
) -> OutputItem {
    OutputItem::Batch(OutputBatch {
        plan: Arc::clone(plan),
        rules_activation: None,
        fires_to: None,
        outputs,
        before: CommittedPosition::before(before),
        committed: CommittedPosition { sequence: through, ..CommittedPosition::before(through) },
        messages_published: 0,
        dead_letters,
        first_position: 0,
        received: Vec::new(),
    })
}

pub(crate) fn output_item(
    plan: &Arc<ExecutionPlan>,
    outputs: Vec<Output>,
    dead_letters: Vec<DeadLetter>,
) -> OutputItem {
    group(plan, 0, 1, outputs, dead_letters)
}

/// `count` transitions from number `first` on, of a hundred users in turn, in output batches of uneven size.
pub(crate) fn many(plan: &Arc<ExecutionPlan>, first: u64, count: u64) -> Vec<OutputItem> {
    let (mut output_items, mut next, mut size) = (Vec::new(), first, 1);
    while next < first + count {
        let until = (next + size).min(first + count);
        let outputs = (next..until).map(|number| transition(&format!("u{}", number % 100), number)).collect();
        output_items.push(output_item(plan, outputs, Vec::new()));
        (next, size) = (until, size * 7 % 2_999 + 1);
    }
    output_items
}

/// The numbers of these lines of the journal, as [`transition`] gave them.
pub(crate) fn numbers<'m>(payloads: impl Iterator<Item = &'m [u8]>) -> Vec<u64> {
    let number = |payload: &[u8]| {
        let line: serde_json::Value = serde_json::from_slice(payload).expect("a line of the journal");
        line["cause"].as_str().and_then(|cause| cause[1..].parse().ok()).expect("a number")
    };
    payloads.map(number).collect()
}
