//! Prices: who can pay, what is told before the decision, and what follows when points are spent.

use super::rules;
use crate::partition::{Cause, Output, OutputKind};
use crate::testing::Story;

const HOUR: i64 = 3_600_000;
const PRICE: &str = "price = { ledger = \"points\", amount = \"10\" }\n";

/// Every view earns three points, and 100 with `full`.
const LEDGER: &str = "[[ledgers]]\nid = \"points\"\n\
    earn = [{ on = \"view\", amount = \"3\" }, { on = \"view\", amount = \"event.full * 97\" }]\n";

/// Under these campaigns, with this many points.
fn story(campaigns: &[(&str, &str)], rest: &str, points: i64) -> Story {
    let mut story = Story::under(&rules(
        campaigns,
        &format!("{LEDGER}[[segments]]\nid = \"poor\"\nwhen = \"balance('points') < 10\"\n{rest}"),
    ));
    story.track(0, "Order", "");
    for view in 0..points / 3 {
        story.track(view - points, "View", "").track(view - points, "Order", "");
    }
    story.told();
    story
}

fn decided(story: &mut Story) -> Vec<String> {
    let lines = story.decided().into_iter();
    lines
        .filter(|line| !line.starts_with("earned") && !line.starts_with("enter on") && !line.starts_with("exit on"))
        .collect()
}

#[test]
fn a_price_is_told_before_the_decision_and_needs_the_balance() {
    let mut story = story(&[("c", PRICE)], "", 0);
    for (at, expected) in [
        (1, &["insufficient c"][..]),
        (2, &["insufficient c"]),
        (3, &["insufficient c"]),
        (4, &["exit poor", "spent 10 points, 2 left", "sent c", "enter poor"]),
        (5, &["insufficient c"]),
    ] {
        story.track(at, "View", "");
        assert_eq!(decided(&mut story), expected, "at {at}");
        story.track(at, "Order", "");
    }
}

#[test]
fn who_pays_is_in_no_control_group_and_no_holdout_and_pays_for_a_lost_draw() {
    let free = "holdout = 1\n";
    let mut story =
        story(&[("a", &format!("{PRICE}holdout = 1")), ("b", &format!("{PRICE}chance = 0")), ("c", free)], "", 0);
    story.plan.rules.control = 1.0;
    story.track(1, "View", "\"full\":1");
    let expected =
        ["exit poor", "spent 10 points, 90 left", "sent a", "spent 10 points, 80 left", "no_luck b", "control c"];
    assert_eq!(decided(&mut story), expected);
}

#[test]
fn a_full_cap_is_asked_before_the_price_and_the_price_before_the_draw() {
    let caps = "[[caps]]\nmax = 1\nper = \"1d\"\nchannel = \"email\"\n";
    let (push, dear) = ("channel = \"push\"\n", "price = { ledger = \"points\", amount = \"1000\" }\nchance = 0\n");
    let mut story = story(&[("a", PRICE), ("b", PRICE), ("c", &format!("{push}{dear}"))], caps, 0);
    story.track(1, "View", "\"full\":1");
    assert_eq!(decided(&mut story), ["exit poor", "spent 10 points, 90 left", "sent a", "capped b", "insufficient c"]);
    assert!(story.user().campaigns.exposures().len() == 1, "who cannot pay is not exposed");
}

#[test]
fn a_price_may_be_worked_out_and_a_price_that_is_none_is_insufficient() {
    let price =
        |amount: &str| format!("on = \"event:view\"\nprice = {{ ledger = \"points\", amount = \"{amount}\" }}\n");
    let campaigns = [
        ("third", price("balance('points') / 3")),
        ("of_event", price("event.price")),
        ("missing", price("event.nothing")),
        ("small", price("0.99")),
        ("negative", price("-5")),
        ("text", price("event.text")),
    ];
    let campaigns: Vec<(&str, &str)> = campaigns.iter().map(|(id, lines)| (*id, lines.as_str())).collect();
    let mut story = story(&campaigns, "", 0);
    story.track(1, "View", "\"full\":1,\"price\":7.9,\"text\":\"5\"");
    let expected = [
        "exit poor",
        "spent 33 points, 67 left",
        "sent third",
        "spent 7 points, 60 left",
        "sent of_event",
        "insufficient missing",
        "insufficient small",
        "insufficient negative",
        "insufficient text",
    ];
    assert_eq!(decided(&mut story), expected);
}

