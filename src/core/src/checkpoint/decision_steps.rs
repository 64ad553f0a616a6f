//! The steps of a decision, as CBOR: `[name, …]` each, with its numbers in the order in which they are declared. The parts of
//! conditions are left out.

use super::decisions::id_of;
use super::error::CodecError;
use super::wire::{CborReader, CborWriter};
use crate::campaigns::{BudgetStanding, DecisionStep};
use crate::points::{Points, PointsBalance};
use crate::rules::ruleset::{BudgetId, Campaign, Cap, LedgerId, PurposeId, QuietHours, Ruleset};

pub(super) fn write(rules: &Ruleset, campaign: &Campaign, step: &DecisionStep, writer: &mut CborWriter) {
    let numbers = match step {
        DecisionStep::Trigger { .. } | DecisionStep::Condition { .. } | DecisionStep::Consent { .. } => 1,
        DecisionStep::Price { .. } => 3,
        DecisionStep::QuietHours { .. } | DecisionStep::Pending { .. } => 4,
        DecisionStep::Cap { .. } | DecisionStep::Budget(_) => 5,
        _ => 2,
    };
    writer.array(numbers + 1);
    writer.str(step.name());
    match step {
        DecisionStep::Trigger { holds } | DecisionStep::Condition { holds, explained: _ } => writer.bool(*holds),
        DecisionStep::Consent { lacks } => {
            writer.optional_str(lacks.map(|purpose| rules.purposes[usize::from(purpose.0)].name.as_str()));
        }
        DecisionStep::Age { since, expires } => {
            writer.timestamp(*since);
            writer.i64(expires.0);
        }
        DecisionStep::MaxPerUser { fired, max } | DecisionStep::MaxPerKey { fired, max } => {
            writer.u64((*fired).into());
            writer.u64((*max).into());
        }
        DecisionStep::Cooldown { last, cooldown } => {
            writer.optional_timestamp(*last);
            writer.i64(cooldown.0);
        }
        DecisionStep::QuietHours { hours, zone, until } => {
            write_hours(*hours, writer);
            writer.str(zone);
            writer.optional_timestamp(*until);
        }
        DecisionStep::Pending { hours, zone, until } => {
            write_hours(*hours, writer);
            writer.str(zone);
            writer.timestamp(*until);
        }
        DecisionStep::Cap { cap, sent, max, free_at } => {
            // A cap is known by what it counts.
            let Cap { per, channel, .. } = &rules.caps[usize::from(*cap)];
            writer.i64(per.0);
            writer.optional_str(channel.as_deref());
            writer.u64((*sent).into());
            writer.u64((*max).into());
            writer.optional_timestamp(*free_at);
        }
        DecisionStep::Price { ledger, price, balance } => {
            writer.str(&rules.ledgers[usize::from(ledger.0)].id);
            writer.i128(price.whole());
            writer.i128(balance.whole());
        }
        DecisionStep::Budget(BudgetStanding { budget, period, used, limit, cost }) => {
            writer.str(&rules.budgets[usize::from(budget.0)].id);
            writer.timestamp(*period);
            writer.i128(used.millionths());
            writer.i128(limit.millionths());
            match cost {
                Some(cost) => writer.i128(cost.millionths()),
                None => writer.null(),
            }
        }
        DecisionStep::Draw { share, chance: size }
        | DecisionStep::Control { share, control: size }
        | DecisionStep::Holdout { share, holdout: size } => {
            writer.f64(*share);
            writer.f64(*size);
        }
        DecisionStep::Variant { share, variant } => {
            writer.f64(*share);
            writer.optional_str(campaign.variants.get(*variant).map(|variant| variant.id.as_str()));
        }
    }
}

fn write_hours(hours: QuietHours, writer: &mut CborWriter) {
    writer.u64(hours.start_minute.into());
    writer.u64(hours.end_minute.into());
}

