//! Wrong campaigns: what triggers them, their limits and draws, variants and payloads.

use rstest::rstest;

use super::only_problem;

const SEGMENT: &str = "[[segments]]\nid = 's'\nwhen = 'total(a) > 0'\n[events]\na = 'A'\n";

#[rstest]
#[case::no_change("on = 's'", "`on` must name a change and a segment, or an event", "'s'", "enter:dormant")]
#[case::unknown_change(
    "on = 'into:s'",
    "`on` must begin with one of `enter`, `exit`, `event`, not `into`",
    "'into:s'",
    "enter:dormant"
)]
#[case::unknown_segment("on = 'enter:t'", "there is no segment `t`", "'enter:t'", "did you mean `s`?")]
#[case::unknown_event("on = 'event:b'", "there is no event `b` in [events]", "'event:b'", "did you mean `a`?")]
#[case::segment_as_event("on = 'event:s'", "`s` is a segment, not an event", "'event:s'", "enter:s")]
#[case::event_as_segment("on = 'enter:a'", "`a` is an event, not a segment", "'enter:a'", "event:a")]
#[case::unknown_event_hides_its_properties(
    "on = 'event:b'\nif = 'event.x == 1'",
    "there is no event `b` in [events]",
    "'event:b'",
    ""
)]
#[case::event_of_no_match(
    "on = 'exit:s'\nif = 'event.x == 1'",
    "`event` is the event that triggers a campaign, and there is none here",
    "event.x",
    "event:…"
)]
#[case::event_without_property(
    "on = 'event:a'\nif = 'event == 1'",
    "`event` is not a value by itself",
    "event",
    "event.total"
)]
#[case::properties_for_event(
    "on = 'event:a'\nif = 'properties.x == 1'",
    "`properties` belongs to one event, and can only be used in its `where` and `let`",
    "properties.x",
    "write event.x"
)]
#[case::chance("on = 'event:a'\nchance = 1.5", "`chance` must be between 0 and 1", "1.5", "")]
#[case::chance_below("on = 'event:a'\nchance = -0.1", "`chance` must be between 0 and 1", "-0.1", "")]
#[case::max_per_key(
    "on = 'exit:s'\nmax_per_key = 2",
    "`max_per_key` counts by key, but no segment with `per` triggers this campaign",
    "2",
    "max_per_user"
)]
#[case::max_per_key_of_event(
    "on = 'event:a'\nmax_per_key = 2",
    "`max_per_key` counts by key, but no segment with `per` triggers this campaign",
    "2",
    "max_per_user"
)]
#[case::max_per_key_of_nothing(
    "on = 'exit:s'\nmax_per_key = 0",
    "`max_per_key` must be between 1 and 4294967295",
    "0",
    ""
)]
#[case::code("on = 'event:a'\npayload_from = { c = 'cade()' }", "there is no function `cade`", "cade", "")]
#[case::no_trigger("", "campaign `c` has no `on`", "[[campaigns]]", "add on")]
#[case::bad_channel("on = 'exit:s'\nchannel = 'e mail'", "`e mail` cannot be a channel", "'e mail'", "letters")]
#[case::priority_not_whole(
    "on = 'exit:s'\npriority = 1.5",
    "`priority` must be a whole number, but this is a decimal number",
    "1.5",
    ""
)]
#[case::cooldown(
    "on = 'exit:s'\ncooldown = '1 week'",
    "this is not a duration: `1 week` is not a whole number followed by a unit (ms, s, m, h, d, w)",
    "'1 week'",
    "7d"
)]
#[case::max_per_user("on = 'exit:s'\nmax_per_user = -1", "`max_per_user` must be between 1 and 4294967295", "-1", "")]
#[case::hours("on = 'exit:s'\nquiet_hours = '22-8'", "`22-8` are not quiet hours", "'22-8'", "22:00-08:00")]
#[case::hour_24(
    "on = 'exit:s'\nquiet_hours = '22:00-24:00'",
    "`22:00-24:00` are not quiet hours",
    "'22:00-24:00'",
    "23:59"
)]
#[case::quiet_all_day(
    "on = 'exit:s'\nquiet_hours = '08:00-08:00'",
    "these quiet hours end when they start",
    "'08:00-08:00'",
    ""
)]
#[case::holdout("on = 'exit:s'\nholdout = 20", "`holdout` must be between 0 and 1", "20", "")]
#[case::weight("on = 'exit:s'\nvariants = [{ id = 'a', weight = 0 }]", "a weight must be above 0", "0", "")]
#[case::no_weight(
    "on = 'exit:s'\nvariants = [{ id = 'a' }]",
    "a variant of campaign `c` has no `weight`",
    "{ id = 'a' }",
    "weight = 1"
)]
#[case::variant_twice(
    "on = 'exit:s'\nvariants = [{ id = 'a', weight = 1 }, { id = \"a\", weight = 1 }]",
    "variant `a` is defined twice",
    "\"a\"",
    ""
)]
#[case::variant_no_table(
    "on = 'exit:s'\nvariants = ['a']",
    "each of `variants` must be a table, but this is a string",
    "'a'",
    ""
)]
#[case::budget("on = 'exit:s'\nbudget = 100", "unknown key `budget` in this campaign", "budget", "")]
#[case::spends_of_none(
    "on = 'exit:s'\nspends = [{ budget = 'summer', cost = '1' }]",
    "there is no budget `summer` in [[budgets]]",
    "'summer'",
    "there are no budgets yet"
)]
#[case::settle_alone(
    "on = 'exit:s'\nsettle = { on = 'a', within = '1d' }",
    "`settle` says what was spent, but this campaign spends nothing",
    "{ on = 'a', within = '1d' }",
    "add `spends`"
)]
#[case::coupon_for_good(
    "on = 'exit:s'\ncoupon = { kind = 'percent' }",
    "the coupon of campaign `c` has no `valid`",
    "{ kind = 'percent' }",
    "\"7d\""
)]
#[case::coupon_misspelt(
    "on = 'exit:s'\ncoupon = { valid = '7d', lenght = 8 }",
    "a coupon has no key `lenght`",
    "lenght",
    "did you mean `length`?"
)]
#[case::coupon_short(
    "on = 'exit:s'\ncoupon = { valid = '7d', length = 5 }",
    "`length` must be between 6 and 26",
    "5",
    ""
)]
#[case::code_elsewhere(
    "on = 'exit:s'\npayload_from = { code = 'code()' }",
    "code() is the code of a coupon, and there is none here",
    "code()",
    "settle"
)]
#[case::unknown_key(
    "on = 'exit:s'\ncool_down = '1d'",
    "unknown key `cool_down` in this campaign",
    "cool_down",
    "did you mean `cooldown`?"
)]
#[case::payload_infinite("on = 'exit:s'\npayload = { x = inf }", "JSON has no such number", "inf", "")]
#[case::payload_from_fixed(
    "on = 'exit:s'\npayload_from = { x = 3 }",
    "payload_from has expressions in quotes, but this is a whole number",
    "3",
    "payload"
)]
#[case::payload_twice(
    "on = 'exit:s'\npayload = { x = 1 }\npayload_from = { x = 'total(a)' }",
    "payload and payload_from both have `x`",
    "x",
    ""
)]
#[case::condition("on = 'exit:s'\nif = 'total(b) > 1'", "there is no event `b` in [events]", "b", "did you mean `a`?")]
fn a_wrong_campaign_says_what_and_where(
    #[case] keys: &str,
    #[case] message: &str,
    #[case] underlined: &str,
    #[case] help: &str,
) {
    let channel = if keys.contains("channel") { "" } else { "channel = 'email'\n" };
    let (found, span, advice) = only_problem(&format!("{SEGMENT}[[campaigns]]\nid = 'c'\n{channel}{keys}\n"));
    assert_eq!((found.as_str(), span.as_str()), (message, underlined));
    assert!(advice.contains(help), "{advice:?} has no {help:?}");
}
