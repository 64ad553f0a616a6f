//! Records and books as plain numbers, for whoever stores them, and back. What comes back may be anything: whatever could
//! not have been stored is refused.

use std::num::NonZeroU16;
use std::sync::Arc;

use thin_vec::ThinVec;

use super::book::{Book, Row};
use super::calendar::{Day, Hour};
use super::categories::{CATEGORIES_MAX, Categories};
use super::days::Days;
use super::orders::{OrderDay, Orders};
use super::plan::{HourAmount, HourCount};
use super::record::Record;
use super::translate::Translation;
use crate::time::Timestamp;

/// Counts that are larger cannot be right, and adding to them could overflow.
const COUNT_MAX: i64 = 1 << 53;
const AMOUNT_MAX: i128 = 1 << 100;

/// A row that tells only what is not 0: each number with its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SparseRow {
    /// The counts.
    pub counts: Vec<(u16, i64)>,
    /// The amounts, in millionths.
    pub amounts: Vec<(u16, i128)>,
}

/// A day's categories.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredCategories {
    /// What may be missing from each.
    pub error: u64,
    /// Each with its orders and value, ascending.
    pub sales: Vec<(String, u64, u64)>,
}

/// A book as numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredBook {
    /// Days before this are in `carried`.
    pub first: u16,
    /// Their sum.
    pub carried: SparseRow,
    /// Days, ascending.
    pub days: Vec<(u16, SparseRow)>,
    /// Hours, ascending.
    pub hours: Vec<(u32, SparseRow)>,
    /// Categories of days, ascending.
    pub categories: Vec<(u16, StoredCategories)>,
}

impl SparseRow {
    fn of(row: &Row) -> SparseRow {
        let counts = (0..).zip(row.counts.iter().copied()).filter(|(_, count)| *count != 0);
        let amounts = (0..).zip(row.amounts.iter().copied()).filter(|(_, amount)| *amount != 0);
        SparseRow { counts: counts.collect(), amounts: amounts.collect() }
    }

    fn row(&self, (counts, amounts): (usize, usize)) -> Option<Row> {
        let mut row = Row { counts: vec![0; counts], amounts: vec![0; amounts] };
        for (at, count) in &self.counts {
            let is_sound = count.unsigned_abs() <= COUNT_MAX.unsigned_abs();
            *row.counts.get_mut(usize::from(*at)).filter(|_| is_sound)? = *count;
        }
        for (at, amount) in &self.amounts {
            let is_sound = amount.unsigned_abs() <= AMOUNT_MAX.unsigned_abs();
            *row.amounts.get_mut(usize::from(*at)).filter(|_| is_sound)? = *amount;
        }
        Some(row)
    }
}

impl Book {
    /// The book as numbers, as told from `today` on: the same numbers for the same counts.
    pub fn stored(&self, today: Day) -> StoredBook {
        let settled = self.settled(today);
        let categories = settled.categories.iter().map(|(day, held)| {
            let sales = held.sales.iter().map(|(name, (orders, value))| (name.to_string(), *orders, *value));
            (day.0, StoredCategories { error: held.error, sales: sales.collect() })
        });
        StoredBook {
            first: settled.first.0,
            carried: SparseRow::of(&settled.carried),
            days: settled.days.iter().map(|(day, row)| (day.0, SparseRow::of(row))).collect(),
            hours: settled.hours.iter().map(|(hour, row)| (hour.0, SparseRow::of(row))).collect(),
            categories: categories.collect(),
        }
    }
}

impl StoredBook {
    /// The book that was stored, under the rules of now; `None`: none could have been stored so.
    pub fn book(&self, translation: &Translation) -> Option<Book> {
        let size = translation.rows();
        let hour_size = (HourCount::End as usize, HourAmount::End as usize);
        let is_ascending = self.days.windows(2).all(|pair| pair[0].0 < pair[1].0)
            && self.hours.windows(2).all(|pair| pair[0].0 < pair[1].0)
            && self.categories.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if !is_ascending || self.first == 0 || self.days.first().is_some_and(|(day, _)| *day < self.first) {
            return None;
        }
        let days = self.days.iter().map(|(day, row)| Some((Day(*day), Arc::new(row.row(size)?))));
        let hours = self.hours.iter().map(|(hour, row)| Some((Hour(*hour), Arc::new(row.row(hour_size)?))));
        let categories = self.categories.iter().map(|(day, held)| {
            let sales = held.sales.iter().map(|(name, orders, value)| (name.as_str().into(), (*orders, *value)));
            let categories = Categories { sales: sales.collect(), error: held.error };
            (held.sales.len() <= CATEGORIES_MAX).then(|| (Day(*day), Arc::new(categories)))
        });
        Some(translation.book(&Book {
            first: Day(self.first),
            carried: Arc::new(self.carried.row(size)?),
            days: days.collect::<Option<_>>()?,
            hours: hours.collect::<Option<_>>()?,
            categories: categories.collect::<Option<_>>()?,
        }))
    }
}

