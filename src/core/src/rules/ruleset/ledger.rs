//! Ledgers of points, and the prices of campaigns (semantics §14).

use super::{NameId, Term};
use crate::event::FieldId;
use crate::time::Span;

/// A ledger, in file order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LedgerId(pub u16);

/// `[[ledgers]]`: points that users earn and spend.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// Its id.
    pub id: String,
    /// How long after its event an earning expires; `None`: never.
    pub expires: Option<Span>,
    /// What a user can earn in one day, in whole points; `None`: without limit.
    pub daily_max: Option<u64>,
    /// What earns points, in file order.
    pub earn: Vec<LedgerEntry>,
    /// What spends points, in file order.
    pub spend: Vec<LedgerEntry>,
}

/// An entry of `earn` or `spend`: each match of a name earns or spends an amount.
#[derive(Clone, Debug)]
pub struct LedgerEntry {
    /// The name.
    pub on: NameId,
    /// How many points. It reads the match and traits.
    pub amount: Term,
    /// What the amount reads of the match, ascending.
    pub reads: Vec<FieldId>,
    /// What the balance lacks becomes a debt; of `spend` only.
    pub debt: bool,
}

/// `price`: what a user pays for a campaign.
#[derive(Clone, Debug)]
pub struct CampaignPrice {
    /// In points of this ledger.
    pub ledger: LedgerId,
    /// How many, at the decision.
    pub amount: Term,
}

impl Ledger {
    /// All its entries.
    pub fn entries(&self) -> impl Iterator<Item = &LedgerEntry> {
        self.earn.iter().chain(&self.spend)
    }
}
