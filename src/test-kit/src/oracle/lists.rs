//! Plain lists, and whole numbers.

/// Each item once, where it comes first.
pub(super) fn distinct<'i>(items: impl Iterator<Item = &'i String>) -> Vec<String> {
    let mut distinct: Vec<String> = Vec::new();
    for item in items {
        if !distinct.contains(item) {
            distinct.push(item.clone());
        }
    }
    distinct
}

pub(super) fn first_largest(values: &[u128]) -> usize {
    let largest = values.iter().max().expect("there is a seed");
    values.iter().position(|value| value == largest).expect("it is one of them")
}

pub(super) fn half_even(a: u128, b: u128) -> u128 {
    let (down, rest) = (a / b, a % b);
    let is_up = 2 * rest > b || 2 * rest == b && down % 2 == 1;
    down + u128::from(is_up)
}
