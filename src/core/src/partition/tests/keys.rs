//! State per key: instances, how they are forgotten, and how a visitor's are merged.

use super::*;

const CARTS: &str = "[events]\n\
    add = \"Add\"\n\
    order = \"Order\"\n\
    login = \"Login\"\n\
    line = { event = \"Order\", each = \"products\" }\n\
    [per.cart]\n\
    key = \"cart\"\n\
    ttl = \"10s\"\n\
    max = 3\n";

fn story(segments: &[(&str, &str, &str)]) -> Story {
    let table = |(id, per, when): &(&str, &str, &str)| {
        let per = if per.is_empty() { String::new() } else { format!("per = \"{per}\"\n") };
        format!("[[segments]]\nid = \"{id}\"\n{per}when = \"\"\"{when}\"\"\"\n")
    };
    Story::under(&format!("{CARTS}{}", segments.iter().map(table).collect::<String>()))
}

fn add(story: &mut Story, at: i64, cart: &str) {
    story.track(at, "Add", &format!("\"cart\":{cart}"));
}

fn keys(story: &Story) -> Vec<String> {
    story.user().profile.keys.iter().map(|instance| instance.key.to_string()).collect()
}

#[test]
fn each_cart_is_left_for_itself() {
    let mut story = story(&[("left", "cart", "since(add) >= duration('3s') && total(order) == 0")]);
    add(&mut story, 0, "\"a\"");
    add(&mut story, 1_000, "\"b\"");
    story.track(2_000, "Order", "\"cart\":\"b\"");
    story.wait(9_000);
    assert_eq!(story.told(), ["3000 enter left a"]);
    assert_eq!(keys(&story), ["a", "b"]);
}

#[test]
fn a_key_is_a_text_or_a_whole_number() {
    let mut story = story(&[("s", "cart", "total(add) >= 1")]);
    let long = format!("\"{}\"", "x".repeat(257));
    for none in ["1.5", "\"\"", "{}", "[1]", "null", "true", &long, "18446744073709551616", "-9223372036854775809"] {
        add(&mut story, 0, none);
    }
    assert_eq!(keys(&story), [""; 0]);
    for number in ["7", "18446744073709551615", "-9223372036854775808"] {
        add(&mut story, 0, number);
    }
    assert_eq!(keys(&story), ["-9223372036854775808", "18446744073709551615", "7"], "in the order of their bytes");
    add(&mut story, 0, "\"7\"");
    assert_eq!(keys(&story).len(), 3, "the number and its text are one key");
}

#[test]
fn a_key_is_forgotten_a_ttl_after_its_latest_match() {
    let mut story = story(&[("s", "cart", "total(add) >= 1"), ("none", "", "keys_in('s') == 0")]);
    add(&mut story, 0, "\"a\"");
    add(&mut story, 4_000, "\"a\"");
    story.wait(20_000);
    assert_eq!(story.told(), ["0 enter s a", "14000 exit s a", "14000 enter none"]);
    assert_eq!(story.partition.counts().keys_forgotten, [[1, 0]]);
    story.track(15_000, "Add", "\"cart\":\"a\"");
    assert_eq!(story.told(), ["20000 enter s a", "20000 exit none"], "it is forgotten at 25 s only");
}

#[test]
fn a_late_match_makes_no_instance_that_would_be_forgotten_already() {
    let mut story = story(&[("s", "cart", "total(add) >= 1")]);
    story.wait(20_000);
    add(&mut story, 10_000, "\"late\"");
    assert_eq!(keys(&story), [""; 0]);
    add(&mut story, 10_001, "\"in time\"");
    assert_eq!(keys(&story), ["in time"]);
}

#[test]
fn the_oldest_key_goes_where_there_are_too_many() {
    let mut story = story(&[("s", "cart", "total(add) >= 1")]);
    for (at, cart) in [(0, "\"b\""), (0, "\"a\""), (1, "\"c\""), (2, "\"d\"")] {
        add(&mut story, at, cart);
    }
    assert_eq!(keys(&story), ["b", "c", "d"]);
    assert_eq!(story.told(), ["0 enter s b", "0 enter s a", "1 enter s c", "2 exit s a", "2 enter s d"]);
    assert_eq!(story.partition.counts().sizes, [3]);
}

