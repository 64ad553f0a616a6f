//! The exposures of one user.

use std::sync::Arc;

use super::exposure::{ExposureGroup, GoalExposure, GoalKey};
use thin_vec::ThinVec;

use crate::encoding::{ListShape, RuleReference, StateReader, StateWriter};
use crate::event::{FieldId, Scalar, field_value};
use crate::rules::ruleset::{CampaignId, Goal, NameId, Ruleset};
use crate::time::Timestamp;

/// One user's exposures, each to a goal of a campaign: never two to the same. Empty for users to whom nothing was ever decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoalExposures {
    /// In the order of the exposures.
    open: ThinVec<GoalExposure>,
    /// What is known to be mature. Only of what the rules have: of the rest nothing is decided any more.
    mature: ThinVec<GoalKey>,
}

/// A decision that may expose the user.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExposingDecision<'d> {
    pub(crate) campaign: CampaignId,
    pub(crate) group: ExposureGroup,
    pub(crate) variant: Option<&'d str>,
    pub(crate) at: Timestamp,
}

/// A match that may count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GoalMatch<'m, 'a> {
    pub(crate) name: NameId,
    pub(crate) ts: Timestamp,
    pub(crate) fields: &'m [(FieldId, Scalar<'a>)],
}

impl GoalExposures {
    /// Exposes the user to each goal of the campaign to which it was not exposed before, and counts what is sent.
    pub(crate) fn expose(&mut self, rules: &Ruleset, decision: ExposingDecision<'_>) {
        let ExposingDecision { campaign, group, variant, at } = decision;
        let messages = u64::from(group == ExposureGroup::Sent);
        if messages > 0 {
            let of_campaign = |open: &&mut GoalExposure| open.key.campaign == RuleReference::Current(campaign.0);
            self.open.iter_mut().filter(of_campaign).for_each(|open| open.messages += 1);
        }
        for goal in &rules.campaigns[usize::from(campaign.0)].goals {
            let key = GoalKey::current(campaign.0, goal.0);
            if self.knows(&key) {
                continue;
            }
            let matures = at + rules.goals[usize::from(goal.0)].within;
            let variant = variant.map(Arc::from);
            self.open.push(GoalExposure { key, group, variant, exposed: at, matures, count: 0, value: 0, messages });
        }
    }

    /// Whether the user is, or was, exposed to this.
    fn knows(&self, key: &GoalKey) -> bool {
        self.open.iter().any(|open| open.key == *key) || self.mature.contains(key)
    }

    /// Counts a match in every exposure that is older than it.
    pub(crate) fn record(&mut self, rules: &Ruleset, found: GoalMatch<'_, '_>) {
        for open in self.open.iter_mut().filter(|open| open.exposed < found.ts) {
            let Some(goal) = goal_of(rules, &open.key).filter(|goal| goal.on == found.name) else { continue };
            open.count += 1;
            if let Some(Scalar::Number(value)) = goal.value.and_then(|field| field_value(found.fields, field)) {
                open.value = open.value.wrapping_add(value.millionths());
            }
        }
    }

    /// Takes out what is mature at `now`: by file order of campaigns, then goals, then what the rules do not have, by id.
    pub(crate) fn take_mature(&mut self, now: Timestamp) -> Vec<GoalExposure> {
        let mut mature: Vec<GoalExposure> = self.open.extract_if(.., |open| open.matures <= now).collect();
        mature.sort_by(|a, b| a.key.cmp(&b.key));
        self.mature.extend(mature.iter().map(|exposure| &exposure.key).filter(|key| key.is_current()).cloned());
        mature
    }

    /// When the next exposure is mature.
    pub fn due(&self) -> Timestamp {
        self.open.iter().map(|open| open.matures).min().unwrap_or(Timestamp::NEVER)
    }

    /// Merges a visitor's: of two exposures to the same the user's stays.
    pub(crate) fn merge(&mut self, visitor: GoalExposures) {
        for open in visitor.open {
            if !self.knows(&open.key) {
                self.open.push(open);
            }
        }
        for key in visitor.mature {
            if !self.knows(&key) {
                self.mature.push(key);
            }
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty() && self.mature.is_empty()
    }

    /// Those that are not mature, in the order of the exposures.
    pub fn open(&self) -> &[GoalExposure] {
        &self.open
    }

    /// The bytes they take on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let keys = self.open.iter().map(|open| &open.key).chain(&self.mature);
        let variants = self.open.iter().filter_map(|open| open.variant.as_ref());
        self.open.capacity() * size_of::<GoalExposure>()
            + self.mature.capacity() * size_of::<GoalKey>()
            + keys.map(GoalKey::heap_bytes).sum::<usize>()
            + variants.map(|variant| variant.len() + 2 * size_of::<usize>()).sum::<usize>()
    }

    /// Writes them, in any format.
    pub(crate) fn write<W: StateWriter>(&self, writer: &mut W) {
        writer.record("goals", 2, |writer| {
            writer.list("open", ListShape::Records, self.open.iter(), |writer, open| open.write(writer));
            writer.list("mature", ListShape::Pairs, self.mature.iter(), |writer, key| key.write(writer));
        });
    }

    /// Reads them. Of what is mature, only what the current rules have is kept.
    pub(crate) fn read<R: StateReader>(reader: &mut R) -> Result<GoalExposures, R::Error> {
        reader.record(2, "a user's exposures to goals")?;
        let open = reader.list(ListShape::Records, "a user's open exposures", GoalExposure::read)?;
        let mut mature = reader.list(ListShape::Pairs, "a user's mature exposures", GoalKey::read)?;
        mature.retain(GoalKey::is_current);
        Ok(GoalExposures { open: open.into(), mature: mature.into() })
    }
}

fn goal_of<'r>(rules: &'r Ruleset, key: &GoalKey) -> Option<&'r Goal> {
    match key.goal {
        RuleReference::Current(goal) => rules.goals.get(usize::from(goal)),
        RuleReference::Gone(_) => None,
    }
}
