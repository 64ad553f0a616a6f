//! Picks in actions (semantics §20): what an action bears, and that nothing but the log decides it: not batches, partitions, packed
//! users, or a restart.

use std::sync::Arc;

use proptest::prelude::*;
use rekindle_core::action;
use rekindle_core::partition::{ExecutionPlan, Output};
use rekindle_core::rules;
use rekindle_core::time::{Span, Timestamp};
use rekindle_runtime::log::RecordKind;
use rekindle_runtime::pipeline::{AskedPicks, InputEntry, Pipeline, PipelineOptions, RestoredPipeline};
use serde_json::{Value, json};

const RULES: &str = r#"
[events]
view = "V"
line = { event = "O", each = "products" }
ask = "A"

[tables.products]
event = "R"
key = "sku"
keep = ["in_stock", "price", "category", "brand"]

[[picks]]
id = "rebuy"
on = ["line"]
item = "sku"
kind = "again"
every = "hour"
gap = "0s"

[[picks]]
id = "for_you"
on = ["view"]
item = "sku"
kinds = ["session", "together", "rebuy", "popular"]
every = "day"
window = "3d"
without = ["line"]
own = 4

[[picks]]
id = "alike"
on = ["view", "line"]
item = "sku"
kind = "similar"
every = "hour"
table = "products"
by = ["category", "brand"]
where = "row.price < 100"

[[segments]]
id = "resting"
when = "total(view) >= 1 && idle() >= duration('5h')"

[[campaigns]]
id = "asked"
on = "event:ask"
channel = "web"
payload_from = { items = "picks('for_you', 3)", again = "picks('rebuy', 2)", alike = "picks('alike', 3)", views = "total(view)" }

[[campaigns]]
id = "back"
on = "enter:resting"
channel = "email"
payload_from = { items = "picks('for_you', 5)" }
"#;

/// The beginning of 2026-10-01, in UTC.
const START: i64 = 1_790_812_800_000;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn plan(text: &str) -> Arc<ExecutionPlan> {
    Arc::new(ExecutionPlan::new(rules::compile(text).unwrap_or_else(|problems| panic!("{problems:?}"))))
}

fn call(name: &str, user: &str, properties: &Value, at: i64) -> String {
    let at = Timestamp(at).to_string();
    let call = json!({"type": "track", "event": name, "userId": user, "properties": properties, "timestamp": at});
    format!("{call}\n")
}

fn view(user: &str, sku: &str, at: i64) -> String {
    call("V", user, &json!({"sku": sku}), at)
}

/// A run over a log: the actions that it told, and its state at the end.
struct PickRun {
    plan: Arc<ExecutionPlan>,
    options: PipelineOptions,
    pipeline: Pipeline,
    actions: Vec<String>,
}

impl PickRun {
    fn new(plan: &Arc<ExecutionPlan>, partitions: usize, resident: usize) -> PickRun {
        let options = PipelineOptions {
            partitions,
            workers: 1,
            max_disorder: Span(5_000),
            state_ttl: Some(Span(4 * DAY)),
            resident_users: Some(resident),
            ..PipelineOptions::default()
        };
        let pipeline = Pipeline::new(Arc::clone(plan), options.clone()).expect("threads start");
        PickRun { plan: Arc::clone(plan), options, pipeline, actions: Vec::new() }
    }

    fn feed(&mut self, lines: &str) {
        let mut outputs = Vec::new();
        self.pipeline.feed(lines.as_bytes(), &mut |_| {}, &mut outputs);
        self.add(&outputs);
    }

    fn forget(&mut self, user: &str) {
        let (lines, mut outputs) = (json!({"user": user}).to_string(), Vec::new());
        let entry = InputEntry { kind: RecordKind::Forget, lines: lines.as_bytes(), received: None, is_whole: false };
        self.pipeline.feed_entries(&[entry], &mut |_| {}, &mut outputs);
        self.add(&outputs);
    }

    fn advance(&mut self, to: i64) {
        let mut outputs = Vec::new();
        self.pipeline.advance_to(Timestamp(to), &mut outputs);
        self.add(&outputs);
    }

    /// Goes on from what it would store.
    fn restart(&mut self) {
        let stored = self.pipeline.encode_checkpoint();
        let restored = RestoredPipeline::read(&self.plan, &[&stored]).expect("an intact checkpoint");
        self.pipeline = Pipeline::restore(Arc::clone(&self.plan), self.options.clone(), restored).expect("it is sound");
        assert!(self.pipeline.encode_checkpoint() == stored, "what was restored is stored as other bytes");
    }

