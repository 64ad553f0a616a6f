//! Consent, and what partners are told.

use super::*;
use crate::checkpoint::translate;
use crate::partition::{Cause, ExecutionPlan, OutputKind, RulesChange, User};
use crate::partners::PartnerKey;
use crate::rules;
use crate::secret::DrawSecret;

const RULES: &str = r#"
[events]
view = "View"

[[segments]]
id = "keen"
when = "total(view) >= 1"

[[segments]]
id = "vip"
when = "total(view) >= 2 && since(view) < duration('1h')"

[[partners]]
id = "acme"
needs = ["ads"]
subject = "traits.email"
segments = ["vip", "keen"]

[[partners]]
id = "zeta"
segments = ["keen"]
"#;

fn story() -> Story {
    Story::under(RULES).with_secret(secret())
}

fn secret() -> DrawSecret {
    DrawSecret::of_file(b"shh")
}

fn says(story: &mut Story, at: i64, user: &str, preferences: &str) {
    let context = format!(r#""context":{{"consent":{{"categoryPreferences":{{{preferences}}}}}}}"#);
    story.call(at, user, &format!(r#""type":"group",{context}"#));
}

fn subject(partner: &str, text: &str) -> String {
    PartnerKey::new(&secret(), partner).subject(text).to_string()
}

/// What partners were told, with the texts in the place of the subjects that are made of them.
fn shared(story: &mut Story) -> Vec<String> {
    let mut told = story.told();
    told.retain(|line| line.contains("shared"));
    let texts = ["ana@x", "ben@x", "u", "v", "w"];
    for line in &mut told {
        for (partner, text) in ["acme", "zeta"].iter().flat_map(|partner| texts.map(|text| (partner, text))) {
            *line = line.replace(&subject(partner, text), text);
        }
    }
    told
}

#[test]
fn a_user_is_shared_while_it_is_in_the_segment_and_consents_and_is_known_by_a_text() {
    let mut story = story();
    story.track(0, "View", "");
    assert_eq!(shared(&mut story), ["0 shared zeta enter keen u"], "without needs and subject at once");
    says(&mut story, 1, USER, r#""ads":true"#);
    assert_eq!(shared(&mut story), [""; 0], "there is no text yet");
    story.identify(2, r#""email":"ana@x""#);
    assert_eq!(shared(&mut story), ["2 shared acme enter keen ana@x"]);
    story.track(3, "View", "");
    assert_eq!(shared(&mut story), ["3 shared acme enter vip ana@x"]);
    story.identify(4, r#""email":"ben@x""#);
    let again =
        ["vip ana@x", "vip ben@x", "keen ana@x", "keen ben@x"].into_iter().zip(["exit", "enter", "exit", "enter"]);
    let again: Vec<String> = again.map(|(what, change)| format!("4 shared acme {change} {what}")).collect();
    assert_eq!(shared(&mut story), again, "as the partner lists its segments, each exit before its enter");
    story.wait(HOUR + 3);
    assert_eq!(shared(&mut story), ["3600003 shared acme exit vip ben@x"], "time alone ends it");
    says(&mut story, HOUR + 4, USER, r#""ads":false"#);
    assert_eq!(shared(&mut story), ["3600004 shared acme exit keen ben@x"]);
    story.identify(HOUR + 5, r#""email":7"#);
    says(&mut story, HOUR + 6, USER, r#""ads":true"#);
    assert_eq!(shared(&mut story), [""; 0], "a number is no text");
    assert_eq!(story.partition.counts().shared, [[4, 4], [1, 0]]);
    assert_eq!(story.partition.counts().sharing, [0, 1]);
}

#[test]
fn the_latest_saying_counts_and_of_equal_times_the_one_that_says_no() {
    let mut story = Story::of("consent('ads') && !consent('mail') && consent('ads') != consent('mail')");
    for (preferences, at, is_in) in [
        (r#""ads":true"#, 10, false),
        (r#""mail":false"#, 20, true),
        (r#""mail":true"#, 15, true),
        (r#""mail":true"#, 20, true),
        (r#""mail":"yes""#, 30, true),
        (r#""mail":null,"ads":null"#, 31, true),
        (r#""ads":false"#, 10, false),
        (r#""ads":true"#, 11, true),
        (r#""mail":true"#, 21, false),
    ] {
        says(&mut story, at, USER, preferences);
        assert_eq!(story.is_in("s"), is_in, "{preferences} at {at}");
    }
}

#[test]
fn a_duplicate_says_nothing() {
    let mut story = Story::of("consent('ads')");
    let call = |said| {
        let consent = format!(r#""context":{{"consent":{{"categoryPreferences":{{"ads":{said}}}}}}}"#);
        format!(r#""type":"page","messageId":"m",{consent}"#)
    };
    story.call(0, USER, &call(true)).call(1, USER, &call(false));
    assert!(story.is_in("s"));
}

#[test]
fn a_visitor_leaves_before_it_is_merged_and_what_it_said_is_the_users() {
    let mut story = story();
    view(&mut story, 0, "v", "");
    says(&mut story, 1, "v", r#""ads":true"#);
    story.identify(2, r#""email":"ana@x""#).track(3, "View", "");
    assert_eq!(shared(&mut story), ["0 v: shared zeta enter keen v", "3 shared zeta enter keen u"]);
    story.link(4, USER, "v");
    let told = story.outputs();
    let kinds: Vec<&str> = told
        .iter()
        .map(|output| match &output.decided {
            OutputKind::Shared(shared) => &*shared.partner,
            OutputKind::Merged { .. } => "merged",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["zeta", "merged", "other", "acme", "acme"]);
    assert_eq!((&*told[0].user, told[0].at), ("v", Timestamp(START + 4)));
    assert_eq!(story.partition.counts().sharing, [2, 1]);
}

#[test]
fn who_is_forgotten_or_expires_leaves_at_that_instant() {
    let mut story = story();
    story.track(0, "View", "");
    story.forget(USER);
    assert_eq!(shared(&mut story), ["0 shared zeta enter keen u", "0 shared zeta exit keen u"]);
    assert_eq!(story.partition.counts().sharing, [0, 0]);
    assert!(!story.forget(USER));
    let mut story = Story::under(RULES).dropping_after(2 * HOUR);
    story.track(0, "View", "").wait(3 * HOUR);
    assert_eq!(story.told().last().map(|line| line[..26].to_owned()), Some("7200000 shared zeta exit k".to_owned()));
    assert_eq!(story.partition.counts().sharing, [0, 0]);
}

/// The watermark is behind when the event comes.
#[test]
fn who_is_found_expired_by_an_event_has_left_before() {
    let mut story = Story::under(RULES).dropping_after(2 * HOUR);
    story.track(0, "View", "").track(5 * HOUR, "View", "");
    let told: Vec<String> = story.told().into_iter().filter(|line| line.contains("shared")).collect();
    let begins: Vec<&str> = told.iter().map(|line| line.rsplit_once(' ').map_or("", |(begin, _)| begin)).collect();
    let expected = ["0 shared zeta enter keen", "7200000 shared zeta exit keen", "18000000 shared zeta enter keen"];
    assert_eq!(begins, expected);
}

#[test]
fn a_withdrawal_ends_what_is_deferred() {
    let rules = format!(
        "needs = ['mail']\n{}quiet_hours = '22:00-08:00'\n{CAMPAIGN}needs = []\n",
        with_campaign("total(view) >= 1", "", "").replace("id = \"c\"", "id = \"d\"")
    );
    let mut story = Story::under(&rules);
    story.track(0, "View", "");
    assert_eq!(story.decided(), ["enter s", "no_consent d", "sent c"], "`needs = []` needs nothing");
    let mut story = Story::under(&rules);
    says(&mut story, 0, USER, r#""mail":true"#);
    story.track(1, "View", "");
    assert_eq!(story.decided(), ["enter s", "deferred d", "sent c"]);
    says(&mut story, 2, USER, r#""mail":false"#);
    story.wait(9 * HOUR);
    assert_eq!(story.decided(), ["no_consent d"]);
}

#[test]
fn the_steps_of_a_decision_say_what_is_lacking() {
    let rules = format!("needs = ['mail', 'ads']\n{}", with_campaign("total(view) >= 1", "", ""));
    let mut story = Story::under(&rules).with_decision_steps();
    says(&mut story, 0, USER, r#""mail":true"#);
    story.track(1, "View", "");
    let outputs = story.outputs();
    let OutputKind::Decision(decision) = &outputs[1].decided else { panic!("{outputs:?}") };
    let last = decision.steps.last().expect("a step decided");
    assert_eq!((last.name(), last.is_passed(outputs[1].at)), ("needs", false));
}

/// The user as other rules have it, evaluated once.
fn under_other_rules(story: &mut Story, rules: &str) -> Vec<String> {
    let user = story.partition.detach(USER).expect("the user is there");
    let compiled = rules::compile(rules).expect("sound");
    let next = ExecutionPlan::new(compiled);
    let mut users = translate(&story.plan, &next, std::iter::once(*user)).expect("what was encoded");
    let user: User = users.pop().expect("the user");
    let mut other = Story::under(rules).with_secret(secret());
    let change = RulesChange {
        number: 1,
        watermark: Timestamp(START + HOUR),
        latest_read: Timestamp(START + HOUR),
        position: 9,
    };
    let mut out = Vec::new();
    other.partition.attach_under_other_rules(&other.plan, user, &change, &mut out);
    out.iter()
        .filter_map(|output| match &output.decided {
            OutputKind::Shared(shared) => {
                Some(format!("{} {} {}", shared.partner, shared.change.name(), shared.segment))
            }
            OutputKind::Transition { cause: Cause::Rules { .. }, .. } => Some("transition".to_owned()),
            _ => None,
        })
        .collect()
}

#[test]
fn what_the_rules_do_not_name_any_more_ends_when_they_take_effect() {
    let told = |rules: &str| {
        let mut story = story();
        says(&mut story, 0, USER, r#""ads":true"#);
        story.identify(1, r#""email":"ana@x""#).track(2, "View", "");
        assert_eq!(shared(&mut story).len(), 2);
        under_other_rules(&mut story, rules)
    };
    assert_eq!(told(RULES), [""; 0], "nothing is told twice");
    assert_eq!(told(&RULES.replace("\"zeta\"", "\"yota\"")), ["zeta exit keen", "yota enter keen"]);
    assert_eq!(told(&RULES.replace("[\"vip\", \"keen\"]", "[\"vip\"]")), ["acme exit keen"]);
    let renamed = ["transition", "acme exit keen", "zeta exit keen", "acme enter eager", "zeta enter eager"];
    assert_eq!(told(&RULES.replace("\"keen\"", "\"eager\"")), renamed);
    let without = RULES.split("[[partners]]").next().expect("a part").to_owned();
    assert_eq!(told(&without), ["acme exit keen", "zeta exit keen"]);
}
