//! Points: what events earn and spend, what expires, and what segments see of it.

use rstest::rstest;

use super::*;
use crate::points::PointsBalance;
use crate::rules::ruleset::LedgerId;

const DAY: i64 = 24 * HOUR;

const LEDGER: &str = "[[ledgers]]\n\
    id = \"points\"\n\
    expires = \"10d\"\n\
    earn = [{ on = \"order\", amount = \"event.total\" }]\n\
    spend = [{ on = \"redeem\", amount = \"event.points\" }, { on = \"refund\", amount = \"event.total\", debt = true }]\n";

const NAMES: &str = "[events]\norder = \"Order\"\nredeem = \"Redeem\"\nrefund = \"Refund\"\nview = \"View\"\n";

/// A story under this ledger and these segments.
fn story_of(ledger: &str, segments: &[(&str, &str)]) -> Story {
    let segments =
        segments.iter().map(|(id, when)| format!("[[segments]]\nid = \"{id}\"\nwhen = \"\"\"{when}\"\"\"\n"));
    Story::under(&format!("{NAMES}{ledger}{}", segments.collect::<String>()))
}

fn order(story: &mut Story, at: i64, total: &str) {
    story.track(at, "Order", &format!("\"total\":{total}"));
}

fn redeem(story: &mut Story, at: i64, points: &str) {
    story.track(at, "Redeem", &format!("\"points\":{points}"));
}

#[test]
fn points_are_earned_spent_refused_and_expire_at_their_instant() {
    let mut story = story_of(LEDGER, &[]);
    order(&mut story, 0, "100");
    redeem(&mut story, 5 * DAY, "60");
    redeem(&mut story, 5 * DAY, "41");
    order(&mut story, 6 * DAY, "50");
    story.wait(20 * DAY);
    assert_eq!(
        story.told(),
        [
            "0 earned 100 points, 100 left".to_owned(),
            format!("{} spent 60 points, 40 left", 5 * DAY),
            format!("{} refused 41 points, 40 left", 5 * DAY),
            format!("{} earned 50 points, 90 left", 6 * DAY),
            format!("{} expired 40 points, 50 left", 10 * DAY),
            format!("{} expired 50 points, 0 left", 16 * DAY),
        ]
    );
    assert!(story.user().profile.points.is_empty());
}

#[test]
fn points_cannot_be_spent_in_the_instant_they_expire() {
    let mut story = story_of(LEDGER, &[]);
    order(&mut story, 0, "9");
    redeem(&mut story, 10 * DAY, "9");
    let at = 10 * DAY;
    let expected = [
        "0 earned 9 points, 9 left",
        &format!("{at} expired 9 points, 0 left"),
        &format!("{at} refused 9 points, 0 left"),
    ];
    assert_eq!(story.told(), expected);
    order(&mut story, 20 * DAY, "9");
    redeem(&mut story, 30 * DAY - 1, "9");
    story.wait(40 * DAY);
    assert_eq!(story.decided(), ["earned 9 points, 9 left", "spent 9 points, 0 left"]);
}

#[test]
fn a_refund_leaves_a_debt_that_the_next_orders_pay() {
    let mut story = story_of(LEDGER, &[("owes", "balance('points') < 0")]);
    order(&mut story, 0, "50");
    redeem(&mut story, 1, "30");
    story.track(2, "Refund", "\"total\":50");
    order(&mut story, 3, "40");
    let expected = [
        "earned 50 points, 50 left",
        "spent 30 points, 20 left",
        "spent 50 points, -30 left",
        "enter owes",
        "earned 40 points, 10 left",
        "exit owes",
    ];
    assert_eq!(story.decided(), expected);
}

