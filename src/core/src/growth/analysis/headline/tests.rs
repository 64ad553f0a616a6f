use super::*;
use crate::growth::DayTotals;
use crate::growth::calendar::Day;
use crate::growth::money::Money;
use crate::rules::growth::Currency;

/// 2026-03-01, a Sunday.
const FIRST: Day = Day(20_514);

/// A week: distinct buyers, orders and GMV in whole units, all on its last day; new users, and active ones.
#[derive(Clone, Copy, Default)]
struct Week {
    buyers: u64,
    orders: u64,
    gmv: i128,
    new: u64,
    active: u64,
}

fn day(number: i64, all: DayTotals) -> DayNumbers {
    DayNumbers {
        day: FIRST.plus(number),
        complete: true,
        known_users: 0,
        known_sign_ups: 0,
        known_buyers: 0,
        known_repeat_buyers: 0,
        all,
        by_channel: Vec::new(),
        categories: Vec::new(),
        category_error: Money(0),
        stage_sizes: Vec::new(),
        active_by_stage: Vec::new(),
        flows: Vec::new(),
    }
}

fn days(weeks: &[Week]) -> Vec<DayNumbers> {
    let of_week = |(number, week): (i64, &Week)| {
        let last = DayTotals {
            buyers_7d: week.buyers,
            orders: week.orders,
            gmv: Money(week.gmv * 1_000_000),
            new_users: week.new,
            active_7d: week.active,
            ..DayTotals::default()
        };
        (0..7).map(move |at| day(number * 7 + at, if at == 6 { last } else { DayTotals::default() }))
    };
    (0..).zip(weeks).flat_map(of_week).collect()
}

fn headline(metric: HeadlineMetric, days: &[DayNumbers]) -> GrowthHeadline {
    let wording = HeadlineWording { currency: Currency::of("EUR"), metric, timezone: "Europe/Berlin" };
    GrowthHeadline::of_days(wording, &days.iter().collect::<Vec<_>>())
}

fn sales(weeks: &[Week]) -> GrowthHeadline {
    headline(HeadlineMetric::Gmv, &days(weeks))
}

const fn week(buyers: u64, orders: u64, gmv: i128) -> Week {
    Week { buyers, orders, gmv, new: 0, active: 0 }
}

/// By hand: 200 buyers × 1.5 orders × 100 = 30,000 becomes 150 × 2 × 80 = 24,000. With steps (−50, 0.5, −20), a factor's
/// contribution is its step × ((b₀c₀ + b₁c₁) / 3 + (b₀c₁ + b₁c₀) / 6) of the two others:
/// buyers −50 × ((150 + 160) / 3 + (120 + 200) / 6) = −7,833.3; orders per buyer 0.5 × ((20,000 + 12,000) / 3 + (16,000 + 15,000) / 6)
/// = 7,916.7; average order −20 × ((300 + 300) / 3 + (400 + 225) / 6) = −6,083.3. Together −6,000, which is −20 %.
#[test]
fn change_is_divided_among_buyers_orders_and_their_value_as_by_hand() {
    let found = sales(&[week(200, 300, 30_000), week(150, 300, 24_000)]);
    assert_eq!(
        found.text,
        "GMV of the last 7 days €24,000, −20 % on the 7 days before: fewer buyers (150 after 200, −€7,833) and smaller orders \
         (€80.00 after €100.00, −€6,083), partly offset by more orders per buyer (2.00 after 1.50, +€7,917)."
    );
    let comparison = found.comparison.expect("both weeks are complete");
    assert_eq!(comparison.split.change, Money(-6_000_000_000));
    assert_eq!(comparison.split.parts.iter().map(|part| part.contribution.0).sum::<i128>(), -6_000_000_000);
    assert_eq!((comparison.from.first, comparison.to.last), (FIRST, FIRST.plus(13)));
    assert_eq!(comparison.rate, Some(-0.2));
    assert!(found.source.contains("2026-03-08 to 2026-03-14 after 2026-03-01 to 2026-03-07"), "{}", found.source);
    assert!(found.source.contains("buyers × orders per buyer × average order"), "{}", found.source);
}

