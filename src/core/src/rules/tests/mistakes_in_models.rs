//! Wrong `[[models]]`, and wrong questions to right ones: what is said, what is underlined, what is advised.

use rstest::rstest;

use super::{compiled, only_problem, problems};

const MODEL: &str = r#"[events]
order = "Order Completed"
view = "Product Viewed"

[[models]]
id = "buying"
kind = "mbg_nbd"
on = "order"
min_gap = "12h"
unit = "7d"
r = 0.525
alpha = 6.183
a = 0.891
b = 1.614
value = "total"
p = 6.25
q = 3.74
gamma = 15.44

[[models]]
id = "visits"
kind = "bg_nbd"
on = "view"
unit = "1d"
r = 1
alpha = 1
a = 1
b = 1
"#;

fn with_when(when: &str) -> String {
    format!("{MODEL}\n[[segments]]\nid = \"s\"\nwhen = \"\"\"{when}\"\"\"\n")
}

fn with_if(condition: &str) -> String {
    let campaign = "[[campaigns]]\nid = \"c\"\non = \"event:order\"\nchannel = \"email\"";
    format!("{MODEL}\n{campaign}\nif = \"\"\"{condition}\"\"\"\n")
}

#[rstest]
#[case::kind_unknown("\"mbg_nbd\"", "\"mbg_nbt\"", "there is no kind of model `mbg_nbt`", "\"mbg_nbt\"", "`mbg_nbd`?")]
#[case::kind_far_off(
    "\"mbg_nbd\"",
    "\"pareto\"",
    "there is no kind of model `pareto`",
    "\"pareto\"",
    "leave after any"
)]
#[case::kind_missing("kind = \"mbg_nbd\"\n", "", "model `buying` has no `kind`", "[[models]]", "add kind")]
#[case::id_missing("id = \"buying\"\n", "", "this model has no `id`", "[[models]]", "add id")]
#[case::id_of_another("\"visits\"", "\"buying\"", "there are two models `buying`", "\"buying\"", "an id of its own")]
#[case::id_with_blank("\"visits\"", "\"a b\"", "`a b` cannot be a model's id", "\"a b\"", "letters")]
#[case::event_unknown(
    "\"order\"\nmin",
    "\"orders\"\nmin",
    "there is no event `orders` in [events]",
    "\"orders\"",
    "`order`"
)]
#[case::event_missing("on = \"view\"\n", "", "model `visits` has no `on`", "[[models]]", "add on")]
#[case::unit_missing("unit = \"1d\"\n", "", "model `visits` has no `unit`", "[[models]]", "add unit")]
#[case::unit_of_none("\"1d\"", "\"0d\"", "`0d` is too short; a duration is at least 1ms", "\"0d\"", "")]
#[case::unit_a_number("\"1d\"", "1", "`unit` must be a string, but this is a whole number", "1", "")]
#[case::gap_of_none("\"12h\"", "\"0ms\"", "`0ms` is too short; a duration is at least 1ms", "\"0ms\"", "")]
#[case::r_missing("r = 0.525\n", "", "model `buying` has no `r`", "[[models]]", "rekindle fit")]
#[case::r_zero("r = 0.525", "r = 0", "`r` must be above 0", "0", "rekindle fit")]
#[case::alpha_negative("6.183", "-6.183", "`alpha` must be above 0", "-6.183", "")]
#[case::a_zero("0.891", "0.0", "`a` must be above 0", "0.0", "")]
#[case::b_infinite("1.614", "inf", "`b` must be a finite number", "inf", "")]
#[case::b_a_text("1.614", "\"1.6\"", "`b` must be a number, but this is a string", "\"1.6\"", "")]
#[case::p_zero("6.25", "0", "`p` must be above 0", "0", "")]
#[case::no_p(
    "p = 6.25\n",
    "",
    "model `buying` has something of what purchases are worth, but no `p`",
    "[[models]]",
    "belong together"
)]
#[case::no_value(
    "value = \"total\"\n",
    "",
    "model `buying` has something of what purchases are worth, but no `value`",
    "[[models]]",
    "leave all out"
)]
#[case::value_from_the_root(
    "\"total\"",
    "\"properties.total\"",
    "`value` names a property of the matches",
    "\"properties.total\"",
    "below the properties"
)]
#[case::unknown_key("gamma = 15.44", "gamma = 15.44\nbeta = 1", "unknown key `beta` in this model", "beta", "")]
fn a_wrong_model_is_refused(
    #[case] right: &str,
    #[case] wrong: &str,
    #[case] message: &str,
    #[case] underlined: &str,
    #[case] help: &str,
) {
    assert!(MODEL.contains(right), "{right}");
    let found = only_problem(&MODEL.replacen(right, wrong, 1));
    assert!(found.0 == message && found.1 == underlined && found.2.contains(help), "{found:?}");
}

