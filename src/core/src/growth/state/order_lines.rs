//! The lines of an order (`products`, as in Segment's e-commerce spec), and how its value is split by their categories.
//!
//! A line weighs its `price` × `quantity`, each in millionths, and so is the product; a missing quantity is 1, and what is not
//! a number, or below 0, is 0. If no line has a weight, lines weigh their quantities; if those are all 0, all lines weigh the
//! same. The part of a category is its lines' weight over that of all, rounded down to a millionth; what is then missing goes,
//! a millionth each, to the largest remainders (Hamilton's method), of equal ones to the first by name. So the parts are the
//! same on every machine and add up to the whole.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use sonic_rs::{JsonValueTrait, LazyValue};

use crate::decimal::Decimal;
use crate::diagnostics::floor_char_boundary;
use crate::event::Scalar;
use crate::growth::rollup::OrderPart;

/// Most lines of an order that are read, the first ones.
const LINES_MAX: usize = 1_000;
/// Most bytes of a category; longer ones are truncated.
const CATEGORY_BYTES_MAX: usize = 64;
/// The largest weight of a line: 10^11 of the currency. Larger ones are clamped to it.
const WEIGHT_MAX: i128 = 100_000_000_000_000_000;
/// A whole, in millionths.
const ONE: i64 = 1_000_000;

/// What lines of which a part is asked have in place of their categories.
pub(super) const MEANT: &str = "meant";

/// A line of an order, its numbers in millionths.
pub(super) struct OrderLine {
    category: Option<Box<str>>,
    price: i128,
    quantity: i128,
}

/// An order in one category, or in none.
pub(super) fn whole(category: Option<&str>, value: i64) -> Vec<OrderPart> {
    vec![OrderPart { category: category.map(truncated), value, share: ONE }]
}

/// The parts of an order by the categories of its lines, ascending; one part without a category if no line has one.
pub(super) fn parts(lines: &str, value: i64) -> Vec<OrderPart> {
    parts_of(&items(lines).map(|item| OrderLine::of(&item)).collect::<Vec<_>>(), value)
}

/// The same of lines that were read.
pub(super) fn parts_of(lines: &[OrderLine], value: i64) -> Vec<OrderPart> {
    if lines.iter().all(|line| line.category.is_none()) {
        return whole(None, value);
    }
    let weights: [fn(&OrderLine) -> i128; 3] = [OrderLine::worth, |line| line.quantity, |_| 1];
    for weight in weights {
        let mut by_category: BTreeMap<Option<Box<str>>, i128> = BTreeMap::new();
        for line in lines {
            *by_category.entry(line.category.clone()).or_default() += weight(line);
        }
        if by_category.values().any(|weight| *weight > 0) {
            let weights: Vec<i128> = by_category.values().copied().collect();
            let values = split(value, &weights).into_iter().zip(split(ONE, &weights));
            let parts = by_category.into_keys().zip(values);
            return parts.map(|(category, (value, share))| OrderPart { category, value, share }).collect();
        }
    }
    whole(None, value)
}

/// The part of an order's value that is of its lines with some products; `None`: it has none.
pub(super) fn part_of(lines: &str, value: i64, is_meant: impl Fn(&str) -> bool) -> Option<i64> {
    let lines: Vec<OrderLine> = items(lines)
        .map(|item| {
            let id = item.get("product_id").filter(|id| id.is_str() || id.is_number());
            let id = id.as_ref().map(|id| id.as_str().unwrap_or(id.as_raw_str()));
            let category = id.filter(|id| is_meant(id)).map(|_| MEANT.into());
            OrderLine { category, ..OrderLine::of(&item) }
        })
        .collect();
    part_of_meant(&lines, value)
}

/// The same of lines that were read, of which some are marked.
pub(super) fn part_of_meant(lines: &[OrderLine], value: i64) -> Option<i64> {
    parts_of(lines, value).into_iter().find(|part| part.category.is_some()).map(|part| part.value)
}

/// The lines of an order as they stand in an event.
fn items(lines: &str) -> impl Iterator<Item = LazyValue<'_>> {
    sonic_rs::to_array_iter(lines).filter_map(Result::ok).filter(|item| item.is_object()).take(LINES_MAX)
}

impl OrderLine {
    fn of(item: &LazyValue<'_>) -> OrderLine {
        let category = item.get("category").and_then(|category| category.as_str().map(truncated));
        let number = |key: &str, missing: i64| item.get(key).map_or(i128::from(missing), |value| millionths(&value));
        OrderLine {
            category: category.filter(|category| !category.is_empty()),
            price: number("price", 0),
            quantity: number("quantity", ONE),
        }
    }

    /// A line of these values. A text that is no category is none.
    pub(super) fn of_match(
        category: Option<&str>,
        price: Option<&Scalar<'_>>,
        quantity: Option<&Scalar<'_>>,
    ) -> OrderLine {
        let number = |value: Option<&Scalar<'_>>, missing: i64| value.map_or(i128::from(missing), size);
        OrderLine { category: category.map(truncated), price: number(price, 0), quantity: number(quantity, ONE) }
    }

    fn worth(&self) -> i128 {
        let one = i128::from(ONE);
        ((self.price * self.quantity + one / 2) / one).min(WEIGHT_MAX)
    }
}

/// A number in millionths, also where it is written as a text; 0 where it is not a number, or below 0.
fn millionths(value: &LazyValue<'_>) -> i128 {
    let number = match value.as_str() {
        Some(text) => Decimal::from_text(text),
        None => Decimal::parse(value.as_raw_str()),
    };
    number.map_or(0, clamped)
}

