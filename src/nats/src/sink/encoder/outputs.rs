//! Messages of outputs: transitions, decisions, actions, points, merges, outcomes of goals and rules changes.

use std::io::Write as _;
use std::sync::Arc;

use async_nats::subject::Subject;
use rekindle_core::action::{self, Action, coded_event_id, event_id};
use rekindle_core::campaigns::{Outcome, TriggerOrigin};
use rekindle_core::journal;
use rekindle_core::partition::{
    BudgetOutput, Cause, DecisionOutput, Output, OutputKind, PointsOutput, PointsPrice, SharedOutput,
};
use rekindle_core::rules::ruleset::Ruleset;
use rekindle_core::time::Timestamp;
use rekindle_runtime::output::batch::RulesActivation;
use rekindle_settings::ContentMode;
use serde_json::json;

use super::{EncodingJob, MessageEncoder};
use crate::sink::attributes::{CloudEventAttributes, header};
use crate::sink::message::{DeadLetterTruncation, MessageKind, OutputMessage};

impl MessageEncoder {
    /// Appends up to two messages: a decision `sent` is a decision and an action.
    pub(super) fn output(&mut self, job: &EncodingJob, output: &Output, messages: &mut Vec<OutputMessage>) {
        let rules = &job.plan.rules;
        match &output.decided {
            OutputKind::Transition { segment, change, key, cause } => {
                let segment_id = &rules.segments[usize::from(segment.0)].id;
                let about = about_key(segment_id, key.as_deref());
                let id = output_id("transition", &about, change.name(), output, Some(cause));
                let subject = job.subjects.transition(*segment, *change);
                messages.push(self.journal_line(MessageKind::Transition, subject, id, job, output));
            }
            OutputKind::GroupTransition { group, segment, change, ordinal, .. } => {
                let segment_id = &rules.segments[usize::from(segment.0)].id;
                let of = &rules.groups[usize::from(group.0)].id;
                // A group may change more than once at one instant, by what one beat brings.
                let about = format!("{segment_id}\0{of}\0{}\0{ordinal}", output.position);
                let id = output_id("group", &about, change.name(), output, None);
                let subject = job.subjects.transition(*segment, *change);
                messages.push(self.journal_line(MessageKind::Transition, subject, id, job, output));
            }
            OutputKind::Decision(decision) => {
                let DecisionOutput { campaign, outcome, trigger, cause, .. } = &**decision;
                if self.with_decisions {
                    let campaign_id = &rules.campaigns[usize::from(campaign.0)].id;
                    let id = decision_id(campaign_id, outcome, trigger, output, cause);
                    let subject = job.subjects.decision(*campaign, outcome);
                    messages.push(self.journal_line(MessageKind::Decision, subject, id, job, output));
                }
                let emitter = Arc::clone(&self.emitter);
                if matches!(outcome, Outcome::Sent { .. })
                    && let Some(action) = action::action(rules, output, &emitter)
                {
                    let subject = job.subjects.action(*campaign);
                    let received = matches!(cause, Cause::Event(_)).then(|| job.received_at(output)).flatten();
                    messages.push(self.action(action, subject, received));
                }
            }
            OutputKind::Points(points) => {
                let id = points_id(&rules.ledgers[usize::from(points.ledger.0)].id, points, output, rules);
                let subject = job.subjects.points(points.ledger, points.change);
                messages.push(self.journal_line(MessageKind::Points, subject, id, job, output));
            }
            OutputKind::Budget(change) => {
                let subject = job.subjects.budget(change.budget, change.change);
                let id = budget_id(rules, change, output);
                messages.push(self.journal_line(MessageKind::Budget, subject, id, job, output));
            }
            OutputKind::Merged { from } => {
                let id = output_id("merged", from, "", output, None);
                messages.push(self.journal_line(MessageKind::Merged, self.merged_subject.clone(), id, job, output));
            }
            OutputKind::GoalOutcome(outcome) => {
                // A user has one exposure to each goal of a campaign at a time.
                let about = format!("{}\0{}", outcome.campaign, outcome.goal);
                let id = output_id("outcome", &about, outcome.group.name(), output, None);
                let subject = job.subjects.outcome(&outcome.campaign, &outcome.goal);
                messages.push(self.journal_line(MessageKind::GoalOutcome, subject, id, job, output));
            }
            OutputKind::Weights(told) => {
                let campaign = &rules.campaigns[usize::from(told.campaign.0)].id;
                let id = output_id("weights", campaign, "", output, None);
                let subject = job.subjects.weights(campaign);
                messages.push(self.journal_line(MessageKind::Weights, subject, id, job, output));
            }
            OutputKind::Shared(shared) => messages.push(self.shared(job, output, shared)),
        }
    }

