//! The states of windows, against their definitions.

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::aggregates::EventCount;
use super::clock::FeatureClock;
use super::function::{AggregateFunction as _, FeatureInput};
use super::panes::{Panes, combine};
use super::period_distinct::{DistinctPeriods, PeriodDistinct};
use super::state::StoredFeature as _;
use super::window::{CalendarWindow, Window};
use super::window_distinct::{DISTINCT_VALUES_MAX, DistinctPanes};
use crate::decimal::Decimal;
use crate::event::FieldId;
use crate::time::{Span, Timestamp, ZoneCalendar};
use crate::value::Value;

#[test]
fn distinct_reads_a_thousand_beyond_a_thousand_and_stays_right_as_values_leave() {
    let window = Window::new(Span(60));
    let mut values = DistinctPanes::default();
    let calendar = ZoneCalendar::new(TimeZone::UTC);
    let clock = |now: i64| FeatureClock { now: Timestamp(now), calendar: &calendar };
    for value in 0..1_500u64 {
        // 25 values in each of the 60 panes.
        values.add(&window, Timestamp(value as i64 % 60), clock(59), value.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    }
    for now in 59..=119 {
        let live = values.live(&window, clock(now));
        let in_window = 25 * (119 - now) as usize;
        assert_eq!(
            combine(&live).map_or(0, |EventCount(count)| count) as usize,
            in_window.min(DISTINCT_VALUES_MAX),
            "at {now}"
        );
    }
}

proptest! {
    #[test]
    fn panes_are_at_most_sixty_and_cover_the_window(length in 1i64..100_000_000_000) {
        let Window::Sliding(window) = Window::new(Span(length)) else { panic!("a length") };
        prop_assert!((1..=60).contains(&window.panes));
        prop_assert!(window.panes * window.pane_ms >= length);
        prop_assert!((window.panes - 1) * window.pane_ms < length);
    }

    #[test]
    fn panes_count_what_the_definition_counts(
        length in 1i64..200,
        mut events in prop::collection::vec((0i64..500, 0i64..300), 1..40),
    ) {
        let window = Window::new(Span(length));
        let Window::Sliding(sliding) = window else { panic!("a length") };
        let calendar = ZoneCalendar::new(TimeZone::UTC);
        let clock = |now: i64| FeatureClock { now: Timestamp(now), calendar: &calendar };
        let (mut panes, mut now) = (Panes::default(), 0);
        // Each event comes at or after its own time, and the clock never goes back.
        events.sort_by_key(|(at, late)| at + late);
        for (at, late) in &events {
            now = at + late;
            panes.add(&window, Timestamp(*at), clock(now), EventCount(1));
        }
        for later in 0..300 {
            let now = now + later;
            let (newest, g) = (now.div_euclid(sliding.pane_ms), sliding.pane_ms);
            let counted = |at: i64| at.div_euclid(g) > newest - sliding.panes && at.div_euclid(g) <= newest;
            let expected = events.iter().filter(|(at, _)| counted(*at)).count() as u64;
            let found = combine(panes.live(&window, clock(now))).map_or(0, |EventCount(count)| count);
            prop_assert_eq!(found, expected, "at {}", now);
        }
    }
}

/// The states of two users, merged pane by pane and value by value.
mod merged {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use crate::features::aggregates::EventCount;
    use crate::features::panes::Panes;
    use crate::features::state::StoredFeature as _;
    use crate::features::window_distinct::{DISTINCT_VALUES_MAX, DistinctPanes};

    proptest! {
        #[test]
        fn panes_of_two_are_those_of_one_who_did_it_all(
            ours in prop::collection::btree_map(0i64..90, 1u64..5, 0..61),
            theirs in prop::collection::btree_map(0i64..90, 1u64..5, 0..61),
        ) {
            let panes = |counts: &BTreeMap<i64, u64>| {
                Panes::from_entries(counts.iter().map(|(pane, count)| (*pane, EventCount(*count))).collect())
            };
            let mut merged = panes(&ours);
            merged.merge(panes(&theirs));
            let mut expected = ours.clone();
            for (pane, count) in theirs {
                *expected.entry(pane).or_default() += count;
            }
            prop_assert_eq!(merged, panes(&expected));
        }

        /// Of more values than are kept, those seen last stay: whichever user had them, and in either order of merging.
        #[test]
        fn distinct_values_of_two_are_those_of_one_who_saw_them_all(
            ours in prop::collection::btree_map(0u64..2_500, 0i64..60, 0..=DISTINCT_VALUES_MAX),
            theirs in prop::collection::btree_map(0u64..2_500, 0i64..60, 0..=DISTINCT_VALUES_MAX),
        ) {
            let panes = |values: &BTreeMap<u64, i64>| DistinctPanes::from_entries(values.clone());
            let (mut merged, mut other) = (panes(&ours), panes(&theirs));
            merged.merge(panes(&theirs));
            other.merge(panes(&ours));
            let mut all = ours.clone();
            for (hash, pane) in theirs {
                let latest = all.entry(hash).or_insert(pane);
                *latest = pane.max(*latest);
            }
            let mut by_pane: Vec<(i64, u64)> = all.iter().map(|(hash, pane)| (*pane, *hash)).collect();
            by_pane.sort_unstable();
            let kept = by_pane.split_off(by_pane.len().saturating_sub(DISTINCT_VALUES_MAX));
            let expected = DistinctPanes::from_entries(kept.into_iter().map(|(pane, hash)| (hash, pane)));
            prop_assert_eq!(&merged, &expected);
            prop_assert_eq!(&other, &expected);
        }
    }
}

#[test]
fn distinct_values_of_the_period_before_are_its_own_and_a_thousand_at_most() {
    let calendar = ZoneCalendar::new(TimeZone::UTC);
    let (february, march, april) = (Timestamp(2_700_000_000), Timestamp(5_200_000_000), Timestamp(7_900_000_000));
    let kind = PeriodDistinct { field: FieldId(0), window: CalendarWindow::LastMonth };
    let mut user = DistinctPeriods::empty();
    let add = |user: &mut DistinctPeriods, ts: Timestamp, values: std::ops::Range<u64>| {
        for value in values {
            let clock = FeatureClock { now: ts, calendar: &calendar };
            let event = FeatureInput {
                fields: &[],
                ts,
                position: 0,
                clock,
                is_repeated: false,
                is_second: false,
                points: None,
            };
            kind.add(user, value.wrapping_mul(0x9E37_79B9_7F4A_7C15), &event);
        }
    };
    let assert_count = |user: &DistinctPeriods, now: Timestamp, expected: u64| {
        let found = kind.result(Some(user), FeatureClock { now, calendar: &calendar }).value;
        assert_eq!(found, Value::Number(Decimal::from(expected)), "at {now}");
    };
    add(&mut user, february, 0..1_500);
    assert_count(&user, february, 0);
    add(&mut user, march, 0..900);
    // What came in March drops nothing of February.
    assert_count(&user, march, 1_000);
    assert_count(&user, april, 900);
    // Of two users, in either order.
    let mut visitor = DistinctPeriods::empty();
    add(&mut visitor, march, 800..1_500);
    let (mut one, mut other) = (user.clone(), visitor.clone());
    one.merge(visitor);
    other.merge(user);
    assert_eq!(one, other);
    assert_count(&one, april, 1_000);
    let of_march = FeatureClock { now: march, calendar: &calendar };
    assert!(kind.expire(&mut one, of_march));
    assert!(!kind.expire(&mut one, FeatureClock { now: Timestamp(12_000_000_000), calendar: &calendar }));
}
