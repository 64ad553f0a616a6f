//! What goes beyond a visit: carts over time, shipments, tickets, check-ins, and what shoppers tell of themselves.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

const HOUR: i64 = 3_600_000;

/// The time of the first event of a name for each value of a property.
fn times<'e>(events: &'e [Value], name: &str, property: &str) -> BTreeMap<&'e str, i64> {
    let pointer = format!("/properties/{property}");
    let mut times = BTreeMap::new();
    for event in events.iter().filter(|event| text(event, "/event") == name) {
        times.entry(text(event, &pointer)).or_insert_with(|| time(event));
    }
    times
}

fn cents(value: &Value) -> i64 {
    (value.as_f64().unwrap_or(0.0) * 100.0).round() as i64
}

#[test]
fn orders_add_up_as_segments_specification_says() {
    let (mut orders, mut with_several, mut with_coupon) = (0, 0, 0);
    for event in events(13, 1_000, 40).iter().filter(|event| text(event, "/event") == "Order Completed") {
        let order = &event["properties"];
        let products = order["products"].as_array().expect("an array");
        let goods = products.iter().map(|item| cents(&item["price"]) * item["quantity"].as_i64().expect("a number"));
        assert_eq!(cents(&order["revenue"]), goods.sum::<i64>(), "{order}");
        let other = cents(&order["shipping"]) + cents(&order["tax"]) - cents(&order["discount"]);
        assert_eq!(cents(&order["total"]), cents(&order["revenue"]) + other, "{order}");
        assert_eq!(order.get("discount").is_some(), order.get("coupon").is_some());
        orders += 1;
        with_several += usize::from(products.len() > 1);
        with_coupon += usize::from(order.get("coupon").is_some());
    }
    assert!(orders > 100 && with_several * 10 > orders && with_coupon * 10 > orders, "{orders} {with_several}");
}

#[test]
fn a_shopper_has_several_carts_and_leaves_some_behind_for_later_ones_that_are_bought() {
    let events = events(13, 1_000, 60);
    let (filled, bought) = (times(&events, "Product Added", "cart_id"), times(&events, "Order Completed", "cart_id"));
    let mut of_shoppers: BTreeMap<&str, Vec<(&str, i64)>> = BTreeMap::new();
    for (cart, at) in &filled {
        of_shoppers.entry(cart.split('-').next().expect("a shopper")).or_default().push((cart, *at));
    }
    let left_for_another = of_shoppers.values().filter(|carts| {
        let (left, bought): (Vec<_>, Vec<_>) = carts.iter().partition(|(cart, _)| !bought.contains_key(cart));
        left.iter().any(|(_, left)| bought.iter().any(|(_, bought)| left < bought))
    });
    assert!(left_for_another.count() > 30);
    // Some are bought long after they were filled.
    let recovered = bought.iter().filter(|(cart, at)| filled.get(*cart).is_some_and(|filled| *at - filled > HOUR));
    assert!(recovered.count() > 20);
}

#[test]
fn every_order_is_shipped_then_delivered_and_one_in_eight_is_shipped_after_two_days() {
    let events = events(13, 2_000, 60);
    let ordered = times(&events, "Order Completed", "order_id");
    let (shipped, delivered) =
        (times(&events, "Order Shipped", "order_id"), times(&events, "Order Delivered", "order_id"));
    let end = (START + Span(50 * DAY)).0;
    let (mut whole, mut late) = (0, 0);
    for (order, at) in ordered.iter().filter(|(_, at)| **at < end) {
        let (shipped, delivered) = (shipped[order], delivered[order]);
        assert!(*at < shipped && shipped < delivered && delivered - at < 9 * DAY);
        whole += 1;
        late += usize::from(shipped - at > 48 * HOUR);
    }
    assert!(whole > 300 && (0.08..0.17).contains(&share(late, whole)), "{late} of {whole}");
}

