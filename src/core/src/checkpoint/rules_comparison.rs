//! What a rules change does to stored state: what is kept, what begins empty, and how long that does not
//! know the past.

use std::fmt;

use super::dictionary::RulesKeys;
use crate::encoding::KeySpace;
use crate::growth::GrowthMigration;
use crate::partition::ExecutionPlan;
use crate::rules::ruleset::{FeatureId, Ruleset};
use crate::rules::{explain, notation};
use crate::time::{Span, Timestamp};

/// What a rules change does to stored state.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RulesComparison {
    /// Features that both define alike: their state is kept.
    pub kept: usize,
    /// What begins empty: features, then traits, caps and the rest.
    pub new: Vec<ColdStart>,
    /// Features that are forgotten.
    pub dropped: usize,
}

/// Something that knows nothing of the past when the rules take effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColdStart {
    /// In the words of the rules: `count(view, 7d)`, `traits.tier`.
    pub what: String,
    /// How long it does not know the past.
    pub blind: WarmUp,
    /// Who reads it: `segment win_back`; may be empty.
    pub read_by: Vec<String>,
}

/// How long something that began empty does not know the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarmUp {
    /// For so long: then all that it looks at is in it.
    For(Span),
    /// For good: it looks at all time.
    ForGood,
    /// For each user until an event of the user says it.
    UntilSaid,
}

impl ColdStart {
    /// Whether it still does not know all that it should, when time has come to `now` and it began empty at `began`.
    pub fn is_blind(&self, began: Timestamp, now: Timestamp) -> bool {
        match self.blind {
            WarmUp::For(span) => now < began + span,
            WarmUp::ForGood | WarmUp::UntilSaid => true,
        }
    }
}

/// `7d`, `for good`, `until an event says it`
impl fmt::Display for WarmUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WarmUp::For(span) => write!(f, "{span}"),
            WarmUp::ForGood => f.write_str("for good"),
            WarmUp::UntilSaid => f.write_str("until an event says it"),
        }
    }
}

/// `count(view, 7d): 7d, in segment active`
impl fmt::Display for ColdStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.blind)?;
        if !self.read_by.is_empty() {
            write!(f, ", in {}", self.read_by.join(", "))?;
        }
        Ok(())
    }
}

/// Compares the state that two rulesets keep.
pub fn compare(plan: &ExecutionPlan, next: &ExecutionPlan) -> RulesComparison {
    let (rules, next_rules) = (&plan.rules, &next.rules);
    let (before, after) = (RulesKeys::of(rules), RulesKeys::of(next_rules));
    let is_new = |kind, key: &String| !before.kind(kind).contains(key);
    let readers = explain::users_of_features(next_rules);
    let features =
        after.kind(KeySpace::Features).iter().zip(0..).filter(|(key, _)| is_new(KeySpace::Features, key)).map(
            |(_, id)| {
                let looks_back = next_rules.features[usize::from(id)].kind.looks_back();
                ColdStart {
                    what: notation::feature(next_rules, FeatureId(id)),
                    blind: looks_back.map_or(WarmUp::ForGood, WarmUp::For),
                    read_by: readers[usize::from(id)].clone(),
                }
            },
        );
    let mut new: Vec<ColdStart> = features.collect();
    let until_said = |what: String| ColdStart { what, blind: WarmUp::UntilSaid, read_by: Vec::new() };
    let timezone = next_rules.projection.timezone_trait.map(|id| usize::from(id.0));
    let traits = after.kind(KeySpace::Traits).iter().enumerate();
    let new_traits = traits.filter(|(at, key)| is_new(KeySpace::Traits, key) && Some(*at) != timezone);
    new.extend(new_traits.map(|(_, key)| until_said(format!("traits.{key}"))));
    if knows_zones(next_rules) && !knows_zones(rules) {
        new.push(until_said("the time zones of users".to_owned()));
    }
    let new_caps =
        after.kind(KeySpace::Caps).iter().zip(&next_rules.caps).filter(|(key, _)| is_new(KeySpace::Caps, key));
    new.extend(new_caps.map(|(_, cap)| {
        let channel = cap.channel.as_ref().map(|channel| format!(" by {channel}")).unwrap_or_default();
        let what = format!("the cap of {} per {}{channel}", cap.max, cap.per);
        ColdStart { what, blind: WarmUp::For(cap.per), read_by: Vec::new() }
    }));
    if let Some(growth) = &next.growth {
        let kept = plan.growth.as_ref().and_then(|before| GrowthMigration::new(before.keys(), growth));
        if kept.is_none() {
            new.push(ColdStart { what: "the growth numbers".to_owned(), blind: WarmUp::ForGood, read_by: Vec::new() });
        }
    }
    let (before, after) = (before.kind(KeySpace::Features), after.kind(KeySpace::Features));
    let kept = after.iter().filter(|key| before.contains(key)).count();
    RulesComparison { kept, new, dropped: before.len() - kept }
}

fn knows_zones(rules: &Ruleset) -> bool {
    rules.projection.timezone_trait.is_some()
}
