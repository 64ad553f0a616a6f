//! What texts are parsed as, and what the parser makes of wrong ones.

use rstest::rstest;

use super::{Expression, ExpressionKind, parse};
use crate::diagnostics::{Diagnostics, SourceMap};

/// The parsed tree with all brackets written, and the problems: message and text underlined.
fn parsed(condition: &str) -> (String, Vec<(String, String)>) {
    let file = format!("'{condition}'");
    let map = SourceMap::new(&file, 0..file.len(), condition);
    let mut problems = Diagnostics::new(&file);
    let tree = parse(condition, &map, &mut problems);
    let problems = problems.into_sorted().into_iter().map(|found| (found.message, file[found.span].to_owned()));
    (tree.map_or(String::new(), |tree| bracketed(&tree)), problems.collect())
}

fn bracketed(expression: &Expression) -> String {
    let join = |items: &[Expression], by: &str| items.iter().map(bracketed).collect::<Vec<_>>().join(by);
    let pair = |sign: String, left: &Expression, right: &Expression| {
        format!("({} {sign} {})", bracketed(left), bracketed(right))
    };
    match &expression.kind {
        ExpressionKind::Bool(truth) => truth.to_string(),
        ExpressionKind::Number(number) => number.to_string(),
        ExpressionKind::Text(text) => format!("{text:?}"),
        ExpressionKind::Null => "null".to_owned(),
        ExpressionKind::List(items) => format!("[{}]", join(items, ", ")),
        ExpressionKind::Name(name) => name.clone(),
        ExpressionKind::Field(target, field) => format!("{}.{field}", bracketed(target)),
        ExpressionKind::Call(call) => format!("{}({})", call.name, join(&call.arguments, ", ")),
        ExpressionKind::MethodCall(receiver, call) => {
            format!("{}.{}({})", bracketed(receiver), call.name, join(&call.arguments, ", "))
        }
        ExpressionKind::Not(inner) => format!("!{}", bracketed(inner)),
        ExpressionKind::Negate(inner) => format!("-{}", bracketed(inner)),
        ExpressionKind::And(items) => format!("({})", join(items, " && ")),
        ExpressionKind::Or(items) => format!("({})", join(items, " || ")),
        ExpressionKind::Compare(comparison, left, right) => pair(format!("{comparison:?}"), left, right),
        ExpressionKind::Arithmetic(arithmetic, left, right) => pair(format!("{arithmetic:?}"), left, right),
        ExpressionKind::In(left, right) => pair("in".to_owned(), left, right),
        ExpressionKind::Mistake => "?".to_owned(),
    }
}

#[rstest]
#[case::and_before_or("a || b && c || d", "(a || (b && c) || d)")]
#[case::relations_before_and("a && b == c", "(a && (b Equal c))")]
#[case::products_before_sums("a + b * c - d", "((a Add (b Multiply c)) Subtract d)")]
#[case::sums_before_relations("a < b + c", "(a Less (b Add c))")]
#[case::from_the_left("a - b - c", "((a Subtract b) Subtract c)")]
#[case::relations_from_the_left("a < b in c", "((a Less b) in c)")]
#[case::brackets_first("a - (b - c)", "(a Subtract (b Subtract c))")]
#[case::chains_are_flat("(a && b) && (c && d)", "(a && b && c && d)")]
#[case::not_before_relations("!a == b", "(!a Equal b)")]
#[case::not_after_members("!a.b.f(c)", "!a.b.f(c)")]
#[case::two_signs_cancel("!!a && --b > 1", "(a && (b Greater 1))")]
#[case::negative_numbers("-2.5 < - 1", "(-2.5 Less -1)")]
#[case::numbers("[0x1F, .5, 1e3, 2E-2, 007]", "[31, 0.5, 1000, 0.02, 7]")]
#[case::large_whole_numbers("9999999999999999999", "9999999999999999999")]
#[case::fields_in_quotes("traits['a b'].c", "traits.a b.c")]
#[case::reserved_words_as_fields("traits.if.and", "traits.if.and")]
#[case::calls("f() || g(a, b.c)", "(f() || g(a, b.c))")]
#[case::trailing_comma_of_a_list("a in [1, 'x',]", "(a in [1, \"x\"])")]
#[case::comments("a // && b\n && c", "(a && c)")]
#[case::words_that_begin_like_others("inx && trueish", "(inx && trueish)")]
#[case::escapes(r"'\n\x41\u00e9\U0001f431\101\?\`\''", "\"\\nAé🐱A?`'\"")]
#[case::raw_texts(r#"r'\d' == R"\""#, r#"("\\d" Equal "\\")"#)]
#[case::triple_quotes("'''a'b\nc''' + \"\"\"x\"y\"\"\"", r#"("a'b\nc" Add "x\"y")"#)]
fn a_condition_is_parsed_as_cel_has_it(#[case] condition: &str, #[case] tree: &str) {
    assert_eq!(parsed(condition), (tree.to_owned(), Vec::new()));
}

#[rstest]
#[case::in_each_part("a b && c == == 1 || d =", &["b", "==", "=", ""])]
#[case::in_each_argument("f(a b, , 30d)", &["b", ",", "30d"])]
#[case::in_each_bracket("(a b) && [c d] && x['y' z]", &["b", "d", "z"])]
#[case::characters_and_operators("a # b || c = 1 and d", &["#", "=", "and"])]
#[case::after_an_open_text("a == 'x\n && b = 1", &["'x", "="])]
#[case::after_a_stray_bracket("a) && b = 1", &[")", "="])]
#[case::within_an_open_bracket("(a = 1 && b = 2", &["(", "=", "="])]
#[case::several_not_of_the_language("{'a': 1} || x ? 1 : 2", &["{'a': 1}", "{'a': 1} || x ? 1 : 2"])]
fn every_mistake_of_a_condition_is_reported(#[case] condition: &str, #[case] underlined: &[&str]) {
    let (_, problems) = parsed(condition);
    let found: Vec<&str> = problems.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(found, underlined, "{problems:#?}");
}

#[rstest]
#[case::invalid_escape(r"'a\d'", "`\\d` is not an escape sequence", "\\d")]
#[case::half_an_escape(r"'\u12'", "`\\u` is not an escape sequence", "\\u")]
#[case::surrogate(r"'\ud800'", "`\\ud800` is not an escape sequence", "\\ud800")]
#[case::keyword_as_a_field("traits.in", "`in` is a word of the language", "in")]
#[case::number_with_letters("5abc", "`5abc` is not a number", "5abc")]
#[case::large_hexadecimal("0xffffffffffffffff", "this whole number is too large", "0xffffffffffffffff")]
#[case::bytes("b'x'", "bytes (b'…') are not part of the language", "b'x'")]
#[case::message("a.B{c: 1}", "messages (Name{…}) are not part of the language", "B{c: 1}")]
#[case::no_name_after_a_dot("a.", "the condition ends too early", "")]
#[case::call_of_nothing("a.b && .c", "`.` is not expected here", ".")]
fn a_wrong_token_says_what_and_where(#[case] condition: &str, #[case] message: &str, #[case] underlined: &str) {
    assert_eq!(parsed(condition).1, [(message.to_owned(), underlined.to_owned())]);
}