#[rstest]
#[case::missing("")]
#[case::text("\"total\":\"12\"")]
#[case::below_one("\"total\":0.999999")]
#[case::negative("\"total\":-5")]
#[case::null("\"total\":null")]
#[case::list("\"total\":[5]")]
#[case::true_("\"total\":true")]
#[case::too_large_for_a_number("\"total\":1e30")]
fn an_amount_that_is_no_whole_point_is_nothing_and_tells_nothing(#[case] properties: &str) {
    let mut story = story_of(LEDGER, &[]);
    story.track(0, "Order", properties).track(1, "Refund", properties);
    assert_eq!(story.told(), [""; 0]);
    assert!(story.user().profile.points.is_empty());
}

#[rstest]
#[case("event.total", "49.999999", "49")]
#[case("event.total", "1000000000000000000", "1000000000000000000")]
#[case("event.total", "1e24", "1000000000000000000000000")]
#[case("event.total * 1000000", "1e24", "1000000000000000000000000000000")]
#[case("number(event.text)", "1,\"text\":\"12.5\"", "12")]
#[case("event.total * traits.factor", "10", "25")]
#[case("7", "0", "7")]
fn amounts_are_cut_to_whole_points(#[case] amount: &str, #[case] total: &str, #[case] points: &str) {
    let mut story = story_of(&LEDGER.replacen("event.total", amount, 1), &[]);
    story.identify(0, "\"factor\":2.5");
    order(&mut story, 1, total);
    assert_eq!(story.told(), [format!("1 earned {points} points, {points} left")]);
}

#[test]
fn ledgers_entries_and_matches_go_in_file_order() {
    let rules = "[events]\nline = { event = \"Order\", each = \"lines\" }\norder = \"Order\"\n\
        [[ledgers]]\nid = \"a\"\nearn = [{ on = \"order\", amount = \"3\" }, { on = \"line\", amount = \"event.n\" }]\n\
        spend = [{ on = \"line\", amount = \"event.n\" }, { on = \"order\", amount = \"2\" }]\n\
        [[ledgers]]\nid = \"b\"\nspend = [{ on = \"order\", amount = \"1\" }]\nearn = [{ on = \"order\", amount = \"event.total\" }]\n";
    let mut story = Story::under(rules);
    story.track(0, "Order", "\"total\":1,\"lines\":[{\"n\":5},{\"n\":6},{\"n\":0}]");
    let expected = [
        "earned 3 a, 3 left",
        "earned 5 a, 8 left",
        "earned 6 a, 14 left",
        "spent 5 a, 9 left",
        "spent 6 a, 3 left",
        "spent 2 a, 1 left",
        "earned 1 b, 1 left",
        "spent 1 b, 0 left",
    ];
    assert_eq!(story.decided(), expected);
    let same_event: Vec<u32> = {
        story.track(1, "Order", "\"total\":1,\"lines\":[{\"n\":5}]");
        story
            .outputs()
            .iter()
            .map(|output| match &output.decided {
                crate::partition::OutputKind::Points(points) => points.ordinal,
                other => panic!("{other:?}"),
            })
            .collect()
    };
    assert_eq!(same_event, [0, 1, 2, 3, 4, 5], "what tells the changes of one event apart");
}

#[test]
fn a_segment_changes_when_points_expire_and_when_they_come_within_reach() {
    let segments = [
        ("rich", "balance('points') >= 100"),
        ("lapse", "expiring('points', '1d') >= 50"),
        ("none", "expiring('points', '1d') == 0"),
        ("most", "expiring('points', '1d') * 2 > balance('points')"),
    ];
    let mut story = story_of(LEDGER, &segments);
    order(&mut story, 0, "30");
    order(&mut story, 2 * HOUR, "90");
    story.wait(12 * DAY);
    let at = |ms: i64, what: &str| format!("{ms} {what}");
    assert_eq!(
        story.told(),
        [
            at(0, "earned 30 points, 30 left"),
            at(0, "enter none"),
            at(2 * HOUR, "earned 90 points, 120 left"),
            at(2 * HOUR, "enter rich"),
            at(9 * DAY, "exit none"),
            at(9 * DAY + 2 * HOUR, "enter lapse"),
            at(9 * DAY + 2 * HOUR, "enter most"),
            at(10 * DAY, "expired 30 points, 90 left"),
            at(10 * DAY, "exit rich"),
            at(10 * DAY + 2 * HOUR, "expired 90 points, 0 left"),
            at(10 * DAY + 2 * HOUR, "exit lapse"),
            at(10 * DAY + 2 * HOUR, "enter none"),
            at(10 * DAY + 2 * HOUR, "exit most"),
        ]
    );
}

