//! What budgets do with bad input, and when reservations end.

use super::*;
use rekindle_core::budgets::BudgetPeriod;
use rekindle_core::rules::ruleset::BudgetId;
use rekindle_core::time::Span;
use rstest::rstest;

/// A coupon that costs what the event says, settled by the order that bears its code.
const COUPON: &str = r#"
[events]
want = "Want"
order = "Order Completed"
[[budgets]]
id = "summer"
limit = 100
[[campaigns]]
id = "ordered"
on = "event:want"
channel = "email"
spends = [{ budget = "summer", cost = "event.cost" }]
coupon = { kind = "fixed", value = 10, valid = "1h" }
settle = { on = "order", when = "event.coupon == code()", amount = "event.discount" }
"#;

/// As a list of `key: value`, the properties of an event at a time.
fn call(event: &str, user: &str, time: &str, properties: &str) -> String {
    format!(
        r#"{{"type":"track","event":"{event}","userId":"{user}","timestamp":"2026-03-02T{time}Z","properties":{{{properties}}}}}"#
    )
}

fn fixture(rules: &str) -> Fixture {
    let clock = Clock::Events;
    let options =
        PipelineOptions { workers: 1, partitions: 3, clock, max_disorder: Span(0), ..PipelineOptions::default() };
    Fixture {
        pipeline: Pipeline::new(plan(rules), options).expect("threads start"),
        journal: Vec::new(),
        rejected: Vec::new(),
    }
}

impl Fixture {
    /// An event, then time goes on to the end of the beat that `until` is in.
    fn happens(&mut self, line: &str, until: &str) -> &mut Fixture {
        let clock = call("Nothing", "clock", until, "");
        self.feed(&[("23:00:00", line), ("23:00:00", &clock)])
    }

    /// What is spent and reserved, in whole units.
    fn summer(&self) -> (i128, i128) {
        let book = self.pipeline.budgets().expect("the rules have a budget");
        let BudgetPeriod { spent, reserved } = book.period(BudgetId(0), Timestamp::MIN);
        (spent / 1_000_000, reserved / 1_000_000)
    }

    /// The code of the user's only open reservation.
    fn code(&self, user: &str) -> String {
        let report = self.pipeline.report(user).expect("the user is known");
        report.reservations[0].code.as_deref().expect("the campaign has a coupon").to_owned()
    }
}