    /// The message of a rules change.
    pub(super) fn rules_activation(&mut self, rules_activation: &RulesActivation, generation: u64) -> OutputMessage {
        let RulesActivation { at, rules, previous, from_log } = rules_activation;
        let id = event_id(&format!("rules\0{}\0{rules}\0{previous}\0{generation}", at.0));
        let mut line = json!({"kind": "rules", "at": at.to_string(), "rules": rules, "previous": previous});
        if *from_log {
            line["from"] = json!("log");
        }
        write!(self.buffer, "{line}").expect("writing to memory cannot fail");
        let (subject, payload) = (self.rules_subject.clone(), self.take_written());
        let attributes = CloudEventAttributes::new(MessageKind::Rules, &id, &self.emitter).about(None, *at);
        OutputMessage {
            kind: MessageKind::Rules,
            subject,
            content_headers: attributes.headers(),
            id,
            payload,
            received: None,
            truncation: DeadLetterTruncation::default(),
        }
    }

    fn journal_line(
        &mut self,
        kind: MessageKind,
        subject: Subject,
        id: String,
        job: &EncodingJob,
        output: &Output,
    ) -> OutputMessage {
        self.line.clear();
        journal::append_line(&job.plan.rules, output, &mut self.line);
        self.buffer.get_mut().extend_from_slice(self.line.trim_ascii_end());
        let payload = self.take_written();
        let attributes = CloudEventAttributes::new(kind, &id, &self.emitter)
            .about(Some(&*output.user).filter(|user| !user.is_empty()), output.at);
        OutputMessage {
            kind,
            subject,
            content_headers: attributes.headers(),
            id,
            payload,
            received: None,
            truncation: DeadLetterTruncation::default(),
        }
    }

    /// What a partner is told: nothing of it says who the user is to who has not the key of the partner's subjects.
    fn shared(&mut self, job: &EncodingJob, output: &Output, shared: &SharedOutput) -> OutputMessage {
        self.line.clear();
        journal::append_partner_line(output, shared, &mut self.line);
        self.buffer.get_mut().extend_from_slice(self.line.trim_ascii_end());
        let (id, payload, known_as) = (coded_event_id(shared.event), self.take_written(), shared.subject.to_string());
        let attributes = CloudEventAttributes::new(MessageKind::Shared, &id, &self.emitter);
        OutputMessage {
            kind: MessageKind::Shared,
            subject: job.subjects.shared(shared),
            content_headers: attributes.about(Some(&known_as), output.at).headers(),
            id,
            payload,
            received: None,
            truncation: DeadLetterTruncation::default(),
        }
    }

    fn action(&mut self, action: Action<'_>, subject: Subject, received: Option<Timestamp>) -> OutputMessage {
        let content_headers = match self.mode {
            ContentMode::Structured => {
                serde_json::to_writer(&mut self.buffer, &action).expect("writing to memory cannot fail");
                vec![header("content-type", "application/cloudevents+json")]
            }
            ContentMode::Binary => {
                serde_json::to_writer(&mut self.buffer, &action.data).expect("writing to memory cannot fail");
                CloudEventAttributes::of(&action).headers()
            }
        };
        OutputMessage {
            kind: MessageKind::Action,
            subject,
            id: action.id,
            content_headers,
            payload: self.take_written(),
            received,
            truncation: DeadLetterTruncation::default(),
        }
    }
}

/// The id of an output that is published as a line of the journal.
fn output_id(kind: &str, subject: &str, change: &str, output: &Output, cause: Option<&Cause>) -> String {
    let cause = cause.map(|cause| cause_key(cause, output.position)).unwrap_or_default();
    event_id(&format!("{kind}\0{subject}\0{change}\0{}\0{}\0{cause}", output.user, output.at.0))
}

