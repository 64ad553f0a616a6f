//! `rekindle import`: files become calls.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use assert_cmd::Command;
use serde_json::{Value, json};

/// What the command wrote, said, and whether it succeeded.
pub(crate) struct Imported {
    pub(crate) calls: Vec<Value>,
    pub(crate) said: String,
    pub(crate) succeeded: bool,
}

/// Runs `rekindle import` in this folder.
pub(crate) fn import(folder: &Path, args: &[&str]) -> Imported {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rekindle"));
    let output = command.current_dir(folder).arg("import").args(args).output().expect("the binary runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let calls = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let said =
        format!("{}{}", if args.contains(&"--dry-run") { &text } else { "" }, String::from_utf8_lossy(&output.stderr));
    Imported { calls, said, succeeded: output.status.success() }
}

/// A folder with one file.
pub(crate) fn folder(name: &str, content: impl AsRef<[u8]>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(name), content).expect("written");
    folder
}

#[test]
fn columns_are_guessed_and_the_guess_is_shown() {
    let rows =
        "\u{feff}timestamp;visitorid;event;itemid;price\n1430636062541;v1;view;p1;1.5\n1430636062541;v1;view;p1;1.5\n";
    let folder = folder("a.csv", rows);
    let imported = import(folder.path(), &["csv", "a.csv"]);
    assert!(imported.succeeded && imported.said.contains("anonymous_id = \"visitorid as text\""), "{}", imported.said);
    let [first, second] = imported.calls.as_slice() else { panic!("{}", imported.said) };
    assert_eq!(first, second, "the same row is the same event");
    assert_eq!(
        (&first["event"], &first["properties"]),
        (&json!("Product Viewed"), &json!({"product_id": "p1", "price": 1.5}))
    );
    let printed = Command::new(env!("CARGO_BIN_EXE_rekindle"))
        .current_dir(folder.path())
        .args(["import", "csv", "a.csv", "--print-mapping"])
        .output();
    fs::write(folder.path().join("m.toml"), printed.expect("it runs").stdout).expect("written");
    assert_eq!(import(folder.path(), &["csv", "a.csv", "--mapping", "m.toml"]).calls, imported.calls);
}

#[test]
fn rows_that_can_not_be_taken_are_counted_with_their_place() {
    let mut rows = b"user_id,date,price\nu1,2024-01-02,1\nu2,2024-01-03\nuser_id,date,price\nu3,2024-01-04,\"$1,234.50\"\n,2024-01-05,1\nu4,soon,1\nu\xff,2024-01-06,1\n\n".to_vec();
    rows.extend_from_slice(format!("u5,\"{}\",1\nu6,2024-01-07,1\n", "x".repeat(5 << 20)).as_bytes());
    let folder = folder("a.csv", rows);
    let mapping = "time_zone = 'Europe/Berlin'\n[[calls]]\ntype = 'track'\nevent = \"'E'\"\nuser_id = 'user_id'\ntimestamp = 'date'\n\
                   properties = { fields = { price = 'price as number' } }\n";
    fs::write(folder.path().join("m.toml"), mapping).expect("written");
    let imported = import(folder.path(), &["csv", "a.csv", "--mapping", "m.toml", "--rejected", "r.jsonl"]);
    assert_eq!(imported.calls.len(), 3, "{}", imported.said);
    assert_eq!(imported.calls[0]["timestamp"], "2024-01-01T23:00:00.000Z");
    for part in [
        "1 ragged_row, the first at a.csv:3: it has 2 columns; the header has 3",
        "1 no_id, the first at a.csv:6",
        "1 bad_time, the first at a.csv:7",
        "1 not_utf8, the first at a.csv:8",
        "1 too_large, the first at a.csv:10",
        "1 values of price as number, the first at a.csv:5: `$1,234.50`",
        "times without a zone are Europe/Berlin",
    ] {
        assert!(imported.said.contains(part), "{part} is not in\n{}", imported.said);
    }
    let rejected = fs::read_to_string(folder.path().join("r.jsonl")).expect("rejected");
    let lines: Vec<Value> = rejected.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.iter().map(|line| line["line"].as_u64()).collect::<Vec<_>>(), [3, 6, 7, 8, 10].map(Some));
}

#[test]
fn a_file_that_is_none_says_so() {
    for (content, format, part) in [
        (&b"PK\x03\x04"[..], "csv", "ZIP archive"),
        (b"\xff\xfea\0", "csv", "UTF-16"),
        (b"a,a\n1,2\n", "csv", "is there twice"),
        (b"a,b\n1,2\n", "csv", "no column says whose the rows are"),
        (b"", "csv", "it is empty"),
        (b"<html>\n", "sensors", "all events were rejected"),
        (b"{}", "jsonl", "jsonl needs --mapping"),
    ] {
        let folder = folder("a", content);
        let imported = import(folder.path(), &[format, "a"]);
        assert!(!imported.succeeded && imported.said.contains(part), "{part}: {}", imported.said);
    }
}

#[test]
fn what_was_read_before_a_file_breaks_off_is_imported() {
    let lines: String = (0..2_000).map(|n| format!("{{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u{n}\",\"timestamp\":\"2024-01-01T00:00:00Z\",\"messageId\":\"{n}\"}}\n")).collect();
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(lines.as_bytes()).expect("memory");
    let packed = packer.finish().expect("memory");
    let folder = folder("whole.gz", &packed);
    fs::write(folder.path().join("cut.gz"), &packed[..packed.len() / 2]).expect("written");
    assert_eq!(import(folder.path(), &["segment-s3", "whole.gz"]).calls.len(), 2_000);
    let cut = import(folder.path(), &["segment-s3", "cut.gz"]);
    assert!(!cut.succeeded && cut.said.contains("ends too early"), "{}", cut.said);
    assert!((100..2_000).contains(&cut.calls.len()), "{}", cut.calls.len());
}

