//! The book of all budgets as CBOR: `[[[budget, granted, refused, [[period, spent]…]]…], [[beat, budget, period, spent,
//! reserved]…]]`, the amounts in millionths.

use super::dictionary::KeyDictionary;
use super::error::CodecError;
use super::wire::{CborReader, CborWriter};
use crate::budgets::{BudgetChange, StoredBook, StoredBudget, TimedBudgetChange};
use crate::encoding::KeySpace;
use crate::rules::ruleset::BudgetId;

pub(super) fn write(book: &StoredBook, writer: &mut CborWriter) {
    writer.array(2);
    writer.array(book.budgets.len() as u64);
    for (budget, stored) in &book.budgets {
        writer.array(4);
        writer.u64(budget.0.into());
        writer.i128(stored.granted);
        writer.u64(stored.refused);
        writer.array(stored.spent.len() as u64);
        for (period, spent) in &stored.spent {
            writer.array(2);
            writer.timestamp(*period);
            writer.i128(*spent);
        }
    }
    writer.array(book.changes.len() as u64);
    for TimedBudgetChange { beat, change } in &book.changes {
        writer.array(5);
        writer.timestamp(*beat);
        writer.u64(change.budget.0.into());
        writer.timestamp(change.period);
        writer.i128(change.spent);
        writer.i128(change.reserved);
    }
}

/// The book of the budgets that the current rules have.
pub(super) fn read(known: &KeyDictionary, reader: &mut CborReader<'_>) -> Result<StoredBook, CodecError> {
    let ids = known.kind(KeySpace::Budgets);
    let mut book = StoredBook::default();
    reader.array_of(2, "the budgets")?;
    for _ in 0..reader.array("the budgets")? {
        reader.array_of(4, "a budget")?;
        let budget = ids.id(reader, "a budget")?.map(BudgetId);
        let (granted, refused) = (reader.i128("what was granted")?, reader.u64("how often a budget refused")?);
        let mut stored = StoredBudget { spent: Vec::new(), granted, refused };
        for _ in 0..reader.array("the periods of a budget")? {
            reader.array_of(2, "a period of a budget")?;
            stored.spent.push((reader.time("a period")?, reader.i128("what was spent")?));
        }
        book.budgets.extend(budget.map(|budget| (budget, stored)));
    }
    for _ in 0..reader.array("changes of budgets")? {
        reader.array_of(5, "a change of a budget")?;
        let beat = reader.time("the end of a beat")?;
        let budget = ids.id(reader, "a budget that changed")?.map(BudgetId);
        let period = reader.time("the period of a change")?;
        let (spent, reserved) = (reader.i128("what was spent")?, reader.i128("what was reserved")?);
        let change = budget.map(|budget| BudgetChange { budget, period, spent, reserved });
        book.changes.extend(change.map(|change| TimedBudgetChange { beat, change }));
    }
    Ok(book)
}