/// `None`: these rules, or the campaign, lack something that it names.
pub(super) fn read(
    rules: &Ruleset,
    campaign: Option<&Campaign>,
    reader: &mut CborReader<'_>,
) -> Result<Option<DecisionStep>, CodecError> {
    let fields = reader.array("a step of a decision")?;
    let step = match (reader.text("the name of a step")?, fields) {
        ("trigger", 2) => DecisionStep::Trigger { holds: reader.bool("whether a trigger holds")? },
        ("if", 2) => DecisionStep::Condition { holds: reader.bool("whether a condition holds")?, explained: None },
        ("needs", 2) => {
            let name = reader.optional_text("what is lacking")?;
            let lacks = name.map(|name| id_of(&rules.purposes, |purpose| &purpose.name, name).map(PurposeId));
            let Some(lacks) = lacks.map_or(Some(None), |known| known.map(Some)) else { return Ok(None) };
            DecisionStep::Consent { lacks }
        }
        ("expires", 3) => DecisionStep::Age {
            since: reader.time("since when something waits")?,
            expires: reader.span("how long it may")?,
        },
        ("max_per_user", 3) => DecisionStep::MaxPerUser { fired: number(reader)?, max: number(reader)? },
        ("max_per_key", 3) => DecisionStep::MaxPerKey { fired: number(reader)?, max: number(reader)? },
        ("cooldown", 3) => DecisionStep::Cooldown {
            last: reader.optional_time("when a campaign fired last")?,
            cooldown: reader.span("a cooldown")?,
        },
        ("quiet_hours", 5) => DecisionStep::QuietHours {
            hours: hours(reader)?,
            zone: reader.text("a time zone")?.to_owned(),
            until: reader.optional_time("when quiet hours end")?,
        },
        ("pending", 5) => DecisionStep::Pending {
            hours: hours(reader)?,
            zone: reader.text("a time zone")?.to_owned(),
            until: reader.time("when quiet hours end")?,
        },
        ("cap", 6) => {
            let (per, channel) = (reader.span("the length of a cap")?, reader.optional_text("the channel of a cap")?);
            let (sent, max) = (number(reader)?, number(reader)?);
            let free_at = reader.optional_time("when there is room again")?;
            let counts_it = |cap: &Cap| cap.per == per && cap.channel.as_deref() == channel;
            let Some(cap) = rules.caps.iter().position(counts_it) else { return Ok(None) };
            DecisionStep::Cap { cap: u16::try_from(cap).unwrap_or(u16::MAX), sent, max, free_at }
        }
        ("price", 4) => {
            let ledger = id_of(&rules.ledgers, |ledger| &ledger.id, reader.text("a ledger")?);
            let price = Points::of_whole(reader.i128("a price")?);
            let balance = PointsBalance::of_whole(reader.i128("a balance")?);
            let (Some(price), Some(balance)) = (price, balance) else {
                return Err(reader.wrong("points out of range"));
            };
            let Some(ledger) = ledger.map(LedgerId) else { return Ok(None) };
            DecisionStep::Price { ledger, price, balance }
        }
        ("budget", 6) => {
            let budget = id_of(&rules.budgets, |budget| &budget.id, reader.text("a budget")?);
            let period = reader.time("the period of a budget")?;
            let (used, limit) = (reader.decimal("what was used of it")?, reader.decimal("its limit")?);
            let cost = if reader.is_null("a cost")? { None } else { Some(reader.decimal("a cost")?) };
            let Some(budget) = budget.map(BudgetId) else { return Ok(None) };
            DecisionStep::Budget(BudgetStanding { budget, period, used, limit, cost })
        }
        ("chance", 3) => DecisionStep::Draw { share: reader.f64("a draw")?, chance: reader.f64("a chance")? },
        ("control", 3) => DecisionStep::Control { share: reader.f64("a share")?, control: reader.f64("a size")? },
        ("holdout", 3) => DecisionStep::Holdout { share: reader.f64("a share")?, holdout: reader.f64("a size")? },
        ("variant", 3) => {
            let (share, id) = (reader.f64("a share")?, reader.optional_text("a variant")?.unwrap_or_default());
            let variant = campaign.and_then(|campaign| id_of(&campaign.variants, |variant| &variant.id, id));
            let Some(variant) = variant.map(usize::from) else { return Ok(None) };
            DecisionStep::Variant { share, variant }
        }
        _ => return Err(reader.wrong("a step that is not known")),
    };
    Ok(Some(step))
}

fn number(reader: &mut CborReader<'_>) -> Result<u32, CodecError> {
    reader.u32("a number of times")
}

fn hours(reader: &mut CborReader<'_>) -> Result<QuietHours, CodecError> {
    let start_minute = reader.u16("when quiet hours begin")?;
    Ok(QuietHours { start_minute, end_minute: reader.u16("when quiet hours end")? })
}