#[test]
fn an_import_that_was_stopped_continues_where_it_was() {
    let rows: String = (0..5_000).map(|n| format!("u{n},2024-01-02,x\n")).collect();
    let folder = folder("a.csv", format!("user_id,date,what\n{rows}"));
    let args = ["csv", "a.csv", "--output", "out.jsonl", "--resume", "state", "-q"];
    assert!(import(folder.path(), &args).succeeded);
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect("a file");
    let whole = read("out.jsonl");
    assert_eq!(whole.lines().count(), 5_000);
    assert!(import(folder.path(), &args).said.contains("is finished"));
    // As after a kill: the progress is that of some events, the file has more, and half a line.
    let mut digest = xxhash_rust::xxh3::Xxh3::new();
    let some: Vec<&str> = whole.lines().take(1_234).collect();
    some.iter().for_each(|line| digest.update(line.as_bytes()));
    let mut state: Value = serde_json::from_str(&read("state")).expect("JSON");
    state["is_finished"] = json!(false);
    state["events"] = json!(1_234);
    state["output_bytes"] = json!(some.iter().map(|line| line.len() + 1).sum::<usize>());
    state["digest"] = json!(format!("{:032x}", digest.digest128()));
    fs::write(folder.path().join("state"), state.to_string()).expect("written");
    fs::write(folder.path().join("out.jsonl"), &whole[..whole.len() / 2 + 7]).expect("written");
    assert!(import(folder.path(), &args).succeeded);
    assert_eq!(read("out.jsonl"), whole);
    // Other files than before are refused.
    fs::write(folder.path().join("state"), state.to_string()).expect("written");
    fs::write(folder.path().join("a.csv"), format!("user_id,date,what\n{}", rows.replacen("u7,", "v7,", 1)))
        .expect("written");
    let other = import(folder.path(), &args);
    assert!(!other.succeeded && other.said.contains("progress of another import"), "{}", other.said);
}

#[test]
fn exports_of_other_tools_become_calls() {
    let shopify_csv = "Name,Email,Id,Created at,Total,Currency,Lineitem name,Lineitem quantity,Lineitem price,Lineitem sku\n\
        #1,a@x.example,11,2024-01-15 10:20:30 -0500,30.00,EUR,Shoe,2,10.00,s1\n#1,a@x.example,,,,,Sock,1,10.00,s2\n\
        #2,b@x.example,12,2024-01-16 10:20:30 -0500,5.00,EUR,Sock,1,5.00,s2\n";
    let shopify = json!({"orders": [{"id": 820_982_911_946_154_508_u64, "customer": {"id": 7}, "created_at": "2024-01-15T10:20:30-05:00",
        "total_price": "30.00", "line_items": [], "refunds": [{"id": 9, "order_id": 820_982_911_946_154_508_u64, "created_at": "2024-02-01T00:00:00Z"}]}]});
    let ga4 = json!({"event_name": "purchase", "event_timestamp": "1705332030000000", "user_pseudo_id": "1.2", "ecommerce": {"purchase_revenue": 30.0},
        "event_params": [{"key": "transaction_id", "value": {"string_value": "T1"}}, {"key": "ga_session_id", "value": {"int_value": "5"}}],
        "items": [{"item_id": "s1", "price": 10.0, "quantity": "2"}]});
    let posthog = "uuid,event,properties,timestamp,distinct_id\nid1,Buy,\"{\"\"price\"\":5,\"\"$lib\"\":\"\"web\"\"}\",2024-01-15 10:20:30.5+00:00,u1\n";
    let sensors = json!({"distinct_id": "u1", "type": "track", "event": "Buy", "time": 1_705_332_030_000_i64, "properties": {"$is_login_id": true, "n": 1}});
    for (format, content, events) in [
        (
            "shopify",
            shopify_csv.to_owned(),
            vec![
                ("Order Completed", "2024-01-15T15:20:30.000Z", "shopify-order-11"),
                ("Order Completed", "2024-01-16T15:20:30.000Z", "shopify-order-12"),
            ],
        ),
        (
            "shopify",
            shopify.to_string(),
            vec![
                ("Order Completed", "2024-01-15T15:20:30.000Z", "shopify-order-820982911946154508"),
                ("Order Refunded", "2024-02-01T00:00:00.000Z", "shopify-refund-9"),
            ],
        ),
        ("ga4-bigquery", ga4.to_string(), vec![("Order Completed", "", "ga4-purchase-T1")]),
        ("posthog", posthog.to_owned(), vec![("Buy", "2024-01-15T10:20:30.500Z", "id1")]),
        ("sensors", sensors.to_string(), vec![("Buy", "", "")]),
    ] {
        let folder = folder("a", &content);
        let imported = import(folder.path(), &[format, "a"]);
        assert!(imported.succeeded, "{format}: {}", imported.said);
        assert_eq!(imported.calls.len(), events.len(), "{format}: {}", imported.said);
        for (call, (event, time, id)) in imported.calls.iter().zip(&events) {
            assert_eq!(call["event"], *event, "{call}");
            assert!(time.is_empty() || call["timestamp"] == *time, "{call}");
            assert!(
                call["messageId"].as_str().is_some_and(|found| id.is_empty() && found.len() == 32 || found == *id),
                "{call}"
            );
        }
        if format == "shopify" && content.starts_with("Name") {
            assert_eq!(imported.calls[0]["properties"]["products"].as_array().map(Vec::len), Some(2));
        }
        assert_eq!(import(folder.path(), &[format, "a"]).calls, imported.calls, "importing again gives the same");
    }
}
