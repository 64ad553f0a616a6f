//! Decisions that ask budgets: they wait for the end of the beat in which they were triggered (semantics §8, §13).

use thin_vec::ThinVec;

use super::deferred_codec;
use super::state::{DeferredDecision, TriggerLookup};
use crate::budgets::{BudgetBook, CostShare, period_of};
use crate::decimal::Decimal;
use crate::encoding::{ListShape, StateReader, StateWriter};
use crate::engine::evaluate::EvaluationContext;
use crate::rules::ruleset::{BudgetId, Campaign, Ruleset};
use crate::time::Timestamp;
use crate::value::Value;

/// The values of an ask as it is stored.
const FIELDS: u64 = 2;

/// A decision that waits for the end of its beat.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// The campaign and what triggered it: `at` is the instant at which it did, or at which quiet hours ended; `until` is the end
    /// of the beat; the zone is that of the quiet hours.
    pub decision: DeferredDecision,
    /// When it was deferred for quiet hours; `None`: it was not.
    pub deferred_at: Option<Timestamp>,
}

/// A user's asks, in the order in which they arose. Empty for most users.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Asks(ThinVec<Ask>);

/// What a decision may take of budgets: the book, and after the decision what was asked for.
#[derive(Debug)]
pub struct Funds<'b> {
    book: &'b BudgetBook,
    /// The costs, in the order of `spends`; only if they are covered.
    pub costs: Vec<CostShare>,
    /// The first budget that lacked its cost.
    pub refused: Option<BudgetId>,
}

impl Ask {
    /// The end of its beat.
    pub fn beat(&self) -> Timestamp {
        self.decision.until
    }
}

impl Asks {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in the order in which they arose.
    pub fn iter(&self) -> std::slice::Iter<'_, Ask> {
        self.0.iter()
    }

    /// The end of the beat of the first; [`Timestamp::NEVER`]: there is none.
    pub fn next_answer(&self) -> Timestamp {
        self.0.first().map_or(Timestamp::NEVER, Ask::beat)
    }

    /// Adds one.
    pub fn add(&mut self, ask: Ask) {
        self.0.push(ask);
    }

    /// Takes out the first, if it arose at that instant in that beat.
    pub fn take_first(&mut self, beat: Timestamp, at: Timestamp) -> Option<Ask> {
        let is_it = self.0.first().is_some_and(|ask| (ask.beat(), ask.decision.at) == (beat, at));
        is_it.then(|| self.0.remove(0))
    }

    /// Drops those of campaigns that spend nothing by these rules: nobody would answer them.
    pub fn drop_unanswered(&mut self, rules: &Ruleset) {
        self.0.retain(|ask| rules.campaigns[usize::from(ask.decision.campaign.0)].asks());
    }

    /// The bytes it takes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<Ask>() + self.0.iter().map(|ask| ask.decision.heap_bytes()).sum::<usize>()
    }

    /// Writes them, in any format.
    pub(crate) fn write<W: StateWriter>(&self, writer: &mut W) {
        writer.list("asks", ListShape::Records, self.0.iter(), |writer, ask| {
            writer.record("", FIELDS, |writer| {
                writer.time("deferred_at", ask.deferred_at.unwrap_or(Timestamp::NEVER));
                writer.list("decision", ListShape::Records, std::iter::once(&ask.decision), |writer, decision| {
                    deferred_codec::write(decision, writer);
                });
            });
        });
    }

    /// Reads those of campaigns that the current rules have.
    pub(crate) fn read<R: StateReader + TriggerLookup>(reader: &mut R) -> Result<Asks, R::Error> {
        let asks = reader.list(ListShape::Records, "a user's asks", |reader| {
            reader.record(FIELDS, "an ask")?;
            let deferred_at = Some(reader.time("when an ask was deferred")?).filter(|at| *at < Timestamp::NEVER);
            let decisions = reader.list(ListShape::Records, "the decision of an ask", deferred_codec::read)?;
            let decision = decisions.into_iter().flatten().next();
            Ok(decision.map(|decision| Ask { decision, deferred_at }))
        })?;
        Ok(Asks(asks.into_iter().flatten().collect()))
    }
}

impl<'b> Funds<'b> {
    /// The book as it was when it was asked.
    pub(super) fn book(&self) -> &BudgetBook {
        self.book
    }

    /// Nothing asked yet.
    pub fn new(book: &'b BudgetBook) -> Funds<'b> {
        Funds { book, costs: Vec::new(), refused: None }
    }

    /// Asks for all that a campaign spends. Nothing is taken yet.
    pub(super) fn cover<'a>(&mut self, scope: &EvaluationContext<'a>, campaign: &'a Campaign) -> bool {
        let mut costs = Vec::with_capacity(campaign.spends.len());
        for spend in &campaign.spends {
            let cost = match scope.value(&spend.cost) {
                Value::Number(cost) if (Decimal::ZERO..=Decimal::GIVEN_MAX).contains(&cost) => cost,
                _ => {
                    self.refused = Some(spend.budget);
                    return false;
                }
            };
            let period = period_of(scope.rules, spend.budget, scope.now);
            if !self.book.allows(scope.rules, spend.budget, period, cost) {
                self.refused = Some(spend.budget);
                return false;
            }
            costs.push(CostShare { budget: spend.budget, period, cost });
        }
        self.costs = costs;
        true
    }
}