#[test]
fn small_contributions_are_left_out_and_equal_weeks_have_no_reason() {
    let more = sales(&[week(100, 100, 10_000), week(150, 150, 15_000)]);
    assert_eq!(
        more.text,
        "GMV of the last 7 days €15,000, +50 % on the 7 days before: more buyers (150 after 100, +€5,000)."
    );
    let same = sales(&[week(100, 120, 10_000), week(100, 120, 10_000)]);
    assert_eq!(same.text, "GMV of the last 7 days €10,000, about as much as in the 7 days before (€10,000).");
    let offset = sales(&[week(100, 100, 10_000), week(50, 50, 10_000)]);
    assert_eq!(
        offset.text,
        "GMV of the last 7 days €10,000, about as much as in the 7 days before (€10,000): fewer buyers (50 after 100, −€7,500), \
         offset by larger orders (€200.00 after €100.00, +€7,500)."
    );
}

#[test]
fn too_few_data_are_said_and_not_reasoned_from() {
    let all = days(&[week(9, 10, 1_000), week(12, 14, 2_000)]);
    let text = |days: &[DayNumbers]| headline(HeadlineMetric::Gmv, days).text;
    assert_eq!(text(&[]), "No day is complete yet: the first figures come after midnight of Europe/Berlin.");
    assert_eq!(
        text(&all[..1]),
        "GMV of the last day €0.00, from 0 orders. Weeks are compared once there are 14 complete days; there is 1."
    );
    assert_eq!(
        text(&all[..13]),
        "GMV of the last 7 days €1,000, from 10 orders. Weeks are compared once there are 14 complete days; there are 13."
    );
    assert_eq!(
        text(&all),
        "GMV of the last 7 days €2,000 from 14 orders, after €1,000 from 10 orders in the 7 days before: too few to give a \
         reason."
    );
    let found = headline(HeadlineMetric::Gmv, &all[..13]);
    assert_eq!((found.comparison, found.complete_days, found.needed_days), (None, 13, 14));
}

#[test]
fn weeks_without_orders_are_said_to_be() {
    let none = Week::default();
    assert_eq!(sales(&[none, none]).text, "No orders in the last 14 days.");
    assert_eq!(
        sales(&[week(1, 1, 20), none]).text,
        "No orders in the last 7 days; in the 7 days before 1 order, GMV €20.00."
    );
    assert_eq!(
        sales(&[none, week(40, 50, 2_500)]).text,
        "GMV of the last 7 days €2,500, from 50 orders; there were no orders in the 7 days before."
    );
    // Free orders: there is no rate.
    assert_eq!(
        sales(&[week(40, 50, 0), week(40, 50, 100)]).text,
        "GMV of the last 7 days €100.00, after €0.00 in the 7 days before."
    );
}

/// By hand: 100, 110, 99, 99, 198, then 99 changed by 10 %, 10 %, 0 %, 100 %; the last change, −50 %, is not one of the earlier
/// ones. The median of four is the mean of the two in the middle: 10 %.
#[test]
fn the_usual_change_is_the_median_of_earlier_weeks() {
    let of = |gmv: i128| week(100, 100, gmv * 100);
    let weeks = [100, 110, 99, 99, 198, 99].map(of);
    let found = sales(&weeks);
    let comparison = found.comparison.expect("a comparison");
    assert_eq!(comparison.usual_pairs, 4);
    assert!((comparison.usual_rate.expect("four are enough") - 0.1).abs() < 1e-12);
    assert!(found.text.ends_with(" From one week to the next it usually changes by 10 %."), "{}", found.text);
    let fewer = sales(&weeks[1..]).comparison.expect("a comparison");
    assert_eq!((fewer.usual_rate, fewer.usual_pairs), (None, 3));
}

#[test]
fn without_orders_in_the_rules_the_sentence_is_about_active_users() {
    let of = |new, active| Week { new, active, ..Week::default() };
    let found = headline(HeadlineMetric::ActiveUsers, &days(&[of(100, 1_000), of(160, 1_030)]));
    assert_eq!(
        found.text,
        "Active users of the last 7 days 1,030, +3.0 % on the 7 days before: more new users (160 after 100), partly offset by \
         fewer returning users (870 after 900)."
    );
    let few = headline(HeadlineMetric::ActiveUsers, &days(&[of(2, 4), of(3, 5)]));
    assert_eq!(few.text, "Active users of the last 7 days 5 after 4 in the 7 days before: too few to give a reason.");
}
