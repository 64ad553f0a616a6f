//! Goals, right and wrong.

use rstest::rstest;

use super::{compiled, only_problem};
use crate::rules::ruleset::GoalId;

const EVENTS: &str = "[events]\norder = 'O'\nadd = 'A'\n[[segments]]\nid = 'rich'\nwhen = 'total(order) > 3'\n";
const CAMPAIGN: &str = "[[campaigns]]\nid = 'c'\non = 'enter:rich'\nchannel = 'email'\n";

#[rstest]
#[case::no_event("within = '7d'", "goal `g` has no `on`", "[[goals]]", "add on = \"order\"")]
#[case::unknown_event(
    "on = 'ordr'\nwithin = '7d'",
    "there is no event `ordr` in [events]",
    "'ordr'",
    "did you mean `order`?"
)]
#[case::segment("on = 'rich'\nwithin = '7d'", "`rich` is a segment, not an event", "'rich'", "name an event")]
#[case::as_in_campaigns(
    "on = 'event:order'\nwithin = '7d'",
    "`on` of a goal is just the name of an event",
    "'event:order'",
    "write on = \"order\""
)]
#[case::no_within("on = 'order'", "goal `g` has no `within`", "[[goals]]", "add within = \"7d\"")]
#[case::within(
    "on = 'order'\nwithin = 'soon'",
    "this is not a duration: `soon` is not a whole number followed by a unit (ms, s, m, h, d, w)",
    "'soon'",
    ""
)]
#[case::within_of_nothing("on = 'order'\nwithin = '0s'", "`0s` is too short; a duration is at least 1ms", "'0s'", "")]
#[case::value(
    "on = 'order'\nwithin = '7d'\nvalue = 'properties.total'",
    "`value` names a property of the matches",
    "'properties.total'",
    "value = \"total\""
)]
#[case::value_as_number(
    "on = 'order'\nwithin = '7d'\nvalue = 5",
    "`value` must be a string, but this is a whole number",
    "5",
    ""
)]
#[case::unknown_key("on = 'order'\nwithin = '7d'\nvalu = 'total'", "unknown key `valu` in this goal", "valu", "value")]
fn a_mistake_in_a_goal_is_reported_at_its_place(
    #[case] keys: &str,
    #[case] message: &str,
    #[case] place: &str,
    #[case] help: &str,
) {
    let problem = only_problem(&format!("{EVENTS}[[goals]]\nid = 'g'\n{keys}\n"));
    assert_eq!((problem.0.as_str(), problem.1.as_str()), (message, place));
    assert!(problem.2.contains(help), "{}", problem.2);
}

#[rstest]
#[case::unknown("['by']", "there is no goal `by`", "'by'", "did you mean `buy`?")]
#[case::twice("['buy', 'cart', 'buy']", "goal `buy` is listed twice", "'buy'", "once")]
#[case::no_list("'buy'", "`goals` must be a list of strings in [ ], but this is a string", "'buy'", "")]
#[case::no_text("[1]", "each of `goals` must be a string, but this is a whole number", "1", "")]
fn a_mistake_in_the_goals_of_a_campaign_is_reported_at_its_place(
    #[case] goals: &str,
    #[case] message: &str,
    #[case] place: &str,
    #[case] help: &str,
) {
    let problem = only_problem(&format!("{EVENTS}{CAMPAIGN}goals = {goals}\n{}", goals_named(&["buy", "cart"])));
    assert_eq!((problem.0.as_str(), problem.1.as_str()), (message, place));
    assert!(problem.2.contains(help), "{}", problem.2);
}

#[test]
fn a_goal_that_is_defined_twice_and_one_too_many_are_reported() {
    let problem = only_problem(&format!("{EVENTS}{}", goals_named(&["buy", "buy"])));
    assert_eq!(problem.0, "goal `buy` is defined twice");
    assert_eq!(problem.2, "it is already defined on line 8; give one of them another id");
    let ids: Vec<String> = (0..257).map(|number| format!("g{number}")).collect();
    let problem = only_problem(&format!("{EVENTS}{}", goals_named(&ids)));
    assert_eq!(problem.0, "there are more than 256 goals");
}

#[test]
fn a_campaign_is_measured_by_all_goals_by_those_it_lists_or_by_none() {
    let of = |goals: &str| {
        let rules = compiled(&format!("{EVENTS}{CAMPAIGN}{goals}\n{}", goals_named(&["buy", "cart", "visit"])));
        rules.campaigns[0].goals.clone()
    };
    assert_eq!(of(""), [0, 1, 2].map(GoalId));
    assert_eq!(of("goals = ['visit', 'buy']"), [0, 2].map(GoalId), "in the order of [[goals]]");
    assert_eq!(of("goals = []"), []);
}

#[test]
fn the_value_of_a_goal_is_that_of_a_match() {
    let goal = "[[goals]]\nid = 'g'\non = 'line'\nvalue = 'worth'\nwithin = '1d'\n";
    let rules = compiled(&format!(
        "[events]\nline = {{ event = 'O', each = 'products', let = {{ worth = 'item.price * item.quantity' }} }}\n{goal}"
    ));
    let field = rules.goals[0].value.expect("a value");
    assert_eq!(rules.projection.fields[usize::from(field.0)], ["line", "worth"]);
    assert_eq!(rules.amounts.len(), 1, "values that are no numbers are told");
    let rules = compiled(&format!("{EVENTS}{}", goal.replace("line", "order").replace("worth", "cart.total")));
    let field = rules.goals[0].value.expect("a value");
    assert_eq!(rules.projection.fields[usize::from(field.0)], ["properties", "cart", "total"]);
    assert_eq!(rules.projection.property_events, Some(vec!["O".to_owned()]));
}

fn goals_named(ids: &[impl std::fmt::Display]) -> String {
    ids.iter().map(|id| format!("[[goals]]\nid = '{id}'\non = 'order'\nwithin = '7d'\n")).collect()
}
