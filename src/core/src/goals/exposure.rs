//! One exposure of a user, of which it is counted whether the user reaches a goal.

use std::sync::Arc;

use crate::encoding::{KeySpace, RuleReference, StateReader, StateWriter};
use crate::rules::ruleset::Ruleset;
use crate::time::Timestamp;

/// More matches than any user has in the life of an exposure; counting on from here cannot overflow.
const COUNT_MAX: u64 = 1 << 53;
/// The values of an exposure.
const FIELDS: u64 = 8;

/// What the decision was that exposed the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExposureGroup {
    /// The user is in the global control group.
    Control,
    /// The user is in the campaign's holdout.
    Holdout,
    /// An action went out.
    Sent,
}

/// Which goal of which campaign.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoalKey {
    /// The campaign.
    pub campaign: RuleReference,
    /// The goal.
    pub goal: RuleReference,
}

/// An exposure that is not mature yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoalExposure {
    /// The campaign and the goal.
    pub key: GoalKey,
    /// The outcome of the decision.
    pub group: ExposureGroup,
    /// The variant that was sent, if the campaign has any.
    pub variant: Option<Arc<str>>,
    /// When it was decided.
    pub exposed: Timestamp,
    /// When it is mature.
    pub matures: Timestamp,
    /// Matches of the goal since.
    pub count: u64,
    /// Their sum, in millionths: exact modulo 2^128 (see [`Decimal::of_sum`](crate::decimal::Decimal::of_sum)).
    pub value: i128,
    /// Actions of the campaign to the user since, the first included.
    pub messages: u64,
}

impl ExposureGroup {
    /// By what they are called in the journal, in order.
    pub const NAMES: [&'static str; 3] = ["control", "holdout", "sent"];
    const ALL: [ExposureGroup; 3] = [ExposureGroup::Control, ExposureGroup::Holdout, ExposureGroup::Sent];

    /// Its name in the journal.
    pub fn name(self) -> &'static str {
        ExposureGroup::NAMES[self as usize]
    }

    /// The one with a name.
    pub fn named(name: &str) -> Option<ExposureGroup> {
        ExposureGroup::ALL.into_iter().find(|group| group.name() == name)
    }
}

impl GoalKey {
    /// Of a campaign and a goal of the current rules.
    pub fn current(campaign: u16, goal: u16) -> GoalKey {
        GoalKey { campaign: RuleReference::Current(campaign), goal: RuleReference::Current(goal) }
    }

    /// Whether the current rules have both.
    pub fn is_current(&self) -> bool {
        matches!((&self.campaign, &self.goal), (RuleReference::Current(_), RuleReference::Current(_)))
    }

    /// The ids of the campaign and the goal.
    pub(crate) fn ids(&self, rules: &Ruleset) -> (Arc<str>, Arc<str>) {
        let campaign = id_of(&self.campaign, |id| &rules.campaigns[id].id);
        (campaign, id_of(&self.goal, |id| &rules.goals[id].id))
    }

    pub(super) fn write<W: StateWriter>(&self, writer: &mut W) {
        writer.reference("campaign", KeySpace::Campaigns, &self.campaign);
        writer.reference("goal", KeySpace::Goals, &self.goal);
    }

    pub(super) fn read<R: StateReader>(reader: &mut R) -> Result<GoalKey, R::Error> {
        let campaign = reader.reference(KeySpace::Campaigns, "an exposure's campaign")?;
        let goal = reader.reference(KeySpace::Goals, "an exposure's goal")?;
        Ok(GoalKey { campaign, goal })
    }

    /// The bytes it takes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let bytes = |reference: &RuleReference| match reference {
            RuleReference::Current(_) => 0,
            RuleReference::Gone(id) => id.len() + 2 * size_of::<usize>(),
        };
        bytes(&self.campaign) + bytes(&self.goal)
    }
}

impl GoalExposure {
    pub(super) fn write<W: StateWriter>(&self, writer: &mut W) {
        writer.record("", FIELDS, |writer| {
            writer.record("", 2, |writer| self.key.write(writer));
            writer.choice("group", &ExposureGroup::NAMES, self.group as u8);
            writer.optional_text("variant", self.variant.as_deref());
            writer.time("exposed", self.exposed);
            writer.time_near("matures", self.exposed, self.matures);
            writer.count("count", self.count);
            writer.sum("value", self.value);
            writer.count("messages", self.messages);
        });
    }

    pub(super) fn read<R: StateReader>(reader: &mut R) -> Result<GoalExposure, R::Error> {
        reader.record(FIELDS, "an exposure to a goal")?;
        reader.record(2, "the goal of an exposure")?;
        let key = GoalKey::read(reader)?;
        let group = reader.choice(3, "the group of an exposure")?;
        let variant = reader.optional_text("the variant of an exposure")?;
        let exposed = reader.time("the time of an exposure")?;
        let matures = reader.time_near(exposed, "when an exposure is mature")?;
        let count = reader.count("the matches of a goal")?;
        let value = reader.sum("the value of a goal")?;
        let messages = reader.count("the actions since an exposure")?;
        reader.verify(|| count <= COUNT_MAX && messages <= COUNT_MAX, "a count out of range")?;
        let group = ExposureGroup::ALL[usize::from(group)];
        Ok(GoalExposure { key, group, variant, exposed, matures, count, value, messages })
    }
}

fn id_of<'r>(reference: &RuleReference, current: impl FnOnce(usize) -> &'r String) -> Arc<str> {
    match reference {
        RuleReference::Current(id) => current(usize::from(*id)).as_str().into(),
        RuleReference::Gone(id) => Arc::clone(id),
    }
}
