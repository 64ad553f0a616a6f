//! The generator covers the language: its rules compile, its logs run, and every function, key and outcome occurs.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use rekindle_test_kit::generator::{LanguageParts, Scenario, scenario, scenario_of};
use rekindle_test_kit::oracle::{self, OracleInput, compare};
use serde_json::Value as Json;

const SCENARIOS: usize = 480;

/// Random scenarios of the whole language, and what the oracle makes of each: once for all tests, since it takes its time.
static SCENARIOS_DRAWN: LazyLock<Vec<Scenario>> = LazyLock::new(|| drawn(scenario()));
static JOURNALS: LazyLock<Vec<Vec<Json>>> = LazyLock::new(|| SCENARIOS_DRAWN.iter().map(journal).collect());

fn drawn(strategy: impl Strategy<Value = Scenario>) -> Vec<Scenario> {
    let mut runner = TestRunner::deterministic();
    let tree = |_| strategy.new_tree(&mut runner).expect("the strategy rejects nothing").current();
    (0..SCENARIOS).map(tree).collect()
}

fn journal(scenario: &Scenario) -> Vec<Json> {
    journal_of(scenario, &scenario.events_jsonl())
}

/// The journal of another log under the rules of a scenario.
fn journal_of(scenario: &Scenario, events: &[u8]) -> Vec<Json> {
    oracle::run(&OracleInput {
        rules_toml: &scenario.rules_toml(),
        events_jsonl: events,
        until_ms: scenario.until_ms(),
        max_disorder_ms: scenario.max_disorder_ms(),
        secret: scenario.secret().as_bytes(),
        ..OracleInput::default()
    })
}

#[test]
fn every_outcome_occurs_in_journals() {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for line in JOURNALS.iter().flatten() {
        if line["key"].is_string() {
            *seen.entry(format!("{} with key", line["kind"].as_str().unwrap_or_default())).or_default() += 1;
        }
        for field in ["kind", "change", "outcome", "channel", "variant", "cause", "group"] {
            if let Some(value) = line[field].as_str() {
                *seen.entry(format!("{field} {value}")).or_default() += 1;
            }
        }
    }
    let expected = [
        "kind transition",
        "kind decision",
        "kind merged",
        "change enter",
        "change exit",
        "outcome condition",
        "outcome max_per_user",
        "outcome cooldown",
        "outcome pending",
        "outcome deferred",
        "outcome capped",
        "outcome control",
        "outcome holdout",
        "outcome stale",
        "outcome too_late",
        "outcome no_consent",
        "kind shared",
        "outcome max_per_key",
        "outcome no_luck",
        "cause ttl",
        "transition with key",
        "decision with key",
        "cause max",
        "kind outcome",
        "group sent",
        "group control",
        "group holdout",
        "kind points",
        "change earned",
        "change spent",
        "change refused",
        "change expired",
        "outcome insufficient",
        "kind budget",
        "outcome budget",
        "change reserved",
        "change settled",
        "change released",
        "outcome sent",
        "channel email",
        "channel push",
        "channel sms",
        "variant a",
        "variant b",
        "variant c",
    ];
    for kind in expected {
        let count = seen.get(kind).copied().unwrap_or(0);
        // An instance seldom enters the same segment twice.
        let least = if kind == "outcome max_per_key" { 2 } else { 10 };
        assert!(count >= least, "`{kind}` occurs {count} times in {SCENARIOS} scenarios: {seen:#?}");
    }
}

/// Of few other things, so that more of the messages bear lists: several users must touch the same.
#[test]
fn picks_of_several_kinds_occur_in_payloads() {
    let parts = LanguageParts { models: false, groups: false, budgets: false, prices: false, ..LanguageParts::ALL };
    let parts = LanguageParts { each: false, calendar: false, points: false, keys: false, ranks: false, ..parts };
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for line in drawn(scenario_of(parts)).iter().flat_map(journal) {
        let fields = line["payload"].as_object().into_iter().flat_map(|fields| fields.values());
        for because in fields.filter_map(Json::as_array).flatten().filter_map(|pick| pick["because"].as_str()) {
            *seen.entry(because.split(':').next().unwrap_or_default().to_owned()).or_default() += 1;
        }
    }
    // The others need more users who touch the same: the random tests of the core's picks are made for them.
    for kind in ["session", "popular", "again"] {
        assert!(seen.get(kind).is_some_and(|count| *count >= 3), "`{kind}` of {seen:?}");
    }
}

