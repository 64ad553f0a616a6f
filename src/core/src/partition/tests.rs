//! Partitions: what is due, in which order; linking; duplicates; and the timers beneath.

use std::collections::BTreeMap;

use super::timer_queue::TimerQueue;
use crate::testing::{START, Story, USER, segments};
use crate::time::Timestamp;
use proptest::prelude::*;

const MINUTE: i64 = 60_000;
const CAMPAIGN: &str = "[[campaigns]]\nid = \"c\"\non = \"enter:s\"\nchannel = \"email\"\n";

fn view(story: &mut Story, at: i64, user: &str, more: &str) {
    story.call(at, user, &format!(r#""type":"track","event":"View"{more}"#));
}

#[test]
fn what_is_due_fires_at_its_own_time_before_an_event() {
    let mut story =
        Story::under(&segments(&[("a", "since(view) >= duration('3s')"), ("b", "since(view) >= duration('2s')")]));
    story.track(0, "View", "").track(10_000, "View", "");
    assert_eq!(story.told(), ["2000 enter b", "3000 enter a", "10000 exit a", "10000 exit b"]);
}

#[test]
fn an_event_below_the_watermark_is_evaluated_at_the_watermark() {
    let mut story = Story::of("total(view) >= 1");
    story.call(5_000, "other", r#""type":"page""#);
    story.track(1_000, "View", "");
    assert_eq!(story.told(), ["5000 enter s"]);
    assert_eq!(story.partition.counts().late, 1);
}

#[test]
fn a_users_clock_never_goes_back() {
    let mut story = Story::of("total(view) >= 2");
    story.track(5_000, "View", "").track(1_000, "View", "");
    assert_eq!(story.told(), ["5000 enter s"]);
    assert_eq!(story.user().profile.now, Timestamp(START + 5_000));
}

#[test]
fn a_message_is_counted_once_within_the_dedup_window() {
    let mut story = Story::of("total(view) >= 2");
    let same = r#","messageId":"m""#;
    view(&mut story, 0, USER, same);
    view(&mut story, 24 * HOUR - 1, USER, same);
    assert_eq!((story.is_in("s"), story.partition.counts().duplicates), (false, 1));
    view(&mut story, 24 * HOUR, USER, same);
    assert_eq!((story.is_in("s"), story.partition.counts().duplicates), (true, 1), "a day on it is forgotten");
}

#[test]
fn a_duplicate_changes_nothing_and_starts_no_window_anew() {
    let mut story = Story::of("idle() >= duration('10s')");
    let same = r#","messageId":"m""#;
    view(&mut story, 0, USER, same);
    view(&mut story, 5_000, USER, same);
    story.wait(60_000);
    assert_eq!(story.told(), ["10000 enter s"]);
}

#[test]
fn the_same_message_of_another_user_is_another() {
    let mut story = Story::of("total(view) >= 1");
    view(&mut story, 0, USER, r#","messageId":"m""#);
    view(&mut story, 0, "other", r#","messageId":"m""#);
    assert_eq!(story.told(), ["0 enter s", "0 other: enter s"]);
}

#[test]
fn a_late_event_counts_as_late_and_is_added_at_its_own_time() {
    let mut story = Story::of("count(view, '1m') >= 2");
    story.track(0, "View", "").track(50_000, "Other", "").track(40_000, "View", "").wait(10 * MINUTE);
    assert_eq!(story.told(), ["50000 enter s", "60000 exit s"]);
}

/// A rules file with one segment and a campaign on it.
fn with_campaign(when: &str, campaign: &str, rest: &str) -> String {
    format!("{}{CAMPAIGN}{campaign}\n{rest}", segments(&[("s", when)]))
}

#[test]
fn linking_unites_windows_totals_and_times() {
    for when in [
        "count(view, '1h') == 3",
        "sum(view.price, '1h') == 6",
        "min(view.price, '1h') == 1 && max(view.price, '1h') == 3",
        "avg(view.price, '1h') == 2",
        "distinct(view.price, '1h') == 3",
        "total(view) == 3 && total(view.price) == 6",
        "last(view.price) == 2",
        "since(view) == duration('1s') && total(view) == 3",
        "age() == duration('4s') && idle() == duration('0s')",
    ] {
        let mut story = Story::of(when);
        view(&mut story, 0, "visitor", r#","properties":{"price":1}"#);
        view(&mut story, 1_000, USER, r#","properties":{"price":3}"#);
        view(&mut story, 3_000, "visitor", r#","properties":{"price":2}"#);
        story.told();
        story.link(4_000, USER, "visitor");
        assert!(story.is_in("s"), "{when}");
        assert_eq!(story.told().first().map(String::as_str), Some("4000 merged visitor"), "{when}");
        assert_eq!(story.partition.len(), 1, "the visitor is gone");
    }
}

/// A retry queue brings it late; what it says of traits nobody spoke of since is news all the same.
#[test]
fn an_older_identify_adds_only_traits_that_are_not_there() {
    let mut story = Story::of("traits.tier == 'gold' && traits.city == 'Rome' && !has(traits.vip)");
    story.identify(10 * MINUTE, r#""tier":"gold","vip":null"#);
    assert_eq!(story.told(), [""; 0]);
    story.identify(5 * MINUTE, r#""tier":"silver","city":"Rome","vip":true"#);
    assert_eq!(story.told(), ["600000 enter s"], "null is there");
    // Its traits are older now than what it added.
    story.identify(6 * MINUTE, r#""city":"Pisa""#);
    assert_eq!(story.told(), [""; 0]);
    story.identify(10 * MINUTE, r#""tier":"silver""#);
    assert_eq!(story.told(), ["600000 exit s"], "of one time, the later arrival wins");
}

#[test]
fn an_object_that_is_a_trait_is_there_whole() {
    let mut story = Story::of("traits.address.city == 'Rome' || traits.address.zip == '1'");
    story.identify(10 * MINUTE, r#""address":{"street":"x"}"#).identify(0, r#""address":{"city":"Rome","zip":"1"}"#);
    assert_eq!(story.told(), [""; 0]);
    story.identify(11 * MINUTE, r#""address":{"zip":"1"}"#);
    assert_eq!(story.told(), ["660000 enter s"]);
}

/// An identify call without traits that the rules read is the latest one, too.
#[test]
fn the_latest_identify_may_have_said_nothing_of_a_trait() {
    let mut story = Story::of("traits.tier == 'gold'");
    story.identify(0, r#""tier":"gold""#).identify(10 * MINUTE, "").identify(5 * MINUTE, r#""tier":"silver""#);
    assert_eq!(story.told(), ["0 enter s"]);
    story.identify(10 * MINUTE, r#""tier":"silver""#);
    assert_eq!(story.told(), ["600000 exit s"]);
}

#[test]
fn of_a_user_and_its_visitor_the_later_identify_is_the_latest() {
    let mut story = Story::of("traits.tier == 'gold'");
    story.identify(0, r#""tier":"gold""#);
    story.call(10 * MINUTE, "visitor", r#""type":"identify","traits":{"tier":"silver"}"#);
    story.link(11 * MINUTE, USER, "visitor").identify(5 * MINUTE, r#""tier":"silver""#);
    assert!(story.is_in("s"));
    story.identify(10 * MINUTE, r#""tier":"silver""#);
    assert!(!story.is_in("s"));
}

#[test]
fn linking_keeps_the_users_traits_and_takes_the_visitors_others() {
    let mut story = Story::of("traits.tier == 'gold' && traits.city == 'Rome'");
    story.call(0, "visitor", r#""type":"identify","traits":{"tier":"silver","city":"Rome"}"#);
    story.identify(1, r#""tier":"gold""#).link(2, USER, "visitor");
    assert!(story.is_in("s"));
}

#[test]
fn linking_keeps_the_users_memberships_and_ends_the_visitors_in_silence() {
    let mut story = Story::under(&segments(&[("a", "total(view) >= 1"), ("b", "total(order) >= 1")]));
    view(&mut story, 0, "visitor", "");
    story.track(1, "Order", "").link(2, USER, "visitor");
    assert_eq!(story.told(), ["0 visitor: enter a", "1 enter b", "2 merged visitor", "2 enter a"]);
    assert_eq!(story.partition.counts().sizes, [1, 1]);
}

#[test]
fn linking_fires_first_what_is_due_for_both() {
    let mut story = Story::of("since(view) >= duration('2s')");
    view(&mut story, 0, "visitor", "");
    story.track(1_000, "View", "").link(5_000, USER, "visitor");
    assert_eq!(story.told(), ["2000 visitor: enter s", "3000 enter s", "5000 merged visitor"]);
}

#[test]
fn linking_unites_message_ids() {
    let mut story = Story::of("total(view) == 1");
    view(&mut story, 0, "visitor", r#","messageId":"m""#);
    story.link(1, USER, "visitor");
    view(&mut story, 2, USER, r#","messageId":"m""#);
    assert_eq!((story.is_in("s"), story.partition.counts().duplicates), (true, 1));
}

#[test]
fn linking_unites_firings_and_cooldowns() {
    let rules = with_campaign("since(view) < duration('1s')", "cooldown = \"1h\"\nmax_per_user = 2", "");
    let mut story = Story::under(&rules);
    view(&mut story, 0, "visitor", "");
    story.link(5_000, USER, "visitor").track(10_000, "View", "").track(MINUTE * 60, "View", "");
    assert_eq!(
        story.told().into_iter().filter(|line| line.contains(" c")).collect::<Vec<_>>(),
        ["0 visitor: sent c", "10000 cooldown c", "3600000 sent c"]
    );
    story.wait(MINUTE * 180).track(MINUTE * 180, "View", "");
    assert_eq!(story.told().pop().as_deref(), Some("10800000 max_per_user c"), "one firing was the visitor's");
}

#[test]
fn linking_unites_what_caps_count() {
    let rules = with_campaign("since(view) < duration('1s')", "", "[[caps]]\nmax = 2\nper = \"1h\"\n");
    let mut story = Story::under(&rules);
    view(&mut story, 0, "visitor", "");
    story.track(1, "View", "").link(5_000, USER, "visitor").track(10_000, "View", "");
    assert_eq!(story.told().pop().as_deref(), Some("10000 capped c"));
    story.track(MINUTE * 60, "View", "");
    assert_eq!(story.told().pop().as_deref(), Some("3600000 sent c"), "the visitor's action is an hour ago");
}

#[test]
fn linking_drops_what_is_held_for_the_visitor_and_keeps_what_is_held_for_the_user() {
    let quiet = "quiet_hours = \"22:00-08:00\"";
    let mut story = Story::under(&with_campaign("total(view) >= 1", quiet, ""));
    view(&mut story, 0, "visitor", "");
    story.identify(1, "").link(2, USER, "visitor").wait(9 * 60 * MINUTE);
    assert_eq!(
        story.told(),
        [
            "0 visitor: enter s",
            "0 visitor: deferred c",
            "2 merged visitor",
            "2 enter s",
            "2 deferred c",
            "28800000 sent c"
        ]
    );
}

#[test]
fn linking_keeps_the_zone_that_arrived_last() {
    let quiet = "quiet_hours = \"22:00-08:00\"";
    let zone = |name: &str| format!(r#""type":"page","context":{{"timezone":"{name}"}}"#);
    for (first, second, outcome) in [(USER, "visitor", "deferred c"), ("visitor", USER, "sent c")] {
        let mut story = Story::under(&with_campaign("total(view) >= 1", quiet, ""));
        // At 16:00Z it is midnight in Shanghai, and noon in New York.
        let (user_zone, visitor_zone) = (zone("America/New_York"), zone("Asia/Shanghai"));
        for who in [first, second] {
            story.call(0, who, if who == USER { &user_zone } else { &visitor_zone });
        }
        story.link(1, USER, "visitor").track(16 * 60 * MINUTE, "View", "");
        assert_eq!(story.decided().pop().as_deref(), Some(outcome), "{second} came last");
    }
}

#[test]
fn linking_someone_without_a_past_merges_nothing() {
    let mut story = Story::of("age() >= duration('0s')");
    story.link(0, USER, "nobody");
    assert_eq!(story.told(), ["0 enter s"]);
}

#[test]
fn a_place_left_by_a_visitor_keeps_no_wake_up_for_who_comes_next() {
    let mut story = Story::of("since(view) >= duration('10s')");
    view(&mut story, 0, "visitor", "");
    story.link(1, USER, "visitor");
    view(&mut story, 5_000, "newcomer", "");
    story.wait(MINUTE);
    assert_eq!(story.told(), ["1 merged visitor", "10000 enter s", "15000 newcomer: enter s"]);
}

#[test]
fn sizes_follow_users_out_and_in() {
    let mut story = Story::of("total(view) >= 1");
    story.track(0, "View", "");
    let user = story.partition.detach(USER).expect("the user is here");
    assert_eq!((story.partition.counts().sizes.as_slice(), story.partition.len()), (&[0][..], 0));
    story.partition.attach(*user);
    assert_eq!((story.partition.counts().sizes.as_slice(), story.partition.len()), (&[1][..], 1));
    assert!(story.partition.detach("nobody").is_none());
}

#[test]
fn whoever_has_a_forgotten_id_is_someone_new() {
    let quiet = "quiet_hours = \"22:00-08:00\"\nmax_per_user = 1";
    let mut story = Story::under(&with_campaign("total(view) >= 1 && traits.tier != 'x'", quiet, ""));
    story.identify(0, r#""tier":"gold""#);
    view(&mut story, 1, USER, r#","messageId":"m""#);
    assert_eq!(story.told(), ["1 enter s", "1 deferred c"]);
    assert!(story.forget(USER));
    assert_eq!((story.partition.len(), story.partition.counts().sizes.as_slice()), (0, &[0][..]));
    assert!(!story.forget(USER), "there is nobody left");
    story.wait(9 * 60 * MINUTE);
    assert_eq!(story.told(), [""; 0], "what was deferred is gone, and there is no transition");
    view(&mut story, 9 * 60 * MINUTE, USER, r#","messageId":"m""#);
    story.identify(9 * 60 * MINUTE, r#""tier":"new""#);
    assert_eq!(story.told(), ["32400000 enter s", "32400000 sent c"], "neither messageIds nor firings are known");
    assert_eq!(story.partition.counts().sizes, [1]);
}

#[test]
fn what_was_due_before_a_user_is_forgotten_is_told() {
    let mut story = Story::of("total(view) >= 1 && since(view) >= duration('10s')");
    story.track(0, "View", "").call(10_000, "other", r#""type":"page""#);
    story.forget(USER);
    assert_eq!(story.told(), ["10000 enter s"]);
    assert_eq!(story.partition.counts().sizes, [0]);
    story.track(10_001, "View", "");
    story.forget(USER);
    story.wait(MINUTE);
    assert_eq!(story.told(), [""; 0]);
}

const HOUR: i64 = 60 * MINUTE;

/// Who was dropped since this was last asked: `at user`.
fn dropped(story: &mut Story) -> Vec<String> {
    let expired = story.partition.take_expired();
    expired.iter().map(|expired| format!("{} {}", expired.at.0 - START, expired.user)).collect()
}

#[test]
fn an_idle_user_is_dropped_at_an_exact_instant_without_a_transition() {
    let mut story = Story::of("total(view) >= 1").dropping_after(HOUR);
    story.track(0, "View", "").track(5_000, "Other", "").wait(HOUR + 4_999);
    assert_eq!((story.partition.len(), story.partition.counts().sizes[0]), (1, 1));
    story.wait(HOUR + 5_000);
    assert_eq!(dropped(&mut story), [format!("{} u", HOUR + 5_000)]);
    assert_eq!((story.partition.len(), story.partition.counts().sizes[0], story.partition.counts().expired), (0, 0, 1));
    assert_eq!(story.told(), ["0 enter s"]);
    story.track(2 * HOUR, "View", "");
    assert_eq!(story.told(), ["7200000 enter s"], "someone new");
}

#[test]
fn a_user_is_not_dropped_before_everything_that_time_changes_has() {
    let mut story = Story::of("since(view) < duration('5h')").dropping_after(HOUR);
    story.track(0, "View", "").wait(5 * HOUR - 1);
    assert_eq!(story.partition.len(), 1);
    story.wait(10 * HOUR);
    assert_eq!(story.told(), ["0 enter s", "18000000 exit s"]);
    assert_eq!(dropped(&mut story), [format!("{} u", 5 * HOUR)]);
}

#[test]
fn what_quiet_hours_hold_keeps_a_user() {
    let mut story = Story::under(&with_campaign("total(view) >= 1", "quiet_hours = \"22:00-08:00\"", ""));
    story = story.dropping_after(HOUR);
    story.track(0, "View", "").wait(20 * HOUR);
    assert_eq!(story.told(), ["0 enter s", "0 deferred c", "28800000 sent c"]);
    assert_eq!(dropped(&mut story), [format!("{} u", 8 * HOUR)]);
}

/// The watermark is behind: an event meets who would be there if it were not.
#[test]
fn an_event_at_the_instant_of_dropping_meets_someone_new() {
    for (at, expected) in [(HOUR - 1, "once"), (HOUR, "again")] {
        let mut story = Story::of("total(view) >= 1").dropping_after(HOUR);
        story.track(0, "View", "").track(at, "View", "");
        let enters = story.told().len();
        assert_eq!(enters, if expected == "once" { 1 } else { 2 }, "{at}");
        assert_eq!((story.partition.len(), story.partition.counts().sizes[0]), (1, 1), "{at}");
    }
}

#[test]
fn a_messageid_is_known_no_longer_than_its_user() {
    let rules = format!("dedup_window = \"3d\"\n{}", segments(&[("s", "total(view) == 2")]));
    let mut story = Story::under(&rules).dropping_after(HOUR);
    let same = r#","messageId":"m""#;
    view(&mut story, 0, USER, same);
    view(&mut story, HOUR - 1, USER, same);
    assert_eq!(story.partition.counts().duplicates, 1);
    view(&mut story, HOUR, USER, same);
    assert_eq!((story.partition.counts().duplicates, story.partition.counts().expired), (1, 1));
    assert_eq!(story.user().profile.first, Timestamp(START + HOUR));
}

/// What quiet hours hold keeps the user beyond the ttl; a duplicate meanwhile makes no time pass.
#[test]
fn a_duplicate_makes_no_time_pass_for_an_idle_user() {
    let rules =
        with_campaign("total(view) >= 1 && since(view) >= duration('30m')", "quiet_hours = \"22:00-08:00\"", "");
    let mut story = Story::under(&format!("dedup_window = \"3d\"\n{rules}")).dropping_after(HOUR);
    let same = r#","messageId":"m""#;
    view(&mut story, 0, USER, same);
    let before = story.user().into_owned();
    view(&mut story, 2 * HOUR, USER, same);
    assert_eq!(story.told(), [""; 0]);
    assert_eq!((&*story.user(), story.partition.counts().duplicates), (&before, 1));
    story.wait(9 * HOUR);
    assert_eq!(story.told(), ["1800000 enter s", "1800000 deferred c", "28800000 sent c"]);
    assert_eq!(dropped(&mut story), [format!("{} u", 8 * HOUR)]);
}

#[test]
fn a_visitor_dropped_before_linking_has_no_past() {
    let mut story = Story::of("total(view) >= 2").dropping_after(HOUR);
    view(&mut story, 0, "visitor", "");
    story.track(HOUR - 1, "View", "").link(HOUR, USER, "visitor");
    assert_eq!(story.told(), [""; 0], "nothing was merged");
    assert_eq!(dropped(&mut story), [format!("{HOUR} visitor")]);
    view(&mut story, 2 * HOUR - 2, "other visitor", "");
    story.link(2 * HOUR - 1, USER, "other visitor");
    assert_eq!(story.told(), ["7199999 merged other visitor", "7199999 enter s"]);
}

/// The user's time is over, the visitor's is not.
#[test]
fn a_visitor_is_linked_to_someone_new_where_the_user_is_dropped() {
    let mut story = Story::of("total(view) == 1").dropping_after(HOUR);
    story.track(0, "View", "");
    view(&mut story, 30 * MINUTE, "visitor", "");
    story.told();
    story.link(HOUR, USER, "visitor");
    assert_eq!(story.told(), ["3600000 merged visitor", "3600000 enter s"]);
    assert_eq!(dropped(&mut story), [format!("{HOUR} u")]);
    assert_eq!((story.partition.len(), story.partition.counts().sizes[0]), (1, 1));
}

#[test]
fn without_a_ttl_nobody_is_dropped() {
    let mut story = Story::of("total(view) >= 1");
    story.track(0, "View", "").wait(1_000_000 * HOUR);
    assert_eq!((story.partition.len(), dropped(&mut story).len(), story.partition.pending_timers()), (1, 0, 0));
}

/// Push (at some time after the latest popped), or pop all until (so much later).
#[derive(Clone, Copy, Debug)]
enum Turn {
    Push(i64),
    PopUntil(i64),
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn timers_pop_what_a_sorted_map_pops(
        start in prop::sample::select(vec![-1_000_000_000_000i64, -3, 0, 1_772_409_600_000]),
        turns in prop::collection::vec(
            prop_oneof![
                3 => prop_oneof![-5i64..5, 0i64..100, 0i64..100_000_000].prop_map(Turn::Push),
                1 => prop_oneof![0i64..3, 0i64..200, 0i64..50_000_000].prop_map(Turn::PopUntil),
            ],
            1..200,
        ),
    ) {
        let (mut timers, mut model) = (TimerQueue::default(), BTreeMap::<i64, Vec<u32>>::new());
        let (mut now, mut popped_at) = (start, i64::MIN);
        for (user, turn) in (0u32..).zip(turns) {
            match turn {
                Turn::Push(ahead) => {
                    timers.push(Timestamp(now + ahead), user);
                    model.entry((now + ahead).max(popped_at)).or_default().push(user);
                }
                Turn::PopUntil(later) => {
                    now += later;
                    let mut found = Vec::new();
                    while let Some(user) = timers.pop_due(Timestamp(now)) {
                        found.push(user);
                    }
                    let mut expected = Vec::new();
                    while let Some(due) = model.first_entry().filter(|entry| *entry.key() <= now) {
                        popped_at = *due.key();
                        let mut users = due.remove();
                        // Within one instant the order is free: it is of different users.
                        users.sort_unstable();
                        expected.push(users);
                    }
                    let mut rest = found.as_slice();
                    for users in expected {
                        prop_assert!(rest.len() >= users.len(), "too few");
                        let (mut these, after) = (rest[..users.len()].to_vec(), &rest[users.len()..]);
                        these.sort_unstable();
                        prop_assert_eq!(these, users);
                        rest = after;
                    }
                    prop_assert!(rest.is_empty(), "too many");
                }
            }
            prop_assert_eq!(timers.len(), model.values().map(Vec::len).sum::<usize>());
        }
    }
}
