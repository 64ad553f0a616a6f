//! Consent and partners, right and wrong.

use rstest::rstest;

use super::{compiled, only_problem, rules_with};
use crate::rules::ruleset::PurposeId;

const EVENTS: &str = "[events]\norder = 'O'\n[per.cart]\nkey = 'cart_id'\nttl = '1d'\n[[segments]]\nid = 'vip'\nwhen = \
                      'total(order) > 3'\n[[segments]]\nid = 'left'\nper = 'cart'\nwhen = 'total(order) == 0'\n";

#[rstest]
#[case::no_id("segments = ['vip']", "this partner has no `id`", "[[partners]]", "add id = \"acme\"")]
#[case::no_segments("id = 'a'", "partner `a` has no `segments`", "[[partners]]", "add segments = [\"vip\"]")]
#[case::nobody("id = 'a'\nsegments = []", "this partner is told of nobody", "[]", "segments = [\"vip\"]")]
#[case::unknown_segment("id = 'a'\nsegments = ['vap']", "there is no segment `vap`", "'vap'", "did you mean `vip`?")]
#[case::twice("id = 'a'\nsegments = ['vip', 'vip']", "segment `vip` is listed twice", "'vip'", "each segment once")]
#[case::of_keys(
    "id = 'a'\nsegments = ['left']",
    "segment `left` is of keys, and partners know users",
    "'left'",
    "keys_in"
)]
#[case::no_purpose("id = 'a'\nsegments = ['vip']\nneeds = ['']", "a purpose without a name is none", "''", "marketing")]
#[case::purpose_twice("id = 'a'\nsegments = ['vip']\nneeds = ['x', 'x']", "`x` is listed twice", "'x'", "once")]
#[case::number(
    "id = 'a'\nsegments = ['vip']\nsubject = 'total(order)'",
    "`subject` must be a text, but this is a number",
    "'total(order)'",
    "traits.email"
)]
#[case::constant(
    "id = 'a'\nsegments = ['vip']\nsubject = '\"x\"'",
    "everybody would be the same to the partner",
    "'\"x\"'",
    "traits.email"
)]
#[case::event(
    "id = 'a'\nsegments = ['vip']\nsubject = 'event.email'",
    "`event` is the event that triggers a campaign, and there is none here",
    "event.email",
    "payload_from"
)]
#[case::id("id = 'a b'\nsegments = ['vip']", "`a b` cannot be a partner id", "'a b'", "use letters")]
#[case::key("id = 'a'\nsegments = ['vip']\nneed = ['x']", "unknown key `need` in this partner", "need", "needs")]
fn a_mistake_in_a_partner_is_reported_at_its_place(
    #[case] keys: &str,
    #[case] message: &str,
    #[case] place: &str,
    #[case] help: &str,
) {
    let found = only_problem(&format!("{EVENTS}[[partners]]\n{keys}\n"));
    assert_eq!((found.0.as_str(), found.1.as_str()), (message, place), "{found:?}");
    assert!(found.2.contains(help), "{found:?}");
}

#[test]
fn a_partner_is_defined_once() {
    let partner = "[[partners]]\nid = 'a'\nsegments = ['vip']\n";
    let found = only_problem(&format!("{EVENTS}{partner}{partner}"));
    assert_eq!(found.0, "partner `a` is defined twice");
}

#[rstest]
#[case::no_argument("consent()", "consent is not used like this", "consent()")]
#[case::no_text("consent(view)", "what is consented to must be a literal in quotes", "view")]
#[case::no_name("consent('')", "a purpose without a name is none", "''")]
#[case::ordered("consent('a') > consent('b')", "true and false have no order", "consent('a') > consent('b')")]
#[case::with_a_number("consent('a') == 1", "true or false is compared with a number", "consent('a') == 1")]
fn a_mistake_in_consent_is_reported_at_its_place(#[case] when: &str, #[case] message: &str, #[case] place: &str) {
    let found = only_problem(&rules_with(when));
    assert_eq!((found.0.as_str(), found.1.as_str()), (message, place), "{found:?}");
}

#[test]
fn a_where_sees_no_consent() {
    let found = only_problem("[events]\norder = { event = 'O', where = \"consent('a')\" }\n");
    assert_eq!(found.0, "`where` sees only one event and the traits, but consent() reads the user's history");
}

#[test]
fn a_campaign_needs_what_it_says_or_else_what_the_rules_do() {
    let campaign =
        |id: &str, needs: &str| format!("[[campaigns]]\nid = '{id}'\non = 'enter:vip'\nchannel = 'e'\n{needs}\n");
    let rules = compiled(&format!(
        "needs = ['marketing']\n{EVENTS}{}{}{}[[partners]]\nid = 'a'\nsegments = ['vip']\n",
        campaign("a", ""),
        campaign("b", "needs = ['ads', 'marketing']"),
        campaign("c", "needs = []"),
    ));
    let needs: Vec<&[PurposeId]> = rules.campaigns.iter().map(|campaign| campaign.needs.as_slice()).collect();
    assert_eq!(needs, [&[PurposeId(0)][..], &[PurposeId(1), PurposeId(0)], &[]]);
    assert_eq!(rules.partners[0].needs, [], "those of the rules are of campaigns");
    let names: Vec<&str> = rules.purposes.iter().map(|purpose| purpose.name.as_str()).collect();
    assert_eq!(names, ["marketing", "ads"]);
}
