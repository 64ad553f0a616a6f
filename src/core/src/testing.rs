//! For tests: a user's story told to a partition, and what the partition has to say about it.
//!
//! Times are milliseconds after [`START`]. `max_disorder` is 0: the watermark is the latest time told.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::campaigns::StepRecording;
use crate::decode::Decoder;
use crate::partition::{ExecutionPlan, LogInstant, Output, OutputKind, Partition, PartitionInput, TimerMark, User};
use crate::rules;
use crate::secret::DrawSecret;
use crate::time::{Span, Timestamp};

/// 2026-03-02T00:00:00Z, a Monday. All panes of windows up to an hour begin here, and those of whole hours.
pub(crate) const START: i64 = 1_772_409_600_000;

/// The events of most stories.
pub(crate) const EVENTS: &str = "[events]\nview = \"View\"\norder = \"Order\"\nhome = { type = \"page\" }\n";

/// The user of a story that names none.
pub(crate) const USER: &str = "u";

/// A partition that is told events and the passing of time.
pub(crate) struct Story {
    pub(crate) plan: ExecutionPlan,
    pub(crate) partition: Partition,
    decoder: Decoder,
    position: u64,
    latest_read: Timestamp,
    out: Vec<Output>,
}

impl Story {
    /// Under a whole rules file.
    pub(crate) fn under(rules: &str) -> Story {
        let rules = match rules::compile(rules) {
            Ok(rules) => rules,
            Err(problems) => panic!("{}", crate::diagnostics::render("rules.toml", rules, &problems, false)),
        };
        let decoder = Decoder::new(&rules.projection, 1 << 20);
        let plan = ExecutionPlan::new(rules);
        let partition = Partition::new(&plan);
        Story { plan, partition, decoder, position: 0, latest_read: Timestamp::MIN, out: Vec::new() }
    }

    /// Users who are idle for so long are dropped.
    pub(crate) fn dropping_after(self, state_ttl: i64) -> Story {
        Story { partition: Partition::new(&self.plan).with_state_ttl(Some(Span(state_ttl))), ..self }
    }

    /// Draws go by this secret.
    pub(crate) fn with_secret(self, secret: DrawSecret) -> Story {
        Story { partition: Partition::new(&self.plan).with_secret(secret), ..self }
    }

    /// Outputs say what the steps of decisions were.
    pub(crate) fn with_decision_steps(self) -> Story {
        let partition = Partition::new(&self.plan).with_decision_steps(StepRecording::Conditions);
        Story { partition, ..self }
    }

    /// Under rules whose only segment `s` has this condition.
    pub(crate) fn of(when: &str) -> Story {
        Story::under(&segments(&[("s", when)]))
    }

    /// Whether a condition holds at `now` for whom this happened: `(at, event, properties)`.
    pub(crate) fn holds(when: &str, happened: &[(i64, &str, &str)], now: i64) -> bool {
        let mut story = Story::of(when);
        for (at, event, properties) in happened {
            story.track(*at, event, properties);
        }
        story.wait(now);
        story.is_in("s")
    }