    fn add(&mut self, outputs: &[Output]) {
        for output in outputs {
            let mut line = Vec::new();
            action::write_line(&self.plan.rules, output, &mut line).expect("memory");
            self.actions.extend((!line.is_empty()).then(|| String::from_utf8(line).expect("JSON")));
        }
    }

    /// All actions, in an order that does not depend on batches.
    fn sorted(mut self) -> Vec<String> {
        self.actions.sort();
        self.actions
    }

    fn payloads(&self, campaign: &str) -> Vec<Value> {
        let all = self.actions.iter().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        all.filter(|action| action["data"]["campaign"] == campaign)
            .map(|action| action["data"]["payload"].clone())
            .collect()
    }
}

/// u and v have a and b in a session, and w has a. On the next day w looks at a, and asks.
#[test]
fn an_action_bears_what_sessions_like_this_one_went_on_to() {
    let mut run = PickRun::new(&plan(RULES), 3, 64);
    for (user, sku, minute) in [("u", "a", 0), ("u", "b", 1), ("v", "a", 2), ("v", "b", 3), ("w", "c", 4)] {
        run.feed(&view(user, sku, START + HOUR + minute * MINUTE));
    }
    run.feed(&call("A", "w", &json!({}), START + HOUR + 5 * MINUTE));
    run.feed(&view("w", "a", START + DAY + MINUTE));
    run.feed(&call("A", "w", &json!({}), START + DAY + 2 * MINUTE));
    let payloads = run.payloads("asked");
    // Before the first taking nothing is known.
    assert_eq!(payloads[0], json!({"items": [], "again": [], "alike": [], "views": 1}));
    // Two sessions of two items, and one of one: ln(5/2) = 0.916291 · 18 / 10. Then: a itself was touched last, and is no pick.
    let items = json!([
        {"item": "b", "score": 1.649324, "because": "session:a"},
        {"item": "a", "score": 2, "because": "popular"},
        {"item": "c", "score": 1, "because": "popular"},
    ]);
    assert_eq!(payloads[1]["items"], items);
    assert_eq!(payloads[1]["views"], 2);
}

#[test]
fn what_was_bought_is_left_out_and_comes_back_by_what_is_due() {
    let mut run = PickRun::new(&plan(RULES), 2, 64);
    let order = |user: &str, at| call("O", user, &json!({"products": [{"sku": "a"}, {"sku": "z"}, {"sku": 7}]}), at);
    run.feed(&(view("u", "a", START) + &view("u", "b", START + MINUTE) + &view("v", "b", START + MINUTE)));
    run.feed(&order("u", START + 2 * MINUTE));
    run.feed(&call("A", "u", &json!({}), START + DAY + MINUTE));
    let payload = &run.payloads("asked")[0];
    let items = |list: &Value| list.as_array().expect("a list").iter().map(|it| it["item"].clone()).collect::<Vec<_>>();
    // b has two users; it was touched last, which only `session` and `together` mind.
    assert_eq!(items(&payload["items"]), [json!("b")]);
    // A number is an item as its text is; of equals, by bytes.
    assert_eq!(items(&payload["again"]), [json!("7"), json!("a")]);
    assert_eq!(payload["again"][0]["because"], "again");
}

#[test]
fn a_storefront_asks_for_what_an_action_would_bear() {
    let mut run = PickRun::new(&plan(RULES), 2, 64);
    for (user, sku, minute) in [("u", "a", 0), ("u", "b", 1), ("v", "a", 2), ("v", "c", 3)] {
        run.feed(&view(user, sku, START + minute * MINUTE));
    }
    run.advance(START + DAY + MINUTE);
    let ask = |list: &str, user: &str, seeds: &[&str], items| {
        let seeds = seeds.iter().map(|seed| Arc::from(*seed)).collect();
        let asked = AskedPicks { list: list.to_owned(), user: user.to_owned(), seeds, items };
        let picks = run.pipeline.picks_for(&asked)?;
        Some(picks.iter().map(|pick| format!("{} {}", pick.item, pick.because())).collect::<Vec<_>>())
    };
    // The user's session is no neighbour of its own; v's has a, and went on to c.
    assert_eq!(ask("for_you", "u", &[], 1), Some(vec!["c session:a".to_owned()]));
    assert_eq!(ask("for_you", "", &["c"], 1), Some(vec!["a session:c".to_owned()]));
    assert_eq!(ask("for_you", "nobody", &[], 2), Some(vec!["a popular".to_owned(), "b popular".to_owned()]));
    assert_eq!(ask("for_me", "u", &[], 2), None);
    assert_eq!(ask("for_you", "u", &[], 0), Some(vec![]));
}

