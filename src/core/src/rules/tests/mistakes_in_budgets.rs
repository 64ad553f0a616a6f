//! Mistakes in budgets, and limits at the ends of what they may be.

use rstest::rstest;

use super::{compiled, only_problem};
use crate::decimal::Decimal;

#[rstest]
#[case::negative("-5", "a limit of -5 would grant nothing", "-5")]
#[case::negative_part("-0.000001", "a limit of -0.000001 would grant nothing", "-0.000001")]
#[case::ten_to_30("1e30", "`1e30` is no limit", "1e30")]
#[case::ten_to_30_in_figures(
    "1000000000000000000000000000000",
    "`1000000000000000000000000000000` is no limit",
    "1000000000000000000000000000000"
)]
#[case::infinite("inf", "`inf` is no limit", "inf")]
#[case::not_a_number("nan", "`nan` is no limit", "nan")]
#[case::text("'5'", "`limit` must be a number, but this is a string", "'5'")]
fn a_wrong_limit_says_what_and_where(#[case] limit: &str, #[case] message: &str, #[case] underlined: &str) {
    let (found, span, advice) = only_problem(&format!("[[budgets]]\nid = 'summer'\nlimit = {limit}\n"));
    assert_eq!((found.as_str(), span.as_str()), (message, underlined));
    assert!(advice.contains("limit"), "{advice}");
}

#[rstest]
#[case::nothing("0", 0)]
#[case::a_millionth("0.000001", 1)]
#[case::the_largest("1e24", 10_i128.pow(30))]
fn a_limit_is_exact_to_the_millionth(#[case] limit: &str, #[case] millionths: i128) {
    let rules = compiled(&format!("[[budgets]]\nid = 'summer'\nlimit = {limit}\n"));
    assert_eq!(rules.budgets[0].limit, Decimal::from_millionths(millionths));
}

#[test]
fn a_limit_is_needed() {
    let (found, _, advice) = only_problem("[[budgets]]\nid = 'summer'\n");
    assert_eq!(found, "budget `summer` has no `limit`");
    assert!(advice.contains("10000"), "{advice}");
}
