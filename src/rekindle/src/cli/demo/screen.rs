//! The output of the demo: actions as lines of text, and a status line.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::terminal::field;
use rekindle_core::campaigns::Outcome;
use rekindle_core::json::JsonText;
use rekindle_core::partition::{DecisionOutput, ExecutionPlan, Output, OutputKind};
use rekindle_core::rules::ruleset::{Campaign, CampaignTrigger, TransitionKind};
use rekindle_core::time::Timestamp;
use rekindle_runtime::pipeline::PipelineTotals;

/// The most segments in the status line.
const STATUS_SEGMENTS_MAX: usize = 6;

/// The most actions shown in a second; a reader can follow no more.
const ACTIONS_PER_SECOND_MAX: u32 = 12;

/// How often the status line is printed where there is no terminal to keep it on.
const STATUS_INTERVAL: Duration = Duration::from_secs(5);

pub(super) struct Screen {
    plan: Arc<ExecutionPlan>,
    bar: ProgressBar,
    second: Instant,
    shown: u32,
    skipped: u32,
    last_status: Instant,
}

impl Screen {
    pub(super) fn new(plan: Arc<ExecutionPlan>) -> Screen {
        let bar = if io::stderr().is_terminal() && io::stdout().is_terminal() {
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10))
        } else {
            ProgressBar::hidden()
        };
        bar.set_style(ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_bar()));
        let now = Instant::now();
        Screen { plan, bar, second: now, shown: 0, skipped: 0, last_status: now }
    }

    /// From here on the outputs are those of these rules.
    pub(super) fn follow(&mut self, plan: &Arc<ExecutionPlan>) {
        self.plan = Arc::clone(plan);
    }

    /// Prints a line.
    ///
    /// # Errors
    /// Standard output can't be written to.
    pub(super) fn say(&self, line: &str) -> io::Result<()> {
        if self.bar.is_hidden() {
            return writeln!(io::stdout(), "{line}");
        }
        self.bar.println(line);
        Ok(())
    }

    /// Shows the actions among some outputs.
    pub(super) fn show(&mut self, outputs: &[Output]) -> io::Result<()> {
        if self.second.elapsed() >= Duration::from_secs(1) {
            if self.skipped > 0 {
                self.say(&format!("{:>26} … and {} more in this second", "", self.skipped))?;
            }
            (self.second, self.shown, self.skipped) = (Instant::now(), 0, 0);
        }
        for output in outputs {
            let Some(line) = self.action_in_words(output) else { continue };
            if self.shown < ACTIONS_PER_SECOND_MAX {
                self.shown += 1;
                self.say(&line)?;
            } else {
                self.skipped += 1;
            }
        }
        Ok(())
    }

    fn action_in_words(&self, output: &Output) -> Option<String> {
        let OutputKind::Decision(decision) = &output.decided else { return None };
        let DecisionOutput { campaign, outcome, trigger, payload, .. } = &**decision;
        let Outcome::Sent { variant, .. } = outcome else { return None };
        let rules = &self.plan.rules;
        let campaign = &rules.campaigns[usize::from(campaign.0)];
        let variant = variant.and_then(|index| campaign.variants.get(index)).map_or("", |variant| &variant.id);
        let (verb, what) = match trigger.on {
            CampaignTrigger::Transition { segment, change } => {
                let verb = match change {
                    TransitionKind::Enter => "entered",
                    TransitionKind::Exit => "left",
                };
                (verb, &rules.segments[usize::from(segment.0)].id)
            }
            CampaignTrigger::Match(name) => ("did", &rules.names[usize::from(name.0)].id),
        };
        let key = trigger.key.as_deref().map_or_else(String::new, |key| format!(" with {}", field(key)));
        Some(format!(
            "{}  {:<7} {:<22} {:<10} to {:<14} who {verb} {what}{key}{}",
            minute(output.at),
            campaign.channel,
            campaign.id,
            variant,
            field(&output.user),
            payload.as_deref().map_or_else(String::new, |payload| in_words(campaign, payload)),
        ))
    }

    /// Updates the status line.
    pub(super) fn status(&mut self, now: Timestamp, totals: &PipelineTotals) -> io::Result<()> {
        let is_terminal = !self.bar.is_hidden();
        if !is_terminal && self.last_status.elapsed() < STATUS_INTERVAL {
            return Ok(());
        }
        self.last_status = Instant::now();
        let mut outcomes: BTreeMap<&str, u64> = BTreeMap::new();
        for decisions in &totals.counts.decisions {
            for (name, count) in Outcome::NAMES.iter().zip(decisions) {
                *outcomes.entry(name).or_default() += count;
            }
        }
        let sizes = self.plan.rules.segments.iter().zip(&totals.counts.sizes);
        let mut sizes: Vec<_> = sizes.filter(|(_, size)| **size > 0).map(|(s, size)| (&s.id, *size)).collect();
        sizes.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
        let sizes: Vec<String> =
            sizes.iter().take(STATUS_SEGMENTS_MAX).map(|(id, size)| format!("{id} {size}")).collect();
        let line = format!(
            "── {}  {} events  {} users  {} sent, {} deferred to the morning, {} in control or holdout ── {}",
            minute(now),
            totals.events,
            totals.users,
            outcomes["sent"],
            outcomes["deferred"],
            outcomes["control"] + outcomes["holdout"],
            sizes.join(", ")
        );
        if !is_terminal {
            return self.say(&line);
        }
        self.bar.set_message(line);
        self.bar.tick();
        Ok(())
    }

    pub(super) fn close(&self) {
        self.bar.finish_and_clear();
    }
}