#[test]
fn a_segment_by_expiring_points_sleeps_until_the_lot_that_changes_it() {
    let mut story = story_of(LEDGER, &[("lapse", "expiring('points', '1d') >= 5")]);
    for hour in 0..10 {
        order(&mut story, hour * HOUR, "1");
    }
    assert_eq!(story.user().due(), Timestamp(START + 9 * DAY + 4 * HOUR), "the fifth lot, not the first");
}

#[test]
fn what_was_earned_and_spent_leaves_its_window_at_the_pane() {
    let segments = [("tier", "earned('points', '1h') >= 50"), ("spender", "spent('points', 'today') > 0")];
    let mut story = story_of(LEDGER, &segments);
    order(&mut story, 30_000, "50");
    redeem(&mut story, 90_000, "1");
    order(&mut story, 20_000, "1");
    story.wait(2 * DAY);
    let told: Vec<String> =
        story.told().into_iter().filter(|line| line.contains("ter") || line.contains("exit")).collect();
    let midnight = DAY;
    assert_eq!(
        told,
        [
            "30000 enter tier".to_owned(),
            "90000 enter spender".to_owned(),
            format!("{HOUR} exit tier"),
            format!("{midnight} exit spender"),
        ]
    );
}

#[test]
fn a_late_earning_counts_on_its_own_day_and_expires_by_its_own_time() {
    let ledger = LEDGER.replace("expires = \"10d\"", "expires = \"10d\"\ndaily_max = 100");
    let mut story = story_of(&ledger, &[]);
    order(&mut story, DAY - 1, "80");
    order(&mut story, DAY, "80");
    // Late: of the day before, of which 20 are left.
    order(&mut story, DAY - 2, "80");
    order(&mut story, DAY - 2, "80");
    order(&mut story, DAY, "25");
    let expected = [
        "earned 80 points, 80 left",
        "earned 80 points, 160 left",
        "earned 20 points, 180 left",
        "earned 20 points, 200 left",
    ];
    assert_eq!(story.decided(), expected);
    story.wait(12 * DAY);
    let at = |ms: i64, what: &str| format!("{ms} {what}");
    assert_eq!(
        story.told(),
        [
            at(11 * DAY - 2, "expired 20 points, 180 left"),
            at(11 * DAY - 1, "expired 80 points, 100 left"),
            at(11 * DAY, "expired 100 points, 0 left"),
        ]
    );
    order(&mut story, 2 * DAY, "80");
    assert_eq!(story.told(), [""; 0], "it would have expired on the twelfth day");
}

