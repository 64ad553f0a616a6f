//! Campaigns and caps: what a transition or a match triggers, and how often.

use std::collections::BTreeMap;

use super::{
    CampaignPrice, Condition, Coupon, GoalId, NameId, PickListId, PurposeId, SegmentId, Settlement, Spend,
    TakingInterval, Term,
};
use crate::event::FieldId;
use crate::json::JsonText;
use crate::time::Span;

/// A campaign: what is sent, to whom, when, and how often.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// Its id.
    pub id: String,
    /// One line for people; empty if there is none.
    pub description: String,
    /// What triggers it.
    pub on: CampaignTrigger,
    /// What it reads of the match that triggers it (`event.x`), ascending.
    pub reads: Vec<FieldId>,
    /// The channel of its actions.
    pub channel: String,
    /// Campaigns of higher priority decide first; 0 by default.
    pub priority: i64,
    /// What the user must consent to; of the rules, where the campaign says nothing.
    pub needs: Vec<PurposeId>,
    /// `if`: a condition that must hold at the decision.
    pub condition: Option<Condition>,
    /// The minimum time between two exposures of a user.
    pub cooldown: Option<Span>,
    /// The maximum number of exposures of a user, ever.
    pub max_per_user: Option<u32>,
    /// The maximum number of exposures for one key of a user, in the life of its state.
    pub max_per_key: Option<u32>,
    /// Local hours in which nothing is sent.
    pub quiet_hours: Option<QuietHours>,
    /// The chance, 0 to 1, that a draw is won; `None`: nothing is drawn.
    pub chance: Option<f64>,
    /// What the user pays for it; `None`: nothing. Who pays is in no control group and in no holdout.
    pub price: Option<CampaignPrice>,
    /// The share of users, 0 to 1, in its holdout.
    pub holdout: f64,
    /// The variants; may be empty.
    pub variants: Vec<Variant>,
    /// How the weights of its variants follow from what came of them; `None`: they stand as written.
    pub adapt: Option<Adaptation>,
    /// What it takes of budgets; empty: it is decided at once.
    pub spends: Vec<Spend>,
    /// The coupon that its actions bear.
    pub coupon: Option<Coupon>,
    /// What settles the costs it has reserved; `None`: they are spent at once.
    pub settle: Option<Settlement>,
    /// Constant payload fields.
    pub payload: BTreeMap<String, JsonText>,
    /// Payload fields computed at the decision.
    pub payload_from: Vec<(String, Term)>,
    /// Payload fields that are lists of picks, worked out at the decision.
    pub payload_picks: Vec<PayloadPicks>,
    /// How long after the decision the action is worth delivering, and how long a match or a deferred decision is worth
    /// deciding; 24 hours by default.
    pub expires: Span,
    /// The goals by which it is measured, in file order of `[[goals]]`.
    pub goals: Vec<GoalId>,
}

/// A payload field that is a list: `picks('for_you', 4)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadPicks {
    /// The field.
    pub field: String,
    /// The list.
    pub list: PickListId,
    /// The most items, 1 to 100.
    pub items: u8,
}

/// What triggers a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CampaignTrigger {
    /// `enter:SEGMENT`, `exit:SEGMENT`.
    Transition {
        /// The segment.
        segment: SegmentId,
        /// Which transition.
        change: TransitionKind,
    },
    /// `event:NAME`: every match of a name.
    Match(NameId),
}

/// Which transition of a segment triggers a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransitionKind {
    /// The user entered the segment.
    Enter,
    /// The user left it.
    Exit,
}

/// `quiet_hours = "22:00-08:00"`: minutes since local midnight; the end is exclusive and differs from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    /// First quiet minute of the day, 0 to 1439.
    pub start_minute: u16,
    /// The first minute after the quiet hours, 0 to 1439.
    pub end_minute: u16,
}

/// How weights of variants follow from what came of them (semantics §19).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adaptation {
    /// The goal by which they are compared.
    pub goal: GoalId,
    /// When the weights are worked out.
    pub every: TakingInterval,
    /// The share that each has at least; times the number of variants at most 1.
    pub floor: f64,
}

/// A variant of a campaign.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Its id.
    pub id: String,
    /// Its share, relative to the other variants' weights; above 0, at most 1,000,000.
    pub weight: f64,
    /// Payload fields that replace the campaign's of the same name.
    pub payload: BTreeMap<String, JsonText>,
}

/// `[[caps]]`: at most `max` actions to one user within `per`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cap {
    /// The maximum number of actions.
    pub max: u32,
    /// The length of time within which they are counted.
    pub per: Span,
    /// Only actions of this channel count; `None`: of all.
    pub channel: Option<String>,
}

impl Campaign {
    /// Whether it is decided at the end of a beat, since it asks for something that all users share.
    pub fn asks(&self) -> bool {
        !self.spends.is_empty()
    }

    /// The terms that a decision asks for a value, beside its `if`.
    pub fn terms(&self) -> impl Iterator<Item = &Term> {
        let payload = self.payload_from.iter().map(|(_, term)| term);
        let price = self.price.iter().map(|price| &price.amount);
        payload.chain(self.spends.iter().map(|spend| &spend.cost)).chain(price)
    }
}

impl TransitionKind {
    /// The one that leads into a segment, or out of it.
    pub fn to(is_in: bool) -> TransitionKind {
        if is_in { TransitionKind::Enter } else { TransitionKind::Exit }
    }

    /// `enter` or `exit`.
    pub fn name(self) -> &'static str {
        match self {
            TransitionKind::Enter => "enter",
            TransitionKind::Exit => "exit",
        }
    }
}