/// The instant without its seconds.
fn minute(at: Timestamp) -> String {
    at.to_string().get(..16).map_or_else(|| at.to_string(), |text| text.replace('T', " "))
}

/// The computed payload fields, and the variant's own.
fn in_words(campaign: &Campaign, payload: &BTreeMap<String, JsonText>) -> String {
    let fields: Vec<String> = payload
        .iter()
        .filter(|(name, value)| campaign.payload.get(*name) != Some(value) && !value.is_null())
        .map(|(name, value)| match value.to_value() {
            serde_json::Value::String(text) => format!("{name} {}", field(&text)),
            _ => format!("{name} {}", field(&value.to_string())),
        })
        .collect();
    if fields.is_empty() { String::new() } else { format!("  ({})", fields.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rekindle_core::campaigns::TriggerOrigin;
    use rekindle_core::partition::Cause;
    use rekindle_core::rules;
    use rekindle_core::rules::ruleset::{CampaignId, SegmentId};

    /// Ids and properties come from outside.
    #[test]
    fn what_events_say_does_not_reach_the_terminal_as_it_is() {
        let text = "[events]\na = 'A'\n[[segments]]\nid = 's'\nwhen = 'total(a) > 0'\n[[campaigns]]\nid = 'c'\n\
                    on = 'enter:s'\nchannel = 'email'\n";
        let rules = rules::compile(text).unwrap_or_else(|_| unreachable!("the rules have no mistake"));
        let screen = Screen::new(Arc::new(ExecutionPlan::new(rules)));
        let payload = [("name".to_owned(), JsonText::of("x\u{1b}[2J\nnew line\u{202e}"))].into_iter().collect();
        let decided = OutputKind::Decision(Box::new(DecisionOutput {
            campaign: CampaignId(0),
            outcome: Outcome::Sent { variant: None, ordinal: 0 },
            trigger: TriggerOrigin::of(CampaignTrigger::Transition {
                segment: SegmentId(0),
                change: TransitionKind::Enter,
            }),
            cause: Cause::Time,
            payload: Some(Box::new(payload)),
            steps: Vec::new(),
        }));
        let output = Output { at: Timestamp(0), user: "u\u{1b}]0;evil\u{7}\u{9b}".into(), position: 0, decided };
        let line = screen.action_in_words(&output).expect("an action");
        assert!(!line.chars().any(|c| c.is_control() || c == '\u{202e}'), "{line:?}");
        assert!(
            line.contains("u\\u001b]0;evil\\u0007\\u009b") && line.contains("name x\\u001b[2J\\u000anew line\\u202e"),
            "{line}"
        );
    }
}
