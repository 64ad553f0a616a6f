//! Rules changes: what stays, what is evaluated again, and that a change alone triggers no campaign.

use super::super::RestoredPipeline;
use super::*;

#[test]
fn unchanged_segments_are_unaffected_by_a_rules_change() {
    let changed = RULES.replace("total(cart) >= 2", "total(cart) >= 1")
        + "[[segments]]\nid = \"new\"\nwhen = \"total(order) == 0\"\n";
    let mut fixture = Fixture::new(Clock::Log);
    fixture.feed(&[("10:00:00", &cart("u", "10:00:00"))]).change_rules(&changed);
    // The user's clock is ahead of the watermark: the new rules are evaluated there.
    assert_eq!(fixture.journal, ["10:00:00 u enter carts, by other rules", "10:00:00 u enter new, by other rules"]);
    fixture.feed(&[("10:40:00", "")]);
    assert_eq!(fixture.journal[2..], ["10:30:00 u enter abandoned"]);
    let totals = fixture.pipeline.totals();
    assert_eq!((totals.counts.sizes, totals.counts.transitions), (vec![1, 1, 1], vec![[1, 0], [1, 0], [1, 0]]));
}

#[test]
fn counts_continue_by_id_after_a_rules_change() {
    let mut fixture = Fixture::new(Clock::Log);
    fixture.feed(&[("10:00:00", &format!("{}\n{}", cart("u", "10:00:00"), cart("u", "10:00:01")))]);
    let swapped = "[events]\norder = \"Order Completed\"\ncart = \"Product Added\"\n[[segments]]\nid = \"other\"\n\
                   when = \"total(order) > 0\"\n[[segments]]\nid = \"carts\"\nwhen = \"total(cart) >= 2\"\n";
    fixture.change_rules(swapped);
    let counts = fixture.pipeline.totals().counts;
    assert_eq!((counts.applied, counts.by_name, counts.sizes), (2, vec![0, 2], vec![0, 1]));
    assert_eq!(counts.transitions, [[0, 0], [1, 0]]);
    fixture.feed(&[("12:00:00", &cart("u", "12:00:00"))]);
    assert_eq!(fixture.pipeline.totals().counts.by_name, [0, 3]);
}

/// A win-back for users who have not ordered for a month, by a feature that the former rules do not have.
fn with_win_back(rules: &str) -> String {
    format!(
        "{rules}[[segments]]\nid = \"gone\"\nwhen = \"since(order) >= duration('30d')\"\n\
         [[campaigns]]\nid = \"win_back\"\non = \"enter:gone\"\nchannel = \"email\"\n"
    )
}

#[test]
fn a_rules_change_alone_triggers_no_campaign() {
    let mut fixture = Fixture::new(Clock::Log);
    let order = cart("u", "10:00:00").replace("Product Added", "Order Completed");
    // `v`'s clock stands at the watermark or behind, `u`'s is ahead of it.
    fixture.feed(&[("09:00:00", &cart("v", "09:00:00")), ("10:00:00", &order)]).change_rules(&with_win_back(RULES));
    let reported = |fixture: &Fixture| {
        fixture
            .journal
            .iter()
            .filter(|line| line.contains("gone") || line.contains("win_back"))
            .cloned()
            .collect::<Vec<_>>()
    };
    let mut entered = reported(&fixture);
    entered.sort();
    assert_eq!(entered, ["09:59:55 v enter gone, by other rules", "10:00:00 u enter gone, by other rules"]);
    // Neither the next event of `u` nor time changes anything.
    fixture.feed(&[("10:00:02", &cart("u", "10:00:02")), ("11:00:00", "")]);
    assert_eq!(reported(&fixture).len(), 2, "{:?}", fixture.journal);
    // From here on it is like any other segment.
    let order = order.replace("10:00:00", "12:00:00");
    fixture.feed(&[("12:00:00", &order)]);
    let later = Timestamp(at("12:00:00").0 + 31 * 86_400_000).to_string();
    let lines = cart("w", "12:00:00").replace("2026-03-02T12:00:00Z", &later);
    let mut outputs = Vec::new();
    let entry = InputEntry {
        kind: RecordKind::Events,
        lines: lines.as_bytes(),
        received: Timestamp::parse_rfc3339(&later),
        is_whole: true,
    };
    fixture.pipeline.feed_entries(&[entry], &mut |_| {}, &mut outputs);
    fixture.note(&outputs);
    assert!(reported(&fixture).ends_with(&["12:00:00 u enter gone".to_owned(), "12:00:00 u sent win_back".to_owned()]));
}

