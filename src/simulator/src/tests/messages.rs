//! What messages do, compared with the same shop without them.

use super::*;
use crate::messages::{
    ASKING_SUBJECT, BY_EMAIL, BY_PUSH, MessageContent, STEP_MAX, ShopMessage, USES_COUPON, WITH_COUPON, WITH_PICKS,
};

/// When everybody gets a message.
const SENT_AT: Timestamp = Timestamp(START.0 + 10 * DAY + 12_345_678);
const SHOPPERS: u32 = 2_000;

fn nothing(_: u64) -> MessageContent {
    MessageContent::default()
}

fn picks(_: u64) -> MessageContent {
    let picks = ["toys-115", "none-1", "baby-119", "home-7", "toys-1"].map(str::to_owned).to_vec();
    MessageContent { picks, ..MessageContent::default() }
}

fn question(_: u64) -> MessageContent {
    MessageContent { subject: Some("Still thinking?".to_owned()), ..MessageContent::default() }
}

fn coupon(number: u64) -> MessageContent {
    let text = format!(
        r#"{{"kind":"percent","value":10,"min_spend":5,"valid":"7d","code":"BACK-{number}","valid_until":"{}"}}"#,
        SENT_AT + Span(7 * DAY)
    );
    MessageContent { coupon: Some(serde_json::from_str(&text).expect("a coupon")), ..MessageContent::default() }
}