/// Somebody with a coupon for 20, given at 10:00:01.
fn with_coupon() -> (Fixture, String) {
    let mut fixture = fixture(COUPON);
    fixture.happens(&call("Want", "ana", "10:00:00.500", r#""cost":20"#), "10:00:02");
    assert_eq!(fixture.summer(), (0, 20));
    let code = fixture.code("ana");
    (fixture, code)
}

fn redeems(user: &str, time: &str, code: &str, discount: &str) -> String {
    call("Order Completed", user, time, &format!(r#""coupon":"{code}"{discount}"#))
}

#[test]
fn reservations_end_one_after_another_when_they_are_due() {
    let campaign = |cost: u32, within: &str| {
        format!(
            "[[campaigns]]\nid = 'c{cost}'\non = 'event:want'\nchannel = 'email'\nspends = [{{ budget = 'summer', cost = '{cost}' }}]\n\
             settle = {{ on = 'order', within = '{within}' }}\n"
        )
    };
    let campaigns = [(10, "1d"), (11, "1s"), (12, "2s"), (13, "3s")].map(|(cost, within)| campaign(cost, within));
    let rules = format!(
        "[events]\nwant = 'Want'\norder = 'Order Completed'\n[[budgets]]\nid = 'summer'\nlimit = 100\n{}",
        campaigns.concat()
    );
    let mut fixture = fixture(&rules);
    // Asked for before 10:00:01, granted there.
    fixture.happens(&call("Want", "ana", "10:00:00.500", ""), "10:00:01");
    let mut reserved = vec![fixture.summer().1];
    for second in 2..=4 {
        // What is released at a whole second is free at the end of the beat that begins or ends there.
        fixture
            .happens(&call("Nothing", "clock", &format!("10:00:0{second}.500"), ""), &format!("10:00:0{second}.900"));
        reserved.push(fixture.summer().1);
    }
    assert_eq!(reserved, [46, 35, 23, 10]);
    assert_eq!(fixture.summer().0, 0);
}

#[rstest]
#[case::missing("")]
#[case::negative(r#""cost":-5"#)]
#[case::text(r#""cost":"much""#)]
#[case::above_the_limit(r#""cost":100.000001"#)]
#[case::huge(r#""cost":1000000000000000000"#)]
fn a_cost_that_is_none_or_too_much_is_refused(#[case] cost: &str) {
    let mut fixture = fixture(COUPON);
    fixture.happens(&call("Want", "ana", "10:00:00.500", cost), "10:00:02");
    assert!(fixture.journal.contains(&"10:00:01 ana budget ordered".to_owned()), "{:?}", fixture.journal);
    assert_eq!(fixture.summer(), (0, 0));
    let account = fixture.pipeline.budgets().and_then(|book| book.account(BudgetId(0))).expect("there is one");
    assert_eq!((account.granted, account.refused), (0, 1));
}

#[rstest]
#[case::missing("", 20)]
#[case::text(r#","discount":"ten""#, 20)]
#[case::negative(r#","discount":-5"#, 20)]
#[case::nothing(r#","discount":0"#, 0)]
#[case::less(r#","discount":7"#, 7)]
#[case::overdrawn(r#","discount":1000000000000000000"#, 1_000_000_000_000_000_000)]
fn a_settlement_spends_its_amount_or_else_the_cost(#[case] discount: &str, #[case] spent: i128) {
    let (mut fixture, code) = with_coupon();
    fixture.happens(&redeems("ana", "10:10:00", &code, discount), "10:10:02");
    assert_eq!(fixture.summer(), (spent, 0));
}

#[test]
fn an_overdrawn_budget_grants_nothing() {
    let (mut fixture, code) = with_coupon();
    fixture.happens(&redeems("ana", "10:10:00", &code, r#","discount":101"#), "10:10:02");
    fixture.happens(&call("Want", "ben", "10:11:00", r#""cost":0"#), "10:11:02");
    assert!(fixture.journal.contains(&"10:11:01 ben budget ordered".to_owned()), "{:?}", fixture.journal);
}

#[test]
fn a_coupon_is_redeemed_once() {
    let (mut fixture, code) = with_coupon();
    for time in ["10:10:00", "10:20:00"] {
        fixture.happens(&redeems("ana", time, &code, r#","discount":7"#), &time.replace(":00", ":59"));
        assert_eq!(fixture.summer(), (7, 0), "{time}");
    }
}

#[test]
fn a_coupon_of_somebody_else_settles_nothing() {
    let (mut fixture, code) = with_coupon();
    fixture.happens(&redeems("ben", "10:10:00", &code, r#","discount":7"#), "10:10:02");
    assert_eq!(fixture.summer(), (0, 20));
}

#[rstest]
#[case::just_before("11:00:00.999", (7, 0))]
#[case::in_the_instant("11:00:01", (0, 0))]
#[case::late("11:30:00", (0, 0))]
fn a_coupon_is_good_until_the_instant_in_which_it_expires(#[case] time: &str, #[case] expected: (i128, i128)) {
    let (mut fixture, code) = with_coupon();
    fixture.happens(&redeems("ana", time, &code, r#","discount":7"#), "12:00:00");
    assert_eq!(fixture.summer(), expected);
}

#[test]
fn what_is_never_settled_is_free_again() {
    let (mut fixture, _) = with_coupon();
    fixture.happens(&call("Nothing", "ana", "12:00:00", ""), "12:00:02");
    assert_eq!(fixture.summer(), (0, 0));
}

#[test]
fn forgetting_a_user_frees_what_is_open_and_tells_nothing() {
    let (mut fixture, _) = with_coupon();
    let told = fixture.journal.len();
    fixture.feed(&[("10:10:00", r#"{"user":"ana"}"#)]);
    assert_eq!(fixture.journal.len(), told, "{:?}", fixture.journal);
    fixture.happens(&call("Nothing", "ben", "10:20:00", ""), "10:20:02");
    assert_eq!(fixture.summer(), (0, 0));
}

#[test]
fn a_campaign_renamed_by_a_reload_frees_what_it_had_reserved_and_what_was_spent_stays() {
    let (mut fixture, code) = with_coupon();
    fixture.happens(&redeems("ana", "10:10:00", &code, r#","discount":7"#), "10:10:02");
    fixture.happens(&call("Want", "ben", "10:11:00", r#""cost":20"#), "10:11:02");
    assert_eq!(fixture.summer(), (7, 20));
    let by_campaign = |fixture: &Fixture| {
        let account = fixture.pipeline.budgets().and_then(|book| book.account(BudgetId(0))).expect("a budget");
        account.by_campaign.values().map(|taken| (taken.actions, taken.spent)).collect::<Vec<_>>()
    };
    assert_eq!(by_campaign(&fixture), [(2, 7_000_000)]);
    let code = fixture.code("ben");
    fixture.change_rules(&COUPON.replace("id = \"ordered\"", "id = \"renamed\""));
    assert_eq!((fixture.summer(), by_campaign(&fixture)), ((7, 0), vec![]));
    // The coupon of a campaign that is gone settles nothing.
    fixture.happens(&redeems("ben", "10:12:00", &code, r#","discount":7"#), "10:12:02");
    assert_eq!(fixture.summer(), (7, 0));
    fixture.happens(&call("Want", "cleo", "10:13:00", r#""cost":93"#), "10:13:02");
    assert_eq!(fixture.summer(), (7, 93));
}

#[test]
fn a_limit_lowered_by_a_reload_below_what_is_used_takes_nothing_back_and_grants_nothing() {
    let (mut fixture, code) = with_coupon();
    fixture.change_rules(&COUPON.replace("limit = 100", "limit = 5"));
    assert_eq!(fixture.summer(), (0, 20));
    fixture.happens(&call("Want", "ben", "10:05:00", r#""cost":0"#), "10:05:02");
    assert!(fixture.journal.contains(&"10:05:01 ben budget ordered".to_owned()), "{:?}", fixture.journal);
    fixture.happens(&redeems("ana", "10:10:00", &code, r#","discount":4"#), "10:10:02");
    assert_eq!(fixture.summer(), (4, 0));
    fixture.happens(&call("Want", "cleo", "10:11:00", r#""cost":1"#), "10:11:02");
    assert_eq!(fixture.summer(), (4, 1));
}

#[test]
fn a_limit_of_0_grants_only_what_costs_nothing() {
    let mut fixture = fixture(&COUPON.replace("limit = 100", "limit = 0"));
    fixture.happens(&call("Want", "ana", "10:00:00.500", r#""cost":0.000001"#), "10:00:02");
    fixture.happens(&call("Want", "ben", "10:00:03.500", r#""cost":0"#), "10:00:05");
    assert!(fixture.journal.contains(&"10:00:01 ana budget ordered".to_owned()), "{:?}", fixture.journal);
    assert!(fixture.journal.contains(&"10:00:04 ben sent ordered".to_owned()), "{:?}", fixture.journal);
    assert_eq!(fixture.summer(), (0, 0));
}

#[test]
fn who_asked_and_expired_before_the_answer_was_looked_up_is_linked_to_no_visitor_any_more() {
    let clock = Clock::Events;
    let state_ttl = Some(Span(3 * 3_600_000));
    let options = PipelineOptions { workers: 1, partitions: 3, clock, state_ttl, ..PipelineOptions::default() };
    let mut fixture = Fixture {
        pipeline: Pipeline::new(plan(COUPON), options).expect("threads start"),
        journal: Vec::new(),
        rejected: Vec::new(),
    };
    let linked = r#"{"type":"track","event":"Want","userId":"u","anonymousId":"a","timestamp":"2026-03-02T00:00:00Z","properties":{"cost":1}}"#;
    let alone = r#"{"type":"track","event":"Want","anonymousId":"a","timestamp":"2026-03-02T20:00:00Z","properties":{"cost":1}}"#;
    // Nothing lies between the two: the answer and the end of the user are found out only when the visitor is back.
    fixture.feed(&[("23:00:00", linked), ("23:00:00", alone)]);
    assert!(fixture.pipeline.report("u").is_none(), "three hours were over long ago");
    assert!(fixture.pipeline.report("a").is_some(), "the visitor is nobody's");
}
