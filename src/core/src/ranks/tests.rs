//! What numbers come to, compared with counting.

use proptest::prelude::*;

use super::{RankCounts, RankNumber, RankTable, UserRank, UserRanks};
use crate::decimal::Decimal;
use crate::rules::ruleset::{RankFigure, RankId};
use crate::value::Value;

fn number(millionths: i128) -> RankNumber {
    RankNumber::of(&Value::Number(Decimal::from_millionths(millionths))).expect("a number")
}

fn double(double: f64) -> RankNumber {
    RankNumber::of(&Value::Double(double)).expect("a number")
}

#[test]
fn doubles_are_in_the_order_of_doubles_and_both_zeros_are_one() {
    let ordered = [f64::NEG_INFINITY, -1e30, -1.5, -1e-300, 0.0, 5e-324, 0.3, 1.0, 1e30];
    for pair in ordered.windows(2) {
        assert!(double(pair[0]) < double(pair[1]), "{pair:?}");
    }
    assert_eq!(double(-0.0), double(0.0));
    assert_eq!(RankNumber::of(&Value::Double(f64::NAN)), None);
    for none in [Value::Missing, Value::Text("3"), Value::Bool(true), Value::Span(5), Value::Forever] {
        assert_eq!(RankNumber::of(&none), None, "{none:?}");
    }
}

#[test]
fn of_nobody_and_of_equal_numbers() {
    let rank = RankId(0);
    assert_eq!(RankTable::new([]).rank_of(rank, number(1)), None);
    let table = RankTable::new([RankCounts::new(vec![number(7); 5]), RankCounts::default()]);
    let found = UserRank { rank, larger: 0, smaller: 0, ranked: 5 };
    assert_eq!(table.rank_of(rank, number(7)), Some(found));
    let mut ranks = UserRanks::default();
    ranks.set(rank, Some(found));
    let figures = [RankFigure::Rank, RankFigure::Quantile, RankFigure::Ranked].map(|it| ranks.figure(rank, it));
    assert_eq!(figures, [1_000_000, 0, 5_000_000].map(|it| Value::Number(Decimal::from_millionths(it))));
    assert_eq!(ranks.figure(RankId(1), RankFigure::Rank), Value::Missing);
}

#[test]
fn a_quantile_is_a_millionth_half_to_even() {
    let mut ranks = UserRanks::default();
    ranks.set(RankId(2), Some(UserRank { rank: RankId(2), larger: 0, smaller: 2, ranked: 3 }));
    assert_eq!(ranks.figure(RankId(2), RankFigure::Quantile), Value::Number(Decimal::from_millionths(666_667)));
}

#[test]
fn of_a_user_and_a_visitor_the_users_ranks_stay() {
    let of = |rank, larger| UserRank { rank: RankId(rank), larger, smaller: 0, ranked: 9 };
    let (mut user, mut visitor) = (UserRanks::default(), UserRanks::default());
    user.set(RankId(1), Some(of(1, 1)));
    for rank in [0, 1, 2] {
        visitor.set(RankId(rank), Some(of(rank, 5)));
    }
    user.merge(visitor);
    assert_eq!(user.all(), [of(0, 5), of(1, 1), of(2, 5)]);
    user.set(RankId(1), None);
    user.set(RankId(1), None);
    assert_eq!(user.all(), [of(0, 5), of(2, 5)]);
}

proptest! {
    #[test]
    fn what_a_number_comes_to_is_what_counting_says(
        numbers in prop::collection::vec(-3i128..20, 0..60),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(numbers.len() + 1)).collect();
        cuts.extend([0, numbers.len()]);
        cuts.sort_unstable();
        let parts = cuts.windows(2).map(|ends| &numbers[ends[0]..ends[1]]);
        let table =
            RankTable::new(parts.map(|part| RankCounts::new(part.iter().map(|it| number(*it)).collect())));
        prop_assert_eq!(table.ranked() as usize, numbers.len());
        for own in -4..21 {
            let count = |is_counted: &dyn Fn(i128) -> bool| numbers.iter().filter(|it| is_counted(**it)).count() as u32;
            let found = table.rank_of(RankId(3), number(own)).map(|found| (found.larger, found.smaller, found.ranked));
            let expected = numbers.contains(&own).then(|| (count(&|it| it > own), count(&|it| it < own), numbers.len() as u32));
            prop_assert_eq!(found, expected);
        }
    }
}
