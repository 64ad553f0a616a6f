//! Functions of the calendar and of the history of events (semantics §10), against their definitions, in zones whose clocks
//! change at midnight or skip a day; and when they wake a user.

use proptest::prelude::*;
use rstest::rstest;
use strum::VariantNames;

use super::naive_history::{NaiveCalendar, NaiveEvent, NaiveHistory};
use crate::partition::Partition;
use crate::rules::ruleset::CalendarWindow;
use crate::testing::{EVENTS, START, Story, USER};
use crate::time::Timestamp;

const DAY_MS: i64 = 86_400_000;

/// Zones, and days close to a change of their clocks: of the midnight that is skipped, or comes twice, of a day that is not
/// there.
const PLACES: [(&str, &str); 9] = [
    ("UTC", "2026-03-28T00:00:00Z"),
    ("Africa/Cairo", "2026-04-21T00:00:00Z"),
    ("Africa/Cairo", "2026-10-27T00:00:00Z"),
    ("America/Havana", "2026-03-05T00:00:00Z"),
    ("America/Havana", "2026-10-29T00:00:00Z"),
    ("Asia/Beirut", "2026-03-26T00:00:00Z"),
    ("Asia/Beirut", "2026-10-22T00:00:00Z"),
    ("Pacific/Apia", "2011-12-27T00:00:00Z"),
    ("America/Santiago", "2026-12-28T00:00:00Z"),
];

