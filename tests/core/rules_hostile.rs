//! Texts made to break the compiler of rules: none may panic, overflow the stack, or take long.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use rstest::rstest;

use rekindle_core::diagnostics;
use rekindle_core::rules::compile;
use rekindle_core::rules::ruleset::Ruleset;

/// Rules with one segment, whose `when` this is.
fn rules_with(when: &str) -> String {
    format!(
        "[events]\nview = \"Product Viewed\"\ncart = \"Product Added\"\norder = \"Order Completed\"\n\n\
         [[segments]]\nid = \"s\"\nwhen = \"\"\"{when}\"\"\"\n"
    )
}

/// Compiles, or fails with the problems drawn.
fn compiled(text: &str) -> Ruleset {
    compile(text).unwrap_or_else(|problems| panic!("{}", diagnostics::render("rules.toml", text, &problems, false)))
}

#[rstest]
#[case::brackets("(".repeat(20_000) + "1" + &")".repeat(20_000))]
#[case::brackets_within_the_length("(".repeat(8_000) + "1" + &")".repeat(8_000))]
#[case::lists("[".repeat(8_000) + &"]".repeat(8_000))]
#[case::maps("{1:".repeat(4_000))]
#[case::nots("!".repeat(100_000) + "true")]
#[case::nots_within_the_length("!".repeat(16_000) + "true")]
#[case::minuses("-".repeat(16_000) + "1 == 1")]
#[case::sums("1".to_owned() + &"+1".repeat(8_000))]
#[case::dots("a".to_owned() + &".b".repeat(8_000))]
#[case::indexes("traits".to_owned() + &"['b']".repeat(3_000))]
#[case::ternaries("true ? true : ".repeat(1_000) + "true")]
#[case::ternaries_with_ands("true ? true && true : true && ".repeat(500) + "true")]
#[case::calls("f(".repeat(5_000) + &")".repeat(5_000))]
#[case::methods("a".to_owned() + &".f()".repeat(4_000))]
#[case::comparisons("1".to_owned() + &"<1".repeat(8_000))]
#[case::nested_chains("(".repeat(60) + "1" + &("+1".repeat(60) + ")").repeat(60))]
#[case::garbage("a a a ".repeat(2_700))]
#[case::commas(",".repeat(16_000))]
fn hostile_conditions_are_refused_without_overflow(#[case] when: String) {
    let start = Instant::now();
    assert!(compile(&rules_with(&when)).is_err());
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[rstest]
#[case::ors("true".to_owned() + &" || true".repeat(2_000))]
#[case::list("traits.x in [".to_owned() + &"'a',".repeat(3_000) + "'b']")]
#[case::nested_as_deep_as_allowed("(".repeat(60) + "true" + &")".repeat(60))]
#[case::sum_as_long_as_allowed("0".to_owned() + &"+1".repeat(60) + " > 2")]
#[case::nested_lists_of_and("!(true && ".repeat(30) + "true" + &")".repeat(30))]
fn large_valid_conditions_compile(#[case] when: String) {
    compiled(&rules_with(&when));
}

#[test]
fn deeply_nested_toml_is_refused() {
    let deep = [
        "x = ".to_owned() + &"[".repeat(50_000),
        "a".to_owned() + &".a".repeat(50_000) + " = 1",
        "[".to_owned() + &"a.".repeat(50_000) + "a]",
        "x = ".to_owned() + &"{a=".repeat(50_000),
    ];
    for text in deep {
        assert!(compile(&text).is_err());
    }
}

#[test]
fn five_hundred_segments_compile_quickly() {
    let mut text = "[events]\nview = 'V'\norder = 'O'\n".to_owned();
    for number in 0..500 {
        text += &format!(
            "[[segments]]\nid = 's{number}'\nwhen = \"count(view, '{}m') >= 3 && sum(order.total, '30d') > {number} || since(order) > duration('{number}d') && traits.tier in ['a', 'b']\"\n",
            number + 1
        );
    }
    let start = Instant::now();
    let rules = compiled(&text);
    assert_eq!((rules.segments.len(), rules.features.len()), (500, 502));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

const VALID: &str = include_str!("../conformance/quiet-3/rules.toml");

/// Compiles, and renders the mistakes; must not panic.
fn check(text: &str) {
    if let Err(problems) = compile(text) {
        assert!(!problems.is_empty());
        for problem in &problems {
            assert!(text.get(problem.span.clone()).is_some(), "{problem:?} is not within the text");
        }
        diagnostics::render("rules.toml", text, &problems, false);
    }
}

/// Pieces of conditions, so that random ones often parse.
const PIECES: [&str; 36] = [
    "count(view, '7d')",
    "sum(order.total, '30m')",
    "distinct(view.sku, '1d')",
    "last(order.coupon)",
    "since(cart)",
    "idle()",
    "age()",
    "in_segment('s')",
    "traits.x",
    "traits['é']",
    "has(traits.x)",
    "properties.p",
    "view",
    "null",
    "true",
    "1",
    "-2.5",
    "9999999999999999999",
    "'text'",
    "\"ü\"",
    "duration('1h')",
    "[1, 'a']",
    "(",
    ")",
    " && ",
    " || ",
    "!",
    " == ",
    " < ",
    " + ",
    " / ",
    " in ",
    " ? ",
    " : ",
    ".contains('a')",
    ".matches('[')",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_text_compiles_or_has_mistakes_within_it(text in "\\PC{0,200}") {
        check(&text);
    }

    #[test]
    fn any_condition_compiles_or_has_mistakes_within_it(when in "[ -~é日\\n]{0,80}") {
        check(&format!("[[segments]]\nid = 's'\nwhen = '''{when}'''\n"));
        check(&format!("[[segments]]\nid = 's'\nwhen = \"{when}\"\n"));
    }

    #[test]
    fn any_mix_of_pieces_compiles_or_has_mistakes_within_it(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 1..16)) {
        check(&rules_with(&pieces.concat().replace('"', "\\\"")));
    }

    #[test]
    fn a_mutated_file_compiles_or_has_mistakes_within_it(at in 0..VALID.len(), cut in 0usize..30, put in "[\\[\\]{}\"'=.,()a-z0-9 \\n]{0,6}") {
        let end = (at + cut).min(VALID.len());
        check(&format!("{}{put}{}", &VALID[..at], &VALID[end..]));
    }
}