#[test]
fn a_merged_visitor_brings_its_lots_and_its_debts() {
    let mut story = story_of(LEDGER, &[("rich", "balance('points') >= 100")]);
    story.call(0, "w", r#""type":"track","event":"Order","properties":{"total":80}"#);
    order(&mut story, 1, "40");
    assert_eq!(story.partition.counts().points[0].balance, 120);
    story.link(2, USER, "w");
    assert_eq!(
        story.told(),
        ["0 w: earned 80 points, 80 left", "1 earned 40 points, 40 left", "2 merged w", "2 enter rich"]
    );
    story.call(3, "v", r#""type":"track","event":"Refund","properties":{"total":90}"#);
    story.link(4, USER, "v").wait(11 * DAY);
    let told = story.told();
    assert_eq!(&told[..3], ["3 v: spent 90 points, -90 left", "4 merged v", "4 exit rich"]);
    assert_eq!(told[3..], [format!("{} expired 30 points, 0 left", 10 * DAY + 1)], "the debt took what expires first");
    assert_eq!(story.partition.counts().points[0].balance, 0);
}

#[test]
fn what_a_merged_visitor_earned_counts_in_windows_and_days() {
    let ledger = LEDGER.replace("expires = \"10d\"", "daily_max = 100");
    let mut story = story_of(&ledger, &[("tier", "earned('points', '30d') >= 100")]);
    story.call(0, "w", r#""type":"track","event":"Order","properties":{"total":70}"#);
    order(&mut story, 1, "40");
    story.link(2, USER, "w").told();
    order(&mut story, 3, "40");
    assert_eq!(story.told(), [""; 0], "the day has had more than its most already");
    assert!(story.is_in("tier"));
}

#[test]
fn forgetting_a_user_forgets_its_points_and_debts() {
    let mut story = story_of(LEDGER, &[]);
    order(&mut story, 0, "50");
    assert!(story.forget(USER));
    assert_eq!(story.partition.counts().points[0].balance, 0);
    redeem(&mut story, 1, "1");
    assert_eq!(story.decided(), ["earned 50 points, 50 left", "refused 1 points, 0 left"]);
    story.wait(20 * DAY);
    assert_eq!(story.told(), [""; 0]);
}

#[test]
fn a_user_with_points_or_a_debt_is_not_dropped_when_idle() {
    let lasting = LEDGER.replace("expires = \"10d\"", "");
    for (ledger, event, until) in
        [(LEDGER, "Order", 10 * DAY), (&lasting, "Order", i64::MAX), (&lasting, "Refund", i64::MAX)]
    {
        let mut story = story_of(ledger, &[]).dropping_after(HOUR);
        story.track(0, event, "\"total\":5").wait(10 * DAY - 1);
        assert_eq!(story.partition.len(), 1, "{event}");
        story.wait(20 * DAY);
        assert_eq!(story.partition.len(), usize::from(until > 20 * DAY), "{event}");
    }
}

#[test]
fn functions_of_points_are_the_users_also_in_segments_of_keys() {
    let rules = format!(
        "{NAMES}{LEDGER}[per.item]\nkey = \"item\"\nttl = \"5d\"\n\
         [[segments]]\nid = \"wanted\"\nper = \"item\"\nwhen = \"total(view) > 0 && balance('points') >= 10 && earned('points', '1h') > 0\"\n"
    );
    let mut story = Story::under(&rules);
    story.track(0, "View", "\"item\":\"a\"").track(1, "View", "\"item\":\"b\"");
    order(&mut story, 2, "10");
    redeem(&mut story, 3, "1");
    let expected = [
        "earned 10 points, 10 left",
        "enter wanted a",
        "enter wanted b",
        "spent 1 points, 9 left",
        "exit wanted a",
        "exit wanted b",
    ];
    assert_eq!(story.decided(), expected);
    order(&mut story, 4, "1");
    story.told();
    story.wait(2 * HOUR);
    assert_eq!(story.told(), [format!("{HOUR} exit wanted a"), format!("{HOUR} exit wanted b")]);
}

#[test]
fn counts_are_what_was_told_and_what_users_have() {
    let mut story = story_of(LEDGER, &[]);
    order(&mut story, 0, "100");
    redeem(&mut story, 1, "30");
    redeem(&mut story, 2, "300");
    story.call(3, "v", r#""type":"track","event":"Refund","properties":{"total":20}"#);
    let counts = story.partition.counts().points[0];
    assert_eq!((counts.points, counts.changes, counts.balance), ([100, 50, 300, 0], [1, 2, 1, 0], 50));
    story.wait(10 * DAY);
    let counts = story.partition.counts().points[0];
    assert_eq!((counts.points, counts.balance), ([100, 50, 300, 70], -20));
    assert_eq!(story.user().profile.points.balance(LedgerId(0)), PointsBalance::ZERO);
}
