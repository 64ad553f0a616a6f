//! Records and books as plain numbers, for whoever stores them, and back. What comes back may be anything: whatever could
//! not have been stored is refused.

use std::num::NonZeroU16;
use std::sync::Arc;

use thin_vec::ThinVec;

use super::book::{Book, Row};
use super::calendar::{Day, Hour};
use super::categories::{CATEGORIES_MAX, Categories};
use super::days::Days;
use super::funnels::Step;
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
            lacks_people: false,
        }))
    }
}

/// What stands first in a record's numbers.
const FIXED: usize = 10;
/// Numbers of a funnel's step.
const STEP: usize = 4;

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
            i64::from(self.stage_before) << 24
                | i64::from(self.channel) << 16
                | i64::from(self.stage) << 8
                | i64::from(self.session),
            self.moved.0.into(),
            days.len() as i64,
            self.steps.len() as i64,
            i64::from(self.orders.is_some()),
        ];
        numbers.extend(days);
        self.steps.iter().for_each(|step| numbers.extend(step.numbers()));
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
        if translation.is_first_form() {
            return Record::from_first_form(numbers, translation);
        }
        Record::from_numbers(numbers, translation)
    }

    fn from_numbers(numbers: &[i64], translation: &Translation) -> Option<Record> {
        let (fixed, rest) = numbers.split_at_checked(FIXED)?;
        let day = |number: i64| u16::try_from(number).ok().filter(|day| *day > 0).map(Day);
        let byte = |shift: u32| (fixed[5] >> shift & 0xff) as u8;
        let (channels, stages, places) = translation.bounds();
        let (words, rest) = rest.split_at_checked(usize::try_from(fixed[7]).ok()?)?;
        let count = usize::try_from(fixed[8]).ok().filter(|count| *count <= places)?;
        let (steps, rest) = rest.split_at_checked(count * STEP)?;
        let is_sound = (0..1 << 32).contains(&fixed[5])
            && usize::from(byte(16)) < channels
            && usize::from(byte(8)) < stages
            && usize::from(byte(24)) < stages;
        if !is_sound {
            return None;
        }
        let words: Vec<u64> = words.iter().map(|word| word.cast_unsigned()).collect();
        let record = Record {
            days: Days::from_words(&words)?,
            steps: steps.chunks_exact(STEP).map(step).collect::<Option<_>>()?,
            orders: match fixed[9] {
                0 if rest.is_empty() => None,
                1 => Some(Box::new(orders(rest)?)),
                _ => return None,
            },
            depths: u32::try_from(fixed[4]).ok()?,
            latest: day(fixed[0])?,
            first: day(fixed[1]).filter(|first| i64::from(first.0) <= fixed[0])?,
            signed_up: NonZeroU16::new(u16::try_from(fixed[2]).ok()?),
            session_day: day(fixed[3])?,
            moved: day(fixed[6])?,
            channel: byte(16),
            stage: byte(8),
            stage_before: byte(24),
            session: byte(0),
        };
        Some(translation.record(record))
    }
}

impl Record {
    /// A record that was stored in the first form: without the day of the latest change of stages, and with the funnels'
    /// times one after the other.
    fn from_first_form(numbers: &[i64], translation: &Translation) -> Option<Record> {
        let [latest, first, signed_up, session_day, depths, packed, words, chains, has_orders, rest @ ..] = numbers
        else {
            return None;
        };
        let (days, rest) = rest.split_at_checked(usize::try_from(*words).ok()?)?;
        let (chains, orders) = rest.split_at_checked(usize::try_from(*chains).ok()?)?;
        if !chains.iter().all(|at| *at == super::record::NEVER_BEFORE || is_time(*at)) {
            return None;
        }
        let steps = translation.first_form_steps(chains);
        // When the stage changed is not known: it counts as that of every day to come.
        let packed = (0..1 << 24).contains(packed).then_some((packed >> 8 & 0xff) << 24 | packed)?;
        let head =
            [*latest, *first, *signed_up, *session_day, *depths, packed, 1, *words, steps.len() as i64, *has_orders];
        let steps = steps.iter().flat_map(Step::numbers);
        let numbers: Vec<i64> =
            head.into_iter().chain(days.iter().copied()).chain(steps).chain(orders.iter().copied()).collect();
        Record::from_numbers(&numbers, translation)
    }
}

impl Step {
    fn numbers(&self) -> [i64; STEP] {
        [self.start, self.time, self.latest.0.into(), self.days.into()]
    }
}

fn step(numbers: &[i64]) -> Option<Step> {
    let [start, time, latest, days] = *numbers else { return None };
    let step = Step {
        start,
        time,
        latest: Day(u16::try_from(latest).ok().filter(|day| *day > 0)?),
        days: u32::try_from(days).ok()?,
    };
    let is_sound =
        if step.is_reached() { is_time(start) && is_time(time) && days & 1 == 1 } else { step == Step::NEVER };
    is_sound.then_some(step)
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