    /// The user did something; `properties` is the inside of a JSON object.
    pub(crate) fn track(&mut self, at: i64, event: &str, properties: &str) -> &mut Story {
        self.call(at, USER, &format!(r#""type":"track","event":"{event}","properties":{{{properties}}}"#))
    }

    /// The user was identified; `traits` is the inside of a JSON object.
    pub(crate) fn identify(&mut self, at: i64, traits: &str) -> &mut Story {
        self.call(at, USER, &format!(r#""type":"identify","traits":{{{traits}}}"#))
    }

    /// A call of a user, without its id and time.
    pub(crate) fn call(&mut self, at: i64, user: &str, fields: &str) -> &mut Story {
        self.take(at, user, fields, None)
    }

    /// A call that links a visitor of the partition to the user.
    pub(crate) fn link(&mut self, at: i64, user: &str, visitor: &str) -> &mut Story {
        let visitor = self.partition.detach(visitor);
        self.take(at, user, r#""type":"alias""#, visitor)
    }

    fn take(&mut self, at: i64, user: &str, fields: &str, visitor: Option<Box<User>>) -> &mut Story {
        let ts = Timestamp(START + at);
        let line = format!(r#"{{"userId":"{user}",{fields}}}"#);
        let mut decoded = Vec::new();
        self.decoder.decode(line.as_bytes(), &mut decoded);
        let event = decoded.pop().and_then(Result::ok).unwrap_or_else(|| panic!("no event: {line}"));
        let (watermark, position) = (self.latest_read, self.position);
        let input = PartitionInput::Event { user, event: &event, ts, watermark, position, visitor };
        self.partition.apply(&self.plan, input, &mut self.out);
        self.position += 1;
        self.latest_read = self.latest_read.max(ts);
        self
    }

    /// A user is forgotten, at the time told last; whether there was one.
    pub(crate) fn forget(&mut self, user: &str) -> bool {
        let now = LogInstant { at: self.latest_read, position: self.position };
        self.partition.forget(&self.plan, user, now, &mut self.out)
    }

    /// Time passes until then.
    pub(crate) fn wait(&mut self, until: i64) -> &mut Story {
        self.latest_read = self.latest_read.max(Timestamp(START + until));
        let input = PartitionInput::Advance { to: TimerMark::through(self.latest_read), position: self.position };
        self.partition.apply(&self.plan, input, &mut self.out);
        self
    }

    /// Whether the user is in the segment.
    pub(crate) fn is_in(&self, segment: &str) -> bool {
        let id = (0u16..).zip(&self.plan.rules.segments).find(|(_, other)| other.id == segment).expect("a segment").0;
        self.user().profile.members.contains(rules::ruleset::SegmentId(id))
    }

    /// The user's state.
    pub(crate) fn user(&self) -> Cow<'_, User> {
        self.partition.user(USER).expect("the user did something")
    }

    /// What came out since the last time that anything of it was asked for.
    pub(crate) fn outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.out)
    }

    /// What was decided since the last time this was asked: `at enter s`, `at sent c`.
    pub(crate) fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.out).iter().map(|output| self.line(output)).collect()
    }

    /// The same as [`told`](Story::told), without the times.
    pub(crate) fn decided(&mut self) -> Vec<String> {
        let lines = self.told().into_iter();
        lines.map(|line| line.split_once(' ').map(|(_, rest)| rest.to_owned()).unwrap_or_default()).collect()
    }

    fn line(&self, output: &Output) -> String {
        let mut line = format!("{} ", output.at.0 - START);
        if &*output.user != USER {
            write!(line, "{}: ", output.user).expect("writing to a string cannot fail");
        }
        let rules = &self.plan.rules;
        line + &match &output.decided {
            OutputKind::Transition { segment, change, key, .. } => {
                let key = key.as_ref().map_or_else(String::new, |key| format!(" {key}"));
                format!("{} {}{key}", change.name(), rules.segments[usize::from(segment.0)].id)
            }
            OutputKind::GroupTransition { segment, change, .. } => {
                format!("{} {} of a group", change.name(), rules.segments[usize::from(segment.0)].id)
            }
            OutputKind::Decision(decision) => {
                let campaign = &rules.campaigns[usize::from(decision.campaign.0)].id;
                format!("{} {campaign}", decision.outcome.name())
            }
            OutputKind::Points(points) => {
                let ledger = &rules.ledgers[usize::from(points.ledger.0)].id;
                format!("{} {} {ledger}, {} left", points.change.name(), points.amount, points.balance)
            }
            OutputKind::Budget(budget) => {
                let id = &rules.budgets[usize::from(budget.budget.0)].id;
                format!("{} {} of {id}", budget.change.name(), budget.amount)
            }
            OutputKind::Merged { from } => format!("merged {from}"),
            OutputKind::Weights(told) => format!("weights {:?}", told.weights),
            OutputKind::Shared(shared) => {
                format!("shared {} {} {} {}", shared.partner, shared.change.name(), shared.segment, shared.subject)
            }
            OutputKind::GoalOutcome(outcome) => {
                let value = outcome.value.map_or_else(|| "null".to_owned(), |value| value.to_string());
                format!(
                    "{} {} {}: {} worth {value}",
                    outcome.group.name(),
                    outcome.campaign,
                    outcome.goal,
                    outcome.count
                )
            }
        }
    }
}

/// A rules file with these segments, ids and conditions.
pub(crate) fn segments(segments: &[(&str, &str)]) -> String {
    let tables = segments.iter().map(|(id, when)| format!("[[segments]]\nid = \"{id}\"\nwhen = \"\"\"{when}\"\"\"\n"));
    format!("{EVENTS}{}", tables.collect::<String>())
}
