//! How the points of a user are stored: by ledger a record of debt, lots and days.

use super::UserPoints;
use super::amount::Points;
use super::earning_days::{EarningDay, EarningDays};
use super::ledger::UserLedger;
use super::lots::{Lot, Lots};
use crate::encoding::{KeySpace, ListShape, StateReader, StateWriter};
use crate::rules::ruleset::LedgerId;
use crate::time::Timestamp;

/// The values of a ledger.
const FIELDS: u64 = 4;

impl UserPoints {
    /// Writes them, in any format. `latest` is the time of the user's latest event.
    pub(crate) fn write<W: StateWriter>(&self, latest: Timestamp, writer: &mut W) {
        let ledgers = self.ledgers().map(|(id, ledger)| (id.0, ledger));
        writer.map("points", KeySpace::Ledgers, ledgers, |writer, ledger| {
            writer.record("", FIELDS, |writer| {
                writer.sum("debt", ledger.debt().millionths());
                // Points that never expire are no lot of the stored form, in which every lot has a time.
                let (expiring, lasting): (Vec<Lot>, Vec<Lot>) =
                    ledger.lots().iter().partition(|lot| lot.expires < Timestamp::NEVER);
                writer.sum("lasting", lasting.first().map_or(0, |lot| lot.left.millionths()));
                writer.list("lots", ListShape::Pairs, expiring.iter(), |writer, lot| {
                    writer.time_near("expires", latest, lot.expires);
                    writer.sum("left", lot.left.millionths());
                });
                writer.list("days", ListShape::Pairs, ledger.days().iter(), |writer, day| {
                    writer.time_near("begins", latest, day.begins);
                    writer.sum("earned", day.earned.millionths());
                });
            });
        });
    }

    /// Reads the points of ledgers that the current rules have.
    pub(crate) fn read<R: StateReader>(latest: Timestamp, reader: &mut R) -> Result<UserPoints, R::Error> {
        let ledgers = reader.map(KeySpace::Ledgers, "a user's points", |reader, id| {
            reader.record(FIELDS, "a user's points in a ledger")?;
            let debt = points(reader, "a debt")?;
            let lasting = points(reader, "points that do not expire")?;
            let mut lots = reader.list(ListShape::Pairs, "lots of points", |reader| {
                let expires = reader.time_near(latest, "when points expire")?;
                Ok(Lot { expires, left: points(reader, "what is left of points")? })
            })?;
            lots.extend(Some(Lot { expires: Timestamp::NEVER, left: lasting }).filter(|lot| lot.left > Points::ZERO));
            let days = reader.list(ListShape::Pairs, "days of earning", |reader| {
                let begins = reader.time_near(latest, "when a day begins")?;
                Ok(EarningDay { begins, earned: points(reader, "what was earned on a day")? })
            })?;
            let parts = Lots::restore(lots).zip(EarningDays::restore(days));
            let ledger = parts.and_then(|(lots, days)| UserLedger::restore(lots, debt, days));
            reader.verify(|| ledger.is_some(), "points that could not have been written")?;
            Ok((LedgerId(id), ledger.unwrap_or_default()))
        })?;
        Ok(UserPoints(ledgers.into()))
    }
}

fn points<R: StateReader>(reader: &mut R, what: &'static str) -> Result<Points, R::Error> {
    let points = Points::from_millionths(reader.sum(what)?);
    reader.verify(|| points.is_some(), "a number of points out of range")?;
    Ok(points.unwrap_or_default())
}