/// A condition and what it means.
struct NaiveCondition {
    when: String,
    holds: Box<dyn Fn(&NaiveHistory<'_>) -> bool>,
}

fn condition(when: String, holds: impl Fn(&NaiveHistory<'_>) -> bool + 'static) -> NaiveCondition {
    NaiveCondition { when, holds: Box::new(holds) }
}

/// Every function, compared with a number.
fn conditions(k: i64) -> Vec<NaiveCondition> {
    let mut all = Vec::new();
    for window in CalendarWindow::VARIANTS.iter().copied() {
        let prices = move |history: &NaiveHistory<'_>| history.prices("view", window);
        all.extend([
            condition(format!("count(view, '{window}') >= {k}"), move |history| prices(history).len() as i64 >= k),
            condition(format!("count(view, '{window}') == {k}"), move |history| prices(history).len() as i64 == k),
            condition(format!("sum(view.price, '{window}') < {k}"), move |history| {
                prices(history).iter().sum::<i64>() < k
            }),
            condition(format!("min(view.price, '{window}') == {k}"), move |history| {
                prices(history).into_iter().min() == Some(k)
            }),
            condition(format!("max(view.price, '{window}') == {k}"), move |history| {
                prices(history).into_iter().max() == Some(k)
            }),
            condition(format!("avg(view.price, '{window}') > {k}"), move |history| {
                let prices = prices(history);
                !prices.is_empty() && prices.iter().sum::<i64>() > k * prices.len() as i64
            }),
            condition(format!("distinct(view.price, '{window}') == {k}"), move |history| {
                let mut prices = prices(history);
                prices.sort_unstable();
                prices.dedup();
                prices.len() as i64 == k
            }),
        ]);
    }
    for days in [1, 2, 7, 30, 366] {
        all.extend([
            condition(format!("days(view, {days}) == {k}"), move |history| history.days("view", days) == k),
            condition(format!("{k} <= days(view, {days})"), move |history| history.days("view", days) >= k),
        ]);
    }
    let hours = k * 7;
    let span = hours * 3_600_000;
    all.extend([
        condition(format!("streak(view) >= {k}"), move |history| history.streak("view") >= k),
        condition(format!("streak(view) == {k}"), move |history| history.streak("view") == k),
        condition("streak(view) == days(view, 7)".to_owned(), |history| {
            history.streak("view") == history.days("view", 7)
        }),
        condition("count(view, 'this_week') > count(view, 'last_week')".to_owned(), |history| {
            history.prices("view", "this_week").len() > history.prices("view", "last_week").len()
        }),
        condition(format!("gap(view) <= duration('{hours}h')"), move |history| {
            history.gap("view").is_some_and(|gap| gap <= span)
        }),
        condition(format!("usual_gap(view) > duration('{hours}h')"), move |history| {
            history.usual_gap("view").is_some_and(|gap| gap > span)
        }),
        condition("usual_gap(view) < gap(view)".to_owned(), |history| {
            history.usual_gap("view").zip(history.gap("view")).is_some_and(|(usual, gap)| usual < gap)
        }),
        condition(format!("first(view.price) == {k}"), move |history| history.first("view") == Some(k)),
        condition(format!("followed(view, order, '{}h') >= {k}", hours + 1), move |history| {
            history.followed("view", "order", span + 3_600_000) >= k
        }),
        condition(format!("followed(view, view, '{}h') == {k}", hours + 1), move |history| {
            history.followed("view", "view", span + 3_600_000) == k
        }),
    ]);
    all
}

fn rules(zone: &str, conditions: &[NaiveCondition]) -> String {
    let segments = conditions.iter().enumerate();
    let segments = segments.map(|(id, it)| format!("[[segments]]\nid = \"s{id}\"\nwhen = \"{}\"\n", it.when));
    format!("timezone = \"{zone}\"\n{EVENTS}{}", segments.collect::<String>())
}

/// An event, and how long after its own time it comes.
fn events() -> impl Strategy<Value = Vec<(NaiveEvent, i64)>> {
    let around = prop_oneof![Just(0), Just(-1), Just(3_600_000), 0..DAY_MS];
    let late = prop_oneof![4 => Just(0), 1 => 0..3 * DAY_MS, 1 => 0..60 * DAY_MS];
    let event = (prop::sample::select(vec!["view", "view", "order"]), 0i64..4, 0i64..9, around, late);
    let event =
        event.prop_map(|(name, price, day, ms, late)| (NaiveEvent { name, price, at: day * DAY_MS + ms }, late));
    prop::collection::vec(event, 1..14).prop_map(|mut events| {
        events.sort_by_key(|(event, late)| event.at + late);
        events
    })
}

/// The user and its conditions, as their definitions have it.
struct NaiveUser {
    calendar: NaiveCalendar,
    conditions: Vec<NaiveCondition>,
    events: Vec<NaiveEvent>,
    is_in: Vec<bool>,
    now: Option<i64>,
    told: Vec<String>,
}

impl NaiveUser {
    fn evaluate(&mut self, now: i64) {
        let history = NaiveHistory { calendar: &self.calendar, events: &self.events, now };
        for (id, (condition, is_in)) in self.conditions.iter().zip(&mut self.is_in).enumerate() {
            let holds = (condition.holds)(&history);
            if std::mem::replace(is_in, holds) != holds {
                self.told.push(format!("{} {} s{id}", now - START, if holds { "enter" } else { "exit" }));
            }
        }
        self.now = Some(now);
    }

    fn wait(&mut self, to: i64) {
        let starts = self.now.map_or_else(Vec::new, |now| self.calendar.starts_between(now, to));
        starts.into_iter().for_each(|start| self.evaluate(start));
        self.now = self.now.max(Some(to));
    }

    fn take(&mut self, event: NaiveEvent) {
        let to = self.now.map_or(event.at, |now| now.max(event.at));
        self.wait(to);
        self.events.push(event);
        self.evaluate(to);
    }
}

fn track(story: &mut Story, user: &str, event: NaiveEvent) {
    let name = if event.name == "view" { "View" } else { "Order" };
    let fields = format!(r#""type":"track","event":"{name}","properties":{{"price":{}}}"#, event.price);
    story.call(event.at - START, user, &fields);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn segments_change_when_their_definitions_say(
        place in prop::sample::select(PLACES.to_vec()),
        k in 0i64..4,
        events in events(),
        after in prop_oneof![4 => 0i64..20, 1 => 300i64..500],
        only in prop::option::weighted(0.9, any::<prop::sample::Index>()),
    ) {
        let (zone, base) = place;
        let base = Timestamp::parse_rfc3339(base).expect("a time").0;
        let mut conditions = conditions(k);
        // Alone, so that no other condition wakes the user.
        if let Some(only) = only {
            conditions = vec![conditions.swap_remove(only.index(conditions.len()))];
        }
        let mut story = Story::under(&rules(zone, &conditions));
        // Every user is packed and unpacked between two events.
        story.partition = Partition::new(&story.plan).with_resident_users(1);
        let is_in = vec![false; conditions.len()];
        let calendar = NaiveCalendar::around(zone, base);
        let mut naive = NaiveUser { calendar, conditions, events: Vec::new(), is_in, now: None, told: Vec::new() };
        for (event, _) in &events {
            let event = NaiveEvent { at: base + event.at, ..*event };
            track(&mut story, USER, event);
            naive.take(event);
            track(&mut story, "another", event);
        }
        let until = base + (9 + after) * DAY_MS;
        story.wait(until - START);
        naive.wait(until);
        let told: Vec<String> = story.told().into_iter().filter(|line| !line.contains("another")).collect();
        prop_assert_eq!(told, naive.told, "{}", rules(zone, &naive.conditions));
    }

    /// But for `followed`, which counts as events arrive.
    #[test]
    fn a_merged_user_is_who_did_it_all(
        place in prop::sample::select(PLACES.to_vec()),
        k in 0i64..4,
        events in prop::collection::vec((any::<bool>(), 0i64..4, 0i64..9, 0..DAY_MS), 1..14),
        after in 0i64..20,
    ) {
        let (zone, base) = place;
        let base = Timestamp::parse_rfc3339(base).expect("a time").0;
        let conditions: Vec<_> = conditions(k).into_iter().filter(|it| !it.when.contains("followed")).collect();
        let mut story = Story::under(&rules(zone, &conditions));
        let mut arrived = [Vec::new(), Vec::new()];
        for (is_visitor, price, day, ms) in events {
            let event = NaiveEvent { name: "view", price, at: base + day * DAY_MS + ms };
            track(&mut story, if is_visitor { "visitor" } else { USER }, event);
            arrived[usize::from(!is_visitor)].push(event);
        }
        let linked = base + 9 * DAY_MS;
        story.link(linked - START, USER, "visitor");
        // Of equal times the visitor's counts as the earlier arrival.
        let (events, calendar) = (arrived.concat(), NaiveCalendar::around(zone, base));
        for now in [linked, linked + after * DAY_MS] {
            story.wait(now - START);
            let history = NaiveHistory { calendar: &calendar, events: &events, now };
            for (id, condition) in conditions.iter().enumerate() {
                prop_assert_eq!(story.is_in(&format!("s{id}")), (condition.holds)(&history), "{}", condition.when);
            }
        }
    }
}

#[rstest]
#[case::a_window_until_it_changes("count(view, 'this_month') >= 1", Some(30))]
#[case::a_window_whose_comparison_stays("count(view, 'this_month') >= 3", None)]
#[case::the_period_before("count(view, 'last_month') >= 1", Some(30))]
#[case::the_period_before_and_a_comparison_that_stays("sum(view.price, 'last_year') > 5", None)]
#[case::distinct_in_the_period_before("distinct(view.price, 'yesterday') == 1", Some(1))]
#[case::a_streak_ends_when_the_next_day_has_passed("streak(view) >= 1", Some(2))]
#[case::a_streak_whose_comparison_stays("streak(view) >= 2", None)]
#[case::a_day_leaves("days(view, 7) >= 1", Some(7))]
#[case::days_whose_comparison_stays("days(view, 7) >= 2", None)]
#[case::gaps("gap(view) > duration('1h') || usual_gap(view) > duration('1h')", None)]
#[case::followed("followed(view, order, '1h') >= 1", None)]
#[case::first("first(view.price) == 2", None)]
fn an_idle_user_wakes_when_the_condition_changes(#[case] when: &str, #[case] day: Option<i64>) {
    // The second of March.
    let mut story = Story::of(when);
    story.track(3_600_000, "View", r#""price":1"#);
    let due = day.map_or(Timestamp::NEVER, |day| Timestamp(START + day * DAY_MS));
    assert_eq!(story.user().due(), due, "{when}");
    assert_eq!(story.partition.pending_timers(), usize::from(day.is_some()));
    let Some(day) = day else { return };
    let before = story.is_in("s");
    story.wait(day * DAY_MS - 1);
    assert_eq!(story.is_in("s"), before, "{when}");
    story.wait(day * DAY_MS);
    assert_ne!(story.is_in("s"), before, "{when}");
}

#[test]
fn who_did_nothing_in_the_window_is_never_woken() {
    let mut story = Story::of("count(view, 'this_week') == 0 && days(view, 30) == 0 && streak(view) == 0");
    story.track(0, "Order", "");
    assert!(story.is_in("s"));
    assert_eq!(story.user().due(), Timestamp::NEVER);
}