/// What tells a cause from others of the same instant.
fn cause_key(cause: &Cause, position: u64) -> String {
    match cause {
        Cause::Time => String::new(),
        Cause::Delivery => format!("d{position}"),
        Cause::Event(Some(id)) => format!("m{id}"),
        Cause::Event(None) => format!("p{position}"),
        Cause::Ttl => "t".to_owned(),
        Cause::Max => format!("x{position}"),
        Cause::Points { round, origin } => format!("s{round}{}", cause_key(origin, position)),
        Cause::Rules { change } => format!("r{change}"),
    }
}

/// The same for points, of which one event can change several: by its matches, or by the prices of the campaigns that it triggers.
fn points_id(ledger: &str, points: &PointsOutput, output: &Output, rules: &Ruleset) -> String {
    let subject = match &points.price {
        None => format!("{ledger}#{}", points.ordinal),
        Some(PointsPrice { campaign, trigger }) => {
            let campaign = &rules.campaigns[usize::from(campaign.0)].id;
            about_key(&format!("{ledger}\0{campaign}#{}", trigger.ordinal), trigger.key.as_deref())
        }
    };
    output_id("points", &subject, points.change.name(), output, Some(&points.cause))
}

/// The same for a change of a budget, of which one event can cause several: by the action whose costs these are.
fn budget_id(rules: &Ruleset, change: &BudgetOutput, output: &Output) -> String {
    let BudgetOutput { budget, campaign, change: kind, action: (sent, ordinal), .. } = change;
    let (budget, campaign) = (&rules.budgets[usize::from(budget.0)].id, &rules.campaigns[usize::from(campaign.0)].id);
    output_id("budget", &format!("{budget}\0{campaign}\0{}\0{ordinal}", sent.0), kind.name(), output, None)
}

/// The same for a decision, of which one event can cause several: of a campaign on its matches, or on the keys of a segment.
fn decision_id(campaign: &str, outcome: &Outcome, trigger: &TriggerOrigin, output: &Output, cause: &Cause) -> String {
    let ordinal = if trigger.ordinal > 1 { format!("#{}", trigger.ordinal) } else { String::new() };
    let subject = about_key(&format!("{campaign}{ordinal}"), trigger.key.as_deref());
    output_id("decision", &subject, outcome.name(), output, Some(cause))
}

/// What an output is about, with the key. A key may have any character, so its length is told before it.
fn about_key(subject: &str, key: Option<&str>) -> String {
    key.map_or_else(|| subject.to_owned(), |key| format!("{subject}\0{}:{key}", key.len()))
}

#[cfg(test)]
mod tests {
    use rekindle_core::partition::PointsChange;
    use rekindle_core::points::{Points, PointsBalance};
    use rekindle_core::rules::ruleset::{CampaignId, CampaignTrigger, LedgerId, NameId};

    use super::*;

