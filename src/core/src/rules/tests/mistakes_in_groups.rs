//! Groups and what they tell, right and wrong (semantics §17).

use rstest::rstest;

use super::{compiled, only_problem};
use crate::rules::ruleset::{GroupId, NoticeAddressees, TransitionKind};

const GROUP: &str = "[groups.team]\nkey = 'group_id'\nttl = '1d'\n";
const SEGMENT: &str = "[[segments]]\nid = 'full'\nof = 'team'\nwhen = 'total(join) >= 3'\n";

fn file(events: &str, rest: &str) -> String {
    format!("[events]\njoin = 'Join'\n{events}\n{GROUP}{SEGMENT}{rest}")
}

#[test]
fn what_a_group_tells_has_its_values_and_the_key() {
    let rules = compiled(&file(
        "done = { of = 'team', on = 'enter:full', to = 'join', let = { size = 'distinct(join.user, \"1d\")' } }",
        "[[segments]]\nid = 'told'\nwhen = 'last(done.group_id) == \"g\" && last(done.size) > 2'\n",
    ));
    let done = &rules.names[1];
    let notice = done.notice.as_ref().expect("a group tells it");
    assert_eq!((notice.group, notice.change), (GroupId(0), TransitionKind::Enter));
    assert!(matches!(notice.to, NoticeAddressees::Members(_)));
    let lets: Vec<&str> = done.lets.iter().map(|value| value.name.as_str()).collect();
    assert_eq!((lets, done.values.len()), (vec!["size", "group_id"], 2));
}

#[rstest]
#[case::no_key("ttl = '1d'", "[groups.g] has no `key`", "g", "group_id")]
#[case::no_ttl("key = 'k'", "[groups.g] has no `ttl`", "g", "30d")]
#[case::ttl("key = 'k'\nttl = '0s'", "`0s` is too short; a duration is at least 1ms", "'0s'", "")]
#[case::properties(
    "key = 'properties.k'\nttl = '1d'",
    "`key` names a property of the matches",
    "'properties.k'",
    "below"
)]
#[case::max("key = 'k'\nttl = '1d'\nmax = 3", "unknown key `max` in [groups.g]", "max", "")]
fn a_mistake_in_a_group_is_reported_at_its_place(
    #[case] keys: &str,
    #[case] message: &str,
    #[case] place: &str,
    #[case] help: &str,
) {
    let problem = only_problem(&format!("[events]\njoin = 'Join'\n[groups.g]\n{keys}\n"));
    assert_eq!((problem.0.as_str(), problem.1.as_str()), (message, place));
    assert!(problem.2.contains(help), "{}", problem.2);
}

#[rstest]
#[case::unknown_group("of = 'teem', on = 'enter:full', to = 'join'", "there is no [groups.teem]", "'teem'", "`team`")]
#[case::event(
    "of = 'team', event = 'X', on = 'enter:full', to = 'join'",
    "`event` selects events, but with `of` a name is what a group tells",
    "'X'",
    "leave it out"
)]
#[case::no_on("of = 'team', to = 'join'", "event `done` has no `on`", "done", "enter:team_full")]
#[case::on(
    "of = 'team', on = 'event:join', to = 'join'",
    "`on` must name a change and a segment of the group",
    "'event:join'",
    ""
)]
#[case::unknown_segment(
    "of = 'team', on = 'enter:ful', to = 'join'",
    "there is no segment `ful`",
    "'enter:ful'",
    "`full`"
)]
#[case::segment_of_users(
    "of = 'team', on = 'enter:mine', to = 'join'",
    "segment `mine` is not about the groups of [groups.team]",
    "'enter:mine'",
    "of = \"team\""
)]
#[case::both(
    "of = 'team', on = 'enter:full', to = 'join', to_user = 'first(join.user)'",
    "it is told either `to` several users or `to_user` one",
    "'first(join.user)'",
    "keep"
)]
#[case::told_to_those_it_told(
    "of = 'team', on = 'enter:full', to = 'done'",
    "`done` is told by a group, and no group has a match of it",
    "'done'",
    "join"
)]
#[case::unknown_addressees(
    "of = 'team', on = 'enter:full', to = 'jion'",
    "there is no event `jion` in [events]",
    "'jion'",
    "`join`"
)]
#[case::not_a_user(
    "of = 'team', on = 'enter:full', to_user = 'age()'",
    "a user's id is needed here, but this is a duration",
    "age()",
    "first(invite.user)"
)]
#[case::key_twice(
    "of = 'team', on = 'enter:full', to = 'join', let = { group_id = 'key()' }",
    "`group_id` is the group's key, which every such match has anyway",
    "group_id",
    "another name"
)]
#[case::trait_of_a_group(
    "of = 'team', on = 'enter:full', to = 'join', let = { a = 'traits.a' }",
    "a group has no traits; only users have",
    "traits.a",
    ""
)]
fn a_mistake_in_what_a_group_tells_is_reported_at_its_place(
    #[case] keys: &str,
    #[case] message: &str,
    #[case] place: &str,
    #[case] help: &str,
) {
    let users = "[[segments]]\nid = 'mine'\nwhen = 'total(join) > 0'\n";
    let problem = only_problem(&file(&format!("done = {{ {keys} }}"), users));
    assert_eq!((problem.0.as_str(), problem.1.as_str()), (message, place));
    assert!(problem.2.contains(help), "{}", problem.2);
}

#[rstest]
#[case::balance(
    "of = 'team'\nwhen = 'keys_in(\"full\") > 0'",
    "keys_in() asks about a user, and this is about a group",
    "keys_in"
)]
#[case::user_segment_reads_group(
    "when = 'in_segment(\"full\")'",
    "segment `full` is about the groups of [groups.team], not about users",
    "\"full\""
)]
#[case::keys_of_a_group(
    "when = 'keys_in(\"full\") > 0'",
    "segment `full` is about the groups of [groups.team], not about users",
    "\"full\""
)]
#[case::part(
    "of = 'team'\nwhen = 'part(1, 2, 1) > 0'",
    "part() is what one of a group gets, in what the group tells",
    "part"
)]
#[case::of("of = 'teem'\nwhen = 'true'", "there is no [groups.teem]", "'teem'")]
fn a_mistake_in_a_segment_of_groups_is_reported_at_its_place(
    #[case] keys: &str,
    #[case] message: &str,
    #[case] place: &str,
) {
    let problem = only_problem(&file("", &format!("[[segments]]\nid = 's'\n{keys}\n")));
    assert_eq!((problem.0.as_str(), problem.1.as_str()), (message, place));
}

#[test]
fn no_campaign_is_on_a_segment_of_groups() {
    let problem = only_problem(&file("", "[[campaigns]]\nid = 'c'\non = 'enter:full'\nchannel = 'email'\n"));
    assert_eq!(problem.0, "segment `full` is about the groups of [groups.team], which get no campaign");
    assert!(problem.2.contains("of = \"team\""), "{}", problem.2);
}

#[test]
fn to_without_of_is_a_mistake() {
    let problem = only_problem("[events]\njoin = { event = 'Join', to = 'join' }\n");
    assert_eq!((problem.0.as_str(), problem.1.as_str()), ("`to` belongs to what a group tells", "'join'"));
}