#[test]
fn a_fifth_of_the_tickets_waits_for_longer_than_two_hours() {
    let events = events(13, 2_000, 60);
    let [opened, answered, closed] =
        ["Ticket Opened", "Ticket Answered", "Ticket Closed"].map(|name| times(&events, name, "ticket_id"));
    let end = (START + Span(50 * DAY)).0;
    let (mut whole, mut unanswered) = (0, 0);
    for (ticket, at) in opened.iter().filter(|(_, at)| **at < end) {
        assert!(*at < answered[ticket] && answered[ticket] < closed[ticket]);
        whole += 1;
        unanswered += usize::from(answered[ticket] - at > 2 * HOUR);
    }
    assert!(whole > 100 && (0.1..0.3).contains(&share(unanswered, whole)), "{unanswered} of {whole}");
    let of_orders = events.iter().filter(|event| text(event, "/event") == "Ticket Opened");
    let of_orders = of_orders.filter(|event| event.pointer("/properties/order_id").is_some()).count();
    assert!(of_orders > 20 && of_orders < whole, "{of_orders} of {whole} are about an order");
}

#[test]
fn members_check_in_once_a_day_where_they_live_and_break_off_at_times() {
    let mut days: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    let mut seen = HashSet::new();
    for event in events(13, 1_000, 60).iter().filter(|event| text(event, "/event") == "Checked In") {
        if !seen.insert(text(event, "/messageId").to_owned()) {
            continue;
        }
        let zone = jiff::tz::TimeZone::get(text(event, "/context/timezone")).expect("an IANA zone");
        let local = jiff::Timestamp::from_millisecond(time(event)).expect("in range").to_zoned(zone);
        let day = (local.date() - jiff::civil::date(1970, 1, 1)).get_days();
        days.entry(text(event, "/userId").to_owned()).or_default().push(i64::from(day));
    }
    assert!(days.len() > 50 && !days.contains_key(""), "{} members", days.len());
    let (mut long, mut broken) = (0, 0);
    for days in days.values() {
        assert_eq!(days.iter().collect::<BTreeSet<_>>().len(), days.len(), "twice on a day");
        let streaks = days.chunk_by(|day, next| day + 1 == *next);
        let of_a_week = streaks.filter(|streak| streak.len() >= 7).count();
        long += usize::from(of_a_week > 0);
        broken += usize::from(of_a_week > 1);
    }
    assert!(long * 2 > days.len() && broken * 5 > days.len(), "{long} and {broken} of {}", days.len());
}

#[test]
fn some_who_check_in_exchange_points_or_spin_the_wheel_right_after() {
    let mut checked_in: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    let (mut exchanged, mut spun, mut check_ins) = (0, 0, 0);
    let mut all = events(13, 1_000, 60);
    all.sort_by_key(time);
    for event in &all {
        let user = text(event, "/userId").to_owned();
        match text(event, "/event") {
            "Checked In" => {
                check_ins += 1;
                checked_in.entry(user).or_default().push(time(event));
                continue;
            }
            "Points Exchanged" => exchanged += 1,
            "Wheel Spun" => spun += 1,
            _ => continue,
        }
        let latest = checked_in.get(&user).and_then(|times| times.last()).expect("a check-in before");
        assert!((3_000..=60_000).contains(&(time(event) - latest)), "{event}");
    }
    assert!((0.01..0.06).contains(&share(exchanged, check_ins)), "{exchanged} of {check_ins}");
    assert!((0.04..0.10).contains(&share(spun, check_ins)), "{spun} of {check_ins}");
}

#[test]
fn most_tell_their_birthday_and_a_subscriber_when_the_next_renewal_is() {
    let (mut identified, mut birthdays, mut renewals) = (0, 0, 0);
    for event in events(13, 1_000, 60).iter().filter(|event| text(event, "/type") == "identify") {
        identified += 1;
        let date = |trait_of: &str| event["traits"][trait_of].as_str().map(|day| day.parse().expect("a date"));
        if let Some(birthday) = date("birthday") {
            let year = jiff::civil::Date::year(birthday);
            assert!((1950..=2007).contains(&year), "{year}");
            birthdays += 1;
        }
        if let Some(renewal) = date("renews_at") {
            let begins = renewal.to_zoned(jiff::tz::TimeZone::UTC).expect("in range").timestamp().as_millisecond();
            assert!((0..=30 * DAY).contains(&(begins - time(event))));
            renewals += 1;
        }
    }
    assert!((0.75..0.95).contains(&share(birthdays, identified)), "{birthdays} of {identified}");
    assert!(renewals > 50 && renewals < identified, "{renewals} of {identified}");
}