/// What stands first in a record's numbers.
const FIXED: usize = 9;

impl Record {
    /// The record as numbers.
    pub fn stored(&self) -> Vec<i64> {
        let days: Vec<i64> = self.days.words().map(|word| word.cast_signed()).collect();
        let mut numbers = vec![
            self.latest.0.into(),
            self.first.0.into(),
            self.signed_up.map_or(0, |day| day.get().into()),
            self.session_day.0.into(),
            self.depths.into(),
            i64::from(self.channel) << 16 | i64::from(self.stage) << 8 | i64::from(self.session),
            days.len() as i64,
            self.chains.len() as i64,
            i64::from(self.orders.is_some()),
        ];
        numbers.extend(days);
        numbers.extend(&self.chains);
        if let Some(orders) = &self.orders {
            let (first, value) = orders.first.map_or((0, 0), |(at, value)| (at.0, value));
            numbers.extend([orders.first.is_some().into(), first, value]);
            numbers.extend([orders.second.is_some().into(), orders.second.map_or(0, |at| at.0)]);
            numbers.extend([orders.days.len() as i64, orders.ids.len() as i64]);
            for held in &orders.days {
                let counts = [held.orders, held.coupon_orders, held.refunds].map(i64::from);
                numbers.push(held.day.0.into());
                numbers.extend(counts);
                numbers.extend([held.gmv, held.refunded, held.discount]);
            }
            numbers.extend(orders.ids.iter().map(|id| id.cast_signed()));
        }
        numbers
    }

    /// The record that was stored, under the rules of now; `None`: none could have been stored so.
    pub fn from_stored(numbers: &[i64], translation: &Translation) -> Option<Record> {
        let (fixed, rest) = numbers.split_at_checked(FIXED)?;
        let day = |number: i64| u16::try_from(number).ok().filter(|day| *day > 0).map(Day);
        let byte = |shift: u32| (fixed[5] >> shift & 0xff) as u8;
        let (channels, stages, slots) = translation.bounds();
        let (words, rest) = rest.split_at_checked(usize::try_from(fixed[6]).ok()?)?;
        let (chains, rest) = rest.split_at_checked(usize::try_from(fixed[7]).ok()?)?;
        let is_sound = (0..1 << 24).contains(&fixed[5])
            && usize::from(byte(16)) < channels
            && usize::from(byte(8)) < stages
            && chains.len() <= slots
            && chains.iter().all(|at| *at == super::record::NEVER_BEFORE || is_time(*at));
        if !is_sound {
            return None;
        }
        let words: Vec<u64> = words.iter().map(|word| word.cast_unsigned()).collect();
        let record = Record {
            days: Days::from_words(&words)?,
            chains: chains.iter().copied().collect(),
            orders: match fixed[8] {
                0 if rest.is_empty() => None,
                1 => Some(Box::new(orders(rest)?)),
                _ => return None,
            },
            depths: u32::try_from(fixed[4]).ok()?,
            latest: day(fixed[0])?,
            first: day(fixed[1]).filter(|first| i64::from(first.0) <= fixed[0])?,
            signed_up: NonZeroU16::new(u16::try_from(fixed[2]).ok()?),
            session_day: day(fixed[3])?,
            channel: byte(16),
            stage: byte(8),
            session: byte(0),
        };
        Some(translation.record(record))
    }
}

fn is_time(at: i64) -> bool {
    (Timestamp::MIN.0..=Timestamp::NEVER.0).contains(&at)
}

fn orders(numbers: &[i64]) -> Option<Orders> {
    let [has_first, first, value, has_second, second, days, ids, rest @ ..] = numbers else { return None };
    let (days, rest) = rest.split_at_checked(usize::try_from(*days).ok()?.checked_mul(7)?)?;
    let number = |at: i64| u32::try_from(at).ok();
    let day = |held: &[i64]| {
        Some(OrderDay {
            day: Day(u16::try_from(held[0]).ok().filter(|day| *day > 0)?),
            orders: number(held[1])?,
            coupon_orders: number(held[2])?,
            refunds: number(held[3])?,
            gmv: held[4],
            refunded: held[5],
            discount: held[6],
        })
    };
    let orders = Orders {
        days: days.chunks_exact(7).map(day).collect::<Option<ThinVec<_>>>()?,
        first: (*has_first == 1).then_some((Timestamp(*first), *value)),
        second: (*has_second == 1).then_some(Timestamp(*second)),
        ids: rest.iter().map(|id| id.cast_unsigned()).collect(),
    };
    let is_sound = usize::try_from(*ids).ok()? == rest.len() && is_time(*first) && is_time(*second);
    (is_sound && orders.is_sound()).then_some(orders)
}
