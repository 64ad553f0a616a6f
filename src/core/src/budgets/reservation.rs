//! A user's open reservations: costs that are not spent yet.

use std::sync::Arc;

use thin_vec::ThinVec;

use super::BudgetChange;
use crate::decimal::Decimal;
use crate::encoding::{KeySpace, ListShape, StateReader, StateWriter};
use crate::rules::ruleset::{BudgetId, CampaignId};
use crate::time::Timestamp;

/// The values of a reservation as it is stored.
const FIELDS: u64 = 6;
/// The values of a cost.
const COST_FIELDS: u64 = 3;

/// A user's open reservations, in the order in which they were made. Empty for most users.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Reservations(ThinVec<Reservation>);

/// The costs of one action, until a match settles them or their time is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// The campaign that made it.
    pub campaign: CampaignId,
    /// The number of the user's exposures to the campaign before the action: tells it from others.
    pub ordinal: u64,
    /// When it was made.
    pub at: Timestamp,
    /// When it is released.
    pub due: Timestamp,
    /// The code of its coupon; `None`: it has no coupon.
    pub code: Option<Arc<str>>,
    /// The costs, in the order of `spends`.
    pub costs: Vec<CostShare>,
}

/// What an action takes of one budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CostShare {
    /// The budget.
    pub budget: BudgetId,
    /// The beginning of the period; [`Timestamp::MIN`] of a budget without.
    pub period: Timestamp,
    /// How much.
    pub cost: Decimal,
}

impl CostShare {
    /// What changes of the budget by the campaign that takes this, in millionths.
    pub fn change(&self, campaign: CampaignId, spent: i128, reserved: i128) -> BudgetChange {
        BudgetChange { budget: self.budget, campaign: Some(campaign), period: self.period, spent, reserved }
    }
}

impl Reservations {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in the order in which they were made.
    pub fn iter(&self) -> std::slice::Iter<'_, Reservation> {
        self.0.iter()
    }

    /// Adds one.
    pub fn add(&mut self, reservation: Reservation) {
        self.0.push(reservation);
    }

    /// When the next one is released.
    pub fn next_release(&self) -> Timestamp {
        self.0.iter().map(|reservation| reservation.due).min().unwrap_or(Timestamp::NEVER)
    }

    /// Takes out one that is due by `now`: of several, the oldest.
    pub fn take_due(&mut self, now: Timestamp) -> Option<Reservation> {
        let at = self.0.iter().position(|reservation| reservation.due <= now)?;
        Some(self.0.remove(at))
    }

    /// Takes out the oldest of a campaign that `fits`.
    pub fn take_oldest(
        &mut self,
        campaign: CampaignId,
        mut fits: impl FnMut(&Reservation) -> bool,
    ) -> Option<Reservation> {
        let at = self.0.iter().position(|reservation| reservation.campaign == campaign && fits(reservation))?;
        Some(self.0.remove(at))
    }

    /// Takes out all of them.
    pub fn take_all(&mut self) -> impl IntoIterator<Item = Reservation> + use<> {
        std::mem::take(&mut self.0)
    }

    /// Adds a visitor's: their codes stay as they were.
    pub fn merge(&mut self, visitor: Reservations) {
        self.0.extend(visitor.0);
        self.0.sort_by_key(|reservation| reservation.at);
    }

    /// The bytes it takes on the heap.
    pub fn heap_bytes(&self) -> usize {
        let own = |reservation: &Reservation| {
            let code = reservation.code.as_ref().map_or(0, |code| code.len() + 2 * size_of::<usize>());
            code + reservation.costs.capacity() * size_of::<CostShare>()
        };
        self.0.capacity() * size_of::<Reservation>() + self.0.iter().map(own).sum::<usize>()
    }

    /// Writes them, in any format.
    pub(crate) fn write<W: StateWriter>(&self, writer: &mut W) {
        writer.list("reservations", ListShape::Records, self.0.iter(), |writer, reservation| {
            writer.record("", FIELDS, |writer| {
                writer.id("campaign", KeySpace::Campaigns, reservation.campaign.0);
                writer.count("ordinal", reservation.ordinal);
                writer.time("at", reservation.at);
                writer.time_near("due", reservation.at, reservation.due);
                writer.optional_text("code", reservation.code.as_deref());
                // In the order of `spends`: the first is the one whose amount a settlement says.
                writer.list("costs", ListShape::Records, reservation.costs.iter(), |writer, share| {
                    writer.record("", COST_FIELDS, |writer| {
                        writer.id("budget", KeySpace::Budgets, share.budget.0);
                        writer.time("period", share.period);
                        writer.decimal("cost", share.cost);
                    });
                });
            });
        });
    }

    /// Reads those of campaigns and budgets that the current rules have.
    pub(crate) fn read<R: StateReader>(reader: &mut R) -> Result<Reservations, R::Error> {
        let all = reader.list(ListShape::Records, "a user's reservations", |reader| {
            reader.record(FIELDS, "a reservation")?;
            let campaign = reader.id(KeySpace::Campaigns, "the campaign of a reservation")?.map(CampaignId);
            let ordinal = reader.count("the number of a reservation")?;
            let at = reader.time("when a reservation was made")?;
            let due = reader.time_near(at, "when a reservation is released")?;
            let code = reader.optional_text("the code of a reservation")?;
            let costs = reader.list(ListShape::Records, "the costs of a reservation", |reader| {
                reader.record(COST_FIELDS, "a cost")?;
                let budget = reader.id(KeySpace::Budgets, "the budget of a cost")?.map(BudgetId);
                let (period, cost) = (reader.time("the period of a cost")?, reader.decimal("a cost")?);
                Ok(budget.map(|budget| CostShare { budget, period, cost }))
            })?;
            let costs = costs.into_iter().flatten().collect();
            Ok(campaign.map(|campaign| Reservation { campaign, ordinal, at, due, code, costs }))
        })?;
        Ok(Reservations(all.into_iter().flatten().collect()))
    }
}