#[rstest]
#[case::unknown("p_alive('buyin') < 0.5", "there is no model `buyin`", "'buyin'", "`buying`")]
#[case::no_text("p_alive(order) < 0.5", "a model is named by its id in quotes", "order", "p_alive('buying')")]
#[case::nothing("p_alive() < 0.5", "p_alive is not used like this", "p_alive()", "write p_alive('buying')")]
#[case::alone("p_alive('buying')", "this is a number, not a condition", "p_alive('buying')", "> 0")]
#[case::two(
    "p_alive('buying') < p_alive('visits')",
    "two functions that move with time stand in one comparison with more than + and - of durations",
    "p_alive('buying') < p_alive('visits')",
    "one of them at a time"
)]
#[case::divisor(
    "1 / p_alive('buying') > 2",
    "what moves with time cannot be a divisor in `when`",
    "p_alive('buying')",
    "multiply the other side"
)]
#[case::in_a_list(
    "p_alive('buying') in [0.5]",
    "what moves with time can only be compared in `when`",
    "p_alive('buying')",
    ""
)]
#[case::duration("p_alive('buying') < duration('5d')", "a duration is compared with a number", "p_alive('buying')", "")]
#[case::expected(
    "expected('buying', '90d') > 1",
    "expected() is asked when a campaign is decided, not in `when`",
    "expected",
    "compare p_alive"
)]
#[case::clv("clv('buying', '90d') > 1", "clv() is asked when a campaign is decided, not in `when`", "clv", "`if`")]
fn a_wrong_question_in_when_is_refused(
    #[case] when: &str,
    #[case] message: &str,
    #[case] underlined: &str,
    #[case] help: &str,
) {
    let found = only_problem(&with_when(when));
    assert!(found.0 == message && found.1 == underlined && found.2.contains(help), "{found:?}");
}

#[rstest]
#[case::no_time("expected('buying') > 1", "expected is not used like this", "expected('buying')", "'90d'")]
#[case::window("expected('buying', 'today') > 1", "'today' is no length of time", "'today'", "")]
#[case::zero("expected('buying', '0d') > 1", "`0d` is too short; a duration is at least 1ms", "'0d'", "")]
#[case::no_literal(
    "clv('buying', 90) > 1",
    "the time to come must be a literal in quotes",
    "90",
    "clv('buying', '90d')"
)]
#[case::no_value(
    "clv('visits', '90d') > 1",
    "model `visits` does not know what purchases are worth",
    "'visits'",
    "rekindle fit"
)]
fn a_wrong_question_in_if_is_refused(
    #[case] condition: &str,
    #[case] message: &str,
    #[case] underlined: &str,
    #[case] help: &str,
) {
    let found = only_problem(&with_if(condition));
    assert!(found.0 == message && found.1 == underlined && found.2.contains(help), "{found:?}");
}

#[test]
fn models_are_asked_about_the_user_also_under_a_key() {
    let per = "\n[per.cart]\nkey = \"cart_id\"\nttl = \"1d\"\n";
    let segment = |when: &str| format!("{MODEL}{per}[[segments]]\nid = \"s\"\nper = \"cart\"\nwhen = \"{when}\"\n");
    let rules = compiled(&segment("p_alive('buying') < 0.5 && count(order, '1d') > 0"));
    assert_eq!(
        rules.models[0].feature,
        rules
            .features
            .iter()
            .position(|it| it.per.is_none())
            .map(|at| crate::rules::ruleset::FeatureId(at as u16))
            .unwrap()
    );
    let found = only_problem(&segment("user.p_alive('buying') < 0.5"));
    assert!(found.0.contains("does not ask about matches") && found.1 == "user", "{found:?}");
}

#[test]
fn where_and_let_do_not_know_users() {
    for event in
        ["{ event = 'O', where = \"p_alive('buying') < 1\" }", "{ event = 'O', let = { x = \"clv('buying', '1d')\" } }"]
    {
        let text = MODEL.replacen("\"Order Completed\"", event, 1);
        assert!(problems(&text)[0].0.contains("reads the user's history"), "{:?}", problems(&text));
    }
}

#[test]
fn a_mistake_in_a_model_is_told_once() {
    let text = with_when("p_alive('buying') < 0.5").replacen("0.525", "0", 1);
    assert_eq!(only_problem(&text).0, "`r` must be above 0");
}
