//! Partners of a daemon: what they are told in the output stream, their key, the file of who is shared, and consent withdrawn over the
//! API, which reaches them.

use std::process::Command;

use serde_json::{Value, json};

use rekindle_test_kit::daemon::broker::Broker;
use rekindle_test_kit::daemon::harness::{TestDaemon, TestDaemonSetup, wait_until};
use rekindle_test_kit::nats_server::NatsServer;

const RULES: &str = r#"
[events]
view = "View"

[[segments]]
id = "viewer"
when = "total(view) >= 1"

[[partners]]
id = "acme"
needs = ["partner_acme"]
subject = "traits.email"
segments = ["viewer"]
"#;

const SECRET: &str = "a secret of more than sixteen bytes";

fn calls(user: &str, second: u32) -> [String; 2] {
    let (email, at) = (format!("{user}@shop.example"), format!("2026-03-02T10:00:{second:02}Z"));
    let context = json!({"consent": {"categoryPreferences": {"partner_acme": true}}});
    let identify =
        json!({"type": "identify", "userId": user, "timestamp": at, "traits": {"email": email}, "context": context});
    [identify.to_string(), json!({"type": "track", "event": "View", "userId": user, "timestamp": at}).to_string()]
}

fn rekindle(args: &[&str]) -> (bool, String, String) {
    let output = Command::new(rekindle_test_kit::binary("rekindle")).args(args).output().expect("the binary starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.success(), text(output.stdout), text(output.stderr))
}

fn export(daemon: &TestDaemon, args: &[&str]) -> (bool, String, String) {
    let url = format!("http://{}", daemon.address());
    rekindle(&[&["partners", "export"], args, &["--url", url.as_str()]].concat())
}

/// As a partner computes it, with its key.
fn subject(key: &str, text: &str) -> String {
    let script = "import hmac, sys; print(hmac.new(bytes.fromhex(sys.argv[1]), sys.argv[2].encode(), 'sha256').hexdigest()[:32])";
    let output = Command::new("python3").args(["-c", script, key, text]).output().expect("python3 starts");
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partner_recognises_its_customers_and_hears_when_one_withdraws() {
    let server = NatsServer::start();
    let setup = TestDaemonSetup::new(&server.url(), RULES).set("ENGINE_SECRET", SECRET);
    let secret = setup.file("secret");
    std::fs::write(&secret, SECRET).expect("the secret");
    let daemon = setup.start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    for call in [calls("ana", 1), calls("bob", 2)].concat() {
        broker.publish_one(call).await;
    }
    wait_until("two messages for the partner", || daemon.ask("GET", "/v1/partners").1.contains("\"shared\":2"));

    let (rules, secret) = (daemon.file("rules.toml"), secret.display().to_string());
    let key = ["partners", "key", "acme", "--rules", rules.to_str().expect("UTF-8"), "--secret-file", secret.as_str()];
    let (is_done, key, said) = rekindle(&key);
    assert!(is_done, "{said}");
    let (ana, bob) = (subject(key.trim(), "ana@shop.example"), subject(key.trim(), "bob@shop.example"));

    let (is_done, file, said) = export(&daemon, &["acme"]);
    assert!(is_done, "{said}");
    let mut shared: Vec<Value> = file.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    shared.sort_by_key(|one| one["subject"] != ana.as_str());
    let expected = [&ana, &bob].map(|subject| json!({"partner": "acme", "segment": "viewer", "subject": subject}));
    assert_eq!(shared, expected);
    let (is_done, _, said) = export(&daemon, &["acne"]);
    assert!(!is_done && said.contains("did you mean `acme`?"), "{said}");
    let (is_done, _, said) = export(&daemon, &["acme", "--segment", "viewers"]);
    assert!(!is_done && said.contains("did you mean `viewer`?"), "{said}");

    let (status, answer) = daemon.post("/v1/users/ana/consent", &json!({"purposes": {"partner_acme": false}}));
    assert_eq!(status, 202, "{answer}");
    broker.wait_for_subject("rekindle.partners.acme.viewer.exit").await;
    let told: Vec<(String, Value)> = broker
        .read("REKINDLE")
        .await
        .into_iter()
        .filter(|stored| stored.subject.starts_with("rekindle.partners."))
        .map(|stored| (stored.subject, serde_json::from_slice(&stored.payload).expect("JSON")))
        .collect();
    let [(_, first), (_, _), (subject, last)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((subject.as_str(), &last["subject"]), ("rekindle.partners.acme.viewer.exit", &json!(ana)));
    assert_eq!(first["user"], Value::Null, "the partner does not get the user");
    let (is_done, file, said) = export(&daemon, &["acme", "--segment", "viewer"]);
    assert!(is_done && file.lines().count() == 1 && file.contains(&bob), "{file}{said}");

    let series =
        |name: &str, label: &str| daemon.metric(&format!("rekindle_partner_{name}{{partner=\"acme\"{label}}}"));
    // What Prometheus reads may be a second old.
    wait_until("one subject that is left", || series("subjects", "") == 1.0);
    let changes = ["enter", "exit"].map(|change| series("changes_total", &format!(",change=\"{change}\"")));
    assert_eq!(changes, [2.0, 1.0]);

    let daemon = daemon.stop().settings.start();
    daemon.wait_until_ready();
    let (is_done, again, said) = export(&daemon, &["acme"]);
    assert!(is_done && again == file, "after a restart: {again}{said}");
}
