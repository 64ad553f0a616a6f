//! What the engine would have handed over.

use std::sync::Arc;

use rekindle_core::campaigns::{Outcome, Trigger};
use rekindle_core::decode::Reason;
use rekindle_core::json::JsonText;
use rekindle_core::partition::{Cause, ExecutionPlan, Output, OutputKind};
use rekindle_core::rules;
use rekindle_core::rules::program::{CampaignId, Change, SegmentId};
use rekindle_core::time::Timestamp;
use rekindle_runtime::output::emission::{Emission, Emitted, Letter};
use rekindle_runtime::output::progress::Reached;

/// 2026-03-02T00:00:00Z
pub(crate) const START: Timestamp = Timestamp(1_772_409_600_000);

pub(crate) fn plan() -> Arc<ExecutionPlan> {
    let text = r#"
        [events]
        view = "View"
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
    let change = if number.is_multiple_of(2) { Change::Enter } else { Change::Exit };
    let cause = Cause::Event(Some(format!("m{number}").into()));
    let decided = OutputKind::Transition { segment: SegmentId(0), change, cause };
    Output { at: Timestamp(START.0 + number as i64), user: user.into(), position: number, decided }
}

pub(crate) fn decision(user: &str, number: u64, outcome: Outcome) -> Output {
    let payload = [("product".to_owned(), JsonText::of(&format!("p{number}")))];
    let decided = OutputKind::Decision {
        campaign: CampaignId(0),
        outcome,
        trigger: Trigger { segment: SegmentId(0), change: Change::Enter },
        cause: Cause::Event(Some(format!("m{number}").into())),
        payload: Some(Box::new(payload.into())),
    };
    Output { at: Timestamp(START.0 + number as i64), user: user.into(), position: number, decided }
}

pub(crate) fn action(user: &str, number: u64) -> Output {
    decision(user, number, Outcome::Sent { variant: Some(0), ordinal: number })
}

pub(crate) fn merged(user: &str, from: &str) -> Output {
    Output { at: START, user: user.into(), position: 0, decided: OutputKind::Merged { from: from.into() } }
}

pub(crate) fn letter(sequence: u64, line: u64, original: &[u8]) -> Letter {
    Letter { sequence, line, reason: Reason::NotAnObject, original: original.to_vec(), rest: None }
}

/// What a group of messages came to, whose last is `through`.
pub(crate) fn group(
    plan: &Arc<ExecutionPlan>,
    before: u64,
    through: u64,
    outputs: Vec<Output>,
    letters: Vec<Letter>,
) -> Emission {
    Emission::Batch(Emitted {
        plan: Arc::clone(plan),
        reloaded: None,
        fires_to: None,
        outputs,
        before: Reached::before(before),
        reached: Reached { sequence: through, ..Reached::before(through) },
        messages_out: 0,
        letters,
        first_position: 0,
        received: Vec::new(),
    })
}

pub(crate) fn emission(plan: &Arc<ExecutionPlan>, outputs: Vec<Output>, letters: Vec<Letter>) -> Emission {
    group(plan, 0, 1, outputs, letters)
}

/// `count` transitions from number `first` on, of a hundred users in turn, in emissions of uneven size.
pub(crate) fn many(plan: &Arc<ExecutionPlan>, first: u64, count: u64) -> Vec<Emission> {
    let (mut emissions, mut next, mut size) = (Vec::new(), first, 1);
    while next < first + count {
        let until = (next + size).min(first + count);
        let outputs = (next..until).map(|number| transition(&format!("u{}", number % 100), number)).collect();
        emissions.push(emission(plan, outputs, Vec::new()));
        (next, size) = (until, size * 7 % 2_999 + 1);
    }
    emissions
}

/// The numbers of these lines of the journal, as [`transition`] gave them.
pub(crate) fn numbers<'m>(payloads: impl Iterator<Item = &'m [u8]>) -> Vec<u64> {
    let number = |payload: &[u8]| {
        let line: serde_json::Value = serde_json::from_slice(payload).expect("a line of the journal");
        line["cause"].as_str().and_then(|cause| cause[1..].parse().ok()).expect("a number")
    };
    payloads.map(number).collect()
}
