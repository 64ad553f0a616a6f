//! `adapt` of a campaign, right and wrong.

use rstest::rstest;

use super::{compiled, only_problem, problems};
use crate::rules::ruleset::{Adaptation, GoalId, TakingInterval};

const VARIANTS: &str = "variants = [{ id = 'a', weight = 1 }, { id = 'b', weight = 2 }]\n";

fn rules(lines: &str) -> String {
    let goals =
        "[[goals]]\nid = 'buy'\non = 'order'\nwithin = '7d'\n[[goals]]\nid = 'look'\non = 'view'\nwithin = '1d'\n";
    let campaign = "[[campaigns]]\nid = 'mail'\non = 'event:view'\nchannel = 'email'\n";
    format!("[events]\nview = 'V'\norder = 'O'\n{goals}{campaign}{lines}\n")
}

#[test]
fn a_campaign_with_variants_adapts() {
    let of = |lines: &str| compiled(&rules(lines)).campaigns[0].adapt;
    let adapt = of(&format!("{VARIANTS}adapt = {{ goal = 'look', every = 'hour', floor = 0.05 }}"));
    assert_eq!(adapt, Some(Adaptation { goal: GoalId(1), every: TakingInterval::Hour, floor: 0.05 }));
    assert_eq!(of(&format!("{VARIANTS}adapt = {{ goal = 'buy', every = 'day' }}")).map(|adapt| adapt.floor), Some(0.0));
    assert_eq!(of(VARIANTS), None);
    // Half of the users each is all that is left to give.
    assert!(of(&format!("{VARIANTS}adapt = {{ goal = 'buy', every = 'day', floor = 0.5 }}")).is_some());
}

#[rstest]
#[case::no_variants(
    "",
    "{ goal = 'buy', every = 'day' }",
    "there are no variants whose weights could adapt",
    "{ goal = 'buy', every = 'day' }",
    "add variants"
)]
#[case::one_variant(
    "variants = [{ id = 'a', weight = 1 }]\n",
    "{ goal = 'buy', every = 'day' }",
    "weights of fewer than two variants cannot adapt",
    "{ goal = 'buy', every = 'day' }",
    "add a variant"
)]
#[case::floor(
    VARIANTS,
    "{ goal = 'buy', every = 'day', floor = 0.6 }",
    "2 variants with a share of at least 0.6 each are more than all",
    "0.6",
    "at most 0.5"
)]
#[case::no_goal(
    VARIANTS,
    "{ every = 'day' }",
    "`adapt` of campaign `mail` has no `goal`",
    "{ every = 'day' }",
    "goal = \"buy\""
)]
#[case::unknown_goal(
    VARIANTS,
    "{ goal = 'bye', every = 'day' }",
    "there is no goal `bye`",
    "'bye'",
    "the goals are `buy`, `look`"
)]
#[case::other_goal(
    "goals = ['look']\nvariants = [{ id = 'a', weight = 1 }, { id = 'b', weight = 2 }]\n",
    "{ goal = 'buy', every = 'day' }",
    "the campaign is not measured by goal `buy`",
    "'buy'",
    "`goals`"
)]
#[case::no_interval(
    VARIANTS,
    "{ goal = 'buy' }",
    "`adapt` of campaign `mail` has no `every`",
    "{ goal = 'buy' }",
    "every = \"day\""
)]
#[case::interval(VARIANTS, "{ goal = 'buy', every = 'minute' }", "`minute` is no interval", "'minute'", "hour")]
fn a_mistake_in_adapt_says_what_and_where(
    #[case] variants: &str,
    #[case] adapt: &str,
    #[case] message: &str,
    #[case] underlined: &str,
    #[case] help: &str,
) {
    let (found, span, advice) = only_problem(&rules(&format!("{variants}adapt = {adapt}")));
    assert_eq!((found.as_str(), span.as_str()), (message, underlined));
    assert!(advice.contains(help), "{advice}");
}

#[test]
fn a_floor_below_zero_and_too_many_variants_are_refused() {
    assert!(
        !problems(&rules(&format!("{VARIANTS}adapt = {{ goal = 'buy', every = 'day', floor = -0.1 }}"))).is_empty()
    );
    let many: String = (0..33).map(|id| format!("{{ id = 'v{id}', weight = 1 }},")).collect();
    let many = format!("variants = [{many}]\nadapt = {{ goal = 'buy', every = 'day' }}");
    assert_eq!(only_problem(&rules(&many)).0, "the weights of more than 32 variants cannot adapt");
}