#[test]
fn every_function_operator_and_key_occurs_in_rules() {
    let rules: String = SCENARIOS_DRAWN.iter().map(Scenario::rules_toml).collect();
    let words = [
        "traits.",
        "properties.",
        "context.",
        " in [",
        " + ",
        " - ",
        " * ",
        " / ",
        "-total",
        " == ",
        " != ",
        " < ",
        " <= ",
        " > ",
        " >= ",
        "&&",
        "||",
        "!(",
        "type = \"page\"",
        "type = \"screen\"",
        "where = ",
        "priority = ",
        "cooldown = ",
        "max_per_user = ",
        "quiet_hours = ",
        "holdout = ",
        "variants = ",
        "if = ",
        "[[caps]]",
        "control = ",
        "timezone = ",
        "dedup_window = ",
        "each = \"products\"",
        "each = \"cart.lines\"",
        "let = {",
        "item.",
        "[per.",
        "\nmax = ",
        "\nttl = ",
        "\nper = ",
        "user.",
        "on = \"event:",
        "event.",
        "chance = ",
        "expires = ",
        "max_per_key = ",
        "[tables.",
        "keep = [",
        "gone = ",
        "\ntable = ",
        "row.",
        "has(row",
        "[[partners]]",
        "needs = [",
        "subject = ",
        "[[goals]]",
        "\nvalue = ",
        "[[ledgers]]",
        "\nexpires = ",
        "daily_max = ",
        "debt = true",
        "price = ",
        "[[budgets]]",
        "\nlimit = ",
        "spends = ",
        "coupon = ",
        "settle = ",
        "[[ranks]]",
        "{ rank = ",
        "among = ",
        "[[models]]",
        "kind = \"bg_nbd\"",
        "kind = \"mbg_nbd\"",
        "min_gap = ",
        "payload_from = ",
        "[[picks]]",
        "\nkinds = [",
        "\nwithout = [",
        "\ngap = ",
        "\nevery = ",
        "= \"picks('",
        "\ngamma = ",
        "within = ",
        "goals = [",
        "'today'",
        "'yesterday'",
        "'this_week'",
        "'last_week'",
        "'this_month'",
        "'last_month'",
        "'this_quarter'",
        "'last_quarter'",
        "'this_year'",
        "'last_year'",
    ];
    let functions = rekindle_core::rules::function_names().map(|name| format!("{name}("));
    for word in words.into_iter().map(str::to_owned).chain(functions) {
        let count = rules.matches(&word).count();
        assert!(count >= 10, "`{word}` occurs {count} times in {SCENARIOS} rules files");
    }
}

#[test]
fn logs_have_valid_and_invalid_lines() {
    let (mut good, mut bad, mut batches) = (0, 0, 0);
    for scenario in &*SCENARIOS_DRAWN {
        for line in String::from_utf8_lossy(&scenario.events_jsonl()).lines() {
            match serde_json::from_str::<Json>(line) {
                Ok(json) if json["batch"].is_array() || json.as_array().is_some_and(|calls| !calls.is_empty()) => {
                    batches += 1;
                }
                Ok(Json::Object(_)) => good += 1,
                _ => bad += 1,
            }
        }
    }
    assert!(good > 10 * bad && bad > 100 && batches > 50, "{good} good lines, {bad} bad ones, {batches} batches");
}

#[test]
fn comparison_finds_a_missing_line() {
    let journals: Vec<&Vec<Json>> = JOURNALS.iter().take(20).filter(|lines| !lines.is_empty()).collect();
    assert!(journals.len() > 10, "most scenarios have a journal");
    for journal in journals {
        assert_eq!(compare::difference(journal, journal), None);
        assert!(compare::difference(journal, &journal[1..]).is_some(), "a missing line is found");
    }
}

#[test]
fn comparison_finds_another_score_in_a_payload() {
    let mut scores = 0;
    for journal in &*JOURNALS {
        assert_eq!(compare::payload_difference(journal, journal), None);
        for (index, line) in journal.iter().enumerate() {
            let Some(fields) = line["payload"].as_object() else { continue };
            // A count is whole, but what a model gives hardly ever.
            let is_score = |value: &Json| value.as_f64().is_some_and(|number| number.fract() != 0.0);
            for (field, value) in fields.iter().filter(|(_, value)| is_score(value)) {
                let mut other = journal.clone();
                other[index]["payload"][field] = Json::from(value.as_f64().unwrap_or_default() * 1.000_01);
                assert!(compare::payload_difference(journal, &other).is_some(), "{field} of {line}");
                scores += 1;
            }
        }
    }
    assert!(scores >= 50, "only {scores} scores in {SCENARIOS} scenarios");
}

#[test]
fn the_oracle_treats_users_independently() {
    let share_nothing = scenario_of(LanguageParts::UNSHARED);
    for scenario in drawn(share_nothing).iter().take(40) {
        let events = scenario.events_jsonl();
        let mixed_log: String = String::from_utf8_lossy(&events)
            .lines()
            .map(|line| match line.replace("\"userId\":\"", "\"userId\":\"x-").replace("Id\":\"a", "Id\":\"x-a") {
                // A placeholder id would be an id with the prefix `x-`.
                other
                    if other.contains("\"userId\":\"x-u")
                        && !other.contains("x-undefined")
                        && !other.contains("anonymousId") =>
                {
                    format!("{line}\n{other}\n")
                }
                _ => format!("{line}\n"),
            })
            .collect();
        let alone = journal(scenario);
        let mut mixed = journal_of(scenario, mixed_log.as_bytes());
        mixed.retain(|line| !line["user"].as_str().unwrap_or_default().starts_with("x-"));
        assert_eq!(compare::difference(&alone, &mixed), None, "{scenario:?}");
    }
}
