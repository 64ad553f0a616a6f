//! What rows of tables do, with bad input too.

use super::*;
use rekindle_core::rows::RowBook;
use rekindle_core::rules::ruleset::TableId;
use rekindle_core::time::Span;

/// Who looked at a product hears that it is there again, and that it is cheaper.
const SHOP: &str = r#"
[events]
view = "Product Viewed"
[tables.products]
event = "Product Updated"
key = "product_id"
keep = ["price", "in_stock"]
gone = "properties.status == 'deleted'"
[per.product]
key = "product_id"
ttl = "30d"
table = "products"
[[segments]]
id = "in_stock"
per = "product"
when = "row.in_stock"
[[segments]]
id = "cheaper"
per = "product"
when = "row.price <= last(view.price) * 0.9"
[[campaigns]]
id = "price_fell"
on = "enter:cheaper"
channel = "push"
payload_from = { price = "row.price" }
"#;

fn call(event: &str, who: &str, time: &str, properties: &str) -> String {
    format!(
        r#"{{"type":"track","event":"{event}"{who},"timestamp":"2026-03-02T{time}Z","properties":{{{properties}}}}}"#
    )
}

fn row(time: &str, key: &str, values: &str) -> String {
    call("Product Updated", "", time, &format!(r#""product_id":{key}{values}"#))
}

fn view(user: &str, time: &str, key: &str) -> String {
    let properties = format!(r#""product_id":{key},"price":100"#);
    call("Product Viewed", &format!(r#","userId":"{user}""#), time, &properties)
}

fn fixture_of(rules: &str, partitions: usize) -> Fixture {
    let (clock, max_disorder) = (Clock::Events, Span(0));
    let options = PipelineOptions { workers: 1, partitions, clock, max_disorder, ..PipelineOptions::default() };
    let pipeline = Pipeline::new(plan(rules), options).expect("threads start");
    Fixture { pipeline, journal: Vec::new(), rejected: Vec::new() }
}

fn fixture() -> Fixture {
    fixture_of(SHOP, 3)
}

impl Fixture {
    /// Events, then time goes on to an instant.
    fn taken(&mut self, lines: &[String], until: &str) -> &mut Fixture {
        let clock = call("Nothing", r#","userId":"clock""#, until, "");
        self.feed(&[("23:00:00", &(lines.join("\n") + "\n")), ("23:00:00", &clock)])
    }

    fn book(&self) -> &RowBook {
        self.pipeline.rows().expect("the rules have a table")
    }

    fn number_of_rows(&self) -> usize {
        self.book().rows().len_of(TableId(0))
    }

    /// What happened since this was last asked.
    fn news(&mut self) -> Vec<String> {
        let mut news = std::mem::take(&mut self.journal);
        news.sort();
        news
    }
}

#[test]
fn a_row_reaches_who_has_its_key_at_the_end_of_the_beat_and_nobody_else() {
    let mut fixture = fixture();
    let lines = [view("ana", "10:00:00", "\"p1\""), view("bob", "10:00:00", "\"p2\"")];
    fixture.taken(&lines, "10:00:01");
    fixture.taken(&[row("10:00:05.200", "\"p1\"", r#","price":80,"in_stock":true"#)], "10:00:05.900");
    assert!(fixture.news().is_empty(), "nothing reaches users within a beat");
    fixture.taken(&[], "10:00:06");
    let expected = ["10:00:06 ana enter cheaper", "10:00:06 ana enter in_stock", "10:00:06 ana sent price_fell"];
    assert_eq!(fixture.news(), expected);
    assert_eq!(fixture.pipeline.totals().users, 3, "a row is no user");
}

#[test]
fn a_row_that_says_the_same_again_concerns_nobody() {
    let mut fixture = fixture();
    let said = r#","price":80.0,"in_stock":true"#;
    fixture.taken(&[view("ana", "10:00:00", "7"), row("10:00:00", "7", said)], "10:00:01");
    assert_eq!(fixture.news().len(), 3);
    let again: Vec<String> = (2..9).map(|second| row(&format!("10:00:0{second}"), "\"7\"", said)).collect();
    fixture.taken(&again, "10:00:10");
    // There and back within a beat is no change either.
    let there = row("10:00:11.100", "7", r#","price":1"#);
    let back = row("10:00:11.200", "7", r#","price":80"#);
    fixture.taken(&[there, back], "10:00:12");
    assert!(fixture.news().is_empty());
    assert_eq!(fixture.book().totals().changed, [1]);
}

#[test]
fn a_user_sees_a_row_as_it_was_when_the_beat_began() {
    let mut fixture = fixture();
    let lines = [
        row("10:00:00.100", "\"p1\"", r#","price":10,"in_stock":true"#),
        // The row is known only from 10:00:01 on.
        view("ana", "10:00:00.200", "\"p1\""),
    ];
    fixture.taken(&lines, "10:00:00.900");
    assert!(fixture.news().is_empty());
    fixture.taken(&[view("bob", "10:00:01.100", "\"p1\"")], "10:00:01.200");
    let expected = [
        "10:00:01 ana enter cheaper",
        "10:00:01 ana enter in_stock",
        "10:00:01 ana sent price_fell",
        "10:00:01 bob enter cheaper",
        "10:00:01 bob enter in_stock",
        "10:00:01 bob sent price_fell",
    ];
    assert_eq!(fixture.news(), expected);
}

#[test]
fn a_row_without_a_usable_key_is_rejected() {
    let mut fixture = fixture();
    let long = format!("\"{}\"", "k".repeat(257));
    let keys = ["null", "\"\"", "true", "2.5", "[1]", "{}", long.as_str()];
    let mut lines: Vec<String> = keys.iter().map(|key| row("10:00:00", key, "")).collect();
    lines.push(call("Product Updated", "", "10:00:00", r#""price":1"#));
    fixture.taken(&lines, "10:00:01");
    let reasons: Vec<&str> = fixture.rejected.iter().map(|(.., reason)| *reason).collect();
    assert_eq!((reasons, fixture.number_of_rows()), (vec!["no_key"; 8], 0));
    // Another event without an id is still nobody's.
    fixture.taken(&[call("Product Viewed", "", "10:00:02", r#""product_id":"p1""#)], "10:00:03");
    assert_eq!(fixture.rejected.last().map(|(.., reason)| *reason), Some("no_id"));
}

#[test]
fn a_row_with_a_megabyte_of_text_keeps_none_of_it() {
    let mut fixture = fixture();
    fixture.taken(&[view("ana", "10:00:00", "\"p1\""), row("10:00:00", "\"p1\"", r#","price":80"#)], "10:00:01");
    assert_eq!(fixture.news().len(), 2);
    let text = "x".repeat(1_000_000);
    let large = format!(r#","price":"{text}","title":"{text}""#);
    let lines = [
        row("10:00:02", "\"p1\"", &large.replace(&text, &text[..400_000])),
        row("10:00:02", &format!("\"{text}\""), ""),
    ];
    fixture.taken(&lines, "10:00:03");
    assert_eq!(fixture.news(), ["10:00:03 ana exit cheaper"], "a value that is too large is missing");
    assert!(fixture.book().rows().heap_bytes_of(TableId(0)) < 100_000);
    assert_eq!(fixture.rejected.last().map(|(.., reason)| *reason), Some("no_key"));
}

#[test]
fn rows_beyond_the_most_are_ignored_and_counted() {
    let mut fixture = fixture_of(&SHOP.replace("keep = [", "max = 1000\nkeep = ["), 3);
    let lines: Vec<String> = (0..5_000).map(|key| row("10:00:00", &key.to_string(), r#","price":1"#)).collect();
    fixture.taken(&lines, "10:00:01");
    let totals = fixture.book().totals();
    assert_eq!((totals.rows, totals.ignored, totals.waiting), (vec![1_000], vec![4_000], 0));
    // One that goes makes room for another.
    let gone = row("10:00:02", "7", r#","status":"deleted""#);
    fixture.taken(&[gone, row("10:00:02", "\"new\"", r#","price":2"#)], "10:00:03");
    assert_eq!(fixture.number_of_rows(), 1_000);
    assert!(
        fixture.book().rows().row(TableId(0), "new").is_some() && fixture.book().rows().row(TableId(0), "7").is_none()
    );
}

#[test]
fn what_waits_for_the_end_of_a_beat_and_the_rows_outlive_a_restart() {
    let mut fixture = fixture();
    fixture.taken(&[view("ana", "10:00:00", "\"p1\""), row("10:00:00", "\"p1\"", r#","price":95"#)], "10:00:01");
    fixture.taken(&[row("10:00:02.100", "\"p1\"", r#","in_stock":true"#)], "10:00:02.500");
    assert_eq!((fixture.book().waiting().len(), fixture.news().len()), (1, 0));
    let checkpoint = fixture.pipeline.encode_checkpoint();
    let (plan, options) = (Arc::clone(fixture.pipeline.plan()), fixture.pipeline.options.clone());
    let restored = crate::pipeline::RestoredPipeline::read(&plan, &[&checkpoint]).expect("it was just written");
    // Another number of partitions makes no difference.
    let options = PipelineOptions { partitions: 5, ..options };
    let pipeline = Pipeline::restore(plan, options, restored).expect("it fits");
    let mut fixture = Fixture { pipeline, journal: Vec::new(), rejected: Vec::new() };
    fixture.taken(&[], "10:00:03");
    assert_eq!(fixture.news(), ["10:00:03 ana enter in_stock"]);
    fixture.taken(&[row("10:00:04", "\"p1\"", r#","price":50"#)], "10:00:05");
    assert_eq!(fixture.news(), ["10:00:05 ana enter cheaper", "10:00:05 ana sent price_fell"]);
}

#[test]
fn rules_that_keep_more_of_a_table_keep_its_rows() {
    let mut fixture = fixture();
    fixture.taken(
        &[view("ana", "10:00:00", "\"p1\""), row("10:00:00", "\"p1\"", r#","price":80,"pieces":2"#)],
        "10:00:01",
    );
    assert_eq!(fixture.news().len(), 2);
    let more = SHOP.replace("keep = [", "keep = [\"pieces\", ").replace("row.in_stock\"", "row.pieces < 3\"");
    fixture.change_rules(&more);
    assert_eq!(fixture.number_of_rows(), 1);
    assert!(fixture.news().is_empty(), "of the past the rows know what was kept");
    fixture.taken(&[row("10:00:02", "\"p1\"", r#","pieces":2"#)], "10:00:03");
    assert_eq!(fixture.news(), ["10:00:03 ana enter in_stock"]);
    // Rules without tables forget the rows.
    fixture.change_rules(RULES);
    assert!(fixture.pipeline.rows().is_none());
}

#[test]
fn who_is_merged_forgotten_or_loses_a_key_is_found_by_what_is_left() {
    let mut fixture = fixture();
    let visitor = call("Product Viewed", r#","anonymousId":"anon""#, "10:00:00", r#""product_id":"p1","price":100"#);
    let lines = [visitor, view("bob", "10:00:00", "\"p1\""), view("bob", "10:00:00", "\"p2\"")];
    fixture.taken(&lines, "10:00:01");
    fixture.taken(&[link("ana", "anon", "10:00:02")], "10:00:03");
    fixture.feed(&[("23:00:00", r#"{"user":"bob"}"#)]);
    fixture.news();
    let lines = ["\"p1\"", "\"p2\""].map(|key| row("10:00:04", key, r#","in_stock":true"#));
    fixture.taken(&lines, "10:00:05");
    assert_eq!(fixture.news(), ["10:00:05 ana enter in_stock"]);
}
