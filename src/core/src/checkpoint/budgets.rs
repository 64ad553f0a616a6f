//! The book of all budgets as CBOR: `[[[budget, granted, refused, [[period, spent]…], [[campaign, actions, spent]…]]…], [[beat,
//! budget, period, spent, reserved, campaign]…]]`, the amounts in millionths; the campaign is null where the rules do not have it
//! any more. Earlier versions stored no campaigns.

use super::dictionary::KeyDictionary;
use super::error::CodecError;
use super::wire::{CborReader, CborWriter};
use crate::budgets::{BudgetChange, CampaignSpending, StoredBook, StoredBudget, TimedBudgetChange};
use crate::encoding::KeySpace;
use crate::rules::ruleset::{BudgetId, CampaignId};

pub(super) fn write(book: &StoredBook, writer: &mut CborWriter) {
    writer.array(2);
    writer.array(book.budgets.len() as u64);
    for (budget, stored) in &book.budgets {
        writer.array(5);
        writer.u64(budget.0.into());
        writer.i128(stored.granted);
        writer.u64(stored.refused);
        writer.array(stored.spent.len() as u64);
        for (period, spent) in &stored.spent {
            writer.array(2);
            writer.timestamp(*period);
            writer.i128(*spent);
        }
        writer.array(stored.by_campaign.len() as u64);
        for (campaign, taken) in &stored.by_campaign {
            writer.array(3);
            writer.u64(campaign.0.into());
            writer.u64(taken.actions);
            writer.i128(taken.spent);
        }
    }
    writer.array(book.changes.len() as u64);
    for TimedBudgetChange { beat, change } in &book.changes {
        writer.array(6);
        writer.timestamp(*beat);
        writer.u64(change.budget.0.into());
        writer.timestamp(change.period);
        writer.i128(change.spent);
        writer.i128(change.reserved);
        match change.campaign {
            Some(campaign) => writer.u64(campaign.0.into()),
            None => writer.null(),
        }
    }
}

/// The book of the budgets that the current rules have.
pub(super) fn read(known: &KeyDictionary, reader: &mut CborReader<'_>) -> Result<StoredBook, CodecError> {
    let (ids, campaigns) = (known.kind(KeySpace::Budgets), known.kind(KeySpace::Campaigns));
    let mut book = StoredBook::default();
    reader.array_of(2, "the budgets")?;
    for _ in 0..reader.array("the budgets")? {
        let values = reader.array("a budget")?;
        if !(4..=5).contains(&values) {
            return Err(reader.wrong("a budget with other values"));
        }
        let budget = ids.id(reader, "a budget")?.map(BudgetId);
        let (granted, refused) = (reader.i128("what was granted")?, reader.u64("how often a budget refused")?);
        let mut stored = StoredBudget { granted, refused, ..StoredBudget::default() };
        for _ in 0..reader.array("the periods of a budget")? {
            reader.array_of(2, "a period of a budget")?;
            stored.spent.push((reader.time("a period")?, reader.i128("what was spent")?));
        }
        for _ in 0..if values > 4 { reader.array("the campaigns of a budget")? } else { 0 } {
            reader.array_of(3, "a campaign of a budget")?;
            let campaign = campaigns.id(reader, "a campaign that spent")?.map(CampaignId);
            let actions = reader.u64("the actions of a campaign")?;
            let taken = CampaignSpending { actions, spent: reader.i128("what a campaign spent")? };
            stored.by_campaign.extend(campaign.map(|campaign| (campaign, taken)));
        }
        book.budgets.extend(budget.map(|budget| (budget, stored)));
    }
    for _ in 0..reader.array("changes of budgets")? {
        let values = reader.array("a change of a budget")?;
        if !(5..=6).contains(&values) {
            return Err(reader.wrong("a change of a budget with other values"));
        }
        let beat = reader.time("the end of a beat")?;
        let budget = ids.id(reader, "a budget that changed")?.map(BudgetId);
        let period = reader.time("the period of a change")?;
        let (spent, reserved) = (reader.i128("what was spent")?, reader.i128("what was reserved")?);
        let campaign = match values > 5 && !reader.is_null("the campaign of a change")? {
            true => campaigns.id(reader, "the campaign of a change")?.map(CampaignId),
            false => None,
        };
        let change = budget.map(|budget| BudgetChange { budget, campaign, period, spent, reserved });
        book.changes.extend(change.map(|change| TimedBudgetChange { beat, change }));
    }
    Ok(book)
}

#[cfg(test)]
mod tests {
    use super::super::dictionary;
    use super::*;
    use crate::partition::ExecutionPlan;
    use crate::rules;
    use crate::time::Timestamp;

    const RULES: &str = "[events]\nwant = 'Want'\n[[budgets]]\nid = 'summer'\nlimit = 100\n\
        [[campaigns]]\nid = 'coupon'\non = 'event:want'\nchannel = 'email'\nspends = [{ budget = 'summer', cost = '5' }]\n";

    fn dictionary() -> KeyDictionary {
        let plan = ExecutionPlan::new(rules::compile(RULES).expect("the rules are fine"));
        let mut writer = CborWriter::new();
        dictionary::write(&plan, &mut writer);
        KeyDictionary::read(&plan, &mut CborReader::new(&writer.into_bytes())).expect("what was written")
    }

    fn book(campaign: Option<CampaignId>) -> StoredBook {
        let (period, beat) = (Timestamp::MIN, Timestamp(7_000));
        let taken = CampaignSpending { actions: 3, spent: 5 };
        let by_campaign = campaign.map(|campaign| (campaign, taken)).into_iter().collect();
        let stored = StoredBudget { spent: vec![(period, 5)], granted: 9, refused: 2, by_campaign };
        let change = BudgetChange { budget: BudgetId(0), campaign, period, spent: 1, reserved: -1 };
        StoredBook { budgets: vec![(BudgetId(0), stored)], changes: vec![TimedBudgetChange { beat, change }] }
    }

    #[test]
    fn a_book_is_read_as_it_was_written() {
        let mut writer = CborWriter::new();
        write(&book(Some(CampaignId(0))), &mut writer);
        let read = read(&dictionary(), &mut CborReader::new(&writer.into_bytes()));
        assert_eq!(read.expect("what was written"), book(Some(CampaignId(0))));
    }

    #[test]
    fn a_book_from_before_campaigns_were_stored_is_read() {
        let mut writer = CborWriter::new();
        writer.array(2);
        writer.array(1);
        writer.array(4);
        writer.u64(0);
        writer.i128(9);
        writer.u64(2);
        writer.array(1);
        writer.array(2);
        writer.timestamp(Timestamp::MIN);
        writer.i128(5);
        writer.array(1);
        writer.array(5);
        writer.timestamp(Timestamp(7_000));
        writer.u64(0);
        writer.timestamp(Timestamp::MIN);
        writer.i128(1);
        writer.i128(-1);
        let read = read(&dictionary(), &mut CborReader::new(&writer.into_bytes()));
        assert_eq!(read.expect("what was written once"), book(None));
    }
}
