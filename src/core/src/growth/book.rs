//! The counts of all users, by day and by hour: what the partitions' ledgers are entered into.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::calendar::{Day, Hour};
use super::categories::Categories;
use super::funnels;
use super::ledger::{CategorySale, Ledger};
use super::plan::{HourAmount, HourCount, Plan};
use super::record::Record;

/// Days that are told of, today included.
pub const DAYS_KEPT: i64 = 400;
/// Rows of days that are kept before those that are not told of any more are folded together.
const ROWS_MAX: usize = 480;

/// The counts and amounts of a day or an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) counts: Vec<i64>,
    pub(super) amounts: Vec<i128>,
}

/// All counts. Cloning it is cheap: rows are shared until they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Book {
    /// Days before this are folded into `carried`.
    pub(super) first: Day,
    /// The sum of all days before `first`.
    pub(super) carried: Arc<Row>,
    pub(super) days: BTreeMap<Day, Arc<Row>>,
    pub(super) hours: BTreeMap<Hour, Arc<Row>>,
    pub(super) categories: BTreeMap<Day, Arc<Categories>>,
    /// It was stored in a form that did not count the people of funnels: see [`count_people`](Book::count_people).
    pub(super) lacks_people: bool,
}

impl Row {
    fn new(counts: usize, amounts: usize) -> Row {
        Row { counts: vec![0; counts], amounts: vec![0; amounts] }
    }

    pub(super) fn of_day(plan: &Plan) -> Row {
        Row::new(plan.layout.counts(), plan.layout.amounts())
    }

    pub(super) fn of_hour() -> Row {
        Row::new(HourCount::End as usize, HourAmount::End as usize)
    }

    pub(super) fn add(&mut self, other: &Row) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(ours, theirs)| *ours += theirs);
        self.amounts.iter_mut().zip(&other.amounts).for_each(|(ours, theirs)| *ours += theirs);
    }

    pub(super) fn is_zero(&self) -> bool {
        self.counts.iter().all(|count| *count == 0) && self.amounts.iter().all(|amount| *amount == 0)
    }
}

impl Book {
    /// Nothing was counted yet.
    pub fn new(plan: &Plan) -> Book {
        Book {
            first: Day::FIRST,
            carried: Arc::new(Row::of_day(plan)),
            days: BTreeMap::new(),
            hours: BTreeMap::new(),
            categories: BTreeMap::new(),
            lacks_people: false,
        }
    }

    /// Where the book was stored in the first form, counts the people of funnels from the records of all users, to each of
    /// which `each_record` applies what it is given.
    pub fn count_people(&mut self, plan: &Plan, each_record: impl FnOnce(&mut dyn FnMut(&Record))) {
        if !std::mem::take(&mut self.lacks_people) {
            return;
        }
        let mut ledger = Ledger::default();
        each_record(&mut |record| funnels::count_people(plan, record, &mut ledger));
        self.enter(plan, std::iter::once(&mut ledger));
    }

    /// Enters what the ledgers of a batch hold, of all partitions; they are empty then.
    pub fn enter<'l>(&mut self, plan: &Plan, ledgers: impl Iterator<Item = &'l mut Ledger>) {
        let mut sales: Vec<CategorySale> = Vec::new();
        for ledger in ledgers {
            ledger.settle();
            for ((day, column), by) in ledger.counts.drain().filter(|(_, by)| *by != 0) {
                self.day(plan, day).counts[usize::from(column)] += by;
            }
            for ((day, column), by) in ledger.amounts.drain().filter(|(_, by)| *by != 0) {
                self.day(plan, day).amounts[usize::from(column)] += by;
            }
            for ((hour, column), by) in ledger.hour_counts.drain().filter(|(_, by)| *by != 0) {
                self.hour(hour).into_iter().for_each(|row| row.counts[usize::from(column)] += by);
            }
            for ((hour, column), by) in ledger.hour_amounts.drain().filter(|(_, by)| *by != 0) {
                self.hour(hour).into_iter().for_each(|row| row.amounts[usize::from(column)] += by);
            }
            sales.append(&mut ledger.categories);
        }
        // In the log's order, which is the same however users are spread.
        sales.sort_by_key(|sale| sale.position);
        for sale in sales.into_iter().filter(|sale| sale.day >= self.first) {
            let day = Arc::make_mut(self.categories.entry(sale.day).or_default());
            day.add(&sale.category, sale.value.unsigned_abs());
        }
    }

    fn day(&mut self, plan: &Plan, day: Day) -> &mut Row {
        if day < self.first {
            return Arc::make_mut(&mut self.carried);
        }
        Arc::make_mut(self.days.entry(day).or_insert_with(|| Arc::new(Row::of_day(plan))))
    }

    fn hour(&mut self, hour: Hour) -> Option<&mut Row> {
        (hour.day() >= self.first)
            .then(|| Arc::make_mut(self.hours.entry(hour).or_insert_with(|| Arc::new(Row::of_hour()))))
    }

    /// Folds together the days that are not told of any more once today is `today`, where there are many of them. What is
    /// told does not change by it.
    pub fn fold(&mut self, today: Day) {
        let first = today.plus(1 - DAYS_KEPT);
        if first <= self.first || self.days.len() < ROWS_MAX && self.hours.len() < ROWS_MAX * 24 {
            return;
        }
        let kept = self.days.split_off(&first);
        let carried = Arc::make_mut(&mut self.carried);
        for row in std::mem::replace(&mut self.days, kept).into_values() {
            carried.add(&row);
        }
        self.hours = self.hours.split_off(&first.first_hour());
        self.categories = self.categories.split_off(&first);
        self.first = first;
    }

    /// The same counts with the days that are not told of folded away, and rows of nothing left out: equal for equal
    /// numbers.
    pub fn settled(&self, today: Day) -> Book {
        let mut book = self.clone();
        let first = today.plus(1 - DAYS_KEPT).max(book.first);
        let kept = book.days.split_off(&first);
        let carried = Arc::make_mut(&mut book.carried);
        for row in std::mem::replace(&mut book.days, kept).into_values() {
            carried.add(&row);
        }
        book.days.retain(|_, row| !row.is_zero());
        book.hours = book.hours.split_off(&first.first_hour());
        book.hours.retain(|_, row| !row.is_zero());
        book.categories = book.categories.split_off(&first);
        book.first = first;
        book
    }
}