#[test]
fn timers_due_before_a_rules_change_fire_under_the_former_rules() {
    let rules = format!("{RULES}[[campaigns]]\nid = \"remind\"\non = \"enter:abandoned\"\nchannel = \"email\"\n");
    let mut fixture = Fixture::new(Clock::Log);
    fixture.change_rules(&rules).feed(&[("10:00:00", &cart("u", "10:00:00")), ("10:30:05", "")]);
    fixture.change_rules(&rules.replace("30m", "20m"));
    assert_eq!(fixture.journal, ["10:30:00 u enter abandoned", "10:30:00 u sent remind"]);
    // What would have been due earlier under the new rules is not done later.
    let mut fixture = Fixture::new(Clock::Log);
    fixture.change_rules(&rules).feed(&[("10:00:00", &cart("u", "10:00:00")), ("10:25:05", "")]);
    fixture.change_rules(&rules.replace("30m", "20m")).feed(&[("10:40:00", "")]);
    assert_eq!(fixture.journal, ["10:25:00 u enter abandoned, by other rules"]);
}

/// A decision deferred in the night, and its outcome at 08:00 under the changed rules.
fn deferred_under(change: impl Fn(&str) -> String) -> Vec<String> {
    let rules = format!(
        "{RULES}[[campaigns]]\nid = \"night\"\non = \"enter:carts\"\nchannel = \"push\"\nquiet_hours = \"22:00-08:00\"\n"
    );
    let mut fixture = Fixture::new(Clock::Log);
    fixture.change_rules(&rules);
    fixture.feed(&[("02:00:00", &format!("{}\n{}", cart("u", "01:59:58"), cart("u", "02:00:00")))]);
    assert_eq!(fixture.journal, ["02:00:00 u enter carts", "02:00:00 u deferred night"]);
    fixture.change_rules(&change(&rules)).feed(&[("09:00:00", "")]);
    fixture.journal.retain(|line| !line.contains("abandoned"));
    fixture.journal.split_off(2)
}

#[test]
fn a_deferred_decision_keeps_its_meaning_under_other_rules() {
    let unmoved = deferred_under(|rules| rules.replace("2h", "3h"));
    assert_eq!(unmoved, ["08:00:00 u sent night"]);
    let moved = deferred_under(|rules| {
        rules.replace(
            "[[segments]]\nid = \"carts\"",
            "[[segments]]\nid = \"first\"\nwhen = \"total(order) > 5\"\n[[segments]]\nid = \"carts\"",
        )
    });
    assert_eq!(moved, ["08:00:00 u sent night"], "the segment is another by its place, not by its name");
    let exit = deferred_under(|rules| rules.replace("enter:carts", "exit:carts"));
    assert_eq!(exit, ["08:00:00 u stale night"], "it is no longer what triggered it");
    let narrower = deferred_under(|rules| rules.replace("total(cart) >= 2", "total(cart) >= 3"));
    assert_eq!(narrower, ["02:00:00 u exit carts, by other rules", "08:00:00 u stale night"]);
    let gone = deferred_under(|rules| rules.replace("\"night\"", "\"other\""));
    assert_eq!(gone, [""; 0], "deferred decisions are removed with their campaign");
    let renamed = deferred_under(|rules| rules.replace("carts", "baskets"));
    assert_eq!(renamed, ["02:00:00 u enter baskets, by other rules", "08:00:00 u stale night"]);
}

/// The ids of all actions.
fn action_ids(fixture: &mut Fixture, entries: &[(&str, &str)]) -> Vec<String> {
    let entries: Vec<_> = entries.iter().map(|(received, lines)| entry(received, lines)).collect();
    let mut outputs = Vec::new();
    fixture.pipeline.feed_entries(&entries, &mut |_| {}, &mut outputs);
    outputs
        .iter()
        .filter_map(|output| {
            Some(
                rekindle_core::action::action(&fixture.pipeline.plan().rules, output, rekindle_core::action::SOURCE)?
                    .id,
            )
        })
        .collect()
}

#[test]
fn no_id_repeats_when_rules_change_back_and_forth_at_one_instant() {
    let with = format!("{RULES}[[campaigns]]\nid = \"c\"\non = \"enter:carts\"\nchannel = \"email\"\n");
    let without = RULES.replace(">= 2", ">= 200");
    let two = format!("{}\n{}", cart("u", "10:00:00"), cart("u", "10:00:00"));
    let mut fixture = Fixture::new(Clock::Log);
    fixture.change_rules(&with);
    let mut ids = action_ids(&mut fixture, &[("10:00:00", &two)]);
    for _ in 0..2 {
        fixture.change_rules(&without);
        fixture.change_rules(&with.replace(">= 2", &format!(">= {}", 2 + 2 * ids.len())));
        ids.extend(action_ids(&mut fixture, &[("10:00:00", &two)]));
    }
    let checkpoint = fixture.pipeline.encode_checkpoint();
    let plan = Arc::clone(fixture.pipeline.plan());
    let restored = RestoredPipeline::read(&plan, &[&checkpoint]).expect("an intact checkpoint");
    fixture.pipeline = Pipeline::restore(plan, PipelineOptions { workers: 1, ..PipelineOptions::default() }, restored)
        .expect("an intact checkpoint");
    fixture.change_rules(&without).change_rules(&with.replace(">= 2", ">= 8"));
    ids.extend(action_ids(&mut fixture, &[("10:00:00", &two)]));
    assert_eq!(ids.len(), 4);
    let different: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(different.len(), ids.len(), "{ids:?}");
}