#[test]
fn an_event_may_touch_many_keys_and_is_evaluated_once() {
    let mut story = Story::under(&format!(
        "{CARTS}[per.product]\nkey = \"sku\"\nttl = \"1d\"\n\
         [[segments]]\nid = \"twice\"\nper = \"product\"\nwhen = \"total(line) >= 2\"\n\
         [[segments]]\nid = \"seen\"\nper = \"product\"\nwhen = \"total(line) >= 1\"\n"
    ));
    story.track(0, "Order", r#""products":[{"sku":"b"},{"sku":"a"},{"sku":"b"},{"x":1}]"#);
    assert_eq!(story.told(), ["0 enter twice b", "0 enter seen a", "0 enter seen b"]);
}

#[test]
fn a_segment_of_keys_sees_the_user_and_changes_with_it() {
    let mut story = story(&[
        ("vip", "", "traits.tier == 'gold'"),
        ("s", "cart", "in_segment('vip') && user.total(login) >= 1 && user.idle() >= duration('2s')"),
        ("t", "cart", "in_segment('s') && key() == 'a'"),
    ]);
    add(&mut story, 0, "\"a\"");
    add(&mut story, 0, "\"b\"");
    story.track(1_000, "Login", "").identify(1_500, "\"tier\":\"gold\"");
    story.wait(3_500);
    assert_eq!(story.told(), ["1500 enter vip", "3500 enter s a", "3500 enter s b", "3500 enter t a"]);
    story.track(4_000, "Login", "");
    assert_eq!(story.told(), ["4000 exit s a", "4000 exit s b", "4000 exit t a"]);
}

#[test]
fn a_visitors_keys_are_merged_and_the_surplus_goes() {
    let mut story = story(&[("s", "cart", "total(add) >= 2")]);
    for (at, user, cart) in [(0, USER, "a"), (1, USER, "b"), (2, "v", "b"), (3, "v", "c"), (4, "v", "c"), (5, "v", "d")]
    {
        story.call(at, user, &format!(r#""type":"track","event":"Add","properties":{{"cart":"{cart}"}}"#));
    }
    assert_eq!(story.told(), ["4 v: enter s c"]);
    story.link(6, USER, "v");
    assert_eq!(story.told(), ["6 merged v", "6 enter s b", "6 enter s c"]);
    assert_eq!(keys(&story), ["b", "c", "d"], "of four, the one with the oldest latest match is gone");
    let counts = story.partition.counts();
    assert_eq!((&counts.sizes, &counts.keys, &counts.merged_out), (&vec![2], &vec![3], &vec![1]));
}

#[test]
fn a_user_with_a_million_keys_keeps_few() {
    let mut story = story(&[("s", "cart", "total(add) >= 1")]);
    for number in 0..20_000 {
        add(&mut story, number / 10, &number.to_string());
    }
    assert_eq!(keys(&story).len(), 3);
    assert!(story.user().heap_bytes() < 4_000);
    assert_eq!(story.outputs().len(), 2 * 20_000 - 3);
}

#[test]
fn an_idle_instance_takes_few_bytes() {
    let rules = "[events]\nadd = \"Add\"\n[per.cart]\nkey = \"cart\"\nttl = \"30d\"\n[[segments]]\nid = \"s\"\n\
                 per = \"cart\"\nwhen = \"count(add, '7d') >= 1 && since(add) > duration('1h')\"\n";
    let bytes = |carts: &[&str]| {
        let mut story = Story::under(rules);
        for cart in carts {
            add(&mut story, 1_000, cart);
        }
        story.wait(2 * HOUR);
        super::super::PackedUser::new(&story.user()).len()
    };
    let (one, four) = (bytes(&["\"a\""]), bytes(&["\"a\"", "\"b\"", "\"c\"", "\"d\""]));
    let each = (four - one) / 3 - 1;
    assert!(each <= 48, "{each} bytes beyond the key");
}