    #[test]
    fn decisions_about_matches_of_one_event_have_different_ids() {
        let output = Output {
            at: Timestamp(5),
            user: "u".into(),
            position: 1,
            decided: OutputKind::Merged { from: "x".into() },
        };
        let cause = Cause::Event(Some("m1".into()));
        let of = |ordinal, key: Option<&str>| {
            let trigger = TriggerOrigin {
                ordinal,
                key: key.map(Into::into),
                ..TriggerOrigin::of(CampaignTrigger::Match(NameId(0)))
            };
            decision_id("c", &Outcome::Capped, &trigger, &output, &cause)
        };
        let ids = [of(1, None), of(2, None), of(3, None), of(1, Some("k")), of(1, Some("l"))];
        assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), ids.len());
        assert_eq!(of(1, None), output_id("decision", "c", "capped", &output, Some(&cause)), "as it was");
    }

    #[test]
    fn changes_of_points_have_ids_of_their_own() {
        let rules = rekindle_core::rules::compile(
            "[[ledgers]]\nid = 'l'\n[[segments]]\nid = 's'\nwhen = \"age() > duration('1d')\"\n\
             [[campaigns]]\nid = 'c'\non = 'enter:s'\nchannel = 'e'\n[[campaigns]]\nid = 'd'\non = 'enter:s'\nchannel = 'e'\n",
        );
        let rules = rules.expect("these rules are sound");
        let id = |change, ordinal, price: Option<PointsPrice>, cause: Cause| {
            let (ledger, amount, balance) = (LedgerId(0), Points::ZERO, PointsBalance::ZERO);
            let points = PointsOutput { ledger, change, amount, balance, cause, ordinal, price };
            let decided = OutputKind::Merged { from: "x".into() };
            let output = Output { at: Timestamp(5), user: "u".into(), position: 1, decided };
            points_id("l", &points, &output, &rules)
        };
        let price = |campaign, ordinal, key: Option<&str>| {
            let trigger = TriggerOrigin {
                ordinal,
                key: key.map(Into::into),
                ..TriggerOrigin::of(CampaignTrigger::Match(NameId(0)))
            };
            Some(PointsPrice { campaign: CampaignId(campaign), trigger })
        };
        let event = || Cause::Event(Some("m1".into()));
        let again = |round| Cause::Points { round, origin: Box::new(event()) };
        let spent = PointsChange::Spent;
        let ids = [
            id(PointsChange::Earned, 0, None, event()),
            id(spent, 0, None, event()),
            id(spent, 1, None, event()),
            id(spent, 0, price(0, 1, None), event()),
            id(spent, 0, price(0, 2, None), event()),
            id(spent, 0, price(0, 1, Some("k")), event()),
            id(spent, 0, price(1, 1, None), event()),
            id(spent, 0, price(0, 1, None), again(1)),
            id(spent, 0, price(0, 1, None), again(2)),
            id(PointsChange::Expired, 0, None, Cause::Time),
        ];
        assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), ids.len());
    }

    #[test]
    fn transitions_of_keys_have_ids_of_their_own() {
        let change = |user: &str, position, key: Option<&str>, cause: &Cause| {
            let output = Output {
                at: Timestamp(5),
                user: user.into(),
                position,
                decided: OutputKind::Merged { from: "x".into() },
            };
            output_id("transition", &about_key("s", key), "exit", &output, Some(cause))
        };
        let (event, another) = (Cause::Event(Some("m1".into())), Cause::Rules { change: 1 });
        let mut ids = Vec::new();
        for cause in [&event, &another, &Cause::Time, &Cause::Ttl, &Cause::Max] {
            ids.extend([None, Some("a"), Some("b"), Some("a\0b")].map(|key| change("u", 1, key, cause)));
        }
        ids.push(change("u", 2, Some("a"), &Cause::Max));
        ids.push(change("v\0exit\0u", 1, Some("a"), &Cause::Time));
        ids.push(change("u", 1, Some("a\0exit\0v"), &Cause::Time));
        assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), ids.len());
        assert_eq!(change("u", 1, Some("a"), &Cause::Ttl), change("u", 9, Some("a"), &Cause::Ttl));
        let as_before = "transition\0s\0exit\0u\x005\0mm1";
        assert_eq!(change("u", 1, None, &event), event_id(as_before));
    }

    #[test]
    fn two_outputs_of_one_instant_have_different_ids() {
        let enter = |position, cause| {
            let decided = OutputKind::Merged { from: "x".into() };
            let output = Output { at: Timestamp(5), user: "u".into(), position, decided };
            output_id("transition", "s", "enter", &output, Some(&cause))
        };
        let by = |id: &str| Cause::Event(Some(id.into()));
        let ids = [enter(1, by("m1")), enter(3, by("m2")), enter(1, Cause::Event(None)), enter(3, Cause::Event(None))];
        let different: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(different.len(), ids.len());
        assert_eq!(enter(1, by("m1")), enter(9, by("m1")), "the start of the log does not matter");
        assert_eq!(enter(1, Cause::Time), enter(9, Cause::Time));
        let [first, second] = [1, 2].map(|change| enter(1, Cause::Rules { change }));
        assert!(first != second && !different.contains(&first), "two changes between the same rules at one instant");
    }
}
