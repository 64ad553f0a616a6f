//! `rekindle explain`.

mod decisions;
mod error;
mod text;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use error::ExplainError;
use serde_json::value::RawValue;

use super::CliError;
use super::index::IndexArgs;
use super::replay_inputs::ReplayInputs;
use super::terminal::print;
use rekindle_core::campaigns::StepRecording;
use rekindle_core::diagnostics::suggest;
use rekindle_core::explanation::{
    DecisionExplanation, DecisionExplanationDocument, EventHistory, SegmentExplanation, SegmentExplanationDocument,
    UserHistory,
};
use rekindle_core::journal;
use rekindle_core::partition::{EventRecording, ExecutionPlan, Output};
use rekindle_core::rules::ruleset::{Ruleset, Segment};
use rekindle_runtime::history::UserStory;
use rekindle_runtime::pipeline::{PipelineOptions, UserCopy};

/// Explains why a user is in a segment, or is not, and what was decided about the user
///
/// Replays event files up to an instant. Of each segment: since when the user is in it or not and what made it so; the condition
/// part by part, with values and until when each stands; when that changes if nothing happens, and which events would change it
/// at once. Then every time that a campaign was considered for the user: the outcome, the step that decided and those before it
/// with their numbers, what it cost, and whether its goals were reached.
///
/// With an index of the files (--index), only the user's own events are read.
#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    #[command(flatten)]
    inputs: ReplayInputs,

    #[command(flatten)]
    index: IndexArgs,

    /// The user's id
    #[arg(long, value_name = "ID")]
    user: String,

    /// Only this segment, and what it triggers
    #[arg(long, value_name = "ID")]
    segment: Option<String>,

    /// Only decisions of this campaign, and no segments unless --segment names one
    #[arg(long, value_name = "ID")]
    campaign: Option<String>,

    /// Print one JSON object: segments, campaigns, and the user's lines of the journal
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &ExplainArgs) -> Result<(), CliError> {
    let rules = args.inputs.load()?;
    args.check_names(&rules)?;
    let plan = Arc::new(ExecutionPlan::new(rules));
    let user: Arc<str> = args.user.as_str().into();
    let mut story = args.story(&plan, [Arc::clone(&user)].into())?;
    // What visitors did before they became the user is known once it is known who they are.
    let visitors = story.pipeline.visitors_of(&user).to_vec();
    let knows_all = visitors.is_empty() || args.inputs.can_be_read_again();
    if !visitors.is_empty() && knows_all {
        story = args.story(&plan, visitors.into_iter().chain([Arc::clone(&user)]).collect())?;
    }
    let UserStory { pipeline, outputs: story, .. } = story;
    let Some(UserCopy { user, at, rows, .. }) = pipeline.copy_of(&args.user) else {
        let linked_to = pipeline.linked_user(&args.user).cloned();
        return Err(ExplainError::UnknownUser { user: args.user.clone(), linked_to }.into());
    };
    let all: Vec<&Output> = story.iter().collect();
    let (events, is_complete) = pipeline.recorded_events_of(&args.user);
    let events = EventHistory { events: &events, is_complete: is_complete && knows_all };
    let history = UserHistory { outputs: &all, events: Some(events), rows: &rows };
    let is_asked = |segment: &Segment| args.asks_for(segment);
    let explained = SegmentExplanation::with_history(&plan, &user, at, history, is_asked);
    let mut decisions = DecisionExplanation::of_story(&plan.rules, &all, Some(&user));
    decisions.retain(|decision| args.asks_about(decision));
    let story: Vec<&Output> = all.into_iter().filter(|output| args.tells(&plan.rules, output)).collect();
    print(match args.json {
        true => json(&plan.rules, &explained, &story, &decisions)?,
        false => text::text(&explained, &decisions),
    })
}

impl ExplainArgs {
    /// What happened to the user, with the events of some ids recorded.
    fn story(&self, plan: &Arc<ExecutionPlan>, recorded: BTreeSet<Arc<str>>) -> Result<UserStory, CliError> {
        let options = PipelineOptions {
            decision_steps: StepRecording::Conditions,
            recorded_events: EventRecording::Of(Arc::new(recorded)),
            ..self.inputs.options()?
        };
        self.index.story(&self.inputs, plan, &options, &self.user)
    }

    fn check_names(&self, rules: &Ruleset) -> Result<(), ExplainError> {
        let segments: Vec<&str> = rules.segments.iter().map(|segment| segment.id.as_str()).collect();
        let campaigns: Vec<&str> = rules.campaigns.iter().map(|campaign| campaign.id.as_str()).collect();
        let asked =
            [("segment", "segments", &self.segment, segments), ("campaign", "campaigns", &self.campaign, campaigns)];
        for (kind, plural, asked, known) in asked {
            if let Some(asked) = asked.as_ref().filter(|asked| !known.contains(&asked.as_str())) {
                let help = suggest(asked, known.iter().copied(), plural);
                return Err(ExplainError::UnknownName { kind, name: asked.clone(), help });
            }
        }
        Ok(())
    }

    fn asks_for(&self, segment: &Segment) -> bool {
        match &self.segment {
            Some(asked) => segment.id == *asked,
            None => self.campaign.is_none(),
        }
    }

    fn asks_about(&self, decision: &DecisionExplanation) -> bool {
        let segment = self.segment.as_deref().is_none_or(|asked| decision.segment() == Some(asked));
        segment && self.campaign.as_deref().is_none_or(|asked| decision.campaign == asked)
    }

    /// Whether an output is about what was asked for.
    fn tells(&self, rules: &Ruleset, output: &Output) -> bool {
        let subject = text::Subject::of(rules, output);
        let segment = self.segment.as_deref().is_none_or(|asked| subject.segment == Some(asked));
        let campaign = self.campaign.as_deref().is_none_or(|asked| subject.campaign == Some(asked));
        segment && campaign
    }
}

fn json(
    rules: &Ruleset,
    explained: &[SegmentExplanation],
    story: &[&Output],
    decisions: &[DecisionExplanation],
) -> Result<String, CliError> {
    let lines = story.iter().map(|output| {
        let mut line = Vec::new();
        journal::append_line(rules, output, &mut line);
        RawValue::from_string(String::from_utf8_lossy(&line).trim_end().to_owned())
    });
    let document = ExplainDocument {
        segments: explained.iter().map(SegmentExplanation::document).collect(),
        campaigns: decisions.iter().map(DecisionExplanation::document).collect(),
        journal: lines.collect::<Result<Vec<_>, _>>().map_err(ExplainError::Json)?,
    };
    Ok(serde_json::to_string(&document).map_err(ExplainError::Json)?)
}

#[derive(serde::Serialize)]
struct ExplainDocument<'e> {
    segments: Vec<SegmentExplanationDocument<'e>>,
    campaigns: Vec<DecisionExplanationDocument<'e>>,
    journal: Vec<Box<RawValue>>,
}