/// Rules whose picks are of a name that never comes offer nothing, and say so with an empty list.
#[test]
fn picks_of_a_name_that_never_comes_are_an_empty_list() {
    let mut run = PickRun::new(&plan(&RULES.replace("event = \"O\"", "event = \"Never\"")), 1, 64);
    run.feed(&view("u", "a", START));
    run.feed(&call("A", "u", &json!({}), START + DAY));
    assert_eq!(run.payloads("asked")[0]["again"], json!([]));
}

/// A row without a user.
fn row(sku: &str, said: &Value, at: i64) -> String {
    let mut properties = json!({"sku": sku});
    properties.as_object_mut().expect("an object").extend(said.as_object().expect("an object").clone());
    let at = Timestamp(at).to_string();
    format!("{}\n", json!({"type": "track", "event": "R", "properties": properties, "timestamp": at}))
}

#[test]
fn only_items_whose_row_meets_the_condition_now_are_offered() {
    let rules = RULES.replacen(
        "without = [\"line\"]",
        "without = [\"line\"]\ntable = \"products\"\nwhere = \"row.in_stock && row.price < 100\"",
        1,
    );
    let mut run = PickRun::new(&plan(&rules), 2, 64);
    for (sku, said) in [
        ("a", json!({"in_stock": true, "price": 9.5})),
        ("b", json!({"in_stock": false, "price": 5})),
        ("c", json!({"in_stock": true, "price": 100})),
        // Nothing is known of its price.
        ("d", json!({"in_stock": true})),
    ] {
        run.feed(&row(sku, &said, START));
    }
    for (minute, sku) in (1..).zip(["e", "a", "b", "c", "d"]) {
        run.feed(&view("u", sku, START + minute * MINUTE));
    }
    run.feed(&call("A", "w", &json!({}), START + DAY + MINUTE));
    // A row that changes is seen from the end of its second on, though the index stays as it is.
    run.feed(&row("b", &json!({"in_stock": true}), START + DAY + 2 * MINUTE));
    run.feed(&call("A", "w", &json!({}), START + DAY + 3 * MINUTE));
    let items = |payload: &Value| {
        let items = payload["items"].as_array().expect("a list").iter();
        items.map(|it| it["item"].as_str().expect("a text").to_owned()).collect::<Vec<_>>()
    };
    let payloads: Vec<Vec<String>> = run.payloads("asked").iter().map(items).collect();
    assert_eq!(payloads, [vec!["a"], vec!["a", "b"]]);
}

#[test]
fn what_is_like_what_a_user_touched_is_offered_by_the_rows_of_the_taking() {
    let mut run = PickRun::new(&plan(RULES), 2, 64);
    for (sku, said) in [
        ("a", json!({"category": "shoe", "brand": "x", "price": 1})),
        ("b", json!({"category": ["shoe", "sport"], "brand": "y", "price": 1})),
        ("c", json!({"category": "hat", "brand": "x", "price": 1})),
        ("d", json!({"category": "shoe", "brand": "x", "price": 100})),
    ] {
        run.feed(&row(sku, &said, START));
    }
    for (minute, sku) in (1..).zip(["a", "b", "c", "d"]) {
        run.feed(&view("u", sku, START + minute * MINUTE));
    }
    run.feed(&view("w", "a", START + 5 * MINUTE));
    run.feed(&call("A", "w", &json!({}), START + HOUR + MINUTE));
    // c is a shoe, too, and d is cheap: the first is seen at the next taking, the other when a list is made.
    run.feed(&row("c", &json!({"category": "shoe"}), START + HOUR + 2 * MINUTE));
    run.feed(&row("d", &json!({"price": 99}), START + HOUR + 2 * MINUTE));
    run.restart();
    run.feed(&call("A", "w", &json!({}), START + HOUR + 3 * MINUTE));
    run.feed(&call("A", "w", &json!({}), START + 2 * HOUR + MINUTE));
    let alike: Vec<Value> = run.payloads("asked").iter().map(|payload| payload["alike"].clone()).collect();
    let pick = |item: &str, score: u64, column: &str| json!({"item": item, "score": score, "because": format!("similar:{column}")});
    let (b, c, d) = (pick("b", 1, "category"), pick("c", 1, "brand"), pick("d", 2, "category"));
    let now = pick("c", 2, "category");
    assert_eq!(alike, [json!([b, c]), json!([d, b, c]), json!([now, d, b])]);
    // A storefront asks about a product that is looked at, as a campaign on a key does.
    let seeds = vec![Arc::from("c")];
    let asked = AskedPicks { list: "alike".to_owned(), user: String::new(), seeds, items: 9 };
    let offered = run.pipeline.picks_for(&asked).expect("there is such a list");
    let items: Vec<&str> = offered.iter().map(|pick| &*pick.item).collect();
    assert_eq!(items, ["a", "d", "b"]);
}

