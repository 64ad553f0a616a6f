//! What households buy again (completejourney): the last basket of each with three or more, against the figures of the naive reference in
//! plain Python on the same file. (Published with it are .1602, .1807 and .5320 for 10 items, .2015, .1808 and .5973 for 20: the
//! reference itself gives .160282 and .201445 for what is published as .1602 and .2015.)

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use libtest_mimic::Trial;
use rekindle_test_kit::data_sets::trial;
use serde_json::Value;

const RULES: &str = r#"
[events]
line = { event = "Order Completed", each = "products" }
final = { event = "Order Completed", each = "products", where = "properties.is_last" }

[[picks]]
id = "rebuy"
on = ["line"]
item = "product_id"
kind = "again"
every = "day"
window = "365d"
gap = "0s"
"#;

pub(crate) fn trials() -> Vec<Trial> {
    let bought_again =
        trial("what_is_bought_again_is_offered_as_published", "completejourney/events.jsonl.zst", assert_as_published);
    // `evaluate` makes an index for each day of a year.
    vec![bought_again.with_kind("takes ten minutes").with_ignored_flag(true)]
}

/// The orders, of which the last one of each household with three or more is marked.
fn marked_orders(file: &Path) -> String {
    let decoder = zstd::Decoder::new(File::open(file).expect("it opens")).expect("zstd");
    let mut orders: Vec<String> = Vec::new();
    let mut by_household: HashMap<String, (usize, usize)> = HashMap::new();
    for line in BufReader::new(decoder).lines().map(|line| line.expect("it is whole")) {
        if line.contains("\"Order Completed\"") {
            let call: Value = serde_json::from_str(&line).expect("JSON");
            let (count, last) =
                by_household.entry(call["userId"].as_str().expect("a household").to_owned()).or_default();
            (*count, *last) = (*count + 1, orders.len());
            orders.push(line);
        }
    }
    for (_, last) in by_household.values().filter(|(count, _)| *count >= 3) {
        orders[*last] = orders[*last].replacen("\"properties\":{", "\"properties\":{\"is_last\":true,", 1);
    }
    orders.join("\n")
}

fn assert_as_published(file: &Path) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("rules.toml"), RULES).expect("the rules");
    fs::write(folder.path().join("events.jsonl"), marked_orders(file)).expect("the events");
    for (at, recall, ndcg, hr) in [("10", 0.160_282, 0.180_712, 0.532_003), ("20", 0.201_445, 0.180_782, 0.597_257)] {
        let mut command = assert_cmd::Command::cargo_bin("rekindle").expect("the binary");
        command.current_dir(folder.path()).args(["picks", "evaluate", "--rules", "rules.toml", "--picks", "rebuy"]);
        command.args(["--of", "final", "--from", "2017-01-01", "--json", "--at", at, "events.jsonl"]);
        let output = command.output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(found["targets"], 2_406);
        for (name, expected) in [("recall", recall), ("ndcg", ndcg), ("hr", hr)] {
            let value = found[name].as_f64().expect("a number");
            assert!((value - expected).abs() < 1.5e-6, "{name} at {at}: {value}, by the reference {expected}");
        }
    }
}