#[test]
fn what_was_held_is_paid_with_the_balance_of_the_morning() {
    let held = format!("quiet_hours = \"00:00-08:00\"\n{PRICE}payload_from = {{ left = \"balance('points')\" }}\n");
    for (points, expected) in [(0, "insufficient c"), (12, "spent 10 points, 5 left")] {
        let mut story = story(&[("c", &held)], "", points);
        story.track(1, "View", "");
        assert!(decided(&mut story).contains(&"deferred c".to_owned()));
        story.wait(8 * HOUR);
        let outputs = story.outputs();
        let paid = outputs.iter().any(|output| matches!(output.decided, OutputKind::Points(_)));
        assert_eq!(paid, expected.starts_with("spent"));
        let payload = outputs.iter().find_map(|output| match &output.decided {
            OutputKind::Decision(decision) => serde_json::to_string(decision.payload.as_ref()?).ok(),
            _ => None,
        });
        assert_eq!(payload.as_deref(), paid.then_some("{\"left\":5}"), "the payload has what is left");
    }
}

/// Causes of the transitions.
fn causes(outputs: &[Output]) -> Vec<Cause> {
    let cause = |output: &Output| match &output.decided {
        OutputKind::Transition { cause, .. } => Some(cause.clone()),
        _ => None,
    };
    outputs.iter().filter_map(cause).collect()
}

#[test]
fn segments_that_spending_changes_trigger_campaigns_at_the_same_instant() {
    let campaigns = [
        ("buy", "on = \"event:view\"\nprice = { ledger = \"points\", amount = \"97\" }\n"),
        ("poor_now", "on = \"enter:poor\"\n"),
    ];
    let mut story = story(&campaigns, "", 0);
    story.track(1, "View", "\"full\":1");
    assert_eq!(
        decided(&mut story),
        ["exit poor", "spent 97 points, 3 left", "sent buy", "enter poor", "sent poor_now"]
    );
    story.call(2, crate::testing::USER, r#""type":"track","event":"View","messageId":"m","properties":{"full":1}"#);
    let causes = causes(&story.outputs());
    let event = Cause::Event(Some("m".into()));
    let by_points = Cause::Points { round: 1, origin: Box::new(event.clone()) };
    assert_eq!(causes, [event, by_points]);
    assert_eq!(causes[1].name(), Some("points"));
}

#[test]
fn campaigns_that_pay_one_another_on_end_for_the_instant() {
    // Of three points that follow each other, `a` has those that three divides, and `b` those after.
    let segments = "[[segments]]\nid = \"a\"\nwhen = \"balance('points') / 3 * 3 == balance('points')\"\n\
        [[segments]]\nid = \"b\"\nwhen = \"(balance('points') - 1) / 3 * 3 == balance('points') - 1\"\n";
    let one = "price = { ledger = \"points\", amount = \"1\" }\n";
    let on = |on: &str| format!("on = \"{on}\"\n{one}");
    let campaigns = [("first", on("exit:a")), ("second", on("enter:b")), ("third", on("enter:a"))];
    let campaigns: Vec<(&str, &str)> = campaigns.iter().map(|(id, lines)| (*id, lines.as_str())).collect();
    let ledger = LEDGER.replace("97", "100003");
    let mut story = Story::under(&rules(&campaigns, &format!("{ledger}{segments}")));
    story.track(1, "View", "\"full\":1");
    let paid = |story: &mut Story| story.decided().iter().filter(|line| line.starts_with("spent")).count();
    assert_eq!(paid(&mut story), 1_001);
    assert!(story.user().unsettled);
    story.track(2, "Other", "");
    assert_eq!(paid(&mut story), 1_001, "the next event goes on");
    story.wait(HOUR);
    assert_eq!(paid(&mut story), 0);
}