/// Eighteen days of the shop; the shoppers with even numbers get the message on the eleventh. It is advanced by `step`.
fn with_messages(channel: &str, content: fn(u64) -> MessageContent, step: Span) -> Vec<Value> {
    let mut simulator = simulator(21, SHOPPERS);
    let (mut out, mut to, end) = (Vec::new(), START, START + Span(18 * DAY));
    while to < end {
        let before = to;
        to = (to + step).min(end);
        simulator.advance(to, &mut out);
        if before < SENT_AT && SENT_AT <= to {
            for number in (0..u64::from(SHOPPERS)).step_by(2) {
                let (user, content) = (format!("u{number}"), content(number));
                simulator.receive(ShopMessage { user: &user, at: SENT_AT, campaign: "c", channel, content });
            }
        }
    }
    let text = String::from_utf8(out).expect("JSON is UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect()
}

/// The users who order within seven days of the message.
fn buyers(events: &[Value]) -> HashSet<u64> {
    let orders = events.iter().filter(|event| text(event, "/event") == "Order Completed");
    let soon = orders.filter(|order| (SENT_AT.0 + 1..SENT_AT.0 + 7 * DAY).contains(&time(order)));
    soon.filter_map(|order| text(order, "/userId").strip_prefix('u')?.parse().ok()).collect()
}

#[test]
fn a_message_makes_the_stated_share_of_those_buy_who_would_not_have() {
    let without = buyers(&with_messages("none", nothing, STEP_MAX));
    let cases = [
        ("email", nothing as fn(u64) -> MessageContent, BY_EMAIL),
        ("push", nothing, BY_PUSH),
        ("onsite", coupon, WITH_COUPON),
        ("onsite", nothing, 0.0),
        ("push", picks, WITH_PICKS),
        ("email", picks, WITH_PICKS),
        ("onsite", picks, 0.0),
        ("email", question, ASKING_SUBJECT),
        ("push", question, BY_PUSH),
    ];
    for (channel, content, share_that_buys) in cases {
        let with = buyers(&with_messages(channel, content, STEP_MAX));
        let others = (0..u64::from(SHOPPERS)).step_by(2).filter(|number| !without.contains(number));
        let (mut all, mut bought) = (0, 0);
        for number in others {
            all += 1;
            bought += usize::from(with.contains(&number));
        }
        assert!(all > 800 && (share(bought, all) - share_that_buys).abs() < 0.035, "{channel}: {bought} of {all}");
    }
}

#[test]
fn who_gets_no_message_does_what_they_would_have_done() {
    let (with, without) = (with_messages("email", coupon, STEP_MAX), with_messages("none", nothing, STEP_MAX));
    let of_others = |events: &[Value]| -> Vec<String> {
        let number = |event: &Value| text(event, "/userId").strip_prefix('u')?.parse::<u64>().ok();
        let odd = || events.iter().filter(|event| number(event).is_some_and(|number| number % 2 == 1));
        // Friends who get messages may ask them to join, and to help; what they order then is shipped.
        let is_by_friends = |event: &&Value| text(event, "/context/campaign/source") == "friends";
        let order = |event: &Value| Some(text(event, "/properties/order_id").to_owned()).filter(|id| !id.is_empty());
        let ordered: HashSet<String> = odd().filter(is_by_friends).filter_map(order).collect();
        let own = odd().filter(|event| !is_by_friends(event) && !order(event).is_some_and(|id| ordered.contains(&id)));
        own.map(Value::to_string).collect()
    };
    assert!(of_others(&with) == of_others(&without));
    assert!(with.len() > without.len());
}

#[test]
fn when_a_message_is_handed_in_does_not_matter() {
    let hourly = with_messages("email", coupon, STEP_MAX);
    for step in [Span(180_000), Span(1_234_567)] {
        assert!(with_messages("email", coupon, step) == hourly, "steps of {step}");
    }
}

#[test]
fn coupons_are_used_at_the_stated_rate_by_their_owners_once() {
    let events = with_messages("email", coupon, STEP_MAX);
    let (mut orders, mut seen, mut used) = (0, HashSet::new(), HashSet::new());
    for order in events.iter().filter(|event| text(event, "/event") == "Order Completed") {
        let code = text(order, "/properties/coupon");
        let owner = text(order, "/userId").strip_prefix('u').and_then(|number| number.parse::<u64>().ok());
        let is_first_of_owner = owner.is_some_and(|number| number % 2 == 0 && number < u64::from(SHOPPERS))
            && (SENT_AT.0 + 2 * 3_600_000..SENT_AT.0 + 60 * 3_600_000).contains(&time(order))
            && seen.insert(owner);
        orders += usize::from(is_first_of_owner);
        if let Some(number) = code.strip_prefix("BACK-") {
            let is_new = used.insert((code.to_owned(), text(order, "/messageId").to_owned()));
            let amount = |name: &str| order.pointer(&format!("/properties/{name}")).and_then(Value::as_f64);
            let off = amount("discount").zip(amount("revenue")).map(|(off, revenue)| (revenue * 0.1 - off).abs());
            assert!(off.is_some_and(|off| off < 0.011), "{order}");
            assert_eq!(owner.map(|owner| owner.to_string()).as_deref().unwrap_or(number), number);
            assert!(is_new || !is_first_of_owner);
        }
    }
    let codes: HashSet<&str> = used.iter().map(|(code, _)| code.as_str()).collect();
    assert_eq!(codes.len(), used.len(), "no code is used twice");
    assert!(orders > 200 && (share(codes.len(), orders) - USES_COUPON).abs() < 0.12, "{} of {orders}", codes.len());
}

#[test]
fn messages_to_nobody_do_nothing() {
    let mut simulator = simulator(3, 100);
    simulator.advance(START + Span(DAY), &mut Vec::new());
    for user in ["", "u", "anon-00", "u-1", "u99999999999999999999", "u18446744073709551615", "u101", "x7"] {
        for number in 0..50 {
            let (at, campaign) = (START + Span(DAY + number), "c");
            simulator.receive(ShopMessage { user, at, campaign, channel: "email", content: coupon(1) });
        }
    }
    assert!(simulator.answers.is_empty());
}

#[test]
fn who_buys_for_a_list_of_picks_buys_one_of_the_first_that_are_in_stock() {
    let events = with_messages("push", picks, STEP_MAX);
    let without = with_messages("none", nothing, STEP_MAX);
    let bought = |events: &[Value], item: &str| {
        let orders = events.iter().filter(|event| text(event, "/event") == "Order Completed");
        let of_item = |order: &&Value| {
            let products = order["properties"]["products"].as_array().into_iter().flatten();
            products.into_iter().any(|product| text(product, "/product_id") == item)
        };
        orders.filter(of_item).count()
    };
    for item in ["toys-115", "baby-119", "home-007"] {
        let (with, without) = (bought(&events, item), bought(&without, item));
        assert!(with > without + 30, "{item}: {with} after {without}");
    }
    assert!(bought(&events, "toys-001") < bought(&without, "toys-001") + 20, "the fifth of the list is not looked at");
}
