//! Linking a visitor to a user.

use super::*;

#[test]
fn linking_merges_windows_totals_and_times() {
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

#[test]
fn linking_keeps_the_users_traits_and_takes_the_visitors_others() {
    let mut story = Story::of("traits.tier == 'gold' && traits.city == 'Rome'");
    story.call(0, "visitor", r#""type":"identify","traits":{"tier":"silver","city":"Rome"}"#);
    story.identify(1, r#""tier":"gold""#).link(2, USER, "visitor");
    assert!(story.is_in("s"));
}

#[test]
fn linking_keeps_the_users_memberships_and_ends_the_visitors_without_a_transition() {
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
fn linking_merges_message_ids() {
    let mut story = Story::of("total(view) == 1");
    view(&mut story, 0, "visitor", r#","messageId":"m""#);
    story.link(1, USER, "visitor");
    view(&mut story, 2, USER, r#","messageId":"m""#);
    assert_eq!((story.is_in("s"), story.partition.counts().duplicates), (true, 1));
}

#[test]
fn linking_merges_exposures_and_cooldowns() {
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
fn linking_merges_the_actions_that_caps_count() {
    let rules = with_campaign("since(view) < duration('1s')", "", "[[caps]]\nmax = 2\nper = \"1h\"\n");
    let mut story = Story::under(&rules);
    view(&mut story, 0, "visitor", "");
    story.track(1, "View", "").link(5_000, USER, "visitor").track(10_000, "View", "");
    assert_eq!(story.told().pop().as_deref(), Some("10000 capped c"));
    story.track(MINUTE * 60, "View", "");
    assert_eq!(story.told().pop().as_deref(), Some("3600000 sent c"), "the visitor's action is an hour ago");
}

#[test]
fn linking_drops_the_visitors_deferred_decisions_and_keeps_the_users() {
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
fn linking_keeps_the_users_zone_and_takes_the_visitors_where_there_is_none() {
    let quiet = "quiet_hours = \"22:00-08:00\"";
    let zone = |name: &str| format!(r#""type":"page","context":{{"timezone":"{name}"}}"#);
    // At 16:00Z it is midnight in Shanghai, and noon in New York.
    let (of_user, of_visitor) = ((USER, zone("America/New_York")), ("visitor", zone("Asia/Shanghai")));
    let cases = [
        (vec![&of_user, &of_visitor], "sent c"),
        (vec![&of_visitor, &of_user], "sent c"),
        (vec![&of_visitor], "deferred c"),
    ];
    for (calls, outcome) in cases {
        let mut story = Story::under(&with_campaign("total(view) >= 1", quiet, ""));
        for (who, call) in &calls {
            story.call(0, who, call);
        }
        story.link(1, USER, "visitor").track(16 * 60 * MINUTE, "View", "");
        assert_eq!(story.decided().pop().as_deref(), Some(outcome), "{calls:?}");
    }
}

#[test]
fn linking_a_visitor_without_state_merges_nothing() {
    let mut story = Story::of("age() >= duration('0s')");
    story.link(0, USER, "nobody");
    assert_eq!(story.told(), ["0 enter s"]);
}

#[test]
fn the_slot_of_a_removed_visitor_has_no_timer_for_the_next_user() {
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