/// A step of a random log.
#[derive(Clone, Debug)]
enum Step {
    Line(String),
    Forget(&'static str),
}

fn steps() -> impl Strategy<Value = (Vec<Step>, i64)> {
    const USERS: [&str; 4] = ["u", "v", "w", "x"];
    const SKUS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
    const GAPS: [i64; 8] = [0, 1_000, MINUTE, 29 * MINUTE, 31 * MINUTE, 3 * HOUR, 13 * HOUR, 2 * DAY];
    let one = (0..18_u8, 0..USERS.len(), 0..SKUS.len(), 0..GAPS.len());
    prop::collection::vec(one, 1..70).prop_map(|choices| {
        let mut clock = START;
        let step = |(what, user, sku, gap): (u8, usize, usize, usize)| {
            clock += GAPS[gap];
            let (user, sku) = (USERS[user], SKUS[sku]);
            match what {
                0 => Step::Forget(user),
                1 => {
                    let (kind, anonymous) = ("identify", format!("anon-{user}"));
                    let at = Timestamp(clock).to_string();
                    let call = json!({"type": kind, "userId": user, "anonymousId": anonymous, "timestamp": at});
                    Step::Line(format!("{call}\n"))
                }
                2..=4 => {
                    let (event, anonymous) = ("V", format!("anon-{user}"));
                    let (at, properties) = (Timestamp(clock).to_string(), json!({"sku": sku}));
                    let call = json!({
                        "type": "track", "event": event, "anonymousId": anonymous, "properties": properties, "timestamp": at
                    });
                    Step::Line(format!("{call}\n"))
                }
                5..=6 => Step::Line(call("O", user, &json!({"products": [{"sku": sku}, {"sku": "a"}]}), clock)),
                7..=9 => Step::Line(call("A", user, &json!({}), clock)),
                11 => {
                    let (category, price) = (USERS.iter().position(|it| *it == user), gap as i64 % 3 * 60);
                    let category = if sku == "f" { json!([user, "u"]) } else { json!(category.map(|at| at % 3)) };
                    Step::Line(row(sku, &json!({"category": category, "brand": user, "price": price}), clock))
                }
                // One that is late.
                10 => Step::Line(view(user, sku, clock - HOUR)),
                _ => Step::Line(view(user, sku, clock)),
            }
        };
        let steps: Vec<Step> = choices.into_iter().map(step).collect();
        (steps, clock)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn lists_depend_on_nothing_but_the_log(
        (steps, clock) in steps(),
        cuts in prop::collection::vec(any::<bool>(), 70),
        restarts in prop::collection::vec(0..70_usize, 0..3),
    ) {
        let plan = plan(RULES);
        let end = clock + 6 * HOUR;
        let mut plain = PickRun::new(&plan, 1, 64);
        for step in &steps {
            match step {
                Step::Line(line) => plain.feed(line),
                Step::Forget(user) => plain.forget(user),
            }
        }
        plain.advance(end);
        // Other batches, partitions, packed users, and restarts between batches.
        let mut other = PickRun::new(&plan, 4, 1);
        let mut batch = String::new();
        for (at, step) in steps.iter().enumerate() {
            let is_cut = cuts[at] || restarts.contains(&at);
            match step {
                Step::Line(line) => batch.push_str(line),
                Step::Forget(user) => {
                    other.feed(&std::mem::take(&mut batch));
                    other.forget(user);
                }
            }
            if is_cut {
                other.feed(&std::mem::take(&mut batch));
            }
            if restarts.contains(&at) {
                other.restart();
            }
        }
        other.feed(&batch);
        other.advance(end);
        other.restart();
        prop_assert_eq!(plain.sorted(), other.sorted());
    }
}