/// The same of a value of a match.
fn size(value: &Scalar<'_>) -> i128 {
    match value {
        Scalar::Number(number) => clamped(*number),
        Scalar::Text(text) => Decimal::from_text(text).map_or(0, clamped),
        Scalar::Bool(_) | Scalar::Json(_) => 0,
    }
}

fn clamped(number: Decimal) -> i128 {
    number.millionths().clamp(0, WEIGHT_MAX)
}

/// A category as it is counted.
fn truncated(category: &str) -> Box<str> {
    category[..floor_char_boundary(category, CATEGORY_BYTES_MAX)].into()
}

/// Whole numbers in proportion to the weights, one of which must be above 0, that add up to the total.
fn split(total: i64, weights: &[i128]) -> Vec<i64> {
    let all: i128 = weights.iter().sum();
    let size = i128::from(total.unsigned_abs());
    let mut parts: Vec<i128> = weights.iter().map(|weight| size * weight / all).collect();
    let mut by_remainder: Vec<usize> = (0..weights.len()).collect();
    by_remainder.sort_by_key(|at| (Reverse(size * weights[*at] % all), *at));
    let missing = size - parts.iter().sum::<i128>();
    by_remainder.into_iter().take(usize::try_from(missing).unwrap_or(0)).for_each(|at| parts[at] += 1);
    parts.into_iter().map(|part| part as i64 * total.signum()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts_by_name(lines: &str, value: i64) -> Vec<(String, i64)> {
        let name = |part: &OrderPart| part.category.as_deref().unwrap_or("(none)").to_owned();
        parts(lines, value).iter().map(|part| (name(part), part.value)).collect()
    }

    #[test]
    fn value_is_split_by_price_times_quantity() {
        let euro = 1_000_000;
        for (lines, value, expected) in [
            (
                r#"[{"category":"a","price":10,"quantity":2},{"category":"b","price":5}]"#,
                25,
                &[("a", 20), ("b", 5)][..],
            ),
            // Shipping, taxes and discounts are split in proportion.
            (r#"[{"category":"a","price":10,"quantity":2},{"category":"b","price":5}]"#, 50, &[("a", 40), ("b", 10)]),
            (
                r#"[{"category":"a","price":"1.50","quantity":"2"},{"category":"a","price":1},{"price":4}]"#,
                8,
                &[("(none)", 4), ("a", 4)],
            ),
            // No prices: by quantities. No quantities either: equally.
            (r#"[{"category":"a","quantity":3},{"category":"b"}]"#, 4, &[("a", 3), ("b", 1)]),
            (
                r#"[{"category":"a","price":-1,"quantity":0},{"category":"b","quantity":null}]"#,
                4,
                &[("a", 2), ("b", 2)],
            ),
            (
                r#"[{"category":"a","price":1e23,"quantity":1e23},{"category":"b","price":1e23}]"#,
                4,
                &[("a", 2), ("b", 2)],
            ),
            // No usable category: uncategorised.
            (r#"[{"category":"","price":1},{"category":7,"price":1},{"category":null},"x",7]"#, 4, &[("(none)", 4)]),
            ("[]", 4, &[("(none)", 4)]),
            ("{}", 4, &[("(none)", 4)]),
            ("[{\"category\":\"a\"", 4, &[("(none)", 4)]),
        ] {
            let expected: Vec<(String, i64)> =
                expected.iter().map(|(name, value)| ((*name).to_owned(), value * euro)).collect();
            assert_eq!(parts_by_name(lines, value * euro), expected, "{lines}");
        }
        let thirds = r#"[{"category":"c","price":1},{"category":"a","price":1},{"category":"b","price":1}]"#;
        assert_eq!(parts_by_name(thirds, 100), [("a".to_owned(), 34), ("b".to_owned(), 33), ("c".to_owned(), 33)]);
        let shares: Vec<i64> = parts(thirds, 100).iter().map(|part| part.share).collect();
        assert_eq!(shares, [333_334, 333_333, 333_333]);
    }

    #[test]
    fn the_part_of_some_products_is_by_their_lines() {
        let lines =
            r#"[{"product_id":"a","price":10,"quantity":2,"category":"x"},{"product_id":7,"price":5},{"price":15}]"#;
        let part = |meant: &[&str]| part_of(lines, 40_000_000, |id| meant.contains(&id));
        assert_eq!([part(&["a"]), part(&["7"]), part(&["a", "7", ""])], [20, 5, 25].map(|euro| Some(euro * 1_000_000)));
        assert_eq!([part(&["b"]), part_of("[{}]", 5, |_| true), part_of("7", 5, |_| true)], [None; 3]);
        // Without prices by quantities, as categories are; what is given away is worth nothing, and was sold.
        assert_eq!(part_of(r#"[{"product_id":"a"},{"product_id":"b","quantity":3}]"#, 8, |id| id == "a"), Some(2));
        let given = r#"[{"product_id":"a","price":0},{"product_id":"b","price":3}]"#;
        assert_eq!(part_of(given, 8, |id| id == "a"), Some(0));
    }

    proptest! {
        #[test]
        fn parts_add_up_and_are_off_by_less_than_a_millionth(
            total in -1_000_000_000_000_000_000i64..=1_000_000_000_000_000_000,
            weights in prop::collection::vec(0i128..=WEIGHT_MAX, 1..40),
        ) {
            prop_assume!(weights.iter().any(|weight| *weight > 0));
            let parts = split(total, &weights);
            prop_assert_eq!(parts.iter().map(|part| i128::from(*part)).sum::<i128>(), i128::from(total));
            let all: i128 = weights.iter().sum();
            for (part, weight) in parts.iter().zip(&weights) {
                let exact = i128::from(total.unsigned_abs()) * weight;
                prop_assert!((i128::from(part.unsigned_abs()) * all - exact).abs() < all);
            }
        }
    }
}
